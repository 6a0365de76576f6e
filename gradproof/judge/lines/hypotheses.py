"""What the lines of a backward pass should give: derivatives by what the forward pass computes, and slopes."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from flint import arb

from gradproof.exact.rules import Ball
from gradproof.exact.sweeps import computed_from, operands_of
from gradproof.judge.find.gradients import last
from gradproof.judge.find.monitor import Event
from gradproof.judge.find.roles import stem
from gradproof.judge.lines.labels import UNKNOWN, Labels
from gradproof.judge.lines.replay import Guess, Replay, Values
from gradproof.judge.lines.targets import Target, targets, unnamed

MOST_FACTORS = 5  # factors of right gradients to try
MOST_VALUES = 400  # arrays of one line to look at


class Line(NamedTuple):
    """One line, and what it gave each time it ran."""

    file: str
    number: int
    events: Sequence[int]  # their places among the labelled ones


class Hypotheses:
    """Guesses at what the lines of the backward pass should give."""

    def __init__(self, replay: Replay, labelled: Labels) -> None:
        self.replay, self.what, self.labelled = replay, replay.what, labelled
        self.above = {path: {x.index for x in computed_from(move.flat)} for path, move in replay.moved.items()}
        whole = {tuple(x.index for x in array.flat) for array in self.what.given.values()}
        self.forward: list[Event] = []
        seen: set[tuple[int, ...]] = set()
        places: dict[tuple[str, int], list[int]] = {}
        named: dict[tuple[int, ...], int] = {}
        for k, event in enumerate(labelled.events):
            indices = tuple(x.index for x in event.numbers)
            if any(index in replay.known for index in indices):
                if indices not in seen and indices not in whole:
                    self.forward.append(event)
                    seen.add(indices)
            elif any(index in above for above in self.above.values() for index in indices):
                if (before := named.setdefault(indices, k)) < k and self._is_used_between(before, k):
                    continue  # it was used under its first name
                places.setdefault((event.file, event.line), []).append(k)
        self.forward += unnamed(replay.forward, {x.index for event in self.forward for x in event.numbers})
        self.lines = [Line(file, number, events) for (file, number), events in places.items()]
        self.targets = list(targets(self.forward, replay.truth, replay.forward))
        right = [self.above[path] for path in replay.right if path in self.above]
        self.normal: dict[bool, list[Ball]] = {True: [], False: []}  # factors: of gradients, and of the rest
        for k, (event, factor) in enumerate(zip(labelled.events, labelled.factors, strict=True)):
            if factor is not None and any(all(x.index in above for x in event.numbers) for above in right):
                self.normal[self._is_gradient(k)].append(factor)
        for factor in (*self.normal[True], *self.normal[False]):
            if len(replay.factors) < MOST_FACTORS and not any(factor.overlaps(arb(one)) for one in replay.factors):
                replay.factors = (*replay.factors, factor)
        self._ancestors: dict[int, set[int]] = {}
        self._direct: dict[int, set[int]] = {}
        self._arguments: dict[int, set[int]] = {}
        self._slopes: dict[int, bool] = {}

    def _is_used_between(self, before: int, k: int) -> bool:
        """Whether the numbers of event k are operands of anything between event `before` and k."""
        own = {x.index for x in self.labelled.events[k].numbers}
        between = (x for event in self.labelled.events[before + 1 : k] for x in event.numbers if x.rule is not None)
        return any(y.index in own for x in between for y in operands_of(x))

    def feeds(self, line: Line, path: str) -> bool:
        above = self.above[path]
        return any(x.index in above for k in line.events for x in self.labelled.events[k].numbers)

    def misshapen(self, path: str) -> int | None:
        """Return the first event that follows from derivatives and feeds only this array, but has another size.

        An example is a sum over the wrong axis. No values in its place can be right.
        """
        for k in sorted(k for line in self.lines for k in line.events):
            event, size = self.labelled.events[k], self.what.given[path].size
            alone = [p for p in self.what.given if self._feeds(k, p)] == [path]
            if alone and len(event.numbers) != size and self.labelled.reached[k] and not self._is_settled(k):
                return k
        return None

    def first_of(self, line: int) -> int:
        """Return the index of the first event of a line; 0 if it has none."""
        return min((k for k, event in enumerate(self.labelled.events) if event.line == line), default=0)

    def first_doubtful(self, line: int, paths: Collection[str]) -> int:
        """Return the first event of a line that feeds these arrays and is not a derivative yet, or else its first."""
        own = [k for one in self.lines if one.number == line for k in one.events]
        own = [k for k in own if any(self._feeds(k, path) for path in paths)] or own
        return next((k for k in own if not self._is_settled(k)), own[0])

    def solved(self, line: Line, fed: Collection[str], put: Values) -> Iterator[tuple[Guess, Values]]:
        """Yield values that make an array right, if a term such as a regulariser's is added to its gradient later."""
        for k in line.events:
            paths = [path for path in self.what.given if self._feeds(k, path)]
            event = self.labelled.events[k]
            if (
                len(paths) != 1
                or paths[0] not in fed
                or self._is_settled(k)
                or not any(x.varies for x in event.numbers)
            ):
                continue
            shape = self.what.given[paths[0]].shape
            after = {x.index for x in self.what.after[paths[0]].flat}
            if event.shape in (shape, shape[::-1]) and not all(x.index in after for x in event.numbers):
                order = np.arange(len(event.numbers)).reshape(shape)
                places = (order if event.shape == shape else order.T).ravel().tolist()
                if (values := self.replay.solved(event.numbers, paths[0], places, put)) is not None:
                    yield Guess({}, event.name, f"∂C/∂{paths[0]}, except for what is added later", {}), values

    def of_line(self, line: Line, fed: Collection[str]) -> Iterator[Guess]:
        """Yield guesses at the values of a line each time it ran: those of one name, or several gradients together."""
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
        parts = [self._of_parameter(k, fed) for k in events]
        if (guess := self._joined(parts) or self._joined(parts[-1:])) is not None:  # or the last, if filled bit by bit
            several = len({part.should for part in parts if part is not None}) > 1
            yield guess._replace(rank=max(2, guess.rank)) if several else guess
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
        """Combine the guesses at all values of a line into one; None if one of them is missing."""
        slope: dict[int, Ball] = {}
        base: dict[int, Ball] = {}
        for part in parts:
            if part is None:
                return None
            slope |= part.slope
            base |= part.base
        rank = max((part.rank for part in parts if part), default=0)
        return Guess(slope, parts[0].name, parts[0].should, base, rank) if parts and parts[0] and slope else None

    def _of_parameter(self, k: int, fed: Collection[str]) -> Guess | None:
        """Guess that an event is ∂C/∂θ of a parameter that it feeds, or θ after a step along that.

        With several examples, the common factor turns it into the share of each.
        """
        event = self.labelled.events[k]
        paths = [path for path in self.what.given if self._feeds(k, path)]
        paths = [path for path in paths if self.what.given[path].size == len(event.numbers)]
        paths.sort(key=lambda path: (path not in fed, stem(last(event.name)) != last(path).lower()))
        if not paths:
            return None
        parameter = self.what.given[paths[0]]
        slope = [self.replay.truth.get(x.index, arb(0)) for x in parameter.flat]
        after = {x.index for x in self.what.after[paths[0]].flat}
        is_step = all(x.index in after for x in event.numbers)
        base = [x.value if is_step else arb(0) for x in parameter.flat]
        return self._guess(k, slope, parameter.shape, f"∂C/∂{paths[0]}", base)

    def _of_family(
        self, events: Sequence[int], family: Sequence[Target], backwards: bool, skip: int
    ) -> Iterator[Guess | None]:
        """Guess that each event in turn is the derivative by one of the values that a forward line gives.

        A None says that an event has no such value left.
        """
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
                direct = self._direct_of(k)
                fits.sort(key=lambda j: not any(x.index in direct for x in family[j].numbers))
            at = skip if len(events) == 1 or number == 0 else 0
            if len(fits) <= at:
                yield None
                return
            used |= set(fits[: at + 1])
            target = family[fits[at]]
            guess = self._guess(k, target.slope, target.shape, target.name)
            if guess and target.is_local and self._arguments_of(k) != {x.index for x in target.numbers}:
                guess = guess._replace(rank=max(2, guess.rank))  # the argument may be what is wrong
            yield guess

    def _direct_of(self, k: int) -> set[int]:
        """Return the indices of the forward numbers that an event uses with no named number in between."""
        if k not in self._direct:
            numbers = self.labelled.events[k].numbers
            own = {x.index for x in numbers}
            named = {x.index for e in self.labelled.events[:k] for x in e.numbers} - own
            ends = computed_from(numbers, named | self.replay.known)
            self._direct[k] = {x.index for x in ends} & self.replay.known
        return self._direct[k]

    def _arguments_of(self, k: int) -> set[int]:
        """Return the indices of the forward numbers from which the backward pass begins to compute an event."""
        if k not in self._arguments:
            ends = computed_from(self.labelled.events[k].numbers, self.replay.known)
            self._arguments[k] = {x.index for x in ends} & self.replay.known
        return self._arguments[k]

    def _guess(
        self, k: int, slope: Sequence[Ball], shape: tuple[int, ...], should: str, base: Sequence[Ball] = ()
    ) -> Guess | None:
        """Return the guess that event k is this slope, ranked by how unlikely that is.

        None if the slope is zero, the event is constant, or one number in it would need two values.
        """
        event = self.labelled.events[k]
        order = np.arange(len(slope)).reshape(shape)
        if event.shape != shape and event.shape == shape[::-1]:
            order = order.T
        ordered = [slope[int(i)] for i in order.flat]
        if all(g.is_zero() for g in ordered):
            return None
        if not any(x.varies for x in event.numbers):  # an array initialised with zeros
            return None
        rank = int(self._is_settled(k))
        values = [x.value for x in event.numbers]
        if not base and all(v.overlaps(g) for v, g in zip(values, ordered, strict=True)):
            rank = 3
        elif _alike(values, ordered):
            rank = 3 * int(self._is_normal(k))
        indices = [x.index for x in event.numbers]
        meant = dict(zip(indices, ordered, strict=True))
        if any(not meant[index].overlaps(g) for index, g in zip(indices, ordered, strict=True)):
            return None  # one number in several places that should differ
        return Guess(
            meant,
            event.name,
            should,
            dict(zip(indices, [base[int(i)] for i in order.flat], strict=True)) if base else {},
            rank,
        )

    def _is_normal(self, k: int) -> bool:
        """Whether a derivative has a factor that right moves follow from; if none is known, a positive one."""
        factor, normal = self.labelled.factors[k], self.normal[self._is_gradient(k)]
        alike = factor is not None and any(factor.overlaps(other) for other in normal)
        return alike or (factor is not None and not any(self.normal.values()) and bool(factor > 0))

    def _is_gradient(self, k: int) -> bool:
        return self.labelled.labels[k].removeprefix("∂C/∂") in self.what.given

    def _is_settled(self, k: int) -> bool:
        """Whether an event is the first derivative with its numbers, or a function returns an activation's slope."""
        if self.labelled.labels[k] in ("", UNKNOWN):
            return self.labelled.events[k].kind == "returned" and self._is_slope(k)
        numbers = [x.index for x in self.labelled.events[k].numbers]
        return not any([x.index for x in e.numbers] == numbers for e in self.labelled.events[:k])

    def _is_slope(self, k: int) -> bool:
        if k not in self._slopes:
            values = [x.value for x in self.labelled.events[k].numbers]
            local = (t.slope for t in self.targets if t.is_local and len(t.slope) == len(values) > 1)
            self._slopes[k] = any(all(v.overlaps(g) for v, g in zip(values, slope, strict=True)) for slope in local)
        return self._slopes[k]

    def _forward_of(self, k: int) -> set[int]:
        """Return the indices of the forward numbers that an event was computed from."""
        if k not in self._ancestors:
            self._ancestors[k] = {
                x.index for x in computed_from(self.labelled.events[k].numbers) if x.index in self.replay.known
            }
        return self._ancestors[k]


def _alike(values: Sequence[Ball], slope: Sequence[Ball]) -> bool:
    """Whether the values are a multiple of the slope."""
    k = max(range(len(slope)), key=lambda i: float(abs(slope[i]).mid()))
    return not slope[k].contains(0) and all(
        v.overlaps(values[k] / slope[k] * g) for v, g in zip(values, slope, strict=True)
    )
