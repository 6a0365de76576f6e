"""Tries a claim at random points, under one reading of the literals after another, at the precision that it takes.

A claim is a function of (run, drawn arguments) that returns the comparisons there. It is verified if every array is
right at every point under one reading. It is refuted if under every reading some array is wrong somewhere, which ball
arithmetic proves. Otherwise it is undecided.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradproof.exact.run import BITS, Note, Reading, TieError, UndecidedError, line_of
from gradproof.judge.trial.arguments import drawn
from gradproof.judge.trial.comparison import Compared
from gradproof.judge.trial.execution import ExactRun, InexactError, NotFiniteError, SubjectError
from gradproof.numerics.verdict import Verdict

POINTS, MOST_POINTS = 3, 8  # more if a comparison has gone one way only, or a parameter has had no effect
PRECISIONS = (BITS, 4 * BITS, 16 * BITS)
TELLING = 6.0  # digits; an agreement to fewer says nothing, and counts as undecided
READINGS = {
    Reading.EXACT: "",
    Reading.ROUNDED: "its long literals are taken as rounded",
    Reading.WITHOUT_EPSILON: "right except for the tiny literals, which are taken as 0",
}

Claim = Callable[[ExactRun, Any], Sequence[Compared]]


@dataclass
class Tried:
    """What all points showed under the reading that decided."""

    verdict: Verdict
    reading: Reading
    arrays: Sequence[Compared]
    points: int
    notes: list[Note] = field(default_factory=list)
    why: list[str] = field(default_factory=list)  # it is undecided
    arguments: Any = None  # those that showed the fault

    @property
    def digits(self) -> int:
        """The digits to which all arrays agree; an exact agreement counts as the precision."""
        most = BITS * 0.30103
        return int(min([most, *(array.digits for array in self.arrays if array.alive)]))


def try_points(claim: Claim, example: Any, seed: int, draw: bool, keeps_symmetry: bool = False) -> Tried:
    """Return the verdict on a claim; SubjectError if the subject cannot be run.

    Without `draw`, the claim is tried at the example only. For `keeps_symmetry` see `drawn`.
    """
    seen: list[Tried] = []
    for reading in Reading:
        try:
            tried = _under(reading, claim, example, seed, draw, keeps_symmetry)
        except SubjectError:
            if not seen:
                raise
            continue  # without its epsilons the code may divide by 0: that reading says nothing
        if tried.verdict is Verdict.VERIFIED:
            return tried
        if reading is Reading.WITHOUT_EPSILON and any(array.state == "undecided" for array in tried.arrays):
            continue  # not finite: as above
        seen.append(tried)
    wrong = [sum(array.state == "wrong" for array in tried.arrays) for tried in seen]
    told = seen[wrong.index(min(wrong))]  # most of its faults have a name, such as a factor
    return next((tried for tried in seen if tried.verdict is Verdict.UNDECIDED), told)


def _under(reading: Reading, claim: Claim, example: Any, seed: int, draw: bool, keeps_symmetry: bool) -> Tried:
    best: list[Compared] = []
    notes: dict[Any, Note] = {}
    outcomes: dict[Any, set[bool]] = {}
    done, why = 0, []
    doubtful: Tried | None = None  # where something differs, and something is clipped
    scale = 1.0
    for number in range(MOST_POINTS if draw else 1):
        rng = np.random.default_rng([seed, number])
        arguments = drawn(example, rng, scale, keeps_symmetry=keeps_symmetry) if draw else example
        try:
            compared, run = _at(claim, arguments, reading, seed)
        except UndecidedError as error:
            why.append(str(error))
            continue
        done += 1
        notes |= run.notes
        for place, seen in run.outcomes.items():
            outcomes.setdefault(place, set()).update(seen)
        if any(array.state not in ("right", "undecided") for array in compared):
            leaks = [note for note in run.notes.values() if note.kind != "undecided"]
            verdict = Verdict.UNDECIDED if leaks else Verdict.REFUTED
            tried = Tried(verdict, reading, compared, done, list(notes.values()), list(map(_said, leaks)), arguments)
            if not leaks or any(note.kind != "clipped" for note in leaks):
                return tried
            doubtful, scale = doubtful or tried, scale / 2  # a fault elsewhere shows where nothing is clipped
            continue
        best = list(compared) if not best else [_merged(a, b) for a, b in zip(best, compared, strict=True)]
        one_way = any(len(seen) == 1 for seen in outcomes.values())
        if done >= POINTS and not one_way and all(array.alive for array in best):
            break
    if doubtful:
        return doubtful
    if not best:
        return Tried(Verdict.UNDECIDED, reading, (), 0, list(notes.values()), list(dict.fromkeys(why)))
    if unclear := any(array.state == "undecided" for array in best):
        why.append("a value is not finite, or saturated beyond every precision tried: try smaller arguments")
    if vague := [array.name for array in best if array.alive and array.digits < TELLING]:
        why.append(f"{', '.join(vague)}: the enclosures are too wide to decide")
    if dead := [array.name for array in best if not array.alive]:
        why.append(f"no effect of {', '.join(dead)} was seen at any point tried")
    if left := [note for note in notes.values() if note.kind == "left"]:  # what is computed from it has no derivative
        why += map(_said, left)
    undecided = unclear or bool(vague or left) or len(dead) == len(best)
    verdict = Verdict.UNDECIDED if undecided else Verdict.VERIFIED
    return Tried(verdict, reading, best, done, list(notes.values()), why if undecided else [])


def _at(claim: Claim, arguments: Any, reading: Reading, seed: int) -> tuple[Sequence[Compared], Any]:
    """Try one point, at the first precision that decides its comparisons and is not drowned by cancellation."""
    for bits in PRECISIONS:
        with ExactRun(reading, bits, seed) as run:
            try:
                compared = claim(run, arguments)
            except InexactError as error:
                if bits == PRECISIONS[-1] or not isinstance(error, NotFiniteError):
                    raise
                continue
            except SubjectError as error:
                if leaks := [note for note in run.run.notes.values() if note.kind in ("left", "undecided")]:
                    raise InexactError(f"{error}; but {_said(leaks[0])}") from error
                raise
            except UndecidedError as error:
                if isinstance(error, TieError) or bits == PRECISIONS[-1] or reading is not Reading.EXACT:
                    raise
                continue
            swallowed = [note for note in run.run.notes.values() if note.kind == "undecided"]
            if swallowed:  # by the subject's own `except`: the rest is not a run of its code
                raise UndecidedError(swallowed[0].said)
        vague = any(array.state == "right" and array.alive and array.digits < 30 for array in compared)
        unclear = any(array.state == "undecided" for array in compared)
        if not unclear and not (vague and reading is Reading.EXACT):
            break
    return compared, run.run


def _merged(a: Compared, b: Compared) -> Compared:
    if "undecided" in (a.state, b.state):
        return a if a.state == "undecided" else b
    digits = min((x.digits for x in (a, b) if x.alive), default=0.0)
    return a._replace(alive=a.alive or b.alive, digits=digits, convention=a.convention or b.convention)


def _said(note: Note) -> str:
    if note.kind == "unread":
        return f"{note.said}, and an error beside them proves nothing: judge it where its source is available"
    line = line_of(note.place)
    return f"{note.said}" + (f" (line {line})" if line else "") + ": gradproof cannot know whether that is intended"
