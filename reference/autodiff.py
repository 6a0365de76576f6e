"""Every derivative of the network by autodiff of its definition."""

import jax
import jax.numpy as jnp
from jax import Array

from reference import network
from reference.network import Layers


def deltas(weights: Layers, biases: Layers, x: Array, y: Array, rows: Array | None = None) -> list[Array]:
    """δ^l = ∂C_x/∂z^l (N28), taken literally: the derivative of the rest of the network as a function of z^l.

    Examples do not mix, so column x of the gradient of Σ_x C_x is the gradient of C_x.
    """

    def total_cost(z: Array, layer: int) -> Array:
        a = network.output(z, weights[layer:], biases[layer:])
        return jnp.sum(network.example_costs(a, y, rows))

    zs, _ = network.feedforward(weights, biases, x)
    return [jax.grad(total_cost)(z, layer) for layer, z in enumerate(zs, start=1)]


@jax.jit
def gradients(
    weights: Layers, biases: Layers, x: Array, y: Array, live: Array | None = None, rows: Array | None = None
) -> tuple[list[Array], list[Array], list[Array]]:
    """(δ, ∂C/∂b, ∂C/∂w), three lists, layer 1 first; the last two from the cost C of the whole mini-batch."""
    grad_w, grad_b = jax.grad(network.cost, argnums=(0, 1))(list(weights), list(biases), x, y, live, rows)
    return deltas(weights, biases, x, y, rows), grad_b, grad_w
