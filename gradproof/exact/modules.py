"""What the subject gets when it imports numpy, math, random or scipy: the same modules, with numbers of ours.

A `Stand` answers for a module: what makes floats (`zeros`, `array`, `random.randn`, `math.exp`) is replaced by what
makes exact numbers, everything else is the module's own. The modules themselves are never touched.
"""

import importlib
import math
import random
import types
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
from flint import arb

from gradproof.exact import functions, numbers
from gradproof.exact.arrays import ExactArray, array_of, bare, cast, exact, holds_numbers, multiply_matrices
from gradproof.exact.numbers import Number, apply, number
from gradproof.exact.run import current


class Stand(types.ModuleType):
    """A module as the subject sees it."""

    def __init__(self, module: Any, replaced: dict[str, Any]) -> None:
        super().__init__(module.__name__, module.__doc__)
        self.__dict__.update(replaced)
        self.__dict__["_module"] = module
        self.__all__ = [name for name in dir(module) if not name.startswith("_")]

    def __getattr__(self, name: str) -> Any:
        if name in CONSTANTS and self.__name__ in ("numpy", "math"):
            return Number(CONSTANTS[name]())  # at the precision of this run
        found = getattr(self._module, name)
        return stand_for(found) if isinstance(found, types.ModuleType) else REPLACED.get(_key(found), found)

    def __dir__(self) -> list[str]:
        return dir(self._module)


def stand_for(module: types.ModuleType) -> types.ModuleType:
    """The stand of one of the modules below; any other module is itself."""
    name = module.__name__
    if name not in STANDS:
        return module
    if name not in _made:
        _made[name] = Stand(module, STANDS[name])
    return _made[name]


_made: dict[str, Stand] = {}
CONSTANTS = {"pi": arb.pi, "e": arb.const_e, "tau": lambda: 2 * arb.pi(), "euler_gamma": arb.const_euler}


# ---- scalars ----------------------------------------------------------------------------------------------------


class _Float(type):
    """isinstance(x, float) is true of exact numbers as well."""

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, Number) or isinstance(value, cls.__mro__[1])

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
    """`numpy.float64`."""

    def __new__(cls, value: Any = 0) -> Any:
        return _scalar(value)


class Float32(np.float32, metaclass=_Float):
    """`numpy.float32`, which is noted."""

    def __new__(cls, value: Any = 0) -> Any:
        current().note("cast", "a cast to float32, which keeps 6 digits")
        return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.size != 1:
        return exact(value)
    if isinstance(value, float) and not math.isfinite(value):
        return value
    if isinstance(value, str):
        return number(value) if math.isfinite(float(value)) else float(value)
    if not isinstance(value, Number | int | float | np.number | np.ndarray | np.bool_) and hasattr(value, "__float__"):
        return number(float(value))
    return number(value)


# ---- arrays -----------------------------------------------------------------------------------------------------


def _whole(dtype: Any) -> bool:
    """Whether NumPy itself may make this array: of ints, bools, texts or objects."""
    return dtype is not None and np.dtype(dtype).kind != "f"


def _filled(value: Any) -> Callable[..., Any]:
    """zeros, ones, empty: of exact numbers, unless ints or bools are asked for."""

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
    return functions.full_like(functions.like(0)(None, shape=_shape(shape)), fill_value)


def array(data: Any, dtype: Any = None, copy: bool = True, ndmin: int = 0, **options: Any) -> Any:
    """Exact if there is a float or a number of ours in it; ints, bools and texts stay what they are."""
    if isinstance(data, ExactArray | Number) or holds_numbers(data):
        result = exact(_listed(data))
        if dtype is not None and np.dtype(dtype).kind in "iubf":
            result = cast(result, dtype)
        result = result.copy() if copy and isinstance(result, np.ndarray) else result
    else:
        plain = np.array(_listed(data), dtype=dtype if _whole(dtype) else None, **options)
        if plain.dtype.kind == "f" or (dtype is not None and np.dtype(dtype).kind == "f" and plain.dtype.kind in "iub"):
            plain = cast(exact(plain), dtype or float)
        result = plain.astype(object) if dtype is object and plain.dtype.kind not in "Of" else plain
    return result.reshape((1,) * (ndmin - result.ndim) + result.shape) if result.ndim < ndmin else result


