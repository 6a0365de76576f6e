"""Small edits of a statement, each of which undoes a slip that its author may have made.

An edit is made in the syntax tree, run, and undone again. Its kind says what slip it mends.
"""

import ast
import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from gradproof.judge.find.program import copied, statements
from gradproof.judge.lines.counterparts import counterparts, entry_counterparts, missing
from gradproof.judge.lines.names import NAMES
from gradproof.judge.lines.slips import slips, unplaced
from gradproof.judge.lines.words import Words


class Edit(NamedTuple):
    """The replacement of one node of the tree by another."""

    kind: str  # of the slip that it mends
    old: ast.AST
    new: ast.AST
    statement: ast.stmt  # that contains the node
    tier: int = 0  # 0 is the likeliest
    said: str = ""  # the correction in words, if the new statement would not do

    def correction(self) -> str:
        """Return the statement as it should be; the edit must be in the tree."""
        return self.said or written(self.new if self.old is self.statement else self.statement)


def written(statement: ast.AST) -> str:
    if isinstance(statement, ast.For | ast.While | ast.If):
        return ast.unparse(statement).splitlines()[0]
    return " ".join(ast.unparse(statement).split())


class Place(NamedTuple):
    """Where a node hangs in the tree."""

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
    """Keep the edit in the tree for the duration of the context."""
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
    """Return the edits of one statement, likeliest first; `factors` adds those that put in what may be missing."""
    found: dict[tuple[int, str], Edit] = {}
    before: dict[int, str] = {}
    for tier, kind, old, new in sorted(slips(statement, words, factors), key=lambda slip: slip.tier):
        was = before.get(id(old)) or before.setdefault(id(old), ast.dump(old))
        if was != (now := ast.dump(new)):
            found.setdefault((id(old), now), Edit(kind, old, new, statement, tier))
    return list(found.values())


def as_elsewhere(statement: ast.stmt, root: ast.AST) -> list[Edit]:
    """Return the edits that give the statement its value from other layers or entries, in its own names."""
    value, found = getattr(statement, "value", None), dict[str, Edit]()
    for new in counterparts(statement, root) if isinstance(value, ast.expr) else ():
        if isinstance(value, ast.expr) and ast.dump(new) != ast.dump(value):
            found.setdefault(ast.dump(new), Edit("counterpart", value, unplaced(new), statement))
    for old, new in entry_counterparts(statement):
        found.setdefault(f"{id(old)} {ast.dump(new)}", Edit("counterpart", old, unplaced(new), statement))
    return list(found.values())


def as_missing(statement: ast.stmt, root: ast.AST, module: ast.Module) -> list[Edit]:
    """Return the edits that add the statement of a layer that has none, where it belongs."""
    found = []
    for new, places in missing(statement, root, module):
        text = written(new)
        unplaced(new)
        for old, after in places:
            both = ast.If(ast.Constant(True), [old, new] if after else [new, old], [])
            said = f"{text}, {'after' if after else 'before'} line {old.lineno}"
            found.append(Edit("missing statement", old, both, old, 0, said))
    return found


def as_sums(statement: ast.stmt, kind: ast.AST) -> list[Edit]:
    """Return the edit that makes an engine's operations add to an attribute, such as grad, instead of overwriting it.

    x is used twice in x·x, so its gradient is a sum. The edit covers all such assignments in functions inside the
    methods of a class, among them the statement; others may already add.
    """
    target = statement.targets[0] if isinstance(statement, ast.Assign) else None
    inner = [part for node in statements(kind) for part in statements(node) if isinstance(node, ast.FunctionDef)]
    inside = [part for node in inner if isinstance(node, ast.FunctionDef) for part in statements(node)]
    alike = [
        node
        for node in inside
        if isinstance(node, ast.Assign) and isinstance(target, ast.Attribute) and len(node.targets) == 1
        if isinstance(node.targets[0], ast.Attribute) and node.targets[0].attr == target.attr
    ]
    adding = [node.target for node in inside if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add)]
    adding = [node for node in adding if isinstance(node, ast.Attribute) and node.attr == getattr(target, "attr", "")]
    if len(alike) + len(adding) < 2 or not any(node is statement for node in alike):
        return []
    new = copied(kind)
    for node in (node for node in ast.walk(new) if hasattr(node, "body") and isinstance(node.body, list)):
        node.body = [_added(part) if _is_among(part, alike) else part for part in node.body]
    first, *rest = sorted(alike, key=lambda node: node.lineno)
    said = written(_added(first))
    said += f", and the same in line{'s' * (len(rest) > 1)} {_listed(rest)}" if rest else ""
    return [Edit("overwrites", kind, new, first, 0, said)]


def _added(node: Any) -> ast.AugAssign:
    return ast.copy_location(ast.AugAssign(node.targets[0], ast.Add(), node.value), node)


def _is_among(part: ast.AST, nodes: Sequence[ast.Assign]) -> bool:
    """Whether a node is a copy of one of these statements."""
    return isinstance(part, ast.Assign) and any(
        (part.lineno, part.col_offset) == (node.lineno, node.col_offset) for node in nodes
    )


def _listed(nodes: Sequence[ast.stmt]) -> str:
    *before, last = [str(node.lineno) for node in nodes]
    return f"{', '.join(before)} and {last}" if before else last


def as_slip(edit: Edit, words: Words, places: dict[ast.AST, Place]) -> Edit:
    """Return the slip that does the same as a counterpart edit, if there is one; else the edit itself."""
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
    """Yield edits that move an earlier neighbour behind the statement, then the statement up or down."""
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
    """Return the words for the slip that an edit mends."""
    return NAMES[edit.kind]


def enclosing(tree: ast.AST, line: int) -> list[Any]:
    """Return the statements around a line, outermost first."""
    found = []
    for node in statements(tree):
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            found.append(node)
    return sorted(found, key=lambda node: (node.lineno, -(node.end_lineno or 0)))
