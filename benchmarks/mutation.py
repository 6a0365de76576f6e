"""Make small changes in a program's syntax tree, which survive reformatting and renaming of variables.

A pattern is Python in which a single capital letter stands for any expression or, alone on its line, for any statement.
The same letter twice stands for the same code twice, and `*R` as the last argument of a call for all other arguments:
`rewrite("yield A('BP3', *R)", …)`. Patterns should be anchored in widely known names – functions, attributes,
constants – and not in the variables of one function.
"""

import ast
import copy
from collections.abc import Callable, Iterator

Found = dict[str, object]
Change = Callable[[ast.AST], ast.AST]  # of a function, a class or a whole file


class LostError(Exception):
    """The place of a change is not there, or is there more than once."""


def rewrite(old: str, new: str, occurrence: int | None = None) -> Change:
    """Return the change of one expression or statement into another, or of a statement into several or `pass`.

    If `old` is there more than once, `occurrence` says which one is meant, counted from 0.
    """
    (pattern,), result = ast.parse(old).body, ast.parse(new).body
    if all(isinstance(part, ast.Expr) and not isinstance(part.value, ast.Yield) for part in (pattern, *result)):
        pattern = pattern.value  # an expression, wherever it stands

    def change(tree: ast.AST) -> ast.AST:
        matches = [(node, found) for node in _walked(tree) if (found := {}) is not None and _fits(pattern, node, found)]
        if not matches or (occurrence is None and len(matches) > 1) or (occurrence or 0) >= len(matches):
            raise LostError(f"{old!r} is there {len(matches)} times")
        node, found = matches[occurrence or 0]
        if isinstance(node, ast.stmt):
            return _Replaced(node, [_filled(each, found) for each in result]).visit(tree)
        (only,) = result
        return _Replaced(node, _filled(only.value, found)).visit(tree)

    return change


def drop(statement: str, occurrence: int | None = None) -> Change:
    return rewrite(statement, "pass", occurrence)


def never(condition: str, occurrence: int | None = None) -> Change:
    return rewrite(condition, "False", occurrence)


def always(condition: str, occurrence: int | None = None) -> Change:
    return rewrite(condition, "True", occurrence)


def empty() -> Change:
    """Return the change that makes a function do nothing."""

    def change(tree: ast.AST) -> ast.AST:
        assert isinstance(tree, ast.FunctionDef)
        tree.body = [ast.Pass()]
        return tree

    return change


def mutated(source: str, where: str, change: Change) -> str:
    """Return the source with the change in `where`, or anywhere if that is ""; raise LostError if it does not fit."""
    tree = ast.parse(source)
    place = found(tree, where)
    before = ast.dump(place)
    change(place)
    if ast.dump(place) == before:
        raise LostError("nothing is changed")
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def found(tree: ast.AST, where: str) -> ast.AST:
    """Return the function or class of that dotted name; raise LostError if there is none."""
    for name in where.split(".") if where else []:
        inside = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef) and n.name == name]
        if not inside:
            raise LostError(f"there is no {where}")
        tree = inside[0]
    return tree


def _walked(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every node, in the order of the source."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        yield from _walked(child)


def _wild(node: object) -> str:
    return node.id if isinstance(node, ast.Name) and len(node.id) == 1 and node.id.isupper() else ""


def _rest(node: object) -> str:
    """Return the R of a call (…, *R), or ""."""
    starred = isinstance(node, ast.Call) and node.args and isinstance(node.args[-1], ast.Starred)
    return _wild(node.args[-1].value) if starred else ""


def _fits(pattern: object, node: object, found: Found) -> bool:
    """Whether the node matches the pattern; put what its letters stand for into `found`."""
    if name := _wild(pattern.value if isinstance(pattern, ast.Expr) else pattern):
        if not isinstance(node, ast.stmt if isinstance(pattern, ast.Expr) else ast.expr):
            return False
        before = found.setdefault(name, node)
        return before is node or ast.unparse(before) == ast.unparse(node)
    if type(pattern) is not type(node):
        return False
    if isinstance(pattern, list):
        return len(pattern) == len(node) and all(_fits(*pair, found) for pair in zip(pattern, node, strict=True))
    if (name := _rest(pattern)) and isinstance(node, ast.Call):
        given = len(pattern.args) - 1
        found[name] = node.args[given:], node.keywords
        return _fits([pattern.func, pattern.args[:-1]], [node.func, node.args[:given]], found)
    if isinstance(pattern, ast.ExceptHandler) and pattern.name and node.name:
        found[pattern.name] = ast.Name(node.name)
        return _fits([pattern.type, pattern.body], [node.type, node.body], found)
    if isinstance(pattern, ast.AST):
        fields = [field for field in pattern._fields if field not in ("ctx", "kind", "type_comment")]
        return all(_fits(getattr(pattern, field), getattr(node, field), found) for field in fields)
    return pattern == node


def _filled(node: ast.AST, found: Found) -> ast.AST:
    """Return a copy of the node with its letters replaced by what they stand for."""

    class Filled(ast.NodeTransformer):
        def visit_Expr(self, node: ast.Expr) -> ast.AST:
            whole = found.get(_wild(node.value))
            return copy.deepcopy(whole) if isinstance(whole, ast.stmt) else self.generic_visit(node)

        def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
            if node.name in found:
                node.name = found[node.name].id
            return self.generic_visit(node)

        def visit_Name(self, node: ast.Name) -> ast.AST:
            return copy.deepcopy(found.get(_wild(node), node))

        def visit_Call(self, node: ast.Call) -> ast.AST:
            if name := _rest(node):
                args, keywords = copy.deepcopy(found[name])
                node = ast.Call(node.func, [*node.args[:-1], *args], [*node.keywords, *keywords])
            return self.generic_visit(node)

    return Filled().visit(copy.deepcopy(node))


class _Replaced(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST | list[ast.AST]) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> object:
        return self.new if node is self.old else self.generic_visit(node)
