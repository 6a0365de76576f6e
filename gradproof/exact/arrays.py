"""Arrays of exact numbers: NumPy does all structure, and only arithmetic is ours.

An ExactArray is an ndarray of objects, so views, slices, fancy indices, masks, broadcasting and in-place steps are
NumPy's own. Ufuncs come here (`call_ufunc`), other functions to gradproof.exact.functions.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np
from flint import arb_mat

from gradproof.exact import numbers
from gradproof.exact.numbers import DOT, Number, apply, copy, is_equal, is_less, largest, number, smallest, total
from gradproof.exact.rules import ALIASES, RULES
from gradproof.exact.run import current

Array = np.ndarray[Any, Any]


class ExactArray(np.ndarray):
    """An array of `Number`; what NumPy would do with float64, exactly."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return call_ufunc(ufunc, method, *inputs, **options)

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        from gradproof.exact.functions import call_function

        return call_function(function, types, arguments, options)

    def __setitem__(self, where: Any, value: Any) -> None:
        """Each element becomes a number of its own: one 0 for a whole mask would mix their derivatives."""
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
        raise TypeError("an exact array cannot be pickled")

    # ---- methods that NumPy would do in C on float64 ---------------------------------------------------------

    def astype(self, dtype: Any, *args: Any, **options: Any) -> Any:
        return cast(self, dtype)

    def dot(self, other: Any, out: Any = None) -> Any:
        return _put(multiply_matrices(self, other, dot=True), out)

    def mean(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        return _put(self.sum(axis=axis, keepdims=keepdims) / count(self, axis), out)

    def var(self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
        off = self - self.mean(axis=axis, keepdims=True)
        return _put((off * off).sum(axis=axis, keepdims=keepdims) / (count(self, axis) - number(ddof)), out)

    def std(self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
        return _put(np.sqrt(self.var(axis=axis, ddof=ddof, keepdims=keepdims)), out)

    def clip(self, min: Any = None, max: Any = None, out: Any = None, **options: Any) -> Any:
        return _put(np.clip(self, min, max), out)

    def round(self, decimals: int = 0, out: Any = None) -> Any:
        return each(lambda x: x.__round__(decimals), self)

    def fill(self, value: Any) -> None:
        self[...] = value

    def tobytes(self, *args: Any) -> bytes:
        return np.array(self.tolist(), dtype=float).tobytes()


def array_of(values: Any, shape: tuple[int, ...] | None = None) -> ExactArray:
    """An ExactArray from a flat sequence of numbers, or from one number."""
    if shape is None:
        shape, values = (), [values]
    result = np.empty(len(values), object)
    for place, value in enumerate(values):
        result[place] = value
    return result.reshape(shape).view(ExactArray)


def exact(value: Any) -> ExactArray:
    """Whatever NumPy would make an array of, with exact numbers in it; what is one already stays the same object."""
    if isinstance(value, ExactArray):
        return value
    if isinstance(value, Number):
        return array_of(value)
    plain = np.asarray(value) if isinstance(value, np.ndarray) else np.array(_bare(value), dtype=object if _deep(value) else None)
    if plain.dtype.kind not in "biufO":
        raise TypeError(f"numbers were expected, not {plain.dtype}")
    return array_of([number(x) for x in plain.ravel().tolist()], plain.shape)


def _bare(value: Any) -> Any:
    """Nested lists in place of exact arrays, which NumPy would unpack badly."""
    if isinstance(value, ExactArray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_bare(item) for item in value]
    return value


def _deep(value: Any) -> bool:
    return isinstance(value, Number | ExactArray) or (
        isinstance(value, list | tuple) and any(_deep(item) for item in value)
    )


holds_numbers = _deep
bare = _bare


def each(function: Callable[..., Any], *arrays: Any) -> Any:
    """The function of every element, broadcast; an array, or one result where there are no axes."""
    plain = [_operand(array) for array in arrays]
    return wrap(np.frompyfunc(function, len(arrays), 1)(*plain))


def wrap(result: Any) -> Any:
    """NumPy's result as ours: an ExactArray if it holds objects, a number if it has no axes."""
    if isinstance(result, np.ndarray) and result.dtype == object:
        return result.view(ExactArray) if result.ndim else result.item()
    return result


def _operand(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.view(np.ndarray) if type(value) is not np.ndarray else value
    if isinstance(value, Number):
        box = np.empty((), object)
        box[()] = value
        return box
    if isinstance(value, list | tuple) and _deep(value):
        return exact(value).view(np.ndarray)
    return value


def _plain_index(where: Any) -> Any:
    """An index without exact arrays: those of whole numbers, as labels read from a file are."""
    if isinstance(where, ExactArray):
        return cast(where, int)
    return tuple(_plain_index(part) for part in where) if isinstance(where, tuple) else where


def count(array: Any, axis: Any = None) -> Number:
    """How many elements a reduction over the axis takes together."""
    axes = range(array.ndim) if axis is None else np.atleast_1d(axis)
    return number(int(np.prod([array.shape[int(a)] for a in axes], dtype=int)))


def cast(array: Any, dtype: Any) -> Any:
    """As `astype`: floats stay exact, float32 and float16 with a note; whole numbers become int64."""
    kind = np.dtype(dtype)
    if kind.kind in "iub":
        if kind.kind == "b":
            return each(lambda x: not is_equal(x, 0), array).astype(bool) if np.ndim(array) else not is_equal(array, 0)
        return np.array([int(x) for x in exact(array).ravel().tolist()], kind).reshape(np.shape(array))
    if kind.kind == "f" and kind.itemsize < 8:
        current().note("cast", f"a cast to {kind}, which keeps {np.finfo(kind).precision} digits")
    elif kind.kind not in "fO":
        raise TypeError(f"exact numbers cannot be cast to {kind}")
    return exact(array).copy()


# ---- ufuncs ---------------------------------------------------------------------------------------------------


def _clip(x: Any, low: Any, high: Any) -> Number:
    x = number(x)
    result = x if low is None else largest(x, low)
    result = result if high is None else smallest(result, high)
    if numbers.source(result) is not numbers.source(x) and x.varies:
        current().note("clipped", "a value is clipped")
    return result


def _sign(x: Any) -> Number:
    return number(-1) if is_less(x, 0) else number(int(is_less(0, x)))


def _truth(x: Any) -> bool:
    return not is_equal(x, 0) if isinstance(x, Number) else bool(x)


# What is not smooth, or not a number: everything else is a rule.
_ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "multiply": numbers.multiply,
    "subtract": numbers.subtract,
    "absolute": lambda x: abs(number(x)),
    "maximum": largest,
    "fmax": largest,
    "minimum": smallest,
    "fmin": smallest,
    "clip": _clip,
    "sign": _sign,
    "heaviside": lambda x, at_zero: number(at_zero) if is_equal(x, 0) else number(int(is_less(0, x))),
    "positive": number,
    "conjugate": number,
    "floor": numbers.floor,
    "ceil": lambda x: -numbers.floor(-number(x)),
    "trunc": lambda x: number(int(number(x))),
    "rint": lambda x: number(x).__round__(0),
    "floor_divide": lambda x, y: number(x) // y,
    "remainder": lambda x, y: number(x) % y,
    "fmod": lambda x, y: number(x) - number(int(number(x) / y)) * y,
    "deg2rad": lambda x: number(x) * numbers.number(1) * (Number(numbers.arb.pi()) / 180),
    "relu": lambda x: largest(x, 0),
}
_TRUTHS: dict[str, Callable[..., bool]] = {
    "less": is_less,
    "less_equal": lambda x, y: not is_less(y, x),
    "greater": lambda x, y: is_less(y, x),
    "greater_equal": lambda x, y: not is_less(x, y),
    "equal": is_equal,
    "not_equal": lambda x, y: not is_equal(x, y),
    "isnan": lambda x: bool(number(x).value.is_nan()),
    "isinf": lambda x: not number(x).value.is_nan() and not number(x).value.is_finite(),
    "isfinite": lambda x: bool(number(x).value.is_finite()),
    "signbit": lambda x: is_less(x, 0),
    "logical_not": lambda x: not _truth(x),
    "logical_and": lambda x, y: _truth(x) and _truth(y),
    "logical_or": lambda x, y: _truth(x) or _truth(y),
    "logical_xor": lambda x, y: _truth(x) != _truth(y),
}


def _product(xs: Iterable[Any]) -> Number:
    result = number(1)
    for x in xs:
        result = numbers.multiply(result, x)
    return result


def _extreme(better: Callable[[Any, Any], bool]) -> Callable[[Iterable[Any]], Number]:
    def fold(xs: Iterable[Any]) -> Number:
        best, *rest = map(number, xs)
        for x in rest:
            best = x if better(x, best) else best
        return copy(best)

    return fold


_FOLDS: dict[str, Callable[[Any], Any]] = {
    "add": total,
    "multiply": _product,
    "maximum": _extreme(lambda x, best: is_less(best, x)),
    "minimum": _extreme(is_less),
    "fmax": _extreme(lambda x, best: is_less(best, x)),
    "fmin": _extreme(is_less),
    "logical_and": lambda xs: all(_truth(x) for x in xs),
    "logical_or": lambda xs: any(_truth(x) for x in xs),
}


def call_ufunc(ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
    """A ufunc of exact numbers; TypeError for one without a rule."""
    name, out = ALIASES.get(ufunc.__name__, ufunc.__name__), options.pop("out", None)
    if method == "__call__":
        if name in ("matmul", "vecdot"):
            return _put(multiply_matrices(*inputs), out)
        if name == "divmod":
            return np.floor_divide(*inputs), np.remainder(*inputs)
        if name not in _TRUTHS and name not in _ELEMENTWISE and name not in RULES:
            raise TypeError(f"gradproof has no exact rule for {name}")
        plain = [_operand(x) for x in inputs]
        loop = _loop(name)
        if any(_holds_arrays(x) for x in plain):  # an array of objects that are arrays
            loop = (ufunc, *loop[1:])
        result = np.frompyfunc(*loop)(*plain)
        if name in _TRUTHS:
            return _put(np.asarray(result, bool) if np.ndim(result) else bool(result), out)
        return _put(wrap(result), out, options.get("where", True))
    if method == "reduce":
        return _put(_reduce(name, inputs[0], **options), out)
    plain = [_operand(x) for x in inputs]
    if method == "at":
        plain[0] = inputs[0].view(np.ndarray)
    result = getattr(ufunc, method)(*plain, **options)
    return _put(wrap(result), out)


def _holds_arrays(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype == object and x.size > 0 and isinstance(x.flat[0], np.ndarray)


@cache
def _loop(name: str) -> tuple[Callable[..., Any], int, int]:
    if function := _TRUTHS.get(name) or _ELEMENTWISE.get(name):
        inputs = {"clip": 3}.get(name) or getattr(np, name, None)
        return function, inputs if isinstance(inputs, int) else (inputs.nin if inputs else 1), 1
    operands = RULES[name].partials.__code__.co_argcount - 1
    return lambda *xs: apply(name, *xs), operands, 1


def _put(result: Any, out: Any, where: Any = True) -> Any:
    """The result, written into `out` where there is one, as an in-place step asks for."""
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
    current().note("left", "an array that gradproof did not make is changed in place: its other names keep old values")
    return result


def _reduce(name: str, array: Any, axis: Any = 0, dtype: Any = None, keepdims: bool = False, **options: Any) -> Any:
    """A reduction, one number for however many elements."""
    if name not in _FOLDS:
        raise TypeError(f"gradproof has no exact rule for {name}.reduce")
    fold, plain = _FOLDS[name], _operand(array)
    plain = np.asarray(plain)
    axes = tuple(range(plain.ndim)) if axis is None else tuple(int(a) % max(1, plain.ndim) for a in np.atleast_1d(axis))
    kept = [a for a in range(plain.ndim) if a not in axes]
    rows = plain.transpose(*kept, *axes).reshape(*[plain.shape[a] for a in kept], -1)
    where, initial = options.get("where", True), options.get("initial", np._NoValue)
    result = np.empty(rows.shape[:-1], object)
    for place in np.ndindex(result.shape):
        xs = list(rows[place])
        if where is not True:
            chosen = np.broadcast_to(where, plain.shape).transpose(*kept, *axes).reshape(rows.shape)[place]
            xs = [x for x, yes in zip(xs, chosen, strict=True) if yes]
        if initial is not np._NoValue and initial is not None:
            xs.append(initial)
        result[place] = fold(xs)
    if keepdims:
        result = result.reshape([1 if a in axes else n for a, n in enumerate(plain.shape)])
    if name.startswith("logical"):
        return result.astype(bool) if result.ndim else bool(result.item())
    return wrap(result)


# ---- products of matrices -------------------------------------------------------------------------------------


def multiply_matrices(left: Any, right: Any, dot: bool = False) -> Any:
    """`@`, or NumPy's `dot`, which differs for scalars and for more than two axes."""
    a, b = exact(left), exact(right)
    if dot and (a.ndim == 0 or b.ndim == 0):
        return a * b
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError("matmul: Input operand does not have enough dimensions")
    rows, columns = (a[None, :] if a.ndim == 1 else a), (b[:, None] if b.ndim == 1 else b)
    if rows.shape[-1] != columns.shape[-2]:
        raise ValueError(f"shapes {a.shape} and {b.shape} not aligned: {rows.shape[-1]} != {columns.shape[-2]}")
    if dot and b.ndim > 2:
        result = np.tensordot(rows, columns, axes=(-1, -2))
    else:
        batch = np.broadcast_shapes(rows.shape[:-2], columns.shape[:-2])
        rows = np.broadcast_to(rows.view(np.ndarray), (*batch, *rows.shape[-2:]))
        columns = np.broadcast_to(columns.view(np.ndarray), (*batch, *columns.shape[-2:]))
        result = np.empty((*batch, rows.shape[-2], columns.shape[-1]), object)
        for place in np.ndindex(batch):
            result[place] = _multiply_two(rows[place], columns[place])
    if a.ndim == 1:
        result = result[..., 0, :] if b.ndim > 1 else result[..., 0, 0]
    elif b.ndim == 1:
        result = result[..., 0]
    return wrap(result)


def _multiply_two(rows: Array, columns: Array) -> Array:
    (n, inner), m = rows.shape, columns.shape[1]
    lefts = [tuple([number(x) for x in row]) for row in rows]
    rights = [tuple([number(x) for x in column]) for column in columns.T]
    product = (
        arb_mat(n, inner, [x.value for row in lefts for x in row])
        * arb_mat(m, inner, [x.value for column in rights for x in column]).transpose()
    ).entries() if n and m and inner else [numbers.ZERO] * (n * m)
    moving_left, moving_right = ([any(x.varies for x in part) for part in parts] for parts in (lefts, rights))
    result = np.empty((n, m), object)
    for i in range(n):
        for j in range(m):
            value = product[i * m + j]
            if moving_left[i] or moving_right[j]:
                result[i, j] = Number(value, DOT, (lefts[i], rights[j]), True)
            else:
                result[i, j] = Number(value)
    return result
