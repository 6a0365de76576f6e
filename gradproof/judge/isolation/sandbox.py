"""A process that is written to and read within deadlines. It ends with all it has started, however it or we die."""

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
DYING = 10.0  # seconds that a killed process may take to be gone
TELLING = 2.0  # seconds to wait, after the end of the answers, for the report of how the process ended
PIECE = 1 << 20


class Sandbox:
    """A command in its own process, under a supervisor.

    Writing and reading raise TimeoutError after `end`, a time of `time.monotonic()`. If the process has ended or closed
    its pipes, they raise ChildProcessError, which says how. The bytes are not interpreted.
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
        """Write all of the data before `end`, even if the process reads slowly."""
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
        """Read exactly `count` bytes before `end`."""
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
        """Return how the process ended. It may also still run, having closed its pipes."""
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
        """End the process and everything that it has started."""
        if not self.open:
            return
        self.open = False
        os.close(self._lifeline)
        with suppress(ProcessLookupError):
            os.kill(self.supervisor.pid, signal.SIGCONT)  # a stopped supervisor would notice nothing
        for _ in range(2):
            with suppress(subprocess.TimeoutExpired):
                self.supervisor.wait(DYING)
                break
            self.supervisor.kill()
        os.close(self._report)
        self._requests.close()
        self._answers.close()
