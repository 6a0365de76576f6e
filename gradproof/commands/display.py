"""The live view of a training at a terminal."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

    from gradproof.train.loop import State
    from gradproof.train.run import Run

BARS = "▁▂▃▄▅▆▇█"
CURVE = 24  # columns of the small curve
PAUSE = 0.1  # seconds between two redraws
PICTURES = 30  # redraws over which the images per second are averaged


class View:
    """A few lines on stderr, redrawn during the run and removed at its end; nothing if stderr is not a terminal."""

    def __init__(self, run: Run, batches_per_epoch: int) -> None:
        from rich.console import Console
        from rich.live import Live

        self.settings, self.batches_per_epoch = run.settings, batches_per_epoch
        self.started, self.steps, self.drawn = time.monotonic(), run.state.steps, 0.0
        self.verify, self.seen = run.at.verify, deque([(self.started, self.steps)], PICTURES)
        console = Console(stderr=True, highlight=False)
        self.live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self.shown = sys.stderr.isatty()

    def show(self, state: State) -> None:
        """Draw a state, unless the last redraw was less than PAUSE ago; the end of an epoch is always drawn."""
        now = time.monotonic()
        if self.shown and (now - self.drawn >= PAUSE or state.batch == self.batches_per_epoch):
            self.live.start()
            self.live.update(self._picture(state, now), refresh=True)
            self.drawn = now

    def hide(self) -> None:
        """Remove the view, to print a line on stdout or at the end."""
        self.live.stop()
        self.drawn = 0.0

    def _picture(self, state: State, now: float) -> RenderableType:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Column, Table

        s, total = self.settings, self.settings.epochs * self.batches_per_epoch
        left = (total - state.steps) * (now - self.started) / max(1, state.steps - self.steps)
        since, steps = self.seen[0]
        speed = (state.steps - steps) * s.batch / max(now - since, 1e-9)
        self.seen.append((now, state.steps))
        epoch = Table.grid(*(Column(no_wrap=True) for _ in range(5)), padding=(0, 2))
        epoch.add_row(
            f"epoch {state.epoch}/{s.epochs}",
            ProgressBar(total, state.steps, width=12),
            f"mini-batch {state.batch}/{self.batches_per_epoch}",
            f"{speed:,.0f} images/s",
            f"{clock(left)} left",
        )
        lines: list[RenderableType] = [epoch]
        if self.verify:
            p = state.proven
            lines += [f"{p.verified} of {state.steps} steps verified, worst {p.worst:.3f} of its bound"]
        if state.history:
            last, shares = state.history[-1], [e.correct / e.test for e in state.history]
            told = f"{last.correct}/{last.test} correct  cost {last.cost:.4f}"
            lines += [f"{told}  {curve(shares)} {min(shares):.1%} – {max(shares):.1%}"]
        return Group(*lines)


def clock(seconds: float) -> str:
    """Format seconds as h:mm:ss: 3725 → 1:02:05."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def curve(values: Sequence[float]) -> str:
    """Return the values as bars of eight heights; if they are more than CURVE, only the last of each stretch."""
    shown = [values[(i + 1) * len(values) // min(len(values), CURVE) - 1] for i in range(min(len(values), CURVE))]
    low, high = min(shown), max(shown)
    return "".join(BARS[round((value - low) / (high - low or 1) * (len(BARS) - 1))] for value in shown)
