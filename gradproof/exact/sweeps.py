"""Differentiates on the graph of numbers: one number by all others (reverse), or all along a direction (forward)."""

from collections.abc import Container, Iterable, Mapping, Sequence
from heapq import heappop, heappush
from typing import Any

from flint import arb, arb_mat

from gradproof.exact.numbers import DOT, Number
from gradproof.exact.rules import ZERO, Ball

Known = dict[int, Sequence[tuple[Number, Any]]]  # index of a number → its operands, each with the partial derivative


def operands_of(x: Number) -> tuple[Number, ...]:
    """Return the operands of a number. A dot product stores its row and column, which its neighbours share."""
    if x.rule is DOT:
        left, right = x.operands
        return (*left, *right)
    return x.operands


def computed_from(results: Iterable[Number], sources: Container[int] = ()) -> list[Number]:
    """Return the results and everything that they depend on, in the order of computation.

    The search stops at the sources, which are given by their indices.
    """
    found: dict[int, Number] = {}
    sides = set[int]()  # rows and columns of products already visited: many numbers share each
    waiting = list(results)
    while waiting:
        x = waiting.pop()
        if x.index in found:
            continue
        found[x.index] = x
        if x.index in sources:
            continue
        if x.rule is not DOT:
            waiting += x.operands
            continue
        for side in x.operands:
            if id(side) not in sides:
                sides.add(id(side))
                waiting += side
    return [found[index] for index in sorted(found)]


def differentiate(result: Number, constants: bool = False, known: Known | None = None) -> dict[int, Ball]:
    """Return ∂result/∂v for every number v that the result was computed from, by v's index (reverse mode).

    Constants, such as data or what ReLU has cut off, are left out unless `constants` is True. To differentiate several
    results of the same numbers, pass the same dict as `known`, which keeps their partial derivatives.
    """
    adjoints: dict[int, Ball] = {result.index: arb(1)}
    numbers, waiting = {result.index: result}, [-result.index]
    known = {} if known is None else known
    while waiting:  # latest first, so that every number computed from this one is done
        index = -heappop(waiting)
        adjoint = adjoints[index]
        partials = known.get(index)
        if partials is None:
            partials = known[index] = _partials(numbers[index], constants)
        for y, partial in partials:
            term = adjoint if type(partial) is int and partial == 1 else adjoint * partial
            before = adjoints.get(y.index)
            if before is not None:
                adjoints[y.index] = before + term
                continue
            adjoints[y.index] = term
            if y.rule is not None:
                numbers[y.index] = y
                heappush(waiting, -y.index)
    return adjoints


def _partials(x: Number, constants: bool) -> list[tuple[Number, Any]]:
    """Return the operands of a number, each with its partial derivative, except those where that is 0 everywhere."""
    if x.rule is None:
        return []
    if x.rule is DOT:  # Σ aₖ bₖ, without its rule for speed: most numbers of a network are dot products
        left, right = x.operands
        pairs = [(a, b.value) for a, b in zip(left, right, strict=True) if a.varies or constants]
        return pairs + [(b, a.value) for a, b in zip(left, right, strict=True) if b.varies or constants]
    partials = x.rule.partials(x.value, *[y.value for y in x.operands])
    return [
        (y, partial)
        for y, partial in zip(x.operands, partials, strict=True)
        if (y.varies or constants) and not (type(partial) is int and partial == 0)
    ]


def push_forward(results: Iterable[Number], direction: Mapping[int, Any]) -> dict[int, Ball]:
    """Return the derivative of every number along a direction: index of a variable → step (forward mode)."""
    return push_along(results, [direction])[0]


def push_along(results: Iterable[Number], directions: Iterable[Mapping[int, Any]]) -> list[dict[int, Ball]]:
    """`push_forward` along each of several directions, which share the graph and its partial derivatives."""
    all_tangents: list[dict[int, Ball]] = [{index: arb(step) for index, step in one.items()} for one in directions]
    sides: dict[tuple[int, bool], _Side] = {}
    for x in computed_from(results):
        if x.rule is None:
            continue
        partials: Sequence[Any] | None = None
        for which, tangents in enumerate(all_tangents):
            if x.index in tangents:
                continue
            if x.rule is DOT:
                tangent = _along_dot(x, which, tangents, sides)
                if tangent is not None:
                    tangents[x.index] = tangent
                continue
            moving = [(place, tangents[y.index]) for place, y in enumerate(x.operands) if y.index in tangents]
            if moving:
                if partials is None:
                    partials = x.rule.partials(x.value, *[y.value for y in x.operands])
                tangents[x.index] = sum((step * partials[place] for place, step in moving), ZERO)
    return all_tangents


class _Side:
    """A row or a column of a matrix product as a matrix, made once for all the products that share it."""

    def __init__(self, numbers: Sequence[Number], is_row: bool) -> None:
        self.numbers, self.shape = numbers, (1, len(numbers)) if is_row else (len(numbers), 1)
        self.values = arb_mat(*self.shape, [y.value for y in numbers])
        self._tangents: dict[int, Any] = {}

    def tangents(self, which: int, known: Mapping[int, Ball]) -> Any:
        """Return the derivatives of its numbers along a direction, or None if none of them moves."""
        if which not in self._tangents:
            moving = any(y.index in known for y in self.numbers)
            steps = [known.get(y.index, ZERO) for y in self.numbers] if moving else ()
            self._tangents[which] = arb_mat(*self.shape, steps) if moving else None
        return self._tangents[which]


def _along_dot(x: Number, which: int, known: Mapping[int, Ball], sides: dict[tuple[int, bool], _Side]) -> Ball | None:
    """Return the derivative of Σ aₖ bₖ along a direction; None if nothing of it moves."""
    row, column = (
        sides.get(key) or sides.setdefault(key, _Side(side, is_row))
        for side, is_row in zip(x.operands, (True, False), strict=True)
        for key in [(id(side), is_row)]
    )
    left, right = row.tangents(which, known), column.tangents(which, known)
    products = ([] if left is None else [left * column.values]) + ([] if right is None else [row.values * right])
    total = sum((product[0, 0] for product in products), ZERO)
    if not total.is_finite():  # 0 times infinity is NaN, so leave out what does not move
        operands = operands_of(x)
        pairs = zip(operands, DOT.partials(x.value, *[y.value for y in operands]), strict=True)
        total = sum((known[y.index] * partial for y, partial in pairs if y.index in known), ZERO)
    return total if products else None
