"""NumPy arrays of objects, the common base of the symbolic and the rigorous witness."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gradproof.problem import Array
from gradproof.study.tree import Node
from gradproof.study.values import Env, Evaluator, Key, Value, insist_on_one_size


def array_of(flat: list[Any], shape: tuple[int, ...]) -> Array:
    """Return the objects as an array of this shape."""
    result = np.empty(len(flat), object)
    result[:] = flat
    return result.reshape(shape)


def each(function: Callable[..., Any], *arrays: Array) -> Array:
    """Apply a function element by element and return an object array."""
    return np.asarray(np.frompyfunc(function, len(arrays), 1)(*arrays), object)


class Boxed(np.ndarray):
    """An object array that remains an array when an operation leaves a single element."""

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return np.asarray(array, object).view(Boxed)


def boxed(array: Array) -> Array:
    return np.asarray(array, object).view(Boxed)


class Objects:
    """The structural operations on object arrays; a witness adds numbers, functions and derivatives."""

    def total(self, array: Array, axis: int) -> Array:
        return boxed(np.add.reduce(np.asarray(array, object), axis=axis))

    def join(self, arrays: list[Array]) -> Array:
        return boxed(np.concatenate([np.asarray(array, object) for array in arrays], axis=-1))

    def diagonal(self, array: Array, first: int, second: int) -> Array:
        return boxed(np.diagonal(np.asarray(array, object), axis1=first, axis2=second))

    def derivative(self, world: Evaluator, env: Env, body: Node, name: Key, at: Value) -> Value:
        """Differentiate by each element of the variable, position by position along axes that the body has too (s)."""
        here = world.value(body, _bound(env, name, at))
        insist_on_one_size(here, at)
        shared = tuple(axis for axis in at.axes if axis in here.axes)
        kept = tuple(axis for axis in at.axes if axis not in shared)
        order = [*map(at.axes.index, (*shared, *kept)), *range(len(at.axes), at.array.ndim)]
        turned = np.asarray(at.array, object).transpose(order)
        across = turned.shape[len(shared) :]  # each of these elements is varied separately
        flat = turned.reshape((*turned.shape[: len(shared)], -1))

        def value(flat: Array) -> Value:
            """Return the body with these elements in the variable."""
            array = flat.reshape(turned.shape).transpose(np.argsort(order))
            return world.value(body, _bound(env, name, Value(at.axes, boxed(array))))

        slopes = np.stack(list(self.slopes(value, Value(shared, flat), here)), axis=-1)
        whole = slopes.reshape((*slopes.shape[:-1], *across))
        named, rank, more = len(here.axes), here.rank, len(kept)
        last = range(named + rank + more, whole.ndim)
        moved = [*range(named), *range(named + rank, named + rank + more), *range(named, named + rank), *last]
        return Value((*here.axes, *kept), boxed(whole.transpose(moved)))

    def slopes(self, value: Callable[[Array], Value], flat: Value, here: Value) -> Iterator[Array]:
        """Yield the derivative of the body, whose value is `here`, by each element along the last axis of `flat`."""
        raise NotImplementedError


def _bound(env: Env, name: Key, value: Value) -> Env:
    return env._replace(bound=(*env.bound, (name, value)))
