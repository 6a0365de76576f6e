"""Mini-batches: which examples make up each step of an epoch."""

from collections.abc import Callable, Iterator, Sequence
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


def chunks(batches: Sequence[Rows], most: Callable[[], int], done: int = 0) -> Iterator[Rows]:
    """The same mini-batches in the same order but for the first `done`, in each array as many as `most` says then."""
    for part in batches:
        while done < len(part):
            chunk = part[done : done + most()]
            yield chunk
            done += len(chunk)
        done -= len(part)
