"""The training loop: epochs of mini-batch gradient descent with either backend, on digits in memory."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradproof import backends
from gradproof.backends import Backend
from gradproof.errors import UsageError
from gradproof.problem import Array, starting_parameters
from gradproof.train import divergence, mnist, reading
from gradproof.train.data_parallel import Spread
from gradproof.train.divergence import DivergenceError
from gradproof.train.minibatches import chunks, shuffled
from gradproof.train.pace import Pace
from gradproof.train.step import Proven
from gradproof.train.steps import Steps

CHUNK = 2500  # most mini-batches between two reports of progress …
WORK = 2**31  # … but only one at first if parameters × examples of a whole chunk exceed this
LARGEST = 2**30  # bytes for the parameters and the activations of one mini-batch
CLASSES = 10


class Settings(NamedTuple):
    """Everything that determines a run, apart from the digits."""

    backend: str
    sizes: tuple[int, ...] = (784, 30, 10)
    epochs: int = 30
    batch: int = 10
    eta: float = 3.0
    seed: int = 0
    init: str = "normal"
    dtype: str = "float32"
    reproducible: bool = False  # the same bits on any number of devices


class Epoch(NamedTuple):
    """How well the network reads after an epoch."""

    epoch: int  # counted from 1
    correct: int  # test images read correctly …
    test: int  # … of this number
    validation: int  # validation images read correctly
    training: int  # of the first training images, as many as there are test images, those read correctly
    cost: float  # quadratic, on the test images
    seconds: float  # of descent, including the proof of judged steps and, in the first epoch, compilation


class Best(NamedTuple):
    """The network after its best epoch: the first after which it read the most validation images correctly."""

    epoch: int
    weights: list[Array]
    biases: list[Array]


class State(NamedTuple):
    """A run between two steps; with the settings and the digits, it determines how the run continues."""

    weights: list[Array]
    biases: list[Array]
    shuffle: Mapping[str, Any]  # the generator's state before it shuffled this epoch
    epoch: int = 1  # the current one, counted from 1; settings.epochs + 1 if the run is finished
    batch: int = 0  # mini-batches of this epoch done
    steps: int = 0  # mini-batches done since the start
    seconds: float = 0.0  # of descent in this epoch so far
    history: tuple[Epoch, ...] = ()  # the epochs before this one
    proven: Proven = Proven()
    best: Best | None = None


Progress = Callable[[State], None]  # called between chunks of mini-batches; an exception in it ends the training


def begin(settings: Settings) -> State:
    """Return the state a run starts from. Shuffles come from another generator than the weights, with its own seed."""
    weights, biases = starting_parameters(settings.sizes, settings.seed, settings.init, settings.dtype)
    return State(weights, biases, np.random.default_rng([settings.seed, 1]).bit_generator.state)


def train(
    settings: Settings,
    digits: mnist.Mnist,
    progress: Progress = lambda _: None,
    start: State | None = None,
    verify: bool = False,
    spread: Spread | None = None,
) -> Iterator[State]:
    """Train, yielding the state after each epoch; its results are the last in the history.

    A run that starts from the state of an earlier one continues exactly as that would have, to the last bit. Raises
    UsageError at once if the settings do not fit the digits, and DivergenceError, with the last good state, if the
    descent diverges. With `verify`, steps are judged as they are taken, and StepError names the first wrong one.
    `spread` takes the steps in place of the backend, on many devices.
    """
    if complaint := fault(settings, digits.train):
        raise UsageError(complaint)
    backends.load(settings.backend)  # raises UsageError if there is no such backend

    def epochs() -> Iterator[State]:
        for state in states(settings, digits, start or begin(settings), verify, spread=spread):
            if state.batch == 0:
                yield state
            else:
                progress(state)

    return epochs()


def best_of(history: Sequence[Epoch]) -> Epoch:
    """Return the first epoch after which the most validation images were read correctly; test images do not count."""
    return max(history, key=lambda epoch: epoch.validation)


def first_training_images(digits: mnist.Mnist) -> mnist.DataSet:
    """Return the first training images, as many as there are test images, or all: each epoch ends with reading them."""
    images, labels, rows = digits.train
    most = len(digits.test.labels)
    return mnist.DataSet(images[:most], labels[:most], rows)


def batches_per_epoch(settings: Settings, examples: mnist.DataSet) -> int:
    """Return the number of mini-batches in an epoch."""
    return -(-len(examples.labels) // settings.batch)


def fault(s: Settings, examples: mnist.DataSet) -> str | None:
    """Return what is wrong with the settings for these training images, or None."""
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
    if (parameters(s) + s.batch * sum(s.sizes)) * np.dtype(s.dtype).itemsize > LARGEST:
        return "--sizes and --batch need more than 1 GiB for parameters and one mini-batch; choose smaller ones"
    if s.reproducible and s.backend != "reference":
        return "--reproducible needs --backend reference; the other computes on one device, where every run is"
    if s.reproducible and parameters(s) * s.batch * np.dtype(s.dtype).itemsize > LARGEST:
        return "--reproducible keeps a gradient for each example, here more than 1 GiB; choose a smaller --batch"
    return None


def parameters(s: Settings) -> int:
    """Return the number of weights and biases."""
    return sum(rows * (columns + 1) for columns, rows in zip(s.sizes[:-1], s.sizes[1:], strict=True))


def states(
    s: Settings,
    digits: mnist.Mnist,
    state: State,
    verify: bool = False,
    most: int | None = None,
    spread: Spread | None = None,
) -> Iterator[State]:
    """Yield the states of a run: after every `most` mini-batches, between two blocks of images read at the end of an
    epoch, and after each epoch. Without `most`, a chunk has as many mini-batches as take about a quarter of a second.
    """
    backend = backends.load(s.backend)
    rng = np.random.default_rng()
    rng.bit_generator.state = state.shuffle
    if s.reproducible and spread is None:
        spread = Spread(1, reproducible=True)
    steps = Steps(s.backend, s.eta, digits.train, s.dtype, spread)
    parts = [digits.validation, digits.test, first_training_images(digits)]
    measured = [reading.blocks(s.backend, part, s.dtype, s.sizes) for part in parts]
    longest = most or CHUNK
    first = longest if most or not verify else max(1, longest // 5)  # judging a step triples its time
    pace = Pace(longest, first if most or longest * parameters(s) * s.batch <= WORK else 1)
    if verify:
        from gradproof.numerics import contracts

        contracts.insist(s.dtype, "float64")
    good = state
    while state.epoch <= s.epochs:
        for batches in chunks(shuffled(len(digits.train.labels), s.batch, rng), lambda: pace.length, state.batch):
            start = time.perf_counter()
            here, judged = (state.weights, state.biases), state.proven
            if verify:
                end, more = steps.prove(here, batches, state.steps + 1)
                judged += more
            else:
                end = steps.take(*here, batches)
            seconds = state.seconds + time.perf_counter() - start
            if fault := divergence.not_finite(steps.take, *here, batches, end):
                step, name = fault
                where = f"{name} is no longer finite after mini-batch {state.batch + step} of epoch {state.epoch}"
                raise DivergenceError(f"{where}; {divergence.remedy(s.eta, s.init)}", good)
            state = state._replace(weights=end[0], biases=end[1], seconds=seconds, proven=judged)
            state = state._replace(batch=state.batch + len(batches), steps=state.steps + len(batches))
            if most is None:
                took = time.perf_counter() - start
                pace.took(len(batches), spread.longest(took) if spread else took)
            yield state
        # One thread here too: several would round differently, and spin for a while on processors that the judge needs.
        with steps.in_one_thread():
            history = (*state.history, (yield from _measured(backend, state, *measured)))
        costs = [epoch.cost for epoch in history]
        reach = s.eta * batches_per_epoch(s, digits.train)
        if reason := divergence.complaint(s.backend, state.weights, state.biases, costs, digits.train, reach):
            raise DivergenceError(f"after epoch {state.epoch}, {reason}; {divergence.remedy(s.eta, s.init)}", good)
        if best_of(history).epoch == state.epoch:
            state = state._replace(best=Best(state.epoch, state.weights, state.biases))
        shuffle = rng.bit_generator.state
        state = state._replace(shuffle=shuffle, epoch=state.epoch + 1, batch=0, seconds=0.0, history=history)
        good = state
        yield state


def _measured(
    backend: Backend,
    state: State,
    validation: list[reading.Block],
    test: list[reading.Block],
    training: list[reading.Block],
) -> Generator[State, None, Epoch]:
    """Return how well the network reads at the end of an epoch, yielding the state between two blocks of a set."""
    network, read, costs = (backend, state.weights, state.biases), [], []
    for part in (validation, test, training):
        right = 0
        for number, block in enumerate(part):
            if number:
                yield state
            with np.errstate(all="ignore"):
                right += reading.correct(*network, [block])
                if part is test:
                    costs.append(len(block.labels) * reading.cost(*network, [block]))
        read.append(right)
    n = sum(len(block.labels) for block in test)
    return Epoch(state.epoch, read[1], n, read[0], read[2], sum(costs) / n, state.seconds)
