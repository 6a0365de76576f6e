"""The pytest plugin: the fixtures `assert_…`, `pytest --gradproof FILE` and `--backprop FILE.py:FUNCTION`.

Each --gradproof and each --backprop is one test. pytest loads the plugin by itself (the entry point `pytest11`).
"""

from __future__ import annotations

import importlib
import importlib.util
import linecache
import os
import sys
from collections.abc import Callable
from typing import Any

import pytest

import gradproof
from gradproof.errors import GradproofError, UsageError


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gradproof")
    group.addoption(
        "--gradproof",
        action="append",
        default=[],
        metavar="FILE[:NAME]",
        help="judge this program as gradproof check does; may be repeated",
    )
    group.addoption(
        "--backprop",
        action="append",
        default=[],
        metavar="FILE.py:NAME | MODULE:NAME",
        help="judge this backprop; may be repeated",
    )
    group.addoption(
        "--backprop-convention",
        default="",
        metavar="WORD,…",
        help="the conventions it must keep, as in gradproof check --convention",
    )


@pytest.fixture
def assert_backprop() -> Callable[..., None]:
    """`assert_backprop(fn)` fails with the whole judgement unless fn's gradients are verified."""
    return gradproof.assert_backprop


@pytest.fixture
def assert_gradient() -> Callable[..., None]:
    """`assert_gradient(cost, gradient, …)` fails with the whole judgement unless it is cost's gradient."""
    return gradproof.assert_gradient


@pytest.fixture
def assert_backward() -> Callable[..., None]:
    """`assert_backward(forward, backward, …)` fails with the whole judgement unless both fit."""
    return gradproof.assert_backward


@pytest.fixture
def assert_step() -> Callable[..., None]:
    """`assert_step(step, parameters, …)` fails with the whole judgement unless it steps along a gradient."""
    return gradproof.assert_step


def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Add a test for each --gradproof and each --backprop."""
    for subject in session.config.getoption("--gradproof"):
        items.append(Judged.from_parent(session, name="gradproof", nodeid=f"{subject}::gradproof", subject=subject))
    for subject in session.config.getoption("--backprop"):
        items.append(Backprop.from_parent(session, name=f"backprop[{subject}]", subject=subject))


class Judged(pytest.Item):
    """A test that judges a program; a failure begins with the first fault as FILE:LINE."""

    def __init__(self, *, subject: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.subject = subject

    def runtest(self) -> None:
        judged = gradproof.check(os.path.relpath(self.config.invocation_params.dir / self.subject))
        if not judged:
            raise AssertionError(self._told(judged))

    def _told(self, judged: Any) -> str:
        faults = getattr(judged, "document", {}).get("faults", [])  # only the judgement of a program has it
        file = self.subject.partition(":")[0]
        at = (f["line"] if file.endswith(".py") else f" {f['place']}" for f in faults)  # of a notebook with the cell
        placed = [f"{file}:{place}: {f['code']}" for place, f in zip(at, faults, strict=True) if f["line"]]
        where, line = getattr(judged, "place", ("", 0))  # that of a backprop
        placed += [f"{file}:{line}: {linecache.getline(where, line).strip()}"] * bool(line)
        return "\n".join([*placed[:1], str(judged)])

    def reportinfo(self) -> tuple[str, None, str]:
        return self.subject.partition(":")[0], None, self.name

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        return _without_ours(excinfo) or str(super().repr_failure(excinfo))


class Backprop(pytest.Item):
    """A test that judges one backprop."""

    def __init__(self, *, subject: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.subject = subject

    def runtest(self) -> None:
        convention = self.config.getoption("--backprop-convention")
        gradproof.assert_backprop(self._loaded(), convention=convention)

    def _loaded(self) -> Callable[..., Any]:
        """Load the backprop, even if the pytest script leaves the current folder out of sys.path."""
        module, _, name = self.subject.partition(":")
        if module.endswith(".py"):
            return self._in_file(module, name or "backprop")
        if (folder := str(self.config.invocation_params.dir)) not in sys.path:
            sys.path.insert(0, folder)
        try:
            found: Callable[..., Any] = getattr(importlib.import_module(module), name or "backprop")
        except (ImportError, AttributeError, ValueError) as error:  # ValueError: the module name is empty
            raise UsageError(f"{self.subject} cannot be loaded: {error}; give FILE.py:NAME or MODULE:NAME") from error
        return found

    def _in_file(self, path: str, name: str) -> Callable[..., Any]:
        """Load the function of that name from a file, as `gradproof check FILE.py:NAME` does."""
        whole = self.config.invocation_params.dir / path
        spec = importlib.util.spec_from_file_location(whole.stem, whole)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
            found: Callable[..., Any] = getattr(module, name)
        except (OSError, ImportError, SyntaxError, AttributeError) as error:
            raise UsageError(f"{self.subject} cannot be loaded: {error}") from error
        return found

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        return _without_ours(excinfo) or str(super().repr_failure(excinfo))


def _without_ours(excinfo: pytest.ExceptionInfo[BaseException]) -> str:
    """Return the judgement, or why there is none, without a traceback through gradproof; "" for other errors."""
    return str(excinfo.value) if excinfo.errisinstance((AssertionError, GradproofError)) else ""
