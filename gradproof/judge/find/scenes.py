"""The scenes of a program: its own example, and its functions and classes, likeliest first, in every form of data."""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gradproof.judge.find.calls import SIZES, call, constructions, number_for, parameters_of, results_of
from gradproof.judge.find.exploration import explore
from gradproof.judge.find.forms import forms, pair_forms
from gradproof.judge.find.namespace import Slot
from gradproof.judge.find.program import Program
from gradproof.judge.find.roles import named_as_cost, role_of
from gradproof.judge.find.scene import Scene
from gradproof.judge.find.stated_costs import cost_calls, cost_methods, is_derivative

TURNS = "for x, y in _turns:\n    "
PAIRED = "for pairs in _turns:\n    "
_NO_STEP = re.compile(
    r"predict|query|test|eval|accura|score|plot|save|load|print|show|loss|cost|sigmoid|relu|softmax|tanh|activat|deriv|"
    r"prime|init|forward|feed|one_?hot|^get|^set|reset|repr|str|summary|classify|mse|rmse|confus|valid|think|shuffle|"
    r"split|normal|^error|encode|decode|gradient_check|numerical|sample",
    re.IGNORECASE,
)
_RANK = (
    r"train_?(?:step|on_?batch|batch|one|single|example)|^step$|update_?(?:mini_?)?batch|one_?step|training_?step",
    r"train|fit|learn|optimi|sgd|sdg|gradient_?descent|treina|entren|entrain|trainier",
    r"update|back|adjust",
)
FORWARD = re.compile(
    r"forward|feed|propagat|^run$|think|compute_output|^predict$|^output$|^call$|model_output", re.IGNORECASE
)
BACKWARD = re.compile(r"back|bptt|^grad|gradient|compute_grad|calc_grad|deltas?$", re.IGNORECASE)
CHECKING = re.compile(r"approx|numeric|check|finite|estimat|compar", re.IGNORECASE)  # gradients, by finite differences
UPDATE = re.compile(r"update|^step$|apply|descent|optimi[sz]e|adjust|descend", re.IGNORECASE)
INITIAL = re.compile(r"init|make|create|build|random|setup|new", re.IGNORECASE)


@dataclass(frozen=True)
class Attempt:
    """A scene and the expressions that may compute its cost."""

    scene: Scene
    calls: Sequence[str]


def attempts(program: Program) -> Iterator[Attempt]:
    """Yield what to try besides the program's example: functions, then classes that take steps or give gradients."""
    yield from _of_functions(program)
    yield from _of_classes(program)
    yield from _gradients_of_classes(program)


def example_step(program: Program) -> str:
    """Return a line that may take a step, as a suggestion to a user who has to name one."""
    for kind in sorted(program.classes, key=lambda kind: -_training(kind)):
        made = next(constructions(kind, program.tree), "")
        lines = next((lines for lines, _ in _drivers(kind)), "")
        if made and lines and "\n" not in lines:
            return lines.replace("net.", f"{made}.", 1)
    return "net.train(x, y)"


def own_example(program: Program) -> Attempt:
    return Attempt(Scene(program, whole=True, label="its own example"), cost_calls(program))


# ---- classes ------------------------------------------------------------------------------------------------------


def _of_classes(program: Program) -> Iterator[Attempt]:
    classes = sorted(program.classes, key=lambda kind: -_training(kind))
    for kind in classes:
        if not _training(kind) and not any(getattr(node, "name", "") == "__call__" for node in kind.body):
            continue
        for text in constructions(kind, program.tree):
            needs_data = re.search(r"\b[xy]\b", text) is not None
            first = Scene(program, f"net = {text}", given=next(forms(SIZES[0], 2)).given if needs_data else {})
            made = explore(first, seconds=2.0)
            if made.trouble or "net" not in (made.names or {}):
                continue
            found = False
            for attempt in _of_object(program, kind, text, made.slots("net"), needs_data):
                found = True
                yield attempt
            if found:
                continue


