"""How small an error is still refuted? The smallest relative change of one element that no bound lets through.

    python benchmarks/sensitivity.py [--seed 0] [--json]

An element g whose expected value is e with bound B is refuted at g(1 + ε) once ε|g| > B + |g − e|. The figures are the
median and the 99th percentile over random networks: ε in units of u for BP3 and BP4 by themselves, ε itself elsewhere.
The whole-layer test doubles the gradient in layer 1 only, in networks 16 layers deep.

Tightness is how many times the observed error fits into the bound, as a median over the elements that rounding moved at
all: by itself against autodiff of the stage, end to end against the truth, for each depth. Beside it stands what would
remain if n roundings added up to √n instead of n, as on average: the price of holding for every order of summation.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

import handcrafted
from gradproof.numerics import rounding, truth, verdict
from gradproof.numerics.chain import radii
from gradproof.problem import Answer, Problem, Stack, stack_of, starting_parameters
from gradproof.proof import architectures, equations, theorem, witness
from gradproof.train import mnist

DOUBLE = rounding.arithmetic(np.float64)


def epsilons(stack: Stack, kinds: Iterable[str]) -> dict[str, list[float]]:
    """Return ε of every element that is not 0, for each kind of finding."""
    seen: dict[str, list[float]] = {kind: [] for kind in kinds}

    def note(equation, layer, got, expected, bound, live, telling=True):
        if equation in seen:
            live, bound = np.broadcast_to(live, got.shape), np.broadcast_to(bound, got.shape)
            there = live & (got != 0)
            seen[equation] += ((bound + np.abs(got - expected))[there] / np.abs(got[there])).tolist()
        return verdict.compare(equation, layer, got, expected, bound, live, telling)

    with comparing_by(note):
        theorem.judge(stack, theorem.claim(handcrafted, stack))
    return seen


@contextmanager
def comparing_by(function):
    """Put another function in the place of `compare`, so that it sees what is compared."""
    before = equations.compare, theorem.compare
    equations.compare = theorem.compare = function
    try:
        yield
    finally:
        equations.compare, theorem.compare = before


def random_stacks(seed: int, widest: int, m: int | None = None, count: int = 60) -> list[Stack]:
    """Draw networks of 1 to 6 layers in the regimes scaled and normal, no wider than `widest`."""
    rng, stacks = np.random.default_rng(seed), []
    for depth in range(1, 7):
        for regime in ("scaled", "normal"):
            sizes = rng.integers(1, widest + 1, (count, depth + 1))
            stacks.append(architectures.fill(sizes, m or int(rng.integers(1, 9)), regime, rng))
    return stacks


def figures(values: list[float], unit: float = 1.0) -> dict[str, float]:
    return {"median": float(np.median(values)) / unit, "p99": float(np.quantile(values, 0.99)) / unit}


def joined(stacks: list[Stack], kinds: list[str]) -> dict[str, list[float]]:
    parts = [epsilons(stack, kinds) for stack in stacks]
    return {kind: [value for part in parts for value in part[kind]] for kind in kinds}


def digits(seed: int) -> Stack:
    data = mnist.load().train
    weights, biases = starting_parameters([784, 30, 10], seed, "normal", np.float64)
    x, y = mnist.pixels(data.images[:10], np.float64).T, mnist.one_hot(data.labels[:10], np.float64).T
    return stack_of(Problem(weights, biases, x, y))


def doubled_in_layer_1(seed: int, depth: int = 16, networks: int = 20) -> dict[str, float]:
    """Double ∂C/∂w¹ in deep networks with tiny gradients; return how many are refuted and how small these are."""
    refuted, sizes = 0, []
    for number in range(networks):
        rng = np.random.default_rng([seed, number])
        stack = architectures.fill(np.full((1, depth + 1), 4), 2, "scaled", rng)
        stack = stack._replace(biases=[b + 4.5 * stack.live(i) for i, b in enumerate(stack.biases, 1)])
        mine = theorem.claim(handcrafted, stack)
        wrong = mine._replace(grad_w=[2 * mine.grad_w[0], *mine.grad_w[1:]])
        theirs = witness.answer(stack)
        bound: Answer = radii(stack, theirs, DOUBLE)
        found = list(theorem.end_to_end(stack, wrong, theirs, bound))
        fault = verdict.root(found)
        refuted += fault is not None and (fault.equation, fault.layer) == ("∂C/∂w", 1)
        sizes.append(float(np.median(np.abs(mine.grad_w[0][0, :4, :4]))))
    return {"networks": networks, "refuted": refuted, "median_gradient": float(np.median(sizes))}


def tight_alone(stacks: list[Stack]) -> dict[str, float]:
    """Return the median of bound / |by hand − autodiff| of each equation by itself."""
    ratios: dict[str, list[float]] = {name: [] for name in theorem.ALONE}

    def note(equation, layer, got, expected, bound, live, telling=True):
        off = np.abs(got - expected)
        moved = np.broadcast_to(live, off.shape) & (off > 0)
        ratios[equation] += (np.broadcast_to(bound, off.shape)[moved] / off[moved]).tolist()
        return verdict.compare(equation, layer, got, expected, bound, live, telling)

    with comparing_by(note):
        for stack in stacks:
            list(equations.findings(stack, theorem.claim(handcrafted, stack), DOUBLE))
    ratios["all"] = [ratio for values in ratios.values() for ratio in values]
    return {name: float(np.median(values)) for name, values in ratios.items()}


def tight_end_to_end(stacks: list[Stack], networks: int) -> dict[int, float]:
    """Return the median of radius / |by hand − truth| over δ, ∂C/∂b, ∂C/∂w by depth, from `networks` of each stack."""
    ratios: dict[int, list[float]] = {}
    for stack in stacks:
        radius, mine = radii(stack, witness.answer(stack), DOUBLE), theorem.claim(handcrafted, stack)
        for network in range(networks):
            problem = stack.of_network(network)
            answer, bound = (whole.of_network(network, problem.sizes) for whole in (mine, radius))
            true = truth.settled(problem, bound)
            own = ratios.setdefault(len(problem.weights), [])
            for part in ("delta", "grad_b", "grad_w"):
                for got, e, balls in zip(*(getattr(of, part) for of in (answer, bound, true)), strict=True):
                    off = [abs(float(ball - float(g))) for g, ball in zip(got.ravel(), balls.ravel(), strict=True)]
                    own += [float(b) / o for b, o in zip(e.ravel(), off, strict=True) if o > 0]
    return {depth: float(np.median(values)) for depth, values in sorted(ratios.items())}


def square_root_gamma(n, ar):
    """Return what γ_n would be if roundings were independent."""
    return np.sqrt(n) * ar.u


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    one = joined(random_stacks(options.seed, 16, m=1), ["BP3", "BP4"])
    alone = joined(random_stacks(options.seed, 16), ["BP1", "BP2", "BP3", "BP4"])
    narrow_stacks = random_stacks(options.seed, 8)
    narrow = joined(narrow_stacks, ["δ", "∂C/∂b", "∂C/∂w"])
    wide = epsilons(digits(options.seed), ["δ", "∂C/∂b", "∂C/∂w"])
    document = {
        "u": DOUBLE.u,
        "alone_m1_in_u": {kind: figures(values, DOUBLE.u) for kind, values in one.items()},
        "alone_in_u": {kind: figures(alone[kind], DOUBLE.u) for kind in ("BP3", "BP4")},
        "alone": {kind: figures(alone[kind]) for kind in ("BP1", "BP2")},
        "end_to_end_widths_to_8": {kind: figures(values) for kind, values in narrow.items()},
        "end_to_end_784_30_10": {kind: figures(values) for kind, values in wide.items()},
        "factor_2_in_layer_1_of_16": doubled_in_layer_1(options.seed),
        "bound_of_error_alone": tight_alone(random_stacks(options.seed, 16)),
        "bound_of_error_end_to_end_by_depth": tight_end_to_end(narrow_stacks, networks=6),
    }
    gamma, rounding.gamma = rounding.gamma, square_root_gamma
    document["the_same_if_roundings_were_independent"] = tight_end_to_end(narrow_stacks, networks=6)
    rounding.gamma = gamma
    if options.json:
        print(json.dumps(document, ensure_ascii=False))
    else:
        for key, value in document.items():
            print(f"{key}: {value}")


if __name__ == "__main__":
    main()
