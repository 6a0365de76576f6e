"""Scenes for single parts: layers as functions or classes, with cost Σ out · dout, and autograd engines."""

import ast
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradproof.judge.find.calls import SIZES, call, constructions, parameters_of, results_of
from gradproof.judge.find.exploration import explore
from gradproof.judge.find.fitting import fits
from gradproof.judge.find.fitting import made as drawn
from gradproof.judge.find.gradients import LEAVES
from gradproof.judge.find.numbers import constants, floats
from gradproof.judge.find.program import Program, names_in
from gradproof.judge.find.roles import role_of, stem
from gradproof.judge.find.scene import Scene
from gradproof.judge.find.shapes import told_shapes

_FORWARD, _BACKWARD = (
    re.compile(r"_?(?:forward|fwd)_?", re.IGNORECASE),
    re.compile(r"_?(?:backward|bwd|backprop|back_prop|gradient|grad)_?", re.IGNORECASE),
)
_INNER = re.compile(r"forward|^call$|fprop|^fp$|feed", re.IGNORECASE)
_UPSTREAM = re.compile(r"(?:grad|delta)\w*|d_?(?!ata|im)\w+", re.IGNORECASE)  # gradients that a backward pass takes
_RESETS = re.compile(r"zero|reset|clear", re.IGNORECASE)
_STEPS = re.compile(r"update|^_?step$|desce|optimi|adjust|train|^fit|learn|sgd|zero(?!s)|reset|clear", re.IGNORECASE)
_OUTER = re.compile(r"backward|backprop|bprop|^back|^bp$|^gradient$", re.IGNORECASE)


def _like(seed: int = 5) -> Callable[[np.random.Generator], Callable[[Any], Any]]:
    """Return a draw of a function that makes random constants of the shape of its argument."""

    def draw(rng: np.random.Generator) -> Callable[[Any], Any]:
        return lambda array: constants(rng.normal(size=np.shape(array))) if np.shape(array) else constants(rng.normal())

    return draw


def first_of(result: Any) -> Any:
    """Return the output of a forward pass: the first result if it returns a state as well."""
    return result[0] if isinstance(result, tuple) else result


