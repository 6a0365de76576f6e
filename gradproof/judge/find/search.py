"""Finding what to judge in a program: its own example or the first scene in which a step is taken."""

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gradproof.judge.find.explore import Explored, explore
from gradproof.judge.find.layers import of_engines, of_layer_classes, of_layer_functions
from gradproof.judge.find.program import Program
from gradproof.judge.find.scenes import Attempt, attempts, own_example

QUICK = 1.5  # seconds: an own example that takes longer is tried last
SECONDS = 6.0  # for all that is tried


class Subject(NamedTuple):
    """What is judged: a name, how it was made to take a step, and expressions of its cost."""

    name: str
    explored: Explored
    calls: Sequence[str]


class Search(NamedTuple):
    """What was found, and what the tries that failed ran into."""

    subjects: Sequence[Subject]
    troubles: Sequence[str]


def search(program: Program) -> Search:
    """The subjects of a program."""
    troubles: list[str] = []
    own: Subject | None = None
    begun = time.monotonic()
    example = own_example(program)
    explored = explore(example.scene)
    own = Subject("its own example", explored, example.calls) if explored.step else None
    if own is not None and time.monotonic() - begun < QUICK:
        return Search([own], [])
    if explored.trouble:
        troubles.append(f"its own example {explored.trouble}")
    found = _first(attempts(program), troubles)
    if found is not None:
        return Search([found], troubles)
    if own is not None:
        return Search([own], troubles)
    return Search([subject for subject in _parts(program)], troubles)


def _first(tries: Iterator[Attempt], troubles: list[str]) -> Subject | None:
    begun = time.monotonic()
    for attempt in tries:
        explored = explore(attempt.scene, seconds=3.0)
        if explored.step:
            return Subject(attempt.scene.driver, explored, attempt.calls)
        if explored.trouble and explored.trouble not in troubles:
            troubles.append(explored.trouble)
        if time.monotonic() - begun > SECONDS:
            return None
    return None


def _parts(program: Program) -> Iterator[Subject]:
    """Layers and engines, each alone."""
    for several in (of_engines, of_layer_functions, of_layer_classes):
        for name, scenes in several(program):
            for scene in scenes:
                explored = explore(scene, seconds=3.0)
                if explored.step:
                    yield Subject(name, explored, ())
                    break
