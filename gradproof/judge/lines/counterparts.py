"""The same statement as it stands in other layers, renumbered for this one, and statements that this layer lacks.

dZ1 = dA1 * slope(Z1) suggests that dZ2 should be dA2 * slope(Z2). If b1 -= lr * db1 is there but nothing assigns b2,
then b2 -= lr * db2 may be missing.
"""

import ast
import itertools
import re
from collections.abc import Collection, Iterator, Sequence

_NUMBER = re.compile(r"(?<=[A-Za-z_])\d(?!\.?\d)")  # the number of a layer in a name or a key
_LIBRARY = re.compile(r"\b(?:np|numpy|math|scipy)\.[\w.]+")  # in these names a number does not mean a layer
MOST_ENTRIES = 12  # of a tuple, a list or a dict


def counterparts(statement: ast.stmt, root: ast.AST) -> Iterator[ast.expr]:
    """Yield the values that statements of the same kind have in other layers, in this statement's own names."""
    target = _target(statement)
    for other in ast.walk(root) if target else ():
        by = distance(_target(other), target) if type(other) is type(statement) else 0
        made = moved(other, by) if by and isinstance(other, ast.stmt) else None
        if isinstance(made, ast.Assign | ast.AugAssign):
            yield made.value


def entry_counterparts(statement: ast.stmt) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield each entry of a tuple, list or dict with the values that the others suggest, in its own names.

    Beside `W1 - lr * dW1`, what begins with b1 is likely `b1 - lr * db1`.
    """
    several = [node for node in ast.walk(statement) if isinstance(node, ast.Tuple | ast.List | ast.Dict)]
    for node in several:
        entries = [part for part in (node.values if isinstance(node, ast.Dict) else node.elts) if _first(part)]
        for one, other in itertools.permutations(entries, 2) if len(entries) <= MOST_ENTRIES else ():
            text = re.sub(rf"{_first(other)}(?!\w)", _first(one), ast.unparse(other))
            if text != ast.unparse(one):
                yield one, ast.parse(text, mode="eval").body


def _first(entry: ast.expr) -> str:
    """Return the first name, attribute or key in an entry that computes something; "" if there is none."""
    named = (
        re.match(r"\(?(?:\w+\.|\w+\[')?([A-Za-z_]\w*)", ast.unparse(entry)) if isinstance(entry, ast.BinOp) else None
    )
    return named[1] if named else ""


def missing(
    statement: ast.stmt, root: ast.AST, module: ast.Module
) -> Iterator[tuple[ast.stmt, Sequence[tuple[ast.stmt, bool]]]]:
    """Yield the statement in the names of each neighbouring layer if nothing assigns its target there, and its places.

    A place is another statement, and whether it belongs after that: first after the counterpart of the statement before
    this one, then beside this one, as layers come in ascending or descending order.
    """
    text = _target(statement)
    if not _NUMBER.search(text):
        return
    given = {ast.unparse(node) for node in ast.walk(root) if isinstance(getattr(node, "ctx", None), ast.Store)}
    known = set(_names(module))
    sisters = [node for node in ast.walk(root) if isinstance(node, ast.stmt) and distance(text, _target(node))]
    rising = all((distance(text, _target(node)) > 0) == (node.lineno > statement.lineno) for node in sisters)
    for by in (-1, 1):
        made = moved(statement, by)
        if made is None or _target(made) in given:
            continue
        if all(one in known or not _NUMBER.search(one) for one in _names(made)):
            before = before_counterpart(statement, root, by)
            places = [(before, True)] if before is not None else []
            behind = (by > 0) == rising
            yield made, [*places, (statement, behind), (statement, not behind)]


def before_counterpart(statement: ast.stmt, root: ast.AST, by: int, never: Collection[int] = ()) -> ast.stmt | None:
    """Return the statement after which another layer's counterpart of this one belongs.

    It assigns there what the statement before this one assigns here: where dW2 follows dZ2, dW1 follows dZ1. Neither is
    on one of the lines `never`.
    """
    blocks = [body for node in ast.walk(root) if isinstance(body := getattr(node, "body", None), list)]
    blocks = [[node for node in body if isinstance(node, ast.stmt) and node.lineno not in never] for body in blocks]
    pairs = [pair for body in blocks for pair in itertools.pairwise(body)]
    meant = next((renumbered(_target(before), by) for before, after in pairs if after is statement), "")
    return next((node for body in blocks for node in body if meant and _target(node) == meant), None)


def _names(node: ast.AST) -> Iterator[str]:
    """Yield the names, attributes and strings in a node."""
    for part in ast.walk(node):
        text = getattr(part, "id", getattr(part, "attr", getattr(part, "value", None)))
        if isinstance(part, ast.Name | ast.Attribute | ast.Constant) and isinstance(text, str):
            yield text


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


def distance(one: str, other: str) -> int:
    """Return the shift of the layer numbers that turns one name into the other; 0 if there is none."""
    numbers = [_NUMBER.findall(text) for text in (one, other)]
    if one == other or _NUMBER.sub("#", one) != _NUMBER.sub("#", other):
        return 0
    steps = {int(b) - int(a) for a, b in zip(*numbers, strict=True)}
    return steps.pop() if len(steps) == 1 else 0


def renumbered(name: str, by: int) -> str:
    """Return a name with its layer numbers shifted."""
    return _NUMBER.sub(lambda number: str(int(number[0]) + by), name)
