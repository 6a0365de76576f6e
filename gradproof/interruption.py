"""Signals that end a verb: SIGTERM and SIGHUP act like Ctrl-C, and none of them is lost."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

AGAIN = 0.01  # seconds
_held: list[int] | None = None  # what came while it had to wait


def listen() -> None:
    """From now on SIGTERM and SIGHUP raise KeyboardInterrupt too, once; an ignored signal (nohup) stays ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _raise)
    others = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            return others(unraisable)
        # It came where nothing can be raised, as in a callback of the garbage collector; soon we are elsewhere.
        signal.signal(signal.SIGALRM, _raise)
        signal.setitimer(signal.ITIMER_REAL, AGAIN)

    sys.unraisablehook = hook


def _raise(number: int, _frame: object) -> None:
    if _held is not None:
        _held.append(number)
        return
    # A second one ends the process at once, or whatever the first is still being cleaned up by.
    signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    raise KeyboardInterrupt


def listen_no_more() -> None:
    """From now on they end the process without a word: nothing is left to be told."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is _raise:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def held() -> Iterator[None]:
    """Hold signals back: while C++ that calls Python is loaded, an exception would abort the process."""
    global _held
    _held = []
    try:
        yield
    finally:
        came, _held = _held, None
        if came:
            _raise(came[0], None)


def say_no_more() -> None:
    """Discard what is still to be written to stdout: a reader that no longer reads would block the exit."""
    with suppress(OSError, ValueError):  # ValueError: there is no file under it
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
