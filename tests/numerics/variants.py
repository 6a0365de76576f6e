"""Other correct ways to compute the same network, and networks at the edge of the number system."""

from itertools import pairwise

import numpy as np

from gradproof.problem import Problem


def _sigma(z):
    return np.where(z >= 0, 1 / (1 + np.exp(-np.abs(z))), np.exp(-np.abs(z)) / (1 + np.exp(-np.abs(z))))


def _sigma_by_both_tails(z):
    return (_sigma(z), _sigma(z) * _sigma(-z))


def _loops(w, v):
    """w v by Python loops, one product and one sum at a time."""
    result = np.zeros((w.shape[0], v.shape[1]), w.dtype)
    for j, x in np.ndindex(result.shape):
        for k in range(w.shape[1]):
            result[j, x] += w[j, k] * v[k, x]
    return result


def _einsum(w, v):
    return np.einsum("jk,kx->jx", w, v)


def _reversed(w, v):
    return np.ascontiguousarray(w[:, ::-1]) @ np.ascontiguousarray(v[::-1])


def _pairwise(w, v):
    """All products first, then NumPy's pairwise sum."""
    return np.ascontiguousarray((w[:, :, None] * v[None]).transpose(0, 2, 1)).sum(axis=-1)


def _backprop(product, sigma):
    def variant(weights, biases, x, y):
        zs, activations, slopes = [], [x], []
        for w, b in zip(weights, biases, strict=True):
            zs.append(product(w, activations[-1]) + b)
            a, slope = sigma(zs[-1])
            activations.append(a)
            slopes.append(slope)
        delta = [(activations[-1] - y) * slopes[-1]]
        for w, slope in zip(weights[:0:-1], slopes[-2::-1], strict=True):
            delta.insert(0, product(w.T, delta[0]) * slope)
        m = x.dtype.type(x.shape[1])
        ones = np.ones((x.shape[1], 1), x.dtype)
        grad_b = [product(d, ones) / m for d in delta]
        grad_w = [product(d, a.T) / m for d, a in zip(delta, activations[:-1], strict=True)]
        return zs, activations, delta, grad_b, grad_w

    return variant


def _sigma_of_the_book(z):
    a = _sigma(z)
    return a, a * (1 - a)


BOOK = "a(1 − a)"
VARIANTS = {
    BOOK: _backprop(np.matmul, _sigma_of_the_book),
    "loops": _backprop(_loops, _sigma_by_both_tails),
    "einsum": _backprop(_einsum, _sigma_by_both_tails),
    "reversed sums": _backprop(_reversed, _sigma_by_both_tails),
    "pairwise sums": _backprop(_pairwise, _sigma_by_both_tails),
}

EDGES = (
    "generic", "weights 0", "huge weights", "tiny weights", "subnormal weights", "subnormal inputs",
    "z = 0", "z = ±37", "z = ±700", "z = ±745", "y = a", "one neuron", "deep and saturated",
)  # fmt: skip


def edge_problem(edge, dtype, seed=0):
    """A small network at the edge that the name says, in float64 numbers that the dtype can hold."""
    rng, single = np.random.default_rng(seed), np.dtype(dtype) == np.float32
    sizes = {"one neuron": [1, 1], "deep and saturated": [3, 4, 4, 3, 4, 2, 3]}.get(edge, [3, 4, 2])
    weights = [rng.standard_normal((n, k)) for k, n in pairwise(sizes)]
    biases = [rng.standard_normal((n, 1)) for n in sizes[1:]]
    x, y = rng.standard_normal((sizes[0], 3)), rng.random((sizes[-1], 3))
    tiny = 1e-38 if single else 1e-307
    scale = {
        "weights 0": 0.0,
        "huge weights": 1e15 if single else 1e150,
        "tiny weights": 1e-15 if single else 1e-150,
        "subnormal weights": tiny / 10,
        "deep and saturated": 12.0,
    }.get(edge, 1.0)
    weights = [w * scale for w in weights]
    at = {"z = 0": 0.0, "z = ±37": 37.0, "z = ±700": 87.0 if single else 700.0, "z = ±745": 103.0 if single else 745.0}
    if edge in at:
        weights[0], biases[0] = np.zeros_like(weights[0]), at[edge] * np.resize([[1.0], [-1.0]], biases[0].shape)
    if edge == "subnormal inputs":
        x = x * tiny / 10
    if edge == "weights 0":
        biases = [0 * b for b in biases]
    problem = Problem(
        *([v.astype(dtype) for v in part] for part in (weights, biases)), x.astype(dtype), y.astype(dtype)
    )
    if edge == "y = a":
        problem = problem._replace(y=VARIANTS["loops"](*problem)[1][-1])
    return problem
