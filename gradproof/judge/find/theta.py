"""Scenes for functions of one vector or matrix of all parameters: cost(theta, …) and gradient(theta, …)."""

import ast
import re
from collections.abc import Iterator, Sequence

from gradproof.judge.find.calls import SIZES, call, parameters_of, results_of
from gradproof.judge.find.exploration import explore
from gradproof.judge.find.forms import forms
from gradproof.judge.find.numbers import floats
from gradproof.judge.find.program import Program
from gradproof.judge.find.roles import named_as_cost, named_as_parameter, role_of
from gradproof.judge.find.scene import Scene
from gradproof.judge.find.scenes import TURNS, Attempt
from gradproof.judge.find.stated_costs import is_derivative

_THETA = re.compile(r"theta\w*|nn_?params?|params?|w|weights?|flat\w*|vec\w*|p|z|thetas", re.IGNORECASE)
_GRADIENT = re.compile(r"grad|cost|back|deriv|loss", re.IGNORECASE)
_ACTIVATION = re.compile(r"sigm|tanh|relu|softmax|activ|logistic_?(?:prime|grad|deriv)|linear|elu", re.IGNORECASE)


def _is_activation(name: str) -> bool:
    return _ACTIVATION.search(name) is not None and re.search(r"loss|cost", name, re.IGNORECASE) is None


def of_theta(program: Program) -> Iterator[Attempt]:
    """Yield attempts with gradient(theta, …), or with one function that returns cost and gradient."""
    functions = [f for f in program.functions if parameters_of(f, False)]
    for node in functions:
        arguments = [argument for argument, _ in parameters_of(node, False)]
        if not _THETA.fullmatch(arguments[0]) or not _GRADIENT.search(node.name) or _is_activation(node.name):
            continue
        for shape, sizes, known in _thetas(program, node):
            text = call(node, node.name, known)
            if not text or _is_of_more(node, text):
                continue
            calls = []
            for other in functions:
                if named_as_cost(other.name) and not is_derivative(other.name):
                    cost = call(other, other.name, known)
                    if cost.startswith(f"{other.name}(theta"):
                        calls.append(cost)
            result = "grad_theta" if not _gives_two(node) else "_cost, grad_theta"
            for form in forms(sizes[0], sizes[-1]):
                scene = Scene(
                    program,
                    f"{TURNS}{result} = {text}",
                    given=dict(form.given) | {"theta": floats(*shape)},
                    label=form.name,
                    gradients=True,
                )
                yield Attempt(scene, calls)


def of_descents(program: Program) -> Iterator[Attempt]:
    """Yield attempts with functions that take theta, x and y, and return theta after some steps."""
    for node in program.functions:
        arguments = [argument for argument, _ in parameters_of(node, False)]
        results = results_of(node)
        for theta in (name for name in arguments if _THETA.fullmatch(name) and name in results[:1]):
            text = call(node, node.name, {"x": "x", "y": "y", theta: theta})
            costs = [call(f, f.name, {"x": "x", "y": "y", theta: theta}) for f in program.functions
                     if named_as_cost(f.name) and not is_derivative(f.name) and f is not node]  # fmt: skip
            if not text or "x" not in {role_of(name) for name in arguments}:
                continue
            a, c = SIZES[0], SIZES[2]
            for shape, outputs in (((a, 1), 1), ((a,), 1), ((a, c), c), ((c, a), c)):
                for form in forms(a, outputs):
                    given = dict(form.given) | {theta: floats(*shape)}
                    driver = f"{TURNS}{', '.join(results)} = {text}"
                    scene = Scene(program, driver, given=given, label=form.name)
                    yield Attempt(scene, [cost for cost in costs if cost])


def _is_of_more(node: ast.FunctionDef, text: str) -> bool:
    """Whether a function takes further parameters, by their names or because x or y would be passed twice."""
    arguments = [argument for argument, default in parameters_of(node, False)[1:] if default is None]
    words = [word.rpartition("=")[2] for word in text[text.index("(") + 1 : -1].split(", ")]
    return (
        any(named_as_parameter(argument) and role_of(argument) not in ("x", "y", "momentum") for argument in arguments)
        or words.count("x") > 1
        or words.count("y") > 1
        or (len(results_of(node)) > 2 and any(role_of(argument) not in ("x", "y") for argument in arguments))
    )


def _gives_two(node: ast.FunctionDef) -> bool:
    return any(
        isinstance(part, ast.Return) and isinstance(part.value, ast.Tuple) and len(part.value.elts) == 2
        for part in ast.walk(node)
    )


def _thetas(program: Program, node: ast.FunctionDef) -> Iterator[tuple[Sequence[int], Sequence[int], dict[str, str]]]:
    """Yield shapes of theta, widths of x and y, and expressions for the arguments.

    A shape comes from what the program makes, from the widths that the function takes, or from a single layer.
    """
    known = {"x": "x", "y": "y", parameters_of(node, False)[0][0]: "theta"}
    for other in program.functions:
        if all(default is not None for _, default in parameters_of(other, False)):
            made = explore(Scene(program, f"made = {other.name}()"), seconds=2.0)
            slots = made.slots("made")
            if not made.trouble and len(slots) == 1 and len(slots[0].shape) == 1:
                for sizes in _constants(program):
                    yield slots[0].shape, sizes, known
    roles = {role_of(argument, constructor=True): argument for argument, _ in parameters_of(node, False)}
    if {"in", "hidden"} <= set(roles):
        a, b, c = SIZES if "out" in roles else (*SIZES[:2], SIZES[0])  # an autoencoder returns as many as it takes
        named = {roles[role]: str(size) for role, size in (("in", a), ("hidden", b), ("out", c)) if role in roles}
        lengths = [(a + 1) * b + (b + 1) * c, a * b + b * c, a * b + b + b * c + c]
        for length in lengths if "out" in roles else [*lengths[1:], a * b + b + c]:  # with the decoder's weights tied
            yield (length,), (a, b, c), known | named
        return
    a, c = SIZES[0], SIZES[2]
    matrices: list[tuple[Sequence[int], int]] = [((a, c), c), ((c, a), c)]
    vectors: list[tuple[Sequence[int], int]] = [((a,), 1), ((a, 1), 1), ((a + 1,), 1), ((1, a), 1)]
    is_matrix = parameters_of(node, False)[0][0].lower().startswith("w")
    for shape, outputs in matrices + vectors if is_matrix else vectors + matrices:
        yield shape, (a, outputs), known


def _constants(program: Program) -> Iterator[Sequence[int]]:
    """Yield pairs of widths: the first and last whole number assigned at module level, then the usual ones."""
    values = [
        node.value.value
        for statement in program.tree.body
        for node in ast.walk(statement)
        if isinstance(statement, ast.Assign)
        and isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and type(node.value.value) is int
    ]
    values += [
        part.value
        for statement in program.tree.body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Tuple | ast.List)
        for part in statement.value.elts
        if isinstance(part, ast.Constant) and type(part.value) is int
    ]
    if len(values) >= 2:
        yield values[0], values[-1]
    yield SIZES[0], SIZES[2]
