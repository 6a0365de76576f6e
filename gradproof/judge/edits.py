"""Small edits of a statement: what a person may have written in place of what was meant, undone.

Each is made in the syntax tree, runs, and is undone again; what stands where it was says what kind of slip it mends.
"""

import ast
import copy
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import SequenceMatcher
from typing import Any, NamedTuple

MOST_NAMES = 12  # that are tried in the place of one
_CONSTANT_KEY = (ast.Constant, ast.Name, ast.UnaryOp, ast.USub, ast.Load, ast.BinOp, ast.Add, ast.Sub)
_COUNT = re.compile(r"(?:m|n|N|M|batch_?size|num_?(?:examples|samples)|n_?samples|bs)$")
_OPPOSITE: dict[type[ast.AST], Sequence[type[ast.AST]]] = {
    ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div, ast.MatMult), ast.Div: (ast.Mult,),
    ast.MatMult: (ast.Mult,), ast.Gt: (ast.Lt, ast.GtE), ast.Lt: (ast.Gt, ast.LtE), ast.GtE: (ast.LtE, ast.Gt),
    ast.LtE: (ast.GtE, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,),
}  # fmt: skip


class Edit(NamedTuple):
    """One node of the tree for another."""

    kind: str  # of the slip that it mends
    old: ast.AST
    new: ast.AST
    statement: ast.stmt  # in which it is
    tier: int = 0  # how unlikely it is
    said: str = ""  # in place of the new statement

    def correction(self) -> str:
        """The statement as it should be; the edit must be in the tree."""
        return self.said or written(self.new if self.old is self.statement else self.statement)


def written(statement: ast.AST) -> str:
    if isinstance(statement, ast.For | ast.While | ast.If):
        return ast.unparse(statement).splitlines()[0]
    return " ".join(ast.unparse(statement).split())


class Place(NamedTuple):
    """Where a node hangs."""

    parent: ast.AST
    field: str
    number: int | None


class Words(NamedTuple):
    """What a function of the program may name, where a statement stands."""

    arrays: Sequence[str]  # names, attributes, entries
    functions: Sequence[str]  # of one argument, as they are called
    counts: Sequence[str]  # of examples


def places_of(tree: ast.AST) -> dict[ast.AST, Place]:
    found: dict[ast.AST, Place] = {}
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if isinstance(value, ast.AST):
                found[value] = Place(parent, field, None)
            elif isinstance(value, list):
                found |= {item: Place(parent, field, k) for k, item in enumerate(value) if isinstance(item, ast.AST)}
    return found


@contextmanager
def applied(edit: Edit, places: dict[ast.AST, Place]) -> Iterator[None]:
    """The tree with the edit in it, as long as this lasts."""
    place = places[edit.old]
    for part in ast.walk(edit.new):
        if isinstance(part, ast.expr | ast.stmt) and not hasattr(part, "lineno"):
            ast.copy_location(part, edit.old)
    holder = getattr(place.parent, place.field)
    try:
        if place.number is None:
            setattr(place.parent, place.field, edit.new)
        else:
            holder[place.number] = edit.new
        yield
    finally:
        if place.number is None:
            setattr(place.parent, place.field, edit.old)
        else:
            holder[place.number] = edit.old


def words_of(function: ast.AST, kind: ast.AST | None, module: ast.Module) -> Words:
    """The arrays, the functions and the numbers of examples that a function can name."""
    arrays: dict[str, None] = {}
    counts: dict[str, None] = {}
    for root in (function, kind) if kind is not None else (function,):
        called = {id(node.func) for node in ast.walk(root) if isinstance(node, ast.Call)}
        for node in ast.walk(root):
            text = ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute | ast.Subscript) else ""
            if not text or id(node) in called or (root is kind and not text.startswith("self.")):
                continue
            if _is_leaf(node) and not text.startswith(("np.", "numpy.")):
                arrays[text] = None
            if re.search(r"\.shape\[-?\d\]$", text) or _COUNT.match(text.removeprefix("self.")):
                counts[text] = None
    names = {
        alias.asname or alias.name for node in ast.walk(module) if isinstance(node, ast.Import) for alias in node.names
    }
    defined = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    functions = {node.name: None for node in defined if is_elementary(node, owned=False)}
    names |= {node.name for node in defined} | {"self", "range", "len", "zip", "enumerate", "print", "sum"}
    if isinstance(kind, ast.ClassDef):
        methods = [node for node in kind.body if isinstance(node, ast.FunctionDef)]
        functions |= {f"self.{node.name}": None for node in methods if is_elementary(node, owned=True)}
    own = getattr(function, "name", "")  # which would call itself without end
    others = [text for text in functions if text.removeprefix("self.") != own]
    return Words([text for text in arrays if text not in names], others, list(counts))


