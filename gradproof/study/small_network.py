"""The inside of a small network: every number of 2–3–2 with its formula, and the effect of slips on it.

Both backends compute each number, and its bound says how far apart rounding may carry the two. A slip is the
handcrafted backprop with one equation replaced. It is run and judged like any other backprop.
"""

import types
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from gradproof import backends
from gradproof.backends import answer
from gradproof.numerics.chain import radii
from gradproof.numerics.rounding import arithmetic
from gradproof.problem import Answer, Problem, stack_of
from gradproof.proof import theorem
from gradproof.study.walk import raised
from handcrafted import backprop, equations

ETA = 0.5
EXACT = 1e100  # ratios beyond it mean that the bound is 0 but for underflow
STEPS = ("feedforward", "cost", "BP1", "BP2", "BP3", "BP4", "update")
LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class Part(NamedTuple):
    """A piece of a formula: text, or the name of a number."""

    text: str
    name: str = ""


class Number(NamedTuple):
    name: str  # such as δ¹₂
    step: str
    formula: tuple[Part, ...]  # the right side of its equation
    hand: float
    autodiff: float
    bound: float

    @property
    def difference(self) -> float:
        return abs(self.hand - self.autodiff)


class Slip(NamedTuple):
    """A mistake, every number that it makes wrong, and what the judge says."""

    name: str
    values: dict[str, float]  # by name, only those beyond their bounds
    equations: tuple[str, ...]  # refuted by the judge, each at the claimant's own inputs
    said: str
    missing: tuple[str, ...] = ()  # numbers that are never computed


def given(problem: Problem) -> dict[str, float]:
    """Return the given numbers by name: x (as a⁰), y, w and b."""
    found = {f"y{_low(j)}": float(v) for j, v in enumerate(problem.y[:, 0])}
    found |= {_a(0, j): float(v) for j, v in enumerate(problem.x[:, 0])}
    for layer, (w, b) in enumerate(zip(problem.weights, problem.biases, strict=True), start=1):
        found |= {_w(layer, j, k): float(w[j, k]) for j, k in np.ndindex(w.shape)}
        found |= {_b(layer, j): float(v) for j, v in enumerate(b[:, 0])}
    return found


def numbers(problem: Problem) -> list[Number]:
    """Return every computed number, in the order of the algorithm."""
    hand, autodiff = (answer(backends.load(name), problem) for name in backends.NAMES)
    off = radii(stack_of(problem), autodiff, arithmetic(np.float64))
    mine, theirs, bound = (_by_name(a) for a in (hand, autodiff, off))
    stepped = [_stepped(name, problem) for name in backends.NAMES]
    mine, theirs = mine | stepped[0], theirs | stepped[1]
    bound |= {name: _of_a_step(name, problem, bound, mine) for name in stepped[0]}
    return [
        Number(name, step, tuple(formula), mine[name], theirs[name], 2 * bound[name])
        for name, step, formula in _formulas(problem)
    ]


def slips(problem: Problem) -> list[Slip]:
    """Make each of SLIPS in the handcrafted backprop and judge the result."""
    right = numbers(problem)
    stack = stack_of(problem)
    found = []
    for name, replaced in SLIPS.items():
        try:
            gradients = _with(replaced)(*problem)
        except ValueError:  # the shapes do not fit
            rows, columns = problem.weights[-1].shape
            said = (
                f"does not run: w is {rows} × {columns} and δ has {rows} numbers, so there is no product w δ. "
                "Where neighbouring layers are equally wide it runs, and wrong numbers refute it (N21)."
            )
            found.append(Slip(name, {}, ("BP2",), said, _after(right, "BP2")))
            continue
        honest = answer(backends.load("handcrafted"), problem)
        delta, grad_b, grad_w = ([np.asarray(v)[None] for v in values] for values in gradients)
        mine = honest._replace(delta=delta, grad_b=grad_b, grad_w=grad_w)
        named = _by_name(mine)
        named |= _moved(problem, mine)
        values = {n.name: named[n.name] for n in right if abs(named[n.name] - n.autodiff) > n.bound}
        refuted = [f for f in theorem.judge(stack, mine) if f.verdict == "refuted" and f.equation in theorem.ALONE]
        said = "; ".join(
            f"{f.equation} in layer {f.layer} is refuted: {f.got:.6f} where {f.expected:.6f} is right, "
            + (f"{f.ratio:.0e} times the bound" if f.ratio < EXACT else "and nothing is rounded there")
            for f in refuted
        ).replace("-", "−")
        found.append(Slip(name, values, tuple(dict.fromkeys(f.equation for f in refuted)), said))
    return found


