"""Somebody's backprop: a function in this process, or a file in its own process."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from functools import cached_property
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from gradproof.errors import DataError, UsageError
from gradproof.judge.isolation import frames, signatures
from gradproof.judge.isolation.calls import Lists, called
from gradproof.judge.isolation.sandbox import Sandbox
from gradproof.judge.loading import unfit
from gradproof.judge.troubles import KINDS, SubmissionError, words
from gradproof.problem import Problem

Made = TypeVar("Made")
Placed = tuple[tuple[str, int], Sequence[str]]  # (file, line), and what is said of it
LOADING = 6  # the limit for loading, as a multiple of that for a call: a slow disk imports torch or JAX slowly
ALL = 60  # and the limit for all calls together
START = Path(__file__).with_name("start.py")
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1"}
ENVIRONMENT["PYTHONHASHSEED"] = "0"  # so that a set of strings has the same order in every run
FORGED = "writes to the pipe that carries its answers"


class Kind(NamedTuple):
    """The kind of a submission."""

    is_class: bool = False
    updates: bool = False  # it has an update_mini_batch that can be judged
    name: str = "backprop"
    unjudged: str = ""  # which part of its descent is not judged, and why
    source: str = ""  # of the file as it was judged
    sha256: str = ""  # of the same
    file: str = ""  # in which the backprop is defined
    line: int = 0  # of its definition; 0 if unknown


class Submission(Protocol):
    """What a judge needs: to call it for each problem and get lists of arrays or a `SubmissionError`."""

    @property
    def kind(self) -> Kind: ...

    def backprop(self, problem: Problem) -> Lists: ...

    def descent(self, problem: Problem, eta: float, size: int) -> Lists: ...


class Function:
    """A backprop, or a class that has one, called in this process without protection."""

    def __init__(self, subject: Callable[..., Any]) -> None:
        if said := unfit(subject):
            raise UsageError(f"{getattr(subject, '__name__', type(subject).__name__)} {said}")
        self.subject = subject
        updates, unjudged = signatures.has_update(subject), signatures.not_judged(subject)
        file, line = signatures.defined(subject)
        name = getattr(subject, "__name__", "backprop")
        self.kind = Kind(isinstance(subject, type), updates, name, unjudged, file=file, line=line)

    def backprop(self, problem: Problem) -> Lists:
        return self._called("backprop", problem)

    def descent(self, problem: Problem, eta: float, size: int) -> Lists:
        return self._called("descent", problem, eta, size)

    def _called(self, request: str, problem: Problem, eta: float = 1.0, size: int = 1) -> Lists:
        try:
            with np.errstate(all="ignore"), redirect_stdout(io.StringIO()):
                return called(self.subject, request, _copy(problem), eta, size)
        except SubmissionError as error:
            if error.kind == "unread":
                raise UsageError(str(error)) from error
            raise
        except SystemExit:
            raise SubmissionError("exits", "calls sys.exit instead of returning") from None
        except Exception as error:
            raise SubmissionError("raises", words(error)) from error


class File:
    """A backprop in a file or a module, in its own process with limits on time and memory.

    `seconds` limits each call; all calls together get ALL times as long, and loading LOADING times. `memory` limits
    the process's address space, in bytes; 0 sets no limit.
    """

    def __init__(self, path: str, name: str = "", seconds: float = 10.0, memory: int = 8 << 30) -> None:
        if said := _no_code(path):
            raise UsageError(f"{said}; give FILE.py, FILE.py:NAME or MODULE:NAME")
        self.path, self.seconds, self.left = path, seconds, ALL * seconds
        command = [sys.executable, "-P", str(START), path, name, str(memory)]
        self.sandbox = Sandbox(command, os.environ | ENVIRONMENT)

    @cached_property
    def kind(self) -> Kind:
        """What was loaded (DataError if nothing was). It is read late, because the process loads in the meantime."""
        end = time.monotonic() + LOADING * self.seconds
        try:
            read, _ = self._heard(end, LOADING * self.seconds)
            about, _ = self._heard(end, LOADING * self.seconds)
            return self._sound(lambda: _kind(about | read))._replace(file=self.path)
        except SubmissionError as error:
            raise DataError(f"{self.path} cannot be loaded: {error}") from error

    def __enter__(self) -> File:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the process and everything that it has started."""
        self.sandbox.close()

    def backprop(self, problem: Problem) -> Lists:
        return self._asked("backprop", problem)

    def descent(self, problem: Problem, eta: float, size: int) -> Lists:
        return self._asked("descent", problem, eta, size)

    def place(self, layout: Sequence[Any], cost: Sequence[Any], seed: int) -> Placed | None:
        """Return the first line that is wrong for this layout and cost, given as plain values; None if none is found.

        The code's own process searches for it, for as long as a call may take.
        """
        meta = {"request": "place", "layout": layout, "cost": cost, "seed": seed}
        try:
            answer, _ = self._heard(time.monotonic() + self.seconds, self.seconds, frames.framed(meta, {}))
        except SubmissionError:
            return None
        return self._sound(lambda: _placed(answer.get("place")))

    def _asked(self, request: str, problem: Problem, eta: float = 1.0, size: int = 1) -> Lists:
        lengths, arrays = frames.packed(_copy(problem))
        meta = {"request": request, "eta": eta, "size": size, "lengths": lengths}
        start = time.monotonic()
        try:
            answer, got = self._heard(start + self.seconds, self.seconds, frames.framed(meta, arrays))
        finally:
            self.left -= time.monotonic() - start
        if self.left < 0:
            self.close()
            said = f"takes more than {ALL * self.seconds:g} seconds for all networks"
            raise SubmissionError("hangs", f"{said}; try fewer --architectures or more --seconds")
        return self._sound(lambda: _lists(request, frames.unpacked(answer.get("lengths"), got)))

    def _heard(self, end: float, seconds: float, request: bytes = b"") -> tuple[dict[str, Any], frames.Arrays]:
        """Send the request and return the next frame. Raise SubmissionError if the code fails, has gone, or is not done
        by `end`, after these seconds."""
        if not self.sandbox.open:
            raise SubmissionError("exits", "its process has ended")
        try:
            self.sandbox.write(request, end)
            size = self._sound(lambda: frames.size(self.sandbox.read(frames.HEAD, end)))
            body = self.sandbox.read(size, end)
        except TimeoutError:
            self.close()
            said = f"does not return within {seconds:g} seconds: allow more with --seconds"
            raise SubmissionError("hangs", said) from None
        except ChildProcessError as error:
            self.close()
            raise SubmissionError("exits", f"{error} instead of returning") from None
        meta, arrays = self._sound(lambda: frames.unframed(body))
        if "trouble" in meta:
            kind, said = self._sound(lambda: _trouble(meta["trouble"]))
            if kind == "unread":
                raise DataError(said)
            raise SubmissionError(kind, said)
        return meta, arrays

    def _sound(self, made: Callable[[], Made]) -> Made:
        """Return what is made of an answer. The code itself wrote any answer that the worker cannot have given."""
        try:
            return made()
        except frames.FrameError:
            self.close()
            raise SubmissionError("exits", FORGED) from None


