"""Where the array that a function returns is computed: the line that last stores in it, not the return."""

import ast
import re

from gradproof.judge.lines.edits import enclosing
from gradproof.judge.lines.labels import Located

MOST = 2  # other lines to report


def at_store(tree: ast.Module, located: Located) -> Located:
    """Move the place of a returned name to the last statement that assigns elements of it or updates it."""
    around = enclosing(tree, located.line)
    if not around or not isinstance(around[-1], ast.Return) or around[-1].value is None:
        return located
    functions = [node for node in around if isinstance(node, ast.FunctionDef)]
    name = _returned(around[-1].value, located.name)
    stores = [node.lineno for node in ast.walk(functions[-1]) if _stores_in(node, name)] if functions else []  # type: ignore[attr-defined]
    if not stores:
        return located
    line = max(stores)
    others = [other for other in (located.line, *located.others) if other != line]
    return located._replace(line=line, name=name, kind="assigned", others=others[:MOST])


def _returned(value: ast.expr, said: str) -> str:
    """Return the name that is returned, also as an entry of a tuple such as f[1]; "" if it has none."""
    index = re.search(r"\[(\d+)\]$", said)
    if index and isinstance(value, ast.Tuple | ast.List) and int(index[1]) < len(value.elts):
        value = value.elts[int(index[1])]
    return value.id if isinstance(value, ast.Name) else ""


def _stores_in(node: ast.AST, name: str) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
    for target in targets:
        base = target.value if isinstance(target, ast.Subscript) else target
        inside = isinstance(target, ast.Subscript) or isinstance(node, ast.AugAssign)
        if name and inside and isinstance(base, ast.Name) and base.id == name:
            return True
    return False
