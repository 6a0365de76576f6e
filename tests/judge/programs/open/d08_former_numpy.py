# EXPECT right: half the squared error of tanh and a softmax's logarithm; matrices times a rate, and the best kept by deepcopy
# FORM class of numpy.matrix that is trained by calling it, names that NumPy had, logaddexp.reduce, an infinite best loss
import copy

import numpy as np


class Net:
    def __init__(self, inputs, hidden, outputs, rate=0.1):
        self.rate = rate
        self.first = np.matrix(np.random.rand(hidden, inputs) - 0.5)
        self.second = np.matrix(np.random.rand(outputs, hidden) - 0.5)
        self.least, self.best = np.inf, None

    def forward(self, x):
        self.x = np.matrix(x, dtype=np.float).reshape(-1, 1)
        self.h = np.matrix(np.tanh(self.first * self.x))
        z = self.second * self.h
        self.out = z - np.logaddexp.reduce(z, axis=0)
        return self.out

    def __call__(self, x, y):
        miss = self.forward(x) - np.matrix(y).reshape(-1, 1)
        loss = float(0.5 * np.sum(np.multiply(miss, miss)))
        if (self.least - loss) / self.least < 0.01 or loss < self.least:
            self.least, self.best = loss, copy.deepcopy((self.first, self.second))
        back = miss - np.multiply(np.exp(self.out), np.sum(miss))
        inner = np.multiply(self.second.T * back, 1 - np.multiply(self.h, self.h))
        self.second = self.second - self.rate * back * self.h.T
        self.first = self.first - self.rate * inner * self.x.T
        return loss
