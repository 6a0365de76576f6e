"""The walk shows the right numbers beside the right formulas and shapes, and an error where it is."""

import math
import re
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

import handcrafted
from gradproof.numerics.verdict import SHARP, Verdict
from gradproof.problem import Array, Problem, starting_parameters
from gradproof.study.walk import EQUATIONS, Line, example, raised, walk
from handcrafted import equations

Rows = list[list[float]]
VISIBLE = 1e-5  # study shows six decimals


def drawn(sizes: list[int], m: int) -> Problem:
    rng = np.random.default_rng(1)
    weights, biases = starting_parameters(sizes, 1, "normal", np.float64)
    y = np.eye(sizes[-1])[:, rng.integers(sizes[-1], size=m)]
    return Problem(weights, biases, rng.random((sizes[0], m)), y)


SQUARE = drawn([3, 3, 3], 2)
PROBLEMS = [example(), SQUARE, drawn([3, 4, 2, 5], 3), drawn([2, 3], 1)]
on_every_problem = pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: str(problem.sizes))


def by_loops(problem: Problem) -> Callable[[str, int], Array]:
    """Each line's matrix from the component form of the notes, in plain Python over x, j and k."""
    w: list[Rows] = [w.tolist() for w in problem.weights]
    b: list[Rows] = [b.tolist() for b in problem.biases]
    x: Rows = problem.x.tolist()
    y: Rows = problem.y.tolist()
    n = problem.sizes
    depth, m = len(w), len(x[0])

    def sigma(z: float) -> float:
        return 1 / (1 + math.exp(-z))

    @cache
    def z(layer: int, j: int, s: int) -> float:
        return sum(w[layer - 1][j][k] * a(layer - 1, k, s) for k in range(n[layer - 1])) + b[layer - 1][j][0]

    @cache
    def a(layer: int, j: int, s: int) -> float:
        return sigma(z(layer, j, s)) if layer else x[j][s]

    @cache
    def delta(layer: int, j: int, s: int) -> float:
        slope = sigma(z(layer, j, s)) * sigma(-z(layer, j, s))  # σ(−z) is 1 − σ(z) without its cancellation
        if layer == depth:
            return (a(layer, j, s) - y[j][s]) * slope
        return sum(w[layer][k][j] * delta(layer + 1, k, s) for k in range(n[layer + 1])) * slope

    def cost() -> float:
        return sum((y[j][s] - a(depth, j, s)) ** 2 for j in range(n[depth]) for s in range(m)) / (2 * m)

    def grad_b(layer: int, j: int) -> float:
        return sum(delta(layer, j, s) for s in range(m)) / m

    def grad_w(layer: int, j: int, k: int) -> float:
        return sum(a(layer - 1, k, s) * delta(layer, j, s) for s in range(m)) / m

    def matrix(name: str, layer: int) -> Array:
        if name == "C":
            return np.array([[cost()]])
        if name == "BP3":
            return np.array([[grad_b(layer, j)] for j in range(n[layer])])
        if name == "BP4":
            return np.array([[grad_w(layer, j, k) for k in range(n[layer - 1])] for j in range(n[layer])])
        element = {"z": z, "a": a}.get(name, delta)
        return np.array([[element(layer, j, s) for s in range(m)] for j in range(n[layer])])

    return matrix


def operands(problem: Problem, line: Line) -> list[Array]:
    """The arrays that the right side of a line's formula names, in its order."""
    zs, activations = handcrafted.feedforward(problem.weights, problem.biases, problem.x)
    delta, _, _ = handcrafted.gradients(*problem)
    layers = {"w": problem.weights, "b": problem.biases, "z": zs, "δ": delta}
    arrays = {f"{letter}{raised(i)}": v for letter, part in layers.items() for i, v in enumerate(part, start=1)}
    arrays |= {f"a{raised(i)}": v for i, v in enumerate(activations)} | {"y": problem.y}
    arrays["∇ₐC"] = activations[-1] - problem.y
    named = re.findall(r"(∇ₐC|y|[wbzaδ][⁰¹²³⁴⁵⁶⁷⁸⁹]+)\)?(ᵀ?)", line.formula.partition("=")[2])
    return [arrays[name].T if transposed else arrays[name] for name, transposed in named]


