"""Let a network read images, and measure how well it does."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from gradproof import backends
from gradproof.backends import Backend
from gradproof.problem import Array
from gradproof.train import mnist

Layers = Sequence[Array]
LARGEST = 2**23  # numbers in one layer's activations, so that wide networks read fewer images at once …
WORK = 2**9  # … and multiplications for each of these numbers, so that a block is read in a moment


class Block(NamedTuple):
    """Some images of a set, placed where the backend computes."""

    x: Any  # (n_0, m)
    y: Any  # (n_L, m)
    labels: Array  # (m,)


def split(n: int, sizes: Sequence[int]) -> list[slice]:
    """Return slices of the rows 0 … n − 1, each small enough for a network of these sizes to read at once."""
    products = sum(fan_in * fan_out for fan_in, fan_out in pairwise(sizes))
    most = max(1, LARGEST // max(*sizes, products // WORK))
    return [slice(first, first + most) for first in range(0, n, most)]


def blocks(backend: str, examples: mnist.DataSet, dtype: DTypeLike, sizes: Sequence[int]) -> list[Block]:
    """Return all the examples, as columns, in blocks."""
    return [
        Block(
            backends.put(backend, mnist.pixels(examples.images[rows], dtype).T),
            backends.put(backend, mnist.one_hot(examples.labels[rows], dtype).T),
            examples.labels[rows],
        )
        for rows in split(len(examples.labels), sizes)
    ]


def read(backend: Backend, weights: Layers, biases: Layers, x: Any) -> Array:
    """Return the digit (m,) read in each column of x (n_0, m): the index of the largest a^L."""
    _, activations = backend.feedforward(weights, biases, x)
    digits: Array = np.asarray(activations[-1]).argmax(axis=0)
    return digits


def correct(backend: Backend, weights: Layers, biases: Layers, parts: Sequence[Block]) -> int:
    """Return how many images are read correctly."""
    return sum(int((read(backend, weights, biases, part.x) == part.labels).sum()) for part in parts)


def cost(backend: Backend, weights: Layers, biases: Layers, parts: Sequence[Block]) -> float:
    """Return the quadratic cost, averaged over all the images."""
    total = sum(len(part.labels) * float(backend.cost(weights, biases, part.x, part.y)) for part in parts)
    return total / sum(len(part.labels) for part in parts)


def shares_near_0_or_1(
    backend: Backend, weights: Layers, biases: Layers, parts: Sequence[Block], near: float
) -> list[float]:
    """Return, for each layer, the share of its activations that are NaN or within `near` of 0 or 1."""
    shares = np.zeros(len(biases))
    for part in parts:
        _, activations = backend.feedforward(weights, biases, part.x)
        shares += [
            len(part.labels) * float(np.mean(~((a > near) & (a < 1 - near)))) for a in map(np.asarray, activations[1:])
        ]
    return list(shares / sum(len(part.labels) for part in parts))
