"""Conventions beside plain descent: a subject that is not verified at first is judged again under each of them.

What is verified is judged again too: at other items of its loop, in the next turn, and with the program's own numbers.

A step may begin late, look back to earlier parameters, leave some elements at 0, have several rates, compute its
gradients by difference quotients, or clip them.
"""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from flint import arb

from gradproof.exact.run import BITS, Reading, UndecidedError, line_of
from gradproof.exact.sweeps import computed_from, push_forward
from gradproof.judge.find.copies import stays
from gradproof.judge.find.examples import Subject
from gradproof.judge.find.explore import SECONDS, explore
from gradproof.judge.find.gradients import last
from gradproof.judge.find.quotients import with_small_differences
from gradproof.judge.find.roles import named_as_parameter
from gradproof.judge.find.scene import forget
from gradproof.judge.find.stated import is_summed, is_used_after, moved_after, moved_at_times
from gradproof.judge.find.watching import LATER, Step, moved_besides
from gradproof.judge.items import at_other_items, goes_through_examples, observed, with_other_draws
from gradproof.judge.lines.annotation import shown
from gradproof.judge.lines.trials import fresh
from gradproof.judge.outcome import Outcome
from gradproof.judge.rates import own_rates
from gradproof.judge.stress import compared_once
from gradproof.judge.trial.running import ExactRun, SubjectError
from gradproof.judge.whole import judge
from gradproof.numerics.verdict import Verdict

BRIEF = 2.0  # seconds of a run that looks for more
OTHER_STEPS = 3  # that are tried if the first decides nothing
UNSEEN = "later iterations take too long to see whether they move something else"
SMALLER = 0.05  # scale of examples and parameters whose gradients should reach no clip


def judge_leniently(subject: Subject, cost: str) -> Outcome:
    """Return the outcome for a subject, allowing for each of these conventions."""
    outcome = judge(subject.explored, subject.calls, subject.harder, cost=cost)
    if outcome.verdict is Verdict.REFUTED and (later := _later(subject, outcome, cost)):
        outcome = later
    for again in (_from_rest, _of_velocities, _without_means, _as_begun, _of_own_rates):
        if outcome.verdict is not Verdict.VERIFIED:
            outcome = again(subject, outcome, cost)
    if outcome.verdict is not Verdict.VERIFIED:
        outcome = _of_small_differences(subject, outcome, cost)
        if outcome.verdict is Verdict.VERIFIED and not outcome.late:
            return outcome  # its scene has the program's own differences, which are right to some digits only
    if not (outcome.tried and outcome.tried.verdict is Verdict.VERIFIED and outcome.named):
        outcome = _of_another_step(subject, outcome, cost)
    if outcome.verdict is Verdict.VERIFIED:
        outcome = _with_the_late(outcome, subject.calls, cost)
    if outcome.verdict is Verdict.VERIFIED:
        outcome = _with_what_moves_later(outcome, subject.calls, cost)
    if outcome.verdict is Verdict.VERIFIED:
        outcome = _with_the_rest(outcome, subject.calls, cost)
    if outcome.verdict is Verdict.VERIFIED:
        outcome = at_other_items(outcome, subject.calls, cost)
    if outcome.verdict is Verdict.VERIFIED:
        outcome = with_other_draws(outcome, subject.calls, cost)
    if outcome.verdict is Verdict.VERIFIED and outcome.dead:
        outcome = _without_effect(subject, outcome, cost)
    if outcome.verdict is Verdict.UNDECIDED and outcome.tried and any(n.kind == "clipped" for n in outcome.tried.notes):
        clips = tuple(note.place for note in outcome.tried.notes if note.kind == "clipped")
        if smaller := _of_smaller(subject, clips, cost):
            lines = sorted({line for place in clips if (line := line_of(place))})
            smaller.clips, outcome = lines, smaller
    if outcome.verdict is Verdict.REFUTED:
        outcome = _without_the_held(outcome, subject.calls, cost)
    return outcome if subject.larger is None else _at_its_own_size(subject, outcome, cost)


