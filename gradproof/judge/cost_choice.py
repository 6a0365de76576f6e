"""Chooses the number that a step is compared with: a cost that the program computes, or none but the usual ones."""

from typing import Any

import numpy as np

from gradproof.exact.run import BITS, Reading, UndecidedError, current
from gradproof.exact.sweeps import computed_from
from gradproof.judge.evidence import Evidence
from gradproof.judge.find.observation import Observation
from gradproof.judge.outcome import against
from gradproof.judge.rates import rate_beside
from gradproof.judge.trial.adaptive_steps import FIRST_OF_ADAM
from gradproof.judge.trial.execution import ExactRun, InexactError


def choose(evidence: Evidence) -> tuple[str, str]:
    """Choose what the step is compared with: (attribute of Observation, name), or ("listed", "") for the usual costs.

    The choice is a number that fits at two points, at one rate, under one reading. One that is not named as a cost
    counts only if no number is, or if it contains all that are. If none fits, it is the own cost that most arrays fit.
    """
    seed = evidence.seed
    best: tuple[int, int, str] = (-1, -1, "")
    wholes = set[str]()  # single numbers that contain every named cost, as a sum over the parts of a mini-batch
    none_at_all = False
    negative: set[str] = set()
    for reading in Reading:
        if none_at_all:
            break
        fits: list[dict[tuple[str, str], Any]] = []
        for point in (0, 1):
            with ExactRun(reading, BITS, seed) as run:
                try:
                    what = evidence.observe(run, [np.array([0.371 + seed + 0.17 * point])])
                except (UndecidedError, InexactError):
                    if reading is Reading.EXACT:
                        raise
                    return ("costs", best[2]) if best[2] else ("listed", "")
                here: dict[tuple[str, str], Any] = {}
                none_at_all = not (what.costs or what.scalars)
                if none_at_all:
                    break
                compared_with_targets = _outputs_and_errors(what)
                for kind in ("costs", "scalars"):
                    for name, number in getattr(what, kind).items():
                        if kind == "scalars" and number.index in compared_with_targets:
                            continue
                        if kind == "costs" and number.value < 0 and not name.startswith("_cost"):
                            negative.add(name)  # a signed error is not a cost
                        compared = against(what, number)
                        right = sum(array.state == "right" for array in compared)
                        if right == len(compared) and any(array.alive for array in compared):
                            adaptive = any(array.convention == FIRST_OF_ADAM for array in compared)
                            here[kind, name] = None if adaptive else rate_beside(what, number)
                        if kind == "costs" and name not in negative and name not in what.doubtful:
                            best = max(best, (right, number.index, name))
                        if kind == "scalars" and (kind, name) in here:
                            parts = {x.index for x in computed_from([number])}
                            wholes |= {name} if {x.index for x in what.costs.values()} <= parts else set()
                fits.append(here)
        for key, rate in reversed(fits[0].items()) if len(fits) > 1 else ():  # the last one contains the others
            rates = rate, fits[1].get(key)
            same = None not in rates and rates[0].overlaps(rates[1])
            if (
                key in fits[1]
                and (same or rates == (None, None))
                and (key[0] == "costs" or not best[2] or key[1] in wholes)
            ):
                return key
    return ("costs", best[2]) if best[2] else ("listed", "")


def _outputs_and_errors(what: Observation) -> set[int]:
    """Return the indices of single numbers that are an error a − y, or the output a, which no step minimises."""
    written, found = {x.index for x in current().literals.values()}, set[int]()
    for x in what.scalars.values():
        if x.rule is not None and x.rule.name == "subtract":
            a, y = x.operands if x.operands[0].varies else x.operands[::-1]
            if a.varies and not y.varies and y.index not in written:
                found |= {x.index, a.index}
    return found
