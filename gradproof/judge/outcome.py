"""The outcome of judging a scene, and the comparison of a step with a cost."""

import operator
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from flint import arb

from gradproof.exact.arrays import ExactArray
from gradproof.exact.numbers import Number
from gradproof.exact.run import current
from gradproof.exact.sweeps import computed_from, differentiate, operands_of
from gradproof.judge.find.aims import doubtful_aims, held
from gradproof.judge.find.exploration import Explored
from gradproof.judge.find.monitor import Event
from gradproof.judge.find.observation import MOST_SUMMED, Observation
from gradproof.judge.find.roles import named_as_parameter, stem
from gradproof.judge.trial.comparison import Compared, common_factor
from gradproof.judge.trial.costs import BY_EXAMPLE, ELEMENTWISE, NamedCost, outputs_and_labels
from gradproof.judge.trial.descent import along
from gradproof.judge.trial.execution import InexactError
from gradproof.judge.trial.moves import terms
from gradproof.judge.trial.penalties import DECAY, squared
from gradproof.judge.trial.points import Tried
from gradproof.judge.trial.weighting import weighted_sum
from gradproof.numerics.verdict import Verdict

SECONDS = 20.0  # limit for one run
HELD = "its targets, which it computes with the same parameters, are held fixed, as in Q-learning"


class Amiss(NamedTuple):
    """A fault of a velocity or a running mean, which the first step does not show."""

    said: str
    line: int
    new: str = ""  # the corrected statement


@dataclass
class Outcome:
    """The outcome of judging one scene."""

    verdict: Verdict
    explored: Explored
    cost: str = ""  # in words
    named: Sequence[NamedCost] = ()
    tried: Tried | None = None
    other: Sequence[NamedCost] = ()  # costs whose gradient it is, if not that of its own
    trouble: str = ""
    symmetric: bool | None = None
    notes: list[str] = field(default_factory=list)
    clips: Sequence[int] = ()  # lines of clips that smaller examples did not reach
    declared: str = ""  # the declared cost, if it follows another
    where: str = ""  # the harder scene or later call in which it is wrong
    uncompared: bool = False  # whether it defines a cost that this step does not compute
    factors: list[tuple[int, list[float]]] = field(default_factory=list)  # number of examples, and those that fit
    answers: int = 0
    labels: bool | None = None  # whether outputs are compared with the unchanged targets, if known
    calls: Sequence[str] = ()  # the expressions of its cost that were evaluated
    zeros: Sequence[str] = ()  # parameters that begin with some elements 0 and others not
    twins: dict[str, str] = field(default_factory=dict)  # by parameter, what begins as a copy of it
    shrinking: Sequence[str] = ()  # parameters of which a step keeps only a part, as of a running mean
    velocities: Sequence[str] = ()  # parameters that start as 0, one for each of the others
    rates: dict[str, Fraction] = field(default_factory=dict)  # of parameters that one line moves at several
    idle: dict[str, set[int]] = field(default_factory=dict)  # by parameter, the elements that moved at no point
    late: Sequence[str] = ()  # parameters moved under a condition, but not in this turn
    unmoved: Sequence[str] = ()  # named as parameters, used in the forward pass, not moved
    amiss: dict[str, Amiss] = field(default_factory=dict)  # by parameter, of what its steps keep
    sizes: Mapping[str, int] = field(default_factory=dict)  # by parameter
    kind: str = ""  # where that cost was found: the attribute of an Observation, or "listed"
    piled: dict[str, str] = field(default_factory=dict)  # by parameter, where its gradients pile up

    @property
    def untouched(self) -> int:
        """How many elements moved at no point, so that their gradients are not tested."""
        return sum(map(len, self.idle.values()))

    @property
    def dead(self) -> list[str]:
        """Parameters whose gradient is 0 at every point tried."""
        return [array.name for array in self.tried.arrays if not array.alive] if self.tried else []


def ranked(costs: set[NamedCost]) -> list[NamedCost]:
    """Return the costs in the order of the tables: the quadratic before Huber's, which equals it for small errors."""
    order = [name for name, *_ in (*ELEMENTWISE, *BY_EXAMPLE)]
    return sorted(costs, key=lambda cost: order.index(cost.name))


def against(what: Observation, cost: Number) -> list[Compared]:
    """Compare the step with this cost; a weight decay beside a cost that has its own regularisation is wrong."""
    compared = along(what.moved, list(what.given.values()), differentiate(cost), what.kept)
    if any(DECAY in array.convention for array in compared) and squared(computed_from([cost]), what.given.values()):
        compared = [
            array._replace(state="wrong", convention="") if DECAY in array.convention else array for array in compared
        ]
    return compared


def holding(what: Observation, cost: Number | None, compare: Callable[[], Sequence[Compared]]) -> Sequence[Compared]:
    """Return the comparison; if it is wrong or fails, the one with computed targets held fixed, if that is right.

    InexactError if it is right only with something else held fixed that need not be meant as a target.
    """
    trouble: InexactError | None = None
    compared: Sequence[Compared] = ()
    try:
        compared = compare()
    except InexactError as error:
        trouble = error
    if not trouble and all(array.state == "right" for array in compared):
        return compared
    if what.aims and (fixed := _with_fixed(what.aims, compare)):
        return [array._replace(convention=array.convention or HELD) for array in fixed]
    if trouble:
        raise trouble
    moves = [x for array in what.after.values() for x in array.flat]
    for words, numbers in doubtful_aims(what.events, moves, cost):
        if (fixed := _with_fixed(numbers, compare)) and all(array.alive for array in fixed):
            raise InexactError(f"it is right only if {words} is held fixed, which depends on the parameters")
    if 2 <= len(what.own_costs) <= MOST_SUMMED:
        extents = {n for event in what.events for n in event.shape}
        if words := weighted_sum(what.own_costs, what.moved, list(what.given.values()), extents):
            raise InexactError(f"it follows the gradient of {words}, and gradproof cannot know whether that is meant")
    return compared


