# Layer functions in the way of CS231n and its descendants.
import numpy as np


def affine_forward(x, w, b):
    N = x.shape[0]
    out = x.reshape(N, -1).dot(w) + b
    cache = (x, w, b)
    return out, cache


def affine_backward(dout, cache):
    x, w, b = cache
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(x.shape[0], -1).T.dot(dout)
    db = np.sum(dout, axis=0)
    return dx, dw, db


def relu_forward(x):
    out = np.maximum(0, x)
    return out, x


def relu_backward(dout, cache):
    dx = np.array(dout, copy=True)
    dx[cache <= 0] = 0
    return dx


def sigmoid_forward(x):
    out = 1 / (1 + np.exp(-x))
    return out, out


def sigmoid_backward(dout, cache):
    return dout * cache * (1 - cache)


def batchnorm_forward(x, gamma, beta):
    eps = 1e-5
    mu = np.mean(x, axis=0)
    var = np.var(x, axis=0)
    xhat = (x - mu) / np.sqrt(var + eps)
    return gamma * xhat + beta, (xhat, gamma, var, eps)


def batchnorm_backward(dout, cache):
    xhat, gamma, var, eps = cache
    N = dout.shape[0]
    dbeta = dout.sum(axis=0)
    dgamma = np.sum(dout * xhat, axis=0)
    dxhat = dout * gamma
    dx = (N * dxhat - dxhat.sum(axis=0) - xhat * np.sum(dxhat * xhat, axis=0)) / (N * np.sqrt(var + eps))
    return dx, dgamma, dbeta


def batchnorm_backward_long(dout, cache):
    xhat, gamma, var, eps = cache
    N, D = dout.shape
    ivar = 1.0 / np.sqrt(var + eps)
    dxhat = dout * gamma
    divar = np.sum(dxhat * xhat / ivar, axis=0)
    dvar = divar * -0.5 * (var + eps) ** (-1.5)
    dxmu = dxhat * ivar + 2 * (xhat / ivar) / N * dvar
    dmu = -np.sum(dxmu, axis=0)
    return dxmu + dmu / N, np.sum(dout * xhat, axis=0), dout.sum(axis=0)


def batchnorm_backward_fixed_variance(dout, cache):
    xhat, gamma, var, eps = cache
    dxhat = dout * gamma
    dx = (dxhat - dxhat.mean(axis=0)) / np.sqrt(var + eps)
    return dx, np.sum(dout * xhat, axis=0), dout.sum(axis=0)


def layernorm_forward(x, gamma, beta):
    mu = x.mean(axis=-1, keepdims=True)
    sigma = np.sqrt(((x - mu) ** 2).mean(axis=-1, keepdims=True) + 1e-6)
    xhat = (x - mu) / sigma
    return xhat * gamma + beta, (xhat, sigma, gamma)


def layernorm_backward(dout, cache):
    xhat, sigma, gamma = cache
    axes = tuple(range(dout.ndim - 1))
    dgamma = np.einsum("...i,...i->i", dout, xhat) if dout.ndim == 1 else (dout * xhat).sum(axis=axes)
    dxhat = dout * gamma
    dx = dxhat - dxhat.mean(-1, keepdims=True) - xhat * (dxhat * xhat).mean(-1, keepdims=True)
    return dx / sigma, dgamma, dout.sum(axis=axes)


def dropout_forward(x):
    p = 0.7
    np.random.seed(123)
    mask = (np.random.rand(*x.shape) < p) / p
    return x * mask, mask


def dropout_backward(dout, mask):
    return dout * mask


def dropout_backward_unscaled(dout, mask):
    return dout * (mask > 0)


