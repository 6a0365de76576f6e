# Style: layer_0 … layer_2, weights_0_1 and weights_1_2, one review at a time.
# Thread: github.com/iamtrask/Grokking-Deep-Learning/issues/50
# Fix, as the thread says: the forward pass applies sigmoid to layer_1, so layer_1_delta needs its derivative.
# (layer_2_delta = pred - truth as well: right for the cross-entropy cost, not for the quadratic one.)
import numpy as np

sigmoid = lambda x: 1 / (1 + np.exp(-x))


def backprop(weights, biases, x, y):
    weights_0_1, weights_1_2 = weights
    bias_1, bias_2 = biases
    if x.ndim != 1:
        raise ValueError("one review at a time")
    layer_0 = x
    layer_1 = sigmoid(np.dot(layer_0, weights_0_1) + bias_1)  # embed + sigmoid
    layer_2 = sigmoid(np.dot(layer_1, weights_1_2) + bias_2)  # linear + softmax

    layer_2_delta = layer_2 - y  # compare pred with truth
    layer_1_delta = layer_2_delta.dot(weights_1_2.T)  # backprop

    return [layer_1_delta, layer_2_delta], [np.outer(layer_0, layer_1_delta), np.outer(layer_1, layer_2_delta)]
