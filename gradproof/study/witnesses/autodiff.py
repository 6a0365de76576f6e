"""The autodiff witness: JAX differentiates the definitions, on many random networks of several shapes.

Both sides carry bounds on their rounding errors (numerics.near, numerics.program). Their difference is either explained
by rounding or not; no tolerance is chosen.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import reference  # noqa: F401  (switches float64 on)
from gradproof.numerics import program
from gradproof.numerics.running_error import Near
from gradproof.problem import Array
from gradproof.study.tree import Head, Node
from gradproof.study.values import Env, Evaluator, Key, SilentError, Value, insist_on_one_size
from gradproof.study.world import World

SIDE_BY_SIDE = 24  # networks of one shape
NET = "network"  # their axis


class _Jax:
    """Numbers that JAX can differentiate, derivatives included."""

    def number(self, value: Any) -> Any:
        return np.asarray(float(value))

    def function(self, name: str, array: Any) -> Any:
        return {"exp": jnp.exp, "log": jnp.log, "abs": jnp.abs}[name](array)

    def total(self, array: Any, axis: int) -> Any:
        return jnp.sum(array, axis=axis)

    def join(self, arrays: list[Any]) -> Any:
        return jnp.concatenate(arrays, axis=-1)

    def diagonal(self, array: Any, first: int, second: int) -> Any:
        moved = jnp.moveaxis(array, (first, second), (-2, -1))
        return jnp.sum(moved * np.eye(moved.shape[-1]), axis=-1)

    def slope(self, world: Evaluator, head: Head, body: Node, at: Value) -> Value:
        def function(array: Any) -> Any:
            return world.value(body, Env(bound=(((head.parameter, None), Value(at.axes, array)),))).array

        value, pull_back = jax.vjp(function, jnp.asarray(at.array))
        return Value(at.axes, pull_back(jnp.ones_like(value))[0])

    def derivative(self, world: Evaluator, env: Env, body: Node, name: Key, at: Value) -> Value:
        """Pull back once for each element of the body, for all positions along axes that both share at once."""
        axes: list[tuple[str, ...]] = []

        def function(array: Any) -> Any:
            value = world.value(body, env._replace(bound=(*env.bound, (name, Value(at.axes, array)))))
            insist_on_one_size(value, at)
            axes.append(value.axes)
            return value.array

        if not at.rank:  # a scalar variable: forward mode takes all of the body at once
            value, slopes = jax.jvp(function, (jnp.asarray(at.array),), (jnp.ones(at.array.shape),))
            if set(at.axes) <= set(axes[-1]):
                return Value(axes[-1], slopes)
        value, pull_back = jax.vjp(function, jnp.asarray(at.array))
        named = axes[-1]
        rank = value.ndim - len(named)
        alone = [i for i in range(value.ndim) if i >= len(named) or named[i] not in at.axes]
        across = [value.shape[i] for i in alone]
        count = int(np.prod(across, dtype=int))
        shape = [count, *(size if i in alone else 1 for i, size in enumerate(value.shape))]
        basis = jnp.asarray(np.broadcast_to(np.eye(count).reshape(shape), (count, *value.shape)))
        pulled = jax.vmap(pull_back)(basis)[0] if count > 1 else pull_back(basis[0])[0]
        slopes = pulled.reshape((*across, *at.array.shape))
        left = tuple(axis for axis in named if axis not in at.axes)
        n, more = len(left), len(at.axes)
        order = [
            *range(n),
            *range(n + rank, n + rank + more),
            *range(n, n + rank),
            *range(n + rank + more, slopes.ndim),
        ]
        return Value((*left, *at.axes), slopes.transpose(order))


class Rounded:
    """Numbers with rounding radii; for derivatives, JAX's program is run on such numbers."""

    def number(self, value: Any) -> Near:
        nearest = float(value)
        off = 0.0 if value == nearest else np.finfo(np.float64).eps * abs(nearest)
        return Near(np.asarray(nearest), np.asarray(off), program.AR)

    def function(self, name: str, array: Near) -> Near:
        if name == "log":
            raise SilentError("no bound is derived for the logarithm")
        return {"exp": Near.exp, "abs": Near.__abs__}[name](array)

    def total(self, array: Near, axis: int) -> Near:
        return array.sum(axis, keepdims=False)

    def join(self, arrays: list[Near]) -> Near:
        value, radius = (np.concatenate([getattr(n, part) for n in arrays], -1) for part in ("value", "radius"))
        return Near(value, radius, program.AR)

    def diagonal(self, array: Near, first: int, second: int) -> Near:
        return array.moved(lambda part: np.diagonal(part, axis1=first, axis2=second))

    def slope(self, world: Evaluator, head: Head, body: Node, at: Value) -> Value:
        numbers, axes = _Jax(), at.axes

        def function(array: Any) -> Any:
            return numbers.slope(_twin(world), head, body, Value(axes, array)).array

        return Value(axes, _run(function, at.array))

    def derivative(self, world: Evaluator, env: Env, body: Node, name: Key, at: Value) -> Value:
        numbers, axes = _Jax(), []
        keys = [key for key, _ in env.bound]

        def function(array: Any, *others: Any) -> Any:
            twin = _twin(world)
            bound = tuple(
                (key, Value(value.axes, other)) for key, (_, value), other in zip(keys, env.bound, others, strict=True)
            )
            found = numbers.derivative(twin, env._replace(bound=bound), body, name, Value(at.axes, array))
            axes.append(found.axes)
            return found.array

        array = _run(function, at.array, *(value.array for _, value in env.bound))
        return Value(axes[-1], array)


