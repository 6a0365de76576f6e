"""Slips of the hand: what may be meant in place of a part of a statement, and how likely that is."""

import ast
import copy
import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from functools import reduce
from typing import Any, NamedTuple, TypeVar

from gradproof.judge.find.roles import named_as_parameter
from gradproof.judge.lines.words import Words, is_leaf

_ERROR = re.compile(r"(?i)(?:^|[._])(?:d(?:elta)?_?\w{0,3}|err\w*)$")
_RATE = re.compile(r"(?i)(?:^|\.|_)(?:lr|eta|alpha|rate|learning_?rate|step_?size)$")
Node = TypeVar("Node", bound=ast.AST)
MOST_TARGETS = 3  # names to try in place of a target
MOST_NAMES = 12  # names to try in place of another
_OPPOSITE: dict[type[ast.AST], Sequence[type[Any]]] = {
    ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div, ast.MatMult), ast.Div: (ast.Mult,),
    ast.MatMult: (ast.Mult,), ast.Gt: (ast.LtE, ast.Lt, ast.GtE), ast.Lt: (ast.GtE, ast.Gt, ast.LtE),
    ast.GtE: (ast.Lt, ast.LtE, ast.Gt), ast.LtE: (ast.Gt, ast.GtE, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,),
}  # fmt: skip


class Slip(NamedTuple):
    """A node and its replacement, before its place in the tree is known."""

    tier: int  # 0 is the likeliest
    kind: str
    old: ast.AST
    new: ast.AST


def slips(statement: ast.stmt, words: Words, factors: bool) -> Iterator[Slip]:
    if isinstance(statement, ast.AugAssign):
        for op in _OPPOSITE.get(type(statement.op), ())[:1]:
            other = ast.AugAssign(copy.deepcopy(statement.target), op(), statement.value)
            yield Slip(0, "sign", statement, other)
        yield Slip(0, "extra statement", statement, ast.Pass())
        for rate in (text for text in words.arrays if _RATE.search(text)):
            yield Slip(0, "factor", statement.value, ast.BinOp(_expression(rate), ast.Mult(), statement.value))
        plain = ast.Assign([copy.deepcopy(statement.target)], copy.deepcopy(statement.value))
        if isinstance(statement.op, ast.Add):
            yield Slip(1, "accumulates", statement, plain)
    elif isinstance(statement, ast.Assign) and isinstance(
        target := statement.targets[0], ast.Name | ast.Attribute | ast.Subscript
    ):
        added = ast.AugAssign(copy.deepcopy(target), ast.Add(), copy.deepcopy(statement.value))
        yield Slip(2, "overwrites", statement, added)
        yield from _of_the_target(target, words)
    parts = [node for part in _parts(statement) for node in ast.walk(part) if isinstance(node, ast.expr)]
    called = {id(node.func) for node in parts if isinstance(node, ast.Call)}
    above = {id(child): part for part in parts for child in ast.iter_child_nodes(part)}
    inner = {id(node.value) for node in parts if isinstance(node, ast.Attribute | ast.Subscript) and is_leaf(node)}
    for node in parts:
        yield from _of_structure(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and id(node) in above:
            yield from _of_errors(node, words)
        if id(node) not in called:
            yield from _of_names(node, words, above.get(id(node)))
        elif isinstance(node, ast.Name | ast.Attribute):
            yield from _of_functions(node, words)
    slices = [node.slice for node in parts if isinstance(node, ast.Subscript)] + list(_parts(statement))[1:]
    yield from _of_counters(slices, words)
    value = next(iter(_parts(statement)), None)
    for node in parts if factors and not isinstance(statement, ast.If | ast.While | ast.For) else ():
        loaded = isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
        array = isinstance(node, ast.BinOp | ast.Call) or (is_leaf(node) and id(node) not in inner)
        if array and id(node) not in called and loaded:
            yield from _of_shape(node, words, node is value)
        array = array or (node is value and isinstance(node, ast.Compare | ast.Constant))
        if id(node) not in called and loaded and array:
            yield from _of_factors(node, words, node is value)


def _of_the_target(target: ast.expr, words: Words) -> Iterator[Slip]:
    """Yield other arrays to assign the value to: those whose names are most alike."""
    base = target.value if isinstance(target, ast.Subscript) else target
    text = ast.unparse(base)
    index = ast.unparse(target).removeprefix(text)  # by itself an index gets parentheses, which cannot hold a slice
    plain = [other for other in words.arrays if other != text and "[" not in other]
    for other in sorted(plain, key=lambda other: -SequenceMatcher(None, other, text).ratio())[:MOST_TARGETS]:
        (made,) = ast.parse(f"{other}{index} = 0").body
        new = made.targets[0] if isinstance(made, ast.Assign) else target
        yield Slip(0 if index else 1, "target", target, unplaced(new))


def _parts(statement: ast.stmt) -> Iterator[ast.expr]:
    """Yield the expressions of a statement: its value or condition, and the indices in its targets."""
    if isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Return | ast.Expr) and statement.value:
        yield statement.value
    elif isinstance(statement, ast.For):
        yield statement.iter
    elif isinstance(statement, ast.If | ast.While):
        yield statement.test
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    for target in targets:
        for one in target.elts if isinstance(target, ast.Tuple) else [target]:
            if isinstance(one, ast.Subscript):
                yield one.slice


