"""Whole programs in the forms that people use: what is right is verified, what is wrong refuted, as they are."""

import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradproof.judge.assessment import assess
from tests.commands import ended_here
from tests.judge.corpus import ODD, OPEN, THREADS, expected, without_repairs

pytestmark = pytest.mark.usefixtures("few_edits")

NAMED: dict[str, Any] = {"ids": lambda path: path.name}


COSTLY = {
    "r59_mnist_sizes_only.py",
    "w21_finite_differences.py",
    "w27_flat_spot.py",
    "43_micrograd2_reused_values.py",
}  # ten seconds and more


def apart(paths: Sequence[Path]) -> list[Any]:
    """The cases; the costly ones are not drawn."""
    return [pytest.param(path, marks=pytest.mark.sample(0)) if path.name in COSTLY else path for path in paths]


def judged(path: Path, place: Path, patch: pytest.MonkeyPatch) -> None:
    """What is found in a program, in a folder in which it leaves nothing, as in the process in which it is judged."""
    patch.chdir(place)
    patch.setattr(sys, "argv", [str(path)])
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        found = assess(str(path))
    assert found["verdict"] == expected(path), found
    assert not list(place.iterdir())
    assert found["subject"]["line"] > 0, found
    assert all(fault["parameter"] for fault in found["faults"]), found
    assert bool(found["faults"]) == (found["verdict"] == "refuted"), found


@pytest.mark.turns(1)
@pytest.mark.sample(2)
@pytest.mark.parametrize("path", OPEN, **NAMED)
def test_a_program_in_any_form_is_judged_as_it_was_written(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_repairs(monkeypatch)
    judged(path, tmp_path, monkeypatch)


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize("path", OPEN, **NAMED)
def test_looking_for_corrections_changes_no_verdict(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged(path, tmp_path, monkeypatch)


def tell(path: Path, place: Path) -> None:
    ended = ended_here(["python", "-m", "gradproof", "check", str(path), "--json"], place)
    assert json.loads(ended.stdout)["verdict"] == expected(path)
    assert ended.returncode == {"verified": 0, "refuted": 1}[expected(path)], ended


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize("path", apart(ODD), **NAMED)
def test_the_notes_network_in_odd_clothes_is_judged_by_what_it_computes(path: Path, tmp_path: Path) -> None:
    tell(path, tmp_path)


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize("path", apart(THREADS), **NAMED)
def test_what_people_asked_is_answered_as_their_threads_say(path: Path, tmp_path: Path) -> None:
    tell(path, tmp_path)


def test_every_program_is_there_and_says_what_is_to_be_found() -> None:
    verdicts = [expected(path) for path in (*OPEN, *ODD, *THREADS)]
    assert len(OPEN) >= 65
    assert len(ODD) >= 65
    assert len(THREADS) >= 27
    assert min(verdicts.count("verified"), verdicts.count("refuted")) >= 60


@pytest.mark.turns(1)
def test_a_regulariser_that_is_0_is_said_to_hide_what_it_adds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = next(path for path in OPEN if path.name.startswith("19_")).read_text("utf8")
    assert "TwoLayerNet(reg=0.1)" in source
    path = tmp_path / "mine.py"
    path.write_text(source.replace("TwoLayerNet(reg=0.1)", "TwoLayerNet(reg=0.0)"), "utf8")
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        found = assess(str(path))
    assert (found["verdict"], found["conventions"]) == (
        "verified",
        ["reg is 0 here, so the term it scales was not tested"],
    )
