"""Finds the first wrong line of functions: their assignments are recorded, and what is right of them is left out.

Right is what equals a value of the cost's forward pass or one of its derivatives, and whatever only right results
follow from. All wrong results follow from what is left, and everything before its first line is right.
"""

import ast
import linecache
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
from flint import arb

from gradproof.exact.arrays import exact
from gradproof.exact.loading import Codes, Takeover, codes_of
from gradproof.exact.numbers import Number
from gradproof.exact.rewriting import with_exact_numbers
from gradproof.exact.rules import Ball
from gradproof.exact.run import BITS, UndecidedError, line_of
from gradproof.exact.sweeps import computed_from, differentiate, operands_of
from gradproof.judge.find.instruments import Assignments
from gradproof.judge.find.monitor import Event, Watch
from gradproof.judge.find.program import WATCH
from gradproof.judge.lines.edits import enclosing
from gradproof.judge.lines.labels import UNNAMED, multiple_of
from gradproof.judge.lines.targets import Target, targets, unnamed
from gradproof.judge.trial.arguments import numbers_of
from gradproof.judge.trial.comparison import Compared
from gradproof.judge.trial.execution import ExactRun, Result, SubjectError
from gradproof.judge.trial.points import Claim, Tried

MOST = 400  # events to label
FORWARD = "a value of the forward pass"
Line = tuple[str, int]  # file and number


class Trace(NamedTuple):
    """What is known of the lines of functions that are wrong."""

    lines: Mapping[str, Sequence[Line]]  # by wrong array: on which something unknown leads to it, the first first
    before: Mapping[str, str]  # by wrong array: what is known right before these, such as "d is ∂C/∂z"
    suspects: Sequence[Line]  # all lines that may be wrong, the likeliest first
    labels: Mapping[Line, str]  # what the right lines compute, such as ∂C/∂a
    follows: Sequence[Line]  # lines on which something is computed from the first wrong one


def trace(claim: Claim, tried: Tried, seed: int) -> Trace | None:
    """Run a refuted claim again and find the lines; None if the cost is unknown or nothing is recorded."""
    watch = Watch("", {}, watching=True)
    takeover = Takeover(recording, {WATCH: watch})
    with (
        suppress(SubjectError, UndecidedError, SyntaxError),
        ExactRun(tried.reading, BITS, seed, takeover=takeover) as run,
    ):
        run.run.keeps_constants = True
        compared = claim(run, tried.arguments)
        if run.result is not None:
            return _Labelled(run.result, compared, watch.events).trace()
    return None


def recording(source: str, path: str) -> Codes:
    """Return the code objects of a file, which report what they assign, return and append."""
    return codes_of(with_exact_numbers(Assignments(path).of_module(ast.parse(source, path))), path)


