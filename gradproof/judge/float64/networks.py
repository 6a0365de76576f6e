"""The networks that a submission is judged on: many small ones, then a few larger ones and real digits."""

from collections.abc import Iterator
from itertools import product

import numpy as np

from gradproof.problem import Array, Stack, starting_parameters
from gradproof.proof import architectures
from gradproof.train import mnist

DEEPEST, WIDEST, MOST_EXAMPLES = 4, 8, 5
KINDS = DEEPEST * len(architectures.REGIMES)  # stacks that have every depth and regime once
GROUP = 100  # networks in a stack at most, so that at most KINDS times as many are read together
WIDER = 48  # width of all its layers, because XLA compiles each shape once; it has three if any depth is accepted
DIGIT_SIZES = {1: [784, 10], 2: [784, 30, 10], 3: [784, 30, 20, 10], 4: [784, 30, 20, 15, 10]}
DIGITS, WIDER_EXAMPLES = 10, 8
FAR = 100.0  # the size of targets that give large gradients, so that clipping shows
SAID = "networks of up to 4 layers of 8 neurons, one of 48, and of 784 pixels for the digits"


def stacks(networks: int, seed: int, most: int = MOST_EXAMPLES, only: int = 0) -> Iterator[tuple[str, Stack]]:
    """Yield networks of every depth (or only of depth `only`) and regime, with any, equal, distinct and thin widths.

    Half of those with equal widths are as wide as they have examples: a bias added along the wrong axis runs only
    there. In stacks of three or more the first two differ only in parameters, so a result cached for an x is wrong.
    """
    depths = [only] * DEEPEST if only else range(1, DEEPEST + 1)
    kinds, share = list(product(depths, architectures.REGIMES)), drawn(networks) // KINDS
    for number in range(KINDS * -(-share // GROUP)):
        depth, regime = kinds[number % KINDS]
        count = min(GROUP, share - GROUP * (number // KINDS))
        rng = np.random.default_rng([seed, number])
        sizes = np.minimum(architectures.widths(count, depth, rng), rng.integers(WIDEST // 2, WIDEST + 1))
        m = 1 + (number + number // 5) % most
        if m > 1:
            equal = (sizes == sizes[:, :1]).all(axis=1) & (rng.random(count) < 0.5)
            sizes = np.where(equal[:, None], m, sizes)
        twins = slice(1, 2 if count > 2 else 1)  # of only two, both should differ
        sizes[twins] = sizes[0]
        stack = architectures.fill(sizes, m, regime, rng)
        stack.x[twins] = stack.x[0]
        yield regime, stack


def drawn(networks: int) -> int:
    """Return how many random networks are drawn for this many: the same number of each kind."""
    return KINDS * max(1, -(-networks // KINDS))


def larger(seed: int, alone: bool = False, only: int = 0) -> Iterator[tuple[str, Stack]]:
    """Yield a network with far targets, one on bits with an empty and a repeated example, a wider one, and one that
    reads real digits. Each has one mini-batch or, with `alone`, one example per network."""
    rng = np.random.default_rng([seed, DEEPEST + 1])
    sizes = [WIDEST] * ((only or 3) + 1)
    inputs, targets = (rng.standard_normal((WIDEST, MOST_EXAMPLES)) for _ in range(2))
    yield "far", _stack(sizes, inputs, FAR * targets, seed, alone)
    bits = (inputs > 0).astype(np.float64)
    bits[0] = 1
    bits[:, 0], bits[:, 2] = float(alone), bits[:, 1]  # a single empty example does not show δ¹
    yield "bits", _stack(sizes, bits, np.eye(WIDEST, MOST_EXAMPLES)[:, [0, 1, 1, 2, 3]], seed, alone)
    rng = np.random.default_rng([seed, DEEPEST])
    sizes = [WIDER] * ((only or 3) + 1)
    inputs, targets = rng.standard_normal((sizes[0], WIDER_EXAMPLES)), rng.random((sizes[-1], WIDER_EXAMPLES))
    yield "wider", _stack(sizes, inputs, targets, seed, alone)
    digits = mnist.shipped_test()
    chosen = rng.permutation(len(digits.labels))[:DIGITS]
    x, y = mnist.pixels(digits.images[chosen], np.float64).T, mnist.one_hot(digits.labels[chosen], np.float64).T
    yield "digits", _stack(DIGIT_SIZES[only or 2], x, y, seed, alone)


def _stack(sizes: list[int], x: Array, y: Array, seed: int, alone: bool) -> Stack:
    weights, biases = starting_parameters(sizes, seed, "scaled", np.float64)
    count = x.shape[1] if alone else 1
    xs, ys = (array.T[:, :, None] if alone else array[None] for array in (x, y))
    weights, biases = ([np.repeat(array[None], count, axis=0) for array in part] for part in (weights, biases))
    return Stack(weights, biases, xs, ys, np.tile(sizes, (count, 1)))
