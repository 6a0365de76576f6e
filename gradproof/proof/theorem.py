"""The theorem in bulk: judges each equation by itself, and C, δ, ∂C/∂b, ∂C/∂w end to end, on whole stacks."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike
from threadpoolctl import threadpool_limits

from gradproof.backends import Backend
from gradproof.errors import UsageError
from gradproof.numerics import rounding
from gradproof.numerics.chain import radii
from gradproof.numerics.verdict import Finding, compare, refuted_at_once
from gradproof.problem import Answer, Array, Stack, stack_of, starting_parameters
from gradproof.proof import architectures, equations, witness
from gradproof.train import mnist

# In the order of the algorithm.
ALONE = ("z", "a", "BP1", "BP2", "BP3", "BP4")
END_TO_END = ("C", "δ", "∂C/∂b", "∂C/∂w")
DIGIT_NETWORKS = ([784, 10], [784, 30, 10], [784, 100, 10], [784, 64, 32, 10])
WORKERS = min(4, os.cpu_count() or 1)
DIGITS, BATCH = 1000, 10  # in mini-batches of ten, equally many for each network


Numbered = tuple[int, str, Stack]  # first network's number, source and stack, as in Judged


class Judged(NamedTuple):
    """A stack and its findings; `first` is the number of the stack's first network in the run."""

    first: int
    source: str  # a regime, or "digits"
    stack: Stack
    findings: list[Finding]


def claim(backend: Backend, stack: Stack) -> Answer:
    """Return everything that the backend, which has to accept stacks, computes for this one."""
    with np.errstate(over="ignore", invalid="ignore"):  # the bounds account for overflow
        zs, activations = backend.feedforward(*stack[:3])
        delta, *gradients = backend.gradients(*stack[:4])
        if delta[-1].shape == stack.y.shape:  # a backend does not know which neurons are silent
            delta = [*delta[:-1], np.where(stack.outputs, delta[-1], 0)]
        return Answer(zs, activations, _costs(backend, stack), delta, *gradients)


def _costs(backend: Backend, stack: Stack) -> Array:
    """Return C of each network, without silent outputs: those with equally many outputs go in one call."""
    order = np.argsort(stack.sizes[:, -1], kind="stable")
    outputs, (weights, biases) = stack.sizes[order, -1], ([p[order] for p in part] for part in stack[:2])
    x, y = stack.x[order], stack.y[order]
    costs = []
    for n in np.unique(outputs):
        own = slice(*np.searchsorted(outputs, [n, n + 1]))
        *before, last = (w[own] for w in weights)
        *shifts, b = (b[own] for b in biases)
        costs.append(backend.cost([*before, last[:, :n]], [*shifts, b[:, :n]], x[own], y[own, :n]))
    together = np.concatenate(costs)
    result = np.empty_like(together)
    result[order] = together
    return result


def judge(stack: Stack, mine: Answer) -> list[Finding]:
    """Return all findings about one stack: each equation by itself first, so that a fault's root precedes its effects.

    The witness and the radii work in float64 on the problem's numbers, also if those are float32. UsageError for
    dtypes that differ or are not float32 or float64, or if there is no example.
    """
    return ask(stack, mine)()


def ask(stack: Stack, mine: Answer) -> Callable[[], list[Finding]]:
    """Ask the witness now, and return a callable that computes the bounds, compares and returns the findings."""
    dtypes = {array.dtype for array in (*stack.weights, *stack.biases, stack.x, stack.y)}
    if not dtypes <= set(rounding.ARITHMETIC) or len(dtypes) > 1:
        given = ", ".join(sorted(dtype.name for dtype in dtypes))
        raise UsageError(f"weights, biases, x and y must all be float64 or all float32, not {given}")
    if stack.x.shape[-1] == 0 or len(stack.x) == 0:
        raise UsageError("there is no example to judge: x has no column; give at least one")
    if shapes := list(other_shapes(stack, mine)):
        return lambda: shapes
    ar, exact = rounding.arithmetic(stack.x.dtype), stack.astype(np.float64)
    with np.errstate(all="ignore"):
        theirs, expected = witness.answer(exact), witness.stages(exact, mine.in_float64())

    def findings() -> list[Finding]:
        with np.errstate(all="ignore"):
            radius = radii(exact, theirs._replace(delta=exact.filled(theirs.delta)), ar)
            return [
                *other_dtypes(stack, mine),
                *equations.findings(exact, mine, ar, expected),
                *end_to_end(exact, mine, theirs, radius),
            ]

    return findings


