"""Judges a whole program: compares its step with the gradient of its own cost, or of the cost that fits."""

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from gradproof.exact.run import BITS, Reading, Run, UndecidedError, current, line_of
from gradproof.exact.sweeps import computed_from, differentiate
from gradproof.judge.differences import difference
from gradproof.judge.find.explore import Explored
from gradproof.judge.find.means import line_of_counter, wrong_means
from gradproof.judge.find.observation import Observation, observe
from gradproof.judge.find.scene import Scene
from gradproof.judge.find.stated import costs_defined, is_descended, moved_at_times, takes_the_same
from gradproof.judge.find.watching import has_last_name
from gradproof.judge.lines.annotation import shown
from gradproof.judge.outcome import (
    SECONDS,
    Amiss,
    Outcome,
    against,
    also_moved,
    as_regularised,
    forgotten,
    holding,
    left_out,
    perhaps_forgotten,
    ranked,
    states,
    unmoved,
)
from gradproof.judge.rates import allow_means, blame_decay, keep_steady, rate_beside, rates_of_groups, unusual_rates
from gradproof.judge.stress import clips_gradients_alone, means, piled, stress
from gradproof.judge.trial.adaptive import FIRST_OF_ADAM
from gradproof.judge.trial.comparison import Compared
from gradproof.judge.trial.costs import NamedCost, name_costs_of_steps
from gradproof.judge.trial.counters import counted_too_fast
from gradproof.judge.trial.descent import is_written
from gradproof.judge.trial.penalties import with_own_terms
from gradproof.judge.trial.points import try_points
from gradproof.judge.trial.running import ExactRun, InexactError, SubjectError, guarded
from gradproof.judge.trial.scaled import ADAPTIVE, BY_ITSELF, excused, scaled_each
from gradproof.judge.trial.stepping import moved_again, takes_several
from gradproof.judge.trial.symmetry import symmetric
from gradproof.limits import Clock
from gradproof.numerics.verdict import Verdict

