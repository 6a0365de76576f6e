"""Every known way to go wrong, planted in whole programs: refuted, at its line, with a correction that has a name."""

from pathlib import Path

import pytest

from gradproof.judge.assessment import assess
from tests.judge.planted import FORMS, FUNCTIONS, Planted, planted, right

CASES = [one for form in FORMS for network in FUNCTIONS for one in planted(form, network)]
RAISES = {  # for several examples: undecided, or told with what mends it (test_find, test_raising)
    f"{form} {network} {row}" for form in FORMS for network in FUNCTIONS for row in ("21", "23", "11", "12", "13", "7")
}
UNNAMED = {"loop 19", "loop 27"}  # of all layers at once: there is no other to be like
BEFORE = {"8 hidden"}  # in a loop the line before can be mended as well


@pytest.mark.sample(1)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("network", FUNCTIONS)
def test_the_program_without_a_mistake_is_verified(form: str, network: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(right(form, network), "utf8")
    assert assess(str(path))["verdict"] == "verified"


@pytest.mark.sample(1)
@pytest.mark.parametrize("case", [one for one in CASES if one.name not in RAISES], ids=lambda case: case.name)
def test_a_planted_mistake_is_told_at_its_line_by_a_name(case: Planted, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(case.source, "utf8")
    found = assess(str(path))
    assert found["verdict"] == "refuted"
    row = case.name.split(" ", 2)[2]
    lines = case.lines | {case.line - 1} if row in BEFORE else case.lines
    assert {fault["line"] for fault in found["faults"]} <= lines, found["faults"]
    assert f"{case.name.split()[0]} {row}" in UNNAMED or all(fault["names"] for fault in found["faults"]), found[
        "faults"
    ]
