"""Shapes that nothing tells: those with which functions run in float64 and give gradients of the same shapes."""

import ast
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice, product
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from gradproof.judge.find.calls import parameters_of
from gradproof.judge.find.numbers import floats
from gradproof.judge.find.program import WATCH, Program, copied, definitions
from gradproof.judge.find.roles import role_of, stem
from gradproof.judge.trial.execution import SubjectError, guarded
from gradproof.limits import Clock

SIZES = (4, 5, 3)  # of axes that differ
LAST = (6, 7, 8, 12, 9)  # sizes of a fourth: of its own, the sum of two others, or four or three times the third
SECONDS = 2.0  # for all shapes with the same numbers of axes
LONGEST = 6.0  # in all
MOST_AXES = 10
GOLDEN = 0.618033988749895
COLUMN, INDEX = "a column", "an index"
Axes = int | str  # how many, or COLUMN or INDEX
Shape = tuple[int, ...] | None  # None for an index, which is 1


class Fit(NamedTuple):
    """Shapes of the arguments, and those of which there is no gradient of the same shape."""

    shapes: dict[str, Shape]
    data: tuple[str, ...]


def fits(program: Program, lines: str, arguments: Sequence[str], more: Mapping[str, Any] = {}) -> Iterator[Fit]:
    """Yield shapes of the arguments with which the lines run, those of most axes first. `more`: what they use besides.

    The lines set `_answers` to arrays, each of the shape of an argument, and `_cost`, if they do, to one number. As few
    axes are equally long as possible.
    """
    try:
        with guarded("the program", 2 * SECONDS):
            names = _definitions(program) | dict(more)
    except (SubjectError, ArithmeticError):
        return
    code = compile(lines, program.path, "exec")
    alike = list({_kind(name): name for name in reversed(arguments)}.values())[::-1]
    axes = sorted(product(*[_axes(name) for name in alike]), key=lambda one: -sum(map(_count, one)))
    end = time.process_time() + LONGEST
    for one in axes:
        few = sum(map(_count, one)) <= MOST_AXES and time.process_time() < end
        if few and (found := _first(code, names, arguments, dict(zip(map(_kind, alike), one, strict=True)))):
            yield found


def _kind(name: str) -> str:
    """Return the name, or its letter for weights and biases of several gates, such as Wf and bf: they are alike."""
    return name[0] if re.fullmatch(r"[WUbV][_a-z]{1,2}", name) else name


def _axes(name: str) -> tuple[Axes, ...]:
    """Return how many axes an argument of this name may have."""
    if name[0] in "WU" or name.lower().startswith(("weight", "embed", "kernel")):
        return (2,)
    if name.lower().startswith("b") and len(name) < 4:
        return (COLUMN, 1)
    return (2, 1, INDEX) if len(name) == 1 and name.islower() else (2, 1)


def _count(axes: Axes) -> int:
    return axes if isinstance(axes, int) else int(axes == COLUMN)


def _first(code: Any, names: dict[str, Any], arguments: Sequence[str], axes: Mapping[str, Axes]) -> Fit | None:
    with suppress(SubjectError, ArithmeticError), guarded("the program", SECONDS, Clock.COMPUTING):
        labelings = sorted(_labelings(sum(map(_count, axes.values()))), key=max, reverse=True)
        for last, labels in product(LAST, labelings):
            if last != LAST[0] and len(SIZES) not in labels:
                continue
            sizes = iter([(*SIZES, last)[label] for label in labels])
            kinds = {kind: _shape(one, sizes) for kind, one in axes.items()}
            shapes = {name: kinds[_kind(name)] for name in arguments}
            if answers := _runs(code, names, shapes):
                return Fit(shapes, _data(shapes, answers))
    return None


def _data(shapes: Mapping[str, Shape], answers: Sequence[Shape]) -> tuple[str, ...]:
    """Return the arguments without a gradient: of several of one shape, those that are named as inputs or labels."""
    left = Counter(shapes.values()) - Counter(answers)
    found = []
    for name, shape in sorted(
        shapes.items(), key=lambda one: (one[0] not in "xXyY", role_of(one[0]) not in ("x", "y"))
    ):
        is_data = left[shape] > 0 and (shape not in answers or role_of(name) in ("x", "y"))
        left[shape] -= is_data
        found += [name] * is_data
    return tuple(found)


