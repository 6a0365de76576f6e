# EXPECT right: cross-entropy of a plain recurrent network over characters, gradients clipped where they are large
# FORM script over globals, a text that is not there, lossFun of index lists, samples that are drawn and printed, Adagrad
import numpy as np

text = open("input.txt").read()
signs = sorted(set(text))
size, hidden, length, rate = len(signs), 50, 25, 0.1
place = {sign: k for k, sign in enumerate(signs)}

Wxh = 0.01 * np.random.randn(hidden, size)
Whh = 0.01 * np.random.randn(hidden, hidden)
Why = 0.01 * np.random.randn(size, hidden)
bh, by = np.zeros((hidden, 1)), np.zeros((size, 1))


def lossFun(inputs, targets, h_before):
    xs, hs, ps, loss = {}, {-1: np.copy(h_before)}, {}, 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((size, 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(Wxh @ xs[t] + Whh @ hs[t - 1] + bh)
        y = Why @ hs[t] + by
        ps[t] = np.exp(y) / np.sum(np.exp(y))
        loss += -np.log(ps[t][targets[t], 0])
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby, dh_next = np.zeros_like(bh), np.zeros_like(by), np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += dy @ hs[t].T
        dby += dy
        dz = (Why.T @ dy + dh_next) * (1 - hs[t] * hs[t])
        dbh += dz
        dWxh += dz @ xs[t].T
        dWhh += dz @ hs[t - 1].T
        dh_next = Whh.T @ dz
    for slope in (dWxh, dWhh, dWhy, dbh, dby):
        np.clip(slope, -5, 5, out=slope)
    return loss, dWxh, dWhh, dWhy, dbh, dby, hs[len(inputs) - 1]


def sample(h, seed, n):
    x = np.zeros((size, 1))
    x[seed] = 1
    drawn = []
    for _ in range(n):
        h = np.tanh(Wxh @ x + Whh @ h + bh)
        y = Why @ h + by
        p = np.exp(y) / np.sum(np.exp(y))
        chosen = np.random.choice(range(size), p=p.ravel())
        x = np.zeros((size, 1))
        x[chosen] = 1
        drawn.append(chosen)
    return drawn


n, p = 0, 0
memory = [np.zeros_like(w) for w in (Wxh, Whh, Why, bh, by)]
while True:
    if p + length + 1 >= len(text) or n == 0:
        h_before, p = np.zeros((hidden, 1)), 0
    inputs = [place[sign] for sign in text[p:p + length]]
    targets = [place[sign] for sign in text[p + 1:p + length + 1]]
    if n % 100 == 0:
        print("".join(signs[k] for k in sample(h_before, inputs[0], 20)))
    loss, dWxh, dWhh, dWhy, dbh, dby, h_before = lossFun(inputs, targets, h_before)
    for w, slope, kept in zip((Wxh, Whh, Why, bh, by), (dWxh, dWhh, dWhy, dbh, dby), memory):
        kept += slope * slope
        w += -rate * slope / np.sqrt(kept + 1e-8)
    p += length
    n += 1
