"""Finds steps whose counter runs too fast: Adam corrects the first step of its second array as if it were the second.

The first step of Adam is η c(t) g / (|g| + ε′), where c(1) = 1 and t is the same for all arrays. With β₁, β₂ of the two
means, c(t) = (1 − β₁)/(1 − β₁ᵗ) · √((1 − β₂ᵗ)/(1 − β₂)). Source: Kingma and Ba, Adam, algorithm 1.
"""

from collections.abc import Sequence
from typing import Any

from gradproof.judge.trial.adaptive_steps import in_balls, kept_shares, lengths, rising_line

Ball = Any


def counted_too_fast(
    moved: dict[str, Any], parameters: Sequence[Any], truth: dict[int, Any], kept: Any
) -> dict[str, int]:
    """Return t of each array whose first step is corrected as a later one, if that explains all rates exactly.

    Only arrays of three or more elements tell. `kept` is the object that holds the means.
    """
    steps, slopes, _ = in_balls(moved, parameters, truth)
    rises: dict[str, Ball] = {}
    means: tuple[Ball, Ball] | None = None
    for name, step, slope in zip(moved, steps, slopes, strict=True):
        line = rising_line(lengths(step, slope))
        shares = kept_shares(kept, slope, squares_alone=False) if line else []
        first, second = ([share for squared, share in shares if squared == wanted] for wanted in (False, True))
        if line and first and second:
            rises[name], means = line[1], (first[0], second[0])
    if means is None:
        return {}
    slowed = [1 / _correction(*means, t) for t in range(1, len(moved) + 1)]
    for base in rises.values():
        told = {name: next((t for t, one in enumerate(slowed, 1) if rise.overlaps(base * one)), 0)
                for name, rise in rises.items()}  # fmt: skip
        if all(told.values()) and max(told.values()) > 1:
            return {name: t for name, t in told.items() if t > 1}
    return {}


def _correction(first: Ball, second: Ball, t: int) -> Ball:
    """Return c(t) for 1 − β₁ and 1 − β₂."""
    return first / (1 - (1 - first) ** t) * ((1 - (1 - second) ** t) / second).sqrt()
