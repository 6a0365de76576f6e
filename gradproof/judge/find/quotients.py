"""Difference quotients that a program computes its gradients by: their limit is what is judged."""

import ast

from gradproof.judge.find.program import copied, statements

LARGEST, TINY = 0.1, 1e-36  # a step that a person writes down, and one whose error is below what exact numbers show


def with_small_differences(tree: ast.Module) -> ast.Module | None:
    """The program with a tiny number for each step of a difference quotient, as in (f(x + h) - f(x - h)) / (2 * h);
    None where there is none."""
    changed = copied(tree)
    steps = {name for node in ast.walk(changed) for name in _steps(node)}
    found = False
    for node in statements(changed):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in steps:
            found |= _made_tiny(node.value)
        elif isinstance(node, ast.FunctionDef):
            named = [*node.args.posonlyargs, *node.args.args]
            defaults = zip(named[::-1], node.args.defaults[::-1], strict=False)
            for argument, value in defaults:
                found |= argument.arg in steps and _made_tiny(value)
    return changed if found else None


def _steps(node: ast.AST) -> list[str]:
    """The names in the denominator of a quotient of a difference."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.left, ast.BinOp)):
        return []
    if not isinstance(node.left.op, ast.Sub):
        return []
    return [part.id for part in ast.walk(node.right) if isinstance(part, ast.Name)]


def _made_tiny(value: ast.expr) -> bool:
    if isinstance(value, ast.Constant) and isinstance(value.value, float) and 0 < value.value < LARGEST:
        value.value = TINY
        return True
    return False
