"""Scenes for functions that take each parameter separately and return gradients: gradients(W1, b1, W2, b2, x, y)."""

import ast
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from gradproof.judge.find.calls import SIZES, call, number_for, parameters_of, results_of, takes_lists
from gradproof.judge.find.fitting import arrays_of, fits, made
from gradproof.judge.find.forms import EXAMPLES, forms
from gradproof.judge.find.numbers import constants, floats
from gradproof.judge.find.program import Program
from gradproof.judge.find.roles import named_as_cost, role_of, stem
from gradproof.judge.find.scene import Scene
from gradproof.judge.find.scenes import BACKWARD, CHECKING, INITIAL, TURNS, Attempt, sized
from gradproof.judge.find.shapes import told_shapes
from gradproof.judge.find.stated_costs import is_derivative

_NAMED = re.compile(r"grad|back|deriv|nabla|loss|cost|propagat|net", re.IGNORECASE)
_WHOLE = re.compile(r"d?grads?|gradients?|d_?params|derivatives?", re.IGNORECASE)  # all gradients in one dict or list
_LATER = re.compile(r"d(?:out|[A-Z]\w*|[axzhy]|_\w+)|(?:grads?|delta|upstream|cache)\w*")  # what a backward pass takes
_WEIGHTS = re.compile(r"(?:w|weight|theta)_?(\d*)", re.IGNORECASE)
_BIASES = re.compile(r"(?:b|bias)_?(\d*)", re.IGNORECASE)
_PARAMS = re.compile(r"params?|parameters?|weights?|model|theta|net|network", re.IGNORECASE)
Shape = tuple[int, ...]


def gives_gradients(node: ast.FunctionDef) -> bool:
    """Whether a function is named as one that returns gradients, perhaps after the cost.

    Slopes take one argument, and a backward pass gradients of what comes later: those are judged with its forward pass.
    """
    if any(_LATER.fullmatch(argument) for argument, _ in parameters_of(node, False)):
        return False
    named = BACKWARD.search(node.name) or re.search("grad", node.name, re.IGNORECASE)
    of_a_cost = named_as_cost(node.name) and len(_returned(node)) > 1
    return bool(named or of_a_cost) and not CHECKING.search(node.name) and len(parameters_of(node, False)) > 1


def of_gradients(program: Program) -> Iterator[Attempt]:
    """Yield attempts with functions whose arguments are named as weights and biases, and x and y."""
    for node in program.functions:
        if not (_NAMED.search(node.name) or BACKWARD.search(node.name)) or CHECKING.search(node.name):
            continue
        required = [argument for argument, default in parameters_of(node, False) if default is None]
        own = [argument for argument in required if _layer(argument) is not None]
        rest = [role_of(argument) for argument in required if argument not in own]
        answers = _answers(node, own)
        if not own or takes_lists(node, own) or sorted(rest) != ["x", "y"] or not answers:
            continue
        known = {"x": "x", "y": "y"} | {argument: argument for argument in own}
        text = call(node, node.name, known)
        calls = [called for other in program.functions if (called := _cost(other, known))]
        for shapes, (n_in, n_out) in _shapes(own) if text else ():
            for form in forms(n_in, n_out):
                given = dict(form.given) | {name: floats(*shape) for name, shape in shapes.items()}
                driver = f"{TURNS}{', '.join(answers)} = {text}"
                yield Attempt(Scene(program, driver, given=given, label=form.name, gradients=True), calls)


def _layer(argument: str) -> str | None:
    """Return the layer number in a name of weights or biases, "" if it has none; None for another name."""
    found = _WEIGHTS.fullmatch(argument) or _BIASES.fullmatch(argument)
    return found[1] if found else None


def _answers(node: ast.FunctionDef, own: Sequence[str]) -> list[str]:
    """Return names for the results of a function: its own if they match the parameters, else one by position.

    A cost may come first. A dict of all gradients is kept whole. [] if the number of results does not fit.
    """
    results = _returned(node)
    whole = [bool(_WHOLE.fullmatch(name)) for name in results]
    if sum(whole) == 1 and len(results) == 2:
        return ["_answer" if is_whole else "_cost" for is_whole in whole]
    costs = ["_cost"] if len(results) == len(own) + 1 else []
    if len(results) == 1 and not costs:
        return ["_answer"] if len(own) > 1 else [f"d{own[0]}"]
    if len(results) != len(own) + len(costs):
        return []
    names = results[len(costs) :]
    stems = [stem(name) for name in names]
    if sorted(stems) == sorted(argument.lower() for argument in own):
        return [*costs, *names]
    return [*costs, *(f"_result{place}" for place in range(len(own)))]


