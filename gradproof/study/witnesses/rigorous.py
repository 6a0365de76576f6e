"""The rigorous witness: ball arithmetic encloses both sides, with every rounding of the computation.

Derivatives are those of the recorded computation, by the rules of +, ·, / and exp (gradproof.exact).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from flint import arb, fmpq

from gradproof.exact.numbers import Number
from gradproof.exact.sweeps import push_forward
from gradproof.problem import Array
from gradproof.study.tree import Head, Node
from gradproof.study.values import Env, Evaluator, Key, SilentError, Value
from gradproof.study.witnesses.objects import Objects, array_of, boxed, each
from gradproof.study.world import World


class Balls(Objects):
    """Numbers that are balls; for derivatives, numbers of gradproof.exact that record how they were computed."""

    def number(self, value: Any) -> Array:
        exact = arb(fmpq(value.numerator, value.denominator))
        return boxed(array_of([exact], ()))

    def function(self, name: str, array: Array) -> Array:
        if name == "abs":
            if any(isinstance(element, Number) for element in array.flat):
                raise SilentError("no derivative of |·|")
            return boxed(each(abs, array))
        return boxed(each(lambda element: getattr(element, name)(), array))

    def slope(self, world: Evaluator, head: Head, body: Node, at: Value) -> Value:
        variables = _variables(at.array)
        found = world.value(body, Env(bound=(((head.parameter, None), Value(at.axes, boxed(variables))),)))
        return Value(at.axes, boxed(_along(found.array, variables)))

    def slopes(self, value: Callable[[Array], Value], flat: Value, here: Value) -> Iterator[Array]:
        variables = _variables(flat.array)
        results = value(variables).array
        for number in range(flat.array.shape[-1]):
            yield _along(results, variables[..., number])


def _variables(array: Array) -> Array:
    """Return the balls as variables of a differentiation; SilentError if they already depend on some."""
    if any(isinstance(element, Number) for element in array.flat):
        raise SilentError("no second derivatives")
    return each(lambda ball: Number(ball, varies=True), array)


def _along(results: Array, variables: Array) -> Array:
    """Return the derivative of each result along the direction in which these variables all grow alike."""
    numbers = [element for element in results.flat if isinstance(element, Number)]
    slopes = push_forward(numbers, {variable.index: 1 for variable in np.ravel(variables)})
    return each(lambda element: slopes.get(element.index, arb(0)) if isinstance(element, Number) else arb(0), results)


def world(definitions: Mapping[Head, Node], sizes: tuple[int, ...], m: int, numbers: Mapping[Key, Array]) -> World:
    """Return a network of balls of radius 0, the exact values of the floats."""
    primitives = {}
    for key, array in numbers.items():
        axes = ("s",) if key[0] in ("x", "y") else ()
        flat = [arb(float(v)) for v in np.asarray(array, float).ravel()]
        primitives[key] = Value(axes, boxed(array_of(flat, np.shape(array))))
    return World(Balls(), sizes, m, primitives, definitions, {})


def false(relation: str, left: Any, right: Any) -> bool:
    """Whether the relation is certainly false: the balls are disjoint, and for <= or >= in the wrong order."""
    if relation == "==":
        return not left.overlaps(right)
    return bool(left > right) if relation == "<=" else bool(left < right)
