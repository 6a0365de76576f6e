"""Backprops that are wrong before any value is: shapes, dtypes, aliases, memory of other calls."""

from itertools import count

import numpy as np

from tests.judge.catalogue import backprop, shown


def returning(change):
    """The right answer with one thing done to it before it is returned."""

    def submission(weights, biases, x, y):
        return change(*backprop()(weights, biases, x, y), weights=weights, x=x)

    return submission


def doubles_w(d, b, w, weights, x):
    weights[0] *= 2
    return d, b, w


def rebinds_w(d, b, w, weights, x):
    weights[0] = weights[0] - 0.5 * w[0]
    return d, b, w


def reverses_w(d, b, w, weights, x):
    weights.reverse()
    return d, b, w


def aliased(d, b, w, weights, x):
    memory = np.zeros(200)
    return d, [memory[: len(g)].reshape(g.shape) for g in b], w


class Remembers:
    calls = 0

    def __call__(self, weights, biases, x, y):
        self.calls += 1
        d, b, w = backprop()(weights, biases, x, y)
        return d, [g * (1 + (self.calls > 20)) for g in b], w


def into_integers(weights, biases, x, y):
    d, b, w = backprop()(weights, biases, x, y)
    error = np.zeros_like(y)  # of integers, if y is
    error[:] = d[-1]
    return [*d[:-1], error * 1.0], b, w


overflows = backprop(activation=lambda z: np.exp(z) / (1 + np.exp(z)))


class CachesActivations:
    """Takes the activations of the call before, if they fit: a forward pass that is cached and not invalidated."""

    cached = ()

    def __call__(self, weights, biases, x, y):
        d, b, _, _, a = shown()(weights, biases, x, y)
        used = self.cached if [v.shape for v in self.cached] == [v.shape for v in a] else a
        self.cached = a
        return d, b, [v @ h.T / x.shape[1] for v, h in zip(d, used, strict=False)]


def in_place(weights, biases, x, y):
    d, b, w, _, a = shown()(weights, biases, x, y)
    return d, b, w, a[1:], a


TROUBLES = {  # what it does: (the submission, the kind of fault, words that must be said)
    "changes w": (returning(doubles_w), "mutation", "changes its argument w1"),
    "rebinds w": (returning(rebinds_w), "mutation", "changes its argument weights, a list"),
    "reverses w": (returning(reverses_w), "mutation", "changes its argument weights, a list"),
    "aliased": (returning(aliased), "mutation", "share memory"),
    "remembers": (Remembers(), "mutation", "keeps state between calls"),
    "None": (returning(lambda *a, **k: None), "shape", "returns NoneType"),
    "four values": (returning(lambda d, b, w, **k: (d, b, w, w)), "shape", "returns 4 values"),
    "too few layers": (returning(lambda d, b, w, **k: (d, b[1:], w)), "shape", "one per layer"),
    "strings": (returning(lambda d, b, w, **k: (d, b, [g.astype(str) for g in w])), "dtype", "<U"),
    "integers": (returning(lambda d, b, w, **k: (d, b, [g.astype(int) for g in w])), "dtype", "int64"),
    "float16": (returning(lambda d, b, w, **k: (d, b, [g.astype("f2") for g in w])), "dtype", "float16"),
    "float32": (returning(lambda d, b, w, **k: (d, b, [g.astype("f4") for g in w])), "dtype", "float32"),
    "the other axis": (
        returning(lambda d, b, w, **k: (d, [v.mean(0, keepdims=True) for v in d], w)),
        "shape",
        "the other axis",
    ),
    "a view of x": (returning(lambda d, b, w, x, **k: (d, b, [x[:1, :1], *w[1:]])), "mutation", "a view of one of its"),
    "ragged": (returning(lambda d, b, w, **k: (d, b, [[[1.0], [1.0, 2.0]] for g in w])), "shape", "not an array"),
    "without end": (returning(lambda d, b, w, **k: (d, b, (w[0].copy() for _ in count()))), "shape", "1000 arrays"),
    "not averaged": (returning(lambda d, b, w, **k: (d, d, w)), "shape", "not averaged over the mini-batch"),
    "element by element": (
        backprop(weight=lambda p, i, d: d * np.resize(p.a[i - 1], d.shape)),
        "shape",
        "not the outer product",
    ),
    "masked": (returning(lambda d, b, w, **k: (d, b, [np.ma.masked_less(g, 0) for g in w])), "dtype", "masked array"),
    "σ in place": (in_place, "mutation", "z1 and a1 are the same array"),
    "caches activations": (CachesActivations(), "mutation", "keeps state between calls"),
    "into integers": (into_integers, "dtype", "integers in x and y"),
    "σ overflows": (overflows, "a", "σ overflows"),
    "raises": (returning(lambda *a, **k: 1 / 0), "raises", "ZeroDivisionError"),
}
