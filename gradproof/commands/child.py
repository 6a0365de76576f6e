"""Run one of several training processes as a child, so that its parent can explain in one line how JAX ended it.

When a process of a run is lost, JAX ends the others by SIGABRT within the heartbeat, printing a page from C++ that
names the lost one. The process itself cannot catch that.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections.abc import Callable

import click

from gradproof.errors import MachineError

KEPT = 2**16  # bytes to keep from the end of C++'s output
LOST = re.compile(r"unhealthy \(stopped sending heartbeats\):\s+((?:/job:\S*task:)?\d+(?:\s+(?:/job:\S*task:)?\d+)*)")
FIRST_LOST = "Failed to send RPC to coordination service"


def run_in_a_child() -> int | Callable[[str], None]:
    """Fork. In the parent, return the child's exit code when it has ended. In the child, return a function that sends
    the parent a line: first "" when all processes have joined, later the command that resumes the run.

    The child's sys.stdout and sys.stderr work as before, but what C++ writes to the same files goes to the parent.
    Until the processes have joined, the child waits in C++ and cannot handle signals. A signal then kills it at once,
    and the parent raises click.Abort.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    parent_lives, as_long_as_open = os.pipe()
    heard, native = os.pipe()
    told, telling = os.pipe()
    child = os.fork()
    if child == 0:
        for end in (as_long_as_open, heard, told):
            os.close(end)
        _become_the_child(parent_lives, native)
        return lambda line: _tell(telling, line)
    for end in (parent_lives, native, telling):
        os.close(end)
    os.set_blocking(told, False)
    lines, interrupted = b"", False

    def pass_on(number: int, _frame: object) -> None:
        nonlocal lines, interrupted
        lines += _waiting(told)
        interrupted = not lines
        os.kill(child, signal.SIGKILL if interrupted else number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, pass_on)
    said = b""
    while more := os.read(heard, KEPT):
        said = (said + more)[-KEPT:]
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if interrupted:
        raise click.Abort
    if code >= 0:
        return code
    again = (lines + _waiting(told)).decode(errors="replace").strip()
    click.echo(f"gradproof: {explained(said.decode(errors='replace'), -code, again)}", err=True)
    return MachineError.exit_code


def _tell(telling: int, line: str) -> None:
    os.write(telling, line.encode(errors="replace") + b"\n")


def _waiting(told: int) -> bytes:
    """Return what the child has sent since the last call."""
    try:
        return os.read(told, KEPT)
    except BlockingIOError:
        return b""


def _become_the_child(parent_lives: int, native: int) -> None:
    os.setpgid(0, 0)  # so that Ctrl-C reaches only the parent, which passes it on once
    sys.stdout, sys.stderr = (
        os.fdopen(os.dup(fd), "w", encoding="utf8", errors="replace", buffering=1) for fd in (1, 2)
    )
    os.dup2(native, 1)
    os.dup2(native, 2)
    os.close(native)

    def end_with_the_parent() -> None:
        os.read(parent_lives, 1)
        os._exit(MachineError.exit_code)

    threading.Thread(target=end_with_the_parent, daemon=True).start()


def explained(said: str, number: int, resume: str = "") -> str:
    """Explain from C++'s output why a signal ended a process; `resume` is the command that resumes the run, if any."""
    again = "no step was taken; start all processes again"
    if resume:
        again = f"the run is kept as of its last checkpoint; start all processes again, this one with: {resume}"
    if lost := LOST.findall(said):
        numbers = re.findall(r"(?:^|\s|task:)(\d+)", lost[-1])
        which = ", ".join(sorted(set(numbers), key=int))
        return f"process {which} is lost: it sent no heartbeat in time; {again}"
    if FIRST_LOST in said:
        return f"process 0, which all others report to, is lost; {again}"
    return f"this process was ended by {signal.Signals(number).name}; {again}"
