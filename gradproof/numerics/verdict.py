"""Compares two answers within a derived bound and gives the verdict."""

import math
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# These two set how much evidence "verified" needs. Neither lets a wrong gradient pass.
SHARP = 1e-3  # an element discriminates if its bound is below this share of it, so that a wrong factor is visible
GUARD = 0.95  # share of the networks in which at least half of the elements must discriminate


class Verdict(StrEnum):
    VERIFIED = "verified"
    REFUTED = "refuted"
    UNDECIDED = "undecided"


class Finding(NamedTuple):
    """The result of comparing one equation in one layer, for the N networks of a stack."""

    equation: str
    layer: int
    elements: Array  # (N,) number of elements compared
    telling: Array  # (N,) those that the equation can make nonzero, which behind a white pixel it cannot
    discriminating: Array  # (N,) those of them whose bound is small enough to reveal a wrong value
    undecided: Array  # (N,) those with an infinite bound or expected value: overflow, nothing can be decided
    vanished: Array  # (N,) those expected to be exactly 0 though nothing requires it: underflow hides every factor
    refuted: Array  # (N,) those outside their bounds
    ratio: float  # worst |got − expected| / bound
    network: int  # where that is: the network in the stack …
    element: tuple[int, ...]  # … and the row and column there
    got: float
    expected: float
    bound: float
    trouble: str = ""  # why values could not be compared at all: "has shape …", "is float16 …", "raises …"

    @property
    def verdict(self) -> Verdict:
        if self.trouble or self.refuted.any():
            return Verdict.REFUTED
        return Verdict.UNDECIDED if (self.undecided + self.vanished).any() else Verdict.VERIFIED


class Places(NamedTuple):
    """The elements of a stack (N, rows, columns) that are compared, without the padding, which is most of a matrix."""

    at: Array | None  # indices into the flattened array; None if all of it is compared
    network: Array  # the network of each
    elements: Array  # (N,) their number in each network


def places(live: Array, shape: tuple[int, ...]) -> Places:
    """Return the places where `live` is True in arrays of this shape."""
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
    """Check dtype, shape, finiteness, then |got − expected| ≤ bound, on stacks (N, rows, columns) where `live` is True.

    Expected values and bounds are float64 whichever dtype `got` has. An element whose bound or expected value is not
    finite is undecided. Of the others, one that is not finite in `got` is refuted.
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
        """Count in each network how often the condition holds."""
        return elements - np.bincount(network[~condition], minlength=count)

    mine, theirs, most = chosen(got), chosen(expected), chosen(bound)
    can_tell = None if telling is True else chosen(np.asarray(telling))
    none, size = np.zeros(count, int), np.abs(theirs)
    with np.errstate(all="ignore"):
        ratio = mine.astype(np.float64, copy=False) - theirs
        np.abs(ratio, out=ratio)
        ratio /= most
    unknown = zero = None  # usually there are none, which a maximum or minimum shows quickly
    if not (most.max(initial=0) < np.inf and size.max(initial=0) < np.inf):
        unknown = ~(np.isfinite(most) & np.isfinite(theirs))
        ratio[unknown] = 0
    if not size.min(initial=np.inf) > 0:
        zero = theirs == 0 if can_tell is None else (theirs == 0) & can_tell
    if np.isnan(worst := ratio.max(initial=0)):  # NaN comes from a NaN in `got`
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
    """Return a refuted finding for values that cannot be compared; `trouble` is the reason."""
    none = np.zeros(networks, int)
    return Finding(equation, layer, none, none, none, none, none, none + 1, np.inf, 0, (), 0, 0, 0, trouble)


def root(findings: Iterable[Finding]) -> Finding | None:
    """Return the first refuted finding, if any: in the order of the algorithm it is the cause and not an effect."""
    return next((finding for finding in findings if finding.verdict is Verdict.REFUTED), None)