def _listed(data: Any) -> Any:
    """Iterators and ranges of numbers as lists, as NumPy takes sequences."""
    return list(data) if isinstance(data, range | map | filter | zip) else data


def asarray(data: Any, dtype: Any = None, **options: Any) -> Any:
    return data if isinstance(data, ExactArray) and not _whole(dtype) else array(data, dtype, copy=False)


def _exactly(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function's floats as exact numbers: eye, linspace, loadtxt and everything random."""

    @wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        return _lifted(function(*map(_lowered, arguments), **{name: _lowered(x) for name, x in options.items()}))

    return call


def _lifted(result: Any) -> Any:
    if isinstance(result, np.ndarray) and result.dtype.kind == "f":
        return array_of([Number(arb(x)) for x in result.ravel().tolist()], result.shape)
    if isinstance(result, float | np.floating) and math.isfinite(result):
        return Number(arb(float(result)))
    return type(result)(map(_lifted, result)) if type(result) in (list, tuple) else result


def _lowered(argument: Any) -> Any:
    """An argument of a random function or the like: an exact number as a float, noted if it varies."""
    if isinstance(argument, Number):
        return int(argument.value) if argument.value.is_integer() else float(argument)
    if isinstance(argument, ExactArray):
        return np.array([float(x) for x in argument.ravel().tolist()]).reshape(argument.shape)
    return argument


def eye(n: int, m: int | None = None, k: int = 0, dtype: Any = None, **options: Any) -> Any:
    plain = np.eye(n, m, k, dtype=int)
    return plain.astype(dtype) if _whole(dtype) else exact(plain)


def arange(*arguments: Any, dtype: Any = None, **options: Any) -> Any:
    if any(isinstance(x, Number | float) for x in arguments):
        start, stop, step = {1: (0, *arguments, 1), 2: (*arguments, 1), 3: arguments}[len(arguments)]
        steps = max(0, math.ceil(float((number(stop) - start) / step)))
        return exact([number(start) + number(step) * i for i in range(steps)]) if steps else exact([])
    plain = np.arange(*arguments, dtype=dtype if _whole(dtype) else None)
    return exact(plain) if dtype is not None and not _whole(dtype) else plain


def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, **options: Any) -> Any:
    gap = (number(stop) - start) / max(1, num - bool(endpoint))
    return exact([number(start) + gap * i for i in range(num)])


def vectorize(function: Any = None, otypes: Any = None, **options: Any) -> Any:
    """np.vectorize, whose outputs of floats stay exact."""
    if function is None:
        return lambda f: vectorize(f, otypes, **options)

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        plain = [exact(a).view(np.ndarray) if holds_numbers(a) else np.asarray(a) for a in arguments]
        result = np.frompyfunc(lambda *xs: function(*xs, **named), len(plain), 1)(*plain)
        if isinstance(result, np.ndarray) and all(isinstance(x, bool | int | np.bool_) for x in result.flat):
            return np.array(result.tolist())
        return array_of(list(result.ravel()), result.shape) if isinstance(result, np.ndarray) else result

    return call


