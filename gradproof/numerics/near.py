"""Running error analysis: arrays that carry how far rounding may have taken them from the exact value.

Every operation propagates the radii of its operands and adds its own roundings (Higham, Accuracy and Stability,
section 3.3). A formula written with these numbers thus has a bound of its own, whatever the formula.
"""

from typing import Any, NamedTuple

import numpy as np

from gradproof.numerics import rounding
from gradproof.numerics.rounding import Arithmetic, Array


class Near(NamedTuple):
    """An array and its radius: the exact value, and what anyone computes of it in this arithmetic, are within."""

    value: Array
    radius: Any
    ar: Arithmetic

    def __add__(self, other: Any) -> "Near":
        other = self._near(other)
        return self._rounded(self.value + other.value, self.radius + other.radius)

    def __sub__(self, other: Any) -> "Near":
        other = self._near(other)
        return self._rounded(self.value - other.value, self.radius + other.radius)

    def __mul__(self, other: Any) -> "Near":
        other = self._near(other)
        spread = np.abs(self.value) * other.radius + self.radius * (np.abs(other.value) + other.radius)
        return self._rounded(self.value * other.value, spread)

    def __matmul__(self, other: "Near") -> "Near":
        mine, theirs = np.abs(self.value), np.abs(other.value)
        most_mine, most_theirs = mine + self.radius, theirs + other.radius
        n = self.value.shape[-1]
        radius = (
            most_mine @ np.broadcast_to(other.radius, theirs.shape)
            + np.broadcast_to(self.radius, mine.shape) @ most_theirs
        )
        radius = radius + rounding.gamma(n + 2, self.ar) * (most_mine @ most_theirs) + n * self.ar.underflow
        return Near(self.value @ other.value, radius, self.ar)

    @property
    def mT(self) -> "Near":  # noqa: N802  (NumPy's name)
        return Near(self.value.mT, np.broadcast_to(self.radius, self.value.shape).mT, self.ar)

    def sum(self, axis: int) -> "Near":
        """The sum along an axis, which stays, in any order."""
        value, n = self.value.sum(axis=axis, keepdims=True), self.value.shape[axis]
        radius = np.broadcast_to(self.radius, self.value.shape)
        most = (np.abs(self.value) + radius).sum(axis=axis, keepdims=True)
        return Near(value, radius.sum(axis=axis, keepdims=True) + rounding.gamma(n + 1, self.ar) * most, self.ar)

    def mean(self, axis: int = -1) -> "Near":
        return self.sum(axis) * (1.0 / self.value.shape[axis])

    def tanh(self) -> "Near":
        """tanh, whose slope is at most 1, right to 4 u."""
        value = np.tanh(self.value)
        return Near(value, self.radius + 4 * self.ar.u * np.abs(value) + self.ar.underflow, self.ar)

    def roll(self, shift: int, axis: int) -> "Near":
        radius = np.broadcast_to(self.radius, self.value.shape)
        return Near(np.roll(self.value, shift, axis), np.roll(radius, shift, axis), self.ar)

    def _near(self, other: Any) -> "Near":
        return other if isinstance(other, Near) else Near(np.asarray(other, np.float64), np.float64(0), self.ar)

    def _rounded(self, value: Array, radius: Any) -> "Near":
        """Two roundings more: one of whoever computes it, one of ours."""
        own = 2 * self.ar.u * (np.abs(value) + radius) + 2 * self.ar.underflow
        return Near(value, (radius + own) * (1 + 8 * self.ar.u), self.ar)
