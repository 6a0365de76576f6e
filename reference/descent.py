"""Mini-batch gradient descent, the gradient by `jax.grad` (notes N14–N18, N23, N24)."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from reference import network
from reference.network import Layers

Parameters = tuple[list[Array], list[Array]]


@jax.jit
def step(weights: Layers, biases: Layers, x: Array, y: Array, eta: float) -> Parameters:
    """The parameters moved by −η times the gradient of the cost of the mini-batch (x, y)."""
    parameters = (list(weights), list(biases))
    gradient = jax.grad(lambda p: network.cost(*p, x, y))(parameters)
    return jax.tree.map(lambda p, g: p - jnp.asarray(eta, p.dtype) * g, parameters, gradient)


@jax.jit
def descend(weights: Layers, biases: Layers, images: Array, targets: Array, batches: Array, eta: float) -> Parameters:
    """One step for each row of `batches` (k, m): the rows of images (n, n_0) and targets (n, n_L) in a mini-batch.

    A data set keeps one example a row; transposing a mini-batch makes its examples columns.
    """
    return jax.lax.scan(_stepper(images, targets, eta), (list(weights), list(biases)), batches)[0]


@jax.jit
def trajectory(
    weights: Layers, biases: Layers, images: Array, targets: Array, batches: Array, eta: float
) -> Parameters:
    """The parameters before each step of `descend` and after the last, stacked: w^l is (k + 1, n_l, n_{l−1})."""
    start = (list(weights), list(biases))
    _, path = jax.lax.scan(_stepper(images, targets, eta), start, batches)
    whole: Parameters = jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), start, path)
    return whole


def _stepper(images: Array, targets: Array, eta: float) -> Callable[[Parameters, Array], tuple[Parameters, Parameters]]:
    """The body of a `lax.scan` over mini-batches: it carries the moved parameters on and outputs them as well."""

    def one(parameters: Parameters, rows: Array) -> tuple[Parameters, Parameters]:
        x, y = (data.at[rows].get(mode="promise_in_bounds").T for data in (images, targets))
        moved = jax.lax.optimization_barrier(step(*parameters, x, y, eta))  # or XLA may round the output differently
        return moved, moved

    return one
