"""Watch a program run: find where it takes its first step, and record what it computes on the way.

While exploring, every statement of the module and every turn of a loop is a candidate. The first after which parameters
have moved by one whole step is the step. Later runs draw new parameters where it begins, and stop where it ends.
"""

import itertools
import sys
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from gradproof.exact.arrays import ExactArray
from gradproof.exact.numbers import Number, copy, count_numbers, number
from gradproof.judge.find.dependence import (
    GRADIENT,
    Held,
    Moment,
    doubtful,
    family,
    feeding,
    memories,
    reshaped,
    stepped,
)
from gradproof.judge.find.gradients import LEAVES, paired
from gradproof.judge.find.namespace import Slot, slots
from gradproof.judge.find.roles import named_as_cost, named_as_parameter

MOST_EVENTS = 20_000
LATER = 8  # turns after a step in which what it did not move is looked for
MOST_TURNS = 150  # of a loop that are examined: a loop that takes a step does so earlier


class Found(BaseException):
    """Stops the program when the step has ended. Not an Exception, because the program might catch that."""


class Step(NamedTuple):
    """Where a program takes a step, and what the step moves."""

    kind: str  # "turn" of a loop, "statement" of the module, or "span": from a statement to the end
    where: int  # the number of the loop, or the line of the statement
    turn: int  # counted from 0
    parameters: Sequence[str]  # paths
    still: Sequence[str] = ()  # paths named like the parameters that have an effect, but do not move
    gradients: Mapping[str, str] = {}  # if nothing moves: the path of each parameter's gradient
    doubtful: Sequence[str] = ()  # paths that move as well and may be parameters
    memories: Sequence[str] = ()  # paths of what it keeps, such as velocities
    entry: int = 0  # how often that turn has begun before, as in an earlier call of the function
    reshaped: Mapping[str, str] = {}  # by path: how the shape of a parameter differs after the step


class Event(NamedTuple):
    """A value that the program assigned, returned or appended."""

    kind: str  # "assigned", "returned", "appended"
    name: str  # the target as written, the function, or the list
    line: int
    shape: tuple[int, ...]
    numbers: Sequence[Number]
    value: Any  # the array itself, for comparisons by identity
    file: str = ""  # the program's, or a neighbouring module's


@dataclass
class Interval:
    """A part of a run that may be the step."""

    frame: FrameType
    kind: str
    where: int
    turn: int
    start: int  # the index of the first number computed in it
    entry: int  # how often this turn of the loop had begun before
    before: dict[str, Held]
    failures: int = 0  # before it
    whole: set[str] = field(default_factory=set)  # paths of ints


