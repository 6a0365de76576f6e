"""Runs somebody's function in this process, exactly or in float64, quietly and within a time limit."""

import inspect
import io
import os
import random
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, NamedTuple

import numpy as np

from gradproof.errors import UsageError
from gradproof.exact.loading import NoSourceError, Takeover, is_library
from gradproof.exact.modules import replacement
from gradproof.exact.numbers import Number
from gradproof.exact.run import ONE_AT_A_TIME, Reading, Run, UndecidedError, running
from gradproof.judge.trial.arguments import as_floats, rebuilt
from gradproof.judge.trial.restoration import untouched
from gradproof.limits import Clock, LateError, limited

SECONDS = 30.0  # for one run; examples are small


class SubjectError(Exception):
    """The subject raised, hung, or cannot be run exactly; the message is one line."""


class InexactError(SubjectError):
    """The subject cannot be run exactly. That says nothing about it in float64, so it is undecided."""


class NotFiniteError(InexactError):
    """The cost is not finite, or so saturated that more bits are needed."""


def named(function: Any) -> str:
    """Return a function's name for use in a sentence."""
    return str(getattr(function, "__qualname__", None) or type(function).__qualname__).replace("<locals>.", "")


def require_callable(function: Any, what: str, *counts: int, hint: str = "give an example of each") -> None:
    """Raise UsageError, with a hint, unless this is a function that takes one of these numbers of arguments."""
    if not callable(function):
        raise UsageError(f"{what} is {type(function).__name__}, should be a function")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise UsageError(f"{what} is a coroutine or a generator; wrap it in a function that returns its result")
    if counts and not any(takes(function, count) for count in counts):
        count = " or ".join(map(str, sorted(set(counts))))
        signature = f"{named(function)}{inspect.signature(function)}"
        plural = "" if count == "1" else "s"
        raise UsageError(f"{what} is {signature}, which does not take {count} argument{plural}: {hint}")


def takes(function: Any, count: int) -> bool:
    """Whether a function can be called with that many arguments, as far as its signature tells."""
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # no signature: a function in C
        return True
    return True


@contextmanager
def guarded(what: str, seconds: float = SECONDS, clock: Clock = Clock.WALL) -> Iterator[None]:
    """Run the subject: what it raises becomes a SubjectError, what it prints is lost, random streams are restored."""
    try:
        with (
            ONE_AT_A_TIME,  # all threads share what is redirected and restored
            kept_streams(),
            warnings.catch_warnings(action="ignore"),
            np.errstate(all="ignore"),
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
            limited(seconds, clock),
        ):
            yield
    except (UndecidedError, InexactError):
        raise
    except LateError:
        raise InexactError(f"{what} takes longer than {seconds:g} seconds: try smaller arrays") from None
    except SystemExit:
        raise SubjectError(f"{what} calls sys.exit instead of returning") from None
    except NoSourceError as error:
        raise InexactError(f"{error}, which is needed to run {what} exactly") from None
    except RecursionError as error:
        raise SubjectError(f"{what} recurses endlessly") from error
    except KeyboardInterrupt:  # the caller's own
        raise
    except BaseException as error:
        raise SubjectError(f"{what} raises {_one_line(error)}") from error


@contextmanager
def kept_streams() -> Iterator[None]:
    """Restore the process's random streams, working directory, environment and NumPy's way of printing afterwards."""
    streams, folder = (random.getstate(), np.random.get_state()), os.getcwd()
    environment, printing = dict(os.environ), np.get_printoptions()
    try:
        yield
    finally:
        if os.environ != environment:
            os.environ.clear()
            os.environ.update(environment)
        np.set_printoptions(**printing)
        random.setstate(streams[0])
        np.random.set_state(streams[1])
        if os.getcwd() != folder:
            os.chdir(folder)


def _one_line(error: BaseException) -> str:
    try:
        said = str(error)
    except Exception:
        said = "an error that cannot be shown"
    return " ".join(f"{type(error).__name__}: {said}".split())[:300].removesuffix(":")


class Result(NamedTuple):
    """What is compared in a run: the arrays by which a cost is differentiated, and what the subject gives for each."""

    cost: Number
    given: Mapping[str, Any]
    got: Mapping[str, Any]  # a gradient, or θ′ − θ


class ExactRun:
    """One exact run of one or more of the subject's functions on one set of numbers, under one reading.

    `takeover` may replace the subject's code. What that raises is not compared with what the subject itself raises.
    """

    def __init__(
        self, reading: Reading, bits: int, seed: int, seconds: float = SECONDS, takeover: Takeover | None = None
    ) -> None:
        self.run, self.takeover, self.seconds = Run(bits, reading, seed), takeover or Takeover(), seconds
        self.is_changed = takeover is not None
        self.result: Result | None = None  # what the claim has compared, if it knows the cost

    def __enter__(self) -> "ExactRun":
        self._running = running(self.run)
        self._running.__enter__()
        self.run.outermost = sys._getframe(1)  # the caller's own lines, which may be in the same file, compute nothing
        return self

    def __exit__(self, *error: Any) -> None:
        self.run.outermost = None
        self._running.__exit__(*error)

    @contextmanager
    def given(self, unless: bool = False) -> Iterator[None]:
        """Turn a SubjectError into an InexactError, except if `unless`.

        This is for what the subject is compared with: if that cannot be computed, there is no verdict on the subject.
        """
        try:
            yield
        except InexactError:
            raise
        except SubjectError as error:
            if unless:
                raise
            if leaks := [note for note in self.run.notes.values() if note.kind in ("left", "undecided")]:
                raise InexactError(f"{error}; but {leaks[0].said}") from error
            raise InexactError(f"{error}, so there is nothing to compare it with") from error

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what the function gives for exact arguments; InexactError for an error that floats do not cause."""
        what = named(function)
        try:
            with guarded(what, self.seconds):
                taken = self.takeover.take(function)
                if taken is function and replacement(function) is None:
                    raise NoSourceError(f"{what} has no Python source")
                return taken(*arguments)
        except InexactError:
            raise
        except SubjectError as error:
            if self.is_changed or _fails_in_float64(error, function, arguments):
                raise
            raise InexactError(f"{error} (only in exact arithmetic)") from error


def _fails_in_float64(error: SubjectError, function: Callable[..., Any], arguments: Any) -> bool:
    """Whether the function itself raises the same error on the same line, with the same numbers as floats."""
    try:
        with untouched(function), guarded(named(function)):
            function(*rebuilt(arguments, as_floats))
    except SubjectError as other:
        return type(other.__cause__) is type(error.__cause__) and _line(other) == _line(error)
    return False


def _line(error: SubjectError) -> Any:
    """Return the innermost line that raised in the subject's own code, not in gradproof or a library."""
    frames = traceback.extract_tb(error.__cause__.__traceback__) if error.__cause__ else []
    own = [frame for frame in frames if not is_library(frame.filename)]
    return (own[-1].filename, own[-1].lineno) if own else str(error)
