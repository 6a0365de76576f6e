"""Measurements of the program and its data, for the lines of a derivation that state facts about them."""

from collections.abc import Callable
from functools import cache
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from gradproof import backends
from gradproof.problem import starting_parameters
from gradproof.train import handcrafted_descent, mnist, reading
from gradproof.train.loop import CLASSES, Settings, begin, train
from gradproof.train.minibatches import shuffled


class Measured(NamedTuple):
    found: Any
    how: str


@cache
def _digits() -> mnist.Mnist:
    return mnist.load()


def _image() -> Measured:
    n, rows = _digits().train.images.shape[1], _digits().train.rows
    return Measured([rows, n // rows, n], "the shape of the images in the shipped MNIST files")


def _inputs() -> Measured:
    weights, _ = starting_parameters(Settings("handcrafted").sizes, 0)
    return Measured(weights[0].shape[1], "the columns of w¹ in the network that `gradproof train` begins with")


def _outputs() -> Measured:
    """Measure the outputs of the network and the length of a target: one number if they agree, else both."""
    weights, _ = starting_parameters(Settings("handcrafted").sizes, 0)
    found = {weights[-1].shape[0], mnist.one_hot(_digits().train.labels[:1], np.float64).shape[1]}
    how = "the rows of the last w in the network that `gradproof train` begins with, and the length of a target"
    return Measured(found.pop() if len(found) == 1 else sorted(found), how)


def _colours() -> Measured:
    """Measure the paper in the corners, which no digit reaches, and the ink as the darkest pixel."""
    images = _digits().train.images
    corners = images[:, [0, 27, 28 * 27, 28 * 28 - 1]]
    found = mnist.pixels(np.array([corners.max(), images.max()]), np.float64)
    return Measured(found.tolist(), "the corners, which are paper, and the most ink there is")


def _batches(which: str) -> Measured:
    """Measure two consecutive loops, shuffled by the generator that a run begins with."""
    settings, n = Settings("handcrafted"), len(_digits().train.labels)
    rng = np.random.default_rng()
    rng.bit_generator.state = begin(settings).shuffle
    loops = [shuffled(n, settings.batch, rng) for _ in range(2)]
    orders = [np.concatenate([part.ravel() for part in loop]) for loop in loops]
    found = {
        "batches": [sum(len(part) for part in loops[0]), loops[0][0].shape[1]],
        "every sample once": all(np.array_equal(np.sort(rows), np.arange(n)) for rows in orders),
        "another order": not any(np.array_equal(*pair) for pair in combinations((np.arange(n), *orders), 2)),
    }
    how = "minibatches.shuffled for two loops over the 50,000 training samples, as `gradproof train` calls it"
    return Measured(found[which], how)


def _updates() -> Measured:
    """Measure whether each of three consecutive mini-batches changes every layer's weights and biases."""
    settings = Settings("handcrafted")
    start = starting_parameters(settings.sizes, settings.seed, settings.init, np.float64)
    train = _digits().train
    images, targets = mnist.pixels(train.images[:30], np.float64), mnist.one_hot(train.labels[:30], np.float64)
    path = handcrafted_descent.trajectory(*start, images, targets, np.arange(30).reshape(3, 10), settings.eta)
    moved = all((np.diff(np.asarray(layer), axis=0) != 0).any(axis=(-2, -1)).all() for part in path for layer in part)
    return Measured(moved, "the trajectory of three mini-batches of ten digits, every layer of it")


def _adjusted() -> Measured:
    """Measure whether training ends with other weights if η, m or the number of loops is changed."""
    few = mnist.Mnist(*(part._replace(images=part.images[:40], labels=part.labels[:40]) for part in _digits()))

    def ends(settings: Settings) -> list[list[float]]:
        *_, state = train(settings, few)
        return [layer.tolist() for layer in state.weights]

    usual = Settings("handcrafted", epochs=1)
    others = usual._replace(eta=1.0), usual._replace(batch=20), usual._replace(epochs=2)
    moved = all(ends(settings) != ends(usual) for settings in others)
    return Measured(moved, "trainings on 40 digits: --eta, --batch and --epochs of `gradproof train`")


def _argmax() -> Measured:
    weights, biases = starting_parameters([784, 30, CLASSES], 0, "normal", np.float64)
    images = _digits().test.images[:100]
    handcrafted = backends.load("handcrafted")
    x = mnist.pixels(images, np.float64).T
    largest = np.asarray(handcrafted.feedforward(weights, biases, x)[1][-1]).argmax(axis=0)
    return Measured(
        bool((reading.read(handcrafted, weights, biases, x) == largest).all()),
        "train.reading.read against the largest activation of the last layer, on 100 digits",
    )


MEASURES: dict[str, Callable[[], Measured]] = {
    "rows, columns and pixels of an image": _image,
    "paper and ink": _colours,
    "input neurons": _inputs,
    "training samples": lambda: Measured(len(_digits().train.labels), "the training part of the shipped MNIST files"),
    "y of an image of a 3": lambda: Measured(
        mnist.one_hot(np.array([3]), np.float64)[0].astype(int).tolist(), "mnist.one_hot(3)"
    ),
    "y[i] is 1 for the digit i, and 0 elsewhere": lambda: Measured(
        bool((mnist.one_hot(np.arange(CLASSES, dtype=np.uint8), np.float64) == np.eye(CLASSES)).all()),
        "mnist.one_hot of all ten digits",
    ),
    "output neurons": _outputs,
    "the digit read is the largest activation": _argmax,
    "batches in a loop, samples in a batch": lambda: _batches("batches"),
    "each sample is in one batch of a loop": lambda: _batches("every sample once"),
    "a loop shuffles": lambda: _batches("another order"),
    "each batch updates weights and biases": _updates,
    "η, m and the number of loops can be adjusted": _adjusted,
    "loops": lambda: Measured(Settings("handcrafted").epochs, "the default of `gradproof train --epochs`"),
}
