"""Steps that scale their gradient, by one factor (clipped by its norm) or element by element (Adam's first step).

A step u = h(∇C) that moves each element by an increasing function of its own slope has J_u = diag(h′) J, so diag(d) J_u
is symmetric with d = 1/h′ (Kolmogorov). A step u = s(θ) ∇C satisfies Frobenius' condition u ∧ du = 0. So does some
other code, so only a step whose length ‖u‖ is constant is called a clipped gradient.
"""

import itertools
from collections.abc import Callable, Sequence
from fractions import Fraction
from math import inf, log10
from typing import Any

import numpy as np
from flint import arb

from gradproof.exact.numbers import Number
from gradproof.exact.rules import Ball
from gradproof.exact.sweeps import differentiate, push_along, push_forward
from gradproof.judge.trial.arguments import numbers_of
from gradproof.judge.trial.comparison import LARGEST, Compared
from gradproof.judge.trial.execution import InexactError
from gradproof.judge.trial.moves import all_numbers, arrays_in
from gradproof.judge.trial.points import TELLING
from gradproof.judge.trial.symmetry import weighted

BY_ITSELF = "its length is always the same, as if clipped by its own norm"
BY_ONE_FACTOR = "scaled by one factor, like a gradient clipped by its norm"
ADAPTIVE = "adaptive steps, like Adam's, RMSprop's or AdaGrad's: only the first is judged"
# The steps −η g/(|g| + ε) and −η g/√(g² + ε), each of size s η with s < 1
FAMILIES: list[tuple[Callable[[Ball], Ball], Callable[[Ball, Ball, Ball], Ball]]] = [
    # 1/d up to a constant, from s; and η, from q = d_i/d_j and the sizes of i and j
    (lambda s: (1 - s) ** 2, lambda q, a, b: (q.sqrt() * a - b) / (q.sqrt() - 1)),
    (
        lambda s: (1 - s * s) ** arb("1.5"),
        lambda q, a, b: (((t := q ** (arb(2) / 3)) * a * a - b * b) / (t - 1)).sqrt(),
    ),
]


def excused(moved: dict[str, Any], given: Any, compared: Sequence[Compared], seed: int) -> list[Compared]:
    """Return the comparison of a step that is not symmetric, revised if the step is a scaled gradient.

    The arrays are right if one factor scales all of them, or if they are scaled as by Adam. If each array has its own
    factor, the state says how far the array moves relative to the others. InexactError if each array has a constant
    length or each element a factor that nothing explains: it may be a gradient that is clipped or the like.
    """
    blocks = [array for array in arrays_in(given) if array.size]
    parts = [numbers_of(move) for move in moved.values()]
    flat, variables = [x for part in parts for x in part], all_numbers(blocks)
    whole, by_part = lengths_are_constant(parts, variables, seed)
    if whole and (digits := scaled_by_one_factor(flat, variables, seed)) >= TELLING:
        return [a._replace(state="right", digits=digits, alive=True, convention=BY_ONE_FACTOR) for a in compared]
    if by_part:
        raise InexactError("every array moves by a fixed length, as if clipped by its own norm: give the cost")
    starts = np.cumsum([0, *map(len, parts)]).tolist()
    rng = np.random.default_rng([seed, 10])
    pivots = [start + int(rng.integers(len(part))) for start, part in zip(starts, parts, strict=False)]
    scales = scales_of_elements(flat, variables, pivots)
    digits = scaled_symmetry(flat, variables, scales, seed)
    if digits >= TELLING and is_adaptive(flat, scales):
        return [a._replace(state="right", digits=digits, alive=True, convention=ADAPTIVE) for a in compared]
    if digits >= TELLING and len(scales) == len(flat) and len({home for home, _ in scales.values()}) == 1:
        by_array = [[scales[i][1] for i in range(a, b)] for a, b in itertools.pairwise(starts)]
        if not all(d.overlaps(one[0]) for one in by_array for d in one):
            raise InexactError("every element is scaled by its own factor: give the cost, or a step without these")
        return _with_factors(compared, by_array)
    return list(compared)


