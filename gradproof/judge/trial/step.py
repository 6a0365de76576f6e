"""check_step: does one training step go down the gradient?"""

import inspect
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from gradproof.errors import UsageError
from gradproof.exact.arrays import ExactArray, exact
from gradproof.exact.numbers import Number
from gradproof.exact.run import BITS, Reading, UndecidedError
from gradproof.exact.sweeps import computed_from, differentiate
from gradproof.judge.trial.adaptive_steps import FIRST_OF_ADAM, under_roots
from gradproof.judge.trial.arguments import (
    argument_names,
    copied,
    drawn,
    exact_variables,
    leaves,
    numbers_of,
    prepared,
    rebuilt,
)
from gradproof.judge.trial.comparison import Compared
from gradproof.judge.trial.confirmation import confirmed
from gradproof.judge.trial.costs import NamedCost, name_costs_of_steps
from gradproof.judge.trial.descent import along
from gradproof.judge.trial.example import example_lines
from gradproof.judge.trial.execution import ExactRun, InexactError, Result, SubjectError, named, require_callable, takes
from gradproof.judge.trial.floats import FloatRun, float_findings
from gradproof.judge.trial.gradient import judged, scalar
from gradproof.judge.trial.judgement import Judgement
from gradproof.judge.trial.memory import UNKNOWN, with_memory
from gradproof.judge.trial.moves import State, Stepping, all_numbers, arrays_in, moves, of_owner, takes_several, terms
from gradproof.judge.trial.owner import arrays_of, is_state, moving_state, put, steering
from gradproof.judge.trial.penalties import DECAY, OTHER_DECAY, squared
from gradproof.judge.trial.scaling import excused
from gradproof.judge.trial.symmetry import symmetric
from gradproof.numerics.verdict import Verdict


def check_step(
    step: Callable[..., Any],
    parameters: Any,
    *data: Any,
    cost: Callable[..., Any] | None = None,
    draw: bool = True,
    seed: int = 0,
) -> Judgement:
    """Does `step` move the parameters along −∂C/∂θ, by one factor for all of them?

    `parameters` holds example arrays in any nesting, or is the object whose arrays they are (then `step` and `cost`
    are its methods, or take it first). `step(parameters, *data)`, or `step(*parameters, *data)` if it takes that many,
    changes them in place or returns new ones; `cost` is called in the same way. Arrays of 0 among the data that the
    step updates are an optimizer's state, which is kept from step to step. Plain descent, weight decay, momentum (over
    three steps) and Adam's first step are distinguished. Without `cost`, the step must follow the gradient of some
    cost: its derivatives must be symmetric (Schwarz), up to the scaling of Adam and the like or of a clipped norm; the
    cost is named if it is one of the usual ones. Otherwise like `check_gradient`.
    """
    owner = parameters if hasattr(parameters, "__dict__") and not any(True for _ in leaves(parameters, "")) else None
    _require_calls(step, cost, parameters, owner, data)
    given = parameters if owner is None else _parameters_of(owner, step, cost, data, seed)
    example = prepared([given, *data], seed)
    if not any(isinstance(leaf, np.ndarray) for _, leaf in leaves(example[0], "")):
        raise UsageError("parameters holds no array of floats")
    stepping = Stepping(step, parameters, owner)
    before = len(parameters) if stepping.is_spread(step, len(data)) else 1 - takes(step, len(data))
    of_data = argument_names(step, before + len(data))[before:]
    descent = _Descent(stepping, cost, seed)
    descent.keep_state(example, of_data)
    target = f"a step along the gradient of {named(cost) if cost else 'a cost'}"
    call = f"check_step({named(step)}, …" + (f", cost={named(cost)}" if cost else "")
    result = judged(descent.claim, example, draw, seed, named(step), target, call)
    result = confirmed(result, descent.claim, [descent.answer], [step], example, seed, draw)
    if not result and isinstance(parameters, list | tuple) and len(parameters) == 1:
        plain = check_step(step, parameters[0], *data, cost=cost, draw=draw, seed=seed)  # if it takes no list of one
        if plain or not result.arrays:
            return plain
    if result.verdict is Verdict.REFUTED and result.arrays and cost is not None:
        shown = example_lines(descent.claim, example, ["θ", *of_data], None, seed, draw, moves=True)
        return replace(result, example=shown)
    if result:
        result = replace(result, float64=float_findings([descent.answer], [step], example, seed))
    if result and (found := next((some for some in descent.costs.values() if some), None)):
        said = f"its cost, for outputs a and labels y: {' or '.join(sorted(map(str, found)))}"
        result = replace(result, conventions=[*result.conventions, said])
    return result


