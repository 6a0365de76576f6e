"""Tries a step that is right once in harder scenes and at later calls: other widths, many examples, large numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flint import arb

from gradproof.exact.numbers import Number, source
from gradproof.exact.run import BITS, Reading, UndecidedError
from gradproof.exact.sweeps import computed_from, differentiate, operands_of
from gradproof.judge.find.dependence import GRADIENT, LINEAR, STATE
from gradproof.judge.find.explore import Explored
from gradproof.judge.find.gradients import last
from gradproof.judge.find.layers import is_reset
from gradproof.judge.find.observation import Observation, observe
from gradproof.judge.find.roles import named_as_parameter
from gradproof.judge.find.scene import Scene
from gradproof.judge.find.watching import Step
from gradproof.judge.lines.costs import usual_costs
from gradproof.judge.outcome import SECONDS, Amiss, Outcome, against, of_all_targets
from gradproof.judge.trial.comparison import Compared
from gradproof.judge.trial.costs import name_costs_of_steps
from gradproof.judge.trial.points import Tried
from gradproof.judge.trial.running import ExactRun, SubjectError, guarded
from gradproof.judge.trial.scaled import ADAPTIVE
from gradproof.judge.trial.symmetry import symmetric
from gradproof.judge.velocities import feeds, share, wrong_velocities
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


def piled(
    explored: Explored, calls: Sequence[str], seed: int, named: Sequence[str] = (), twins: Mapping[str, str] = {}
) -> tuple[dict[str, str], list[str], dict[str, Amiss]]:
    """Run the second step and return what goes wrong with what it takes from the first.

    The result is (each parameter whose gradients pile up, and where; what the second step takes from the first, such as
    velocities; each parameter with a wrong velocity). Gradients pile up where the second step adds a multiple of the
    gradient to what is not 0 when it begins. A velocity, which is multiplied by less than 1, and AdaGrad's sum of
    squares do not grow like that. The gradient is that of any cost that the program computes, or of the usual costs in
    `named`. `twins` are the copies as which parameters begin: a parameter's difference from its twin is a velocity too.
    """
    step = explored.step._replace(turn=explored.step.turn + 1)  # type: ignore[union-attr]
    with ExactRun(Reading.EXACT, BITS, seed) as run:
        try:
            with guarded("the program", SECONDS, Clock.COMPUTING):
                what = observe(replace(explored.scene, as_begun=False, at_rest=()), step, calls, seed, constants=True)
        except (SubjectError, UndecidedError):
            return {}, [], {}
        del run
        found: dict[str, str] = {}
        moves = [x for array in what.after.values() for x in array.flat]
        used = {x.index for x in computed_from(moves)}
        kept = [
            path
            for path, (old, _) in what.state.items()
            if STATE.search(path) and any(isinstance(x, Number) and x.index in used and x.value != 0 for x in old.flat)
        ]
        usual = [number for name, number in usual_costs(what) if name in named] if named else []
        own = {x.index for array in what.given.values() for x in array.flat}  # a cache may hold them by another name
        layer, program = explored.scene.layer, explored.scene.program
        others = {
            path: (old, new)
            for path, (old, new) in what.state.items()
            if own.isdisjoint(x.index for x in old.flat if isinstance(x, Number))
            if not (layer and is_reset(program, layer, last(path)))  # who calls the layer may reset it in between
        }
        for number in (*what.costs.values(), *what.scalars.values(), *usual):
            truth = differentiate(number)
            for path, array in what.given.items():
                slope = [truth.get(x.index, arb(0)) for x in array.ravel().tolist()]
                for other, (old, new) in others.items():
                    alike = old.size > 1 or "grad" in other.lower() or GRADIENT.search(other)
                    decays = [x.value for x in array.ravel().tolist()]
                    grows = old.size == array.size and alike and _grows(old, new, slope, decays)
                    if grows and feeds(old, what.after[path]):
                        found[path] = other
    return found, kept, wrong_velocities(what, kept, twins)


def shrinks(old: Any, new: Any) -> bool:
    """Whether each element is a part of its old one plus other terms, as of a velocity or a running mean."""
    return all(0 < share(x, y) < 1 for x, y in zip(old.flat, new.flat, strict=True))


def means(what: Observation) -> list[str]:
    """Return the supposed parameters that shrink as running means do.

    What is named as a weight or a bias, as `mu_b` is, counts only if another is moved by what it has become.
    """
    found = [path for path, old in what.given.items() if shrinks(old, what.after[path])]
    return [path for path in found if not named_as_parameter(path) or _moves_another(what, path)]


def _moves_another(what: Observation, path: str) -> bool:
    own = {source(x).index for x in what.after[path].flat}
    others = [x for other, array in what.after.items() if other != path for x in array.flat]
    return any(x.index in own for x in computed_from(others))


def _grows(old: Any, new: Any, slope: Sequence[Any], values: Sequence[Any]) -> bool:
    """Whether new is old plus a multiple of the slope, and maybe of the values, as by weight decay, and old is not 0.

    The sum must have been computed: with two outputs that sum to 1, any difference is a multiple of the slope.
    """
    if not all(isinstance(x, Number) for x in (*old.flat, *new.flat)):
        return False
    if not all(_is_added_to(x, y) for x, y in zip(old.flat, new.flat, strict=True)):
        return False
    if all(x.value.contains(0) for x in old.flat) or all(g.contains(0) for g in slope):
        return False
    grown = [b.value - a.value for a, b in zip(old.ravel().tolist(), new.ravel().tolist(), strict=True)]
    k = max(range(len(slope)), key=lambda i: float(abs(slope[i]).mid()))
    factor = grown[k] / slope[k]
    if not factor.contains(0) and all(d.overlaps(factor * g) for d, g in zip(grown, slope, strict=True)):
        return True
    areas = [slope[k] * w - g * values[k] for g, w in zip(slope, values, strict=True)]
    j = max(range(len(areas)), key=lambda i: float(abs(areas[i]).mid()))
    if len(slope) < 4 or areas[j].contains(0):  # two elements give both factors, the others confirm them
        return False
    factor = (grown[k] * values[j] - grown[j] * values[k]) / areas[j]
    decay = (slope[k] * grown[j] - slope[j] * grown[k]) / areas[j]
    told = zip(grown, slope, values, strict=True)
    return not factor.contains(0) and all(d.overlaps(factor * g + decay * w) for d, g, w in told)


def _is_added_to(old: Number, new: Number) -> bool:
    """Whether new is a sum that contains old."""
    waiting, seen = [new], set[int]()
    while waiting:
        x = waiting.pop()
        if x.index == old.index:
            return True
        if x.index not in seen and x.rule is not None and x.rule.name in LINEAR:
            waiting.extend(operands_of(x))
        seen.add(x.index)
    return False
