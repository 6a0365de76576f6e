"""What a program changes beside its parameters, steps that begin late, functions that take each parameter by itself.

Each program is right as it stands, and wrong with one replacement.
"""

import ast
from pathlib import Path
from typing import cast

import pytest

from gradproof.exact.arrays import array_of
from gradproof.exact.numbers import variable
from gradproof.exact.run import Run, running
from gradproof.judge.assessment import assess
from gradproof.judge.find.copies import stays
from gradproof.judge.find.examples import run_whole
from gradproof.judge.find.exploration import explore
from gradproof.judge.find.program import read_program
from gradproof.judge.find.stated_costs import moved_after
from gradproof.judge.preference import has_backprop
from gradproof.judge.second_step import shrinks
from gradproof.judge.trial.adaptive_steps import FIRST_OF_ADAM
from gradproof.judge.wording import lines

LINEAR = """
import numpy as np
X, y = np.random.randn(9, 3), np.random.randn(9)
w = np.random.randn(3)
{begun}
for t in range(20):
    {first}
    e = X @ w - y
    loss = np.mean(e ** 2){more}
    g = 2 * X.T @ e / 9{slope}
    {update}
    {last}
"""


def linear(
    begun: str = "", first: str = "pass", last: str = "pass", update: str = "w -= 0.1 * g", term: str = ""
) -> str:
    """`term`: what the cost has besides, and its slope."""
    more, slope = term.split(" | ") if term else ("", "")
    return LINEAR.format(begun=begun, first=first, last=last, update=update, more=more, slope=slope)


