"""Asks the witness about whole stacks, padded to a few shapes so that little is compiled, and cuts its answers."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradproof.backends import quickly
from gradproof.problem import Answer, Array, Stack
from reference import padding

COLUMNS = 8  # mini-batches of up to this many examples share one compilation …
NETWORKS = (16, 256)  # … and so do stacks of up to these many networks, if their layers are narrow
NARROW = 16


def answer(stack: Stack) -> Answer:
    """Compute everything by autodiff of the definition, end to end."""
    parameters, data = (stack.weights, stack.biases, stack.outputs), (stack.x, stack.y)
    zs, activations, cost, delta, grad_b, grad_w = _ask(padding.answer, parameters, data, weighted=True)
    return Answer(_cut(zs, stack), _cut(activations, stack), cost, _cut(delta, stack), grad_b, grad_w)


def every_stage(stack: Stack, mine: Answer) -> Answer:
    """Compute each stage by itself from the claim's numbers, in one call; a⁰ is x, and C is that of the claim's a^L."""
    inputs = (stack.y, mine.zs, mine.activations, mine.delta)
    zs, activations, cost, delta, grad_b, grad_w = _ask(
        padding.every_stage, (stack.weights, stack.biases, stack.outputs), inputs, weighted=True
    )
    return Answer(_cut(zs, stack), [stack.x, *_cut(activations, stack)], cost, _cut(delta, stack), grad_b, grad_w)


def stages(stack: Stack, mine: Answer) -> Answer:
    """Return the same as `every_stage`, but with C = NaN if the layers are narrow.

    Each stage of narrow layers is compiled once for all depths. For wide layers one call is compiled for each depth.
    """
    if stack.x.shape[1] > NARROW:
        return every_stage(stack, mine)
    layers = range(1, len(stack.weights) + 1)
    gradients = [parameter_gradients(stack, layer, mine) for layer in layers]
    return Answer(
        [preactivation(stack, layer, mine.activations[layer - 1]) for layer in layers],
        [stack.x, *(activation(stack, z) for z in mine.zs)],
        np.full(len(stack.x), np.nan),
        [delta(stack, layer, mine) for layer in layers],
        [grad_b for grad_b, _ in gradients],
        [grad_w for _, grad_w in gradients],
    )


def stage_by_stage(stack: Stack) -> Answer:
    """Return `answer` up to rounding, by chaining the stages below, with C = NaN.

    This compiles nothing that judging the stages of a claim does not compile as well.
    """
    zs: list[Array] = []
    activations, layers = [stack.x], range(1, len(stack.weights) + 1)
    with np.errstate(all="ignore"):
        for layer in layers:
            zs.append(preactivation(stack, layer, activations[-1]))
            activations.append(activation(stack, zs[-1]))
        mine = Answer(zs, activations, np.full(len(stack.x), np.nan), [np.empty(0)] * len(layers), [], [])
        for layer in reversed(layers):
            mine.delta[layer - 1] = delta(stack, layer, mine)
        for layer in layers:
            grad_b, grad_w = parameter_gradients(stack, layer, mine)
            mine.grad_b.append(grad_b)
            mine.grad_w.append(grad_w)
    return mine


def preactivation(stack: Stack, layer: int, a_prev: Array) -> Array:
    """Return z^l from a given a^{l−1}, by the definition; a bias with several columns has one for each example."""
    w, b = stack.weights[layer - 1], stack.biases[layer - 1]
    if b.shape[-1] == 1:
        return _cut(_ask(padding.preactivation, (w, b), (a_prev,)), stack)
    return _cut(_ask(padding.preactivation, (w,), (b, a_prev)), stack)


def activation(stack: Stack, z: Array) -> Array:
    """Return a^l from a given z^l, by the definition."""
    return _cut(_ask(padding.sigma, (), (z,)), stack)


def delta(stack: Stack, layer: int, mine: Answer) -> Array:
    """Return δ^l by autodiff of one stage: from the claim's a^L and z^L if l = L, else from its δ^{l+1} and z^l."""
    z = mine.zs[layer - 1]
    if layer == len(stack.weights):
        whole = _ask(padding.output_delta, (), (mine.activations[-1], z, stack.y))
        return np.where(stack.outputs, _cut(whole, stack), 0)
    return _cut(_ask(padding.hidden_delta, _layer(stack, layer + 1), (mine.delta[layer], z)), stack)


def parameter_gradients(stack: Stack, layer: int, mine: Answer) -> tuple[Array, Array]:
    """Return (∂C/∂b^l, ∂C/∂w^l) by autodiff of one stage, from the claim's δ^l and a^{l−1}."""
    inputs = (mine.activations[layer - 1], mine.delta[layer - 1])
    grad_b, grad_w = _ask(padding.parameter_gradients, _layer(stack, layer), inputs, weighted=True)
    return grad_b, grad_w


def _layer(stack: Stack, layer: int) -> tuple[Array, Array]:
    return stack.weights[layer - 1], stack.biases[layer - 1][..., :1]  # no derivative depends on the bias


def _cut(arrays: Any, stack: Stack) -> Any:
    """Drop the columns of padding and copy, because NumPy is slow on rows that are not contiguous."""
    m = stack.x.shape[-1]
    cut = [np.ascontiguousarray(array[..., :m]) for array in (arrays if isinstance(arrays, list) else [arrays])]
    return cut if isinstance(arrays, list) else cut[0]


def _ask(function: Callable[..., Any], parameters: Sequence[Any], data: Sequence[Any], weighted: bool = False) -> Any:
    """Call a function of `padding` with N and m rounded up, and cut its answer to N networks."""
    examples = _leaves(data)
    count, _, m = examples[0].shape
    widest = max(max(leaf.shape[1:]) for leaf in _leaves(parameters)) if parameters else 0
    narrow = max(widest, *(array.shape[1] for array in examples)) <= NARROW
    networks = next((n for n in NETWORKS if narrow and n >= count), count)
    columns = max(m, COLUMNS)

    def pad(array: Array, columns: int) -> Array:
        if (networks, columns) == (count, array.shape[-1]):
            return array
        wide = np.zeros((networks, array.shape[1], columns), array.dtype)  # np.pad takes five times as long
        wide[:count, :, : array.shape[-1]] = array
        return wide

    def whole(tree: Any, columns: int = 0) -> Any:
        if isinstance(tree, list):
            return [whole(leaf, columns) for leaf in tree]
        return pad(tree, columns or tree.shape[-1])

    live = [(np.arange(columns) < m).astype(examples[0].dtype)] if weighted else []
    compiled = function if narrow else quickly(function)  # few stacks have wide layers
    result = compiled(*map(whole, parameters), *(whole(tree, columns) for tree in data), *live)
    return _numpy(result, count)


def _leaves(tree: Any) -> list[Array]:
    return [leaf for part in tree for leaf in _leaves(part)] if isinstance(tree, (list, tuple)) else [tree]


def _numpy(tree: Any, count: int) -> Any:
    return [_numpy(leaf, count) for leaf in tree] if isinstance(tree, (list, tuple)) else np.asarray(tree)[:count]