def _of_another_step(subject: Subject, outcome: Outcome, cost: str) -> Outcome:
    """Judge what else looks like a step, if the first was a loop that adds up gradients or data that are normalised.

    What is wrong there counts only beside a cost of the program's own. Data that are moved by their median, say, follow
    no gradient.
    """
    step = subject.explored.step
    if step is None or step.kind == "span" or subject.explored.is_slow or len(subject.skipped) == OTHER_STEPS:
        return outcome
    alone = step.kind == "statement" and len(step.parameters) == 1 and outcome.kind == "listed"
    if outcome.verdict is not Verdict.UNDECIDED and not (alone and outcome.verdict is Verdict.REFUTED):
        return outcome
    skipped = (*subject.skipped, (step.kind, step.where))
    explored = explore(subject.explored.scene, BRIEF, skipped=skipped)
    if explored.step is None:
        return outcome
    other = judge_leniently(subject._replace(explored=explored, larger=None, skipped=skipped), cost)
    several = {*step.parameters} == {*explored.step.parameters}  # several turns that move the same are several steps
    refutes = other.verdict is Verdict.REFUTED and other.kind != "listed" and not several
    decides = other.verdict is Verdict.VERIFIED or refutes
    superseded = _is_superseded(outcome, step, other)
    if outcome.verdict is Verdict.REFUTED and explored.step.kind == "turn":
        if superseded:
            return other
        outcome.verdict = Verdict.UNDECIDED
        outcome.trouble = f"line {step.where} moves {_list(step.parameters)} along no gradient, and nothing uses them"
    return other if decides and superseded else outcome


def _is_superseded(outcome: Outcome, step: Step, other: Outcome) -> bool:
    """Whether what looked like the parameters of a step is none: local sums, data, or what the other step keeps."""
    later = other.explored.step
    own = {*later.parameters, *later.memories} if later is not None else set()
    names = outcome.explored.names or {}
    roots = {path: re.split(r"[.\[]", path)[0] for path in step.parameters}
    if step.kind == "statement":
        return is_used_after(outcome.explored.scene.program.tree, step.where, roots.values())
    return all(path in own or path in outcome.dead or root not in names for path, root in roots.items())


def _without_the_held(outcome: Outcome, calls: Sequence[str], cost: str) -> Outcome:
    """Judge elements that begin as 0 and never move as constants, as those that a mask keeps at 0.

    They may as well be forgotten, so if only they are wrong, the outcome is undecided.
    """
    wrong = {array.name for array in outcome.tried.arrays if array.state != "right"} if outcome.tried else set()
    held = {path: frozenset(idle) for path, idle in outcome.idle.items() if path in wrong and idle}
    if not held:
        return outcome
    scene = replace(outcome.explored.scene, held=held)
    without = judge(replace(outcome.explored, scene=scene), calls, cost=cost)
    is_right = without.tried and all(array.state == "right" for array in without.tried.arrays)
    if without.verdict is Verdict.REFUTED or not is_right:
        return outcome
    names = _list(held)
    without.verdict = Verdict.UNDECIDED
    without.trouble = f"elements of {names} that begin as 0 never move, which is right only if they are constants"
    return without


def _at_its_own_size(subject: Subject, outcome: Outcome, cost: str) -> Outcome:
    """Judge the program with its own numbers, where small ones may hide a fault, or break what is right.

    They hide a fault of a later mini-batch, for example. What is right with small numbers is run once with its own.
    What is not is judged with its own only if these are quick.
    """
    step, large = outcome.explored.step, subject.larger
    assert step is not None
    assert large is not None
    again = subject._replace(explored=large, larger=None)
    if outcome.verdict is Verdict.VERIFIED:
        scene = replace(outcome.explored.scene, program=large.scene.program)
        if step.kind == "turn" and goes_through_examples(scene, step.where):
            scene = replace(scene, rotated=(step.where, 1))
        reading = outcome.tried.reading if outcome.tried else Reading.EXACT
        chosen = outcome.kind, outcome.cost
        wrong = compared_once(scene, step, chosen, outcome, outcome.calls, 0, reading)
        return judge_leniently(again, cost) if wrong else outcome
    refuted = outcome.verdict is Verdict.REFUTED
    own = outcome if large.is_slow else judge_leniently(again, cost)
    return outcome if refuted and own.verdict is Verdict.REFUTED else own  # corrections are found sooner there