def _kind(meta: dict[str, Any]) -> Kind:
    names = ("class", "updates", "name", "unjudged", "source", "sha256", "line")
    values = [meta.get(name) for name in names]
    if [type(value) for value in values] != [bool, bool, str, str, str, str, int]:
        raise frames.FrameError("says nothing of what was loaded")
    *others, line = values
    return Kind(*others)._replace(line=line)  # type: ignore[arg-type]


def _trouble(given: Any) -> tuple[str, str]:
    if not (isinstance(given, list) and [type(part) for part in given] == [str, str] and given[0] in KINDS):
        raise frames.FrameError("has a trouble that is none")
    return given[0], given[1]


def _placed(given: Any) -> Placed | None:
    if given is None:
        return None
    if not (isinstance(given, list) and [type(part) for part in given] == [str, int, list]):
        raise frames.FrameError("has a place that is none")
    file, line, said = given
    return (file, line), [str(words) for words in said]


def _lists(request: str, lists: Lists) -> Lists:
    """Return the lists if a worker can answer this request with them, else raise FrameError."""
    if request == "backprop" and len(lists) in (2, 3, 5):
        return lists
    if request == "descent" and len(lists) == 4 and len(lists[0]) == len(lists[1]) and len(lists[2]) == len(lists[3]):
        each = len(lists[0]) / max(1, len(lists[2]))
        places = zip(lists[2], lists[3], strict=True)
        if each % 1 == 0 and all(x.dtype.kind == "i" and x.ndim == 1 and x.shape == y.shape for x, y in places):
            return lists
    raise frames.FrameError("is not an answer to the question")


def _no_code(path: str) -> str:
    """Return why there can be no Python code at this path, or "". Other names than paths are those of modules."""
    file = Path(path)
    if path.endswith(".ipynb"):
        return f"{path} is a notebook: save its code as a script (jupyter nbconvert --to script {path})"
    if path.endswith(".py"):
        return "" if file.is_file() else f"there is no file {path}"
    if file.is_dir() and (os.sep in path or not (file / "__init__.py").is_file()):
        return f"{path} is a folder"
    if file.is_file():
        return f"{path} is not a Python file"
    return "" if _is_module(path) else f"there is no file {path}, and no module of that name"


def _is_module(name: str) -> bool:
    """Whether the module's top-level package can be found, also in the current folder, without importing it."""
    top = name.partition(".")[0]
    if not top.isidentifier() or top == "__main__":
        return False
    return PathFinder.find_spec(top, [os.getcwd()]) is not None or find_spec(top) is not None


def _copy(problem: Problem) -> Lists:
    """Return the problem's arrays as fresh, writable copies, as a user's own would be."""
    weights, biases, x, y = problem
    return [[np.array(w) for w in weights], [np.array(b) for b in biases], [np.array(x)], [np.array(y)]]
