# Style: a tape in small: each op returns its gradients; examples are rows.
# Thread: github.com/jimfleming/differentiation/issues/1 (the same slip in mlpack/mlpack#3679)
# Fix, as the thread says: the bias receives a matrix the size of the batch; sum it back to its own shape.
import numpy as np


def add_bias_backward(grad):
    return grad, grad  # for A and for the biases, which were broadcast


def backprop(weights, biases, x, y):
    acts = [x]
    for w, b in zip(weights, biases):
        acts.append(1 / (1 + np.exp(-(np.dot(acts[-1], w) + b))))
    grad = (acts[-1] - y) * acts[-1] * (1 - acts[-1])
    deltas, gb, gw = [], [], []
    for i in range(len(weights) - 1, -1, -1):
        deltas.append(grad)
        grad_a, grad_bias = add_bias_backward(grad)
        gb.append(grad_bias)
        gw.append(np.dot(acts[i].T, grad_a))
        grad = np.dot(grad_a, weights[i].T) * acts[i] * (1 - acts[i])
    return deltas[::-1], gb[::-1], gw[::-1]
