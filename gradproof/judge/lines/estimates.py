"""Rough values of edited expressions in float64, in the frame of a run: a first look that rules out most edits.

Only what an edit changes is recomputed. Nothing is decided here: what passes is run exactly.
"""

import ast
import operator
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from types import FrameType
from typing import Any

import numpy as np

from gradproof.exact import operators
from gradproof.exact.arrays import ExactArray, exact
from gradproof.exact.numbers import Number
from gradproof.exact.rewriting import HELPER, with_exact_numbers
from gradproof.judge.lines.edits import Edit, Place

Places = dict[ast.AST, Place]
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.MatMult: operator.matmul, ast.Pow: operator.pow, ast.Mod: operator.mod, ast.FloorDiv: operator.floordiv,
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_, ast.Gt: operator.gt, ast.Lt: operator.lt,
    ast.GtE: operator.ge, ast.LtE: operator.le, ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
SECONDS = 0.3  # for calls of the program's own functions, which run exactly
CLOSE = 1e-9  # relative error up to which an edit is then run exactly
_MODULES = {"np": np, "numpy": np}


class Estimates:
    """The values of the expressions of one statement in its frame."""

    def __init__(self, frame: FrameType) -> None:
        self.frame, self.spent = frame, 0.0
        self.known: dict[int, Any] = {}  # by the ids of nodes that no edit has changed
        self.texts: dict[str, Any] = {}  # of names, attributes, entries and calls, by their source

    def plain(self, value: ast.expr) -> Any:
        """Return the value of an expression as it is; None if it raises."""
        with suppress(Exception), np.errstate(all="ignore"):
            return self._value(value, set())
        return None

    def of(self, edit: Edit, value: ast.expr, places: Places) -> Any:
        """Return the value of an expression with the edit in its tree; None if it raises."""
        changed: ast.AST = edit.new
        dirty = set(map(id, ast.walk(edit.new)))
        dirty -= set(map(id, ast.walk(edit.old)))  # the parts of the old node that it keeps
        dirty.add(id(edit.new))
        changed = places[edit.old].parent
        while changed in places and isinstance(changed, ast.expr | ast.keyword | ast.operator):
            dirty.add(id(changed))
            changed = places[changed].parent
        with suppress(Exception), np.errstate(all="ignore"):
            return self._value(value, dirty)
        return None

    def _value(self, node: ast.expr, dirty: set[int]) -> Any:
        if id(node) in self.known and id(node) not in dirty:
            return self.known[id(node)]
        result = self._computed(node, dirty)
        if id(node) not in dirty:
            self.known[id(node)] = result
        return result

    def _computed(self, node: ast.expr, dirty: set[int]) -> Any:
        match node:
            case ast.Constant():
                return node.value
            case ast.BinOp():
                return _OPERATORS[type(node.op)](self._value(node.left, dirty), self._value(node.right, dirty))
            case ast.UnaryOp():
                return _OPERATORS[type(node.op)](self._value(node.operand, dirty))
            case ast.Compare(ops=[op], comparators=[right]):
                return _OPERATORS[type(op)](self._value(node.left, dirty), self._value(right, dirty))
            case ast.Attribute(attr="T"):
                return np.transpose(self._value(node.value, dirty))
            case ast.Call():
                return self._called(node, dirty)
            case ast.IfExp():
                return self._value(node.body if self._value(node.test, dirty) else node.orelse, dirty)
            case ast.Tuple() | ast.List():
                return [self._value(part, dirty) for part in node.elts]
            case ast.Dict():
                return [self._value(part, dirty) for part in node.values]
        return self._exact(ast.unparse(node))

    def _called(self, node: ast.Call, dirty: set[int]) -> Any:
        arguments = [self._value(part, dirty) for part in node.args]
        options = {str(k.arg): self._value(k.value, dirty) for k in node.keywords}
        match node.func:
            case ast.Attribute(value=ast.Name(id=name)) if name in _MODULES:
                return getattr(_MODULES[name], node.func.attr)(*arguments, **options)
            case ast.Attribute(value=owner) if not isinstance(owner, ast.Name) or self._is_array(owner, dirty):
                holder = self._value(owner, dirty)
                if isinstance(holder, np.ndarray):
                    return getattr(holder, node.func.attr)(*arguments, **options)
        text = ast.unparse(node)
        if text not in self.texts and self.spent < SECONDS:
            since = time.process_time()
            function = self._evaluated(ast.unparse(node.func))
            made = [exact(a) if isinstance(a, np.ndarray) else a for a in arguments]
            self.texts[text] = floats(function(*made, **options))
            self.spent += time.process_time() - since
        return self.texts[text]

    def _is_array(self, node: ast.expr, dirty: set[int]) -> bool:
        return isinstance(self._value(node, dirty), np.ndarray)

    def _exact(self, text: str) -> Any:
        """Return the value of an expression in the run, as floats."""
        if text not in self.texts:
            self.texts[text] = floats(self._evaluated(text))
        return self.texts[text]

    def _evaluated(self, text: str) -> Any:
        tree = with_exact_numbers(ast.parse(text, mode="eval"))  # type: ignore[arg-type]
        names = self.frame.f_globals | {HELPER: operators}
        return eval(compile(ast.fix_missing_locations(tree), "<estimate>", "eval"), names, self.frame.f_locals)


