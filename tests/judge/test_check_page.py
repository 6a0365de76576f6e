"""docs/check.md has every key and every cost; it and docs/reach.md count what is there."""

import json
import re
from pathlib import Path

from gradproof.commands.check import command
from tests.judge.corpus import ODD, OPEN, THREADS
from tests.judge.test_whole_command import WRONG, check

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/check.md").read_text("utf8")
REACH = (ROOT / "docs/reach.md").read_text("utf8")


def test_every_key_of_the_document_is_on_the_page(tmp_path: Path) -> None:
    found = json.loads(check(tmp_path, WRONG, "--json").stdout)
    table = PAGE.partition("| key |")[2].partition("\n\n")[0]
    keys = set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE))
    assert found.keys() == keys
    assert all(f"`{key}`" in table for part in (found["subject"], found["network"], found["faults"][0]) for key in part)


def test_every_cost_that_may_be_declared_is_on_the_page() -> None:
    (costs,) = (option.type.choices for option in command.params if option.name == "cost")
    assert f"`--cost {'|'.join(costs)}`" in PAGE


def test_the_counts_on_both_pages_are_those_of_what_is_there() -> None:
    assert f"{len(OPEN) + len(ODD) + len(THREADS)} of them" in PAGE
    all_of_them = re.search(r"^(\d+) files of", REACH, re.MULTILINE)
    assert all_of_them
    told = {
        name: int(n) for name, n in re.findall(r"^\| ([a-z][\w ]*) \| (\d+)", REACH.partition("## ")[0], re.MULTILINE)
    }
    assert sum(told.values()) == int(all_of_them[1])
    rest, rightly = (part.count("\n| ") - 1 for part in REACH.partition("## Not judged")[2].split("## Judged rightly"))
    assert rightly == told["judged rightly"]
    assert rest == told["undecided"] + told["refused"] + told["not judged within 60 seconds"]
    assert told["judged falsely"] == 0
    for page in (PAGE, (ROOT / "README.md").read_text("utf8")):
        said = re.sub(r"\s+", " ", page)
        assert re.search(
            rf"of {all_of_them[1]} public files (it judged )?{rightly} (were judged )?rightly, none falsely",
            said,
            re.IGNORECASE,
        )