def _after(numbers: list[Number], step: str) -> tuple[str, ...]:
    """Return the numbers of a step and all numbers computed from them."""
    names: list[str] = []
    for n in numbers:
        if n.step == step or any(part.name in names for part in n.formula):
            names.append(n.name)
    return tuple(names)


def _with(replaced: dict[str, Callable[..., Any]]) -> Callable[..., Any]:
    """Return the handcrafted backprop with some equations replaced."""
    names = vars(backprop) | {"eq": types.SimpleNamespace(**(vars(equations) | replaced))}
    names["errors"] = types.FunctionType(backprop.errors.__code__, names)
    return types.FunctionType(backprop.gradients.__code__, names)


SLIPS: dict[str, dict[str, Callable[..., Any]]] = {
    "σ′ dropped in BP1": {"bp1": lambda grad_a, z: grad_a},
    "the sign of a − y flipped": {"cost_gradient": lambda a, y: y - a},
    "σ′ dropped in BP2": {"bp2": lambda w, delta, z: w.mT @ delta},
    "σ in place of σ′ in BP2": {"bp2": lambda w, delta, z: (w.mT @ delta) * equations.sigma(z)},
    "w not transposed in BP2": {"bp2": lambda w, delta, z: (w @ delta) * equations.sigma_prime(z)},
    "the bias gradient left at 0": {"bp3": lambda delta: 0 * delta[..., :1]},
    "a factor 2 in BP4": {"bp4": lambda a, delta: 2 * (delta / delta.shape[-1]) @ a.mT},
}


# ---- names -----------------------------------------------------------------------------------------------------


def _low(index: int) -> str:
    return str(index + 1).translate(LOWERED)


def _a(layer: int, j: int) -> str:
    return f"a{raised(layer)}{_low(j)}"


def _w(layer: int, j: int, k: int) -> str:
    return f"w{raised(layer)}{_low(j)}{_low(k)}"


def _b(layer: int, j: int) -> str:
    return f"b{raised(layer)}{_low(j)}"


def of_neuron(layer: int, j: int) -> dict[str, list[str]]:
    """Return the numbers of a neuron to display at each step."""
    if not layer:
        return {step: [_a(0, j)] for step in STEPS}
    forward = [f"z{raised(layer)}{_low(j)}", _a(layer, j)]
    error, bias = f"δ{raised(layer)}{_low(j)}", _b(layer, j)
    return {
        "feedforward": forward, "cost": forward, "BP1": [error], "BP2": [error],
        "BP3": [f"∂C/∂{bias}"], "BP4": [error], "update": [f"{bias}′"],
    }  # fmt: skip


def of_edge(layer: int, j: int, k: int) -> dict[str, str]:
    """Return the number of an edge to display at each step."""
    weight = _w(layer, j, k)
    return dict.fromkeys(STEPS, weight) | {"BP4": f"∂C/∂{weight}", "update": f"{weight}′"}


def _by_name(found: Answer) -> dict[str, float]:
    named = {"C": float(found.cost[0])}
    for layer, (z, a, d) in enumerate(zip(found.zs, found.activations[1:], found.delta, strict=True), start=1):
        for j in range(z.shape[1]):
            named[f"z{raised(layer)}{_low(j)}"] = float(z[0, j, 0])
            named[_a(layer, j)] = float(a[0, j, 0])
            named[f"δ{raised(layer)}{_low(j)}"] = float(d[0, j, 0])
    for layer, (gb, gw) in enumerate(zip(found.grad_b, found.grad_w, strict=True), start=1):
        for j in range(gb.shape[1]):
            named[f"∂C/∂{_b(layer, j)}"] = float(gb[0, j, 0])
        for j, k in np.ndindex(gw.shape[1:]):
            named[f"∂C/∂{_w(layer, j, k)}"] = float(gw[0, j, k])
    return named


def _stepped(backend: str, problem: Problem) -> dict[str, float]:
    """Return w′ and b′ after one step of a backend."""
    weights, biases = backends.load(backend).step(*problem, ETA)
    return _primed(weights, biases)


