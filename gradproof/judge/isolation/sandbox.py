"""A process that is fed and read within deadlines, and that ends with all it has started, whatever it or we die of."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

SUPERVISOR = Path(__file__).with_name("supervisor.py")
DYING = 10.0  # seconds that what was killed may take to be gone
TELLING = 2.0  # seconds after the end of its answers within which it is told how the process ended
PIECE = 1 << 20


class Sandbox:
    """A command in a process of its own, under a supervisor.

    What is written and read takes until a moment of `time.monotonic()`: else TimeoutError. ChildProcessError where the
    process has ended or closed its pipes, and how. It does not interpret what is said.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: str | None = None) -> None:
        lifeline, self._lifeline = os.pipe()
        self._report, report = os.pipe()
        try:
            self.supervisor = subprocess.Popen(
                [sys.executable, "-I", "-S", str(SUPERVISOR), str(lifeline), str(report), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                env=environment,
                cwd=folder,
                pass_fds=(lifeline, report),
                start_new_session=True,
            )
        except BaseException:
            os.close(self._lifeline)
            os.close(self._report)
            raise
        finally:
            os.close(lifeline)
            os.close(report)
        assert self.supervisor.stdin is not None
        assert self.supervisor.stdout is not None
        self._requests, self._answers = self.supervisor.stdin, self.supervisor.stdout
        os.set_blocking(self._requests.fileno(), False)
        self.open = True

    def write(self, data: bytes, end: float) -> None:
        """All of it, though the process reads slowly or not at all."""
        rest = memoryview(data)
        while rest:
            _, ready, _ = select.select([], [self._requests], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise TimeoutError
            try:
                rest = rest[os.write(self._requests.fileno(), rest[:PIECE]) :]
            except BrokenPipeError:
                raise ChildProcessError(self._how(end)) from None

    def read(self, count: int, end: float) -> bytes:
        """So many bytes, and no less."""
        got = bytearray()
        while len(got) < count:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise TimeoutError
            piece = os.read(self._answers.fileno(), min(PIECE, count - len(got)))
            if not piece:
                raise ChildProcessError(self._how(end))
            got += piece
        return bytes(got)

    def _how(self, end: float) -> str:
        """How the process ended; it may also go on, having closed its pipes."""
        wait = min(TELLING, max(0.0, end - time.monotonic()))
        ready, _, _ = select.select([self._report], [], [], wait)
        if not ready:
            return "closes its pipes or becomes another program"
        text = os.read(self._report, 16).decode()
        if not text:
            return "ends the process that watches over it"
        code = int(text)
        return f"ends the process ({f'killed by signal {-code}' if code < 0 else f'exit code {code}'})"

    def close(self) -> None:
        """End the process and whatever it has started."""
        if not self.open:
            return
        self.open = False
        os.close(self._lifeline)
        with suppress(ProcessLookupError):
            os.kill(self.supervisor.pid, signal.SIGCONT)  # a supervisor that was stopped would notice nothing
        for _ in range(2):
            with suppress(subprocess.TimeoutExpired):
                self.supervisor.wait(DYING)
                break
            self.supervisor.kill()
        os.close(self._report)
        self._requests.close()
        self._answers.close()
