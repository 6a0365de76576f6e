"""What was found in a scene, and a step compared with a cost."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from flint import arb

from gradproof.exact.arrays import ExactArray
from gradproof.exact.numbers import Number
from gradproof.exact.run import current
from gradproof.exact.sweeps import computed_from, differentiate, operands_of
from gradproof.judge.find.explore import Explored
from gradproof.judge.find.observation import Observation
from gradproof.judge.find.roles import named_as_parameter, stem
from gradproof.judge.find.watching import Event
from gradproof.judge.trial.comparison import Compared, common_factor
from gradproof.judge.trial.costs import BY_EXAMPLE, ELEMENTWISE, NamedCost, outputs_and_labels
from gradproof.judge.trial.descent import DECAY, along
from gradproof.judge.trial.points import Tried
from gradproof.judge.trial.running import InexactError
from gradproof.judge.trial.stepping import terms
from gradproof.numerics.verdict import Verdict

SECONDS = 20.0  # for one run
HELD = "its targets, which it computes with the same parameters, are held fixed, as in Q-learning"


class Amiss(NamedTuple):
    """What is wrong with a velocity or a running mean, which the first step does not show."""

    said: str
    line: int
    new: str = ""  # the statement as it should be


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
    clips: Sequence[int] = ()  # lines of clips that smaller examples did not reach
    declared: str = ""  # the cost that was declared, where it follows another
    where: str = ""  # in what harder scene it is wrong
    uncompared: bool = False  # whether it defines a cost that this step does not compute
    factors: list[tuple[int, list[float]]] = field(default_factory=list)  # that fit, of so many examples
    answers: int = 0
    labels: bool | None = None  # whether outputs are compared with the targets as they are given
    calls: Sequence[str] = ()  # the expressions of its cost that were asked
    zeros: Sequence[str] = ()  # parameters of which some elements begin as 0, and others do not
    twins: dict[str, str] = field(default_factory=dict)  # what begins as a copy of a parameter, by that
    velocities: Sequence[str] = ()  # parameters that begin as 0, one for each of the others
    late: Sequence[str] = ()  # what is moved under a condition, and not in this turn
    unmoved: Sequence[str] = ()  # what is named as a parameter, enters the forward pass and stays
    amiss: dict[str, Amiss] = field(default_factory=dict)  # of what a parameter's steps keep
    piled: dict[str, str] = field(default_factory=dict)  # parameters, and what their gradients pile up in


def ranked(costs: set[NamedCost]) -> list[NamedCost]:
    """The costs in the order of the table; Huber's is the quadratic one where no error is large."""
    order = [name for name, *_ in (*ELEMENTWISE, *BY_EXAMPLE)]
    return sorted(costs, key=lambda cost: order.index(cost.name))


def against(what: Observation, cost: Number) -> list[Compared]:
    """The step against this cost; what decays besides a cost that has its own regularisation is wrong."""
    compared = along(what.moved, list(what.given.values()), differentiate(cost), what.kept)
    if any(DECAY in array.convention for array in compared) and _regularised(what, cost):
        compared = [
            array._replace(state="wrong", convention="") if DECAY in array.convention else array for array in compared
        ]
    return compared


def holding(what: Observation, compare: Callable[[], Sequence[Compared]]) -> Sequence[Compared]:
    """What is compared; where that is wrong, with the program's computed targets held fixed, if that is right."""
    trouble: InexactError | None = None
    compared: Sequence[Compared] = ()
    try:
        compared = compare()
    except InexactError as error:
        trouble = error
    if what.aims and (trouble or any(array.state != "right" for array in compared)):
        with what.held(), suppress(InexactError):
            held = compare()
            if all(array.state == "right" for array in held) and any(array.alive for array in held):
                return [array._replace(convention=array.convention or HELD) for array in held]
    if trouble:
        raise trouble
    return compared


def _regularised(what: Observation, cost: Number) -> bool:
    """Whether the cost has a square of a parameter in it."""
    return bool(_squared(computed_from([cost]), what))


def _squared(numbers: Iterable[Number], what: Observation) -> set[int]:
    """The indices of the parameters that these numbers are squares of."""
    own = {x.index for array in what.given.values() for x in array.ravel().tolist()}
    found = set()
    for x in numbers:
        if x.rule is not None and x.rule.name in ("multiply", "square", "power", "dot"):
            operands = x.operands
            if x.rule.name == "dot":
                found |= {a.index for a, b in zip(*operands, strict=True) if a is b}
            elif len(operands) == 1 or operands[-1] is operands[0] or _is_power(x):
                found.add(operands[0].index)
    return found & own