def _without_effect(subject: Subject, outcome: Outcome, cost: str) -> Outcome:
    """Judge arrays without effect in the next turn of the loop, as the weights of a hidden state that starts as 0.

    Return that turn's outcome if they are wrong there; otherwise, the outcome says which have no effect there either.
    """
    step, dead = outcome.explored.step, set(outcome.dead)
    if step is not None and step.kind == "turn":
        there = subject._replace(explored=replace(outcome.explored, step=step._replace(turn=step.turn + 1)))
        later = _from_rest(there, judge(there.explored, there.calls, cost=cost), cost)
        wrong = {array.name for array in later.tried.arrays if array.state != "right"} if later.tried else set()
        if later.verdict is Verdict.REFUTED and wrong and wrong <= dead:
            later.where = f"in turn {step.turn + 2} of its loop"
            return later
        if later.verdict is Verdict.VERIFIED:
            dead &= set(later.dead)
    if dead:
        names = ", ".join(shown(path) for path in sorted(dead))
        outcome.notes.append(f"nothing is tested of {names}: no effect on the cost was seen, and no step")
    return outcome


def _later(subject: Subject, outcome: Outcome, cost: str) -> Outcome | None:
    """Judge the next turn if nothing moves at first, as when a rate warms up from 0; None unless that is verified."""
    step = subject.explored.step
    if step is None or step.kind != "turn" or not outcome.tried:
        return None
    if not all(array.state == "not moved" for array in outcome.tried.arrays):
        return None
    later = judge(replace(subject.explored, step=step._replace(turn=step.turn + 1)), subject.calls, cost=cost)
    return later if later.verdict is Verdict.VERIFIED else None


def _from_rest(subject: Subject, outcome: Outcome, cost: str) -> Outcome:
    """Judge a step that is not the first with velocities of 0, as at the first, which made the layers for example."""
    step = subject.explored.step
    if step is None or not (step.turn or step.entry) or not step.memories:
        return outcome
    scene = replace(subject.explored.scene, at_rest=tuple(step.memories))
    resting = judge(replace(subject.explored, scene=scene), subject.calls, subject.harder, cost=cost)
    return resting if _is_nearer(resting, outcome) else outcome


def _of_velocities(subject: Subject, outcome: Outcome, cost: str) -> Outcome:
    """Judge a step that looks ahead by velocities again with these held at the 0 at which they start.

    The velocities must follow the gradient as well, wherever they are: there they decay, and move the parameters.
    """
    step = subject.explored.step
    if step is None or not outcome.velocities:
        return outcome
    rest = step._replace(parameters=[path for path in step.parameters if path not in outcome.velocities])
    ahead = judge(replace(subject.explored, step=rest), subject.calls, subject.harder, cost=cost)
    if ahead.verdict is not Verdict.UNDECIDED and not _is_nearer(ahead, outcome):
        return outcome
    if ahead.verdict is Verdict.VERIFIED:
        own = step._replace(parameters=outcome.velocities)
        decaying = judge(replace(subject.explored, step=own), subject.calls, subject.harder, cost=cost)
        follows = decaying.tried and all(array.state == "right" for array in decaying.tried.arrays)
        return ahead if follows else decaying
    return ahead


def _without_means(subject: Subject, outcome: Outcome, cost: str) -> Outcome:
    """Judge without what only looks like a parameter: it shrinks at each step and has no effect on the program's cost.

    Running means of the gradient of one number look so, under names that say nothing.
    """
    step = subject.explored.step
    means = [path for path in outcome.dead if path in outcome.shrinking]
    if step is None or not means or not outcome.cost:
        return outcome
    step = step._replace(parameters=[path for path in step.parameters if path not in means])
    without = judge_leniently(subject._replace(explored=replace(subject.explored, step=step), larger=None), cost)
    if without.verdict is not Verdict.VERIFIED:
        return without if _is_nearer(without, outcome) else outcome
    names = ", ".join(map(shown, means))
    without.notes.append(f"{names}: taken for running means, because the cost does not depend on them")
    return without


