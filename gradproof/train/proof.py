"""The proof of every training step, at the parameters where it was taken, equation by equation, for either network.

Trajectories cannot be compared because rounding drives them apart, but single steps can. For each step this module
judges z, a, C and BP1 … BP4 in isolation, as `gradproof prove` does, and also w′ = w − η ∂C/∂w as the run computed it.

A step is first judged in the precision of the training. a⁰ must equal x; one compiled program judges everything else.
Its ratio |got − expected|/bound is itself rounded, by at most γ_N relatively for N = Σ_l (2n_l + 60) + m sums and
operations on positive numbers, so a ratio up to 1 − 4γ_N is within the bound. Any other step is judged again with
float64 bounds, and that verdict counts.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

import handcrafted
from gradproof.numerics import rounding
from gradproof.numerics.chain import radii, widening
from gradproof.numerics.rounding import Arithmetic
from gradproof.numerics.verdict import Finding, compare, refuted_at_once, root
from gradproof.problem import Answer, Array, Parameters, Stack, stack_of
from gradproof.proof import equations, theorem, witness
from gradproof.train.alignment import aligned
from gradproof.train.step import ANY_SLIP, BrokenError, Proven, Step, StepError
from reference import padding

OPERATIONS = 60  # roundings in a stage besides its sums, of which an exponential takes up to eight
TOGETHER = 50  # steps judged in one XLA call, which costs as much as a step by itself …
NUMBERS = 1_200_000  # … or fewer, to keep their parameters below this many numbers
NEAR = 5  # steps of a call compared at a time: their numbers fit in the cache together
AHEAD = 3  # calls that may be queued: training and judging need not wait for each other, and memory stays bounded
POOL = ThreadPoolExecutor(2)  # NumPy and XLA release the GIL; reused, since new threads would take new memory each time
Found = TypeVar("Found")


def together(parameters: int) -> int:
    """Return how many steps of a network with this many parameters are judged in one call."""
    most = min(TOGETHER, NUMBERS // parameters)
    return most - most % NEAR or 1  # whole groups of NEAR, or single steps


def judged(backend: str, paths: Iterable[tuple[Parameters, Array, Array]], eta: float, first: int) -> Proven:
    """Judge all steps of trajectories (w^l (k + 1, n_l, n_{l−1}), …) on mini-batches x (k, n_0, m), y (k, n_L, m).

    Steps are judged while `paths` computes the next ones. `first` is the number of the very first step. Raises
    StepError for the first wrong step, or BrokenError if none is wrong before one that cannot be taken or judged.
    """
    waiting, proven, broken = deque[Future[Proven]](), Proven(), None

    def oldest() -> Proven:
        found = waiting[0].result()  # popped only afterwards: an interrupt must leave it to `finally`
        waiting.popleft()
        return found

    try:
        try:
            for number, stack, after, count in _stacks(paths, first):
                # NumPy's small calls hold the GIL: two threads that make them would only wait for each other.
                mine = _claim(stack, number) if backend == "handcrafted" else None
                if len(waiting) == AHEAD:
                    proven += oldest()
                waiting.append(POOL.submit(_part, backend, stack, after, count, mine, eta, number))
        except BrokenError as error:
            broken = error  # raised below unless an earlier step is wrong; an error from oldest() is raised again there
        while waiting:
            proven += oldest()
    finally:
        for part in waiting:
            part.cancel()
        wait(waiting)  # no judge is still running when this function ends, however it ends
    if broken:
        raise broken
    return proven


def starting_at(start: Parameters, path: Parameters) -> Parameters:
    """Return the path with its first point replaced by `start`, the parameters that the run really had."""
    for layers, first in zip(path, start, strict=True):
        for layer, (way, p) in enumerate(zip(layers, first, strict=True)):
            if not np.array_equal(way[0], p):
                layers[layer] = np.concatenate([p[None], way[1:]])
    return path


def _stacks(
    paths: Iterable[tuple[Parameters, Array, Array]], first: int
) -> Iterator[tuple[int, Stack, Parameters, int]]:
    """Yield stacks of consecutive steps: (number of the first, the stack, the parameters after each, number of steps).

    The last step of a path is repeated to fill its stack, because XLA compiles every new length.
    """
    for path, x, y in paths:
        length = together(sum(layer[0].size for part in path for layer in part))
        for start in range(0, len(x), length):
            at: Any = slice(start, start + length)
            if (count := min(length, len(x) - start)) < length:
                at = np.minimum(np.arange(start, start + length), len(x) - 1)
            weights, biases = ([layer[:-1][at] for layer in part] for part in path)
            after_weights, after_biases = ([layer[1:][at] for layer in part] for part in path)
            sizes = np.tile([x.shape[1], *(b.shape[1] for b in biases)], (length, 1))
            stack = Stack(weights, biases, x[at], y[at], sizes)
            yield first + start, stack, (after_weights, after_biases), count
        first += len(x)


def _part(
    backend: str, stack: Stack, after: Parameters, count: int, mine: Answer | None, eta: float, first: int
) -> Proven:
    """Judge one stack of steps: all of them quickly, then those that remain in doubt exactly."""
    mine = _claim(stack, first) if mine is None else mine
    try:
        ratio = _worst(backend, stack, mine, after, eta)[:count]
    except ANY_SLIP as error:
        raise BrokenError("handcrafted", f"at step {first}", error) from error
    roundings = sum(2 * n + OPERATIONS for n in stack.sizes[0].tolist()) + stack.x.shape[-1]
    sure = ratio <= 1 - 4 * rounding.gamma(roundings, rounding.arithmetic(stack.x.dtype))  # False for NaN
    elements = sum(array[0].size for part in (*mine, *after) for array in (part if isinstance(part, list) else [part]))
    proven = Proven(count, count, count * elements, float(ratio[sure].max(initial=0)))
    for number in map(int, np.flatnonzero(~sure)):
        led_to = [w[number] for w in after[0]], [b[number] for b in after[1]]
        claim = mine.of_network(number, stack.sizes[number])
        step = Step(stack.of_network(number), claim, led_to, eta, backend)
        findings = exactly(step)
        if wrong := root(findings):
            raise StepError(first + number, wrong, step)
        undecided = [f for f in findings if f.undecided.any()]
        narrow = bool(undecided) and all(f.equation == "update" for f in undecided) and not _large(step)
        proven += Proven(0, -bool(undecided), 0, max(f.ratio for f in findings), narrow)
    return proven


def _large(step: Step) -> bool:
    """Whether the step came near the largest number of its dtype, one of the two reasons to be undecided."""
    largest = np.finfo(step.problem.x.dtype).max / 2**20
    with np.errstate(over="ignore"):
        ends = (step.problem.weights, step.problem.biases, *step.after, [step.eta * d for d in step.claim.delta])
    return not all((abs(array) < largest).all() for arrays in ends for array in arrays)


def _claim(stack: Stack, first: int) -> Answer:
    """Return the handcrafted network's answer to a stack; its C is computed from its a^L, by a network without layers.

    Raises BrokenError if the network raises.
    """
    weights, biases, x, y, _ = stack
    try:
        with np.errstate(all="ignore"):
            zs, activations = handcrafted.feedforward(weights, biases, x)
            cost = handcrafted.cost([], [], activations[-1], y)
            return Answer(zs, activations, cost, *handcrafted.gradients(weights, biases, x, y))
    except ANY_SLIP as error:
        raise BrokenError("handcrafted", f"at step {first}", error) from error


def _worst(backend: str, stack: Stack, mine: Answer, after: Parameters, eta: float) -> Array:
    """Return the worst |got − expected|/bound of each step, (k,); NaN where that cannot be decided."""
    a, *activations = mine.activations
    if type(a) is not np.ndarray or a.shape != stack.x.shape:
        raise ValueError(f"a⁰ is {type(a).__name__} {np.shape(a)}, should be ndarray {stack.x.shape}")
    # x and y are transposed views of row-major arrays: passed as they lie in memory, they are not copied twice.
    problem, shown = (*stack[:2], stack.x.mT, stack.y.mT), mine._replace(activations=activations)
    shown = shown._replace(grad_w=[aligned(g) for g in mine.grad_w])
    ratios = _ratios(problem, shown, after, eta, backend, tuple(stack.sizes[0].tolist()))
    worst: Array = np.asarray(ratios).max(axis=1).ravel()  # (groups, rows, near)
    if a is stack.x:
        return worst
    same = (a == stack.x).all(axis=(1, 2)) & (a.dtype == stack.x.dtype)
    return np.where(same, worst, np.nan)


@partial(jax.jit, static_argnames=("backend", "sizes"))
def _ratios(problem: Any, mine: Answer, after: Parameters, eta: float, backend: str, sizes: tuple[int, ...]) -> Any:
    """Return the ratios of each equation and layer, from one compiled program.

    The claim has the dtype of the stack, so no second copy in another dtype is needed. Its a⁰ is x and is left out.
    """

    def few(steps: Any) -> Any:
        (weights, biases, x, y), mine, after = steps
        stack = Stack(weights, biases, x.mT, y.mT, np.tile(sizes, (len(x), 1)))
        mine = mine._replace(activations=[stack.x, *mine.activations])
        live = jnp.ones(stack.x.shape[-1], stack.x.dtype)
        zs, activations, *rest = padding.every_stage(
            weights, biases, None, stack.y, mine.zs, mine.activations, mine.delta, live
        )
        expected = Answer(zs, [stack.x, *activations], *rest)
        ar = rounding.arithmetic(x.dtype)
        return jnp.stack(list(_compared(_quickly, backend, stack, mine, mine, expected, after, eta, ar)))

    def in_groups(array: Any) -> Any:
        near = min(len(array), NEAR)
        return array.reshape(-1, near, *array.shape[1:])

    return jax.lax.map(few, jax.tree.map(in_groups, (problem, mine, after)))


def exactly(step: Step) -> list[Finding]:
    """Return every finding about one step, with bounds in float64; together they are the verdict on it."""

    def stacked(arrays: Sequence[Array]) -> list[Array]:
        return [array[None] for array in arrays]

    zs, activations, cost, *gradients = step.claim
    claim = Answer(stacked(zs), stacked(activations), cost, *map(stacked, gradients))
    stack, after = stack_of(step.problem), (stacked(step.after[0]), stacked(step.after[1]))
    if shapes := list(theorem.other_shapes(stack, claim)):
        return shapes
    found = list(theorem.other_dtypes(stack, claim))
    if cost.dtype != stack.x.dtype:
        found.append(refuted_at_once("C", len(stack.weights), 1, f"is {cost.dtype}, should stay {stack.x.dtype}"))
    ar, exact, own = rounding.arithmetic(stack.x.dtype), stack.astype(np.float64), claim.in_float64()
    with np.errstate(all="ignore"):
        expected = witness.every_stage(exact, own)
        return [*found, *_compared(compare, step.backend, exact, claim, own, expected, after, step.eta, ar)]


def _compared(
    compare: Callable[..., Found],
    backend: str,
    stack: Stack,
    mine: Answer,
    own: Answer,
    expected: Answer,
    after: Parameters,
    eta: float,
    ar: Arithmetic,
) -> Iterator[Found]:
    """Yield what `compare` finds for z, a and BP1 … BP4 in isolation, C from the claim's own a^L, and the update.

    |fl(ηĝ) − ηg| ≤ ηE_g + 2uηM_g + λ with M_g = |g| + 2E_g ≥ |ĝ|, as η is rounded too. The subtraction adds
    u(|w| + ηM_g(1 + 2u)) + λ, and an entry below λ may be read as 0. Both sides may err by this. If the handcrafted
    network took the step, E_g is the radius of BP3 and BP4 in isolation. Autodiff takes a step from its own δ and a, so
    there E_g is end to end. The bound is ∞ if a layer's gradients are not all 0 but none exceeds 2E_g, since a step not
    taken would pass as well. It is also ∞ where the result may overflow, or ηδ on the way to it.
    """
    whole, last = np.ones((1, 1, 1), bool), own.activations[-1]
    bounds: dict[tuple[str, int], Array] = {}

    def noted(equation: str, layer: int, got: Array, expected: Array, bound: Array, *rest: Array) -> Found:
        bounds[equation, layer] = bound
        return compare(equation, layer, got, expected, bound, *rest)

    yield from equations.compared(noted, stack, mine, own, ar, expected)
    radius = 2 * widening(stack) * rounding.cost(last, stack.y, stack.x.dtype.type(ar.underflow), ar)
    c, c_theirs, radius = (each[:, None, None] for each in (mine.cost, expected.cost, radius))
    yield compare("C", len(stack.weights), c, c_theirs, radius, whole)

    if backend == "reference":
        e = radii(stack, own, ar)
        for layer, (e_b, e_w) in enumerate(zip(e.grad_b, e.grad_w, strict=True), start=1):
            bounds["BP3", layer], bounds["BP4", layer] = 2 * e_b, 2 * e_w
    for equation, parameters, gradients, led_to in (
        ("BP3", stack.biases, own.grad_b, after[1]),
        ("BP4", stack.weights, own.grad_w, after[0]),
    ):
        for layer, (p, g, d, new) in enumerate(zip(parameters, gradients, own.delta, led_to, strict=True), start=1):
            e_g, eta_delta = bounds[equation, layer], 2 * eta * abs(d).sum(axis=(1, 2), keepdims=True)
            bound = 2 * ar.u * (abs(p) + 4 * eta * abs(g)) + (1 + 8 * ar.u) * eta * e_g + 2 * (3 + eta) * ar.underflow
            sound = (abs(p) + eta * (abs(g) + e_g) < ar.largest) & (eta_delta < ar.largest)
            xp = rounding.namespace(bound)
            # 2: distinguishable from 0; 1: not; 0: exactly 0. Numbers, because XLA computes a maximum quickly.
            told = xp.where(g == 0, 0, xp.where(abs(g) > e_g, 2, 1)).astype(np.int8)
            seen = told.max(axis=(1, 2), keepdims=True) != 1
            bound = xp.where(sound & seen, bound, np.inf)
            yield compare("update", layer, new, p - eta * g, bound, whole)


def _quickly(equation: str, layer: int, got: Any, expected: Any, bound: Any, *_: object) -> Any:
    """Return the worst ratio of each network of the stack; NaN where that cannot be decided."""
    if (equation, layer) == ("a", 0):  # _worst compares it
        return jnp.zeros(len(expected), expected.dtype)
    if got.shape != expected.shape or got.dtype != expected.dtype:
        return jnp.full(len(expected), jnp.nan)
    return jnp.where(bound < jnp.inf, abs(got - expected) / bound, jnp.nan).max(axis=(1, 2))