def _methods(kind: ast.ClassDef) -> list[ast.FunctionDef]:
    methods = [node for node in kind.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("__")]
    return [node for node in methods if not CHECKING.search(node.name)]


def _training(kind: ast.ClassDef) -> int:
    """Count the methods of a class whose names suggest training."""
    names = [method.name for method in _methods(kind)]
    return sum(any(re.search(rank, name, re.IGNORECASE) for rank in _RANK) for name in names)


def _ranked(functions: Iterable[ast.FunctionDef]) -> list[ast.FunctionDef]:
    def rank(node: ast.FunctionDef) -> int:
        return next((k for k, words in enumerate(_RANK) if re.search(words, node.name, re.IGNORECASE)), len(_RANK))

    chosen = [node for node in functions if not _NO_STEP.search(node.name) or rank(node) == 0]
    return sorted((node for node in chosen if rank(node) < len(_RANK)), key=rank)


def widths(slots: Sequence[Slot]) -> list[tuple[int, int]]:
    """Return widths of x and y that the weight matrices suggest: for rows, for columns, or with the bias folded in."""
    shapes = [slot.shape for slot in slots if len(slot.shape) == 2 and min(slot.shape) >= 1]
    chains = []
    for place, shape in enumerate(shapes):
        for first, last in ((0, 1), (1, 0)):
            chain = [shape]
            for other in shapes[place + 1 :]:
                if other[first] in (chain[-1][last], chain[-1][last] + 1) and min(other) >= 1:
                    chain.append(other)
            chains.append((len(chain), -place, (chain[0][first], chain[-1][last])))
    found: dict[tuple[int, int], None] = {}
    for _, _, ends in sorted(chains, reverse=True)[:4]:
        found[ends] = None
    for n_in, n_out in list(found):
        found[n_in - 1, n_out] = None
    return [ends for ends in found if min(ends) >= 1][:6] or [(SIZES[0], SIZES[2]), (SIZES[0], 1)]


def _of_object(
    program: Program, kind: ast.ClassDef, text: str, slots: Sequence[Slot], needs_data: bool
) -> Iterator[Attempt]:
    """Yield the ways in which an object may take a step."""
    ends = widths(slots) if not needs_data else [(SIZES[0], 2), (SIZES[0], 1)]
    named = cost_calls(program, inside=True)
    if re.search(rf"\b{SIZES[0]}\b", text):
        ends = sorted(ends, key=lambda pair: pair[0] != SIZES[0])
    for lines, pairs in _drivers(kind):
        for n_in, n_out in ends:
            for form in pair_forms(n_in, n_out) if pairs else forms(n_in, n_out):
                of = "(pairs * 2)" if "len(pairs)" in lines else "pairs"  # so that n differs from the mini-batch size
                known = {"pairs": of, "data": of} if pairs else {"x": "x", "y": "y"}
                calls = [*cost_methods("net", kind, known), *named]
                driver = f"net = {text}\n{PAIRED if pairs else TURNS}{lines}"
                scene = Scene(program, driver, given=form.given, label=form.name)
                yield Attempt(scene, calls)


def _drivers(kind: ast.ClassDef, these: Sequence[ast.FunctionDef] = ()) -> Iterator[tuple[str, bool]]:
    """Yield lines that train an object once, and whether they take pairs; results of `these` methods are bound."""
    methods = _methods(kind)
    for node in these or _ranked(methods):
        for pairs in (True, False):
            known = {"pairs": "pairs", "total": "2 * len(pairs)"} if pairs else {"x": "x", "y": "y"}
            text = call(node, f"net.{node.name}", known, method=True, pairs=pairs)
            if text and ("pairs" in text) == pairs and (pairs or re.search(r"\by\b", text)):
                yield (f"{', '.join(results_of(node)) or '_result'} = {text}" if these else text), pairs
    yield from _sequences(methods)
    for part in kind.body if not these else ():
        if isinstance(part, ast.FunctionDef) and part.name == "__call__":
            text = call(part, "net", {"x": "x", "y": "y"}, method=True)
            if re.search(r"\by\b", text):
                yield text, False