class _Labelled:
    """The events of one run, and what each of them is."""

    def __init__(self, result: Result, compared: Sequence[Compared], events: Sequence[Event]) -> None:
        self.result = result
        nodes = computed_from([result.cost])
        truth = differentiate(result.cost, constants=True)
        self.forward = {x.index for x in nodes if x.varies}
        self.wrong = [array for array in compared if array.state not in ("right", "undecided")]
        self.right = [array for array in compared if array.state == "right" and array.alive]
        self.values = _by_value((x, x.value) for x in reversed(nodes) if x.varies)
        self.slopes = _by_value(
            (x, truth[x.index]) for x in nodes if x.index in truth and (x.varies or x.rule is not None)
        )
        results = computed_from(x for array in self.wrong for x in self._got(array))
        mine = [e for e in events if any(x.varies for x in e.numbers)]
        mine = with_unnamed(mine, [x for x in results if x.varies and x.rule is not None and x.place is not None])
        self.events = [e for e in mine if not any(x.index in self.forward for x in e.numbers)][:MOST]
        self.targets = list(self._targets(mine, nodes, truth))
        self.labels = [self._label(event) for event in self.events]

    def trace(self) -> Trace | None:
        strict, loose = self._sound(self._normal()), self._sound(None)
        right = {x.index for x in computed_from(x for array in self.right for x in self._got(array))}
        lines: dict[str, list[Line]] = {}
        before: dict[str, str] = {}
        suspects: list[list[int]] = [[], [], [], []]
        for array in self.wrong:
            above = {x.index for x in computed_from(self._got(array))}
            chain = [k for k, e in enumerate(self.events) if any(x.index in above for x in e.numbers)]
            if doubtful := [k for k in chain if k not in strict]:
                lines[array.name] = list(dict.fromkeys(line_of_event(self.events[k]) for k in doubtful))
                before[array.name] = self._before(doubtful[0])
                suspects[0] += [k for k in doubtful if k not in loose][:1]
                suspects[1] += doubtful[:1]
                suspects[2] += doubtful
            suspects[3] += [k for k in reversed(chain) if not all(x.index in right for x in self.events[k].numbers)]
        if not lines:
            return None
        told = {
            line_of_event(self.events[k]): f"{'−' * bool(label[1] < 0)}{label[0]}"
            for k, label in enumerate(self.labels)
            if k in strict and label is not None and label[0] != FORWARD
        }
        groups = *map(sorted, suspects[:3]), suspects[3]
        all_lines = [line_of_event(self.events[k]) for group in groups for k in group]
        follows = self._following({x.index for k in suspects[1] for x in self.events[k].numbers})
        return Trace(lines, before, list(dict.fromkeys(all_lines)), told, list(dict.fromkeys(follows)))

    def _before(self, k: int) -> str:
        """Return what is right before an event, in words: the last derivative with a name that it is computed from."""
        above = {x.index for x in computed_from(self.events[k].numbers)}
        for event, label in reversed(list(zip(self.events[:k], self.labels[:k], strict=True))):
            named = label is not None and label[0].startswith("∂C/∂") and label[0] != UNNAMED
            if label is not None and named and event.kind == "assigned" and event.numbers[0].index in above:
                return f"{event.name} is {'−' * bool(label[1] < 0)}{label[0]}"
        return ""

    def _got(self, array: Compared) -> list[Number]:
        return numbers_of(exact(self.result.got[array.name]))

    def _targets(self, events: Sequence[Event], nodes: Sequence[Number], truth: Mapping[int, Ball]) -> Iterator[Target]:
        """Yield the derivatives of the cost, by name if their variable has one, with their rows and columns."""
        own: dict[tuple[int, ...], Event] = {}
        for event in events:
            if any(x.index in self.forward for x in event.numbers):
                own.setdefault(tuple(x.index for x in event.numbers), event)
        for event in self.events:  # the subject's own forward pass has its own names
            if all(map(self._is_known, event.numbers)):
                twins = [self.values.get(float(x.value.mid()), (x, x.value))[0] for x in event.numbers]
                own.setdefault(tuple(x.index for x in twins), event._replace(numbers=twins))
        named = {x.index for event in own.values() for x in event.numbers}
        given = {name: exact(array) for name, array in self.result.given.items()}
        for name, array in given.items():
            numbers = numbers_of(array)
            slope = [truth.get(x.index, arb(0)) for x in numbers]
            yield from _parts(Target(name, f"∂C/∂{name}", array.shape, numbers, slope))
        for target in targets([*own.values(), *unnamed(nodes, named)], truth, nodes):
            yield from _parts(target if target.name != "∂C/∂" else target._replace(name=UNNAMED))

    def _label(self, event: Event) -> tuple[str, Any] | None:
        """Return what an event is, and by which factor; None if it is nothing known."""
        if all(map(self._is_known, event.numbers)):
            return FORWARD, arb(1)
        for target in self.targets:
            for values in _orders(event) if len(target.numbers) == len(event.numbers) else ():
                factor = multiple_of(values, target.slope)
                if factor is not None and (len(values) > 1 or factor.overlaps(arb(1)) or factor.overlaps(arb(-1))):
                    return target.name, factor
        found = [self.slopes.get(float(x.value.mid())) for x in event.numbers]
        same = (y is not None and y[1].overlaps(x.value) for x, y in zip(event.numbers, found, strict=True))
        return (UNNAMED, arb(1)) if all(same) else None

    def _is_known(self, x: Number) -> bool:
        other = self.values.get(float(x.value.mid()))
        return not x.varies or (other is not None and other[1].overlaps(x.value))

    def _normal(self) -> list[Ball]:
        """Return the factors that gradients may have: those of right arrays, or 1."""
        above = {x.index for array in self.right for x in computed_from(self._got(array))}
        names = {f"∂C/∂{array.name}" for array in self.right}
        return [
            label[1]
            for event, label in zip(self.events, self.labels, strict=True)
            if label and label[0] in names and all(x.index in above for x in event.numbers)
        ] or [arb(1)]

    def _sound(self, normal: Sequence[Ball] | None) -> set[int]:
        """Return the events that are right, or from which right ones follow; None stands for any factor."""
        sound = {
            k
            for k, label in enumerate(self.labels)
            if label and (normal is None or label[0] == FORWARD or any(label[1].overlaps(one) for one in normal))
        }
        results = [x for array in self.right for x in self._got(array)]
        above = {x.index for x in computed_from([*results, *(x for k in sound for x in self.events[k].numbers)])}
        return sound | {k for k, e in enumerate(self.events) if all(x.index in above for x in e.numbers if x.varies)}

    def _following(self, spoilt: set[int]) -> Iterator[Line]:
        """Yield the lines of the events that are computed from these numbers."""
        for x in computed_from(x for event in self.events for x in event.numbers):
            if x.rule is not None and any(y.index in spoilt for y in operands_of(x)):
                spoilt.add(x.index)
        yield from (line_of_event(event) for event in self.events if any(x.index in spoilt for x in event.numbers))


