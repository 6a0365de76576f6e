"""Many steps of the network by hand: `descend` and `trajectory` as `reference` has them, its NumPy calls recorded."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import Any

import numpy as np

import handcrafted
from gradproof.problem import Array, Parameters
from gradproof.recording import repeated

MANY = 20  # steps for which recording one, which takes as long as five, is worth it …
SMALL = 2**21  # … if it is made of calls more than of arithmetic: parameters × examples
Again = Callable[..., Callable[[], object]]


def descend(
    weights: Sequence[Array], biases: Sequence[Array], images: Array, targets: Array, batches: Array, eta: float
) -> Parameters:
    """(weights, biases) after one step for each row of batches (k, m)."""
    return handcrafted.descend(weights, biases, images, targets, batches, eta, _again(weights, biases, batches))


def trajectory(
    weights: Sequence[Array], biases: Sequence[Array], images: Array, targets: Array, batches: Array, eta: float
) -> Parameters:
    """(weights, biases) before each of those steps and after the last, stacked along a first axis (k + 1)."""
    w, b = ([_empty((len(batches) + 1, *p.shape), p.dtype) for p in part] for part in (weights, biases))
    steps, again = count(), _again(weights, biases, batches)

    def note(now: Sequence[Array]) -> None:
        step = next(steps)
        for path, p in zip(w + b, now, strict=True):
            path[step] = p

    def noted(move: Callable[..., None], now_w: list[Array], now_b: list[Array], *rest: Any) -> Callable[[], None]:
        moved, now = again(move, now_w, now_b, *rest), now_w + now_b

        def once() -> None:
            moved()
            note(now)

        return once

    note([*weights, *biases])
    handcrafted.descend(weights, biases, images, targets, batches, eta, noted)
    return w, b


def _again(weights: Sequence[Array], biases: Sequence[Array], batches: Array) -> Again:
    """How a step is taken again and again: recorded, where so many of such a network are quicker then."""
    work = sum(p.size for p in (*weights, *biases)) * np.shape(batches)[1]
    return repeated if len(batches) >= MANY and work <= SMALL else partial


def _empty(shape: tuple[int, ...], dtype: Any) -> Array:
    """An array to be filled, at a multiple of 64 bytes: any other is copied by XLA before it is read."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    room = np.empty(size + 64, np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + size].view(dtype).reshape(shape)
