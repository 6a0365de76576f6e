"""Whatever code does to itself and to whom it finds: the right verdict, in time, and nothing is left of it."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import settings

from gradproof.errors import DataError
from gradproof.judge.float64.diagnosis import judgement
from gradproof.judge.isolation.submission import LOADING, File
from tests.judge.hostile import MISCHIEF, NAMED, WHEN_LOADED, program
from tests.processes import alive

THOROUGH = settings().max_examples > 100
CHOSEN = {False: MISCHIEF, True: MISCHIEF} if THOROUGH else {False: NAMED, True: NAMED[:3]}  # when called, when loaded
CASES = [(name, loaded) for loaded, names in CHOSEN.items() for name in names]


def left(folder: Path) -> list[int]:
    """What the code has started, and its own process, as far as it is alive."""
    noted = [int(path.name.partition("-")[2]) for path in folder.glob("pid-*")]
    return [pid for pid in noted if _runs(pid)] + alive(folder / "mine.py")


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


def kinds(path: Path, seconds: float) -> set[str]:
    """The kinds of trouble that a file is in; "load" where it cannot be loaded."""
    with File(str(path), seconds=seconds, memory=2 << 30) as code:
        try:
            found = judgement(code, 20)
        except DataError:
            return {"load"}
    assert (found.verdict == "verified") == (not found.troubles)
    return {trouble.kind for trouble in found.troubles}


@pytest.mark.sample(2)
@pytest.mark.parametrize(("name", "loaded"), CASES)
def test_code_that_does_its_worst_has_its_verdict_in_time_and_nothing_of_it_is_left(name, loaded, tmp_path):
    code, expected = MISCHIEF[name]
    path = tmp_path / "mine.py"
    path.write_text(program(code, str(tmp_path), loaded), "utf8")
    seconds = 0.5 if loaded and expected else 2.0
    start = time.monotonic()
    got = kinds(path, seconds)
    took = time.monotonic() - start
    if loaded:
        expected = {"load"} if expected else set()
        assert got <= expected | WHEN_LOADED.get(name, set()), got
    else:
        assert got <= expected, got
        assert bool(got) == bool(expected)
    assert left(tmp_path) == []
    if expected:
        assert took < (LOADING if loaded else 1) * seconds + 15


def test_there_are_a_hundred_of_them():
    assert 2 * len(MISCHIEF) >= 100
    assert set(NAMED) | set(WHEN_LOADED) <= set(MISCHIEF)
    assert os.path.isdir("/proc")  # without which nothing is seen to be left
