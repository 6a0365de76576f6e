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


class Places(NamedTuple):
    """Which elements of a stack (N, rows, columns) are compared: padding, most of a matrix, is not."""

    at: Array | None  # where they are in the array made flat; None if all of it is compared
    network: Array  # whose each of them is
    elements: Array  # (N,) how many there are of each network


def places(live: Array, shape: tuple[int, ...]) -> Places:
    """The places where `live` is True, in arrays of this shape."""
    count, size = shape[0], math.prod(shape[1:])
    at = None if live.all() else np.flatnonzero(np.broadcast_to(live, shape))
    network = np.repeat(np.arange(count), size) if at is None else at // max(1, size)
    return Places(at, network, np.bincount(network, minlength=count))


def compare(
    equation: str,
    layer: int,
    got: Array,
    expected: Array,
    bound: Array,
    live: Array | Places,
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
    shape, count = expected.shape, len(expected)
    at, network, elements = live if isinstance(live, Places) else places(live, shape)

    def chosen(array: Array) -> Array:
        """The live elements, one after another."""
        flat = np.broadcast_to(array, shape).reshape(-1)
        return flat if at is None else flat.take(at)

    def each(condition: Array) -> Array:
        """How often it holds in each network."""
        return elements - np.bincount(network[~condition], minlength=count)

    mine, theirs, most = chosen(got), chosen(expected), chosen(bound)
    can_tell = None if telling is True else chosen(np.asarray(telling))
    none, size = np.zeros(count, int), np.abs(theirs)
    with np.errstate(all="ignore"):
        ratio = mine.astype(np.float64, copy=False) - theirs
        np.abs(ratio, out=ratio)
        ratio /= most
    unknown = zero = None  # mostly there are none: a maximum or minimum says it at once
    if not (most.max(initial=0) < np.inf and size.max(initial=0) < np.inf):
        unknown = ~(np.isfinite(most) & np.isfinite(theirs))
        ratio[unknown] = 0
    if not size.min(initial=np.inf) > 0:
        zero = theirs == 0 if can_tell is None else (theirs == 0) & can_tell
    if np.isnan(worst := ratio.max(initial=0)):  # which stands where `got` is not a number
        ratio[np.isnan(ratio)] = worst = np.inf
    place = ratio.argmax() if len(ratio) else 0
    place = at[place] if at is not None and len(at) else place
    where = tuple(int(i) for i in np.unravel_index(place, shape))
    sharp = most < np.multiply(size, SHARP, out=size)
    if unknown is not None:
        sharp &= ~unknown
    if can_tell is not None:
        sharp &= can_tell
    return Finding(
        equation,
        layer,
        elements,
        elements if can_tell is None else each(can_tell),
        each(sharp),
        none if unknown is None else each(unknown),
        none if zero is None else each(zero),
        each(ratio > 1) if worst > 1 else none,
        float(worst),
        where[0],
        where[1:],
        float(got[where]),
        float(expected[where]),
        float(np.broadcast_to(bound, shape)[where]),
    )


def refuted_at_once(equation: str, layer: int, networks: int, trouble: str) -> Finding:
    """The finding where values cannot be compared, and why."""
    none = np.zeros(networks, int)
    return Finding(equation, layer, none, none, none, none, none, none + 1, np.inf, 0, (), 0, 0, 0, trouble)


def root(findings: Iterable[Finding]) -> Finding | None:
    """The first refuted finding: in the order of the algorithm, the cause and not an effect."""
    return next((finding for finding in findings if finding.verdict is Verdict.REFUTED), None)
