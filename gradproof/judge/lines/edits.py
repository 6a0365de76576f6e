"""Small edits of a statement: what a person may have written in place of what was meant, undone.

Each is made in the syntax tree, runs, and is undone again; what stands where it was says what kind of slip it mends.
"""

import ast
import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from gradproof.judge.find.program import copied, statements
from gradproof.judge.lines.counterparts import counterparts, missing
from gradproof.judge.lines.names import NAMES
from gradproof.judge.lines.slips import slips, unplaced
from gradproof.judge.lines.words import Words


class Edit(NamedTuple):
    """One node of the tree for another."""

    kind: str  # of the slip that it mends
    old: ast.AST
    new: ast.AST
    statement: ast.stmt  # in which it is
    tier: int = 0  # how unlikely it is
    said: str = ""  # in place of the new statement

    def correction(self) -> str:
        """The statement as it should be; the edit must be in the tree."""
        return self.said or written(self.new if self.old is self.statement else self.statement)


def written(statement: ast.AST) -> str:
    if isinstance(statement, ast.For | ast.While | ast.If):
        return ast.unparse(statement).splitlines()[0]
    return " ".join(ast.unparse(statement).split())


class Place(NamedTuple):
    """Where a node hangs."""

    parent: ast.AST
    field: str
    number: int | None


def places_of(tree: ast.AST) -> dict[ast.AST, Place]:
    found: dict[ast.AST, Place] = {}
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if isinstance(value, ast.AST):
                found[value] = Place(parent, field, None)
            elif isinstance(value, list):
                found |= {item: Place(parent, field, k) for k, item in enumerate(value) if isinstance(item, ast.AST)}
    return found


@contextmanager
def applied(edit: Edit, places: dict[ast.AST, Place]) -> Iterator[None]:
    """The tree with the edit in it, as long as this lasts."""
    place = places[edit.old]
    for part in ast.walk(edit.new):
        if isinstance(part, ast.expr | ast.stmt) and not hasattr(part, "lineno"):
            ast.copy_location(part, edit.old)
    holder = getattr(place.parent, place.field)
    try:
        if place.number is None:
            setattr(place.parent, place.field, edit.new)
        else:
            holder[place.number] = edit.new
        yield
    finally:
        if place.number is None:
            setattr(place.parent, place.field, edit.old)
        else:
            holder[place.number] = edit.old


def edits(statement: ast.stmt, words: Words, factors: bool = True) -> list[Edit]:
    """The edits of one statement, the likeliest first; those of factors that may be missing, if they are asked for."""
    found: dict[tuple[int, str], Edit] = {}
    before: dict[int, str] = {}
    for tier, kind, old, new in sorted(slips(statement, words, factors), key=lambda slip: slip.tier):
        was = before.get(id(old)) or before.setdefault(id(old), ast.dump(old))
        if was != (now := ast.dump(new)):
            found.setdefault((id(old), now), Edit(kind, old, new, statement, tier))
    return list(found.values())


def as_elsewhere(statement: ast.stmt, root: ast.AST) -> list[Edit]:
    """The value that the statement has in other layers, in its own names."""
    value, found = getattr(statement, "value", None), dict[str, Edit]()
    for new in counterparts(statement, root) if isinstance(value, ast.expr) else ():
        if isinstance(value, ast.expr) and ast.dump(new) != ast.dump(value):
            found.setdefault(ast.dump(new), Edit("counterpart", value, unplaced(new), statement))
    return list(found.values())


def as_missing(statement: ast.stmt, root: ast.AST, module: ast.Module) -> list[Edit]:
    """The statement of another layer, behind this one or before it, where that layer has none."""
    found = []
    for new, behind in missing(statement, root, module):
        text = written(new)
        unplaced(new)
        for after in (behind, not behind):
            both = ast.If(ast.Constant(True), [statement, new] if after else [new, statement], [])
            said = f"{text}, {'after' if after else 'before'} line {statement.lineno}"
            found.append(Edit("missing statement", statement, both, statement, 0, said))
    return found


