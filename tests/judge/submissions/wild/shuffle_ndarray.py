# Style: the book's SGD with its training data turned into an object array on the way.
# Thread: github.com/mnielsen/neural-networks-and-deep-learning/issues/50 and issues/73, Sentdex/pygta5#81
# Fix, as the threads say: random.shuffle repeats and loses rows of an ndarray; use numpy.random.shuffle.
import random

import numpy as np


class Network(object):
    def __init__(self, sizes):
        self.sizes = sizes
        self.biases = [np.random.randn(y, 1) for y in sizes[1:]]
        self.weights = [np.random.randn(y, x) for x, y in zip(sizes[:-1], sizes[1:])]

    def SGD(self, training_data, epochs, mini_batch_size, eta):
        data = np.empty((len(training_data), 2), dtype=object)
        for i, (x, y) in enumerate(training_data):
            data[i, 0], data[i, 1] = x, y
        for j in range(epochs):
            random.seed(j)
            random.shuffle(data)
            for k in range(0, len(data), mini_batch_size):
                self.update_mini_batch(data[k:k + mini_batch_size], eta)

    def update_mini_batch(self, mini_batch, eta):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        for x, y in mini_batch:
            delta_nabla_b, delta_nabla_w = self.backprop(x, y)
            nabla_b = [nb + dnb for nb, dnb in zip(nabla_b, delta_nabla_b)]
            nabla_w = [nw + dnw for nw, dnw in zip(nabla_w, delta_nabla_w)]
        self.weights = [w - (eta / len(mini_batch)) * nw for w, nw in zip(self.weights, nabla_w)]
        self.biases = [b - (eta / len(mini_batch)) * nb for b, nb in zip(self.biases, nabla_b)]

    def backprop(self, x, y):
        a = [x]
        for b, w in zip(self.biases, self.weights):
            a.append(1.0 / (1.0 + np.exp(-(np.dot(w, a[-1]) + b))))
        delta = (a[-1] - y) * a[-1] * (1 - a[-1])
        nabla_b, nabla_w = [delta], [np.dot(delta, a[-2].T)]
        for l in range(2, len(self.sizes)):
            delta = np.dot(self.weights[-l + 1].T, delta) * a[-l] * (1 - a[-l])
            nabla_b.insert(0, delta)
            nabla_w.insert(0, np.dot(delta, a[-l - 1].T))
        return nabla_b, nabla_w
