"""Both networks on one schedule: equal starts, equal mini-batches, and how far rounding drives their weights apart."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from gradproof.backends import NAMES
from gradproof.train import loop, mnist
from gradproof.train.loop import Settings, State

EVERY = 25  # mini-batches between two looks at the distance


class Point(NamedTuple):
    """How far apart the two are after so many steps: ‖p − p′‖/‖p‖ over all weights and biases."""

    steps: int
    distance: float


class Growth(NamedTuple):
    """distance ≈ c·e^{rate·steps}, fitted between two points."""

    rate: float  # a step
    first: Point
    last: Point

    @property
    def doubling(self) -> float:
        """After how many steps the distance has doubled."""
        return math.log(2) / self.rate


def side_by_side(settings: Settings, digits: mnist.Mnist) -> Iterator[tuple[State, State]]:
    """The states of both, handcrafted first, at the same steps; `settings.backend` does not matter."""
    runs = (loop.states(settings._replace(backend=name), digits, loop.begin(settings), most=EVERY) for name in NAMES)
    return zip(*runs, strict=True)


def point(one: State, other: State) -> Point:
    """The distance between two states."""
    mine, theirs = ([*state.weights, *state.biases] for state in (one, other))
    apart = math.hypot(*(float(np.linalg.norm(p - q)) for p, q in zip(mine, theirs, strict=True)))
    return Point(one.steps, apart / math.hypot(*(float(np.linalg.norm(p)) for p in mine)))


def growth(points: Sequence[Point]) -> Growth | None:
    """The line of least squares through ln(distance), from the first distance to a tenth of the largest.

    Beyond that the two no longer know of each other and the distance grows no more. None of too few points.
    """
    apart = [p for p in points if p.distance > 0]
    if not apart:
        return None
    end = next((i for i, p in enumerate(apart) if p.distance > max(q.distance for q in apart) / 10), len(apart))
    used = apart[:end]
    if len(used) < 3:
        return None
    steps, logs = np.array([p.steps for p in used], float), np.log([p.distance for p in used])
    rate = float(((steps - steps.mean()) * (logs - logs.mean())).sum() / ((steps - steps.mean()) ** 2).sum())
    return Growth(rate, used[0], used[-1]) if rate > 0 else None
