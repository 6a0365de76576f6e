"""Judges a file as a whole program and as a backprop of the notes' network, and decides which verdict counts."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gradproof.errors import DataError, UsageError
from gradproof.judge.isolation.assessment import Assessment, UnfinishedError, is_whole
from gradproof.judge.isolation.submission import File, Kind
from gradproof.judge.loading import not_text
from gradproof.judge.preference import has_backprop, may_prefer_whole, prefers_whole, takes_others
from gradproof.judge.wording import may_be_a_slip, nothing
from gradproof.numerics.verdict import Verdict
from gradproof.text import visible

if TYPE_CHECKING:  # importing JAX takes a second: it waits until the subject is loading
    from gradproof.judge.report import Judgement
    from gradproof.judge.rubric import Rubric


# Words of the errors for a file without a backprop; a whole program can do without a missing module that draws, say
NONE_OF_TWO = (
    "there is neither",
    "without a method backprop",
    "is constructed as",
    "ModuleNotFoundError",
    "ImportError",
)
WITHOUT = "without --convention, --certificate and a rubric of equations only"


class Decided(NamedTuple):
    """The verdict on a whole program, the one on a backprop, and which of the two counts."""

    found: dict[str, Any] | None
    judged: Judgement | None = None
    kind: Kind | None = None
    whole: bool = True  # whether the first counts


class Question(NamedTuple):
    """What is to be judged, and how."""

    path: str
    name: str = ""  # of the function or class in it
    is_backprop: bool = False  # judge it as a backprop only, as a declared convention asks for
    rubric: Rubric | None = None
    cost: str = ""  # the declared one
    step: str = ""  # the line that takes a step
    seconds: float = 10.0
    memory: int = 8 << 30  # bytes
    lines: bool = False  # read the lines of a whole program even if its verdict does not count


def decide(question: Question, judge: Callable[[File], Judgement]) -> Decided:
    """Judge a file; `judge` gives the verdict on a backprop. DataError, with the reason, if there is no verdict.

    With a rubric that has points for equations only, the file is only judged as a backprop. With a rubric that has
    points for arrays only, a backprop is a program like any other. UsageError if the file is missing or if a module is
    judged by a rubric without equations.
    """
    path, name, declared, rubric, cost, step, seconds, memory, lines = question
    graded = rubric is not None
    declared = declared or (rubric is not None and not rubric.arrays)
    program = path.endswith((".py", ".ipynb"))
    if program and not os.path.isfile(path):
        raise UsageError(f"there is no file {visible(path)}")
    if path.endswith(".py") and (said := not_text(Path(path).read_bytes())):
        raise DataError(f"{visible(path)} is not a Python file: {said}")
    if not program and rubric is not None and not rubric.equations:
        raise UsageError(f"{path} is judged by equations, and {rubric.path} has points for none")
    backprop = not program or (path.endswith(".py") and has_backprop(path, name))  # whether float64 judges it as well
    backprop = backprop and not (program and rubric is not None and not rubric.equations)
    # What declares the notes' network is judged as a backprop only; the whole program is read for its lines and layers.
    only = declared or (backprop and cost == "quadratic" and not step)
    with ExitStack() as open_now:
        whole = None
        if program and (lines or not only):
            meant = "quadratic" if only else cost
            whole = open_now.enter_context(Assessment(path, name, seconds, memory, step, meant))
        if whole is not None and not only and (not backprop or step or cost):
            return _of_whole(whole.document(), path, graded)
        code = open_now.enter_context(File(path, name, seconds, memory))
        found, failure = _found(whole) if whole is not None else (None, None)
        try:
            kind = code.kind
            judged = judge(code)
        except DataError as error:
            if not only and whole is not None and found and found["verdict"] != "none":
                return Decided(whole.document())
            # Report what the code itself raises, but not that it lacks the two forms: more than these was looked for.
            none_of_two = any(words in str(error) for words in NONE_OF_TWO)
            said = nothing(found, path, graded) if found and none_of_two and not name else str(error)
            if whole is None and any(words in said for words in NONE_OF_TWO[:2]):
                said += f"; any other program is judged {WITHOUT if program else 'by the path of its file'}"
            raise DataError(said) from None
        reached = next((trouble.said for trouble in judged.troubles if trouble.is_of_limits), "")
        if whole is not None and found is not None and not is_whole(found):
            found = _with_lines(whole, judged) if lines or reached or may_prefer_whole(found, judged) else None
        if reached and (only or not found or found["verdict"] in ("none", "undecided")):
            raise DataError(f"{visible(path)} {reached}")
        if only:
            counts = False
        elif failure is not None and judged.verdict is Verdict.REFUTED and not judged.troubles:
            raise failure  # it may be right for another cost
        elif found and found["verdict"] == "none" and takes_others(judged):
            return _of_whole(found, path, graded)
        else:
            counts = bool(reached) or (bool(found) and prefers_whole(found or {}, judged))
            counts = counts and not (graded and may_be_a_slip(found or {}))  # the rubric asks for the notes' network
        if not (counts or graded):  # an answer is no part of a grade
            judged.search.begin()
        return Decided(found, judged, kind, counts)


def _with_lines(whole: Assessment, judged: Judgement) -> dict[str, Any] | None:
    """Return the document with the lines; None if they take too long and both judges refute the program anyway."""
    try:
        return whole.document()
    except UnfinishedError:
        if judged.verdict is not Verdict.REFUTED:
            raise
        return None


def _of_whole(found: dict[str, Any], path: str, graded: bool) -> Decided:
    """Return the verdict on the whole program; DataError if nothing to judge was found."""
    if found["verdict"] == "none":
        raise DataError(nothing(found, path, graded))
    return Decided(found)


def _found(whole: Assessment) -> tuple[dict[str, Any] | None, DataError | None]:
    """Return what is first known of the whole program or None, and the error if judging began but did not finish."""
    try:
        return whole.first(), None
    except UnfinishedError as error:
        return None, error
    except DataError:
        return None, None
