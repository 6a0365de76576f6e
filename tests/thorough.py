"""Which cases of a product `make test` runs, where `make thorough` runs them all."""

from collections.abc import Iterable, Sequence
from itertools import combinations, product
from typing import Any

from hypothesis import settings

THOROUGH = settings().max_examples > 100


def pairs(*choices: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Cases in which any two choices meet in some case; all of them in the thorough profile."""
    every = list(product(*choices))
    if THOROUGH:
        return every
    return pairwise(every)


def pairwise(every: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """A few of these cases, one after the other that with the most pairs that were in none before."""

    def met(case: tuple[Any, ...]) -> set[Any]:
        return set(combinations(enumerate(map(repr, case)), 2))

    left, chosen = set().union(*map(met, every)), list[tuple[Any, ...]]()
    while left:
        chosen.append(max(every, key=lambda case: len(met(case) & left)))
        left -= met(chosen[-1])
    return chosen


def some(quick: Iterable[Any], every: Iterable[Any]) -> list[Any]:
    return list(every if THOROUGH else quick)
