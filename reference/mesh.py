"""Mini-batches spread over a mesh of devices, on one machine or on many: only where the arrays live is new.

The mesh has one axis, EXAMPLES. Each device has all parameters and an equal share of the columns of a mini-batch. It
differentiates its own part of C = Σ_devices (1/m) Σ_x C_x, and jax.grad adds the parts up: a parameter that enters
`shard_map` replicated is used by every device, so its gradient is a sum over them. (With an additional psum, each
gradient would count once for every device.) If the devices do not divide m, columns that do not count are added.
All of this runs under `with jax.set_mesh(over(n)):`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, P

from reference import autodiff, descent, network
from reference.descent import Parameters
from reference.network import Layers

EXAMPLES = "examples"
WHOLE, COLUMNS = P(), P(None, EXAMPLES)
PADDING = -1  # in a row of row numbers: no example


def over(devices: int | None = None) -> jax.sharding.Mesh:
    """The mesh of the first `devices` devices, by default of all devices of all processes."""
    found = jax.devices()[:devices]
    return jax.make_mesh((len(found),), (EXAMPLES,), devices=found)


def place(array: Any, spec: jax.sharding.PartitionSpec = WHOLE) -> Array:
    """Put an array that each process has on the mesh: whole on each device, or as `spec` says.

    Each process reads what its devices need, so nothing is sent.
    """
    array = np.asarray(array)
    sharding = jax.NamedSharding(jax.sharding.get_mesh(), spec)
    return jax.make_array_from_callback(array.shape, sharding, array.__getitem__)


def padded(array: Any, value: float = 0) -> Any:
    """Pad the columns to a multiple of the number of devices."""
    return np.pad(array, [(0, 0), (0, -np.shape(array)[1] % jax.sharding.get_mesh().size)], constant_values=value)


def part(weights: Layers, biases: Layers, x: Array, y: Array, live: Array, m: int) -> Array:
    """(1/m) Σ_x C_x over the examples of this device, where m counts those of all devices; `live` is 0 for padding."""
    a = network.output(network.preactivation(weights[0], biases[0], x), weights[1:], biases[1:])
    return jnp.sum(network.example_costs(a, y) * live) / m


def summed(parameters: Parameters, x: Array, y: Array, live: Array, m: int) -> Parameters:
    """(∂C/∂w, ∂C/∂b): each device differentiates its part, and the parts are added up in the fastest order."""

    def own(parameters: Parameters, x: Array, y: Array, live: Array) -> Parameters:
        return jax.grad(lambda p: part(p[0], p[1], x, y, live, m))(parameters)

    return jax.shard_map(own, out_specs=P())(parameters, x, y, live)


def in_order(parameters: Parameters, x: Array, y: Array, live: Array, m: int) -> Parameters:
    """(∂C/∂w, ∂C/∂b) with the same bits on any number of devices: one gradient per example, added up one by one.

    On every device each example gets a product by itself, of the same shape; adding the zeros of padding is exact.
    """

    def each(parameters: Parameters, x: Array, y: Array, live: Array) -> Parameters:
        alone = jax.lax.pcast(parameters, EXAMPLES, to="varying")  # no sum over devices: each keeps its own

        def one(example: tuple[Array, Array, Array]) -> Parameters:
            x, y, live = (array[..., None] for array in example)
            return jax.grad(lambda p: part(p[0], p[1], x, y, live, 1))(alone)

        examples = (x.T, y.T, live)
        if len(live) == 1:  # XLA removes a loop of one round, fuses the products and rounds differently
            examples = jax.tree.map(lambda e: jnp.concatenate([e, jnp.zeros_like(e)]), examples)
        return jax.tree.map(lambda g: g[: len(live)], jax.lax.map(one, examples))

    gradients = jax.shard_map(each, out_specs=P(EXAMPLES))(parameters, x, y, live)
    everywhere = jax.reshard(gradients, P())
    total, _ = jax.lax.scan(
        lambda total, g: (jax.tree.map(jnp.add, total, g), None), jax.tree.map(jnp.zeros_like, parameters), everywhere
    )
    return jax.tree.map(lambda g: g / m, total)


Gradient = Callable[[Parameters, Array, Array, Array, int], Parameters]


@partial(jax.jit, static_argnames=("m", "gradient"))
def _gradients(
    weights: Layers, biases: Layers, x: Array, y: Array, live: Array, m: int, gradient: Gradient
) -> tuple[list[Array], list[Array], list[Array]]:
    grad_w, grad_b = gradient((list(weights), list(biases)), x, y, live, m)
    delta = jax.shard_map(autodiff.deltas, out_specs=COLUMNS)(list(weights), list(biases), x, y)
    return jax.reshard(delta, P()), grad_b, grad_w


def gradients(
    weights: Layers, biases: Layers, x: Any, y: Any, gradient: Gradient = summed
) -> tuple[list[Array], list[Array], list[Array]]:
    """(δ, ∂C/∂b, ∂C/∂w) of `autodiff.gradients`, with the mini-batch spread over the mesh."""
    m = x.shape[1]
    columns = (x, y, np.ones((1, m), np.asarray(x).dtype))
    x, y, live = (place(padded(array), COLUMNS) for array in columns)
    parameters = jax.tree.map(place, (list(weights), list(biases)))
    delta, grad_b, grad_w = _gradients(*parameters, x, y, live[0], m, gradient)
    return [d[:, :m] for d in delta], grad_b, grad_w


@partial(jax.jit, static_argnames=("m", "gradient"))
def _descend(
    parameters: Parameters, images: Array, targets: Array, batches: Array, eta: float, m: int, gradient: Gradient
) -> Parameters:
    def own(images: Array, targets: Array, rows: Array) -> tuple[Array, Array, Array]:
        x, y = (data.at[jnp.maximum(rows, 0)].get(mode="promise_in_bounds").T for data in (images, targets))
        return x, y, (rows != PADDING).astype(images.dtype)

    def one(parameters: Parameters, rows: Array) -> tuple[Parameters, None]:
        x, y, live = jax.shard_map(own, out_specs=(COLUMNS, COLUMNS, P(EXAMPLES)))(images, targets, rows)
        gradient_ = gradient(parameters, x, y, live, m)
        return jax.tree.map(lambda p, g: p - jnp.asarray(eta, p.dtype) * g, parameters, gradient_), None

    return jax.lax.scan(one, parameters, batches)[0]


def descend(
    weights: Layers,
    biases: Layers,
    images: Array,
    targets: Array,
    batches: Any,
    eta: float,
    gradient: Gradient = summed,
) -> Parameters:
    """`descent.descend` with each mini-batch spread over the mesh; images and targets come from `place`, whole."""
    if gradient is summed and jax.sharding.get_mesh().size == 1:  # nothing to spread or add up
        return descent.descend(weights, biases, images, targets, batches, eta)
    parameters = jax.tree.map(place, (list(weights), list(biases)))
    rows = place(padded(batches, PADDING), COLUMNS)
    return _descend(parameters, images, targets, rows, eta, batches.shape[1], gradient)
