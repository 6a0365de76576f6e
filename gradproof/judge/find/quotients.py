"""Difference quotients by which a program computes its gradients, and their limit, which is judged instead."""

import ast
from collections.abc import Iterator

from gradproof.judge.find.program import assigned, copied, statements

LARGEST, TINY = 0.1, 1e-36  # the largest step that people write, and one whose error is too small to show


def with_small_differences(tree: ast.Module) -> ast.Module | None:
    """Return the program with a tiny step h in each difference quotient, as in (f(x + h) - f(x - h)) / (2 * h).

    h is a name, or a number that is written where it is added and where it divides. None if there is no such quotient.
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
    for divisor in [value for node in ast.walk(changed) for value in _divisors(node)]:
        for literal in list(_written(changed, divisor)):
            literal.value, found = TINY * round(2 * _small(literal) / divisor), True
    return changed if found else None


def _steps(node: ast.AST) -> list[str]:
    """Return the names in the denominator of a difference quotient, if the node is one."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.left, ast.BinOp)):
        return []
    if not isinstance(node.left.op, ast.Sub):
        return []
    return [part.id for part in ast.walk(node.right) if isinstance(part, ast.Name)]


def _divisors(node: ast.AST) -> list[float]:
    """Return the small numbers by which the difference of two calls of one function is divided, if the node is one."""
    match node:
        case ast.BinOp(ast.BinOp(ast.Call(one), ast.Sub(), ast.Call(other)), ast.Div(), right) if ast.dump(
            one
        ) == ast.dump(other):
            return [small for part in ast.walk(right) if (small := _small(part))]
    return []


def _written(tree: ast.Module, divisor: float) -> Iterator[ast.Constant]:
    """Yield where the divisor, or half of it, is added, subtracted, stored in an element, or divides; no rate does."""
    for node in ast.walk(tree):
        parts: list[ast.AST] = []
        match node:
            case ast.BinOp(left, ast.Add() | ast.Sub(), right):
                parts = [left, right]
            case ast.AugAssign(_, ast.Add() | ast.Sub(), value) | ast.Assign([ast.Subscript()], value):
                parts = [value]
            case ast.BinOp(_, ast.Div(), right) if _divisors(node):
                parts = [*ast.walk(right)]
        yield from (part for part in parts if isinstance(part, ast.Constant) and _small(part) in (divisor, divisor / 2))


def _small(node: ast.AST) -> float:
    """Return the number that is written there if it may be a step h, else 0."""
    value = node.value if isinstance(node, ast.Constant) else 0
    return value if isinstance(value, float) and 0 < value < LARGEST else 0.0


def _made_tiny(value: ast.expr) -> bool:
    if isinstance(value, ast.Constant) and _small(value):
        value.value = TINY
        return True
    return False
