"""Calls somebody's training step, and finds what it moves."""

import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradproof.exact.arrays import ExactArray, exact
from gradproof.exact.numbers import COPY, Number
from gradproof.exact.sweeps import computed_from, operands_of
from gradproof.judge.find.dependence import LINEAR
from gradproof.judge.trial.arguments import copied, leaves, numbers_of
from gradproof.judge.trial.execution import InexactError, SubjectError, named, takes
from gradproof.judge.trial.owner import put


class State:
    """What an optimizer keeps and is given as an argument: 0 at first, and in a run what the steps have made of it."""

    def __init__(self, zeros: Any) -> None:
        self.zeros = zeros


class Stepping(NamedTuple):
    """A step and the arrays that it moves: an object's, or arguments in any nesting."""

    step: Callable[..., Any]
    parameters: Any
    owner: Any  # the object whose arrays they are, or None

    def after(self, run: Any, given: Any, data: Any) -> Any:
        """Return the parameters after a step of this run; SubjectError if none change and none are returned."""
        mine = copied(given)
        answer = self.call(run, self.step, mine, data)
        if self.owner is not None:
            return self.held(run, answer, given)
        if not _same(given, mine):
            return mine
        if answer is None:
            raise SubjectError(f"{named(self.step)} neither changes the parameters nor returns new ones")
        kept = arrays_in([run.takeover.take(item.zeros) for item in data if isinstance(item, State)])
        returned, count = arrays_in([answer]), len(arrays_in(given))
        if not kept or len(returned) != count + len(kept):
            return answer
        for old, new in zip(kept, returned[count:], strict=True):
            old.view(np.ndarray)[...] = new.view(np.ndarray)
        return returned[:count]

    def call(self, run: Any, function: Callable[..., Any], given: Any, data: Any) -> Any:
        """Return what the step, or a cost that is called in the same way, gives in this run, exact or in float64."""
        data = [run.takeover.take(item.zeros) if isinstance(item, State) else item for item in data]
        if self.owner is not None:
            return run.call(function, *of_owner(function, put(run, self.owner, given), data))
        spread = self.is_spread(function, len(data))
        return run.call(function, *given, *data) if spread else run.call(function, given, *data)

    def held(self, run: Any, answer: Any, names: Iterable[str]) -> dict[str, Any]:
        """Return the arrays of the object after a step of this run, or of a new one that the step returns."""
        is_new = hasattr(answer, "__dict__") and all(hasattr(answer, name) for name in names)
        taken = answer if is_new else run.takeover.take(self.owner)
        return {name: getattr(taken, name) for name in names}

    def is_spread(self, function: Callable[..., Any], count: int) -> bool:
        """Whether a function takes the parameters one by one before that many data."""
        several = isinstance(self.parameters, list | tuple) and len(self.parameters) > 1  # a list of one stays a list
        return several and _takes(function) == len(self.parameters) + count

    def updates(self, run: Any, given: Any, data: Sequence[Any]) -> list[int]:
        """Return which of the data a step of this run updates, in place or in what it returns after the parameters."""
        shapes = [array.shape for array in arrays_in(given)]
        alike = [k for k, item in enumerate(data) if (own := arrays_in([item])) and {a.shape for a in own} <= {*shapes}]
        mine, rest = copied(given), copied(data)
        answer = self.call(run, self.step, mine, rest) if alike else None
        more = len(arrays_in([answer])) - (len(shapes) if _same(given, mine) else 0)
        returned = [k for n, k in enumerate(alike) if len(arrays_in([data[j] for j in alike[: n + 1]])) <= more]
        return [k for k in alike if k in returned or not _same(data[k], rest[k])]


def of_owner(function: Callable[..., Any], owner: Any, data: Any) -> Sequence[Any]:
    """Return the arguments of a method of the object, or of a function that takes the object first."""
    return data if takes(function, len(data)) else [owner, *data]


def _same(before: Any, after: Any) -> bool:
    """Whether all numbers are the very same."""
    return list(map(id, all_numbers([before]))) == list(map(id, all_numbers([after])))


def _takes(function: Any) -> int:
    try:
        return len([p for p in inspect.signature(function).parameters.values() if p.default is p.empty])
    except (TypeError, ValueError):
        return 0


def arrays_in(value: Any) -> list[ExactArray]:
    """Return the exact arrays of any nesting."""
    return [leaf for _, leaf in leaves(value, "") if isinstance(leaf, ExactArray)]


def all_numbers(value: Any) -> list[Number]:
    """Return the exact numbers of all arrays of any nesting."""
    return [x for array in arrays_in(value) for x in numbers_of(array)]


def moves(given: Any, after: Any, what: str) -> dict[str, Any]:
    """Return θ′ − θ of each array, as exact numbers; SubjectError if their number or a shape has changed.

    The place of each difference is where θ′ was computed; it has none if θ′ is θ.
    """
    before = [(name.removeprefix("["), leaf) for name, leaf in leaves(given, "θ") if isinstance(leaf, ExactArray)]
    now = [leaf for _, leaf in leaves(after, "") if isinstance(leaf, ExactArray | Number | np.ndarray)]
    if len(now) != len(before):
        if plain := [name for name, leaf in leaves(given, "θ") if isinstance(leaf, float)]:
            raise InexactError(f"{plain[0]} is a plain number beside arrays: give an array, such as np.array([0.5])")
        raise SubjectError(f"{what} gives {len(now)} arrays for {len(before)} parameters")
    for (name, a), b in zip(before, now, strict=True):
        if np.shape(b) != a.shape:
            raise SubjectError(f"{what} turns {name} of shape {a.shape} into one of shape {np.shape(b)}")
    moved = {}
    for (name, a), b in zip(before, now, strict=True):
        later = exact(b)
        moved[name] = exact(later - a)
        for x, y in zip(numbers_of(moved[name]), numbers_of(later), strict=True):
            x.place = y.place
    return moved


