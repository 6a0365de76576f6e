"""The changes of the judge that `make mutants` makes find their places, and go on finding them."""

import ast
from functools import cache

import pytest

from benchmarks.mutants_of_the_judge import MUTANTS, ROOT, Mutant, lost
from benchmarks.mutation import LostError, drop, found, mutated, never, rewrite


@cache
def parsed(file: str) -> ast.Module:
    return ast.parse((ROOT / "gradproof" / file).read_text("utf8"))


class Renamed(ast.NodeTransformer):
    """Every variable of the functions has another name."""

    def __init__(self, tree: ast.Module) -> None:
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        inside = [node for function in functions for node in ast.walk(function)]
        self.own = {n.arg for n in inside if isinstance(n, ast.arg)}
        self.own |= {n.id for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        self.own |= {n.name for n in inside if isinstance(n, ast.ExceptHandler) and n.name}
        self.own -= {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef | ast.alias)}

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id += "_" * (node.id in self.own and not node.id.startswith("__"))
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg += "_" * (node.arg in self.own)
        return self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        node.name = node.name and node.name + "_" * (node.name in self.own)
        return self.generic_visit(node)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.what)
def test_a_mutant_is_the_same_whatever_the_format_and_the_names_of_the_variables(mutant: Mutant) -> None:
    tree = parsed(mutant.file)
    outer, rename = mutant.where.partition("::")[2].split(".")[0], Renamed(tree).visit
    source = ast.unparse(found(tree, outer))  # not the whole file: this is done often
    changed = mutant.made(source)
    assert mutant.made(ast.unparse(rename(ast.parse(source)))) == ast.unparse(rename(ast.parse(changed))) + "\n"


def test_a_place_that_is_gone_is_said() -> None:
    gone = [drop("yield A('BP5', *R)"), never("A.dtype != B.dtype")]
    assert all("0 times" in lost(MUTANTS[0]._replace(change=change)) for change in gone)
    assert "there is no uncompared" in lost(MUTANTS[0]._replace(where="proof/equations.py::uncompared"))
    assert lost(MUTANTS[0]._replace(where="proof/sums.py::compared"))


def test_a_letter_stands_for_one_thing_and_the_place_must_be_one() -> None:
    source = "def f(x, y):\n    return (x - x, x - y)\n"
    assert mutated(source, "f", rewrite("A - A", "0 * A")) == "def f(x, y):\n    return (0 * x, x - y)\n"
    assert mutated(source, "f", rewrite("A - B", "B - A", 1)) == "def f(x, y):\n    return (x - x, y - x)\n"
    with pytest.raises(LostError, match="2 times"):
        mutated(source, "f", rewrite("A - B", "B - A"))
    with pytest.raises(LostError, match="nothing is changed"):
        mutated(source, "f", rewrite("A - A", "A - A"))
