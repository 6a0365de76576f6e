"""Find the line that is wrong by its effect: if its values were the right derivatives, the step would be right.

The step is recomputed from its tape, with other values in place of those that one line gives. The cause is the line
that makes the most wrong arrays right in this way and no right array wrong; of equals, the one with the likeliest
values, then the first.
"""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from gradproof.exact.numbers import Number
from gradproof.exact.rules import Ball
from gradproof.exact.sweeps import computed_from
from gradproof.judge.find.observation import Observation
from gradproof.judge.lines.annotation import shown
from gradproof.judge.lines.hypotheses import Hypotheses, Line
from gradproof.judge.lines.inheritance import inherited
from gradproof.judge.lines.labels import UNKNOWN, Labels, Located
from gradproof.judge.lines.replay import Guess, Replay, Values

MOST = 3  # lines to look for, one after the other
NUMBERS = 6_000_000  # to compute in the search: about ten seconds
SECONDS = 30.0  # after which no other line is tried: a verdict must not wait for its lines without end


class Cause(NamedTuple):
    """A line, and what its value should be."""

    file: str
    line: int
    name: str  # what is assigned there
    should: str  # such as "∂C/∂W1", or a slope in words
    mends: frozenset[str]  # paths of the arrays that this makes right
    is_own: bool  # whether it should be the gradient of what it mends, or the step
    is_step: bool  # whether it moves the parameters themselves
    others: tuple[int, ...] = ()  # lines that explain the same number of arrays, the likeliest first


class Explanation(NamedTuple):
    """The lines that explain what is wrong, one for each fault; empty if no line does."""

    causes: Sequence[Cause]
    right: Collection[str]  # paths of the arrays that follow this cost, even if other arrays follow another
    inherited: Collection[str] = ()  # paths of arrays that are wrong only because of a later layer

    def is_whole(self, wrong: Collection[str]) -> bool:
        """Whether one line explains everything that is wrong."""
        return len(self.causes) == 1 and {*self.causes[0].mends, *self.right} >= set(wrong)


def explain(what: Observation, cost: Number, labelled: Labels, wrong: Mapping[str, str]) -> Explanation:
    """Find what explains the arrays that do not follow this cost; `wrong` maps their paths to their states."""
    replay = Replay(what, cost, wrong)
    hypotheses = Hypotheses(replay, labelled)
    found, put, left = list[Cause](), dict[int, Ball](), set(wrong) - replay.right
    end = time.process_time() + SECONDS
    while left and len(found) < MOST:
        told: list[tuple[tuple[int, int], Cause, Values]] = []
        for line in hypotheses.lines:
            if replay.computed > NUMBERS or time.process_time() > end:
                break
            fed = {path for path in left if hypotheses.feeds(line, path)}
            best: tuple[tuple[int, int], Cause, Values] | None = None
            for guess, fitted in _candidates(replay, hypotheses, line, fed, put) if fed else ():
                if best is not None and (-len(fed), guess.rank) >= best[0]:
                    continue
                for values in fitted:
                    if not replay.may_mend({**put, **values}, fed):
                        continue
                    right = replay.right_with({**put, **values})
                    mended, spoilt = frozenset(left & right), set(what.given) - left - right
                    order = -len(mended), guess.rank
                    if mended and not spoilt and (best is None or order < best[0]):
                        moves = any(not value.is_zero() for value in guess.base.values())
                        own = bool(guess.base)
                        cause = Cause(line.file, line.number, guess.name, guess.should, mended, own, moves)
                        best = order, cause, values
            told += [best] if best is not None else []
        if not told:
            break
        told.sort(key=lambda one: (one[0], hypotheses.first_doubtful(one[1].line, one[1].mends)))
        order, cause, values = told[0]
        if parts := _apart(cause, [other for _, other, _ in told[1:]], hypotheses):
            found += parts
        else:
            same = [other.line for (count, _), other, _ in told[1:] if count == order[0]]
            same.sort(key=lambda line: hypotheses.first_of(line) > hypotheses.first_of(cause.line))  # later lines last
            found.append(cause._replace(others=tuple(same)))
        put |= values
        left -= cause.mends
    explained = {path for cause in found for path in cause.mends}
    return Explanation(found, replay.right, inherited(hypotheses, cost, put, explained, _likely))


