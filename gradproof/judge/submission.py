"""Somebody's backprop, wherever it runs: a function in this process, or a file in a process of its own."""

import io
import os
import secrets
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol

import numpy as np

from gradproof.errors import DataError, UsageError
from gradproof.judge import signatures, worker
from gradproof.judge.calling import Lists, called
from gradproof.judge.leftovers import MARK, end_all
from gradproof.judge.loading import unfit
from gradproof.judge.troubles import SubmissionError
from gradproof.problem import Problem

LOADING = 6  # times as long as a call may the loading take: importing torch or JAX takes long on a slow disk
ALL = 60  # and so much the calls together
DYING = 10  # seconds that a process may take that has been killed, or has nobody to talk to any longer


class Kind(NamedTuple):
    """What was submitted."""

    is_class: bool = False
    updates: bool = False  # it has an update_mini_batch that can be judged
    name: str = "backprop"
    unjudged: str = ""  # what of its descent is not judged, and why


class Submission(Protocol):
    """What a judge needs: call it, once a problem, and hear what comes back or `SubmissionError`."""

    @property
    def kind(self) -> Kind: ...

    def backprop(self, problem: Problem) -> Lists: ...

    def descent(self, problem: Problem, eta: float, size: int) -> Lists: ...


class Function:
    """A backprop, or a class that has one, that is called right here, without protection."""

    def __init__(self, subject: Callable[..., Any]) -> None:
        if said := unfit(subject):
            raise UsageError(f"{getattr(subject, '__name__', type(subject).__name__)} {said}")
        self.subject = subject
        updates, unjudged = signatures.has_update(subject), signatures.not_judged(subject)
        self.kind = Kind(isinstance(subject, type), updates, unjudged=unjudged)

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
            raise SubmissionError("exits", "calls sys.exit in place of returning") from None
        except Exception as error:
            raise SubmissionError("raises", " ".join(f"{type(error).__name__}: {error}".split())) from error


class File:
    """A backprop in a file or a module, in a process of its own with limits of time and memory.

    `seconds` limits each call (ALL times as much all of them, LOADING times the loading), `memory` (bytes) the
    process's address space; 0 is no limit.
    """

    def __init__(self, path: str, name: str = "", seconds: float = 10.0, memory: int = 8 << 30) -> None:
        if said := _no_code(path):
            raise UsageError(f"{said}; give FILE.py, FILE.py:NAME or MODULE:NAME")
        self.seconds, self.left, self.mark = seconds, ALL * seconds, secrets.token_hex(16)
        line = [sys.executable, "-m", "gradproof.judge.worker", path, name, str(memory)]
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", MARK: self.mark}
        environment["PYTHONHASHSEED"] = "0"  # the order of a set of strings is the same in every run
        self.process = subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True
        )
        self.path = path

    @cached_property
    def kind(self) -> Kind:
        """What was loaded; asked for late, since the process loads it in the meantime."""
        try:
            meta, _ = self._heard(LOADING * self.seconds)
        except SubmissionError as error:
            raise DataError(f"{self.path} cannot be loaded: {error}") from error
        return Kind(meta["class"], meta["updates"], meta["name"], meta["unjudged"])

    def __enter__(self) -> "File":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the process and whatever it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(DYING)
        end_all(self.mark)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                with suppress(BrokenPipeError):
                    pipe.close()

    def backprop(self, problem: Problem) -> Lists:
        return self._asked("backprop", problem)

    def descent(self, problem: Problem, eta: float, size: int) -> Lists:
        return self._asked("descent", problem, eta, size)

    def _asked(self, request: str, problem: Problem, eta: float = 1.0, size: int = 1) -> Lists:
        lengths, arrays = worker.pack(_copy(problem))
        assert self.process.stdin is not None
        meta = {"request": request, "eta": eta, "size": size, "lengths": lengths}
        start = time.monotonic()
        try:
            worker.write(self.process.stdin, meta, arrays)  # type: ignore[arg-type]
        except (BrokenPipeError, ValueError):  # ValueError: closed already
            raise SubmissionError("exits", "its process is gone") from None
        try:
            answer, got = self._heard(self.seconds)
        finally:
            self.left -= time.monotonic() - start
        if self.left < 0:
            self.close()
            said = (
                f"takes more than {ALL * self.seconds:g} seconds for all networks; fewer --architectures, or --seconds"
            )
            raise SubmissionError("hangs", said)
        return worker.unpack(answer["lengths"], got)

    def _heard(self, seconds: float) -> tuple[Any, dict[str, Any]]:
        """The next frame; SubmissionError where the code is in trouble, has gone, or takes too long."""
        assert self.process.stdout is not None
        pipe, end = self.process.stdout.fileno(), time.monotonic() + seconds
        body, need = bytearray(), 8
        while len(body) < need:
            ready, _, _ = select.select([pipe], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                self.close()
                raise SubmissionError("hangs", f"does not return within {seconds:g} seconds")
            piece = os.read(pipe, min(1 << 20, need - len(body)))
            if not piece:
                try:
                    code = self.process.wait(DYING)
                except subprocess.TimeoutExpired:
                    self.close()
                    raise SubmissionError("exits", "closes the pipe of its answers") from None
                how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
                raise SubmissionError("exits", f"ends the process ({how}) in place of returning")
            body += piece
            if len(body) == 8 == need:
                need += int.from_bytes(body, "little")
                if need > 2 * worker.LARGEST:
                    self.close()
                    raise SubmissionError("exits", "writes into the pipe of its answers")
        try:
            frame = worker.read(io.BytesIO(bytes(body)))
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):  # no frame
            frame = None
        if frame is None:
            self.close()
            raise SubmissionError("exits", "writes into the pipe of its answers")
        meta, arrays = frame
        if "trouble" in meta:
            if meta["trouble"][0] == "unread":
                raise DataError(meta["trouble"][1])
            raise SubmissionError(*meta["trouble"])
        return meta, arrays


def _no_code(path: str) -> str:
    """Why there can be no Python code at this path, or ""; what is no path is a module's name."""
    file = Path(path)
    if path.endswith(".ipynb"):
        return f"{path} is a notebook: save its code as a script (jupyter nbconvert --to script {path})"
    if path.endswith(".py"):
        return "" if file.is_file() else f"there is no file {path}"
    if file.is_dir() and (os.sep in path or not (file / "__init__.py").is_file()):
        return f"{path} is a folder"
    return f"{path} is no Python file" if file.is_file() else ""


def _copy(problem: Problem) -> Lists:
    """The problem's arrays, fresh and writable, as the user's own would be."""
    weights, biases, x, y = problem
    return [[np.array(w) for w in weights], [np.array(b) for b in biases], [np.array(x)], [np.array(y)]]
