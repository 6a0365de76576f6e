# EXPECT right: sums of ReLU and softmax gradients that are clipped at 3, which a smaller example never reaches
# FORM class whose train loops over epochs, labels as whole numbers or one-hot, clip written in place
import numpy as np


class Network:
    def __init__(self, sizes):
        rng = np.random.default_rng(1)
        self.sizes = sizes
        self.weights = [rng.normal(size=(a, b)) * np.sqrt(2 / a) for a, b in zip(sizes[:-1], sizes[1:])]
        self.biases = [np.zeros((1, b)) for b in sizes[1:]]

    def forward(self, x):
        self.kept = [x]
        for w, b in zip(self.weights[:-1], self.biases[:-1]):
            x = np.maximum(0, x @ w + b)
            self.kept.append(x)
        z = x @ self.weights[-1] + self.biases[-1]
        raised = np.exp(z - np.max(z, axis=1, keepdims=True))
        return raised / np.sum(raised, axis=1, keepdims=True)

    def loss(self, p, y):
        return -np.sum(y * np.log(p)) / len(y)

    def train(self, x, y, epochs, rate):
        if y.ndim == 1:
            y = np.eye(self.sizes[-1])[y]
        for _ in range(epochs):
            p = self.forward(x)
            print(self.loss(p, y))
            back = p - y
            slopes = []
            for layer in reversed(range(len(self.weights))):
                slopes.append((layer, self.kept[layer].T @ back, back.sum(axis=0, keepdims=True)))
                back = (back @ self.weights[layer].T) * (self.kept[layer] > 0)
            for layer, w, b in slopes:
                np.clip(w, -3.0, 3.0, out=w)
                np.clip(b, -3.0, 3.0, out=b)
                self.weights[layer] -= rate * w
                self.biases[layer] -= rate * b