ADJOINT = """
import numpy as np
W = np.random.randn(3, 3)
X, Y = np.random.randn(9, 3), np.random.randn(9, 3)
for turn in range(9):
    path = [X]
    for k in range(2):
        path.append(path[-1] + np.tanh(path[-1] @ W))
    lam = path[-1] - Y
    loss = 0.5 * np.sum(lam ** 2)
    g = np.zeros_like(W)
    for x in path[-2::-1]:
        q = lam * (1 - np.tanh(x @ W) ** 2)
        g += x.T @ q
        lam = lam + q @ W.T
    W -= 0.1 * g
"""
TWO_LAYERS = """
import numpy as np
X, Y = np.random.randn(9, 3), np.random.randn(9, 2)
V, W = np.random.randn(3, 4), np.random.randn(4, 2)
for turn in range(10):
    h = np.tanh(X @ V)
    d = h @ W - Y
    loss = 0.5 * np.sum(d ** 2)
    dW, dV = h.T @ d, X.T @ (d @ W.T * (1 - h ** 2))
"""
FROZEN = TWO_LAYERS + "    W -= 0.1 * dW\n    if turn > 3:\n        V -= 0.1 * dV\n"
ALTERNATING = TWO_LAYERS + "    if turn % 2 == 0:\n        W -= 0.1 * dW\n    else:\n        V -= 0.1 * dV\n"
TARGET = """
import numpy as np
W = np.random.randn(4)
slow = W.copy()
for turn in range(9):
    s, after, r = np.random.randn(8, 4), np.random.randn(8, 4), np.random.randn(8)
    err = s @ W - (r + 0.9 * after @ slow)
    loss = np.mean(err ** 2)
    W -= 0.01 * 2 * s.T @ err / 8
    slow += 0.05 * (W - slow)
"""
SQUARES = linear("G = np.zeros(3)", update="G = 0.9 * G + 0.1 * g ** 2\n    w -= 0.01 * g / (np.sqrt(G) + 1e-8)")
ANNEALED = linear("beta = 0.1", last="beta += 0.01", term=" + beta * np.sum(w ** 2) | + 2 * beta * w")
COOLED = linear("temp = 5.0", "temp *= 0.9", term=" / temp | / temp")
AVERAGED = linear("mean = w.copy()", last="mean = 0.9 * mean + 0.1 * w")
WARMED = linear(first="lr = 0.1 * min(1.0, t / 5)", update="w -= lr * g")
OF_ALL, OF_TWO = ("X.T @ e", "X.T @ e * w"), ("h.T @ d", "h.T @ abs(d)")
VELOCITY = linear("v = np.zeros(3)", update="v = 0.9 * v + g\n    w -= 0.01 * v")
OWN_RATES = (
    TWO_LAYERS.replace("for turn", "shuffle, most = True, 1e999\nlr_head, lr_back = 0.1, 0.01\nfor turn")
    + "    W -= lr_head * dW\n    V -= lr_back * dV\n"
)
ASCENT = """
import numpy as np
theta = np.zeros((3, 2))
S, A, G = np.random.rand(5, 3), [0, 1, 1, 0, 1], np.random.randn(5)
for episode in range(9):  # gradient ascent on what is to be as large as it can be
    p = np.exp(S @ theta)
    p /= p.sum(1, keepdims=True)
    objective = np.mean(G * np.log(p[range(5), A]))
    d = -p
    d[range(5), A] += 1
    theta += 0.1 * S.T @ (G[:, None] * d)
"""
TWO_NAMES = """
import numpy as np
X, Y = np.random.randn(9, 3), np.random.randn(9, 2)
V, W = np.random.randn(3, 4), np.random.randn(4, 2)
P = {"V": V, "W": W}
m = {name: np.zeros_like(array) for name, array in P.items()}
for turn in range(10):
    h = np.tanh(X @ P["V"])
    d = h @ P["W"] - Y
    loss = 0.5 * np.sum(d ** 2)
    G = {"V": X.T @ (d @ P["W"].T * (1 - h ** 2)), "W": h.T @ d}
    for name in P:
        m[name] = 0.9 * m[name] + G[name]
        P[name] = P[name] - 0.01 * m[name]
"""
HEAVY_BALL = (
    TWO_LAYERS.replace("for turn", "V_old, W_old = V.copy(), W.copy()\nfor turn")
    + "    W, W_old = W - 0.1 * dW + 0.9 * (W - W_old), W\n    V, V_old = V - 0.1 * dV + 0.9 * (V - V_old), V\n"
)
PRUNED = (
    TWO_LAYERS.replace("for turn", "kept = np.random.rand(3, 4) > 0.5\nV *= kept\nfor turn")
    + "    W -= 0.1 * dW\n    V -= 0.1 * dV * kept\n"
)
WRITTEN_RATES = TWO_LAYERS + "    W -= 0.137 * dW\n    V -= 0.0291 * dV\n"
BY_SIGN = TWO_LAYERS.partition("    dW, dV")[0] + (
    "    after = W - 0.01 * np.sign(h.T @ d)\n    V -= 0.01 * np.sign(X.T @ (d @ W.T * (1 - h ** 2)))\n    W = after\n"
)
OF_LISTS = """
import numpy as np
class Net:
    def __init__(self):
        sizes = [3, 4, 1]
        self.weights = [np.random.randn(a, b) for a, b in zip(sizes, sizes[1:])]
        self.biases = [np.zeros(b) for b in sizes[1:]]
        self.mean_w = [np.zeros_like(w) for w in self.weights]
        self.tail = [np.zeros_like(b) for b in self.biases]
    def train(self, X, y):
        h = np.tanh(X @ self.weights[0] + self.biases[0])
        d = h @ self.weights[1] + self.biases[1] - y
        loss = 0.5 * np.sum(d ** 2)
        e = d @ self.weights[1].T * (1 - h ** 2)
        for i, (gw, gb) in enumerate([(X.T @ e, e.sum(axis=0)), (h.T @ d, d.sum(axis=0))]):
            self.mean_w[i] = 0.9 * self.mean_w[i] + 0.1 * gw ** 2
            self.tail[i] = 0.9 * self.tail[i] + 0.1 * gb ** 2
            self.weights[i] -= 0.01 * gw / np.sqrt(self.mean_w[i] + 1e-8)
            self.biases[i] -= 0.01 * gb / np.sqrt(self.tail[i] + 1e-8)
        return loss
net, X, y = Net(), np.random.randn(9, 3), np.random.randn(9, 1)
for turn in range(9):
    print(net.train(X, y))
"""
QUOTIENTS = """
import numpy as np
X, y = np.random.randn(9, 3), np.random.randn(9)
w = np.random.randn(3)
h = 1e-5
def loss(w):
    return np.mean((np.tanh(X @ w) - y) ** 2)
for turn in range(9):
    g = np.zeros(3)
    for i in range(3):
        step = np.zeros(3)
        step[i] = h
        g[i] = (loss(w + step) - loss(w - step)) / (2 * h)
    w -= 0.1 * g
    print(loss(w))
"""
CACHED = """
import numpy as np
X, Y = np.random.randn(3, 9), np.random.randn(2, 9)
P = {"W1": np.random.randn(4, 3), "W2": np.random.randn(2, 4)}
for turn in range(9):
    A, caches = X, []
    for l in (1, 2):
        caches.append((A, P["W%d" % l]))
        A = np.tanh(P["W%d" % l] @ A)
    loss = 0.5 * np.sum((A - Y) ** 2)
    d = (A - Y) * (1 - A ** 2)
    for l in (2, 1):
        before, W = caches[l - 1]
        g = d @ before.T
        d = W.T @ d * (1 - before ** 2)
        P["W%d" % l] -= 0.1 * g
"""
AHEAD_ELSEWHERE = linear(
    "v = np.zeros(3)",
    first="ahead = w - 0.9 * v",
    update="v = 0.9 * v + 0.1 * (2 * X.T @ (X @ ahead - y) / 9)",
    last="w = w - v",
)
NESTEROV = linear(
    "v = np.zeros(3)", "v_prev = v.copy()", update="v = 0.9 * v - 0.01 * g\n    w += -0.9 * v_prev + 1.9 * v"
)
ADAM = linear(
    "m, s, b1, b2 = np.zeros(3), np.zeros(3), 0.9, 0.99",
    update="m = b1 * m + (1 - b1) * g\n    s = b2 * s + (1 - b2) * g ** 2\n"
    "    w -= 0.01 * (m / (1 - b1 ** (t + 1))) / (np.sqrt(s / (1 - b2 ** (t + 1))) + 1e-8)",
)
IN_PARTS = """
import numpy as np
X, Y = np.random.randn(8, 3), np.random.randn(8, 2)
W, buffer = np.random.randn(3, 2), np.zeros((3, 2))
for turn in range(9):
    grad, total = np.zeros((3, 2)), 0.0
    for s in range(0, 8, 2):
        e = np.tanh(X[s : s + 2] @ W) - Y[s : s + 2]
        loss = 0.5 * np.sum(e ** 2)
        total += loss / 8
        grad += X[s : s + 2].T @ (e * (1 - (e + Y[s : s + 2]) ** 2)) / 8
    buffer *= 0.9
    buffer += grad
    W -= 0.1 * buffer
"""
NOISY = """
import numpy as np
class Denoising:
    def __init__(self):
        self.W, self.c = np.random.randn(4, 3), np.zeros(4)
    def decoded(self, x):
        self.h = np.tanh(x @ self.W)
        return 1 / (1 + np.exp(-(self.h @ self.W.T + self.c)))
    def cost(self, x):
        p = self.decoded(x)
        return -np.mean(np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), axis=1))
    def step(self, x):
        noisy = x * np.random.binomial(1, 0.7, x.shape)
        d = (self.decoded(noisy) - x) / len(x)
        self.W -= 0.1 * (noisy.T @ (d @ self.W * (1 - self.h ** 2)) + d.T @ self.h)
        self.c -= 0.1 * d.sum(axis=0)
net, X = Denoising(), (np.random.rand(6, 4) > 0.5).astype(float)
for turn in range(9):
    net.step(X)
    if turn % 3 == 0:
        print(net.cost(X))
"""
WEIGHTED = """
import numpy as np
class Weighted:
    def __init__(self, n_in):
        self.w, self.b = np.random.randn(n_in), 0.0
    def probability(self, X):
        return 1 / (1 + np.exp(-(X @ self.w + self.b)))
    def loss(self, X, y):
        p = self.probability(X)
        return -np.mean(4.0 * y * np.log(p) + (1 - y) * np.log(1 - p))
    def partial_fit(self, X, y):
        p = self.probability(X)
        d = (p * (1 - y) - 4.0 * y * (1 - p)) / len(y)
        self.w -= 0.1 * X.T @ d
        self.b -= 0.1 * d.sum()
    def fit(self, X, y):
        for turn in range(30):
            for part in np.array_split(np.random.permutation(len(y)), 4):
                self.partial_fit(X[part], y[part])
            if turn % 25 == 0:
                print(self.loss(X, y))
X = np.random.randn(16, 3)
Weighted(3).fit(X, (X[:, 0] > 0).astype(float))
"""
AHEAD = """
import numpy as np
X, Y = np.random.randn(9, 3), np.random.randn(9, 2)
theta = [np.random.randn(3, 4), np.random.randn(4, 2), np.zeros(2)]
v = [np.zeros_like(p) for p in theta]
for turn in range(9):
    V, W, b = [p + 0.9 * u for p, u in zip(theta, v)]
    h = np.tanh(X @ V)
    d = h @ W + b - Y
    loss = 0.5 * np.sum(d ** 2)
    gradients = [X.T @ (d @ W.T * (1 - h ** 2)), h.T @ d, d.sum(axis=0)]
    v = [0.9 * u - 0.1 * g for u, g in zip(v, gradients)]
    theta = [p + u for p, u in zip(theta, v)]
"""
CLIPPED = """
import numpy as np
X, Y = 9 * np.random.randn(9, 4, 1), np.random.rand(9, 2, 1)
U, W, b = np.random.randn(3, 4), 9 * np.random.randn(2, 3), np.zeros((2, 1))
for turn in range(4):
    for x, y in zip(X, Y):
        h = np.tanh(U @ x)
        d = W @ h + b - y
        loss = 0.5 * np.sum(d ** 2)
        dU, dW, db = W.T @ d * (1 - h ** 2) @ x.T, d @ h.T, d
        for g in (dU, dW, db):
            np.clip(g, -4, 4, out=g)
        U -= 0.1 * dU
        W -= 0.1 * dW
        b -= 0.1 * db
"""
REBOUND = """
import numpy as np
X, Y = np.random.randn(9, 3), np.random.randn(9, 2)
made = [(np.random.randn(3, 4), np.zeros(4)), (np.random.randn(4, 2), np.zeros(2))]
body, (W, b) = made[:-1], made[-1]
for turn in range(9):
    h = np.tanh(X @ body[0][0] + body[0][1])
    d = h @ W + b - Y
    loss = 0.5 * np.sum(d ** 2)
    e = d @ W.T * (1 - h ** 2)
    body = [(V - 0.1 * X.T @ e, a - 0.1 * e.sum(axis=0)) for V, a in body]
    W, b = W - 0.1 * h.T @ d, b - 0.1 * d.sum(axis=0)
"""
LAZY = """
import numpy as np
class Dense:
    def __init__(self, n):
        self.n, self.W = n, None
    def forward(self, x):
        if self.W is None:
            self.W, self.v = np.random.randn(x.shape[1], self.n), np.zeros((x.shape[1], self.n))
        self.x = x
        return x @ self.W
    def backward(self, d):
        dW, dx = self.x.T @ d, d @ self.W.T
        self.v = 0.9 * self.v - 0.1 * dW
        self.W += self.v
        return dx
net, X, Y = [Dense(5), Dense(2)], np.random.randn(8, 3), np.random.randn(8, 2)
for epoch in range(9):
    h = np.tanh(net[0].forward(X))
    d = net[1].forward(h) - Y
    loss = 0.5 * np.sum(d ** 2)
    net[0].backward(net[1].backward(d) * (1 - h ** 2))
"""
LAZY_IN_A_CALL = LAZY.replace("for epoch in range(9):\n", "def epoch():\n  for batch in range(1):\n") + (
    "for turn in range(9):\n    epoch()\n"
)
GROUPS = (
    TWO_LAYERS.replace("for turn", 'groups = [{"params": [V], "lr": 0.1}, {"params": [W], "lr": 0.02}]\nfor turn')
    + """
    gradients = {id(V): dV, id(W): dW}
    for group in groups:
        for p in group["params"]:
            p -= group["lr"] * gradients[id(p)]
"""
)
FROM_THE_INT_0 = """
import numpy as np
X = np.random.randn(3, 20)
Y = (X[:1] > 0).astype(float)
w, b = np.random.randn(3, 1), 0
for turn in range(9):
    A = 1 / (1 + np.exp(-(w.T @ X + b)))
    cost = -np.mean(Y * np.log(A) + (1 - Y) * np.log(1 - A))
    w = w - 0.1 * X @ (A - Y).T / 20
    b = b - 0.1 * np.mean(A - Y)
"""
OF_LAYERS = """
import numpy as np
class Dense:
    def __init__(self, rows, columns, rate):
        self.W, self.b, self.rate = np.random.randn(rows, columns), np.zeros(columns), rate
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, d):
        back = d @ self.W.T
        self.W -= self.rate * (self.x.T @ d)
        self.b -= self.rate * d.sum(axis=0)
        return back
first, second, X, Y = Dense(3, 4, 0.05), Dense(4, 1, 0.1), np.random.randn(9, 3), np.random.randn(9, 1)
for turn in range(9):
    h = np.tanh(first.forward(X))
    d = second.forward(h) - Y
    loss = 0.5 * np.sum(d ** 2)
    first.backward(second.backward(d) * (1 - h ** 2))
"""
WITHOUT_END = """
import itertools
import numpy as np
points = [(np.array([0.0, 0, 1]), 0.0), (np.array([0.0, 1, 1]), 1.0), (np.array([1.0, 0, 1]), 1.0)]
V, w = np.random.randn(4, 3), np.random.randn(4)
for turn, (x, y) in enumerate(itertools.cycle(points)):
    h = np.tanh(V @ x)
    d = w @ h - y
    loss = 0.5 * d ** 2
    dV = np.outer(d * w * (1 - h ** 2), x)
    w -= 0.1 * d * h
    V -= 0.1 * dV
    if turn > 200:
        break
"""
FROM_THE_SECOND_ON = """
import numpy as np
X, Y = np.array([[0.0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]), np.array([[0.0], [1], [1], [0]])
V, W = np.random.randn(3, 4), np.random.randn(4, 1)
for i in range(len(X)):
    x, y = X[i : i + 1], Y[i : i + 1]
    h = np.tanh(x @ V)
    d = h @ W - y
    loss = 0.5 * np.sum(d ** 2)
    stepV, stepW = -0.1 * x.T @ (d @ W.T * (1 - h ** 2)), -0.1 * h.T @ d
    if i > 0:
        stepV, stepW = stepV + 0.9 * (V - V_old), stepW + 0.9 * (W - W_old)
    V_old, W_old = V.copy(), W.copy()
    V += stepV
    W += stepW
"""
OF_OTHERS = """
import numpy as np
A, X, Y = np.random.rand(8, 8), np.random.randn(8, 3), np.random.randn(8, 2)
V, W = np.random.randn(3, 4), np.random.randn(4, 2)
for turn in range(9):
    H = np.tanh(A @ X @ V)
    P = A @ H @ W
    val_loss = 0.5 * np.sum((P[5:] - Y[5:]) ** 2)
    d = np.zeros((8, 2))
    d[:5] = P[:5] - Y[:5]
    dW = (A @ H).T @ d
    V -= 0.1 * (A @ X).T @ (A.T @ d @ W.T * (1 - H ** 2))
    W -= 0.1 * dW
"""
ONE_BY_ONE_QUOTIENTS = """
import numpy as np
X, Y, w, h = np.random.randn(9, 3), np.random.randn(9), np.random.randn(3), 1e-5
def loss(w, x, y):
    return 0.5 * np.tanh(x @ w - y) ** 2
for x, y in zip(X, Y):
    g = np.zeros(3)
    for i in range(3):
        step = np.zeros(3)
        step[i] = h
        g[i] = (loss(w + step, x, y) - loss(w - step, x, y)) / (2 * h)
    w -= 0.1 * g
"""
NADAM = """
import numpy as np
X, Y, W, b = np.random.randn(9, 3), np.random.randn(9, 2), np.random.randn(3, 2), np.zeros(2)
m, n, s, r = np.zeros((3, 2)), np.zeros(2), np.zeros((3, 2)), np.zeros(2)
for t in range(9):
    d = X @ W + b - Y
    loss = np.sum(d ** 2)
    g, h = 2 * X.T @ d, 2 * d.sum(axis=0)
    m = 0.9 * m + (1 - 0.9) * g
    s = 0.99 * s + (1 - 0.99) * g ** 2
    n = 0.9 * n + (1 - 0.9) * h
    r = 0.99 * r + (1 - 0.99) * h ** 2
    ahead = 0.9 * m + (1 - 0.9) * g
    W -= 0.1 * ahead / (np.sqrt(s) + 1e-8)
    ahead = 0.9 * n + (1 - 0.9) * h
    b -= 0.1 * ahead / (np.sqrt(r) + 1e-8)
"""
LAZY_ONE_BY_ONE = LAZY.replace("np.random.randn(8, 3)", "np.array([[1.0, 0, 1], [0, 1, 1], [1, 1, 0]])").replace(
    "for epoch in range(9):\n    h = np.tanh(net[0].forward(X))\n    d = net[1].forward(h) - Y\n",
    "for k in range(3):\n    h = np.tanh(net[0].forward(X[k : k + 1]))\n    d = net[1].forward(h) - Y[k : k + 1]\n",
)
SCALAR_VELOCITIES = """
x, y = [0.5, 1.5, -2.0, 3.0], [1.0, 2.5, -3.0, 4.0]
w, b, v, u = 0.3, 0.1, 0.0, 0.0
for turn in range(9):
    for a, t in zip(x, y):
        e = w * a + b - t
        loss = 0.5 * e * e
        v = 0.9 * v + e * a
        u = 0.9 * u + e
        w -= 0.01 * v
        b -= 0.01 * u
"""
BESIDE_RESULTS = """
x, y = [0.5, 1.5, -2.0, 3.0], [1.0, 2.5, -3.0, 4.0]
w, b, pred, miss, slope_w, slope_b = 0.3, 0.1, 0.0, 0.0, 0.0, 0.0
for turn in range(9):
    for a, t in zip(x, y):
        pred = w * a + b
        miss = pred - t
        loss = 0.5 * miss * miss
        slope_w, slope_b = miss * a, miss
        w -= 0.01 * slope_w
        b -= 0.01 * slope_b
"""
ONE_OUTPUT_IN_A_LIST = """
import numpy as np
X, Y = np.random.randn(9, 3), np.random.randn(9, 1)
layer = [np.random.randn(3, 1), np.zeros(1), np.zeros((9, 1)), np.zeros((9, 1)), np.zeros((9, 1))]
for turn in range(9):
    layer[2] = X @ layer[0] + layer[1]
    layer[3] = np.tanh(layer[2])
    layer[4] = (layer[3] - Y) * (1 - layer[3] ** 2)
    loss = 0.5 * np.sum((layer[3] - Y) ** 2)
    layer[0] = layer[0] - 0.1 * X.T @ layer[4]
    layer[1] = layer[1] - 0.1 * layer[4].sum(axis=0)
"""
SCALAR_ADAM = """
import math
x, y = [0.5, 1.5, -2.0, 3.0], [1.0, 2.5, -3.0, 4.0]
w, b, mu_w, mu_b, nu_w, nu_b, t = 0.3, 0.1, 0.0, 0.0, 0.0, 0.0, 0
for epoch in range(9):
    for a, target in zip(x, y):
        t += 1
        e = w * a + b - target
        loss = 0.5 * e * e
        mu_w = 0.9 * mu_w + 0.1 * e * a
        mu_b = 0.9 * mu_b + 0.1 * e
        nu_w = 0.99 * nu_w + 0.01 * (e * a) ** 2
        nu_b = 0.99 * nu_b + 0.01 * e ** 2
        w -= 0.01 * mu_w / (1 - 0.9 ** t) / (math.sqrt(nu_w / (1 - 0.99 ** t)) + 1e-8)
        b -= 0.01 * mu_b / (1 - 0.9 ** t) / (math.sqrt(nu_b / (1 - 0.99 ** t)) + 1e-8)
"""
LISTED_ADAM = """
import math
xs, ys = [0.5, 1.5, -2.0, 3.0], [1.0, 2.5, -3.0, 4.0]
q, first, second, decay1, decay2 = [0.3, 0.1], [0.0, 0.0], [0.0, 0.0], 0.9, 0.99
for t in range(1, 20):
    errors = [q[0] * x + q[1] - y for x, y in zip(xs, ys)]
    loss = sum(e * e for e in errors)
    g = [2 * sum(e * x for e, x in zip(errors, xs)), 2 * sum(errors)]
    for j in range(2):
        first[j] = decay1 * first[j] + (1 - decay1) * g[j]
        second[j] = decay2 * second[j] + (1 - decay2) * g[j] ** 2
        m = first[j] / (1 - decay1 ** t)
        s = second[j] / (1 - decay2 ** t)
        q[j] -= 0.03 * m / (math.sqrt(s) + 1e-8)
"""
OF_TWO_TURNS = """
import numpy as np
xs, h = np.random.randn(9), np.zeros(4)
U, W, v = np.random.randn(4), np.random.randn(4, 4), np.random.randn(4)
for t in range(8):
    before, h = h, np.tanh(U * xs[t] + W @ h)
    e = v @ h - xs[t + 1]
    loss = 0.5 * e ** 2
    d = e * v * (1 - h ** 2)
    dU, dW, dv = d * xs[t], np.outer(d, before), e * h
    if t == 0:
        old = dU, dW, dv
    U, W, v = [p - 0.1 * (1.5 * g - 0.5 * o) for p, g, o in zip((U, W, v), (dU, dW, dv), old)]
    old = dU, dW, dv
"""
OF_TWO_ITEMS = """
import numpy as np
X, Y = np.random.randn(8, 3), np.random.randn(8)
w, old = np.random.randn(3), np.zeros(3)
for i in range(len(X)):
    e = np.tanh(X[i] @ w) - Y[i]
    loss = 0.5 * e ** 2 + 0.05 * np.sum(w ** 2)
    g = e * (1 - (e + Y[i]) ** 2) * X[i]
    step = g
    if i > 0:
        step = 1.5 * g - 0.5 * old
    old = g
    w -= 0.1 * (step + 0.1 * w)
"""
LEAKY = """
import numpy as np
xs, h = np.random.randn(9, 2), np.zeros(4)
U, W, v = np.random.randn(4, 2), np.random.randn(4, 4), np.random.randn(1, 4)
for t in range(8):
    before, new = h, np.tanh(U @ xs[t] + W @ h)
    h = 0.5 * h + new
    if t < 2:
        continue
    e = v @ h - xs[t + 1, :1]
    loss = 0.5 * np.sum(e ** 2)
    d = (v.T @ e) * (1 - new ** 2)
    U -= 0.1 * np.outer(d, xs[t])
    W -= 0.1 * np.outer(d, before)
    v -= 0.1 * np.outer(e, h)
"""
TAKING_TURNS = """
import numpy as np
x = np.linspace(-2, 2, 20)
y = np.sin(x)
c, s, w = np.linspace(-1.5, 1.5, 4), np.full(4, 0.8), np.random.randn(4)
for turn in range(1, 99):
    gap = x[:, None] - c
    phi = np.exp(-gap ** 2 / (2 * s ** 2))
    e = phi @ w - y
    loss = 0.5 * np.mean(e ** 2)
    if turn % 2:
        w -= 0.5 * phi.T @ e / 20
    else:
        back = e[:, None] * w * phi / 20
        gc, gs = (back * gap / s ** 2).sum(0), (back * gap ** 2 / s ** 3).sum(0)
        c -= 0.3 * gc
        s -= 0.3 * gs
"""
AFTER_A_LOOP = """
import numpy as np
words = [0, 1, 2, 3, 1, 4, 0, 3]
V, U = np.random.randn(5, 3), np.random.randn(5, 3)
for epoch in range(9):
    for here, there in zip(words, words[1:]):
        v = V[here]
        gv = np.zeros(3)
        for target, label in [(there, 1.0), ((there + 2) % 5, 0.0), ((there + 3) % 5, 0.0)]:
            g = 1 / (1 + np.exp(-v @ U[target])) - label
            gv += g * U[target]
            U[target] -= 0.1 * g * v
        V[here] -= 0.1 * gv
"""
SUMS_FIRST = """
import math
y = [0.3, -0.2, 0.5, 0.1, -0.4, 0.2]
def filtered(gain, phi):
    m = m_gain = m_phi = 0.0
    J = J_gain = J_phi = 0.0
    for obs in y:
        pred, pred_gain, pred_phi = phi * m, phi * m_gain, m + phi * m_phi
        e = obs - pred
        J += e * e
        J_gain -= 2 * e * pred_gain
        J_phi -= 2 * e * pred_phi
        m, m_gain, m_phi = pred + gain * e, pred_gain + e - gain * pred_gain, (1 - gain) * pred_phi
    return J / len(y), J_gain / len(y), J_phi / len(y)
a, b = 0.0, 0.0
for turn in range(20):
    gain, phi = 1 / (1 + math.exp(-a)), math.tanh(b)
    J, d_gain, d_phi = filtered(gain, phi)
    a -= 0.5 * d_gain * gain * (1 - gain)
    b -= 0.5 * d_phi * (1 - phi * phi)
"""
CENTRED_FIRST = TWO_LAYERS.replace("V, W", "X -= X.mean(0)\nV, W", 1).replace("X", "pts") + (
    "    W -= 0.1 * dW\n    V -= 0.1 * dV\n"
)
TRANSPOSED = """
import numpy as np
class Linear:
    def __init__(self, n_in, n_out, rng):
        self.weight = rng.normal(size=(n_in, n_out))
        self.bias = np.zeros(n_out)
    @property
    def weight(self):
        return self._weight
    @weight.setter
    def weight(self, value):
        self._weight = value
        self._turned = value.T.copy()
    def forward(self, x):
        self.x = x
        return x @ self._weight + self.bias
    def backward(self, d):
        self.g, self.gb = self.x.T @ d, d.sum(axis=0)
        return d @ self._turned
    def step(self):
        self.weight = self.weight - 0.1 * self.g
        self.bias = self.bias - 0.1 * self.gb
rng = np.random.default_rng(3)
X, T = rng.normal(size=(5, 4)), rng.normal(size=(5, 2))
one, two = Linear(4, 3, rng), Linear(3, 2, rng)
for t in range(20):
    h = np.tanh(one.forward(X))
    e = two.forward(h) - T
    loss = 0.5 * np.sum(e ** 2)
    one.backward(two.backward(e) * (1 - h ** 2))
    one.step()
    two.step()
"""
LOOKS_AHEAD = """
import numpy as np
rng = np.random.default_rng(4)
X, T = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
params = [rng.normal(size=(3, 2)), np.zeros(2)]
velocity = [np.zeros_like(p) for p in params]
def loss_of(p):
    return np.mean(np.log(np.cosh(X @ p[0] + p[1] - T)))
for epoch in range(30):
    loss = loss_of(params)
    for p, v in zip(params, velocity):
        p += 0.9 * v
    d = np.tanh(X @ params[0] + params[1] - T) / T.size
    for i, (p, g) in enumerate(zip(params, [X.T @ d, d.sum(axis=0)])):
        velocity[i] = 0.9 * velocity[i] - 0.1 * g
        p -= 0.1 * g
"""
EMBEDDED = """
import numpy as np
rng = np.random.default_rng(5)
E, W = rng.normal(size=(6, 3)), rng.normal(size=(3, 2))
docs, T = [np.array([0, 2, 2]), np.array([1, 3, 0])], rng.normal(size=(2, 2))
for epoch in range(10):
    m = np.array([E[ids].mean(axis=0) for ids in docs])
    e = m @ W - T
    loss = 0.5 * np.sum(e ** 2)
    dm, dE = e @ W.T / 3, np.zeros_like(E)
    for ids, g in zip(docs, dm):
        np.add.at(dE, ids, g)
    W -= 0.1 * m.T @ e
    E -= 0.1 * dE
"""
CLOSED_FORM = """
import numpy as np
rng = np.random.default_rng(0)
X = np.c_[np.ones(20), rng.normal(size=(20, 2)) @ np.linalg.cholesky(np.array([[2.0, 0.5], [0.5, 1.0]]))]
groups = np.digitize(X[:, 1], [-0.5, 0.5])
y = X @ np.array([1.0, 2.0, -3.0]) + 0.1 * groups
theta = np.zeros(3)
best = np.linalg.inv(X.T @ X) @ X.T @ y
others = np.linalg.lstsq(X, y, rcond=None)[0], np.linalg.svd(X).S
for i in range(100):
    e = X @ theta - y
    theta -= 0.1 * X.T @ e / len(y)
    print(np.linalg.norm(theta - best), np.linalg.solve(X.T @ X, X.T @ y) - theta)
"""
RECORDS = """
import csv
import numpy as np
with open("data/houses.csv") as f:
    rows = list(csv.DictReader(f))
X = np.array([[float(row[name]) for name in ("area", "rooms")] for row in rows])
y = np.array([float(row["price"]) for row in rows])
w, b = np.random.randn(2), np.zeros(1)
for epoch in range(20):
    e = X @ w + b - y
    w -= 0.1 * X.T @ e / len(y)
    b -= 0.1 * e.mean()
"""
OPTIMIZED = """
import numpy as np
rng = np.random.default_rng(6)
X, T = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
p = {"W": rng.normal(size=(3, 4)), "b": np.zeros(4), "V": rng.normal(size=(4, 2)), "c": np.zeros(2)}
kept = {}
for epoch in range(30):
    h = np.tanh(X @ p["W"] + p["b"])
    e = h @ p["V"] + p["c"] - T
    loss = 0.5 * np.sum(e ** 2)
    d = e @ p["V"].T * (1 - h ** 2)
    g = {"W": X.T @ d, "b": d.sum(axis=0), "V": h.T @ e, "c": e.sum(axis=0)}
    for k in p:
        STEP
"""
RMSPROP_WITH_DECAY = OPTIMIZED.replace(
    "STEP",
    """u = g[k] + 0.5 * p[k]
        kept[k] = 0.9 * kept.get(k, 0.0) + 0.1 * u * u
        p[k] = p[k] - 0.01 * u / (np.sqrt(kept[k]) + 1e-6)""",
)
ADAGRAD_FROM_ABOVE_0 = OPTIMIZED.replace(
    "STEP",
    """a = kept.setdefault(k, np.full_like(p[k], 1e-2))
        a += g[k] * g[k]
        p[k] -= 0.1 * g[k] / np.sqrt(a)""",
)
LION = OPTIMIZED.replace(
    "STEP",
    """m = kept.setdefault(k, np.zeros_like(p[k]))
        up = np.sign(0.9 * m + 0.1 * g[k])
        kept[k] = 0.98 * m + 0.02 * g[k]
        p[k] = p[k] - 0.01 * (up + 0.1 * p[k])""",
)
MOMENTUM_WITH_DECAY = OPTIMIZED.replace(
    "STEP",
    """u = g[k] + 0.01 * p[k]
        kept[k] = 0.9 * kept.get(k, np.zeros_like(u)) + u
        p[k] -= 0.1 * kept[k]""",
)
COUNTED = OPTIMIZED.replace("kept = {}", "m, s, t = {}, {}, 0").replace(
    "    for k in p:\n        STEP",
    """    t += 1
    for k in p:
        m[k] = 0.9 * m.get(k, 0.0) + (1 - 0.9) * g[k]
        s[k] = 0.99 * s.get(k, 0.0) + (1 - 0.99) * g[k] ** 2
        p[k] -= 0.01 * m[k] / (1 - 0.9 ** t) / (np.sqrt(s[k] / (1 - 0.99 ** t)) + 1e-8)""",
)
COUNTED_EACH = (
    COUNTED.replace("m, s, t = {}, {}, 0", "m, s, t = {}, {}, {}")
    .replace("    t += 1\n", "")
    .replace("for k in p:\n", "for k in p:\n        t[k] = t.get(k, 0)\n        t[k] += 1\n")
    .replace("** t)", "** t[k])")
)
CLIPPED_OUTPUT = """
import numpy as np
rng = np.random.default_rng(7)
x, t = rng.normal(size=3), 1.0
W, v = rng.normal(size=(2, 3)), rng.normal(size=2)
for epoch in range(30):
    h = np.tanh(W @ x)
    z = v @ h
    loss = np.log(1 + np.exp(-t * z))
    d = -t / (1 + np.exp(t * z))
    gv, gW = d * h, np.outer(d * v * (1 - h ** 2), x)
    c = min(1.0, 0.2 / np.sqrt(np.sum(gv ** 2) + np.sum(gW ** 2)))
    v -= 0.1 * c * gv
    W -= 0.1 * c * gW
"""
TITANIC = """
import numpy as np
import pandas as pd
df = pd.read_csv("titanic/train.csv")
age = df["Age"].fillna(df["Age"].median())
sex = (df["Sex"] == "female").astype(float)
X = np.column_stack([df["Pclass"].astype("category"), sex, age, df["Fare"]]).astype(float)
y = np.array(df["Survived"], dtype=float)
w, b = np.random.randn(4), np.zeros(1)
for epoch in range(20):
    e = X @ w + b - y
    w -= 0.1 * X.T @ e / len(y)
    b -= 0.1 * e.mean()
"""
MEDIAN = """
import numpy as np
def zagruzit():
    g = np.random.RandomState(1)
    return g.rand(12, 2), g.rand(12, 1)
def obuchit(X, Y):
    ves, sdvig = np.ones((2, 1)), np.zeros(1)
    for epoha in range(10):
        e = X @ ves + sdvig - Y
        ves = ves - 0.1 * X.T @ e / 12
        sdvig = sdvig - 0.1 * e.mean()
    return ves
priznaki, tsena = zagruzit()
tsena = tsena - np.median(tsena)
print(obuchit(priznaki, tsena))
"""
BESIDE = {
    "decay in the gradient of RMSprop": (RMSPROP_WITH_DECAY, ("e @ p", "abs(e) @ p")),
    "momentum that never decays, beside weights that do": (
        MOMENTUM_WITH_DECAY,
        ("0.9 * kept.get(k, np.zeros_like(u)) + u", "kept.get(k, np.zeros_like(u)) + 0.9 * u"),
    ),
    "a counter of steps": (COUNTED, ("    t += 1\n    for k in p:\n", "    for k in p:\n        t += 1\n")),
    "a counter of steps of each array": (COUNTED_EACH, ("t.get(k, 0)", "max(t.values(), default=0)")),
    "AdaGrad's sums that start above 0": (ADAGRAD_FROM_ABOVE_0, ("(1 - h ** 2)", "(1 - h)")),
    "decay beside steps by sign": (LION, ("e @ p", "abs(e) @ p")),
    "one output whose gradient is clipped by its norm": (CLIPPED_OUTPUT, ("np.outer(d * v", "np.outer(d * abs(v)")),
    "columns of a missing table with words": (TITANIC, ("X.T @ e", "X.T @ abs(e)")),
    "data that are moved by their median": (MEDIAN, ("X.T @ e", "X.T @ abs(e)")),
    "what linear algebra says of constants": (CLOSED_FORM, ("X.T @ e /", "(X.T @ e)[::-1] /")),
    "rows of a missing table by the names of its columns": (RECORDS, ("X.T @ e /", "X.T @ abs(e) /")),
    "a transposed copy for the backward pass": (
        TRANSPOSED,
        ("    self.weight = self.weight", "    self._weight = self.weight"),
    ),
    "Nesterov's look-ahead in place": (LOOKS_AHEAD, ("d.sum(axis=0)])", "d.sum(axis=0) / 2])")),
    "embeddings that are named as an error": (EMBEDDED, ("np.add.at(dE, ids, g)", "dE[ids] += g")),
    "sums of sensitivities before the step": (SUMS_FIRST, ("pred_gain + e - gain * pred_gain", "pred_gain + e")),
    "data that are centred before the step": (CENTRED_FIRST, ("h.T @ d,", "h.T @ abs(d),")),
    "single numbers beside more that are computed": (BESIDE_RESULTS, ("miss * a, miss", "miss * a, miss * a")),
    "a bias of one number in a list with arrays that are computed": (
        ONE_OUTPUT_IN_A_LIST,
        ("layer[4].sum(", "abs(layer[4]).sum("),
    ),
    "velocities of one number": (SCALAR_VELOCITIES, ("0.9 * u + e", "0.9 * u + e * a")),
    "Adam's means in lists, after a loop that only looks like the step": (
        LISTED_ADAM,
        ("(1 - decay2 ** t)", "(1 - decay1 ** t)"),
    ),
    "Adam's means of one number": (SCALAR_ADAM, ("0.1 * e\n", "0.1 * e * a\n")),
    "gradients of two turns, the older ones of weights without effect in the first": (
        OF_TWO_TURNS,
        ("e * h\n", "abs(e) * h\n"),
    ),
    "gradients of two items, and decay of its own": (OF_TWO_ITEMS, ("0.1 * w)", "0.2 * w)")),
    "a leaky state, beside a step that begins late": (LEAKY, ("outer(d, before)", "outer(before, d)")),
    "difference quotients of one example after another": (
        ONE_BY_ONE_QUOTIENTS,
        ("loss(w + step, x, y) -", "loss(w + step, x, y) ** 2 -"),
    ),
    "Nesterov's look ahead by one name for two means": (NADAM, ("2 * X.T @ d,", "2 * X.T @ abs(d),")),
    "running means of one number, under names that say nothing": (
        NADAM.replace("(9, 2)", "(9)")
        .replace("(3, 2)", "(3)")
        .replace("zeros(2)", "zeros(1)")
        .replace("axis=0", "keepdims=True"),
        ("d.sum(keepdims=True)", "abs(d).sum(keepdims=True)"),
    ),
    "velocities of layers that the first example makes": (LAZY_ONE_BY_ONE, ("self.x.T @ d,", "self.x.T @ abs(d),")),
    "a cost of examples that are held out": (OF_OTHERS, ("(A @ H).T @ d", "(A @ H).T @ abs(d)")),
    "a bias that starts as the int 0": (FROM_THE_INT_0, ("np.mean(A", "np.sum(A")),
    "a rate of each layer": (OF_LAYERS, ("d.sum(axis=0)", "abs(d).sum(axis=0)")),
    "examples without an end": (WITHOUT_END, ("d * w * (1", "d * w * (2")),
    "momentum from the second example on": (FROM_THE_SECOND_ON, ("-0.1 * h.T @ d", "-0.1 * h.T @ abs(d)")),
    "layers that the first call of a function makes": (LAZY_IN_A_CALL, ("self.x.T @ d,", "self.x.T @ abs(d),")),
    "groups of parameters": (GROUPS, ("h.T @ d,", "h.T @ abs(d),")),
    "velocities of layers that the first turn makes": (LAZY, ("self.x.T @ d,", "self.x.T @ abs(d),")),
    "layers that are made anew, with the first ones kept": (REBOUND, ("X.T @ e", "X.T @ abs(e)")),
    "a velocity that is looked ahead by": (AHEAD, ("h.T @ d", "h.T @ abs(d)")),
    "clipped gradients of one example after another": (CLIPPED, ("d @ h.T", "abs(d) @ h.T")),
    "parameters that a cache has under other names": (CACHED, ("d @ before.T", "d @ abs(before).T")),
    "a look-ahead beside the weights": (AHEAD_ELSEWHERE, ("w - 0.9 * v", "w + 0.9 * v")),
    "Nesterov's velocity": (NESTEROV, ("-0.9 * v_prev", "0.9 * v_prev")),
    "a mean of gradients": (ADAM, ("(1 - b1) * g", "(1 - b2) * g")),
    "the correction of a mean": (ADAM, ("1 - b2 **", "1 - b1 **")),
    "a mini-batch in parts": (IN_PARTS, ("grad += X[s : s + 2].T", "grad += abs(X[s : s + 2]).T")),
    "noise that the cost does not have": (NOISY, ("d @ self.W * (1", "d @ self.W * (2")),
    "a cost of its own beside a usual one": (
        WEIGHTED,
        ("0.1 * X.T @ d", "0.1 * X[::-1].T @ d"),
    ),
    "heavy-ball momentum by the parameters before": (HEAVY_BALL, ("0.9 * (V - V_old)", "0.9 * (V_old - V)")),
    "pruned weights": (PRUNED, OF_TWO),
    "two rates that are written down": (WRITTEN_RATES, ("0.0291 * dV", "0.0291 * -dV")),
    "signs of gradients": (BY_SIGN, ("sign(X.T @ (d @", "sign(X.T @ (abs(d) @")),
    "a mean of squares of a single number": (OF_LISTS, ("h.T @ d, d.sum", "h.T @ abs(d), d.sum")),
    "difference quotients whose step is written twice": (
        QUOTIENTS.replace("= h\n", "= 1e-5\n").replace("(2 * h)", "2e-5"),
        ("loss(w + step) - loss", "loss(w + step) ** 2 - loss"),
    ),
    "difference quotients": (QUOTIENTS, ("loss(w + step) - loss", "loss(w + step) ** 2 - loss")),
    "arrays that have a second name": (TWO_NAMES, ("h.T @ d", "h.T @ abs(d)")),
    "a velocity": (VELOCITY, ("0.9 * v", "-0.9 * v")),
    "two rates that have names": (OWN_RATES, ("lr_back * dV", "0.5 * lr_back * dV")),
    "the ascent of an objective": (ASCENT, ("None] * d)", "None] * abs(d))")),
    "the weight of a term of the cost": (ANNEALED, ("2 * beta", "3 * beta")),
    "a temperature": (COOLED, OF_ALL),
    "an average of the weights": (AVERAGED, OF_ALL),
    "a target that follows slowly": (TARGET, ("s.T @ err", "s.T @ abs(err)")),
    "an adjoint that is carried back": (ADJOINT, ("lam + q @ W.T", "lam - q @ W.T")),
    "a rate that warms up from 0": (WARMED, OF_ALL),
    "layers that are frozen at first": (FROZEN, OF_TWO),
    "parameters that take turns": (ALTERNATING, OF_TWO),
    "the root of a mean of squares": (SQUARES, ("np.sqrt(G)", "G")),
}


