"""The arrays for a run's page: what the trained network misreads, and what both backends compute for single digits."""

from typing import NamedTuple

import numpy as np

from gradproof import backends
from gradproof.numerics.chain import radii
from gradproof.numerics.rounding import arithmetic
from gradproof.numerics.verdict import Finding, compare
from gradproof.problem import Answer, Array, Problem, stack_of
from gradproof.train import mnist, reading
from gradproof.train.reading import Layers

CLASSES = 10
WORK = 2**23  # elements of ∂C/∂w to compare at most, though never less than one digit's


class Read(NamedTuple):
    """What the network reads in a set of images."""

    digits: Array  # (n,) the digit read
    surely: Array  # (n,) the activation of that output, from 0 to 1
    confusion: Array  # (10, 10) how many images of the row's digit were read as the column's

    def misread(self, labels: Array, most: int) -> list[int]:
        """Return the indices of at most `most` misread images, the most confidently misread first."""
        wrong = np.flatnonzero(self.digits != labels)
        return wrong[np.argsort(-self.surely[wrong], kind="stable")][:most].tolist()


class Glance(NamedTuple):
    """An image of one digit, with its δ and ∂C/∂w from both networks, in float64."""

    digit: int
    image: int  # its index in the set
    read: int  # the digit that the network reads in it
    outputs: Array  # (10,) a^L
    handcrafted: Answer
    autodiff: Answer
    delta: list[Finding]  # how the two compare, layer 1 first
    grad_w: list[Finding]


def read(backend: str, weights: Layers, biases: Layers, examples: mnist.DataSet) -> Read:
    """Return what the network reads in all images of a set."""
    network, sizes = backends.load(backend), [len(weights[0].T), *map(len, biases)]
    outputs = [
        np.asarray(network.feedforward(weights, biases, block.x)[1][-1])
        for block in reading.blocks(backend, examples, weights[0].dtype, sizes)
    ]
    a = np.concatenate(outputs, axis=1)
    digits = a.argmax(axis=0)
    confusion = np.zeros((CLASSES, CLASSES), int)
    np.add.at(confusion, (examples.labels, digits), 1)
    return Read(digits, a.max(axis=0), confusion)


def examples_of(labels: Array, found: Read) -> list[int]:
    """Return the index of an image of each digit: the most confidently misread one or, if none is misread, the first.

    The misread ones come first, the most confidently misread before the others.
    """
    misread, (_, firsts) = found.misread(labels, len(labels)), np.unique(labels, return_index=True)
    by_digit: dict[int, int] = {}
    for image in (*misread, *firsts.tolist()):
        by_digit.setdefault(int(labels[image]), image)
    return list(by_digit.values())


def glances(weights: Layers, biases: Layers, examples: mnist.DataSet, found: Read) -> list[Glance]:
    """Return a glance at each of `examples_of` the set, or at fewer of them if the network is large.

    The limit (WORK) lets the page be drawn within seconds.
    """
    exact = [w.astype(np.float64) for w in weights], [b.astype(np.float64) for b in biases]
    most = max(1, WORK // sum(w.size for w in weights))
    taken = []
    for image in examples_of(examples.labels, found)[:most]:
        digit, x = int(examples.labels[image]), mnist.pixels(examples.images[image], np.float64)[:, None]
        taken.append(_glance(digit, image, int(found.digits[image]), Problem(*exact, x, np.eye(CLASSES)[:, [digit]])))
    return taken


def _glance(digit: int, image: int, read: int, problem: Problem) -> Glance:
    mine, theirs = (backends.answer(backends.load(name), problem) for name in ("handcrafted", "reference"))
    stack, live = stack_of(problem), np.array(True)
    radius = radii(stack, theirs, arithmetic(np.float64))
    delta, grad_w = [], []
    for i, layer in enumerate(range(1, len(problem.weights) + 1)):
        delta.append(compare("δ", layer, mine.delta[i], theirs.delta[i], 2 * radius.delta[i], live))
        gradients, telling = (mine.grad_w[i], theirs.grad_w[i]), stack.inputs_at_work(layer)
        grad_w.append(compare("∂C/∂w", layer, *gradients, 2 * radius.grad_w[i], live, telling))
    return Glance(digit, image, read, mine.activations[-1][0, :, 0], mine, theirs, delta, grad_w)
