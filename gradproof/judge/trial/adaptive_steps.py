"""Judges the steps of adaptive optimizers, such as Adam, RMSprop and AdaGrad, by their first step.

Each element moves by −η g / (√(a g² + b) + ε) − κ θ, with η, a > 0 and b, ε, κ ≥ 0: a g² + b is a mean or a sum of
squares after the first one, and κ a decoupled weight decay. The formula hides a factor of g, so what the optimizer
keeps, a multiple of g or of g², must be the same multiple for all arrays.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from heapq import heappop, heappush
from math import log2
from types import SimpleNamespace
from typing import Any

import numpy as np
from flint import arb, arb_mat

from gradproof.exact.arrays import ExactArray, array_of
from gradproof.exact.numbers import Number
from gradproof.exact.sweeps import computed_from
from gradproof.judge.trial.arguments import leaves, numbers_of
from gradproof.judge.trial.comparison import LARGEST, Compared
from gradproof.judge.trial.points import TELLING

Balls = Any  # an object array of arb
BY_SIGN = "moved by the sign of its gradient only, as in Adam's first step"
FIRST_OF_ADAM = "adaptive steps, like Adam's or RMSprop's: only the first is judged"
NO_ROOT = "divided by the mean of its squared gradient, without the square root"
NO_FORM = "not moved as by Adam, RMSprop or AdaGrad, though what they keep is computed"


def accept_adaptive(
    results: Sequence[Compared], steps: Sequence[Balls], slopes: Sequence[Balls], values: Sequence[Balls], kept: Any
) -> Sequence[Compared]:
    """Accept adaptive steps if the optimizer keeps the same multiple of every gradient, or of its square.

    Another multiple shows that a gradient has a wrong factor, which a step by its sign hides. A single number does not
    count, since it is a multiple of anything.
    """
    if not any(
        found.state == BY_SIGN or (found.state != "right" and goes_down(step, slope))
        for found, step, slope in zip(results, steps, slopes, strict=True)
    ):
        return results
    shares = {  # of right ones too: two elements of one length follow a plain rate as well
        k: kept_shares(kept, slope, squares_alone=found.state != BY_SIGN)
        for k, (found, step, slope) in enumerate(zip(results, steps, slopes, strict=True))
        if found.state in (BY_SIGN, "right") or goes_down(step, slope)
    }
    sums = [line for k in shares for array in _kept(kept, slopes[k]) if (line := _line_of_squares(array, slopes[k]))]
    for k, own in shares.items():  # AdaGrad's sums, which may start above 0
        own += [(True, rise) for start, rise in sums[:1] if _is_sum(kept, slopes[k], start, rise)]
    if any(squared for own in shares.values() for squared, _ in own):  # a plain multiple may be a variable beside them
        shares = {k: [one for one in own if one[0]] for k, own in shares.items()}
    groups = [
        (squared, share, [k for k, own in shares.items() if any(s == squared and r.overlaps(share) for s, r in own)])
        for squared, share in (one for own in shares.values() for one in own)
    ]
    size = {k: sum(not g.contains(0) for g in slopes[k].flat) for k in shares}
    squared, share, group = max(groups, key=lambda one: (sum(size[k] for k in one[2]), one[0]), default=(False, 0, []))
    far = [abs(step) for k in group for step in steps[k].flat]
    if max((size[k] for k in group), default=0) < 2 and (
        len(group) < 2 or not (squared or all(one.overlaps(far[0]) for one in far))
    ):
        return results
    revised = list(results)
    larger = [(steps[j], slopes[j]) for j in group]
    for k, own in shares.items():
        if k in group and results[k].state != "right" and _lacks_root(steps[k], slopes[k]):
            revised[k] = results[k]._replace(state=NO_ROOT)
        elif k in group and results[k].state != "right" and (found := misses_form(steps[k], slopes[k], values[k])):
            revised[k] = results[k]._replace(state=found)
        elif (k in group and results[k].state != "right") or (
            (not own or slopes[k].size == 1)
            and slopes[k].size < 3
            and _is_on_line(lengths(steps[k], slopes[k]), larger)
        ):
            revised[k] = results[k]._replace(state="right", digits=np.inf, convention=FIRST_OF_ADAM)
        elif k not in group and (ratios := [r / share for s, r in own if s == squared]):
            factor = _factor_of(ratios[0].sqrt() if squared else ratios[0])
            revised[k] = results[k]._replace(state=f"follows {factor} times its gradient, which adaptive steps hide")
    return revised


def _is_on_line(points: Sequence[tuple[Any, Any]], arrays: Sequence[tuple[Balls, Balls]]) -> bool:
    """Whether the few elements of an array are on the line |g / s| = c |g| + d that larger arrays are on."""
    lines = [line for step, slope in arrays if (line := rising_line(lengths(step, slope)))]
    if not lines or not lines[0][0] > 0:  # without ε the line does not depend on a factor of g
        return False
    return all(q.overlaps(lines[0][0] + lines[0][1] * g) for q, g in points)


def misses_form(step: Balls, slope: Balls, value: Balls) -> str:
    """Return "" if an array moves as described above, or has less than three elements; else its state."""
    moving = [(s, g, w) for s, g, w in zip(step.flat, slope.flat, value.flat, strict=True) if not g.contains(0)]
    ratios = [(abs(g / s), abs(g)) for s, g, _ in moving if not s.contains(0)]
    if len(moving) < 3:
        return ""
    if len(ratios) < len(moving):
        return NO_FORM
    lines = rising_line(ratios), rising_line([(q * q, g * g) for q, g in ratios])
    if any(line and not line[0] < 0 for line in lines):
        return ""
    # q² = 2εq + a g² + b − ε², for q = |g / s| and η = 1
    plain = goes_down(step, slope) and solved([([q, g * g, arb(1)], q * q) for q, g in ratios])
    if plain and plain[0] > 0 and plain[1] > 0 and not plain[2] + plain[0] ** 2 / 4 < 0:
        return "" if _is_telling(plain[1]) else "undecided"
    # With s′ = s + κ θ in place of s: |g| = |s′| (a |g| + ε), or g² = s′² (a g² + b)
    signs = [1 if g < 0 else -1 for _, g, _ in moving]
    decayed = solved([([o * s * abs(g), o * w * abs(g), o * s, o * w], abs(g))
                       for o, (s, g, w) in zip(signs, moving, strict=True)])  # fmt: skip
    decayed = decayed or solved([([(s * g) ** 2, 2 * s * w * g * g, s * s, 2 * s * w, (w * g) ** 2, w * w], g * g)
                                  for s, g, w in moving])  # fmt: skip
    if decayed:  # a, κ a, and ε or b
        fits = decayed[0] > 0 and not (decayed[1] < 0 or decayed[2] < 0)
        return ("" if _is_telling(decayed[0]) else "undecided") if fits else NO_FORM
    return "undecided" if len(moving) < 7 else NO_FORM


def _is_telling(x: Any) -> bool:
    """Whether a solution is known to enough digits to say more than that the enclosures are wide."""
    return bool(x.rel_accuracy_bits() >= TELLING * log2(10))


def solved(rows: Sequence[tuple[list[Any], Any]]) -> list[Any] | None:
    """Solve linear equations, of which there must be more than unknowns; None if no solution fits them all."""
    n = len(rows[0][0]) if rows else 0
    order = sorted(rows, key=lambda row: float(abs(row[1]).mid()))
    if len(rows) <= n:
        return None
    chosen = [order[round(k * (len(order) - 1) / (n - 1))] for k in range(n)]
    try:
        found = arb_mat([row for row, _ in chosen]).solve(arb_mat([[right] for _, right in chosen]))
    except ZeroDivisionError:
        return None
    solution = [found[k, 0] for k in range(n)]
    fits = all(sum((c * x for c, x in zip(row, solution, strict=True)), arb(0)).overlaps(right) for row, right in rows)
    return solution if fits else None


def lengthened(moved: dict[str, Any], parameters: Sequence[Any], truth: dict[int, Any]) -> frozenset[str]:
    """Return the arrays whose steps are as long as their gradients divided by the root of a mean of squares."""
    steps, slopes, _ = in_balls(moved, parameters, truth)
    pairs = zip(moved, steps, slopes, strict=True)
    return frozenset(name for name, step, slope in pairs if rising_line(lengths(step, slope)))


def lengths(step: Balls, slope: Balls) -> list[tuple[Any, Any]]:
    """Return |g/s| and |g| of each element that moves."""
    return [(abs(g / s), abs(g)) for s, g in zip(step.flat, slope.flat, strict=True) if not (s * g).contains(0)]


def rising_line(pairs: Sequence[tuple[Any, Any]]) -> tuple[Any, Any] | None:
    """Return the intercept and the slope of the rising line through all points (y, x), of which there must be three.

    Return None if there is no such line.
    """
    if len(pairs) < 3:
        return None
    (low, first), *rest, (high, last) = sorted(pairs, key=lambda pair: float(pair[1].mid()))
    if (last - first).contains(0):
        return None
    rise = (high - low) / (last - first)
    fits = rise > 0 and all(y.overlaps(low + rise * (x - first)) for y, x in rest)
    return (low - rise * first, rise) if fits else None


def _lacks_root(step: Balls, slope: Balls) -> bool:
    """Whether |g/s| is c g² + d, as for s = −η g / (v + ε), instead of c |g| + d."""
    return rising_line([(q, x * x) for q, x in lengths(step, slope)]) is not None


def _factor_of(ratio: Any) -> str:
    plain = Fraction(float(ratio.mid())).limit_denominator(LARGEST)
    return str(plain) if ratio.overlaps(arb(plain.numerator) / plain.denominator) else f"{float(ratio.mid()):.4g}"


def _kept(owner: Any, slope: Balls) -> list[Balls]:
    """Return the arrays of an owner that have a slope's shape."""
    return list(map(balls_of, _arrays(owner, slope)))