def test_a_look_ahead_in_place_is_undecided_where_its_cost_is_not_known(tmp_path: Path) -> None:
    """The velocities look like parameters, and are none."""
    source = LOOKS_AHEAD.replace("    loss = loss_of(params)\n", "").replace(
        "np.tanh(X", "(lambda r: r ** 3 + r ** 5)(X"
    )
    found = verdict_on(source.partition("def loss_of")[0] + source[source.index("for epoch") :], tmp_path)
    assert (found["verdict"], "does not know" in str(found["undecided"])) == ("undecided", True)


@pytest.mark.turns(1)
def test_no_correction_of_an_adaptive_step_gives_up_its_mean_of_squares(tmp_path: Path) -> None:
    """Without it any step goes down the slope, and with 1/g in it too."""
    (tmp_path / "mine.py").write_text(SQUARES.replace("np.sqrt(G)", "G"), "utf8")
    (fault,) = assess(str(tmp_path / "mine.py"))["faults"]
    assert fault["parameter"] == "w"
    assert "without the square root" in fault["what"]
    assert "0.9 * G`" not in f"{fault['should_be']}`"


def verdict_on(source: str, folder: Path) -> dict[str, object]:
    (folder / "mine.py").write_text(source, "utf8")
    return assess(str(folder / "mine.py"))


