"""Tests whether a step is the gradient of any cost: then its derivatives are symmetric (Schwarz)."""

from collections import ChainMap
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
from flint import arb

from gradproof.exact.arrays import ExactArray
from gradproof.exact.numbers import Number
from gradproof.exact.sweeps import push_along
from gradproof.judge.trial.arguments import leaves, numbers_of
from gradproof.judge.trial.comparison import Compared
from gradproof.text import some

OF_ANOTHER = "follows a different cost"  # state of an array that is symmetric by itself, but not with others
CLEAR = 30  # digits of agreement that leave nothing to look at more closely


def symmetric(moved: dict[str, Any], given: Any, seed: int) -> list[Compared]:
    """Test u·(∂g_A/∂θ_B)v = v·(∂g_B/∂θ_A)u (Schwarz) for random directions u, v, within a block and between two."""
    rng = np.random.default_rng([seed, 7])
    blocks = [numbers_of(leaf) for _, leaf in leaves(given, "") if isinstance(leaf, ExactArray)]
    moves = [numbers_of(move) for move in moved.values()]
    weights = [[[float(v) for v in rng.normal(size=len(block))] for block in blocks] for _ in range(2)]
    directions = [
        [{x.index: d for x, d in zip(block, one, strict=True)} for block, one in zip(blocks, chosen, strict=True)]
        for chosen in weights
    ]
    flat = [x for move in moves for x in move]
    together = push_along(flat, [dict(ChainMap(*chosen)) for chosen in directions])
    sums = [
        [weighted(chosen, move, tangents) for move, chosen in zip(moves, other, strict=True)]
        for tangents, other in zip(together, reversed(weights), strict=True)
    ]
    if told := _clear(list(moved), *sums):
        return told
    pushed = push_along(flat, chain(*directions))

    def form(which: int, row: int, column: int) -> Any:
        """Return Σ u_i (∂g_i/∂θ) v over the elements of block `row`, along a direction of block `column`."""
        return weighted(weights[1 - which][row], moves[row], pushed[which * len(blocks) + column])

    alone = {k for k in range(len(moves)) if not form(0, k, k).overlaps(form(1, k, k))}  # wrong whatever the others are
    results = []
    for row, name in enumerate(moved):
        broken, digits, alive = [], np.inf, False
        for column, other in enumerate(moved):
            if column in alone and column != row:
                continue  # says nothing about this one
            a, b = form(0, row, column), form(1, column, row)
            alive = alive or not a.contains(0)
            if not a.overlaps(b):
                broken.append(other)
            elif not a.contains(0):
                digits = min(digits, _agreement(a, a - b))
        place = moves[row][0].place
        if name in broken:
            results.append(Compared(name, "not the gradient of any cost", 0, True, place=place))
        elif broken:
            results.append(Compared(name, f"{OF_ANOTHER} than {some(broken, 3)}", 0, True, place=place))
        else:
            results.append(Compared(name, "right", digits, alive))
    return results


def _clear(names: Sequence[str], ours: Sequence[Any], others: Sequence[Any]) -> list[Compared]:
    """Return all arrays as right if u·Jv = v·Ju for directions through all blocks at once; [] if that is not clear.

    A difference between any two blocks shows in the sum too, but not whose it is.
    """
    difference = sum(ours, arb(0)) - sum(others, arb(0))
    if not (difference.is_finite() and difference.contains(0)):
        return []
    told = [
        Compared(name, "right", np.inf if row.contains(0) else _agreement(row, difference), not row.contains(0))
        for name, row in zip(names, ours, strict=True)
    ]
    return told if all(array.digits > CLEAR for array in told) else []


def _agreement(value: Any, difference: Any) -> float:
    """Return to how many digits of the value a difference is known to be 0."""
    return float(np.log10(float(abs(value).mid()) / max(float(abs(difference).upper()), 1e-300)))


def weighted(weights: Sequence[Any], moves: Sequence[Number], tangents: Mapping[int, Any]) -> Any:
    """Return Σ u_i (∂g_i/∂θ) v over these elements, for weights u and the tangents along v."""
    pairs = zip(weights, moves, strict=True)
    return sum((w * tangents[x.index] for w, x in pairs if x.index in tangents), arb(0))
