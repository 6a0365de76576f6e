# Style: translated from Java: a loop over layers from the end, `errors` carried down, weights[n - 1].plus(deltas).
# Thread: github.com/kim-marcel/basic_neural_network/issues/7
# Fix, as the thread says: previousError uses weights that "had previously been altered"; move its line above.
# (It also carries the error down, not the gradient: the same code's other slip.)
import numpy as np


def applyActivation(m):
    return 1 / (1 + np.exp(-m))


def backprop(weights, biases, inp, target):
    weights = [w.copy() for w in weights]
    learningRate = 0.1
    layers = [inp]
    for j in range(1, len(weights) + 1):
        layers.append(applyActivation(weights[j - 1].dot(layers[j - 1]) + biases[j - 1]))
    grad_w, grad_b = [], []
    errors = layers[-1] - target
    for n in range(len(layers) - 1, 0, -1):
        # Calculate gradient
        gradients = errors * layers[n] * (1 - layers[n])
        deltas = gradients.dot(layers[n - 1].T)
        grad_w.insert(0, deltas / inp.shape[1])
        grad_b.insert(0, gradients)
        # Change weights by deltas
        weights[n - 1] = weights[n - 1] - learningRate * deltas
        # Calculate error of the previous (next) layer
        errors = weights[n - 1].T.dot(gradients)
    return grad_b, [g.mean(axis=1, keepdims=True) for g in grad_b], grad_w
