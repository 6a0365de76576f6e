"""The definition of the network, and nothing that was derived from it (notes N1, N10, N19, N25, N26).

Shapes as in the notes' conventions: w^l (n_l, n_{l−1}), b^l (n_l, 1), x (n_0, m), y (n_L, m), z^l, a^l (n_l, m).
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array

Layers = Sequence[Array]
Mask = Array | None


def sigma(z: Array) -> Array:
    """σ(z) = 1/(1 + e^{−z}), as e^z/(1 + e^z) where z < 0, so that neither it nor its derivative overflows."""
    e = jnp.exp(jnp.where(z >= 0, -z, z))
    return jnp.where(z >= 0, 1, e) / (1 + e)


def preactivation(w: Array, b: Array, a_prev: Array) -> Array:
    """z^l = w^l a^{l−1} + b^l."""
    return w @ a_prev + b


def output(z: Array, weights_above: Layers, biases_above: Layers) -> Array:
    """a^L as a function of z^l: the rest of the network, the layers l+1 … L."""
    a = sigma(z)
    for w, b in zip(weights_above, biases_above, strict=True):
        a = sigma(preactivation(w, b, a))
    return a


def example_costs(a: Array, y: Array, rows: Array | None = None) -> Array:
    """C_x = ½‖y − a^L‖² of each example, (m,); `rows` (n_L, 1) says which rows are neurons, if some are padding."""
    return 0.5 * jnp.sum((y - a) ** 2, axis=0, where=rows)


@jax.jit
def feedforward(weights: Layers, biases: Layers, x: Array) -> tuple[list[Array], list[Array]]:
    """The lists [z¹ … z^L] and [a⁰ … a^L], a⁰ = x."""
    zs: list[Array] = []
    activations = [jnp.asarray(x)]
    for w, b in zip(weights, biases, strict=True):
        zs.append(preactivation(w, b, activations[-1]))
        activations.append(sigma(zs[-1]))
    return zs, activations


@jax.jit
def cost(weights: Layers, biases: Layers, x: Array, y: Array, live: Mask = None, rows: Mask = None) -> Array:
    """C = (1/m) Σ_x C_x, a scalar; `live` (m,) says which examples count, by 1 or 0, where some are padding."""
    a = output(preactivation(weights[0], biases[0], x), weights[1:], biases[1:])
    return jnp.average(example_costs(a, y, rows), weights=live)
