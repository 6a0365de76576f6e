"""gradproof train with one network: report on it while it runs, and save it however it ends."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradproof.commands.display import View
from gradproof.commands.terminal import INTERRUPTED, drawn, going_on, interrupted
from gradproof.text import typed

if TYPE_CHECKING:
    from gradproof.train.data_parallel import Spread
    from gradproof.train.loop import Epoch, State
    from gradproof.train.run import Run
    from gradproof.train.step import StepError

UNDECIDED = 5


def tell(
    run: Run,
    spread: Spread | None,
    asked: Callable[[], bool],
    again: Callable[[Path], str],
    as_json: bool,
    page: bool,
) -> int:
    """Train, report, save what was reached, and return the exit code. Of several processes, only the first prints."""
    from gradproof.train import run as run_room
    from gradproof.train.data_parallel import LostError
    from gradproof.train.divergence import DivergenceError
    from gradproof.train.step import StepError

    speak: Callable[[str], None] = click.echo if run.writes else lambda _: None
    say: Callable[[str], None] = (lambda _: None) if as_json else speak
    for note in run.notes if run.writes else ():
        click.echo(f"gradproof: {note}", err=True)
    failed: DivergenceError | StepError | None = None
    lost: LostError | None = None
    with going_on(lambda: again(run.place)):
        say(headline(run) + (f"\non {spread.said}, in {str(run.place)!r}" if spread else ""))
        try:
            _train(run, say, asked, spread)
        except click.Abort:
            run.ended = run_room.INTERRUPTED
        except LostError as error:
            lost, run.ended = error, str(error)
        except DivergenceError as error:
            failed = error
            run.given_up(error.state, str(error))
        except StepError as error:
            failed = _recorded(error, run)
            run.ended = str(failed)
        finally:  # save what was reached, whatever ended the training
            result = run.finish()
            if not lost:
                speak(json.dumps(result) if as_json else summary(run, result))
    if lost:
        raise lost
    if run.writes and run.ended and not failed:
        interrupted(again(run.place), page)
    if run.writes and page and (path := drawn(lambda: _page(run, result))):
        say(f"page: {str(path)!r}")
    if failed:
        raise failed
    if run.ended:
        return INTERRUPTED
    return UNDECIDED if run.doubts else 0


def _train(run: Run, say: Callable[[str], None], asked: Callable[[], bool], spread: Spread | None) -> None:
    """Train the remaining epochs, and print each as it ends. Raises click.Abort on an interruption."""
    from gradproof.train import loop

    view = View(run, loop.batches_per_epoch(run.settings, run.digits.train))

    def end_if_asked() -> None:
        if spread.any(asked()) if spread else asked():
            raise click.Abort

    def progress(state: State) -> None:
        run.reached(state)
        if run.writes:
            view.show(state)
        end_if_asked()

    try:
        for state in loop.train(run.settings, run.digits, progress, run.state, run.at.verify, spread):
            run.reached(state)
            run.log("epoch", **state.history[-1]._asdict(), steps=state.steps)
            view.hide()
            say(epoch_line(state.history[-1], run.settings.epochs))
            if not run.finished:
                end_if_asked()
    finally:
        view.hide()


def _recorded(error: StepError, run: Run) -> StepError:
    """Save the refuted step, and return the same error with the command that judges it again."""
    from gradproof.train import refuted_step

    if not run.writes:
        return error
    path = typed(os.path.abspath(refuted_step.save(error, run.place)))
    return error.kept(f"in epoch {run.state.epoch}; judge it again with: gradproof prove {path}")


def _page(run: Run, result: Mapping[str, Any]) -> Path:
    """Draw the page of a run, and return its path."""
    from gradproof.pages.run import write

    return write(run, result, {run.settings.backend: run.state.history})


def listed(sizes: Sequence[int]) -> str:
    """Format sizes as --sizes takes them: (784, 30, 10) → 784,30,10."""
    return ",".join(map(str, sizes))


def headline(run: Run, name: str = "") -> str:
    """Return the settings, the numbers of images, and where a resumed run continues."""
    s, (train, validation, test) = run.settings, (len(part.labels) for part in run.digits)
    descent = f"epochs {s.epochs}  batch {s.batch}  eta {s.eta}  seed {s.seed}"
    lines = [
        f"{name or s.backend} {listed(s.sizes)}  {descent}  {s.init}  {s.dtype}",
        f"{train} images to train, {validation} to validate, {test} to test",
    ]
    if run.state.steps:
        lines += [f"continues in epoch {run.state.epoch}, after {run.state.steps} mini-batches"]
    return "\n".join(lines)


def epoch_line(e: Epoch, epochs: int) -> str:
    number = f"{e.epoch:{len(str(epochs))}}"
    return f"epoch {number}  {e.correct}/{e.test} correct  cost {e.cost:.4f}  {e.seconds:.1f} s"


def summary(run: Run, result: Mapping[str, Any]) -> str:
    """Return the last lines: whether it ended early, the proof, the weights, the best epoch, and how to use them."""
    lines, out, state = [], result["out"], run.state
    if run.failed:
        lines += [f"ended early; the last good weights, after {state.steps} mini-batches, are kept"]
    elif not run.finished:
        lines += [f"ended early, in epoch {state.epoch}, after {state.steps} mini-batches; the weights so far are kept"]
    if state.proven.steps:
        p = state.proven
        lines += [
            f"{p.verified} of {state.steps} steps verified, {p.elements} elements, worst {p.worst:.3f} of its bound"
        ]
    lines += [f"undecided: {run.doubts}"] if run.doubts else []
    lines += [f"weights: {out!r}, run hash {result['run_hash']}"]
    if best := result["best"]:
        validated = best["validation"] / len(run.digits.validation.labels)
        read = f"{validated:.2%} of the validation images, {best['correct'] / best['test']:.2%} of the test images"
        where = f": {os.path.join(out, best['weights'])!r}" if best["weights"] else "; its weights are not kept"
        lines += [f"best: epoch {best['epoch']}, {read}{where}"]
    lines += [f"in Python: {in_python(run)}"]
    return "\n".join(lines)


def in_python(run: Run) -> str:
    """Return a line of Python that reads the test images and works in any folder."""
    place, data = os.path.abspath(run.place), run.at.data or ""
    images = f"gradproof.digits({data!r}).test.images" if data else "gradproof.digits().test.images"
    return f"import gradproof; gradproof.load({place!r}).classify({images}, backend={run.settings.backend!r})"
