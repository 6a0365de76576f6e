"""Bounds the rounding of a JAX function: runs its program step by step with `Near`, which carries a radius along.

`jax.make_jaxpr` gives the program, also that of a derivative, and every operation in it needs a rule below. The
program's results are then within their radii of the exact values, however a compiler fuses or orders the steps.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from gradproof.numerics.rounding import arithmetic
from gradproof.numerics.running_error import Near
from gradproof.problem import Array

AR = arithmetic(np.float64)


class UnknownOperationError(ValueError):
    """Raised if the program has an operation without a derived bound."""


class Condition(NamedTuple):
    """The outcome of a comparison, and where the radii leave it open."""

    true: Array
    unsure: Array


def exact(array: Any) -> Near:
    """Return numbers with radius 0."""
    value = np.asarray(array, np.float64)
    return Near(value, np.zeros(value.shape), AR)


def run(function: Callable[..., Any], *inputs: Near) -> list[Near]:
    """Return the function's results with their radii. UnknownOperationError if an operation has no derived bound."""
    shapes = [jax.ShapeDtypeStruct(near.shape, np.float64) for near in inputs]
    with jax.disable_jit():  # so that jitted functions are traced operation by operation
        closed = jax.make_jaxpr(function)(*shapes)
    return [_near(out) for out in _run(closed.jaxpr, closed.consts, inputs)]


def _near(value: Any) -> Near:
    return value if isinstance(value, Near) else exact(value)


def _run(jaxpr: Any, consts: Sequence[Any], inputs: Sequence[Any]) -> list[Any]:
    known: dict[Any, Any] = dict(zip(jaxpr.constvars, consts, strict=True)) | dict(
        zip(jaxpr.invars, inputs, strict=True)
    )

    def read(atom: Any) -> Any:
        return atom.val if hasattr(atom, "val") else known[atom]

    wanted, needed = {out for out in jaxpr.outvars if not hasattr(out, "val")}, []
    for eqn in reversed(jaxpr.eqns):  # drops what no result needs, such as a cost of which only the slope is returned
        if wanted.intersection(eqn.outvars):
            needed.append(eqn)
            wanted.update(atom for atom in eqn.invars if not hasattr(atom, "val"))
    for eqn in reversed(needed):
        arguments = [read(atom) for atom in eqn.invars]
        name = eqn.primitive.name
        if name in ("pjit", "jit", "closed_call", "custom_jvp_call"):
            inner = eqn.params.get("jaxpr") or eqn.params["call_jaxpr"]
            results = _run(inner.jaxpr, inner.consts, arguments)
        elif name in OPERATIONS:
            results = [OPERATIONS[name](eqn.params, *arguments)]
        else:
            raise UnknownOperationError(f"no bound is derived for JAX's {name}")
        known.update(zip(eqn.outvars, results, strict=True))
    return [read(out) for out in jaxpr.outvars]


# ---- one rule for each operation -------------------------------------------------------------------------------


def _moved(move: Callable[[Any, Array], Array]) -> Callable[..., Any]:
    """Return the rule of an operation that only moves elements about."""

    def rule(params: Any, array: Any) -> Any:
        if isinstance(array, Near):
            return array.moved(lambda part: move(params, part))
        if isinstance(array, Condition):
            return Condition(*(move(params, part) for part in array))
        return move(params, np.asarray(array))

    return rule


def _broadcast(params: Any, array: Array) -> Array:
    shape, places = params["shape"], params["broadcast_dimensions"]
    wide = np.ones(len(shape), int)
    for place, size in zip(places, array.shape, strict=True):
        wide[place] = size
    return np.broadcast_to(array.reshape(wide), shape)


def _slice(params: Any, array: Array) -> Array:
    strides = params["strides"] or (1,) * array.ndim
    return array[tuple(map(slice, params["start_indices"], params["limit_indices"], strides))]


