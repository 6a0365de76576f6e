"""Judge a whole program in its own process, within limits, and return the document of findings."""

import os
import sys
import tempfile
import time
from types import TracebackType
from typing import Any

from gradproof.errors import DataError
from gradproof.judge.isolation import frames
from gradproof.judge.isolation.sandbox import Sandbox
from gradproof.judge.isolation.submission import ENVIRONMENT, START

TIMES = 12  # the limit for the whole, as a multiple of that for a call


class UnfinishedError(DataError):
    """The judging took too long, or its process ended."""


class Assessment:
    """The judging of a program. It starts at once, and `document` waits for it."""

    def __init__(
        self, path: str, name: str = "", seconds: float = 10.0, memory: int = 8 << 30, step: str = "", cost: str = ""
    ) -> None:
        self.path, self.seconds = path, TIMES * seconds
        self._folder = tempfile.TemporaryDirectory(prefix="gradproof-")
        command = [sys.executable, "-P", str(START), os.path.abspath(path), name, str(memory), step, cost]
        self._sandbox = Sandbox(command, os.environ | ENVIRONMENT, self._folder.name)
        self._end = time.monotonic() + self.seconds
        self._first: dict[str, Any] | None = None

    def __enter__(self) -> "Assessment":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._sandbox.close()
        self._folder.cleanup()

    def first(self) -> dict[str, Any]:
        """Return the verdict "refuted" with the network, before the lines are read, or else the whole document.

        DataError, with the reason, if the program cannot be judged.
        """
        if self._first is None:
            self._first = self._next()
        return self._first

    def document(self) -> dict[str, Any]:
        """Return the whole document; DataError, with the reason, if the program cannot be judged."""
        first = self.first()
        return first if is_whole(first) else self._next()

    def _next(self) -> dict[str, Any]:
        try:
            size = frames.size(self._sandbox.read(frames.HEAD, self._end))
            meta, _ = frames.unframed(self._sandbox.read(size, self._end))
        except TimeoutError:
            said = f"needs more than {self.seconds:g} seconds: allow more with --seconds, or use a smaller example"
            raise UnfinishedError(f"{self.path} {said}") from None
        except ChildProcessError as error:
            raise UnfinishedError(f"{self.path} {error} instead of being judged") from None
        except frames.FrameError:
            raise DataError(f"{self.path} writes to the pipe that carries its verdict") from None
        if "trouble" in meta:
            raise DataError(str(meta["trouble"][-1]).replace(os.path.abspath(self.path), self.path))
        document = meta.get("document")
        if not isinstance(document, dict) or document.get("verdict") not in (
            "verified",
            "refuted",
            "undecided",
            "none",
        ):
            raise DataError(f"{self.path} writes to the pipe that carries its verdict")
        return document


def is_whole(document: dict[str, Any]) -> bool:
    """Whether the lines were read, too."""
    return document["verdict"] == "none" or "faults" in document