def _is_power(x: Number) -> bool:
    """xⁿ of a constant n."""
    return x.rule is not None and x.rule.name == "power" and not x.operands[1].varies


def as_regularised(what: Observation, compared: Sequence[Compared], found: set[NamedCost]) -> list[Compared]:
    """What follows one of these costs, if it decays what the program's own cost does, be that of other examples."""
    for name in sorted(what.doubtful & set(what.costs)):
        if squares := _squared(terms([what.costs[name]]), what):
            told = []
            decayed = next((cost.decayed for cost in ranked(found)), ()) or [False] * len(compared)
            for array, given, decays in zip(compared, what.given.values(), decayed, strict=True):
                its = any(x.index in squares for x in given.flat)
                said = (
                    "without the weight decay that its own cost has"
                    if its
                    else "with weight decay, unlike its own cost"
                )
                told.append(array if its == decays else array._replace(state=said))
            return told
    return list(compared)


def also_moved(what: Observation, cost: Number) -> list[str]:
    """What the step adds to and the cost depends on, though it is no parameter that was recognised."""
    known = {y.index for x in terms([cost]) for y in operands_of(x)}  # what a loss of many steps is added to
    known |= {x.index for array in what.given.values() for x in array.flat}  # of which another path may be a view
    known |= {x.index for x in current().literals.values()}  # one number for all that are written as 0.0
    ancestors, found = {x.index for x in computed_from([cost])} - known, list[str]()
    for path, (before, after) in what.state.items():
        pairs = [(a, b) for a, b in zip(before.flat, after.flat, strict=True) if isinstance(a, Number) and a is not b]
        if any(a.index in ancestors for a, _ in pairs) and all(
            any(a is y for x in terms([b]) for y in operands_of(x)) for a, b in pairs
        ):
            found.append(path)
    return found


def forgotten(what: Observation) -> list[str]:
    """Variables that stay though their gradient is computed, by its name, and nothing that moves follows from it."""
    named = {
        stem(event.name)
        for event in _idle(what)
        if event.name.isidentifier() and stem(event.name) != event.name.lower()
        if any(x.varies for x in event.numbers)
    }
    return [path for path in _staying(what) if path.isidentifier() and path.lower() in named]


def perhaps_forgotten(what: Observation) -> list[str]:
    """What is named as a parameter and stays, and has the size of something that nothing follows from."""
    sizes = {len(event.numbers) for event in _idle(what)} - {1}
    return [path for path in _staying(what) if what.state[path][0].size in sizes]


def unmoved(what: Observation) -> list[str]:
    """What is named as a parameter and stays, though it is added to something or meets it in a product of matrices."""
    moves = [x for move in what.moved.values() for x in move.ravel().tolist()]
    sums = [x for x in computed_from(moves) if x.rule is not None and x.rule.name in ("add", "dot")]
    enter = {y.index for x in sums for y in operands_of(x)}
    return [path for path in _staying(what) if any(x.index in enter for x in what.state[path][0].flat)]


def left_out(what: Observation, cost: Number, paths: Iterable[str]) -> list[str]:
    """Of these parameters, which are drawn as well, those whose gradient is computed and that stay."""
    truth, found = differentiate(cost), list[str]()
    for path in paths:
        slope = np.array([truth.get(x.index, arb(0)) for x in what.given[path].flat], dtype=object)
        events = (event for event in _idle(what) if len(event.numbers) == len(slope))
        if any(common_factor(np.array([x.value for x in e.numbers], dtype=object), slope) for e in events):
            found.append(path)
    return found


def _idle(what: Observation) -> list[Event]:
    """What is given a name and has no effect on anything that moves."""
    used = {x.index for x in computed_from([x for array in what.after.values() for x in array.flat])}
    return [e for e in what.events if e.kind == "assigned" and used.isdisjoint(x.index for x in e.numbers)]


def _staying(what: Observation) -> list[str]:
    return [
        path
        for path, (old, new) in what.state.items()
        if named_as_parameter(path) and all(a is b for a, b in zip(old.flat, new.flat, strict=True))
    ]


def of_all_targets(what: Observation) -> bool:
    """Whether the outputs are compared with the targets that were given, each and unchanged."""
    if not isinstance(what.targets, ExactArray):
        return False
    results = [x for move in what.moved.values() for x in move.ravel().tolist()]
    if not all(isinstance(x, Number) for x in what.targets.flat):  # labels that are classes
        return False
    orders = (what.targets, what.targets.T)  # row by row, or example by example
    wanted = [[float(x.value.mid()) for x in order.ravel().tolist()] for order in orders]
    return any([float(x.value.mid()) for x in y.flat] in wanted for _, y in outputs_and_labels(results))