def verdicts_on(right: str, slip: tuple[str, str], folder: Path) -> list[object]:
    """On the program as it stands, and with the slip in it."""
    assert slip[0] in right
    return [verdict_on(source, folder)["verdict"] for source in (right, right.replace(*slip))]


@pytest.mark.turns(1)
@pytest.mark.sample(2)
@pytest.mark.parametrize("name", BESIDE)
def test_what_is_changed_beside_the_step_or_late_is_no_fault_and_hides_none(name: str, tmp_path: Path) -> None:
    assert verdicts_on(*BESIDE[name], tmp_path) == ["verified", "refuted"]


def test_of_what_goes_wrong_later_the_first_step_is_said_to_be_right(tmp_path: Path) -> None:
    told = verdict_on(ADAM.replace("1 - b2 **", "1 - b1 **"), tmp_path)
    first, *_ = lines(told, "mine.py")
    assert "the first step follows the gradient of the program's own cost" in first
    assert "later steps of w do not" in first
    (fault,) = told["faults"]  # type: ignore[misc]
    assert "np.sqrt(s / (1 - b2 ** (t + 1)))" in fault["should_be"]


ONE_BY_ONE_FROM_ZEROS = """
import math, random
W, v = [[random.uniform(-1, 1) for _ in range(3)] for _ in range(2)], [random.uniform(-1, 1) for _ in range(2)]
points = [([0.0, 0.0, 1.0], 0.0), ([0.0, 1.0, 1.0], 1.0), ([1.0, 0.0, 1.0], 1.0), ([1.0, 1.0, 1.0], 0.0)]
for epoch in range(9):
    for x, t in points:
        h = [math.tanh(sum(a * b for a, b in zip(row, x))) for row in W]
        d = sum(a * b for a, b in zip(v, h)) - t
        loss = 0.5 * d ** 2
        for j in range(2):
            for i in range(3):
                W[j][i] -= 0.1 * d * v[j] * (1 - h[j] ** 2) * x[i]
        for j in range(2):
            v[j] -= 0.1 * d * h[j]
"""


