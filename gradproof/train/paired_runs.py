"""Train both networks from equal starts on equal mini-batches, and measure how far rounding drives them apart.

They are two runs in two folders, saved at the same steps; the results about both are in the folder above.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gradproof import files
from gradproof.backends import NAMES
from gradproof.errors import DataError, MachineError, UsageError
from gradproof.text import typed
from gradproof.train import checkpoint, folder, loop, run
from gradproof.train.loop import Settings, State
from gradproof.train.run import Run

RESULTS, PAGE = "both.json", "both.html"
UNREADABLE = (
    DataError,
    ValueError,
    KeyError,
    TypeError,
    OverflowError,
    RecursionError,
)  # what a file from elsewhere may cause
START = (1, 0)  # the position before the first step
EVERY = 25  # mini-batches between two measurements of the distance, or one if these would take long


class Point(NamedTuple):
    """The distance of the two networks after a number of steps: ‖p − p′‖/‖p‖ over all weights and biases."""

    steps: int
    distance: float


class Growth(NamedTuple):
    """distance ≈ c·e^{rate·steps}, fitted between two points."""

    rate: float  # per step
    first: Point
    last: Point

    @property
    def doubling(self) -> float:
        """The number of steps in which the distance doubles."""
        return math.log(2) / self.rate


class Pair:
    """The two runs, handcrafted first, and the distances measured so far."""

    def __init__(self, place: Path, runs: Sequence[Run], points: Sequence[Point] = ()) -> None:
        self.place, self.runs, self.points = place, runs, list(points)

    @property
    def states(self) -> tuple[State, State]:
        """The states of both runs."""
        mine, theirs = (each.state for each in self.runs)
        return mine, theirs

    def descent(self) -> Iterator[tuple[State, State]]:
        """Yield the states of both runs in parallel, at the same steps."""
        s = self.runs[0].settings
        every = EVERY if EVERY * loop.parameters(s) * s.batch <= loop.WORK else 1
        paths = (loop.states(each.settings, each.digits, each.state, most=every) for each in self.runs)
        return zip(*paths, strict=True)

    def reached(self, states: tuple[State, State]) -> None:
        """Store new states, measure their distance, and write checkpoints of both if it is time."""
        for each, state in zip(self.runs, states, strict=True):
            each.state = state
        if not self.points or self.points[-1].steps < states[0].steps:
            self.points.append(point(*states))
        if self.runs[0].due:
            self.keep()

    def keep(self) -> None:
        """Write the distances, then a checkpoint of each run. Raises MachineError if that fails."""
        self._write()
        for each in self.runs:
            each.keep()

    def given_up(self, good: tuple[State, State], reason: str) -> None:
        """Go back to the states where both were good; they are saved in turn, so that both always share a step."""
        for each, state in zip(self.runs, good, strict=True):
            each.state, each.ended = state, reason
        for each in (*self.runs, *self.runs):
            each.keep()

    def finish(self) -> dict[str, Any]:
        """Write the results of both runs and of the pair, and return the latter."""
        for each in self.runs:
            each.finish()
        return self._write()

    def results(self) -> dict[str, Any]:
        """Return the results, as --json writes them."""
        grown = growth(self.points)
        return {
            "settings": {key: v for key, v in self.runs[0].settings._asdict().items() if key != "backend"},
            "steps": self.runs[0].state.steps,
            "runs": {name: each.results() for name, each in zip(NAMES, self.runs, strict=True)},
            "growth": grown
            and {
                "rate": grown.rate,
                "doubling": grown.doubling,
                "from": grown.first._asdict(),
                "to": grown.last._asdict(),
            },
            "distances": [list(each) for each in self.points],
            "out": str(self.place),
        }

    def _write(self) -> dict[str, Any]:
        result = self.results()
        files.write(self.place / RESULTS, json.dumps(result).encode() + b"\n")
        return result


@contextmanager
def new(settings: Settings, data: Path | None, out: Path | None, seconds: float) -> Iterator[Pair]:
    """Start two runs in the folder `out` or the next free runs/N; `settings.backend` is ignored."""
    with folder.claimed(out, (RESULTS, PAGE, *NAMES)) as place, ExitStack() as stack:
        plan = {"settings": settings._asdict(), "data": data and os.path.abspath(data)}  # for --resume, if killed now
        files.write(place / RESULTS, json.dumps(plan).encode() + b"\n")
        each = (run.new(settings._replace(backend=name), data, place / name, seconds) for name in NAMES)
        try:
            pair = Pair(place, [stack.enter_context(one) for one in each])
            pair.keep()
        except MachineError as error:
            raise MachineError(f"{error}; then continue with: {_resuming(place)}") from None
        finally:
            if not any((place / name).exists() for name in NAMES):
                (place / RESULTS).unlink(missing_ok=True)
        yield pair


@contextmanager
def resumed(place: Path, data: Path | None, changes: Mapping[str, Any], seconds: float) -> Iterator[Pair]:
    """Resume the two runs in a folder from the last step that both have saved.

    If one has no checkpoint yet and the other has not moved, it is started. Raises DataError if no step is common to
    both or no checkpoint can be read, UsageError if the folder is not that of a pair.
    """
    with folder.reopened(place), ExitStack() as stack:
        if not is_both(place):
            raise UsageError(f"{place} is not a run of both networks; leave out --both")
        found = {name: checkpoint.sound(place / name) for name in NAMES}
        kept = [{each.position for each in sound} for sound, _ in found.values()]
        if not all(kept) and set().union(*kept) <= {START} and not any(faults for _, faults in found.values()):
            for name in (name for name, (sound, _) in found.items() if not sound):
                with run.new(*_planned(place, name), place / name, seconds):
                    pass
            kept = [{START}]
        faults = [fault for _, each in found.values() for fault in each]
        if faults and not any(kept):  # neither network can go on alone either
            raise DataError(faults[0])
        if not (common := set.intersection(*kept)):
            each = " or ".join(_resuming(place / name) for name in NAMES)
            raise DataError(
                f"{place}: its networks have no checkpoint of the same step; continue one by itself: {each}"
            )
        at = max(common)
        runs = [stack.enter_context(run.resumed(place / name, data, changes, seconds, position=at)) for name in NAMES]
        yield Pair(place, runs, _points(place, runs[0].state.steps))


def _resuming(place: Path) -> str:
    return f"gradproof train --resume {typed(os.path.abspath(place))}"


def is_both(place: Path) -> bool:
    """Whether a folder is that of a pair of runs."""
    return (place / RESULTS).exists() or all((place / name).is_dir() for name in NAMES)


def _planned(place: Path, backend: str) -> tuple[Settings, Path | None]:
    """Return the planned settings and the folder of the digits. Raises DataError if the file with the plan is lost."""
    try:
        plan = json.loads(files.read(place / RESULTS, 2**30))
        settings = _settings(plan["settings"] | {"backend": backend})
        data = plan["data"]
        if not isinstance(data, str | None) or "\0" in (data or ""):
            raise TypeError("no name of a folder")
        return settings, Path(data) if data else None
    except (OSError, *UNREADABLE):
        lost = f"nothing was trained, and {RESULTS} does not say what to train"
        raise DataError(f"{place}: {lost}; start it again elsewhere") from None


def _settings(given: Mapping[str, Any]) -> Settings:
    """Return the settings in a file. Raises TypeError or ValueError if one has the wrong type."""
    settings, usual = Settings(**given), Settings("")
    settings = settings._replace(eta=float(settings.eta), sizes=tuple(settings.sizes))
    if not all(type(value) is type(one) for value, one in zip(settings, usual, strict=True)):
        raise TypeError("a setting is of another kind")
    if type(given["sizes"]) is not list or not all(type(size) is int for size in settings.sizes):
        raise TypeError("sizes are no whole numbers")
    return settings


def _points(place: Path, steps: int) -> list[Point]:
    """Return the distances measured up to that step, or none if the file that holds them is lost or damaged."""
    try:
        seen = json.loads(files.read(place / RESULTS, 2**30))["distances"]
        points = [Point(int(k), float(distance)) for k, distance in seen if k <= steps]
        if not all(0 <= p.distance < math.inf for p in points) or any(p.steps >= q.steps for p, q in pairwise(points)):
            raise ValueError("no distances, or not in their order")
        return points
    except (OSError, *UNREADABLE):
        return []


def point(one: State, other: State) -> Point:
    """Return the distance between two states."""
    mine, theirs = ([*state.weights, *state.biases] for state in (one, other))
    apart = math.hypot(*(float(np.linalg.norm(p - q)) for p, q in zip(mine, theirs, strict=True)))
    return Point(one.steps, apart / math.hypot(*(float(np.linalg.norm(p)) for p in mine)))


def growth(points: Sequence[Point]) -> Growth | None:
    """Fit a least-squares line through ln(distance), from the first nonzero distance up to a tenth of the largest.

    Beyond that, the two networks are unrelated and the distance stops growing. Returns None for fewer than three
    points, or if the distance has not grown tenfold between the first and the last of them.
    """
    apart = [p for p in points if p.distance > 0]
    if not apart:
        return None
    end = next((i for i, p in enumerate(apart) if p.distance > max(q.distance for q in apart) / 10), len(apart))
    used = apart[:end]
    if len(used) < 3 or used[-1].distance < 10 * used[0].distance:
        return None
    steps, logs = np.array([p.steps for p in used], float), np.log([p.distance for p in used])
    rate = float(((steps - steps.mean()) * (logs - logs.mean())).sum() / ((steps - steps.mean()) ** 2).sum())
    return Growth(rate, used[0], used[-1]) if rate > 0 else None
