"""Judges a verified step again at other items of its loop, and with the random numbers of the next turn."""

import ast
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from gradproof.exact.run import BITS, Reading, UndecidedError
from gradproof.judge.find.observation import Observation, observe
from gradproof.judge.find.own_cost import draws
from gradproof.judge.find.scene import Scene
from gradproof.judge.outcome import SECONDS, Outcome
from gradproof.judge.trial.adaptive_steps import BY_SIGN, FIRST_OF_ADAM
from gradproof.judge.trial.costs import SAME, outputs_and_labels
from gradproof.judge.trial.execution import ExactRun, SubjectError, guarded
from gradproof.judge.whole_program import judge
from gradproof.limits import Clock
from gradproof.numerics.verdict import Verdict

OTHER_ITEMS = (1, 2, 3)
MORE_ITEMS = (5, 8, 12, 18)  # that are tried while all labels are 0


def at_other_items(outcome: Outcome, calls: Sequence[str], cost: str) -> Outcome:
    """Judge the step at the next item of its loop too, and at more while elements do not move, as after 0 and 0 of XOR.

    What it takes from the first item, whatever the item is, is wrong there. Steps by a convention are tried at all of
    these items: Adam's first one is only a sign, which a wrong factor may leave as it is. More items are tried until
    not all labels of a binary cross-entropy are 0. Return the outcome that leaves fewest elements untouched, or the
    first that is wrong.
    """
    step, scene = outcome.explored.step, outcome.explored.scene
    zeros = _has_labels_of_zero_alone(outcome)
    rotates = step is not None and step.kind == "turn" and goes_through_examples(scene, step.where)
    for first in (*OTHER_ITEMS, *MORE_ITEMS) if rotates else ():
        there = replace(outcome.explored, scene=replace(scene, rotated=(step.where, first)))  # type: ignore[union-attr]
        other = judge(there, calls, cost=cost)
        if other.verdict is Verdict.REFUTED:
            other.where = f"at item {first + 1} of its loop"
            return other
        if other.verdict is Verdict.VERIFIED and outcome.kind == "listed" and not _is_of_the_same_cost(outcome, other):
            outcome.verdict = Verdict.UNDECIDED
            outcome.trouble = (
                f"at item {first + 1} of its loop it follows another cost than the {outcome.named[0].name}"
            )
            return outcome
        zeros = zeros and (other.verdict is not Verdict.VERIFIED or _has_labels_of_zero_alone(other))
        if other.verdict is Verdict.VERIFIED and other.untouched < outcome.untouched:
            outcome = other
        by_convention = outcome.tried is not None and any(array.convention for array in outcome.tried.arrays)
        enough = not outcome.untouched and (outcome.explored.is_large or not by_convention)
        if (enough or first >= OTHER_ITEMS[-1]) and (outcome.explored.is_large or not zeros):
            break
    outcome.notes += ["all labels are 0 here, so nothing is tested of others"] * zeros
    return outcome


def _is_of_the_same_cost(one: Outcome, other: Outcome) -> bool:
    """Whether a usual cost has both gradients. Some of these cannot be told apart where all labels are 1."""
    names, others = ({SAME.get(cost.name, cost.name) for cost in some.named} for some in (one, other))
    return other.kind == "listed" and not names.isdisjoint(others)


def _has_labels_of_zero_alone(outcome: Outcome) -> bool:
    """Whether all labels of a binary cross-entropy are 0, which leaves half of it untested."""
    if not outcome.named or "binary" not in outcome.named[0].name:
        return False
    with ExactRun(Reading.EXACT, BITS, 0), suppress(SubjectError, UndecidedError):
        pairs = outputs_and_labels(x for move in observed(outcome).moved.values() for x in move.flat)
        labels = [{float(y.value.mid()) for y in some.flat} for _, some in pairs]
        return {0.0} in labels and not any(len(values) > 1 for values in labels)
    return False


def observed(outcome: Outcome, constants: bool = False) -> Observation:
    """Return what one more run of the step shows, within this exact run; see `observe`."""
    with guarded("the program", SECONDS, Clock.COMPUTING):
        return observe(outcome.explored.scene, outcome.explored.step, (), 0, constants=constants)  # type: ignore[arg-type]


def with_other_draws(outcome: Outcome, calls: Sequence[str], cost: str) -> Outcome:
    """Judge a step that draws random numbers in the next turn too, since those of one turn may hide a fault by chance.

    What a step keeps, such as velocities, may be right there all the same, so the outcome becomes undecided at most. Of
    adaptive steps only the first can be judged, and says so.
    """
    step, scene = outcome.explored.step, outcome.explored.scene
    loop = scene.loop(step.where) if step is not None and step.kind == "turn" else None
    if step is None or loop is None or step.memories or outcome.twins or not draws(scene.program, loop):
        return outcome
    if outcome.tried and any(array.convention in (FIRST_OF_ADAM, BY_SIGN) for array in outcome.tried.arrays):
        return outcome
    there = replace(outcome.explored, step=step._replace(turn=step.turn + 1))
    if judge(there, calls, cost=cost).verdict is Verdict.REFUTED:
        outcome.verdict = Verdict.UNDECIDED
        outcome.trouble = (
            f"it is right in turn {step.turn + 1} of its loop, but not with the random numbers of the next"
        )
    return outcome


def goes_through_examples(scene: Scene, number: int) -> bool:
    """Whether a loop may begin with another item: it does not count epochs, and no condition depends on its count."""
    node = scene.loop(number)
    if not isinstance(node, ast.For):
        return False
    parts = list(ast.walk(node))
    of = ast.unparse(node.iter).partition("(")[0]
    counter = node.target.elts[0] if of == "enumerate" and isinstance(node.target, ast.Tuple) else node.target
    count = ast.unparse(counter) if of in ("enumerate", "range") else ""
    tests = [part.test for part in parts if isinstance(part, ast.If | ast.IfExp | ast.While)]
    if count in _names_in(tests):
        return False
    return of != "range" or count in _names_in([part.slice for part in parts if isinstance(part, ast.Subscript)])


def _names_in(nodes: Sequence[ast.expr]) -> set[str]:
    return {part.id for node in nodes for part in ast.walk(node) if isinstance(part, ast.Name)}
