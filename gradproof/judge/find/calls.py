"""Calls of a program's functions and classes: arguments by what their names mean, and by earlier results."""

import ast
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from gradproof.judge.find.roles import role_of

SIZES = (4, 5, 3)  # layer widths of the networks made here; no two are equal, nor is one the number of examples
_NUMBERS = {"rate": "0.1", "momentum": "0.9", "decay": "0.1", "epochs": "3", "batch": "5", "total": "5", "seed": "0",
            "rng": "np.random.default_rng(0)", "flag": "False", "gain": "np.linspace(0.4, 1.9, len(y))"}  # fmt: skip
_RESULT = re.compile(r"(?:out|output|outputs|o|a|a_?[l\d]|al|y_?hat|yh|pred\w*|prob\w*|p|h|hypothesis|guess|result|"
                     r"final\w*|estimate|activations?|y_?pred|yp|scores?|logits)$", re.IGNORECASE)  # fmt: skip
_CACHE = re.compile(r"(?:caches?|memory|store|stored|history|intermediates?|context|ctx|tape)$", re.IGNORECASE)
_GRADS = re.compile(r"(?:grads?|gradients?|deltas?|derivatives?|d_?params|updates?|nabla\w*)$", re.IGNORECASE)
_PARAMS = re.compile(r"(?:params?|parameters?|weights?|model|theta\w*|w|net|network|nn)$", re.IGNORECASE)


class Called(NamedTuple):
    """A call as source text, and the names that its results are bound to."""

    text: str
    results: Sequence[str]

    @property
    def line(self) -> str:
        return f"{', '.join(self.results)} = {self.text}" if self.results else self.text


def parameters_of(node: ast.FunctionDef, method: bool) -> list[tuple[str, ast.expr | None]]:
    """Return the arguments of a function, each with its default, without self."""
    arguments = [*node.args.posonlyargs, *node.args.args]
    missing = len(arguments) - len(node.args.defaults)
    defaults: list[ast.expr | None] = [None] * missing + list(node.args.defaults)
    found = [(argument.arg, default) for argument, default in zip(arguments, defaults, strict=True)]
    static = any(getattr(d, "id", "") == "staticmethod" for d in node.decorator_list)
    return found[1:] if method and not static else found


def call(node: ast.FunctionDef, name: str, known: Mapping[str, str], method: bool = False, pairs: bool = False) -> str:
    """Return the call with every argument that the function needs, or "" if one is unknown.

    `known` maps names, roles such as "x", "y" and "pairs", and kinds of results such as "cache" to expressions.
    """
    arguments = parameters_of(node, method)
    roles = [role_of(argument) for argument, _ in arguments]
    told: list[str] = []
    if roles.count("x") == 2 and not {"y", "pairs"} & set(roles):  # states s and actions a, for example
        roles[len(roles) - 1 - roles[::-1].index("x")] = "y"
    lonely = "y" not in roles and "pairs" not in roles  # without an argument for labels, the batch holds them
    for (argument, default), role in zip(arguments, roles, strict=True):
        if role == "pairs" and not pairs:
            role = "x"
        elif pairs and role == "x" and lonely and "pairs" in known:
            role = "pairs"
        keyword = any(default_of is not None for _, default_of in arguments[: len(told)])
        value = known.get(argument)
        if value is None and lonely and {"x", "y"} <= {*known} and _is_a_batch(node, argument):
            value = f"({known['x']}, {known['y']})"
        hides = role == "decay" and isinstance(default, ast.Constant) and default.value == 0  # a mistake in it
        if value is None and default is not None and not hides and role not in ("x", "y", "epochs", "pairs", "batch"):
            continue
        if value is None and role in ("x", "y", "pairs"):
            value = known.get(role)
        if value is None and role in _NUMBERS:
            value = known.get(role) or (
                f"len({known['pairs']})" if role == "total" and pairs else number_for(role, node)
            )
        if value is None and default is None:
            value = _by_kind(argument, known)
        if value is None:
            if default is None:
                return ""
            continue
        told.append(f"{argument}={value}" if default is not None or keyword else value)
    if node.args.vararg and not arguments and "x" in known:
        told += [known["x"], known["y"]]
    return f"{name}({', '.join(told)})"


def number_for(role: str, node: ast.FunctionDef) -> str | None:
    """Return what is passed for an argument of this role, or None: a usual number, or a source of random ones."""
    if role == "rng" and re.search(r"\.(?:randn?|randint|random_sample)\(", ast.unparse(node)):
        return "np.random.RandomState(0)"
    return _NUMBERS.get(role)


def _is_a_batch(node: ast.FunctionDef, argument: str) -> bool:
    """Whether a function unpacks an argument into inputs and labels: `inputs, targets = batch`."""
    for part in ast.walk(node):
        match part:
            case ast.Assign([ast.Tuple([ast.Name(first), ast.Name(second)])], ast.Name(name)) if name == argument:
                return (role_of(first), role_of(second)) == ("x", "y")
    return False


