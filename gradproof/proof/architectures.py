"""Random architectures: one at a time for Hypothesis, in bulk for the proof."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from gradproof.problem import Array, Problem, Stack

if TYPE_CHECKING:
    from hypothesis import strategies as st

DEEPEST, WIDEST, MOST_EXAMPLES = 6, 16, 8
GROUP = 256  # networks of one depth, regime and m, judged in one call

REGIMES = {
    "scaled": "w ~ N(0, 1/n_in): activations stay in the middle of σ",
    "normal": "w, b ~ N(0, 1): the book's start",
    "tiny": "w, b ~ N(0, 1e-6): σ is all but linear",
    "saturated": "w, b ~ N(0, 36): most neurons sit in a tail of σ",
    "trained": "as scaled, y within 1e-4 of a^L: the gradient all but vanishes",
}


def fill(sizes: Array, m: int, regime: str, rng: np.random.Generator) -> Stack:
    """Return networks of the given widths (N, L+1) with m examples each, drawn by the regime."""
    count, width = len(sizes), WIDEST
    scale = {"tiny": 1e-3, "saturated": 6.0}.get(regime, 1.0)

    def draw(rows: Array, columns: Array | int, most: int) -> Array:
        live_rows = np.arange(width)[None, :, None] < rows[:, None, None]
        live_columns = np.arange(most)[None, None, :] < np.reshape(columns, (-1, 1, 1))
        drawn = rng.standard_normal((count, width, most))
        drawn *= live_rows & live_columns
        return drawn

    weights = [draw(rows, columns, width) for columns, rows in zip(sizes.T[:-1], sizes.T[1:], strict=True)]
    biases = [draw(rows, 1, 1) for rows in sizes.T[1:]]
    for w, fan_in in zip(weights, sizes.T[:-1], strict=True):
        if regime in ("scaled", "trained"):
            w /= np.sqrt(fan_in)[:, None, None]
    if scale != 1:
        for array in (*weights, *biases):
            array *= scale
    x = draw(sizes.T[0], m, m)
    if regime == "trained":
        y = _outputs(weights, biases, x) + 1e-4 * draw(sizes.T[-1], m, m)
    else:
        y = rng.random((count, width, m))
    stack = Stack(weights, biases, x, y, sizes)
    return stack._replace(y=np.where(stack.outputs, y, 0))


def _outputs(weights: Sequence[Array], biases: Sequence[Array], a: Array) -> Array:
    """Return a^L from a⁰, without either network: the data must not depend on the code that is judged on them."""
    with np.errstate(over="ignore"):
        for w, b in zip(weights, biases, strict=True):
            a = np.reciprocal(1 + np.exp(-(w @ a + b)))
    return a


def widths(count: int, depth: int, rng: np.random.Generator) -> Array:
    """Draw widths (count, depth + 1) of four kinds: any, all equal, all distinct, or many layers of one neuron."""
    free = rng.integers(1, WIDEST + 1, (count, depth + 1))
    equal = np.broadcast_to(free[:, :1], free.shape)
    distinct = rng.permuted(np.tile(np.arange(1, WIDEST + 1), (count, 1)), axis=1)[:, : depth + 1]
    thin = np.where(rng.random(free.shape) < 0.5, 1, free)
    return np.choose(rng.integers(4, size=(count, 1)), [free, equal, distinct, thin])


def group_size(architectures: int) -> int:
    """Return how many networks a group has: GROUP, or fewer if some depth and regime would otherwise get no group.
    The last group may be smaller."""
    return min(GROUP, -(-architectures // (DEEPEST * len(REGIMES))))


def kind(number: int, architectures: int, seed: int) -> tuple[int, str, int, int]:
    """Return (depth, regime, m, number of networks) of one of the groups that make up `architectures`."""
    depth, regime = list(product(range(1, DEEPEST + 1), REGIMES))[number % (DEEPEST * len(REGIMES))]
    m = 1 + (number + number // MOST_EXAMPLES + seed) % MOST_EXAMPLES
    size = group_size(architectures)
    return depth, regime, m, min(size, architectures - number * size)


def group(number: int, architectures: int, seed: int) -> tuple[str, Stack]:
    """Return (regime, stack) of one of these groups. It does not depend on which others are drawn."""
    rng = np.random.default_rng([seed, number])
    depth, regime, m, count = kind(number, architectures, seed)
    return regime, fill(widths(count, depth, rng), m, regime, rng)


def groups(architectures: int, seed: int) -> Iterator[tuple[str, Stack]]:
    """Yield (regime, stack) for each group: `architectures` networks in all, over every depth, regime and m."""
    for number in range(-(-architectures // group_size(architectures))):
        yield group(number, architectures, seed)


def architectures(least: int = 1, most: int = DEEPEST) -> st.SearchStrategy[list[int]]:
    """Widths [n_0, …, n_L] for 1–6 weight layers, each 1–16: any, all equal, all distinct, or many of width 1."""
    from hypothesis import strategies as st  # only here, because it takes a tenth of a second

    width = st.integers(1, WIDEST)

    def of_length(length: int) -> st.SearchStrategy[list[int]]:
        return st.one_of(
            st.lists(width, min_size=length, max_size=length),
            width.map(lambda n: [n] * length),
            st.lists(width, min_size=length, max_size=length, unique=True),
            st.lists(st.just(1) | width, min_size=length, max_size=length),
        )

    return st.integers(least, most).flatmap(lambda deep: of_length(deep + 1))


def problems(
    sizes: st.SearchStrategy[list[int]] | None = None, regimes: Sequence[str] = tuple(REGIMES)
) -> st.SearchStrategy[Problem]:
    """Random architectures with 1–8 examples in one of the regimes; they shrink to few layers and neurons and m = 1."""

    from hypothesis import strategies as st

    def problem(widths: list[int], m: int, regime: str, seed: int) -> Problem:
        return fill(np.array([widths]), m, regime, np.random.default_rng(seed)).of_network(0)

    return st.builds(
        problem,
        sizes if sizes is not None else architectures(),
        st.integers(1, MOST_EXAMPLES),
        st.sampled_from(list(regimes)),
        st.integers(0, 2**32 - 1),
    )
