"""Time limits for the subject's code when it runs in this process."""

import ctypes
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from functools import partial
from types import FrameType
from typing import Any

AGAIN = 1.0  # seconds after which LateError is raised again


class Clock(Enum):
    """The time to limit: CPU time of this process, or wall-clock time."""

    COMPUTING = auto()
    WALL = auto()


class LateError(BaseException):
    """Raised when the time is up. Not an Exception, so that code that catches every Exception does not catch it."""


@contextmanager
def limited(seconds: float, clock: Clock = Clock.COMPUTING) -> Iterator[None]:
    """Raise LateError after that many seconds: by a signal, or off the main thread by another thread (wall clock)."""
    main = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    with _quiet(), _alarmed(seconds, clock) if main else _watched(seconds):
        yield


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence a LateError that Python drops, as in a garbage collector callback, because it is raised again."""
    others = sys.unraisablehook
    if isinstance(others, partial) and others.func is _report:  # set by an outer limit or another thread
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
    """Raise LateError by a signal, whose handler only the main thread can set. A timer of the caller's then goes on."""

    def late(_number: int, _frame: FrameType | None) -> None:
        raise LateError

    timer, number, now = (
        (signal.ITIMER_PROF, signal.SIGPROF, time.process_time)
        if clock is Clock.COMPUTING
        else (signal.ITIMER_REAL, signal.SIGALRM, time.monotonic)
    )
    start, before = now(), signal.signal(number, late)
    # Repeated, because the first may come where Python drops exceptions, such as in a finalizer.
    left, interval = signal.setitimer(timer, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(timer, 0)
        signal.signal(number, before)
        if left:
            signal.setitimer(timer, max(left - (now() - start), 1e-6), interval)


@contextmanager
def _watched(seconds: float) -> Iterator[None]:
    """Raise LateError from another thread, between two Python instructions; C code is stopped only when it returns."""
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
        watcher.start()  # the time may be up before this returns
        yield
    finally:
        try:
            over.set()
        finally:  # LateError may come here, too
            over.set()
            with deciding:
                stop(None)  # so that none comes afterwards
