"""Slips before the first equation, in the forward pass and in the data, as the problem that the answers are right for.

If z and a are not returned, a backprop that forgets the bias answers as ours does for a network without biases. So each
of these slips amounts to another problem, to which every answer is right.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gradproof.problem import Array, Stack


class Slip(NamedTuple):
    kind: str  # "z" or "data"
    said: str
    instead: Callable[[Stack], Stack]  # the problem that was solved instead


def _each(arrays: list[Array], change: Callable[[Array], Array]) -> list[Array]:
    return [change(array) for array in arrays]


def _single(array: Array) -> Array:
    return array.astype(np.float32).astype(array.dtype)


def _along_the_wrong_axis(s: Stack) -> Stack:
    """Add b₁ to the first example, b₂ to the second, as NumPy does if there are as many examples as neurons."""
    m = s.x.shape[-1]

    def turned(b: Array, n: Array, live: Array) -> Array:
        return np.where(n == 1, b, np.broadcast_to(b.mT[..., :m], (*b.shape[:2], m))) * live

    layers = enumerate(zip(s.biases, s.fan[1:], strict=True), start=1)
    return s._replace(biases=[turned(b, n, s.live(layer)) for layer, (b, n) in layers])


SLIPS = (
    Slip("z", "the bias is left out", lambda s: s._replace(biases=_each(s.biases, lambda b: 0 * b))),
    Slip("z", "the bias is subtracted, not added", lambda s: s._replace(biases=_each(s.biases, lambda b: -b))),
    Slip("z", "the bias is added twice", lambda s: s._replace(biases=_each(s.biases, lambda b: 2 * b))),
    Slip("z", "the bias is added along the wrong axis (seen in jimfleming/differentiation#1)", _along_the_wrong_axis),
    Slip("z", "the weights are rounded to float32", lambda s: s._replace(weights=_each(s.weights, _single))),
    Slip("z", "the weights are truncated to whole numbers", lambda s: s._replace(weights=_each(s.weights, np.trunc))),
    Slip("data", "x and y are shuffled separately: each example has the target of the one before",
         lambda s: s._replace(y=np.roll(s.y, 1, -1))),
    Slip("data", "x and y are shuffled separately: each example has the target of the one after",
         lambda s: s._replace(y=np.roll(s.y, -1, -1))),
    Slip("data", "the examples are in reverse order, the targets are not", lambda s: s._replace(y=s.y[..., ::-1])),
    Slip("data", "the inputs are truncated to whole numbers", lambda s: s._replace(x=np.trunc(s.x))),
    Slip("data", "the image is not scaled: x is 255 times too large", lambda s: s._replace(x=255 * s.x)),
    Slip("data", "the image is scaled twice: x is 255 times too small", lambda s: s._replace(x=s.x / 255)),
)  # fmt: skip