def _by_kind(argument: str, known: Mapping[str, str]) -> str | None:
    """Return the earlier result that an argument's name suggests: output, cache, gradients or parameters."""
    for pattern, kind in ((_CACHE, "cache"), (_GRADS, "grads"), (_RESULT, "result"), (_PARAMS, "params")):
        if pattern.match(argument.strip("_")) and kind in known:
            return known[kind]
    return known.get(argument.lower())


def takes_lists(function: ast.FunctionDef, among: Collection[str] = ()) -> bool:
    """Whether one of these arguments, or any, may be a list of layers.

    That is not so if some are used as arrays and none is indexed, iterated over or unpacked.
    """
    taken = set(among) or {one.arg for one in (*function.args.posonlyargs, *function.args.args)}
    arrays, apart = False, bool({"weights", "biases"} & taken)
    for node in ast.walk(function):
        match node:
            case ast.Subscript(ast.Name(name), index) if not _is_no_layer(index):
                apart |= name in taken
            case ast.For(iter=ast.Name(name)) | ast.comprehension(iter=ast.Name(name)):
                apart |= name in taken
            case ast.Call(ast.Name("zip" | "enumerate" | "reversed" | "list" | "tuple" | "map" | "iter"), several):
                apart |= any(
                    isinstance(part, ast.Name) and part.id in taken for one in several for part in ast.walk(one)
                )
            case ast.Assign([ast.Tuple() | ast.List()], ast.Name(name)):
                apart |= name in taken
            case ast.BinOp(left, _, right):
                arrays |= any(isinstance(side, ast.Name) and side.id in taken for side in (left, right))
            case ast.Attribute(ast.Name(name), "T" | "dot" | "shape"):
                arrays |= name in taken
    return apart or not arrays


def _is_no_layer(index: ast.expr) -> bool:
    """Whether an index is a key or the index of a matrix, and so not the number of a layer."""
    return isinstance(index, ast.Tuple) or (isinstance(index, ast.Constant) and isinstance(index.value, str))


def results_of(node: ast.FunctionDef) -> list[str]:
    """Return the names in a function's first return statement, "_result…" for other values; [] if it returns none."""
    for part in ast.walk(node):
        if isinstance(part, ast.Return) and part.value is not None:
            values = part.value.elts if isinstance(part.value, ast.Tuple) else [part.value]
            names = [value.id if isinstance(value, ast.Name) else "" for value in values]
            if len(names) > 1:
                return [name or f"_result{place}" for place, name in enumerate(names)]
            return [names[0] or "_result"] if names else ["_result"]
    return []