def _returned(node: ast.FunctionDef) -> list[str]:
    """Return names for the results of the last return statement: an earlier one may give scores only."""
    returns = [part for part in ast.walk(node) if isinstance(part, ast.Return) and part.value is not None]
    last = ast.FunctionDef(node.name, node.args, [max(returns, key=lambda part: part.lineno)], []) if returns else node
    return results_of(last)


def of_documented(program: Program) -> Iterator[Attempt]:
    """Yield attempts with functions that return a cost and gradients, and whose docstrings tell the shapes they take.

    Other arguments are numbers of classes, examples or words, one or several, as their names say.
    """
    for node in program.functions:
        required = [argument for argument, default in parameters_of(node, False) if default is None]
        shapes, results = told_shapes(node, required), _returned(node)
        if CHECKING.search(node.name) or not _NAMED.search(node.name) or not shapes or len(results) < 2:
            continue
        given = {name: _labels(shape) if _is_labels(name, shape) else floats(*shape) for name, shape in shapes.items()}
        known = {name: name for name in given}
        known |= {name: "[0, 1, 1]" if _INDICES.search(name) else "1" for name in required if _INDEX.search(name)}
        text = call(node, node.name, {name: name for name in given} | known)
        if text:
            driver = f"for _gradproof_turn in range(3):\n    {', '.join(['_cost', *results[1:]])} = {text}"
            data = tuple(name for name in given if role_of(name) in ("x", "y"))
            yield Attempt(Scene(program, driver, given=given, gradients=True, data=data), [])


def of_made(program: Program) -> Iterator[Attempt]:
    """Yield attempts with functions that return gradients of what another function makes, perhaps after a cost.

    They may take texts as numbers of characters, and the state from which a recurrent network begins.
    """
    for node in program.functions:
        required = [argument for argument, default in parameters_of(node, False) if default is None]
        results = _returned(node)
        answers = ["_cost", *results[1:]] if len(results) > 1 else ["_answer"] * bool(BACKWARD.search(node.name))
        if CHECKING.search(node.name) or not _NAMED.search(node.name) or not answers:
            continue
        states = [name for name in required if _STATE.fullmatch(name)]
        for holder in filter(_PARAMS.fullmatch, required):
            known = {"x": "x", "y": "y", holder: holder} | {name: name for name in states}
            text = call(node, node.name, known)
            calls = [called for other in program.functions if other is not node and (called := _cost(other, known))]
            makers = [f for f in program.functions if INITIAL.search(f.name) and f is not node] if text else []
            for begun in filter(None, (sized(maker, SIZES) for maker in makers)):
                driver = f"{holder} = {begun}\n{TURNS}{', '.join(answers)} = {text}"
                *usual, text_form = forms(SIZES[0], SIZES[2])
                for form in (text_form, *usual) if states else (*usual, text_form):
                    for shape in ((SIZES[1], 1), (SIZES[1],), (EXAMPLES, SIZES[1])) if states else ((),):
                        given = dict(form.given) | {name: floats(*shape) for name in states}
                        scene = Scene(program, driver, given=given, label=form.name, gradients=True)
                        yield Attempt(replace(scene, data=(*scene.data, *states)), calls)


def of_fitting(program: Program) -> Iterator[tuple[str, list[Attempt], list[str]]]:
    """Yield functions that return gradients, perhaps after a cost, each with attempts of shapes with which it runs.

    Beside them are the names of what makes it doubtful: data other than inputs and labels, whose values nothing tells,
    and inputs or labels of which there seems to be a gradient.
    """
    for node in program.functions:
        required = [argument for argument, default in parameters_of(node, False) if default is None]
        if CHECKING.search(node.name) or not (_NAMED.search(node.name) or BACKWARD.search(node.name)):
            continue
        if any(_LATER.fullmatch(argument) for argument in required):
            continue
        plain = [name for name in required if role_of(name) != "gain" and number_for(role_of(name), node)]
        arrays = arrays_of(node, plain + [name for name in required if _INDEX.search(name)])
        known = {name: "[0, 1, 1]" if _INDICES.search(name) else "1" for name in required if _INDEX.search(name)}
        known |= {name: name for name in arrays}
        text = call(node, node.name, known)
        if not text or not 2 <= len(arrays) <= MOST_ARRAYS or not _returned(node):
            continue
        calls = [called for other in program.functions if other is not node and (called := _cost(other, known))]
        for names in ("_cost, *_answers", "_answers"):
            driver = f"for _gradproof_turn in range(3):\n    {names} = {text}"
            found = list(islice(fits(program, f"{names} = {text}", arrays), MOST_FITS))
            attempts = [
                Attempt(Scene(program, driver, given=given, gradients=True, data=data), calls)
                for shapes, data in found
                for given in _draws(shapes, data)
            ]
            if attempts:
                shapes, data = found[0]
                usual = {name for name in arrays if role_of(name) in ("x", "y")}
                untold = {name for name in data if shapes[name]} - usual
                untold |= {name for name in usual if len(name) > 2 or name in "xXyY"} - {*data}  # it may be another's
                yield node.name, attempts, [name for name in arrays if name in untold]
                break


