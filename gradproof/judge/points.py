"""Points for teachers: one for each of the four equations that was judged and is right, whatever else is wrong."""

from collections.abc import Sequence

import numpy as np

from gradproof.numerics.verdict import GUARD
from gradproof.proof.theorem import Judged

EQUATIONS = ("BP1", "BP2", "BP3", "BP4")


def untold(found: Sequence[Judged]) -> set[str]:
    """The equations of which too little could be told, each by the rule that decides the verdict of all; a code for
    one layer alone shows nothing of BP2."""
    result = set()
    for equation in EQUATIONS:
        own = [[f for f in judged.findings if f.equation == equation] for judged in found]
        sharp = [2 * sum(f.discriminating for f in each) >= sum(f.telling for f in each) for each in own if each]
        lost = sum(int(f.undecided.sum()) for each in own for f in each)
        if not sharp or lost or np.concatenate(sharp).mean() < GUARD:
            result.add(equation)
    return result
