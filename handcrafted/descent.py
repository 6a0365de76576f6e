"""Mini-batch gradient descent (notes N14–N18, N23, N24)."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from handcrafted import equations as eq
from handcrafted.backprop import errors
from handcrafted.equations import Array
from handcrafted.network import Layers

Parameters = tuple[list[Array], list[Array]]


def _move(weights: list[Array], biases: list[Array], x: Array, y: Array, eta: float) -> None:
    """w ← w − η ∂C/∂w and b ← b − η ∂C/∂b, in place. BP3 and BP4 are linear in δ, so η may multiply the small δ."""
    activations, delta = errors(weights, biases, x, y)
    for w, b, a_prev, d in zip(weights, biases, activations[:-1], delta, strict=True):
        eta_delta = eta * d
        b -= eq.bp3(eta_delta)
        w -= eq.bp4(a_prev, eta_delta)


def step(weights: Layers, biases: Layers, x: Array, y: Array, eta: float) -> Parameters:
    """w′ = w − η ∂C/∂w and b′ = b − η ∂C/∂b for the mini-batch (x, y): new lists, the old ones unchanged."""
    w, b = [w.copy() for w in weights], [b.copy() for b in biases]
    _move(w, b, x, y, eta)
    return w, b


Again = Callable[..., Callable[[], object]]  # (function, *arguments) → what calls it with them, as often as wanted


def passing(
    weights: Layers, biases: Layers, images: Array, targets: Array, batches: Array, eta: float, again: Again = partial
) -> Iterator[Parameters]:
    """The parameters before the first step and after each: one for each row of `batches` (k, m), the rows of images
    (n, n_0) and targets (n, n_L) in a mini-batch. They are always the same arrays, changed in place."""
    if np.size(batches) and not 0 <= np.min(batches) <= np.max(batches) < len(images):
        raise IndexError(f"rows {np.min(batches)} to {np.max(batches)} of {len(images)} images")
    w, b = [w.copy() for w in weights], [b.copy() for b in biases]
    x, y = (np.empty((np.shape(batches)[1], data.shape[1]), data.dtype) for data in (images, targets))
    move = again(_move, w, b, x.T, y.T, eta)  # examples become columns
    yield w, b
    for rows in batches:
        images.take(rows, 0, x, "clip")  # "raise" would go through another array
        targets.take(rows, 0, y, "clip")
        move()
        yield w, b


def descend(
    weights: Layers, biases: Layers, images: Array, targets: Array, batches: Array, eta: float, again: Again = partial
) -> Parameters:
    """Where the steps on these mini-batches lead."""
    *_, reached = passing(weights, biases, images, targets, batches, eta, again)
    return reached


def trajectory(
    weights: Layers, biases: Layers, images: Array, targets: Array, batches: Array, eta: float, again: Again = partial
) -> Parameters:
    """What they pass through, from start to end, stacked: w^l (k + 1, n_l, n_{l−1}) and b^l (k + 1, n_l, 1)."""
    w, b = ([np.empty((len(batches) + 1, *p.shape), p.dtype) for p in part] for part in (weights, biases))
    for i, reached in enumerate(passing(weights, biases, images, targets, batches, eta, again)):
        for path, now in zip(w + b, reached[0] + reached[1], strict=True):
            path[i] = now
    return w, b