def _draws(shapes: Mapping[str, Shape | None], data: Collection[str]) -> Iterator[dict[str, Any]]:
    """Yield draws of the arguments: with any numbers, then with data other than inputs as they often are restricted."""
    plain = {name: made(shape) for name, shape in shapes.items()}
    yield plain
    restricted = {name: shape for name, shape in shapes.items() if name in data and shape and role_of(name) != "x"}
    for kind in (_truths, _signs, _one_hot_rows, _one_hot_columns) if restricted else ():
        yield plain | {name: partial(kind, shape) for name, shape in restricted.items()}


def _truths(shape: Shape, rng: np.random.Generator) -> Any:
    return constants(rng.permutation(np.arange(np.prod(shape)) % 2).reshape(shape))


def _signs(shape: Shape, rng: np.random.Generator) -> Any:
    return 2 * _truths(shape, rng) - 1


def _one_hot_rows(shape: Shape, rng: np.random.Generator) -> Any:
    classes = shape[-1]
    return constants(np.eye(classes)[rng.integers(0, classes, size=shape[:-1])])


def _one_hot_columns(shape: Shape, rng: np.random.Generator) -> Any:
    return _one_hot_rows(shape[::-1], rng).T.copy()


MOST_ARRAYS, MOST_FITS = 5, 4
_STATE = re.compile(
    r"[hcs]_?(?:prev|0|init)|(?:prev|init)(?:ial)?_?[hcs]|(?:hidden|initial)(?:_?state)?", re.IGNORECASE
)
_INDEX = re.compile(r"(?:idx|ind(?:ex|ices|exes)?|labels?|targets?|word)s?$", re.IGNORECASE)
_INDICES = re.compile(r"(?:idxs|indices|indexes|labels|targets|words)$", re.IGNORECASE)


def _is_labels(name: str, shape: Shape) -> bool:
    """Whether an argument holds the class of each example."""
    return len(shape) == 1 and (role_of(name) == "y" or bool(_INDEX.search(name)))


def _labels(shape: Shape) -> Callable[[np.random.Generator], Any]:
    """Return a draw of classes, of which there are two in the smallest case."""
    return lambda rng: rng.integers(0, 2, size=shape)


def of_dicts(program: Program) -> Iterator[Attempt]:
    """Yield attempts with functions that take a dict of all weights and biases, and return gradients.

    A function that takes the results of a forward pass as well is called after it.
    """
    for node in program.functions:
        arguments = [name for name, default in parameters_of(node, False) if default is None]
        for holder in filter(_PARAMS.fullmatch, arguments):
            rest = [name for name in arguments if name != holder]
            is_alone = {role_of(name) for name in rest} <= {"x", "y"}
            for forward in (f for f in program.functions if is_alone or _gives(f, holder, rest)):
                yield from _of_dict(program, node, holder, None if is_alone else forward)
                if is_alone:
                    break


def _gives(forward: ast.FunctionDef, holder: str, rest: Sequence[str]) -> bool:
    """Whether a function takes only x and the dict, and gives all else that a backward pass takes."""
    takes = {role_of(name) for name, _ in parameters_of(forward, False) if name != holder}
    needed = {name for name in rest if role_of(name) not in ("x", "y")}
    return takes == {"x"} and needed <= {*results_of(forward)}


