"""No wait without an end, in the product, its tests and its benchmarks: whoever waits says for how long."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
THEIRS = {"submissions", "programs"}  # as somebody wrote it, also in Python 2
OF_SUBPROCESS = {"run", "check_call", "check_output", "call"}


def endless(tree: ast.Module) -> Iterator[int]:
    """The lines of the calls that may wait for ever."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        name, owner = node.func.attr, node.func.value
        of_subprocess = isinstance(owner, ast.Name) and owner.id == "subprocess"
        if any(keyword.arg in ("timeout", None) for keyword in node.keywords):  # or in a ** that is looked at elsewhere
            continue
        if (
            (name in OF_SUBPROCESS and of_subprocess)
            or (name == "communicate" and len(node.args) < 2)
            or (name in ("wait", "join") and not node.args)
        ):
            yield node.lineno


def opened_for_good(tree: ast.Module) -> Iterator[int]:
    """The lines of `with subprocess.Popen(…)`, which where a test fails waits for the process for ever."""
    for node in ast.walk(tree):
        if isinstance(node, ast.With):
            yield from (item.context_expr.lineno for item in node.items if "Popen(" in ast.unparse(item.context_expr))


def files() -> list[Path]:
    rooms = ("gradproof", "tests", "benchmarks", "docs")
    return sorted(path for room in rooms for path in (ROOT / room).rglob("*.py") if not THEIRS & set(path.parts))


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_waits_for_ever(path: Path) -> None:
    tree = ast.parse(path.read_text("utf8"))
    assert [*endless(tree), *opened_for_good(tree)] == []


@pytest.mark.parametrize(
    "line",
    [
        "subprocess.run(line)",
        "subprocess.check_output(line, text=True)",
        "process.wait()",
        "process.communicate()",
        "process.communicate(b'')",
        "thread.join()",
    ],
)
def test_an_endless_wait_is_found(line: str) -> None:
    assert list(endless(ast.parse(line))) == [1]


def test_a_process_that_a_failing_test_would_wait_for_is_found() -> None:
    assert list(opened_for_good(ast.parse("with subprocess.Popen(line) as running:\n    pass"))) == [1]


@pytest.mark.parametrize(
    "line",
    ["subprocess.run(line, timeout=9)", "process.wait(9)", "process.communicate(timeout=9)", "','.join(words)"],
)
def test_a_wait_with_an_end_is_not(line: str) -> None:
    assert list(endless(ast.parse(line))) == []
