"""Judging a whole program: its step against the gradient of its own cost, or of the cost that fits."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from flint import arb

from gradproof.exact.arrays import ExactArray
from gradproof.exact.numbers import Number
from gradproof.exact.run import BITS, Reading, Run, UndecidedError
from gradproof.exact.sweeps import computed_from, differentiate
from gradproof.judge.find.explore import Explored
from gradproof.judge.find.observation import Observation, observe
from gradproof.judge.find.scene import Scene
from gradproof.judge.find.watching import Step
from gradproof.judge.trial.comparison import Compared
from gradproof.judge.trial.costs import BY_EXAMPLE, ELEMENTWISE, NamedCost, name_costs_of_steps, outputs_and_labels
from gradproof.judge.trial.descent import DECAY, FIRST_OF_ADAM, along, rate_of
from gradproof.judge.trial.points import Tried, try_points
from gradproof.judge.trial.running import ExactRun, InexactError, SubjectError, guarded
from gradproof.judge.trial.scaled import excused
from gradproof.judge.trial.stepping import takes_several
from gradproof.judge.trial.symmetry import symmetric
from gradproof.limits import Clock
from gradproof.numerics.verdict import Verdict

SECONDS = 20.0  # for one run
DECLARED = {  # what --cost may say, and the names of the table that it means
    "quadratic": ("quadratic",),
    "cross-entropy": ("cross-entropy", "binary cross-entropy", "binary cross-entropy of logits",
                      "softmax cross-entropy of logits"),
    "softmax": ("cross-entropy", "softmax cross-entropy of logits"),
    "binary": ("binary cross-entropy", "binary cross-entropy of logits"),
    "hinge": ("hinge", "hinge of labels 0 and 1", "hinge between classes"),
    "absolute": ("absolute error",),
    "huber": ("Huber",),
    "poisson": ("Poisson",),
}  # fmt: skip


@dataclass
class Outcome:
    """What was found of one scene."""

    verdict: Verdict
    explored: Explored
    cost: str = ""  # in words
    named: Sequence[NamedCost] = ()
    tried: Tried | None = None
    other: Sequence[NamedCost] = ()  # which cost it is the gradient of, though it is not that of its own
    trouble: str = ""
    symmetric: bool | None = None
    notes: list[str] = field(default_factory=list)
    declared: str = ""  # the cost that was declared, where it follows another
    where: str = ""  # in what harder scene it is wrong
    factors: list[tuple[int, list[float]]] = field(default_factory=list)  # that fit, of so many examples
    answers: int = 0
    labels: bool | None = None  # whether outputs are compared with the targets as they are given
    piled: dict[str, str] = field(default_factory=dict)  # parameters, and what their gradients pile up in


def judge(
    explored: Explored, calls: Sequence[str], harder: Sequence[Scene] = (), seed: int = 0, cost: str = ""
) -> Outcome:
    """The verdict on what a scene does; what is right there must be right in the harder scenes."""
    assert explored.step is not None
    example = [np.zeros(1)]

    def seen(run: ExactRun, drawn: Any) -> Observation:
        number = int(abs(float(np.asarray(drawn[0]).ravel()[0])) * 1e9) % (1 << 31)
        try:
            with guarded("the program", SECONDS, Clock.COMPUTING):
                what = observe(explored.scene, explored.step, calls, number)  # type: ignore[arg-type]
                moves = (x for move in what.moved.values() for x in move.flat)
                if run.run.reading is not Reading.EXACT and all(x.value.is_zero() for x in moves):
                    raise InexactError("nothing moves where a tiny learning rate is taken as 0")
                return what
        except InexactError:
            raise
        except SubjectError as error:
            raise InexactError(str(error)) from error

    try:
        chosen = _choose(seen, seed)
    except (SubjectError, UndecidedError) as error:
        return Outcome(Verdict.UNDECIDED, explored, trouble=str(error))
    if cost:
        chosen = ("listed", "")
    kind, name = chosen
    costs: dict[Reading, set[NamedCost]] = {}
    rates: dict[Reading, Any] = {}

    def claim(run: ExactRun, drawn: Any) -> Sequence[Compared]:
        what = seen(run, drawn)
        _forget_what_is_shown(run.run, what)
        if kind != "listed":
            found = getattr(what, kind).get(name)
            if found is None:
                raise InexactError(f"{name} is not computed in every run")
            compared = _steady(against(what, found), _rate(what, found), rates, run.run.reading)
            _refuse_several(what, compared)
            return compared
        given = list(what.given.values())
        before = costs.get(run.run.reading)
        here = name_costs_of_steps(what.moved, given, {one.name for one in before} if before else ())
        costs[run.run.reading] = costs.get(run.run.reading, here) & here
        compared = symmetric(what.moved, given, seed)
        if any(array.state != "right" for array in compared) and not explored.step.gradients:  # type: ignore[union-attr]
            _refuse_several(what, compared)
            compared = excused(what.moved, given, compared, seed)
        return compared

    try:
        tried = try_points(claim, example, seed, True)
    except SubjectError as error:
        return Outcome(Verdict.UNDECIDED, explored, trouble=str(error))
    named = next((ranked(some) for some in costs.values() if some), [])
    outcome = Outcome(tried.verdict, explored, name, named, tried)
    if cost and tried.verdict is Verdict.VERIFIED:
        wanted = [one for one in named if one.name in DECLARED[cost]]
        if wanted:
            outcome.named = wanted
        else:
            outcome.verdict, outcome.other, outcome.declared, outcome.named = Verdict.REFUTED, named, cost, ()
            outcome.tried = replace(tried, arrays=[a._replace(state=f"not of the {cost} cost") for a in tried.arrays])
    elif kind == "listed" and tried.verdict is Verdict.VERIFIED and not named:
        outcome.verdict = Verdict.UNDECIDED
        outcome.trouble = "it is the gradient of some cost, but of none that gradproof knows: say which with --cost"
    if tried.verdict is Verdict.REFUTED and kind != "listed":
        outcome.other = _others(seen, seed)
        made_up = name.startswith("net.") and not explored.scene.whole
        if made_up and outcome.other and not outcome.other[0].decay:  # our call of its cost may not be what it means
            return judge(explored, (), harder, seed, cost)
    elif tried.verdict is Verdict.VERIFIED and kind != "listed":
        outcome.named = _others(seen, seed)  # its own cost by its usual name
    if (
        outcome.verdict is Verdict.VERIFIED
        and explored.step.kind == "turn"
        and (piled := _piled(explored, calls, seed))
    ):
        outcome.verdict, outcome.piled = Verdict.REFUTED, piled
    if outcome.verdict is Verdict.VERIFIED:
        _stress(outcome, chosen, calls, harder, seed)
    return outcome


def _stress(
    outcome: Outcome, chosen: tuple[str, str], calls: Sequence[str], harder: Sequence[Scene], seed: int
) -> None:
    """The same step in harder scenes, and in later turns where gradients are given back, which nothing may change."""
    step = outcome.explored.step
    assert step is not None
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
        compared = _once(scene, changed, chosen, outcome, calls, seed, reading)
        if compared:
            outcome.verdict, outcome.where = Verdict.REFUTED, words
            outcome.tried = Tried(Verdict.REFUTED, reading, compared, 1)
            return


def _changed_late(outcome: Outcome, calls: Sequence[str], seed: int) -> str:
    """Where an array that is given back is changed in place after gradients were computed from it, in words."""
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
            return f"where {event.name} is changed in place in line {event.line}, though it is given back"
    return ""


def _once(
    scene: Scene,
    step: Step,
    chosen: tuple[str, str],
    outcome: Outcome,
    calls: Sequence[str],
    seed: int,
    reading: Reading,
) -> list[Compared]:
    """What is wrong in one run of this scene; [] where nothing is, or where that cannot be told."""
    kind, name = chosen
    if outcome.labels is None:
        with ExactRun(reading, BITS, seed):
            first = observe(outcome.explored.scene, outcome.explored.step, calls, seed)  # type: ignore[arg-type]
            outcome.labels, outcome.answers = of_all_targets(first), first.answers
    for bits in (BITS, 8 * BITS):
        with ExactRun(reading, bits, seed) as run:
            try:
                with guarded("the program", SECONDS, Clock.COMPUTING):
                    what = observe(scene, step, calls, seed)
                if step.turn and what.answers != outcome.answers:
                    said = f"{what.answers} arrays are given back, {outcome.answers} at first"
                    return [Compared(path, said, 0, True) for path in step.parameters]
                if run.run.notes and any(note.kind != "clipped" for note in run.run.notes.values()):
                    return []
                if kind != "listed":
                    found = getattr(what, kind).get(name)
                    compared = against(what, found) if found is not None else []
                else:
                    compared = list(symmetric(what.moved, list(what.given.values()), seed))
                    if all(array.state == "right" for array in compared):
                        known = {cost.name for cost in outcome.named}
                        here = name_costs_of_steps(what.moved, list(what.given.values()), known)
                        same = [cost.factor for cost in here if cost.name == outcome.named[0].name]
                        outcome.factors.append((scene.examples, same))
                        if outcome.labels and not of_all_targets(what):
                            compared = [a._replace(state="of other targets than those given") for a in compared]
                        elif not {cost.name for cost in here} & known and any(array.alive for array in compared):
                            said = "of another cost than elsewhere"
                            compared = [array._replace(state=said) for array in compared]
            except (SubjectError, UndecidedError):
                continue
        states = {array.state for array in compared}
        if "undecided" in states:
            continue
        return compared if states - {"right"} else []
    return []


def of_all_targets(what: Observation) -> bool:
    """Whether the outputs are compared with the targets that were given, each and unchanged."""
    if not isinstance(what.targets, ExactArray):
        return False
    results = [x for move in what.moved.values() for x in move.ravel().tolist()]
    if not all(isinstance(x, Number) for x in what.targets.flat):  # labels that are classes
        return False
    wanted = Counter(float(x.value.mid()) for x in what.targets.flat)
    return any(wanted == Counter(float(x.value.mid()) for x in y.flat) for _, y in outputs_and_labels(results))


def _ordinal(n: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(n, f"{n}th")


def _piled(explored: Explored, calls: Sequence[str], seed: int) -> dict[str, str]:
    """The parameters whose gradients pile up: what is added to in the second step was not 0 when it began.

    A velocity is multiplied by less than 1, the sum of squares of AdaGrad grows by g²: only what grows by a multiple of
    the gradient itself is meant.
    """
    step = explored.step._replace(turn=explored.step.turn + 1)  # type: ignore[union-attr]
    with ExactRun(Reading.EXACT, BITS, seed) as run:
        try:
            with guarded("the program", SECONDS, Clock.COMPUTING):
                what = observe(explored.scene, step, calls, seed)
        except (SubjectError, UndecidedError):
            return {}
        del run
        found: dict[str, str] = {}
        for number in (*what.costs.values(), *what.scalars.values()):
            truth = differentiate(number)
            for path, array in what.given.items():
                slope = [truth.get(x.index, arb(0)) for x in array.ravel().tolist()]
                for other, (old, new) in what.state.items():
                    alike = old.size > 1 or "grad" in other.lower()
                    if old.size == array.size and alike and _grows(old, new, slope) and _feeds(old, what.after[path]):
                        found[path] = other
    return found


def _grows(old: Any, new: Any, slope: Sequence[Any]) -> bool:
    """Whether new − old is a multiple of the slope, and old is not 0."""
    if not all(isinstance(x, Number) for x in (*old.flat, *new.flat)):
        return False
    if all(x.value.contains(0) for x in old.flat) or all(g.contains(0) for g in slope):
        return False
    grown = [b.value - a.value for a, b in zip(old.ravel().tolist(), new.ravel().tolist(), strict=True)]
    k = max(range(len(slope)), key=lambda i: float(abs(slope[i]).mid()))
    factor = grown[k] / slope[k]
    return not factor.contains(0) and all(d.overlaps(factor * g) for d, g in zip(grown, slope, strict=True))


def _feeds(old: Any, after: Any) -> bool:
    indices = {x.index for x in old.flat}
    return any(x.index in indices for x in computed_from(after.ravel().tolist()))


def _refuse_several(what: Observation, compared: Sequence[Compared]) -> None:
    """Several steps at once follow no gradient: nothing is said of them."""
    wrong = any(array.state != "right" for array in compared)
    if wrong and takes_several(list(what.given.values()), list(what.after.values())):
        raise InexactError("several steps are taken at once")


def _forget_what_is_shown(run: Run, what: Observation) -> None:
    """A number that is rounded to be printed is no way out of exact arithmetic: nothing is computed from it."""
    results = [x for move in what.moved.values() for x in move.ravel().tolist()]
    if run.rounded and not run.rounded & {x.index for x in computed_from(results)}:
        for key in [key for key, note in run.notes.items() if note.kind == "rounded"]:
            del run.notes[key]


def ranked(costs: set[NamedCost]) -> list[NamedCost]:
    """The costs in the order of the table; Huber's is the quadratic one where no error is large."""
    order = [name for name, *_ in (*ELEMENTWISE, *BY_EXAMPLE)]
    return sorted(costs, key=lambda cost: order.index(cost.name))


