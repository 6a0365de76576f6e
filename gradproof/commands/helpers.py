"""Helper processes, asked through a pipe: they do not outlive this process, and how they ended is reported."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from gradproof.errors import MachineError

CLEARING = 10.0  # seconds for a process that is asked to end to remove what it has created
DYING = 600.0  # seconds to wait for a killed or lost process


def start(
    serve: Callable[..., None], arguments: tuple[Any, ...], stack: ExitStack, clearing: float = 0.0
) -> tuple[Connection, BaseProcess]:
    """Start a process that runs serve(pipe, *arguments) until the stack closes; return our end of the pipe and the
    process. At the end it has `clearing` seconds to remove what it has created.

    Send large arguments through the pipe. start() writes `arguments` into a pipe whose other end it also holds, so with
    more data than that pipe holds it would wait for ever if the process were gone.
    """
    context = get_context("spawn")
    mine, its = context.Pipe()
    process = context.Process(target=serve, args=(its, *arguments), daemon=True)
    stack.callback(mine.close)
    with its:
        try:
            with _nothing_beside():
                process.start()
        except OSError as error:
            raise MachineError(f"cannot start a process: {error.strerror or error}") from None
    stack.callback(end, process, clearing)
    return mine, process


@contextmanager
def _nothing_beside() -> Iterator[None]:
    """Keep processes started in this block from importing modules of the current folder."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        del os.environ["PYTHONSAFEPATH"]
        os.environ |= {} if before is None else {"PYTHONSAFEPATH": before}


def end(process: BaseProcess, clearing: float) -> None:
    """Ask the process to end, and kill it if it has not after `clearing` seconds; with 0, kill it at once."""
    if clearing:
        process.terminate()
        process.join(clearing)
    process.kill()
    process.join(DYING)


def how_lost(process: BaseProcess) -> str:
    """Return how a process ended that should still be running."""
    process.join(DYING)
    code = process.exitcode or 0
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return how + (", as the system does when memory runs out" if code == -signal.SIGKILL else "")


def depend_on_the_parent() -> None:
    """Called in a helper process: leave Ctrl-C to the parent, and end when the parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    parent = parent_process()
    assert parent is not None
    while parent.is_alive():
        parent.join(60)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(CLEARING)
    os._exit(MachineError.exit_code)
