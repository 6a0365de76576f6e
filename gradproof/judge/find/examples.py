"""A program's own example, or a file that imports it: run as it is, made small, or with data that fit."""

import ast
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from gradproof.errors import DataError
from gradproof.judge.find.data import corrected
from gradproof.judge.find.exploration import Explored, explore
from gradproof.judge.find.program import Program, read_program, users
from gradproof.judge.find.scene import Scene
from gradproof.judge.find.scenes import own_example

QUICK, SMALL, SECONDS = 1.5, 3.0, 6.0  # seconds for the first try, for a small program, and for one smaller still
ALL = 12.0  # seconds after which no try begins
LARGE = 100  # features; a program with more is made small
MOST = 8  # tries
LATE = "takes longer than"
OWN = "its own example"  # the name of a program that is run as it is


class Subject(NamedTuple):
    """Something to judge: a name, a run that takes a step, and expressions for its cost."""

    name: str
    explored: Explored
    calls: Sequence[str]
    harder: Sequence[Scene] = ()  # scenes in which the same must hold
    others: Sequence[Explored] = ()  # runs that assign the gradients to the parameters in another order
    larger: Explored | None = None  # the same with the program's own numbers, if `explored` has smaller ones
    skipped: Sequence[tuple[str, int]] = ()  # kind and place of what only looked like a step
    unsure: str = ""  # why it may be right although it is wrong with what was made up
    beside: bool = False  # whether it is left out if it cannot be decided
    raises: str = ""  # what it raises for several examples, though its code asks how many there are


def run_whole(name: str, program: Program, troubles: list[str]) -> tuple[Subject | None, bool]:
    """Run a whole program; return the subject of its step, if it takes one, and whether it is slow.

    Errors of failed tries go to `troubles`. The next try is smaller, has data that fit better, or skips what raises.
    """
    small = program.made_small()
    queue = [(program, QUICK), (small, SMALL), (program, SECONDS)]
    if ast.dump(small.tree) == ast.dump(program.tree):
        queue = [(program, SMALL)]
    if program.widths.features > LARGE:
        queue = [(small, SMALL)]
    end = time.process_time() + ALL
    for _ in range(MOST):
        variant, seconds = queue.pop(0)
        if time.process_time() > end:
            troubles.append(f"{name} {LATE} {ALL:g} seconds, whatever is tried")
            break
        example = own_example(variant)
        explored = explore(example.scene, seconds)
        trouble = explored.trouble
        if explored.step:
            larger = None
            if explored.is_large and not variant.small:
                smaller = own_example(variant.made_small())
                quick = explore(smaller.scene, explored.seconds)
                if quick.step:
                    example, explored, larger = smaller, quick, explored
            subject = Subject(name, explored, example.calls, larger=larger)
            return subject, explored.seconds > QUICK and not variant.small
        if trouble and not variant.tolerant and f"{name} {trouble}" not in troubles and LATE not in trouble:
            troubles.append(f"{name} {trouble}")
        if fitting := corrected(variant.widths, trouble):
            queue.insert(0, (replace(variant, widths=fitting), seconds))
        elif LATE in trouble and seconds == SMALL:
            queue[:0] = [((variant if variant.small else small).made_small(), SECONDS), (variant, SECONDS)]
        elif LATE in trouble and seconds == SECONDS and not (queue or variant.small):
            troubles.append(f"{name} {trouble}")
            queue.append((small.made_small(), SMALL))  # made small once, it raises
        elif trouble and LATE not in trouble and not variant.tolerant:
            queue.insert(0, (variant.made_tolerant(), seconds))
        elif not queue or not (trouble or variant.tolerant or variant is small):  # made small, it may take no step
            troubles += [f"{name} {trouble}"] * (LATE in trouble)
            break
    return None, False


def used(program: Program, troubles: list[str]) -> Subject | None:
    """Return the subject of a file that imports this program, and so shows how to make and train its parts."""
    end = time.process_time() + ALL
    waiting, seen = users(program.path), {program.path}
    while waiting and time.process_time() < end:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        try:
            found, _ = run_whole(f"{Path(path).name}, which uses it,", read_program(path), troubles)
        except DataError:
            continue
        if found is not None and str(Path(program.path).resolve()) in found.explored.files:
            return found
        waiting += users(path)  # and what imports that file
    return None
