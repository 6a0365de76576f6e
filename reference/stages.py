"""Autodiff of single stages of the network at given inputs.

Each function differentiates one line of the definition with the inputs it is given, so an error anywhere else cannot
hide an error here. Shapes as in `network`; one example is one column.
"""

import jax
import jax.numpy as jnp
from jax import Array

from reference import network


@jax.jit
def output_delta(a: Array, z: Array, y: Array, rows: Array | None = None) -> Array:
    """δ^L (n_L, m) from given a^L and z^L: ∂C_x/∂a^L at a^L, pulled back through a^L = σ(z^L) at z^L."""
    grad_a = jax.grad(lambda a: jnp.sum(network.example_costs(a, y, rows)))(a)
    _, pull_back = jax.vjp(network.sigma, z)
    return pull_back(grad_a)[0]


@jax.jit
def hidden_delta(w_next: Array, b_next: Array, delta_next: Array, z: Array) -> Array:
    """δ^l (n_l, m) from given δ^{l+1}, pulled back through z^{l+1} = w^{l+1} σ(z^l) + b^{l+1} at z^l."""
    _, pull_back = jax.vjp(lambda z: network.preactivation(w_next, b_next, network.sigma(z)), z)
    return pull_back(delta_next)[0]


@jax.jit
def parameter_gradients(
    w: Array, b: Array, a_prev: Array, delta: Array, live: Array | None = None
) -> tuple[Array, Array]:
    """(∂C/∂b^l, ∂C/∂w^l) from given δ^l and a^{l−1}: the gradient of (1/m) Σ_x ⟨δ^l_x, z^l_x(w, b)⟩."""

    def linearised_cost(w: Array, b: Array) -> Array:
        return jnp.average(jnp.sum(delta * network.preactivation(w, b, a_prev), axis=0), weights=live)

    grad_w, grad_b = jax.grad(linearised_cost, argnums=(0, 1))(w, b)
    return grad_b, grad_w


@jax.jit
def cost(a: Array, y: Array, live: Array | None = None, rows: Array | None = None) -> Array:
    """C from given a^L: the mean of the examples' costs."""
    return jnp.average(network.example_costs(a, y, rows), weights=live)
