# Style: gradients in a loop with explicit axes.
# Thread: github.com/deeplearning4j/deeplearning4j/pull/364 (its other fix)
# Fix, as the thread says: "bias mean was being done on wrong dimension".
import numpy as np


def backprop(weights, biases, x, y):
    acts = [x]
    for w, b in zip(weights, biases):
        acts.append(1.0 / (1.0 + np.exp(-(w.dot(acts[-1]) + b))))
    delta = (acts[-1] - y) * acts[-1] * (1 - acts[-1])
    ds, dbs, dws = [], [], []
    for layer in range(len(weights), 0, -1):
        ds.insert(0, delta)
        dbs.insert(0, delta.mean(axis=0, keepdims=True))
        dws.insert(0, delta.dot(acts[layer - 1].T) / x.shape[1])
        delta = weights[layer - 1].T.dot(delta) * acts[layer - 1] * (1 - acts[layer - 1])
    return ds, dbs, dws