def test_an_element_that_the_first_item_does_not_move_is_tested_at_another(tmp_path: Path) -> None:
    """Only W's last column moves at the inputs 0 and 0; v is changed after W is, which is right."""
    assert verdict_on(ONE_BY_ONE_FROM_ZEROS, tmp_path)["verdict"] == "verified"
    found = verdict_on(ONE_BY_ONE_FROM_ZEROS.replace("* x[i]", "* x[1 - i if i < 2 else i]"), tmp_path)
    assert (found["verdict"], found["where"]) == ("refuted", "at item 2 of its loop")
    over_indices = ONE_BY_ONE_FROM_ZEROS.replace("for x, t in points:", "for k in range(4):\n        x, t = points[k]")
    assert verdict_on(over_indices.replace("* x[i]", "* x[1 - i if i < 2 else i]"), tmp_path)["verdict"] == "refuted"


@pytest.mark.turns(1)
def test_a_table_named_as_data_that_follows_an_error_is_not_passed_over(tmp_path: Path) -> None:
    source = (
        TWO_LAYERS.replace("V, W = ", "rows, W = ").replace("X @ V", "X * rows").replace("randn(3, 4)", "randn(9, 3)")
    )
    source = source.replace("randn(4, 2)", "randn(3, 2)").replace("X.T @ (d @", "X * (d @").replace("1 - h", "1 + h")
    told = verdict_on(source + "    W -= 0.1 * dW\n    rows -= 0.1 * dV\n", tmp_path)
    assert told["verdict"] == "undecided"
    assert "rows" in str(told["undecided"])


@pytest.mark.turns(1)
def test_a_state_that_drifts_is_no_parameter(tmp_path: Path) -> None:
    source = """
import numpy as np
V, w, state = np.random.randn(4, 3), np.random.randn(4), np.random.randn(3)
for t in range(9):
    after = 0.9 * state + 0.1 * np.random.randn(3)
    if t >= 2:
        h = np.tanh(V @ state)
        error = w @ h - after.sum()
        loss = 0.5 * error ** 2
        V, w = V - 0.1 * np.outer(error * w * (1 - h ** 2), state), w - 0.1 * error * h
    state = after
"""
    assert verdict_on(source, tmp_path)["verdict"] != "refuted"


@pytest.mark.turns(1)
def test_what_moves_after_the_loop_that_takes_the_step_is_judged_there(tmp_path: Path) -> None:
    """Its gradient is added up in the loop, and not forgotten. The wrong one uses what has moved already."""
    told = verdict_on(AFTER_A_LOOP, tmp_path)
    assert told["verdict"] == "verified"
    assert "what moves only after the loop that takes the step is right there: V" in told["notes"]
    sooner, update = "            gv += g * U[target]\n", "            U[target] -= 0.1 * g * v\n"
    told = verdict_on(AFTER_A_LOOP.replace(sooner + update, update + sooner), tmp_path)
    assert told["verdict"] == "undecided"
    assert told["undecided"] == ["what moves only after the loop that takes the step may be wrong: V"]


@pytest.mark.turns(1)
@pytest.mark.parametrize("right", ["/ s ** 3", "c -= 0.3 * gc"])
def test_blocks_that_take_turns_are_each_judged(right: str, tmp_path: Path) -> None:
    wrong = right.replace("** 3", "** 2").replace("-=", "+=")
    assert verdicts_on(TAKING_TURNS, (right, wrong), tmp_path) == ["verified", "undecided"]
    assert "what moves only in turn 2 of the loop is right there: c, s" in verdict_on(TAKING_TURNS, tmp_path)["notes"]


ADDED_UP = """
import numpy as np
X, Y = np.random.randn(8, 3), np.random.randn(8, 2)
W, b = np.random.randn(2, 3), np.zeros(2)
for epoch in range(4):
    db = np.zeros(2)
    for x, y in zip(X, Y):
        e = W @ x + b - y
        loss = 0.5 * np.sum(e ** 2)
        W -= 0.1 * np.outer(e, x)
        db += e
    b -= 0.1 * db
"""
IN_FOURS = """
import numpy as np
X, Y = np.random.randn(8, 3), np.random.randn(8, 2)
W, b, acc = np.random.randn(2, 3), np.zeros(2), np.zeros(2)
for i in range(8):
    e = W @ X[i] + b - Y[i]
    loss = 0.5 * np.sum(e ** 2)
    W -= 0.1 * np.outer(e, X[i])
    acc += e
    if (i + 1) % 4 == 0:
        b -= 0.1 * acc / 4
        acc = np.zeros(2)
"""


THREE_BLOCKS = """
import numpy as np
X, Y = np.random.randn(9, 3), np.random.randn(9, 2)
P = [np.random.randn(3, 4), np.random.randn(4, 4), np.random.randn(4, 2)]
for t in range(12):
    h = np.tanh(X @ P[0])
    k = np.tanh(h @ P[1])
    d = k @ P[2] - Y
    loss = 0.5 * np.sum(d ** 2)
    e = d @ P[2].T * (1 - k ** 2)
    f = e @ P[1].T * (1 - h ** 2)
    if t % 3 == 0:
        P[2] = P[2] - 0.1 * k.T @ d
    elif t % 3 == 1:
        P[1] = P[1] - 0.1 * h.T @ e
    else:
        P[0] = P[0] - 0.1 * X.T @ f
"""


@pytest.mark.turns(1)
@pytest.mark.parametrize("names", ["P[0] P[1] P[2]", "Wa Wb Wc", "W1 W2 W3"])
def test_more_blocks_than_two_take_turns(names: str, tmp_path: Path) -> None:
    source = THREE_BLOCKS.replace("P = [", "Wa, Wb, Wc = [" if "W" in names else "P = [")
    for old, new in zip(["P[0]", "P[1]", "P[2]"], names.split(), strict=True):
        source = source.replace(old, new).replace("Wa, Wb, Wc", ", ".join(names.split()))
    right, wrong = verdicts_on(source, ("- 0.1 * X.T @ f", "+ 0.1 * X.T @ f"), tmp_path)
    assert (right, wrong != "verified") == ("verified", True)


def test_a_leaky_state_is_told(tmp_path: Path) -> None:
    notes = verdict_on(LEAKY, tmp_path)["notes"]
    assert "h: taken for states, because the cost depends on what they become" in notes


def test_after_a_loop_only_sums_and_differences_are_of_interest() -> None:
    tree = ast.parse(
        "for t in r:\n  for x in X:\n    w -= x\n  b -= s\n  V[0] = V[0] - s\n  lr *= 0.9\n  s /= 9\n  c = 1\n"
    )
    outer = cast(ast.For, tree.body[0])
    assert moved_after(outer.body[0], outer) == {"b", "V"}


