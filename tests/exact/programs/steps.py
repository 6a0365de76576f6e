# Training steps: what is done with a gradient.
import numpy as np


def forward(p, X):
    H = np.tanh(X @ p["W1"] + p["b1"])
    return H, H @ p["W2"] + p["b2"]


def cost(p, X, Y):
    return np.sum((forward(p, X)[1] - Y) ** 2) / (2 * len(X))


def decayed_cost(p, X, Y):
    return cost(p, X, Y) + 0.05 * (np.sum(p["W1"] ** 2) + np.sum(p["W2"] ** 2))


def gradients(p, X, Y):
    H, out = forward(p, X)
    d = (out - Y) / len(X)
    dH = (d @ p["W2"].T) * (1 - H ** 2)
    return {"W1": X.T @ dH, "b1": dH.sum(0), "W2": H.T @ d, "b2": d.sum(0)}


def sgd(p, X, Y):
    g = gradients(p, X, Y)
    return {k: p[k] - 0.1 * g[k] for k in p}


def sgd_in_place(p, X, Y):
    g = gradients(p, X, Y)
    for k in p:
        p[k] -= 0.1 * g[k]


def scheduled(p, X, Y, epoch=7):
    rate = 0.5 * 0.95 ** epoch / (1 + 1e-3 * epoch)
    g = gradients(p, X, Y)
    for k in p:
        p[k] -= rate * g[k]


def uphill(p, X, Y):
    g = gradients(p, X, Y)
    return {k: p[k] + 0.1 * g[k] for k in p}


def updated_too_soon(p, X, Y):
    H, out = forward(p, X)
    d = (out - Y) / len(X)
    p["W2"] -= 0.1 * H.T @ d
    p["b2"] -= 0.1 * d.sum(0)
    dH = (d @ p["W2"].T) * (1 - H ** 2)
    p["W1"] -= 0.1 * X.T @ dH
    p["b1"] -= 0.1 * dH.sum(0)


def bias_by_m(p, X, Y):
    g = gradients(p, X, Y)
    for k in p:
        p[k] -= 0.1 * g[k] * (len(X) if k.startswith("b") else 1)


def decay_in_cost(p, X, Y):
    g = gradients(p, X, Y)
    for k in p:
        p[k] -= 0.1 * (g[k] + (0.1 * p[k] if k[0] == "W" else 0))


def decay_decoupled(p, X, Y):
    g = gradients(p, X, Y)
    for k in p:
        p[k] = (1 - 0.1 * 0.02) * p[k] - 0.1 * g[k]


class Momentum:
    def __init__(self, lr=0.1, mu=0.9):
        self.lr, self.mu, self.v = lr, mu, None

    def step(self, p, X, Y):
        g = gradients(p, X, Y)
        if self.v is None:
            self.v = {k: np.zeros_like(x) for k, x in p.items()}
        for k in p:
            self.v[k] = self.mu * self.v[k] - self.lr * g[k]
            p[k] += self.v[k]


class Nesterov(Momentum):
    def step(self, p, X, Y):
        g = gradients(p, X, Y)
        if self.v is None:
            self.v = {k: np.zeros_like(x) for k, x in p.items()}
        for k in p:
            before = self.v[k].copy()
            self.v[k] = self.mu * self.v[k] - self.lr * g[k]
            p[k] += -self.mu * before + (1 + self.mu) * self.v[k]


class Adam:
    def __init__(self, lr=1e-3, b1=0.9, b2=0.999, eps=1e-8):
        self.lr, self.b1, self.b2, self.eps, self.t = lr, b1, b2, eps, 0
        self.m, self.s = {}, {}

    def step(self, p, X, Y):
        g = gradients(p, X, Y)
        self.t += 1
        for k in p:
            self.m[k] = self.b1 * self.m.get(k, 0) + (1 - self.b1) * g[k]
            self.s[k] = self.b2 * self.s.get(k, 0) + (1 - self.b2) * g[k] ** 2
            mhat = self.m[k] / (1 - self.b1 ** self.t)
            shat = self.s[k] / (1 - self.b2 ** self.t)
            p[k] = p[k] - self.lr * mhat / (np.sqrt(shat) + self.eps)


class RMSprop:
    def __init__(self):
        self.cache = {}

    def step(self, p, X, Y):
        g = gradients(p, X, Y)
        for k in p:
            self.cache[k] = 0.99 * self.cache.get(k, np.zeros_like(p[k])) + 0.01 * g[k] ** 2
            p[k] -= 0.01 * g[k] / (np.sqrt(self.cache[k]) + 1e-7)


def wrong_slope(p, X, Y):
    H, out = forward(p, X)
    d = (out - Y) / len(X)
    dH = (d @ p["W2"].T) * (1 - H)
    g = {"W1": X.T @ dH, "b1": dH.sum(0), "W2": H.T @ d, "b2": d.sum(0)}
    return {k: p[k] - 0.1 * g[k] for k in p}
