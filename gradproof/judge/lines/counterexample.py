"""A point at which a program is wrong in numbers small enough to follow, with everything that it computes there."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

from gradproof.exact.numbers import Number, count_numbers
from gradproof.exact.run import BITS, Reading, UndecidedError
from gradproof.exact.sweeps import differentiate
from gradproof.judge.find.examples import Subject
from gradproof.judge.find.exploration import explore
from gradproof.judge.find.monitor import Step
from gradproof.judge.find.observation import Observation, observe
from gradproof.judge.find.program import Program
from gradproof.judge.find.reduction import smaller
from gradproof.judge.find.scene import Scene, forget
from gradproof.judge.find.scenes import attempts
from gradproof.judge.lines.annotation import shown
from gradproof.judge.lines.correction import corrected
from gradproof.judge.lines.costs import likeliest_cost, over_the_step
from gradproof.judge.lines.faults import Read
from gradproof.judge.lines.script import CannotBeWrittenError, script
from gradproof.judge.lines.values import Point, plain, slopes_of, values
from gradproof.judge.outcome import SECONDS, Outcome, against
from gradproof.judge.trial.adaptive_steps import FIRST_OF_ADAM
from gradproof.judge.trial.descent import rate_of
from gradproof.judge.trial.execution import ExactRun, SubjectError, guarded
from gradproof.numerics.verdict import Verdict

NUMBERS = 60_000  # to compute for each way to take a step: less than half a second
TRIES = 40  # ways to run its classes and functions, if its own example was judged
SEEDS = {True: range(2, 4), False: range(2, 6)}  # for scenes in round numbers, and for others
_OWNER = re.compile(r"^[A-Za-z_]\w*(?=\.|\['?[A-Za-z])")  # the object or dictionary that holds a parameter
_WORD = re.compile(r"(?:.*\.)?(?:_cost_)?(\w+)(?=\(| of line )")  # what the program calls a cost


class Way(NamedTuple):
    """A way to make the program take its step."""

    scene: Scene
    step: Step
    calls: Sequence[str]
    is_made_up: bool = False  # whether missing data were made up


def counterexample(program: Program, subject: Subject, outcome: Outcome, read: Read) -> dict[str, Any] | None:
    """Return the smallest point at which the fault shows; None if it does not show in a single step.

    The result has the `parameters` and `data` of the point, what is computed `forward` and `backward`, the number that
    shows the fault as `said`, whether the step `gives` gradients, and the `script`.
    """
    if outcome.verdict is not Verdict.REFUTED or outcome.tried is None or subject.explored.is_slow:
        return None
    if outcome.where or outcome.declared or outcome.piled or read.raised:
        return None
    wrong = {_of(a.name) for a in outcome.tried.arrays if a.state not in ("right", "undecided")}
    wrong -= {_of(path) for path in read.follows}
    for way in _ways(subject):
        most = count_numbers() + NUMBERS
        for scene, seed in _points(way.scene):
            if count_numbers() > most:
                break
            if (found := _shown(way._replace(scene=scene), seed, outcome, read, wrong)) is not None:
                for line in (*found["forward"], *found["backward"]):
                    line["place"] = program.place(line["line"], line["file"])
                return found
    return None


def _of(path: str) -> str:
    """Return a parameter's path without the name of the object that holds it."""
    return _OWNER.sub("", path)


def _ways(subject: Subject) -> Iterator[Way]:
    """Yield ways to take the step: by the program's classes and functions, which can be made small, then as judged."""
    scene, step = subject.explored.scene, subject.explored.step
    for attempt in islice(attempts(scene.program), TRIES) if scene.whole else ():
        explored = explore(attempt.scene)
        if explored.step is not None and not explored.is_slow:
            yield Way(explored.scene, explored.step, attempt.calls, explored.made_up)
            break
    if step is not None:
        yield Way(scene, step, subject.calls, subject.explored.made_up)


def _points(scene: Scene) -> Iterator[tuple[Scene, int]]:
    for one in (*(smaller(scene) if scene.scale == 1 else ()), scene):
        yield from ((one, seed) for seed in SEEDS[one.is_round])


def _shown(way: Way, seed: int, outcome: Outcome, read: Read, wrong: set[str]) -> dict[str, Any] | None:
    """Return what a point shows; None if the fault does not appear there, or if more than the fault does."""
    rate = None if _is_right_somewhere(outcome, wrong) else _rate_if_corrected(way, seed, outcome, read)
    try:
        with ExactRun(_reading(outcome), BITS, seed) as run, guarded("the program", SECONDS):
            what = observe(way.scene, way.step, way.calls, seed, constants=True)
            point = _judged(what, outcome, read, wrong, rate)
            if point is None or run.run.notes:
                return None
            found = values(point, read.located, read.lines) | {"script": _script(way, seed, point)}
    except (SubjectError, UndecidedError):
        return None
    _set_right(found["backward"], way, seed, outcome, read)
    return found