def _sequences(methods: Sequence[ast.FunctionDef]) -> Iterator[tuple[str, bool]]:
    """Yield lines that call forward, backward and update in turn."""
    forward = [m for m in methods if FORWARD.search(m.name) and not BACKWARD.search(m.name)]
    backward = [m for m in methods if BACKWARD.search(m.name)]
    update = [m for m in methods if UPDATE.search(m.name) and not BACKWARD.search(m.name)]
    update = [m for m in update if not re.search("batch", m.name)]
    for f in [*forward, None]:
        for b in backward:
            for u in [*update, None]:
                known = {"x": "x", "y": "y"}
                lines: list[str] = []
                for node, kind in ((f, "result"), (b, "grads"), (u, "")):
                    if node is None:
                        continue
                    text = call(node, f"net.{node.name}", known, method=True)
                    if not text:
                        break
                    results = results_of(node)
                    _remember(known, results, kind)
                    lines.append(f"{', '.join(results)} = {text}" if results else text)
                else:
                    yield "\n    ".join(lines), False


def _remember(known: dict[str, str], results: Sequence[str], kind: str) -> None:
    """Add the results of a call to `known`, by their names and by kind."""
    for name in results:
        known[name] = name
        known.setdefault(name.lower(), name)
    if not results:
        return
    if kind == "result":
        known["result"] = results[0] if len(results) <= 2 else results[-1]
        known["cache"] = results[-1]
    elif kind:
        known[kind] = results[-1] if len(results) == 1 else f"({', '.join(results)})"


def _gradients_of_classes(program: Program) -> Iterator[Attempt]:
    """Yield attempts with methods that return gradients or keep them."""
    named = cost_calls(program, inside=True)
    for kind in program.classes:
        methods = [m for m in _methods(kind) if re.search(r"loss|cost|grad|back|bptt|propagate", m.name, re.IGNORECASE)]
        for text in constructions(kind, program.tree) if methods else ():
            made = explore(Scene(program, f"net = {text}"), seconds=2.0)
            if made.trouble or "net" not in (made.names or {}):
                continue
            for lines, pairs in _drivers(kind, methods):
                for n_in, n_out in widths(made.slots("net")):
                    for form in pair_forms(n_in, n_out) if pairs else forms(n_in, n_out):
                        calls = [*cost_methods("net", kind, {"x": "x", "y": "y"}), *named]
                        yield Attempt(
                            Scene(
                                program,
                                f"net = {text}\n{PAIRED if pairs else TURNS}{lines}",
                                given=form.given,
                                label=form.name,
                                gradients=True,
                            ),
                            calls,
                        )


# ---- functions ----------------------------------------------------------------------------------------------------


def _of_functions(program: Program) -> Iterator[Attempt]:
    ends = [*_made_alone(program), (SIZES[0], SIZES[2]), (SIZES[0], 1)]
    calls = cost_calls(program, inside=True)
    for node in _ranked(program.functions):
        for pairs in (True, False):
            known = {"pairs": "pairs"} if pairs else {"x": "x", "y": "y"}
            text = call(node, node.name, known, pairs=pairs)
            if not text or ("pairs" in text) != pairs or not (pairs or re.search(r"\by\b", text)):
                continue
            for n_in, n_out in ends:
                for form in pair_forms(n_in, n_out) if pairs else forms(n_in, n_out):
                    driver = f"{PAIRED if pairs else TURNS}{text}"
                    yield Attempt(Scene(program, driver, given=form.given, label=form.name), calls)
    yield from _flows(program, ends, calls)


def _made_alone(program: Program) -> list[tuple[int, int]]:
    """Return the widths of what a function without required arguments makes, such as init_params()."""
    for node in program.functions:
        if INITIAL.search(node.name) and all(default is not None for _, default in parameters_of(node, False)):
            made = explore(Scene(program, f"made = {node.name}()"), seconds=2.0)
            if not made.trouble and made.slots("made"):
                return widths(made.slots("made"))[:2]
    return []