def _require_calls(step: Any, cost: Any, parameters: Any, owner: Any, data: Sequence[Any]) -> None:
    """Raise UsageError unless the step and the cost can be called with the parameters, unless held, and the data."""
    spread = len(parameters) if isinstance(parameters, list | tuple) else 1
    counts, hint = [len(data) + 1, len(data) + spread], "it gets the parameters, then the data"
    if owner is not None:
        counts, hint = [len(data), *counts], "it gets the data"
    elif inspect.ismethod(step):
        hint = "for a method, give its object in place of the parameters"
    for function, what in ((step, "step"), *([(cost, "cost")] if cost is not None else [])):
        require_callable(function, what, *counts, hint=hint)


class _Descent:
    """A step that should go down the gradient of a cost, or of any, and what its runs show."""

    def __init__(self, stepping: Stepping, cost: Any, seed: int) -> None:
        self.stepping, self.cost, self.seed = stepping, cost, seed
        self.holder = getattr(stepping.step, "__self__", None) if stepping.owner is None else stepping.owner
        self.state = ""  # what of an optimizer's state shows earlier steps
        self.costs: dict[Reading, set[NamedCost]] = {}  # those whose gradient it is at every point so far
        self.memories: set[Reading] = set()  # under which several steps have been tried

    def keep_state(self, example: Any, names: Sequence[str]) -> None:
        """Mark the data that the step updates as an optimizer's state, which must begin as 0."""
        self.state = moving_state(self.holder, example[0] if self.stepping.owner is not None else ())
        for k in _updated(self.stepping, example, self.seed):
            if any(np.any(leaf) for _, leaf in leaves(example[1 + k], "") if isinstance(leaf, np.ndarray)):
                self.state = self.state or names[k]
            else:
                example[1 + k] = State(example[1 + k])

    def claim(self, run: ExactRun, numbers: Any) -> Sequence[Compared]:
        """Compare what one step moves with the gradient of the cost, or with those of any."""
        given, rest = exact_variables(numbers[0]), copied(_constants(numbers[1:]))
        after = self.stepping.after(run, given, rest)
        moved = moves(given, after, named(self.stepping.step))
        if self.cost is None:
            compared = symmetric(moved, given, self.seed)
            _name(self.costs, run.run.reading, moved, given)
        else:
            compared = self._along_its_cost(run, given, rest, moved)
        if any(array.state != "right" for array in compared):
            if self.state:
                raise InexactError(f"the optimizer has taken steps before ({self.state} is not 0): give a fresh one")
            if takes_several(given, after):
                raise InexactError(f"{named(self.stepping.step)} takes several steps in one call: let it take one")
            return excused(moved, given, compared, self.seed) if self.cost is None else compared
        is_without_epsilon = run.run.reading is Reading.WITHOUT_EPSILON
        if self.cost is None and is_without_epsilon and not any(array.alive for array in compared):
            raise InexactError("without its epsilon it moves by signs only")
        if run.run.reading not in self.memories:
            self.memories.add(run.run.reading)
            compared = with_memory(run, self.stepping, given, rest, moved, compared)
        return compared

    def claim_of_all_steps(self, run: ExactRun, numbers: Any) -> Sequence[Compared]:
        """Compare as `claim` does, and later steps too; what they remember must be understood."""
        kept, self.memories = self.memories, set()
        try:
            compared = self.claim(run, numbers)
        finally:
            self.memories = kept
        return [array._replace(state=UNKNOWN) if array.convention == UNKNOWN else array for array in compared]

    def _along_its_cost(self, run: ExactRun, given: Any, rest: Any, moved: Any) -> list[Compared]:
        with run.given():
            result = scalar(self.stepping.call(run, self.cost, copied(given), rest), named(self.cost))
        kept = run.takeover.copies.get(id(self.holder))
        run.result = Result(result, dict(zip(moved, arrays_in(given), strict=True)), moved)
        truth = differentiate(result)
        compared = along(moved, given, truth, kept)
        if any(array.state != "right" for array in compared):
            again = along(moved, given, truth, under_roots(moved))
            compared = again if any(array.convention == FIRST_OF_ADAM for array in again) else compared
        return _with_penalty_of(result, compared, arrays_in(given))

    def answer(self, run: ExactRun | FloatRun, numbers: Any) -> Any:
        """Return the parameters after the step, exactly or in float64."""
        mine, rest = copied(numbers[0]), [State(copied(x.zeros)) if isinstance(x, State) else x for x in numbers[1:]]
        returned = self.stepping.call(run, self.stepping.step, mine, copied(rest))
        if self.stepping.owner is None:
            return [returned, mine]
        return list(self.stepping.held(run, returned, mine).values())