@dataclass
class Watch:
    """The object that the instrumented program calls."""

    module: str
    names: Mapping[str, Any]  # of the module
    target: Step | None = None  # None while exploring
    begin: Callable[[list[Slot], FrameType], None] = lambda slots, frame: None
    end: Callable[[list[Slot], FrameType], None] = lambda slots, frame: None
    ask: Callable[[FrameType], None] = lambda frame: None  # called in the step, where the program calls `asked`
    gradients: bool = False  # whether to look for returned gradients
    data: Sequence[str] = ()  # names that need no gradient
    first_loop: int = 0  # earlier loops are ignored
    rotated: tuple[int, int] = (-1, 0)  # a loop, and which of its items comes first
    later: tuple[Step, Collection[str]] | None = None  # a known step: only a later turn that moves such names is sought
    apart: Container[int] = ()  # loops whose turns are looked at by themselves, whatever came before
    skipped: Container[tuple[str, int]] = ()  # (kind, where) of what only looks like a step
    found: Step | None = None
    fallback: Step | None = None  # if no later turn takes a whole step
    misfit: bool = False  # whether some gradients fit their parameters, and another does not
    events: list[Event] = field(default_factory=list)
    watching: bool = False
    intervals: dict[tuple[FrameType, str, int], Interval] = field(default_factory=dict)
    turns: dict[tuple[FrameType, str, int], int] = field(default_factory=dict)
    entries: Counter[tuple[str, int, int]] = field(default_factory=Counter)  # beginnings of each turn, in any frame
    looked: dict[int, int] = field(default_factory=dict)  # turns of each loop examined, while exploring
    failures: int = 0  # statements that raised and were skipped
    spans: list[Interval] = field(default_factory=list)  # each from a module statement to the program's end

    # ---- called by the program --------------------------------------------------------------------------------

    def items(self, number: int, iterable: Any) -> Any:
        """Return what a loop iterates over, beginning with another item if that is asked of this loop."""
        loop, first = self.rotated
        if number != loop or not isinstance(iterable, list | tuple | range | zip | enumerate | np.ndarray):
            return iterable
        rest = iter(iterable)  # which may have no end
        head = list(itertools.islice(rest, first + 1))
        return itertools.chain(head[first:], head[:first], rest)

    def each(self, number: int, iterable: Any) -> Iterator[Any]:
        """Yield the items of a comprehension, each as a turn of a loop."""
        for item in iterable:
            self._begin(sys._getframe(1), "turn", number)
            yield item
            self._end(sys._getframe(1), "turn", number)

    def finish(self) -> None:
        """Conclude a run that reached its end: the step may be everything from one of the statements on."""
        if self.target is not None:
            if self.target.kind == "span" and self.watching:
                self.end(list(slots(self.names, self.module)), sys._getframe(0))
            return
        after = {slot.path: Held(slot.shape, slot.numbers) for slot in slots(self.names, self.module)}
        best: Step | None = None
        for interval in self.spans:
            moved = stepped(interval.before, after, interval.start)
            if moved and (best is None or len(moved) >= len(best.parameters)):
                others = _said(interval.before, after, reshaped(interval.before, after, moved))
                best = Step("span", interval.where, interval.turn, moved, reshaped=others, entry=interval.entry)
        self.found = self.fallback or best

    def statement(self, line: int) -> None:
        if self.first_loop == 0:
            self._begin(sys._getframe(1), "statement", line)

    def ended(self, line: int) -> None:
        self._end(sys._getframe(1), "statement", line)

    def turn(self, number: int) -> None:
        if number < self.first_loop:
            return
        frame = sys._getframe(1)
        self._end(frame, "turn", number)
        self._begin(frame, "turn", number)

    def left(self, number: int) -> None:
        self._end(sys._getframe(1), "turn", number)

    def assigned(self, name: str, line: int, value: Any) -> None:
        self._event("assigned", name, line, value)

    def changed(self, name: str, line: int, value: Any) -> None:
        """Record an array of which elements were assigned, unless it was a single one."""
        if isinstance(value, ExactArray) and value.size > 1 and self.watching:
            before = next((event for event in reversed(self.events) if event.kind == "assigned"), None)
            if before is None or before.line != line or before.shape:
                self._event("assigned", name, line, value)

    def returned(self, name: str, line: int, value: Any) -> Any:
        self._event("returned", name, line, value)
        return value

    def appended(self, name: str, line: int, value: Any) -> Any:
        self._event("appended", name, line, value)
        return value

    def failed(self) -> None:
        self.failures += 1

    def asked(self) -> None:
        """Call `ask` without recording what it computes as events."""
        if self.watching:
            self.watching = False
            self.ask(sys._getframe(1))
            self.watching = True

    # ---- intervals --------------------------------------------------------------------------------------------

    def visible(self, frame: FrameType, whole: set[str] | None = None) -> list[Slot]:
        """Return the slots that can be reached from the names of a frame, those of the module first; see `slots`."""
        names = dict(self.names) | frame.f_globals
        if frame.f_locals is not frame.f_globals:
            names.update(frame.f_locals)
        return list(slots(names, self.module, frame, whole))

    def _begin(self, frame: FrameType, kind: str, where: int) -> None:
        key = frame, kind, where
        turn = self.turns[key] = self.turns.get(key, -1) + 1
        entry = self.entries[kind, where, turn]
        self.entries[kind, where, turn] += 1
        if self.target is None:
            if (kind, where) in self.skipped or (self.later and (kind, where) != self.later[0][:2]):
                return
            self.looked[where] = self.looked.get(where, 0) + (kind == "turn")
            if self.looked[where] > MOST_TURNS:
                return
            whole = set[str]()
            there = self.visible(frame, whole)
            _separate(there)
            if self.later or where in self.apart:  # as at the first turn, nothing is computed from anything else
                for slot in there:
                    slot.write([Number(x.value, varies=x.varies) for x in slot.numbers])
            now = {slot.path: Held(slot.shape, slot.numbers) for slot in there}
            self.intervals[key] = Interval(frame, kind, where, turn, count_numbers(), entry, now, self.failures, whole)
            if kind == "statement" and len(self.spans) < 200:
                self.spans.append(self.intervals[key])
        elif (
            self.target[:3] in ((kind, where, turn), ("span" * (kind == "statement"), where, turn))
            and self.target.entry == entry
            and not self.watching
        ):
            self.intervals[key] = Interval(frame, kind, where, turn, count_numbers(), entry, {})
            self.begin(self.visible(frame), frame)
            self.watching = True

    def _end(self, frame: FrameType, kind: str, where: int) -> None:
        interval = self.intervals.pop((frame, kind, where), None)
        if interval is None or (self.target is not None and self.target.kind == "span"):
            return
        if self.target is not None:
            self.watching = False
            self.end(self.visible(frame), frame)
            raise Found
        after = {slot.path: Held(slot.shape, slot.numbers) for slot in self.visible(frame)}
        moved = stepped(interval.before, after, interval.start)
        if self.later and interval.turn >= self.later[0].turn + LATER:
            raise Found
        if self.later and not (interval.turn > self.later[0].turn and moved_besides(moved, *self.later)):
            return
        if moved and not self.gradients:
            others = _said(interval.before, after, reshaped(interval.before, after, moved))
            still = _still(interval.before, after, [*moved, *others], self.failures > interval.failures)
            more = doubtful(interval.before, after, moved)
            late = [path for path in interval.whole.intersection(after) if named_as_parameter(path)]
            late = [path for path in late if not GRADIENT.search(path)]
            more += late  # a bias that starts as the int 0, and is a number from the next turn on
            step = Step(kind, where, interval.turn, moved, still, doubtful=more, reshaped=others, entry=interval.entry)
            step = step._replace(memories=memories(interval.before, after, moved))
            if late:
                self.fallback = self.fallback or step
                return
            self.found = step
            raise Found
        pairs = paired(interval.before, after, self.data) if self.gradients and frame.f_locals is self.names else {}
        self.misfit = self.misfit or pairs is None
        if pairs:
            self.found = Step(kind, where, interval.turn, list(pairs), (), pairs, entry=interval.entry)
            raise Found

    def _event(self, kind: str, name: str, line: int, value: Any) -> None:
        if not self.watching or len(self.events) > MOST_EVENTS:
            return
        file = sys._getframe(2).f_code.co_filename
        for numbers, shape, one, label in _arrays(value, name):
            self.events.append(Event(kind, label, line, shape, numbers, one, file))


