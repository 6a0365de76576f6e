"""Recognises activations, the functions from a weighted sum to what enters the next one, by their values."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flint import arb

from gradproof.exact.numbers import Number
from gradproof.exact.rules import Ball
from gradproof.exact.sweeps import computed_from, operands_of

_SELU = (arb("1.0507009873554804934193349852946"), arb("1.6732632423543772848170429916717"))

ACTIVATIONS: list[tuple[str, Callable[[Ball], Ball]]] = [
    ("sigmoid", lambda z: 1 / (1 + (-z).exp())),
    ("tanh", lambda z: z.tanh()),
    ("ReLU", lambda z: z if z > 0 else arb(0)),
    ("linear", lambda z: z),
    ("softplus", lambda z: (1 + z.exp()).log()),
    ("sine", lambda z: z.sin()),
    ("ELU", lambda z: z if z > 0 else z.exp() - 1),
    ("SELU", lambda z: _SELU[0] * (z if z > 0 else _SELU[1] * (z.exp() - 1))),
    ("swish", lambda z: z / (1 + (-z).exp())),
    ("GELU", lambda z: z * (1 + (z / arb(2).sqrt()).erf()) / 2),
    ("GELU by tanh", lambda z: z / 2 * (1 + ((2 / arb.pi()).sqrt() * (z + arb("0.044715") * z**3)).tanh())),
    ("softsign", lambda z: z / (1 + abs(z))),
    ("arctan", lambda z: z.atan()),
    ("square", lambda z: z * z),
    ("ReLU6", lambda z: arb(0) if z < 0 else (arb(6) if z > 6 else z)),
    ("scaled tanh", lambda z: arb("1.7159") * (2 * z / 3).tanh()),
    ("2σ − 1", lambda z: 2 / (1 + (-z).exp()) - 1),
]
EITHER = "ReLU or linear"  # which are the same where no z is negative
_LINEAR = ("dot", "sum")


def weighted_sum(a: Number) -> Number | None:
    """Return the z from which an activation is computed, the nearest sum of products with its bias, or None."""
    waiting, seen = [a], {a.index}
    while waiting:
        x = waiting.pop(0)
        if _is_sum(x):
            return x
        for y in operands_of(x):
            if y.varies and y.index not in seen:
                seen.add(y.index)
                waiting.append(y)
    return None


def _is_sum(x: Number) -> bool:
    """Whether x is a sum of products, with or without a bias."""
    if x.rule is None:
        return False
    if x.rule.name in _LINEAR:
        return True
    if x.rule.name == "add" and any(y.rule is not None and y.rule.name == "multiply" for y in x.operands):
        return True  # w x + b of single numbers
    return x.rule.name in ("add", "copy") and any(y.rule is not None and _is_sum(y) for y in x.operands)


def named(pairs: Sequence[tuple[Ball, Ball]], cut: bool = False) -> str:
    """Return the name of the activation that takes every z to its a, "leaky ReLU" with its slope, or "".

    `cut`: whether other elements of the layer are 0 whatever their z is, as where `np.maximum(0, z)` takes the 0.
    """
    for name, function in ACTIVATIONS:
        if all(function(z).overlaps(a) for z, a in pairs):
            return EITHER if name == "ReLU" and not cut and not any(z < 0 for z, _ in pairs) else name
    slopes = {f"{float((a / z).mid()):.6g}" for z, a in pairs if z < 0}
    told = len(slopes) == 1 and any(z > 0 for z, _ in pairs) and 0 < float(next(iter(slopes))) < 1
    if told and all(a.overlaps(z) for z, a in pairs if z > 0):
        return f"leaky ReLU ({slopes.pop()})"
    return ""


def activations(layers: Iterable[Sequence[Number]], parameters: set[int]) -> list[str]:
    """Return the name of each layer's activation; "" for one without a name."""
    names = []
    for numbers in layers:
        pairs = [(z.value, a.value) for a in numbers if a.varies and (z := weighted_sum(a)) is not None]
        cut = any(not a.varies and a.value.is_zero() for a in numbers)
        names.append(named(pairs, cut) if pairs else "")
    return names


def hidden_layers(results: Iterable[Number], parameters: set[int]) -> list[list[Number]]:
    """Return what is multiplied by parameters and is not data: activations, in the order in which they are used.

    At most 64 numbers of each layer are returned, with those that a ReLU has cut to 0.
    """
    groups: dict[Any, dict[int, Number]] = {}
    for x in computed_from(results):
        if x.rule is None or x.rule.name not in ("dot", "multiply"):
            continue
        left, right = x.operands if x.rule.name == "dot" else ((x.operands[0],), (x.operands[1],))
        for sides in ((left, right), (right, left)):
            if all(w.index in parameters for w in sides[0]) and any(
                a.varies and a.index not in parameters for a in sides[1]
            ):
                groups.setdefault(x.place, {}).update({a.index: a for a in sides[1]})
    return [list(group.values())[:64] for group in groups.values()]
