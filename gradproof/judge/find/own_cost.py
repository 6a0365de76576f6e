"""Computes a program's own cost in its step, with the examples of the step.

Many programs compute their cost only for all examples, after an epoch, while each step uses a mini-batch.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from gradproof.judge.find.calls import parameters_of
from gradproof.judge.find.program import Program, copied, names_in, statements
from gradproof.judge.find.roles import named_as_cost, role_of
from gradproof.judge.find.stated_costs import cost_calls, is_costly, is_derivative

OF_A_TWIN, OF_PARTS = "twin", "parts"  # whose cost was added to a program: a gradient's, or one of all examples
_METRIC = re.compile(
    r"mse|mae|rmse|sse|rss|squared?_?err|abs(?:olute)?_?err|entropy|bce|cce|nll|log_?loss|hinge|accuracy|error_rate",
    re.IGNORECASE,
)
_MEANT = re.compile(r"loss|cost|objective", re.IGNORECASE)
_RANDOM = re.compile(r"random|\brng\b|dropout|\brand", re.IGNORECASE)
_OF = re.compile(r"_?(?:grad|gradient|backward|backprop|deriv|derivative)(?:_of)?_?")
Call = tuple[ast.expr, Sequence[ast.expr], Sequence[ast.keyword]]  # function and arguments


def with_own_cost(program: Program) -> Program:
    """Return the program that computes its cost where its step begins; the same program if that is not possible.

    It is computed before a function with the same arguments is called: `loss(p, X[i], y[i])` before
    `gradient(p, X[i], y[i])`. If there is a call of `loss(X, y)` elsewhere, `loss(X[i], y[i])` is computed before these
    parts are used. A cost that draws random numbers is left alone, since it would draw others.
    """
    twins = {name: cost for body in (program.tree.body, *(kind.body for kind in program.classes))
             for name, cost in _twins([node for node in body if isinstance(node, ast.FunctionDef)])}  # fmt: skip
    calls = [call for text in cost_calls(program) if _is_plain(call := ast.parse(text, mode="eval").body)]
    costs = {*twins.values(), *(_name(call.func) for call in calls)}  # type: ignore[attr-defined]
    if not costs or _draws(program, costs):
        return program
    tree, kinds = copied(program.tree), set[str]()
    for holder in (tree, *statements(tree)):
        for block in (getattr(holder, name, []) for name in ("body", "orelse", "finalbody")):
            parts = [(place, one) for call in calls for place, one in _of_parts(block, call) if _is_known(one, holder)]
            for place in reversed(range(len(block))):
                beside = list(_beside(block[place], twins))
                found = beside or [one for first, one in parts if first == place]
                block[place:place] = [_assigned(one, block[place]) for one in found]
                kinds |= {OF_A_TWIN if beside else OF_PARTS} if found else set()
    return replace(program, tree=tree, added=" ".join([program.added, *sorted(kinds)])) if kinds else program


def is_metric(program: Program, words: str) -> bool:
    """Whether a cost may be a metric only: its name is that of a usual cost, and nothing says that it is minimised.

    `loss = mse(w, X, y)`, a function `grad_mse` and a penalty say so. `words` are the call, or the function and its
    line.
    """
    if not (found := re.match(r"(?:.*?\.)?(?:_cost_)?(\w+)(?=\(| of line )", words)) or not _METRIC.search(found[1]):
        return False
    name = found[1]
    if any(name in node.name != name and is_derivative(node.name) for node in program.functions):
        return False
    functions = [n for n in statements(program.tree) if isinstance(n, ast.FunctionDef) and n.name == name]
    used = [node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
            for function in functions for node in ast.walk(function)]  # fmt: skip
    if any(name and role_of(name) in ("decay", "rate") for name in used):  # alpha is either
        return False
    calls = [n for n in statements(program.tree) if isinstance(n, ast.Assign | ast.Expr) and name in names_in(n)]
    return not any(_MEANT.search(re.sub(rf"\b(_cost_)?{name}\b", "", ast.unparse(node))) for node in calls)


def _twins(functions: Sequence[ast.FunctionDef]) -> list[tuple[str, str]]:
    """Return pairs of names: of a function, such as a gradient, and of a cost that takes the same arguments."""
    takes = {node.name: tuple(name for name, _ in parameters_of(node, False)) for node in functions}
    likely = [name for name, names in takes.items() if names and named_as_cost(name)]
    costs = {takes[name]: name for name in likely if name.startswith("d_")}  # such as a discriminator's, with d_grads
    costs |= {takes[name]: name for name in takes if takes[name] and is_costly(name)}
    costs |= {
        names: name
        for name, names in takes.items()
        if len(names) == 1  # what takes data as well may be a model
        for other in takes
        if takes[other] == names and _OF.sub("", other) == name != other
    }  # such as f and grad_f
    uses = {
        node.name: {_name(part.func) for part in ast.walk(node) if isinstance(part, ast.Call)} for node in functions
    }
    pairs = [
        (name, costs[names])
        for name, names in takes.items()
        if costs.get(names, name) != name and (len(names) > 1 or is_derivative(name))
    ]
    return [(name, cost) for name, cost in pairs if name not in uses[cost]]  # a forward pass takes the same arguments


def _is_plain(call: ast.expr) -> bool:
    """Whether this is a call of variables, or of what functions give of them."""
    plain = (ast.Call, ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.UnaryOp, ast.unaryop, ast.expr_context)
    return isinstance(call, ast.Call) and not call.keywords and all(isinstance(node, plain) for node in ast.walk(call))


def _beside(node: ast.stmt, twins: Mapping[str, str]) -> Iterator[Call]:
    """Yield the costs of the functions that a statement calls, with the same arguments."""
    taken = node.iter if isinstance(node, ast.For) else node
    for part in ast.walk(taken) if isinstance(node, ast.Assign | ast.AugAssign | ast.Expr | ast.For) else ():
        if not isinstance(part, ast.Call) or any(isinstance(one, ast.Call) for a in part.args for one in ast.walk(a)):
            continue
        if cost := twins.get(_name(part.func)):
            function = copied(part.func)
            setattr(function, "attr" if isinstance(function, ast.Attribute) else "id", cost)
            yield function, part.args, part.keywords


def _of_parts(block: Sequence[ast.stmt], call: ast.expr) -> Iterator[tuple[int, Call]]:
    """Yield a cost with the part of its examples that these statements take, and the place of the first that does."""
    names = names_in(ast.Tuple(call.args))  # type: ignore[attr-defined]
    parts: dict[str, ast.Subscript] = {}
    first = len(block)
    for place, node in enumerate(block):
        for part in ast.walk(node) if isinstance(node, ast.Assign | ast.AugAssign | ast.Expr) else ():
            name = _taken(part)
            if name in names and name not in parts:
                parts[name], first = part, min(first, place)  # type: ignore[assignment]
    if len(parts) > 1 and len({frozenset(names_in(part.slice)) for part in parts.values()}) == 1:
        yield first, (call.func, [_Parts(parts).visit(copied(one)) for one in call.args], [])  # type: ignore[attr-defined]


class _Parts(ast.NodeTransformer):
    """Replaces variables by their parts."""

    def __init__(self, parts: Mapping[str, ast.Subscript]) -> None:
        self._parts = parts

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return copied(self._parts[node.id]) if node.id in self._parts else node


def _taken(node: ast.AST) -> str:
    """Return the name of what a node takes a part of, as of X in `X[i]`, or ""."""
    if not isinstance(node, ast.Subscript) or not isinstance(node.ctx, ast.Load) or not names_in(node.slice):
        return ""
    return node.value.id if isinstance(node.value, ast.Name) else ""


def _is_known(call: Call, holder: ast.AST) -> bool:
    """Whether a loop or a function uses the object whose method is called."""
    function = call[0]
    return not isinstance(function, ast.Attribute) or names_in(function) <= names_in(holder)


def _assigned(call: Call, at: ast.stmt) -> ast.stmt:
    function, arguments, keywords = call
    value = ast.Call(copied(function), [copied(one) for one in arguments], [copied(one) for one in keywords])
    new = ast.Assign([ast.Name(f"_cost_{_name(function)}", ast.Store())], value)
    return ast.fix_missing_locations(ast.copy_location(new, at))


def _name(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


def draws(program: Program, node: ast.AST) -> bool:
    """Whether a statement draws random numbers, or calls a function that does."""
    called = {_name(part.func) for part in ast.walk(node) if isinstance(part, ast.Call)}
    return _RANDOM.search(ast.unparse(node)) is not None or _draws(program, called)


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
