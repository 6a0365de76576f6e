"""Time limits for code that somebody else wrote and that runs in this process."""

import ctypes
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from functools import partial
from types import FrameType
from typing import Any

AGAIN = 1.0  # seconds after which what was not stopped is stopped again


class Clock(Enum):
    """Which seconds count: CPU time of this process, or wall-clock time."""

    COMPUTING = auto()
    WALL = auto()


class LateError(BaseException):
    """The time is up. Not an Exception, so that code which catches every Exception does not catch this."""


@contextmanager
def limited(seconds: float, clock: Clock = Clock.COMPUTING) -> Iterator[None]:
    """Raise LateError after so many seconds: by a signal, or, outside the main thread, by another thread."""
    main = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    with _quiet(), _alarmed(seconds, clock) if main else _watched(seconds):
        yield


@contextmanager
def _quiet() -> Iterator[None]:
    """Print nothing of a LateError that Python drops, as in a callback of the garbage collector: it is raised again."""
    others = sys.unraisablehook
    if isinstance(others, partial) and others.func is _report:  # of a limit around this one, or of another thread
        yield
        return
    sys.unraisablehook = partial(_report, others)
    try:
        yield
    finally:
        sys.unraisablehook = others


def _report(others: Callable[[Any], object], unraisable: Any) -> None:
    if not issubclass(unraisable.exc_type, LateError):
        others(unraisable)


@contextmanager
def _alarmed(seconds: float, clock: Clock) -> Iterator[None]:
    """Raise LateError by a signal, which only the main thread can set."""

    def late(_number: int, _frame: FrameType | None) -> None:
        raise LateError

    timer, number = (
        (signal.ITIMER_PROF, signal.SIGPROF) if clock is Clock.COMPUTING else (signal.ITIMER_REAL, signal.SIGALRM)
    )
    before = signal.signal(number, late)
    # And again: the first may fall into a place where Python drops what is raised, such as the end of an object's life.
    signal.setitimer(timer, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(timer, 0)
        signal.signal(number, before)


@contextmanager
def _watched(seconds: float) -> Iterator[None]:
    """Raise LateError from another thread, between two instructions of Python; code in C is stopped when it returns."""
    thread, over, deciding = ctypes.c_ulong(threading.get_ident()), threading.Event(), threading.Lock()

    def stop(error: type[BaseException] | None) -> None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, None if error is None else ctypes.py_object(error))

    def watch() -> None:
        wait = seconds
        while not over.wait(wait):
            with deciding:
                if not over.is_set():
                    stop(LateError)
            wait = AGAIN

    watcher = threading.Thread(target=watch, daemon=True)
    try:
        watcher.start()  # the time may be up before this has returned
        yield
    finally:
        try:
            over.set()
        finally:  # it may come here, too
            over.set()
            with deciding:
                stop(None)  # and none afterwards
