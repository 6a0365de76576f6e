"""The pages say what is so: links lead somewhere, commands and functions exist, examples give the output they show."""

import html
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs import api, picture
from tests.documents import ROOT, Example, examples, verb_of, wrong, wrong_output
from tests.thorough import THOROUGH

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SHOWN = [example for page in (PAGES if THOROUGH else PAGES[:1]) for example in examples(page.read_text("utf8"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_commands_and_functions_of_a_page_are_there(page: Path) -> None:
    text = page.read_text("utf8")
    assert list(wrong(text, page)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_name_in_a_linked_module_is_there(page: Path) -> None:
    """As in: `ruling_of` in [verdicts.py](../gradproof/study/verdicts.py)."""
    for name, file in re.findall(r"`(\w+)`\s+in\s+\[[^]]+\]\(([^)]+\.py)\)", page.read_text("utf8")):
        assert re.search(rf"\b{name}\b", (page.parent / file).read_text("utf8")), f"{name} in {file}"


@pytest.mark.parametrize("example", dict.fromkeys(SHOWN), ids=str)  # a page that repeats one shows the same
def test_an_example_gives_the_output_it_shows(example: Example, tmp_path: Path) -> None:
    assert list(wrong_output(example, tmp_path)) == []


@pytest.mark.parametrize("verb", ["prove", "check", "train", "study"])
def test_every_option_of_a_verb_is_on_its_page(verb: str) -> None:
    page = (ROOT / f"docs/{verb}.md").read_text("utf8")
    for option in verb_of(verb).params:
        names = [name for name in (*option.opts, *option.secondary_opts) if name.startswith("-")]
        assert not names or any(re.search(rf"{name}\b", page) for name in names), names


def test_the_functions_page_is_what_its_command_writes() -> None:
    assert api.page() == (ROOT / "docs/api.md").read_text("utf8")


def test_the_picture_shows_what_readme_prints() -> None:
    drawn = html.unescape((ROOT / "docs/trains_anyway.svg").read_text("utf8")).replace("\N{NO-BREAK SPACE}", " ")
    (example,) = (e for e in examples(PAGES[0].read_text("utf8")) if picture.EXAMPLE in e.command)
    for line in (f"$ {example.command}", *example.output.splitlines()):
        assert all(f">{piece}</text>" in drawn for piece in picture.wrapped(line)), line


@pytest.mark.skipif(not THOROUGH, reason="trains two networks")
def test_the_network_with_a_wrong_gradient_trains_and_the_right_one_reads_more(tmp_path: Path) -> None:
    source = (ROOT / picture.EXAMPLE).read_text("utf8")
    (tmp_path / "right.py").write_text(source.replace("(1 - a**2)", "(a * (1 - a))"), "utf8")
    for file in (ROOT / picture.EXAMPLE, tmp_path / "right.py"):
        done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, timeout=120)
        (read,) = re.findall(r"^epoch 5: cost [\d.]+, (\d+) of 10000", done.stdout, re.MULTILINE)
        assert f"{int(read):,}" in PAGES[0].read_text("utf8")
    assert picture.svg(picture.lines()) == (ROOT / "docs/trains_anyway.svg").read_text("utf8")


def test_readme_fits_a_visit() -> None:
    assert len(PAGES[0].read_text("utf8").splitlines()) <= 150


LIES = {
    "a link": "[there](docs/nowhere.md)",
    "a file": "`tests/test_nothing.py`",
    "a test's file": "`tests/nothing/test_nothing.py::test_it`",
    "a test": "`test_that_is_nowhere`",
    "the beginning of a test": "`test_that_is_nowhere_…`",
    "a test in another file": "`tests/test_docs.py::test_z_a_and_cost_agree`",
    "a function": "`gradproof.judge_all(f)`",
    "Python": "```python\nimport = 1\n```",
    "a verb": "`gradproof proof`",
    "an option": "```console\n$ gradproof check mine.py --fast\n```",
    "an option in a sentence over two lines": "type `gradproof train\n--backend handcrafted --speed 3`",
    "a choice": "`gradproof train --backend torch`",
    "an argument too many": "`gradproof study N21 N22`",
    "a target": "```console\n$ make everything\n```",
    "a benchmark": "`.venv/bin/python benchmarks/nothing.py`",
    "its option": "`.venv/bin/python benchmarks/reach.py --quickly`",
    "an option of pytest": "```console\n$ pytest --gradproofs mine.py\n```",
}


@pytest.mark.parametrize("lie", LIES.values(), ids=list(LIES))
def test_a_lie_on_a_page_is_noticed(lie: str) -> None:
    page = PAGES[0]
    assert len(list(wrong(lie, page))) == 1


def test_an_output_that_is_not_printed_is_noticed(tmp_path: Path) -> None:
    for number, output in enumerate(["BP2: σ′ is lost\n…\n", "…\nseen\n", "BP2: σ′ is missing\n"]):
        (place := tmp_path / str(number)).mkdir()
        assert list(wrong_output(Example("gradproof explain BP2 missing", output), place))
    (place := tmp_path / "right").mkdir()
    assert not list(wrong_output(Example("gradproof explain BP2 missing", "BP2: σ′ is missing\n…\n"), place))
    assert list(wrong_output(Example("python", "2\n", "print(1)"), tmp_path))
