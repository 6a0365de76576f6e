"""The pages say what is so: links lead somewhere, commands and functions exist, examples give the output they show."""

import ast
import html
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import cache
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest

import gradproof
from docs import api, picture
from gradproof.__main__ import VERBS
from tests.commands import ended_here
from tests.thorough import THOROUGH

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`((?:tests|docs|benchmarks|gradproof|handcrafted|reference)/[\w./]*\w)`")
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf8"), re.MULTILINE))


class Example(NamedTuple):
    """A command with what it prints, and the Python above it, which it may judge as a file."""

    command: str
    output: str
    python: str = ""

    def __str__(self) -> str:
        return self.command


def lines_of(block: str) -> list[str]:
    """The commands of a console block, each without its comment."""
    return [shlex.join(shlex.split(line[2:], comments=True)) for line in block.splitlines() if line.startswith("$ ")]


def commands(text: str) -> Iterator[str]:
    """Every command that a page says somebody may type."""
    for kind, block in BLOCK.findall(text):
        if kind == "console":
            yield from lines_of(block)
    prose = re.sub(r"\s+", " ", BLOCK.sub("", text))
    for code in re.findall(r"`([^`]+)`", prose):
        if re.match(r"(gradproof [a-z-]|make [a-z]|pytest |(\S*/)?python \S+\.py)", code):
            yield code


def examples(text: str) -> Iterator[Example]:
    """Every command that is followed by what it prints."""
    python = ""
    for kind, block in BLOCK.findall(text):
        if kind == "python":
            python = block
        elif kind == "text" and python:
            yield Example("python", block, python)
            python = ""
        elif kind == "console":
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                if output.strip():
                    yield Example(command, output, python)


def wrong_links(text: str, page: Path) -> Iterator[str]:
    """Relative links and files that are not there."""
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in link and not (page.parent / link.partition("#")[0]).exists():
            yield f"{link} is not there"
    for name in NAMED.findall(text):
        if "NAME" not in name and not (ROOT / name).exists():
            yield f"{name} is not there"


def wrong_tests(text: str) -> Iterator[str]:
    """Tests that are not there; of a name that ends in … none that begins so."""
    for file, name in re.findall(r"`(?:([\w/]*test_\w+\.py)::)?(test_\w+…?)`", text):
        places = [source for path, source in files_of_tests().items() if path.endswith(f"/{file}" if file else "")]
        begins = f"def {name.rstrip('…')}" + "(" * (not name.endswith("…"))
        if not any(begins in source for source in places):
            yield f"{file}::{name} is not there"


@cache
def files_of_tests() -> dict[str, str]:
    """The tests by their paths."""
    return {f"/{path.relative_to(ROOT)}": path.read_text("utf8") for path in (ROOT / "tests").rglob("test_*.py")}


def wrong_functions(text: str) -> Iterator[str]:
    """Functions of gradproof that are not there, and Python that is none."""
    for name in re.findall(r"\bgradproof\.(\w+)\(", text):
        if name not in gradproof.__all__:
            yield f"gradproof.{name} is not there"
    for kind, block in BLOCK.findall(text):
        if kind == "python":
            try:
                ast.parse(block)
            except SyntaxError as error:
                yield f"{error}: {block}"


def wrong_commands(text: str) -> Iterator[str]:
    """Commands with an option, a choice, a file or a target that is not there."""
    for command in commands(text):
        words = shlex.split(command)
        if words[0] == "gradproof":
            yield from wrong_call(command, words[1:])
        elif words[0] == "make":
            yield from (f"{command}: no target {word}" for word in words[1:] if "=" not in word and word not in TARGETS)
        elif words[0].endswith("python") and words[1].endswith(".py"):
            source = (ROOT / words[1]).read_text("utf8") if (ROOT / words[1]).exists() else ""
            yield from (
                f"{command}: no {word}" for word in words[2:] if word.startswith("-") and f'"{word}"' not in source
            )
            yield from [] if source else [f"{command}: no such file"]
        elif "pytest" in words:
            given = {word for word in words if word.startswith(("--gradproof", "--backprop"))}
            yield from (f"{command}: no {word}" for word in given - {name for name, _ in pytest_options()})


def wrong_call(command: str, words: list[str]) -> Iterator[str]:
    """What click's own parser says of the words after gradproof."""
    if words[0].startswith("-"):
        return
    if words[0] not in VERBS:
        yield f"{command}: no verb {words[0]}"
        return
    verb = verb_of(words[0])
    try:
        given, rest, _ = verb.make_parser(click.Context(verb, info_name=words[0])).parse_args(words[1:])
    except click.UsageError as error:
        yield f"{command}: {error.format_message()}"
        return
    yield from (f"{command}: what is {word}?" for word in rest)
    for option in verb.params:
        value = given.get(option.name)
        if isinstance(option.type, click.Choice) and isinstance(value, str) and value.strip("…"):
            yield from (f"{command}: no {one}" for one in value.split("|") if one not in option.type.choices)


@cache
def verb_of(name: str) -> Any:
    return import_module(f"gradproof.commands.{name}").command


@cache
def pytest_options() -> list[tuple[str, str]]:
    from gradproof import pytest_plugin

    pytest_plugin.pytest_addoption(options := api.Options())  # type: ignore[arg-type]
    return options


def wrong_output(example: Example, place: Path) -> Iterator[str]:
    """How what it prints differs from what the page shows, where … stands for any lines."""
    if example.command == "python":
        (file := place / "example.py").write_text(example.python, "utf8")
        with redirect_stdout(StringIO()) as out:
            runpy.run_path(str(file))
        printed = out.getvalue()
    else:
        words = shlex.split(example.command)
        assert words[0] == "gradproof", f"{example.command}: how is it run?"
        (place / "docs").mkdir()
        for word in (word for word in words[1:] if word.endswith(".py")):
            there = (ROOT / word).read_text("utf8") if (ROOT / word).exists() else example.python
            (place / word).write_text(there if THOROUGH else there.partition(MAIN)[0], "utf8")
        printed = ended_here([sys.executable, "-m", *words], place).stdout
    lines = [line for line in example.output.splitlines() if THOROUGH or not line.startswith(OF_MAIN)]
    pattern = "".join("(?:.*\n)*?" if line == "…" else re.escape(line) + "\n" for line in lines)
    if not re.fullmatch(pattern.rstrip("\n") + "\n*", printed):
        yield f"{example.command} prints\n{printed}"


def wrong(text: str, page: Path) -> Iterator[str]:
    """Whatever a page names that is not there."""
    yield from wrong_links(text, page)
    yield from wrong_tests(text)
    yield from wrong_functions(text)
    yield from wrong_commands(text)


MAIN, OF_MAIN = '\n\nif __name__ == "__main__":', "  large whole numbers"  # what takes long, and what is said of it
SHOWN = [example for page in (PAGES if THOROUGH else PAGES[:1]) for example in examples(page.read_text("utf8"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_commands_and_functions_of_a_page_are_there(page: Path) -> None:
    text = page.read_text("utf8")
    assert list(wrong(text, page)) == []


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