def moved_besides(moved: Iterable[str], known: Step, names: Collection[str]) -> list[str]:
    """Return what has one of these last names and is no parameter of the known step."""
    return [path for path in moved if path not in known.parameters and has_last_name(path, names)]


def has_last_name(path: str, names: Collection[str]) -> bool:
    """Whether a path ends in one of these names, or is an item of what does."""
    last = path.rpartition(".")[2]
    return last in names or last.partition("[")[0] in names


def _separate(there: Sequence[Slot]) -> None:
    """Give each element of a list like `[0.0] * n`, which holds one number n times, a number of its own.

    Otherwise an effect of one element would look like an effect of all.
    """
    for slot in there:
        if isinstance(slot.value, list) and len({x.index for x in slot.value}) < len(slot.value):
            slot.write([copy(x) for x in slot.value])


def _arrays(value: Any, name: str) -> list[tuple[list[Number], tuple[int, ...], Any, str]]:
    if isinstance(value, Number):
        return [([value], (), value, name)]
    if isinstance(value, ExactArray):
        return [([number(x) for x in value.ravel().tolist()], value.shape, value, name)] if value.size else []
    if isinstance(value, list) and value and all(isinstance(x, Number) for x in value):
        return [(list(value), (len(value),), value, name)]
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in _arrays(item, f"{name}[{key!r}]")]
    if isinstance(value, list | tuple) and len(value) <= 64:
        return [found for place, item in enumerate(value) for found in _arrays(item, f"{name}[{place}]")]
    if named_as_cost(name):  # a scalar of an engine
        held = [getattr(value, leaf, None) for leaf in (*LEAVES, "x")]
        numbers = [item.item() if isinstance(item, ExactArray) and item.size == 1 else item for item in held]
        return [found for item in numbers if isinstance(item, Number) for found in _arrays(item, name)]
    return []


def _still(before: Moment, after: Moment, moved: Sequence[str], broken: bool) -> list[str]:
    """Return the paths that are named like those that moved and have an effect on them, but stay the same.

    A layer that stands for the input has the identity as its weights, and a bias that may stay 0. Both are left out
    unless something raised, which may have been its step.
    """
    kinds = {family(path) for path in moved} - {""}
    still = [path for path, held in before.items() if family(path) in kinds and _is_same(held, after.get(path))]
    if not broken and any(_is_identity(before[path]) for path in still):
        still = [path for path in still if not (_is_identity(before[path]) or _is_zero(before[path]))]
    if not still:
        return []
    results = [x for path in moved for x in after[path].numbers]
    return feeding({path: before[path] for path in still}, results)


def _said(before: Moment, after: Moment, paths: Sequence[str]) -> dict[str, str]:
    return {path: f"of shape {after[path].shape} after the step, not {before[path].shape}" for path in paths}


def _is_same(before: Held, after: Held | None) -> bool:
    return after is not None and [x.index for x in before.numbers] == [x.index for x in after.numbers]


def _is_zero(held: Held) -> bool:
    return not any(x.value.mid() for x in held.numbers)


def _is_identity(held: Held) -> bool:
    n = held.shape[0] if len(held.shape) == 2 and held.shape[0] == held.shape[1] else 0
    return n > 0 and [float(x.value.mid()) for x in held.numbers] == [float(i == j) for i in range(n) for j in range(n)]