# Argument names with shapes that fit together. Every entry that has all of a function's arguments is tried, and then
# the shapes that it tells.
SHAPES: list[dict[str, tuple[int, ...]]] = [
    {"x": (5, 3), "w": (3, 4), "b": (4,), "gamma": (3,), "beta": (3,), "a": (5, 3), "z": (5, 3), "s": (5, 3),
     "inputs": (5, 3), "input": (5, 3), "data": (5, 3), "weights": (3, 4), "bias": (4,), "biases": (4,),
     "A_prev": (3, 5), "W": (4, 3), "A": (3, 5), "Z": (3, 5), "X": (5, 3), "prev_h": (5, 4), "prev_c": (5, 4),
     "Wx": (3, 4), "Wh": (4, 4), "Wq": (3, 4), "Wk": (3, 4), "Wv": (3, 6), "Wo": (6, 2),
     "q": (5, 3), "k": (4, 3), "v": (4, 6), "Q": (5, 3), "K": (4, 3), "V": (4, 6), "h_prev": (5, 4), "c_prev": (5, 4)},
    {"x": (7, SIZES[0])},  # no layer has 7 units: a factor of 7 must be the number of examples
    {"x": (2, 3, 5, 5), "w": (2, 3, 3, 3), "b": (2,), "gamma": (3,), "beta": (3,), "X": (2, 3, 5, 5), "W": (2, 3, 3, 3),
     "image": (5, 5), "input": (5, 5), "inputs": (5, 5)},
    {"x": (5, 3), "W": (3, 4), "b": (4,), "X": (5, 3), "A_prev": (5, 3), "A": (5, 3), "w": (4, 3)},
    {"x": (2, 3, 3), "prev_h": (2, 4), "h0": (2, 4), "Wx": (3, 4), "Wh": (4, 4), "b": (4,), "prev_c": (2, 4)},
    {"x": (2, 3, 3), "prev_h": (2, 4), "h0": (2, 4), "Wx": (3, 16), "Wh": (4, 16), "b": (16,), "prev_c": (2, 4)},
    {"x": (5, 3), "prev_h": (5, 4), "prev_c": (5, 4), "h_prev": (5, 4), "c_prev": (5, 4), "Wx": (3, 16), "Wh": (4, 16),
     "b": (16,), "Q": (2, 3, 3), "K": (2, 4, 3), "V": (2, 4, 6), "q": (2, 3, 3), "k": (2, 4, 3), "v": (2, 4, 6)},
    {"x": (2, 4, 5, 5)},  # with two groups or two heads, each has two of the four channels
    {"x": (2, 3, 4)},
    {"x": (2, 4, 5)},
    {"x": (5, 5), "image": (5, 5), "input": (5, 5), "inputs": (5, 5), "X": (5, 5)},
    {"x": (SIZES[0], 7), "A": (3, 5), "A_prev": (3, 5), "X": (3, 5), "W": (4, 3), "b": (4, 1)},
    {"x": (4, 1), "input": (4, 1), "inputs": (4, 1), "X": (4, 1), "W": (3, 4), "b": (3, 1)},
    {"x": (3, 4, 1), "input": (3, 4, 1), "inputs": (3, 4, 1)},
    {"x": (4,), "input": (4,), "inputs": (4,), "X": (4,)},
    {"x": (5, 5), "image": (5, 5), "X": (5, 5), "w": (2, 2), "W": (2, 2), "kernel": (2, 2), "b": ()},
    {"x": (3, 5, 5), "image": (5, 5, 3), "input": (3, 5, 5), "inputs": (3, 5, 5)},
]  # fmt: skip
# Shapes of x and of the other arguments of a forward method, such as a recurrent cell's state or attention keys
STATES: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((2, SIZES[0]), (2, SIZES[1])), ((SIZES[0], 1), (SIZES[1], 1)), ((SIZES[0],), (SIZES[1],)), ((3, SIZES[0]),) * 2,
    ((3, SIZES[0]), (SIZES[0], 2)),
]  # fmt: skip
# Names of a constructor's arguments, with widths that suit the inputs above
_WIDTHS = [(re.compile(words, re.IGNORECASE), size) for words, size in (
    (r"(?:in|input|num|n)?_?(?:channels?|ch|chans)(?:_in)?|c_?in|in_?c", 4),
    (r"d_?model|model_?dim|dim|n_?embd?|embed(?:ding)?_?dim", 4),
    (r"(?:num|n)?_?groups|(?:num|n)?_?heads?", 2),
    (r"(?:out|output)_?(?:channels?|ch|c)|c_?out|(?:num|n)?_?filters", 2),
    (r"d_?(?:head|k|v|key|value)|head_?(?:size|dim)", 3),
    (r"(?:kernel|filter|pool|window)(?:_?size)?|k_?size|k|size", 2),
    (r"stride|padding|pad", 1),
    (r"d_?ff|ff_?dim|hidden\w*|d_?hidden", 5),
)]  # fmt: skip
MOST_FITTED = 12  # arrays
_DICTS = {"conv_param": "{'stride': 1, 'pad': 1}", "pool_param": "{'pool_height': 2, 'pool_width': 2, 'stride': 2}",
          "bn_param": "{'mode': 'train'}", "ln_param": "{}", "gn_param": "{}", "stride": "1", "pad": "1", "eps": "1e-5",
          "hparameters": "{'stride': 1, 'pad': 1, 'f': 2}"}  # fmt: skip


def of_layer_functions(program: Program) -> Iterator[tuple[str, Iterator[Scene]]]:
    """Yield each pair of functions such as affine_forward and affine_backward, with its scenes."""
    by_name = {node.name: node for node in program.functions}
    for name, forward in by_name.items():
        if not _FORWARD.search(name):
            continue
        rest = _FORWARD.sub("", name)
        for other, backward in by_name.items():
            if other != name and _BACKWARD.search(other) and _BACKWARD.sub("", other) == rest and rest:
                yield f"{name} and {other}", _function_scenes(program, forward, backward)


def _function_scenes(program: Program, forward: ast.FunctionDef, backward: ast.FunctionDef) -> Iterator[Scene]:
    arguments = [argument for argument, default in parameters_of(forward, False) if default is None]
    for shapes in (*SHAPES, told_shapes(forward, arguments)):
        known, given = _given(arguments, shapes)
        if known is not None:
            yield from _function_scene(program, forward, backward, known, given)
    yield from _fitted_scenes(program, forward, backward, arguments)