def _steady(compared: list[Compared], rate: Any, rates: dict[Reading, Any], reading: Reading) -> list[Compared]:
    """The rate must be the same at all points: a single output follows any cost, at a rate of its own."""
    if not all(array.state == "right" and array.convention != FIRST_OF_ADAM for array in compared):
        return compared
    if reading in rates and not rates[reading].overlaps(rate):
        return [array._replace(state="wrong, by a factor that is another at each point") for array in compared]
    rates.setdefault(reading, rate)
    return compared


def _rate(what: Observation, cost: Number) -> Any:
    return rate_of(what.moved, list(what.given.values()), differentiate(cost))


def _choose(seen: Any, seed: int) -> tuple[str, str]:
    """What the step is held against: its own cost, whichever fits; else a number that it computes, if that fits.

    What fits does so at two points, at one rate, under one reading.
    """
    best: tuple[int, int, str] = (-1, -1, "")
    none_at_all = False
    negative: set[str] = set()
    for reading in Reading:
        if none_at_all:
            break
        fits: list[dict[tuple[str, str], Any]] = []
        for point in (0, 1):
            with ExactRun(reading, BITS, seed) as run:
                try:
                    what = seen(run, [np.array([0.371 + seed + 0.17 * point])])
                except (UndecidedError, InexactError):
                    if reading is Reading.EXACT:
                        raise
                    return ("costs", best[2]) if best[2] else ("listed", "")
                here: dict[tuple[str, str], Any] = {}
                none_at_all = not (what.costs or what.scalars)
                if none_at_all:
                    break
                for kind in ("costs", "scalars"):
                    for name, number in getattr(what, kind).items():
                        if kind == "costs" and number.value < 0 and not name.startswith("_cost"):
                            negative.add(name)  # a signed error is no cost
                        compared = against(what, number)
                        right = sum(array.state == "right" for array in compared)
                        if right == len(compared) and any(array.alive for array in compared):
                            here[kind, name] = _rate(what, number)
                        if kind == "costs" and name not in negative:
                            best = max(best, (right, number.index, name))
                fits.append(here)
        for key, rate in reversed(fits[0].items()) if len(fits) > 1 else ():  # the last computed has the others in it
            if key in fits[1] and rate.overlaps(fits[1][key]) and (key[0] == "costs" or not best[2]):
                return key
    return ("costs", best[2]) if best[2] else ("listed", "")