def with_unnamed(events: Sequence[Event], numbers: Sequence[Number]) -> list[Event]:
    """Return the events with those of the lines that assign nothing, as in `deltas.insert(0, w.T @ d)`, in order."""
    lines = {one for event in events for one in (line_of_event(event), (event.file, event.line))}
    runs = [(list(run), place) for place, run in groupby(numbers, lambda x: x.place)]
    found = list(events)
    for run, place in reversed(runs):
        if place is None or (line := line_of(place)) is None or (place[0].co_filename, line) in lines:
            continue
        last = run[-1].index
        after = (k for k, event in enumerate(found) if any(x.index > last for x in event.numbers))
        event = Event("computed", "", line, (len(run),), run, None, place[0].co_filename)
        found.insert(next(after, len(found)), event)
    return found


def line_of_event(event: Event) -> Line:
    """Return where an event was computed, if that is in the statement that it belongs to; else where this begins."""
    place = next((x.place for x in event.numbers if x.varies), None)
    line = line_of(place)
    if place is not None and line and place[0].co_filename == event.file and line != event.line:
        around = enclosing(_tree("".join(linecache.getlines(event.file))), line)
        if around and around[-1].lineno == event.line:
            return event.file, line
    return event.file, event.line


@lru_cache(maxsize=16)
def _tree(source: str) -> ast.Module:
    return ast.parse(source)


def _by_value(pairs: Iterable[tuple[Number, Ball]]) -> dict[float, tuple[Number, Ball]]:
    """Return numbers by a value, which others that were computed in another way have to some 60 digits."""
    return {float(ball.mid()): (x, ball) for x, ball in pairs if ball.is_finite()}


def _orders(event: Event) -> Iterator[list[Ball]]:
    """Yield the values of an event, also transposed."""
    values = [x.value for x in event.numbers]
    yield values
    if len(event.shape) == 2 and min(event.shape) > 1:
        rows, columns = event.shape
        yield [values[i * columns + j] for j in range(columns) for i in range(rows)]


def _parts(target: Target) -> Iterator[Target]:
    """Yield a target, and its rows and columns, as in a loop over examples."""
    yield target
    if len(target.shape) == 2 and min(target.shape) > 1:
        order = np.arange(len(target.numbers)).reshape(target.shape)
        for part in (*order, *order.T):
            numbers, slope = ([some[k] for k in part] for some in (target.numbers, target.slope))
            yield target._replace(shape=part.shape, numbers=numbers, slope=slope)