def _with_factors(compared: Sequence[Compared], by_array: Sequence[Sequence[Ball]]) -> list[Compared]:
    """State how far each array is moved relative to the largest group of elements that are moved alike."""
    alike = [sum(len(other) for other in by_array if other[0].overlaps(one[0])) for one in by_array]
    usual = by_array[alike.index(max(alike))][0]
    told = []
    for array, (d, *_) in zip(compared, by_array, strict=True):
        factor = Fraction(float((usual / d).mid())).limit_denominator(LARGEST)
        if d.overlaps(usual):
            array = array._replace(state="right", digits=inf)
        elif factor and (usual / d).overlaps(arb(factor.numerator) / factor.denominator):
            array = array._replace(state=f"moved {factor} times as far as the others")
        told.append(array)
    return told


def lengths_are_constant(
    parts: Sequence[Sequence[Number]], variables: Sequence[Number], seed: int
) -> tuple[bool, bool]:
    """Whether ‖u‖ of the whole step, and of every array, stays constant along a random direction."""
    flat = [x for part in parts for x in part]
    direction = np.random.default_rng([seed, 11]).normal(size=len(flat)).tolist()
    tangents = push_forward(flat, {x.index: d for x, d in zip(variables, direction, strict=True)})
    grown = [weighted([x.value for x in part], part, tangents) for part in parts]
    moving = any(not tangents.get(x.index, arb(0)).contains(0) for x in flat)
    return moving and sum(grown, arb(0)).contains(0), moving and all(ball.contains(0) for ball in grown)


def scaled_each(
    moved: dict[str, Any],
    given: Sequence[Any],
    slopes: dict[int, Ball],
    compared: Sequence[Compared],
    seed: int,
    before: dict[str, Ball],
) -> list[Compared]:
    """Return all arrays as right if each is moved downhill, at a common rate or by a constant length.

    Otherwise the comparison stays unchanged. `before` has the rates of arrays with a constant length at earlier points.
    If such a rate is the same here, as for a hinge, whose gradient is constant itself, it is the rate that is wrong.
    """
    variables = all_numbers(given)
    direction = np.random.default_rng([seed, 12]).normal(size=len(variables)).tolist()
    parts = [numbers_of(move) for move in moved.values()]
    tangents = push_forward(
        [x for part in parts for x in part], {x.index: d for x, d in zip(variables, direction, strict=True)}
    )
    found, rates = list[Compared](), list[Ball]()
    for array, part, parameter in zip(compared, parts, given, strict=True):
        move, slope = [x.value for x in part], [slopes.get(x.index, arb(0)) for x in numbers_of(parameter)]
        k = max(range(len(slope)), key=lambda i: float(abs(slope[i]).mid()))
        if slope[k].contains(0) or not move[k] / slope[k] < 0:
            return list(compared)
        rate = move[k] / slope[k]
        off = [abs(m - rate * g) for m, g in zip(move, slope, strict=True)]
        if not all(ball.contains(0) for ball in off):
            return list(compared)
        clipped = weighted(move, part, tangents).contains(0)
        if clipped and array.name in before and before[array.name].overlaps(rate):
            return list(compared)
        if clipped:
            before[array.name] = rate
        rates += [] if clipped else [rate]
        digits = -float(np.log10(max(float(ball.upper()) for ball in off) / float(abs(move[k]).lower()) or np.inf))
        found.append(array._replace(state="right", digits=digits, convention=BY_ITSELF if clipped else ""))
    same = all(rate.overlaps(rates[0]) for rate in rates)
    return found if same and len(rates) < len(found) else list(compared)


