"""Mini-batch gradient descent (notes N14–N18, N23, N24)."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from handcrafted import equations as eq
from handcrafted.backprop import errors
from handcrafted.equations import Array
from handcrafted.network import Layers

Parameters = tuple[list[Array], list[Array]]
Again = Callable[..., Callable[[], object]]  # (move, *its arguments) → a callable that repeats that move


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


def walk(
    weights: Layers, biases: Layers, images: Array, targets: Array, batches: Array, eta: float, again: Again = partial
) -> Iterator[Parameters]:
    """(w, b) at the start and after each step, the same arrays each time: copy what you keep.

    A row of `batches` (k, m) names the rows of images (n, n_0) and targets (n, n_L) that make a mini-batch.
    """
    w, b = [w.copy() for w in weights], [b.copy() for b in biases]
    x, y = (np.empty((np.shape(batches)[1], data.shape[1]), data.dtype) for data in (images, targets))
    move = again(_move, w, b, x.T, y.T, eta)  # examples become columns
    there = np.arange(min(len(images), len(targets)))
    yield w, b
    for rows in there.take(batches):  # IndexError for a missing row, so that the takes below need not check
        images.take(rows, axis=0, out=x, mode="clip")
        targets.take(rows, axis=0, out=y, mode="clip")
        move()
        yield w, b


def descend(
    weights: Layers, biases: Layers, images: Array, targets: Array, batches: Array, eta: float, again: Again = partial
) -> Parameters:
    """The parameters (weights, biases) at the end of that walk: after one step for each row of `batches`."""
    return list(walk(weights, biases, images, targets, batches, eta, again))[-1]
