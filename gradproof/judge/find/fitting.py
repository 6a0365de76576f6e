"""Shapes that nothing tells: those with which functions run in float64 and give gradients of the same shapes."""

import ast
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice, product
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from gradproof.judge.find.calls import parameters_of
from gradproof.judge.find.numbers import floats
from gradproof.judge.find.program import WATCH, Program, copied, definitions
from gradproof.judge.trial.execution import SubjectError, guarded

SIZES = (4, 5, 3, 6)  # of axes that differ
SECONDS = 1.0  # for all shapes with the same numbers of axes
MOST_AXES = 10
COLUMN, INDEX = "a column", "an index"
Axes = int | str  # how many, or COLUMN or INDEX
Shape = tuple[int, ...] | None  # None for an index, which is 1


class Fit(NamedTuple):
    """Shapes of the arguments, and those of which there is no gradient of the same shape."""

    shapes: dict[str, Shape]
    data: tuple[str, ...]


def fits(program: Program, lines: str, arguments: Sequence[str]) -> Iterator[Fit]:
    """Yield shapes of the arguments with which the lines run, those of most axes first.

    The lines set `_answers` to arrays, each of the shape of an argument, and `_cost`, if they do, to one number. As few
    axes are equally long as possible.
    """
    try:
        with guarded("the program", 2 * SECONDS):
            names = _definitions(program)
    except (SubjectError, ArithmeticError):
        return
    code = compile(lines, program.path, "exec")
    axes = sorted(product(*[_axes(name) for name in arguments]), key=lambda one: -sum(map(_count, one)))
    for one in axes:
        if sum(map(_count, one)) <= MOST_AXES and (found := _first(code, names, arguments, one)):
            yield found


def _axes(name: str) -> tuple[Axes, ...]:
    """Return how many axes an argument of this name may have."""
    if name[0] in "WU" or name.lower().startswith(("weight", "embed", "kernel")):
        return (2,)
    if name.lower().startswith("b") and len(name) < 4:
        return (COLUMN, 1)
    return (2, 1, INDEX) if len(name) == 1 and name.islower() else (2, 1)


def _count(axes: Axes) -> int:
    return axes if isinstance(axes, int) else int(axes == COLUMN)


def _first(code: Any, names: dict[str, Any], arguments: Sequence[str], axes: Sequence[Axes]) -> Fit | None:
    end = time.process_time() + SECONDS
    for labels in sorted(_labelings(sum(map(_count, axes))), key=max, reverse=True):
        if time.process_time() > end:
            break
        sizes = iter([SIZES[label] for label in labels])
        shapes = {name: _shape(one, sizes) for name, one in zip(arguments, axes, strict=True)}
        if answers := _runs(code, names, shapes):
            return Fit(shapes, tuple(name for name, shape in shapes.items() if shape not in answers))
    return None


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
    for label in range(min(used + 1, len(SIZES))):
        for rest in _labelings(count - 1, max(used, label + 1)):
            yield (label, *rest)


def _runs(code: Any, names: dict[str, Any], shapes: dict[str, Shape]) -> list[Shape]:
    """Run the code with arrays of these shapes; return the shapes of the gradients if they fit and the cost is one."""
    rng = np.random.default_rng(0)
    drawn = {name: 1 if shape is None else rng.uniform(0.1, 0.9, size=shape) for name, shape in shapes.items()}
    space = names | drawn
    with suppress(SubjectError, ArithmeticError), guarded("the program", SECONDS):
        exec(code, space)
        found = list(_arrays(space["_answers"]))
        fitting = all(array.shape in shapes.values() and np.isfinite(array).all() for array in found)
        if fitting and len(found) <= len(shapes) and np.size(space.get("_cost", 0.0)) == 1:
            return [array.shape for array in found]
    return []


def _arrays(value: Any) -> Iterator[Any]:
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _arrays(part)


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
