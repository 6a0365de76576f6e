"""What a page of documentation names – links, tests, functions, commands, output – and what of it is not there."""

import ast
import re
import runpy
import shlex
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import cache
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import click

import gradproof
from docs import api
from gradproof.__main__ import VERBS
from tests.commands import ended_here
from tests.thorough import THOROUGH

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`((?:tests|docs|benchmarks|gradproof|handcrafted|reference)/[\w./]*\w)`")
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf8"), re.MULTILINE))
MAIN, OF_MAIN = '\n\nif __name__ == "__main__":', "  large whole numbers"  # what takes long, and what is said of it


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
