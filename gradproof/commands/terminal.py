"""Long runs at a terminal: progress, lines in colour that fit, interruption, and how to resume."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradproof.errors import MachineError
from gradproof.text import visible

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.text import Text

INTERRUPTED = 130  # the exit code
NARROWEST = 20  # columns
WORDS = re.compile(r"(?:\$'(?:\\.|[^'\\])*'|'[^']*'|\S)+")  # the words of a command; a quoted one may contain blanks


def progress_bar(unit: str, shown: bool = True) -> Progress:
    """Return a progress bar with the time left, removed at the end; disabled unless stderr is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,  # lines on stdout stay on stdout
        redirect_stderr=False,
        disable=not (shown and sys.stderr.isatty()),
    )


def captured(texts: Sequence[Text]) -> str:
    """Return the lines in the colours that stdout supports, with escape sequences in them made visible as text."""
    from rich.console import Console

    texts = [_tame(text) for text in texts]
    console = Console(color_system=None if os.environ.get("NO_COLOR") else "auto")
    with console.capture() as capture:
        console.print(*texts, sep="\n", soft_wrap=True)
    return capture.get()


def fitted(texts: Sequence[Text]) -> list[Text]:
    """Return the lines wrapped at blanks to the width of the terminal, or unchanged if stdout is not one."""
    if not sys.stdout.isatty():
        return list(texts)
    from rich.console import Console

    width = max(Console().width, NARROWEST)
    return [
        piece for text in map(_tame, texts) for piece in ([text] if text.cell_len <= width else _broken(text, width))
    ]


def _broken(text: Text, width: int) -> list[Text]:
    """Wrap one line, with continuation lines indented by two; a command is continued with backslashes."""
    from rich.console import Console
    from rich.text import Text

    if text.plain.startswith("again: "):
        first, *words = WORDS.findall(text.plain)
        lines = [first]
        for word in words:
            if Text(f"{lines[-1]} {word} \\").cell_len <= width:
                lines[-1] += f" {word}"
            else:
                lines[-1:] = [f"{lines[-1]} \\", f"  {word}"]
        return [Text(line, text.style) for line in lines]
    indent = len(text.plain) - len(text.plain.lstrip())
    pieces = [Text(" " * indent) + piece for piece in text[indent:].wrap(Console(), width - indent - 2)]
    for piece in pieces[1:]:
        piece.pad_left(2)
    for piece in pieces:
        piece.rstrip()
    return pieces


def _tame(text: Text) -> Text:
    """Return the line with each unprintable character replaced by its escape, styles unchanged."""
    if visible(text.plain) == text.plain:
        return text
    from rich.text import Text

    shown = [(visible(c.plain), c) for c in text.divide(range(1, len(text)))]
    parts = (Text(said, c.style, spans=[s._replace(end=len(said)) for s in c.spans]) for said, c in shown)
    return Text().join(parts)


@contextmanager
def asked_to_end() -> Iterator[Callable[[], bool]]:
    """Catch Ctrl-C, SIGTERM and SIGHUP, and yield a function that returns whether one has come.

    A second one has its usual effect. A SIGHUP that is ignored, as under nohup, stays ignored.
    """
    asked = False

    def note(number: int, _frame: object) -> None:
        nonlocal asked
        asked = True
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    heard = [signal.SIGINT, signal.SIGTERM] + [signal.SIGHUP] * (signal.getsignal(signal.SIGHUP) != signal.SIG_IGN)
    before = {number: signal.signal(number, note) for number in heard}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def interrupted(again: str, page: bool) -> None:
    """Print on stderr the command that resumes, and on a terminal also why the prompt does not return at once."""
    click.echo(f"gradproof: interrupted; continue with: {visible(again)}", err=True)
    if page and sys.stderr.isatty():
        click.echo("drawing the page; press Ctrl-C again to skip it", err=True)


@contextmanager
def going_on(again: Callable[[], str]) -> Iterator[None]:
    """Turn a failure of the machine, such as a full disk, into an error with the command that resumes.

    A closed output pipe is not treated as a failure.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except (MachineError, OSError) as error:
        said = str(error) if isinstance(error, MachineError) else f"the machine failed: {error}"
        raise MachineError(f"{said}; then continue with: {again()}") from None


def drawn(draw: Callable[[], Path]) -> Path | None:
    """Draw the page at the end and return its path. If that fails, print why: the run itself is already saved."""
    try:
        return draw()
    except KeyboardInterrupt:
        reason = "interrupted"
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
    click.echo(f"gradproof: the run is kept, but its page could not be drawn: {visible(reason)}", err=True)
    return None
