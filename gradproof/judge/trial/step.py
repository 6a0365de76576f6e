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
from gradproof.exact.sweeps import differentiate
from gradproof.judge.trial.arguments import copied, drawn, exact_variables, leaves, numbers_of, rebuilt
from gradproof.judge.trial.comparison import Compared
from gradproof.judge.trial.costs import NamedCost, name_costs_of_steps
from gradproof.judge.trial.descent import along
from gradproof.judge.trial.floats import FloatRun, float_findings
from gradproof.judge.trial.gradient import judged, prepared, scalar
from gradproof.judge.trial.judgement import Judgement
from gradproof.judge.trial.owner import arrays_of, is_state, moving_state, put
from gradproof.judge.trial.running import ExactRun, InexactError, SubjectError, named, require_callable
from gradproof.judge.trial.symmetry import symmetric


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
    are its methods). `step(parameters, *data)`, or `step(*parameters, *data)` where it takes so many, changes them in
    place or returns new ones; `cost` is called in the same way. Plain descent, weight decay, momentum's first step
    and Adam's first step are told apart. Without `cost` the question is whether the step follows the gradient of any
    cost: its derivatives must be symmetric (Schwarz). Otherwise as `check_gradient`.
    """
    spread = len(parameters) if isinstance(parameters, list | tuple) else 1
    for function, what in ((step, "step"), *([(cost, "cost")] if cost is not None else [])):
        require_callable(function, what, len(data), len(data) + 1, len(data) + spread)
    owner = parameters  # the object whose arrays they are, if it is one
    held = hasattr(owner, "__dict__") and not any(True for _ in leaves(owner, ""))
    example = prepared([_parameters_of(owner, cost, data, seed) if held else parameters, *data], seed)
    if not any(isinstance(leaf, np.ndarray) for _, leaf in leaves(example[0], "")):
        raise UsageError("parameters holds no array of floats")

    state = moving_state(owner if held else getattr(step, "__self__", None), example[0] if held else ())

    costs: dict[Reading, set[NamedCost]] = {}  # those that it is the gradient of at every point so far

    def _unless_warm(compared: list[Compared]) -> list[Compared]:
        if state and any(array.state != "right" for array in compared):
            raise InexactError(f"the optimizer has taken steps before ({state} is not 0): give a fresh one")
        return compared

    def claim(run: ExactRun, numbers: Any) -> Sequence[Compared]:
        given = exact_variables(numbers[0])
        rest = copied(_constants(numbers[1:]))
        after = _stepped(run, step, owner if held else None, parameters, given, rest)
        moved = _moves(given, after, named(step))
        if cost is None:
            compared = _unless_warm(symmetric(moved, given, seed))
            if costs.get(run.run.reading) != set():
                named_here = name_costs_of_steps(moved, [b for _, b in leaves(given, "") if isinstance(b, ExactArray)])
                costs[run.run.reading] = costs.get(run.run.reading, named_here) & named_here
            return compared
        with run.given():
            result = scalar(_called(run, cost, owner if held else None, parameters, copied(given), rest), named(cost))
        kept = run.takeover.copies.get(id(owner if held else getattr(step, "__self__", None)))
        return _unless_warm(along(moved, given, differentiate(result), kept))

    target = f"a step along the gradient of {named(cost) if cost else 'a cost'}"
    again = f"gradproof.check_step({named(step)}, …, seed={seed})"

    def answered(run: ExactRun | FloatRun, numbers: Any) -> Any:
        """The parameters after the step, exactly or in float64."""
        mine = copied(numbers[0])
        returned = _called(run, step, owner if held else None, parameters, mine, copied(numbers[1:]))
        return [getattr(run.takeover.take(owner), name) for name in mine] if held else [returned, mine]

    result = judged(claim, example, draw, seed, named(step), target, again)
    if result:
        result = replace(result, float64=float_findings([answered], [step], example, seed))
    if result and (found := next((some for some in costs.values() if some), None)):
        said = f"its cost, of outputs a and labels y: {' or '.join(sorted(map(str, found)))}"
        result = replace(result, conventions=[*result.conventions, said])
    return result


def _constants(data: Any) -> Any:
    """Data as exact numbers that nothing is differentiated by."""
    return rebuilt(data, lambda x: exact(x) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x)


def _parameters_of(owner: Any, cost: Any, data: Any, seed: int) -> dict[str, Any]:
    """The object's arrays that the cost depends on; without one, those that are not an optimizer's state."""
    arrays = arrays_of(owner)
    if cost is None:
        return {name: value for name, value in arrays.items() if not is_state(name, value)}
    with suppress(SubjectError, UndecidedError), ExactRun(Reading.EXACT, BITS, seed) as run:
        given = exact_variables(drawn(prepared([arrays], seed), np.random.default_rng(seed)))[0]
        put(run, owner, copied(given))
        rest = _constants(drawn(list(data), np.random.default_rng(seed)))
        truth = differentiate(scalar(run.call(cost, *rest), named(cost)))
        used = {
            name: arrays[name]
            for name, value in given.items()
            if any(
                x.index in truth
                for _, leaf in leaves(value, name)
                if isinstance(leaf, ExactArray)
                for x in numbers_of(leaf)
            )
        }
        return used or arrays
    return arrays


def _stepped(run: ExactRun, step: Any, owner: Any, parameters: Any, given: Any, data: Any) -> Any:
    """The parameters after the step, in the nesting of those before."""
    mine = copied(given)
    answer = _called(run, step, owner, parameters, mine, data)
    if owner is not None:
        taken = run.takeover.take(owner)
        return {name: getattr(taken, name) for name in given}
    unchanged = all(a is b for a, b in zip(_all_numbers(given), _all_numbers(mine), strict=True))
    if not unchanged:
        return mine
    if answer is None:
        raise SubjectError(f"{named(step)} neither changes the parameters nor returns new ones")
    return answer


def _called(run: ExactRun | FloatRun, function: Any, owner: Any, parameters: Any, given: Any, data: Any) -> Any:
    if owner is not None:
        put(run, owner, given)
        return run.call(function, *data)
    several = isinstance(parameters, list | tuple) and len(parameters) > 1  # a list of one is handed over as it is
    spread = several and _takes(function) == len(parameters) + len(data)
    return run.call(function, *given, *data) if spread else run.call(function, given, *data)


def _takes(function: Any) -> int:
    try:
        return len([p for p in inspect.signature(function).parameters.values() if p.default is p.empty])
    except (TypeError, ValueError):
        return 0


def _all_numbers(value: Any) -> list[Any]:
    return [x for _, leaf in leaves(value, "") if isinstance(leaf, ExactArray) for x in numbers_of(leaf)]


def _moves(given: Any, after: Any, what: str) -> dict[str, Any]:
    """θ′ − θ of each array, as exact numbers."""
    before = [(name.removeprefix("["), leaf) for name, leaf in leaves(given, "θ") if isinstance(leaf, ExactArray)]
    now = [leaf for _, leaf in leaves(after, "") if isinstance(leaf, ExactArray | Number | np.ndarray)]
    if len(now) != len(before):
        raise SubjectError(f"{what} gives {len(now)} arrays for {len(before)} parameters")
    for (name, a), b in zip(before, now, strict=True):
        if np.shape(b) != a.shape:
            raise SubjectError(f"{what} turns {name} of shape {a.shape} into one of shape {np.shape(b)}")
    return {name: exact(b) - a for (name, a), b in zip(before, now, strict=True)}