def against(what: Observation, cost: Number) -> list[Compared]:
    """The step against this cost; what decays besides a cost that has its own regularisation is wrong."""
    compared = along(what.moved, list(what.given.values()), differentiate(cost), what.kept)
    if any(DECAY in array.convention for array in compared) and _regularised(what, cost):
        compared = [
            array._replace(state="wrong", convention="") if DECAY in array.convention else array for array in compared
        ]
    return compared


def _regularised(what: Observation, cost: Number) -> bool:
    """Whether the cost has a square of a parameter in it."""
    own = {x.index for array in what.given.values() for x in array.ravel().tolist()}
    for x in computed_from([cost]):
        if x.rule is not None and x.rule.name in ("multiply", "square", "power", "dot"):
            operands = x.operands
            if x.rule.name == "dot":
                if any(a is b and a.index in own for a, b in zip(*operands, strict=True)):
                    return True
            elif operands[0].index in own and (len(operands) == 1 or operands[-1] is operands[0] or _is_power(x)):
                return True
    return False


def _is_power(x: Number) -> bool:
    """xⁿ of a constant n."""
    return x.rule is not None and x.rule.name == "power" and not x.operands[1].varies


def _others(seen: Any, seed: int) -> list[NamedCost]:
    """The costs of the table whose gradient it follows at two points."""
    found: set[NamedCost] | None = None
    for point in (1, 2):
        with ExactRun(Reading.EXACT, BITS, seed) as run:
            try:
                what = seen(run, [np.array([0.61 * point + seed])])
                here = name_costs_of_steps(what.moved, list(what.given.values()))
            except (SubjectError, UndecidedError):
                return []
        found = here if found is None else found & here
    return ranked(found or set())
