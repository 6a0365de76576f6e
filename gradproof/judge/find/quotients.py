"""Difference quotients by which a program computes its gradients, and their limit, which is judged instead."""

import ast

from gradproof.judge.find.program import assigned, copied, statements

LARGEST, TINY = 0.1, 1e-36  # the largest step that people write, and one whose error is too small to show


def with_small_differences(tree: ast.Module) -> ast.Module | None:
    """Return the program with a tiny step h in each difference quotient, as in (f(x + h) - f(x - h)) / (2 * h).

    None if it has no such quotient.
    """
    changed = copied(tree)
    steps = {name for node in ast.walk(changed) for name in _steps(node)}
    found = False
    for node in statements(changed):
        if isinstance(node, ast.Assign):
            for target, value in assigned(node):
                found |= isinstance(target, ast.Name) and target.id in steps and _made_tiny(value)
        elif isinstance(node, ast.FunctionDef):
            named = [*node.args.posonlyargs, *node.args.args]
            defaults = zip(named[::-1], node.args.defaults[::-1], strict=False)
            for argument, value in defaults:
                found |= argument.arg in steps and _made_tiny(value)
    return changed if found else None


def _steps(node: ast.AST) -> list[str]:
    """Return the names in the denominator of a difference quotient, if the node is one."""
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
