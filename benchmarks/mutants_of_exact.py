"""Is the exact engine tested? Each small change – of a derivative, a sweep, a comparison – must turn its tests red.

    python benchmarks/mutants_of_exact.py [--only WORD] [--json]          (the last part of make mutants)

A mutant has one place of a syntax tree changed: a sign, a constant, a comparison, operands swapped, a term, a factor or
a method dropped. A child of this process imports it in place of the module and runs the tests until one fails. They
must be green without a change. Mutants that survive are printed, unless EQUIVALENT says why they are the same. What
that says of a change which is none any more is "gone".
"""

import argparse
import ast
import copy
import importlib.abc
import importlib.machinery
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

import jax.scipy.special  # noqa: F401  (here, so that no child has to)
import pytest
import scipy.signal  # noqa: F401
from hypothesis import Phase, settings

ROOT = Path(__file__).parents[1]
LONGEST = 300  # seconds for one mutant; one that does not end counts as noticed
NOTICED = {  # the tests that should notice it; if they do not, all of ALL are run
    "sweeps": ["sweeps"], "numbers": ["numbers", "ufuncs", "sweeps", "exactness"],
    "ufuncs": ["numbers", "ufuncs"], "products": ["numbers", "ufuncs", "functions"],
    "functions": ["functions", "ufuncs", "snippets"], "special": ["ufuncs"], "comparison": ["trial"],
    "points": ["trial"], "rules": ["rules"], "run": ["exactness"], "rounding": ["/trial_rounding"],
    "floats": ["/trial_floats"], "scaling": ["/trial_scaled", "/trial_steps"], "memory": ["/trial_memory"],
    "moves": ["/trial_steps"], "symmetry": ["/trial_symmetry", "/trial"], "costs": ["/trial_costs", "/trial"],
    "descent": ["/trial_descent", "/trial", "programs"], "confirmation": ["/trial_input", "exactness"],
}  # fmt: skip
ALL = [
    "tests/exact",
    *(
        f"tests/judge/test_trial{part}.py"
        for part in (
            "",
            "_costs",
            "_descent",
            "_floats",
            "_input",
            "_memory",
            "_rounding",
            "_scaled",
            "_steps",
            "_symmetry",
        )
    ),
]
EXACT = {
    "gradproof/exact/rules.py": ["_TABLE", "_sigmoid", "_power", "_power_slope", "_cube_root", "_xlogy", "_normal",
                                 "_dot"],
    "gradproof/exact/sweeps.py": ["operands_of", "computed_from", "differentiate", "push_along", "_along_dot"],
    "gradproof/exact/numbers.py": ["_order", "is_less", "is_equal", "_noted", "multiply", "subtract", "total", "apply",
                                   "_is_tiny", "copy", "source", "derive", "floor", "largest", "smallest"],
    "gradproof/exact/ufuncs.py": ["_ELEMENTWISE", "_TRUTHS", "_FOLDS", "clip_one", "_sign", "_product",
                                  "_extreme", "_reduce"],
    "gradproof/exact/products.py": ["multiply_matrices", "_multiply_two"],
    "gradproof/exact/functions.py": ["dot", "inner", "vdot", "average", "_along", "norm",
                                     "einsum", "where", "clip", "nan_to_num", "sort", "array_equal", "allclose",
                                     "isclose", "like", "full_like", "quantile", "concatenate",
                                     "count_nonzero"],
    "gradproof/exact/run.py": ["Run.literal", "_is_short"],
    "gradproof/exact/special.py": ["logsumexp", "softmax", "log_softmax", "windows"],
    "gradproof/judge/trial/comparison.py": ["compare", "_digits", "_state", "overlap", "common_factor"],
    "gradproof/judge/trial/points.py": ["try_points", "_under", "_at", "_merged"],
    "gradproof/judge/trial/rounding.py": ["rounding_radii", "passed_on", "_own", "_size", "_is_double"],
    "gradproof/judge/trial/floats.py": ["_lost", "lost_in", "halved_in", "pairs_of", "_root"],
    "gradproof/judge/trial/confirmation.py": ["confirmed", "_difference", "_changes_unseen", "_cost_at", "_is_free"],
    "gradproof/judge/trial/symmetry.py": ["symmetric", "_clear", "_agreement", "weighted"],
    "gradproof/judge/trial/descent.py": ["along", "_factor", "_decayed_factor", "_one", "_named_move"],
    "gradproof/judge/trial/scaling.py": ["FAMILIES", "excused", "_with_factors", "lengths_are_constant",
                                        "scaled_by_one_factor", "scales_of_elements", "scaled_symmetry", "is_adaptive",
                                        "agreement"],
    "gradproof/judge/trial/memory.py": ["remembered", "_looking_ahead", "_rate", "_told", "_multiple"],
    "gradproof/judge/trial/moves.py": ["takes_several", "_between"],
    "gradproof/judge/trial/costs.py": ["ELEMENTWISE", "BY_EXAMPLE", "_fits", "outputs_and_labels", "_at", "candidates",
                                       "_derivatives", "_targets", "_spelled"],
}  # fmt: skip
SPEED = "an int of 0 or 1 is left out only to be quick"
QUICK = "what is known is only not made again"
SIGN = "only the sign of an order counts"
EITHER = "the larger, or the smaller, of two in either order"
FACTORS = "x·y = y·x, and so are its derivatives"
WHOLE = "the floor of an exact number is a whole one"
EQUIVALENT = {  # the change: why the function is the same
    "rules.py::_cube_root: `x < 0` becomes `x <= 0`": "∛0 = 0",
    "numbers.py::multiply: `(x, y)` becomes `(y, x)`": FACTORS,
    "numbers.py::multiply: `(number(x), number(y))` becomes `(number(y), number(x))`": FACTORS,
    "sweeps.py::operands_of: `(*left, *right)` becomes `(*right, *left)`": FACTORS,
    "products.py::_multiply_two: `(lefts[i], rights[j])` becomes `(rights[j], lefts[i])`": FACTORS,
    "numbers.py::is_equal: `(number(x), number(y))` becomes `(number(y), number(x))`": "x = y as y = x",
    "functions.py::array_equal: `(np.asanyarray(a), np.asanyarray(b))` becomes `(np.asanyarray(b), np.asanyarray(a))`": "x = y as y = x",  # noqa: E501
    "functions.py::einsum: `False` becomes `True`": "the products are the same in any order",
    "functions.py::where: `cast(condition, bool) if holds_numbers(condition) else np.asarray(condition)` becomes `cast(condition, bool)`": "a mask is only not cast to be quick",  # noqa: E501
    "functions.py::concatenate: `result if dtype is None else cast(result, dtype)` becomes `cast(result, dtype)`": "None is float64",  # noqa: E501
    "functions.py::norm: `ord > 0` becomes `ord >= 0`": "0 is refused before",
    "functions.py::norm: `ord is None or ord == 'fro' or (ord == 2 and (not whole))` becomes `ord is None or ord == 'fro'`": "√Σx² = (Σ|x|²)^½",  # noqa: E501
    "functions.py::full_like: `0` becomes `1`": "it is filled with something else",
    "run.py::Run.literal: `self.bent and (not _is_short(number))` becomes `not _is_short(number)`": "1 + 0 = 1",
    "numbers.py::_order: `1` becomes `2`": SIGN,
    "numbers.py::largest: `(number(x), number(y))` becomes `(number(y), number(x))`": EITHER,
    "numbers.py::smallest: `(number(x), number(y))` becomes `(number(y), number(x))`": EITHER,
    "numbers.py::floor: `x.value.mid().floor().unique_fmpz()` becomes `x.value.mid().floor()`": WHOLE,
    "numbers.py::floor: `arb(float(x.value.mid())).floor().unique_fmpz()` becomes `arb(float(x.value.mid())).floor()`": WHOLE,  # noqa: E501
    "ufuncs.py::_ELEMENTWISE[imag]: `0` becomes `1`": "it is called from NumPy 2.5 on",
    "ufuncs.py::_reduce: `True` becomes `False`": "where=True takes all, by the way of a mask as well",
    "ufuncs.py::_reduce: `1` becomes `2`": "reshape takes any negative number as -1",
    "ufuncs.py::_reduce: `result.item()` becomes `result`": "bool takes an array of one",
    "ufuncs.py::_reduce: `array if dtype is None else cast(array, dtype)` becomes `cast(array, dtype)`": "None is float64",  # noqa: E501
    "products.py::multiply_matrices: `b.ndim > 2` becomes `b.ndim >= 2`": "of two axes both are one product",
    "special.py::windows: `[(0, 0)] * image.ndim` becomes `[(0, 0)]`": "np.pad takes one pair for every axis",
    "sweeps.py::differentiate: `type(partial) is int` becomes `type(partial) is not int`": SPEED,
    "sweeps.py::differentiate: `type(partial) is int and partial == 1` becomes `partial == 1`": SPEED,
    "sweeps.py::differentiate: `adjoint if type(partial) is int and partial == 1 else adjoint * partial` becomes `adjoint * partial`": SPEED,  # noqa: E501
    "sweeps.py::differentiate: `1` becomes `2`": "in partial == 1: " + SPEED,
    "sweeps.py::_along_dot: `sides.get(key) or sides.setdefault(key, _Side(side, is_row))` becomes `sides.setdefault(key, _Side(side, is_row))`": QUICK,  # noqa: E501
    "sweeps.py::_along_dot: `(id(side), is_row)` becomes `(is_row, id(side))`": "a key is one in either order",
    "points.py::_merged: `(a, b)` becomes `(b, a)`": EITHER,
    "scaling.py::FAMILIES: `1 - s` becomes `s - 1`": "it is squared",
    "floats.py::_lost: `4` becomes `5`": "of still more bits",
    "symmetry.py::symmetric: `7` becomes `8`": "other directions are as good",
    "symmetry.py::symmetric: `1 - which` becomes `which - 1`": "of two, the last is also the second",
    "symmetry.py::symmetric: `(form(0, row, column), form(1, column, row))` becomes `(form(1, column, row), form(0, row, column))`": "a = b as b = a",  # noqa: E501
    "symmetry.py::symmetric: `a - b` becomes `b - a`": "only its size counts",
    "symmetry.py::_clear: `sum(ours, arb(0)) - sum(others, arb(0))` becomes `sum(others, arb(0)) - sum(ours, arb(0))`": "only its size counts",  # noqa: E501
}