class Matrix(ExactArray):
    """`numpy.matrix`: two axes, `*` multiplies matrices, `.I` is left out."""

    __array_priority__ = 20

    def __new__(cls, data: Any, dtype: Any = None, copy: bool = True) -> "Matrix":
        if isinstance(data, str):
            data = [[number(x) for x in row.split()] for row in data.replace(",", " ").split(";")]
        return np.atleast_2d(exact(data)).view(cls)

    def __mul__(self, other: Any) -> Any:
        return self.dot(Matrix(other) if np.ndim(other) else other)

    def __rmul__(self, other: Any) -> Any:
        return multiply_matrices(other, self, dot=True).view(Matrix)

    def __array_ufunc__(self, *arguments: Any, **options: Any) -> Any:
        result = super().__array_ufunc__(*arguments, **options)
        return np.atleast_2d(result).view(Matrix) if isinstance(result, ExactArray) else result

    def __getitem__(self, where: Any) -> Any:
        found = super().__getitem__(where)
        if not isinstance(found, np.ndarray) or found.ndim == 2:
            return found
        column = isinstance(where, tuple) and len(where) > 1 and np.isscalar(where[1])
        return found.reshape(-1, 1) if column else found.reshape(1, -1)

    def dot(self, other: Any, out: Any = None) -> Any:
        result = multiply_matrices(self.view(ExactArray), exact(other).view(ExactArray), dot=True)
        return result.view(Matrix) if isinstance(result, ExactArray) else result

    def sum(self, axis: Any = None, **options: Any) -> Any:
        result = self.view(ExactArray).sum(axis=axis, keepdims=axis is not None)
        return result.view(Matrix) if isinstance(result, ExactArray) else result

    def mean(self, axis: Any = None, **options: Any) -> Any:
        result = self.view(ExactArray).mean(axis=axis, keepdims=axis is not None)
        return result.view(Matrix) if isinstance(result, ExactArray) else result

    @property
    def A(self) -> ExactArray:  # noqa: N802  (NumPy's name)
        return self.view(ExactArray)

    A1 = property(lambda self: self.view(ExactArray).ravel())


# ---- random -----------------------------------------------------------------------------------------------------


class Generator:
    """A RandomState or Generator of NumPy's, or Python's Random, whose floats are exact numbers."""

    def __init__(self, genuine: Any) -> None:
        self._genuine = genuine

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._genuine, name)
        if name == "shuffle":
            return lambda x, **options: found(x.view(np.ndarray) if isinstance(x, ExactArray) else x, **options)
        if name in ("choice", "permutation", "choices", "sample", "permuted"):
            return lambda x, *rest, **options: _chosen(found, x, *rest, **options)
        return _exactly(found) if callable(found) else found


def _chosen(found: Any, x: Any, *rest: Any, **options: Any) -> Any:
    if isinstance(x, Number):
        x = int(x)
    rest, options = [_lowered(r) for r in rest], {name: _lowered(o) for name, o in options.items()}
    result = found(x.view(np.ndarray) if isinstance(x, ExactArray) else x, *rest, **options)
    return result.view(ExactArray) if isinstance(result, np.ndarray) and result.dtype == object else _lifted(result)


def _of_the_run(which: str) -> Callable[[str], Callable[..., Any]]:
    """The functions of a random module draw from this run's own stream, not from the process's."""

    def function(name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            return getattr(Generator(getattr(current(), which)), name)(*arguments, **options)

        call.__name__ = name
        return call

    return function


def _random(names: str, which: str) -> dict[str, Any]:
    return {name: _of_the_run(which)(name) for name in names.split()}


# ---- scipy ------------------------------------------------------------------------------------------------------


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, **options: Any) -> Any:
    powers = np.exp(exact(a)) if b is None else exact(b) * np.exp(exact(a))
    return np.log(powers.sum(axis=axis, keepdims=keepdims))


def softmax(x: Any, axis: Any = None) -> Any:
    powers = np.exp(exact(x))
    return powers / powers.sum(axis=axis, keepdims=True)


def log_softmax(x: Any, axis: Any = None) -> Any:
    return exact(x) - logsumexp(x, axis=axis, keepdims=True)


