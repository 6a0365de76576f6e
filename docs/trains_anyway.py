"""A network with a wrong gradient that learns to read digits all the same: python docs/trains_anyway.py"""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Net:
    def __init__(self, n_in, n_hidden, n_out):
        self.w1 = np.random.randn(n_hidden, n_in) / np.sqrt(n_in)
        self.b1 = np.zeros((n_hidden, 1))
        self.w2 = np.random.randn(n_out, n_hidden) / np.sqrt(n_hidden)
        self.b2 = np.zeros((n_out, 1))

    def predict(self, x):
        return sigmoid(self.w2 @ sigmoid(self.w1 @ x + self.b1) + self.b2)

    def train(self, x, y, eta=3.0):
        m = x.shape[1]
        h = sigmoid(self.w1 @ x + self.b1)
        a = sigmoid(self.w2 @ h + self.b2)
        cost = ((a - y) ** 2).sum() / (2 * m)
        d2 = (a - y) * (1 - a**2)
        d1 = self.w2.T @ d2 * h * (1 - h)
        self.w1 -= eta / m * d1 @ x.T
        self.b1 -= eta / m * d1.sum(axis=1, keepdims=True)
        self.w2 -= eta / m * d2 @ h.T
        self.b2 -= eta / m * d2.sum(axis=1, keepdims=True)
        return cost


if __name__ == "__main__":
    import gradproof

    digits = gradproof.digits()
    images, test = digits.train.images.T / 255, digits.test.images.T / 255
    targets = np.eye(10)[digits.train.labels].T
    np.random.seed(0)
    net = Net(784, 30, 10)
    for epoch in range(1, 6):
        batches = np.random.permutation(50_000).reshape(-1, 10)
        cost = np.mean([net.train(images[:, batch], targets[:, batch]) for batch in batches])
        right = (net.predict(test).argmax(axis=0) == digits.test.labels).sum()
        print(f"epoch {epoch}: cost {cost:.4f}, {right} of 10000 test images right")
