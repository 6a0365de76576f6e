"""The functions of math and of scipy that are not ufuncs."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gradproof.exact import functions, numbers
from gradproof.exact.arrays import array_of, exact
from gradproof.exact.numbers import apply, number
from gradproof.exact.products import multiply_matrices
from gradproof.exact.run import current


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, **options: Any) -> Any:
    powers = np.exp(exact(a)) if b is None else exact(b) * np.exp(exact(a))
    return np.log(powers.sum(axis=axis, keepdims=keepdims))


def softmax(x: Any, axis: Any = None) -> Any:
    powers = np.exp(exact(x))
    return powers / powers.sum(axis=axis, keepdims=True)


def log_softmax(x: Any, axis: Any = None) -> Any:
    return exact(x) - logsumexp(x, axis=axis, keepdims=True)


def windows(turned: bool, late: bool = False) -> Callable[..., Any]:
    """Return correlate, or convolve if `turned`, as sums of products; `late` cuts mode "same" as correlate2d does."""

    def call(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0, **options: Any) -> Any:
        image, kernel = exact(in1), exact(in2)
        kernel = np.flip(kernel) if turned else kernel
        if boundary != "fill":
            raise current().refuse(f"gradproof has no exact rule for boundary={boundary!r}", TypeError)
        wide = {"full": [(n - 1, n - 1) for n in kernel.shape], "valid": [(0, 0)] * image.ndim}.get(mode)
        if wide is None:  # same: the middle of full, as scipy cuts it
            offset = [n // 2 if late else (n - 1) // 2 for n in kernel.shape]
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


def _by_rule(name: str, genuine: Callable[..., float]) -> Callable[..., Any]:
    """Return a function of math, which raises what Python raises for numbers that are all outside its domain."""

    def call(*arguments: Any) -> Any:
        xs = [number(x) for x in arguments]
        result = apply(name, *xs)
        if not result.value.is_finite():
            try:
                genuine(*[float(x.value.lower()) for x in xs])
            except ValueError:
                genuine(*[float(x.value.upper()) for x in xs])
        return result

    return call


_AS_IN_NUMPY = "exp exp2 expm1 log2 log10 log1p sqrt cbrt sin cos tan sinh cosh tanh erf erfc"
_SHORTER = {"pow": "power", "lgamma": "gammaln"} | {
    f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")
}
_log = _by_rule("log", math.log)
MATH: dict[str, Any] = {
    name: _by_rule(rule, getattr(math, name))
    for name, rule in ({n: n for n in _AS_IN_NUMPY.split()} | _SHORTER).items()
} | {
    "log": lambda x, base=None: _log(x) if base is None else _log(x) / _log(base),
    "radians": lambda x: np.deg2rad(number(x)),
    "degrees": lambda x: np.rad2deg(number(x)),
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
