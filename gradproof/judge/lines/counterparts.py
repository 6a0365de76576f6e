"""The same statement as it stands in other layers, renumbered for this one, and statements that this layer lacks.

dZ1 = dA1 * slope(Z1) suggests that dZ2 should be dA2 * slope(Z2). If b1 -= lr * db1 is there but nothing assigns b2,
then b2 -= lr * db2 may be missing.
"""

import ast
import re
from collections.abc import Iterator

_NUMBER = re.compile(r"(?<=[A-Za-z_])\d(?!\.?\d)")  # the number of a layer in a name or a key
_LIBRARY = re.compile(r"\b(?:np|numpy|math|scipy)\.[\w.]+")  # in these names a number does not mean a layer


def counterparts(statement: ast.stmt, root: ast.AST) -> Iterator[ast.expr]:
    """Yield the values that statements of the same kind have in other layers, in this statement's own names."""
    target = _target(statement)
    for other in ast.walk(root) if target else ():
        by = _distance(_target(other), target) if type(other) is type(statement) else 0
        made = moved(other, by) if by and isinstance(other, ast.stmt) else None
        if isinstance(made, ast.Assign | ast.AugAssign):
            yield made.value


def missing(statement: ast.stmt, root: ast.AST, module: ast.Module) -> Iterator[tuple[ast.stmt, bool]]:
    """Yield the statement in the names of each neighbouring layer if nothing assigns its target there.

    The flag says whether it belongs after this one: statements of the layers come in ascending or descending order.
    """
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
    """Return the statement with the layer numbers in its names shifted; None if one leaves 0 to 9, or it has none."""
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
    """Return the source of the only target; "" if there are several or none."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    if len(targets) != 1 or not isinstance(targets[0], ast.Name | ast.Attribute | ast.Subscript):
        return ""
    return ast.unparse(targets[0])


def _distance(one: str, other: str) -> int:
    """Return the shift of the layer numbers that turns one name into the other; 0 if there is none."""
    numbers = [_NUMBER.findall(text) for text in (one, other)]
    if one == other or _NUMBER.sub("#", one) != _NUMBER.sub("#", other):
        return 0
    steps = {int(b) - int(a) for a, b in zip(*numbers, strict=True)}
    return steps.pop() if len(steps) == 1 else 0
