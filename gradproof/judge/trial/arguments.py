"""Example arguments: their arrays by name, redrawn, as exact variables or as the same numbers in float64."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from gradproof.errors import UsageError
from gradproof.exact.arrays import ExactArray, array_of
from gradproof.exact.numbers import Number, variable

Array = np.ndarray[Any, Any]


def leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield every array and number in nested lists, tuples and dicts, with a name such as `grads['W1'][0]`."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{name}[{key!r}]")
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from leaves(item, f"{name}[{place}]")
    elif isinstance(value, np.ndarray | Number | float | np.floating):
        yield name, value


def rebuilt(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return the same nesting with every array and float changed."""
    if isinstance(value, dict):
        return {key: rebuilt(item, change) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(rebuilt(item, change) for item in value))
    if isinstance(value, list | tuple):
        return type(value)(rebuilt(item, change) for item in value)
    return change(value) if isinstance(value, np.ndarray | Number | float | np.floating) else value


def prepared(arguments: Sequence[Any], seed: int) -> Any:
    """Return the arguments with float64 arrays.

    UsageError if there is nothing to differentiate by, if an array is complex, a matrix or masked, or if the seed is
    not a whole number.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise UsageError(f"seed is {seed!r}, should be a non-negative whole number")
    example = list(arguments)
    if not any(isinstance(leaf, np.ndarray) for _, leaf in leaves(example, "")):  # functions of plain numbers
        example = rebuilt(example, lambda x: np.asarray(float(x)))
    kinds = {leaf.dtype.kind for _, leaf in leaves(example, "") if isinstance(leaf, np.ndarray)}
    if "c" in kinds:
        raise UsageError("an argument is complex: gradients of complex arguments are not judged")
    if any(isinstance(leaf, np.matrix | np.ma.MaskedArray) for _, leaf in leaves(example, "")):
        raise UsageError(
            "an argument is a matrix or a masked array: give np.asarray of it, which the function turns back"
        )
    if "f" not in kinds:
        raise UsageError("no argument is an array of floats: give example arrays such as np.zeros((3, 2))")
    return rebuilt(example, lambda x: x.astype(np.float64) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x)


def argument_names(function: Any, count: int) -> list[str]:
    """Return the names of the first positional parameters, or arg0, arg1, … for unknown ones."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    names = list(code.co_varnames[: code.co_argcount]) if code else []
    names = names[1:] if inspect.ismethod(function) else names
    return [names[i] if i < len(names) else f"arg{i}" for i in range(count)]


def drawn(
    example: Any, rng: np.random.Generator, scale: float = 1.0, offset: float = 0.0, keeps_symmetry: bool = False
) -> Any:
    """Draw other numbers of the same kind: integers stay, one-hot rows stay one-hot, masks keep their values.

    Arrays that may hold any numbers are normally distributed with this scale around the offset. With `keeps_symmetry`
    a symmetric matrix is drawn symmetric.
    """

    def change(value: Any) -> Any:
        if isinstance(value, float | np.floating):
            return float(value)  # a learning rate, a regularisation
        if value.dtype.kind != "f":
            return value.copy()
        new = _drawn_array(value.astype(np.float64), rng, scale, offset)
        return (new + new.T) / 2 if keeps_symmetry and is_symmetric(value) else new

    return rebuilt(example, change)


def _drawn_array(example: Array, rng: np.random.Generator, scale: float, offset: float) -> Array:
    different = np.unique(example)
    few = len(different) < example.size and len(different) <= max(2, example.size // 2)
    if len(different) > 1 and (few or {*different} == {0, 1}):
        return _shuffled(example, rng)  # labels, masks, images of few shades: their values have a meaning
    if np.all(example > 0):
        for axis in range(example.ndim):
            if example.shape[axis] > 1 and np.allclose(example.sum(axis=axis), 1):  # probabilities
                return _probabilities(rng, example.shape, axis)
        if np.all(example < 1):
            return np.asarray(rng.uniform(0.05, 0.95, size=example.shape))
        return np.asarray(np.exp(0.5 * rng.normal(size=example.shape)) * np.median(example))
    return np.asarray(offset + scale * rng.normal(size=example.shape))


def _probabilities(rng: np.random.Generator, shape: tuple[int, ...], axis: int) -> Array:
    """Draw probabilities whose sum along an axis is exactly 1: the last of them is what the others leave."""
    new = np.moveaxis(rng.exponential(size=shape) + 0.05, axis, -1)
    new = np.floor(new / new.sum(axis=-1, keepdims=True) * 2.0**20) / 2.0**20
    new[..., -1] = 1 - new[..., :-1].sum(axis=-1)
    return np.asarray(np.moveaxis(new, -1, axis))


def is_symmetric(value: Any) -> bool:
    """Whether this is a symmetric matrix of floats, and not a diagonal one, or one of equal numbers."""
    if not (isinstance(value, np.ndarray) and value.ndim == 2 and value.dtype.kind == "f"):
        return False
    return np.array_equal(value, value.T) and bool(np.any(value != np.diag(np.diag(value)))) and bool(np.ptp(value))


def _shuffled(example: Array, rng: np.random.Generator) -> Array:
    """Permute the rows and columns, which keeps one-hot arrays one-hot."""
    result = example
    for axis in range(example.ndim):
        result = np.take(result, rng.permutation(result.shape[axis]), axis=axis)
    return result


def exact_variables(value: Any, floats: bool = False) -> Any:
    """Turn every float array, and with `floats` every float, into exact variables."""

    def change(item: Any) -> Any:
        if not isinstance(item, np.ndarray):
            return variable(item) if floats else item
        if item.dtype.kind != "f":
            return item.copy()
        return array_of([variable(x) for x in item.ravel().tolist()], item.shape)

    return rebuilt(value, change)


def as_floats(item: Any) -> Any:
    """Return exact numbers in float64, and anything else unchanged."""
    if isinstance(item, ExactArray):
        return np.array([float(x.value.mid()) for x in numbers_of(item)]).reshape(item.shape)
    return float(item.value.mid()) if isinstance(item, Number) else item


def copied(value: Any) -> Any:
    """Return copies of the arrays, which the subject may change."""
    return rebuilt(value, lambda item: item.copy() if isinstance(item, np.ndarray) else item)


def numbers_of(array: Any) -> list[Number]:
    """Return the exact numbers of an array, in order, or a single number in a list."""
    return list(array.flat) if isinstance(array, ExactArray) else [array]  # a matrix stays one when it is ravelled
