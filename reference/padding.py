"""Many networks of one depth in one compiled call.

A stack holds N networks of equal depth whose layers are padded to one width with silent neurons: w^l (N, width, width),
b^l (N, width, 1), x and y (N, width, m). Padding has zero weights, so it feeds nothing whatever σ(0) is; `rows`
(N, width, 1) masks it in the cost. Adding zeros is exact, so a network's numbers are those of its exact shape, up to
the order of summation. Examples may be padded as well; `live` (m,) is 1 for those that count.
"""

import jax
from jax import Array

from reference import autodiff, network, stages
from reference.network import Layers


def _answer(weights: Layers, biases: Layers, rows: Array, x: Array, y: Array, live: Array) -> tuple[object, ...]:
    """(z¹ … z^L), (a⁰ … a^L), C, δ, ∂C/∂b, ∂C/∂w of one network, in one compilation."""
    zs, activations = network.feedforward(weights, biases, x)
    cost = network.cost(weights, biases, x, y, live, rows)
    return zs, activations, cost, *autodiff.gradients(weights, biases, x, y, live, rows)


answer = jax.jit(jax.vmap(_answer, in_axes=(0, 0, 0, 0, 0, None)))

preactivation = jax.jit(jax.vmap(network.preactivation))
sigma = jax.jit(network.sigma)
output_delta = jax.jit(jax.vmap(stages.output_delta))
hidden_delta = jax.jit(jax.vmap(stages.hidden_delta))
parameter_gradients = jax.jit(jax.vmap(stages.parameter_gradients, in_axes=(0, 0, 0, 0, None)))


def _stages(
    weights: Layers, biases: Layers, rows: Array, y: Array, zs: Layers, activations: Layers, delta: Layers, live: Array
) -> tuple[object, ...]:
    """z, a, C, δ, ∂C/∂b, ∂C/∂w of one network, each by its own stage from given z, a and δ."""
    up = list(zip(weights, biases, activations[:-1], strict=True))
    errors = [
        stages.hidden_delta(w, b, d, z) for w, b, d, z in zip(weights[1:], biases[1:], delta[1:], zs[:-1], strict=True)
    ]
    errors.append(stages.output_delta(activations[-1], zs[-1], y, rows))
    gradients = [stages.parameter_gradients(w, b, a, d, live) for (w, b, a), d in zip(up, delta, strict=True)]
    return (
        [network.preactivation(*stage) for stage in up],
        [network.sigma(z) for z in zs],
        stages.cost(activations[-1], y, live, rows),
        errors,
        [grad_b for grad_b, _ in gradients],
        [grad_w for _, grad_w in gradients],
    )


every_stage = jax.jit(jax.vmap(_stages, in_axes=(0, 0, 0, 0, 0, 0, 0, None)))
