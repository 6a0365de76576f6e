"""A process of the study that is killed, or says nothing any more, ends it in one line; none outlives it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import active_children
from pathlib import Path

import pytest

from gradproof.commands import courts
from gradproof.errors import DataError, MachineError
from gradproof.study import reader
from tests.processes import started

LINUX = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="children are found in /proc")
LEDGER = 'title = "t"\nletters = ["z"]\n[definitions]\n"σ(t)" = "1 / (1 + exp(-t))"\n' + "".join(
    f"""[[line]]\nid = "A{n}"\nwritten = "x"\nrule = "fact"\n[[line.claim]]\nclaim = "σ(z) == {n} * σ(z)"\n"""
    for n in range(1, 400)  # enough that the study is still at work a second later, on any machine
)


def children(parent: int) -> list[int]:
    """Those of a process that try lines."""
    try:
        found = [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
        return [pid for pid in found if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    except OSError:
        return []


def until(true: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


@pytest.fixture
def study(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    file = tmp_path / "mine.toml"
    file.write_text(LEDGER, "utf-8")
    line = [sys.executable, "-m", "gradproof", "study", "--notes", str(file)]
    with started(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@LINUX
@pytest.mark.parametrize("late", [0.0, 1.0], ids=["as it starts", "a second later"])
def test_a_process_that_the_system_kills_is_noticed_in_one_line(study: subprocess.Popen[str], late: float) -> None:
    until(lambda: len(children(study.pid)) == courts.COUNT)
    time.sleep(late)
    mine = children(study.pid)
    os.kill(mine[-1], signal.SIGKILL)
    out, err = study.communicate(timeout=60)
    assert (study.returncode, out) == (MachineError.exit_code, "")
    assert err.startswith("gradproof: a process of the study was ended by SIGKILL, as the system does when memory")
    assert err.count("\n") == 1
    assert not any(Path(f"/proc/{pid}").exists() for pid in mine)


@pytest.mark.turns(1)
@LINUX
def test_no_process_outlives_a_study_that_is_killed(study: subprocess.Popen[str]) -> None:
    until(lambda: len(children(study.pid)) == courts.COUNT)
    time.sleep(0.5)
    mine = children(study.pid)
    study.kill()
    study.communicate(timeout=60)
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in mine))


def test_a_process_that_says_nothing_any_more_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courts, "PATIENCE", 0.5)

    def stop() -> None:
        until(lambda: len(active_children()) == courts.COUNT)
        for child in active_children():
            os.kill(child.pid or 0, signal.SIGSTOP)

    stopping = threading.Thread(target=stop)
    stopping.start()
    with pytest.raises(MachineError, match=r"^no line was settled in 0\.5 seconds; start the study again"):
        list(courts.tried(reader.read(LEDGER, "mine.toml"), 0))
    stopping.join(60)
    until(lambda: not active_children())


def test_two_processes_say_what_one_says_in_its_order_up_to_an_error() -> None:
    from gradproof.study.trial import Court

    book = reader.read(LEDGER.replace("σ(z) == 13 * σ(z)", "edge[l] == b[l]"), "mine.toml")
    for each in (courts.tried(book, 0), Court(book).trials()):
        settled = [next(each) for _ in range(12)]
        assert settled == [t for t, line in zip(settled, book.lines, strict=False) if t.line == line]
        with pytest.raises(DataError, match=r"^mine\.toml: line A13, claim 1: "):
            next(each)
    assert not active_children()
