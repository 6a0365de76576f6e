"""Mutants of the functions in handcrafted/: every small change, made one at a time in the syntax tree.

Operands of @ are swapped, a transpose is dropped or added, a factor of ⊙ dropped or squared. A sum replaces a mean, +=
replaces −=, one variable another. An axis, a sign, a factor or the index of a layer changes. A mutant that goes
unnoticed is either the same function, for the reason in EQUIVALENT, or a survivor.
"""

import ast
import copy
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

ONE_NETWORK = "the second axis of two is the last; only stacks of networks have more"
EVEN = "σ′ is even: e^z/(1 + e^z)² = e^{−z}/(1 + e^{−z})², until e^{|z|} overflows at |z| > 709"
EQUIVALENT = {  # change → why the function stays the same
    "sigma_prime: `-np.abs(z)` becomes `np.abs(z)`": EVEN,
    "sigma_prime: `np.abs(z)` becomes `z`": EVEN,
    "bp3: `-1` becomes `1`": ONE_NETWORK,
    "bp4: `-1` becomes `1`": ONE_NETWORK,
    "cost: `y - a` becomes `a - y`": "it is squared",
    "cost: `x` becomes `y`": "in x.shape[-1]: both have m columns",
    "bp4: `delta` becomes `a_prev`": "in delta.shape[-1]: both have m columns",
}

NAMES: dict[str, list[str]] = {  # variables to interchange; by default the arguments
    "errors": ["zs", "activations"],
    "gradients": ["activations", "delta"],
    "feedforward": [],  # an array in place of a list of arrays only raises
    "_move": ["a_prev", "d", "eta", "eta_delta"],
}


class Mutant(NamedTuple):
    said: str  # describes the change
    source: str  # the module's source with that change


def mutants(module: str, function: str) -> Iterator[Mutant]:
    """Yield every mutant of a function in a module of handcrafted/ and of the private functions that it calls there."""
    path = import_module(f"handcrafted.{module}").__file__
    assert path is not None
    tree = ast.parse(Path(path).read_text("utf8"))
    for name in (function, *helpers(_function(tree, function))):
        own = _function(tree, name)
        names = NAMES.get(name, [argument.arg for argument in own.args.args])
        for place, original in enumerate(_nodes(own)):
            for number in range(len(list(changes(original, names)))):
                changed = copy.deepcopy(own)
                mutant = ast.Module([changed if part is own else part for part in tree.body], [])
                node = _nodes(changed)[place]
                new = list(changes(node, names))[number]
                _Replaced(node, new).visit(changed)
                said = f"{name}: `{ast.unparse(original)}` becomes `{ast.unparse(new)}`"
                yield Mutant(said, ast.unparse(ast.fix_missing_locations(mutant)))


def helpers(function: ast.FunctionDef) -> list[str]:
    """Return the private functions that the function calls, such as `_move` in a step."""
    called = (n.func.id for n in ast.walk(function) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name))
    return list(dict.fromkeys(name for name in called if name.startswith("_")))


def made(module: str, function: str, mutant: Mutant) -> Callable[..., Any]:
    """Return the mutated function.

    It is safe to execute: the source is the project's own, and it runs in a separate namespace.
    """
    namespace: dict[str, Any] = {"__name__": f"mutant.{module}"}
    exec(compile(mutant.source, f"mutant/{module}.py", "exec"), namespace)
    found: Callable[..., Any] = namespace[function]
    return found


def _function(tree: ast.Module, name: str) -> ast.FunctionDef:
    return next(f for f in tree.body if isinstance(f, ast.FunctionDef) and f.name == name)


def changes(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    """Yield the replacements for a node; `names` are the variables that may stand for each other."""
    if isinstance(node, ast.BinOp):
        left, right, op = node.left, node.right, node.op
        if isinstance(op, ast.MatMult):
            yield ast.BinOp(right, op, left)
            yield from (ast.BinOp(_transposed(left), op, right), ast.BinOp(left, op, _transposed(right)))
            yield ast.BinOp(left, ast.Mult(), right)
        elif isinstance(op, ast.Mult):
            yield from (left, right, ast.BinOp(node, ast.Mult(), right))
        elif isinstance(op, ast.Div):
            yield from (left, ast.BinOp(node, ast.Div(), right), ast.BinOp(left, ast.Mult(), right))
        elif isinstance(op, ast.Add):
            yield from (left, ast.BinOp(left, ast.Sub(), right))
        elif isinstance(op, ast.Sub):
            yield from (left, right, ast.BinOp(left, ast.Add(), right), ast.BinOp(right, op, left))
        elif isinstance(op, ast.Pow):
            yield left
        yield ast.BinOp(ast.Constant(2), ast.Mult(), node)
    elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Sub):
        yield ast.AugAssign(node.target, ast.Add(), node.value)
    elif isinstance(node, ast.Attribute) and node.attr == "mT":
        yield node.value
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr == "sum":
            axis = [ast.keyword("axis", ast.Constant(-2)), *[k for k in node.keywords if k.arg != "axis"]]
            yield ast.Call(node.func, node.args, axis)
        if node.func.attr in ("exp", "abs"):
            yield node.args[0]
        if node.func.attr == "minimum":
            yield ast.Call(ast.Attribute(node.func.value, "maximum", ast.Load()), node.args, [])
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.startswith("sigma"):
        other = "sigma_prime" if node.func.id == "sigma" else "sigma"
        yield from (ast.Call(ast.Name(other, ast.Load()), node.args, []), ast.BinOp(node, ast.Mult(), node))
        yield ast.Call(node.func, [ast.Call(ast.Name("sigma", ast.Load()), node.args, [])], [])
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
        yield from (ast.Name(name, ast.Load()) for name in names if name != node.id)
    elif isinstance(node, ast.Subscript) and ast.unparse(node.slice) == "-1":
        yield ast.Subscript(node.value, ast.Constant(0), ast.Load())


def _transposed(node: ast.expr) -> ast.expr:
    return ast.Attribute(node, "mT", ast.Load())


def _nodes(function: ast.FunctionDef) -> list[ast.AST]:
    return [node for statement in function.body for node in ast.walk(statement)]


class _Replaced(ast.NodeTransformer):
    """Replaces one node by another, which may contain it."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, copy.deepcopy(new)

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)