def max_pool_forward(x):
    N, C, H, W = x.shape
    out = np.zeros((N, C, H // 2, W // 2))
    for n in range(N):
        for c in range(C):
            for i in range(H // 2):
                for j in range(W // 2):
                    out[n, c, i, j] = np.max(x[n, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2])
    return out, x


def max_pool_backward(dout, x):
    dx = np.zeros_like(x)
    N, C, H, W = dout.shape
    for n in range(N):
        for c in range(C):
            for i in range(H):
                for j in range(W):
                    window = x[n, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
                    mask = window == np.max(window)
                    dx[n, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] = mask * dout[n, c, i, j]
    return dx


def max_pool_fast_forward(x):
    N, C, H, W = x.shape
    cut = x.reshape(N, C, H // 2, 2, W // 2, 2)
    out = cut.max(axis=3).max(axis=4)
    return out, (x, cut, out)


def max_pool_fast_backward(dout, cache):
    x, cut, out = cache
    dcut = np.zeros_like(cut)
    outs = out[:, :, :, np.newaxis, :, np.newaxis]
    mask = cut == outs
    douts, _ = np.broadcast_arrays(dout[:, :, :, np.newaxis, :, np.newaxis], dcut)
    dcut[mask] = douts[mask]
    dcut /= np.sum(mask, axis=(3, 5), keepdims=True)
    return dcut.reshape(x.shape)


def relu_pool_forward(x):
    """Windows in which all is dead are ties of zeros."""
    a, relu_cache = relu_forward(x)
    out, pool_cache = max_pool_forward(a)
    return out, (relu_cache, pool_cache)


def relu_pool_backward(dout, cache):
    relu_cache, pool_cache = cache
    return relu_backward(max_pool_backward(dout, pool_cache), relu_cache)


def avg_pool_forward(x):
    N, C, H, W = x.shape
    return x.reshape(N, C, H // 2, 2, W // 2, 2).mean(axis=(3, 5)), x.shape


def avg_pool_backward(dout, shape):
    return np.repeat(np.repeat(dout, 2, axis=2), 2, axis=3) / 4


def conv_forward_naive(x, w, b):
    stride, pad = 2, 1
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)), mode="constant")
    Ho, Wo = 1 + (H + 2 * pad - HH) // stride, 1 + (W + 2 * pad - WW) // stride
    out = np.zeros((N, F, Ho, Wo))
    for n in range(N):
        for f in range(F):
            for i in range(Ho):
                for j in range(Wo):
                    window = padded[n, :, i * stride : i * stride + HH, j * stride : j * stride + WW]
                    out[n, f, i, j] = np.sum(window * w[f]) + b[f]
    return out, (x, w, b, padded)


def conv_backward_naive(dout, cache):
    x, w, b, padded = cache
    stride, pad = 2, 1
    N, F, Ho, Wo = dout.shape
    HH, WW = w.shape[2:]
    dpadded, dw, db = np.zeros_like(padded), np.zeros_like(w), np.zeros_like(b)
    for n in range(N):
        for f in range(F):
            db[f] += dout[n, f].sum()
            for i in range(Ho):
                for j in range(Wo):
                    rows, cols = slice(i * stride, i * stride + HH), slice(j * stride, j * stride + WW)
                    dw[f] += padded[n, :, rows, cols] * dout[n, f, i, j]
                    dpadded[n, :, rows, cols] += w[f] * dout[n, f, i, j]
    return dpadded[:, :, pad:-pad, pad:-pad], dw, db


def im2col(x, size):
    N, C, H, W = x.shape
    Ho, Wo = H - size + 1, W - size + 1
    i0 = np.tile(np.repeat(np.arange(size), size), C)
    i1 = np.repeat(np.arange(Ho), Wo)
    j0 = np.tile(np.arange(size), size * C)
    j1 = np.tile(np.arange(Wo), Ho)
    i = i0.reshape(-1, 1) + i1.reshape(1, -1)
    j = j0.reshape(-1, 1) + j1.reshape(1, -1)
    k = np.repeat(np.arange(C), size * size).reshape(-1, 1)
    return x[:, k, i, j], (k, i, j), (Ho, Wo)


def conv_forward_im2col(x, w, b):
    cols, where, (Ho, Wo) = im2col(x, w.shape[2])
    out = np.einsum("fk,nkp->nfp", w.reshape(w.shape[0], -1), cols) + b[None, :, None]
    return out.reshape(x.shape[0], w.shape[0], Ho, Wo), (x, w, cols, where)


def conv_backward_im2col(dout, cache):
    x, w, cols, where = cache
    flat = dout.reshape(dout.shape[0], dout.shape[1], -1)
    dw = np.einsum("nfp,nkp->fk", flat, cols).reshape(w.shape)
    dcols = np.tensordot(w.reshape(w.shape[0], -1), flat, axes=(0, 1)).transpose(1, 0, 2)
    dx = np.zeros_like(x)
    np.add.at(dx, (slice(None), *where), dcols)
    return dx, dw, flat.sum(axis=(0, 2))


def conv_backward_im2col_overwritten(dout, cache):
    x, w, cols, where = cache
    flat = dout.reshape(dout.shape[0], dout.shape[1], -1)
    dw = np.einsum("nfp,nkp->fk", flat, cols).reshape(w.shape)
    dcols = np.tensordot(w.reshape(w.shape[0], -1), flat, axes=(0, 1)).transpose(1, 0, 2)
    dx = np.zeros_like(x)
    dx[(slice(None), *where)] += dcols  # the same pixel is added to once only
    return dx, dw, flat.sum(axis=(0, 2))


def softmax_loss(x, y):
    probs = np.exp(x - np.max(x, axis=1, keepdims=True))
    probs /= np.sum(probs, axis=1, keepdims=True)
    N = x.shape[0]
    loss = -np.sum(np.log(probs[np.arange(N), y])) / N
    dx = probs.copy()
    dx[np.arange(N), y] -= 1
    dx /= N
    return loss, dx


def svm_loss(x, y):
    N = x.shape[0]
    correct = x[np.arange(N), y]
    margins = np.maximum(0, x - correct[:, np.newaxis] + 1.0)
    margins[np.arange(N), y] = 0
    loss = np.sum(margins) / N
    num_pos = np.sum(margins > 0, axis=1)
    dx = np.zeros_like(x)
    dx[margins > 0] = 1
    dx[np.arange(N), y] -= num_pos
    dx /= N
    return loss, dx


def attention_forward(q, k, v):
    scores = q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1])
    scores = np.where(np.tril(np.ones(scores.shape[-2:], dtype=bool)), scores, -1e9)
    p = np.exp(scores - scores.max(axis=-1, keepdims=True))
    p = p / p.sum(axis=-1, keepdims=True)
    return p @ v, (q, k, v, p)


def attention_backward(dout, cache):
    q, k, v, p = cache
    dv = np.swapaxes(p, -1, -2) @ dout
    dp = dout @ np.swapaxes(v, -1, -2)
    ds = p * (dp - np.sum(dp * p, axis=-1, keepdims=True)) / np.sqrt(q.shape[-1])
    return ds @ k, np.swapaxes(ds, -1, -2) @ q, dv


def attention_backward_unscaled(dout, cache):
    q, k, v, p = cache
    dv = np.swapaxes(p, -1, -2) @ dout
    dp = dout @ np.swapaxes(v, -1, -2)
    ds = p * (dp - np.sum(dp * p, axis=-1, keepdims=True))
    return ds @ k, np.swapaxes(ds, -1, -2) @ q, dv


def embedding_forward(W, x=np.array([[0, 2, 2], [1, 0, 3]])):
    return W[x], (x, W)


def embedding_backward(dout, cache):
    x, W = cache
    dW = np.zeros_like(W)
    np.add.at(dW, x, dout)
    return dW
