"""Many steps of the handcrafted network with its NumPy calls recorded: the counterpart of `reference.descent`."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

import handcrafted
from gradproof.problem import Array, Parameters
from gradproof.recording import repeated
from gradproof.train.alignment import empty
from handcrafted.descent import walk

MANY = 20  # steps from which recording pays: it takes as long as five of them …
SMALL = 2**21  # … parameters × examples up to which calls, and not arithmetic, take most of the time
Again = Callable[..., Callable[[], object]]


def descend(
    weights: Sequence[Array], biases: Sequence[Array], images: Array, targets: Array, batches: Array, eta: float
) -> Parameters:
    """Return (weights, biases) after one step for each row of batches (k, m)."""
    return handcrafted.descend(weights, biases, images, targets, batches, eta, _again(weights, biases, batches))


def trajectory(
    weights: Sequence[Array], biases: Sequence[Array], images: Array, targets: Array, batches: Array, eta: float
) -> Parameters:
    """Return (weights, biases) before each step and after the last, stacked along a first axis (k + 1)."""
    return next(trajectories(weights, biases, images, targets, batches, eta, max(1, len(batches))))


def trajectories(
    weights: Sequence[Array],
    biases: Sequence[Array],
    images: Array,
    targets: Array,
    batches: Array,
    eta: float,
    few: int,
) -> Iterator[Parameters]:
    """Yield the trajectory in pieces of `few` steps as they are taken; each begins where the previous one ended."""
    steps = walk(weights, biases, images, targets, batches, eta, _again(weights, biases, batches))
    now, depth = [p for part in next(steps) for p in part], len(weights)  # the same arrays after each step
    for first in range(0, max(1, len(batches)), few):
        piece = [empty((min(few, len(batches) - first) + 1, *p.shape), p.dtype) for p in now]
        for row in range(len(piece[0])):
            if row:
                next(steps, None)  # a walk that ends too soon stands still, so that step is refuted
            for path, p in zip(piece, now, strict=True):
                path[row] = p
        yield piece[:depth], piece[depth:]


def _again(weights: Sequence[Array], biases: Sequence[Array], batches: Array) -> Again:
    """Return `repeated`, which records a step in order to repeat it, if that pays for these batches, else `partial`."""
    work = sum(p.size for p in (*weights, *biases)) * np.shape(batches)[1]
    return repeated if len(batches) >= MANY and work <= SMALL else partial