def is_elementary(node: ast.FunctionDef, owned: bool) -> bool:
    """Whether it is short, takes one argument, and keeps nothing, as an activation or its slope does."""
    needed = 1 + (owned and not any(ast.unparse(d) == "staticmethod" for d in node.decorator_list))
    keeps = any(
        isinstance(part, ast.Attribute | ast.Subscript) and isinstance(part.ctx, ast.Store) for part in ast.walk(node)
    )
    takes = len(node.args.args) - len(node.args.defaults) <= needed <= len(node.args.args)
    return takes and not keeps and len(node.body) <= 6


def _is_leaf(node: ast.AST) -> bool:
    """A name, self.name, name[key] or a chain of them."""
    if isinstance(node, ast.Name):
        return True
    if isinstance(node, ast.Attribute):
        return node.attr not in ("T", "shape", "size", "dot", "sum") and _is_leaf(node.value)
    return (
        isinstance(node, ast.Subscript)
        and all(isinstance(part, _CONSTANT_KEY) for part in ast.walk(node.slice))
        and _is_leaf(node.value)
    )


class Slip(NamedTuple):
    """A node for another, before it is known where."""

    tier: int  # 0 is the likeliest
    kind: str
    old: ast.AST
    new: ast.AST


def edits(statement: ast.stmt, words: Words, factors: bool = True) -> list[Edit]:
    """The edits of one statement, the likeliest first; those of factors that may be missing, if they are asked for."""
    found: dict[tuple[int, str], Edit] = {}
    for tier, kind, old, new in sorted(_slips(statement, words, factors), key=lambda slip: slip.tier):
        found.setdefault((id(old), ast.dump(new)), Edit(kind, old, new, statement, tier))
    return list(found.values())


def moves(body: ast.AST, statement: ast.stmt) -> Iterator[Edit]:
    """What stands before the statement behind it, and the statement earlier or later among its neighbours."""
    field = next((f for f in ("body", "orelse") if any(part is statement for part in getattr(body, f, ()))), "")
    if not field:
        return
    parts = getattr(body, field)
    here = next(k for k, part in enumerate(parts) if part is statement)
    for there in reversed(range(max(0, here - 8), here)):
        yield _moved(body, field, there, here, statement)
    for there in sorted(range(max(0, here - 8), min(len(parts), here + 9)), key=lambda k: abs(k - here)):
        if there != here:
            yield _moved(body, field, here, there, statement)


def _moved(body: ast.AST, field: str, here: int, there: int, about: ast.stmt) -> Edit:
    parts = getattr(body, field)
    rest = [*parts[:here], *parts[here + 1 :]]
    rest.insert(there, parts[here])
    new = copy.copy(body)
    setattr(new, field, rest)
    where = f"{'before' if there < here else 'after'} line {parts[there].lineno}"
    return Edit("order of statements", body, new, about, 0, f"{written(parts[here])}, {where}")


def _slips(statement: ast.stmt, words: Words, factors: bool) -> Iterator[Slip]:
    if isinstance(statement, ast.AugAssign):
        for op in _OPPOSITE.get(type(statement.op), ())[:1]:
            yield Slip(0, "sign", statement.op, op())
        plain = ast.Assign([copy.deepcopy(statement.target)], copy.deepcopy(statement.value))
        if isinstance(statement.op, ast.Add):
            yield Slip(1, "accumulates", statement, plain)
    elif isinstance(statement, ast.Assign) and isinstance(
        target := statement.targets[0], ast.Name | ast.Attribute | ast.Subscript
    ):
        added = ast.AugAssign(copy.deepcopy(target), ast.Add(), copy.deepcopy(statement.value))
        yield Slip(2, "overwrites", statement, added)
    parts = [node for part in _parts(statement) for node in ast.walk(part) if isinstance(node, ast.expr)]
    called = {id(node.func) for node in parts if isinstance(node, ast.Call)}
    above = {id(child): part for part in parts for child in ast.iter_child_nodes(part)}
    inner = {id(node.value) for node in parts if isinstance(node, ast.Attribute | ast.Subscript) and _is_leaf(node)}
    for node in parts:
        yield from _of_structure(node)
        if id(node) not in called:
            yield from _of_names(node, words, above.get(id(node)))
        elif isinstance(node, ast.Name | ast.Attribute):
            yield from _of_functions(node, words)
    value = next(iter(_parts(statement)), None)
    for node in parts if factors else ():
        loaded = isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
        array = isinstance(node, ast.BinOp | ast.Call) or (_is_leaf(node) and id(node) not in inner)
        if id(node) not in called and loaded and array:
            yield from _of_factors(node, words, node is value)