def _arrays(owner: Any, slope: Balls) -> list[ExactArray]:
    arrays = [leaf for _, leaf in leaves(dict(vars(owner)) if owner is not None else {}, "")]
    return [one for one in arrays if isinstance(one, ExactArray) and (one.shape or (1,)) == slope.shape]


def under_roots(moved: dict[str, Any]) -> SimpleNamespace:
    """Return an object that holds, for each array that moves, the mean of squares under the last root on the way.

    It is found wherever an optimizer keeps it, and also if none does.
    """
    found = {name: [_under_last_root(x) for x in numbers_of(move)] for name, move in moved.items()}
    return SimpleNamespace(**{name: array_of(some, moved[name].shape) for name, some in found.items() if all(some)})


def _under_last_root(x: Number) -> Number | None:
    """Return what the last root was taken of from which a number was computed element by element."""
    numbers, waiting = {x.index: x}, [-x.index]
    while waiting:
        x = numbers[-heappop(waiting)]
        if x.rule is None or x.rule.name in ("sum", "dot"):
            continue
        if x.rule.name == "sqrt" or (x.rule.name == "power" and abs(x.operands[1].value) == 0.5):
            return x.operands[0]
        for y in x.operands:
            if y.varies and y.index not in numbers:
                numbers[y.index] = y
                heappush(waiting, -y.index)
    return None