def _constants(data: Any) -> Any:
    """Return the data as exact numbers that nothing is differentiated by."""
    return rebuilt(data, lambda x: exact(x) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x)


def _updated(stepping: Stepping, example: Any, seed: int) -> list[int]:
    """Return which of the data the step updates, as it does an optimizer's state; none if it cannot be run."""
    with suppress(SubjectError, UndecidedError), ExactRun(Reading.EXACT, BITS, seed) as run:
        numbers = drawn(example, np.random.default_rng(seed))
        given, *rest = rebuilt(_constants(numbers), abs)  # a mean of squares is not negative
        return stepping.updates(run, given, rest)
    return []


def _parameters_of(owner: Any, step: Any, cost: Any, data: Any, seed: int) -> dict[str, Any]:
    """Return the object's arrays that the cost depends on or, without a cost, those that are not optimizer state."""
    arrays = arrays_of(owner)
    zeros = {name for name, value in arrays.items() if not any(np.any(leaf) for _, leaf in leaves(value, name))}
    used = {name: value for name, value in arrays.items() if name not in zeros or not is_state(name, value)}
    with suppress(SubjectError, UndecidedError), ExactRun(Reading.EXACT, BITS, seed) as run:
        numbers = drawn(prepared([arrays], seed), np.random.default_rng(seed))[0]
        numbers |= {name: rebuilt(numbers[name], abs) for name in zeros}  # a mean of squares is not negative
        given = exact_variables(numbers)
        taken = put(run, owner, copied(given))
        rest = _constants(drawn(list(data), np.random.default_rng(seed)))
        if cost is None:
            run.call(step, *of_owner(step, taken, rest))
            state = zeros & steering(given, {name: getattr(taken, name) for name in given})
            return {name: value for name, value in used.items() if name not in state} or used
        truth = differentiate(scalar(run.call(cost, *of_owner(cost, taken, rest)), named(cost)))
        used = {
            name: arrays[name] for name, value in given.items() if any(x.index in truth for x in all_numbers(value))
        }
        return used or arrays
    return used if cost is None else arrays


def _with_penalty_of(cost: Number, compared: Sequence[Compared], parameters: Sequence[ExactArray]) -> list[Compared]:
    """Refuse the weight decay that a step adds to a penalty that its cost has already."""
    among = [squared(some([cost]), parameters) for some in (terms, computed_from)]
    told = []
    for array, parameter in zip(compared, parameters, strict=True):
        its, perhaps = (any(x.index in some for x in numbers_of(parameter)) for some in among)
        if DECAY in array.convention and its:
            array = array._replace(state=OTHER_DECAY, convention="")
        elif DECAY in array.convention and perhaps:
            raise InexactError(f"{array.name} decays beyond its cost, in which its squares may be another penalty")
        told.append(array)
    return told


def _name(costs: dict[Reading, set[NamedCost]], reading: Reading, moved: dict[str, Any], given: Any) -> None:
    """Keep only the usual costs that fit at this point as well."""
    if costs.get(reading) != set():
        here = name_costs_of_steps(moved, arrays_in(given), {cost.name for cost in costs.get(reading, ())})
        costs[reading] = costs.get(reading, here) & here