def _shape(axes: Axes, sizes: Iterator[int]) -> Shape:
    if isinstance(axes, int):
        return tuple(islice(sizes, axes))
    return (next(sizes), 1) if axes == COLUMN else None


def made(shape: Shape) -> Callable[[np.random.Generator], Any]:
    """Return a draw of an argument of this shape."""
    return floats(*shape) if shape is not None else lambda rng: 1


def _labelings(count: int, used: int = 0) -> Iterator[tuple[int, ...]]:
    """Yield all ways to say which of several axes are equally long: a new label is always the next one."""
    if count == 0:
        yield ()
        return
    for label in range(min(used, len(SIZES)) + 1):
        for rest in _labelings(count - 1, max(used, label + 1)):
            yield (label, *rest)


def _runs(code: Any, names: dict[str, Any], shapes: dict[str, Shape]) -> list[Shape]:
    """Run the code with arrays of these shapes; return the shapes of the gradients if they fit and the cost is one."""
    space = names | {name: 1 if shape is None else _drawn(shape) for name, shape in shapes.items()}
    try:
        exec(code, space)
    except Exception:  # they do not fit
        return []
    found = list(_arrays(space["_answers"], ""))
    own = {name.lower(): shape for name, shape in shapes.items()}
    fitting = all(own.get(stem(name), array.shape) == array.shape and np.isfinite(array).all() for name, array in found)
    given, taken = (Counter(some) for some in ([array.shape for _, array in found], shapes.values()))
    is_one = np.size(space.get("_cost", 0.0)) == 1
    return list(given.elements()) if fitting and is_one and given <= taken else []


def _drawn(shape: tuple[int, ...]) -> Any:
    """Return an array of this shape of numbers between 0 and 1, for which a logarithm is finite."""
    return 0.1 + 0.8 * (np.arange(1.0, 1.0 + np.prod(shape)) * GOLDEN % 1).reshape(shape)


def _arrays(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the arrays in a value, each with its key in a dict."""
    if isinstance(value, np.ndarray):
        yield name, value
    elif isinstance(value, dict | list | tuple):
        for key, part in value.items() if isinstance(value, dict) else ((name, part) for part in value):
            yield from _arrays(part, str(key))


def _definitions(program: Program) -> dict[str, Any]:
    """Run the definitions as they are, with imports of NumPy, SciPy and the standard library only."""
    tree = copied(program.tree)
    tree.body = [node for node in definitions(tree) if not any(map(_is_foreign, ast.walk(node)))]
    names: dict[str, Any] = {"__name__": "definitions", WATCH: SimpleNamespace(failed=lambda: None)}
    exec(compile(ast.fix_missing_locations(tree), program.path, "exec", dont_inherit=True), names)
    return names


def _is_foreign(node: ast.AST) -> bool:
    known = {*sys.stdlib_module_names, "numpy", "scipy"}
    if isinstance(node, ast.Import):
        return not {one.name.partition(".")[0] for one in node.names} <= known
    return isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] not in known


def is_multiplied(node: ast.FunctionDef, argument: str) -> bool:
    """Whether an argument is a factor of a matrix product, and so no plain number."""
    for part in ast.walk(node):
        match part:
            case ast.BinOp(left, ast.MatMult(), right):
                sides = [left, right]
            case ast.Call(ast.Attribute(value, "dot"), arguments):
                sides = [value, *arguments]
            case _:
                continue
        if any(isinstance(side, ast.Name) and side.id == argument for side in sides):
            return True
    return False


def arrays_of(node: ast.FunctionDef, plain: Sequence[str]) -> list[str]:
    """Return the required arguments that may be arrays: those of which no other meaning is known, or that multiply."""
    required = [name for name, default in parameters_of(node, False) if default is None]
    return [name for name in required if name not in plain or is_multiplied(node, name)]