def _of_dict(
    program: Program, node: ast.FunctionDef, holder: str, forward: ast.FunctionDef | None
) -> Iterator[Attempt]:
    names = [name for name, _ in parameters_of(node, False)]
    own = _keys(forward or node, holder)
    answers = _answers(node, own)
    if not own or not answers or not _NAMED.search(node.name) or not {role_of(name) for name in names} >= {"x", "y"}:
        return
    if any(_writes(part, (holder, *own)) for part in ast.walk(node)):
        return  # it takes a step as well
    known = {"x": "x", "y": "y", holder: holder}
    known |= {name: "0.1" for name in names if role_of(name) == "decay"}  # 0 would hide a mistake
    before = ""
    if forward is not None:
        results = results_of(forward)
        before = f"{', '.join(results)} = {call(forward, forward.name, known)}\n    "
        known |= {name: name for name in results}
    text = call(node, node.name, known)
    others = (f for f in program.functions if f not in (node, forward) and named_as_cost(f.name))
    costs = [called for f in others if not is_derivative(f.name) and (called := call(f, f.name, known))]
    made = f"{holder} = {{{', '.join(f'{name!r}: {name}' for name in own)}}}\n"
    for shapes, (n_in, n_out) in _shapes(own) if text else ():
        for form in forms(n_in, n_out):
            given = dict(form.given) | {name: floats(*shape) for name, shape in shapes.items()}
            driver = f"{made}{TURNS}{before}{', '.join(answers)} = {text}"
            scene = Scene(program, driver, given=given, label=form.name, gradients=True)
            yield Attempt(replace(scene, data=(*scene.data, holder, *known)), costs)


def _writes(node: ast.AST, names: Collection[str]) -> bool:
    """Whether a statement changes one of these variables in place, or an entry of one."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
    for target in targets:
        place = target
        while isinstance(place, ast.Subscript):
            place = place.value
        changes = place is not target or isinstance(node, ast.AugAssign)
        if changes and isinstance(place, ast.Name) and place.id in names:
            return True
    return False


def _keys(node: ast.FunctionDef, holder: str) -> list[str]:
    """Return the keys of weights and biases that a function reads from this dict, in their order."""
    found = {
        part.slice.value: None
        for part in ast.walk(node)
        if isinstance(part, ast.Subscript) and isinstance(part.value, ast.Name) and part.value.id == holder
        if isinstance(part.slice, ast.Constant) and isinstance(part.slice.value, str)
    }
    return list(found) if all(_layer(key) is not None for key in found) else []


def _cost(node: ast.FunctionDef, known: Mapping[str, str]) -> str:
    """Return the call of a function named as a cost if it takes only these parameters and examples, else ""."""
    if not named_as_cost(node.name) or is_derivative(node.name):
        return ""
    required = [argument for argument, default in parameters_of(node, False) if default is None]
    roles = {argument: role_of(argument) for argument in required if argument not in known}
    if not all(role in ("x", "y", "pairs") or number_for(role, node) for role in roles.values()):
        return ""
    return call(node, node.name, known)


def _shapes(own: Sequence[str]) -> Iterator[tuple[dict[str, Shape], tuple[int, int]]]:
    """Yield shapes of the parameters, and widths of x and y: examples in rows or in columns, one output or more.

    No two arrays have the same size, so that a gradient shows which one it belongs to.
    """
    layers = sorted({layer for argument in own if (layer := _layer(argument)) is not None}, key=lambda n: int(n or 0))
    widths = [SIZES[0], *(SIZES[1] + 2 * place for place in range(len(layers) - 1))]
    for n_out in (SIZES[2], 1):
        sizes = [*widths, n_out]
        for rows in (True, False):
            for bias in ("vector", "matrix", "number"):
                if bias == "number" and n_out > 1:
                    continue
                yield _of_one(own, layers, sizes, rows, bias, False), (sizes[0], n_out)
                if n_out == 1:
                    yield _of_one(own, layers, sizes, rows, bias, True), (sizes[0], n_out)


def _of_one(
    own: Sequence[str], layers: Sequence[str], sizes: Sequence[int], rows: bool, bias: str, flat: bool
) -> dict[str, Shape]:
    """Return the shape of each parameter; with `flat`, the last weights are a vector."""
    shapes: dict[str, Shape] = {}
    for argument in own:
        place = layers.index(_layer(argument) or "")
        n_in, n_out = sizes[place : place + 2]
        last = place == len(layers) - 1
        if _WEIGHTS.fullmatch(argument):
            shapes[argument] = (n_in,) if flat and last else (n_in, n_out) if rows else (n_out, n_in)
        elif bias == "number" and last:
            shapes[argument] = ()
        else:
            shapes[argument] = (n_out,) if bias != "matrix" else (1, n_out) if rows else (n_out, 1)
    return shapes
