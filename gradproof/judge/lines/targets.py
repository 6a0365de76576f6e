"""What a value of the backward pass may be: ∂C/∂v for a v of the forward pass, or the slope of an activation."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from flint import arb

from gradproof.exact.numbers import Number
from gradproof.exact.rules import Ball
from gradproof.exact.run import line_of
from gradproof.exact.sweeps import computed_from, operands_of
from gradproof.judge.find.monitor import Event

MOST_OF_A_SLOPE = 64  # elements of the largest activation whose slope is sought


MOST_PLACES = 8  # uses of an array to distinguish at most


class Target(NamedTuple):
    """What a value of the backward pass may be: the derivative by what one line of the forward pass gives."""

    place: Any  # in the program
    name: str
    shape: tuple[int, ...]
    numbers: Sequence[Number]  # by which the derivative is taken
    slope: Sequence[Ball]
    is_local: bool = False  # the slope of an activation, not a derivative of the cost


def targets(forward: Sequence[Event], truth: Mapping[int, Ball], numbers: Sequence[Number]) -> Iterator[Target]:
    """Yield the derivatives by everything that the forward pass gives, their shares, and its slopes.

    `truth` has ∂C/∂x by the index of x, and `numbers` are those of the forward pass.
    """
    for e in forward:
        slope = [truth.get(x.index, arb(0)) for x in e.numbers]
        yield Target(_place(e), f"∂C/∂{e.name}", e.shape, e.numbers, slope)
    yield from _before_cuts(forward, truth)
    yield from _shares(forward, truth, numbers)
    yield from _local_slopes(forward)


def _shares(forward: Sequence[Event], truth: Mapping[int, Ball], numbers: Sequence[Number]) -> Iterator[Target]:
    """Yield the parts of a derivative that come back from each single use of an array, and from all other uses.

    An example is a recurrent state, which the output and the next state use.
    """
    used: dict[int, dict[Any, Ball]] = {x.index: {} for event in forward if event.name for x in event.numbers}
    for x in numbers:
        operands = operands_of(x) if x.rule is not None and x.index in truth else ()
        if not any(y.index in used for y in operands):
            continue
        partials = x.rule.partials(x.value, *[y.value for y in operands])  # type: ignore[union-attr]
        for y, partial in zip(operands, partials, strict=True):
            if (own := used.get(y.index)) is not None:
                own[x.place] = own.get(x.place, arb(0)) + truth[x.index] * partial
    for e in (event for event in forward if event.name):
        places = list(dict.fromkeys(place for x in e.numbers for place in used.get(x.index, ())))
        if not 1 < len(places) <= MOST_PLACES:
            continue
        for place in places:
            name = f"the part of ∂C/∂{e.name} that flows back from line {line_of(place)}"
            here = [used[x.index].get(place, arb(0)) for x in e.numbers]
            yield Target((_place(e), place), name, e.shape, e.numbers, here)
            if len(places) > 2:
                rest = [truth.get(x.index, arb(0)) - share for x, share in zip(e.numbers, here, strict=True)]
                name = f"the part of ∂C/∂{e.name} that does not flow back from line {line_of(place)}"
                yield Target((_place(e), place, "others"), name, e.shape, e.numbers, rest)


def unnamed(numbers: Sequence[Number], named: Collection[int]) -> list[Event]:
    """Return the runs of numbers that the forward pass computes in one place and does not name, as events."""
    runs: list[list[Number]] = []
    for x in numbers:
        if x.rule is not None and runs and runs[-1][0].place == x.place:
            runs[-1].append(x)
        elif x.rule is not None:
            runs.append([x])
    return [
        Event("", "", line_of(run[0].place) or 0, (len(run),), run, None)
        for run in runs
        if not all(x.index in named for x in run)
    ]


def _before_cuts(forward: Sequence[Event], truth: Mapping[int, Ball]) -> Iterator[Target]:
    """Yield ∂C/∂z for an unnamed z that enters a ReLU: where z is cut off, it is not in the graph."""
    for event in forward:
        slope = []
        for x in event.numbers:
            varying = [y for y in operands_of(x) if y.varies] if x.rule is not None else []
            if len(varying) > 1:
                break
            own = truth.get(x.index, arb(0))
            slope.append(own * _derivative(x, [*varying, x], varying[0].index) if varying else arb(0))
        if len(slope) == len(event.numbers) and any(not x.varies for x in event.numbers):
            yield Target(_place(event), f"∂C/∂ of what {event.name} cuts off", event.shape, event.numbers, slope)


def _local_slopes(forward: Sequence[Event]) -> Iterator[Target]:
    """Yield dq/dp for arrays p and q of the forward pass, if q is computed from p element by element."""
    named: dict[int, tuple[int, int]] = {}
    for j, event in enumerate(forward):
        for place, x in enumerate(event.numbers):
            named.setdefault(x.index, (j, place))
    below: dict[int, tuple[int, list[Ball]]] = {}  # by array: the one that it is computed from, and the slope
    for j, q in enumerate(forward):
        slope: list[Ball] = []
        sources: set[int] = set()
        for place, x in enumerate(q.numbers[:MOST_OF_A_SLOPE]):
            nodes = computed_from([x], named.keys() - {x.index})
            reached = {named[y.index] for y in nodes if y.index in named and y is not x}
            source, at = next(iter(reached), (-1, -1))
            if len(reached) != 1 or at != place:
                break
            sources.add(source)
            slope.append(_derivative(x, nodes, forward[source].numbers[place].index))
        if len(sources) == 1 and len(slope) == len(q.numbers) == len(forward[min(sources)].numbers):
            below[j] = min(sources), slope
    for j, (source, slope) in below.items():
        while True:
            q, p = forward[j], forward[source]
            yield Target(_place(q), f"the slope of {q.name or 'the activation'}", q.shape, p.numbers, slope, True)
            if source not in below:
                break
            source, more = below[source]
            slope = [a * b for a, b in zip(slope, more, strict=True)]


def _place(event: Event) -> Any:
    """Return where an array of the forward pass is computed, the same for every time that this line runs."""
    return (event.file, event.line) if event.name else event.numbers[0].place


def _derivative(result: Number, nodes: Sequence[Number], source: int) -> Ball:
    """Return ∂result/∂source through these numbers, which are in the order of computation."""
    adjoints = {result.index: arb(1)}
    for x in reversed(nodes):
        if x.rule is None or x.index == source or x.index not in adjoints:
            continue
        operands = operands_of(x)
        for y, partial in zip(operands, x.rule.partials(x.value, *[o.value for o in operands]), strict=True):
            adjoints[y.index] = adjoints.get(y.index, arb(0)) + adjoints[x.index] * partial
    return adjoints.get(source, arb(0))
