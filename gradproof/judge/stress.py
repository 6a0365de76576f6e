"""Tries a step that is right once in harder scenes and at later calls: other widths, many examples, large numbers."""

from collections.abc import Sequence
from typing import Any

from gradproof.exact.run import BITS, Reading, UndecidedError
from gradproof.exact.sweeps import computed_from, operands_of
from gradproof.judge.find.dependence import LINEAR
from gradproof.judge.find.monitor import Step
from gradproof.judge.find.observation import Observation, observe
from gradproof.judge.find.scene import Scene
from gradproof.judge.outcome import SECONDS, Outcome, against, of_all_targets
from gradproof.judge.trial.comparison import Compared
from gradproof.judge.trial.costs import name_costs_of_steps
from gradproof.judge.trial.execution import ExactRun, SubjectError, guarded
from gradproof.judge.trial.points import Tried
from gradproof.judge.trial.scaling import ADAPTIVE
from gradproof.judge.trial.symmetry import symmetric
from gradproof.limits import Clock
from gradproof.numerics.verdict import Verdict


def stress(outcome: Outcome, chosen: tuple[str, str], calls: Sequence[str], harder: Sequence[Scene], seed: int) -> None:
    """Refute the outcome if the same step is wrong in a harder scene.

    If the step returns gradients, later calls are tried as well, and what it returned must not be changed in place.
    """
    step = outcome.explored.step
    assert step is not None
    if outcome.tried and any(array.convention == ADAPTIVE for array in outcome.tried.arrays):
        return  # adaptive steps are not symmetric in any scene
    if step.gradients and (late := _changed_late(outcome, calls, seed)):
        outcome.verdict, outcome.where = Verdict.REFUTED, late
        return
    tries = [(scene, step, scene.label) for scene in harder]
    if step.gradients and step.kind == "turn" and "_turns" in outcome.explored.scene.given:
        scene = outcome.explored.scene
        tries += [
            (scene, step._replace(turn=turn), f"at the {_ordinal(turn + 1)} call") for turn in (1, 6 if harder else 1)
        ]
    for scene, changed, words in tries:
        reading = outcome.tried.reading if outcome.tried else Reading.EXACT
        if compared := compared_once(scene, changed, chosen, outcome, calls, seed, reading):
            outcome.verdict, outcome.where = Verdict.REFUTED, words
            outcome.tried = Tried(Verdict.REFUTED, reading, compared, 1)
            return


def clips_gradients_alone(what: Observation, clips: set[int]) -> bool:
    """Whether only gradients go through these clips: scaled, also by their own size, and added to parameters."""
    follows = set(clips)
    for x in computed_from([x for array in what.after.values() for x in array.ravel().tolist()]):
        if x.rule is None or x.index in clips:
            continue
        operands = operands_of(x)
        mine = [a for a in operands if a.index in follows]
        if mine:
            alone = all(not a.varies or a.index in follows for a in operands)
            if not (x.rule.name in LINEAR or (x.rule.name in _OF_SIZE and alone)):
                return False
            follows.add(x.index)
    return True


_OF_SIZE = ("multiply", "divide", "sqrt", "square", "power", "absolute")


def _changed_late(outcome: Outcome, calls: Sequence[str], seed: int) -> str:
    """Say where a returned array is changed in place after gradients were computed from it; "" if nowhere."""
    with ExactRun(Reading.EXACT, BITS, seed):
        try:
            what = observe(outcome.explored.scene, outcome.explored.step, calls, seed)  # type: ignore[arg-type]
        except (SubjectError, UndecidedError):
            return ""
    used = {x.index for x in computed_from([x for move in what.moved.values() for x in move.ravel().tolist()])}
    first: dict[int, Any] = {}
    for event in what.events:
        if event.kind != "assigned" or not any(event.value is one for one in what.given_back):
            continue
        before = first.setdefault(id(event.value), event)
        now, then = ({x.index for x in one.numbers} for one in (event, before))
        if now != then and then & used and not now & used:
            return f"where {event.name} is changed in place in line {event.line}, though it is returned"
    return ""


def compared_once(
    scene: Scene,
    step: Step,
    chosen: tuple[str, str],
    outcome: Outcome,
    calls: Sequence[str],
    seed: int,
    reading: Reading,
) -> list[Compared] | None:
    """Return the comparison of one run of this scene if something is wrong there, [] if not, None if undecided."""
    kind, name = chosen
    try:
        if outcome.labels is None:
            with ExactRun(reading, BITS, seed), guarded("the program", SECONDS, Clock.COMPUTING):
                first = observe(outcome.explored.scene, outcome.explored.step, calls, seed)  # type: ignore[arg-type]
                outcome.labels, outcome.answers = of_all_targets(first), first.answers
    except (SubjectError, UndecidedError):
        return None
    for bits in (BITS, 8 * BITS):
        with ExactRun(reading, bits, seed) as run:
            try:
                with guarded("the program", SECONDS, Clock.COMPUTING):
                    what = observe(scene, step, calls, seed)
                if step.turn and what.answers != outcome.answers:
                    said = f"returns {what.answers} arrays, {outcome.answers} at first"
                    return [Compared(path, said, 0, True) for path in step.parameters]
                if run.run.notes and any(note.kind != "clipped" for note in run.run.notes.values()):
                    return None
                if kind != "listed":
                    found = getattr(what, kind).get(name)
                    compared = against(what, found) if found is not None else []
                else:
                    compared = list(symmetric(what.moved, list(what.given.values()), seed))
                    if all(array.state == "right" for array in compared):
                        known = {cost.name for cost in outcome.named}
                        here = name_costs_of_steps(what.moved, list(what.given.values()), known)
                        first_named = outcome.named[0].name if outcome.named else ""
                        same = [cost.factor for cost in here if cost.name == first_named]
                        outcome.factors += [(scene.examples, same)] * bool(scene.examples)
                        if outcome.labels and not of_all_targets(what):
                            compared = [a._replace(state="uses other targets than those given") for a in compared]
                        elif (
                            known
                            and not {cost.name for cost in here} & known
                            and any(array.alive for array in compared)
                        ):
                            said = "follows a different cost than elsewhere"
                            compared = [array._replace(state=said) for array in compared]
            except (SubjectError, UndecidedError):
                continue
        states = {array.state for array in compared}
        if "undecided" in states:
            continue
        return compared if states - {"right"} else []
    return None


def _ordinal(n: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(n, f"{n}th")
