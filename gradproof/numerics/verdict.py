"""From two answers and a derived bound to a verdict."""

import math
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# These two decide how much must have been seen before "verified" may be said; no wrong gradient passes by them.
SHARP = 1e-3  # an element discriminates if its bound is below this share of it: a wrong factor would show
GUARD = 0.95  # in this share of the networks at least half of the elements must discriminate


class Verdict(StrEnum):
    VERIFIED = "verified"
    REFUTED = "refuted"
    UNDECIDED = "undecided"


class Finding(NamedTuple):
    """What the comparison of one equation in one layer showed, for the N networks of a stack."""

    equation: str
    layer: int
    elements: Array  # (N,) how many were compared
    telling: Array  # (N,) how many of them are not 0 whatever the equation says, as behind a white pixel
    discriminating: Array  # (N,) how many of them have a bound so small that a wrong value would show
    undecided: Array  # (N,) how many have an infinite bound: overflow, nothing can be said
    vanished: Array  # (N,) how many are exactly 0 though nothing says they must be: underflow hides every factor
    refuted: Array  # (N,) how many are outside their bounds
    ratio: float  # the worst |got − expected| / bound
    network: int  # where that is: the network in the stack …
    element: tuple[int, ...]  # … and the row and column there
    got: float
    expected: float
    bound: float
    trouble: str = ""  # where values could not be compared at all: "has shape …", "is float16 …", "raises …"

    @property
    def verdict(self) -> Verdict:
        if self.trouble or self.refuted.any():
            return Verdict.REFUTED
        return Verdict.UNDECIDED if (self.undecided + self.vanished).any() else Verdict.VERIFIED


def compare(
    equation: str,
    layer: int,
    got: Array,
    expected: Array,
    bound: Array,
    live: Array,
    telling: Array | bool = True,
) -> Finding:
    """dtype, shape, finiteness, then |got − expected| ≤ bound, on stacks (N, rows, columns) where `live` is True.

    The expected values and bounds are float64 whatever the dtype of `got`. An element whose bound is infinite is
    undecided; any other that is not finite is refuted.
    """
    if got.dtype not in (np.float32, np.float64):
        return refuted_at_once(equation, layer, len(expected), f"is {got.dtype}, should be float32 or float64")
    if got.shape != expected.shape:
        return refuted_at_once(
            equation, layer, len(expected), f"has shape {got.shape[1:]}, should be {expected.shape[1:]}"
        )
    count, size, whole = len(expected), math.prod(expected.shape[1:]), live.all()
    places = range(expected.size) if whole else np.flatnonzero(np.broadcast_to(live, expected.shape))
    ends = np.arange(count + 1) * size
    elements = np.diff(ends if whole else np.searchsorted(places, ends))

    def chosen(array: Array | bool) -> Array:
        """The live elements, one after another: padding, most of a matrix, costs no more."""
        flat = np.broadcast_to(array, expected.shape).reshape(-1)
        return flat if whole else flat.take(places)

    def each(condition: Array) -> Array:
        """How often it holds in each network."""
        if whole:
            return np.count_nonzero(condition.reshape(count, size), axis=1)
        return elements - np.bincount(places[np.flatnonzero(~condition)] // size, minlength=count)

    mine, theirs, most, telling_ = chosen(got), chosen(expected), chosen(bound), telling is True or chosen(telling)
    none, known = np.zeros(count, int), np.isfinite(most) & np.isfinite(theirs)
    with np.errstate(all="ignore"):
        ratio = np.abs(mine.astype(np.float64, copy=False) - theirs) / most
    if not known.all():
        ratio = np.where(known, ratio, 0)
    if np.isnan(worst := ratio.max(initial=0)):  # which stands where `got` is not a number
        ratio = np.where(np.isnan(ratio), np.inf, ratio)
        worst = np.inf
    place = places[ratio.argmax()] if len(ratio) else 0
    where = tuple(int(i) for i in np.unravel_index(place, expected.shape))
    sharp = (most < SHARP * np.abs(theirs)) & known
    return Finding(
        equation,
        layer,
        elements,
        elements if telling_ is True else each(telling_),
        each(sharp & telling_),
        none if known.all() else each(~known),
        none if theirs.all() else each((theirs == 0) & telling_),
        each(ratio > 1) if worst > 1 else none,
        float(worst),
        where[0],
        where[1:],
        float(got[where]),
        float(expected[where]),
        float(np.broadcast_to(bound, expected.shape)[where]),
    )


def refuted_at_once(equation: str, layer: int, networks: int, trouble: str) -> Finding:
    """The finding where values cannot be compared, and why."""
    none = np.zeros(networks, int)
    return Finding(equation, layer, none, none, none, none, none, none + 1, np.inf, 0, (), 0, 0, 0, trouble)


def root(findings: Iterable[Finding]) -> Finding | None:
    """The first refuted finding: in the order of the algorithm, the cause and not an effect."""
    return next((finding for finding in findings if finding.verdict is Verdict.REFUTED), None)
