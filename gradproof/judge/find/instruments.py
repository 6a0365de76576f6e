"""Instrument a program's syntax tree with calls to a `Watch`, without moving any line.

The watch can look at the program's names around each statement of the module and each turn of a loop. It also gets
the values that are assigned, returned or appended.
"""

import ast
from collections.abc import Sequence
from typing import Any, NamedTuple

from gradproof.judge.find.program import WATCH, copied, is_docstring

_PURE = (ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Slice, ast.Tuple)


class Loop(NamedTuple):
    """The place of a loop."""

    line: int
    path: str


class Instruments(ast.NodeTransformer):
    """Adds the calls to the tree of a file; `loops` lists the places of all loops, by number."""

    def __init__(self, path: str, loops: list[Loop] | None = None) -> None:
        self.path = path
        self.loops: list[Loop] = [] if loops is None else loops
        self.functions: list[str] = []

    def of_module(self, tree: ast.Module) -> ast.Module:
        body: list[ast.stmt] = []
        for statement in tree.body:
            plain = isinstance(statement, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)
            asks = not plain and not is_docstring(statement)  # only a docstring may precede a __future__ import
            new = self.visit(statement)
            if asks:
                body.append(_asking("statement", [ast.Constant(statement.lineno)], statement))
            body += new if isinstance(new, list) else [new]
            if asks:
                body.append(_asking("ended", [ast.Constant(statement.lineno)], statement))
        tree.body = body
        return ast.fix_missing_locations(tree)

    def _loop(self, node: ast.For | ast.While) -> list[ast.stmt]:
        number = len(self.loops)
        self.loops.append(Loop(node.lineno, self.path))
        self.generic_visit(node)
        if isinstance(node, ast.For):
            node.iter = _call("items", [ast.Constant(number), node.iter], node.iter)
        node.body.insert(0, _asking("turn", [ast.Constant(number)], node))
        return [node, _asking("left", [ast.Constant(number)], node)]

    def _comprehension(self, node: ast.GeneratorExp | ast.ListComp) -> ast.AST:
        """Treat a comprehension that calls something as a loop."""
        self.generic_visit(node)
        if any(isinstance(part, ast.Call) for part in ast.walk(node.elt)) and not node.generators[0].is_async:
            number = len(self.loops)
            self.loops.append(Loop(node.lineno, self.path))
            first = node.generators[0]
            first.iter = _call("each", [ast.Constant(number), first.iter], first.iter)
        return node

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        return self._comprehension(node)

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        return self._comprehension(node)

    def visit_For(self, node: ast.For) -> list[ast.stmt]:
        return self._loop(node)

    def visit_While(self, node: ast.While) -> list[ast.stmt]:
        return self._loop(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        """Treat the statements under `if __name__ == "__main__"` as statements of the module."""
        self.generic_visit(node)
        if not self.functions and isinstance(node.test, ast.Compare) and "__name__" in ast.dump(node.test):
            node.body = [
                part
                for statement in node.body
                for part in (
                    _asking("statement", [ast.Constant(statement.lineno)], statement),
                    statement,
                    _asking("ended", [ast.Constant(statement.lineno)], statement),
                )
            ]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.functions.append(node.name)
        self.generic_visit(node)
        self.functions.pop()
        return node

    def visit_Return(self, node: ast.Return) -> ast.AST:
        self.generic_visit(node)
        if node.value is not None and self.functions:
            shown = [ast.Constant(self.functions[-1]), ast.Constant(node.lineno), node.value]
            node.value = _call("returned", shown, node)
        return node

    def visit_Assign(self, node: ast.Assign) -> list[ast.stmt]:
        self.generic_visit(node)
        return [node, *self._shown(node.targets, node)]

    def visit_AugAssign(self, node: ast.AugAssign) -> list[ast.stmt]:
        self.generic_visit(node)
        return [node, *self._shown([node.target], node)]

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Report what is appended to a list, as costs often are."""
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "append" and len(node.args) == 1:
            name = ast.unparse(node.func.value)
            node.args = [_call("appended", [ast.Constant(name), ast.Constant(node.lineno), node.args[0]], node)]
        return node

    def _shown(self, targets: Sequence[ast.expr], node: ast.stmt) -> list[ast.stmt]:
        """Return calls that report the assigned values; for assigned elements of an array, the array as well."""
        flat = [part for target in targets for part in (target.elts if isinstance(target, ast.Tuple) else [target])]
        parts = [part.value for part in flat if isinstance(part, ast.Subscript)]
        return [
            _asking(kind, [ast.Constant(ast.unparse(target)), ast.Constant(node.lineno), _loaded(target)], node)
            for kind, several in (("assigned", flat), ("changed", parts))
            for target in several
            if all(isinstance(part, (*_PURE, ast.expr_context, ast.operator, ast.unaryop)) for part in ast.walk(target))
        ]


class Assignments(Instruments):
    """Reports only what is assigned, returned or appended, for functions that somebody else calls."""

    def visit(self, node: ast.AST) -> Any:
        plain = isinstance(node, ast.For | ast.While | ast.If | ast.GeneratorExp | ast.ListComp)
        return self.generic_visit(node) if plain else super().visit(node)

    def of_module(self, tree: ast.Module) -> ast.Module:
        self.generic_visit(tree)
        return ast.fix_missing_locations(tree)


def _loaded(target: ast.expr) -> ast.expr:
    new = copied(target)
    for part in ast.walk(new):
        if isinstance(part, ast.Name | ast.Attribute | ast.Subscript | ast.Tuple):  # the assignable kinds of _PURE
            part.ctx = ast.Load()
    return new


def _call(name: str, arguments: list[ast.expr], at: ast.AST) -> ast.Call:
    call = ast.Call(ast.Attribute(ast.Name(WATCH, ast.Load()), name, ast.Load()), arguments, [])
    return ast.copy_location(call, at)


def _asking(name: str, arguments: list[ast.expr], at: ast.stmt) -> ast.stmt:
    return ast.copy_location(ast.Expr(_call(name, arguments, at)), at)