def takes_several(given: Any, after: Any) -> bool:
    """Whether the code takes several steps.

    Either it computes on with a value that a parameter has in between, as in a loop of steps, or one array follows from
    another's new value and no longer from its old one, as where two nets take turns.
    """
    finals = [x for leaf in arrays_in([after]) for x in numbers_of(leaf)]
    uses: dict[int, int] = {}
    for x in computed_from(finals):
        for y in operands_of(x) if x.rule is not COPY else ():
            y = _genuine(y)
            uses[y.index] = uses.get(y.index, 0) + 1
    if any(
        uses.get(value.index, 0) > 1
        for start, final in zip(all_numbers(given), finals, strict=False)
        for value in _between(start, final)
        if not _looks_ahead(value)
    ):
        return True
    pairs = list(zip(arrays_in(given), arrays_in([after]), strict=False))
    return any(_comes_later(old, new, [pair for pair in pairs if pair[1] is not new]) for old, new in pairs)


def _comes_later(old: ExactArray, new: ExactArray, others: Sequence[tuple[ExactArray, ExactArray]]) -> bool:
    """Whether `new` follows from where other arrays have moved to, not from where they were, by its own forward pass.

    A gradient that is only propagated back through moved arrays does not count.
    """
    moved = [{x.index for x in numbers_of(b)} - {x.index for x in numbers_of(a)} for a, b in others]
    numbers = computed_from(numbers_of(new), set[int]().union(*moved))
    origins = {x.index for x in numbers}
    hit = [
        (ends, {x.index for x in numbers_of(a)}) for (a, _), ends in zip(others, moved, strict=True) if origins & ends
    ]
    if not hit or not origins.isdisjoint(set[int]().union(*(starts for _, starts in hit))):
        return False
    latest, own = max(index for ends, _ in hit for index in ends), {x.index for x in numbers_of(old)}
    errors = [x for x in numbers if x.rule is not None and x.rule.name in ("add", "subtract", "sum") and _has_target(x)]
    if errors:  # only the error may be computed again
        own |= set[int]().union(*(ends for ends, _ in hit)) & {x.index for x in computed_from(errors)}
    decays = {x.index for x in terms(numbers_of(new))}
    return any(
        x.index > latest and x.index not in decays and any(y.index in own for y in operands_of(x))
        for x in numbers
        if x.rule is not None and x.rule.name in ("dot", "multiply")
    )


def _has_target(x: Number) -> bool:
    """Whether a sum contains a constant other than 0, as an error does."""
    return any(not y.varies and not y.value.is_zero() for y in operands_of(x))


def terms(results: Sequence[Number]) -> list[Number]:
    """Return the terms of these numbers, through sums and products with constants other than 0."""
    found, waiting = {x.index: x for x in results}, list(results)
    while waiting:
        x = waiting.pop()
        if x.rule is not None and x.rule.name in (*LINEAR, "multiply", "divide"):
            more = [y for y in operands_of(x) if y.varies and y.index not in found]
            scale = [y for y in operands_of(x) if not y.varies and x.rule.name == "multiply"]
            if x.rule.name in LINEAR or (len(more) == 1 and not any(y.value.contains(0) for y in scale)):
                found.update({y.index: y for y in more})
                waiting += more
    return list(found.values())


def _between(start: Number, final: Number) -> Iterator[Number]:
    """Yield the values of a parameter between these two, if only sums and differences link them."""
    x, way = _genuine(final), list[Number]()
    while x is not start:
        if x.rule is None or x.rule.name not in ("add", "subtract"):
            return
        x = _genuine(x.operands[0])
        way.append(x)
    yield from way[:-1]


def moved_again(old: ExactArray, new: ExactArray) -> tuple[Number, Number] | None:
    """Return an update that repeats an earlier one, and the last number that both use; None if none does.

    The gradient must be computed again, so that only the forward pass, which ran before the loop, is not.
    """
    found: tuple[Number, Number] | None = None
    for start, final in zip(numbers_of(old), numbers_of(new), strict=True):
        updates = [z for z in (final, *_between(start, final)) if z is not start and len(z.operands) == 2]
        for later, earlier in itertools.pairwise(_genuine(z) for z in updates):
            one, other = later.operands[1], earlier.operands[1]
            if not one.value.overlaps(other.value) or _unscaled(one) is _unscaled(other):
                return None
            if not one.value.contains(0):
                ours, theirs = computed_from([one]), {x.index for x in computed_from([other])}
                shared = [x for x in ours if x.rule is not None and x.varies and x.index in theirs]
                if not shared:
                    return None
                found = later, shared[-1]
    return found


def _unscaled(x: Number) -> Number:
    """Return what a number is a multiple of, without its constant factors."""
    while x.rule is not None and x.rule.name in ("multiply", "divide", "copy", "negative"):
        varying = [y for y in x.operands if y.varies]
        if len(varying) != 1:
            break
        x = varying[0]
    return x


def _looks_ahead(x: Number) -> bool:
    """Whether a value is that of a parameter plus a multiple of another given one, as in Nesterov's momentum."""
    return _unscaled(x.operands[1]).rule is None


def _genuine(x: Number) -> Number:
    while x.rule is COPY:
        x = x.operands[0]
    return x
