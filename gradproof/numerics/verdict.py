"""From two arrays to a verdict: the one place where a number decides."""

from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# The one chosen constant: two float64 answers agree within this share of the array's largest element.
AGREEMENT = 1e-10


class Verdict(StrEnum):
    VERIFIED = "verified"
    REFUTED = "refuted"
    UNDECIDED = "undecided"


class Finding(NamedTuple):
    """What a comparison of one equation in one layer showed, for all networks of a stack."""

    equation: str
    layer: int
    elements: int  # compared
    undecided: int  # of these, in arrays too small to tell at this precision
    refuted: Array  # the networks, by index in the stack, in which an element left its bound
    ratio: float  # the worst |got − expected| / bound
    network: int  # where that is: the network in the stack …
    index: tuple[int, int]  # … and the element
    got: float
    expected: float
    bound: float
    trouble: str = ""  # "shape" or "dtype" if the values could not be compared at all

    @property
    def verdict(self) -> Verdict:
        if self.trouble or self.refuted.size:
            return Verdict.REFUTED
        return Verdict.UNDECIDED if self.undecided == self.elements else Verdict.VERIFIED


def compare(equation: str, layer: int, got: Array, expected: Array, live: Array) -> Finding:
    """dtype, shape, finiteness, then values of two stacks of matrices (N, rows, columns), where `live` is True.

    An element that is not finite is refuted unless the expected one is not finite either: then it is undecided.
    """
    for trouble, mine, other in (("dtype", got.dtype, expected.dtype), ("shape", got.shape, expected.shape)):
        if mine != other:
            return Finding(equation, layer, 0, 0, np.arange(len(expected)), np.inf, 0, (0, 0), 0, 0, 0, trouble)
    live = np.broadcast_to(live, expected.shape)
    size = np.where(live, np.abs(expected), 0).max(axis=(1, 2), keepdims=True)
    bound = np.broadcast_to(AGREEMENT * size, expected.shape)
    vague = live & ~(np.isfinite(bound) & (size >= np.finfo(expected.dtype).tiny))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(live & ~vague, np.abs(got - expected) / bound, 0.0)
    ratio = np.where(np.isnan(ratio), np.inf, ratio)
    network, row, column = (int(i) for i in np.unravel_index(ratio.argmax(), ratio.shape))
    where = (network, row, column)
    return Finding(
        equation,
        layer,
        int(live.sum()),
        int(vague.sum()),
        np.flatnonzero((ratio > 1).any(axis=(1, 2))),
        float(ratio[where]),
        network,
        (row, column),
        float(got[where]),
        float(expected[where]),
        float(bound[where]),
    )