def _with_fixed(numbers: Sequence[Number], compare: Callable[[], Sequence[Compared]]) -> Sequence[Compared]:
    """Return the comparison with these numbers held fixed, if it is right, else ()."""
    with held(numbers), suppress(InexactError):
        compared = compare()
        if all(array.state == "right" for array in compared) and any(array.alive for array in compared):
            return compared
    return ()


def as_regularised(what: Observation, compared: Sequence[Compared], found: set[NamedCost]) -> list[Compared]:
    """Mark the arrays whose weight decay is not that of the program's own cost, though that is of other examples.

    The step follows one of the costs in `found`.
    """
    for name in sorted(what.doubtful & set(what.costs)):
        if squares := squared(terms([what.costs[name]]), what.given.values()):
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
    """Return what the step adds to and the cost depends on, although it was not recognised as a parameter."""
    known = {y.index for x in terms([cost]) for y in operands_of(x)}  # totals to which the cost is added
    known |= {x.index for array in what.given.values() for x in array.flat}  # other paths may be views of them
    known |= {x.index for x in current().literals.values()}  # all that is written as 0.0 shares one number
    ancestors, found = {x.index for x in computed_from([cost])} - known, list[str]()
    for path, (before, after) in what.state.items():
        pairs = [(a, b) for a, b in zip(before.flat, after.flat, strict=True) if isinstance(a, Number) and a is not b]
        if any(a.index in ancestors for a, _ in pairs) and all(
            any(a is y for x in terms([b]) for y in operands_of(x)) for a, b in pairs
        ):
            found.append(path)
    return found


def states(what: Observation, cost: Number) -> list[str]:
    """Return what the step changes on the way to the cost, such as the state of a leaky unit, which is no parameter."""
    ancestors = {x.index for x in computed_from([cost])}
    changed = {
        path: [b for a, b in zip(old.flat, new.flat, strict=True) if a is not b]
        for path, (old, new) in what.state.items()
    }
    return [
        path
        for path, new in changed.items()
        if new and all(isinstance(b, Number) and b.index in ancestors for b in new)
    ]


def forgotten(what: Observation, later: Container[str]) -> list[str]:
    """Return the variables that do not move although a gradient named after them is computed, and then not used.

    `later`: the names that are used after the step, such as a sum that is complete then.
    """
    named = {
        stem(event.name)
        for event in _idle(what, later)
        if event.name.isidentifier() and stem(event.name) != event.name.lower()
        if any(x.varies for x in event.numbers)
    }
    return [path for path in _staying(what) if path.isidentifier() and path.lower() in named]


def perhaps_forgotten(what: Observation, later: Container[str]) -> list[str]:
    """Return what is named as a parameter, does not move, and has the size of an unused result."""
    sizes = {len(event.numbers) for event in _idle(what, later)} - {1}
    return [path for path in _staying(what) if what.state[path][0].size in sizes]


def unmoved(what: Observation) -> list[str]:
    """Return what is named as a parameter and does not move, although it enters a sum or a matrix product."""
    moves = [x for move in what.moved.values() for x in move.ravel().tolist()]
    sums = [x for x in computed_from(moves) if x.rule is not None and x.rule.name in ("add", "dot")]
    enter = {y.index for x in sums for y in operands_of(x)}
    return [path for path in _staying(what) if any(x.index in enter for x in what.state[path][0].flat)]


def left_out(what: Observation, cost: Number, paths: Iterable[str], later: Container[str]) -> list[str]:
    """Return those of these parameters whose gradient is computed, up to a factor, and not used."""
    truth, found = differentiate(cost), list[str]()
    for path in paths:
        slope = np.array([truth.get(x.index, arb(0)) for x in what.given[path].flat], dtype=object)
        events = (event for event in _idle(what, later) if len(event.numbers) == len(slope))
        if any(common_factor(np.array([x.value for x in e.numbers], dtype=object), slope) for e in events):
            found.append(path)
    return found


def _idle(what: Observation, later: Container[str]) -> list[Event]:
    """Return the assignments that have no effect on anything that moves, in the step or from these names later."""
    used = {x.index for x in computed_from([x for array in what.after.values() for x in array.flat])}
    assigned = [e for e in what.events if e.kind == "assigned" and e.name not in later]
    return [e for e in assigned if used.isdisjoint(x.index for x in e.numbers)]


def _staying(what: Observation) -> list[str]:
    """Return what is named as a parameter and keeps its numbers, unless it only keeps those of a parameter before."""
    moved = [list(array.flat) for array in what.given.values()]
    return [
        path
        for path, (old, new) in what.state.items()
        if named_as_parameter(path)
        and all(a is b for a, b in zip(old.flat, new.flat, strict=True))
        and not any(len(old.flat) == len(given) and all(map(operator.is_, old.flat, given)) for given in moved)
    ]


def of_all_targets(what: Observation) -> bool:
    """Whether the outputs are compared with all of the given targets, unchanged."""
    if not isinstance(what.targets, ExactArray):
        return False
    results = [x for move in what.moved.values() for x in move.ravel().tolist()]
    if not all(isinstance(x, Number) for x in what.targets.flat):  # class numbers
        return False
    orders = (what.targets, what.targets.T)  # element order by rows, or by columns
    wanted = [[float(x.value.mid()) for x in order.ravel().tolist()] for order in orders]
    return any([float(x.value.mid()) for x in y.flat] in wanted for _, y in outputs_and_labels(results))
