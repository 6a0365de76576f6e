"""The costs of a program: those that it names, computes on the way, or only defines."""

import ast
import re
from collections.abc import Collection, Container, Mapping, Sequence

from gradproof.exact.arrays import ExactArray
from gradproof.exact.numbers import DOT, Number
from gradproof.exact.sweeps import computed_from
from gradproof.judge.find.calls import call, parameters_of
from gradproof.judge.find.monitor import Event
from gradproof.judge.find.program import Program, is_main, names_in, statements, updated, updates_after
from gradproof.judge.find.roles import named_as_cost, stem


def single_numbers(
    given: Mapping[str, ExactArray],
    after: Mapping[str, ExactArray],
    events: Sequence[Event],
    called: Mapping[str, Number],
    lines: Container[tuple[str, int]] = (),
) -> tuple[dict[str, Number], dict[str, Number]]:
    """Return the single numbers among the events, by words: those named as a cost or assigned on `lines`, and others.

    Constants and the parameters themselves are left out. The known costs `called` come first.
    """
    stated, others = dict(called), dict[str, Number]()
    indices = {x.index for array in given.values() for x in array.ravel().tolist()}
    late = {x.index for array in after.values() for x in array.ravel().tolist()} - indices
    for event in events:
        if len(event.numbers) != 1 or event.shape not in ((), (1,), (1, 1)):
            continue
        number = event.numbers[0]
        if not number.varies or number.index in late or number.index in indices:
            continue
        named = named_as_cost(event.name) or (event.kind == "assigned" and (event.file, event.line) in lines)
        where = stated if named and not is_derivative(event.name) else others
        if where is stated:  # a function without such a name may have returned it
            others = {name: known for name, known in others.items() if known is not number}
        if not any(number is known for known in (*stated.values(), *others.values())):
            before = where.setdefault(words_for(event), number)
            if before is not number and _adds_up(before, number):  # over time steps, for example: the last value counts
                where[words_for(event)] = number
    return stated, others


def as_costs(
    stated: Mapping[str, Number],
    others: Mapping[str, Number],
    given: Mapping[str, ExactArray],
    after: Mapping[str, ExactArray],
    events: Sequence[Event],
) -> tuple[dict[str, Number], dict[str, Number], set[str]]:
    """Return the numbers that may be the step's cost, and the names of those whose constants suggest other examples."""
    stated, others = dict(stated), dict(others)
    indices = {x.index for array in given.values() for x in array.ravel().tolist()}
    late = {x.index for array in after.values() for x in array.ravel().tolist()} - indices
    moves = [x for array in after.values() for x in array.ravel().tolist()]
    arrays = [{x.index for x in array.flat} for array in given.values() if array.size > 1]
    inputs, doubtful = _inputs(moves, indices, arrays), set[str]()
    aims = _aims([*moves, *(x for event in events for x in event.numbers)])
    used = _constants(moves) if inputs else set()  # also needed if only the sign of an error is propagated back
    for costs in (stated, others):
        for name, number in list(costs.items()):
            ancestors = {x.index for x in computed_from([number])}
            elsewhere = bool(inputs) and not _inputs([number], indices, arrays) <= inputs | used
            elsewhere |= 0 < len(aims) < len(_aims([number]) - aims)  # most of its targets belong to other examples
            if ancestors & late or not ancestors & indices or (elsewhere and costs is others):
                del costs[name]  # computed from the parameters after the step, or from none
            elif elsewhere:
                doubtful.add(name)
    parts = _parts([*stated.values()], indices)
    for costs in (stated, others):
        for name in [name for name, number in costs.items() if number.index in parts]:
            del costs[name]
    return stated, others, doubtful


