"""Find wrong running means, such as Adam's: weights that do not add up to 1, or another decay in the bias correction.

The first step shows neither: a mean that starts at 0 is then a multiple of the gradient, and Adam steps by its sign.
"""

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple, cast

from gradproof.judge.find.program import assigned, copied, statements


class WrongMean(NamedTuple):
    """A statement that gives a running mean a wrong decay, or continues another one."""

    line: int
    said: str
    new: str  # the statement as it should be, if it is one


def wrong_means(tree: ast.Module) -> Iterator[WrongMean]:
    """Yield `m = a * m + (1 - b) * g`, `n = a * m + (1 - a) * g`, and `m / (1 - b ** t)` for a mean of decay a."""
    decays = dict[str, str]()
    zeros = set(_begun(tree))
    sums = [node for node in statements(tree) if isinstance(node, ast.Assign) and _is_sum(node.value)]
    added = dict[str, str]()
    found = list[tuple[ast.Assign, str, str, str]]()
    for node in sums:
        name, total = ast.unparse(node.targets[0]), cast(ast.BinOp, node.value)
        decay, weight = _factor_beside(total.left, name), _rest(_leftmost(total.right))
        if decay and weight:
            decays[name], added[name] = decay, _without_rest(total.right)
            found.append((node, name, decay, weight))
    for node, name, decay, weight in found:
        if weight != decay and weight in decays.values():  # not a factor of its own, such as dampening
            said = f"{name} keeps {decay} of itself, so what is added should be multiplied by 1 - {decay}"
            yield WrongMean(node.lineno, said, _with(node, weight, decay))
    for node in sums:
        name, total = ast.unparse(node.targets[0]), cast(ast.BinOp, node.value)
        for other in decays if name not in decays and name in zeros else ():  # Nadam looks ahead by another name
            decay, same = _factor_beside(total.left, other), _without_rest(total.right) == added[other]
            if decay and decay == _rest(_leftmost(total.right)) and not same:  # else it looks ahead, as Nadam and Lion
                said = f"{name} keeps {decay} of {other}, which is another mean, and nothing of itself"
                new = re.sub(rf"(?<![\w.]){re.escape(other)}(?![\w.\[])", name, ast.unparse(node.value), count=1)
                yield WrongMean(node.lineno, said, f"{name} = {new}")
    for statement in (one for one in statements(tree) if isinstance(one, ast.Assign | ast.AugAssign | ast.Return)):
        for part in ast.walk(statement):
            if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Div):
                known, power = decays.get(ast.unparse(part.left)), _base(_rest_of(part.right))
                if known and power and power != known:
                    said = (
                        f"{ast.unparse(part.left)} keeps {known} of itself, so it should be divided by 1 - {known} ** t"
                    )
                    yield WrongMean(statement.lineno, said, _with(statement, power, known))


def line_of_counter(tree: ast.Module) -> int:
    """Return the line that increases a t of `b ** t` by 1, or 0 if there is no such line, or more than one."""
    powers = [p for p in ast.walk(tree) if isinstance(p, ast.BinOp) and isinstance(p.op, ast.Pow)]
    exponents = {name for power in powers for name in _last_names(power.right)}
    lines = {
        node.lineno
        for node in statements(tree)
        if isinstance(node, ast.AugAssign) and isinstance(node.value, ast.Constant) and node.value.value == 1
        if exponents.intersection(_last_names(node.target))
    }
    return lines.pop() if len(lines) == 1 else 0


def _last_names(node: ast.expr) -> set[str]:
    """Return t of `t` and of `self.t`."""
    return {part.attr if isinstance(part, ast.Attribute) else part.id for part in ast.walk(node)
            if isinstance(part, ast.Attribute | ast.Name)} - {"self"}  # fmt: skip


def _begun(tree: ast.Module) -> Iterator[str]:
    """Yield the names that begin as zeros, as running means do."""
    for node in statements(tree):
        for name, value in assigned(node) if isinstance(node, ast.Assign) else ():
            if "zeros" in (text := ast.unparse(value)) or text in ("0", "0.0"):
                yield ast.unparse(name)


def _is_sum(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add)


def _factor_beside(node: ast.expr, name: str) -> str:
    """Return a of `a * name` or `name * a`, else ""."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)):
        return ""
    sides = [ast.unparse(node.left), ast.unparse(node.right)]
    return sides[1 - sides.index(name)] if name in sides else ""


def _leftmost(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        node = node.left
    return node


def _without_rest(node: ast.expr) -> str:
    """Return what a term `(1 - a) * g` is a multiple of, as text."""
    return ast.unparse(node).replace(ast.unparse(_leftmost(node)), "", 1).lstrip(") *")


def _rest_of(node: ast.expr) -> ast.expr | None:
    """Return b of `1 - b`, else None."""
    is_rest = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and ast.unparse(node.left) in ("1", "1.0")
    return node.right if is_rest and isinstance(node, ast.BinOp) else None


def _rest(node: ast.expr) -> str:
    rest = _rest_of(node)
    return ast.unparse(rest) if isinstance(rest, ast.Name | ast.Attribute | ast.Constant) else ""


def _base(node: ast.expr | None) -> str:
    """Return b of `b ** t` or `np.power(b, t)`, else ""."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        return ast.unparse(node.left)
    is_power = isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("power", "pow")
    return ast.unparse(node.args[0]) if is_power and isinstance(node, ast.Call) and node.args else ""


def _with(statement: ast.stmt, old: str, new: str) -> str:
    """Return the statement with another decay where it is subtracted from 1."""
    return ast.unparse(_Corrected(old, new).visit(copied(statement)))


class _Corrected(ast.NodeTransformer):
    def __init__(self, old: str, new: str) -> None:
        self._old, self._new = old, new

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if _rest_of(node) is not None:
            text = ast.unparse(node.right)
            node.right = ast.parse(text.replace(self._old, self._new, 1), mode="eval").body
        return node