def _parts(statement: ast.stmt) -> Iterator[ast.expr]:
    """The expressions of a statement: its value, and the indices of what it is given to."""
    if isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Return | ast.Expr) and statement.value:
        yield statement.value
    elif isinstance(statement, ast.For):
        yield statement.iter
    elif isinstance(statement, ast.If | ast.While):
        yield statement.test
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    for target in targets:
        if isinstance(target, ast.Subscript):
            yield target.slice


def _of_structure(node: ast.expr) -> Iterator[Slip]:
    """Signs, operands, transposes, axes, indices, comparisons."""
    if isinstance(node, ast.BinOp):
        yield from _of_operator(node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield Slip(0, "sign", node, node.operand)
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield Slip(0, "transpose", node, node.value)
    elif isinstance(node, ast.Compare):
        for tier, op in enumerate(_OPPOSITE.get(type(node.ops[0]), ())):
            yield Slip(tier, "mask", node.ops[0], op())
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        for number in _numbers_near(node.value):
            yield Slip(0, "constant", node, ast.Constant(number))
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name | ast.UnaryOp | ast.BinOp):
        for op in (ast.Sub, ast.Add):
            shifted = ast.BinOp(copy.deepcopy(node.slice), op(), ast.Constant(1))
            yield Slip(0, "index", node, ast.Subscript(node.value, shifted, ast.Load()))
    elif isinstance(node, ast.Call):
        yield from _of_call(node)


def _of_operator(node: ast.BinOp) -> Iterator[Slip]:
    product = isinstance(node.op, ast.Mult | ast.Div)
    yield Slip(0, "extra factor" if product else "extra term", node, node.left)
    if not isinstance(node.op, ast.Div):
        yield Slip(0, "extra factor" if product else "extra term", node, node.right)
    for op in _OPPOSITE.get(type(node.op), ()):
        yield Slip(0, "sign" if op in (ast.Add, ast.Sub) else "operator", node.op, op())
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
        if _is_leaf(node) or isinstance(node, ast.BinOp | ast.Call):
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
    """Over which axis, kept or not, and whether a mean."""
    if isinstance(node.func, ast.Attribute):
        other = "mean" if name == "sum" else "sum"
        yield Slip(0, "mean", node.func, ast.Attribute(node.func.value, other, ast.Load()))
    rest = [k for k in node.keywords if k.arg not in ("axis", "keepdims")]
    kept = [ast.keyword("keepdims", ast.Constant(True))]
    given = len(node.args) - isinstance(node.func, ast.Attribute) * (not _is_module(getattr(node.func, "value", node)))
    if given < 2:
        for axis in (0, 1):
            chosen = [*rest, ast.keyword("axis", ast.Constant(axis))]
            yield Slip(0, "axis", node, ast.Call(node.func, node.args, chosen))
            yield Slip(0, "axis", node, ast.Call(node.func, node.args, chosen + kept))
    if node.keywords:
        yield Slip(1, "axis", node, ast.Call(node.func, node.args, rest))
    if node.args:
        yield Slip(1, "extra sum", node, node.args[0])


def _of_names(node: ast.expr, words: Words, above: ast.AST | None) -> Iterator[Slip]:
    """Another array in the place of this."""
    if not _is_leaf(node) or not isinstance(getattr(node, "ctx", None), ast.Load):
        return
    text = ast.unparse(node)
    if text not in words.arrays:
        return
    others = sorted((t for t in words.arrays if t != text), key=lambda t: -SequenceMatcher(None, t, text).ratio())
    digits = re.findall(r"\d+", text)
    if digits and digits[-1] in "123456":
        head, _, tail = text.rpartition(digits[-1])
        others = [f"{head}{int(digits[-1]) + by}{tail}" for by in (-1, 1)] + others
    if isinstance(node, ast.Subscript):
        index = ast.unparse(node.slice)
        bases = [t for t in words.arrays if "[" not in t and t != ast.unparse(node.value)]
        others += [f"{base}[{index}]" for base in bases[:MOST_NAMES]]
    for place, other in enumerate(dict.fromkeys(others[: 2 * MOST_NAMES])):
        kind = "operand of a mask" if isinstance(above, ast.Compare) else "operand"
        if isinstance(above, ast.Call) and ast.unparse(above.func) in words.functions:
            kind = "operand of a function"
        yield Slip(0 if place < 4 else 1, kind, node, _expression(other))
    for function in words.functions:
        yield Slip(1, "missing call", node, _expression(f"{function}({text})"))