def _fitted_scenes(
    program: Program, forward: ast.FunctionDef, backward: ast.FunctionDef, arguments: Sequence[str]
) -> Iterator[Scene]:
    """Yield the scene with shapes with which the functions run, of arrays and of those in a dict of parameters."""
    keys = {name: found for name in arguments if (found := _keys_read(forward, name))}
    arrays = [array for name in arguments if name not in _DICTS for array in keys.get(name, [name])]
    before = "".join(f"{name} = {_dict_of(found)}\n    " for name, found in keys.items())
    for scene in _function_scene(
        program, forward, backward, [_DICTS.get(name, name) for name in arguments], {}, before
    ):
        *body, last = ast.parse(scene.driver).body[0].body  # type: ignore[attr-defined]
        lines = "\n".join(
            map(ast.unparse, [*body, ast.Assign([ast.Name("_answers", ast.Store())], last.value, lineno=0)])
        )
        if len(arrays) <= MOST_FITTED and (fit := next(fits(program, lines, arrays, {"_like": np.ones_like}), None)):
            yield replace(scene, given=dict(scene.given) | {name: drawn(shape) for name, shape in fit.shapes.items()})


def _dict_of(keys: Sequence[str]) -> str:
    return f"{{{', '.join(f'{key!r}: {key}' for key in keys)}}}"


def _keys_read(node: ast.FunctionDef, holder: str) -> list[str]:
    """Return the keys that a function reads from this argument, also by another name: `p = parameters`."""
    names = {holder}
    for part in ast.walk(node):
        if isinstance(part, ast.Assign) and isinstance(part.value, ast.Name) and part.value.id in names:
            names |= {target.id for target in part.targets if isinstance(target, ast.Name)}
    found = [part.slice.value for part in ast.walk(node)
             if isinstance(part, ast.Subscript) and isinstance(part.value, ast.Name) and part.value.id in names
             if isinstance(part.slice, ast.Constant) and isinstance(part.slice.value, str)]  # fmt: skip
    return [key for key in dict.fromkeys(found) if key.isidentifier()]


def _function_scene(
    program: Program,
    forward: ast.FunctionDef,
    backward: ast.FunctionDef,
    passed: Sequence[str],
    given: Mapping[str, Callable[[np.random.Generator], Any]],
    before: str = "",
) -> Iterator[Scene]:
    """Yield the scene in which the functions are called with what is passed, if that is all they need.

    `before`: lines that run first.
    """
    arguments = [argument for argument, default in parameters_of(forward, False) if default is None]
    takes = parameters_of(backward, False)
    out = results_of(forward)
    first = ["out", "cache"] if len(out) == 2 else ["out"] if len(out) <= 1 else ["out", *out[1:]]
    begun = f"{before}{', '.join(first)} = {forward.name}({', '.join(passed)})"
    flowing = (
        {argument: argument for argument in arguments} | {name: name for name in (*out, *first)} | {"cache": first[-1]}
    )
    upstream = takes[0][0] if takes else "dout"
    flowing |= {upstream: "dout * 1"}
    more, cost = "", "(out * dout).sum()"
    if len(out) == len(takes) == 3 and _UPSTREAM.fullmatch(takes[1][0]):  # as the h and c of an LSTM
        flowing |= {takes[1][0]: "dmore * 1"}
        more, cost = f"\n    dmore = _like({out[1]})", f"{cost} + ({out[1]} * dmore).sum()"
    elif len(out) == len(takes) > 2:  # what the forward pass keeps, in its order
        flowing |= {take: result for (take, _), result in zip(takes[1:], out[1:], strict=True)}
    text = call(backward, backward.name, flowing)
    if not text:
        return
    answers = _derivatives(results_of(backward), arguments)
    lines = f"{begun}\n    dout = _like(out){more}\n    _cost = {cost}\n    {', '.join(answers)} = {text}"
    yield Scene(
        program,
        f"for _gradproof_turn in range(2):\n    {lines}",
        given=dict(given) | {"_like": _like()},
        gradients=True,
        data=("dout", "dmore", "out", "cache", *(out[1:2] if more else ())),
    )


def _derivatives(answers: Sequence[str], takes: Sequence[str]) -> list[str]:
    """Return names for the results of a backward pass: its own, or d and the forward pass's arguments, in order."""
    if len(answers) < 2 and stem("".join(answers)) not in [name.lower() for name in takes]:
        return [f"d{takes[0]}"]
    unnamed = len(answers) == len(takes) and all(answer.startswith("_result") for answer in answers)
    return [f"d{name}" for name in takes] if unnamed else list(answers)


