"""Mini-batches: which examples make up each step of an epoch."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.signedinteger[Any]]


def shuffled(n: int, m: int, rng: np.random.Generator) -> list[Rows]:
    """One epoch's mini-batches: the full ones (n // m, m) and, unless m divides n, a last smaller one (1, n mod m).

    Each of the n row numbers stands in one of them, once. The generator alone decides the order, so two backends
    with equal generators descend by the same steps and differ by rounding only.
    """
    order, full = rng.permutation(n), n - n % m
    return [part for part in (order[:full].reshape(-1, m), order[None, full:]) if part.size]


def chunks(batches: Sequence[Rows], most: int, done: int = 0) -> Iterator[Rows]:
    """The same mini-batches in the same order but for the first `done`, no more than `most` in one array."""
    for part in batches:
        yield from (part[first : first + most] for first in range(done, len(part), most))
        done = max(0, done - len(part))
