"""Judges each equation by itself: the claim's answer against autodiff of that one stage at the claim's own inputs.

So a fault in one equation shows in that equation only, however far it spreads in the results, and the bound is that
of one stage, however deep the network is.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from gradproof.numerics import rounding
from gradproof.numerics.chain import widening
from gradproof.numerics.rounding import Arithmetic, Array, Radius, Slope, Slopes
from gradproof.numerics.verdict import Finding, Places, compare, places
from gradproof.problem import Answer, Stack
from gradproof.proof import witness

Found = TypeVar("Found")


class Live(NamedTuple):
    """The elements of one layer that are not padding."""

    neurons: Places  # of z, a and δ
    biases: Places
    weights: Places


def live(stack: Stack, layer: int) -> Live:
    """Return the elements of a layer to compare. Cached for its other equations: finding them costs a comparison."""
    widths = stack.sizes[:, layer - 1 : layer + 1].astype(np.int64)
    return _live(widths.tobytes(), stack.weights[layer - 1].shape, stack.x.shape[-1])


@lru_cache(maxsize=16)
def _live(widths: bytes, shape: tuple[int, ...], m: int) -> Live:
    count, n, k = shape
    below, above = np.frombuffer(widths, np.int64).reshape(count, 2).T
    rows = np.arange(n)[None, :, None] < above[:, None, None]
    columns = np.arange(k)[None, None, :] < below[:, None, None]
    return Live(places(rows, (count, n, m)), places(rows, (count, n, 1)), places(rows & columns, shape))


class Inputs(NamedTuple):
    """How far the z, a and δ that go into an equation may be from the claimant's own, layer by layer.

    λ if the claim contains them, the global radii if they had to be computed instead.
    """

    e_z: Sequence[Radius]  # z¹ … z^L
    e_a: Sequence[Radius]  # a⁰ … a^L
    e_delta: Sequence[Radius]  # δ¹ … δ^L
    book: bool = False  # σ′ may be computed as a(1 − a), which cancels where σ saturates
    absolute: float = 0.0  # additional absolute error of that a, besides rounding


def exact_inputs(depth: int, ar: Arithmetic, dtype: DTypeLike = np.float64) -> Inputs:
    """Return the inputs of a claim that contains z, a and δ: they can be off only by being read as 0."""
    unread = np.asarray(ar.underflow, dtype)[()]  # a scalar of that dtype, which does not widen arrays
    return Inputs([unread] * depth, [unread] * (depth + 1), [unread] * depth)


def findings(stack: Stack, mine: Answer, ar: Arithmetic, expected: Answer | None = None) -> Iterator[Finding]:
    """Yield a finding for z, a, BP1 … BP4 in each layer, in the order of the algorithm.

    The stack and the claim's inputs are in float64, exactly. `mine` is compared, with the bounds of its arithmetic,
    with `expected`, by default from `witness.stages`. Both sides round, so the bound is twice the radius.
    """
    own = mine.in_float64()
    expected = expected or witness.stages(stack, own)
    return compared(compare, stack, mine, own._replace(delta=stack.filled(own.delta)), ar, expected)


def compared(
    compare: Callable[..., Found],
    stack: Stack,
    mine: Answer,
    own: Answer,
    ar: Arithmetic,
    expected: Answer,
    inputs: Inputs | None = None,
) -> Iterator[Found]:
    """Yield what `compare` returns for each equation and layer. `own` is the claim in the dtype of the stack, and
    `expected` the witness's answer to each stage by itself. With `inputs`, z and a are not compared."""
    unread, fan, depth = stack.x.dtype.type(ar.underflow), stack.fan, len(stack.weights)
    twice = 2 * widening(stack)
    near: list[Slopes | None] = [None] * depth
    if inputs is None:
        inputs = exact_inputs(depth, ar, stack.x.dtype)
        yield compare("a", 0, mine.activations[0], stack.x, np.asarray(twice * unread), stack.live(0), stack.x != 0)
        for layer in range(1, depth + 1):
            w, b, neurons = stack.weights[layer - 1], stack.biases[layer - 1], live(stack, layer).neurons
            z, a_prev = own.zs[layer - 1], own.activations[layer - 1]
            radius = rounding.preactivation(w, b, a_prev, unread, fan[layer - 1], ar)
            yield compare("z", layer, mine.zs[layer - 1], expected.zs[layer - 1], twice * radius, neurons)
            near[layer - 1] = rounding.slopes(z, unread)
            radius = rounding.activation(z, expected.activations[layer], unread, ar, near[layer - 1])
            yield compare("a", layer, mine.activations[layer], expected.activations[layer], twice * radius, neurons)

    for layer in range(depth, 0, -1):
        z, a = own.zs[layer - 1], own.activations[layer]
        slope = slope_of(layer, z, a, ar, inputs, near[layer - 1])
        if layer == depth:
            equation = "BP1"
            radius = rounding.output_delta(a, stack.y, inputs.e_a[-1], slope, ar)
        else:
            equation, w_next, delta_next = "BP2", stack.weights[layer], own.delta[layer]
            radius = rounding.hidden_delta(w_next, delta_next, inputs.e_delta[layer], slope, fan[layer + 1], ar)
        radius = radius + inputs.e_delta[layer - 1]
        theirs, neurons = expected.delta[layer - 1], live(stack, layer).neurons
        yield compare(equation, layer, mine.delta[layer - 1], theirs, twice * radius, neurons)

    for layer in range(1, depth + 1):
        _, biases, weights = live(stack, layer)
        a_prev, delta = own.activations[layer - 1], own.delta[layer - 1]
        e_a, e_delta = inputs.e_a[layer - 1], inputs.e_delta[layer - 1]
        grad_b, grad_w = expected.grad_b[layer - 1], expected.grad_w[layer - 1]
        radius_b = rounding.bias_gradient(delta, e_delta, ar)
        radius_w = rounding.weight_gradient(a_prev, e_a, delta, e_delta, ar)
        radius_w *= twice
        yield compare("BP3", layer, mine.grad_b[layer - 1], grad_b, twice * radius_b, biases)
        at_work = stack.inputs_at_work(layer)
        yield compare("BP4", layer, mine.grad_w[layer - 1], grad_w, radius_w, weights, at_work)


def slope_of(layer: int, z: Array, a: Array, ar: Arithmetic, inputs: Inputs, near: Slopes | None = None) -> Slope:
    """Return σ′(z) and its radius; with `book` the larger radius of the two forms.

    Even the claimant's own a is not exactly σ(z): it is rounded, which 1 − a magnifies.
    """
    e_z, e_a = inputs.e_z[layer - 1], inputs.e_a[layer]
    slope = rounding.sigma_prime(z, e_z, ar, near)
    if not inputs.book:
        return slope
    e_a = np.maximum(e_a, rounding.activation(z, a, e_z, ar) + inputs.absolute)
    return Slope(slope.most, np.maximum(slope.radius, rounding.book_sigma_prime(z, e_z, a, e_a, ar).radius))