def _run(function: Any, *inputs: Near) -> Near:
    try:
        return program.run(function, *inputs)[0]
    except program.UnknownOperationError as error:
        raise SilentError(str(error)) from None


def _twin(world: Evaluator) -> World:
    """Return the same networks in JAX's numbers, with an empty memo: traced values must not outlive their trace."""
    assert isinstance(world, World)
    primitives = {key: Value(value.axes, value.array.value) for key, value in world.primitives.items()}
    return world._replace(numbers=_Jax(), primitives=primitives, memo={})


def world(definitions: Mapping[Head, Node], sizes: tuple[int, ...], m: int, numbers: Mapping[Key, Array]) -> World:
    """Return networks side by side, which are the first axis of each array."""
    primitives = {}
    for key, array in numbers.items():
        axes = (NET, "s") if key[0] in ("x", "y") else (NET,)
        primitives[key] = Value(axes, program.exact(array))
    return World(Rounded(), sizes, m, primitives, definitions, {})


def random(sizes: Sequence[int], m: int, letters: Sequence[str], rng: np.random.Generator) -> dict[Key, Array]:
    """Draw weights, biases, Δ, letters and x from N(0, 1), η uniformly from 0 to 3, y from 0 to 1; samples 0 … m."""
    count = SIDE_BY_SIDE
    numbers: dict[Key, Array] = {}
    for layer, (k, j) in enumerate(pairwise(sizes), start=1):
        numbers["edge", layer] = rng.standard_normal((count, k, j))
        numbers["b", layer] = rng.standard_normal((count, j))
    numbers["x", None] = rng.standard_normal((count, m + 1, sizes[0]))
    numbers["y", None] = rng.random((count, m + 1, sizes[-1]))
    parameters = sum(k * j + j for k, j in pairwise(sizes))
    numbers["Δ", None] = rng.standard_normal((count, parameters))
    numbers["η", None] = 3 * rng.random(count)
    for letter in letters:
        numbers[letter, None] = rng.standard_normal(count)
    return numbers


class Compared(NamedTuple):
    """The comparison of both sides on networks side by side."""

    elements: int
    unknown: int  # of the elements, undecided because of overflow or a division by what may be 0
    refuted: Array  # (networks,) whether rounding cannot explain some element
    ratio: float  # of difference to bound, the largest


def compared(relation: str, left: Value, right: Value) -> Compared:
    """Test whether the two radii explain where the sides violate the relation."""
    off, radius = left.array.value - right.array.value, left.array.radius + right.array.radius
    excess = {"==": np.abs(off), "<=": off, ">=": -off}[relation]
    finite = np.isfinite(radius) & np.isfinite(off)
    with np.errstate(all="ignore"):
        beyond = (excess > radius) & finite
        ratio = np.where(finite & (excess > 0), excess / radius, 0.0)
    axes = left.axes
    if NET in axes:
        place = axes.index(NET)
        others = tuple(i for i in range(beyond.ndim) if i != place)
        each = beyond.any(axis=others)
    else:
        each = np.array([beyond.any()])
    return Compared(off.size, int((~finite).sum()), each, float(ratio.max(initial=0.0)))
