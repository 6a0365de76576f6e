"""Mini-batch gradient descent (notes N14–N18, N23, N24)."""

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


def descend(weights: Layers, biases: Layers, images: Array, targets: Array, batches: Array, eta: float) -> Parameters:
    """One step for each row of `batches` (k, m): the rows of images (n, n_0) and targets (n, n_L) in a mini-batch."""
    w, b = [w.copy() for w in weights], [b.copy() for b in biases]
    for rows in batches:
        _move(w, b, images.take(rows, axis=0).T, targets.take(rows, axis=0).T, eta)  # examples become columns
    return w, b


def trajectory(
    weights: Layers, biases: Layers, images: Array, targets: Array, batches: Array, eta: float
) -> Parameters:
    """What `descend` passes through, from start to end, stacked: w^l (k + 1, n_l, n_{l−1}) and b^l (k + 1, n_l, 1)."""
    path = [(list(weights), list(biases))]
    for rows in batches:
        path.append(step(*path[-1], images.take(rows, axis=0).T, targets.take(rows, axis=0).T, eta))
    w, b = ([np.stack(layer) for layer in zip(*part, strict=True)] for part in zip(*path, strict=True))
    return w, b
