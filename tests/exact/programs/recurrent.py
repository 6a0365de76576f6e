# Recurrent steps and sequences.
import numpy as np


def sigmoid(x):
    pos = x >= 0
    z = np.zeros_like(x)
    z[pos] = np.exp(-x[pos])
    z[~pos] = np.exp(x[~pos])
    top = np.ones_like(x)
    top[~pos] = z[~pos]
    return top / (1 + z)


def rnn_step_forward(x, prev_h, Wx, Wh, b):
    next_h = np.tanh(x.dot(Wx) + prev_h.dot(Wh) + b)
    return next_h, (x, prev_h, Wx, Wh, next_h)


def rnn_step_backward(dnext_h, cache):
    x, prev_h, Wx, Wh, next_h = cache
    da = dnext_h * (1 - next_h * next_h)
    return da.dot(Wx.T), da.dot(Wh.T), x.T.dot(da), prev_h.T.dot(da), da.sum(axis=0)


def rnn_forward(x, h0, Wx, Wh, b):
    N, T, D = x.shape
    h = np.zeros((N, T, b.size))
    caches, prev = [], h0
    for t in range(T):
        prev, cache = rnn_step_forward(x[:, t], prev, Wx, Wh, b)
        h[:, t] = prev
        caches.append(cache)
    return h, caches


def rnn_backward(dh, caches):
    N, T, H = dh.shape
    D = caches[0][0].shape[1]
    dx, dprev = np.zeros((N, T, D)), np.zeros((N, H))
    dWx, dWh, db = np.zeros((D, H)), np.zeros((H, H)), np.zeros(H)
    for t in range(T - 1, -1, -1):
        dx[:, t], dprev, a, b, c = rnn_step_backward(dh[:, t] + dprev, caches[t])
        dWx += a
        dWh += b
        db += c
    return dx, dprev, dWx, dWh, db


def rnn_backward_truncated(dh, caches):
    N, T, H = dh.shape
    D = caches[0][0].shape[1]
    dx, dprev = np.zeros((N, T, D)), np.zeros((N, H))
    dWx, dWh, db = np.zeros((D, H)), np.zeros((H, H)), np.zeros(H)
    for t in reversed(range(T)):
        dx[:, t], dprev, a, b, c = rnn_step_backward(dh[:, t], caches[t])
        dWx += a
        dWh += b
        db += c
    return dx, dprev, dWx, dWh, db


def lstm_step(x, h, c, Wx, Wh, b):
    a = x.dot(Wx) + h.dot(Wh) + b
    ai, af, ao, ag = np.split(a, 4, axis=1)
    i, f, o, g = sigmoid(ai), sigmoid(af), sigmoid(ao), np.tanh(ag)
    next_c = f * c + i * g
    tc = np.tanh(next_c)
    return np.concatenate([o * tc, next_c], axis=1), (x, h, c, Wx, Wh, i, f, o, g, tc)


def lstm_step_backward(dout, cache):
    x, h, c, Wx, Wh, i, f, o, g, tc = cache
    dh, dc = np.hsplit(dout, 2)
    dc = dc + dh * o * (1 - tc ** 2)
    da = np.hstack((dc * g * i * (1 - i), dc * c * f * (1 - f), dh * tc * o * (1 - o), dc * i * (1 - g ** 2)))
    return da.dot(Wx.T), da.dot(Wh.T), dc * f, x.T.dot(da), h.T.dot(da), da.sum(axis=0)


def lstm_step_backward_behind_tanh(dout, cache):
    """The cell's own gradient is added behind its tanh."""
    x, h, c, Wx, Wh, i, f, o, g, tc = cache
    dh, dc = np.hsplit(dout, 2)
    dc = (dh * o + dc) * (1 - tc ** 2)
    da = np.hstack((dc * g * i * (1 - i), dc * c * f * (1 - f), dh * tc * o * (1 - o), dc * i * (1 - g ** 2)))
    return da.dot(Wx.T), da.dot(Wh.T), dc * f, x.T.dot(da), h.T.dot(da), da.sum(axis=0)


def gru_step(x, h, W, U):
    r = sigmoid(x @ W[0] + h @ U[0])
    z = sigmoid(x @ W[1] + h @ U[1])
    n = np.tanh(x @ W[2] + (r * h) @ U[2])
    return (1 - z) * n + z * h, (x, h, W, U, r, z, n)


def gru_step_backward(dout, cache):
    x, h, W, U, r, z, n = cache
    dW, dU = np.zeros_like(W), np.zeros_like(U)
    dn = dout * (1 - z) * (1 - n ** 2)
    drh = dn @ U[2].T
    dr = drh * h * r * (1 - r)
    dz = dout * (h - n) * z * (1 - z)
    dh = dout * z + drh * r + dr @ U[0].T + dz @ U[1].T
    dx = dn @ W[2].T + dr @ W[0].T + dz @ W[1].T
    for k, d in enumerate((dr, dz, dn)):
        dW[k] = x.T @ d
        dU[k] = h.T @ d
    dU[2] = (r * h).T @ dn
    return dx, dh, dW, dU


def loss_and_gradients(model, inputs, targets):
    """A character model with one-hot columns, in the way of a well-known gist."""
    Wxh, Whh, Why, bh, by = (model[k] for k in ("Wxh", "Whh", "Why", "bh", "by"))
    xs, hs, ps, loss = {}, {-1: np.zeros_like(bh)}, {}, 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((Wxh.shape[1], 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
        y = np.dot(Why, hs[t]) + by
        ps[t] = np.exp(y) / np.sum(np.exp(y))
        loss += -np.log(ps[t][targets[t], 0])
    grads = {k: np.zeros_like(v) for k, v in model.items()}
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        grads["Why"] += np.dot(dy, hs[t].T)
        grads["by"] += dy
        dhraw = (1 - hs[t] * hs[t]) * (np.dot(Why.T, dy) + dhnext)
        grads["bh"] += dhraw
        grads["Wxh"] += np.dot(dhraw, xs[t].T)
        grads["Whh"] += np.dot(dhraw, hs[t - 1].T)
        dhnext = np.dot(Whh.T, dhraw)
    return loss, grads
