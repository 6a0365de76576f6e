"""Judge submissions in parallel, each as gradproof check FILE would, in one process per available core."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, redirect_stderr, redirect_stdout, suppress
from io import StringIO
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from gradproof import interruption
from gradproof.commands import helpers
from gradproof.errors import CrashError, GradproofError, MachineError
from gradproof.judge import register
from gradproof.judge.register import Row
from gradproof.text import typed

if TYPE_CHECKING:
    from gradproof.commands.submission import Options

SLOWEST = 100  # times --seconds that a submission may take …
BESIDE = 600.0  # … plus these seconds: more than its own limits allow


class Asked(NamedTuple):
    """What a process is judging."""

    number: int  # of the submission
    end: float  # deadline for its verdict, on the monotonic clock


def judged(
    paths: Sequence[str], options: Options, folder: Path | None, pages: Mapping[str, str]
) -> Iterator[tuple[int, Row]]:
    """Yield (number, row) of each submission as soon as it is judged, in one process per available core.

    A judge that dies or is late is replaced; its submission's row says so.
    """
    rest = iter(range(len(paths)))
    slowest = SLOWEST * options.seconds + BESIDE
    with ExitStack() as stack:
        asked: dict[Connection, tuple[BaseProcess, Asked]] = {}

        def ask(judge: tuple[Connection, BaseProcess] | None = None) -> None:
            """Give the next submission, if one is left, to this judge or to a new one."""
            if (number := next(rest, None)) is not None:
                end, process = judge or helpers.start(_serve, (options, folder), stack, helpers.CLEARING)
                with suppress(OSError):  # it has died, which is noticed below when it is read from
                    end.send((number, paths[number], pages.get(paths[number], "")))
                asked[end] = process, Asked(number, time.monotonic() + slowest)

        for _ in os.sched_getaffinity(0):
            ask()
        while asked:
            soonest = min(each.end for _, each in asked.values())
            ready = wait(list(asked), max(0.0, soonest - time.monotonic()))
            late = [end for end, (_, each) in asked.items() if each.end <= time.monotonic()]
            for end in [end for end in asked if end in ready or end in late]:
                process, each = asked.pop(end)
                path = paths[each.number]
                try:
                    if end not in ready:
                        raise TimeoutError
                    yield end.recv()
                    ask((end, process))
                except (EOFError, OSError) as error:  # TimeoutError is one
                    how = "does not answer" if isinstance(error, TimeoutError) else helpers.how_lost(process)
                    helpers.end(process, 0)
                    yield each.number, register.row(path, MachineError.exit_code, {}, f"its judge {how}", "", "")
                    ask()


def _serve(asked: Connection, options: Options, pages: Path | None) -> None:
    """Run in a judge: judge one submission after the other, so that JAX is started only once."""
    helpers.depend_on_the_parent()
    interruption.listen()
    with suppress(EOFError, OSError, KeyboardInterrupt):  # the parent has closed the pipe, or it was asked to end
        while True:
            number, path, page = asked.recv()
            with tempfile.TemporaryDirectory(prefix="gradproof-") as folder:
                junit = str(Path(folder, "junit.xml")) if options.junit else None
                out = str(pages / page) if pages else None
                asked.send((number, _row(path, options._replace(junit=junit, out=out))))
    interruption.listen_no_more()  # from here on a signal just ends it, while Python waits for JAX's threads


def _row(path: str, options: Options) -> Row:
    """Run `gradproof check FILE --json` in this process, and return its row."""
    from gradproof.commands import submission

    error, written = "", StringIO()
    with redirect_stdout(written), redirect_stderr(StringIO()):
        try:
            code = submission.tell(path, options)
        except (GradproofError, click.ClickException) as failed:
            code, error = failed.exit_code, str(failed)
        except (OSError, MemoryError) as failed:
            code, error = MachineError.exit_code, f"the machine failed: {failed or type(failed).__name__}"
        except Exception as failed:
            fault = f"a bug in gradproof: {type(failed).__name__}: {failed}"
            error = f"{fault}; gradproof check {typed(path)} saves its traceback"
            code = CrashError.exit_code
    document = _read(written.getvalue())
    junit, page = options.junit, options.out
    xml = Path(junit).read_text("utf8") if junit and os.path.exists(junit) else ""
    return register.row(path, code, document, error, xml, Path(page).name if page and os.path.exists(page) else "")


def _read(written: str) -> dict[str, Any]:
    try:
        return dict(json.loads(written))
    except ValueError:  # nothing was written
        return {}