class Mutant(NamedTuple):
    file: str
    said: str  # "where: `this` becomes `that`"
    code: CodeType  # made here, where an error is one: in the child it would count as noticed
    tests: list[str]


def changes(node: ast.AST, swaps: bool = True) -> Iterator[ast.AST]:
    """Yield what may stand in the place of this node, with two things swapped only if `swaps`."""
    match node:
        case ast.BinOp(left, ast.Add(), right):
            yield from (ast.BinOp(left, ast.Sub(), right), left)
        case ast.BinOp(left, ast.Sub(), right):
            yield from (ast.BinOp(left, ast.Add(), right), left)
            if swaps:
                yield ast.BinOp(right, ast.Sub(), left)
        case ast.BinOp(left, ast.Mult(), right):
            yield from (left, right)
        case ast.BinOp(left, ast.Div(), right):
            yield from (ast.BinOp(right, ast.Div(), left), ast.BinOp(left, ast.Mult(), right), left)
        case ast.BinOp(left, ast.Pow(), right):
            yield left
        case ast.UnaryOp(ast.USub() | ast.Not(), operand):
            yield operand
        case ast.Constant(bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(int() | float() as value):
            yield ast.Constant(value + 1)
        case ast.Compare(left, [op], [right]):
            others: dict[type, list[ast.cmpop]] = {
                ast.Lt: [ast.LtE(), ast.Gt()], ast.Gt: [ast.GtE(), ast.Lt()], ast.LtE: [ast.Lt()], ast.GtE: [ast.Gt()],
                ast.Eq: [ast.NotEq()], ast.NotEq: [ast.Eq()], ast.Is: [ast.IsNot()], ast.IsNot: [ast.Is()],
                ast.In: [ast.NotIn()], ast.NotIn: [ast.In()],
            }  # fmt: skip
            yield from (ast.Compare(left, [other], [right]) for other in others[type(op)])
        case ast.BoolOp(op, values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
            for rest in (values[:i] + values[i + 1 :] for i in range(len(values))):
                yield ast.BoolOp(op, rest) if len(rest) > 1 else rest[0]
        case ast.IfExp(_, body, other):
            yield from (body, other)
        case ast.Tuple([first, second], ast.Load()) if swaps:
            yield ast.Tuple([second, first], ast.Load())
        case ast.Call(ast.Attribute(value, name), [], []) if name not in ("items", "values", "mid"):
            yield value  # x.exp() is x
        case ast.Call(ast.Name("largest" | "smallest" as name), arguments, []):
            yield ast.Call(ast.Name("smallest" if name == "largest" else "largest", ast.Load()), arguments, [])
        case ast.Call(ast.Name("any" | "all" as name), arguments, []):
            yield ast.Call(ast.Name("all" if name == "any" else "any", ast.Load()), arguments, [])
        case ast.Call(ast.Name("is_less" | "is_equal"), [first, second], []):
            yield ast.Call(node.func, [second, first], []) if node.func.id == "is_less" else ast.Constant(False)
        case ast.Call(ast.Name("copy"), [argument], []):
            yield argument


def mutants(file: str) -> Iterator[Mutant]:
    """Yield every change of those functions and tables of a file that EXACT names."""
    tree = ast.parse((ROOT / file).read_text("utf8"))
    if gone := set(EXACT[file]) - {name for name, _ in _parts(tree)}:
        raise LookupError(f"{file} has no {', '.join(sorted(gone))}")
    for name, part in _parts(tree):
        if name not in EXACT[file]:
            continue
        for entry, inside in _entries(name, part):
            unordered = _unordered(inside)
            for node in ast.walk(inside):
                if _said_only(node, inside):
                    continue
                for new in changes(node, node not in unordered):
                    if ast.unparse(new) == ast.unparse(node):
                        continue
                    said = f"{Path(file).name}::{entry}: `{ast.unparse(node)}` becomes `{ast.unparse(new)}`"
                    changed = copy.deepcopy(tree, memo := {})
                    _Replaced(memo[id(node)], new).visit(changed)
                    code = compile(ast.fix_missing_locations(changed), str(ROOT / file), "exec")
                    yield Mutant(file, said, code, _tests(file, entry))


def _parts(tree: ast.Module) -> Iterator[tuple[str, Any]]:
    """Yield each function, table and method with its name."""
    for part in tree.body:
        yield getattr(part, "name", "") or (ast.unparse(_target(part)) if _target(part) else ""), part
        for inner in part.body if isinstance(part, ast.ClassDef) else []:
            yield f"{part.name}.{getattr(inner, 'name', '')}", inner


def _target(part: ast.stmt) -> Any:
    if isinstance(part, ast.AnnAssign):
        return part.target
    return part.targets[0] if isinstance(part, ast.Assign) else None


def _entries(name: str, part: Any) -> Iterator[tuple[str, ast.AST]]:
    """Yield the lines of a table, or a function as a whole."""
    if name == "_TABLE":
        yield from ((f"_TABLE[{row.elts[0].value}]", column) for row in part.value.elts for column in row.elts[1:])
    elif isinstance(getattr(part, "value", None), ast.Dict):
        pairs = zip(part.value.keys, part.value.values, strict=True)
        yield from ((f"{name}[{key.value}]", value) for key, value in pairs)
    else:
        yield name, part


def _said_only(node: ast.AST, inside: ast.AST) -> bool:
    """Whether the node is part of an f-string or an annotation, or asks zip to be strict."""
    for outer in ast.walk(inside):
        texts = [n for n in (getattr(outer, "annotation", None), getattr(outer, "returns", None)) if n is not None]
        texts += [outer] if isinstance(outer, ast.JoinedStr) else []
        texts += [outer] if isinstance(outer, ast.keyword) and outer.arg == "strict" else []
        if any(node is inner for text in texts for inner in ast.walk(text)):
            return True
    return False


def _unordered(inside: ast.AST) -> list[ast.AST]:
    """Return the tuples in which something is looked for and the differences whose size is taken."""
    found: list[ast.AST] = []
    for node in ast.walk(inside):
        match node:
            case ast.Compare(_, [ast.In() | ast.NotIn()], [ast.Tuple() as members]):
                found.append(members)
            case ast.Call(ast.Name("abs") | ast.Attribute(ast.Name("np"), "abs"), [ast.BinOp() as difference]):
                found.append(difference)
    return found


def _tests(file: str, entry: str) -> list[str]:
    if entry.startswith("_TABLE["):
        which = ("derivative_is_that_of_the_value", "value_is_numpys_or_scipys")
        return [f"tests/exact/test_rules.py::test_each_{test}[{entry.removeprefix('_TABLE[')}" for test in which]
    return [
        f"tests/judge/test_{t[1:]}.py" if t[0] == "/" else f"tests/exact/test_{t}.py" for t in NOTICED[Path(file).stem]
    ]


class _Replaced(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, copy.deepcopy(new)

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """An importer of the changed module in place of the one on disk."""

    def __init__(self, mutant: Mutant) -> None:
        self.name, self.mutant = mutant.file.removesuffix(".py").replace("/", "."), mutant

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != self.name:
            return None
        return importlib.machinery.ModuleSpec(name, self, origin=str(ROOT / self.mutant.file))

    def exec_module(self, module: Any) -> None:
        module.__file__ = str(ROOT / self.mutant.file)
        exec(self.mutant.code, vars(module))


def outcome(mutant: Mutant | None, tests: list[str]) -> int:
    """Return pytest's exit code in a child: 0 if the change was not noticed."""
    child = os.fork()
    if child == 0:
        signal.alarm(LONGEST)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        if mutant:
            sys.meta_path.insert(0, _Changed(mutant))
        options = ["-x", "-q", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-profile=mutants"]
        options += ["--every-case", "-W", "ignore::pytest.PytestAssertRewriteWarning"]  # hypothesis is imported already
        os._exit(int(pytest.main([*options, *tests])))
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="a word of what is changed")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    settings.register_profile("mutants", deadline=None, max_examples=50, phases=[Phase.explicit, Phase.generate])
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = tempfile.mkdtemp(prefix="gradproof-mutants-")
    begun, tried, killed, gone = time.monotonic(), 0, 0, set() if options.only else set(EQUIVALENT)
    survivors: list[str] = []
    same: list[list[str]] = []
    if outcome(None, ALL) != 0:
        print("the tests are not green without a change: nothing red would tell anything", file=sys.stderr)
        return 2
    for mutant in (m for file in EXACT for m in mutants(file) if options.only in m.said):
        tried += 1
        gone.discard(mutant.said)
        if outcome(mutant, mutant.tests) != 0 or outcome(mutant, ALL) != 0:
            killed += 1
        elif mutant.said in EQUIVALENT:
            same.append([mutant.said, EQUIVALENT[mutant.said]])
        else:
            survivors.append(mutant.said)
            print(f"\rsurvives: {mutant.said}", file=sys.stderr)
        print(f"\r{tried} mutants, {killed} killed", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    document = {
        "mutants": tried, "killed": killed, "equivalent": same, "survivors": survivors, "gone": sorted(gone),
        "seconds": round(time.monotonic() - begun),
    }  # fmt: skip
    print(
        json.dumps(document, ensure_ascii=False)
        if options.json
        else "\n".join(f"{k}: {v}" for k, v in document.items())
    )
    return bool(survivors or gone)


if __name__ == "__main__":
    sys.exit(main())