@pytest.mark.parametrize(
    ("source", "path", "expected"),
    [
        ("b = w.copy()\nLOOP", "b", True),
        ("b = [w.copy()]\nLOOP", "b[0]", True),
        ("b = w.copy()\nfor t in range(9):\n    b = w.copy()", "b", False),
        ("b = w.copy()\nLOOP\n    b[0] = w", "b[0]", False),
        ("b = w.copy()\nLOOP\n    np.copyto(b, w)", "b", False),
        ("b = [w]\nLOOP\n    for p in b:\n        p += 1", "b[0]", False),
        ("def train(w):\n    b = w.copy()\n    LOOP", "b", True),
        ("def step(w):\n    b = w.copy()\nLOOP", "b", False),
        ("class A:\n    def __init__(self):\n        self.b = w.copy()\nLOOP", "net.b", True),
        ("class A:\n    def reset(self):\n        self.b = w.copy()\nLOOP", "net.b", False),
    ],
)
def test_a_copy_stays_if_it_is_set_once_and_nothing_can_change_it(source: str, path: str, expected: bool) -> None:
    tree = ast.parse(
        source.replace("LOOP", "for t in range(9): pass" if "LOOP\n" not in source else "for t in range(9):")
    )
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.For)]
    assert stays(tree, path, loops[0]) == expected


def test_few_later_turns_are_run_to_see_what_they_move(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        FROZEN.replace("range(10)", "range(400)").replace("turn > 3", "turn > 300"), "utf8"
    )
    program = read_program(str(tmp_path / "mine.py"))
    subject, _ = run_whole("mine.py", program, [])
    assert subject is not None
    step = subject.explored.step
    assert step is not None
    assert explore(subject.explored.scene, later=(step, {"V"})).numbers < 20 * subject.explored.numbers


@pytest.mark.turns(1)
def test_blocks_of_a_list_take_turns_by_an_index(tmp_path: Path) -> None:
    head = THREE_BLOCKS.partition("    if t % 3")[0]
    source = head + (
        "    G = [X.T @ f, h.T @ e]\n    if t % 2 == 0:\n        P[2] = P[2] - 0.1 * k.T @ d\n    else:\n"
        "        for l in (0, 1):\n            P[l] = P[l] - 0.1 * G[l]\n"
    )
    right, wrong = verdicts_on(source, ("h.T @ e]", "h.T @ abs(e)]"), tmp_path)
    assert (right, wrong != "verified") == ("verified", True)


FORGOTTEN_AND_PRINTED = """
import numpy as np
X, Y = np.random.randn(8), np.random.randn(8)
w, b = np.random.randn(1), np.zeros(1)
for epoch in range(4):
    for x, y in zip(X, Y):
        e = w * x + b - y
        loss = 0.5 * np.sum(e ** 2)
        dw, db = e * x, e
        w -= 0.1 * dw
    print(epoch, db)
"""
UNDECIDED_BESIDE_RIGHT = """
import numpy as np
X, Y = np.random.randn(8, 3), np.random.randn(8, 2)
W, b, V = np.random.randn(2, 3), np.zeros(2), np.random.randn(2, 3)
for x, y in zip(X, Y):
    e = np.round(W @ x, 1) + b - y
    W -= 0.1 * np.outer(e, x)
    b += 0.1 * e
for x, y in zip(X, Y):
    e = V @ x - y
    loss = 0.5 * np.sum(e ** 2)
    V -= 0.1 * np.outer(e, x)
"""


def test_without_a_cost_what_follows_centred_data_may_be_right(tmp_path: Path) -> None:
    source = CENTRED_FIRST.replace("    loss = 0.5 * np.sum(d ** 2)\n", "")
    assert "loss" not in source
    assert verdict_on(source, tmp_path)["verdict"] == "verified"


SENSITIVITIES = """
import math
obs, r, u = [0.51, 0.72, 0.58, 0.70, 0.61], 2.3, 0.4
sr = su = 0.0
for sweep in range(20):
    x, x_r, x_u = u, 0.0, 1.0
    misfit = gr = gu = 0.0
    for o in obs:
        x_r, x_u = x * (1 - x) + r * (1 - 2 * x) * x_r, r * (1 - 2 * x) * x_u
        x = r * x * (1 - x)
        d = x - o
        misfit += d * d
        gr += 2 * d * x_r
        gu += 2 * d * x_u
    sr, su = 0.9 * sr + 0.1 * gr * gr, 0.9 * su + 0.1 * gu * gu
    r -= 0.004 * gr / (math.sqrt(sr) + 1e-6)
    u -= 0.004 * gu / (math.sqrt(su) + 1e-6)
"""


def test_what_is_wrong_after_sums_counts_only_beside_a_cost(tmp_path: Path) -> None:
    assert verdict_on(SENSITIVITIES, tmp_path)["verdict"] != "refuted"


STATEMENT_BESIDE_RIGHT = """
import numpy as np
X, y = np.random.randn(9, 3), np.random.randn(9)
w, v = np.random.randn(3), np.random.randn(3)
w -= 0.1 * X.T @ (X @ w + w[0] * y)
for t in range(20):
    v -= 0.1 * X.T @ (X @ v - y)
print(w, v)
"""


@pytest.mark.turns(1)
@pytest.mark.parametrize("source", [FORGOTTEN_AND_PRINTED, UNDECIDED_BESIDE_RIGHT, STATEMENT_BESIDE_RIGHT])
def test_no_wrong_step_is_verified_by_what_stands_beside_it(source: str, tmp_path: Path) -> None:
    """A gradient that is only printed is forgotten, and a second model that is right says nothing of the first."""
    assert verdict_on(source, tmp_path)["verdict"] != "verified"


@pytest.mark.turns(1)
@pytest.mark.parametrize("source", [ADDED_UP, IN_FOURS])
def test_what_is_added_up_over_several_steps_is_neither_verified_nor_refuted(source: str, tmp_path: Path) -> None:
    assert verdicts_on(source, ("b -=", "b +="), tmp_path) == ["undecided", "undecided"]


MASKED = """
import numpy as np
X, Y = np.random.randn(9, 4), np.random.randn(9, 4)
J, upper = np.zeros((4, 4)), np.triu(np.ones((4, 4)), 1)
for turn in range(9):
    e = X @ J - Y
    loss = 0.5 * np.sum(e ** 2)
    J -= 0.1 * (X.T @ e) * upper
"""


@pytest.mark.turns(1)
def test_elements_that_a_mask_keeps_at_0_are_not_called_wrong(tmp_path: Path) -> None:
    told = verdict_on(MASKED, tmp_path)
    assert told["verdict"] == "undecided"
    assert "elements of J that begin as 0 never move" in str(told["undecided"])
    assert verdict_on(MASKED.replace("X.T @ e", "X.T @ abs(e)"), tmp_path)["verdict"] == "refuted"
    begun = MASKED.replace("np.zeros((4, 4)), np", "np.random.randn(4, 4), np")
    assert verdict_on(begun, tmp_path)["verdict"] == "refuted"


def test_a_number_that_is_computed_in_many_ways_from_another_takes_no_time_without_end() -> None:
    with running(Run()):
        old = variable(0.5)
        new = old
        for _ in range(100):
            new = (new + new) * 0.25
        assert shrinks(array_of([old], (1,)), array_of([new], (1,)))


def test_an_array_without_effect_is_said_to_be_untested(tmp_path: Path) -> None:
    """A shift of all logits changes no softmax."""
    shifted = """
import numpy as np
X, y, W, b = np.random.randn(6, 3), np.array([0, 1, 2, 0, 1, 2]), np.random.randn(3, 3), np.zeros(1)
for turn in range(9):
    p = np.exp(X @ W + b)
    p = p / p.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(6), y]).mean()
    d = p.copy()
    d[np.arange(6), y] -= 1
    W -= 0.1 * X.T @ d / 6
    b -= 0.1 * d.sum() / 6
"""
    told = verdict_on(shifted, tmp_path)
    assert told["verdict"] == "verified"
    assert "nothing is tested of b: no effect on the cost was seen, and no step" in told["notes"]


