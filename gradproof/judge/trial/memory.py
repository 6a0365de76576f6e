"""Finds what a step remembers of earlier ones, over three steps: momentum, Nesterov's, or one of the wrong sign.

u₂ = a u₁ + b f(θ₁), where f(θ) is the first step of a fresh optimizer at θ: a = 0 for plain descent, μ for momentum.
This needs no cost, only a first step that is right.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradproof.exact.arrays import ExactArray, array_of
from gradproof.exact.loading import Takeover
from gradproof.exact.numbers import Number
from gradproof.exact.rules import Ball
from gradproof.exact.run import UndecidedError
from gradproof.judge.trial.arguments import copied, numbers_of, rebuilt
from gradproof.judge.trial.comparison import Compared
from gradproof.judge.trial.execution import ExactRun, SubjectError
from gradproof.judge.trial.moves import Stepping, arrays_in, moves

Balls = Any  # an object array of arb
MOST_SHARES = 12  # literals of the code that are tried as the μ of a momentum that looks ahead
ALL = "the gradients of earlier calls are still in its step"
UNKNOWN = "later steps depend on earlier ones, and not as with a momentum: only the first is judged"


class Memory(NamedTuple):
    """What one array's step remembers of the step before."""

    fault: str = ""
    convention: str = ""


def with_memory(
    run: ExactRun, stepping: Stepping, given: Any, rest: Any, moved: dict[str, Any], compared: list[Compared]
) -> list[Compared]:
    """Add to the comparison of a right first step what two more steps show: momentum, or one of the wrong sign."""

    def started(arrays: Sequence[Balls]) -> Any:
        """Return the parameters with these values, as new variables."""
        new = iter(arrays)
        return rebuilt(given, lambda x: _variables(next(new), x.shape) if isinstance(x, ExactArray) else x)

    def step_from(arrays: Sequence[Balls]) -> list[Balls]:
        start = started(arrays)
        return [_values(move) for move in moves(start, stepping.after(run, start, copied(rest)), "").values()]

    def fresh(arrays: Sequence[Balls]) -> list[Balls]:
        """Return the move of an optimizer that has taken no step before."""
        kept, run.takeover = run.takeover, Takeover(run.takeover.compiler, run.takeover.names)
        try:
            return step_from(arrays)
        finally:
            run.takeover = kept

    start, steps = [_values(array) for array in arrays_in(given)], [[_values(move) for move in moved.values()]]
    try:
        for _ in range(2):
            steps.append(step_from([sum(u, x) for x, *u in zip(start, *steps, strict=True)]))
        shares = [x.value for x in run.run.literals.values() if x.value > 0 and x.value < 1]
        memories = remembered(start, steps, fresh, shares[:MOST_SHARES])
    except (SubjectError, UndecidedError):  # later steps are not judged
        return compared
    return [
        array._replace(state=memory.fault or array.state, convention=array.convention or memory.convention)
        for array, memory in zip(compared, memories, strict=True)
    ]


def _values(array: Any) -> Balls:
    result = np.empty(array.shape or 1, object)
    result.ravel()[:] = [x.value for x in numbers_of(array)]
    return result


def _variables(balls: Balls, shape: Any) -> ExactArray:
    return array_of([Number(ball, varies=True) for ball in balls.ravel()], shape)


def remembered(
    start: Sequence[Balls],
    steps: Sequence[Sequence[Balls]],
    fresh: Callable[[Sequence[Balls]], Sequence[Balls]],
    shares: Sequence[Ball] = (),
) -> list[Memory]:
    """Return the memory of each array, from its first three moves; empty for other kinds of steps, such as Adam's.

    `shares` are numbers of the code that may be the μ of a momentum that looks ahead: u₂ = μ u₁ + f(θ₁ + μ u₁).
    """
    first, second, third = steps
    after_one = [x + u for x, u in zip(start, first, strict=True)]
    at_one, at_two = fresh(after_one), fresh([x + u for x, u in zip(after_one, second, strict=True)])
    rate = next((b for arrays in zip(second, first, at_one, strict=True) if (b := _rate(*arrays)) is not None), None)
    if rate is None:
        ahead = _looking_ahead(after_one, first, second, fresh, shares)
        plain = [_multiple(u, f) is not None for u, f in zip(second, at_one, strict=True)]
        return [ahead if ahead.convention or is_plain else Memory(convention=UNKNOWN) for is_plain in plain]
    return [_told(*arrays, rate) for arrays in zip(first, second, third, at_one, at_two, strict=True)]


def _rate(second: Balls, first: Balls, at_one: Balls) -> Ball | None:
    """Return b > 0 of u₂ = a u₁ + b f if one a and one b explain an array of three or more elements, else None."""
    u, v, f = second.ravel(), first.ravel(), at_one.ravel()
    if u.size < 3:
        return None
    i = int(np.argmax([float(abs(x).mid()) for x in v]))
    areas = [v[i] * f[j] - v[j] * f[i] for j in range(u.size)]
    j = int(np.argmax([float(abs(area).mid()) for area in areas]))
    if areas[j].contains(0) or not areas[j].is_finite():
        return None
    a, b = (u[i] * f[j] - u[j] * f[i]) / areas[j], (v[i] * u[j] - v[j] * u[i]) / areas[j]
    return b if b > 0 and all(u[k].overlaps(a * v[k] + b * f[k]) for k in range(u.size)) else None


def _looking_ahead(after_one: Any, first: Any, second: Any, fresh: Any, shares: Sequence[Ball]) -> Memory:
    for mu in shares:
        ahead = fresh([x + mu * u for x, u in zip(after_one, first, strict=True)])
        if all(_overlap(u, mu * v + f) for u, v, f in zip(second, first, ahead, strict=True)):
            return Memory(convention=f"Nesterov's momentum {_written(mu)}, seen over two steps")
    return Memory()


def _told(first: Balls, second: Balls, third: Balls, at_one: Balls, at_two: Balls, rate: Ball) -> Memory:
    rest = second - rate * at_one
    share = _multiple(rest, first)
    if share is None:
        return Memory(convention=UNKNOWN)
    if share.contains(0) or first.size == 1:  # a single number is a multiple of any other
        return Memory()
    if share < 0:
        return Memory(f"its momentum points backwards: {_written(-share)} times the previous step is subtracted")
    if not share < 1:
        return Memory(ALL)
    if _multiple(third - rate * at_two, second) is not None:
        return Memory(convention=f"momentum {_written(share)}, seen over three steps")
    mu = (share + (share * share + 4 * share).sqrt()) / 2  # a = μ²/(1 + μ)
    if _overlap(third - rate * at_two, share * (mu * first + at_one)):
        return Memory(convention=f"Nesterov's momentum {_written(mu)}, seen over three steps")
    return Memory(convention=f"each step contains {_written(share)} of the previous one")


def _multiple(array: Balls, of: Balls) -> Ball | None:
    """Return the factor by which the array is a multiple of the other, or None."""
    i = max(np.ndindex(of.shape), key=lambda i: float(abs(of[i]).mid()))
    if of[i].contains(0):
        return None
    ratio = array[i] / of[i]
    return ratio if _overlap(array, ratio * of) else None


def _overlap(a: Balls, b: Balls) -> bool:
    return all(x.overlaps(y) for x, y in zip(a.flat, b.flat, strict=True))


def _written(ball: Ball) -> str:
    return f"{float(ball.mid()):.6g}"