def _flows(program: Program, ends: Sequence[tuple[int, int]], calls: Sequence[str]) -> Iterator[Attempt]:
    """Yield attempts with functions in turn, linked by the names of results: init, forward, cost, backward, update."""
    functions = [f for f in program.functions if not CHECKING.search(f.name)]
    initial = [f for f in functions if INITIAL.search(f.name) and not FORWARD.search(f.name)]
    forward = [f for f in functions if FORWARD.search(f.name) and not BACKWARD.search(f.name)]
    backward = [f for f in functions if BACKWARD.search(f.name)]
    update = [f for f in functions if UPDATE.search(f.name) and not BACKWARD.search(f.name)]
    for i in initial:
        for f in reversed(forward):
            for b in reversed(backward):
                for u in [*reversed(update), None]:
                    for n_in, n_out in ends:
                        text = _flow(functions, i, f, b, u, (n_in, SIZES[1], n_out))
                        if text:
                            for form in list(forms(n_in, n_out))[:8]:
                                scene = Scene(program, text, given=form.given, label=form.name, gradients=u is None)
                                yield Attempt(scene, calls)


def _flow(
    functions: Sequence[ast.FunctionDef],
    initial: ast.FunctionDef,
    forward: ast.FunctionDef,
    backward: ast.FunctionDef,
    update: ast.FunctionDef | None,
    sizes: Sequence[int],
) -> str:
    known = {"x": "x", "y": "y"}
    begun = sized(initial, sizes)
    if not begun:
        return ""
    results = results_of(initial)
    results = ["parameters"] if results in (["_result"], []) else results
    _remember(known, results, "params")
    head = f"{', '.join(results)} = {begun}"
    lines: list[str] = []
    costs = [f for f in functions if named_as_cost(f.name) and not is_derivative(f.name)]
    for node, kind in ((forward, "result"), *((c, "") for c in costs), (backward, "grads"), (update, "")):
        if node is None:
            continue
        of_outputs = node in costs and _takes_outputs(node, forward)
        text = call(node, node.name, known | {"x": known["result"]} if of_outputs else known)
        if not text:
            if node in costs:
                continue
            return ""
        bound = results_of(node)
        if node is update:
            target = results if len(bound) == len(results) else bound
            lines.append(f"{', '.join(target)} = {text}" if target else text)
        else:
            named = [f"_cost_{node.name}"] if node in costs else bound
            if node not in costs:
                _remember(known, bound, kind)
            lines.append(f"{', '.join(named)} = {text}" if named else text)
    return f"{head}\n{TURNS}" + "\n    ".join(lines)


def _takes_outputs(cost: ast.FunctionDef, forward: ast.FunctionDef) -> bool:
    """Whether a cost of A and Y seems to take the outputs of the forward pass, which it does not run itself."""
    roles = [role_of(argument) for argument, _ in parameters_of(cost, False)]
    called = {ast.unparse(part.func) for part in ast.walk(cost) if isinstance(part, ast.Call)}
    return roles == ["x", "y"] and forward.name not in called


def sized(node: ast.FunctionDef, sizes: Sequence[int]) -> str:
    """Return a call that makes parameters of these sizes."""
    told: list[str] = []
    plain = iter(sizes)
    for argument, default in parameters_of(node, False):
        role = "seed" if argument == "key" else role_of(argument, constructor=True)
        value = {"in": str(sizes[0]), "hidden": str(sizes[1]), "out": str(sizes[-1]), "seed": "0"}.get(role)
        value = number_for(role, node) if role == "rng" else value
        if role == "sizes":
            value = f"[{', '.join(map(str, sizes))}]"
        if default is not None and (value is None or not isinstance(default, ast.Constant)):
            continue
        if value is None:
            value = str(next(plain, sizes[-1]))
        told.append(f"{argument}={value}" if default is not None else value)
    return f"{node.name}({', '.join(told)})"
