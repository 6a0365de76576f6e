"""Divide an epoch into mini-batches, and these into chunks."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.signedinteger[Any]]


def shuffled(n: int, m: int, rng: np.random.Generator) -> list[Rows]:
    """Return one epoch's mini-batches: the full ones (n // m, m) and, unless m divides n, a smaller last (1, n mod m).

    Each of the n row numbers occurs exactly once. Only the generator decides the order, so two backends with equal
    generators take the same steps and differ only by rounding.
    """
    order, full = rng.permutation(n), n - n % m
    return [part for part in (order[:full].reshape(-1, m), order[None, full:]) if part.size]


def chunks(batches: Sequence[Rows], most: Callable[[], int], done: int = 0) -> Iterator[Rows]:
    """Yield the mini-batches in order, without the first `done`, in arrays of at most `most()` each.

    `most` is called again for every array.
    """
    for part in batches:
        while done < len(part):
            chunk = part[done : done + most()]
            yield chunk
            done += len(chunk)
        done -= len(part)
