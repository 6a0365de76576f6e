"""The theorem in bulk: on every network of a stack each equation alone, and δ, ∂C/∂b, ∂C/∂w end to end."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from gradproof.backends import Backend
from gradproof.check import architectures, equations, witness
from gradproof.check.witness import Answer
from gradproof.numerics.verdict import Finding, Verdict, compare
from gradproof.problem import Stack, starting_parameters
from gradproof.train import mnist

# In the order of the algorithm; what stands behind C needs no blame of its own: it follows from what stands before.
ALONE = ("z", "a", "BP1", "BP2", "BP3", "BP4")
END_TO_END = ("C", "δ", "∂C/∂b", "∂C/∂w")
DIGIT_NETWORKS = ([784, 10], [784, 30, 10], [784, 100, 10], [784, 64, 32, 10])

DECIDED = 0.95  # a run in which more than the rest of the elements is too small to tell proves nothing


class Judged(NamedTuple):
    """A stack and what was found, `first` being the number in the run of the stack's first network."""

    first: int
    source: str  # a regime, or "digits"
    stack: Stack
    findings: list[Finding]


def claim(backend: Backend, stack: Stack) -> Answer:
    """All that a backend which takes whole stacks makes of this one."""
    zs, activations = backend.feedforward(stack.weights, stack.biases, stack.x)
    problem = (stack.weights, stack.biases, stack.x, stack.y)
    return Answer(zs, activations, backend.cost(*problem), *backend.gradients(*problem))


def end_to_end(stack: Stack, mine: Answer, theirs: Answer) -> Iterator[Finding]:
    """A finding for C, and for δ, ∂C/∂b, ∂C/∂w in each layer: both networks from the problem to the result."""
    whole = np.ones((len(stack.x), 1, 1), bool)
    yield compare("C", len(stack.weights), mine.cost[:, None, None], theirs.cost[:, None, None], whole)
    for layer in range(1, len(stack.weights) + 1):
        rows, columns, i = stack.live(layer), stack.live(layer - 1).mT, layer - 1
        yield compare("δ", layer, mine.delta[i], theirs.delta[i], rows)
        yield compare("∂C/∂b", layer, mine.grad_b[i], theirs.grad_b[i], rows)
        yield compare("∂C/∂w", layer, mine.grad_w[i], theirs.grad_w[i], rows & columns)


def judge(stack: Stack, mine: Answer) -> list[Finding]:
    """Every finding about one stack: each equation alone first, so that a fault's root comes before its effects."""
    return [*equations.alone(stack, mine), *end_to_end(stack, mine, witness.answer(stack))]


def random_architectures(backend: Backend, count: int, seed: int) -> Iterator[Judged]:
    """The theorem on `count` random architectures."""
    first = 0
    for regime, stack in architectures.groups(count, seed):
        yield Judged(first, regime, stack, judge(stack, claim(backend, stack)))
        first += len(stack.x)


def real_digits(backend: Backend, seed: int, batches: int = 25, m: int = 10) -> Iterator[Judged]:
    """The theorem on real digits: each of four networks on `batches` mini-batches of m digits of its own."""
    digits = mnist.load().train
    order = np.random.default_rng(seed).permutation(len(digits.labels))[: len(DIGIT_NETWORKS) * batches * m]
    for number, (sizes, rows) in enumerate(
        zip(DIGIT_NETWORKS, order.reshape(len(DIGIT_NETWORKS), batches, m), strict=True)
    ):
        weights, biases = starting_parameters(sizes, seed, ("normal", "scaled")[number % 2], np.float64)
        stack = Stack(
            [np.repeat(w[None], batches, axis=0) for w in weights],
            [np.repeat(b[None], batches, axis=0) for b in biases],
            mnist.pixels(digits.images[rows], np.float64).mT,
            mnist.one_hot(digits.labels[rows], np.float64).mT,
            np.tile(sizes, (batches, 1)),
        )
        yield Judged(number * batches, "digits", stack, judge(stack, claim(backend, stack)))


def root(findings: Sequence[Finding]) -> Finding | None:
    """The first refuted finding, in the order of the algorithm."""
    return next((finding for finding in findings if finding.verdict is Verdict.REFUTED), None)


def verdict(findings: Sequence[Finding]) -> Verdict:
    """refuted if one finding is; undecided if too few elements could be told; else verified."""
    if root(findings):
        return Verdict.REFUTED
    elements, vague = sum(f.elements for f in findings), sum(f.undecided for f in findings)
    return Verdict.VERIFIED if elements and vague <= (1 - DECIDED) * elements else Verdict.UNDECIDED
