"""Mini-batch gradient descent, the gradient by `jax.grad` (notes N14–N18, N23, N24)."""

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

    def one(parameters: Parameters, rows: Array) -> tuple[Parameters, None]:
        x, y = (data.at[rows].get(mode="promise_in_bounds").T for data in (images, targets))
        return step(*parameters, x, y, eta), None

    return jax.lax.scan(one, (list(weights), list(biases)), batches)[0]
