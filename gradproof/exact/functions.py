"""Replacements for the NumPy functions whose own implementation would leave exact arithmetic or go wrong in it.

All other functions run in NumPy's implementation, which moves elements about and calls ufuncs. Those come back here.
"""

import re
from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np

from gradproof.exact.arrays import (
    ExactArray,
    cast,
    each,
    elementwise,
    exact,
    holds_numbers,
    note_cast,
    wrap,
)
from gradproof.exact.numbers import Number, copy, number
from gradproof.exact.products import multiply_matrices
from gradproof.exact.run import current
from gradproof.exact.ufuncs import clip_one

NONE = np._NoValue
PLAIN = (int, float, np.number)


def call_function(function: Any, types: Any, arguments: Any, options: Any) -> Any:
    """Call a NumPy function that got an exact array or number. TypeError if it is in numpy.linalg and has no rule."""
    if own := FUNCTIONS.get(function):
        return own(*arguments, **{name: value for name, value in options.items() if value is not NONE})
    if function.__module__ == "numpy.linalg":
        raise current().refuse(f"gradproof has no exact rule for numpy.linalg.{function.__name__}", TypeError)
    try:
        return _ours(function._implementation(*_unboxed(arguments), **options))
    except (TypeError, ValueError) as error:
        if isinstance(error, TypeError) or re.search(r"object|dtype\('O'\)", str(error)):  # its C code takes float64
            current().refuse(f"numpy.{function.__name__}: {error}")
        raise


def _unboxed(arguments: Any) -> Any:
    """Wrap bare numbers in 0-d arrays, because NumPy would try to read them as sequences."""
    return [exact(x) if isinstance(x, Number) else x for x in arguments]


def _ours(result: Any) -> Any:
    if isinstance(result, tuple | list):
        return type(result)(_ours(part) for part in result) if type(result) in (tuple, list) else result
    if isinstance(result, np.ndarray) and result.dtype == object and any(isinstance(x, PLAIN) for x in result.flat):
        result = each(lambda x: number(x) if isinstance(x, PLAIN) else x, result.view(np.ndarray))  # as from np.pad
    return wrap(result)


def dot(a: Any, b: Any, out: Any = None) -> Any:
    return _put_out(multiply_matrices(a, b, dot=True), out)


def inner(a: Any, b: Any) -> Any:
    a, b = elementwise(a), elementwise(b)
    return a * b if not a.ndim or not b.ndim else np.tensordot(a, b, axes=(-1, -1))


def vdot(a: Any, b: Any) -> Any:
    return multiply_matrices(elementwise(a).ravel(), elementwise(b).ravel())


def average(a: Any, axis: Any = None, weights: Any = None, keepdims: bool = False) -> Any:
    a = elementwise(a)
    if weights is None:
        return a.mean(axis=axis, keepdims=keepdims)
    weights = np.broadcast_to(weights, a.shape) if np.ndim(weights) == a.ndim else _along(weights, a.ndim, axis)
    scale = exact(weights).sum(axis=axis, keepdims=keepdims)
    return (a * weights).sum(axis=axis, keepdims=keepdims) / scale


def _along(weights: Any, ndim: int, axis: Any) -> Any:
    shape = [1] * ndim
    shape[axis] = len(weights)
    return np.reshape(weights, shape)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    x = elementwise(x)
    whole = isinstance(axis, tuple) or (axis is None and x.ndim > 1)  # the norm of a matrix
    if ord is None or ord == "fro" or (ord == 2 and not whole):
        return np.sqrt((x * x).sum(axis=axis, keepdims=keepdims))
    if isinstance(ord, str) or ord == 0 or (whole and (axis or keepdims or x.ndim > 2 or abs(ord) not in (1, np.inf))):
        raise current().refuse(f"gradproof has no exact rule for the norm of order {ord}", TypeError)
    sizes = np.abs(x)
    if whole:
        sizes = sizes.sum(axis=0 if abs(ord) == 1 else 1)
    if whole or abs(ord) == np.inf:
        return (sizes.max if ord > 0 else sizes.min)(axis=axis, keepdims=keepdims)
    return (sizes**ord).sum(axis=axis, keepdims=keepdims) ** (1 / number(ord))


