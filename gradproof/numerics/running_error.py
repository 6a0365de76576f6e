"""Running error analysis: arrays that carry a bound on their distance from the exact value.

Every operation propagates the radii of its operands and adds its own roundings (Higham, Accuracy and Stability,
section 3.3). So any formula evaluated on these arrays comes with a bound. The same holds for code written for NumPy's
arrays: `np.exp`, `+`, `@`, `.mT`, `.sum` and in-place steps all work on them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradproof.numerics import rounding
from gradproof.numerics.rounding import Arithmetic, Array


@dataclass(slots=True, eq=False)
class Near:
    """An array and a radius, within which lie the exact value and any that this arithmetic may compute for it."""

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

    def __truediv__(self, other: Any) -> "Near":
        """x/y with the radius (r_x + |x/y| r_y)/(|y| − r_y), which is ∞ where the divisor may be 0."""
        other = self._near(other)
        least = np.abs(other.value) - other.radius
        with np.errstate(all="ignore"):
            value = self.value / other.value
            spread = np.where(least > 0, (self.radius + np.abs(value) * other.radius) / least, np.inf)
            return self._rounded(value, spread)

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

    def __neg__(self) -> "Near":
        return Near(-self.value, self.radius, self.ar)

    def __abs__(self) -> "Near":
        return Near(np.abs(self.value), self.radius, self.ar)

    def __pow__(self, power: int) -> "Near":
        result = self
        for _ in range(power - 1):
            result = result * self
        return result

    def __radd__(self, other: Any) -> "Near":
        return self + other

    def __rmul__(self, other: Any) -> "Near":
        return self * other

    def __rsub__(self, other: Any) -> "Near":
        return self._near(other) - self

    def __rtruediv__(self, other: Any) -> "Near":
        return self._near(other) / self

    def __isub__(self, other: Any) -> "Near":
        return self._becomes(self - other)

    def __imul__(self, other: Any) -> "Near":
        return self._becomes(self * other)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> "Near":
        """Let NumPy's functions work on these arrays. TypeError for a ufunc or option without a derived bound."""
        if method != "__call__" or options or ufunc not in _UFUNCS:
            raise TypeError(f"no bound is derived for {ufunc.__name__}")
        return _UFUNCS[ufunc](*(self._near(x) for x in inputs))

    def exp(self) -> "Near":
        """e^x with the radius e^x(e^r − 1) plus exp's own error, once for our value and once for the other."""
        with np.errstate(all="ignore"):
            value = np.exp(self.value)
            spread = value * np.expm1(self.radius)
            return self._rounded(value, spread + 2 * self.ar.exp * self.ar.u * (value + spread))

    def minimum(self, other: "Near") -> "Near":
        """The elementwise minimum, which adds no rounding."""
        return Near(np.minimum(self.value, other.value), np.maximum(self.radius, other.radius), self.ar)

    @property
    def shape(self) -> tuple[int, ...]:
        return np.broadcast_shapes(np.shape(self.value), np.shape(self.radius))

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def mT(self) -> "Near":  # noqa: N802  (NumPy's name)
        return self.moved(lambda array: array.mT)

    def moved(self, move: Callable[[Array], Array]) -> "Near":
        """Apply `move`, which rearranges, copies or drops elements, to the values and to their radii."""
        value, radius = (np.broadcast_to(part, self.shape) for part in (self.value, self.radius))
        return Near(move(value), move(radius), self.ar)

    def reshape(self, shape: Sequence[int]) -> "Near":
        return self.moved(lambda array: array.reshape(shape))

    def transpose(self, axes: Sequence[int]) -> "Near":
        return self.moved(lambda array: array.transpose(axes))

    def __getitem__(self, where: Any) -> "Near":
        return self.moved(lambda array: array[where])

    def copy(self) -> "Near":
        return self.moved(np.array)

    def sum(self, axis: Any, keepdims: bool = True) -> "Near":
        """The sum along an axis, in whichever order it is computed; `keepdims` keeps the axis."""
        radius = np.broadcast_to(self.radius, self.value.shape)
        value = self.value.sum(axis=axis, keepdims=keepdims)
        n = self.value.size // max(1, value.size)
        most = (np.abs(self.value) + radius).sum(axis=axis, keepdims=keepdims)
        off = radius.sum(axis=axis, keepdims=keepdims)
        return Near(value, off + rounding.gamma(n + 1, self.ar) * most, self.ar)

    def mean(self, axis: int = -1) -> "Near":
        return self.sum(axis) * (1.0 / self.value.shape[axis])

    def tanh(self) -> "Near":
        """tanh, whose slope is at most 1 and whose relative error is at most 4 u."""
        value = np.tanh(self.value)
        return Near(value, self.radius + 4 * self.ar.u * np.abs(value) + self.ar.underflow, self.ar)

    def roll(self, shift: int, axis: int) -> "Near":
        return self.moved(lambda array: np.roll(array, shift, axis))

    def _becomes(self, other: "Near") -> "Near":
        self.value[...], self.radius[...] = other.value, other.radius
        return self

    def _near(self, other: Any) -> "Near":
        return other if isinstance(other, Near) else Near(np.asarray(other, np.float64), np.float64(0), self.ar)

    def _rounded(self, value: Array, radius: Any) -> "Near":
        """Add two roundings to the radius: one of our value, one of the other."""
        own = 2 * self.ar.u * (np.abs(value) + radius) + 2 * self.ar.underflow
        return Near(value, (radius + own) * (1 + 8 * self.ar.u), self.ar)


_UFUNCS: dict[np.ufunc, Callable[..., Near]] = {
    np.exp: Near.exp,
    np.absolute: Near.__abs__,
    np.negative: Near.__neg__,
    np.reciprocal: lambda x: 1 / x,
    np.minimum: Near.minimum,
    np.add: Near.__add__,
    np.subtract: Near.__sub__,
    np.multiply: Near.__mul__,
    np.true_divide: Near.__truediv__,
    np.matmul: Near.__matmul__,
}
