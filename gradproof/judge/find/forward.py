"""The forward pass that a program runs before a loop and again at the end of each turn, so that one turn uses two.

It is run once more at the beginning of the turn, where it gives the same numbers, so that a turn is a whole step.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace

from gradproof.judge.find.explore import Explored, explore
from gradproof.judge.find.program import Program, copied, names_in, statements, updated
from gradproof.judge.find.roles import named_as_cost
from gradproof.judge.find.scenes import FORWARD, own_example

_HARMLESS = {"print", "append", "format", "join"}


def with_forward_passes(program: Program) -> Program:
    """Return the program in which each turn of a loop begins with the forward pass that the last one ended with."""
    if not any(_carried(*there) for there in _loops(program.tree)):
        return program
    tree = copied(program.tree)
    for before, loop in _loops(tree):
        loop.body[:0] = [copied(node) for node in _carried(before, loop)]
    return replace(program, tree=tree, added=f"{program.added} forward")


def with_fixed_passes(program: Program) -> tuple[Explored | None, str]:
    """Explore the program's own example, in which what each turn leaves for the next one is held fixed.

    Return it, or None if no step is found, and the names of what is held.
    """
    scene = own_example(program).scene
    carried = {loop.lineno: nodes for before, loop in _loops(program.tree) if (nodes := _carried(before, loop))}
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


def _carried(before: Sequence[ast.stmt], loop: ast.For | ast.While) -> list[ast.stmt]:
    """Return the statements that run before a loop and again in its turns, after what they depend on has changed.

    Nothing may change what they read after either run, or their second run would not be the first of the next turn.
    """
    last = {ast.unparse(node): place for place, node in enumerate(loop.body)}
    found: list[ast.stmt] = []
    for place, node in enumerate(before):
        again = last.get(ast.unparse(node), 0)
        if again and _is_forward_pass(node):
            between = [other for other in before[place + 1 :] if ast.unparse(other) not in last]
            if not any(names_in(node) & _changed(other) for other in (*between, *loop.body[again + 1 :])):
                found.append(node)
    results = set[str]().union(*(_changed(node) for node in found))
    texts = {ast.unparse(node) for node in found}
    first = next((place for place, node in enumerate(loop.body) if ast.unparse(node) in texts), 0)
    used = set[str]().union(*(names_in(node) for node in loop.body[:first]))
    return found if results & used or any(isinstance(node, ast.Expr) for node in found) else []


def _is_forward_pass(node: ast.stmt) -> bool:
    """Whether a statement may be a part of one: a plain assignment, or a call that is named like one."""
    if isinstance(node, ast.Assign):
        return not updated(node)
    name = _called(node)
    return bool(name and FORWARD.search(name))


def _called(node: ast.stmt) -> str:
    """Return the last name of what a statement calls for its effect, or ""."""
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        return ""
    return ast.unparse(node.value.func).rpartition(".")[2]


def _changed(node: ast.stmt) -> set[str]:
    """Return the names whose values a statement may change, without those that it calls a cost."""
    found = set[str]()
    for part in (node, *statements(node)):
        if isinstance(part, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.For):
            targets = part.targets if isinstance(part, ast.Assign) else [part.target]
            for target in targets:
                if not named_as_cost(ast.unparse(target)):
                    found |= names_in(target)
        elif isinstance(part, ast.stmt) and _called(part) not in _HARMLESS:
            found |= names_in(part) if isinstance(part, ast.Expr) else set()
    return found