def _pad(params: Any, array: Any, filler: Any) -> Near:
    wide = [(low, high) for low, high, _ in params["padding_config"]]
    if any(inside for *_, inside in params["padding_config"]) or min(min(pair) for pair in wide) < 0:
        raise UnknownOperationError("no bound is derived for this pad")
    if float(np.asarray(_near(filler).value)) != 0:
        raise UnknownOperationError("padded with something other than 0")
    return _near(array).moved(lambda part: np.pad(part, wide))


def _joined(params: Any, *arrays: Any) -> Near:
    nears = [near.copy() for near in map(_near, arrays)]
    axis = params["dimension"]
    value, radius = (np.concatenate([getattr(n, part) for n in nears], axis) for part in ("value", "radius"))
    return Near(value, radius, AR)


def _power(params: Any, x: Any) -> Near:
    power = params.get("y", 2)
    if power == 0:
        return exact(np.ones(_near(x).shape))
    return _near(x) ** power if power > 0 else 1 / _near(x) ** -power


def _dot(params: Any, left: Any, right: Any) -> Near:
    """Multiply matrices by broadcasting, which will do because the arrays of a study are small."""
    (ours, theirs), (batch, batch_right) = params["dimension_numbers"]
    one, two = _near(left), _near(right)
    rows = [axis for axis in range(one.ndim) if axis not in (*ours, *batch)]
    columns = [axis for axis in range(two.ndim) if axis not in (*theirs, *batch_right)]
    one, two = one.transpose((*batch, *rows, *ours)), two.transpose((*batch_right, *columns, *theirs))
    b, r, c, k = len(batch), len(rows), len(columns), len(ours)
    one = one.reshape((*one.shape[: b + r], *(1,) * c, *one.shape[b + r :]))
    two = two.reshape((*two.shape[:b], *(1,) * r, *two.shape[b:]))
    return (one * two).sum(tuple(range(b + r + c, b + r + c + k)), keepdims=False) if k else one * two


def _compared(relation: Callable[[Array, Array], Array]) -> Callable[..., Condition]:
    def rule(params: Any, left: Any, right: Any) -> Condition:
        one, two = _near(left), _near(right)
        off = np.abs(one.value - two.value)
        radius = one.radius + two.radius
        return Condition(relation(one.value, two.value), (off <= radius) & (radius > 0))

    return rule


def _select(params: Any, which: Any, *cases: Any) -> Near:
    """Select between two cases. Where the condition is open either may be computed, so the radius covers both."""
    if not isinstance(which, Condition):
        which = Condition(np.asarray(which), np.zeros(np.shape(which), bool))
    no, yes = map(_near, cases)
    value = np.where(which.true, yes.value, no.value)
    apart = np.abs(yes.value - no.value) + np.maximum(yes.radius, no.radius)
    radius = np.where(which.unsure, apart, np.where(which.true, yes.radius, no.radius))
    return Near(value, radius, AR)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": lambda params, x, y: _near(x) + y,
    "add_any": lambda params, x, y: _near(x) + y,
    "sub": lambda params, x, y: _near(x) - y,
    "mul": lambda params, x, y: _near(x) * y,
    "div": lambda params, x, y: _near(x) / y,
    "neg": lambda params, x: -_near(x),
    "exp": lambda params, x: _near(x).exp(),
    "square": _power,
    "integer_pow": _power,
    "reduce_sum": lambda params, x: _near(x).sum(tuple(params["axes"]), keepdims=False),
    "dot_general": _dot,
    "transpose": _moved(lambda params, array: array.transpose(params["permutation"])),
    "reshape": _moved(lambda params, array: array.reshape(params["new_sizes"])),
    "squeeze": _moved(lambda params, array: np.squeeze(array, tuple(params["dimensions"]))),
    "broadcast_in_dim": _moved(_broadcast),
    "slice": _moved(_slice),
    "pad": _pad,
    "concatenate": _joined,
    "select_n": _select,
    "ge": _compared(np.greater_equal),
    "gt": _compared(np.greater),
    "le": _compared(np.less_equal),
    "lt": _compared(np.less),
    "eq": _compared(np.equal),
    "convert_element_type": lambda params, x: x,
    "copy": lambda params, x: x,
    "device_put": lambda params, x: x,
    "sharding_constraint": lambda params, x: x,
}
