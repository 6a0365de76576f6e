"""Run a command, and kill it and all that it has started once it ends or nobody holds the lifeline any longer.

    python -I -S supervisor.py LIFELINE REPORT COMMAND …

The command inherits stdin, stdout and stderr. Its exit code, as `subprocess` counts, is written to the descriptor
REPORT. A process that dies of any signal lets go of the lifeline. On Linux this process adopts what the command started
once its parent has gone, in any session or environment; elsewhere only the command's process group ends with it. It
uses only the standard library, so that it starts within milliseconds and nothing can get in its way.
"""

import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
ENDING = 8.0  # seconds within which all that was started must be gone
HARD = {signal.SIGKILL, signal.SIGSTOP}


def main() -> None:
    lifeline, report = int(sys.argv[1]), int(sys.argv[2])
    for end in (lifeline, report):
        os.set_inheritable(end, False)
    heard, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    others = signal.valid_signals() - HARD - {signal.SIGCHLD}
    for number in others:  # so that the command cannot end its supervisor by accident
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    _linux(PR_SET_CHILD_SUBREAPER, 1)
    me = os.getpid()
    child = os.fork()
    if child == 0:
        _become(sys.argv[3:], me)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    while (code := _ended(child)) is None and lifeline not in select.select([lifeline, heard], [], [], 60)[0]:
        with suppress(BlockingIOError):
            os.set_blocking(heard, False)
            os.read(heard, 4096)
    if code is not None:
        with suppress(OSError):
            os.write(report, str(code).encode())
    _end_all(child)


def _become(command: list[str], parent: int) -> None:
    """Replace this process by the command, in its own session, to be killed when its parent dies."""
    try:
        os.setsid()
        _linux(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            for number in signal.valid_signals() - HARD:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            os.execv(command[0], command)
    finally:
        os._exit(127)


def _linux(option: int, value: int) -> None:
    """Call prctl, if there is one."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _ended(child: int) -> int | None:
    """Return how the child ended, or None. It stays a zombie, so that its number is not given to another process."""
    info = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if info is None:
        return None
    return info.si_status if info.si_code == os.CLD_EXITED else -info.si_status


def _end_all(child: int) -> None:
    """Kill until nothing is left, including what is started in the meantime."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    end = time.monotonic() + ENDING
    while time.monotonic() < end:
        for kill, number in _descendants():
            with suppress(ProcessLookupError, PermissionError):
                kill(number, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.002)


def _descendants() -> list[tuple[Callable[[int, int], None], int]]:
    """List how to kill each process below this one, groups first, so that none can start another in between."""
    table = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if name.isdigit():
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                _, parent, group, *_ = file.read().rpartition(b")")[2].split()
                table[int(name)] = int(parent), int(group)
    below, found = {os.getpid()}, set[int]()
    while found != below:
        found, below = below, below | {pid for pid, (parent, _) in table.items() if parent in below}
    below -= {os.getpid()}
    groups = {table[pid][1] for pid in below} - {os.getpgrp(), 0}
    return [(os.killpg, group) for group in groups] + [(os.kill, pid) for pid in below]


if __name__ == "__main__":
    main()