def _moved(problem: Problem, mine: Answer) -> dict[str, float]:
    """Return w′ and b′ after one step with the gradients of an answer."""
    weights = [w - ETA * g[0] for w, g in zip(problem.weights, mine.grad_w, strict=True)]
    biases = [b - ETA * g[0] for b, g in zip(problem.biases, mine.grad_b, strict=True)]
    return _primed(weights, biases)


def _primed(weights: Any, biases: Any) -> dict[str, float]:
    named: dict[str, float] = {}
    for layer, (w, b) in enumerate(zip(weights, biases, strict=True), start=1):
        w, b = np.asarray(w), np.asarray(b)
        named |= {f"{_w(layer, j, k)}′": float(w[j, k]) for j, k in np.ndindex(w.shape)}
        named |= {f"{_b(layer, j)}′": float(v) for j, v in enumerate(b[:, 0])}
    return named


def _of_a_step(name: str, problem: Problem, bound: dict[str, float], mine: dict[str, float]) -> float:
    """Return η E + the roundings of a product and a difference, where E bounds the gradient."""
    gradient = f"∂C/∂{name[:-1]}"
    u = arithmetic(np.float64).u
    start = given(problem)[name[:-1]]
    return ETA * bound[gradient] + 4 * u * (abs(start) + ETA * abs(mine[gradient])) * (1 + 8 * u)


# ---- formulas --------------------------------------------------------------------------------------------------


def _formulas(problem: Problem) -> Iterator[tuple[str, str, list[Part]]]:
    n, depth = problem.sizes, len(problem.weights)
    for layer in range(1, depth + 1):
        for j in range(n[layer]):
            yield (
                f"z{raised(layer)}{_low(j)}",
                "feedforward",
                [
                    *_sum([(_w(layer, j, k), _a(layer - 1, k)) for k in range(n[layer - 1])]),
                    Part(" + "),
                    Part("", _b(layer, j)),
                ],
            )
        for j in range(n[layer]):
            yield _a(layer, j), "feedforward", [Part("σ("), Part("", f"z{raised(layer)}{_low(j)}"), Part(")")]
    squares: list[Part] = []
    for j in range(n[-1]):
        squares += [Part(" + ")] if j else []
        squares += [Part("("), Part("", f"y{_low(j)}"), Part(" − "), Part("", _a(depth, j)), Part(")²")]
    yield "C", "cost", [Part("½ ("), *squares, Part(")")]
    for j in range(n[-1]):
        yield f"δ{raised(depth)}{_low(j)}", "BP1", [
            Part("("), Part("", _a(depth, j)), Part(" − "), Part("", f"y{_low(j)}"), Part(") · σ′("),
            Part("", f"z{raised(depth)}{_low(j)}"), Part(")"),
        ]  # fmt: skip
    for layer in range(depth - 1, 0, -1):
        for j in range(n[layer]):
            terms = [(_w(layer + 1, k, j), f"δ{raised(layer + 1)}{_low(k)}") for k in range(n[layer + 1])]
            yield f"δ{raised(layer)}{_low(j)}", "BP2", [
                Part("("), *_sum(terms), Part(") · σ′("), Part("", f"z{raised(layer)}{_low(j)}"), Part(")"),
            ]  # fmt: skip
    for layer in range(1, depth + 1):
        for j in range(n[layer]):
            yield f"∂C/∂{_b(layer, j)}", "BP3", [Part("", f"δ{raised(layer)}{_low(j)}")]
    for layer in range(1, depth + 1):
        for j, k in np.ndindex(n[layer], n[layer - 1]):
            yield f"∂C/∂{_w(layer, j, k)}", "BP4", _sum([(_a(layer - 1, k), f"δ{raised(layer)}{_low(j)}")])
    for layer in range(1, depth + 1):
        names = [_b(layer, j) for j in range(n[layer])] + [
            _w(layer, j, k) for j, k in np.ndindex(n[layer], n[layer - 1])
        ]
        for name in names:
            yield f"{name}′", "update", [Part("", name), Part(f" − {ETA} · "), Part("", f"∂C/∂{name}")]


def _sum(products: list[tuple[str, str]]) -> list[Part]:
    parts: list[Part] = []
    for number, (one, other) in enumerate(products):
        parts += [Part(" + ")] if number else []
        parts += [Part("", one), Part(" · "), Part("", other)]
    return parts
