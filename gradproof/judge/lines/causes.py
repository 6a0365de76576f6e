"""The line that is wrong, by its effect: were its values the derivatives that they should be, all would be right.

The step is computed again from its graph of numbers, with other values in the place of what one line gives. The first
line that so makes right what was wrong, and nothing wrong, is the cause; what stands before it is not to blame.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from flint import arb

from gradproof.exact.arrays import array_of
from gradproof.exact.numbers import DOT, Number
from gradproof.exact.rules import Ball
from gradproof.exact.run import line_of
from gradproof.exact.sweeps import computed_from, differentiate, operands_of
from gradproof.judge.find.observation import Observation
from gradproof.judge.find.scene import DRIVEN
from gradproof.judge.find.watching import Event
from gradproof.judge.find.gradients import last
from gradproof.judge.find.roles import stem
from gradproof.judge.lines.labels import UNKNOWN, Labels, Located
from gradproof.judge.trial.descent import along, rate_of

MOST = 3  # lines that are looked for, one after the other
MOST_OF_A_SLOPE = 64
MOST_VALUES = 400  # arrays of one line that are looked at
Values = Mapping[int, Ball]  # by the indices of numbers


class Cause(NamedTuple):
    """A line, and what its value should be."""

    file: str
    line: int
    name: str  # what is assigned there
    should: str  # the name of what it should be the derivative of
    mends: frozenset[str]  # paths of the arrays that are then right
    others: tuple[int, ...] = ()  # lines that explain as much, the likeliest first


class Guess(NamedTuple):
    """What the values of a line should be, but for a common factor: `base` + factor · `slope`."""

    slope: Values
    should: str
    base: Values
    rank: int = 0  # how unlikely it is


class Target(NamedTuple):
    """What a value of the backward pass may be meant to be: a derivative by what one line of the forward pass gives."""

    place: Any  # in the program
    name: str
    shape: tuple[int, ...]
    numbers: Sequence[Number]  # by which the derivative is taken
    slope: Sequence[Ball]


class Replay:
    """The moves of a step as a function of what some of its numbers are."""

    def __init__(self, what: Observation, cost: Number, wrong: Mapping[str, str]) -> None:
        self.what, self.truth = what, differentiate(cost, constants=True)
        self.forward = [x for x in computed_from([cost]) if x.varies]
        self.known = {x.index for x in self.forward}
        self.moved = what.moved
        nodes = computed_from(x for move in self.moved.values() for x in move.flat)
        self.backward = [x for x in nodes if x.rule is not None and x.index not in self.known]
        self.given = list(what.given.values())
        self.rate = rate_of(self.moved, self.given, self.truth)
        self.signs = (1,) if any(state.startswith("uphill") for state in wrong.values()) else (1, -1)
        judged = along(self.moved, self.given, self.truth, what.kept)
        by_convention = {array.name for array in judged if array.state == "right"}
        own = {path: [x.value for x in move.flat] for path, move in self.moved.items()}
        self.right = by_convention | {path for path in own if self._follows(path, own[path])}
        if not any(ball != 0 for path in self.right for ball in own[path]):
            self.right = set()

    def _follows(self, path: str, move: Sequence[Ball]) -> bool:
        """Whether an array goes down its gradient at the rate of the others."""
        slopes = (self.truth.get(x.index, arb(0)) for x in self.what.given[path].flat)
        allowed = self.rate > 0 or (self.rate < 0 and -1 in self.signs)
        return allowed and all(v.overlaps(-self.rate * g) for v, g in zip(move, slopes, strict=True))

    def moves(self, put: Values) -> dict[str, list[Ball]]:
        """θ′ − θ where these numbers have these values."""
        values = dict(put)
        sides: dict[int, list[Ball] | None] = {}

        def side(numbers: Sequence[Number]) -> list[Ball] | None:
            if id(numbers) not in sides:
                touched = any(x.index in values for x in numbers)
                sides[id(numbers)] = [values.get(x.index, x.value) for x in numbers] if touched else None
            return sides[id(numbers)]

        for x in self.backward if put else ():
            if x.index in values:
                continue
            if x.rule is DOT:
                left, right = map(side, x.operands)
                if left is None and right is None:
                    continue
                own = left or [y.value for y in x.operands[0]], right or [y.value for y in x.operands[1]]
                values[x.index] = sum((a * b for a, b in zip(*own, strict=True)), arb(0))
            elif any(y.index in values for y in x.operands):
                values[x.index] = x.rule.value(*[values.get(y.index, y.value) for y in x.operands])  # type: ignore[union-attr]
        return {path: [values.get(x.index, x.value) for x in move.flat] for path, move in self.moved.items()}

    def right_with(self, put: Values) -> set[str]:
        """The arrays that go down their gradients, each at the rate of those that do so by themselves."""
        moves = self.moves(put)
        if not self.right:
            made = {path: array_of([Number(v) for v in moves[path]], self.moved[path].shape) for path in moves}
            return {a.name for a in along(made, self.given, self.truth, self.what.kept) if a.state == "right"}
        return {
            path
            for path, move in moves.items()
            if (path in self.right and all(v is x.value for v, x in zip(move, self.moved[path].flat, strict=True)))
            or self._follows(path, move)
        }

    def fitted(self, guess: Guess, wrong: Collection[str], put: Values) -> Iterator[Values]:
        """The values, with the factor for which what is wrong goes down its gradient as fast as the rest."""
        if not self.right:
            yield from (_at(guess, factor) for factor in (1, -1))
            return
        zero, one = self.moves({**put, **_at(guess, 0)}), self.moves({**put, **_at(guess, 1)})
        for path in wrong:
            slopes = [self.truth.get(x.index, arb(0)) for x in self.what.given[path].flat]
            effects = [
                (b - a, -self.rate * g - a)
                for a, b, g in zip(zero[path], one[path], slopes, strict=True)
                if not (b - a).contains(0)
            ]
            if effects:
                effect, wanted = max(effects, key=lambda pair: float(abs(pair[0]).mid()))
                factor = wanted / effect
                if factor.is_finite() and not factor.contains(0):
                    yield _at(guess, factor)
                return


def _at(guess: Guess, factor: Any) -> Values:
    return {i: guess.base.get(i, arb(0)) + factor * g for i, g in guess.slope.items()}


class Line(NamedTuple):
    """What one line gave, each time it ran."""

    file: str
    number: int
    events: Sequence[int]  # their places among those that are labelled


def find_causes(what: Observation, cost: Number, labelled: Labels, wrong: Mapping[str, str]) -> list[Cause]:
    """The lines that explain what is wrong, one for each fault; none where no line does."""
    replay = Replay(what, cost, wrong)
    hypotheses = Hypotheses(replay, labelled)
    found, put, left = list[Cause](), dict[int, Ball](), set(wrong) - replay.right
    while left and len(found) < MOST:
        told: list[tuple[tuple[int, int], Cause, Values]] = []
        for line in hypotheses.lines:
            fed = {path for path in left if hypotheses.feeds(line, path)}
            best: tuple[tuple[int, int], Cause, Values] | None = None
            for guess in hypotheses.of_line(line, fed) if fed else ():
                if best is not None and (-len(fed), guess.rank) >= best[0]:
                    continue
                for values in replay.fitted(guess, sorted(fed), put):
                    right = replay.right_with({**put, **values})
                    mended, spoilt = frozenset(left & right), set(what.given) - left - right
                    order = -len(mended), guess.rank
                    if mended and not spoilt and (best is None or order < best[0]):
                        name = labelled.events[line.events[0]].name
                        best = order, Cause(line.file, line.number, name, guess.should, mended), values
            told += [best] if best is not None else []
        if not told:
            break
        told.sort(key=lambda one: (one[0], hypotheses.first_doubtful(one[1].line)))
        order, cause, values = told[0]
        same = tuple(other.line for (count, _), other, _ in told[1:] if count == order[0])
        found.append(cause._replace(others=same))
        put |= values
        left -= cause.mends
    return found


def place(cause: Cause, labelled: Labels) -> Located:
    """The place of a cause, as it is told; what is right before it, if that has a name."""
    k = next(k for k, e in enumerate(labelled.events) if (e.file, e.line) == (cause.file, cause.line))
    event = labelled.events[k]
    before = next((j for j in reversed(range(k)) if labelled.labels[j] and labelled.reached[k] >> j & 1), None)
    named = before is not None and labelled.labels[before] not in ("∂C/∂", UNKNOWN)
    said = f"{labelled.events[before].name} is {labelled.labels[before]}" if named and before is not None else ""
    return Located(cause.line, cause.name, event.kind, said, file=cause.file, others=cause.others[:2])


class Hypotheses:
    """What the lines of the backward pass may be meant to give."""

    def __init__(self, replay: Replay, labelled: Labels) -> None:
        self.replay, self.what, self.labelled = replay, replay.what, labelled
        self.above = {path: {x.index for x in computed_from(move.flat)} for path, move in replay.moved.items()}
        self.parameters = {x.index for array in self.what.given.values() for x in array.flat}
        self.consumers: dict[int, list[tuple[Number, Any]]] = {}
        for x in replay.forward:
            if x.rule is not None:
                operands = operands_of(x)
                partials = x.rule.partials(x.value, *[y.value for y in operands])
                for y, partial in zip(operands, partials, strict=True):
                    if y.index in self.parameters:
                        self.consumers.setdefault(y.index, []).append((x, partial))
        whole = {tuple(x.index for x in array.flat) for array in self.what.given.values()}
        self.forward: list[Event] = []
        seen: set[tuple[int, ...]] = set()
        places: dict[tuple[str, int], list[int]] = {}
        for k, event in enumerate(labelled.events):
            indices = tuple(x.index for x in event.numbers)
            if any(index in replay.known for index in indices):
                if indices not in seen and indices not in whole:
                    self.forward.append(event)
                    seen.add(indices)
            elif any(index in above for above in self.above.values() for index in indices):
                places.setdefault((event.file, event.line), []).append(k)
        self.forward += self._unnamed({x.index for event in self.forward for x in event.numbers})
        self.lines = [Line(file, number, events) for (file, number), events in places.items()]
        truth = replay.truth
        self.targets = [
            Target(_place(e), f"∂C/∂{e.name}", e.shape, e.numbers, [truth.get(x.index, arb(0)) for x in e.numbers])
            for e in self.forward
        ]
        self.targets += self._before_cuts()
        self.targets += self._local_slopes()
        normal = [
            factor
            for label, factor in zip(labelled.labels, labelled.factors, strict=True)
            if factor is not None and label.removeprefix("∂C/∂") in replay.right
        ]
        self.is_normal = lambda factor: factor is not None and (
            any(factor.overlaps(other) for other in normal) or (not normal and factor > 0)
        )
        self._ancestors: dict[int, set[int]] = {}

    def _unnamed(self, named: Collection[int]) -> list[Event]:
        """What the forward pass computes in one place, at one time, and gives no name."""
        runs: list[list[Number]] = []
        for x in self.replay.forward:
            if x.rule is not None and runs and runs[-1][0].place == x.place:
                runs[-1].append(x)
            elif x.rule is not None:
                runs.append([x])
        return [
            Event("", "", line_of(run[0].place) or 0, (len(run),), run, None)
            for run in runs
            if not all(x.index in named for x in run)
        ]

    def feeds(self, line: Line, path: str) -> bool:
        above = self.above[path]
        return any(x.index in above for k in line.events for x in self.labelled.events[k].numbers)

    def first_doubtful(self, line: int) -> int:
        """Which event of a line is the first that is not a derivative yet."""
        own = [k for one in self.lines if one.number == line for k in one.events]
        return next((k for k in own if not self._is_settled(k)), own[0])

    def of_line(self, line: Line, fed: Collection[str]) -> Iterator[Guess]:
        """What its values may be meant to be, each time: those of one name, or several gradients together."""
        events = [k for k in line.events if any(self._feeds(k, path) for path in fed)][:MOST_VALUES]
        names: dict[str, list[int]] = {}
        for k in events:
            names.setdefault(self.labelled.events[k].name, []).append(k)
        for group in names.values():
            yield from self._of_name(group, fed)
        if len(names) > 1:
            parts = [part for k in events if (part := self._of_parameter(k, fed)) is not None]
            if (guess := self._joined(parts)) is not None:
                yield guess._replace(rank=max(2, guess.rank))

    def _of_name(self, events: Sequence[int], fed: Collection[str]) -> Iterator[Guess]:
        if (guess := self._joined([self._of_parameter(k, fed) for k in events])) is not None:
            yield guess
        families: dict[Any, list[Target]] = {}
        for target in self.targets:
            families.setdefault((target.place, target.name), []).append(target)
        for family in families.values():
            for backwards in (True, False) if len(events) > 1 else (True,):
                for skip in (0, 1) if len(events) > 1 else range(len(family)):
                    if (guess := self._joined(list(self._of_family(events, family, backwards, skip)))) is not None:
                        yield guess

    def _feeds(self, k: int, path: str) -> bool:
        return any(x.index in self.above[path] for x in self.labelled.events[k].numbers)

    def _joined(self, parts: Sequence[Guess | None]) -> Guess | None:
        """One guess of all values of a line; None where one has none."""
        slope: dict[int, Ball] = {}
        base: dict[int, Ball] = {}
        for part in parts:
            if part is None:
                return None
            slope |= part.slope
            base |= part.base
        rank = max((part.rank for part in parts if part), default=0)
        return Guess(slope, parts[0].should, base, rank) if parts and parts[0] and slope else None

    def _of_parameter(self, k: int, fed: Collection[str]) -> Guess | None:
        """∂C/∂θ of what it feeds, by the examples that it was computed from; or θ and a step along that."""
        event = self.labelled.events[k]
        paths = [path for path in self.what.given if self._feeds(k, path)]
        paths = [path for path in paths if self.what.given[path].size == len(event.numbers)]
        paths.sort(key=lambda path: (path not in fed, stem(last(event.name)) != last(path).lower()))
        if not paths:
            return None
        parameter = self.what.given[paths[0]]
        ancestors = self._forward_of(k)
        slope = [
            sum(
                (self.replay.truth[c.index] * p for c, p in self.consumers.get(x.index, ()) if c.index in ancestors),
                arb(0),
            )
            for x in parameter.flat
        ]
        after = {x.index for x in self.what.after[paths[0]].flat}
        is_step = all(x.index in after for x in event.numbers)
        if is_step:
            slope = [self.replay.truth.get(x.index, arb(0)) for x in parameter.flat]
        base = [x.value if is_step else arb(0) for x in parameter.flat]
        return self._guess(k, slope, parameter.shape, f"∂C/∂{paths[0]}", base)

    def _of_family(
        self, events: Sequence[int], family: Sequence[Target], backwards: bool, skip: int
    ) -> Iterator[Guess | None]:
        """The derivatives by the values of one line of the forward pass, each in its turn."""
        used: set[int] = set()
        for number, k in enumerate(events):
            size = len(self.labelled.events[k].numbers)
            ancestors = self._forward_of(k)
            fits = [
                j
                for j, target in enumerate(family)
                if j not in used and len(target.numbers) == size and any(x.index in ancestors for x in target.numbers)
            ]
            fits = fits[::-1] if backwards else fits
            if len(events) > 1 and len(fits) > 1:
                direct = self._direct(k)
                fits.sort(key=lambda j: not any(x.index in direct for x in family[j].numbers))
            at = skip if len(events) == 1 or number == 0 else 0
            if len(fits) <= at:
                yield None
                return
            used |= set(fits[: at + 1])
            target = family[fits[at]]
            yield self._guess(k, target.slope, target.shape, target.name)

    def _direct(self, k: int) -> set[int]:
        """Indices of the numbers of the forward pass that nothing with a name lies between."""
        numbers = self.labelled.events[k].numbers
        own = {x.index for x in numbers}
        named = {x.index for e in self.labelled.events[:k] for x in e.numbers} - own
        return {x.index for x in computed_from(numbers, named | self.replay.known)} & self.replay.known

    def _before_cuts(self) -> Iterator[Target]:
        """∂C/∂z of what goes into a ReLU and has no name: where it is cut off, it is no part of the graph."""
        for event in self.forward:
            slope = []
            for x in event.numbers:
                varying = [y for y in operands_of(x) if y.varies] if x.rule is not None else []
                if len(varying) > 1:
                    break
                truth = self.replay.truth.get(x.index, arb(0))
                slope.append(truth * _derivative(x, [*varying, x], varying[0].index) if varying else arb(0))
            if len(slope) == len(event.numbers) and any(not x.varies for x in event.numbers):
                yield Target(_place(event), f"∂C/∂ of what {event.name} cuts off", event.shape, event.numbers, slope)

    def _local_slopes(self) -> Iterator[Target]:
        """dq/dp of what the forward pass computes from another array of its, element by element."""
        named: dict[int, tuple[int, int]] = {}
        for j, event in enumerate(self.forward):
            for place, x in enumerate(event.numbers):
                named.setdefault(x.index, (j, place))
        below: dict[int, tuple[int, list[Ball]]] = {}  # of an array the one that it is computed from, and the slope
        for j, q in enumerate(self.forward):
            slope: list[Ball] = []
            sources: set[int] = set()
            for place, x in enumerate(q.numbers[:MOST_OF_A_SLOPE]):
                nodes = computed_from([x], named.keys() - {x.index})
                reached = {named[y.index] for y in nodes if y.index in named and y is not x}
                source, at = next(iter(reached), (-1, -1))
                if len(reached) != 1 or at != place:
                    break
                sources.add(source)
                slope.append(_derivative(x, nodes, self.forward[source].numbers[place].index))
            if len(sources) == 1 and len(slope) == len(q.numbers) == len(self.forward[min(sources)].numbers):
                below[j] = min(sources), slope
        for j, (source, slope) in below.items():
            while True:
                q, p = self.forward[j], self.forward[source]
                yield Target(_place(q), f"the slope of {q.name or 'the activation'}", q.shape, p.numbers, slope)
                if source not in below:
                    break
                source, more = below[source]
                slope = [a * b for a, b in zip(slope, more, strict=True)]

    def _guess(
        self, k: int, slope: Sequence[Ball], shape: tuple[int, ...], should: str, base: Sequence[Ball] = ()
    ) -> Guess | None:
        """None of zeros, and of what is right already but for another name."""
        event = self.labelled.events[k]
        order = np.arange(len(slope)).reshape(shape)
        if event.shape != shape and event.shape == shape[::-1]:
            order = order.T
        ordered = [slope[i] for i in order.flat]
        if all(g.is_zero() for g in ordered):
            return None
        if not any(x.varies for x in event.numbers):  # zeros to begin with
            return None
        rank = int(self._is_settled(k))
        if _alike([x.value for x in event.numbers], ordered):
            rank = 3 * int(self.is_normal(self.labelled.factors[k]))
        indices = [x.index for x in event.numbers]
        if len(set(indices)) < len(indices):
            return None
        return Guess(
            dict(zip(indices, ordered, strict=True)),
            should,
            dict(zip(indices, [base[i] for i in order.flat], strict=True)) if base else {},
            rank,
        )

    def _is_settled(self, k: int) -> bool:
        """Whether it is a derivative, and the first with that value."""
        if self.labelled.labels[k] in ("", UNKNOWN):
            return False
        numbers = [x.index for x in self.labelled.events[k].numbers]
        return not any([x.index for x in e.numbers] == numbers for e in self.labelled.events[:k])

    def _forward_of(self, k: int) -> set[int]:
        """Indices of the numbers of the forward pass that it was computed from."""
        if k not in self._ancestors:
            self._ancestors[k] = {
                x.index for x in computed_from(self.labelled.events[k].numbers) if x.index in self.replay.known
            }
        return self._ancestors[k]


def _alike(values: Sequence[Ball], slope: Sequence[Ball]) -> bool:
    """Whether one is a multiple of the other."""
    k = max(range(len(slope)), key=lambda i: float(abs(slope[i]).mid()))
    return not slope[k].contains(0) and all(
        v.overlaps(values[k] / slope[k] * g) for v, g in zip(values, slope, strict=True)
    )


def _place(event: Event) -> Any:
    """Where an array of the forward pass is computed; each time that it is, it is the same."""
    return (event.file, event.line) if event.name else event.numbers[0].place


def _derivative(result: Number, nodes: Sequence[Number], source: int) -> Ball:
    """∂result/∂source through these numbers."""
    adjoints = {result.index: arb(1)}
    for x in reversed(nodes):
        if x.rule is None or x.index == source or x.index not in adjoints:
            continue
        operands = operands_of(x)
        for y, partial in zip(operands, x.rule.partials(x.value, *[o.value for o in operands]), strict=True):
            adjoints[y.index] = adjoints.get(y.index, arb(0)) + adjoints[x.index] * partial
    return adjoints.get(source, arb(0))
