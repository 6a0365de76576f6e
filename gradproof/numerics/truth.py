"""The true values: ball arithmetic on the definition of the network and on nothing derived from it.

The forward pass is the definition, run on exact numbers (gradproof.exact). The cost is then differentiated on the graph
of what was computed, by the rules for +, ·, / and exp. This file contains no σ′ and no equation of backpropagation.
Every number is a ball (python-flint's arb) that contains the true value. Johansson, Arb: efficient arbitrary-precision
midpoint-radius interval arithmetic, IEEE Trans. Computers 66, 2017.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from flint import arb

from gradproof.exact.arrays import array_of, each
from gradproof.exact.numbers import Number, apply, variable
from gradproof.exact.run import Run, running
from gradproof.exact.sweeps import differentiate
from gradproof.numerics.verdict import Verdict
from gradproof.problem import Answer, Array, Problem

PRECISIONS = (128, 256, 1024, 4096)  # bits, tried in turn until the balls are small compared with the bounds …
SMALL = 1e-3  # … below this share of them; a bound inside a ball leaves the element undecided
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
    """Return the truth at the first of PRECISIONS whose balls are small compared with these radii, else at the last.

    `radius` has one number for each element of the problem, without padding. A ball that is still too large after 4096
    bits is undecided in `within`. Balls enclose the truth at any precision, so this loop cannot make a verdict wrong.
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
    """Return every z, a, C, δ and ∂C/∂b, and ∂C/∂w for the sampled weights (for all if there is no sample)."""
    with running(Run(bits)):
        chosen = [np.full(w.shape, sample is None) for w in problem.weights]
        for layer, j, k in sample or ():
            chosen[layer - 1][j, k] = True
        weights = list(map(_numbers, problem.weights, chosen))
        biases = [_numbers(b, np.full(b.shape, True)) for b in problem.biases]
        a, y = (_numbers(data, np.full(data.shape, False)) for data in (problem.x, problem.y))
        m = problem.x.shape[1]
        zs, activations = [], [a]
        for w, b in zip(weights, biases, strict=True):
            zs.append(w @ a + b)
            a = each(_sigma, zs[-1])
            activations.append(a)
        cost = ((a - y) ** 2).sum() / 2  # Σ C_x: its derivative by column x of z is that of C_x
        slopes = differentiate(cost)
        return Truth(
            zs=[_each(lambda z: z.value, z) for z in zs],
            activations=[_each(lambda a: a.value, a) for a in activations],
            cost=cost.value / m,
            delta=[_each(lambda z: slopes[z.index], z) for z in zs],
            grad_b=[_each(lambda b: slopes[b.index] / m, b) for b in biases],
            grad_w=[_each(lambda w: slopes[w.index] / m if w.varies else None, w) for w in weights],
        )


def _sigma(z: Number) -> Number:
    """Return 1/(1 + e⁻ᶻ) in the form that cannot overflow; both forms are equal, so the branch does not matter."""
    if z.value.mid() < 0:
        e = apply("exp", z)
        return e / (1 + e)
    return 1 / (1 + apply("exp", -z))


def every_weight(problem: Problem) -> list[Weight]:
    """Return (l, j, k) of every weight."""
    return [(layer, j, k) for layer, w in enumerate(problem.weights, 1) for j, k in np.ndindex(w.shape)]


def _numbers(array: Array, chosen: Array) -> Any:
    """Return the floating-point numbers exactly; the chosen ones are variables, to differentiate by."""
    flat = zip(array.ravel().tolist(), chosen.ravel().tolist(), strict=True)
    return array_of([variable(v) if yes else Number(arb(v)) for v, yes in flat], array.shape)


def _each(function: Callable[[Any], Any], array: Any) -> Array:
    return np.asarray(np.frompyfunc(function, 1, 1)(array.view(np.ndarray)), object)


def within(got: float, true: Any, bound: float) -> Verdict:
    """Whether |got − true| ≤ bound: surely (verified), surely not (refuted), or the ball or bound is too large."""
    if not np.isfinite(bound):
        return Verdict.UNDECIDED
    if not np.isfinite(got):
        return Verdict.REFUTED
    off = abs(arb(float(got)) - true)
    if off <= arb(bound):
        return Verdict.VERIFIED
    return Verdict.REFUTED if off > arb(bound) else Verdict.UNDECIDED


def ulps(got: float, true: Any, dtype: Any) -> float:
    """Return |got − true| in units in the last place of the true value in that dtype."""
    spacing = np.spacing(np.abs(np.dtype(dtype).type(float(true))))
    return float(abs(arb(float(got)) - true).mid()) / float(spacing)