def _of_counters(slices: Sequence[ast.expr], words: Words) -> Iterator[Slip]:
    """Yield other loop counters in place of each name in an index."""
    inside = {id(node): node for part in slices for node in ast.walk(part) if isinstance(node, ast.Name)}
    for node in inside.values():
        for other in words.counters:
            if other != node.id:
                yield Slip(0, "counter", node, ast.Name(other, ast.Load()))


def _of_structure(node: ast.expr) -> Iterator[Slip]:
    """Yield slips in signs, operands, transposes, axes, indices, comparisons, numbers and keys."""
    if isinstance(node, ast.BinOp):
        yield from _of_operator(node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield Slip(0, "sign", node, node.operand)
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield Slip(0, "transpose", node, node.value)
    elif isinstance(node, ast.Compare):
        for tier, op in enumerate(_OPPOSITE.get(type(node.ops[0]), ())):
            yield Slip(tier, "mask", node, ast.Compare(node.left, [op(), *node.ops[1:]], node.comparators))
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        for number in _numbers_near(node.value):
            yield Slip(0, "constant", node, ast.Constant(number))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        for digit in re.finditer(r"\d", node.value):
            for by in (1, -1):
                other = node.value[: digit.start()] + str((int(digit[0]) + by) % 10) + node.value[digit.end() :]
                yield Slip(0, "key", node, ast.Constant(other))
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name | ast.UnaryOp | ast.BinOp):
        for by in (-1, 1):
            yield Slip(0, "index", node, ast.Subscript(node.value, _shifted(node.slice, by), ast.Load()))
    elif isinstance(node, ast.Call):
        yield from _of_call(node)


def _shifted(index: ast.expr, by: int) -> ast.expr:
    """Return an index plus or minus one; i + 1 − 1 becomes i."""
    is_one = isinstance(index, ast.BinOp) and isinstance(index.right, ast.Constant) and index.right.value == 1
    if isinstance(index, ast.BinOp) and is_one and isinstance(index.op, ast.Sub if by > 0 else ast.Add):
        return index.left
    return ast.BinOp(copy.deepcopy(index), ast.Add() if by > 0 else ast.Sub(), ast.Constant(1))


