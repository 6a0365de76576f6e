"""What the other layers do: the same statement with their numbers in its names, as it stands there or is missing here.

dZ1 = dA1 * slope(Z1) says of dZ2 that it may be dA2 * slope(Z2); and where b1 -= lr * db1 stands and nothing gives a
value to b2, b2 -= lr * db2 may be missing.
"""

import ast
import re
from collections.abc import Iterator

_NUMBER = re.compile(r"(?<=[A-Za-z_])\d(?!\.?\d)")  # of a layer, in a name or a key
_LIBRARY = re.compile(r"\b(?:np|numpy|math|scipy)\.[\w.]+")  # whose names have numbers of another kind


def counterparts(statement: ast.stmt, root: ast.AST) -> Iterator[ast.expr]:
    """The values that the statement has in other layers, in the names of its own; statements of its own kind."""
    target = _target(statement)
    for other in ast.walk(root) if target else ():
        by = _distance(_target(other), target) if type(other) is type(statement) else 0
        made = moved(other, by) if by and isinstance(other, ast.stmt) else None
        if isinstance(made, ast.Assign | ast.AugAssign):
            yield made.value


def missing(statement: ast.stmt, root: ast.AST, module: ast.Module) -> Iterator[tuple[ast.stmt, bool]]:
    """The statement in the names of the next layers, where nothing gives a value to what it would give one to, and
    whether it belongs behind this one: layers come in their order or in reverse."""
    text = _target(statement)
    if not _NUMBER.search(text):
        return
    given = {ast.unparse(node) for node in ast.walk(root) if isinstance(getattr(node, "ctx", None), ast.Store)}
    known = {ast.unparse(node) for node in ast.walk(module) if isinstance(node, ast.Name | ast.Attribute)}
    known |= {node.value for node in ast.walk(module) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    sisters = [node for node in ast.walk(root) if isinstance(node, ast.stmt) and _distance(text, _target(node))]
    rising = all((_distance(text, _target(node)) > 0) == (node.lineno > statement.lineno) for node in sisters)
    for by in (-1, 1):
        made = moved(statement, by)
        if made is None or _target(made) in given:
            continue
        named = [node for node in ast.walk(made) if isinstance(node, ast.Name | ast.Attribute | ast.Constant)]
        texts = [node.value if isinstance(node, ast.Constant) else ast.unparse(node) for node in named]
        if all(one in known or not isinstance(one, str) or not _NUMBER.search(one) for one in texts):
            yield made, (by > 0) == rising


def moved(statement: ast.stmt, by: int) -> ast.stmt | None:
    """The statement with other numbers of layers in its names; None where one would be negative."""
    text, negative = ast.unparse(statement), False
    kept = [match.span() for match in _LIBRARY.finditer(text)]

    def shift(match: re.Match[str]) -> str:
        nonlocal negative
        if any(start <= match.start() < end for start, end in kept):
            return match[0]
        number = int(match[0]) + by
        negative = negative or not 0 <= number <= 9
        return str(number)

    shifted = _NUMBER.sub(shift, text)
    if negative or shifted == text:
        return None
    (made,) = ast.parse(shifted).body
    return made


def _target(statement: ast.AST) -> str:
    """What one target is written as; "" of several."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    if len(targets) != 1 or not isinstance(targets[0], ast.Name | ast.Attribute | ast.Subscript):
        return ""
    return ast.unparse(targets[0])


def _distance(one: str, other: str) -> int:
    """By how much the numbers of one name must be moved to give the other; 0 of another name."""
    numbers = [_NUMBER.findall(text) for text in (one, other)]
    if one == other or _NUMBER.sub("#", one) != _NUMBER.sub("#", other):
        return 0
    steps = {int(b) - int(a) for a, b in zip(*numbers, strict=True)}
    return steps.pop() if len(steps) == 1 else 0
