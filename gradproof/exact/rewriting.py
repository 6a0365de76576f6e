"""The subject's source, rewritten so that its literals and divisions are exact; nothing moves to another line."""

import ast
import io
import tokenize
import warnings
from collections.abc import Sequence

HELPER = "_gradproof_"  # the name under which the rewritten code finds gradproof.exact.operators; no class mangles it


class _Exactness(ast.NodeTransformer):
    """0.1 → literal(0.1), a / b → divide(a, b), a ** b → power(a, b), a % b → remainder(a, b)."""

    operators = {ast.Div: "divide", ast.Pow: "power", ast.Mod: "remainder"}  # noqa: RUF012

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return _call("literal", [node], node) if type(node.value) is float else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        name = self.operators.get(type(node.op))
        return _call(name, [node.left, node.right], node) if name else node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """`a /= b` stays in place, by an exact b."""
        self.generic_visit(node)
        if isinstance(node.op, ast.Div):
            node.value = _call("divisor", [node.value], node.value)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value:
            node.value = self.visit(node.value)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return node  # no annotation

    def visit_match_case(self, node: ast.match_case) -> ast.AST:
        """A pattern cannot hold a call."""
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
    """The syntax tree to compile; SyntaxError where the source is none."""
    with warnings.catch_warnings(action="ignore"):
        return _Exactness().visit(ast.parse(source, path))


def in_python_3(source: str, path: str) -> tuple[str, bool]:
    """The source in Python 3, and whether it was written for Python 2."""
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(source, path, "exec", dont_inherit=True)
    except SyntaxError as error:
        if "print" not in (error.msg or ""):
            raise
        return with_print_functions(source), True
    return source, False


def with_print_functions(source: str) -> str:
    """Python 2's print statements as calls: `print a, b` is `print(a, b)`."""
    lines = source.splitlines(keepends=True)
    edits: list[tuple[int, int, str]] = []  # (line, column, what is put there)
    start, opened, last = True, False, (1, 0)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        ends = token.type in (tokenize.NEWLINE, tokenize.ENDMARKER, tokenize.COMMENT) or token.string == ";"
        if opened and ends:
            edits.append((*last, ")"))
            opened = False
        if start and token.type == tokenize.NAME and token.string == "print":
            edits.append((*token.end, "("))
            opened = True
        if token.type not in (tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT):
            start = token.type == tokenize.NEWLINE or token.string in (":", ";")
        last = token.end
    for row, column, text in reversed(edits):
        line = lines[row - 1]
        lines[row - 1] = line[:column] + text + line[column:]
    return "".join(lines)
