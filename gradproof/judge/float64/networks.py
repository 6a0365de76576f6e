"""The networks that a submission is judged on: many small ones, then a wider one and real digits."""

from collections.abc import Iterator
from itertools import product

import numpy as np

from gradproof.problem import Array, Stack, starting_parameters
from gradproof.proof import architectures
from gradproof.train import mnist

DEEPEST, WIDEST, MOST_EXAMPLES = 4, 8, 5
KINDS = DEEPEST * len(architectures.REGIMES)  # stacks in which every depth and regime is once
GROUP = 100  # networks of one stack at the most: KINDS times as many are read together, and no more are kept
WIDER = 48  # all layers of it: XLA compiles one shape once; three layers where any depth is taken
DIGIT_SIZES = {1: [784, 10], 2: [784, 30, 10], 3: [784, 30, 20, 10], 4: [784, 30, 20, 15, 10]}
DIGITS, WIDER_EXAMPLES = 10, 8
FAR = 100.0  # the size of targets of which gradients are no longer small, as one that is clipped must be told from one
SAID = "networks of up to 4 layers of 8 neurons, one of 48, and of 784 pixels for the digits"


def stacks(networks: int, seed: int, most: int = MOST_EXAMPLES, only: int = 0) -> Iterator[tuple[str, Stack]]:
    """Networks of every depth, or of the one that is asked for, and regime; widths any, equal, distinct and thin.

    Of those of equal widths half are as wide as they have examples: a bias added along the wrong axis runs only there.
    The first two of three or more of a stack differ only in their parameters: a result cached for an x is then wrong.
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
        twins = slice(1, 2 if count > 2 else 1)  # of two, both are to differ
        sizes[twins] = sizes[0]
        stack = architectures.fill(sizes, m, regime, rng)
        stack.x[twins] = stack.x[0]
        yield regime, stack


def drawn(networks: int) -> int:
    """How many random networks are drawn where so many are asked for: of each kind the same number."""
    return KINDS * max(1, -(-networks // KINDS))


def larger(seed: int, alone: bool = False, only: int = 0) -> Iterator[tuple[str, Stack]]:
    """A network with far targets, one on bits with an empty example and a repeated one, a wider one, and real digits
    on one that reads them, as one mini-batch each – or, with `alone`, one example at a time."""
    rng = np.random.default_rng([seed, DEEPEST + 1])
    sizes = [WIDEST] * ((only or 3) + 1)
    inputs, targets = (rng.standard_normal((WIDEST, MOST_EXAMPLES)) for _ in range(2))
    yield "far", _stack(sizes, inputs, FAR * targets, seed, alone)
    bits = (inputs > 0).astype(np.float64)
    bits[0] = 1
    bits[:, 0], bits[:, 2] = float(alone), bits[:, 1]  # alone, an empty example shows no δ¹
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
