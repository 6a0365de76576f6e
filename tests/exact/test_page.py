"""docs/exact.md names the test of each sentence: each is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_the_page_names_is_there() -> None:
    page = (ROOT / "docs/exact.md").read_text("utf8")
    named = set(re.findall(r"(tests/\w+/)?(test_\w+\.py)::(test_\w+)", page))
    assert len(named) > 25
    for folder, file, test in named:
        assert f"def {test}(" in (ROOT / (folder or "tests/exact") / file).read_text("utf8"), (file, test)
