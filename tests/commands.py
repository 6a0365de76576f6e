"""A command as it is typed, answered in the process of the tests: Python, JAX and what is compiled are there already.

Where the process itself is what is tested – its signals, threads, memory, exit –, it is started for real.
"""

import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from gradproof.__main__ import main

HEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def ended_here(line: Sequence[str], place: Path) -> subprocess.CompletedProcess[str]:
    """What becomes of `python -m gradproof …`, typed in that folder."""
    before = {number: signal.getsignal(number) for number in HEARD}
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        patch.chdir(place)
        patch.setenv("OPENBLAS_NUM_THREADS", "1")  # what the command would set for good
        patch.setenv("PJRT_NPROC", "2")
        patch.setattr(sys, "argv", list(line[2:]))
        try:
            with pytest.raises(SystemExit) as end:
                main()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return subprocess.CompletedProcess(line, int(str(end.value.code)), out.getvalue(), err.getvalue())