def _of_operator(node: ast.BinOp) -> Iterator[Slip]:
    product = isinstance(node.op, ast.Mult | ast.Div)
    yield Slip(0, "extra factor" if product else "extra term", node, node.left)
    if not isinstance(node.op, ast.Div):
        yield Slip(0, "extra factor" if product else "extra term", node, node.right)
    for op in _OPPOSITE.get(type(node.op), ()):
        other = ast.BinOp(node.left, op(), node.right)  # an operator is one node, shared by the whole tree
        yield Slip(0, "sign" if op in (ast.Add, ast.Sub) else "operator", node, other)
    if isinstance(node.op, ast.Sub | ast.MatMult | ast.Div):
        kind = "sign" if isinstance(node.op, ast.Sub) else "order"
        yield Slip(0, kind, node, ast.BinOp(node.right, node.op, node.left))
    if isinstance(node.op, ast.MatMult | ast.Mult):
        yield from _transposed(node.left, node.right)
    if isinstance(node.op, ast.MatMult):
        yield Slip(0, "transpose", node, _t(node))
        yield Slip(1, "transpose", node, ast.BinOp(_turned(node.left), node.op, _turned(node.right)))


def _numbers_near(value: float) -> list[float]:
    if type(value) is bool:
        return [not value]
    if type(value) is int:
        return list(dict.fromkeys([{0: 1, 1: 0}.get(value, value - 1), value + 1, -value, 1 if value > 2 else -1]))
    return [1.0, 2.0, 0.5, -value, *([1.0 / value] if value else [])]


def _t(node: ast.expr) -> ast.expr:
    return ast.Attribute(node, "T", ast.Load())


def _turned(node: ast.expr) -> ast.expr:
    return node.value if isinstance(node, ast.Attribute) and node.attr == "T" else _t(node)


def _transposed(*nodes: ast.expr) -> Iterator[Slip]:
    for node in nodes:
        if is_leaf(node) or isinstance(node, ast.BinOp | ast.Call):
            yield Slip(0, "transpose", node, _t(node))


def _of_call(node: ast.Call) -> Iterator[Slip]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    of_array = isinstance(node.func, ast.Attribute) and not _is_module(node.func.value)
    operands = [node.func.value, *node.args] if of_array and isinstance(node.func, ast.Attribute) else node.args
    if name in ("dot", "matmul", "outer") and len(operands) >= 2:
        a, b = operands[:2]
        yield from _transposed(a, b)
        yield Slip(0, "order", node, _dot(node, b, a, of_array))
        yield Slip(0, "transpose", node, _t(node))
        yield Slip(1, "transpose", node, _dot(node, _turned(a), _turned(b), of_array))
        yield Slip(1, "order", node, _dot(node, _turned(b), _turned(a), of_array))
        yield Slip(0, "operator", node, ast.BinOp(a, ast.Mult(), b))
    elif name == "multiply" and len(node.args) == 2:
        yield Slip(0, "extra factor", node, node.args[0])
        yield Slip(0, "extra factor", node, node.args[1])
        yield Slip(1, "operator", node, ast.BinOp(node.args[0], ast.MatMult(), node.args[1]))
    elif name in ("sum", "mean"):
        yield from _of_sum(node, name)
    elif len(node.args) == 1 and not node.keywords:
        yield Slip(0, "extra call", node, node.args[0])
    elif len(node.args) == 2:
        yield Slip(1, "order", node, ast.Call(node.func, node.args[::-1], node.keywords))


