"""Compares each array's move with −∂C/∂θ: plain descent, weight decay, adaptive steps, steps by sign."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from flint import arb

from gradproof.exact.arrays import ExactArray
from gradproof.exact.numbers import source
from gradproof.exact.run import current
from gradproof.exact.sweeps import computed_from, push_forward
from gradproof.judge.trial.adaptive import (
    ADAPTIVE,
    FIRST_OF_ADAM,
    NO_FORM,
    accept_adaptive,
    balls_of,
    cancels_squares,
    in_balls,
    rising_line,
)
from gradproof.judge.trial.arguments import leaves, numbers_of
from gradproof.judge.trial.comparison import Compared, common_factor
from gradproof.judge.trial.penalties import DECAY, penalty_of
from gradproof.judge.trial.stepping import all_numbers

Balls = Any  # an object array of arb
SIGNS = "steps of a fixed length, by the sign of the gradient alone"


def along(moved: dict[str, Any], given: Any, truth: dict[int, Any], kept: Any) -> list[Compared]:
    """Compare each array's move with −∂C/∂θ, up to one rate for all, weight decay, or an adaptive first step.

    A decay may also be added to the gradients from which an adaptive step is computed. `truth` has ∂C/∂v by the index
    of v. `kept` is the object that holds the arrays an optimizer may keep, or None.
    """
    parameters = [leaf for _, leaf in leaves(given, "") if isinstance(leaf, ExactArray)]
    results = _along(moved, parameters, truth, kept)
    if all(r.state == "right" for r in results) or kept is None:
        return results
    decay = {
        name: rate
        for (name, move), parameter in zip(moved.items(), parameters, strict=True)
        if (rate := _decay_in_gradient(move, parameter)) is not None
    }
    if not decay.keys() >= _weights(moved, parameters):
        return results
    pairs = [(decay[name], parameter) for name, parameter in zip(moved, parameters, strict=True) if name in decay]
    decayed = {x.index: truth.get(x.index, arb(0)) + rate * x.value for rate, one in pairs for x in numbers_of(one)}
    again = _along(moved, parameters, truth | decayed, kept)
    adaptive = any(r.convention == FIRST_OF_ADAM for r in again)
    return again if adaptive and all(r.state == "right" for r in again) else results


def _weights(moved: dict[str, Any], parameters: Sequence[ExactArray]) -> set[str]:
    """Return the names of the matrices, or else of the arrays of several elements, which may decay without biases."""
    matrices = {name for name, p in zip(moved, parameters, strict=True) if p.ndim > 1 and min(p.shape) > 1}
    return matrices or {name for name, p in zip(moved, parameters, strict=True) if p.size > 1}


def _decay_in_gradient(moves: Any, parameter: ExactArray) -> Any:
    """Return λ where each of the first elements moves by what was computed from a sum with λ θ; None if it does not."""
    found: list[Any] = []
    for move, x in itertools.islice(zip(numbers_of(moves), numbers_of(parameter), strict=True), 3):
        sums = (z for z in computed_from([move]) if z.rule is not None and z.rule.name in ("add", "subtract"))
        products = (y.operands for z in sums for y in z.operands if y.rule is not None and y.rule.name == "multiply")
        rates = [a.value if source(b) is x else b.value for a, b in products
                 if (source(a) is x and not b.varies) or (source(b) is x and not a.varies)]  # fmt: skip
        found.append(rates[0] if rates else None)
    same = found and None not in found and all(rate.overlaps(found[0]) for rate in found)
    return found[0] if same and not found[0] < 0 else None


def _along(moved: dict[str, Any], parameters: Sequence[ExactArray], truth: dict[int, Any], kept: Any) -> list[Compared]:
    steps, slopes, values = in_balls(moved, parameters, truth)
    eta = _factor(steps, slopes, values)
    results = []
    for name, step, slope, value, array in zip(moved, steps, slopes, values, moved.values(), strict=True):
        results.append(_one(name, step, slope, value, eta, array))
    if _goes_by_sign(moved, parameters, steps, slopes):
        return [r._replace(state="right", digits=np.inf, element=(), convention=SIGNS) for r in results]
    results = _without_lonely(accept_adaptive(results, steps, slopes, values, kept), steps, slopes, eta)
    for k, (move, slope) in enumerate(zip(moved.values(), slopes, strict=True)):
        if (
            kept is not None
            and (results[k].state, results[k].convention) == ("right", "")
            and cancels_squares(move, slope, kept)
        ):
            results[k] = results[k]._replace(state=NO_FORM)
    adaptive = any(r.convention == FIRST_OF_ADAM for r in results)
    telling = sum(step.size for r, step in zip(results, steps, strict=True) if r.state == "right" and r.alive)
    known = telling > 1 or (telling == 1 and (is_written(eta) or eta.overlaps(1)))  # how far each should move
    if adaptive or not known:
        results = [r._replace(element=(), got=0.0, expected=0.0) for r in results]
    decayed = [r for r in results if r.state.startswith(DECAY)]
    weights = _weights(moved, parameters)
    if weights and {r.name for r in decayed} >= weights:
        said = f"{decayed[0].state}, which the cost does not have"
        results = [r._replace(state="right", digits=np.inf, convention=said) if r in decayed else r for r in results]
    return results


def _without_lonely(
    results: Sequence[Compared], steps: Sequence[Balls], slopes: Sequence[Balls], eta: Any
) -> list[Compared]:
    """Accept the decay or sign step of a single number, which fits any, only if a larger array has the same."""
    common = {r.state for r, step in zip(results, steps, strict=True) if step.size > 1}
    told = []
    for r, step, slope in zip(results, steps, slopes, strict=True):
        if r.state.startswith((DECAY, ADAPTIVE)) and step.size == 1 and r.state not in common:
            expected = np.frompyfunc(lambda g: -eta * g, 1, 1)(slope)
            factor = common_factor(step, expected)
            r = r._replace(state="wrong" if factor is None else f"moved {factor} times as far as the others")
        told.append(r)
    return told


def rate_of(moved: dict[str, Any], parameters: Sequence[Any], truth: dict[int, Any]) -> Any:
    """Return η of the arrays that move by −η ∂C/∂θ."""
    return _factor(*in_balls(moved, parameters, truth))


def _goes_by_sign(
    moved: dict[str, Any], parameters: Sequence[Any], steps: Sequence[Balls], slopes: Sequence[Balls]
) -> bool:
    """Whether every element is moved by one constant length against the sign of its slope, and may decay besides."""
    arrays = list(zip(steps, slopes, map(balls_of, parameters), strict=True))
    told = [one for step, slope, value in arrays for one in zip(step.flat, slope.flat, value.flat, strict=True)]
    if not all(s * g < 0 or g.contains(0) for s, g, _ in told):
        return False
    pairs = [
        [(abs(s), w if g > 0 else -w) for s, g, w in zip(*(x.flat for x in array), strict=True) if not g.contains(0)]
        for array in arrays
    ]
    longest = max((s for some in pairs for s, _ in some), key=lambda ball: float(ball.mid()), default=arb(0))
    still = all(s.contains(0) for s, g, _ in told if g.contains(0))
    constant = longest > 0 and still and all(s.overlaps(longest) for some in pairs for s, _ in some)
    if not constant and not _shrink_besides(pairs):
        return False
    moves = [x for move in moved.values() for x in numbers_of(move)]
    variables = list(enumerate(all_numbers(parameters)))
    for parity in (0, 1):  # a decaying element depends on itself, the sign of a slope on nothing
        tangents = push_forward(moves, {x.index: k + 1 for k, x in variables if constant or k % 2 == parity})
        felt = [x for k, x in enumerate(moves) if constant or k % 2 != parity]
        if not all(tangents.get(x.index, arb(0)).is_zero() for x in felt):
            return False
    return True


def _shrink_besides(pairs: Sequence[Sequence[tuple[Any, Any]]]) -> bool:
    """Whether the steps of each array are η + κ w long, with one η for all, and κ = 0 where an array does not decay."""
    lines = [
        (some[0][0], arb(0)) if some and all(s.overlaps(some[0][0]) for s, _ in some) else rising_line(some)
        for some in pairs
    ]
    known = [line for line in lines if line]
    if not any(kappa > 0 for _, kappa in known):
        return False
    eta = next(eta for eta, kappa in known if kappa > 0)
    few = [some for some, line in zip(pairs, lines, strict=True) if line is None]
    return bool(
        eta > 0
        and all(one.overlaps(eta) for one, _ in known)
        and all(any(s.overlaps(eta + kappa * w) for _, kappa in known) for some in few for s, w in some)
    )


def _factor(steps: Sequence[Balls], slopes: Sequence[Balls], values: Sequence[Balls]) -> Any:
    """Return η, the rate at which the most arrays follow their gradient, and among equals 1, or a positive one.

    A rate that the code writes down counts twice, since a wrong factor of one δ is shared by all layers before it. Then
    the number of elements counts. Each array proposes the rate of its element with the largest slope.
    """
    pairs = [
        [(s, g) for s, g in zip(step.flat, slope.flat, strict=True) if not g.contains(0)]
        for step, slope in zip(steps, slopes, strict=True)
    ]
    largest = [max(one, key=lambda pair: float(abs(pair[1]).mid())) for one in pairs if one]
    proposed = [-s / g for s, g in largest]
    followed = [  # at a rate of 0 nothing follows anything
        [len(one) for one in pairs if eta != 0 and one and all(s.overlaps(-eta * g) for s, g in one)]
        for eta in proposed
    ]
    ranked = [  # a single element follows any rate
        (len([n for n in sizes if n > 1]) * (1 + written), written, eta.overlaps(1), bool(eta > 0), sum(sizes))
        for eta, sizes in zip(proposed, followed, strict=True)
        for written in [is_written(eta)]
    ]
    if max((elements for *_, elements in ranked), default=0) <= 1:
        proposed.sort(key=lambda eta: not (is_written(eta) or eta.overlaps(1)))
        proposed = [
            eta for array in zip(steps, slopes, values, strict=True) for eta in _decayed_factor(*array)
        ] or proposed
        return proposed[0] if proposed else arb(0)
    return proposed[ranked.index(max(ranked))]


def is_written(eta: Any) -> bool:
    """Whether the code writes this number down."""
    return any(eta.overlaps(x.value) for x in current().literals.values() if x.value != 1)


def _decayed_factor(step: Balls, slope: Balls, value: Balls) -> Sequence[Any]:
    """Return [η] of θ′ − θ = −η g − κ θ if one η and one κ explain an array of three or more elements, else []."""
    i, j, *others = np.argsort([-float(abs(g).mid()) for g in slope.flat]) if slope.size > 2 else (0, 0)
    s, g, v = step.ravel(), slope.ravel(), value.ravel()
    area = g[i] * v[j] - g[j] * v[i]
    if not others or area.contains(0):
        return []
    eta, kappa = (s[j] * v[i] - s[i] * v[j]) / area, (s[i] * g[j] - s[j] * g[i]) / area
    return [eta] if eta > 0 and all(s[k].overlaps(-eta * g[k] - kappa * v[k]) for k in others) else []


def _one(name: str, step: Balls, slope: Balls, value: Balls, eta: Any, array: Any) -> Compared:
    alive = any(not g.contains(0) for g in slope.flat)
    expected = np.frompyfunc(lambda g: -eta * g, 1, 1)(slope)
    pairs = list(zip(step.flat, expected.flat, strict=True))
    if not all(x.is_finite() for x in (*step.flat, *slope.flat)):  # NaN overlaps everything
        return Compared(name, "undecided", 0, alive)
    if all(a.overlaps(b) for a, b in pairs) and (eta > 0 or not alive):
        off = max(float(abs(a - b).upper()) for a, b in pairs)
        scale = max(float(abs(b).upper()) for _, b in pairs)
        return Compared(name, "right", float(np.log10(scale) - np.log10(off)) if off and scale else np.inf, alive)
    where = max(np.ndindex(step.shape), key=lambda i: float(abs(step[i] - expected[i]).mid()))
    place = numbers_of(array)[int(np.ravel_multi_index(where, step.shape)) if where else 0].place
    factor = common_factor(step, expected) if eta != 0 else None
    state = "uphill" if eta < 0 and alive else _named_move(step, slope, value, eta)
    if state == "wrong" and all(s.is_zero() for s in step.flat):
        state = "not moved"
    elif state == "wrong" and factor is not None:
        state = f"moved {factor} times as far as the others"
    return Compared(name, state, 0, alive, where, float(step[where].mid()), float(expected[where].mid()), place)


def _named_move(step: Balls, slope: Balls, value: Balls, eta: Any) -> str:
    """Name a move: weight decay (θ′ = θ − η(g + λθ)), an L1 penalty, Adam's first step (−η g/|g|), or wrong."""
    if eta > 0 and (penalty := penalty_of(step, slope, value, eta)):
        return penalty
    sizes = [abs(step[k]) for k in np.ndindex(step.shape) if not slope[k].contains(0)]
    downhill = all((step[k] < 0) == (slope[k] > 0) for k in np.ndindex(step.shape) if not slope[k].contains(0))
    if sizes and sizes[0] > 0 and downhill and all(size.overlaps(sizes[0]) for size in sizes):
        return ADAPTIVE
    return "wrong"
