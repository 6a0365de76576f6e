"""Processes that tests start: none outlives its test, whatever becomes of that."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
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


def slowed(function: str, seconds: float, then: str = "") -> str:
    """A program that is gradproof, one of whose functions, such as handcrafted.descend, takes longer."""
    module = function.rpartition(".")[0]
    return f"""
import time
import {module}
from gradproof.__main__ import main
quick = {function}
def slowly(*arguments):
    time.sleep({seconds})
    return quick(*arguments)
{function} = slowly
{then}
main()
"""


def alive(path: Path) -> list[int]:
    """The processes whose command line has this path in it, as that of a worker has, and of what it has forked."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if folder.name.isdigit() and os.fsencode(path) in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found
