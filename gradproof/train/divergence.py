"""Detect that the descent has diverged, find the layer, and say what to try.

No verdict depends on this, so the thresholds are chosen: a healthy run is far from them, a diverged one far beyond.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradproof import backends
from gradproof.backends import Backend
from gradproof.errors import GradproofError
from gradproof.problem import Array, Parameters
from gradproof.train import mnist, reading
from gradproof.train.reading import Block, Layers

SAMPLE = 10_000  # training images that are examined
FLAT = 5e-5  # an activation nearer to 0 or 1 is printed as 0.0000 or 1.0000, and its σ′ is just as small
NEARLY_ALL = 0.99
USUAL = 3.0  # η of the book
PATIENCE = 30  # epochs in which a saturated network must move …
MOVED = 1.0  # … z^L by this, which makes σ′ e times larger and the next such move that much quicker
FORGOTTEN = 0.5  # share of the blind cost: a network that was once below it had learned something


class DivergenceError(GradproofError):
    """The descent diverged: the message says where and what to try; `state` is the last good one."""

    exit_code = 1  # not wrong usage, since nobody could know beforehand

    def __init__(self, message: str, state: Any) -> None:
        super().__init__(f"the descent diverged: {message}")
        self.state = state


def remedy(eta: float, init: str) -> str:
    """Return the options that may help."""
    return f"try --eta {min(eta / 10, USUAL):.2g}" + (" or --init scaled" if init == "normal" else "")


def finite(parameters: Parameters) -> bool:
    """Whether all parameters are still finite."""
    return all(np.isfinite(p).all() for part in parameters for p in part)


def not_finite(
    descend: Callable[[list[Array], list[Array], Array], Parameters],
    weights: list[Array],
    biases: list[Array],
    batches: Array,
    reached: Parameters,
) -> tuple[int, str] | None:
    """Return where non-finite numbers first appear, as (mini-batch counted from 1, parameter), or None if nowhere.

    Only if `reached` is not finite are the mini-batches repeated, one by one.
    """
    if finite(reached):
        return None
    for step in range(len(batches)):
        weights, biases = descend(weights, biases, batches[step : step + 1])
        if name := _first_not_finite(weights, biases):
            return step + 1, name
    return len(batches), _first_not_finite(*reached) or "w1"


def complaint(
    backend: str, weights: Layers, biases: Layers, costs: Sequence[float], examples: mnist.DataSet, reach: float
) -> str | None:
    """Return what is wrong after an epoch and in which layer, or None: a cost that is not finite, a saturated network,
    or a cost that has risen and stays high.

    `costs` are those of all epochs so far, `reach` is η times the steps of an epoch. Nothing is wrong while the network
    does better than a constant answer (`blind_cost`). A slow start is not a fault, nor is a saturated network that its
    gradient can still move out of saturation.
    """
    sample = mnist.DataSet(examples.images[:SAMPLE], examples.labels[:SAMPLE])
    blind = blind_cost(sample.labels)
    if costs[-1] < blind:  # never true for NaN
        return None
    network = backends.load(backend), weights, biases
    blocks = reading.blocks(backend, sample, weights[0].dtype, [len(weights[0].T), *map(len, biases)])
    with np.errstate(all="ignore"):
        cost, flat = reading.cost(*network, blocks), reading.shares_near_0_or_1(*network, blocks, FLAT)
    most = int(np.argmax(flat))
    worst = f"; worst is layer {most + 1}, where {flat[most]:.1%} of all activations are 0.0000, 1.0000 or not a number"
    worst = worst if flat[most] else ""
    if not math.isfinite(costs[-1]):
        return f"the cost is no longer finite{worst}"
    if cost >= blind and flat[-1] >= NEARLY_ALL and _moved(*network, blocks[0], PATIENCE * reach) < MOVED:
        first = next(layer for layer in range(1, len(flat) + 1) if min(flat[layer - 1 :]) >= NEARLY_ALL)
        which = f"layer {first} is" if first == len(flat) else f"layers {first} to {len(flat)} are"
        told = f"{flat[-1]:.1%} of all outputs are 0.0000 or 1.0000, and σ′ is too small to move them"
        return f"{which} saturated: {told} in {PATIENCE} epochs"
    if cost >= blind and min(costs[-2:]) >= blind and min(costs) < FORGOTTEN * blind:
        risen = f"the cost has risen to {costs[-1]:.2f}, from {min(costs):.2f} after epoch {1 + np.argmin(costs)}"
        return f"{risen}{worst}"
    return None


def _moved(backend: Backend, weights: Layers, biases: Layers, block: Block, reach: float) -> float:
    """Return how far z^L would move along a constant gradient: the mean over x, the largest over all outputs."""
    with np.errstate(all="ignore"):
        there = backend.step(weights, biases, block.x, block.y, reach)
        before, after = (np.asarray(backend.feedforward(w, b, block.x)[0][-1]) for w, b in ((weights, biases), there))
        return float(np.abs(after - before).mean(axis=1).max())


def blind_cost(labels: Array) -> float:
    """Return ½(1 − Σ p²), where p is the share of each digit: the cost of the best constant answer."""
    shares = np.bincount(labels) / len(labels)
    return float(1 - (shares**2).sum()) / 2


def _first_not_finite(weights: Layers, biases: Layers) -> str | None:
    for layer, parameters in enumerate(zip(weights, biases, strict=True), start=1):
        for kind, p in zip("wb", parameters, strict=True):
            if not np.isfinite(p).all():
                return f"{kind}{layer}, in layer {layer},"
    return None
