"""Arrays of exact numbers: NumPy handles all structure, gradproof only the arithmetic.

An ExactArray is an ndarray of objects, so NumPy's own views, slices, fancy indices, masks, broadcasting and in-place
steps apply. Ufuncs go to gradproof.exact.ufuncs, other functions to gradproof.exact.functions.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from gradproof.exact.numbers import Number, copy, is_equal, number
from gradproof.exact.run import current

Array = np.ndarray[Any, Any]


NUMBERS = np.dtype(object, metadata={"of": "exact numbers"})  # so that np.zeros(n, dtype=x.dtype) makes them, too


class ExactArray(np.ndarray):
    """An array of `Number` that does exactly what NumPy would do with float64."""

    # gradproof.exact.dispatch adds __array_ufunc__ and __array_function__

    def __setitem__(self, where: Any, value: Any) -> None:
        """Give each element its own number: sharing one 0 across a mask would mix the derivatives."""
        plain = self.view(np.ndarray)
        where = _plain_index(where)
        target = plain[where]
        if not isinstance(target, np.ndarray) or (target.ndim == 0 and not isinstance(value, np.ndarray)):
            plain[where] = number(value)
        else:
            new = np.empty(target.shape, object)
            new[...] = exact(value).view(np.ndarray) if np.ndim(value) else number(value)
            plain[where] = each(copy, new) if new.size else new

    def __getitem__(self, where: Any) -> Any:
        return super().__getitem__(_plain_index(where))

    def __contains__(self, value: Any) -> bool:
        return any(is_equal(x, value) for x in self.flat)

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError("The truth value of an array with more than one element is ambiguous.")
        return bool(self.reshape(-1)[0])

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.ndim == 0 else str(self)

    def __repr__(self) -> str:
        return repr(self.view(np.ndarray).astype(object)).replace(", dtype=object", "")

    def __reduce__(self) -> Any:
        raise current().refuse("an exact array cannot be pickled", TypeError)

    @property
    def dtype(self) -> Any:
        return NUMBERS

    # ---- methods that NumPy would do in C on float64 ---------------------------------------------------------

    def astype(self, dtype: Any, *args: Any, copy: bool = True, **options: Any) -> Any:
        return cast(self, dtype) if copy or np.dtype(dtype) not in (float, object) else self

    def dot(self, other: Any, out: Any = None) -> Any:
        return np.dot(self, other, out)

    def mean(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        return put(self.sum(axis=axis, dtype=dtype, keepdims=keepdims) / count(self, axis), out)

    def var(self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
        off = self - self.mean(axis=axis, dtype=dtype, keepdims=True)
        return put((off * off).sum(axis=axis, keepdims=keepdims) / (count(self, axis) - number(ddof)), out)

    def std(self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
        return put(np.sqrt(self.var(axis, dtype, ddof=ddof, keepdims=keepdims)), out)

    def clip(self, min: Any = None, max: Any = None, out: Any = None, **options: Any) -> Any:
        return put(np.clip(self, min, max), out)

    def round(self, decimals: int = 0, out: Any = None) -> Any:
        return each(lambda x: x.__round__(decimals), self)

    def argmax(self, axis: Any = None, out: Any = None, **options: Any) -> Any:
        return wrap(super().argmax(axis, **options))

    def argmin(self, axis: Any = None, out: Any = None, **options: Any) -> Any:
        return wrap(super().argmin(axis, **options))

    def argsort(self, axis: Any = -1, *args: Any, **options: Any) -> Any:
        return wrap(super().argsort(axis, *args))

    def fill(self, value: Any) -> None:
        self[...] = value

    def tobytes(self, *args: Any) -> bytes:
        return np.array(self.tolist(), dtype=float).tobytes()


def array_of(values: Any, shape: tuple[int, ...] | None = None) -> ExactArray:
    """Return an ExactArray of a flat sequence of numbers, or without a shape a 0-d one of a single number."""
    if shape is None:
        shape, values = (), [values]
    result = np.empty(len(values), object)
    for place, value in enumerate(values):
        result[place] = value
    return result.reshape(shape).view(ExactArray)


def exact(value: Any) -> ExactArray:
    """Convert anything array-like to exact numbers; an ExactArray stays the same object. TypeError if not numeric."""
    if isinstance(value, ExactArray):
        return value
    if isinstance(value, Number):
        return array_of(value)
    plain = (
        np.asarray(value)
        if isinstance(value, np.ndarray)
        else np.array(bare(value), dtype=object if holds_numbers(value) else None)
    )
    if plain.dtype.kind not in "biufO":
        raise TypeError(f"expected numbers, not {plain.dtype}")
    with current().staying():
        return array_of([number(x) for x in plain.ravel().tolist()], plain.shape)


def elementwise(value: Any) -> ExactArray:
    """Return exact numbers whose `*` goes by elements, as that of a Matrix does not."""
    return exact(value).view(ExactArray)


def bare(value: Any) -> Any:
    """Replace exact arrays, which NumPy would unpack badly, by nested lists."""
    if isinstance(value, ExactArray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [bare(item) for item in value]
    return value


def holds_numbers(value: Any) -> bool:
    return isinstance(value, Number | ExactArray) or (
        isinstance(value, list | tuple) and any(holds_numbers(item) for item in value)
    )


def each(function: Callable[..., Any], *arrays: Any) -> Any:
    """Apply a function element by element with broadcasting; return one result instead of a 0-d array."""
    plain = [unwrap(array) for array in arrays]
    return wrap(np.frompyfunc(function, len(arrays), 1)(*plain))


def wrap(result: Any) -> Any:
    """Return NumPy's result in exact form: an ExactArray if it holds objects, or their one number if it is 0-d."""
    if isinstance(result, np.ndarray) and result.dtype == object:
        array = result if isinstance(result, ExactArray) else result.view(ExactArray)  # a Matrix stays one
        return array if result.ndim else result.item()
    return result.view(np.ndarray) if isinstance(result, ExactArray) else result  # as the indices of argmax


