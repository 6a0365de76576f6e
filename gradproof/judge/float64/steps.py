"""The step of one parameter on one mini-batch: the right formula, and those of the known mistakes.

C is the cost of the mini-batch: its mean over the examples or, if declared, its sum.
"""

from collections.abc import Callable
from typing import NamedTuple

from gradproof.problem import Array

ETA = 0.25  # not ½: 2η would be 1, as if η were missing
SIZE, EXAMPLES = 3, 7  # 7 examples in mini-batches of 3: the last one is smaller
RIGHT = "it should be w′ = w − (η/m) Σₓ ∂Cₓ/∂w and b′ = b − (η/m) Σₓ ∂Cₓ/∂b"
RIGHT_OF_THE_SUM = "it should be w′ = w − η Σₓ ∂Cₓ/∂w and b′ = b − η Σₓ ∂Cₓ/∂b, since the sum is declared"


class Gradient(NamedTuple):
    """∂C/∂w or ∂C/∂b of a mini-batch by autodiff, with its radius."""

    value: Array
    radius: Array

    def times(self, number: float) -> "Gradient":
        return Gradient(number * self.value, abs(number) * self.radius)

    def plus(self, other: "Gradient") -> "Gradient":
        return Gradient(self.value + other.value, self.radius + other.radius)


class Step(NamedTuple):
    """One parameter, before and after one mini-batch."""

    kind: str  # "w" or "b"
    old: Array
    new: Array
    whole: Gradient  # of the mini-batch: the mean or the sum over its examples
    first: Gradient  # of the first example only, and of the last
    last: Gradient
    past: Gradient  # the sum over all examples of the earlier mini-batches
    m: int
    per: int  # the divisor of the sum: m for the mean, 1 for the sum


Formula = Callable[[Step], tuple[Array, Array]]  # the new parameter, and how far rounding may take it


def _scaled(factor: Callable[[Step], float], which: str = "whole") -> Formula:
    """Return the formula old + factor · gradient."""

    def moved(step: Step) -> tuple[Array, Array]:
        gradient = getattr(step, which).times(factor(step))
        return step.old + gradient.value, gradient.radius

    return moved


def _kept(step: Step) -> tuple[Array, Array]:
    """The step if accumulators still hold the earlier mini-batches."""
    gradient = step.whole.plus(step.past.times(1 / step.per)).times(-ETA)
    return step.old + gradient.value, gradient.radius


def _lost(step: Step) -> tuple[Array, Array]:
    return step.whole.times(-ETA)


right = _scaled(lambda step: -ETA)
# The mistake, and the parameter that it gives.
ALWAYS: dict[str, Formula] = {
    "the sign is wrong: it climbs": _scaled(lambda step: ETA),
    "η is missing": _scaled(lambda step: -1.0),
    "η is squared": _scaled(lambda step: -ETA * ETA),
    "there is an extra factor of 2": _scaled(lambda step: -2 * ETA),
    "nothing is updated": _scaled(lambda step: 0.0),
    "only the last example counts": _scaled(lambda step: -ETA, "last"),
    "only the last example counts, divided by m": _scaled(lambda step: -ETA / step.m, "last"),
    "only the first example counts": _scaled(lambda step: -ETA, "first"),
    "only the first example counts, divided by m": _scaled(lambda step: -ETA / step.m, "first"),
    "the gradients of earlier mini-batches are still in the sum (PINA#718)": _kept,
    "the old parameters are lost": _lost,
}
OF_THE_MEAN = ALWAYS | {
    "not divided by m": _scaled(lambda step: -ETA * step.m),
    "divided by m twice": _scaled(lambda step: -ETA / step.m),
    "divided by the nominal size of a mini-batch, even for the last, smaller one (DL4J#1452)": _scaled(
        lambda step: -ETA * step.m / SIZE
    ),
    "divided by the number of all examples, not of those in the mini-batch": _scaled(
        lambda step: -ETA * step.m / EXAMPLES
    ),
    "η is missing, and not divided by m": _scaled(lambda step: -float(step.m)),
}
OF_THE_SUM = ALWAYS | {
    "multiplied by 1/m": _scaled(lambda step: -ETA / step.m),
    "multiplied by 1/m²": _scaled(lambda step: -ETA / step.m**2),
    "multiplied by m": _scaled(lambda step: -ETA * step.m),
    "multiplied by 1/(the nominal size of a mini-batch)": _scaled(lambda step: -ETA / SIZE),
    "multiplied by 1/(the number of all examples)": _scaled(lambda step: -ETA / EXAMPLES),
    "η is missing, and multiplied by 1/m": _scaled(lambda step: -1 / step.m),
}
