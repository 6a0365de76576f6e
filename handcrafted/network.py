"""The network and its cost (notes N10, N19, N25, N26)."""

from collections.abc import Sequence

from handcrafted import equations as eq
from handcrafted.equations import Array

Layers = Sequence[Array]


def feedforward(weights: Layers, biases: Layers, x: Array) -> tuple[list[Array], list[Array]]:
    """z^l = w^l a^{l−1} + b^l, a^l = σ(z^l), a⁰ = x: the lists [z¹ … z^L] and [a⁰ … a^L]."""
    zs, activations = [], [x]
    for w, b in zip(weights, biases, strict=True):
        zs.append(w @ activations[-1] + b)
        activations.append(eq.sigma(zs[-1]))
    return zs, activations


def cost(weights: Layers, biases: Layers, x: Array, y: Array) -> Array:
    """C = (1/2m) Σ_x ‖y − a^L‖², a scalar (one for each network of a stack)."""
    a = feedforward(weights, biases, x)[1][-1]
    return ((y - a) ** 2).sum(axis=(-2, -1)) / (2 * x.shape[-1])  # no |·|: C stays analytic, complex x works