def _given(
    arguments: Sequence[str], shapes: Mapping[str, tuple[int, ...]]
) -> tuple[list[str] | None, dict[str, Callable[[np.random.Generator], Any]]]:
    known: list[str] = []
    given: dict[str, Callable[[np.random.Generator], Any]] = {}
    for argument in arguments:
        if argument in _DICTS:
            known.append(_DICTS[argument])
        elif argument in shapes:
            known.append(argument)
            given[argument] = floats(*shapes[argument])
        else:
            return None, {}
    return (known, given) if given else (None, {})


def of_layer_classes(program: Program) -> Iterator[tuple[str, Iterator[Scene]]]:
    """Yield each class with a forward and a backward pass: scenes of a step, then of gradients returned or kept."""
    for kind in program.classes:
        methods = [node for node in kind.body if isinstance(node, ast.FunctionDef)]
        forward = next((m for m in methods if _INNER.search(m.name) and not _OUTER.search(m.name)), None)
        forward = forward or next((m for m in methods if m.name == "__call__"), None)
        backward = next((m for m in methods if _OUTER.search(m.name)), None)
        if forward is None or backward is None:
            continue
        if len(_needed(forward)) not in (1, 2, 3) or not (
            parameters_of(backward, True) or _is_compared(forward, backward)
        ):
            continue
        for gradients in (False, True):
            given = "returns" if results_of(backward) else "keeps"
            name = f"{kind.name}.{backward.name}" + (f", what it {given}" if gradients else "")
            yield name, _class_scenes(program, kind, forward, backward, gradients)


def takes_inputs(scene: Scene) -> bool:
    """Whether the backward method of a layer takes nothing but arguments of the forward pass, by their names."""
    kind = next((kind for kind in scene.program.classes if kind.name == scene.layer), None)
    methods = {part.name: part for part in kind.body if isinstance(part, ast.FunctionDef)} if kind else {}
    called = [node.func for node in ast.walk(ast.parse(scene.driver)) if isinstance(node, ast.Call)]
    names = [call.attr for call in called if isinstance(call, ast.Attribute) and call.attr in methods]
    forward = methods.get(names[0]) if names else methods.get("__call__")
    backward = methods.get(names[-1]) if names else None
    return forward is not None and backward is not None and [] != _needed(backward) == _needed(forward)


def _needed(method: ast.FunctionDef) -> list[str]:
    """Return the arguments without a default of a method, other than self and ctx."""
    return [name for name, default in parameters_of(method, True) if default is None and name != "ctx"]


def _is_compared(forward: ast.FunctionDef, backward: ast.FunctionDef) -> bool:
    """Whether a forward pass takes an output and its labels, and its backward pass needs nothing, as a loss layer's."""
    takes = _needed(forward)
    return len(takes) == 2 and not _needed(backward) and role_of(takes[1]) == "y"


def _alone(rng: np.random.Generator) -> Callable[[Any], Any]:
    """Draw the upstream gradient of a cost: dC/dC = 1, which many write as a default argument and leave out."""
    return lambda array: constants(np.ones(np.shape(array))) if np.shape(array) else constants(1.0).item()


def _shares(rng: np.random.Generator) -> Any:
    """Draw five examples of three outputs that can serve as probabilities or as logits."""
    return constants(rng.dirichlet(np.ones(3), size=5))


# Labels for these outputs: one-hot, or class numbers
LABELS: list[Callable[[np.random.Generator], Any]] = [
    lambda rng: constants(np.eye(3)[rng.permutation(5) % 3]), lambda rng: rng.permutation(5) % 3,
]  # fmt: skip


