"""Compares an array with the derivative that it should be: right, or how it differs."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import inf, log10
from typing import Any, NamedTuple

import numpy as np
from flint import arb

from gradproof.exact.rules import Ball
from gradproof.exact.run import Place

DIFFERENCES = 4.5  # digits of agreement beyond any slip of a formula; affects only the words for a refutation
OF_FLOAT64 = 15.0  # digits that a number keeps when it is rounded to float64
LARGEST = 64  # the largest term of a factor that is named, such as 2, 1/m and m/(m + 1)


class Compared(NamedTuple):
    """How one array compares with the derivative that it should be."""

    name: str  # of the parameter
    state: str  # "right", "wrong", "zero", "scaled by 1/3", "transposed", "undecided", …
    digits: float  # to which both agree, at least
    alive: bool  # whether the true derivative is not 0 somewhere
    element: tuple[int, ...] = ()  # the element that shows it best, and its values
    got: float = 0.0
    expected: float = 0.0
    place: Place | None = None  # where that element was computed
    convention: str = ""  # under which it is right, if it needs one

    @property
    def is_rounded(self) -> bool:
        """Whether it is off by no more than roundings of its arguments to float64 explain."""
        return self.digits > OF_FLOAT64


def compare(name: str, got: Any, expected: Any, place: Callable[[tuple[int, ...]], Place | None]) -> Compared:
    """Compare two arrays of balls of one shape by element, without a tolerance: they overlap or they do not."""
    alive = any(not ball.contains(0) for ball in expected.flat)
    pairs = list(zip(got.flat, expected.flat, strict=True))
    if unclear := [i for i in np.ndindex(got.shape) if not (got[i].is_finite() and expected[i].is_finite())]:
        where = unclear[0]  # it may be finite at more bits, so this proves nothing
        return Compared(name, "undecided", 0, alive, where, float("nan"), float(expected[where].mid()), place(where))
    if all(a.overlaps(b) for a, b in pairs):
        return Compared(name, "right", _digits(pairs), alive)
    apart = [i for i in np.ndindex(got.shape) if not got[i].overlaps(expected[i])]
    # The largest difference is the easiest to read.
    shown = max(apart, key=lambda i: float(abs(got[i] - expected[i]).mid()))
    state, digits = _state(got, expected), _digits(pairs)
    return Compared(
        name, state, digits, alive, shown, float(got[shown].mid()), float(expected[shown].mid()), place(shown)
    )


def _digits(pairs: Sequence[tuple[Ball, Ball]]) -> float:
    """Return to how many digits of the largest element both are known to agree."""
    off = max((float(abs(a - b).upper()) for a, b in pairs), default=0.0)
    if off == 0:
        return inf
    scale = max(float(abs(b).mid()) for _, b in pairs)
    return log10(max(1.0, scale / off))


def _state(got: Any, expected: Any) -> str:
    if all(ball.is_zero() for ball in got.flat):
        return "zero"
    factor = common_factor(got, expected)
    if factor is not None:
        return f"scaled by {factor}"
    if overlap(got.T, expected):
        return "transposed"
    digits = _digits(list(zip(got.flat, expected.flat, strict=True)))
    return (
        f"right to {digits:.0f} digits only, as with a difference quotient or a constant of few digits"
        if digits > DIFFERENCES
        else "wrong"
    )


def overlap(got: Any, expected: Any) -> bool:
    return got.shape == expected.shape and all(a.overlaps(b) for a, b in zip(got.flat, expected.flat, strict=True))


def common_factor(got: Any, expected: Any) -> Fraction | None:
    """Return the one small fraction by which all elements differ, or None."""
    telling = [(a, b) for a, b in zip(got.flat, expected.flat, strict=True) if not b.contains(0)]
    if not telling:
        return None
    a, b = max(telling, key=lambda pair: float(abs(pair[1]).mid()))
    ratio = float((a / b).mid())
    if not abs(ratio) <= LARGEST:  # also if it is infinite or NaN
        return None
    factor = Fraction(ratio).limit_denominator(LARGEST)
    if factor == 0:
        return None
    exactly = arb(factor.numerator) / factor.denominator
    return factor if all(x.overlaps(exactly * y) for x, y in zip(got.flat, expected.flat, strict=True)) else None
