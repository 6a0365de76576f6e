"""A name means one thing in a test file: a test that reads it when it runs gets the last value given to it."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def given_again(source: str) -> set[str]:
    """The names that a module binds at its top a second time, other than from what they were before."""
    bound: set[str] = set()
    again: set[str] = set()
    for node in ast.parse(source).body:
        names: list[str] = []
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            inside = [name for name in ast.walk(node) if isinstance(name, ast.Name)]
            read = {name.id for name in inside if isinstance(name.ctx, ast.Load)}
            names = [name.id for name in inside if name.id not in read]
        again.update(bound.intersection(names))
        bound.update(names)
    return again


@pytest.mark.parametrize("path", sorted(TESTS.rglob("test_*.py")), ids=lambda path: path.relative_to(TESTS).as_posix())
def test_no_test_reads_what_was_meant_for_another(path: Path) -> None:
    assert given_again(path.read_text()) == set()


@pytest.mark.parametrize(
    ("source", "again"),
    [
        ("A = 1\nB = 2\nA = 3", {"A"}),
        ("def a(): ...\nclass a: ...", {"a"}),
        ("A = B = 1\nA, C = 2, 3", {"A"}),
        ("A = 1\nA = A + 1\nB = A", set()),
        ("A = 1\nA.b = 2", set()),
        ("def a():\n    b = 1\n    b = 2", set()),
    ],
)
def test_a_name_given_again_is_found(source: str, again: set[str]) -> None:
    assert given_again(source) == again
