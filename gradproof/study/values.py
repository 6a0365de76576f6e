"""The values of trees: arrays with named axes, over the kind of number that a witness brings.

The first axes of an array are named after an index of a component, or `s` for the sample. The last axes are those of a
vector (one) or a matrix (two). No size is ever stretched to fit another: a mismatch raises MisfitError.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from gradproof.study.tree import Head, Node, Place


class MisfitError(ValueError):
    """The claim means nothing on this network: shapes do not fit, or an index is out of range."""


class SilentError(ValueError):
    """The witness cannot judge this: it lacks a function, or the claim is out of its reach."""


class Value(NamedTuple):
    """Named axes, then those of a vector or matrix; `array` has shape, transpose, reshape, [ ] and arithmetic."""

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
        """Return a constant as an array without axes."""

    def function(self, name: str, array: Any) -> Any:
        """Apply exp, log or abs to every element."""

    def total(self, array: Any, axis: int) -> Any:
        """Return the sum along an axis."""

    def join(self, arrays: list[Any]) -> Any:
        """Concatenate arrays along the last axis."""

    def diagonal(self, array: Any, first: int, second: int) -> Any:
        """Return the diagonal of two axes, as the last axis."""

    def derivative(self, world: "Evaluator", env: "Env", body: Node, name: "Key", at: Value) -> Value:
        """Return the derivative of the body as a function of a variable, at its value `at`."""

    def slope(self, world: "Evaluator", head: Head, body: Node, at: Value) -> Value:
        """Return f′ of every element, where f is the function that `head` and `body` define."""


Key = tuple[str, int | None]


class Env(NamedTuple):
    """The context of an evaluation: the layer l, the samples in use, and variables bound to other values."""

    layer: int | None = None
    samples: tuple[int, ...] = (1,)
    bound: tuple[tuple[Key, Value], ...] = ()


class Evaluator(Protocol):
    """The interface of a network that the rules need."""

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
    """Return both values with the same axes, order and rank; MisfitError if sizes differ.

    A number beside a vector or matrix gets axes of size 1.
    """
    axes = left.axes + tuple(axis for axis in right.axes if axis not in left.axes)
    insist_on_one_size(left, right)
    rank = max(left.rank, right.rank)
    if left.rank and right.rank and left.shape != right.shape:
        raise MisfitError(f"{kind(left)} does not fit {kind(right)}")
    return spread(left, axes, rank), spread(right, axes, rank)


def insist_on_one_size(left: Value, right: Value) -> None:
    """Raise MisfitError if an axis that both values have differs in size."""
    for axis in left.axes:
        if axis in right.axes and left.size(axis) != right.size(axis):
            raise MisfitError(f"{axis} runs to {left.size(axis)} on one side and to {right.size(axis)} on the other")


def kind(value: Value) -> str:
    if value.rank == 1:
        return f"a vector of {value.shape[0]}"
    return f"a {' × '.join(map(str, value.shape))} matrix" if value.rank else "a number"


def spread(value: Value, axes: tuple[str, ...], rank: int) -> Value:
    """Return the value with axes in this order, of size 1 where it lacks one."""
    if value.axes == axes and value.rank == rank:
        return value
    own = [value.axes.index(axis) for axis in axes if axis in value.axes]
    own += list(range(len(value.axes), len(value.array.shape)))
    array = value.array.transpose(own) if own else value.array
    named = [value.size(axis) if axis in value.axes else 1 for axis in axes]
    return Value(axes, array.reshape((*named, *(value.shape or (1,) * rank))))


def sliced(value: Value, axis: str, low: int, high: int) -> Value:
    """Return the part low … high of an axis whose elements are numbered from 1."""
    position, size = value.axes.index(axis), value.size(axis)
    if low < 1 or high > size or high < low:
        raise MisfitError(f"{axis} = {low} … {high}, but there are 1 … {size}")
    return Value(value.axes, value.array[(*(slice(None),) * position, slice(low - 1, high))])


def sampled(value: Value, samples: tuple[int, ...]) -> Value:
    """Return the given samples, numbered from 0."""
    position, size = value.axes.index("s"), value.size("s")
    if min(samples) < 0 or max(samples) >= size:
        raise MisfitError(f"s = {min(samples)} … {max(samples)}, but there are 0 … {size - 1}")
    return Value(value.axes, value.array[(*(slice(None),) * position, list(samples))])


def stacked(values: list[Value], axis: str, numbers: Numbers) -> Value:
    """Stack values with the same axes along a new, last named axis."""
    axes, shape = values[0].axes, values[0].array.shape
    if any((value.axes, value.array.shape) != (axes, shape) for value in values):
        raise MisfitError(f"the values for each {axis} differ in their indices or shape")
    n, size = len(axes), len(values[0].array.shape)
    whole = numbers.join([value.array.reshape((*shape, 1)) for value in values])
    return Value((*axes, axis), whole.transpose((*range(n), size, *range(n, size))))
