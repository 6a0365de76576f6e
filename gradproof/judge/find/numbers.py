"""Exact numbers to start with: constants from floats, and random draws."""

from collections.abc import Callable
from typing import Any

import numpy as np
from flint import arb

from gradproof.exact.arrays import array_of
from gradproof.exact.numbers import Number

ROUND_NUMBERS = (-1.0, -0.5, 0.5, 1.0, 1.5, 2.0)  # easy to calculate with by hand


def round_numbers(rng: np.random.Generator, shape: Any) -> Any:
    """Draw small round numbers, none of them 0."""
    return rng.choice(ROUND_NUMBERS, size=shape)


def floats(*shape: int, scale: float = 1.0) -> Callable[[np.random.Generator], Any]:
    """Return a draw of an exact array of normally distributed numbers."""
    return lambda rng: constants(scale * rng.normal(size=shape))


def constants(values: Any) -> Any:
    values = np.asarray(values, dtype=float)
    return array_of([Number(arb(float(v))) for v in values.ravel()], values.shape)