def _of_functions(node: ast.expr, words: Words) -> Iterator[Slip]:
    text = ast.unparse(node)
    for other in words.functions if text in words.functions else ():
        if other != text:
            yield Slip(0, "function", node, _expression(other))


def _of_factors(node: ast.expr, words: Words, whole: bool) -> Iterator[Slip]:
    """What may be missing: a sign, a division by the number of examples, a slope, a factor."""
    if whole:
        yield Slip(0, "sign", node, ast.UnaryOp(ast.USub(), node))
        for count in words.counts:
            yield Slip(1, "division", node, ast.BinOp(node, ast.Div(), _expression(count)))
            yield Slip(2, "multiple", node, ast.BinOp(node, ast.Mult(), _expression(count)))
        own = ast.BinOp(ast.Constant(1), ast.Sub(), copy.deepcopy(node))
        yield Slip(1, "slope", node, ast.BinOp(node, ast.Mult(), own))
        for number in (2, 0.5):
            yield Slip(1, "constant", node, ast.BinOp(node, ast.Mult(), ast.Constant(number)))
    for text in words.arrays:
        slopes = [f"{text} * (1 - {text})", f"1 - {text} ** 2", f"{text} > 0"]
        for slope in [*slopes, *(f"{function}({text})" for function in words.functions)]:
            yield Slip(1 if whole else 2, "slope", node, ast.BinOp(node, ast.Mult(), _expression(slope)))
            for kept in _factors_of(node) if isinstance(node, ast.BinOp) else ():
                yield Slip(1, "wrong slope", node, ast.BinOp(kept, ast.Mult(), _expression(slope)))
            if whole:
                yield Slip(2, "wrong slope", node, _expression(slope))
        if whole:
            yield Slip(2, "factor", node, ast.BinOp(node, ast.Mult(), _expression(text)))


def _factors_of(node: ast.expr) -> list[ast.expr]:
    """The factors of a product, if it is one."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [*(_factors_of(node.left) or [node.left]), node.right]
    return []


def _expression(text: str) -> ast.expr:
    made = ast.parse(text, mode="eval").body
    for part in ast.walk(made):
        for name in ("lineno", "col_offset", "end_lineno", "end_col_offset"):
            if hasattr(part, name):
                delattr(part, name)
    return made


NAMES = {
    "sign": "the sign is wrong",
    "extra factor": "there is a factor too many",
    "extra term": "there is a term too many",
    "operator": "the operator is another",
    "order": "the operands are in the wrong order",
    "transpose": "a matrix is transposed that should not be, or is not though it should be",
    "mask": "the mask is turned round",
    "constant": "a number is wrong",
    "index": "the index is off by one",
    "axis": "the sum goes over the wrong axis",
    "mean": "a mean stands for a sum, or a sum for a mean",
    "extra sum": "there is a sum too many",
    "extra call": "there is a function too many",
    "missing call": "a function is missing",
    "function": "another function is meant",
    "operand": "another array is meant",
    "operand of a mask": "the mask is that of another array",
    "operand of a function": "the function is applied to the wrong array",
    "division": "the division by the number of examples is missing",
    "multiple": "it is divided by the number of examples once too often",
    "slope": "the slope of the activation is missing",
    "wrong slope": "the slope is not that of the activation",
    "factor": "a factor is missing",
    "accumulates": "it is added to what is there, and should replace it",
    "overwrites": "it replaces what is there, and should be added to it",
    "order of statements": "the statements are in the wrong order",
}


def name_of(edit: Edit) -> str:
    """The slip that an edit mends."""
    return NAMES[edit.kind]


def enclosing(tree: ast.AST, line: int) -> list[Any]:
    """The nodes of statements around a line, the outermost first."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            found.append(node)
    return sorted(found, key=lambda node: (node.lineno, -(node.end_lineno or 0)))
