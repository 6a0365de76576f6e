"""Implements NumPy's two protocols, `__array_ufunc__` and `__array_function__`, for exact numbers and arrays."""

from typing import Any

import numpy as np

from gradproof.exact.arrays import ExactArray, array_of
from gradproof.exact.functions import call_function
from gradproof.exact.numbers import Number
from gradproof.exact.run import current
from gradproof.exact.ufuncs import call_ufunc


def _ufunc(_: Any, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
    with current().staying():
        return call_ufunc(ufunc, method, *inputs, **options)


def _function(_: Any, function: Any, types: Any, arguments: Any, options: Any) -> Any:
    return call_function(function, types, arguments, options)


_KINDS: tuple[Any, ...] = (Number, ExactArray)
for _kind in _KINDS:
    _kind.__array_ufunc__, _kind.__array_function__ = _ufunc, _function
_KINDS[0]._as_array = array_of
