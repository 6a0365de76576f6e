"""What a tree can be worth: arrays with named axes, in whatever kind of number a witness brings.

The first axes of an array have names, an index of a component or `s`, the sample; the last ones are those of a vector
(one) or a matrix (two). Sizes are never stretched: what does not fit is a MisfitError, and says so.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from gradproof.study.tree import Head, Node, Place


class MisfitError(ValueError):
    """The claim means nothing on this network: shapes that do not fit, an index that runs out."""


class SilentError(ValueError):
    """The witness has nothing to say about this: it lacks the function, or the claim is out of its reach."""


class Value(NamedTuple):
    """Named axes first, then those of a vector or matrix; `array` has shape, transpose, reshape, [ ] and arithmetic."""

    axes: tuple[str, ...]
    array: Any

    @property
    def rank(self) -> int:
        return len(self.array.shape) - len(self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape[len(self.axes) :])

    def size(self, axis: str) -> int:
        return int(self.array.shape[self.axes.index(axis)])


class Numbers(Protocol):
    """The kind of number that a witness brings."""

    def number(self, value: Any) -> Any:
        """A constant, an array without axes."""

    def function(self, name: str, array: Any) -> Any:
        """exp, log or abs of every element."""

    def total(self, array: Any, axis: int) -> Any:
        """The sum along an axis."""

    def join(self, arrays: list[Any]) -> Any:
        """One array after the other along the last axis."""

    def diagonal(self, array: Any, first: int, second: int) -> Any:
        """The diagonal of two axes, as the last axis."""

    def derivative(self, world: "Evaluator", env: "Env", body: Node, name: "Key", at: Value) -> Value:
        """The derivative of the body as a function of a variable, where that has the value `at`."""

    def slope(self, world: "Evaluator", head: Head, body: Node, at: Value) -> Value:
        """f′ of every element."""


Key = tuple[str, int | None]


class Env(NamedTuple):
    """Where a tree is evaluated: the layer l, the samples in play, and the variables that have other values."""

    layer: int | None = None
    samples: tuple[int, ...] = (1,)
    bound: tuple[tuple[Key, Value], ...] = ()


class Evaluator(Protocol):
    """A network, as the rules see it."""

    @property
    def numbers(self) -> Any: ...

    @property
    def primitives(self) -> Mapping[Key, Value]: ...

    @property
    def definitions(self) -> Mapping[Head, Node]: ...

    @property
    def opaque(self) -> bool: ...

    def value(self, node: Node, env: Env) -> Value: ...

    def place(self, place: Place, env: Env) -> int: ...

    def variable(self, node: Node, env: Env) -> Key: ...

    def look_up(self, name: str, layer: int | None, env: Env) -> Value: ...


def aligned(left: Value, right: Value, numbers: Numbers) -> tuple[Value, Value]:
    """Both with the same axes in the same order, a number beside a vector as a vector of one rank; sizes must agree."""
    axes = left.axes + tuple(axis for axis in right.axes if axis not in left.axes)
    insist_on_one_size(left, right)
    rank = max(left.rank, right.rank)
    if left.rank and right.rank and left.shape != right.shape:
        raise MisfitError(f"{said(left)} meets {said(right)}")
    return spread(left, axes, rank), spread(right, axes, rank)


def insist_on_one_size(left: Value, right: Value) -> None:
    """MisfitError where an index that both have runs further in one of them."""
    for axis in left.axes:
        if axis in right.axes and left.size(axis) != right.size(axis):
            raise MisfitError(f"{axis} runs to {left.size(axis)} on one side and to {right.size(axis)} on the other")


def said(value: Value) -> str:
    if value.rank == 1:
        return f"a vector of {value.shape[0]}"
    return f"a {' × '.join(map(str, value.shape))} matrix" if value.rank else "a number"


def spread(value: Value, axes: tuple[str, ...], rank: int) -> Value:
    """With axes of size 1 for the indices that it does not have."""
    if value.axes == axes and value.rank == rank:
        return value
    own = [value.axes.index(axis) for axis in axes if axis in value.axes]
    own += list(range(len(value.axes), len(value.array.shape)))
    array = value.array.transpose(own) if own else value.array
    named = [value.size(axis) if axis in value.axes else 1 for axis in axes]
    return Value(axes, array.reshape((*named, *(value.shape or (1,) * rank))))


def sliced(value: Value, axis: str, low: int, high: int) -> Value:
    """The part low … high of an axis whose elements are numbered from 1."""
    position, size = value.axes.index(axis), value.size(axis)
    if low < 1 or high > size or high < low:
        raise MisfitError(f"{axis} = {low} … {high}, but there are 1 … {size}")
    return Value(value.axes, value.array[(*(slice(None),) * position, slice(low - 1, high))])


def sampled(value: Value, samples: tuple[int, ...]) -> Value:
    """Some of the samples, which are numbered from 0."""
    position, size = value.axes.index("s"), value.size("s")
    if min(samples) < 0 or max(samples) >= size:
        raise MisfitError(f"s = {min(samples)} … {max(samples)}, but there are 0 … {size - 1}")
    return Value(value.axes, value.array[(*(slice(None),) * position, list(samples))])


def stacked(values: list[Value], axis: str, numbers: Numbers) -> Value:
    """Values with the same axes one beside the other, along an axis more."""
    axes, shape = values[0].axes, values[0].array.shape
    if any((value.axes, value.array.shape) != (axes, shape) for value in values):
        raise MisfitError(f"what stands beside each other for each {axis} has not the same indices and shape")
    n, size = len(axes), len(values[0].array.shape)
    whole = numbers.join([value.array.reshape((*shape, 1)) for value in values])
    return Value((*axes, axis), whole.transpose((*range(n), size, *range(n, size))))
