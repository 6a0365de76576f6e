"""Takes a loop apart in which several steps follow each other, as those of a GAN's two networks do."""

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from gradproof.judge.find.exploration import Explored, explore
from gradproof.judge.find.own_cost import with_own_cost
from gradproof.judge.find.program import Program, copied, names_in, statements
from gradproof.judge.find.scenes import UPDATE, own_example

MOST = 4  # steps of a loop
SECONDS = 3.0
_PART = "_gradproof_part"
_STEP = re.compile(rf"{UPDATE.pattern}|train|sgd|adam|step|fit", re.IGNORECASE)


def substeps(explored: Explored) -> list[Explored]:
    """Return the steps that one turn of a loop takes one after the other; [] if they cannot be told apart.

    Each becomes a loop of one turn, without a change of what the program does. The program's own cost is computed with
    each if it has one that takes the same arguments as its gradient.
    """
    step = explored.step
    loop = explored.scene.loop(step.where) if step is not None and step.kind == "turn" else None
    if step is None or loop is None or not explored.scene.whole:
        return []
    roots = {re.split(r"[.\[]", path, maxsplit=1)[0] for path in step.parameters}
    called = {ast.unparse(part.func).rpartition(".")[2] for part in ast.walk(loop) if isinstance(part, ast.Call)}
    functions = [node for node in ast.walk(explored.scene.program.tree) if isinstance(node, ast.FunctionDef)]
    for holder in (loop, *(node for node in functions if node.name in called)):
        own = roots if holder is loop else {argument.arg for argument in holder.args.args}  # type: ignore[union-attr]
        for merged in (False, True):  # several statements may be one update
            if found := _explored(*_taken_apart(explored.scene.program, holder, own, merged)):
                return found
    return []


def _explored(program: Program, count: int) -> list[Explored]:
    """Return what each of these parts of a program moves; [] if one of them is no step."""
    scene, found = own_example(with_own_cost(program)).scene, list[Explored]()
    parts = [number for number in range(len(scene.code()[1]) if count else 0) if _is_part(scene.loop(number))]
    for place in range(len(parts)):
        part = explore(scene, SECONDS, skipped=[("turn", number) for number in parts[:place]], apart=parts)
        if part.step is None or part.step[:2] != ("turn", parts[place]):
            return []
        found.append(part)
    return found


def _taken_apart(program: Program, holder: ast.stmt, roots: Collection[str], merged: bool) -> tuple[Program, int]:
    """Return the program with a loop around each step in the body of a loop or a function, and their number, or 0."""
    tree = copied(program.tree)
    nodes = (node for node in ast.walk(tree) if isinstance(node, type(holder)))
    own: Any = next(node for node in nodes if node.lineno == holder.lineno)
    parts = list(_parts(own.body, roots, merged, isinstance(own, ast.FunctionDef)))
    leaves = (isinstance(node, ast.Break | ast.Continue) for part in parts for one in part for node in statements(one))
    if not 1 < len(parts) <= MOST or any(leaves):
        return program, 0
    rest = own.body[sum(map(len, parts)) :]
    own.body = [*map(_around, parts), *rest]
    return replace(program, tree=tree, added=f"{program.added} apart{merged}{holder.lineno}"), len(parts)


def _parts(body: list[ast.stmt], roots: Collection[str], merged: bool, calls: bool) -> Iterator[list[ast.stmt]]:
    """Yield the statements up to each update of what these names hold; `merged`: up to the last of several in a row.

    With `calls`, only calls are updates, since a method assigns what it keeps for its backward pass.
    """
    part: list[ast.stmt] = []
    for place, node in enumerate(body):
        part.append(node)
        following = body[place + 1] if merged and place + 1 < len(body) else None
        if _updates(node, roots, calls) and not (following is not None and _updates(following, roots, calls)):
            yield part
            part = []


def _updates(node: ast.stmt, roots: Collection[str], calls: bool) -> bool:
    """Whether a statement changes what one of these names holds, or calls it something like an update."""
    if isinstance(node, ast.Assign | ast.AugAssign) and not calls:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(names_in(target) & {*roots} for target in targets):
            return True
    elif isinstance(node, ast.For):
        return any(_updates(part, roots, calls) for part in node.body)
    called = (part for part in ast.walk(node) if isinstance(part, ast.Call)) if not isinstance(node, ast.If) else ()
    return any(_STEP.search(ast.unparse(call.func)) and names_in(call) & {*roots} for call in called)


def _is_part(loop: ast.stmt | None) -> bool:
    return isinstance(loop, ast.For) and ast.unparse(loop.target) == _PART


def _around(part: list[ast.stmt]) -> ast.stmt:
    loop = ast.For(ast.Name(_PART, ast.Store()), ast.Tuple([ast.Constant(0)], ast.Load()), part, [])
    return ast.fix_missing_locations(ast.copy_location(loop, part[-1]))
