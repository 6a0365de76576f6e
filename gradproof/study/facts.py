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
    "output neurons": lambda: Measured(CLASSES, "train.loop.CLASSES, and the width of mnist.one_hot"),
    "the digit read is the largest activation": _argmax,
    "batches in a loop, samples in a batch": lambda: _batches("batches"),
    "each sample is in one batch of a loop": lambda: _batches("every sample once"),
    "a loop shuffles": lambda: _batches("another order"),
    "loops": lambda: Measured(Settings("handcrafted").epochs, "the default of `gradproof train --epochs`"),
}
