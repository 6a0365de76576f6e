"""Handles the signals that end a verb: SIGTERM and SIGHUP act like Ctrl-C, and none is lost."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

AGAIN = 0.01  # seconds until a dropped KeyboardInterrupt is raised again
_held: list[int] | None = None  # signals that came while they were held back


def listen() -> None:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt too, once; an ignored signal (nohup) stays ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _raise)
    others = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            return others(unraisable)
        # Python drops exceptions in places such as garbage collector callbacks, so raise it again a little later.
        signal.signal(signal.SIGALRM, _raise)
        signal.setitimer(signal.ITIMER_REAL, AGAIN)

    sys.unraisablehook = hook


def _raise(number: int, _frame: object) -> None:
    if _held is not None:
        _held.append(number)
        return
    # A second one ends the process at once, or interrupts the cleanup after the first.
    signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    raise KeyboardInterrupt


def listen_no_more() -> None:
    """Let these signals end the process silently from now on, because nothing is left to report."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is _raise:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def hold_signals() -> Iterator[None]:
    """Hold signals back while C++ that calls Python is loaded: an exception there would abort the process."""
    global _held
    _held = []
    try:
        yield
    finally:
        came, _held = _held, None
        if came:
            _raise(came[0], None)


def say_no_more() -> None:
    """Discard what is still to be written to stdout, because a reader that has stopped reading would block the exit."""
    with suppress(OSError, ValueError):  # ValueError: stdout is not a file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
