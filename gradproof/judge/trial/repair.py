"""Finds the one small edit of a function that makes everything right, as `lines.repair` does for whole programs."""

import ast
import linecache
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from gradproof.exact.loading import Codes, Takeover, codes_of, compiled
from gradproof.exact.numbers import count_numbers
from gradproof.exact.rewriting import with_exact_numbers
from gradproof.exact.run import BITS, Reading
from gradproof.judge.find.program import copied
from gradproof.judge.lines.edits import (
    Edit,
    Place,
    applied,
    as_elsewhere,
    as_slip,
    edits,
    enclosing,
    name_of,
    places_of,
    written,
)
from gradproof.judge.lines.proposals import words_at
from gradproof.judge.trial.arguments import drawn
from gradproof.judge.trial.execution import ExactRun
from gradproof.judge.trial.points import Claim, Tried
from gradproof.judge.trial.trace import Line, Trace

RUNS, NUMBERS, SECONDS = 1000, 1_000_000, 3.0  # to spend: SECONDS of processor time, however slow the machine is
MORE, OTHERS = 30, 2  # runs after the first correction, for one on another line; how many of those
TURN, TURN_OF_FIRST = 15, 60  # edits of a line to try before those of the next; of the likeliest line
LONGEST = 3.0  # seconds for one run
POINTS = range(500, 504)  # the first at which the same is wrong is the second point


class Correction(NamedTuple):
    """A line of a function, and what makes it right."""

    line: Line
    old: str
    new: str
    name: str  # of the slip
    mends: frozenset[str]  # the arrays that it makes right
    others: Sequence[int] = ()  # lines on which another edit mends the same


class _Seen(NamedTuple):
    wrong: frozenset[str]
    compared: frozenset[str]  # the arrays that are compared
    cost: Any


def correction(claim: Claim, tried: Tried, example: Any, seed: int, trace: Trace) -> Correction | None:
    """Return the likeliest edit of a suspect line that mends arrays and spoils none, at two points; None if none does.

    An edit that mends everything is preferred; what another leaves wrong does not depend on its line. The cost stays
    what it was.
    """
    points = list(_points(claim, tried, example, seed))
    if len(points) < 2:
        return None
    best: Correction | None = None
    end, most, runs, limit = time.process_time() + SECONDS, count_numbers() + NUMBERS, 0, RUNS
    for tree, line, edit, places in _proposals(trace.suspects):
        if best is not None and not points[0][1].wrong - best.mends and line[1] in (best.line[1], *best.others):
            continue
        runs += 1
        if runs > limit or count_numbers() > most or time.process_time() > end:
            break
        mends = frozenset[str]()
        with applied(edit, places), suppress(SyntaxError, ValueError):
            mends = _mended(claim, points, tried.reading, seed, _compiler(tree, line))
        left = points[0][1].wrong - mends
        if not mends or (best is not None and left) or any(line in trace.lines.get(name, ()) for name in left):
            continue
        if best is not None and best.mends == points[0][1].wrong:
            best = best._replace(others=[*best.others, line[1]])
            if len(best.others) == OTHERS:
                break
            continue
        slip = as_slip(edit, words_at(tree, enclosing(tree, line[1])), places)
        old = written(slip.statement)
        with applied(slip, places):
            best = Correction(line, old, slip.correction(), name_of(slip), mends)
        if mends == points[0][1].wrong:
            limit = min(limit, runs + MORE)
    return best


def _points(claim: Claim, tried: Tried, example: Any, seed: int) -> Iterator[tuple[Any, _Seen]]:
    """Yield the arguments that refute the claim, and others at which the same is wrong, with what they show."""
    first = _seen(claim, tried.arguments, tried.reading, seed, compiled)
    if first is None or not first.wrong:
        return
    yield tried.arguments, first
    for number in POINTS:
        arguments = drawn(example, np.random.default_rng([seed, number]))
        seen = _seen(claim, arguments, tried.reading, seed, compiled)
        if seen is not None and seen.wrong == first.wrong:
            yield arguments, seen
            return


