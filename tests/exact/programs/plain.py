# Without NumPy, with np.matrix, and by scalar engines.
import math
import random

import numpy as np


def sigmoid(x):
    if x < -700:
        return 0.0
    return 1.0 / (1.0 + math.exp(-x))


def forward(weights, biases, x):
    layers = [x]
    for W, b in zip(weights, biases):
        layers.append([sigmoid(sum(w * a for w, a in zip(row, layers[-1])) + c) for row, c in zip(W, b)])
    return layers


def list_cost(weights, biases, x, y):
    return 0.5 * sum((a - t) ** 2 for a, t in zip(forward(weights, biases, x)[-1], y))


def list_gradient(weights, biases, x, y):
    layers = forward(weights, biases, x)
    delta = [(a - t) * a * (1 - a) for a, t in zip(layers[-1], y)]
    dW, db = [], []
    for l in range(len(weights) - 1, -1, -1):
        dW.insert(0, [[d * a for a in layers[l]] for d in delta])
        db.insert(0, delta[:])
        if l > 0:
            delta = [
                sum(weights[l][j][i] * delta[j] for j in range(len(delta))) * a * (1 - a) for i, a in enumerate(layers[l])
            ]
    return dW, db


def matrix_cost(W1, W2, X, Y):
    W1, W2, X, Y = np.matrix(W1), np.mat(W2), np.asmatrix(X), np.matrix(Y)
    H = np.tanh(W1 * X)
    E = W2 * H - Y
    return 0.5 * np.sum(np.power(E, 2))


def matrix_gradient(W1, W2, X, Y):
    W1, W2, X, Y = np.matrix(W1), np.mat(W2), np.asmatrix(X), np.matrix(Y)
    H = np.tanh(W1 * X)
    E = W2 * H - Y
    dZ = np.multiply(W2.T * E, 1 - np.power(H, 2))
    return np.asarray(dZ * X.T), np.asarray(E * H.T)


class Value:
    def __init__(self, data, children=(), op=""):
        self.data, self.grad = data, 0.0
        self._backward, self._prev, self._op = lambda: None, set(children), op

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other), "+")

        def _backward():
            self.grad += out.grad
            other.grad += out.grad

        out._backward = _backward
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other), "*")

        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out._backward = _backward
        return out

    def __pow__(self, k):
        out = Value(self.data ** k, (self,), f"**{k}")

        def _backward():
            self.grad += k * self.data ** (k - 1) * out.grad

        out._backward = _backward
        return out

    def relu(self):
        out = Value(0 if self.data < 0 else self.data, (self,), "ReLU")

        def _backward():
            self.grad += (out.data > 0) * out.grad

        out._backward = _backward
        return out

    def tanh(self):
        t = (math.exp(2 * self.data) - 1) / (math.exp(2 * self.data) + 1)
        out = Value(t, (self,), "tanh")

        def _backward():
            self.grad += (1 - t ** 2) * out.grad

        out._backward = _backward
        return out

    def backward(self):
        topo, visited = [], set()

        def build(v):
            if v not in visited:
                visited.add(v)
                for child in v._prev:
                    build(child)
                topo.append(v)

        build(self)
        self.grad = 1
        for v in reversed(topo):
            v._backward()

    __radd__, __rmul__ = __add__, __mul__

    def __sub__(self, other):
        return self + -1 * other


def network(w):
    v = [Value(x) for x in w]
    h1 = (v[0] * 0.5 + v[1] * -1.5 + v[2]).tanh()
    h2 = (v[3] * 0.5 + v[4] * -1.5 + v[5]).relu()
    out = v[6] * h1 + v[7] * h2 + h1 * h2
    return v, (out - 1) ** 2


def engine_cost(w):
    return network(w)[1].data


def engine_gradient(w):
    v, loss = network(w)
    loss.backward()
    return np.array([x.grad for x in v])


def vectorized(z):
    return np.vectorize(lambda x: x if x > 0 else 0.1 * x)(z)


def vectorized_cost(w, x, y):
    return float(np.mean((vectorized(x @ w) - y) ** 2))


def vectorized_gradient(w, x, y):
    slope = np.vectorize(lambda z: 1.0 if z > 0 else 0.1)(x @ w)
    return x.T @ (2 * (vectorized(x @ w) - y) * slope) / y.size


def logistic_cost(theta, X, y, lam=0.3):
    m = y.size
    h = 1.0 / (1.0 + np.exp(-X.dot(theta)))
    J = (-1.0 / m) * (np.log(h).T.dot(y) + np.log(1 - h).T.dot(1 - y)) + (lam / (2.0 * m)) * np.sum(np.square(theta[1:]))
    return J.item() if hasattr(J, "item") else J


def logistic_gradient(theta, X, y, lam=0.3):
    m = y.size
    h = 1.0 / (1.0 + np.exp(-X.dot(theta)))
    return (1.0 / m) * X.T.dot(h - y) + (lam / m) * np.r_[[0.0], theta[1:]]


def logistic_gradient_with_bias(theta, X, y, lam=0.3):
    m = y.size
    h = 1.0 / (1.0 + np.exp(-X.dot(theta)))
    return (1.0 / m) * X.T.dot(h - y) + (lam / m) * theta
