"""Someone at the terminal: what they see of a long run, and how they end it."""

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
WORDS = re.compile(r"(?:\$'(?:\\.|[^'\\])*'|'[^']*'|\S)+")  # of a command: a quoted name is one, with its blanks


def progress_bar(unit: str, shown: bool = True) -> Progress:
    """A bar with the time left, on stderr; none where stderr is no terminal. It leaves nothing behind."""
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
        redirect_stdout=False,  # the lines on stdout stay there
        redirect_stderr=False,
        disable=not (shown and sys.stderr.isatty()),
    )


def captured(texts: Sequence[Text]) -> str:
    """Lines in the colours that stdout can show; whatever else somebody wrote into them stands there as text."""
    from rich.console import Console

    texts = [_tame(text) for text in texts]
    console = Console(color_system=None if os.environ.get("NO_COLOR") else "auto")
    with console.capture() as capture:
        console.print(*texts, sep="\n", soft_wrap=True)
    return capture.get()


def fitted(texts: Sequence[Text]) -> list[Text]:
    """The lines in as many as the width of the terminal makes of them, broken at blanks; elsewhere as they are."""
    if not sys.stdout.isatty():
        return list(texts)
    from rich.console import Console

    width = max(Console().width, NARROWEST)
    return [
        piece for text in map(_tame, texts) for piece in ([text] if text.cell_len <= width else _broken(text, width))
    ]


def _broken(text: Text, width: int) -> list[Text]:
    """What goes on stands two further in, and a command goes on as a shell reads it."""
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
    """One line: each character of it that would do something is shown as its escape, in its own colour."""
    if visible(text.plain) == text.plain:
        return text
    from rich.text import Text

    shown = [(visible(c.plain), c) for c in text.divide(range(1, len(text)))]
    parts = (Text(said, c.style, spans=[s._replace(end=len(said)) for s in c.spans]) for said, c in shown)
    return Text().join(parts)


@contextmanager
def asked_to_end() -> Iterator[Callable[[], bool]]:
    """Tells whether Ctrl-C was pressed or SIGTERM or SIGHUP came, instead of what they do elsewhere; a second one does
    that. A SIGHUP that is ignored, as by nohup, still is."""
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
    """Say on stderr what to type to go on; on a terminal also why the prompt does not come back at once."""
    click.echo(f"gradproof: interrupted; go on with: {visible(again)}", err=True)
    if page and sys.stderr.isatty():
        click.echo("drawing the page; Ctrl-C again leaves it out", err=True)


@contextmanager
def going_on(again: Callable[[], str]) -> Iterator[None]:
    """What the machine fails at – a full disk, under the run or under what is said of it – is told with what to type.

    A reader of the output that has gone is none of that.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except (MachineError, OSError) as error:
        said = str(error) if isinstance(error, MachineError) else f"the machine failed: {error}"
        raise MachineError(f"{said}; then go on with: {again()}") from None


def drawn(draw: Callable[[], Path]) -> Path | None:
    """The page drawn at the end. Whatever prevents it, the run is kept already, and this says why there is no page."""
    try:
        return draw()
    except KeyboardInterrupt:
        reason = "interrupted"
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
    click.echo(f"gradproof: the run is kept, but its page could not be drawn: {visible(reason)}", err=True)
    return None