def _parts(costs: Sequence[Number], indices: set[int]) -> set[int]:
    """Return the indices of parts of these costs: terms that a regulariser or another term is added to.

    A division by the number of examples may come before or after.
    """
    found: set[int] = set()
    waiting = [(cost, False) for cost in costs]
    while waiting:
        x, part = waiting.pop()
        if part and x.index in found:
            continue
        if part:
            found.add(x.index)
        if x.rule is not None and x.rule.name in ("add", "subtract"):
            for y, other in (x.operands, x.operands[::-1])[: 2 if x.rule.name == "add" else 1]:
                if any(z.index in indices for z in computed_from([other])):
                    waiting.append((y, True))
        elif x.rule is not None and x.rule.name in ("multiply", "divide"):
            waiting += [(y, part) for y, other in (x.operands, x.operands[::-1]) if y.varies and not other.varies]
    return found


def _adds_up(before: Number, number: Number) -> bool:
    """Whether a number is another one plus or minus something."""
    if number.rule is None or number.rule.name not in ("add", "subtract"):
        return False
    return any(x is before for x in number.operands[: 2 if number.rule.name == "add" else 1])


def words_for(event: Event) -> str:
    """Return the words for a single number that the program computes."""
    return f"{event.name}{'()' * (event.kind == 'returned')} of line {event.line}"


def _inputs(results: Sequence[Number], parameters: set[int], arrays: Sequence[set[int]]) -> set[float]:
    """Return the constants that multiply a parameter: the examples.

    A constant that multiplies most of an array is left out, because it is a weight decay.
    """
    found: set[float] = set()
    met: dict[int, tuple[float, set[int]]] = {}
    for x in computed_from(results):
        if x.rule is not None and x.rule.name in ("dot", "multiply"):
            left, right = x.operands if x.rule.name == "dot" else ((x.operands[0],), (x.operands[1],))
            for a, b in zip(left, right, strict=True):
                w, c = (a, b) if a.index in parameters else (b, a)
                if w.index in parameters and not c.varies and x.rule.name == "dot":
                    found.add(float(c.value.mid()))
                elif w.index in parameters and not c.varies:
                    met.setdefault(c.index, (float(c.value.mid()), set()))[1].add(w.index)
    most = [value for value, those in met.values() if any(2 * len(one & those) > len(one) for one in arrays)]
    return found | {value for value, _ in met.values()} - set(most)


def _constants(results: Sequence[Number]) -> set[float]:
    """Return the constants that are factors of any product."""
    products = [x for x in computed_from(results) if x.rule is not None and x.rule.name in ("dot", "multiply")]
    sides = {id(side): side for x in products for side in (x.operands if x.rule is DOT else (x.operands,))}
    return {float(x.value.mid()) for side in sides.values() for x in side if not x.varies}


def _aims(results: Sequence[Number]) -> set[float]:
    """Return the constants on either side of a subtraction: the targets of the examples."""
    found = set()
    for x in computed_from(results):
        if x.rule is not None and x.rule.name == "subtract":
            found |= {float(y.value.mid()) for y in x.operands if not y.varies}
    return found - {-1, 0, 0.5, 1, 2}  # which occur in formulas as well