def _class_scenes(
    program: Program, kind: ast.ClassDef, forward: ast.FunctionDef, backward: ast.FunctionDef, gradients: bool
) -> Iterator[Scene]:
    upstream = _needed(backward) or [name for name, _ in parameters_of(backward, True)[:1]]
    takes = _needed(forward)
    flowing = dict.fromkeys(upstream[:1], "dout * 1") | {"cache": "answer[-1]", "ctx": "ctx"}
    # Two outputs, as the h and c of an LSTM
    two = len(upstream) == len(results_of(forward)) == 2 and bool(_UPSTREAM.fullmatch(upstream[1]))
    flowing |= {upstream[1]: "dmore * 1"} if two else {}  # copies, to be changed in place
    if not two and len(upstream) == len(results_of(forward)) == 2 and _UPSTREAM.fullmatch(upstream[0]):
        flowing |= {upstream[1]: "answer[1]"}  # what the forward pass keeps
    text = call(backward, f"net.{backward.name}", flowing, method=True)
    context = _context(program, forward)
    if not text or context is None:
        return
    made_first, passed = (f"ctx = {context}\n    ", "ctx, ") if context else ("", "")
    targets = takes[1:] if _is_compared(forward, backward) else []
    takes = takes if not targets else takes[:1]
    answers = _derivatives(results_of(backward), takes)
    shapes = dict.fromkeys(shapes.get("x", (4,)) for shapes in SHAPES)
    given = [{takes[0]: floats(*shape)} for shape in shapes] if len(takes) == 1 and not targets else []
    for first, others in STATES if len(takes) > 1 else ():
        given.append({takes[0]: floats(*first)} | {name: floats(*others) for name in takes[1:]})
    given += [{takes[0]: _shares, targets[0]: labels} for labels in LABELS] if targets else []
    more = "\n    dmore = _like(answer[1])" if two else ""
    kept = [] if gradients and results_of(backward) else takes
    cost = "(out * dout).sum()" + " + (answer[1] * dmore).sum()" * two
    for made in (*_of_widths(kind), *constructions(kind, program.tree)):
        if re.search(r"\b[xy]\b", made) or explore(Scene(program, f"net = {made}"), seconds=2.0).trouble:
            continue
        for known in given:
            lines = f"{made_first}answer = net.{forward.name}({passed}{', '.join([*takes, *targets])})"
            lines += f"\n    out = _first(answer)\n    dout = _like(out){more}"
            lines += f"\n    _cost = {cost}\n    {', '.join(answers)} = {text}"
            yield Scene(
                program,
                f"net = {made}\nfor _gradproof_turn in range(2):\n    {lines}",
                given=known | {"_like": _alone if targets else _like(), "_first": lambda rng: first_of},
                gradients=gradients,
                data=("dout", "dmore", "out", "answer", *targets, *kept, *_constants(program)),
            )


