"""The functions that make arrays, such as zeros, ones, array and eye, for exact numbers."""

import io
import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
from flint import arb

from gradproof.exact import functions
from gradproof.exact.arrays import ExactArray, array_of, bare, cast, elementwise, exact, holds_numbers, note_cast, wrap
from gradproof.exact.numbers import Number, number
from gradproof.exact.run import current


def _whole(dtype: Any) -> bool:
    """Whether NumPy may make the array itself: a dtype is given, and it is neither a float nor an exact array's."""
    return dtype is not None and np.dtype(dtype).kind != "f" and not np.dtype(dtype).metadata


def filled(value: Any) -> Callable[..., Any]:
    """Return zeros, ones or empty: of exact numbers unless a dtype other than float is given."""

    def make(shape: Any, dtype: Any = None, order: str = "C", **options: Any) -> Any:
        if _whole(dtype):
            return np.full(shape, value, dtype)
        return functions.like(value)(None, dtype, shape=_shape(shape))

    return make


def _shape(shape: Any) -> Any:
    return tuple(int(n) for n in np.atleast_1d(shape)) if not isinstance(shape, Number) else (int(shape),)


def full(shape: Any, fill_value: Any, dtype: Any = None, **options: Any) -> Any:
    if _whole(dtype) or (dtype is None and isinstance(fill_value, int | np.integer)):
        return np.full(shape, fill_value, dtype)
    return functions.full_like(None, fill_value, dtype, shape=_shape(shape))


def array(data: Any, dtype: Any = None, copy: bool = True, ndmin: int = 0, **options: Any) -> Any:
    """np.array: exact if a float or an exact number is in it or dtype is float; ints, bools and strings stay."""
    if isinstance(data, ExactArray | Number) or holds_numbers(data):
        result = elementwise(_listed(data))
        if dtype is not None and np.dtype(dtype).kind != "O":
            result = cast(result, dtype)
        result = result.copy() if copy and isinstance(result, np.ndarray) else result
    else:
        plain = np.array(_listed(data), dtype=dtype if _whole(dtype) else None, **options)
        if plain.dtype.kind == "f" or (dtype is not None and not _whole(dtype) and plain.dtype.kind in "iub"):
            plain = cast(exact(plain), dtype or float)
        result = plain.astype(object) if dtype is object and plain.dtype.kind not in "Of" else plain
    return result.reshape((1,) * (ndmin - result.ndim) + result.shape) if result.ndim < ndmin else result


def _listed(data: Any) -> Any:
    """Turn a range or an iterator such as map or zip into a list."""
    return list(data) if isinstance(data, range | map | filter | zip) else data


def asanyarray(data: Any, dtype: Any = None, **options: Any) -> Any:
    stays = isinstance(data, ExactArray) and (dtype is None or np.dtype(dtype) in (float, object))
    return data if stays else array(data, dtype, copy=False)


def asarray(data: Any, dtype: Any = None, **options: Any) -> Any:
    return asanyarray(elementwise(data) if isinstance(data, ExactArray) else data, dtype)


