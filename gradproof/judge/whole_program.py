"""Judges a whole program: compares its step with the gradient of its own cost, or of the cost that fits."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from gradproof.exact.run import BITS, Reading, UndecidedError
from gradproof.judge.cost_choice import choose
from gradproof.judge.differences import difference
from gradproof.judge.evidence import FORGOTTEN, UPHILL, Evidence
from gradproof.judge.find.exploration import Explored
from gradproof.judge.find.monitor import has_last_name
from gradproof.judge.find.observation import observe
from gradproof.judge.find.running_means import wrong_means
from gradproof.judge.find.scene import Scene
from gradproof.judge.find.stated_costs import costs_defined, is_descended, moved_at_times, takes_the_same
from gradproof.judge.lines.annotation import shown
from gradproof.judge.outcome import SECONDS, Amiss, Outcome, left_out, ranked
from gradproof.judge.rates import blame_decay
from gradproof.judge.second_step import judge_second_step
from gradproof.judge.stress import stress
from gradproof.judge.trial.comparison import Compared
from gradproof.judge.trial.costs import DECLARED, NamedCost, name_costs_of_steps
from gradproof.judge.trial.execution import ExactRun, SubjectError, guarded
from gradproof.judge.trial.points import Tried, try_points
from gradproof.limits import Clock
from gradproof.numerics.verdict import Verdict

# Words of programs that may go uphill on purpose; one that maximises a likelihood goes down the cross-entropy
_CLIMBS = re.compile(r"reward|policy|adversar", re.IGNORECASE)
_MAY_CLIMB = re.compile(r"discriminat", re.IGNORECASE)  # a generator goes up one cost of its fakes, and down another


class _Case(NamedTuple):
    """What is to be judged, and how; see `judge`."""

    explored: Explored
    calls: Sequence[str]
    harder: Sequence[Scene]
    seed: int
    cost: str
    listed: bool = False


def judge(
    explored: Explored,
    calls: Sequence[str],
    harder: Sequence[Scene] = (),
    seed: int = 0,
    cost: str = "",
    listed: bool = False,
) -> Outcome:
    """Judge the step of a scene; a step that is right there must be right in the harder scenes too.

    `calls` are expressions of the program's own cost, and `cost` is the declared cost. With `listed`, only the usual
    costs are tried, not the program's own.
    """
    case, evidence = _Case(explored, calls, harder, seed, cost, listed), Evidence(explored, calls, seed)
    evidence.unseen.update(dict.fromkeys(evidence.step.doubtful))
    try:
        chosen = choose(evidence)
        if not (cost or listed):
            evidence.kind, evidence.name = chosen
        tried = try_points(evidence.claim, [np.zeros(1)], seed, True)
    except (SubjectError, UndecidedError) as error:
        return Outcome(Verdict.UNDECIDED, explored, trouble=str(error))
    outcome = _outcome(evidence, tried)
    if evidence.passed:
        states = ", ".join(evidence.passed)
        outcome.notes.append(f"{states}: taken for states, because the cost depends on what they become")
    for path, times in evidence.unlike.items():
        outcome.notes.append(f"{shown(path)} has {times:.6g} times the rate of most others")
    for review in _REVIEWS:
        if (instead := review(case, evidence, outcome)) is not None:
            return instead
    if outcome.verdict is Verdict.VERIFIED:
        stress(outcome, (evidence.kind, evidence.name), calls, harder, seed)
    outcome.unmoved = sorted(evidence.still)
    return outcome


def _outcome(evidence: Evidence, tried: Tried) -> Outcome:
    return Outcome(
        tried.verdict,
        evidence.explored,
        cost=evidence.name,
        kind=evidence.kind,
        named=ranked(evidence.costs),
        tried=tried,
        calls=evidence.calls,
        sizes=evidence.sizes,
        rates=evidence.group_rates,
        zeros=list(evidence.zeros),
        twins=evidence.twins,
        shrinking=evidence.shrinking,
        velocities=evidence.velocities,
        idle=evidence.untouched,
    )


def _with_states(tried: Tried, **changes: Any) -> Tried:
    """Return the trial with these fields changed in every array."""
    return replace(tried, arrays=[array._replace(**changes) for array in tried.arrays])


# Each review may change the outcome, or return another in its place.


def _compare_with_the_usual(case: _Case, evidence: Evidence, outcome: Outcome) -> Outcome | None:
    """A step without a cost of its own must follow the declared cost, or a usual one, and go down."""
    assert outcome.tried is not None
    if evidence.kind != "listed" or outcome.verdict is not Verdict.VERIFIED:
        return None
    named = outcome.named
    if case.cost:
        outcome.named = [one for one in named if one.name in DECLARED[case.cost]]
        if not outcome.named:
            outcome.verdict, outcome.other, outcome.declared = Verdict.REFUTED, named, case.cost
            outcome.tried = _with_states(outcome.tried, state=f"not the gradient of the {case.cost} cost")
    elif not named:
        defined = costs_defined(case.explored.scene.program)
        if defined and not set(defined) <= set(case.calls):  # a cost of its own that this step does not compute
            own = judge(case.explored, [*case.calls, *defined], case.harder, case.seed)
            compared = own.tried.arrays if own.cost and own.tried else ()
            right = [array.name for array in compared if array.state == "right" and array.alive]
            if sum(evidence.sizes[path] for path in right) > 1:  # a single number follows any cost
                return own
        outcome.verdict = Verdict.UNDECIDED
        outcome.trouble = (
            "it is the gradient of a cost that gradproof does not know: say which one you mean with --cost"
        )
    elif not evidence.step.gradients:
        outcome.named = [one for one in named if one.factor > 0] or named
        if outcome.named[0].factor > 0:
            return None
        text = case.explored.scene.program.text
        if _CLIMBS.search(text):
            outcome.tried = _with_states(outcome.tried, convention=UPHILL)
        elif _MAY_CLIMB.search(text):
            outcome.verdict = Verdict.UNDECIDED
            outcome.trouble = f"it goes uphill of the {named[0].name}, and gradproof cannot know whether that is meant"
        else:
            outcome.verdict, outcome.tried = Verdict.REFUTED, _with_states(outcome.tried, state="uphill")
    return None


def _compare_with_others(case: _Case, evidence: Evidence, outcome: Outcome) -> Outcome | None:
    """What does not follow its own cost may follow another, if that cost need not be the one that it minimises."""
    assert outcome.tried is not None
    name, program = evidence.name, case.explored.scene.program
    if outcome.tried.verdict is Verdict.VERIFIED and evidence.kind != "listed":
        outcome.named = _others(evidence)  # its own cost by its usual name
    if outcome.tried.verdict is not Verdict.REFUTED:
        return None
    if name in evidence.doubted and name in case.calls:
        # That cost is of other examples, and fitted at two points by chance.
        return judge(*case._replace(calls=[call for call in case.calls if call != name], listed=False))
    if evidence.kind == "listed":
        return None
    outcome.other = _others(evidence)
    made_up = name.startswith("net.") and not case.explored.scene.whole
    made_up = made_up and not takes_the_same(program, name, case.explored.scene.driver)
    if outcome.other and (differs := difference(evidence, {one.name for one in outcome.other})):
        as_meant = judge(*case._replace(listed=True))
        if as_meant.verdict is Verdict.VERIFIED:
            text = name.removeprefix("_cost_")
            as_meant.notes.append(f"not compared with its own cost, {text}, in which {differs}")
            return as_meant
    outcome.tried = blame_decay(outcome.tried, outcome.other)
    if made_up and outcome.other and not outcome.other[0].decay:  # the guessed call of its cost may be wrong
        return judge(*case._replace(calls=(), listed=False))
    return None


def _require_parameters(case: _Case, evidence: Evidence, outcome: Outcome) -> Outcome | None:
    """What moves and was not recognised as a parameter must be right too."""
    if outcome.verdict is not Verdict.VERIFIED or not evidence.unseen:
        return None
    step = evidence.step._replace(parameters=[*evidence.step.parameters, *evidence.unseen], doubtful=())
    with_them = judge(*case._replace(explored=replace(case.explored, step=step), listed=False))
    tree = case.explored.scene.program.tree
    descended = evidence.kind != "listed" and all(is_descended(tree, path) for path in evidence.unseen)
    if with_them.verdict is Verdict.VERIFIED or (descended and with_them.verdict is Verdict.REFUTED):
        return with_them
    outcome.verdict = Verdict.UNDECIDED
    outcome.trouble = f"moves too, but is not recognised as a parameter: {', '.join(evidence.unseen)}"
    return None


def _refuse_what_stays(case: _Case, evidence: Evidence, outcome: Outcome) -> None:
    """A parameter that the step forgets, or leaves in another shape, is wrong."""
    assert outcome.tried is not None
    if outcome.verdict is Verdict.VERIFIED and evidence.kind != "listed" and evidence.staying:
        evidence.idle |= dict.fromkeys(_left_out(evidence), FORGOTTEN)
    stays = dict.fromkeys(evidence.step.still, "not moved") | evidence.idle
    at_times = moved_at_times(case.explored.scene.program.tree)
    outcome.late = [path for path in stays if has_last_name(path, at_times)]
    amiss = {path: said for path, said in stays.items() if path not in outcome.late} | dict(evidence.step.reshaped)
    if outcome.verdict is not Verdict.UNDECIDED and amiss and not evidence.step.gradients:
        more = [Compared(path, state, 0, True) for path, state in amiss.items()]
        outcome.verdict = Verdict.REFUTED
        outcome.tried = replace(outcome.tried, arrays=[*outcome.tried.arrays, *more])


def _refuse_what_goes_wrong_later(case: _Case, evidence: Evidence, outcome: Outcome) -> None:
    """What a step leaves behind must not spoil the next: stale copies, gradients that add up, wrong running means."""
    again = evidence.again | ({} if evidence.is_one_step else evidence.twice)
    if outcome.verdict is Verdict.VERIFIED and again:
        outcome.verdict, outcome.amiss = Verdict.REFUTED, again
    if outcome.verdict is not Verdict.VERIFIED or evidence.step.kind != "turn":
        return
    usual = [one.name for one in outcome.named if evidence.kind == "listed"]
    second = judge_second_step(case.explored, case.calls, case.seed, usual, evidence.twins)
    outcome.piled, outcome.amiss, kept = second.piled, dict(second.amiss), second.kept or list(evidence.step.memories)
    for mean in wrong_means(case.explored.scene.program.tree) if kept else ():
        outcome.amiss |= {path: Amiss(mean.said, mean.line, mean.new) for path in evidence.step.parameters}
    if outcome.piled or outcome.amiss:
        outcome.verdict = Verdict.REFUTED
    elif kept:
        outcome.notes.append(f"of the state kept between steps, such as {kept[0]}, only the first use is judged")


def _note_its_own_cost(case: _Case, evidence: Evidence, outcome: Outcome) -> None:
    if outcome.verdict is not Verdict.VERIFIED or evidence.kind != "listed" or case.listed:
        return
    if stated := costs_defined(case.explored.scene.program):
        text, outcome.uncompared = stated[0].removeprefix("self."), True
        outcome.notes.append(f"not compared with its own cost, {text}, which this step does not compute")


_REVIEWS = (
    _compare_with_the_usual,
    _compare_with_others,
    _require_parameters,
    _refuse_what_stays,
    _refuse_what_goes_wrong_later,
    _note_its_own_cost,
)


def _left_out(evidence: Evidence) -> list[str]:
    """Return those of the possible parameters that stay which the step forgets if its cost is the chosen number."""
    paths = list(evidence.staying)
    step = evidence.step._replace(parameters=[*evidence.step.parameters, *paths])
    with ExactRun(Reading.EXACT, BITS, evidence.seed):
        try:
            with guarded("the program", SECONDS, Clock.COMPUTING):
                what = observe(evidence.explored.scene, step, evidence.calls, evidence.seed)
            cost = getattr(what, evidence.kind).get(evidence.name)
            return left_out(what, cost, paths, evidence.used_after) if cost is not None else []
        except (SubjectError, UndecidedError):
            return []


def _others(evidence: Evidence) -> list[NamedCost]:
    """Return the costs of the table whose gradient the step follows at two points."""
    found = set[NamedCost]()
    for point in (1, 2):
        with ExactRun(Reading.EXACT, BITS, evidence.seed) as run:
            try:
                what = evidence.observe(run, [np.array([0.61 * point + evidence.seed])])
                here = name_costs_of_steps(what.moved, list(what.given.values()), {cost.name for cost in found})
            except (SubjectError, UndecidedError):
                return []
        found = here if point == 1 else found & here
        if not found:
            return []
    return ranked(found)