def kept_shares(owner: Any, slope: Balls, squares_alone: bool) -> list[tuple[bool, Any]]:
    """Return the multiples of this gradient (False, r) or of its square (True, r) that the owner keeps.

    These are Adam's m and v after one step. Many owners that take plain steps keep the gradient, but not its square.
    """
    squares = np.frompyfunc(lambda g: g * g, 1, 1)(slope)
    targets = ((True, squares),) if squares_alone else ((False, slope), (True, squares))
    found = [(squared, _share_of(kept, target)) for kept in _kept(owner, slope) for squared, target in targets]
    return [(squared, ratio) for squared, ratio in found if ratio > 0]


def _share_of(kept: Balls, target: Balls) -> Any:
    """Return the ratio at which an array is a multiple of another; 0 if it is none."""
    telling = [i for i in np.ndindex(target.shape) if not target[i].contains(0)]
    ratio = kept[telling[0]] / target[telling[0]] if telling else arb(0)
    return ratio if all(kept[i].overlaps(ratio * target[i]) for i in np.ndindex(target.shape)) else arb(0)


def cancels_squares(move: Any, slope: Balls, owner: Any) -> bool:
    """Whether elements of a plain step are computed from their own squares, which the owner keeps, as in m³ / v.

    Only the first step is plain then: v is a mean of squares, and m³ the cube of another mean.
    """
    squares = np.frompyfunc(lambda g: g * g, 1, 1)(slope)
    found = {float(g.mid()): k for k, g in enumerate(squares.flat) if not g.contains(0)}
    telling = [k for _, k in sorted(found.items())[:: max(1, len(found) - 1)]]  # of two lengths, or any rate fits
    for array in _arrays(owner, slope) if len(telling) == 2 else ():
        numbers, balls = numbers_of(array), balls_of(array)
        if not _share_of(balls, squares) > 0:
            continue
        places = {x.index: k for k, x in enumerate(numbers)}
        met = [{places.get(x.index) for x in computed_from([numbers_of(move)[k]], places)} for k in telling]
        if all(own - {None} == {k} for k, own in zip(telling, met, strict=True)):
            return True
    return False


def _line_of_squares(kept: Balls, slope: Balls) -> tuple[Any, Any] | None:
    """Return a and b of kept = a + b g², with a > 0, from at least three elements; None if it is not."""
    line = rising_line([(one, g * g) for one, g in zip(kept.flat, slope.flat, strict=True)])
    return line if line is not None and line[0] > 0 else None


def _is_sum(owner: Any, slope: Balls, start: Any, rise: Any) -> bool:
    """Whether the owner keeps an array a + b g², also one of fewer elements."""
    return any(
        all(one.overlaps(start + rise * g * g) for one, g in zip(array.flat, slope.flat, strict=True))
        for array in _kept(owner, slope)
    )


def goes_down(step: Balls, slope: Balls) -> bool:
    """Whether each element goes down its slope, at any rate, as with AdaGrad or Adam."""
    return all(g.contains(0) or s * g < 0 for s, g in zip(step.flat, slope.flat, strict=True))


def in_balls(moved: dict[str, Any], parameters: Sequence[Any], truth: dict[int, Any]) -> tuple[list[Balls], ...]:
    """Return the moves, the derivatives and the parameters as balls; a scalar becomes an array of one."""
    slopes = [balls_of(parameter, lambda x: truth.get(x.index, arb(0))) for parameter in parameters]
    return [balls_of(move) for move in moved.values()], slopes, [balls_of(parameter) for parameter in parameters]


def balls_of(array: Any, of: Callable[[Number], Any] = lambda x: x.value) -> Balls:
    result = np.empty(array.shape or 1, object)
    flat = result.reshape(-1)
    for place, x in enumerate(numbers_of(array)):
        flat[place] = of(x)
    return result