def _script(way: Way, seed: int, point: Point) -> dict[str, str]:
    """Return the `text` of a script that shows the fault, or `why` there is none."""
    try:
        return {"text": script(way.scene, way.step, seed, point, way.is_made_up), "why": ""}
    except CannotBeWrittenError as error:
        return {"text": "", "why": str(error)}


def _is_right_somewhere(outcome: Outcome, wrong: set[str]) -> bool:
    """Whether an array is right, which tells the rate of the step."""
    arrays = outcome.tried.arrays if outcome.tried else ()
    return any(array.state == "right" and array.alive and _of(array.name) not in wrong for array in arrays)


def _judged(what: Observation, outcome: Outcome, read: Read, wrong: set[str], corrected_rate: Any) -> Point | None:
    """Return the point if something is wrong there, and only what was found to be wrong."""
    words, cost = _cost(what, outcome, read)
    if cost is None:
        return None
    compared = against(what, cost)
    off = {_of(array.name) for array in compared if array.state != "right"}
    unclear = any(array.state == "undecided" or array.convention == FIRST_OF_ADAM for array in compared)
    if not off or not off <= wrong or unclear:
        return None
    truth = differentiate(cost, constants=True)
    told = any(array.state == "right" and array.alive and _of(array.name) not in wrong for array in compared)
    rate = rate_of(what.moved, list(what.given.values()), truth) if told else corrected_rate
    return Point(
        what, over_the_step(what, cost), compared, rate, slopes_of(what, truth), words, cost, _names(what, outcome)
    )


def _names(what: Observation, outcome: Outcome) -> dict[str, str]:
    """Return the name that the report has for each array, which may be held by another object here."""
    reported = [array.name for array in outcome.tried.arrays] if outcome.tried else []
    names = {}
    for path in what.given:
        alike = [name for name in reported if name == path] or [name for name in reported if _of(name) == _of(path)]
        names[path] = shown(alike[0] if len(alike) == 1 else path)
    return names


def _cost(what: Observation, outcome: Outcome, read: Read) -> tuple[str, Number | None]:
    """Return the words for the program's own cost, and the cost, matched by its words or else by its name.

    If the program computes none, return "" and the usual cost that the other arrays follow.
    """
    if not outcome.cost:
        names = [one.name for one in outcome.named] or [read.cost] * bool(read.cost)
        likely = likeliest_cost(what, names) if names else None
        return "", likely[1] if likely else None
    known = what.scalars | what.costs
    if outcome.cost in known:
        return outcome.cost, known[outcome.cost]
    word = _WORD.match(outcome.cost)
    alike = (words for words in what.costs if word and (w := _WORD.match(words)) and w[1] == word[1])
    words = next(alike, "")
    return words, what.costs.get(words)


def _set_right(lines: Sequence[dict[str, Any]], way: Way, seed: int, outcome: Outcome, read: Read) -> None:
    """Add to each wrong line what it gives in the corrected program, if the correction is right at this point."""
    wrong = [line for line in lines if line["state"] != "right"]
    with _corrected_run(way, seed, outcome, read) as found:
        for line in wrong if found else ():
            place = line["file"], line["line"], line["name"]
            alike = [e for e in found[0].events if (e.file, e.line, shown(e.name)) == place] if found else []
            for event in alike[line["turn"] : line["turn"] + 1]:
                line["should_be"] = plain([x.value for x in event.numbers], event.shape)


def _rate_if_corrected(way: Way, seed: int, outcome: Outcome, read: Read) -> Any:
    """Return the rate of the corrected step; None if there is no correction, or no single rate."""
    with _corrected_run(way, seed, outcome, read) as found:
        if found is None:
            return None
        what, cost = found
        return rate_of(what.moved, list(what.given.values()), differentiate(cost, constants=True))


@contextmanager
def _corrected_run(way: Way, seed: int, outcome: Outcome, read: Read) -> Iterator[tuple[Observation, Number] | None]:
    """Yield what the corrected program shows at a point, and its cost; None unless all of it is right there."""
    program = corrected(way.scene.program, read.repairs) if read.repairs else None
    scene = replace(way.scene, program=program or way.scene.program)
    found = None
    with ExactRun(_reading(outcome), BITS, seed):
        with suppress(SubjectError, UndecidedError), guarded("the program", SECONDS):
            what = observe(scene, way.step, way.calls, seed) if program is not None else None
            _, cost = _cost(what, outcome, read) if what is not None else ("", None)
            if what is not None and cost is not None and all(a.state == "right" for a in against(what, cost)):
                found = what, cost
        yield found
    if program is not None:
        forget(scene)


def _reading(outcome: Outcome) -> Reading:
    return outcome.tried.reading if outcome.tried else Reading.EXACT
