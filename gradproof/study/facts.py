"""What a line says of the program or the data, measured by running it."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from gradproof import backends
from gradproof.problem import starting_parameters
from gradproof.train import mnist, reading
from gradproof.train.loop import CLASSES, Settings
from gradproof.train.minibatches import shuffled


class Measured(NamedTuple):
    found: Any
    how: str


@cache
def _digits() -> mnist.Mnist:
    return mnist.load()


def _image() -> Measured:
    n = _digits().train.images.shape[1]
    side = round(n**0.5)
    return Measured([side, side, n], "the shape of the images in the shipped MNIST files")


def _colours() -> Measured:
    """The paper: the corners, which no digit reaches. The ink: the darkest that there is."""
    images = mnist.pixels(_digits().train.images, np.float64)
    corners = images[:, [0, 27, 28 * 27, 28 * 28 - 1]]
    return Measured(
        [float(corners.max()), float(images.max())], "the corners, which are paper, and the most ink there is"
    )


def _batches(sizes: str) -> Measured:
    settings = Settings("handcrafted")
    batches = shuffled(len(_digits().train.labels), settings.batch, np.random.default_rng(0))
    rows = np.concatenate([part.ravel() for part in batches])
    once = sorted(rows.tolist()) == list(range(len(_digits().train.labels)))
    count = sum(len(part) for part in batches)
    found = {
        "batches": [count, settings.batch],
        "every sample once": once,
        "another order": not (np.diff(rows) == 1).all(),
    }
    return Measured(found[sizes], "minibatches.shuffled on the 50,000 training samples, as `gradproof train` calls it")


def _updates() -> Measured:
    """Three mini-batches, one after the other: no two of the parameters that they lead to are the same."""
    settings = Settings("handcrafted")
    start = starting_parameters(settings.sizes, settings.seed, settings.init, np.float64)
    train = _digits().train
    images, targets = mnist.pixels(train.images[:30], np.float64), mnist.one_hot(train.labels[:30], np.float64)
    path = backends.load("handcrafted").trajectory(*start, images, targets, np.arange(30).reshape(3, 10), settings.eta)
    moved = all((np.diff(np.asarray(layer), axis=0) != 0).any(axis=(-2, -1)).all() for part in path for layer in part)
    return Measured(moved, "the trajectory of three mini-batches of ten digits, every layer of it")


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
    "input neurons": lambda: Measured(_digits().train.images.shape[1], "a pixel each"),
    "training samples": lambda: Measured(len(_digits().train.labels), "the training part of the shipped MNIST files"),
    "y of an image of a 3": lambda: Measured(
        mnist.one_hot(np.array([3]), np.float64)[0].astype(int).tolist(), "mnist.one_hot(3)"
    ),
    "y[i] is 1 for the digit i, and 0 elsewhere": lambda: Measured(
        bool((mnist.one_hot(np.arange(CLASSES, dtype=np.uint8), np.float64) == np.eye(CLASSES)).all()),
        "mnist.one_hot of all ten digits",
    ),
    "output neurons": lambda: Measured(CLASSES, "train.loop.CLASSES, and the width of mnist.one_hot"),
    "the digit read is the largest activation": _argmax,
    "batches in a loop, samples in a batch": lambda: _batches("batches"),
    "each sample is in one batch of a loop": lambda: _batches("every sample once"),
    "a loop shuffles": lambda: _batches("another order"),
    "each batch updates weights and biases": _updates,
    "η, m and the number of loops can be adjusted": lambda: Measured(
        {"eta", "batch", "epochs"} <= set(Settings._fields), "--eta, --batch and --epochs of `gradproof train`"
    ),
    "loops": lambda: Measured(Settings("handcrafted").epochs, "the default of `gradproof train --epochs`"),
}
