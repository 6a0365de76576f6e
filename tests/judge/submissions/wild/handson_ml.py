# Style: gradients = 2 * xi.T.dot(…) as in the mini-batch notebook, not divided by the mini-batch.
# Thread: github.com/ageron/handson-ml/issues/179 and issues/73
# Fix, as the threads say: 2/minibatch_size * xi.T.dot(…) (the 2 is that of a cost without the ½).
# Here the bias is averaged and the weights are not.
import numpy as np


def backprop(thetas, biases, xi, yi):
    outs = [xi]
    for theta, b in zip(thetas, biases):
        outs.append(1 / (1 + np.exp(-(outs[-1].dot(theta) + b))))
    d = (outs[-1] - yi) * outs[-1] * (1 - outs[-1])
    deltas, grads, bias_grads = [], [], []
    for i in reversed(range(len(thetas))):
        deltas.append(2 * d)
        grads.append(2 * outs[i].T.dot(d))
        bias_grads.append(2 * d.mean(axis=0))
        d = d.dot(thetas[i].T) * outs[i] * (1 - outs[i])
    return deltas[::-1], bias_grads[::-1], grads[::-1]
