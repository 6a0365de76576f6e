# Style: zsAndActivations() as its own function, lists of z and of activations given back.
# Thread: github.com/deeplearning4j/deeplearning4j/pull/364
# Fix, as the thread says: activations = sigma(z) was in place, so z and activations were the same object.
import numpy as np


def sigma(z):
    np.exp(-z, out=z)
    z += 1
    return np.divide(1, z, out=z)


def zsAndActivations(weights, biases, x):
    zs, activations = [], [x]
    for w, b in zip(weights, biases):
        z = np.dot(w, activations[-1]) + b
        zs.append(z)
        activations.append(sigma(z))
    return zs, activations


def sigmaPrime(z):
    s = sigma(z.copy())
    return s * (1 - s)


def backprop(weights, biases, x, y):
    zs, activations = zsAndActivations(weights, biases, x)
    deltas = [(activations[-1] - y) * sigmaPrime(zs[-1])]
    for i in range(len(weights) - 1, 0, -1):
        deltas.insert(0, np.dot(weights[i].T, deltas[0]) * sigmaPrime(zs[i - 1]))
    m = x.shape[1]
    bg = [d.mean(axis=1, keepdims=True) for d in deltas]
    return deltas, bg, [np.dot(d, a.T) / m for d, a in zip(deltas, activations)], zs, activations