def constructions(kind: ast.ClassDef, program: ast.Module) -> Iterator[str]:
    """Yield expressions that make an object: with small sizes by the roles of its arguments, then as its file does."""
    seen: set[str] = set()
    init = next((node for node in kind.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"), None)
    candidates: list[str] = []
    if init is None:
        candidates += [*_by_class_methods(kind), f"{kind.name}()"]
    else:
        outs = (SIZES[2], 1) if not _has_one_output(kind, init, program) else (1, SIZES[2])
        for listed in (False, True):
            for out in outs:
                candidates += _by_roles(kind, init, (*SIZES[:2], out), listed)
        candidates += _by_roles(kind, init, SIZES, needed=True)
        candidates += [*_by_annotations(kind, init, program), *_by_class_methods(kind)]
        candidates += _by_position(kind.name, init)
    for node in ast.walk(program):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == kind.name:
            candidates.append(ast.unparse(node))
    for text in candidates:
        if text and text not in seen:
            seen.add(text)
            yield text


def _has_one_output(kind: ast.ClassDef, init: ast.FunctionDef, program: ast.Module) -> bool:
    """Whether the program makes all its networks with one output: a mean over outputs may be right for one only."""
    names = [name for name, _ in parameters_of(init, True)]
    ends = []
    for node in ast.walk(program):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == kind.name:
            given = dict(zip(names, node.args, strict=False)) | {one.arg: one.value for one in node.keywords if one.arg}
            widths = [value for name, value in given.items() if role_of(name, constructor=True) in ("out", "sizes")]
            last = [
                value.elts[-1] if isinstance(value, ast.List | ast.Tuple) and value.elts else value for value in widths
            ]
            ends.append([ast.unparse(one) for one in last])
    return bool(ends) and all(end == ["1"] for end in ends)


def not_made(kind: ast.ClassDef) -> list[str] | None:
    """Return the arguments that a class needs if their meaning could not be guessed, else None."""
    init = next((node for node in kind.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"), None)
    if init is None or _by_roles(kind, init, SIZES) or _by_roles(kind, init, SIZES, True):
        return None
    return [argument for argument, default in parameters_of(init, True) if default is None]


def _is_walked(init: ast.FunctionDef, argument: str) -> bool:
    """Whether a constructor loops over this argument, as over the widths of the hidden layers."""
    loops = (node.iter for node in ast.walk(init) if isinstance(node, ast.For | ast.comprehension))
    return any(isinstance(walked, ast.Name) and walked.id == argument for walked in loops)


_PLURAL = re.compile(r"sizes|layers|dims|units|neurons|nodes|hiddens", re.IGNORECASE)
_ACTIVATION = re.compile(r"activ|nonlin|transfer|squash", re.IGNORECASE)
_KNOWN = ("sigmoid", "tanh", "relu", "logistic", "sigm", "leaky_relu", "linear", "identity")


def _named_activation(kind: ast.ClassDef) -> str:
    """Return the first name of an activation that is a string in the class, or ""."""
    texts = {node.value.lower(): node.value for node in ast.walk(kind) if isinstance(node, ast.Constant)
             and isinstance(node.value, str)}  # fmt: skip
    return next((texts[name] for name in _KNOWN if name in texts), "")


def _by_roles(
    kind: ast.ClassDef, init: ast.FunctionDef, sizes: Sequence[int], listed: bool = False, needed: bool = False
) -> list[str]:
    """Return the call that makes an object, with arguments by their names; [] if one is unknown.

    With `listed`, arguments named in the plural are lists. With `needed`, only required arguments are passed.
    """
    name, told = kind.name, list[str]()
    hidden = 0
    for argument, default in parameters_of(init, True):
        if needed and default is not None:
            continue
        role = role_of(argument, constructor=True)
        value = {"x": "x", "y": "y", "in": str(sizes[0]), "out": str(sizes[2])}.get(role) or number_for(role, init)
        if role == "hidden":
            value = str(sizes[1] + hidden)
            hidden += 1
            if default is None and _is_walked(init, argument):
                value = f"[{sizes[1]}]"
            elif default is None and _PLURAL.search(argument):
                value = f"[{sizes[1]}, {sizes[1]}]" if listed else "2" if "layers" in argument.lower() else value
        if default is None and _ACTIVATION.search(argument) and (known := _named_activation(kind)):
            value = f"[{known!r}] * {len(sizes) - 1}" if listed or argument.lower().endswith("s") else repr(known)
        sequence = isinstance(default, ast.List | ast.Tuple)
        if role == "sizes" or sequence:
            entries = default.elts if isinstance(default, ast.List | ast.Tuple) else []
            if any(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in entries):
                value = None
            else:
                count = max(1, len(entries) - 2)
                inner = ", ".join(str(part) for part in (sizes[0], *[sizes[1] + k for k in range(count)], sizes[2]))
                value = f"({inner})" if isinstance(default, ast.Tuple) else f"[{inner}]"
                if role == "hidden":
                    value = f"[{sizes[1]}]"
        if role == "decay" and isinstance(default, ast.Constant) and default.value == 0:
            told.append(f"{argument}=0.1")  # a decay of 0 would hide a mistake in it
            continue
        if default is not None and not (
            role in ("in", "hidden", "out", "sizes") and isinstance(default, ast.Constant | ast.List | ast.Tuple)
        ):
            continue
        if default is not None and isinstance(default, ast.Constant) and not isinstance(default.value, int):
            continue
        if default is None and value is None:
            return []
        told.append(f"{argument}={value}" if default is not None else str(value))
    return [f"{name}({', '.join(told)})"]


def _by_class_methods(kind: ast.ClassDef) -> Iterator[str]:
    """Yield calls of class methods that make an object of given sizes, as `Params.init(4, 5, rng)`."""
    for node in kind.body:
        if isinstance(node, ast.FunctionDef) and any(
            getattr(one, "id", "") == "classmethod" for one in node.decorator_list
        ):
            for text in _by_roles(kind, node, SIZES):
                yield f"{kind.name}.{node.name}{text.removeprefix(kind.name)}"


def _by_annotations(kind: ast.ClassDef, init: ast.FunctionDef, program: ast.Module) -> Iterator[str]:
    """Yield the call that makes an object of objects, which the annotations say are of classes of the program."""
    classes = {node.name: node for node in program.body if isinstance(node, ast.ClassDef) and node is not kind}
    needed = {name for name, default in parameters_of(init, True) if default is None}
    told = []
    for one in (one for one in init.args.args if one.arg in needed):
        annotation = one.annotation
        said = (
            getattr(annotation, "value", None)
            if isinstance(annotation, ast.Constant)
            else getattr(annotation, "id", "")
        )
        if said not in classes:
            return
        told.append(next(constructions(classes[said], program)))
    if told:
        yield f"{kind.name}({', '.join(told)})"


def _by_position(name: str, init: ast.FunctionDef) -> list[str]:
    needed = [argument for argument, default in parameters_of(init, True) if default is None]
    three = [str(size) for size in SIZES]
    listed = f"[{', '.join(three)}]"
    by_count = {
        0: ["", listed],
        1: [listed, f"({', '.join(three)})", three[1]],
        2: ["x, y", f"{listed}, 0.1", f"{three[0]}, {three[2]}"],
        3: [", ".join(three), f"{listed}, 0.1, 1"],
        4: [", ".join((*three, "0.1")), ", ".join((three[0], three[1], "7", three[2]))],
        5: [", ".join((three[0], three[1], "7", three[2], "0.1")), ", ".join((*three, "0.1", "1"))],
    }
    return [f"{name}({arguments})" for arguments in by_count.get(len(needed), [])]
