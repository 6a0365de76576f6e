"""The true value: ball arithmetic on the definition of the network, and on nothing that was derived from it.

The cost is evaluated in the ring ℝ[ε₁ … ε_P]/(ε_i ε_j): a parameter or z^l_j that is asked about carries its own ε, and
its derivative is the coefficient that ε has in the result. The rules of that ring for +, ·, exp and 1/r are all the
calculus there is: no σ′, no chain rule written by hand, no equation of backpropagation. Every number is a ball
(python-flint's arb) that holds the true value. Johansson, Arb: efficient arbitrary-precision midpoint-radius
interval arithmetic, IEEE Trans. Computers 66, 2017.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from flint import arb, arb_mat, ctx

from gradproof.numerics.verdict import Verdict
from gradproof.problem import Answer, Array, Problem

PRECISIONS = (128, 256, 1024, 4096)  # bits, tried in turn until the balls are small beside the bounds …
SMALL = 1e-3  # … that is below this share of them; what a ball straddles is undecided, never judged by it
PARTS = ("zs", "activations", "delta", "grad_b", "grad_w")

Weight = tuple[int, int, int]  # (l, j, k): the weight w^l_jk, j and k counted from 0


class Truth(NamedTuple):
    """Balls (object arrays of arb) in the shapes of one problem; grad_w holds None where a weight was not sampled."""

    zs: list[Array]
    activations: list[Array]
    cost: Any
    delta: list[Array]
    grad_b: list[Array]
    grad_w: list[Array]


def settled(problem: Problem, radius: Answer, sample: Sequence[Weight] | None = None) -> Truth:
    """The truth in the first of PRECISIONS whose balls are small beside these radii, else in the last.

    `radius` has one number for each of the problem's own elements. What is still too large to tell after 4096 bits,
    `within` calls undecided: the balls enclose the truth at any precision, so this loop can make no verdict wrong.
    """
    for bits in PRECISIONS:
        true = enclosed(problem, bits, sample)
        if all(
            ball.rad() <= SMALL * bound
            for part in PARTS
            for balls, bounds in zip(getattr(true, part), getattr(radius, part), strict=True)
            for ball, bound in zip(balls.ravel(), bounds.ravel().tolist(), strict=True)
            if ball is not None
        ):
            break
    return true


def enclosed(problem: Problem, bits: int = PRECISIONS[0], sample: Sequence[Weight] | None = None) -> Truth:
    """Every z, a, C, δ and ∂C/∂b, and ∂C/∂w for the sampled weights (all without a sample)."""
    before, ctx.prec = ctx.prec, bits
    try:
        return _truth(problem, every_weight(problem) if sample is None else list(sample))
    finally:
        ctx.prec = before


def every_weight(problem: Problem) -> list[Weight]:
    """(l, j, k) of every weight there is."""
    return [(layer, j, k) for layer, w in enumerate(problem.weights, 1) for j, k in np.ndindex(w.shape)]


def _truth(problem: Problem, sample: list[Weight]) -> Truth:
    m = problem.x.shape[1]
    asked: list[tuple[int, int, int | None]] = []  # what each ε stands for: a weight, or z^l_j where k is None
    value, slopes = _balls(problem.x), np.empty((len(problem.x), 0, m), object)  # a^l, and its ε-coefficients
    zs, activations = [], [value]
    for layer, (w, b) in enumerate(zip(problem.weights, problem.biases, strict=True), 1):
        new: list[tuple[int, int, int | None]] = [(layer, j, None) for j in range(len(b))]
        new += [(layer, j, k) for l_, j, k in sample if l_ == layer]
        seeds = np.full((len(b), len(new), m), arb(0), object)
        for number, (_, j, k) in enumerate(new):
            seeds[j, number] = arb(1) if k is None else value[k]  # (w_jk + ε) a_k: its ε-coefficient is a_k
        columns = np.concatenate([value[:, None], slopes], axis=1)
        product = _times(w, columns.reshape(len(columns), -1)).reshape(len(b), -1, m)
        z, slopes = product[:, 0] + _balls(b), np.concatenate([product[:, 1:], seeds], axis=1)
        sigma = [[_sigma(p) for p in row] for row in z]
        value = _objects([[s for s, _ in row] for row in sigma])
        slopes = slopes * _objects([[slope for _, slope in row] for row in sigma])[:, None]
        asked += new
        zs.append(z)
        activations.append(value)
    error = value - _balls(problem.y)
    costs = (error * error).sum(axis=0) / 2  # C_x, (m,)
    by = (error[:, None] * slopes).sum(axis=0)  # its ε-coefficients, (P, m), since (p + εq)² = p² + 2pq ε

    delta = [np.empty((len(b), m), object) for b in problem.biases]
    grad_b = [np.empty((len(b), 1), object) for b in problem.biases]
    grad_w = [np.empty(w.shape, object) for w in problem.weights]
    for (layer, j, k), row in zip(asked, by, strict=True):
        mean = row.sum() / m
        if k is None:  # b^l_j moves z^l_j by as much as itself, in every example
            delta[layer - 1][j], grad_b[layer - 1][j, 0] = row, mean
        else:
            grad_w[layer - 1][j, k] = mean
    return Truth(zs, activations, costs.sum() / m, delta, grad_b, grad_w)


def _sigma(p: Any) -> tuple[Any, Any]:
    """σ(p + ε) = s + s′ε in the ring, from exp(p + εq) = e^p(1 + εq) and 1/(r + εq) = 1/r − εq/r²."""
    negative = bool(p.mid() < 0)
    e = (p if negative else -p).exp()
    slope = e if negative else -e
    r = 1 / (1 + e)
    r_slope = -slope * r * r
    return (e * r, slope * r + e * r_slope) if negative else (r, r_slope)


def _balls(array: Array) -> Array:
    """The floating-point numbers as exact balls."""
    return _objects([[arb(float(v)) for v in row] for row in array])


def _objects(rows: Sequence[Sequence[Any]]) -> Array:
    result = np.empty((len(rows), len(rows[0])), object)
    for i, row in enumerate(rows):
        result[i] = row
    return result


def _times(w: Array, columns: Array) -> Array:
    (rows, inner), width = w.shape, columns.shape[1]
    product = arb_mat(rows, inner, [float(v) for v in w.ravel()]) * arb_mat(inner, width, columns.ravel().tolist())
    result = np.empty((rows, width), object)
    result.ravel()[:] = product.entries()
    return result


def within(got: float, true: Any, bound: float) -> Verdict:
    """Is |got − true| ≤ bound? refuted and verified are certain; undecided: the ball is too large to tell."""
    if not np.isfinite(bound):
        return Verdict.UNDECIDED
    if not np.isfinite(got):
        return Verdict.REFUTED
    off = abs(arb(float(got)) - true)
    if off <= arb(bound):
        return Verdict.VERIFIED
    return Verdict.REFUTED if off > arb(bound) else Verdict.UNDECIDED


def ulps(got: float, true: Any, dtype: Any) -> float:
    """|got − true| in units in the last place of the true value in that dtype."""
    spacing = np.spacing(np.abs(np.dtype(dtype).type(float(true))))
    return float(abs(arb(float(got)) - true).mid()) / float(spacing)
