"""One of several processes, watched by its parent: what JAX's C++ says as it ends a process becomes one line.

When a process of a run is lost, JAX ends the others by SIGABRT, within the heartbeat, with a page of C++ that names the
lost one. It cannot be caught in the process itself.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading

import click

from gradproof.errors import MachineError

KEPT = 2**16  # bytes of what C++ said last
LOST = re.compile(r"unhealthy \(stopped sending heartbeats\):\s+((?:/job:\S*task:)?\d+(?:\s+(?:/job:\S*task:)?\d+)*)")
FIRST_LOST = "Failed to send RPC to coordination service"


def apart() -> int | None:
    """None in a child process, which goes on; in the parent the child's exit code, when it has ended.

    The child's sys.stdout and sys.stderr are as before. What C++ writes to the same files goes to the parent.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    parent_lives, as_long_as_open = os.pipe()
    heard, native = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(as_long_as_open)
        os.close(heard)
        _become_the_child(parent_lives, native)
        return None
    os.close(parent_lives)
    os.close(native)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _frame: os.kill(child, number))
    said = b""
    while more := os.read(heard, KEPT):
        said = (said + more)[-KEPT:]
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code >= 0:
        return code
    click.echo(f"gradproof: {explained(said.decode(errors='replace'), -code)}", err=True)
    return MachineError.exit_code


def _become_the_child(parent_lives: int, native: int) -> None:
    os.setpgid(0, 0)  # Ctrl-C reaches the parent alone, which passes it on once
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


def explained(said: str, number: int) -> str:
    """Why a process was ended by a signal, from what C++ said."""
    again = "the run is kept as its last checkpoint has it; start all processes again with --resume"
    if lost := LOST.findall(said):
        numbers = re.findall(r"(?:^|\s|task:)(\d+)", lost[-1])
        which = ", ".join(sorted(set(numbers), key=int))
        return f"process {which} is lost: it gave no sign of life within the heartbeat; {again}"
    if FIRST_LOST in said:
        return f"process 0, which all others report to, is lost; {again}"
    return f"this process was ended by {signal.Signals(number).name}; {again}"
