"""Processes that tests start: none outlives its test, whatever becomes of that."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def started(line: Sequence[Any], **options: Any) -> Iterator["subprocess.Popen[Any]"]:
    """A process while it is looked at. `with subprocess.Popen(…)` would wait for it for ever where a test fails."""
    running = subprocess.Popen(line, **options)
    try:
        yield running
    finally:
        running.kill()  # nothing where it has ended
        running.wait(60)
        for pipe in (running.stdin, running.stdout, running.stderr):
            if pipe:
                pipe.close()