def exactly(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function, such as loadtxt or a random draw, to take floats for exact numbers and return exact numbers."""

    @wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        return lifted(function(*map(lowered, arguments), **{name: lowered(x) for name, x in options.items()}))

    return call


LINALG = "cholesky cond det eig eigh eigvals eigvalsh inv lstsq matrix_power matrix_rank pinv qr slogdet solve svd"


def in_float64(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function of numpy.linalg: of constants it is computed in float64, which is noted. Else TypeError."""
    call = exactly(function)

    @wraps(function)
    def constant(*arguments: Any, **options: Any) -> Any:
        arrays = [exact(x) for x in arguments if holds_numbers(x)]
        if not arrays:
            return call(*arguments, **options)
        if not current().exploring and any(x.varies for array in arrays for x in array.flat):
            raise current().refuse(f"gradproof has no exact rule for numpy.linalg.{function.__name__}", TypeError)
        result = call(*arguments, **options)
        current().note("rounded", f"numpy.linalg.{function.__name__} is computed in float64")
        parts = result if isinstance(result, tuple) else (result,)
        current().rounded |= {x.index for part in parts if holds_numbers(part) for x in exact(part).flat}
        return result

    return constant


def reading(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap load, loadtxt and the like: for a file that cannot be read, return the run's substitute if it has one."""
    read = exactly(function)

    @wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        try:
            return read(*arguments, **options)
        except (OSError, ValueError):
            if current().outside is None:
                raise
            return current().outside.missing(*arguments)

    return call


def _fromfile(file: Any, *arguments: Any, **options: Any) -> Any:
    """np.fromfile, which also takes a file in memory and reads the rest of it."""
    held = isinstance(file, io.BytesIO)
    return np.frombuffer(file.read(), *arguments, **options) if held else np.fromfile(file, *arguments, **options)


fromfile = reading(_fromfile)


def lifted(result: Any) -> Any:
    if isinstance(result, np.ndarray) and result.dtype.kind == "f":
        return array_of([_unrounded(x) for x in result.ravel().tolist()], result.shape)
    if isinstance(result, float | np.floating) and math.isfinite(result):
        return _unrounded(float(result))
    if isinstance(result, tuple) and hasattr(result, "_fields"):  # as from np.linalg.svd
        return type(result)(*map(lifted, result))
    return type(result)(map(lifted, result)) if type(result) in (list, tuple) else result


def _unrounded(x: float) -> Number:
    current().read(x)
    return Number(arb(x))


def lowered(argument: Any) -> Any:
    """Convert an exact argument to an int or to floats, for functions that need them. Floats that vary are noted."""
    if isinstance(argument, Number):
        return int(argument) if argument.value.is_integer() else float(argument)
    if isinstance(argument, ExactArray):
        return np.array([float(x) for x in argument.ravel().tolist()]).reshape(argument.shape)
    return argument


def eye(n: int, m: int | None = None, k: int = 0, dtype: Any = None, **options: Any) -> Any:
    plain = np.eye(n, m, k, dtype=int)
    return plain.astype(dtype) if _whole(dtype) else cast(plain, dtype or float)


def arange(*arguments: Any, dtype: Any = None, **options: Any) -> Any:
    if _whole(dtype):
        return np.arange(*map(lowered, arguments), dtype=dtype)
    if any(isinstance(x, Number | float) for x in arguments):
        start, stop, step = {1: (0, *arguments, 1), 2: (*arguments, 1), 3: arguments}[len(arguments)]
        steps = max(0, math.ceil(float((number(stop) - start) / step)))
        return exact([number(start) + number(step) * i for i in range(steps)]) if steps else exact([])
    plain = np.arange(*arguments)
    return plain if dtype is None else cast(plain, dtype)


def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, **options: Any) -> Any:
    parts = max(1, num - bool(endpoint))  # the middle of −1 and 1 is exactly 0, which −1 + 50 · 0.02 only encloses
    result = exact([(number(start) * (parts - i) + number(stop) * i) / parts for i in range(num)])
    result = cast(np.floor(result) if _whole(dtype) else result, dtype or float)
    return (result, (number(stop) - start) / parts) if options.get("retstep") else result


def vectorize(
    pyfunc: Any = None,
    otypes: Any = None,
    doc: Any = None,
    excluded: Any = None,
    cache: bool = False,
    signature: Any = None,
) -> Callable[..., Any]:
    """np.vectorize with outputs that stay exact, unless their type, as given or of the first one, is int or bool."""
    if pyfunc is None:
        return lambda function: vectorize(function, otypes, doc, excluded, cache, signature)

    @wraps(pyfunc)
    def call(*arguments: Any, **named: Any) -> Any:
        if excluded or any(np.ndim(x) for x in named.values()):
            raise current().refuse("gradproof has no exact rule for an array that np.vectorize passes whole", TypeError)
        inputs = [exact(a) if holds_numbers(a) else np.asarray(a) for a in arguments]
        if signature:
            kinds = "O" * signature.partition("->")[2].count("(")
            outputs = np.vectorize(pyfunc, kinds, signature=signature)(*inputs, **named)
        else:
            places = np.broadcast(*[x.astype(object) for x in inputs])
            results = [pyfunc(*xs, **named) for xs in places]
            if not results:
                raise ValueError("cannot call `vectorize` on size 0 inputs unless `otypes` is set")
            several = isinstance(results[0], tuple)
            arrays = [array_of(xs, places.shape) for xs in (zip(*results, strict=True) if several else [results])]
            outputs = tuple(arrays) if several else arrays[0]
        if isinstance(outputs, tuple):
            return tuple(map(_typed, outputs, otypes or [None] * len(outputs)))
        return _typed(outputs, otypes[0] if otypes else None)

    return call


def _typed(array: Any, dtype: Any) -> Any:
    """Return the outputs as NumPy would type them: by the dtype, or by the first of them."""
    xs = array.ravel().tolist()
    dtype = dtype or (object if holds_numbers(xs[0]) else np.asarray(xs[0]).dtype)
    if np.dtype(dtype).kind not in "fO":
        return array.view(np.ndarray).astype(dtype)
    note_cast(dtype)
    return wrap(array_of([number(x) if isinstance(x, functions.PLAIN) else x for x in xs], array.shape))


def frompyfunc(function: Any, nin: int, nout: int, **options: Any) -> Callable[..., Any]:
    return vectorize(function, "O" * nout)


# Functions that are also called with plain lists or floats: NumPy would round those without ever asking gradproof.
_LIFTED = """abs absolute exp exp2 expm1 log log2 log10 log1p sqrt cbrt square sin cos tan sinh cosh tanh arcsin arccos
arctan arcsinh arccosh arctanh sum mean std var dot matmul inner outer tensordot einsum divide true_divide
power average median prod cumsum cumprod sign reciprocal clip max min amax amin maximum minimum float_power
subtract add multiply negative deg2rad rad2deg radians degrees"""


def _lifting(function: Any) -> Callable[..., Any]:
    """Wrap a function to make its plain floats, and lists with floats or exact numbers, exact."""

    @wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        return function(*[_exact_argument(x) for x in arguments], **options)

    call.__wrapped__ = function
    return call


def _exact_argument(x: Any) -> Any:
    if isinstance(x, float) and not isinstance(x, np.bool_):
        return number(x)
    if isinstance(x, list | tuple) and (holds_numbers(x) or _holds_floats(x)):
        return exact(bare(x))
    return x


def _holds_floats(x: Any) -> bool:
    return isinstance(x, float) or (isinstance(x, list | tuple) and any(_holds_floats(item) for item in x))


_ROUNDING = """exp exp2 expm1 log log2 log10 log1p sqrt cbrt sin cos tan sinh cosh tanh mean std var average deg2rad
rad2deg radians degrees"""


def _rounding(function: Any) -> Callable[..., Any]:
    """Wrap a function that would round even ints: as its first argument they become exact, too."""

    @wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        first, *rest = arguments
        if isinstance(first, int | np.integer | list | tuple) or (
            isinstance(first, np.ndarray) and first.dtype.kind in "iub"
        ):
            first = number(first) if isinstance(first, int | np.integer) else exact(bare(first))
        return function(_exact_argument(first), *rest, **options)

    return call


class Lifted:
    """A ufunc as the subject sees it: a call makes its arguments exact, and the methods are NumPy's."""

    def __init__(self, ufunc: Any, call: Callable[..., Any]) -> None:
        self._ufunc, self._call, self.__name__ = ufunc, call, ufunc.__name__

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self._call(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ufunc, name)


def _lifting_functions() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in _LIFTED.split():
        genuine = getattr(np, name)
        call = (_rounding if name in _ROUNDING.split() else _lifting)(genuine)
        found[name] = Lifted(genuine, call) if isinstance(genuine, np.ufunc) else call
    return found


LIFTED = _lifting_functions()
