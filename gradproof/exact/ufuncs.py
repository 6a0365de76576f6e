"""NumPy's ufuncs and their reductions on exact arrays: those with a rule, and those that are not smooth."""

from collections.abc import Callable, Iterable
from functools import cache, reduce
from typing import Any

import numpy as np
from flint import arb
from numpy.lib.array_utils import normalize_axis_tuple

from gradproof.exact import numbers
from gradproof.exact.arrays import cast, note_cast, put, unwrap, wrap
from gradproof.exact.numbers import Number, apply, copy, is_equal, is_less, largest, number, smallest, total
from gradproof.exact.products import multiply_matrices
from gradproof.exact.rules import ALIASES, RULES
from gradproof.exact.run import current


def clip_one(x: Any, low: Any, high: Any) -> Number:
    x = number(x)
    result = x if low is None else largest(x, low)
    result = result if high is None else smallest(result, high)
    if numbers.source(result) is not numbers.source(x) and x.varies:
        current().note("clipped", "a value is clipped")
    current().clips[result.index] = current().place()  # of the copy: x may be used elsewhere, too
    return result


def _sign(x: Any) -> Number:
    """Return the sign, which has no derivative; while exploring, it depends on x."""
    sign = number(-1) if is_less(x, 0) else number(int(is_less(0, x)))
    return numbers.derive(RULES["tanh"], sign.value, (number(x),)) if current().exploring else sign


# The ufuncs that are not smooth or do not return a number; all others are rules.
_ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "multiply": numbers.multiply,
    "subtract": numbers.subtract,
    "absolute": lambda x: abs(number(x)),
    "maximum": largest,
    "fmax": largest,
    "minimum": smallest,
    "fmin": smallest,
    "clip": clip_one,
    "sign": _sign,
    "copysign": lambda x, y: -abs(number(x)) if is_less(y, 0) else abs(number(x)),
    "heaviside": lambda x, at_zero: number(at_zero) if is_equal(x, 0) else number(int(is_less(0, x))),
    "positive": number,
    "conjugate": number,
    "real": number,  # a ufunc from NumPy 2.5 on
    "imag": lambda x: number(0),
    "floor": numbers.floor,
    "ceil": lambda x: -numbers.floor(-number(x)),
    "trunc": lambda x: number(int(number(x))),
    "rint": lambda x: number(x).__round__(0),
    "floor_divide": lambda x, y: number(x) // y,
    "remainder": lambda x, y: number(x) % y,
    "fmod": lambda x, y: number(x) - number(int(number(x) / y)) * y,
    "deg2rad": lambda x: number(x) * (Number(arb.pi()) / 180),
    "rad2deg": lambda x: number(x) * (180 / Number(arb.pi())),
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
    "logical_not": lambda x: not x,
    "logical_and": lambda x, y: bool(x) and bool(y),
    "logical_or": lambda x, y: bool(x) or bool(y),
    "logical_xor": lambda x, y: bool(x) != bool(y),
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
    "logaddexp": lambda xs: reduce(lambda x, y: apply("logaddexp", x, y), xs),
    "logical_and": all,
    "logical_or": any,
}


def call_ufunc(ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
    """Call a ufunc, or a method of one, on exact numbers. TypeError if it has no rule."""
    name, out = ALIASES.get(ufunc.__name__, ufunc.__name__), options.pop("out", None)
    if method == "__call__":
        if name in ("matmul", "vecdot"):
            return put(multiply_matrices(*inputs), out)
        if name == "divmod":
            return np.floor_divide(*inputs), np.remainder(*inputs)
        if name not in _TRUTHS and name not in _ELEMENTWISE and name not in RULES:
            raise current().refuse(f"gradproof has no exact rule for {name}", TypeError)
        note_cast(options.get("dtype"))
        plain = [unwrap(x) for x in inputs]
        loop = _loop(name)
        if any(_holds_arrays(x) for x in plain):  # an object array of arrays
            loop = (ufunc, *loop[1:])
        result = np.frompyfunc(*loop)(*plain)
        if name in _TRUTHS:
            return put(np.asarray(result, bool) if np.ndim(result) else bool(result), out)
        return put(wrap(result), out, options.get("where", True))
    if method == "reduce":
        return put(_reduce(name, inputs[0], **options), out)
    plain = [unwrap(x) for x in inputs]
    if method == "at":
        plain[0] = inputs[0].view(np.ndarray)
    result = getattr(ufunc, method)(*plain, **options)
    return put(wrap(result), out)


def _holds_arrays(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype == object and x.size > 0 and isinstance(x.flat[0], np.ndarray)


@cache
def _loop(name: str) -> tuple[Callable[..., Any], int, int]:
    if function := _TRUTHS.get(name) or _ELEMENTWISE.get(name):
        inputs = {"clip": 3, "real": 1, "imag": 1}.get(name) or getattr(np, name, None)
        return function, inputs if isinstance(inputs, int) else (inputs.nin if inputs else 1), 1
    operands = RULES[name].partials.__code__.co_argcount - 1
    return lambda *xs: apply(name, *xs), operands, 1


def _reduce(name: str, array: Any, axis: Any = 0, dtype: Any = None, keepdims: bool = False, **options: Any) -> Any:
    """Reduce along axes to one number for each remaining place, however many elements it combines."""
    if name not in _FOLDS:
        raise current().refuse(f"gradproof has no exact rule for {name}.reduce", TypeError)
    fold, plain = _FOLDS[name], unwrap(array if dtype is None else cast(array, dtype))
    plain = np.asarray(plain)
    every = axis is None or not plain.ndim  # NumPy accepts axis 0 for a 0-d array
    axes = tuple(range(plain.ndim)) if every else normalize_axis_tuple(axis, plain.ndim)
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
