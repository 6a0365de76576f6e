"""The programs that are judged as they were written, and what is to be found in each.

What is to be found stands at the head of each file of programs/open, and in the folder's name in programs/odd. Those of
programs/threads are recreated from what people asked in public, those of submissions from bugs that they reported:
wrong but for these.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from gradproof.judge.assessment import assess
from gradproof.judge.lines import faults
from tests.thorough import THOROUGH

HERE = Path(__file__).parent
OPEN = sorted((HERE / "programs/open").iterdir())
ODD = sorted((HERE / "programs/odd").rglob("*.py"))
THREADS = sorted((HERE / "programs/threads").iterdir())
SUBMISSIONS = sorted((HERE / "submissions").rglob("*.py"))
RIGHT = re.compile(r"(21|25|55|61)_|book\.py|iamtrask_11_lines\.py")


def is_right(path: Path) -> bool:
    """What a file, its folder or its thread says."""
    if path in ODD:
        return path.parent.name == "right"
    if path not in OPEN:
        return RIGHT.match(path.name) is not None
    said = re.search(r"# EXPECT (right|wrong)\b", path.read_text("utf8"))
    assert said, path
    return said[1] == "right"


def expected(path: Path) -> str:
    """The verdict that is due."""
    return "verified" if is_right(path) else "refuted"


def without_repairs(patch: pytest.MonkeyPatch) -> None:
    """Verdicts alone: in the quick profile no correction is looked for, which takes longer than they do."""
    if not THOROUGH:
        patch.setattr(faults, "find_repairs", lambda *given: [])


def assessed(source: str, folder: Path) -> dict[str, Any]:
    """What is found in a program of this text."""
    path = folder / "mine.py"
    path.write_text(source, "utf8")
    return assess(str(path))
