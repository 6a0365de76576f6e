"""Ctrl-C, SIGTERM and SIGHUP end `gradproof check` in one line, by 130; whatever ends it, nothing is left."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import settings

from tests.judge.hostile import HEAD
from tests.judge.test_hostile import left
from tests.processes import started

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}
IN_ONE_LINE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AT_ONCE = (signal.SIGQUIT, signal.SIGKILL)
MOMENTS = {  # when: (what the code does as it is loaded, and when it is called)
    "loading": ("daemon(); open(f'{HERE}/now', 'w'); time.sleep(NAP)", "pass"),
    "judging": ("pass", "daemon(); open(f'{HERE}/now', 'w'); time.sleep(NAP)"),
    "writing": ("pass", "if not os.path.exists(f'{HERE}/now'): open(f'{HERE}/now', 'w'); daemon()"),
}
EVERY = [(moment, number) for moment in MOMENTS for number in (*IN_ONE_LINE, *AT_ONCE)]
CASES = EVERY * 7 if settings().max_examples > 100 else EVERY


def full() -> tuple[int, int]:
    """Both ends of a pipe that takes nothing more, as of a reader that has fallen asleep."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETFL, os.O_NONBLOCK)
    try:
        while os.write(writer, b"x" * 65536):
            pass
    except BlockingIOError:
        pass
    fcntl.fcntl(writer, fcntl.F_SETFL, 0)
    return reader, writer


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize(("moment", "number"), CASES)
def test_whatever_ends_it_nothing_is_left(moment, number, tmp_path):
    loaded, called = MOMENTS[moment]
    path = tmp_path / "mine.py"
    path.write_text(HEAD.format(here=str(tmp_path), code="pass", called=called, loaded=loaded), "utf8")
    reader, writer = full() if moment == "writing" else os.pipe()
    line = [sys.executable, "-m", "gradproof", "check", str(path), "--seconds", "100", "--architectures", "20"]
    streams = {"stdout": writer, "stderr": subprocess.PIPE, "env": ENVIRONMENT, "cwd": tmp_path}
    with started(line, **streams, start_new_session=True) as process:
        os.close(writer)
        end = time.monotonic() + 60
        while time.monotonic() < end and not (tmp_path / "now").exists():
            time.sleep(0.02)
        if moment == "writing":
            while time.monotonic() < end and set(left(tmp_path)) - {process.pid}:
                time.sleep(0.02)
        time.sleep(0.3)
        process.send_signal(number)
        code, said = process.wait(30), process.stderr.read().decode()
        while time.monotonic() < end and left(tmp_path):  # of what was killed itself the supervisor has to hear first
            time.sleep(0.02)
    os.close(reader)
    assert left(tmp_path) == []
    if number in IN_ONE_LINE:
        assert (code, said) == (130, "gradproof: interrupted\n")
    else:
        assert (code, said) == (-number, "")


@pytest.mark.turns(1)
def test_what_is_ignored_stays_ignored(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(HEAD.format(here=str(tmp_path), code="pass", called="pass", loaded="time.sleep(2)"), "utf8")
    command = f"trap '' HUP; exec '{sys.executable}' -m gradproof check '{path}' --architectures 20"
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": ENVIRONMENT}
    with started(["sh", "-c", command], **streams) as process:
        time.sleep(1)
        process.send_signal(signal.SIGHUP)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert out.startswith(b"verified: ")