@on_every_problem
def test_the_lines_follow_the_algorithm(problem: Problem) -> None:
    depth = len(problem.weights)
    lines = [(line.id, line.layer) for line in walk(problem)]
    forward = [(name, layer) for layer in range(1, depth + 1) for name in ("z", "a")]
    assert lines[: 2 * depth + 2] == [*forward, ("C", depth), ("BP1", depth)]
    assert lines[2 * depth + 2 : 3 * depth + 1] == [("BP2", layer) for layer in range(depth - 1, 0, -1)]
    assert lines[3 * depth + 1 :] == [(name, layer) for name in ("BP3", "BP4") for layer in range(1, depth + 1)]


@on_every_problem
def test_both_numbers_of_each_line_are_those_of_loops_over_x_j_and_k(problem: Problem) -> None:
    expected = by_loops(problem)
    for line in walk(problem):
        loops = expected(line.id, line.layer)
        assert line.verdict is Verdict.VERIFIED
        assert line._replace(handcrafted=loops).verdict is Verdict.VERIFIED
        assert line._replace(autodiff=loops).verdict is Verdict.VERIFIED
        assert line._replace(handcrafted=loops * (1 + SHARP)).verdict is Verdict.REFUTED


@on_every_problem
def test_the_difference_is_the_largest_of_all_elements(problem: Problem) -> None:
    for line in walk(problem):
        assert type(line.handcrafted) is type(line.autodiff) is np.ndarray
        pairs = zip(line.handcrafted.flat, line.autodiff.flat, strict=True)
        assert line.difference == max(abs(mine - theirs) for mine, theirs in pairs)


@on_every_problem
def test_the_shapes_are_those_of_the_arrays_in_the_formula(problem: Problem) -> None:
    for line in walk(problem):
        arrays = [line.handcrafted, *operands(problem, line)]
        assert re.findall(r"\(\d+, \d+\)", line.shapes) == [str(array.shape) for array in arrays]
        assert line.handcrafted.shape == line.autodiff.shape == line.bounds.shape


def test_each_line_names_lines_of_the_notes() -> None:
    for _, _, notes in EQUATIONS.values():
        assert notes
        assert all(1 <= int(note.removeprefix("N")) <= 32 for note in notes)


SLIPS = {
    "σ′ missing": (example(), lambda w, delta, z: w.mT @ delta),
    "w not transposed": (SQUARE, lambda w, delta, z: (w @ delta) * equations.sigma_prime(z)),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_in_bp2_shows_from_bp2_on_and_not_before(slip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    problem, wrong = SLIPS[slip]
    monkeypatch.setattr(equations, "bp2", wrong)
    lines = walk(problem)
    refuted = [(line.id, line.layer) for line in lines if line.verdict is Verdict.REFUTED]
    assert refuted == [("BP2", 1), ("BP3", 1), ("BP4", 1)]
    right = by_loops(problem)
    for line in lines:
        assert (line.difference > VISIBLE) is ((line.id, line.layer) in refuted)
        assert line._replace(handcrafted=right(line.id, line.layer)).verdict is Verdict.VERIFIED  # not autodiff's


@pytest.mark.parametrize("equation", ["bp1", "bp3", "bp4"])
def test_a_wrong_factor_shows_first_where_it_is(equation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = getattr(equations, equation)
    monkeypatch.setattr(equations, equation, lambda *inputs: 2 * right(*inputs))
    first = next(line for line in walk(example()) if line.verdict is Verdict.REFUTED)
    assert first.id == equation.upper()
    assert first.difference > VISIBLE


def test_another_shape_is_an_infinite_difference() -> None:
    line = walk(example())[-1]
    turned = line._replace(handcrafted=line.handcrafted.T)
    assert turned.difference == math.inf
    assert turned.verdict is Verdict.REFUTED