def _seen(claim: Claim, arguments: Any, reading: Reading, seed: int, compiler: Any) -> _Seen | None:
    """Return what a run of the code that this compiler gives shows; None if it raises or decides too little.

    What an edit returns may be anything, so comparing it may raise anything.
    """
    with suppress(Exception), ExactRun(reading, BITS, seed, LONGEST, Takeover(compiler)) as run:
        compared = claim(run, arguments)
        if run.result is not None and not any(array.state == "undecided" for array in compared):
            wrong = frozenset(array.name for array in compared if array.state != "right")
            return _Seen(wrong, frozenset(array.name for array in compared), run.result.cost.value)
    return None


def _mended(
    claim: Claim, points: Sequence[tuple[Any, _Seen]], reading: Reading, seed: int, compiler: Any
) -> frozenset[str]:
    """Return the arrays that other code makes right at all points; none if it spoils one or changes the cost.

    All arrays must be compared as before. If one step is right, so must be those that follow, as of a momentum.
    """
    mended = points[0][1].wrong
    for arguments, before in points:
        now = _seen(claim, arguments, reading, seed, compiler)
        if now is None or not now.wrong < before.wrong or not now.cost.overlaps(before.cost):
            return frozenset()
        if not now.compared >= before.compared:
            return frozenset()
        mended &= before.wrong - now.wrong
    of_all_steps = getattr(getattr(claim, "__self__", None), "claim_of_all_steps", None)
    if of_all_steps is not None and mended == points[0][1].wrong:
        later = _seen(of_all_steps, points[0][0], reading, seed, compiler)
        return mended if later is not None and not later.wrong else frozenset()
    return mended


def _proposals(suspects: Sequence[Line]) -> Iterator[tuple[ast.Module, Line, Edit, dict[ast.AST, Place]]]:
    """Yield the edits of the suspect lines, likeliest first: some of each line, then the rest."""
    made, seen = [], set[int]()
    trees: dict[str, tuple[ast.Module, dict[ast.AST, Place]]] = {}
    for file, number in suspects:
        if file not in trees:
            tree = ast.parse("".join(linecache.getlines(file)))
            trees[file] = tree, places_of(tree)
        tree, places = trees[file]
        around = enclosing(tree, number)
        functions = [node for node in around if isinstance(node, ast.FunctionDef)]
        if not functions or isinstance(around[-1], ast.FunctionDef) or id(around[-1]) in seen:
            continue
        seen.add(id(around[-1]))
        own = edits(around[-1], words_at(tree, around))
        counterparts = as_elsewhere(around[-1], functions[-1])
        likely = [*(e for e in own if e.tier == 0), *counterparts, *(e for e in own if e.tier > 0)]
        made.append([(tree, (file, _line(edit)), edit, places) for edit in likely if edit.old in places])
    turns = [TURN_OF_FIRST, *[TURN] * (len(made) - 1)]
    for turn in range(max((len(some) // length for some, length in zip(made, turns, strict=False)), default=-1) + 1):
        for some, length in zip(made, turns, strict=False):
            yield from some[turn * length : (turn + 1) * length]


def _line(edit: Edit) -> int:
    """Return the line of what an edit replaces, which may be in the middle of a statement."""
    return int(getattr(edit.old, "lineno", edit.statement.lineno))


def _compiler(tree: ast.Module, line: Line) -> Any:
    """Return a compiler that takes the statement of the module around this line from a tree, as it is now."""
    file, number = line
    whole = [copied(part) for part in tree.body if part.lineno <= number <= (part.end_lineno or 0)]
    edited = codes_of(with_exact_numbers(ast.fix_missing_locations(ast.Module(whole, []))), file)

    def compiler(source: str, path: str) -> Codes:
        return compiled(source, path) | (edited if path == file else {})

    return compiler
