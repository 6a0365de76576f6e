"""Many networks of one depth in one compiled call.

A stack holds N networks of equal depth whose layers are padded to one width with silent neurons: w^l (N, width, width),
b^l (N, width, 1), x and y (N, width, m). Padding has zero weights and biases, so it stands at σ(0) = ½ and feeds
nothing, and y = ½ on it makes its error exactly 0. Adding zeros is exact: a network's own numbers are those of its
exact shape but for the order of summation. Examples may be padded as well; `live` (m,) is 1 for those that count.
"""

import jax
from jax import Array

from reference import autodiff, network, stages
from reference.network import Layers


def _answer(weights: Layers, biases: Layers, x: Array, y: Array, live: Array) -> tuple[list[Array] | Array, ...]:
    """(z¹ … z^L), (a⁰ … a^L), C, δ, ∂C/∂b, ∂C/∂w of one network, in one compilation."""
    zs, activations = network.feedforward(weights, biases, x)
    cost = network.cost(weights, biases, x, y, live)
    return zs, activations, cost, *autodiff.gradients(weights, biases, x, y, live)


answer = jax.jit(jax.vmap(_answer, in_axes=(0, 0, 0, 0, None)))

preactivation = jax.jit(jax.vmap(network.preactivation))
sigma = jax.jit(network.sigma)
output_delta = jax.jit(jax.vmap(stages.output_delta))
hidden_delta = jax.jit(jax.vmap(stages.hidden_delta))
parameter_gradients = jax.jit(jax.vmap(stages.parameter_gradients, in_axes=(0, 0, 0, 0, None)))
cost = jax.jit(jax.vmap(stages.cost, in_axes=(0, 0, None)))
