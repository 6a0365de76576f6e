"""Every small change of the derivation in handcrafted/, made one at a time: is it noticed, and where?

    python benchmarks/mutants.py [--nets 40] [--seed 0] [--json]          (make mutants)

A mutant is handcrafted/ with one place of its syntax tree changed: operands of @ swapped, a transpose dropped or added,
a factor of ⊙ dropped or squared, a sum for a mean, another axis, sign, factor, index of a layer, or one variable for
another. Each is judged as anyone's backprop is, in our conventions, and from a copy of the package, since the judge
uses the package itself. What is not refuted is the same function, for the reason in EQUIVALENT, or a survivor.
"""

import argparse
import ast
import copy
import json
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from gradproof.judge.diagnosis import judgement
from gradproof.judge.submission import Function

ROOT = Path(__file__).parents[1]
MODULES = ("equations", "network", "backprop")
# Where a mutant of a function must be placed by the judge: the equation it stands for.
PLACES = {
    "sigma": {"a"}, "sigma_prime": {"BP1", "BP2"}, "cost_gradient": {"BP1"}, "bp1": {"BP1"}, "bp2": {"BP2"},
    "bp3": {"BP3"}, "bp4": {"BP4"}, "feedforward": {"z", "a"}, "gradients": {"BP1", "BP2", "BP3", "BP4"},
}  # fmt: skip
ONE_NETWORK = "the second axis of two is the last; only stacks of networks have more"
EVEN = "σ′ is even: e^z/(1 + e^z)² = e^{−z}/(1 + e^{−z})², until e^{|z|} overflows at |z| > 709"
EQUIVALENT = {  # the change: why it is the same function
    "sigma_prime: `-np.abs(z)` becomes `np.abs(z)`": EVEN,
    "sigma_prime: `np.abs(z)` becomes `z`": EVEN,
    "bp3: `-1` becomes `1`": ONE_NETWORK,
    "bp4: `-1` becomes `1`": ONE_NETWORK,
    "bp4: `delta` becomes `a_prev`": "in delta.shape[-1]: both have m columns",
}


def changes(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    """What may stand in the place of this node."""
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


def _transposed(node: ast.AST) -> ast.AST:
    return ast.Attribute(node, "mT", ast.Load())


def mutants() -> Iterator[tuple[str, str, str, str]]:
    """(module, function, what was changed, the module's source with that change)."""
    for module in MODULES:
        tree = ast.parse((ROOT / "handcrafted" / f"{module}.py").read_text("utf8"))
        for function in tree.body:
            if not isinstance(function, ast.FunctionDef) or function.name not in PLACES:
                continue
            names = [argument.arg for argument in function.args.args]
            if function.name == "gradients":
                names = ["zs", "activations"]
            elif function.name == "feedforward":
                names = []  # arrays and lists of arrays: one for the other only raises
            count = sum(1 for statement in function.body for _ in ast.walk(statement))
            for place in range(count):
                original = _nodes(function)[place]
                for number in range(len(list(changes(original, names)))):
                    mutant = copy.deepcopy(tree)
                    own = next(f for f in mutant.body if isinstance(f, ast.FunctionDef) and f.name == function.name)
                    node = _nodes(own)[place]
                    new = list(changes(node, names))[number]
                    _Replaced(node, new).visit(own)
                    said = f"{function.name}: `{ast.unparse(original)}` becomes `{ast.unparse(new)}`"
                    yield module, function.name, said, ast.unparse(ast.fix_missing_locations(mutant))


def _nodes(function: ast.FunctionDef) -> list[ast.AST]:
    return [node for statement in function.body for node in ast.walk(statement)]


class _Replaced(ast.NodeTransformer):
    """One node in place of another; the new one may hold the old one."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, copy.deepcopy(new)

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


def submission(module: str, source: str) -> Callable[..., object]:
    """backprop(weights, biases, x, y) of a copy of handcrafted/ in which one module has another source."""
    made: dict[str, types.ModuleType] = {}
    package = types.ModuleType("mutant")
    sys.modules["mutant"] = package
    for name in MODULES:
        text = source if name == module else (ROOT / "handcrafted" / f"{name}.py").read_text("utf8")
        made[name] = sys.modules[f"mutant.{name}"] = types.ModuleType(f"mutant.{name}")
        setattr(package, name, made[name])
        exec(compile(text.replace("from handcrafted", "from mutant"), f"mutant/{name}.py", "exec"), vars(made[name]))
    feedforward, gradients = made["network"].feedforward, made["backprop"].gradients

    def backprop(weights, biases, x, y):
        return *gradients(weights, biases, x, y), *feedforward(weights, biases, x)

    return backprop


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    tried, killed, placed, survivors, misplaced, same = 0, 0, 0, [], [], []
    for module, function, said, source in mutants():
        judged = judgement(Function(submission(module, source)), options.nets, options.seed, declared="ours")
        tried += 1
        found = {fault.fault.equation for fault in judged.faults}
        if judged.verdict == "refuted":
            killed += 1
            here = bool(found & PLACES[function]) or bool(judged.troubles)
            placed += here
            if not here:
                misplaced.append([said, sorted(found)])
        elif said in EQUIVALENT:
            same.append([said, EQUIVALENT[said]])
        else:
            survivors.append(said)
        print(f"\r{tried} mutants, {killed} killed", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    document = {
        "mutants": tried, "killed": killed, "placed": placed, "equivalent": same, "survivors": survivors,
        "misplaced": misplaced,
    }  # fmt: skip
    print(
        json.dumps(document, ensure_ascii=False)
        if options.json
        else "\n".join(f"{k}: {v}" for k, v in document.items())
    )
    return bool(survivors)


if __name__ == "__main__":
    sys.exit(main())
