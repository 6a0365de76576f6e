"""Make every small change of the derivation in handcrafted/, one at a time: is it noticed, and where?

    python benchmarks/mutants.py [--nets 40] [--seed 0] [--json]          (make mutants)

A mutant is handcrafted/ with one place of its syntax tree changed: operands of @ swapped, a transpose dropped or added,
a factor of ⊙ dropped or squared, a sum for a mean, another axis, sign, factor, index of a layer, or one variable for
another. Each is judged like anyone's backprop, in our conventions, and from a copy of the package, since the judge uses
the package itself. A mutant that is not refuted survives, unless it is the same function. The reason for that is in
EQUIVALENT, and is checked here on whole numbers, where nothing is rounded, or by sympy.
"""

import argparse
import ast
import json
import sys
import types
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import sympy

from gradproof.judge.float64.diagnosis import judgement
from gradproof.judge.isolation.submission import Function
from gradproof.study.mutants import EQUIVALENT, Mutant, made, mutants

ROOT = Path(__file__).parents[1]
FUNCTIONS = {
    "equations": ("sigma", "sigma_prime", "cost_gradient", "bp1", "bp2", "bp3", "bp4"),
    "network": ("feedforward",),
    "backprop": ("errors", "gradients"),
}
MODULES = tuple(FUNCTIONS)
# The equations where the judge must place a mutant of each function.
PLACES = {
    "sigma": {"a"}, "sigma_prime": {"BP1", "BP2"}, "cost_gradient": {"BP1"}, "bp1": {"BP1"}, "bp2": {"BP2"},
    "bp3": {"BP3"}, "bp4": {"BP4"}, "feedforward": {"z", "a"}, "errors": {"BP1", "BP2", "BP4"},
    "gradients": {"BP1", "BP2", "BP3", "BP4"},
}  # fmt: skip


def submission(module: str, source: str) -> Callable[..., object]:
    """Return backprop(weights, biases, x, y) of a copy of handcrafted/ in which one module has another source."""
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


def shown_the_same(module: str, function: str, mutant: Mutant) -> str:
    """Return the proof that the mutant is the same function, in words, or "" if it is not."""
    original = Mutant("", (ROOT / "handcrafted" / f"{module}.py").read_text("utf8"))
    one, other = (made(module, function, each) for each in (original, mutant))
    rng, count = np.random.default_rng(0), one.__code__.co_argcount
    with np.errstate(all="ignore"):
        for _ in range(1000):
            m = 2 ** rng.integers(4)
            arrays = [rng.integers(-99, 100, (n, m)).astype(float) for n in rng.integers(1, 9, count)]
            if not np.array_equal(one(*arrays), other(*arrays)):
                break
        else:
            return "equal on 1000 random problems of whole numbers, where nothing is rounded"
    if count > 1:
        return ""
    p, exact = sympy.Symbol("p", positive=True), [_exact(each.source, function) for each in (original, mutant)]
    if all(sympy.simplify(exact[0](z) - exact[1](z)) == 0 for z in (p, -p, sympy.Integer(0))):
        return "sympy: the difference is 0 for z > 0, z < 0 and z = 0"
    return ""


def _exact(source: str, function: str) -> Callable[..., sympy.Expr]:
    """Return a function of one number, with sympy in NumPy's place."""
    tree = next(f for f in ast.parse(source).body if isinstance(f, ast.FunctionDef) and f.name == function)
    names = {"np": types.SimpleNamespace(exp=sympy.exp, abs=sympy.Abs), "Array": object}
    exec(compile(ast.Module([tree], []), "exact", "exec"), names)
    return names[function]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    tried, killed, placed, survivors, misplaced, same = 0, 0, 0, [], [], []
    every = ((m, f, *mutant) for m in MODULES for f in FUNCTIONS[m] for mutant in mutants(m, f))
    for module, function, said, source in every:
        judged = judgement(Function(submission(module, source)), options.nets, options.seed, declared=["ours"])
        tried += 1
        found = {fault.fault.equation for fault in judged.faults}
        if judged.verdict == "refuted":
            killed += 1
            here = bool(found & PLACES[function]) or bool(judged.troubles)
            placed += here
            if not here:
                misplaced.append([said, sorted(found)])
        elif said in EQUIVALENT and (how := shown_the_same(module, function, Mutant(said, source))):
            same.append([said, EQUIVALENT[said], how])
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
    return bool(survivors or misplaced)


if __name__ == "__main__":
    sys.exit(main())
