"""What the runs of a step show: how it compares with a cost, and what else moves or stays. Collected over all runs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from gradproof.exact.numbers import Number
from gradproof.exact.run import Reading, Run, line_of
from gradproof.exact.sweeps import computed_from, differentiate
from gradproof.judge.find.exploration import Explored
from gradproof.judge.find.monitor import Step
from gradproof.judge.find.observation import Observation, observe
from gradproof.judge.find.running_means import line_of_counter
from gradproof.judge.lines.annotation import shown
from gradproof.judge.outcome import (
    SECONDS,
    Amiss,
    against,
    also_moved,
    as_regularised,
    forgotten,
    holding,
    perhaps_forgotten,
    states,
    unmoved,
)
from gradproof.judge.rates import allow_means, keep_steady, rate_beside, rates_of_groups, unusual_rates
from gradproof.judge.second_step import means
from gradproof.judge.stress import clips_gradients_alone
from gradproof.judge.trial.adaptive_steps import FIRST_OF_ADAM
from gradproof.judge.trial.comparison import Compared
from gradproof.judge.trial.costs import NamedCost, name_costs_of_steps
from gradproof.judge.trial.counters import counted_too_fast
from gradproof.judge.trial.descent import is_written
from gradproof.judge.trial.execution import ExactRun, InexactError, SubjectError, guarded
from gradproof.judge.trial.moves import moved_again, takes_several
from gradproof.judge.trial.penalties import with_own_terms
from gradproof.judge.trial.scaling import ADAPTIVE, BY_ITSELF, excused, scaled_each
from gradproof.judge.trial.symmetry import symmetric
from gradproof.limits import Clock

FORGOTTEN = "not moved, though its gradient is computed"
UPHILL = "uphill, which its text says is intended"
_HIGH = re.compile(r"objective|surrogate|reward|return|likelihood|elbo|utility|gain|fitness|score|log_?prob")
_ASCENT = re.compile(r"ascent|ascend|maximi[sz]|climb|reinforce\b", re.IGNORECASE)
_DESCENT = re.compile(r"descent|minimi[sz]", re.IGNORECASE)


@dataclass
class Evidence:
    """What the runs of a step show.

    The step is compared with the number `name` in the attribute `kind` of each Observation, or with the usual costs if
    `kind` is "listed".
    """

    explored: Explored
    calls: Sequence[str]  # expressions of the program's own cost
    seed: int
    kind: str = "listed"
    name: str = ""
    is_one_step: bool = False  # of the cost at a rate that the program writes down, though in two parts
    doubted: set[str] = field(default_factory=set)  # costs that may be of other examples
    unseen: dict[str, None] = field(default_factory=dict)  # moved, but not recognised as parameters
    passed: list[str] = field(default_factory=list)  # of those, the ones that are states
    idle: dict[str, str] = field(default_factory=dict)  # by path, how a step forgets it
    staying: dict[str, None] = field(default_factory=dict)  # what it may forget
    still: set[str] = field(default_factory=set)  # what is used in the forward pass and does not move
    untouched: dict[str, set[int]] = field(default_factory=dict)  # by parameter, the elements that moved at no point
    again: dict[str, Amiss] = field(default_factory=dict)  # by parameter, what goes wrong after this step
    twice: dict[str, Amiss] = field(default_factory=dict)  # by parameter, that it moves twice by one gradient
    group_rates: dict[str, Fraction] = field(default_factory=dict)
    unlike: dict[str, float] = field(default_factory=dict)  # by parameter, its rate in units of that of most others
    sizes: dict[str, int] = field(default_factory=dict)  # by parameter
    zeros: dict[str, None] = field(default_factory=dict)  # parameters that begin with some elements 0
    twins: dict[str, str] = field(default_factory=dict)  # by parameter, what begins as a copy of it
    velocities: Sequence[str] = ()
    shrinking: Sequence[str] = ()
    _costs: dict[Reading, set[NamedCost]] = field(default_factory=dict)  # usual ones that the step follows in all runs
    _rates: dict[Reading, Any] = field(default_factory=dict)
    _lengths: dict[Reading, dict[str, Any]] = field(default_factory=dict)

    @property
    def step(self) -> Step:
        assert self.explored.step is not None
        return self.explored.step

    @cached_property
    def used_after(self) -> set[str]:
        """The names that the program uses after the step."""
        return self.explored.scene.used_after(self.step.where) if self.step.kind == "turn" else set()

    @property
    def costs(self) -> set[NamedCost]:
        """The usual costs that the step follows in every run of the first reading under which there are any."""
        return next((some for some in self._costs.values() if some), set())

    def observe(self, run: ExactRun, drawn: Any) -> Observation:
        """Observe one run of the scene, from the number that `drawn` says; InexactError if that cannot be done."""
        number = int(abs(float(np.asarray(drawn[0]).ravel()[0])) * 1e9) % (1 << 31)
        scene = self.explored.scene
        try:
            with guarded("the program", SECONDS, Clock.COMPUTING):
                what = observe(scene, self.step, self.calls, number)
                self.sizes.update({path: array.size for path, array in what.given.items()})
                moves = [x for move in what.moved.values() for x in move.flat]
                clips = {index for index, place in run.run.clips.items() if place in scene.clips}
                if scene.scale != 1 and not clips_gradients_alone(what, clips):
                    raise InexactError("not only gradients are clipped")
                if run.run.reading is not Reading.EXACT and all(x.value.is_zero() for x in moves):
                    raise InexactError("nothing moves if a tiny learning rate is taken as 0")
                return what
        except InexactError:
            raise
        except SubjectError as error:
            raise InexactError(str(error)) from error

    def claim(self, run: ExactRun, drawn: Any) -> Sequence[Compared]:
        """Compare the step with the cost in one run, and collect what else the run shows."""
        what = self.observe(run, drawn)
        _forget_what_is_shown(run.run, what)
        self._collect(what)
        cost = getattr(what, self.kind).get(self.name) if self.kind != "listed" else None
        if self.kind == "listed":
            return holding(what, None, lambda: self._compare_with_usual(run, what))
        return holding(what, cost, lambda: self._compare_with_own(run, what, cost))

    def _collect(self, what: Observation) -> None:
        self.idle.update(dict.fromkeys(forgotten(what, self.used_after), FORGOTTEN))
        self.staying.update(dict.fromkeys(perhaps_forgotten(what, self.used_after)))
        self.still.update(unmoved(what))
        self.zeros.update(dict.fromkeys(what.zeros))
        self.twins.update(what.twins)
        self.velocities, self.shrinking = what.velocities, means(what)
        self.group_rates.update(rates_of_groups(what))
        for path, twin in what.stale.items():
            self.again[path] = Amiss(f"its copy {shown(twin)} stays as it was", 0)
        for path, array in what.given.items():
            if said := _again(array, what.after[path]):
                self.twice[path] = said
        for path, move in what.moved.items():
            unmoved_there = {place for place, x in enumerate(move.flat) if x.value.is_zero()}
            if len(unmoved_there) < move.size:  # an array that never moves is another matter
                self.untouched[path] = self.untouched.get(path, unmoved_there) & unmoved_there

    def _compare_with_own(self, run: ExactRun, what: Observation, cost: Number | None) -> Sequence[Compared]:
        """Compare the step with the cost that was chosen."""
        if cost is None:
            raise InexactError(f"{self.name} is not computed in every run")
        scene, reading = self.explored.scene, run.run.reading
        self.unseen.update(dict.fromkeys(also_moved(what, cost)))
        for path in self.unseen.keys() & states(what, cost) if self.unseen else ():
            del self.unseen[path]
            self.passed.append(path)
        self.doubted.update(what.doubtful)
        compared = against(what, cost)
        self.is_one_step = self.is_one_step or (bool(self.twice) and is_written(rate_beside(what, cost)))
        if _is_climbed(self.name, scene.program.text, what, compared):
            compared = [a._replace(convention=a.convention or UPHILL) for a in against(what, -cost)]
        given = list(what.given.values())
        if any(array.state != "right" for array in compared) and not self.step.gradients:
            earlier = self._lengths.setdefault(reading, {})
            compared = scaled_each(what.moved, given, differentiate(cost), compared, self.seed, earlier)
        if scene.is_of_a_layer:
            compared = allow_means(scene, what, compared)
        if not any(array.convention == BY_ITSELF for array in compared):
            compared = keep_steady(what, cost, compared, self._rates, reading)
        if any(array.convention == FIRST_OF_ADAM for array in compared):
            self.unlike.update(unusual_rates(what, cost))
            line = line_of_counter(scene.program.tree)
            for path, t in counted_too_fast(what.moved, given, differentiate(cost), what.kept).items():
                self.again[path] = Amiss(f"its first step has t = {t}: t counts arrays, not steps", line)
        _refuse_several(what, compared)
        if any(array.state == "wrong" for array in compared) and (eta := rate_beside(what, cost)) > 0:
            compared = with_own_terms(what.moved, given, differentiate(cost), eta, compared)
        return compared

    def _compare_with_usual(self, run: ExactRun, what: Observation) -> Sequence[Compared]:
        """Test whether the step is the gradient of any cost, and of which of the usual ones."""
        given = list(what.given.values())
        compared = symmetric(what.moved, given, self.seed)
        if any(array.state != "right" for array in compared):
            if self.step.gradients:
                return compared
            _refuse_several(what, compared)
            compared = excused(what.moved, given, compared, self.seed)
            if not all(array.convention == ADAPTIVE for array in compared):
                return compared
        before = self._costs.get(run.run.reading)
        kept = what.kept if any(array.convention == ADAPTIVE for array in compared) else None
        here = name_costs_of_steps(what.moved, given, {one.name for one in before or ()}, kept)
        self._costs[run.run.reading] = here if before is None else before & here
        return as_regularised(what, compared, here) if here else compared


def _again(old: Any, new: Any) -> Amiss | None:
    """Say that an array moves twice by the same gradient, if it does."""
    if (found := moved_again(old, new)) is None:
        return None
    update, shared = found
    at = f"line {line}" if (line := line_of(shared.place)) else "the forward pass"
    said = f"it moves again by the gradient of the first step, because what {at} computes is not computed again"
    return Amiss(said, line_of(update.place) or 0)


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


def _is_climbed(name: str, text: str, what: Observation, compared: Sequence[Compared]) -> bool:
    """Whether the program means to maximise the named number, judging by its name and the program's words.

    The step must go uphill, and must not follow one of the usual costs.
    """
    words = _HIGH.search(name) and _ASCENT.search(text) and not _DESCENT.search(text)
    if not words or not all(array.state == "uphill" for array in compared if array.alive):
        return False
    return not name_costs_of_steps(what.moved, list(what.given.values()))
