"""gradproof train --both: train both networks on one schedule, and report how far their weights drift apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradproof.backends import NAMES
from gradproof.commands.run import headline
from gradproof.commands.terminal import INTERRUPTED, asked_to_end, drawn, going_on, interrupted, progress_bar

if TYPE_CHECKING:
    from gradproof.train.loop import State
    from gradproof.train.paired_runs import Pair, Point


def compare(
    opened: AbstractContextManager[Pair],
    keeps_best: bool,
    again: Callable[[Path], str],
    as_json: bool,
    page: bool,
) -> int:
    """Train both, print every epoch, save the results, pages and both runs, and return the exit code."""
    from gradproof.train.divergence import DivergenceError

    say: Callable[[str], None] = (lambda _: None) if as_json else click.echo
    failed: DivergenceError | None = None
    with asked_to_end() as asked, opened as pair:
        for run in pair.runs:
            run.keeps_best = keeps_best
        for note in dict.fromkeys(note for run in pair.runs for note in run.notes):
            click.echo(f"gradproof: {note}", err=True)
        with going_on(lambda: again(pair.place)):
            say(headline(pair.runs[0], "both networks"))
            try:
                _train(pair, say, asked, as_json)
            except click.Abort:
                pass
            except DivergenceError as error:
                failed = error
            finally:  # save what was reached, whatever ended the training
                result = pair.finish()
                click.echo(json.dumps(result) if as_json else summary(pair, result))
        if ended_early := pair.runs[0].ended and not failed:
            interrupted(again(pair.place), page)
        if page and (path := drawn(lambda: _drawn(pair, result))):
            say(f"page: {str(path)!r}")
    if failed:
        raise failed
    return INTERRUPTED if ended_early else 0


def _train(pair: Pair, say: Callable[[str], None], asked: Callable[[], bool], as_json: bool) -> None:
    """Train the remaining epochs of both, and print each as it ends. Raises click.Abort on an interruption."""
    from gradproof.train import loop
    from gradproof.train import run as run_room
    from gradproof.train.divergence import DivergenceError

    settings, digits = pair.runs[0].settings, pair.runs[0].digits
    bar, good = progress_bar("mini-batches", shown=not as_json), pair.states
    task = bar.add_task("both networks", total=settings.epochs * loop.batches_per_epoch(settings, digits.train))
    try:
        for states in pair.descent():
            pair.reached(states)
            if states[0].batch:
                bar.start()
                bar.update(task, completed=states[0].steps, refresh=True)
            else:
                good = states
                for run, state in zip(pair.runs, states, strict=True):
                    run.log("epoch", **state.history[-1]._asdict(), steps=state.steps)
                bar.stop()
                say(line(states, pair.points[-1]))
            if asked() and not pair.runs[0].finished:
                for run in pair.runs:
                    run.ended = run_room.INTERRUPTED
                raise click.Abort
    except DivergenceError as error:
        pair.given_up(good, str(error))
        raise
    finally:
        bar.stop()


def line(pair: tuple[State, State], point: Point) -> str:
    """Return the line that reports one epoch of both."""
    ends = [state.history[-1] for state in pair]
    read = "  ".join(f"{name} {e.correct}/{e.test}" for name, e in zip(NAMES, ends, strict=True))
    return f"epoch {ends[0].epoch}  {read} correct  weights {point.distance:.2g} apart"


def summary(pair: Pair, result: dict[str, Any]) -> str:
    """Return the last lines: whether they ended early, how fast they drift apart, and where the weights are."""
    lines, state = [], pair.runs[0].state
    if pair.runs[0].failed:
        lines += [f"ended early; the last good weights, after {state.steps} mini-batches, are kept"]
    elif not pair.runs[0].finished:
        lines += [f"ended early, in epoch {state.epoch}, after {state.steps} mini-batches; the weights so far are kept"]
    if grown := result["growth"]:
        lines += [
            f"the distance doubles every {grown['doubling']:.0f} steps, from {grown['from']['distance']:.2g} after"
            f" {grown['from']['steps']} steps to {grown['to']['distance']:.2g} after {grown['to']['steps']}:"
        ]
        lines += ["which is why steps are proven (--verify) and trajectories are not compared"]
    lines += [
        f"weights: {str(run.place)!r}, run hash {result['runs'][run.settings.backend]['run_hash']}" for run in pair.runs
    ]
    return "\n".join(lines)


def _drawn(pair: Pair, result: dict[str, Any]) -> Path:
    """Write the page of each run and the page of both, and return the path of the latter."""
    from gradproof import files
    from gradproof.pages import paired_runs as page
    from gradproof.pages import run as run_page
    from gradproof.train import paired_runs

    curves = {run.settings.backend: run.state.history for run in pair.runs}
    for run in pair.runs:
        run_page.write(run, result["runs"][run.settings.backend], curves)
    files.write(pair.place / paired_runs.PAGE, page.page(pair, result, curves).encode(errors="replace"))
    return pair.place / paired_runs.PAGE