def _apart(cause: Cause, others: Sequence[Cause], hypotheses: Hypotheses) -> list[Cause]:
    """Return each array's own cause before a line in which all gradients come together, or [] if one has none.

    Examples of such lines are a return, and the update in a loop over the parameters.
    """
    parts = []
    for path in sorted(cause.mends) if cause.is_own else ():
        if (k := hypotheses.misshapen(path)) is not None:
            event = hypotheses.labelled.events[k]
            should, mends = f"∂C/∂{path}", frozenset([path])
            parts.append(Cause(event.file, event.line, event.name, should, mends, True, False))
            continue
        own = [other for other in others if other.is_own and other.mends == {path}]
        own = [other for other in own if hypotheses.first_of(other.line) < hypotheses.first_of(cause.line)]
        if not own or len(cause.mends) == 1:
            return []
        parts.append(min(own, key=lambda other: hypotheses.first_of(other.line)))
    return sorted(parts, key=lambda part: hypotheses.first_of(part.line))


def _likely(hypotheses: Hypotheses, fed: Collection[str], others: Collection[str]) -> Iterator[Values]:
    """Yield likely values of each line that feeds arrays of both groups, with all other lines as they are."""
    for line in hypotheses.lines:
        if all(any(hypotheses.feeds(line, path) for path in paths) for paths in (fed, others)):
            for _, fitted in _candidates(hypotheses.replay, hypotheses, line, fed, {}):
                yield from fitted


def _candidates(
    replay: Replay, hypotheses: Hypotheses, line: Line, fed: Collection[str], put: Values
) -> Iterator[tuple[Guess, Iterable[Values]]]:
    """Yield guesses at what a line should give, each with the values that fit it."""
    for guess in hypotheses.of_line(line, fed):
        yield guess, replay.fitted(guess, sorted(fed), put)
    for guess, values in hypotheses.solved(line, fed, put):
        yield guess, [values]


def place(cause: Cause, labelled: Labels) -> Located:
    """Return the place of a cause as it is reported, with the derivative that is right before it if that has a name."""
    k = next(k for k, e in enumerate(labelled.events) if (e.file, e.line) == (cause.file, cause.line))
    event = labelled.events[k]
    before = next((j for j in reversed(range(k)) if labelled.labels[j] and labelled.reached[k] >> j & 1), None)
    named = before is not None and labelled.labels[before] not in ("∂C/∂", UNKNOWN)
    said = f"{labelled.events[before].name} is {labelled.labels[before]}" if named and before is not None else ""
    should = "" if cause.should.endswith("∂") else f"{shown(cause.name)} should be {_shown(cause.should)}"
    return Located(cause.line, cause.name, event.kind, said, should, cause.file, cause.others[:2])


def place_of_shape(what: Observation, labelled: Labels, path: str) -> Located | None:
    """Return where a parameter's step gets a shape other than the parameter's; None if its shape is right.

    This is the first event that follows from derivatives, is not one itself, and feeds only this parameter.
    """
    if path not in what.reshaped:
        return None
    above = {x.index for x in computed_from(what.reshaped[path][1].flat)}
    others = {x.index for x in computed_from(x for move in what.moved.values() for x in move.flat)}
    for event, label, reached in zip(labelled.events, labelled.labels, labelled.reached, strict=True):
        own = [x for x in event.numbers if x.index in above]
        if reached and not label and own and not any(x.index in others for x in own):
            return Located(event.line, event.name, event.kind, "", file=event.file)
    return None


def _shown(should: str) -> str:
    """Return the name of a derivative as the author would write it."""
    by = should.removeprefix("∂C/∂")
    return should if by == should or by.startswith(" ") else f"∂C/∂{shown(by)}"
