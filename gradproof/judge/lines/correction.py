"""A program with corrections in place of what is wrong."""

import ast
from collections.abc import Sequence
from dataclasses import replace

from gradproof.judge.find.program import Program, copied
from gradproof.judge.lines.repair import Repair


def corrected(program: Program, repairs: Sequence[Repair]) -> Program | None:
    """Return the program with its statements corrected; None without repairs, or if one cannot be put in place."""
    tree = copied(program.tree)
    for repair in repairs:
        if not _replace(tree, repair):
            return None
    return replace(program, tree=tree, text=f"{program.text}# corrected") if repairs else None


def _replace(tree: ast.Module, repair: Repair) -> bool:
    """Put the corrected statement in place; return False unless it is a simple one, and alone on its line."""
    try:
        new = ast.parse(repair.new).body
    except SyntaxError:  # the correction is partly in words, such as where to move a statement
        return False
    places = [
        (body, k)
        for node in ast.walk(tree)
        for body in (getattr(node, name, None) for name in ("body", "orelse", "finalbody"))
        if isinstance(body, list)
        for k, statement in enumerate(body)
        if isinstance(statement, ast.stmt) and statement.lineno == repair.line
    ]
    if len(new) != 1 or len(places) != 1 or hasattr(new[0], "body"):
        return False
    body, k = places[0]
    body[k] = ast.increment_lineno(new[0], repair.line - 1)
    return True
