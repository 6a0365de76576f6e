"""Tests whether a step is the gradient of any cost: then its derivatives are symmetric (Schwarz)."""

from typing import Any

import numpy as np
from flint import arb

from gradproof.exact.arrays import ExactArray
from gradproof.exact.sweeps import computed_from, push_through
from gradproof.judge.trial.arguments import leaves, numbers_of
from gradproof.judge.trial.comparison import Compared
from gradproof.text import some

OF_ANOTHER = "follows a different cost"  # state of an array that is symmetric by itself, but not with others


def symmetric(moved: dict[str, Any], given: Any, seed: int) -> list[Compared]:
    """Test u·(∂g_A/∂θ_B)v = v·(∂g_B/∂θ_A)u (Schwarz) for random directions u, v, within a block and between two."""
    rng = np.random.default_rng([seed, 7])
    blocks = [leaf for _, leaf in leaves(given, "") if isinstance(leaf, ExactArray)]
    moves = list(moved.values())
    directions = [[[float(v) for v in rng.normal(size=b.size)] for b in blocks] for _ in range(2)]
    numbers = computed_from([x for move in moves for x in numbers_of(move)])
    pushed = [
        [
            push_through(numbers, {x.index: d for x, d in zip(numbers_of(b), direction, strict=True)})
            for b, direction in zip(blocks, chosen, strict=True)
        ]
        for chosen in directions
    ]

    def form(which: int, row: int, column: int) -> Any:
        """Return Σ u_i (∂g_i/∂θ) v over the elements of block `row`, along a direction of block `column`."""
        tangents, weights = pushed[which][column], directions[1 - which][row]
        return sum(
            (w * tangents.get(x.index, arb(0)) for w, x in zip(weights, numbers_of(moves[row]), strict=True)), arb(0)
        )

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
                digits = min(digits, float(np.log10(float(abs(a).mid()) / max(float(abs(a - b).upper()), 1e-300))))
        place = numbers_of(moves[row])[0].place
        if name in broken:
            results.append(Compared(name, "not the gradient of any cost", 0, True, place=place))
        elif broken:
            results.append(Compared(name, f"{OF_ANOTHER} than {some(broken, 3)}", 0, True, place=place))
        else:
            results.append(Compared(name, "right", digits, alive))
    return results
