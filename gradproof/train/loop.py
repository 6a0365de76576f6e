"""Training: epochs of mini-batch gradient descent with either backend, on digits that are in memory."""

import math
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from gradproof import backends
from gradproof.backends import Backend
from gradproof.errors import UsageError
from gradproof.problem import Array, starting_parameters
from gradproof.train import mnist, reading
from gradproof.train.minibatches import chunks, shuffled

CHUNK = 250  # mini-batches between two reports of progress …
WORK = 2**27  # … or fewer, if parameters × examples of more than this would keep Ctrl-C waiting
LARGEST = 2**30  # bytes for the parameters and one mini-batch on its way through the layers
CLASSES = 10

# Called between chunks with (steps since the start, weights, biases); what it raises ends the training.
Progress = Callable[[int, list[Array], list[Array]], None]


class Settings(NamedTuple):
    """All that decides a run, besides the digits."""

    backend: str
    sizes: tuple[int, ...] = (784, 30, 10)
    epochs: int = 30
    batch: int = 10
    eta: float = 3.0
    seed: int = 0
    init: str = "normal"
    dtype: str = "float32"


class Epoch(NamedTuple):
    """What the network can do after an epoch."""

    epoch: int  # counted from 1
    correct: int  # test images read correctly …
    test: int  # … of so many
    validation: int  # validation images read correctly
    cost: float  # quadratic, on the test images
    seconds: float  # of the descent alone; a first epoch includes what the backend compiles


def train(
    settings: Settings, digits: mnist.Mnist, progress: Progress = lambda *_: None
) -> Iterator[tuple[Epoch, list[Array], list[Array]]]:
    """(epoch, weights, biases) after each epoch.

    UsageError at once if the settings do not fit the digits, and later if the numbers are no longer finite: the
    weights that `progress` was given last still are.
    """
    if complaint := fault(settings, digits.train):
        raise UsageError(complaint)
    return _epochs(settings, backends.load(settings.backend), digits, progress)


def fault(s: Settings, examples: mnist.DataSet) -> str | None:
    """What is wrong with the settings, if anything is."""
    n, pixels = examples.images.shape
    if len(s.sizes) < 2 or min(s.sizes) < 1:
        return "--sizes must be at least two numbers, none below 1, such as 784,30,10"
    if s.sizes[0] != pixels:
        return f"--sizes must begin with {pixels}, the pixels of an image, not with {s.sizes[0]}"
    if s.sizes[-1] != CLASSES:
        return f"--sizes must end with {CLASSES}, one neuron for each digit, not with {s.sizes[-1]}"
    if s.epochs < 1:
        return f"--epochs must be at least 1, not {s.epochs}"
    if not 1 <= s.batch <= n:
        return f"--batch must be from 1 to {n}, the number of training images, not {s.batch}"
    if s.seed < 0:
        return f"--seed must be at least 0, not {s.seed}"
    if s.init not in ("normal", "scaled"):
        return f"--init must be normal or scaled, not {s.init!r}"
    if s.dtype not in ("float32", "float64"):
        return f"--dtype must be float32 or float64, not {s.dtype!r}"
    if not np.finfo(s.dtype).smallest_subnormal <= np.float64(s.eta) <= np.finfo(s.dtype).max:
        return f"--eta must be a finite number above 0 in {s.dtype}, not {s.eta}"
    if (_parameters(s) + s.batch * sum(s.sizes)) * np.dtype(s.dtype).itemsize > LARGEST:
        return "--sizes and --batch need more than 1 GiB, parameters and one mini-batch; choose smaller ones"
    return None


def _parameters(s: Settings) -> int:
    return sum(rows * (columns + 1) for columns, rows in zip(s.sizes[:-1], s.sizes[1:], strict=True))


def _epochs(
    s: Settings, backend: Backend, digits: mnist.Mnist, progress: Progress
) -> Iterator[tuple[Epoch, list[Array], list[Array]]]:
    weights, biases = starting_parameters(s.sizes, s.seed, s.init, s.dtype)
    rng = np.random.default_rng([s.seed, 1])  # not the numbers again that the weights were drawn from
    images = backends.put(s.backend, mnist.pixels(digits.train.images, s.dtype))
    targets = backends.put(s.backend, mnist.one_hot(digits.train.labels, s.dtype))
    validation, test = (reading.blocks(s.backend, part, s.dtype, s.sizes) for part in digits[1:])
    most = min(CHUNK, max(1, WORK // (_parameters(s) * s.batch)))
    steps = 0
    for number in range(1, s.epochs + 1):
        seconds = 0.0
        for batches in chunks(shuffled(len(targets), s.batch, rng), most):
            start = time.perf_counter()
            # No warnings: what is not finite is found below. One thread: two wait for each other's small products,
            # and sum in another order, so that a seed's run hash would depend on how many processors there are.
            with np.errstate(all="ignore"), threadpool_limits(1, user_api="blas"):
                moved = backend.descend(weights, biases, images, targets, batches, s.eta)
                new_weights, new_biases = ([np.asarray(p) for p in layers] for layers in moved)
            seconds += time.perf_counter() - start
            if not all(np.isfinite(p).all() for p in new_weights + new_biases):
                raise UsageError(f"a weight is no longer finite in epoch {number}; try a smaller --eta")
            weights, biases, steps = new_weights, new_biases, steps + len(batches)
            progress(steps, weights, biases)
        with np.errstate(all="ignore"):  # nor here
            cost = reading.cost(backend, weights, biases, test)
            correct = reading.correct(backend, weights, biases, test)
            validated = reading.correct(backend, weights, biases, validation)
        if not math.isfinite(cost):
            raise UsageError(f"the cost is no longer finite after epoch {number}; try a smaller --eta")
        yield Epoch(number, correct, len(digits.test.labels), validated, cost, seconds), weights, biases
