"""A program with its corrections in the place of what is wrong."""

import ast
from collections.abc import Sequence
from dataclasses import replace

from gradproof.judge.find.program import Program, copied
from gradproof.judge.lines.repair import Repair


def corrected(program: Program, repairs: Sequence[Repair]) -> Program | None:
    """The program with the corrected statements; None where one is no statement that can be put in its place."""
    tree = copied(program.tree)
    for repair in repairs:
        if not _replace(tree, repair):
            return None
    return replace(program, tree=tree, text=f"{program.text}# corrected") if repairs else None


def _replace(tree: ast.Module, repair: Repair) -> bool:
    """Put the corrected statement where it belongs, if it is a single one and alone in its line."""
    try:
        new = ast.parse(repair.new).body
    except SyntaxError:  # words are with it, such as where a statement is to be moved
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