def _as_begun(subject: Subject, outcome: Outcome, cost: str) -> Outcome:
    """Judge parameters that begin as in the program: pruned, or with copies that a step looks back to.

    The given outcome is returned unless this one is nearer to right.
    """
    if not (outcome.zeros or outcome.twins):
        return outcome
    scene = replace(subject.explored.scene, as_begun=True)
    begun = judge(replace(subject.explored, scene=scene), subject.calls, subject.harder, cost=cost)
    if not _is_nearer(begun, outcome):
        return outcome
    if begun.verdict is Verdict.VERIFIED and (doubt := _doubt_of_copies(outcome)):
        begun.verdict, begun.trouble = Verdict.UNDECIDED, doubt
    begun.notes += [f"elements of {shown(path)} that are 0 stay 0" for path in begun.zeros]
    begun.notes += [f"{shown(twin)} begins as a copy of {shown(path)}" for path, twin in begun.twins.items()]
    return begun


def _doubt_of_copies(outcome: Outcome) -> str:
    """Return why a step that is right while its parameters have copies may be wrong later, or ""."""
    step, scene = outcome.explored.step, outcome.explored.scene
    with ExactRun(Reading.EXACT, BITS, 0), suppress(SubjectError, UndecidedError):
        what = observed(outcome, constants=True)
        moves = [x for move in what.moved.values() for x in move.flat]
        used = {x.index for x in computed_from(moves)}
        copies = [path for path in outcome.twins.values() if any(x.index in used for x in what.state[path][0].flat)]
        loop = scene.loop(step.where) if step is not None and step.kind == "turn" else None
        if staying := [path for path in copies if stays(scene.program.tree, path, loop)]:
            return f"it is right only while {_list(staying)} equals the weights, and nothing renews it"
        given = [x for array in what.given.values() for x in array.flat]
        tangents = push_forward(moves, {x.index: 1 + k for k, x in enumerate(given)})
        if copies and all(tangents.get(x.index, arb(0)).contains(0) for x in moves):
            return f"it follows the gradient at {_list(copies)}, as the turn before left it, and not at the parameters"
    return ""


def _of_own_rates(subject: Subject, outcome: Outcome, cost: str) -> Outcome:
    """Judge with a separate rate for each array if the program has several; keep the given outcome unless it helps."""
    step, known = subject.explored.step, own_rates(subject.explored.scene.program.tree)
    names = {last(path) for path in step.parameters} if step else set()
    rates = outcome.rates or {name: rate for name, rate in known.items() if name in names}
    if len(set(rates.values())) < 2:
        return outcome
    scene = replace(subject.explored.scene, rates=rates)
    own = judge(replace(subject.explored, scene=scene), subject.calls, subject.harder, cost=cost)
    if not _is_nearer(own, outcome):
        return outcome
    own.notes.append(
        f"its learning rates are {', '.join(f'{float(rate):g}' for rate in dict.fromkeys(rates.values()))}"
    )
    return own


def _is_nearer(one: Outcome, other: Outcome) -> bool:
    """Whether `one` is right, or both are refuted and `one` has fewer wrong arrays."""
    if one.verdict is Verdict.VERIFIED or one.tried is None or other.tried is None:
        return one.verdict is Verdict.VERIFIED
    wrong, before = (sum(array.state != "right" for array in tried.arrays) for tried in (one.tried, other.tried))
    return one.verdict is Verdict.REFUTED and other.verdict is Verdict.REFUTED and wrong < before


def _of_small_differences(subject: Subject, outcome: Outcome, cost: str) -> Outcome:
    """Judge the limit of the program's difference quotients; keep the given outcome unless that is verified."""
    scene = subject.explored.scene
    tree = with_small_differences(scene.program.tree)
    if tree is None:
        return outcome
    scene = fresh(replace(scene, program=replace(scene.program, tree=tree)))
    small = judge(replace(subject.explored, scene=scene), subject.calls, cost=cost)
    forget(scene)
    if small.verdict is not Verdict.VERIFIED:
        return outcome
    small.explored = subject.explored
    small.notes.append("its gradients are difference quotients: they are judged in the limit of a small step")
    return small


