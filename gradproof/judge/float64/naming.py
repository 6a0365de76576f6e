"""Name a mistake by the formula that explains every wrong value."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gradproof.judge.float64 import families
from gradproof.judge.float64.claims import Claim, Sigma, inputs_of
from gradproof.judge.float64.mistakes import MISTAKES, Layer, Mistake
from gradproof.numerics import rounding
from gradproof.numerics.rounding import Arithmetic
from gradproof.numerics.running_error import Near
from gradproof.problem import Answer, Array
from gradproof.proof.summary import Fault
from gradproof.proof.theorem import Judged


def names_of(fault: Fault, claims: Sequence[Claim], found: Sequence[Judged], sigma: Sigma) -> list[Mistake]:
    """Return the mistakes whose formula gives the returned values on every network with this layer, right or wrong.

    A slip made only on some networks has no formula and no name.
    """
    showing: list[Claim] = []
    hidden: list[Claim] = []
    for claim, judged in zip(claims, found, strict=True):
        own = [f for f in judged.findings if (f.equation, f.layer) == (fault.equation, fault.layer)]
        if own:
            if any(f.refuted.any() for f in own):
                showing.append(claim)
            elif not claim.inferred:
                hidden.append(claim)
    fitting, tried = [m for m in MISTAKES if m.equation == fault.equation], 0
    for claim in showing:
        for layer, got in _networks(claim, fault, sigma):
            tried += 1
            fitting = [mistake for mistake in fitting if _explains(mistake, layer, got)]
            if not fitting:
                return families.named(fault.equation, [one for c in showing for one in _networks(c, fault, sigma)])
    for claim in hidden:
        for layer, got in _networks(claim, fault, sigma):
            fitting = [mistake for mistake in fitting if _explains(mistake, layer, got)]
    return fitting if tried else []


def _networks(claim: Claim, fault: Fault, sigma: Sigma) -> Iterator[tuple[Layer, Array]]:
    """Yield what each network has at hand in the faulty layer, in its exact shape, and its result there."""
    ar = rounding.arithmetic(claim.stack.x.dtype)
    inputs, unread, exact = inputs_of(claim, ar, sigma), np.float64(ar.underflow), claim.mine.in_float64()

    def at(z: Near) -> Near:
        return slope(z, ar)

    for network in range(len(claim.stack.x)):
        problem = claim.stack.of_network(network)
        sizes, mine = problem.sizes, exact.of_network(network, problem.sizes)

        def near(arrays: Sequence[Array], radii: Sequence[Any], network: int = network) -> list[Near]:
            cut = [
                e[network, : v.shape[0], : v.shape[1]] if np.ndim(e) else e for v, e in zip(arrays, radii, strict=True)
            ]
            return [Near(v.astype(np.float64), e, ar) for v, e in zip(arrays, cut, strict=True)]

        with np.errstate(all="ignore"):
            z, a = near(mine.zs, inputs.e_z), near(mine.activations, inputs.e_a)
            delta = near(mine.delta, inputs.e_delta)
            weights, biases = (near(part, [unread] * (len(sizes) - 1)) for part in problem[:2])
            (y,) = near([problem.y], [unread])
            layer = Layer(weights, biases, z, a, [at(of) for of in z], delta, y, at, fault.layer)
        yield layer, _made(mine, fault)


def _made(mine: Answer, fault: Fault) -> Array:
    """Return the subject's result of the faulty equation in its layer."""
    if fault.equation == "a":
        return mine.activations[fault.layer]
    part = {"z": mine.zs, "BP3": mine.grad_b, "BP4": mine.grad_w}.get(fault.equation, mine.delta)
    return part[fault.layer - 1]


def slope(z: Near, ar: Arithmetic) -> Near:
    """Return σ′ of any number, with the larger of the radii of its two forms."""
    slope = rounding.sigma_prime(z.value, z.radius, ar)
    e = np.exp(-np.abs(z.value))
    a = np.where(z.value >= 0, 1, e) / (1 + e)
    book = rounding.book_sigma_prime(z.value, z.radius, a, rounding.activation(z.value, a, z.radius, ar), ar)
    return Near(e / (1 + e) ** 2, np.maximum(slope.radius, book.radius), ar)


def _explains(mistake: Mistake, layer: Layer, got: Array) -> bool:
    """Whether the formula gives every returned element within the formula's own bound."""
    try:
        with np.errstate(all="ignore"):
            formula = mistake.compute(layer)
            off = np.abs(got - formula.value)
            return off.shape == got.shape and bool((off <= 2 * formula.radius).all())
    except (ValueError, IndexError):  # shapes that do not fit rule this formula out
        return False
