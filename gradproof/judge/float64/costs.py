"""Other costs, signs, and sums in place of means: the factor by which a subject's δ and gradients differ from ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradproof.numerics import rounding
from gradproof.problem import Array

if TYPE_CHECKING:  # it imports JAX, which the process of a subject, where its line is searched for, can do without
    from gradproof.judge.float64.claims import Claim

SIMPLE = sorted({Fraction(p, q) for p in range(1, 11) for q in range(1, 11) if 1 in (p, q)} | {Fraction(1, 100)})
SUMMED = "gradients of the sum over the mini-batch, not of the mean"
AVERAGED = "δ is the error of the mean cost: it contains 1/m"
DOWNHILL = "gradients point downhill, from y − a: to be added, not subtracted"
# The words of --convention about the cost; the others are in `layouts`.
DECLARED = ("sum", "no-half", "downhill", "mean-outputs")


class Cost(NamedTuple):
    """A cost `factor` times ours, divided by n_L if `outputs`, with gradients of the sum or of the mean.

    With `averaged`, δ is ∂C/∂z of the mean cost and the gradients are plain sums of it. They are then the same.
    """

    factor: Fraction = Fraction(1)
    outputs: bool = False
    summed: bool = False
    averaged: bool = False

    def said(self) -> list[str]:
        """Return what differs from C = (1/2m) Σ‖y − a‖², in words."""
        size, words = abs(self.factor), []
        per = ", divided by the number of outputs" if self.outputs else ""
        if size == 2:
            words.append(f"the cost is ‖y − a‖² without the ½{per} (or a factor 2 is wrong)")
        elif size != 1 or self.outputs:
            times = {Fraction(1): "½", Fraction(1, 2): "¼"}.get(size, f"{size}·½")
            words.append(f"the cost is {times}‖y − a‖²{per} (or a factor is wrong)")
        return words + [DOWNHILL] * (self.factor < 0) + [SUMMED] * self.summed + [AVERAGED] * self.averaged

    def doubts(self, without_delta: bool) -> list[str]:
        """Return other explanations of the factor, if no δ tells whether it arises before the gradients or in them."""
        n = abs(self.factor)
        if without_delta and n == 1 and self.outputs and self.summed:
            cost = "the cost is divided by the number of outputs, and gradients are sums"
            return [f"these cannot be distinguished without δ: {cost}; m is taken to be that number, as by len(y)"]
        if not without_delta or n.denominator != 1 or n == 1:
            return []
        psum = f"a psum over {n} devices of gradients that jax.grad has already summed over them"
        return [f"these cannot be distinguished without δ: the factor {n} belongs to the cost; it comes from {psum}"]

    def undone(self, claim: Claim) -> Claim:
        """Return the claim converted to our cost."""
        if self == Cost():
            return claim
        scale, m, mine = self._scale(claim), claim.stack.x.shape[-1], claim.mine
        by, of_delta = scale * (m if self.summed else 1), scale / (m if self.averaged else 1)

        def divided(arrays: list[Array], number: Array) -> list[Array]:
            return [(array / number).astype(array.dtype) for array in arrays]

        delta = divided(mine.delta, of_delta)
        mine = mine._replace(delta=delta, grad_b=divided(mine.grad_b, by), grad_w=divided(mine.grad_w, by))
        ar = rounding.arithmetic(claim.stack.x.dtype)  # two roundings for the factor, and two more for m if averaged
        u = 0.0 if self._exact(m) else (4 if self.averaged else 2) * ar.u
        lost = m * ar.underflow if self.averaged and m > 1 else 0.0
        e_delta = [e / np.abs(of_delta) + u * np.abs(d) + lost for e, d in zip(claim.e_delta, delta, strict=True)]
        return claim._replace(mine=mine, e_delta=e_delta, expected=None)

    def times(self, part: str, outputs: int, m: int) -> float:
        """Return how many times ours "delta", "grad_b" or "grad_w" of one network is; other parts are the same."""
        if part not in ("delta", "grad_b", "grad_w"):
            return 1.0
        scale = float(self.factor) / (outputs if self.outputs else 1)
        if part == "delta":
            return scale / m if self.averaged else scale
        return scale * m if self.summed else scale

    def _exact(self, m: int) -> bool:
        """Whether the factor rounds nothing, being a power of two."""
        numbers = (self.factor.numerator, self.factor.denominator, m if self.summed or self.averaged else 1)
        return not self.outputs and all(abs(n) & (abs(n) - 1) == 0 for n in numbers)

    def _scale(self, claim: Claim) -> Array:
        factor = np.full((len(claim.stack.x), 1, 1), float(self.factor))
        return factor / claim.stack.fan[-1] if self.outputs else factor


def declared(words: Sequence[str]) -> Cost:
    """Return the cost that these words of DECLARED describe."""
    factor = Fraction(2 if "no-half" in words else 1) * (-1 if "downhill" in words else 1)
    return Cost(factor, "mean-outputs" in words, "sum" in words)


def likely(claims: Sequence[Claim], cost: Cost) -> Iterator[Cost]:
    """Yield `cost` with each simple factor near that of δ^L. These are candidates, which are still to be judged."""
    for outputs in (False, True):
        factors = []
        for claim in claims:
            with np.errstate(all="ignore"):
                ratios = claim.mine.delta[-1] / claim.centre.delta[-1]
                ratios = ratios * claim.stack.fan[-1] if outputs else ratios
                ratios = ratios * claim.stack.x.shape[-1] if cost.averaged else ratios
            factors.append(ratios[np.isfinite(ratios) & claim.stack.live(len(claim.stack.weights))])
        finite = np.concatenate(factors)
        ratio = float(np.median(finite)) if finite.size else 0.0
        for size in SIMPLE:
            if 0.99 < abs(ratio) / float(size) < 1.01 and not (size == 1 and ratio > 0 and not outputs):
                yield cost._replace(factor=size if ratio > 0 else -size, outputs=outputs)