def _with_what_moves_later(outcome: Outcome, calls: Sequence[str], cost: str) -> Outcome:
    """Judge what only a later turn moves, under a condition, such as the other blocks if several take turns.

    It may follow another cost, or gradients of several turns. So unless it is right, the outcome is undecided.
    """
    step, names = outcome.explored.step, moved_at_times(outcome.explored.scene.program.tree)
    while step is not None and step.kind == "turn" and names:
        explored = explore(outcome.explored.scene, later=(step, names))
        found = explored.step
        later = moved_besides([*found.parameters, *found.doubtful], step, names) if found else []
        if found is None or not later:
            outcome.notes += [UNSEEN] * (explored.seconds > SECONDS)
            break
        there = found._replace(parameters=later, still=(), doubtful=())
        if judge(replace(outcome.explored, step=there), calls, cost=cost).verdict is not Verdict.VERIFIED:
            outcome.verdict = Verdict.UNDECIDED
            outcome.trouble = f"what moves only in turn {found.turn + 1} of the loop may be wrong: {_list(later)}"
            break
        outcome.notes.append(f"what moves only in turn {found.turn + 1} of the loop is right there: {_list(later)}")
        step = step._replace(parameters=[*step.parameters, *later])
    return outcome


def _with_the_late(outcome: Outcome, calls: Sequence[str], cost: str) -> Outcome:
    """Judge each parameter that is moved under a condition in the first later turn that moves it.

    Return the outcome if they are right there, and that turn's if one is wrong. If no turn that is tried moves it, the
    outcome becomes undecided.
    """
    step = outcome.explored.step
    unseen = []
    for path in outcome.late if step is not None else ():
        alone = step._replace(parameters=[path], still=(), doubtful=(), reshaped={})  # type: ignore[union-attr]
        for turn in range(1, LATER):
            later = judge(replace(outcome.explored, step=alone._replace(turn=alone.turn + turn)), calls, cost=cost)
            states = {array.state for array in later.tried.arrays} if later.tried else set()
            if later.verdict is Verdict.VERIFIED:
                break
            if later.verdict is Verdict.REFUTED and states != {"not moved"}:
                if not is_summed(outcome.explored.scene.program.tree, last(path)):
                    return later
                outcome.verdict = Verdict.UNDECIDED
                outcome.trouble = f"what is added up for {shown(path)} over several iterations may be wrong"
                return outcome
        else:
            unseen.append(path)
    if unseen:
        outcome.verdict = Verdict.UNDECIDED
        outcome.trouble = f"no iteration that was tried met the condition for updating {_list(unseen)}"
    return outcome


def _list(paths: Iterable[str]) -> str:
    return ", ".join(map(shown, paths))


def _with_the_rest(outcome: Outcome, calls: Sequence[str], cost: str) -> Outcome:
    """Judge what moves only after the loop that takes the step, by what its turns have added up.

    It may follow another cost, since the step has moved meanwhile. So unless it is right, the outcome is undecided.
    """
    step, scene = outcome.explored.step, outcome.explored.scene
    loop = scene.loop(step.where) if step is not None and step.kind == "turn" else None
    outer = scene.around(loop) if loop is not None else None
    if step is None or loop is None or outer is None or not (names := moved_after(loop, outer[1])):
        return outcome
    found = explore(scene, later=(step._replace(where=outer[0], turn=-1), names)).step
    rest = moved_besides(found.parameters, step, names) if found else []
    moved = {last(path) for path in step.parameters}
    if found is None or not rest:  # several steps of the loop are no whole step
        rest = sorted(name for name in names if named_as_parameter(name) and name not in moved)
        is_right = not rest
    else:
        there = found._replace(parameters=rest, still=())
        is_right = judge(replace(outcome.explored, step=there), calls, cost=cost).verdict is Verdict.VERIFIED
    if not is_right:
        outcome.verdict = Verdict.UNDECIDED
        outcome.trouble = f"what moves only after the loop that takes the step may be wrong: {_list(rest)}"
    elif rest:
        outcome.notes.append(f"what moves only after the loop that takes the step is right there: {_list(rest)}")
    return outcome


def _of_smaller(subject: Subject, clips: tuple[Any, ...], cost: str) -> Outcome | None:
    """Judge smaller examples and parameters, whose gradients reach no clip; None if that does not decide either."""
    for labels in (False, True):
        scene = replace(subject.explored.scene, scale=SMALLER, scales_labels=labels, clips=clips)
        outcome = judge(replace(subject.explored, scene=scene), subject.calls, cost=cost)
        if outcome.verdict is Verdict.VERIFIED or (outcome.verdict is Verdict.REFUTED and not labels):
            return outcome
    return None
