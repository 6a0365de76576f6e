"""The forward pass that a program runs before a loop and again at the end of each turn, so that one turn uses two.

It is run once more at the beginning of the turn, where it gives the same numbers, so that a turn is a whole step.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from gradproof.judge.find.explore import Explored, explore
from gradproof.judge.find.program import Program, copied, names_in, statements, updated
from gradproof.judge.find.roles import named_as_cost
from gradproof.judge.find.scenes import FORWARD, own_example

_PURE = re.compile(
    r"(?:np|numpy|math|time|os|json)\.(?!random)[\w.]+|print|len|sum|float|int|str|abs|round|max|min|range|enumerate|zip|"
    r"list|tuple|dict|set|isinstance|sorted|any|all|"
    r"(?:.*\.)?(?:append|format|join|copy|mean|std|sum|max|min|dot|item|tolist|astype|flatten|ravel|reshape|argmax|info|debug|write|flush|get)"
)  # calls that change nothing that a forward pass reads
_TAKES = re.compile(r"\brandom\b|\brng\b|\brand|(?:^|\.)next$")
_REPORTS = re.compile(r"accura|predict|score|evaluat|metric|plot|report|log_|history|show|display", re.IGNORECASE)
_TOTALS = re.compile(r"total|sum|count|correct|hits|epoch|step|iter|loss|cost|err", re.IGNORECASE)


def with_forward_passes(program: Program) -> Program:
    """Return the program in which each turn of a loop begins with the forward pass that the last one ended with."""
    if not any(_carried(program.tree, *there) for there in _loops(program.tree)):
        return program
    tree = copied(program.tree)
    for before, loop in _loops(tree):
        loop.body[:0] = [copied(node) for node in _carried(tree, before, loop)]
    return replace(program, tree=tree, added=f"{program.added} forward")


def with_fixed_passes(program: Program) -> tuple[Explored | None, str]:
    """Explore the program's own example, in which what each turn leaves for the next one is held fixed.

    Return it, or None if no step is found, and the names of what is held.
    """
    scene = own_example(program).scene
    carried = {
        loop.lineno: nodes for before, loop in _loops(program.tree) if (nodes := _carried(program.tree, before, loop))
    }
    loops = (scene.loop(number) for number in range(len(scene.code()[1])))
    explored = explore(scene, apart=[n for n, loop in enumerate(loops) if loop is not None and loop.lineno in carried])
    assigned = (node for nodes in carried.values() for node in nodes if isinstance(node, ast.Assign))
    names = ", ".join(ast.unparse(target) for node in assigned for target in node.targets)
    return explored if explored.step else None, names


def _loops(tree: ast.AST) -> Iterator[tuple[Sequence[ast.stmt], ast.For | ast.While]]:
    """Yield each loop with the statements before it in its block."""
    for holder in (tree, *statements(tree)):
        for block in (getattr(holder, name, []) for name in ("body", "orelse")):
            for place, node in enumerate(block):
                if isinstance(node, ast.For | ast.While):
                    yield block[:place], node


def _carried(tree: ast.AST, before: Sequence[ast.stmt], loop: ast.For | ast.While) -> list[ast.stmt]:
    """Return the statements that run before a loop and again in its turns, after what they depend on has changed.

    Nothing may change what they read after either run, or their second run would not be the first of the next turn.
    """
    last = {ast.unparse(node): place for place, node in enumerate(loop.body)}
    there = {ast.unparse(node): place for place, node in enumerate(before)}
    turn = names_in(loop.target) if isinstance(loop, ast.For) else set[str]()
    found: list[ast.stmt] = []
    for place, node in enumerate(before):
        again = last.get(ast.unparse(node), 0)
        if not again or not _is_forward_pass(node) or (read := _read(tree, node)) & turn:
            continue
        others = [other for other in before[place + 1 :] if ast.unparse(other) not in last]
        others += [other for other in loop.body[again + 1 :] if there.get(ast.unparse(other), -1) <= place]
        own = _assigned(node) & names_in(node.value) if isinstance(node, ast.Assign) else set[str]()
        begun = set[str]().union(*map(_assigned, found))  # again, so that `a = f(a)` does not go on from the last turn
        if own <= begun and all(_keeps(other, read) for other in others):
            found.append(node)
    texts = {ast.unparse(node) for node in found}
    left = [node for node in loop.body if ast.unparse(node) in there and ast.unparse(node) not in texts]
    changed = set[str]().union(*map(_assigned, left))
    found = [node for node in found if _read(tree, node).isdisjoint(changed)]
    texts = {ast.unparse(node) for node in found}
    results = set[str]().union(*(names_in(target) for node in found for target in _targets(node)))
    first = next((place for place, node in enumerate(loop.body) if ast.unparse(node) in texts), 0)
    used = set[str]().union(*(names_in(node) for node in loop.body[:first]))
    return found if results & used or any(isinstance(node, ast.Expr) for node in found) else []


def _is_forward_pass(node: ast.stmt) -> bool:
    """Whether a statement may be a part of one: a plain assignment, or a call that is named like one.

    What draws a number or takes the next example would give another one if it ran again.
    """
    if isinstance(node, ast.Assign):
        goes_on = updated(node) and not _assigned(node)  # of names this depends on what runs before
        return not goes_on and not any(_TAKES.search(text) for text in _calls(node))
    called = _calls(node)[-1:] if isinstance(node, ast.Expr) else []
    return any(FORWARD.search(text.rpartition(".")[2]) for text in called)


def _calls(node: ast.AST) -> list[str]:
    """Return what a statement calls, the outermost call last."""
    return [ast.unparse(part.func) for part in ast.walk(node) if isinstance(part, ast.Call)][::-1]


def _assigned(node: ast.AST) -> set[str]:
    """Return the names that a statement assigns by themselves."""
    parts = [part for target in _targets(node) for part in ast.walk(target)]
    return {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


def _targets(node: ast.AST) -> list[ast.expr]:
    """Return what a statement assigns."""
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, ast.AugAssign | ast.AnnAssign | ast.For) else []


def _read(tree: ast.AST, node: ast.AST) -> set[str]:
    """Return the names that a statement reads, also in the functions that it calls."""
    functions = {part.name: part for part in ast.walk(tree) if isinstance(part, ast.FunctionDef)}
    waiting, read, seen = [node], set[str](), set[str]()
    while waiting:
        one = waiting.pop()
        read |= names_in(one)
        called = {text.rpartition(".")[2] for text in _calls(one)} & functions.keys() - seen
        seen |= called
        waiting += [functions[name] for name in called]
    return read


def _keeps(node: ast.stmt, read: set[str]) -> bool:
    """Whether a statement leaves what these names hold as it is, as far as can be seen."""
    for text in _calls(node):
        name = text.rpartition(".")[2]
        makes = name[:1].isupper()  # an object
        if not (_PURE.fullmatch(text) or makes or named_as_cost(name) or _REPORTS.search(name) or FORWARD.search(name)):
            return False
    for part in (node, *statements(node)):
        if isinstance(part, ast.Delete | ast.Global):
            return False
        for target in _targets(part):
            text = ast.unparse(target)
            if isinstance(target, ast.Name | ast.Tuple) and names_in(target) & read:
                return False
            if not isinstance(target, ast.Name | ast.Tuple) and not _TOTALS.search(text.rpartition(".")[2]):
                return False
            if isinstance(part, ast.AugAssign) and not (_TOTALS.search(text) or isinstance(part.value, ast.Constant)):
                return False
    return True
