"""One run of a program whose statements may have been edited, and what it shows of each array."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from gradproof.exact.numbers import Number
from gradproof.exact.rules import Ball
from gradproof.exact.run import BITS, Reading, UndecidedError
from gradproof.exact.sweeps import differentiate
from gradproof.judge.find.monitor import Step
from gradproof.judge.find.observation import Observation, observe
from gradproof.judge.find.scene import Scene, forget
from gradproof.judge.lines.costs import likeliest_cost, outputs_of
from gradproof.judge.outcome import against
from gradproof.judge.trial.adaptive_steps import FIRST_OF_ADAM, NO_ROOT, lengthened
from gradproof.judge.trial.execution import ExactRun, SubjectError, guarded
from gradproof.limits import Clock

BENT = 0.125  # at every other point literals differ by up to this part: 0.9 − 1 is −0.1 by chance
LONGEST = 10.0  # seconds of computing for one run
SEEDS = range(2, 10)  # the first two at which something is wrong are taken
_EDITED = itertools.count()


class Trial(NamedTuple):
    """How a program is run, and what it is compared with."""

    scene: Scene
    step: Step
    calls: Sequence[str]
    cost: str  # the words for its own cost, or ""
    name: str  # of a usual cost, if it computes none
    reading: Reading
    seeds: Sequence[int] = SEEDS
    keeps_outputs: bool = False  # an edit must leave what is compared with the labels as it was


class Seen(NamedTuple):
    """What one run shows."""

    right: frozenset[str]
    wrong: frozenset[str]
    cost: Any
    flat: frozenset[str] = frozenset()  # arrays that the cost does not depend on here: not to move is right by chance
    moves: Mapping[str, Sequence[Ball]] = {}  # of each array
    adaptive: frozenset[str] = frozenset()  # arrays whose steps are divided by a mean of squares or its root
    outputs: frozenset[float] = frozenset()  # values of what is compared with the labels


def seen_in(trial: Trial, seed: int) -> Seen | None:
    """Return what one run shows; None if it raises, moves nothing, or has no cost under the given words."""
    scene = fresh(trial.scene)
    try:
        with ExactRun(trial.reading, BITS, seed) as run:
            run.run.bent = BENT * (seed % 2)
            with guarded("the program", LONGEST, Clock.COMPUTING):
                what = observe(scene, trial.step, trial.calls, seed)
            seen, outputs = _judged(trial, what), outputs_of(what) if trial.keeps_outputs else ()
            return seen and seen._replace(outputs=frozenset(float(x.value.mid()) for x in outputs))
    except (SubjectError, UndecidedError):
        return None
    finally:
        forget(scene)


def in_all_shapes(trial: Trial) -> Trial:
    """Return the trial, with the arrays that were left in another shape among the parameters."""
    step = trial.step
    return trial._replace(step=step._replace(parameters=[*step.parameters, *step.reshaped], reshaped={}))


def fresh(scene: Scene) -> Scene:
    """Return the scene, to be compiled again because its tree has changed."""
    return replace(scene, program=replace(scene.program, text=f"{scene.program.text}# {next(_EDITED)}"))


def _judged(trial: Trial, what: Observation) -> Seen | None:
    cost = cost_of(trial, what)
    if cost is None:
        return None if trial.cost else Seen(frozenset(), frozenset((*what.given, *trial.step.reshaped)), None)
    compared = against(what, cost)
    right = frozenset(array.name for array in compared if array.state == "right")
    flat = frozenset(array.name for array in compared if not array.alive)
    wrong = frozenset((*what.given, *trial.step.reshaped)) - right
    moves = {path: [x.value for x in move.flat] for path, move in what.moved.items()}
    adaptive = frozenset(a.name for a in compared if a.state == NO_ROOT)
    if any(array.convention == FIRST_OF_ADAM for array in compared):
        adaptive |= lengthened(what.moved, list(what.given.values()), differentiate(cost))
    return Seen(right, wrong, cost.value if trial.cost else None, flat, moves, adaptive)


def cost_of(trial: Trial, what: Observation) -> Number | None:
    if trial.cost:
        return what.single_number(trial.cost)
    likely = likeliest_cost(what, (trial.name,) if trial.name else ())
    return likely[1] if likely else None