def as_sums(statement: ast.stmt, kind: ast.AST) -> list[Edit]:
    """What an engine gives an attribute inside the functions of its operations, added up everywhere: x is used twice in
    x·x, and its gradient is the sum."""
    target = statement.targets[0] if isinstance(statement, ast.Assign) else None
    inner = [part for node in statements(kind) for part in statements(node) if isinstance(node, ast.FunctionDef)]
    inside = [part for node in inner if isinstance(node, ast.FunctionDef) for part in statements(node)]
    alike = [
        node
        for node in inside
        if isinstance(node, ast.Assign) and isinstance(target, ast.Attribute) and len(node.targets) == 1
        if isinstance(node.targets[0], ast.Attribute) and node.targets[0].attr == target.attr
    ]
    if len(alike) < 2 or not any(node is statement for node in alike):
        return []
    new = copied(kind)
    for node in (node for node in ast.walk(new) if hasattr(node, "body") and isinstance(node.body, list)):
        node.body = [_added(part) if _is_among(part, alike) else part for part in node.body]
    first, *rest = sorted(alike, key=lambda node: node.lineno)
    said = f"{written(_added(first))}, and the same in line{'s' * (len(rest) > 1)} {_listed(rest)}"
    return [Edit("overwrites", kind, new, first, 0, said)]


def _added(node: Any) -> ast.AugAssign:
    return ast.copy_location(ast.AugAssign(node.targets[0], ast.Add(), node.value), node)


def _is_among(part: ast.AST, nodes: Sequence[ast.Assign]) -> bool:
    """Whether it is a copy of one of these statements."""
    return isinstance(part, ast.Assign) and any(
        (part.lineno, part.col_offset) == (node.lineno, node.col_offset) for node in nodes
    )


def _listed(nodes: Sequence[ast.stmt]) -> str:
    *before, last = [str(node.lineno) for node in nodes]
    return f"{', '.join(before)} and {last}" if before else last


def as_slip(edit: Edit, words: Words, places: dict[ast.AST, Place]) -> Edit:
    """Of a counterpart the slip of the hand that it undoes, if it is one."""
    if edit.kind != "counterpart":
        return edit
    with applied(edit, places):
        meant = written(edit.statement)
    for slip in edits(edit.statement, words):
        if slip.old in places:
            with applied(slip, places):
                if written(slip.new if slip.old is slip.statement else slip.statement) == meant:
                    return slip
    return edit


def moves(body: ast.AST, statement: ast.stmt) -> Iterator[Edit]:
    """What stands before the statement behind it, and the statement earlier or later among its neighbours."""
    field = next((f for f in ("body", "orelse") if any(part is statement for part in getattr(body, f, ()))), "")
    if not field:
        return
    parts = getattr(body, field)
    here = next(k for k, part in enumerate(parts) if part is statement)
    for there in reversed(range(max(0, here - 8), here)):
        yield _moved(body, field, there, here)
    for there in sorted(range(max(0, here - 8), min(len(parts), here + 9)), key=lambda k: abs(k - here)):
        if there != here:
            yield _moved(body, field, here, there)


def _moved(body: ast.AST, field: str, here: int, there: int) -> Edit:
    parts = getattr(body, field)
    rest = [*parts[:here], *parts[here + 1 :]]
    rest.insert(there, parts[here])
    new = copy.copy(body)
    setattr(new, field, rest)
    where = f"{'before' if there < here else 'after'} line {parts[there].lineno}"
    return Edit("order of statements", body, new, parts[here], 0, f"{written(parts[here])}, {where}")


def name_of(edit: Edit) -> str:
    """The slip that an edit mends."""
    return NAMES[edit.kind]


def enclosing(tree: ast.AST, line: int) -> list[Any]:
    """The nodes of statements around a line, the outermost first."""
    found = []
    for node in statements(tree):
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            found.append(node)
    return sorted(found, key=lambda node: (node.lineno, -(node.end_lineno or 0)))