def other_shapes(stack: Stack, mine: Answer) -> Iterator[Finding]:
    """Yield a finding for each array of the wrong shape, because its values cannot be compared."""
    n, m = len(stack.x), stack.x.shape[-1]
    rows = [b.shape[1] for b in stack.biases]
    expected = {
        "z": [(n, r, m) for r in rows],
        "a": [stack.x.shape, *((n, r, m) for r in rows)],
        "BP2": [(n, r, m) for r in rows],
        "BP3": [b.shape for b in stack.biases],
        "BP4": [w.shape for w in stack.weights],
    }
    for (equation, shapes), arrays in zip(expected.items(), (*mine[:2], *mine[3:]), strict=True):
        for layer, (shape, array) in enumerate(zip(shapes, arrays, strict=True), start=equation != "a"):
            if array.shape != shape:
                name = "BP1" if equation == "BP2" and layer == len(rows) else equation
                yield refuted_at_once(name, layer, n, f"has shape {array.shape[1:]}, should be {shape[1:]}")


def other_dtypes(stack: Stack, mine: Answer) -> Iterator[Finding]:
    """Yield a finding for each array whose dtype is not the problem's: float32 has to stay float32."""
    for equation, arrays in zip(("z", "a", "BP2", "BP3", "BP4"), (*mine[:2], *mine[3:]), strict=True):
        for layer, array in enumerate(arrays, start=equation != "a"):
            if array.dtype != stack.x.dtype:
                name = "BP1" if equation == "BP2" and layer == len(stack.weights) else equation
                said = f"is {array.dtype}, should stay {stack.x.dtype}"
                yield refuted_at_once(name, layer, len(stack.x), said)


def end_to_end(stack: Stack, mine: Answer, theirs: Answer, radius: Answer) -> Iterator[Finding]:
    """Yield a finding for C, and for δ, ∂C/∂b, ∂C/∂w in each layer, computed from the problem on by both networks."""
    whole = np.ones((1, 1, 1), bool)
    c, c_theirs, c_radius = (answer.cost[:, None, None] for answer in (mine, theirs, radius))
    yield compare("C", len(stack.weights), c, c_theirs, 2 * c_radius, whole)
    for layer in range(1, len(stack.weights) + 1):
        neurons, biases, weights = equations.live(stack, layer)
        i, at_work = layer - 1, stack.inputs_at_work(layer)
        yield compare("δ", layer, mine.delta[i], theirs.delta[i], 2 * radius.delta[i], neurons)
        yield compare("∂C/∂b", layer, mine.grad_b[i], theirs.grad_b[i], 2 * radius.grad_b[i], biases)
        yield compare("∂C/∂w", layer, mine.grad_w[i], theirs.grad_w[i], 2 * radius.grad_w[i], weights, at_work)


def everything(backend: Backend, count: int, seed: int, dtype: DTypeLike = np.float64) -> Iterator[Judged]:
    """Judge real digits and `count` random architectures.

    The digits come first: while XLA compiles their wide layers, the other workers judge narrow ones.
    """
    return _judged(backend, chain(_digits(seed, dtype), _random(count, seed, dtype)))