def floats(value: Any) -> Any:
    """Return a value with each ball replaced by its midpoint."""
    if isinstance(value, Number):
        return float(value.value.mid())
    if isinstance(value, ExactArray):
        return np.array([float(x.value.mid()) for x in value.ravel().tolist()]).reshape(value.shape)
    return [floats(item) for item in value] if isinstance(value, list | tuple) else value


def arrays_in(value: Any) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the arrays in nested lists."""
    if isinstance(value, list):
        for item in value:
            yield from arrays_in(item)
    elif isinstance(value, np.ndarray):
        yield value


@np.errstate(all="ignore")
def is_multiple(value: np.ndarray[Any, Any], slope: np.ndarray[Any, Any]) -> bool:
    """Whether one array is roughly a multiple of another of its size, in the same order or transposed.

    Any number is a multiple of any other, so for a single number the factor must be a small fraction.
    """
    return is_multiple_of_one(value, slope[np.newaxis])


@np.errstate(all="ignore")
def is_multiple_of_one(value: np.ndarray[Any, Any], slopes: np.ndarray[Any, Any]) -> bool:
    """Whether an array is roughly a multiple of one of several, (k, n), of its size."""
    norms = (slopes * slopes).sum(axis=1)
    for order in (value, value.T) if value.ndim == 2 and min(value.shape) > 1 else (value,):
        flat = order.ravel()
        factors = slopes @ flat / norms
        told = np.isfinite(factors) & (factors != 0)
        if flat.size == 1:
            return any(abs(x - float(Fraction(x).limit_denominator(64))) <= CLOSE * abs(x) for x in factors[told])
        off = np.abs(flat - factors[told, np.newaxis] * slopes[told]).max(axis=1, initial=0)
        if (off <= CLOSE * np.abs(flat).max()).any():
            return True
    return False


class Known:
    """The derivatives of a cost, and the parameters, by size: roughly what a statement should give."""

    def __init__(self, derivatives: Iterable[list[float]], given: Iterable[Any]) -> None:
        slopes: dict[int, dict[tuple[float, ...], None]] = {}
        for slope in derivatives:
            if any(slope):
                slopes.setdefault(len(slope), {})[tuple(slope)] = None
        self.slopes = {size: np.array(list(some)) for size, some in slopes.items()}
        self.given: dict[int, list[Any]] = {}
        for array in given:
            self.given.setdefault(array.size, []).append(floats(array).ravel())

    def has(self, value: Any) -> bool:
        """Whether an array is a multiple of a derivative, or a parameter that was moved by such a multiple."""
        value = np.asarray(value) if isinstance(value, float) else value
        if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or not np.isfinite(value).all():
            return False
        steps = [value, *(value.ravel() - array for array in self.given.get(value.size, ()))]
        slopes = self.slopes.get(value.size)
        return slopes is not None and any(is_multiple_of_one(step, slopes) for step in steps)
