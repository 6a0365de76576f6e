"""Bounds how far off the code's steps may be in float64: a running error analysis, on the tape."""

from collections.abc import Iterable
from math import isfinite
from typing import Any

from gradproof.exact.numbers import Number
from gradproof.exact.sweeps import computed_from, operands_of

U = 2.0**-53  # the unit roundoff of float64
SMALLEST = 2.0**-1074
EXACT = ("negative", "copy")
ROUNDED_ONCE = ("add", "subtract", "multiply", "divide", "square", "reciprocal", "sqrt")
FUNCTION = 8  # times u: NumPy's and Python's exp, log, tanh, … are off by less, and so are compositions such as expit


def rounding_radii(results: Iterable[Number]) -> dict[int, float]:
    """Return how far off float64 may be, to first order in u, in each number that these were computed from.

    The keys are the numbers' indices. A step passes on the errors of its operands, times its own derivatives, and adds
    its own rounding. A constant has been rounded once.
    """
    radii: dict[int, float] = {}
    for x in computed_from(results):
        if x.rule is None:
            radii[x.index] = 0.0 if _is_double(x.value) else U * _size(x.value)
            continue
        parts = passed_on(x, radii)
        radii[x.index] = sum(part for _, part in parts) + _own(x, parts) + SMALLEST
    return radii


def passed_on(x: Number, radii: dict[int, float]) -> list[tuple[Number, float]]:
    """Return each operand, and how far off the number is because of it."""
    operands = operands_of(x)
    if x.rule is None:
        return []
    partials = x.rule.partials(x.value, *[y.value for y in operands])
    return [(y, _size(p) * r if (r := radii[y.index]) else 0.0) for y, p in zip(operands, partials, strict=True)]


def _own(x: Number, parts: Any) -> float:
    """Return the step's own rounding; for a sum, in any order, that of every partial sum."""
    assert x.rule is not None
    name = x.rule.name
    if name in EXACT:
        return 0.0
    if name == "sum":
        return len(parts) * U * sum(_size(y.value) for y in x.operands)
    if name == "dot":
        left, right = x.operands
        return len(left) * U * sum(_size(a.value) * _size(b.value) for a, b in zip(left, right, strict=True))
    return (1 if name in ROUNDED_ONCE else FUNCTION) * U * _size(x.value)


def _size(value: Any) -> float:
    """Return |value| as a float; a value beyond all floats counts as 1e308."""
    if type(value) is int:
        return float(abs(value))
    size = float(abs(value).mid())
    return size if isfinite(size) else 1e308


def _is_double(value: Any) -> bool:
    return bool(value == float(value.mid()))
