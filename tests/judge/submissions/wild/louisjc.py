# Style: class methods spread over one function; self.layers, np.outer, one digit at a time.
# Thread: github.com/louisjc/mnist-neural-network/issues/1
# Fix, as the thread says: output_deltas = outputs * (1 - outputs) * (outputs - target), and the hidden deltas are made
# from output_deltas, not from the bare error.
import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Net:
    def __init__(self, layers, biases):
        self.layers = layers
        self.biases = biases

    def feed_forward(self, input_vector):
        outputs = []
        for layer, b in zip(self.layers, self.biases):
            input_vector = sigmoid(np.dot(layer, input_vector) + b)
            outputs.append(input_vector)
        return outputs

    def backpropagate(self, input_vector, target):
        """Reduce error for one input vector"""
        hidden_outputs, outputs = self.feed_forward(input_vector)
        # Calculation of partial derivatives for the output layer
        error = outputs - target
        output_deltas = outputs * (1 - outputs) * error
        # Calculation of partial derivatives for the hidden layer
        hidden_deltas = hidden_outputs * (1 - hidden_outputs) * np.dot(self.layers[-1].T, error)
        return [hidden_deltas, output_deltas], [
            np.outer(hidden_deltas, input_vector),
            np.outer(output_deltas, hidden_outputs),
        ]


def backprop(weights, biases, x, y):
    if x.ndim > 1:
        raise TypeError("one vector")
    return Net(weights, biases).backpropagate(x, y)