def _windows(turned: bool) -> Callable[..., Any]:
    """correlate2d, or convolve2d with the kernel turned round: sums of products over windows."""

    def call(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0, **options: Any) -> Any:
        image, kernel = exact(in1), exact(in2)
        kernel = np.flip(kernel) if turned else kernel
        if boundary != "fill":
            raise TypeError(f"gradproof has no exact rule for boundary={boundary!r}")
        wide = {"full": [(n - 1, n - 1) for n in kernel.shape], "valid": [(0, 0)] * image.ndim}.get(mode)
        if wide is None:  # same: the middle of full, as scipy cuts it
            offset = [(n - 1) // 2 if turned else n // 2 for n in kernel.shape]
            offset = [(n - 1) // 2 for n in kernel.shape] if turned else [n - 1 - (n - 1) // 2 for n in kernel.shape]
            wide = [(n - 1 - at, at) for n, at in zip(kernel.shape, offset, strict=True)]
        padded = np.pad(image, wide, constant_values=fillvalue)
        shape = tuple(n - k + 1 for n, k in zip(padded.shape, kernel.shape, strict=True))
        flat = kernel.ravel()
        windows = [
            padded[tuple(slice(i, i + k) for i, k in zip(place, kernel.shape, strict=True))].ravel()
            for place in np.ndindex(shape)
        ]
        return array_of([multiply_matrices(window, flat) for window in windows], shape)

    return call


# ---- math -------------------------------------------------------------------------------------------------------


def _by_rule(name: str) -> Callable[..., Any]:
    return lambda *xs: apply(name, *xs)


MATH: dict[str, Any] = {
    name: _by_rule(rule)
    for name, rule in {
        **{n: n for n in "exp exp2 expm1 log2 log10 log1p sqrt cbrt sin cos tan sinh cosh tanh erf erfc".split()},
        **{n: f"arc{n[1:]}" for n in "asin acos atan atan2 asinh acosh atanh".split()},
        "pow": "power",
        "lgamma": "gammaln",
    }.items()
} | {
    "log": lambda x, base=None: apply("log", x) if base is None else apply("log", x) / apply("log", base),
    "fabs": lambda x: abs(number(x)),
    "floor": lambda x: int(numbers.floor(x)),
    "ceil": lambda x: -int(numbers.floor(-number(x))),
    "trunc": lambda x: int(number(x)),
    "fsum": numbers.total,
    "prod": lambda xs, start=1: np.prod(exact([start, *xs])),
    "dist": lambda p, q: apply("sqrt", numbers.total((number(a) - b) ** 2 for a, b in zip(p, q, strict=True))),
    "hypot": lambda *xs: apply("sqrt", numbers.total(number(x) ** 2 for x in xs)),
    "isnan": lambda x: bool(number(x).value.is_nan()),
    "isinf": lambda x: bool(np.isinf(number(x))),
    "isfinite": lambda x: bool(np.isfinite(number(x))),
    "isclose": lambda a, b, rel_tol=1e-9, abs_tol=0.0: functions.isclose(a, b, rel_tol, abs_tol),
    "copysign": lambda x, y: abs(number(x)) * (-1 if number(y) < 0 else 1),
    "fmod": lambda x, y: np.fmod(number(x), y),
}


# ---- the table --------------------------------------------------------------------------------------------------

_DRAWS = """beta binomial bytes chisquare choice exponential gamma geometric gumbel laplace logistic lognormal
multinomial multivariate_normal normal permutation poisson rand randint randn random random_integers random_sample ranf
sample seed shuffle standard_normal triangular uniform""".split()
_PYTHON_DRAWS = """betavariate choice choices expovariate gammavariate gauss getrandbits normalvariate randint random
randrange sample seed shuffle triangular uniform""".split()

NUMPY_RANDOM: dict[str, Any] = _random(" ".join(_DRAWS), "numpy_random") | {
    "RandomState": lambda *arguments: Generator(np.random.RandomState(*map(_lowered, arguments))),
    "default_rng": lambda *arguments: Generator(np.random.default_rng(*map(_lowered, arguments))),
}
NUMPY: dict[str, Any] = {
    "zeros": _filled(0),
    "empty": _filled(0),
    "ones": _filled(1),
    "full": full,
    "zeros_like": functions.like(0),
    "empty_like": functions.like(0),
    "ones_like": functions.like(1),
    "full_like": functions.full_like,
    "array": array,
    "asarray": asarray,
    "asanyarray": asarray,
    "ascontiguousarray": asarray,
    "asfarray": asarray,
    "copy": lambda a, **options: array(a),
    "eye": eye,
    "identity": eye,
    "arange": arange,
    "linspace": linspace,
    "vectorize": vectorize,
    "matrix": Matrix,
    "mat": Matrix,
    "asmatrix": Matrix,
    "float64": Float64,
    "double": Float64,
    "float32": Float32,
    "float_": Float64,
    "loadtxt": _exactly(np.loadtxt),
    "genfromtxt": _exactly(np.genfromtxt),
    "load": _exactly(np.load),
    "frombuffer": _exactly(np.frombuffer),
    "meshgrid": lambda *xs, **options: [exact(g) if g.dtype == object else g for g in np.meshgrid(*xs, **options)],
    "row_stack": np.vstack,
    "in1d": np.isin,
}
STANDS: dict[str, dict[str, Any]] = {
    "numpy": NUMPY,
    "numpy.random": NUMPY_RANDOM,
    "numpy.linalg": {"norm": functions.norm},
    "math": MATH,
    "random": _random(" ".join(_PYTHON_DRAWS), "python_random")
    | {"Random": lambda *arguments: Generator(random.Random(*arguments))},
    "scipy": {},
    "scipy.special": {"softmax": softmax, "log_softmax": log_softmax, "logsumexp": logsumexp},
    "scipy.signal": {
        "correlate2d": _windows(turned=False),
        "convolve2d": _windows(turned=True),
        "correlate": _windows(turned=False),
        "convolve": _windows(turned=True),
    },
}
# Functions of a module that take no arrays of ours but are given plain lists or floats all the same.
_LIFTED = """abs absolute exp exp2 expm1 log log2 log10 log1p sqrt cbrt square sin cos tan sinh cosh tanh arcsin arccos
arctan arcsinh arccosh arctanh sum mean std var dot matmul inner outer tensordot einsum divide true_divide power
average median prod cumsum cumprod sign reciprocal clip max min amax amin maximum minimum float_power subtract add
multiply negative""".split()


def _lifting(function: Any) -> Callable[..., Any]:
    """Plain floats and lists, and ints where the result would be rounded, enter exact arithmetic."""

    @wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        return function(*[_exact_argument(x) for x in arguments], **options)

    call.__wrapped__ = function  # type: ignore[attr-defined]
    return call


def _exact_argument(x: Any) -> Any:
    if isinstance(x, float) and not isinstance(x, np.bool_):
        return number(x)
    if isinstance(x, list | tuple) and (holds_numbers(x) or _holds_floats(x)):
        return exact(bare(x))
    return x


def _holds_floats(x: Any) -> bool:
    return isinstance(x, float) or (isinstance(x, list | tuple) and any(_holds_floats(item) for item in x))


_ROUNDING = set("exp exp2 expm1 log log2 log10 log1p sqrt cbrt sin cos tan sinh cosh tanh mean std var average".split())


def _rounding(function: Any) -> Callable[..., Any]:
    """A function that would round even whole numbers."""

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
    """A ufunc as the subject sees it: called it lifts, its methods are NumPy's."""

    def __init__(self, ufunc: Any, call: Callable[..., Any]) -> None:
        self._ufunc, self._call, self.__name__ = ufunc, call, ufunc.__name__

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self._call(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ufunc, name)


for _name in _LIFTED:
    _genuine = getattr(np, _name)
    _call = (_rounding if _name in _ROUNDING else _lifting)(_genuine)
    NUMPY[_name] = Lifted(_genuine, _call) if isinstance(_genuine, np.ufunc) else _call


def _key(value: Any) -> Any:
    return id(value) if callable(value) else None


def _replacements() -> dict[int, Any]:
    found = {}
    for name, replaced in STANDS.items():
        try:
            module = importlib.import_module(name) if name.split(".")[0] != "scipy" else None
        except ImportError:
            continue
        for attribute, new in replaced.items():
            if module is not None and hasattr(module, attribute):
                found[id(getattr(module, attribute))] = new
    return found


REPLACED: dict[int, Any] = _replacements() | {id(float): Float}


def replacement(value: Any) -> Any:
    """What stands for a function or type of those modules, or for a module; None for anything else."""
    if isinstance(value, types.ModuleType):
        return stand_for(value) if value.__name__ in STANDS else None
    return REPLACED.get(id(value)) if callable(value) else None
