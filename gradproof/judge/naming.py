"""The mistake by its name: the one formula that explains every wrong value."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

import handcrafted
from gradproof.judge.claims import Claim, Sigma, inputs_of, judged
from gradproof.judge.mistakes import MISTAKES, Layer, Mistake
from gradproof.numerics import rounding
from gradproof.numerics.near import Near
from gradproof.problem import Array
from gradproof.proof.summary import Fault


def names_of(fault: Fault, claims: Sequence[Claim], sigma: Sigma) -> list[Mistake]:
    """The mistakes whose formula explains this fault on every network of every depth in which it shows."""
    fitting, tried = [m for m in MISTAKES if m.equation == fault.equation], 0
    for claim in claims:
        if not _shows(claim, fault, sigma):
            continue
        for layer, got in _networks(claim, fault, sigma):
            tried += 1
            fitting = [mistake for mistake in fitting if _explains(mistake, layer, got)]
            if not fitting:
                return []
    return fitting if tried else []


def _shows(claim: Claim, fault: Fault, sigma: Sigma) -> bool:
    found = judged(claim, sigma).findings
    return any((f.equation, f.layer) == (fault.equation, fault.layer) and f.refuted.any() for f in found)


def _networks(claim: Claim, fault: Fault, sigma: Sigma) -> Iterator[tuple[Layer, Array]]:
    """What each network has at hand in the faulty layer, in its exact shape, and what it made of it."""
    ar, part = rounding.arithmetic(claim.stack.x.dtype), {"BP3": "grad_b", "BP4": "grad_w"}.get(fault.equation, "delta")
    inputs, unread, exact = inputs_of(claim, ar, sigma), np.float64(ar.underflow), claim.mine.in_float64()

    def at(z: Near) -> Near:
        slope = rounding.sigma_prime(z.value, z.radius, ar)
        e = np.exp(-np.abs(z.value))
        a = handcrafted.equations.sigma(z.value)
        e_a = rounding.activation(z.value, a, z.radius, ar)
        return Near(
            e / (1 + e) ** 2,
            np.maximum(slope.radius, rounding.book_sigma_prime(z.value, z.radius, a, e_a, ar).radius),
            ar,
        )

    for network in range(len(claim.stack.x)):
        problem = claim.stack.alone(network)
        sizes, mine = problem.sizes, exact.alone(network, problem.sizes)

        def near(arrays: Sequence[Array], radii: Sequence[Any], network: int = network) -> list[Near]:
            cut = [e[network, : len(v)] if np.ndim(e) else e for v, e in zip(arrays, radii, strict=True)]
            return [Near(v.astype(np.float64), e, ar) for v, e in zip(arrays, cut, strict=True)]

        with np.errstate(all="ignore"):
            z, a, delta = (
                near(mine.zs, inputs.e_z),
                near(mine.activations, inputs.e_a),
                near(mine.delta, inputs.e_delta),
            )
            weights, (y,) = near(problem.weights, [unread] * (len(sizes) - 1)), near([problem.y], [unread])
            layer = Layer(weights, z, a, [at(of) for of in z], delta, y, at, fault.layer)
        yield layer, getattr(mine, part)[fault.layer - 1]


def _explains(mistake: Mistake, layer: Layer, got: Array) -> bool:
    """Whether the formula gives what was returned, within its own bound, in every element."""
    try:
        with np.errstate(all="ignore"):
            formula = mistake.compute(layer)
            off = np.abs(got - formula.value)
            return off.shape == got.shape and bool((off <= 2 * formula.radius).all())
    except (ValueError, IndexError):  # shapes that do not fit: it cannot have been this
        return False
