"""Rewrites the subject's source so that its literals, divisions and powers are exact; no line number changes."""

import ast
import warnings
from collections.abc import Sequence

HELPER = "_gradproof_"  # how rewritten code refers to gradproof.exact.operators; a class does not mangle it


class _Exactness(ast.NodeTransformer):
    """0.1 → literal(0.1), a / b → divide(a, b), a ** b → power(a, b), a % b → remainder(a, b), and casts."""

    operators = {ast.Div: "divide", ast.Pow: "power", ast.Mod: "remainder"}  # noqa: RUF012

    def __init__(self, python_2: bool = False) -> None:
        self.python_2 = python_2

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return _call("literal", [node], node) if type(node.value) is float else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        name = self.operators.get(type(node.op))
        name = "divide_in_python_2" if name == "divide" and self.python_2 else name
        return _call(name, [node.left, node.right], node) if name else node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """Keep `a /= b` in place and make b exact."""
        self.generic_visit(node)
        if isinstance(node.op, ast.Div):
            node.value = _call("divisor", [node.value], node.value)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Make x.astype(float) exact, which NumPy computes by itself for truth values and whole numbers."""
        self.generic_visit(node)
        casts = isinstance(node.func, ast.Attribute) and node.func.attr == "astype"
        return _call("cast", [node], node) if casts else node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value:
            node.value = self.visit(node.value)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return node  # its annotation stays as it is

    def visit_match_case(self, node: ast.match_case) -> ast.AST:
        """Skip the pattern, which cannot contain a call."""
        node.guard = self.visit(node.guard) if node.guard else None
        node.body = [self.visit(statement) for statement in node.body]
        return node

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.AST:
        node.value = self.visit(node.value)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        returns, node.returns = node.returns, None
        self.generic_visit(node)
        node.returns = returns
        return node


def _call(name: str, arguments: Sequence[ast.expr], at: ast.expr) -> ast.Call:
    function = ast.Attribute(ast.Name(HELPER, ast.Load()), name, ast.Load())
    call = ast.Call(function, list(arguments), [])
    for node in (call, function, function.value):
        ast.copy_location(node, at)
    return call


def rewritten(source: str, path: str) -> ast.Module:
    """Return the syntax tree to compile. SyntaxError if the source is not valid Python."""
    with warnings.catch_warnings(action="ignore"):
        return with_exact_numbers(ast.parse(source, path))


def with_exact_numbers(tree: ast.Module, python_2: bool = False) -> ast.Module:
    """Rewrite this tree in place and return it; with `python_2`, int / int rounds down."""
    return _Exactness(python_2).visit(tree)
