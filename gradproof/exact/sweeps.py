"""Derivatives over the graph of numbers: of one number by all (reverse), of all along one direction (forward)."""

from collections.abc import Container, Iterable, Mapping
from typing import Any

from flint import arb

from gradproof.exact.numbers import DOT, Number
from gradproof.exact.rules import Ball


def operands_of(x: Number) -> tuple[Number, ...]:
    """What a number was computed from; a product of a row and a column shares both with its neighbours."""
    if x.rule is DOT:
        left, right = x.operands
        return (*left, *right)
    return x.operands


def computed_from(results: Iterable[Number], sources: Container[int] = ()) -> list[Number]:
    """Everything that the results depend on, and the results, in the order in which it was computed.

    What the sources, given by their indices, were computed from is left out.
    """
    found: dict[int, Number] = {}
    sides = set[int]()  # rows and columns of products: many numbers share each, and once is enough
    waiting = list(results)
    while waiting:
        x = waiting.pop()
        if x.index in found:
            continue
        found[x.index] = x
        if x.index in sources:
            continue
        if x.rule is not DOT:
            waiting += [y for y in x.operands if y.index not in found]
            continue
        for side in x.operands:
            if id(side) not in sides:
                sides.add(id(side))
                waiting += side
    return [found[index] for index in sorted(found)]


def differentiate(result: Number, constants: bool = False) -> dict[int, Ball]:
    """∂result/∂v of every number v that it was computed from, by v's index (reverse mode).

    Those of constants, such as data or what ReLU has cut off, are left out unless asked for.
    """
    adjoints: dict[int, Ball] = {result.index: arb(1)}
    for x in reversed(computed_from([result])):
        adjoint = adjoints.get(x.index)
        if adjoint is None or x.rule is None:
            continue
        operands = operands_of(x)
        for y, partial in zip(operands, x.rule.partials(x.value, *[o.value for o in operands]), strict=True):
            if not (y.varies or constants):
                continue
            if type(partial) is int:
                if partial == 0:
                    continue
                term = adjoint if partial == 1 else adjoint * partial
            else:
                term = adjoint * partial
            known = adjoints.get(y.index)
            adjoints[y.index] = term if known is None else known + term
    return adjoints


def push_forward(results: Iterable[Number], direction: Mapping[int, Any]) -> dict[int, Ball]:
    """The derivative of every number along a direction, given by the indices of the variables (forward mode)."""
    return push_through(computed_from(results), direction)


def push_through(numbers: Iterable[Number], direction: Mapping[int, Any]) -> dict[int, Ball]:
    """`push_forward` for who has several directions: `numbers` is what the results were computed from, in order."""
    tangents: dict[int, Ball] = {index: arb(step) for index, step in direction.items()}
    for x in numbers:
        if x.rule is None or x.index in tangents:
            continue
        operands = operands_of(x)
        moving = [(place, tangents[y.index]) for place, y in enumerate(operands) if y.index in tangents]
        if moving:
            partials = x.rule.partials(x.value, *[o.value for o in operands])
            tangents[x.index] = sum((step * partials[place] for place, step in moving), arb(0))
    return tangents