def units(count: int) -> int:
    """Return the number of stacks in `everything`: those of digits and of `count` random architectures."""
    return len(DIGIT_NETWORKS) + -(-count // architectures.group_size(count))


def chosen(
    backend: Backend, numbers: Iterable[int], count: int, seed: int, dtype: DTypeLike = np.float64
) -> Iterator[Judged]:
    """Judge only these of the stacks 0 … units(count) − 1 of `everything`."""
    return _judged(backend, (unit(number, count, seed, dtype) for number in numbers))


def unit(number: int, count: int, seed: int, dtype: DTypeLike) -> Numbered:
    """Return one of the stacks of `everything`."""
    if number < len(DIGIT_NETWORKS):
        return list(_digits(seed, dtype))[number]
    group = number - len(DIGIT_NETWORKS)
    regime, stack = architectures.group(group, count, seed)
    return group * architectures.group_size(count), regime, stack.astype(dtype)


def about(number: int, count: int, seed: int) -> tuple[int, str, int, int]:
    """Return (first, source, networks, examples of each) of a stack of `everything` without drawing it."""
    if number < len(DIGIT_NETWORKS):
        batches = DIGITS // BATCH // len(DIGIT_NETWORKS)
        return number * batches, "digits", batches, BATCH
    group = number - len(DIGIT_NETWORKS)
    _, regime, examples, networks = architectures.kind(group, count, seed)
    return group * architectures.group_size(count), regime, networks, examples


def random_architectures(backend: Backend, count: int, seed: int, dtype: DTypeLike = np.float64) -> Iterator[Judged]:
    """Judge `count` random architectures."""
    return _judged(backend, _random(count, seed, dtype))


def _random(count: int, seed: int, dtype: DTypeLike) -> Iterator[Numbered]:
    first = 0
    for regime, stack in architectures.groups(count, seed):
        yield first, regime, stack.astype(dtype)
        first += len(stack.x)


def one_architecture(
    backend: Backend, count: int, seed: int, network: int, dtype: DTypeLike = np.float64
) -> Iterator[Judged]:
    """Judge one of `count` random architectures in its exact shape."""
    first = 0
    for regime, drawn in architectures.groups(count, seed):
        if network < first + len(drawn.x):
            stack = stack_of(drawn.of_network(network - first)).astype(dtype)
            yield from _judged(backend, iter([(network, regime, stack)]))
            return
        first += len(drawn.x)


def real_digits(backend: Backend, seed: int, dtype: DTypeLike = np.float64) -> Iterator[Judged]:
    """Judge DIGITS real digits: each of four networks on its own mini-batches of ten."""
    return _judged(backend, _digits(seed, dtype))


def _digits(seed: int, dtype: DTypeLike, m: int = BATCH) -> Iterator[Numbered]:
    batches = DIGITS // m // len(DIGIT_NETWORKS)
    images, labels = (part.reshape(len(DIGIT_NETWORKS), batches, m, -1) for part in _drawn(seed, DIGITS))

    def stack(number: int) -> Stack:
        sizes = DIGIT_NETWORKS[number]
        weights, biases = starting_parameters(sizes, seed, ("normal", "scaled")[number % 2], dtype)
        return Stack(
            [np.repeat(w[None], batches, axis=0) for w in weights],
            [np.repeat(b[None], batches, axis=0) for b in biases],
            mnist.pixels(images[number], dtype).mT,
            mnist.one_hot(labels[number, ..., 0], dtype).mT,
            np.tile(sizes, (batches, 1)),
        )

    return ((n * batches, "digits", stack(n)) for n in range(len(DIGIT_NETWORKS)))


@lru_cache(maxsize=1)
def _drawn(seed: int, count: int) -> tuple[Array, Array]:
    """Return `count` digits at random. They are cached, because all of MNIST is read for them."""
    digits = mnist.load().train
    order = np.random.default_rng(seed).permutation(len(digits.labels))[:count]
    return digits.images[order], digits.labels[order]


def _judged(backend: Backend, stacks: Iterator[Numbered]) -> Iterator[Judged]:
    """Judge stacks in order, a few at a time: NumPy and XLA release the interpreter lock while they compute.

    A single thread does all comparisons: two threads that make small NumPy calls would wait for each other.
    """

    def answered(stack: Stack) -> Callable[[], list[Finding]]:
        try:
            mine = claim(backend, stack)
        except Exception as error:  # a wrong equation may raise anything; it then has no answer on this stack
            said = f"raises {type(error).__name__}: {' '.join(str(error).split())}"
            return lambda: [refuted_at_once("C", 0, len(stack.x), said)]
        return ask(stack, mine)

    def compared(first: int, source: str, stack: Stack, found: Future[Callable[[], list[Finding]]]) -> Judged:
        return Judged(first, source, stack, found.result()())

    # The matrices are small and the workers many, so threads within NumPy would only wait for each other.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(WORKERS) as pool, ThreadPoolExecutor(1) as judges:
        waiting: deque[Future[Judged]] = deque()
        for stack in stacks:
            waiting.append(judges.submit(compared, *stack, pool.submit(answered, stack[-1])))
            if len(waiting) > WORKERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
