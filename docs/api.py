"""Writes docs/api.md from the docstrings of what gradproof offers in Python: python docs/api.py"""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradproof
import handcrafted
import reference
from gradproof import errors, pytest_plugin
from gradproof.judge.file_judgement import FileJudgement
from gradproof.judge.report import Judgement as BookJudgement
from gradproof.judge.trial.judgement import Judgement
from gradproof.train.mnist import Mnist
from gradproof.train.saved_run import Saved

TYPES = (Judgement, BookJudgement, FileJudgement, Saved, Mnist)
ERRORS = (errors.GradproofError, errors.UsageError, errors.DataError, errors.MachineError, errors.CrashError)


class Options(list[tuple[str, str]]):
    """Stands in for pytest's parser, and keeps each option with its help."""

    def getgroup(self, _name: str) -> "Options":
        return self

    def addoption(self, name: str, *, help: str, **_: Any) -> None:
        self.append((name, help))


def signature(name: str, function: Any) -> str:
    """The call, without annotations."""
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in inspect.signature(function).parameters.values()]
    return f"{name}{inspect.Signature([p for p in bare if p.name != 'self'])}"


def entry(name: str, function: Any) -> Iterator[str]:
    yield from (f"### `{signature(name, function)}`", "", inspect.getdoc(function) or "", "")


def members(kind: type) -> Iterator[str]:
    """What is public of a type and has a docstring of its own."""
    for name, member in vars(kind).items():
        if not name.startswith("_") and (isinstance(member, property) or inspect.isfunction(member)):
            shown = signature(name, member) if inspect.isfunction(member) else name
            first = (inspect.getdoc(member) or "").partition("\n")[0]
            yield f"- `{shown}`" + f": {first}" * bool(first)


def page() -> str:
    """The whole of docs/api.md."""
    lines = ["# The functions of gradproof", "", "Written by `python docs/api.py` from the docstrings.", ""]
    lines += ["## gradproof", ""]
    for name in gradproof.__all__:
        if name != "__version__":
            lines += entry(f"gradproof.{name}", getattr(gradproof, name))
    lines += ["## What they return", ""]
    for kind in TYPES:
        fields = getattr(kind, "_fields", None) or list(getattr(kind, "__dataclass_fields__", ()))
        lines += [f"### {kind.__module__}.{kind.__name__}", "", inspect.getdoc(kind) or "", ""]
        lines += [f"Fields: {', '.join(f'`{name}`' for name in fields)}.", "", *members(kind), ""]
    lines += ["## Errors", "", "| | exit code | |", "|---|---|---|"]
    for error in ERRORS:
        code = getattr(error, "exit_code", "")
        lines += [
            f"| `gradproof.errors.{error.__name__}` | {code} | {(inspect.getdoc(error) or '').partition('.')[0]} |"
        ]
    lines += ["", "## pytest", ""]
    pytest_plugin.pytest_addoption(options := Options())
    lines += [f"- `{option}`: {text}" for option, text in options]
    lines += ["", "The four `assert_…` functions are fixtures as well.", ""]
    for package in (handcrafted, reference):
        lines += [f"## {package.__name__}", "", inspect.getdoc(package) or "", ""]
        for name in package.__all__:
            lines += entry(f"{package.__name__}.{name}", getattr(package, name))
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(page(), "utf8")
