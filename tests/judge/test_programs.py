"""Whole programs in the forms that people use: what is right is verified, what is wrong refuted, as they are."""

import json
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from gradproof.judge.assess import assess
from tests.commands import ended_here
from tests.judge.corpus import ODD, OPEN, THREADS, expected, without_repairs
from tests.thorough import THOROUGH

STRIDE, WIDE_STRIDE = 5, 10


def blocks(files: Sequence[Path], stride: int) -> list[int]:
    return list(range(0, len(files), stride))


def some_of(files: Sequence[Path], block: int, stride: int) -> Iterator[Path]:
    """One file of a block, each time another place in it; in the thorough profile all of them."""
    some = files[block : block + stride]
    yield from some if THOROUGH else [some[block // stride % len(some)]]


@pytest.mark.parametrize("block", blocks(OPEN, STRIDE))
def test_a_program_in_any_form_is_judged_as_it_was_written(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # as the process in which it is judged
    if block % (2 * STRIDE) and not THOROUGH:
        without_repairs(monkeypatch)
    for path in some_of(OPEN, block, STRIDE):
        monkeypatch.setattr(sys, "argv", [str(path)])
        with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
            found = assess(str(path))
        assert found["verdict"] == expected(path), (path.name, found)
        assert not list(tmp_path.iterdir()), path.name
        assert found["subject"]["line"] > 0, found
        assert all(fault["parameter"] for fault in found["faults"]), found
        assert bool(found["faults"]) == (found["verdict"] == "refuted"), found


def told(path: Path, place: Path) -> str:
    ended = ended_here(["python", "-m", "gradproof", "check", str(path), "--json"], place)
    verdict: str = json.loads(ended.stdout)["verdict"]
    assert ended.returncode == {"verified": 0, "refuted": 1, "undecided": 5}.get(verdict, 3), ended
    return verdict


@pytest.mark.parametrize("block", blocks(ODD, 2 * WIDE_STRIDE))
def test_the_notes_network_in_odd_clothes_is_judged_by_what_it_computes(block: int, tmp_path: Path) -> None:
    for path in some_of(ODD, block, 2 * WIDE_STRIDE):
        assert told(path, tmp_path) == expected(path), path.name


@pytest.mark.parametrize("block", blocks(THREADS, WIDE_STRIDE))
def test_what_people_asked_is_answered_as_their_threads_say(block: int, tmp_path: Path) -> None:
    for path in some_of(THREADS, block, WIDE_STRIDE):
        assert told(path, tmp_path) == expected(path), path.name


def test_every_program_is_there_and_says_what_is_to_be_found() -> None:
    verdicts = [expected(path) for path in (*OPEN, *ODD, *THREADS)]
    assert len(OPEN) >= 65
    assert len(ODD) >= 65
    assert len(THREADS) >= 27
    assert min(verdicts.count("verified"), verdicts.count("refuted")) >= 60


def test_a_regulariser_that_is_0_is_said_to_hide_what_it_adds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = next(path for path in OPEN if path.name.startswith("19_")).read_text("utf8")
    assert "TwoLayerNet(reg=0.1)" in source
    path = tmp_path / "mine.py"
    path.write_text(source.replace("TwoLayerNet(reg=0.1)", "TwoLayerNet(reg=0.0)"), "utf8")
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        found = assess(str(path))
    assert (found["verdict"], found["conventions"]) == ("verified", ["reg is 0 here, so what it adds was not tried"])
