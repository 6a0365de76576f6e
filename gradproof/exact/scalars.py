"""`float` and NumPy's float types as the subject sees them: float(loss) stays exact."""

import math
from typing import Any

import numpy as np

from gradproof.exact.arrays import exact
from gradproof.exact.numbers import Number, literal, number
from gradproof.exact.run import current


class _Float(type):
    """Makes isinstance(x, float) true for exact numbers as well."""

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, (Number, cls.__mro__[1]))

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, cls.__mro__[1])

    def __eq__(cls, other: Any) -> bool:
        return other in (cls.__mro__[1], Number) or other is cls

    def __hash__(cls) -> int:
        return hash(cls.__mro__[1])


class Float(float, metaclass=_Float):
    """`float` as the subject sees it: float(loss) stays exact."""

    def __new__(cls, value: Any = 0) -> Any:
        return _scalar(value)


class Float64(np.float64, metaclass=_Float):
    """`numpy.float64` as the subject sees it."""

    def __new__(cls, value: Any = 0) -> Any:
        return _scalar(value)


class Float32(np.float32, metaclass=_Float):
    """`numpy.float32` as the subject sees it: stays exact, but the cast is noted."""

    def __new__(cls, value: Any = 0) -> Any:
        current().note("cast", "a cast to float32, which keeps 6 digits")
        return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.size != 1:
        return exact(value)
    if isinstance(value, float) and not math.isfinite(value):
        return value
    if isinstance(value, str):
        current().read(float(value), value)
        if not math.isfinite(float(value)):
            return float(value)
        return literal(float(value)) if repr(float(value)) == value.strip() else number(value)
    if not isinstance(value, Number | int | float | np.number | np.ndarray | np.bool_) and hasattr(value, "__float__"):
        return number(float(value))
    return number(value)