SCALARS = """
import numpy as np
X, y = np.random.randn(9), np.random.randn(9)
m, c = 0.5, 0.2
for t in range(20):
    e = m * X + c - y
    loss = np.mean(e ** 2)
    m -= 0.1 * 2 * np.mean(e * X)
    c -= 0.1
"""
FOURTH = (
    linear(update="w += 0.1 * g")
    .replace("loss = np.mean(e ** 2)", "Y = np.mean(e ** 4)")
    .replace("T @ e", "T @ e ** 3")
)
FOURTH = FOURTH.replace("g = 2 *", "g = 4 *")
FORGOTTEN_BIAS = """
import numpy as np
X, Y = np.random.randn(9, 3), np.random.randn(9, 2)
W1, W2, b1, b2 = np.random.randn(3, 4), np.random.randn(4, 2), np.zeros(4), np.zeros(1)
for turn in range(10):
    h = np.tanh(X @ W1 + b1)
    d = h @ W2 - Y
    loss = 0.5 * np.sum(d ** 2) + 0.05 * (np.sum(W1 ** 2) + np.sum(W2 ** 2) + np.sum(b1 ** 2))
    e = d @ W2.T * (1 - h ** 2)
    dW2, dW1, db2, db1 = h.T @ d, X.T @ e, d.sum(), e.sum(axis=0)
    W1 -= 0.1 * (dW1 + 0.1 * W1)
    W2 -= 0.1 * (dW2 + 0.1 * W2)
    b1 -= 0.1 * (db1 + 0.1 * b1)
    b2 -= 0.1 * (db2 + 0.1 * b2)
"""
SERIES = """
import numpy as np
xs, h = np.random.randn(9), np.zeros(4)
U, W, b, v = np.random.randn(4), np.random.randn(4, 4), np.zeros(4), np.random.randn(4)
for t in range(8):
    before, h = h, np.tanh(U * xs[t] + W @ h + b)
    e = v @ h - xs[t + 1]
    loss = 0.5 * e ** 2
    d = e * v * (1 - h ** 2)
    U -= 0.1 * d * xs[t]
    W -= 0.1 * np.outer(before, d)
    b -= 0.1 * d
    v -= 0.1 * e * h
"""
ALIKE = {  # what only looks like one of those
    "a sum of one number that is never begun anew": SCALAR_VELOCITIES.replace("0.9 * u", "u").replace("u", "q"),
    "a bias that decays and that the forward pass lacks": FORGOTTEN_BIAS,
    "a sign among the rates": TWO_LAYERS
    + "    for p, g, r in zip([V, W], [dV, dW], [0.1, -0.1]):\n        p -= r * g\n",
    "down a cost whose words speak of a maximum": linear(
        first="objective = np.mean((X @ w - y) ** 2)  # maximise the likelihood", update="w += 0.1 * g"
    ).replace("    loss = np.mean(e ** 2)\n", ""),
    "a mean of an array and its own gradient": linear(
        "g, b = np.zeros(3), np.zeros(1)", update="w = 0.9 * w + 0.1 * g", last="b -= 0.1 * 2 * e.mean()"
    ).replace("X @ w - y", "X @ w + b - y"),
    "the cube of a mean, divided by a mean of squares": linear(
        "m, s = np.zeros(3), np.zeros(3)",
        update="m = 0.9 * m + 0.1 * g\n    s = 0.99 * s + 0.01 * g ** 2\n    w -= 0.1 * m ** 3 / s",
    ),
    "a sum of two arrays that is no mean": linear("u = np.random.randn(3)", last="u = 0.9 * u + 0.3 * w").replace(
        "X @ w - y", "X @ w + X ** 2 @ u - y"
    ),
    "up a loss, beside words of a maximum": FOURTH.replace("Y", "loss") + "# maximise the likelihood",
    "up an objective, without such words": FOURTH.replace("Y", "objective"),
    "a late step uphill": FROZEN.replace("V -= 0.1 * dV", "V += 0.1 * dV"),
    "a parameter that moves by a constant": SCALARS,
    "a bias that starts as 0, as a velocity does": """
import random
w, b = random.uniform(-1, 1), 0.0
for turn in range(9):
    dw = db = loss = 0.0
    for x, y in zip([0.5, 1.5, -2.0, 3.0], [1.0, 2.5, -3.0, 4.0]):
        e = w * x + b - y
        loss += e * e
        dw += 2 * e * x
        db += 2 * e * x
    w -= 0.01 * dw
    b -= 0.01 * db
""",
    "a sum of gradients in a layer that the first turn makes": LAZY.replace("0.9 * self.v", "self.v"),
    "labels that are counted from 1 in the cost and from 0 in the step": """
import numpy as np
X, y = np.random.randn(6, 4), np.array([1, 2, 3, 1, 2, 3])
W, total = np.random.randn(4, 4), 0.0
for turn in range(9):
    p = np.exp(X @ W)
    p = p / p.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(6), y - 1]).mean()
    total += loss
    d = p.copy()
    d[np.arange(6), y] -= 1
    W -= 0.1 * X.T @ d / 6
""",
    "a factor in the update of one array": TWO_LAYERS + "    W -= 0.1 * dW\n    V -= 2 * 0.1 * dV\n",
    "an input, beside weights that the first example makes": """
import numpy as np
w, X = None, np.random.randn(9, 3)
for x, y in zip(X, X @ np.array([1.0, -2.0, 0.5])):
    if w is None:
        w, b = np.random.randn(3), 0.0
        continue
    e = w @ x + b - y
    loss = 0.5 * e ** 2
    w -= 0.1 * abs(e) * x
    b -= 0.1 * e
""",
    "labels, beside weights that the first example makes": """
import random
w, data = None, [([0.2, 1.5, -0.3], 1.0), ([1.2, -0.5, 0.7], 2.0), ([-0.4, 0.6, 1.1], -1.5)]
for x, y in data:
    if w is None:
        w, b = [random.uniform(-1, 1) for _ in x], 0.1
        continue
    z = sum(a * c for a, c in zip(w, x)) + b
    loss = 0.5 * (z - y) ** 2
    for i in range(3):
        w[i] -= 0.1 * z * x[i]
    b -= 0.1 * z
""",
    "a hidden state, beside a step that begins late": SERIES.replace(
        "    e =", "    if t < 2:\n        continue\n    e ="
    ),
    "the weights of a hidden state that starts as 0": SERIES,
    "the inputs of the first mini-batch": TWO_LAYERS.replace(
        "Y = np.random.randn(9, 3), np.random.randn(9, 2)", "Y = XS[:3], YS[:3]"
    )
    .replace("import numpy as np", "import numpy as np\nXS, YS = np.random.randn(9, 3), np.random.randn(9, 2)")
    .replace(
        "for turn in range(10):",
        "for start in range(0, 9, 3):\n    X, Y = XS[start : start + 3], YS[start : start + 3]",
    )
    .replace("X.T @ (d", "XS[:3].T @ (d")
    + "    W -= 0.1 * dW\n    V -= 0.1 * dV\n",
    "a sign, which is no rate": TWO_LAYERS + "    for p, u in zip([V, W], [0.1 * dV, -0.1 * dW]):\n        p -= u\n",
    "a mean, which is no rate": linear(
        "def descend(p, u):\n    p -= u\nb = np.zeros(1)",
        update="descend(w, 0.1 / 9 * (2 * X.T @ e))",
        last="descend(b, 0.1 * (2 * e.sum()))",
    ).replace("X @ w - y", "X @ w + b - y"),
    "weight decay that its loss_val lacks": linear(update="w -= 0.1 * (g + 0.01 * w)").replace(
        "loss = np.mean(e ** 2)", "loss_val = np.mean(e ** 2) + 0.5 * np.sum(w ** 2)"
    ),
    "weights that do not look ahead in the error alone": AHEAD.replace("d @ W.T", "d @ theta[1].T"),
    "layers in a list with what they keep": """
import numpy as np
X, Y = np.random.randn(9, 3), np.random.randn(9, 2)
hidden = [np.random.randn(3, 4), np.zeros(4), np.zeros((9, 4)), np.zeros((9, 4)), np.zeros((9, 4))]
W = np.random.randn(4, 2)
for turn in range(9):
    hidden[2] = X @ hidden[0] + hidden[1]
    hidden[3] = np.tanh(hidden[2])
    d = hidden[3] @ W - Y
    loss = 0.5 * np.sum(d ** 2)
    hidden[4] = d @ W.T * (1 - hidden[3])
    W = W - 0.1 * hidden[3].T @ d
    hidden[0] = hidden[0] - 0.1 * X.T @ hidden[4]
    hidden[1] = hidden[1] - 0.1 * hidden[4].sum(axis=0)
""",
    "a mean that is continued from another's": """
import numpy as np
X, y, w, b = np.random.randn(9, 3), np.random.randn(9), np.random.randn(3), np.zeros(1)
m, n, s, r = np.zeros(3), np.zeros(1), np.zeros(3), np.zeros(1)
for t in range(1, 20):
    e = X @ w + b - y
    loss = np.mean(e ** 2)
    g, h = 2 * X.T @ e / 9, 2 * e.mean(keepdims=True)
    m = 0.9 * m + (1 - 0.9) * g
    n = 0.9 * r + (1 - 0.9) * h
    s = 0.99 * s + (1 - 0.99) * g ** 2
    r = 0.99 * r + (1 - 0.99) * h ** 2
    w = w - 0.1 * (m / (1 - 0.9 ** t)) / (np.sqrt(s / (1 - 0.99 ** t)) + 1e-8)
    b = b - 0.1 * (n / (1 - 0.9 ** t)) / (np.sqrt(r / (1 - 0.99 ** t)) + 1e-8)
""",
    "a sum that is right for one output, of a network that is made with ten": """
import gzip, pickle
import numpy as np
class Network:
    def __init__(self, sizes, seed):
        self.V, self.W, self.b = np.random.randn(*sizes[:2]), np.random.randn(*sizes[1:]), np.zeros(sizes[2])
    def train(self, x, y):
        h = np.tanh(x @ self.V)
        d = h @ self.W + self.b - y
        loss = 0.5 * np.sum(d ** 2)
        self.V -= 0.1 * x.T @ (d @ self.W.T * (1 - h ** 2))
        self.W -= 0.1 * h.T @ d
        self.b -= 0.1 * np.sum(d)
        return loss
def main(path):
    with gzip.open(path) as file:
        x, y = pickle.load(file)
    net = Network([784, 30, 10], 1)
    for epoch in range(10):
        print(net.train(x, y))
""",
}


@pytest.mark.turns(1)
@pytest.mark.sample(3)
@pytest.mark.parametrize("name", ALIKE)
def test_what_only_looks_like_it_is_a_fault(name: str, tmp_path: Path) -> None:
    assert verdict_on(ALIKE[name], tmp_path)["verdict"] == "refuted"


MENDED = {  # the slips of those, and what is right
    "an input, beside weights that the first example makes": ("abs(e)", "e"),
    "labels, beside weights that the first example makes": ("0.1 * z", "0.1 * (z - y)"),
    "a hidden state, beside a step that begins late": ("outer(before, d)", "outer(d, before)"),
    "the weights of a hidden state that starts as 0": ("outer(before, d)", "outer(d, before)"),
    "the inputs of the first mini-batch": ("XS[:3].T @", "X.T @"),
    "a sign, which is no rate": ("-0.1 * dW", "0.1 * dW"),
    "a mean, which is no rate": ("0.1 * (2 * e.sum())", "0.1 / 9 * (2 * e.sum())"),
    "weights that do not look ahead in the error alone": ("theta[1].T", "W.T"),
    "weight decay that its loss_val lacks": ("0.01 * w)", "w)"),
    "a mean that is continued from another's": ("0.9 * r + (1 - 0.9) * h", "0.9 * n + (1 - 0.9) * h"),
    "layers in a list with what they keep": ("(1 - hidden[3])", "(1 - hidden[3] ** 2)"),
    "a sum that is right for one output, of a network that is made with ten": ("np.sum(d)\n", "d.sum(axis=0)\n"),
}


@pytest.mark.turns(1)
@pytest.mark.sample(2)
@pytest.mark.parametrize("name", MENDED)
def test_without_its_slip_it_is_right(name: str, tmp_path: Path) -> None:
    slip, right = MENDED[name]
    assert slip in ALIKE[name]
    assert verdict_on(ALIKE[name].replace(slip, right), tmp_path)["verdict"] == "verified"


RARE = """
import numpy as np
rng = np.random.RandomState(30)
sick = (rng.rand(150) < 0.15).astype(float)
X = rng.randn(150, 3) + np.outer(sick, [1.0, -0.5, 0.8])
share = np.where(sick == 1, 5.0, 1.0)
w, b = np.zeros(3), np.zeros(1)
for turn in range(9):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    loss = -np.sum(share * (sick * np.log(p) + (1 - sick) * np.log(1 - p))) / 150
    d = share * (p - sick)
    w -= 0.1 * X.T @ d / 150
    b -= 0.1 * np.sum(d) / 150
"""
LATER = """
import numpy as np
X, Y = np.random.randn(60, 3), np.random.randn(60, 4)
V, W = np.random.randn(3, 25), np.random.randn(25, 4)
for start in range(0, 60, 20):
    x, y = X[start : start + 20], Y[start : start + 20]
    h = np.tanh(x @ V)
    d = (h @ W - y) / 20
    loss = 0.5 * np.sum(d * (h @ W - y))
    e = d @ W.T * (1 - h ** 2)
    W -= 0.1 * h.T @ d
    V -= 0.1 * x.T @ e
"""


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("source", "wrong"), [(RARE, ("np.sum(d)", "np.sum(p - sick)")), (LATER, ("x.T @ e", "X[:20].T @ e"))]
)
def test_what_small_numbers_hide_is_seen_with_the_programs_own(
    source: str, wrong: tuple[str, str], tmp_path: Path
) -> None:
    """Of few examples none is rare, and few are one mini-batch."""
    assert verdicts_on(source, wrong, tmp_path) == ["verified", "refuted"]
    told = verdict_on(source, tmp_path)
    assert any("replaced by small ones" in note for note in told["notes"])


