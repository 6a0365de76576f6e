"""Slips with an unknown number in them: a forgotten weight decay, a fixed divisor, a learning rate.

Each says got = base + t · direction. Base and direction have radii, so every element allows an interval of t. A slip
is named only if one t is in all of these intervals, on every network tried, and t = 0 is not.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from gradproof.judge.float64 import mistakes as m
from gradproof.judge.float64.mistakes import Layer, Mistake
from gradproof.numerics.running_error import Near
from gradproof.problem import Array


class Family(NamedTuple):
    equation: str
    name: str  # with {t} for the number
    formula: str
    base: Callable[[Layer], Near]
    direction: Callable[[Layer], Near]
    seen: str = ""
    of_batches: bool = False  # for m = 1 it equals the family before
    whole: str = ""  # added to the name if the number is whole and above 1


def _of_updated(p: Layer) -> Near:
    """Return −(∂C/∂w^{l+1})ᵀδ^{l+1} ⊙ σ′(z^l), the change of δ^l after a step of size 1 on w^{l+1}."""
    gradient = p.delta[p.l] @ p.a[p.l].mT * (1 / p.m)
    return (gradient.mT @ p.delta[p.l]) * p.slope[p.l - 1] * -1.0


def _sum_updated(p: Layer) -> Near:
    return _of_updated(p) * float(p.m)


def _nothing(right: Callable[[Layer], Near]) -> Callable[[Layer], Near]:
    return lambda p: right(p) * 0.0


_EARLY = "joelgrus/data-science-from-scratch#31, Toy-Neural-Network-JS#72, basic_neural_network#7"
_DEVICES = ", as from a psum over {t} devices where jax.grad has already summed the gradients of replicated parameters"
FAMILIES = (
    Family("BP1", "there is an extra factor of {t}", "{t}(aᴸ − y) ⊙ σ′(zᴸ)", _nothing(m.bp1), m.bp1),
    Family("BP2", "there is an extra factor of {t}", "{t}((wˡ⁺¹)ᵀδˡ⁺¹) ⊙ σ′(zˡ)", _nothing(m.bp2), m.bp2),
    Family("BP2", "the weights are updated before δ is propagated (η = {t})", "((wˡ⁺¹ − {t} ∂C/∂wˡ⁺¹)ᵀδˡ⁺¹) ⊙ σ′(zˡ)",
           m.bp2, _of_updated, _EARLY),
    Family("BP2", "the weights are updated by the sum before δ is propagated (η = {t})",
           "((wˡ⁺¹ − {t} m ∂C/∂wˡ⁺¹)ᵀδˡ⁺¹) ⊙ σ′(zˡ)", m.bp2, _sum_updated, _EARLY, True),
    Family("BP3", "there is an extra factor of {t}", "({t}/m) Σₓ δˡ", _nothing(m.bp3), m.bp3, whole=_DEVICES),
    Family("BP3", "the sum over the mini-batch is multiplied by {t}, not by 1/m", "{t} Σₓ δˡ", _nothing(m.bp3),
           lambda p: p.delta[p.l - 1].sum(-1), "", True),
    Family("BP3", "the bias decays as well: {t} b is added", "(1/m) Σₓ δˡ + {t} bˡ", m.bp3, lambda p: p.b[p.l - 1]),
    Family("BP3", "the number {t} is added", "(1/m) Σₓ δˡ + {t}", m.bp3, lambda p: p.b[p.l - 1] * 0.0 + 1.0),
    Family("BP4", "there is an extra factor of {t}", "({t}/m) δˡ(aˡ⁻¹)ᵀ", _nothing(m.bp4), m.bp4, whole=_DEVICES),
    Family("BP4", "the sum over the mini-batch is multiplied by {t}, not by 1/m", "{t} δˡ(aˡ⁻¹)ᵀ", _nothing(m.bp4),
           lambda p: p.delta[p.l - 1] @ p.a[p.l - 1].mT, "deeplearning4j#1452", True),
    Family("BP4", "weight decay is left in: {t} w is added", "(1/m) δˡ(aˡ⁻¹)ᵀ + {t} wˡ", m.bp4, lambda p: p.w[p.l - 1]),
    Family("BP4", "weight decay is left in: {t} w/m is added", "(1/m) δˡ(aˡ⁻¹)ᵀ + ({t}/m) wˡ", m.bp4,
           lambda p: p.w[p.l - 1] * (1 / p.m), "", True),
)  # fmt: skip


def named(equation: str, tried: Sequence[tuple[Layer, Array]]) -> list[Mistake]:
    """Return the families that explain every network with one number, with that number in their names."""
    found, batches = [], any(layer.m > 1 for layer, _ in tried)
    for family in FAMILIES:
        if family.equation != equation or (family.of_batches and not batches):
            continue
        if (said := _number(family, tried)) is not None:
            also = family.whole if said.isdigit() and int(said) > 1 else ""
            name, formula = (text.replace("{t}", said) for text in (family.name + also, family.formula))
            found.append(Mistake(equation, name, formula, family.direction, family.seen))
    return found


def _number(family: Family, tried: Sequence[tuple[Layer, Array]]) -> str | None:
    """Return the t, in few digits, that fits every element, or None if 0 fits, none does, or one network decides it."""
    low, high, telling = -np.inf, np.inf, 0
    for layer, got in tried:
        try:
            with np.errstate(all="ignore"):
                base, direction = family.base(layer), family.direction(layer)
                if direction.value.shape != got.shape:
                    return None
                lows, highs = _interval(got, base, direction)
        except (ValueError, IndexError):
            return None
        low, high = max(low, float(lows.max())), min(high, float(highs.min()))
        if not low <= high:
            return None
        telling += bool((np.isfinite(lows) & np.isfinite(highs)).any())
    if telling < 2 or low <= 0 <= high:
        return None
    shorter = (f"{(low + high) / 2:.{digits}g}" for digits in range(1, 18))
    return next((said for said in shorter if low <= float(said) <= high), f"{low:.17g}")


def _interval(got: Array, base: Near, direction: Near) -> tuple[Array, Array]:
    """Return each element's ends of the t with |got − base − t d| ≤ 2(E_base + |t| E_d); any t fits if d may be 0."""
    residual, size = got - base.value, np.abs(direction.value)
    slack, spread = 2 * np.broadcast_to(base.radius, got.shape), 2 * np.broadcast_to(direction.radius, got.shape)
    most = (np.abs(residual) + slack) / (size - spread)  # upper bound of |t|
    centre = residual / direction.value
    width = (slack + most * spread) / size + 4 * direction.ar.u * np.abs(centre)
    known = size > 2 * spread
    impossible = ~known & (size == 0) & (np.abs(residual) > slack)
    low = np.where(known, centre - width, np.where(impossible, np.inf, -np.inf))
    high = np.where(known, centre + width, np.where(impossible, -np.inf, np.inf))
    return low, high
