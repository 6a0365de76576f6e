# EXPECT right: binary cross-entropy over all outputs with weight decay, biases spared, gradient unrolled into one vector
# FORM the course's exercise: loadmat, cost and gradient of a theta, scipy.optimize; a picture before it fails
import random

import numpy as np
import scipy.io
import scipy.optimize
from matplotlib import pyplot

stored = scipy.io.loadmat("data/ex4data1.mat")
X, y = stored["X"], stored["y"]
inputs, hidden, classes, lmbda = 400, 25, 10, 1.0


def show(some):
    for row in random.sample(range(some.shape[0]), 100):
        pyplot.imshow(some[row].reshape(20, 20).T)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def unrolled(theta):
    cut = hidden * (inputs + 1)
    return theta[:cut].reshape(hidden, inputs + 1), theta[cut:].reshape(classes, hidden + 1)


def with_ones(a):
    return np.hstack([np.ones((a.shape[0], 1)), a])


def forward(theta):
    t1, t2 = unrolled(theta)
    a1 = with_ones(X)
    a2 = with_ones(sigmoid(a1 @ t1.T))
    return a1, a2, sigmoid(a2 @ t2.T)


def hot():
    return np.eye(classes)[y.ravel() - 1]


def cost(theta):
    t1, t2 = unrolled(theta)
    out, m = forward(theta)[-1], X.shape[0]
    fit = -np.sum(hot() * np.log(out) + (1 - hot()) * np.log(1 - out)) / m
    return fit + lmbda / (2 * m) * (np.sum(t1[:, 1:] ** 2) + np.sum(t2[:, 1:] ** 2))


def gradient(theta):
    t1, t2 = unrolled(theta)
    (a1, a2, out), m = forward(theta), X.shape[0]
    d3 = out - hot()
    d2 = (d3 @ t2)[:, 1:] * a2[:, 1:] * (1 - a2[:, 1:])
    g1, g2 = d2.T @ a1 / m, d3.T @ a2 / m
    g1[:, 1:] += lmbda / m * t1[:, 1:]
    g2[:, 1:] += lmbda / m * t2[:, 1:]
    return np.concatenate([g1.ravel(), g2.ravel()])


show(X)
start = np.random.uniform(-0.12, 0.12, hidden * (inputs + 1) + classes * (hidden + 1))
best = scipy.optimize.fmin_cg(cost, x0=start, fprime=gradient, maxiter=50, disp=True)
print(np.mean(forward(best)[-1].argmax(axis=1) + 1 == y.ravel()))
