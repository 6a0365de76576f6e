"""The handcrafted gradients are the derivatives of the handcrafted cost: a proof that needs no autodiff."""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import handcrafted
from gradproof.numerics import rounding
from gradproof.numerics.chain import radii
from gradproof.problem import Problem, stack_of, starting_parameters
from gradproof.proof import theorem
from gradproof.proof.architectures import WIDEST, problems
from handcrafted import equations as eq
from tests.handcrafted.agreement import Array, assert_agree, assert_within, exact, gamma, smallest

WIDE = np.clongdouble
H = 1e-100  # the step: there is no subtraction, so h² may vanish beside 1; h times a gradient may not underflow


def complex_step(p: Problem, parameters: str, layer: int) -> Array:
    """∂C/∂p = Im C(p + ih)/h for each parameter p of one layer, one p at a time: a stack of networks, one for each p.

    x may be a stack too, (m, n_0, 1); the result is then (m, …), the derivatives of each C_x.
    """
    lists = {"weights": [w.astype(WIDE) for w in p.weights], "biases": [b.astype(WIDE) for b in p.biases]}
    array = lists[parameters][layer - 1]
    moves = 1j * H * np.eye(array.size).reshape(array.size, *array.shape)
    lists[parameters][layer - 1] = (array + moves).reshape(array.size, *(1,) * (p.x.ndim - 2), *array.shape)
    costs = handcrafted.cost(lists["weights"], lists["biases"], p.x.astype(WIDE), p.y.astype(WIDE))
    return np.moveaxis(costs.imag / H, 0, -1).reshape(*costs.shape[1:], *array.shape).astype(float)


def assert_gradients(p: Problem, gradients: Callable[..., Any] = handcrafted.gradients) -> None:
    """δ, ∂C/∂b and ∂C/∂w of each layer beside complex-step differentiation of the cost, within their derived bounds.

    The step is taken with 64-bit significands: what it loses to rounding is a 2048th of what a radius allows for.
    """
    delta, grad_b, grad_w = gradients(*p)
    stack = stack_of(p, WIDEST)
    radius = radii(stack, theorem.claim(handcrafted, stack), rounding.arithmetic(float))
    layers = range(1, len(p.weights) + 1)
    # z^l = … + b^l, so that of one example alone ∂C_x/∂b^l is ∂C_x/∂z^l
    alone = p._replace(x=p.x.T[:, :, None], y=p.y.T[:, :, None])
    for layer in layers:
        for got, expected, bound in (
            (delta, complex_step(alone, "biases", layer)[..., 0].T, radius.delta),
            (grad_b, complex_step(p, "biases", layer), radius.grad_b),
            (grad_w, complex_step(p, "weights", layer), radius.grad_w),
        ):
            rows, columns = expected.shape
            assert got[layer - 1].shape == expected.shape
            off = np.abs(got[layer - 1] - expected)
            assert (off <= 2 * bound[layer - 1][0, :rows, :columns]).all(), f"{got[layer - 1]}, should be {expected}"


def generic(sizes: Sequence[int] = (4, 4, 4, 4), m: int = 4, seed: int = 0) -> Problem:
    """Equal widths, as many examples, numbers without a pattern: no slip is saved by a shape or a zero."""
    rng = np.random.default_rng([1, seed])
    parameters = starting_parameters(sizes, seed, dtype=float)
    return Problem(*parameters, rng.random((sizes[0], m)), rng.random((sizes[-1], m)))


@given(problems())
def test_the_gradients_are_the_complex_step_derivatives_of_the_cost(problem: Problem) -> None:
    assert_gradients(problem)


@pytest.mark.parametrize("m", [1, 2, 7])
@pytest.mark.parametrize("sizes", [(3, 2), (1, 1, 1), (3, 5, 2), (4, 4, 4, 4)])
def test_the_gradients_are_right_for_one_example_and_for_more(sizes: tuple[int, ...], m: int) -> None:
    assert_gradients(generic(sizes, m))


