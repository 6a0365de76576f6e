"""The cost that a step may follow: the program's own, or a usual one if the program computes none."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from gradproof.exact.arrays import ExactArray
from gradproof.exact.numbers import DOT, Number
from gradproof.exact.run import UndecidedError
from gradproof.exact.sweeps import computed_from, differentiate
from gradproof.judge.find.observation import Observation
from gradproof.judge.trial.costs import candidates, outputs_and_labels
from gradproof.judge.trial.descent import along

FEW = 24  # elements of each array
USUAL = ("quadratic", "binary cross-entropy", "cross-entropy", "softmax cross-entropy of logits")


def is_of_the_step(what: Observation, cost: Number) -> bool:
    """Whether a cost was computed from the numbers of the step's own forward pass, not of another one."""
    forward = {x.index for x in computed_from([cost]) if x.varies}
    given = {x.index for array in what.given.values() for x in array.flat}
    moves = [x for move in what.moved.values() for x in move.ravel().tolist()]
    shared = {x.index for x in computed_from(moves)} & forward
    return bool(shared - given)


def only_cost(what: Observation) -> Number | None:
    """Return the single number that all parameters enter and that the step's forward pass gives; None unless unique."""
    found = [x for x in {**what.scalars, **what.costs}.values() if is_of_the_step(what, x)]
    own = [{x.index for x in array.flat} for array in what.given.values()]
    all_enter = [x for x in found if all({y.index for y in computed_from([x])} & array for array in own)]
    return all_enter[0] if len(all_enter) == 1 else None


def usual_costs(what: Observation, names: Sequence[str] = USUAL) -> Iterator[tuple[str, Number]]:
    """Yield costs with their names, those of the last outputs first, in the order of the names."""
    results = [x for move in what.moved.values() for x in move.ravel().tolist()]
    pairs = [(a, y) for a, y in outputs_and_labels(results) if {float(x.value.mid()) for x in y.flat} != {1.0}]
    for a, y in sorted(pairs, key=lambda pair: -max(x.index for x in pair[0].flat)):
        for name in names:
            yield from _costs(a, y, (name,))


def likeliest_cost(what: Observation, among: Collection[str] = ()) -> tuple[str, Number] | None:
    """Return the usual cost, with its name, whose gradient most arrays follow; None if no array follows any.

    A tie goes to labels that are not all one number, because 1 − a in a slope looks like a difference of outputs and
    labels too, and then to the last outputs. If the step gives gradients back, the negative cost is tried as well.
    `among` restricts the names.
    """
    results = [x for move in what.moved.values() for x in move.ravel().tolist()]
    given = list(what.given.values())
    best: tuple[tuple[int, bool, bool, int], str, Number] | None = None
    outputs: list[set[int]] = []
    few = {path: move.ravel()[:FEW] for path, move in what.moved.items()}, [array.ravel()[:FEW] for array in given]
    is_large, known = sum(array.size for array in given) > FEW * len(given), dict[int, Any]()
    for a, y in outputs_and_labels(results):
        own = {x.index for x in a.flat}
        joined = any(other < own for other in outputs)  # it contains a group that was already tried
        outputs.append(own)
        labels = {float(x.value.mid()) for x in y.flat}
        rank = not joined, labels != {1.0} and (len(labels) > 1 or y.size == 1), max(own)
        for name, cost in _costs(a, y, among):
            half = name == "quadratic"  # else the Huber, which has the ½, would fit a rate that is written down
            for signed in (cost, -cost) if what.gradients else (cost / 2, cost) if half else (cost,):
                truth = differentiate(signed, known=known)
                if is_large and not any(array.state == "right" for array in along(*few, truth, None)):
                    continue  # most costs are ruled out by a few elements
                compared = along(what.moved, given, truth, None)
                right = sum(array.state == "right" and array.alive for array in compared)
                if right and (best is None or (right, *rank) > best[0]):
                    best = (right, *rank), name, signed
    return best[1:] if best else None


def outputs_of(what: Observation) -> list[Number]:
    """Return the outputs that are compared with labels that are not all one number."""
    results = [x for move in what.moved.values() for x in move.ravel().tolist()]
    pairs = [(a, {float(x.value.mid()) for x in y.flat}) for a, y in outputs_and_labels(results)]
    return [x for a, labels in pairs if len(labels) > 1 or (a.size == 1 and labels != {1.0}) for x in a.flat]


def _costs(a: ExactArray, y: ExactArray, among: Collection[str]) -> Iterator[tuple[str, Number]]:
    terms: Callable[[], Any]
    for name, _, terms in candidates(a, y):
        if among and name not in among:
            continue
        try:
            cost = terms().sum()
        except (UndecidedError, ArithmeticError, ValueError):
            continue
        if cost.varies and cost.value.is_finite():
            yield name, cost


def over_the_step(what: Observation, cost: Number) -> Number:
    """Return the same cost over the numbers of the step's own forward pass, if another pass computed it.

    Two numbers match if they are computed alike from the same parameters and equal constants, and the step names one of
    them. A difference a − y never matches, nor does an unnamed intermediate of the backward pass. Several that are
    computed alike, as for equal examples, are matched one by one.
    """
    if is_of_the_step(what, cost):
        return cost
    named = {x.index for event in what.events for x in event.numbers}
    kinds: dict[Any, int] = {}  # an id for each way to compute a number
    of: dict[int, int] = {}  # the id of each number, by its index
    twins: dict[int, list[Number]] = {}  # the step's numbers, by that id
    moves = [x for move in what.moved.values() for x in move.ravel().tolist()]
    for x in computed_from(moves):
        kind = of[x.index] = kinds.setdefault(_alike(x, of), len(kinds))
        if x.index in named and not _is_an_error(x):
            twins.setdefault(kind, []).append(x)
    made: dict[int, Number] = {}
    for x in computed_from([cost]):
        kind = of[x.index] = kinds.setdefault(_alike(x, of), len(kinds))
        if known := twins.get(kind):
            made[x.index] = known.pop(0) if len(known) > 1 else known[0]
        elif x.rule is None:
            made[x.index] = x
        else:
            made[x.index] = Number(x.value, x.rule, _each(x, lambda y: made[y.index]), x.varies)
    return made[cost.index]


def _is_an_error(x: Number) -> bool:
    """Whether a number is a difference from a constant, such as a label."""
    return x.rule is not None and x.rule.name == "subtract" and not all(y.varies for y in x.operands)


def _alike(x: Number, of: Mapping[int, int]) -> Any:
    if x.rule is None:
        return x.index if x.varies else ("constant", str(x.value.mid()), str(x.value.rad()))
    return x.rule.name, _each(x, lambda y: of[y.index])


def _each(x: Number, function: Callable[[Number], Any]) -> Any:
    """Return the operands of a number, each replaced by a function; a dot product has two sequences of them."""
    if x.rule is DOT:
        return tuple(tuple(function(y) for y in side) for side in x.operands)
    return tuple(function(y) for y in x.operands)
