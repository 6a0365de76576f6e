"""Points for teachers: one for each of the four equations that was judged and is right, even if others are wrong."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from gradproof.numerics.verdict import GUARD

if TYPE_CHECKING:  # without JAX, which takes a while to import
    from gradproof.proof.theorem import Judged

EQUATIONS = ("BP1", "BP2", "BP3", "BP4")


def count_decided(judged: Judged) -> Counter[tuple[str, str]]:
    """Count for each equation its networks, those where enough can be decided, and the elements where nothing can."""
    counts: Counter[tuple[str, str]] = Counter()
    for equation in EQUATIONS:
        if own := [finding for finding in judged.findings if finding.equation == equation]:
            sharp = 2 * sum(f.discriminating for f in own) >= sum(f.telling for f in own)
            counts[equation, "networks"] = len(judged.stack.x)
            counts[equation, "sharp"] = int(np.count_nonzero(sharp))
            counts[equation, "lost"] = sum(int(f.undecided.sum()) for f in own)
    return counts


def undecided(counts: Counter[tuple[str, str]]) -> set[str]:
    """Return the equations of which too little could be decided, by the rule for the verdict as a whole. Code for one
    layer, for example, says nothing about BP2."""
    result = set()
    for equation in EQUATIONS:
        networks, sharp, lost = (counts[equation, what] for what in ("networks", "sharp", "lost"))
        if not networks or lost or sharp / networks < GUARD:
            result.add(equation)
    return result