def _constants(program: Program) -> list[str]:
    """Return attributes of classes, as in `.beta`, that a constructor's number gives, and that have no gradient.

    An example is Swish's `def __init__(self, beta=1.0): self.beta = beta`.
    """
    nodes = [node for kind in program.classes for node in ast.walk(kind)]
    words = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    words |= {str(node.value) for node in nodes if isinstance(node, ast.Constant)}
    gradients = {stem(word) for word in words if stem(word) != word.lower()}
    found = []
    for kind in program.classes:
        for init in (node for node in kind.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"):
            numbers = {name for name, default in parameters_of(init, True) if isinstance(default, ast.Constant)}
            for node in (node for node in init.body if isinstance(node, ast.Assign)):
                if isinstance(node.value, ast.Name) and node.value.id in numbers:
                    found += [f".{target.attr}" for target in node.targets if isinstance(target, ast.Attribute)]
    return [name for name in found if name[1:].lower() not in gradients]


def _context(program: Program, forward: ast.FunctionDef) -> str | None:
    """Return the call that makes the ctx in which a static method keeps arrays, as in PyTorch; "" if it takes none.

    Return None if the program has no such class.
    """
    if "ctx" not in dict(parameters_of(forward, True)):
        return ""
    return next((f"{kind.name}()" for kind in program.classes if re.search(r"(?i)context|ctx", kind.name)), None)


def _of_widths(kind: ast.ClassDef) -> list[str]:
    """Return the call that makes a layer of channels, groups, or heads, with widths that suit the inputs above."""
    init = next((node for node in kind.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"), None)
    needed = [name for name, default in parameters_of(init, True) if default is None] if init is not None else []
    widths = [next((size for words, size in _WIDTHS if words.fullmatch(name)), None) for name in needed]
    return [f"{kind.name}({', '.join(map(str, widths))})"] if needed and None not in widths else []


def of_engines(program: Program) -> Iterator[tuple[str, Iterator[Scene]]]:
    """Yield each class of scalars that keep their gradient, with operators and backward(), and its scenes."""
    made = (ast.Import, ast.ImportFrom, ast.Try, ast.FunctionDef, ast.ClassDef)
    kinds = {kind.name for kind in program.classes}
    kept = [node for node in program.tree.body if isinstance(node, made) or _is_constant(node, kinds)]
    program = replace(program, tree=ast.Module(kept, []))  # without the scalars that its own example makes
    for kind in program.classes:
        names = {node.name for node in kind.body if isinstance(node, ast.FunctionDef)}
        if "__mul__" in names and "__add__" in names and names & {"backward", "backprop", "backward_pass"}:
            yield kind.name, _engine_scenes(program, kind, names)


def _is_constant(node: ast.stmt, kinds: Collection[str]) -> bool:
    """Whether a statement is an assignment that makes no object of the program's own classes."""
    called = (part.func for part in ast.walk(node) if isinstance(part, ast.Call))
    return isinstance(node, ast.Assign) and not any(ast.unparse(function) in kinds for function in called)


def _engine_scenes(program: Program, kind: ast.ClassDef, names: set[str]) -> Iterator[Scene]:
    back = next(name for name in ("backward", "backprop", "backward_pass") if name in names)
    unary = [f"t.{name}()" for name in ("tanh", "sigmoid", "exp", "relu", "log", "sin", "cos") if name in names]
    more = [f"t = {text} + s" for text in unary if "log" not in text]
    more += ["t = t ** 2 + a" if "__pow__" in names else "t = t * t + a"]
    more += ["t = t - b * s" if "__sub__" in names else "t = t + b * s"]
    more += ["t = t / c" if "__truediv__" in names else "t = t * c"]
    # Only one turn, because an engine accumulates gradients over several on purpose
    for two in ("2", "b"):  # not every engine takes plain numbers
        for value in (*LEAVES, "x"):
            lines = [
                "s = a * b + c",
                "t = s * s + a * s",
                f"t = t + s * {two}",
                *more,
                f"t.{back}()",
                f"_cost = t.{value}",
            ]
            made = "\n".join(f"{name} = {kind.name}(_{name})" for name in "abc")
            driver = f"{made}\nfor _gradproof_turn in range(1):\n    " + "\n    ".join(lines)
            given = {f"_{name}": (lambda rng: constants(rng.normal()).item()) for name in "abc"}
            yield Scene(program, driver, given=given, gradients=True, data=("s", "t", "_a", "_b", "_c"))


def is_reset(program: Program, layer: str, name: str) -> bool:
    """Whether something that resets, such as zero_grad, sets attributes of this name of a layer's objects to 0.

    If nothing in the program takes a step, resetting is up to whoever does. What resets is a function, or a method of
    the layer's class or of a class that this one mentions, such as its base. Another class may set what its loop goes
    through to 0, as in `for _, g in self.parameters(): g[...] = 0`.
    """
    classes = {kind.name: kind for kind in program.classes}
    waiting, methods = [layer], list(program.functions)
    while waiting:
        if kind := classes.pop(waiting.pop(), None):
            methods += [part for part in kind.body if isinstance(part, ast.FunctionDef)]
            waiting += [part.id for part in ast.walk(kind) if isinstance(part, ast.Name)]
    functions = [one for one in ast.walk(program.tree) if isinstance(one, ast.FunctionDef)]
    resets = [one for one in functions if _RESETS.search(one.name)]
    if not any(_STEPS.search(one.name) for one in functions):
        return True
    if any(_clears(part) for one in resets for part in ast.walk(one) if isinstance(part, ast.For)):
        return True
    return any(_sets_to_zero(part, name) for one in methods if one in resets for part in ast.walk(one))


def _clears(loop: ast.For) -> bool:
    """Whether a loop sets the elements of what it goes through to 0."""
    turn = names_in(loop.target)
    cleared: list[ast.expr] = []
    for node in ast.walk(loop):
        if isinstance(node, ast.Assign) and _is_zero(node.value):
            cleared += [target for target in node.targets if isinstance(target, ast.Subscript | ast.Attribute)]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "fill":
            cleared += [node.func.value] if all(map(_is_zero, node.args)) else []
    return any(names_in(target) & turn for target in cleared)


def _sets_to_zero(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Assign):
        return _is_zero(node.value) and any(_ends_with(target, name) for target in node.targets)
    called = node.func if isinstance(node, ast.Call) else None
    if not isinstance(called, ast.Attribute) or called.attr != "fill":
        return False
    return _ends_with(called.value, name) and all(map(_is_zero, node.args))  # type: ignore[attr-defined]


def _is_zero(value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return value.value is None or (value.value == 0 and value.value is not False)
    return isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] in ("zeros", "zeros_like")


def _ends_with(target: ast.expr, name: str) -> bool:
    """Whether a target is `x.name`, or a part of it."""
    while isinstance(target, ast.Subscript):
        target = target.value
    return isinstance(target, ast.Attribute) and target.attr == name
