"""gradproof train --both: both networks on one schedule, and what becomes of their difference."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradproof.backends import NAMES
from gradproof.commands.terminal import asked_to_end, progress_bar

if TYPE_CHECKING:
    from gradproof.train.both import Point
    from gradproof.train.loop import Settings, State

RESULTS, PAGE = "both.json", "both.html"
INTERRUPTED = 130


def compare(settings: Settings, data: Path | None, out: Path | None, as_json: bool) -> int:
    """Train both, tell every epoch of both, and keep results, page and both networks' weights; the exit code."""
    from gradproof.errors import UsageError
    from gradproof.train import both, folder, loop, mnist

    digits = mnist.load(data)
    if complaint := loop.fault(settings, digits.train):
        raise UsageError(complaint)
    say: Callable[[str], None] = (lambda _: None) if as_json else click.echo
    total, points, code = settings.epochs * loop.an_epoch(settings, digits.train), [], 0
    pair: tuple[State, State] | None = None
    bar = progress_bar("mini-batches", shown=not as_json)
    task = bar.add_task("both networks", total=total)
    with folder.claimed(out, (RESULTS, PAGE, *NAMES)) as place, asked_to_end() as asked:
        try:
            for pair in both.side_by_side(settings, digits):
                if pair[0].batch:
                    points.append(both.point(*pair))
                    bar.start()
                    bar.update(task, completed=pair[0].steps, refresh=True)
                else:
                    bar.stop()
                    say(line(pair, points[-1]))
                if asked():
                    code = INTERRUPTED
                    break
        finally:
            bar.stop()
            if pair:
                result = _kept(place, settings, pair, points)
                click.echo(json.dumps(result) if as_json else summary(result))
    return code


def line(pair: tuple[State, State], point: Point) -> str:
    """One epoch of both."""
    ends = [state.history[-1] for state in pair]
    read = "  ".join(f"{name} {e.correct}/{e.test}" for name, e in zip(NAMES, ends, strict=True))
    return f"epoch {ends[0].epoch}  {read} correct  weights {point.distance:.2g} apart"


def summary(result: dict[str, Any]) -> str:
    """The last lines: how fast they part, and what remains equal."""
    lines = []
    if grown := result["growth"]:
        lines += [
            f"the distance doubles every {grown['doubling']:.0f} steps, from {grown['from']['distance']:.2g} after"
            f" {grown['from']['steps']} steps to {grown['to']['distance']:.2g} after {grown['to']['steps']}:"
        ]
        lines += ["which is why steps are proven (--verify) and trajectories are not compared"]
    return "\n".join([*lines, f"page: {str(Path(result['out']) / PAGE)!r}"])


def _kept(place: Path, settings: Settings, pair: tuple[State, State], points: Sequence[Point]) -> dict[str, Any]:
    """Write weights, results and page; the results."""
    from gradproof.pages import both as page
    from gradproof.train import both, folder, saved

    grown = both.growth(points)
    result: dict[str, Any] = {
        "settings": {key: value for key, value in settings._asdict().items() if key != "backend"},
        "steps": pair[0].steps,
        "runs": {},
        "growth": grown
        and {
            "rate": grown.rate,
            "doubling": grown.doubling,
            "from": grown.first._asdict(),
            "to": grown.last._asdict(),
        },
        "distances": [list(point) for point in points],
        "out": str(place),
    }
    for name, state in zip(NAMES, pair, strict=True):
        (place / name).mkdir(exist_ok=True)
        saved.save(place / name, state.weights, state.biases, settings._replace(backend=name)._asdict())
        epochs = [epoch._asdict() for epoch in state.history]
        result["runs"][name] = {"epochs": epochs, "run_hash": saved.run_hash(state.weights, state.biases)}
    folder.write(place / RESULTS, json.dumps(result).encode() + b"\n")
    folder.write(place / PAGE, page.page(result, {n: s.history for n, s in zip(NAMES, pair, strict=True)}).encode())
    return result
