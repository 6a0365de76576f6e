# Style: a class in the book's manner whose update adds the whole mini-batch.
# Thread: github.com/davharris/mistnet/issues/33
# Fix, as the thread says: gradients should be averaged over the minibatch, not summed.
import numpy as np


class Network:
    def __init__(self, sizes):
        self.biases = [np.zeros((n, 1)) for n in sizes[1:]]
        self.weights = [np.random.randn(n, k) for k, n in zip(sizes, sizes[1:])]

    def backprop(self, x, y):
        acts = [x]
        for w, b in zip(self.weights, self.biases):
            acts.append(1 / (1 + np.exp(-(w @ acts[-1] + b))))
        d = (acts[-1] - y) * acts[-1] * (1 - acts[-1])
        gb, gw = [], []
        for i in range(len(self.weights) - 1, -1, -1):
            gb.insert(0, d)
            gw.insert(0, d @ acts[i].T)
            d = self.weights[i].T @ d * acts[i] * (1 - acts[i])
        return gb, gw

    def update_mini_batch(self, minibatch, learning_rate):
        w_new = [w.copy() for w in self.weights]
        b_new = [b.copy() for b in self.biases]
        for x, y in minibatch:
            gb, gw = self.backprop(x, y)
            for i in range(len(gw)):
                w_new[i] -= learning_rate * gw[i]
                b_new[i] -= learning_rate * gb[i]
        self.weights, self.biases = w_new, b_new
