"""The mistake by its name: the one formula that explains every wrong value."""

from collections.abc import Sequence
from typing import Any

import numpy as np

import handcrafted
from gradproof.check.summary import Fault
from gradproof.judge.claims import Claim, inputs_of, judged
from gradproof.judge.mistakes import MISTAKES, Layer, Mistake
from gradproof.numerics import rounding
from gradproof.numerics.near import Near
from gradproof.problem import Array


def names_of(fault: Fault, claims: Sequence[Claim]) -> list[Mistake]:
    """The mistakes whose formula explains this fault on every network of every depth in which it shows."""
    tried = [claim for claim in claims if _shows(claim, fault)]
    fitting = [m for m in MISTAKES if m.equation == fault.equation and tried]
    for claim in tried:
        layer = _layer(claim, fault.layer)
        fitting = [mistake for mistake in fitting if _explains(mistake, layer, claim)]
        if not fitting:
            break
    return fitting


def _shows(claim: Claim, fault: Fault) -> bool:
    found = judged(claim, book=True).findings
    return any((f.equation, f.layer) == (fault.equation, fault.layer) and f.refuted.any() for f in found)


def _layer(claim: Claim, layer: int) -> Layer:
    stack, mine = claim.stack.astype(np.float64), claim.mine.in_float64()
    ar = rounding.arithmetic(claim.stack.x.dtype)
    inputs = inputs_of(claim, ar, book=True)

    def near(arrays: Sequence[Array], radius: Sequence[Any]) -> list[Near]:
        return [Near(array, r, ar) for array, r in zip(arrays, radius, strict=True)]

    def at(z: Near) -> Near:
        slope = rounding.sigma_prime(z.value, z.radius, ar)
        e = np.exp(-np.abs(z.value))
        a = handcrafted.equations.sigma(z.value)
        book = rounding.book_sigma_prime(z.value, z.radius, a, rounding.activation(z.value, a, z.radius, ar), ar)
        return Near(e / (1 + e) ** 2, np.maximum(slope.radius, book.radius), ar)

    with np.errstate(all="ignore"):
        z, a = near(mine.zs, inputs.e_z), near(mine.activations, inputs.e_a)
        weights = near(stack.weights, [np.float64(ar.underflow)] * len(stack.weights))
        delta = near(mine.delta, inputs.e_delta)
        y = Near(stack.y, np.float64(ar.underflow), ar)
        return Layer(weights, z, a, [at(of) for of in z], delta, y, at, layer)


def _explains(mistake: Mistake, layer: Layer, claim: Claim) -> bool:
    """Whether the formula gives what was returned, within its own bound, in every element of every network."""
    rows = claim.stack.live(layer.l)
    if mistake.equation == "BP4":
        got, live = claim.mine.grad_w[layer.l - 1], rows & claim.stack.live(layer.l - 1).mT
    else:
        got, live = (claim.mine.grad_b if mistake.equation == "BP3" else claim.mine.delta)[layer.l - 1], rows
    try:
        with np.errstate(all="ignore"):
            formula = mistake.compute(layer)
            off = np.abs(got.astype(np.float64) - formula.value)
            allowed = np.broadcast_to(2 * formula.radius, off.shape)
    except (ValueError, IndexError):
        return False
    return off.shape == got.shape and bool(((off <= allowed) | ~live).all())