def cost_calls(program: Program, inside: bool = False) -> list[str]:
    """Return the program's own calls of what is named as a cost; `inside`: only those in functions and classes."""
    found: dict[str, None] = {}
    nodes = [node for node in program.tree.body if not inside or isinstance(node, ast.FunctionDef | ast.ClassDef)]
    for node in (part for statement in nodes for part in ast.walk(statement)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if named_as_cost(name) and not is_derivative(name):
                found[ast.unparse(node)] = None
    return list(found)


def costs_defined(program: Program) -> list[str]:
    """Return calls of every cost that the program defines, even if it never calls it, with its argument names."""
    found = []
    for owner, body in (("", program.tree.body), *(("self.", kind.body) for kind in program.classes)):
        for node in body:
            if isinstance(node, ast.FunctionDef) and is_costly(node.name):
                takes = [name for name, default in parameters_of(node, bool(owner)) if default is None]
                found.append(f"{owner}{node.name}({', '.join(takes)})")
    return found


def lines_of_costs(tree: ast.Module) -> set[int]:
    """Return the lines that assign what an object named as a cost returns, as in value = self.loss.forward(x, y)."""
    return {
        node.lineno
        for node in statements(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        if isinstance(called := node.value.func, ast.Attribute) and not is_derivative(called.attr)
        if named_as_cost(ast.unparse(called.value))
    }


def moved_at_times(tree: ast.Module) -> set[str]:
    """Return the last names of what is updated under a condition, such as layers that are frozen at first."""
    branches = [node for node in statements(tree) if isinstance(node, ast.If) and not is_main(node)]
    words = (updated(part).rpartition(".")[2] for branch in branches for part in statements(branch))
    return {name for text in words if text for name in (text, text.partition("[")[0])}


def moved_after(loop: ast.stmt, outer: ast.stmt) -> set[str]:
    """Return the last names of what is updated after a loop, in the loop around it, by a sum or a difference."""
    return {updated(node).rpartition(".")[2].partition("[")[0] for node in updates_after(loop, outer)}


def is_used_after(tree: ast.Module, line: int, names: Collection[str]) -> bool:
    """Whether the module uses variables after a line for more than to print or to plot them."""
    for node in tree.body:
        later = node.lineno > line or isinstance(node, ast.FunctionDef | ast.ClassDef)
        shows = isinstance(node, ast.Expr) and re.match(r"(?:print\b|plt\.)", ast.unparse(node)) is not None
        if later and not shows and not names_in(node).isdisjoint(names):
            return True
    return False


def is_descended(tree: ast.Module, path: str) -> bool:
    """Whether a statement such as `E -= lr * dE` subtracts what is named as the gradient of a variable from it."""
    return any(
        isinstance(node, ast.Assign | ast.AugAssign)
        and updated(node) == path
        and any(isinstance(part, ast.Sub) for part in (getattr(node, "op", None), getattr(node.value, "op", None)))
        and any(stem(name) == path.lower() != name.lower() for name in names_in(node.value))
        for node in statements(tree)
    )


def is_summed(tree: ast.Module, name: str) -> bool:
    """Whether something is updated by a sum that the program adds up, as by gradients of several mini-batches."""
    nodes = [node for node in statements(tree) if isinstance(node, ast.Assign | ast.AugAssign)]
    sums = {updated(node) for node in nodes if isinstance(node, ast.AugAssign)} - {name, ""}
    return any(names_in(node.value) & sums for node in nodes if updated(node).rpartition(".")[2] == name)


def takes_the_same(program: Program, cost: str, driver: str) -> bool:
    """Whether the method called for its cost has the same argument names as the method that takes the step."""
    methods = {node.name: parameters_of(node, True) for kind in program.classes for node in kind.body
               if isinstance(node, ast.FunctionDef)}  # fmt: skip
    called = [re.search(r"net\.(\w+)\(", text) for text in (cost, driver.rpartition("\n")[2])]
    taken = [[name for name, _ in methods.get(found[1], [])] if found else [] for found in called]
    return bool(taken[0]) and taken[0] == taken[1]


_COSTLY = re.compile(
    r"hinge|error|energy|nll|mse|deviance|surrogate|(?:^|_)j(?:$|_)", re.IGNORECASE
)  # besides those named as a cost


def is_costly(name: str) -> bool:
    """Whether a function may compute a cost, judging by its name."""
    return (named_as_cost(name) or _COSTLY.search(name) is not None) and not is_derivative(name)


def is_derivative(name: str) -> bool:
    """Whether a function is named as a derivative, or as one that trains, plots, updates or appends."""
    plain = name.lower()
    words = "prime|der|dcost|dloss|dmse|grad|delta|backward|back_?prop|train|fit|plot|update"
    return re.search(words, plain) is not None or plain.startswith(("d_", "append"))


def cost_methods(owner: str, kind: ast.ClassDef, known: Mapping[str, str]) -> list[str]:
    """Return calls of an object's methods that are named as a cost, with arguments by their roles."""
    methods = [node for node in kind.body if isinstance(node, ast.FunctionDef)]
    chosen = [node for node in methods if named_as_cost(node.name) and not is_derivative(node.name)]
    return [text for node in chosen if (text := call(node, f"{owner}.{node.name}", known, True, "pairs" in known))]