FORGOTTEN = "not moved, though its gradient is computed"
UPHILL = "uphill, which its text says is intended"
# Words of programs that may go uphill on purpose; one that maximises a likelihood goes down the cross-entropy
_CLIMBS = re.compile(r"reward|policy|adversar", re.IGNORECASE)
_MAY_CLIMB = re.compile(r"discriminat", re.IGNORECASE)  # a generator goes up one cost of its fakes, and down another
_HIGH = re.compile(r"objective|surrogate|reward|return|likelihood|elbo|utility|gain|fitness|score|log_?prob")
_ASCENT = re.compile(r"ascent|ascend|maximi[sz]|climb|reinforce\b", re.IGNORECASE)
_DESCENT = re.compile(r"descent|minimi[sz]", re.IGNORECASE)
DECLARED = {  # each word of --cost, and the names in the table that it means
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
    assert explored.step is not None
    example, sizes = [np.zeros(1)], dict[str, int]()

    def seen(run: ExactRun, drawn: Any) -> Observation:
        number = int(abs(float(np.asarray(drawn[0]).ravel()[0])) * 1e9) % (1 << 31)
        try:
            with guarded("the program", SECONDS, Clock.COMPUTING):
                what = observe(explored.scene, explored.step, calls, number)  # type: ignore[arg-type]
                sizes.update({path: array.size for path, array in what.given.items()})
                moves = [x for move in what.moved.values() for x in move.flat]
                clips = {index for index, place in run.run.clips.items() if place in explored.scene.clips}
                if explored.scene.scale != 1 and not clips_gradients_alone(what, clips):
                    raise InexactError("not only gradients are clipped")
                if run.run.reading is not Reading.EXACT and all(x.value.is_zero() for x in moves):
                    raise InexactError("nothing moves if a tiny learning rate is taken as 0")
                return what
        except InexactError:
            raise
        except SubjectError as error:
            raise InexactError(str(error)) from error

    try:
        chosen = _choose(seen, seed)
    except (SubjectError, UndecidedError) as error:
        return Outcome(Verdict.UNDECIDED, explored, trouble=str(error))
    if cost or listed:
        chosen = ("listed", "")
    kind, name = chosen
    costs: dict[Reading, set[NamedCost]] = {}
    rates: dict[Reading, Any] = {}
    lengths: dict[Reading, dict[str, Any]] = {}
    doubted = set[str]()
    unseen, idle, staying = dict[str, None].fromkeys(explored.step.doubtful), dict[str, str](), dict[str, None]()
    untouched, group_rates, unlike = dict[str, set[int]](), dict[str, Fraction](), dict[str, float]()
    still, zeros, twins, velocities = set[str](), dict[str, None](), dict[str, str](), list[str]()
    shrinking, passed, again, twice = list[str](), list[str](), dict[str, Amiss](), dict[str, Amiss]()
    is_one_step = False  # of the cost at a rate that the program writes down, though in two parts
    used_after = explored.scene.used_after(explored.step.where) if explored.step.kind == "turn" else set[str]()

    def claim(run: ExactRun, drawn: Any) -> Sequence[Compared]:
        what = seen(run, drawn)
        _forget_what_is_shown(run.run, what)
        idle.update(dict.fromkeys(forgotten(what, used_after), FORGOTTEN))
        staying.update(dict.fromkeys(perhaps_forgotten(what, used_after)))
        still.update(unmoved(what))
        zeros.update(dict.fromkeys(what.zeros))
        twins.update(what.twins)
        velocities[:] = what.velocities
        shrinking[:] = means(what)
        group_rates.update(rates_of_groups(what))
        again.update({path: Amiss(f"its copy {shown(twin)} stays as it was", 0) for path, twin in what.stale.items()})
        twice.update({path: said for path, array in what.given.items() if (said := _again(array, what.after[path]))})
        for path, move in what.moved.items():
            unmoved_there = {place for place, x in enumerate(move.flat) if x.value.is_zero()}
            if len(unmoved_there) < move.size:  # an array that never moves is another matter
                untouched[path] = untouched.get(path, unmoved_there) & unmoved_there
        cost = getattr(what, kind).get(name) if kind != "listed" else None
        return holding(what, cost, lambda: compared_with(run, what))

    def compared_with(run: ExactRun, what: Observation) -> Sequence[Compared]:
        nonlocal is_one_step
        if kind != "listed":
            found = getattr(what, kind).get(name)
            if found is None:
                raise InexactError(f"{name} is not computed in every run")
            unseen.update(dict.fromkeys(also_moved(what, found)))
            for path in unseen.keys() & states(what, found) if unseen else ():
                del unseen[path]
                passed.append(path)
            doubted.update(what.doubtful)
            compared = against(what, found)
            is_one_step = is_one_step or (bool(twice) and is_written(rate_beside(what, found)))
            if _is_climbed(name, explored.scene.program.text, what, compared):
                compared = [a._replace(convention=a.convention or UPHILL) for a in against(what, -found)]
            if any(array.state != "right" for array in compared) and not explored.step.gradients:  # type: ignore[union-attr]
                earlier = lengths.setdefault(run.run.reading, {})
                given = list(what.given.values())
                compared = scaled_each(what.moved, given, differentiate(found), compared, seed, earlier)
            if explored.scene.is_of_a_layer:
                compared = allow_means(explored.scene, what, compared)
            if not any(array.convention == BY_ITSELF for array in compared):
                compared = keep_steady(what, found, compared, rates, run.run.reading)
            if any(array.convention == FIRST_OF_ADAM for array in compared):
                unlike.update(unusual_rates(what, found))
                fast = counted_too_fast(what.moved, list(what.given.values()), differentiate(found), what.kept)
                line = line_of_counter(explored.scene.program.tree)
                again.update({path: Amiss(f"its first step has t = {t}: t counts arrays, not steps", line)
                              for path, t in fast.items()})  # fmt: skip
            _refuse_several(what, compared)
            if any(array.state == "wrong" for array in compared) and (eta := rate_beside(what, found)) > 0:
                compared = with_own_terms(what.moved, list(what.given.values()), differentiate(found), eta, compared)
            return compared
        given = list(what.given.values())
        compared = symmetric(what.moved, given, seed)
        if any(array.state != "right" for array in compared):
            if explored.step.gradients:  # type: ignore[union-attr]
                return compared
            _refuse_several(what, compared)
            compared = excused(what.moved, given, compared, seed)
            if not all(array.convention == ADAPTIVE for array in compared):
                return compared
        before, kept = costs.get(run.run.reading), None
        if any(array.convention == ADAPTIVE for array in compared):
            kept = what.kept
        here = name_costs_of_steps(what.moved, given, {one.name for one in before} if before else (), kept)
        costs[run.run.reading] = costs.get(run.run.reading, here) & here
        return as_regularised(what, compared, here) if here else compared

    try:
        tried = try_points(claim, example, seed, True)
    except SubjectError as error:
        return Outcome(Verdict.UNDECIDED, explored, trouble=str(error))
    named = next((ranked(some) for some in costs.values() if some), [])
    outcome = Outcome(tried.verdict, explored, name, named, tried, calls=calls, zeros=list(zeros), twins=twins)
    outcome.kind, outcome.rates, outcome.sizes = kind, group_rates, sizes
    outcome.shrinking = shrinking
    if passed:
        outcome.notes.append(f"{', '.join(passed)}: taken for states, because the cost depends on what they become")
    outcome.notes += [f"{shown(path)} has {times:.6g} times the rate of most others" for path, times in unlike.items()]
    outcome.velocities, outcome.idle = velocities, untouched
    if cost and tried.verdict is Verdict.VERIFIED:
        wanted = [one for one in named if one.name in DECLARED[cost]]
        if wanted:
            outcome.named = wanted
        else:
            outcome.verdict, outcome.other, outcome.declared, outcome.named = Verdict.REFUTED, named, cost, ()
            outcome.tried = replace(
                tried, arrays=[a._replace(state=f"not the gradient of the {cost} cost") for a in tried.arrays]
            )
    elif kind == "listed" and tried.verdict is Verdict.VERIFIED and not named:
        defined = costs_defined(explored.scene.program)
        if defined and not set(defined) <= set(calls):  # a cost of its own that this step does not compute
            own = judge(explored, [*calls, *defined], harder, seed)
            right = (
                [a.name for a in own.tried.arrays if a.state == "right" and a.alive] if own.cost and own.tried else []
            )
            if sum(sizes[path] for path in right) > 1:  # a single number follows any cost
                return own
        outcome.verdict = Verdict.UNDECIDED
        outcome.trouble = (
            "it is the gradient of a cost that gradproof does not know: say which one you mean with --cost"
        )
    elif kind == "listed" and tried.verdict is Verdict.VERIFIED and not explored.step.gradients:
        down = [one for one in named if one.factor > 0]
        outcome.named = down or named
        if not down and _CLIMBS.search(explored.scene.program.text):
            outcome.tried = replace(tried, arrays=[array._replace(convention=UPHILL) for array in tried.arrays])
        elif not down and named and _MAY_CLIMB.search(explored.scene.program.text):
            outcome.verdict = Verdict.UNDECIDED
            outcome.trouble = f"it goes uphill of the {named[0].name}, and gradproof cannot know whether that is meant"
        elif not down and named:
            outcome.verdict = Verdict.REFUTED
            outcome.tried = replace(tried, arrays=[array._replace(state="uphill") for array in tried.arrays])
    if tried.verdict is Verdict.REFUTED and name in doubted and name in calls:
        # That cost is of other examples, and fitted at two points by chance.
        return judge(explored, [call for call in calls if call != name], harder, seed, cost)
    if tried.verdict is Verdict.REFUTED and kind != "listed":
        outcome.other = _others(seen, seed)
        made_up = name.startswith("net.") and not explored.scene.whole
        made_up = made_up and not takes_the_same(explored.scene.program, name, explored.scene.driver)
        if outcome.other and (differs := difference(seen, seed, chosen, {one.name for one in outcome.other})):
            as_meant = judge(explored, calls, harder, seed, cost, listed=True)
            if as_meant.verdict is Verdict.VERIFIED:
                as_meant.notes.append(
                    f"not compared with its own cost, {name.removeprefix('_cost_')}, in which {differs}"
                )
                return as_meant
        outcome.tried = blame_decay(tried, outcome.other)
        if made_up and outcome.other and not outcome.other[0].decay:  # the guessed call of its cost may be wrong
            return judge(explored, (), harder, seed, cost)
    elif tried.verdict is Verdict.VERIFIED and kind != "listed":
        outcome.named = _others(seen, seed)  # its own cost by its usual name
    if outcome.verdict is Verdict.VERIFIED and unseen:
        step = explored.step._replace(parameters=[*explored.step.parameters, *unseen], doubtful=())
        with_them = judge(replace(explored, step=step), calls, harder, seed, cost)
        descended = kind != "listed" and all(is_descended(explored.scene.program.tree, path) for path in unseen)
        if with_them.verdict is Verdict.VERIFIED or (descended and with_them.verdict is Verdict.REFUTED):
            return with_them
        outcome.verdict = Verdict.UNDECIDED
        outcome.trouble = f"moves too, but is not recognised as a parameter: {', '.join(unseen)}"
    if outcome.verdict is Verdict.VERIFIED and kind != "listed" and staying:
        idle |= dict.fromkeys(_left_out(explored, calls, chosen, seed, list(staying), used_after), FORGOTTEN)
    unmoved_here = dict.fromkeys(explored.step.still, "not moved") | idle
    at_times = moved_at_times(explored.scene.program.tree)
    late = [path for path in unmoved_here if has_last_name(path, at_times)]
    outcome.late = late
    amiss = {path: said for path, said in unmoved_here.items() if path not in late} | dict(explored.step.reshaped)
    if outcome.verdict is not Verdict.UNDECIDED and amiss and not explored.step.gradients:
        more = [Compared(path, state, 0, True) for path, state in amiss.items()]
        outcome.verdict, outcome.tried = Verdict.REFUTED, replace(tried, arrays=[*tried.arrays, *more])
    again |= {} if is_one_step else twice
    if outcome.verdict is Verdict.VERIFIED and again:
        outcome.verdict, outcome.amiss = Verdict.REFUTED, again
    if outcome.verdict is Verdict.VERIFIED and explored.step.kind == "turn":
        usual = [one.name for one in outcome.named if kind == "listed"]
        outcome.piled, kept, outcome.amiss = piled(explored, calls, seed, usual, twins)
        kept = kept or list(explored.step.memories)
        for mean in wrong_means(explored.scene.program.tree) if kept else ():
            outcome.amiss |= {path: Amiss(mean.said, mean.line, mean.new) for path in explored.step.parameters}
        if kept and not (outcome.piled or outcome.amiss):
            outcome.notes.append(f"of the state kept between steps, such as {kept[0]}, only the first use is judged")
        outcome.verdict = Verdict.REFUTED if outcome.piled or outcome.amiss else outcome.verdict
    if (
        outcome.verdict is Verdict.VERIFIED
        and kind == "listed"
        and not listed
        and (stated := costs_defined(explored.scene.program))
    ):
        text, outcome.uncompared = stated[0].removeprefix("self."), True
        outcome.notes.append(f"not compared with its own cost, {text}, which this step does not compute")
    if outcome.verdict is Verdict.VERIFIED:
        stress(outcome, chosen, calls, harder, seed)
    outcome.unmoved = sorted(still)
    return outcome


def _again(old: Any, new: Any) -> Amiss | None:
    """Say that an array moves twice by the same gradient, if it does."""
    if (found := moved_again(old, new)) is None:
        return None
    update, shared = found
    at = f"line {line}" if (line := line_of(shared.place)) else "the forward pass"
    said = f"it moves again by the gradient of the first step, because what {at} computes is not computed again"
    return Amiss(said, line_of(update.place) or 0)


def _left_out(
    explored: Explored,
    calls: Sequence[str],
    chosen: tuple[str, str],
    seed: int,
    paths: Iterable[str],
    later: Container[str],
) -> list[str]:
    """Return those of these possible parameters that the step forgets if its cost is the chosen number."""
    kind, name = chosen
    step = explored.step._replace(parameters=[*explored.step.parameters, *paths])  # type: ignore[union-attr]
    with ExactRun(Reading.EXACT, BITS, seed):
        try:
            with guarded("the program", SECONDS, Clock.COMPUTING):
                what = observe(explored.scene, step, calls, seed)
            cost = getattr(what, kind).get(name)
            return left_out(what, cost, paths, later) if cost is not None else []
        except (SubjectError, UndecidedError):
            return []


def _refuse_several(what: Observation, compared: Sequence[Compared]) -> None:
    """Raise InexactError if something is wrong because several steps at once follow no gradient."""
    wrong = any(array.state != "right" for array in compared)
    if wrong and takes_several(list(what.given.values()), list(what.after.values())):
        raise InexactError("several steps are taken at once")


def _forget_what_is_shown(run: Run, what: Observation) -> None:
    """Forget the roundings of numbers that were only printed, since the step does not use them."""
    results = [x for move in what.moved.values() for x in move.ravel().tolist()]
    if run.rounded and not run.rounded & {x.index for x in computed_from(results)}:
        for key in [key for key, note in run.notes.items() if note.kind == "rounded"]:
            del run.notes[key]


def _choose(seen: Any, seed: int) -> tuple[str, str]:
    """Choose what the step is compared with: (attribute of Observation, name), or ("listed", "") for the usual costs.

    The choice is a number that fits at two points, at one rate, under one reading. One that is not named as a cost
    counts only if no number is, or if it contains all that are. If none fits, it is the own cost that most arrays fit.
    """
    best: tuple[int, int, str] = (-1, -1, "")
    wholes = set[str]()  # single numbers that contain every named cost, as a sum over the parts of a mini-batch
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
                compared_with_targets = _outputs_and_errors(what)
                for kind in ("costs", "scalars"):
                    for name, number in getattr(what, kind).items():
                        if kind == "scalars" and number.index in compared_with_targets:
                            continue
                        if kind == "costs" and number.value < 0 and not name.startswith("_cost"):
                            negative.add(name)  # a signed error is not a cost
                        compared = against(what, number)
                        right = sum(array.state == "right" for array in compared)
                        if right == len(compared) and any(array.alive for array in compared):
                            adaptive = any(array.convention == FIRST_OF_ADAM for array in compared)
                            here[kind, name] = None if adaptive else rate_beside(what, number)
                        if kind == "costs" and name not in negative and name not in what.doubtful:
                            best = max(best, (right, number.index, name))
                        if kind == "scalars" and (kind, name) in here:
                            parts = {x.index for x in computed_from([number])}
                            wholes |= {name} if {x.index for x in what.costs.values()} <= parts else set()
                fits.append(here)
        for key, rate in reversed(fits[0].items()) if len(fits) > 1 else ():  # the last one contains the others
            rates = rate, fits[1].get(key)
            same = None not in rates and rates[0].overlaps(rates[1])
            if (
                key in fits[1]
                and (same or rates == (None, None))
                and (key[0] == "costs" or not best[2] or key[1] in wholes)
            ):
                return key
    return ("costs", best[2]) if best[2] else ("listed", "")


def _outputs_and_errors(what: Observation) -> set[int]:
    """Return the indices of single numbers that are an error a − y, or the output a, which no step minimises."""
    written, found = {x.index for x in current().literals.values()}, set[int]()
    for x in what.scalars.values():
        if x.rule is not None and x.rule.name == "subtract":
            a, y = x.operands if x.operands[0].varies else x.operands[::-1]
            if a.varies and not y.varies and y.index not in written:
                found |= {x.index, a.index}
    return found


def _is_climbed(name: str, text: str, what: Observation, compared: Sequence[Compared]) -> bool:
    """Whether the program means to maximise the named number, judging by its name and the program's words.

    The step must go uphill, and must not follow one of the usual costs.
    """
    words = _HIGH.search(name) and _ASCENT.search(text) and not _DESCENT.search(text)
    if not words or not all(array.state == "uphill" for array in compared if array.alive):
        return False
    return not name_costs_of_steps(what.moved, list(what.given.values()))


def _others(seen: Any, seed: int) -> list[NamedCost]:
    """Return the costs of the table whose gradient the step follows at two points."""
    found = set[NamedCost]()
    for point in (1, 2):
        with ExactRun(Reading.EXACT, BITS, seed) as run:
            try:
                what = seen(run, [np.array([0.61 * point + seed])])
                here = name_costs_of_steps(what.moved, list(what.given.values()), {cost.name for cost in found})
            except (SubjectError, UndecidedError):
                return []
        found = here if point == 1 else found & here
        if not found:
            return []
    return ranked(found)