def einsum(subscripts: str, *operands: Any, out: Any = None, **options: Any) -> Any:
    """np.einsum by multiplying and summing, with one sum for each element of the result unless there is an ellipsis."""
    note_cast(options.get("dtype"))
    terms, _, kept = subscripts.replace(" ", "").partition("->")
    names, letters = terms.split(","), set(terms) - {","}
    if "..." in subscripts:
        return wrap(np.einsum(subscripts, *[exact(x).view(np.ndarray) for x in operands], optimize=False))
    if "->" not in subscripts:
        kept = "".join(sorted(c for c in letters if terms.count(c) == 1))
    arrays = [elementwise(x) for x in operands]
    order = kept + "".join(sorted(letters - set(kept)))
    result: Any = None
    array: Any
    for name, array in zip(names, arrays, strict=True):
        for letter in sorted(set(name)):
            while name.count(letter) > 1:
                first, second = name.index(letter), name.rindex(letter)
                array = np.diagonal(array, axis1=first, axis2=second)
                name = name[:first] + name[first + 1 : second] + name[second + 1 :] + letter
        present = [c for c in order if c in name]
        array = array.transpose([name.index(c) for c in present])
        array = array.reshape([array.shape[present.index(c)] if c in present else 1 for c in order])
        result = array if result is None else result * array
    summed = tuple(range(len(kept), len(order)))
    return _put_out(result.sum(axis=summed), out)


def _put_out(result: Any, out: Any) -> Any:
    if out is None:
        return wrap(result)
    out[...] = result
    return out


def where(condition: Any, *choices: Any) -> Any:
    condition = cast(condition, bool) if holds_numbers(condition) else np.asarray(condition)
    if not choices:
        return np.nonzero(condition)
    yes, no = (exact(choice) for choice in choices)
    result = np.where(condition, yes.view(np.ndarray), no.view(np.ndarray))
    return each(copy, result)


def clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **options: Any) -> Any:
    low, high = options.get("min", a_min), options.get("max", a_max)
    if low is None and high is None:
        return exact(a).copy()
    if low is None:
        return _put_out(each(lambda x, most: clip_one(x, None, most), a, high), out)
    if high is None:
        return _put_out(each(lambda x, least: clip_one(x, least, None), a, low), out)
    return _put_out(each(clip_one, a, low, high), out)


def nan_to_num(x: Any, copy: bool = True, **options: Any) -> Any:
    bad = ~np.isfinite(x)
    if np.any(bad):
        raise current().refuse("nan_to_num of a value that is not finite")
    return exact(x).copy() if copy else exact(x)


def sort(a: Any, axis: int | None = -1, **options: Any) -> Any:
    result = exact(a).ravel() if axis is None else exact(a).copy()
    result.view(np.ndarray).sort(axis=-1 if axis is None else axis)
    return result


def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    """np.digitize for bins that increase."""
    return np.searchsorted(exact(bins).view(np.ndarray), exact(x).view(np.ndarray), "left" if right else "right")


def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    places = cast(x, int) if holds_numbers(x) else np.asarray(x)
    if weights is None:
        return np.bincount(places, minlength=minlength)
    result = like(0)(np.zeros(max([minlength, *(places + 1).tolist()])))
    np.add.at(result, places, exact(weights))
    return result


def array_equal(a: Any, b: Any, **options: Any) -> bool:
    a, b = np.asanyarray(a), np.asanyarray(b)
    return a.shape == b.shape and bool(np.all(a == b))


def allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, **options: Any) -> bool:
    return bool(np.all(isclose(a, b, rtol, atol)))


def isclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, **options: Any) -> Any:
    a, b = exact(a), exact(b)
    return np.abs(a - b) <= number(atol) + number(rtol) * np.abs(b)


def like(value: Any) -> Callable[..., Any]:
    """Return zeros_like, ones_like and so on for this value: exact unless the dtype, given or a's, is int or bool."""

    def make(a: Any, dtype: Any = None, shape: Any = None, **options: Any) -> Any:
        shape = np.shape(a) if shape is None else shape
        if dtype is None:
            dtype = np.asarray(a).dtype
        if np.dtype(dtype).kind in "iub":
            return np.full(shape, value, dtype)
        note_cast(dtype)
        result = np.empty(shape, object)
        for place in np.ndindex(result.shape):
            result[place] = number(value)
        return result.view(type(a) if isinstance(a, ExactArray) else ExactArray)

    return make


def full_like(a: Any, fill_value: Any, dtype: Any = None, **options: Any) -> Any:
    result = like(0)(a, dtype, **options)
    result[...] = fill_value
    return result


def quantile(a: Any, q: Any, axis: Any = None, keepdims: bool = False, **options: Any) -> Any:
    if options or np.ndim(q):
        raise current().refuse("gradproof has no exact rule for several quantiles, or of that method", TypeError)
    along = -1 if axis is None else axis
    ordered = sort(a, axis=axis)
    last = ordered.shape[along] - 1
    place = number(q) * last
    below = int(place)
    low, high = (np.take(ordered, [k], axis=along) for k in (below, min(below + 1, last)))
    result = low + (place - below) * (high - low)
    if not keepdims:
        return np.squeeze(result, axis)
    return result.reshape((1,) * np.ndim(a)) if axis is None else result


def median(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return quantile(a, Fraction(1, 2), axis, keepdims)


def method(name: str) -> Callable[..., Any]:
    """Return a function that calls the array's method of this name, and so takes only that method's arguments."""
    return lambda a, *rest, **options: getattr(exact(a), name)(*rest, **options)


def printing(function: Callable[..., str]) -> Callable[..., str]:
    return lambda a, *rest, **options: current().show(function(_floats(a), *rest, **options))


def _floats(a: Any) -> Any:
    return np.array([float(x.value.mid()) for x in exact(a).ravel().tolist()]).reshape(np.shape(a))


def concatenate(arrays: Any, axis: Any = 0, out: Any = None, dtype: Any = None, **options: Any) -> Any:
    result = wrap(np.concatenate([exact(a).view(np.ndarray) for a in arrays], axis))
    return _put_out(result if dtype is None else cast(result, dtype), out)


def count_nonzero(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.count_nonzero(cast(a, bool), axis=axis, keepdims=keepdims)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.dot: dot,
    np.inner: inner,
    np.vdot: vdot,
    np.mean: method("mean"),
    np.average: average,
    np.var: method("var"),
    np.std: method("std"),
    np.linalg.norm: norm,
    np.einsum: einsum,
    np.where: where,
    np.clip: clip,
    np.nan_to_num: nan_to_num,
    np.sort: sort,
    np.digitize: digitize,
    np.bincount: bincount,
    np.median: median,
    np.quantile: quantile,
    np.percentile: lambda a, q, *rest, **options: quantile(a, number(q) / 100, *rest, **options),
    np.linalg.multi_dot: lambda arrays, out=None: _put_out(reduce(multiply_matrices, arrays), out),
    np.array_equal: array_equal,
    np.allclose: allclose,
    np.isclose: isclose,
    np.round: method("round"),
    np.around: method("round"),
    np.zeros_like: like(0),
    np.empty_like: like(0),
    np.ones_like: like(1),
    np.full_like: full_like,
    np.concatenate: concatenate,
    np.count_nonzero: count_nonzero,
    np.iscomplexobj: lambda x: False,
    np.isrealobj: lambda x: True,
    **{function: printing(function) for function in (np.array2string, np.array_repr, np.array_str)},
}