def _is_module(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("np", "numpy", "math", "scipy")


def _dot(node: ast.Call, a: ast.expr, b: ast.expr, of_array: bool) -> ast.Call:
    if of_array:
        return ast.Call(ast.Attribute(a, "dot", ast.Load()), [b], [])
    return ast.Call(node.func, [a, b, *node.args[2:]], node.keywords)


def _of_sum(node: ast.Call, name: str) -> Iterator[Slip]:
    """Yield other axes, with and without keepdims, and a mean for a sum or the reverse."""
    if isinstance(node.func, ast.Attribute):
        other = "mean" if name == "sum" else "sum"
        yield Slip(0, "mean", node.func, ast.Attribute(node.func.value, other, ast.Load()))
    rest = [k for k in node.keywords if k.arg not in ("axis", "keepdims")]
    kept, keeps = [ast.keyword("keepdims", ast.Constant(True))], any(k.arg == "keepdims" for k in node.keywords)
    given = len(node.args) - isinstance(node.func, ast.Attribute) * (not _is_module(getattr(node.func, "value", node)))
    if given < 2:
        for axis in (0, 1):
            chosen = [*rest, ast.keyword("axis", ast.Constant(axis))]
            for keywords in (chosen + kept, chosen) if keeps else (chosen, chosen + kept):
                yield Slip(0, "axis", node, ast.Call(node.func, node.args, keywords))
    if node.keywords:
        yield Slip(1, "axis", node, ast.Call(node.func, node.args, rest))
    if node.args:
        yield Slip(1, "extra sum", node, node.args[0])


def _of_names(node: ast.expr, words: Words, above: ast.AST | None) -> Iterator[Slip]:
    """Yield another array in place of this one, or a function of it."""
    if not is_leaf(node) or not isinstance(getattr(node, "ctx", None), ast.Load):
        return
    text = ast.unparse(node)
    if text not in words.arrays:
        return
    alike = [t for t in words.arrays if t != text and _kind(t, words) == _kind(text, words)]
    others = sorted(alike, key=lambda t: -SequenceMatcher(None, t, text).ratio())
    digits = re.findall(r"\d+", text)
    if digits and digits[-1] in "123456":
        head, _, tail = text.rpartition(digits[-1])
        others = [f"{head}{int(digits[-1]) + by}{tail}" for by in (-1, 1)] + others
    if isinstance(node, ast.Subscript):
        index = ast.unparse(node.slice)
        bases = [t for t in words.arrays if "[" not in t and t != ast.unparse(node.value)]
        others += [f"{base}[{index}]" for base in bases[:MOST_NAMES]]
    nothing = _opposite_side(node, above)  # x − x and x / x are never meant
    others = [other for other in (*words.unused, *others) if other != nothing]
    for place, other in enumerate(dict.fromkeys(others[: 2 * MOST_NAMES])):
        kind = "operand of a mask" if isinstance(above, ast.Compare) else "operand"
        if isinstance(above, ast.Call) and ast.unparse(above.func) in words.functions:
            kind = "operand of a function"
        yield Slip(0 if place < 4 else 1, kind, node, _expression(other))
    for function in words.functions:
        yield Slip(1, "missing call", node, _expression(f"{function}({text})"))


def _of_errors(difference: ast.BinOp, words: Words) -> Iterator[Slip]:
    """Yield a δ in place of the bare difference of outputs and targets."""
    if is_leaf(difference.left) and is_leaf(difference.right):
        for text in (text for text in words.arrays if _ERROR.search(text)):
            yield Slip(0, "operand", difference, _expression(text))


def _kind(text: str, words: Words) -> str:
    """Return "count" or "rate" for a name that does not stand for an array."""
    return "count" if text in words.counts else "rate" if _RATE.search(text) else ""


def _opposite_side(node: ast.expr, above: ast.AST | None) -> str:
    """Return the source of the other side of a difference or quotient; "" outside of one."""
    if not isinstance(above, ast.BinOp) or not isinstance(above.op, ast.Sub | ast.Div):
        return ""
    return ast.unparse(above.right if above.left is node else above.left)


def _of_functions(node: ast.expr, words: Words) -> Iterator[Slip]:
    text = ast.unparse(node)
    for other in words.functions if text in words.functions else ():
        if other != text:
            yield Slip(0, "function", node, _expression(other))


def _of_factors(node: ast.expr, words: Words, whole: bool) -> Iterator[Slip]:
    """Yield what may be missing or wrong in a product: a sign, a division by the examples, a slope, a factor."""
    if whole:
        yield Slip(0, "sign", node, ast.UnaryOp(ast.USub(), node))
        for count in words.counts:
            yield Slip(1, "division", node, ast.BinOp(node, ast.Div(), _expression(count)))
            yield Slip(2, "multiple", node, ast.BinOp(node, ast.Mult(), _expression(count)))
        own = ast.BinOp(ast.Constant(1), ast.Sub(), copy.deepcopy(node))
        yield Slip(1, "slope", node, ast.BinOp(node, ast.Mult(), own))
        for number in (2, 0.5):
            yield Slip(1, "constant", node, ast.BinOp(node, ast.Mult(), ast.Constant(number)))
    named = {ast.unparse(part) for part in ast.walk(node) if is_leaf(part)}
    for text in words.arrays:
        if _RATE.search(text) and not (whole and text in named):
            yield Slip(1, "factor", node, ast.BinOp(_expression(text), ast.Mult(), node))
    called = [
        ast.unparse(n) for n in ast.walk(node) if isinstance(n, ast.Call) and ast.unparse(n.func) in words.functions
    ]
    for text in (*(text for text in words.arrays if not _kind(text, words)), *called):
        slopes = [f"{text} * (1 - {text})", f"1 - {text} ** 2", f"{text} > 0"]
        for slope in [*slopes, *(f"{function}({text})" for function in words.functions)]:
            yield Slip(1 if whole else 2, "slope", node, ast.BinOp(node, ast.Mult(), _expression(slope)))
            for kept in _less_than(node):
                yield Slip(1, "wrong slope", node, ast.BinOp(kept, ast.Mult(), _expression(slope)))
            if whole:
                yield Slip(2, "wrong slope", node, _expression(slope))
        if whole:
            yield Slip(2, "factor", node, ast.BinOp(node, ast.Mult(), _expression(text)))
            for other in words.unused:
                for difference in (f"{text} - {other}", f"{other} - {text}") if other != text else ():
                    yield Slip(1, "factor", node, ast.BinOp(node, ast.Mult(), _expression(difference)))


def _of_shape(node: ast.expr, words: Words, whole: bool) -> Iterator[Slip]:
    """Yield what may be missing if shapes do not fit: a sum over the examples, or a product with a matrix."""
    for axis in (0, 1):
        for options in ([ast.keyword("keepdims", ast.Constant(True))], []):
            over = [ast.keyword("axis", ast.Constant(axis)), *options]
            yield Slip(2, "missing sum", node, ast.Call(ast.Attribute(node, "sum", ast.Load()), [], over))
    for text in words.arrays if whole else ():
        if named_as_parameter(text):
            for left, right in ((node, f"{text}.T"), (node, text), (f"{text}.T", node), (text, node)):
                sides = [_expression(side) if isinstance(side, str) else side for side in (left, right)]
                yield Slip(2, "missing product", node, ast.BinOp(sides[0], ast.MatMult(), sides[1]))


def _factors_of(node: ast.expr) -> list[ast.expr]:
    """Return the factors of a product, [] for anything else."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [*(_factors_of(node.left) or [node.left]), node.right]
    return []


def _less_than(node: ast.expr) -> list[ast.expr]:
    """Return what is left of a product without some of its factors: each of three or more, or all but one."""
    factors = _factors_of(node)
    without = [[*factors[:k], *factors[k + 1 :]] for k in reversed(range(len(factors)))] if len(factors) > 2 else []
    return [*(reduce(lambda a, b: ast.BinOp(a, ast.Mult(), b), some) for some in without), *factors]


def _expression(text: str) -> ast.expr:
    return unplaced(ast.parse(text, mode="eval").body)


def unplaced(made: Node) -> Node:
    """Return the node, stripped of the positions in the text that it was parsed from."""
    for part in ast.walk(made):
        for name in ("lineno", "col_offset", "end_lineno", "end_col_offset"):
            if hasattr(part, name):
                delattr(part, name)
    return made
