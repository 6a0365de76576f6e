"""The rigorous witness: ball arithmetic. Both sides enclosed, with every rounding of the computation inside.

A derivative is the coefficient of ε in the ring ℝ[ε]/(ε²), from the rules of +, ·, / and exp there.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, fmpq

from gradproof.problem import Array
from gradproof.study.tree import Head, Node
from gradproof.study.values import Env, Evaluator, Key, SilentError, Value
from gradproof.study.witnesses.objects import Objects, array_of, boxed, each
from gradproof.study.world import World


@dataclass(slots=True, eq=False)  # no tuple: NumPy would take it for a row of two
class Dual:
    """value + slope·ε."""

    value: Any
    slope: Any

    def __add__(self, other: Any) -> "Dual":
        v, s = _parts(other)
        return Dual(self.value + v, self.slope + s)

    def __sub__(self, other: Any) -> "Dual":
        v, s = _parts(other)
        return Dual(self.value - v, self.slope - s)

    def __mul__(self, other: Any) -> "Dual":
        v, s = _parts(other)
        return Dual(self.value * v, self.value * s + self.slope * v)

    def __truediv__(self, other: Any) -> "Dual":
        v, s = _parts(other)
        quotient = self.value / v
        return Dual(quotient, (self.slope - quotient * s) / v)

    def __radd__(self, other: Any) -> "Dual":
        return self + other

    def __rsub__(self, other: Any) -> "Dual":
        return Dual(other, arb(0)) - self

    def __rmul__(self, other: Any) -> "Dual":
        return self * other

    def __rtruediv__(self, other: Any) -> "Dual":
        return Dual(other, arb(0)) / self

    def __neg__(self) -> "Dual":
        return Dual(-self.value, -self.slope)

    def exp(self) -> "Dual":
        e = self.value.exp()
        return Dual(e, self.slope * e)

    def log(self) -> "Dual":
        return Dual(self.value.log(), self.slope / self.value)


def _parts(other: Any) -> tuple[Any, Any]:
    return (other.value, other.slope) if isinstance(other, Dual) else (other, arb(0))


class Balls(Objects):
    """Numbers that are balls, or balls with a coefficient of ε."""

    def number(self, value: Any) -> Array:
        exact = arb(fmpq(value.numerator, value.denominator))
        return boxed(array_of([exact], ()))

    def function(self, name: str, array: Array) -> Array:
        if name == "abs":
            if any(isinstance(element, Dual) for element in array.flat):
                raise SilentError("no derivative of |·|")
            return boxed(each(abs, array))
        return boxed(each(lambda element: getattr(element, name)(), array))

    def slope(self, world: Evaluator, head: Head, body: Node, at: Value) -> Value:
        if any(isinstance(element, Dual) for element in at.array.flat):
            raise SilentError("no second derivatives")
        seeded = Value(at.axes, boxed(_dual(at.array, np.ones(at.array.shape, bool))))
        found = world.value(body, Env(bound=(((head.parameter, None), seeded),)))
        return Value(at.axes, boxed(each(lambda element: _parts(element)[1], found.array)))

    def slopes(self, value: Callable[[Array], Value], flat: Value, here: Value) -> Iterator[Array]:
        if any(isinstance(element, Dual) for element in flat.array.flat):
            raise SilentError("no second derivatives")
        for number in range(flat.array.shape[-1]):
            varied = np.zeros(flat.array.shape, bool)
            varied[..., number] = True
            yield each(lambda element: _parts(element)[1], value(_dual(flat.array, varied)).array)


def _dual(array: Array, varied: Array) -> Array:
    pairs = zip(np.asarray(array, object).ravel(), varied.ravel(), strict=True)
    return array_of([Dual(v, arb(1)) if yes else v for v, yes in pairs], array.shape)


def world(definitions: Mapping[Head, Node], sizes: tuple[int, ...], m: int, numbers: Mapping[Key, Array]) -> World:
    """A network of exact numbers: floats taken as they are."""
    primitives = {}
    for key, array in numbers.items():
        axes = ("s",) if key[0] in ("x", "y") else ()
        flat = [arb(float(v)) for v in np.asarray(array, float).ravel()]
        primitives[key] = Value(axes, boxed(array_of(flat, np.shape(array))))
    return World(Balls(), sizes, m, primitives, definitions, {})


def false(relation: str, left: Any, right: Any) -> bool:
    """Certainly false: the balls are apart, or on the wrong sides of each other."""
    if relation == "==":
        return not left.overlaps(right)
    return bool(left > right) if relation == "<=" else bool(left < right)