SLIPS: dict[str, tuple[str, Callable[..., Any]]] = {
    "factor 2": ("cost_gradient", lambda a, y: 2 * (a - y)),
    "sign": ("cost_gradient", lambda a, y: y - a),
    "σ for σ′": ("sigma_prime", eq.sigma),
    "tanh′": ("sigma_prime", lambda z: 1 - eq.sigma(z) ** 2),
    "σ′ missing at the output": ("bp1", lambda grad_a, z: grad_a),
    "σ′ missing": ("bp2", lambda w_next, delta_next, z: w_next.mT @ delta_next),
    "w not transposed": ("bp2", lambda w_next, delta_next, z: (w_next @ delta_next) * eq.sigma_prime(z)),
    "bias sum for mean": ("bp3", lambda delta: delta.sum(-1, keepdims=True)),
    "weight sum for mean": ("bp4", lambda a_prev, delta: delta @ a_prev.mT),
    "transposed outer product": ("bp4", lambda a_prev, delta: a_prev @ delta.mT / 4),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_in_one_equation_is_not_the_derivative(slip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, function = SLIPS[slip]
    monkeypatch.setattr(eq, name, function)
    with pytest.raises(AssertionError, match="should be"):
        assert_gradients(generic())


def test_what_disagrees_is_refused() -> None:
    """The comparison itself: dtype, shape, number of arrays, finiteness, then values."""
    right = np.array([[1.0], [2.0]])
    assert_agree(right + 1e-10, right)
    wrong = {
        "should be float64": right.astype(np.float32),
        "shape": right[:, 0],
        "not finite": right * np.nan,
        "element": right + np.array([[0], [3e-10]]),
    }
    for message, got in wrong.items():
        with pytest.raises(AssertionError, match=message):
            assert_agree(got, right)
    with pytest.raises(AssertionError, match="1 arrays"):
        assert_agree([right], [right, right])
    with pytest.raises(AssertionError, match="expected is not finite"):
        assert_agree(right, right * np.inf)


# ---- the definition --------------------------------------------------------------------------------------------


def activations_by_loops(p: Problem, x: int) -> list[list[float]]:
    """a_j = σ(Σ_k w_{jk} a_k + b_j), neuron by neuron, of example x: the lists of a⁰ … a^L."""
    layers = [[float(value) for value in p.x[:, x]]]
    for w, b in zip(p.weights, p.biases, strict=True):
        zs = [b[j, 0] + sum(w[j, k] * a for k, a in enumerate(layers[-1])) for j in range(len(b))]
        layers.append([1 / (1 + math.exp(-z)) if z > 0 else math.exp(z) / (1 + math.exp(z)) for z in zs])
    return layers


@given(problems())
def test_the_activations_equal_the_definition_neuron_by_neuron(problem: Problem) -> None:
    zs, activations = handcrafted.feedforward(problem.weights, problem.biases, problem.x)
    assert len(zs) == len(problem.weights)
    examples = [activations_by_loops(problem, x) for x in range(problem.x.shape[1])]
    assert_agree(activations, [np.array(layer).T for layer in zip(*examples, strict=True)])


@given(problems())
def test_the_cost_equals_the_definition_element_by_element(problem: Problem) -> None:
    """C = (1/2m) Σ_x Σ_j (y_j − a_j)² of its own a^L: a difference and its square, n terms ≥ 0, one division."""
    a, y = (exact(array) for array in (handcrafted.feedforward(*problem[:3])[1][-1], problem.y))
    rows, m = y.shape
    total = Fraction(0)
    for x in range(m):
        for j in range(rows):
            total += (y[j, x] - a[j, x]) ** 2 / (2 * m)
    bound = gamma(rows * m + 3, float) * total + rows * m * smallest(float)
    assert_within(np.asarray(handcrafted.cost(*problem)), np.array(total, object), np.array(bound, object))


@given(problems())
def test_a_mini_batch_is_the_mean_of_its_examples(problem: Problem) -> None:
    delta, grad_b, grad_w = handcrafted.gradients(*problem)
    m = problem.x.shape[1]
    examples = [problem._replace(x=problem.x[:, [x]], y=problem.y[:, [x]]) for x in range(m)]
    deltas, grads_b, grads_w = zip(*(handcrafted.gradients(*one) for one in examples), strict=True)
    assert_agree(delta, [np.hstack(columns) for columns in zip(*deltas, strict=True)])
    assert_agree(grad_b, [sum(parts) / m for parts in zip(*grads_b, strict=True)])
    assert_agree(grad_w, [sum(parts) / m for parts in zip(*grads_w, strict=True)])


def test_a_stack_of_networks_is_its_networks_one_by_one() -> None:
    networks = [generic((3, 5, 2), 4, seed) for seed in range(3)]
    stack = Problem(*(joined(parts) for parts in zip(*networks, strict=True)))
    for whole, *parts in zip(*map(leaves, [answers(stack), *map(answers, networks)]), strict=True):
        assert_agree(whole, np.stack(parts))


def joined(parts: Sequence[Any]) -> Any:
    """Lists of arrays to a list of stacks, arrays to a stack."""
    return [joined(layer) for layer in zip(*parts, strict=True)] if isinstance(parts[0], list) else np.stack(parts)


def answers(p: Problem) -> list[Any]:
    return [handcrafted.feedforward(p.weights, p.biases, p.x), handcrafted.cost(*p), handcrafted.gradients(*p)]


# ---- the contract ----------------------------------------------------------------------------------------------


def calls(p: Problem) -> dict[str, Any]:
    """What each public function makes of a problem."""
    rows = np.arange(p.x.shape[1]).reshape(1, -1)
    return {
        "feedforward": handcrafted.feedforward(p.weights, p.biases, p.x),
        "cost": handcrafted.cost(*p),
        "gradients": handcrafted.gradients(*p),
        "step": handcrafted.step(*p, 0.5),
        "descend": handcrafted.descend(p.weights, p.biases, p.x.T, p.y.T, rows, 0.5),
    }


def leaves(tree: Any) -> list[Array]:
    return [leaf for branch in tree for leaf in leaves(branch)] if isinstance(tree, (list, tuple)) else [tree]


def test_every_public_function_is_called_here() -> None:
    assert sorted(calls(generic())) == handcrafted.__all__


@given(problems())
def test_no_public_function_changes_its_inputs(problem: Problem) -> None:
    """They are read-only, which numpy guards, and keep their bytes; what is returned shares no memory."""
    before = [leaf.tobytes() for leaf in leaves(problem)]
    for leaf in leaves(problem):
        leaf.setflags(write=False)
    results = calls(problem)
    assert [leaf.tobytes() for leaf in leaves(problem)] == before
    assert [len(problem.weights), len(problem.biases)] == [len(problem.sizes) - 1] * 2
    for name in ("gradients", "step", "descend"):
        for one, other in combinations([*leaves(results[name]), *leaves(problem)], 2):
            assert not np.shares_memory(one, other), name


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_public_function_keeps_the_dtype_and_the_shapes(dtype: type) -> None:
    p = generic([3, 5, 2], m=4)
    p = Problem([w.astype(dtype) for w in p.weights], [b.astype(dtype) for b in p.biases], *map(dtype, (p.x, p.y)))
    results = calls(p)
    for name, result in results.items():
        assert {leaf.dtype for leaf in leaves(result)} == {np.dtype(dtype)}, name
    layers, ws, bs = [(5, 4), (2, 4)], [(5, 3), (2, 5)], [(5, 1), (2, 1)]
    assert [leaf.shape for leaf in leaves(results["feedforward"])] == [*layers, (3, 4), *layers]
    assert results["cost"].shape == ()
    assert [leaf.shape for leaf in leaves(results["gradients"])] == [*layers, *bs, *ws]
    for name in ("step", "descend"):
        assert [leaf.shape for leaf in leaves(results[name])] == [*ws, *bs], name


@pytest.mark.parametrize("forgotten", ["weights", "biases"])
@pytest.mark.parametrize("name", handcrafted.__all__)
def test_as_many_weights_as_biases_or_an_error(name: str, forgotten: str) -> None:
    p = generic()
    p = p._replace(**{forgotten: getattr(p, forgotten)[:-1]})
    many = p.x.T, p.y.T, [[0, 1]], 0.5
    rest = {"feedforward": (p.x,), "descend": many, "step": (p.x, p.y, 0.5)}
    with pytest.raises(ValueError, match="zip"):
        getattr(handcrafted, name)(p.weights, p.biases, *rest.get(name, (p.x, p.y)))
