"""Many steps of the network by hand, its NumPy calls recorded: `descend` and `trajectory` as `reference` has them."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

import handcrafted
from gradproof.problem import Array, Parameters
from gradproof.recording import repeated
from gradproof.train.alignment import empty
from handcrafted.descent import walk

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
    """The trajectory in pieces of that many steps, each as soon as they are taken; one begins where the last ended."""
    steps = walk(weights, biases, images, targets, batches, eta, _again(weights, biases, batches))
    now, depth = [p for part in next(steps) for p in part], len(weights)  # the same arrays after each step
    for first in range(0, max(1, len(batches)), few):
        piece = [empty((min(few, len(batches) - first) + 1, *p.shape), p.dtype) for p in now]
        for row in range(len(piece[0])):
            if row:
                next(steps, None)  # a walk that ends too soon stands still, and that step is refuted
            for path, p in zip(piece, now, strict=True):
                path[row] = p
        yield piece[:depth], piece[depth:]


def _again(weights: Sequence[Array], biases: Sequence[Array], batches: Array) -> Again:
    """How a step is taken again and again: recorded, where so many of such a network are quicker then."""
    work = sum(p.size for p in (*weights, *biases)) * np.shape(batches)[1]
    return repeated if len(batches) >= MANY and work <= SMALL else partial
