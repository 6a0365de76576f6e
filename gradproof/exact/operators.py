"""The functions that rewritten code calls in place of its float literals and of operators that would round."""

from typing import Any

import numpy as np

from gradproof.exact.arrays import exact
from gradproof.exact.numbers import literal, number
from gradproof.exact.run import current

__all__ = ["cast", "divide", "divisor", "literal", "power", "remainder"]

_PLAIN = (int, float, np.integer, np.floating)


def cast(array: Any) -> Any:
    """Make what NumPy has cast to float64 exact, so that it can change in place like any other exact array."""
    is_plain = type(array) is np.ndarray and array.dtype == np.float64
    return exact(array) if is_plain else array


def divide(a: Any, b: Any) -> Any:
    """Return a / b, which is an exact fraction for two whole numbers, or raise what Python raises for a plain 0."""
    if type(a) in (int, float, bool) and type(b) in (int, float, bool) and not b:
        return a / b
    return a / divisor(b) if isinstance(a, np.ndarray | int | float | np.number) else a / b


def divide_in_python_2(a: Any, b: Any) -> Any:
    """Return a / b; for two whole numbers rounded down to a whole number."""
    whole = int | np.integer
    return a // b if isinstance(a, whole) and isinstance(b, whole) else divide(a, b)


def divisor(b: Any) -> Any:
    """Make the right operand of a division exact."""
    if isinstance(b, _PLAIN) and not isinstance(b, bool):
        return number(b)
    return exact(b) if isinstance(b, np.ndarray) and b.dtype.kind in "biuf" else b


def power(a: Any, b: Any) -> Any:
    """Return a ** b, which is exact if a is a float, or a whole number with a negative exponent."""
    if isinstance(a, float | np.floating) or (isinstance(a, np.ndarray) and a.dtype.kind == "f"):
        return (number(a) if np.ndim(a) == 0 else exact(a)) ** b
    if isinstance(a, int | np.integer) and isinstance(b, int | np.integer) and b < 0:
        return number(a) ** b
    return a**b


def remainder(a: Any, b: Any) -> Any:
    """Return a % b; if a is a string, format it with floats for exact numbers."""
    if not isinstance(a, str | bytes):
        return a % b
    floats = _as_floats(b)
    return a % b if floats is b else current().show(a % floats)


def _as_floats(value: Any) -> Any:
    """Convert exact numbers to floats for a string, which does not count as leaving exact arithmetic."""
    if isinstance(value, tuple):
        return tuple(_as_floats(item) for item in value)
    if isinstance(value, dict):
        return {key: _as_floats(item) for key, item in value.items()}
    return float(value.value.mid()) if hasattr(value, "operands") else value
