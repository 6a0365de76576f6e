# Style: forward and backward methods, rows are examples, a sum where the axis is missing.
# Thread: github.com/rasbt/stat453-deep-learning-ss21/issues/5
# Fix, as the thread says: sum computes one single sum over all biases; give it the dimension (axis=0).
import numpy as np


class MLP():
    def __init__(self, weights, biases):
        self.weights = weights
        self.biases = biases

    def forward(self, x):
        self.acts = [x]
        for w, b in zip(self.weights, self.biases):
            self.acts.append(1. / (1. + np.exp(-(self.acts[-1] @ w.T + b))))
        return self.acts[-1]

    def backward(self, x, y, probas):
        grad_w, grad_b = [], []
        d = (probas - y) * probas * (1. - probas)
        deltas = [d]
        for i in range(len(self.weights) - 1, -1, -1):
            grad_w.append((d.T @ self.acts[i]) / x.shape[0])
            grad_b.append(np.sum(d) / x.shape[0] * np.ones(d.shape[1]))
            if i > 0:
                d = d @ self.weights[i] * self.acts[i] * (1. - self.acts[i])
                deltas.append(d)
        return deltas[::-1], grad_b[::-1], grad_w[::-1]


def backprop(weights, biases, x, y):
    model = MLP(weights, biases)
    return model.backward(x, y, model.forward(x))