def unwrap(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.view(np.ndarray) if type(value) is not np.ndarray else value
    if isinstance(value, Number):
        box = np.empty((), object)
        box[()] = value
        return box
    if isinstance(value, list | tuple) and holds_numbers(value):
        return exact(value).view(np.ndarray)
    return value


def _plain_index(where: Any) -> Any:
    """Convert exact arrays in an index, such as labels read from a file, to ints."""
    if isinstance(where, ExactArray):
        return cast(where, int)
    return tuple(_plain_index(part) for part in where) if isinstance(where, tuple) else where


def count(array: Any, axis: Any = None) -> Number:
    """Return how many elements a reduction over the axis combines, as a number."""
    axes = range(array.ndim) if axis is None else np.atleast_1d(axis)
    return number(int(np.prod([array.shape[int(a)] for a in axes], dtype=int)))


def cast(array: Any, dtype: Any) -> Any:
    """astype: floats stay exact, float32 and float16 with a note; an int or bool dtype gives a plain array."""
    kind = np.dtype(dtype)
    if kind.kind in "iub":
        if kind.kind == "b":
            truths = [not is_equal(x, 0) for x in exact(array).ravel().tolist()]
            return np.array(truths, bool).reshape(np.shape(array)) if np.ndim(array) else truths[0]
        return np.array([int(x) for x in exact(array).ravel().tolist()], kind).reshape(np.shape(array))
    if kind.kind not in "fO":
        raise current().refuse(f"exact numbers cannot be cast to {kind}", TypeError)
    note_cast(kind)
    return exact(array).copy()


def note_cast(dtype: Any) -> None:
    """Note that numbers become float32 or float16, if that is the dtype."""
    kind = np.dtype(dtype)
    if kind.kind == "f" and kind.itemsize < 8:
        current().note("cast", f"a cast to {kind}, which keeps {np.finfo(kind).precision} digits")


def put(result: Any, out: Any, where: Any = True) -> Any:
    """Return the result, written into `out` if there is one, as for an in-place step."""
    target = out[0] if isinstance(out, tuple) else out
    if target is None:
        return result
    if isinstance(target, ExactArray):
        if where is True:
            target[...] = result
        else:
            target[where] = np.broadcast_to(result, target.shape)[where]
        return target
    if isinstance(target, np.ndarray) and target.dtype.kind in "iub" and holds_numbers(result):
        raise TypeError(f"Cannot cast ufunc output from dtype('float64') to {target.dtype!r}")
    if isinstance(target, np.ndarray) and target.dtype.kind == "b":
        target[...] = result
        return target
    current().note("left", "an array from outside gradproof is changed in place: other references keep the old values")
    return result
