"""Computes a program's own cost in its step, with the examples of the step.

Many programs compute their cost only for all examples, after an epoch, while each step uses a mini-batch.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from gradproof.judge.find.calls import parameters_of
from gradproof.judge.find.program import Program, assigned, copied, names_in, statements
from gradproof.judge.find.roles import named_as_cost
from gradproof.judge.find.stated import cost_calls, is_costly

_RANDOM = re.compile(r"random|\brng\b|dropout|\brand", re.IGNORECASE)
_GRADIENT = re.compile(r"grad|back|deriv|^d_?(?:loss|cost)", re.IGNORECASE)
_OF = re.compile(r"_?(?:grad|gradient|backward|backprop|deriv|derivative)(?:_of)?_?")
Call = tuple[ast.expr, Sequence[ast.expr], Sequence[ast.keyword]]  # function and arguments


def with_own_cost(program: Program) -> Program:
    """Return the program that computes its cost where its step begins; the same program if that is not possible.

    It is computed before a gradient function with the same arguments is called: `loss(p, X[i], y[i])` before
    `gradient(p, X[i], y[i])`. It is also computed in a loop that takes a part of what it is called with elsewhere:
    `loss(xb, yb)` after `xb, yb = X[i], y[i]`, if there is a call of `loss(X, y)`. A cost that draws random numbers is
    left alone, since it would draw others.
    """
    twins = {name: cost for body in (program.tree.body, *(kind.body for kind in program.classes))
             for name, cost in _twins([node for node in body if isinstance(node, ast.FunctionDef)])}  # fmt: skip
    calls = [call for text in cost_calls(program) if _is_plain(call := ast.parse(text, mode="eval").body)]
    costs = {*twins.values(), *(_name(call.func) for call in calls)}  # type: ignore[attr-defined]
    if not costs or _draws(program, costs):
        return program
    tree, added = copied(program.tree), 0
    for holder in (tree, *statements(tree)):
        for block in (getattr(holder, name, []) for name in ("body", "orelse", "finalbody")):
            for place in reversed(range(len(block))):
                before = [_assigned(call, block[place]) for call in _beside(block[place], twins)]
                found = _of_parts(block[: place + 1], calls) if isinstance(holder, ast.For) else ()
                after = [_assigned(call, block[place]) for call in found if _is_known(call, holder)]
                block[place : place + 1] = [*before, block[place], *after]
                added += len(before) + len(after)
    return replace(program, tree=tree, added=f"{program.added} cost") if added else program


def _twins(functions: Sequence[ast.FunctionDef]) -> list[tuple[str, str]]:
    """Return pairs of names: of a gradient function, and of a cost that takes the same arguments."""
    takes = {node.name: tuple(name for name, _ in parameters_of(node, False)) for node in functions}
    likely = [name for name, names in takes.items() if len(names) > 1 and named_as_cost(name)]
    costs = {takes[name]: name for name in likely if name.startswith("d_")}  # such as a discriminator's, with d_grads
    costs |= {takes[name]: name for name in takes if len(takes[name]) > 1 and is_costly(name)}
    costs |= {
        names: name
        for name, names in takes.items()
        if len(names) > 1
        for other in takes
        if takes[other] == names and _OF.sub("", other) == name != other
    }  # such as energy and energy_grad
    gradients = [name for name, names in takes.items() if _GRADIENT.search(name) and costs.get(names, name) != name]
    return [(name, costs[takes[name]]) for name in gradients]


def _is_plain(call: ast.expr) -> bool:
    """Whether this is a call with at least two variables and nothing else."""
    if not isinstance(call, ast.Call) or call.keywords:
        return False
    return len(call.args) > 1 and all(isinstance(argument, ast.Name) for argument in call.args)


def _beside(node: ast.stmt, twins: Mapping[str, str]) -> Iterator[Call]:
    """Yield the costs whose gradient functions a statement calls, with the same arguments."""
    for part in ast.walk(node) if isinstance(node, ast.Assign | ast.AugAssign | ast.Expr) else ():
        if not isinstance(part, ast.Call) or any(isinstance(one, ast.Call) for a in part.args for one in ast.walk(a)):
            continue
        if cost := twins.get(_name(part.func)):
            function = copied(part.func)
            setattr(function, "attr" if isinstance(function, ast.Attribute) else "id", cost)
            yield function, part.args, part.keywords


def _of_parts(begun: Sequence[ast.stmt], calls: Sequence[ast.expr]) -> Iterator[Call]:
    """Yield the costs of the mini-batch that the last of these statements of a loop completes."""
    parts: dict[str, str] = {}  # by array, the name of its part
    for place, node in enumerate(begun):
        for target, value in assigned(node) if isinstance(node, ast.Assign) else ():
            whole = value.value if isinstance(value, ast.Subscript) else None
            if isinstance(whole, ast.Name) and isinstance(target, ast.Name):
                parts[whole.id] = target.id
        if place == len(begun) - 2:
            known = dict(parts)
    last = {} if len(begun) == 1 else known
    for call in calls:
        names = [argument.id for argument in call.args]  # type: ignore[attr-defined]
        if sum(name in parts for name in names) > 1 and any(parts.get(name) != last.get(name) for name in names):
            yield call.func, [ast.Name(parts.get(name, name), ast.Load()) for name in names], []  # type: ignore[attr-defined]


def _is_known(call: Call, loop: ast.AST) -> bool:
    """Whether a loop uses the object whose method is called."""
    function = call[0]
    return not isinstance(function, ast.Attribute) or names_in(function) <= names_in(loop)


def _assigned(call: Call, at: ast.stmt) -> ast.stmt:
    function, arguments, keywords = call
    value = ast.Call(copied(function), [copied(one) for one in arguments], [copied(one) for one in keywords])
    new = ast.Assign([ast.Name(f"_cost_{_name(function)}", ast.Store())], value)
    return ast.fix_missing_locations(ast.copy_location(new, at))


def _name(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


def _draws(program: Program, names: set[str]) -> bool:
    """Whether one of these functions, or one that they call, draws random numbers."""
    functions = {node.name: node for node in ast.walk(program.tree) if isinstance(node, ast.FunctionDef)}
    waiting, seen = list(names), set[str]()
    while waiting:
        name = waiting.pop()
        if name in functions and name not in seen:
            seen.add(name)
            if _RANDOM.search(ast.unparse(functions[name])):
                return True
            waiting += [_name(node) for node in ast.walk(functions[name]) if isinstance(node, ast.Name | ast.Attribute)]
    return False
