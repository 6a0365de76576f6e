"""Every step of a training on trial: at the parameters where it was taken, both networks, equation by equation.

Trajectories cannot be compared, since rounding alone drives them apart; steps can. Of each step are judged z, a, C and
BP1 … BP4 alone, as `gradproof check` judges them, and w′ = w − η ∂C/∂w itself: what the training really did.

Each step is first judged in the precision of the training, where |got − expected|/bound is itself rounded: sums of
positive terms, n of them and some forty operations more, are off by γ_{n+40} relatively. So a ratio up to 1 − 4γ_{n+40}
is within the bound. Any other step is judged again, with its bounds in float64: that decides.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from gradproof import backends
from gradproof.numerics import rounding
from gradproof.numerics.end_to_end import radii, widening
from gradproof.numerics.verdict import Finding, compare, root
from gradproof.problem import Answer, Array, Parameters, Stack, stack_of
from gradproof.proof import equations, theorem, witness
from gradproof.train.step import Proven, Step, StepError

OPERATIONS = 40  # in a radius, besides its sums
TOGETHER = 25  # steps in a stack, since each call of XLA costs as much as a step …
NUMBERS = 2**20  # … or fewer, so that their parameters are no more than these
WORKERS = 2
Found = TypeVar("Found")


def judged(backend: str, path: Parameters, x: Array, y: Array, eta: float, first: int) -> Proven:
    """The k steps of a trajectory (w^l (k + 1, n_l, n_{l−1}), …) on the mini-batches x (k, n_0, m), y (k, n_L, m).

    `first` is the number of the first of them; StepError names the first step that is wrong.
    """
    parameters = sum(layer[0].size for part in path for layer in part)
    together = max(1, min(TOGETHER, NUMBERS // parameters))
    parts = [slice(start, min(start + together, len(x))) for start in range(0, len(x), together)]

    def part(rows: slice) -> Proven:
        return _part(backend, _stack(path, x, y, rows), _shifted(path, rows), eta, first + rows.start)

    with ThreadPoolExecutor(WORKERS) as pool:  # NumPy and XLA let go of the interpreter while they compute
        return sum(pool.map(part, parts), Proven())


def _stack(path: Parameters, x: Array, y: Array, rows: slice) -> Stack:
    weights, biases = ([layer[rows] for layer in part] for part in path)
    sizes = [x.shape[1], *(b.shape[1] for b in biases)]
    return Stack(weights, biases, x[rows], y[rows], np.tile(sizes, (len(x[rows]), 1)))


def _shifted(path: Parameters, rows: slice) -> Parameters:
    """Where each of these steps led."""
    weights, biases = ([layer[rows.start + 1 : rows.stop + 1] for layer in part] for part in path)
    return weights, biases


def _part(backend: str, stack: Stack, after: Parameters, eta: float, first: int) -> Proven:
    """One stack of steps: quickly all of them, and exactly those that this leaves in doubt."""
    with np.errstate(all="ignore"):
        mine = theorem.claim(backends.load("handcrafted"), stack)
        found = list(_compared(_quickly, backend, stack, mine, mine, after, eta))
    ratio = np.max([ratios for _, ratios in found], axis=0)
    terms = int(stack.sizes.max()) + stack.x.shape[-1] + OPERATIONS
    sure = ratio <= 1 - 4 * rounding.gamma(terms, rounding.arithmetic(stack.x.dtype))  # False for NaN
    proven = Proven(len(sure), len(sure), len(sure) * sum(n for n, _ in found), float(ratio[sure].max(initial=0)))
    for number in map(int, np.flatnonzero(~sure)):
        led_to = [w[number] for w in after[0]], [b[number] for b in after[1]]
        claim = mine.alone(number, stack.sizes[number])
        step = Step(stack.alone(number), claim, led_to, eta, backend)
        findings = exactly(step)
        if wrong := root(findings):
            raise StepError(first + number, wrong, step)
        undecided = any(f.undecided.any() for f in findings)
        proven += Proven(0, -int(undecided), 0, max(f.ratio for f in findings))
    return proven


def exactly(step: Step) -> list[Finding]:
    """Every finding about one step, its bounds in float64: the verdict on it."""

    def stacked(arrays: Sequence[Array]) -> list[Array]:
        return [array[None] for array in arrays]

    zs, activations, cost, *gradients = step.claim
    claim = Answer(stacked(zs), stacked(activations), cost, *map(stacked, gradients))
    exact, after = stack_of(step.problem).astype(np.float64), (stacked(step.after[0]), stacked(step.after[1]))
    with np.errstate(all="ignore"):
        return list(_compared(compare, step.backend, exact, claim, claim.in_float64(), after, step.eta))


def _compared(
    compare: Callable[..., Found],
    backend: str,
    stack: Stack,
    mine: Answer,
    own: Answer,
    after: Parameters,
    eta: float,
) -> Iterator[Found]:
    """What `compare` finds: z, a and BP1 … BP4 alone, C from the claim's own a^L, and the update.

    |fl(ηĝ) − ηg| ≤ ηE_g + 2uηM_g + λ with M_g = |g| + 2E_g ≥ |ĝ|, η itself being rounded; the subtraction adds
    u(|w| + ηM_g(1 + 2u)) + λ, and an entry below λ may be read as 0. Both sides do so. E_g is that of BP3 and BP4 alone
    where the network by hand took the step; autodiff took it from its own δ and a, so there E_g is that end to end.
    """
    ar, whole, last = rounding.arithmetic(mine.cost.dtype), np.ones((1, 1, 1), bool), own.activations[-1]
    bounds: dict[tuple[str, int], Array] = {}

    def noted(equation: str, layer: int, got: Array, expected: Array, bound: Array, *rest: Array) -> Found:
        bounds[equation, layer] = bound
        return compare(equation, layer, got, expected, bound, *rest)

    expected = witness.every_stage(stack, own)
    yield from equations.compared(noted, stack, mine, own, ar, expected=expected)
    radius = 2 * widening(stack) * rounding.cost(last, stack.y, stack.x.dtype.type(ar.underflow), ar)
    c, c_theirs, radius = (each[:, None, None] for each in (mine.cost, expected.cost, radius))
    yield compare("C", len(stack.weights), c, c_theirs, radius, whole)

    if backend == "reference":
        e = radii(stack, own, ar)
        for layer, (e_b, e_w) in enumerate(zip(e.grad_b, e.grad_w, strict=True), start=1):
            bounds["BP3", layer], bounds["BP4", layer] = 2 * e_b, 2 * e_w
    for equation, parameters, gradients, moved in (
        ("BP3", stack.biases, own.grad_b, after[1]),
        ("BP4", stack.weights, own.grad_w, after[0]),
    ):
        for layer, (p, g, new) in enumerate(zip(parameters, gradients, moved, strict=True), start=1):
            e_g = bounds[equation, layer]
            bound = 2 * ar.u * np.abs(p)
            bound += 8 * ar.u * eta * np.abs(g)
            bound = bound + (1 + 8 * ar.u) * eta * e_g + 2 * (3 + eta) * ar.underflow
            yield compare("update", layer, new, p - eta * g, bound, whole)


def _quickly(_equation: str, _layer: int, got: Array, expected: Array, bound: Array, *_: object) -> tuple[int, Array]:
    """How many elements, and the worst ratio of each network of the stack; NaN where that cannot be told."""
    nothing = np.full(len(expected), np.nan)
    if got.shape != expected.shape or got.dtype != expected.dtype:
        return 0, nothing
    off = np.abs(got - expected)
    off /= bound
    return got[0].size, np.where(np.isfinite(bound.max()), off.max(axis=(1, 2)), nothing)
