"""Wrong backprops, one behaviour each, and correct ones in other people's conventions.

Built from one plain backprop whose rules are replaced. Nothing here is shared with the judge: it must find out.
"""

from typing import Any, NamedTuple

import numpy as np


def sigma(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def slope(z):
    return sigma(z) * sigma(-z)


class Pass(NamedTuple):
    w: Any
    b: Any
    z: Any
    a: Any
    y: Any

    @property
    def e(self):
        return self.a[-1] - self.y


RIGHT = {
    "forward": lambda w, b, a: w @ a + b,
    "activation": sigma,
    "output": lambda p: p.e * slope(p.z[-1]),
    "hidden": lambda p, i, d: (p.w[i].T @ d[i]) * slope(p.z[i - 1]),  # δ^i; p.w[i] is w^{i+1}, d[i] is δ^{i+1}
    "bias": lambda p, i, d: d.mean(axis=1, keepdims=True),
    "weight": lambda p, i, d: d @ p.a[i - 1].T / d.shape[1],
}


def backprop(**rules):
    """backprop(weights, biases, x, y) with these rules in place of the right ones."""
    rule = RIGHT | rules

    def submission(weights, biases, x, y):
        zs, activations = [], [x]
        for w, b in zip(weights, biases, strict=True):
            zs.append(rule["forward"](w, b, activations[-1]))
            activations.append(rule["activation"](zs[-1]))
        p, depth = Pass(weights, biases, zs, activations, y), len(weights)
        d = [None] * depth
        d[-1] = rule["output"](p)
        for i in range(depth - 1, 0, -1):
            d[i - 1] = rule["hidden"](p, i, d)
        layers = range(1, depth + 1)
        return d, [rule["bias"](p, i, d[i - 1]) for i in layers], [rule["weight"](p, i, d[i - 1]) for i in layers]

    return submission


EQUATIONS = {"output": "BP1", "hidden": "BP2", "bias": "BP3", "weight": "BP4"}
SAME = 1e-13  # two ways of writing one rule differ by less


def places(rules, problems):
    """In which equations and layers these rules give other numbers than the right ones would from the same inputs."""
    here = set()

    def watched(kind, rule):
        def both(*given):
            got, right = rule(*given), RIGHT[kind](*given)
            layer = len(given[0].w) if kind == "output" else given[1]
            if np.shape(got) != right.shape:
                raise ValueError("no answer of the right shape")
            if (np.abs(got - right) > SAME * np.abs(right)).any():
                here.add((EQUATIONS[kind], layer))
            return got

        return both

    seen, watching = set(), backprop(**{kind: watched(kind, rule) for kind, rule in rules.items()})
    for problem in problems:
        here.clear()
        try:
            watching(*problem)
        except ValueError:  # it has no answer there
            continue
        seen |= here
    return seen


def pulled_back(p, i):
    error = p.e
    for w in reversed(p.w[i:]):
        error = w.T @ error
    return error


def first_layer(wrong):
    """The hidden rule `wrong` in layer 1 only."""
    return lambda p, i, d: wrong(p, i, d) if i == 1 else RIGHT["hidden"](p, i, d)


def tanh_prime(a):
    return 1 - a * a


# what was done: (rules, equation, a word of the name that must be given, or None where no name may be given)
WRONG = {
    "σ′ missing at the output": ({"output": lambda p: p.e}, "BP1", "σ′ is missing"),
    "σ′(a) at the output": ({"output": lambda p: p.e * slope(p.a[-1])}, "BP1", "a in place of z"),
    "tanh′ at the output": ({"output": lambda p: p.e * tanh_prime(p.a[-1])}, "BP1", "tanh"),
    "σ for σ′ at the output": ({"output": lambda p: p.e * p.a[-1]}, "BP1", "σ in place of σ′"),
    "σ′ twice at the output": ({"output": lambda p: p.e * slope(p.z[-1]) ** 2}, "BP1", "applied twice"),
    "one-hot off by one": (
        {"output": lambda p: (p.a[-1] - np.roll(p.y, 1, 0)) * slope(p.z[-1])}, "BP1", "one class off"),
    "y forgotten": ({"output": lambda p: p.a[-1] * slope(p.z[-1])}, "BP1", "y is missing"),
    "δ averaged": ({"output": lambda p: p.e * slope(p.z[-1]) / p.y.shape[1]}, "BP1", "already taken in δ"),
    "output error forgotten": ({"output": lambda p: 0 * p.e}, "BP1", "left at 0"),
    "matrices at the output": ({"output": lambda p: p.e @ slope(p.z[-1])}, "BP1", "⊙ is a matrix product"),
    "absolute error": ({"output": lambda p: np.abs(p.e) * slope(p.z[-1])}, "BP1", None),
    "error cubed": ({"output": lambda p: p.e**3 * slope(p.z[-1])}, "BP1", None),
    "σ′ missing in hidden layers": ({"hidden": lambda p, i, d: p.w[i].T @ d[i]}, "BP2", "σ′ is missing"),
    "σ′ missing in layer 1": ({"hidden": first_layer(lambda p, i, d: p.w[i].T @ d[i])}, "BP2", "σ′ is missing"),
    "σ′(a) in hidden layers": (
        {"hidden": lambda p, i, d: (p.w[i].T @ d[i]) * slope(p.a[i])}, "BP2", "a in place of z"),
    "tanh′ in hidden layers": (
        {"hidden": lambda p, i, d: (p.w[i].T @ d[i]) * tanh_prime(p.a[i])}, "BP2", "tanh"),
    "σ for σ′ in hidden layers": ({"hidden": lambda p, i, d: (p.w[i].T @ d[i]) * p.a[i]}, "BP2", "σ in place of σ′"),
    "σ′ twice in hidden layers": (
        {"hidden": lambda p, i, d: (p.w[i].T @ d[i]) * slope(p.z[i - 1]) ** 2}, "BP2", "applied twice"),
    "the error propagated": (
        {"hidden": lambda p, i, d: pulled_back(p, i) * slope(p.z[i - 1])}, "BP2", "aᴸ − y is propagated"),
    "w not transposed": (
        {"hidden": lambda p, i, d: (p.w[i] @ d[i]) * slope(p.z[i - 1])}, "BP2", "not transposed"),
    "w of the wrong layer": (
        {"hidden": lambda p, i, d: (p.w[i - 1].T @ d[i]) * slope(p.z[i - 1])}, "BP2", "wrong layer"),
    "w forgotten": ({"hidden": lambda p, i, d: d[i] * slope(p.z[i - 1])}, "BP2", "w is left out"),
    "σ′ before w": (
        {"hidden": lambda p, i, d: p.w[i].T @ (d[i] * slope(p.z[i]))}, "BP2", "before w"),
    "matrices in hidden layers": (
        {"hidden": lambda p, i, d: (p.w[i].T @ d[i]) @ slope(p.z[i - 1])}, "BP2", "⊙ is a matrix product"),
    "hidden sign": ({"hidden": lambda p, i, d: -(p.w[i].T @ d[i]) * slope(p.z[i - 1])}, "BP2", "sign"),
    "hidden factor 2": ({"hidden": lambda p, i, d: 2 * (p.w[i].T @ d[i]) * slope(p.z[i - 1])}, "BP2", "factor of 2"),
    "hidden factor ½": ({"hidden": lambda p, i, d: (p.w[i].T @ d[i]) * slope(p.z[i - 1]) / 2}, "BP2", "factor of ½"),
    "layer 1 skipped": ({"hidden": first_layer(lambda p, i, d: 0 * p.z[0])}, "BP2", "skipped"),
    "w updated first": (
        {"hidden": lambda p, i, d: ((p.w[i] - 0.25 * d[i] @ p.a[i].T / d[i].shape[1]).T @ d[i]) * slope(p.z[i - 1])},
        "BP2", "updated before δ is propagated (η = 0.25)"),
    "w updated first, by the sum": (
        {"hidden": lambda p, i, d: ((p.w[i] - 0.25 * d[i] @ p.a[i].T).T @ d[i]) * slope(p.z[i - 1])},
        "BP2", "updated"),
    "σ′ of the layer above": (
        {"hidden": lambda p, i, d: (p.w[i].T @ d[i]) * slope(p.z[i])}, "BP2", "from the layer above"),
    "output error in every layer": (
        {"hidden": lambda p, i, d: p.e * slope(p.z[i - 1])}, "BP2", "the output error is used in every layer"),
    "hidden δ clipped": (
        {"hidden": lambda p, i, d: np.clip((p.w[i].T @ d[i]) * slope(p.z[i - 1]), -1e-4, 1e-4)}, "BP2", None),
    "hidden δ averaged over neurons": (
        {"hidden": lambda p, i, d: (p.w[i].T @ d[i]) * slope(p.z[i - 1]) / (1 + len(p.w[i].T))}, "BP2", None),
    "w rounded to float32": (
        {"hidden": lambda p, i, d: (p.w[i].astype("f4").astype("f8").T @ d[i]) * slope(p.z[i - 1])}, "BP2", None),
    "weight decay in δ": (
        {"hidden": lambda p, i, d: (p.w[i].T @ d[i]) * slope(p.z[i - 1]) + 1e-3 * p.w[i].sum()}, "BP2", None),
    "largest example of the bias": ({"bias": lambda p, i, d: d.max(1, keepdims=True)}, "BP3", None),
    "bias decay": ({"bias": lambda p, i, d: d.mean(1, keepdims=True) + 0.1 * p.b[i - 1]}, "BP3", "0.1 b is added"),
    "bias gradient forgotten": ({"bias": lambda p, i, d: 0 * d[:, :1]}, "BP3", "left at 0"),
    "bias gradient summed": ({"bias": lambda p, i, d: d.sum(1, keepdims=True)}, "BP3", "summed, not averaged"),
    "bias gradient over m²": ({"bias": lambda p, i, d: d.mean(1, keepdims=True) / d.shape[1]}, "BP3", "m twice"),
    "bias gradient over neurons": (
        {"bias": lambda p, i, d: 0 * d[:, :1] + d.sum() / d.shape[1]}, "BP3", "over the neurons as well"),
    "bias gradient over neurons and batch": (
        {"bias": lambda p, i, d: 0 * d[:, :1] + d.sum()}, "BP3", "over the neurons as well, and not averaged"),
    "first example of the bias": ({"bias": lambda p, i, d: d[:, :1] + 0}, "BP3", "first example"),
    "last example of the bias": ({"bias": lambda p, i, d: d[:, -1:] + 0}, "BP3", "last example"),
    "bias sign": ({"bias": lambda p, i, d: -d.mean(1, keepdims=True)}, "BP3", "sign"),
    "bias factor 2": ({"bias": lambda p, i, d: 2 * d.mean(1, keepdims=True)}, "BP3", "factor of 2"),
    "bias times a": ({"bias": lambda p, i, d: (d * p.a[i]).mean(1, keepdims=True)}, "BP3", "as if it were a weight"),
    "constant added": ({"bias": lambda p, i, d: d.mean(1, keepdims=True) + 1e-3}, "BP3", "the number 0.001 is added"),
    "weight gradient summed": ({"weight": lambda p, i, d: d @ p.a[i - 1].T}, "BP4", "summed, not averaged"),
    "weight gradient over m²": ({"weight": lambda p, i, d: d @ p.a[i - 1].T / d.shape[1] ** 2}, "BP4", "m twice"),
    "weight gradient forgotten": ({"weight": lambda p, i, d: 0 * p.w[i - 1]}, "BP4", "left at 0"),
    "image not scaled": (
        {"weight": lambda p, i, d: d @ p.a[i - 1].T / d.shape[1] * (255 if i == 1 else 1)}, "BP4", "not scaled"),
    "a of the example before": (
        {"weight": lambda p, i, d: d @ np.roll(p.a[i - 1], 1, 1).T / d.shape[1]}, "BP4", "the previous example"),
    "first example of the weights": ({"weight": lambda p, i, d: d[:, :1] @ p.a[i - 1][:, :1].T}, "BP4", "first"),
    "weight sign": ({"weight": lambda p, i, d: -d @ p.a[i - 1].T / d.shape[1]}, "BP4", "sign"),
    "weight factor ½": ({"weight": lambda p, i, d: d @ p.a[i - 1].T / d.shape[1] / 2}, "BP4", "factor of ½"),
    "σ′ once more": (
        {"weight": lambda p, i, d: (d * slope(p.z[i - 1])) @ p.a[i - 1].T / d.shape[1]}, "BP4", "once more"),
    "a of the layer itself": ({"weight": lambda p, i, d: d @ p.a[i].T / d.shape[1]}, "BP4", "the layer itself"),
    "weight decay left in": (
        {"weight": lambda p, i, d: d @ p.a[i - 1].T / d.shape[1] + 0.01 * p.w[i - 1]}, "BP4",
        "weight decay is left in: 0.01 w"),
    "weight decay over m": (
        {"weight": lambda p, i, d: (d @ p.a[i - 1].T + 0.3 * p.w[i - 1]) / d.shape[1]}, "BP4", "0.3 w/m is added"),
    "nominal batch size": ({"weight": lambda p, i, d: d @ p.a[i - 1].T / 10}, "BP4",
        "multiplied by 0.1, not by 1/m"),
    "weights divided by all examples": ({"weight": lambda p, i, d: d @ p.a[i - 1].T / 50000}, "BP4", "by 2e-05, not"),
    "bias divided by all examples": (
        {"bias": lambda p, i, d: d.sum(1, keepdims=True) / 50000}, "BP3", "by 2e-05, not"),
    "last example of the weights": (
        {"weight": lambda p, i, d: d[:, -1:] @ p.a[i - 1][:, -1:].T}, "BP4", "only the last example"),
    "weight gradient transposed": ({"weight": lambda p, i, d: p.a[i - 1] @ d.T / d.shape[1]}, "BP4", "is transposed"),
    "one element forgotten": (
        {"weight": lambda p, i, d: d @ p.a[i - 1].T / d.shape[1] * (np.arange(p.w[i - 1].size) > 0).reshape(
            p.w[i - 1].shape)}, "BP4", None),
    "a rounded": ({"weight": lambda p, i, d: d @ np.round(p.a[i - 1], 6).T / d.shape[1]}, "BP4", None),
    "gradient clipped": ({"weight": lambda p, i, d: np.clip(d @ p.a[i - 1].T / d.shape[1], -1e-3, 1e-3)}, "BP4", None),
    "weight gradient off by 1e-12": (
        {"weight": lambda p, i, d: d @ p.a[i - 1].T / d.shape[1] * (1 + 1e-12)}, "BP4",
        "an extra factor of 1.000000000001"),
}  # fmt: skip


def shown(**rules):
    """As `backprop`, and z and a are returned as well."""
    rule = RIGHT | rules

    def submission(weights, biases, x, y):
        zs, activations = [], [x]
        for w, b in zip(weights, biases, strict=True):
            zs.append(rule["forward"](w, b, activations[-1]))
            activations.append(rule["activation"](zs[-1]))
        return *backprop(**rules)(weights, biases, x, y), zs, activations

    return submission


def along_the_wrong_axis(w, b, a):
    """NumPy lets it pass where there are as many examples as neurons; elsewhere it raises."""
    return w @ a + b.reshape(1, -1)


# Slips of the forward pass, in submissions that show z and a.
FORWARD = {
    "bias along the wrong axis": (shown(forward=along_the_wrong_axis), "z"),
    "bias forgotten": (shown(forward=lambda w, b, a: w @ a), "z"),
    "bias subtracted": (shown(forward=lambda w, b, a: w @ a - b), "z"),
    "tanh for σ": (shown(activation=np.tanh), "a"),
    "σ forgotten": (shown(activation=lambda z: z + 0), "a"),
    "σ rounded": (shown(activation=lambda z: np.round(sigma(z), 9)), "a"),
}


def _of_other_data(change):
    """Right, but for another problem than the one that was given."""
    return lambda weights, biases, x, y: backprop()(*change(weights, biases, x, y))


def _rounded(w):
    return w.astype(np.float32).astype(np.float64)


# Slips before the first equation, in submissions that show only δ and gradients: (the function, kind, words)
UNSEEN = {
    "bias along the wrong axis": (backprop(forward=along_the_wrong_axis), "z", "along the wrong axis"),
    "bias forgotten": (backprop(forward=lambda w, b, a: w @ a), "z", "the bias is left out"),
    "bias subtracted": (backprop(forward=lambda w, b, a: w @ a - b), "z", "the bias is subtracted"),
    "bias twice": (backprop(forward=lambda w, b, a: w @ a + 2 * b), "z", "added twice"),
    "weights in float32": (_of_other_data(lambda w, b, x, y: ([_rounded(v) for v in w], b, x, y)), "z", "float32"),
    "weights whole": (_of_other_data(lambda w, b, x, y: ([np.trunc(v) for v in w], b, x, y)), "z", "whole numbers"),
    "inputs whole": (_of_other_data(lambda w, b, x, y: (w, b, np.trunc(x), y)), "data", "inputs are truncated"),
    "image times 255": (_of_other_data(lambda w, b, x, y: (w, b, 255 * x, y)), "data", "255 times too large"),
    "image scaled twice": (_of_other_data(lambda w, b, x, y: (w, b, x / 255, y)), "data", "scaled twice"),
    "targets shifted": (_of_other_data(lambda w, b, x, y: (w, b, x, np.roll(y, 1, 1))), "data", "shuffled separately"),
    "targets reversed": (_of_other_data(lambda w, b, x, y: (w, b, x, y[:, ::-1])), "data", "in reverse order"),
}


def _rows(weights, biases, x, y):
    d, grad_b, grad_w = backprop()(list(weights), [b.T for b in biases], x.T, y.T)
    return [v.T for v in d], [g.T for g in grad_b], grad_w


def _rows_keras(weights, biases, x, y):
    """x (m, n), w (n_in, n_out), b (n,): as most frameworks have it."""
    d, grad_b, grad_w = backprop()([w.T for w in weights], [b[:, None] for b in biases], x.T, y.T)
    return [v.T for v in d], [g[:, 0] for g in grad_b], [g.T for g in grad_w]


def _flat(weights, biases, x, y):
    if any(b.ndim != 1 for b in biases):
        raise ValueError("biases are vectors here")
    d, grad_b, grad_w = backprop()(weights, [b[:, None] for b in biases], x, y)
    return d, [g[:, 0] for g in grad_b], grad_w


def _transposed(weights, biases, x, y):
    d, grad_b, grad_w = backprop()([w.T for w in weights], biases, x, y)
    return d, grad_b, [g.T for g in grad_w]


def _scaled(factor, summed=False):
    def submission(weights, biases, x, y):
        d, grad_b, grad_w = backprop()(weights, biases, x, y)
        by = factor * (x.shape[1] if summed else 1)
        return [factor * v for v in d], [by * g for g in grad_b], [by * g for g in grad_w]

    return submission


def _averaged(factor):
    """δ = ∂C/∂z of the mean cost, 1/m in it, and plain sums of it."""
    return backprop(
        output=lambda p: factor * p.e * slope(p.z[-1]) / p.y.shape[1],
        bias=lambda p, i, d: d.sum(axis=1, keepdims=True),
        weight=lambda p, i, d: d @ p.a[i - 1].T,
    )


def _averaged_late(factor):
    """The same, divided by m when all δ are known."""

    def submission(weights, biases, x, y):
        d, grad_b, grad_w = backprop()(weights, biases, x, y)
        return [factor * v / x.shape[1] for v in d], [factor * g for g in grad_b], [factor * g for g in grad_w]

    return submission


def _mean_of_outputs(factor):
    def submission(weights, biases, x, y):
        by = factor / len(y)
        return tuple([by * v for v in part] for part in backprop()(weights, biases, x, y))

    return submission


def _float32(weights, biases, x, y):
    weights, biases = ([np.asarray(v, np.float32) for v in part] for part in (weights, biases))
    return backprop()(weights, biases, np.asarray(x, np.float32), np.asarray(y, np.float32))


def _two_layers(weights, biases, x, y):
    w1, w2 = weights
    _ = w1, w2
    return backprop()(weights, biases, x, y)


def _vectors(weights, biases, x, y):
    """One example as vectors (n,), every layer with np.outer."""
    a = [x]
    for w, b in zip(weights, biases, strict=True):
        a.append(sigma(w.dot(a[-1]) + b))
    d = (a[-1] - y) * a[-1] * (1 - a[-1])
    grad_b, grad_w = [d], [np.outer(d, a[-2])]
    for i in range(len(weights) - 1, 0, -1):
        d = weights[i].T.dot(d) * a[i] * (1 - a[i])
        grad_b.insert(0, d)
        grad_w.insert(0, np.outer(d, a[i - 1]))
    return grad_b, grad_w


def _einsum(weights, biases, x, y):
    d, _, _ = backprop()(weights, biases, x, y)
    a = [x]
    for w, b in zip(weights, biases, strict=True):
        a.append(sigma(np.einsum("jk,kx->jx", w, a[-1]) + b))
    m = x.shape[1]
    return (
        d,
        [np.einsum("jx->j", v)[:, None] / m for v in d],
        [np.einsum("jx,kx->jk", v, p) / m for v, p in zip(d, a, strict=False)],
    )


def twice(factor, summed=False, averaged=False):
    """δ of the batch, and gradients accumulated example by example, of δs that are rounded otherwise."""

    def submission(weights, biases, x, y):
        d, m = backprop()(weights, biases, x, y)[0], x.shape[1]
        alone = [backprop()(weights, biases, x[:, [i]], y[:, [i]]) for i in range(m)]
        by = factor * (1 if summed else 1 / m)
        grads = ([by * sum(layer) for layer in zip(*(one[part] for one in alone), strict=True)] for part in (1, 2))
        return [factor * v / (m if averaged else 1) for v in d], *grads

    return submission


def _one_at_a_time(weights, biases, x, y):
    if x.shape[1] != 1:
        raise ValueError("one example at a time")
    return backprop()(weights, biases, x, y)[1:]


BOOK = {
    "output": lambda p: p.e * p.a[-1] * (1 - p.a[-1]),
    "hidden": lambda p, i, d: (p.w[i].T @ d[i]) * (p.a[i] * (1 - p.a[i])),
}

# Correct backprops: (the function, a word of the convention that must be recognised, or "" for ours)
RIGHT_ONES = {
    "ours": (backprop(), ""),
    "a(1 − a)": (backprop(**BOOK), "a(1 − a)"),
    "σ by tanh": (backprop(activation=lambda z: 0.5 * (1 + np.tanh(z / 2))), None),
    "rows": (_rows, "rows"),
    "rows, (n_in, n_out), (n,)": (_rows_keras, "(n_in, n_out)"),
    "biases (n,)": (_flat, "(n,)"),
    "weights (n_in, n_out)": (_transposed, "(n_in, n_out)"),
    "sum": (_scaled(1.0, summed=True), "sum"),
    "no ½": (_scaled(2.0), "without the ½"),
    "no ½, sum": (_scaled(2.0, summed=True), "sum"),
    "y − a": (_scaled(-1.0), "downhill"),
    "y − a, sum": (_scaled(-1.0, summed=True), "downhill"),
    "1/m in δ": (_averaged(1.0), "it contains 1/m"),
    "1/m in δ, y − a": (_averaged(-1.0), "it contains 1/m"),
    "1/m in δ, cost three times ours": (_averaged_late(3.0), "it contains 1/m"),
    "einsum": (_einsum, ""),
    "cost three times ours": (_scaled(3.0), "3·½‖y − a‖²"),
    "mean of the outputs": (_mean_of_outputs(2.0), "without the ½, divided by the number of outputs (or"),
    "½ and mean of the outputs": (_mean_of_outputs(1.0), "divided by the number of outputs (or a factor is wrong)"),
    "δ twice": (twice(1.0), "a different δ"),
    "δ twice, sum": (twice(1.0, summed=True), "sum"),
    "δ twice, y − a": (twice(-1.0), "downhill"),
    "δ twice, no ½": (twice(2.0), "without the ½"),
    "no δ, y − a, sum": (lambda *p: _scaled(-1.0, summed=True)(*p)[1:], "of the sum"),
    "no δ, no ½, sum": (lambda *p: _scaled(2.0, summed=True)(*p)[1:], "of the sum"),
    "a(1 − a), z and a shown": (shown(**BOOK), "a(1 − a)"),
    "σ by logaddexp, z and a shown": (shown(activation=lambda z: np.exp(-np.logaddexp(0, -z)), **BOOK), "left tail"),
    "float32": (_float32, "float32"),
    "two layers": (_two_layers, "only networks of 2 layers"),
    "vectors": (_vectors, "one example"),
    "a⁰ not shown": (lambda *p: (*shown()(*p)[:4], shown()(*p)[4][1:]), ""),
    "no δ": (lambda w, b, x, y: backprop()(w, b, x, y)[1:], ""),
    "z and a shown": (shown(), ""),
    "one example per call": (_one_at_a_time, "one example"),
}
