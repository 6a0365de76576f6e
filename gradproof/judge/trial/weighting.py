"""The weights at which a step descends several costs at once, such as a main and an auxiliary loss."""

from collections.abc import Mapping, Sequence
from typing import Any

from flint import arb, arb_mat

from gradproof.exact.numbers import Number
from gradproof.exact.run import current
from gradproof.exact.sweeps import differentiate
from gradproof.judge.trial.adaptive import in_balls
from gradproof.judge.trial.descent import is_written


def weighted_sum(
    costs: Mapping[str, Number], moved: dict[str, Any], parameters: Sequence[Any], extents: set[int]
) -> str:
    """Return the weighted sum of these costs that a step descends, in words; "" if there is none.

    The program must write the weights down, or all but one of them. A weight that is the extent of an array
    does not count, since it may be a division by the number of examples that is missing. Each weight must follow from
    any all but one of the moves: a single number follows any cost.
    """
    rows = []
    for cost in costs.values():
        steps, slopes, _ = in_balls(moved, parameters, differentiate(cost))
        rows.append([g for slope in slopes for g in slope.flat])
    moves = [-s for step in steps for s in step.flat]
    shares = _solved(rows, moves)
    written = [x.value for x in current().literals.values() if x.value > 0] if shares else []
    for own in (*shares, *written):  # the share of a cost without a weight, or a rate beside weights of all of them
        weights = [share / own for share in shares]
        if all(w.overlaps(1) or (is_written(w) and not any(w.overlaps(n) for n in extents)) for w in weights):
            return " + ".join(
                name if w.overlaps(1) else f"{float(w.mid()):.6g} {name}"
                for name, w in zip(costs, weights, strict=True)
            )
    return ""


def _solved(rows: Sequence[Sequence[Any]], moves: Sequence[Any]) -> list[Any]:
    """Return positive shares at which the rows add up to the moves; [] if there are none, or more than one."""
    gram = arb_mat([[sum(map(arb.__mul__, a, b), arb(0)) for b in rows] for a in rows])
    try:
        found = gram.solve(arb_mat([[sum(map(arb.__mul__, a, moves), arb(0))] for a in rows]))
    except ZeroDivisionError:
        return []
    shares = [found[k, 0] for k in range(len(rows))]
    columns = list(zip(*rows, strict=True))
    if not all(share > 0 for share in shares):
        return []
    sums = (sum(map(arb.__mul__, shares, column), arb(0)) for column in columns)
    if not all(total.overlaps(move) for total, move in zip(sums, moves, strict=True)):
        return []
    fewer = (gram - arb_mat([[a * b for b in column] for a in column]) for column in columns)
    return shares if not any(left.det().contains(0) for left in fewer) else []