def scaled_by_one_factor(moves: Sequence[Number], variables: Sequence[Number], seed: int) -> float:
    """Return the digits to which u ∧ du = 0 along three random directions; 0 if it is not."""
    rng = np.random.default_rng([seed, 8])
    directions = rng.normal(size=(3, len(moves))).tolist()
    tangents = push_along(moves, [{x.index: d for x, d in zip(variables, one, strict=True)} for one in directions])

    def bent(i: int, j: int) -> Ball:
        return weighted(directions[i], moves, tangents[j]) - weighted(directions[j], moves, tangents[i])

    along = [sum((d * x.value for d, x in zip(one, moves, strict=True)), arb(0)) for one in directions]
    terms = [along[0] * bent(1, 2), along[1] * bent(2, 0), along[2] * bent(0, 1)]
    return agreement(sum(terms, arb(0)), arb(0), terms[0])


def scales_of_elements(moves: Sequence[Number], variables: Sequence[Number], pivots: Sequence[int]) -> dict[int, Any]:
    """Return (component, d) for each element i that is linked with a pivot p by d_i J_ip = d_p J_pi.

    Return {} if some d is negative.
    """
    known: dict[int, tuple[int, Ball]] = {}
    for component, p in enumerate(pivots):
        column, row = push_forward(moves, {variables[p].index: 1}), differentiate(moves[p])
        linked = {}
        for i, (move, x) in enumerate(zip(moves, variables, strict=True)):
            down, across = column.get(move.index, arb(0)), row.get(x.index, arb(0))
            if i != p and not down.contains(0) and not across.contains(0):
                linked[i] = across / down  # d_i/d_p
        if any(not ratio > 0 for ratio in linked.values()):
            return {}
        via = next((i for i in linked if i in known), None)
        home, d = known[p] if p in known else (component, arb(1))
        if p not in known and via is not None:
            home, d = known[via][0], known[via][1] / linked[via]
        known.setdefault(p, (home, d))
        for i, ratio in linked.items():
            known.setdefault(i, (home, d * ratio))
    return known


def scaled_symmetry(moves: Sequence[Number], variables: Sequence[Number], scales: dict[int, Any], seed: int) -> float:
    """Return the digits to which diag(d) J is symmetric along two random directions; 0 if it is not."""
    rng = np.random.default_rng([seed, 9])
    u, v = ([float(x) if i in scales else 0.0 for i, x in enumerate(rng.normal(size=len(moves)))] for _ in range(2))
    pushed = push_along(moves, [{x.index: d for x, d in zip(variables, one, strict=True)} for one in (u, v)])
    by = [[w * scales[i][1] if i in scales else arb(0) for i, w in enumerate(one)] for one in (u, v)]
    a, b = weighted(by[0], moves, pushed[1]), weighted(by[1], moves, pushed[0])
    return agreement(a, b, a)


def is_adaptive(moves: Sequence[Number], scales: dict[int, Any]) -> bool:
    """Whether each element's scale follows from its step as it does with ε: d = c/(1 − |u|/η)² or the like."""
    sizes = {i: abs(moves[i].value) for i in scales}
    first = next(iter(scales.values()), (0, None))[0]
    home = sorted((i for i in scales if scales[i][0] == first), key=lambda i: float(sizes[i].mid()))
    if len(home) < 4:  # two determine η, the others confirm it
        return False
    small, large = home[0], home[-1]
    for inverse, rate in FAMILIES:
        eta = rate(scales[large][1] / scales[small][1], sizes[large], sizes[small])
        if not eta.is_finite() or not eta > 0 or any(not size < eta for size in sizes.values()):
            continue
        constants: dict[int, Ball] = {}
        if all(
            (c := d * inverse(sizes[i] / eta)).is_finite() and c.overlaps(constants.setdefault(component, c))
            for i, (component, d) in scales.items()
        ):
            return True
    return False


def agreement(a: Ball, b: Ball, size: Ball) -> float:
    """Return the digits of `size` to which a and b agree; 0 if they do not overlap."""
    if not a.overlaps(b) or size.contains(0):
        return 0.0
    off = float(abs(a - b).upper())
    return log10(float(abs(size).mid()) / off) if off else inf
