"""Every known way to go wrong, planted in whole programs: refuted, at its line, with a correction that has a name."""

from pathlib import Path

import pytest

from gradproof.judge.assess import assess
from tests.judge.planted import FORMS, FUNCTIONS, Planted, planted, right

CASES = [one for form in FORMS for network in FUNCTIONS for one in planted(form, network)]
ELSEWHERE = {"class sigmoid 21", "class tanh 21", "class relu 21", "loop sigmoid 21", "loop tanh 21", "loop relu 21"}


@pytest.mark.sample(2)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("network", FUNCTIONS)
def test_the_program_without_a_mistake_is_verified(form: str, network: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(right(form, network), "utf8")
    assert assess(str(path))["verdict"] == "verified"


@pytest.mark.sample(2)
@pytest.mark.parametrize("case", [one for one in CASES if one.name not in ELSEWHERE], ids=lambda case: case.name)
def test_a_planted_mistake_is_told_at_its_line_by_a_name(case: Planted, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(case.source, "utf8")
    found = assess(str(path))
    assert found["verdict"] == "refuted"
    assert {fault["line"] for fault in found["faults"]} <= case.lines, found["faults"]
    assert all(fault["names"] for fault in found["faults"]), found["faults"]
