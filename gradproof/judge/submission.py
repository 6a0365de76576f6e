"""Somebody's backprop, wherever it runs: a function in this process, or a file in a process of its own."""

import io
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol

import numpy as np

from gradproof.errors import DataError, UsageError
from gradproof.judge import worker
from gradproof.judge.worker import SubmissionError
from gradproof.problem import Problem

Lists = list[list[Any]]
LOADING = 60.0  # seconds: importing torch or JAX takes long on a slow disk


class Kind(NamedTuple):
    """What was submitted."""

    is_class: bool = False
    updates: bool = False  # it has an update_mini_batch
    name: str = "backprop"


class Submission(Protocol):
    """What a judge needs: call it, once a problem, and hear what comes back or `SubmissionError`."""

    kind: Kind

    def backprop(self, problem: Problem) -> Lists: ...

    def update(self, problem: Problem, eta: float) -> Lists: ...


class Function:
    """A backprop, or a class that has one, that is called right here, without protection."""

    def __init__(self, subject: Callable[..., Any]) -> None:
        self.subject = subject
        self.kind = Kind(isinstance(subject, type), hasattr(subject, "update_mini_batch"))

    def backprop(self, problem: Problem) -> Lists:
        return self._called("backprop", problem, 1.0)

    def update(self, problem: Problem, eta: float) -> Lists:
        return self._called("update", problem, eta)

    def _called(self, request: str, problem: Problem, eta: float) -> Lists:
        try:
            with np.errstate(all="ignore"):
                return worker.called(self.subject, request, _copy(problem), eta)
        except SubmissionError:
            raise
        except Exception as error:
            raise SubmissionError("raises", " ".join(f"{type(error).__name__}: {error}".split())) from error


class File:
    """A backprop in a file or a module, in a process of its own with limits of time and memory.

    `seconds` limits each call, `memory` (bytes) the process's address space; 0 is no limit.
    """

    def __init__(self, path: str, name: str = "", seconds: float = 10.0, memory: int = 8 << 30) -> None:
        if path.endswith(".py") and not Path(path).is_file():
            raise UsageError(f"there is no file {path}; give FILE.py, FILE.py:FUNCTION or a module")
        self.seconds, self.said = seconds, f"{path}:{name}" if name else path
        line = [sys.executable, "-m", "gradproof.judge.worker", path, name, str(memory)]
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        self.process = subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True
        )
        try:
            meta, _ = self._heard(LOADING)
        except SubmissionError as error:
            self.close()
            raise DataError(f"{path} cannot be loaded: {error}") from error
        self.kind = Kind(meta["class"], meta["updates"], meta["name"])

    def __enter__(self) -> "File":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the process and whatever it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                with suppress(BrokenPipeError):
                    pipe.close()

    def backprop(self, problem: Problem) -> Lists:
        return self._asked({"request": "backprop"}, problem)

    def update(self, problem: Problem, eta: float) -> Lists:
        return self._asked({"request": "update", "eta": eta}, problem)

    def _asked(self, meta: dict[str, Any], problem: Problem) -> Lists:
        lengths, arrays = worker.pack(_copy(problem))
        assert self.process.stdin is not None
        try:
            worker.write(self.process.stdin, meta | {"lengths": lengths}, arrays)  # type: ignore[arg-type]
        except BrokenPipeError:
            raise SubmissionError("exits", "its process is gone") from None
        answer, got = self._heard(self.seconds)
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
                code = self.process.wait()
                how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
                raise SubmissionError("exits", f"ends the process ({how}) in place of returning")
            body += piece
            if len(body) == 8 == need:
                need += int.from_bytes(body, "little")
        frame = worker.read(io.BytesIO(bytes(body)))
        assert frame is not None
        meta, arrays = frame
        if "trouble" in meta:
            raise SubmissionError(*meta["trouble"])
        return meta, arrays


def _copy(problem: Problem) -> Lists:
    """The problem's arrays, fresh and writable, as the user's own would be."""
    weights, biases, x, y = problem
    return [[np.array(w) for w in weights], [np.array(b) for b in biases], [np.array(x)], [np.array(y)]]