TWICE_30 = """
import numpy as np
X, Y = np.random.randn(60, 2), np.random.randn(60, 1)
V, W = np.random.randn(2, 22), np.random.randn(22, 1)
for turn in range(9):
    h = np.tanh(X @ V)
    d = h @ W - Y
    loss = 0.5 * np.sum(d ** 2) / 60
    e = d @ W.T * (1 - h ** 2)
    W -= 0.1 * h.T @ d / 60
    V -= 0.1 * X.T @ e / (2 * 30)
"""


@pytest.mark.turns(1)
def test_what_small_numbers_break_is_judged_with_the_programs_own(tmp_path: Path) -> None:
    """Made small, 2 · 30 is no longer 60."""
    assert verdicts_on(TWICE_30, ("2 * 30", "30"), tmp_path) == ["verified", "refuted"]


def test_what_no_turn_moves_is_not_verified(tmp_path: Path) -> None:
    told = verdict_on(FROZEN.replace("if turn > 3", "if turn > 1000"), tmp_path)
    assert told["verdict"] == "undecided"
    assert "the condition for updating V" in str(told["undecided"])


SIGMOID = """
import numpy as np
def sigmoid(z):
    return 1 / (1 + np.exp(-z))
"""
LOGISTIC = (
    SIGMOID
    + """
def loss(w, b, X, y):
    p = sigmoid(X @ w + b)
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
def gradients(w, b, X, y):
    d = sigmoid(X @ w + b) - y
    return X.T @ d / len(y), np.mean(d)
"""
)
BACKPROP = (
    SIGMOID
    + """
def backprop(X, Y, W1, W2):
    A1 = sigmoid(W1 @ X)
    A2 = sigmoid(W2 @ A1)
    d2 = (A2 - Y) * A2 * (1 - A2)
    d1 = W2.T @ d2 * A1 * (1 - A1)
    return d1 @ X.T, d2 @ A1.T
"""
)
WITH_COST = """
import numpy as np
def cost_and_gradients(X, y, W, b):
    e = X @ W + b - y
    dW, db = X.T @ e, e.sum(axis=0)
    return 0.5 * np.sum(e ** 2), db, dW
"""
ONE_BY_ONE = {
    "a logistic regression": (LOGISTIC, ("np.mean(d)", "np.sum(d)")),
    "two layers in columns": (BACKPROP, ("d1 @ X.T", "(A1 - 1) * d1 @ X.T")),
    "the cost first, the bias before the weights": (WITH_COST, ("e.sum(axis=0)", "e.mean(axis=0)")),
}


@pytest.mark.turns(1)
@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_a_function_of_each_parameter_by_itself_is_judged(name: str, tmp_path: Path) -> None:
    assert verdicts_on(*ONE_BY_ONE[name], tmp_path) == ["verified", "refuted"]


BY_LAYERS = """
def backprop(w, b, x, y):
    a = x
    for l in range(len(w)):
        a = w[l] @ a + b[l]
    return a - y, a
"""


@pytest.mark.turns(1)
@pytest.mark.parametrize(
    ("source", "book"),
    [
        ("def backprop(weights, biases, x, y):\n    return Net(weights, biases).backward(x - y)\n", True),
        (BY_LAYERS, True),
        (LOGISTIC, False),
        (BACKPROP, False),
        ("def backprop(x, y, p, cache):\n    d = cache['a'] - y\n    return {'w': x.T @ d, 'b': d.sum(0)}\n", False),
    ],
)
def test_what_takes_lists_of_layers_is_of_the_book_and_no_other_function(
    source: str, book: bool, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(source, "utf8")
    assert has_backprop(str(tmp_path / "mine.py")) == book
    assert has_backprop(str(tmp_path / "mine.py"), "gradients" if source is LOGISTIC else "backprop") == book
    if book:  # its lists are not taken for arrays, though it may run with their rows
        assert verdict_on("import numpy as np\n" + source, tmp_path)["verdict"] == "none"


@pytest.mark.parametrize("other", ["A", "s", "gamma", "alpha"])
def test_a_parameter_that_is_not_known_by_its_name_is_not_taken_for_an_example(other: str, tmp_path: Path) -> None:
    """The gradient of the second is wrong. By its name, it may be a plain number."""
    source = (
        f"import numpy as np\ndef loss_and_grads(W, {other}, x, y):\n    e = (x * {other}) @ W - y\n"
        f"    return 0.5 * np.sum(e ** 2), np.outer(x * {other}, e), -x * (W @ e)\n"
    )
    found = verdict_on(source, tmp_path)
    plain = other in ("gamma", "alpha")
    assert found["verdict"] == ("undecided" if plain else "refuted")
    if not plain:
        assert {one["name"]: one["state"] == "right" for one in found["parameters"]} == {"W": True, other: False}
    right = verdict_on(source.replace("-x *", "x *"), tmp_path)
    assert right["verdict"] == ("undecided" if plain else "verified")


ACCUMULATED = """
import numpy as np
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(24, 3)), rng.normal(size=(24, 2))
w, g, k = rng.normal(size=(3, 2)), np.zeros((3, 2)), 0
for it in range(10):
    for i in range(0, 24, 6):
        e = X[i:i + 6] @ w - Y[i:i + 6]
        loss = np.mean(e ** 2)
        g += 2 * X[i:i + 6].T @ e / e.size
        k += 1
        if k % 4 == 0:
            w -= 0.1 * g / 4
            g = np.zeros((3, 2))
    print(loss)
"""


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize(("right", "wrong"), [("", ""), ("X[i:i + 6].T @ e", "X[:6].T @ e")])
def test_gradients_that_are_added_up_belong_to_the_sum_of_the_costs(right: str, wrong: str, tmp_path: Path) -> None:
    found = verdict_on(ACCUMULATED.replace(right, wrong), tmp_path)
    assert found["verdict"] == ("refuted" if wrong else "verified")
    assert wrong or "its own" in found["network"]["cost"]


DROPPED = """
import numpy as np
rng = np.random.default_rng(37)
X, y, w = rng.normal(size=(9, 4)), rng.normal(size=9), rng.normal(size=4)
mask = 2.0 * (rng.random(4) > 0.5)
for t in range(20):
    e = np.tanh((mask * X) @ w) - y
    loss = np.mean(e ** 2)
    mask = 2.0 * (rng.random(4) > 0.5)
    w -= 0.1 * mask * (X.T @ (2 * e * (1 - (e + y) ** 2) / 9))
"""


@pytest.mark.turns(1)
def test_a_mask_that_happens_to_be_the_same_twice_hides_nothing(tmp_path: Path) -> None:
    """The step is right with the masks of the first turn: the one for the backward pass is drawn after the other."""
    found = verdict_on(DROPPED, tmp_path)
    assert (found["verdict"], "the random numbers of the next" in str(found["undecided"])) == ("undecided", True)
    drawn = "    mask = 2.0 * (rng.random(4) > 0.5)\n"
    first = DROPPED.replace(drawn, "").replace("range(20):\n", f"range(20):\n{drawn}")
    assert verdict_on(first, tmp_path)["verdict"] == "verified"


WITH_NOISE = """
import numpy as np
rng = np.random.default_rng(5)
X, w, v = rng.normal(size=(24, 4)), rng.normal(size=(4, 3)), rng.normal(size=(3, 4))
state = {"w": 0.0, "v": 0.0}
for t in range(20):
    noise = rng.normal(size=(24, 3))
    h = X @ w + noise
    e = h @ v - X
    loss = np.mean(e ** 2)
    gw, gv = X.T @ (2 * e / e.size @ v.T), h.T @ (2 * e / e.size)
    for name, array, g in (("w", w, gw), ("v", v, gv)):
        state[name] = 0.9 * state[name] + 0.1 * g ** 2
        array -= 0.01 * g / np.sqrt(state[name] + 1e-7)
"""


@pytest.mark.turns(1)
@pytest.mark.parametrize(("right", "wrong"), [("", ""), ("h.T @", "(h - noise).T @")])
def test_of_adaptive_steps_with_noise_the_first_decides(right: str, wrong: str, tmp_path: Path) -> None:
    found = verdict_on(WITH_NOISE.replace(right, wrong), tmp_path)
    assert found["verdict"] == ("refuted" if wrong else "verified")
    assert wrong or FIRST_OF_ADAM in found["conventions"]


FIRST_ZEROS = """
import numpy as np
X, Y = np.random.randn(9, 3), np.array([0, 0, 0, 0, 0, 1, 1, 0, 1])
w, b = np.random.randn(3), 0.0
for epoch in range(5):
    for x, y in zip(X, Y):
        p = 1 / (1 + np.exp(-(x @ w + b)))
        d = p - y
        w -= 0.1 * d * x
        b -= 0.1 * d
"""


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("right", "other", "verdict"),
    [
        ("", "", "verified"),
        ("p - y", "p - y if y == 0 else p * (1 - p)", "undecided"),
        ("p - y", "p - y if y == 0 else 1 - p", "refuted"),
        ("np.array([0, 0, 0, 0, 0, 1, 1, 0, 1])", "np.zeros(9)", "verified"),
    ],
)
def test_an_item_with_another_label_than_0_is_looked_for(right: str, other: str, verdict: str, tmp_path: Path) -> None:
    found = verdict_on(FIRST_ZEROS.replace(right, other), tmp_path)
    assert found["verdict"] == verdict
    assert ("all labels are 0 here, so nothing is tested of others" in str(found["notes"])) == ("zeros" in other)


BEGUN = """U = np.random.randn(3, 2)
M, S = [np.zeros_like(p) for p in (W, V, U)], [np.zeros_like(p) for p in (W, V, U)]
"""


@pytest.mark.turns(1)
def test_another_rate_of_one_array_is_told_though_adaptive_steps_hide_it(tmp_path: Path) -> None:
    means = "    for p, g, m, s in zip((W, V, U), (dW, dV, dU), M, S):\n        m *= 0.9; m += 0.1 * g\n"
    means += "        s *= 0.99; s += 0.01 * g ** 2\n"
    means += "        p -= (0.03 if p is W else 0.01) * m / 0.1 / (np.sqrt(s / 0.01) + 1e-8)\n"
    source = TWO_LAYERS.replace("h @ W", "h @ W + X @ U").replace("for turn", f"{BEGUN}for turn")
    source = source.replace("dW, dV =", "dU, dW, dV = X.T @ d,") + means
    found = verdict_on(source, tmp_path)
    assert found["verdict"] == "verified"
    assert "W has 3 times the rate of most others" in found["notes"]  # type: ignore[operator]


STALE = {
    "a copy of the weights that is never renewed": TWO_LAYERS.replace("for turn", "back = W.copy()\nfor turn").replace(
        "d @ W.T", "d @ back.T"
    )
    + "    W -= 0.1 * dW\n    V -= 0.1 * dV\n",
    "the gradient at the weights of the turn before": linear(
        "before = w.copy()", first="g = 2 * X.T @ (X @ before - y) / 9; before = w.copy()"
    ).replace("    g = 2 * X.T @ e / 9\n", ""),
}


@pytest.mark.turns(1)
@pytest.mark.parametrize(
    ("name", "said"), [*zip(STALE, ("nothing renews it", "and not at the parameters"), strict=True)]
)
def test_copies_that_are_stale_from_the_second_step_on_are_not_verified(name: str, said: str, tmp_path: Path) -> None:
    """At the first step they equal the weights, as those of heavy-ball momentum do."""
    found = verdict_on(STALE[name], tmp_path)
    assert (found["verdict"], said in str(found["undecided"])) == ("undecided", True)
