"""The witness: σ and autodiff's σ′ are right, shapes and dtypes are the contract's, padding changes nothing."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import jax
import numpy as np
import pytest

import reference
from gradproof.problem import Problem, starting_parameters
from reference import autodiff, network, padding, stages
from tests.handcrafted.agreement import (
    EXP_ERROR,
    Array,
    assert_agree,
    assert_within,
    elementwise,
    gamma,
    sigma_exactly,
    sigma_prime_exactly,
)

DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])


def generic(sizes: Sequence[int] = (3, 4, 2), m: int = 5, seed: int = 0, dtype: Any = float) -> Problem:
    """A network and a mini-batch without a pattern."""
    rng = np.random.default_rng([2, seed])
    x, y = rng.standard_normal((sizes[0], m)), rng.random((sizes[-1], m))
    return Problem(*starting_parameters(sizes, seed, "normal", dtype), x.astype(dtype), y.astype(dtype))


# ---- σ ---------------------------------------------------------------------------------------------------------

PLACES = [0.0, -0.0, *(sign * z for z in (1, 37, 40, 87, 300, 700, 745, 800, 1e4, np.inf) for sign in (1, -1))]


def assert_right(got: Array, z: Array, truth: Callable[[float], Fraction], roundings: int) -> None:
    """Relatively exact to the roundings; XLA flushes to 0 what is below the smallest normal number."""
    finite = np.isfinite(z)
    assert (got[~finite] == truth_at_infinity(truth, z[~finite])).all()
    value = elementwise(truth, z[finite])
    flushed = np.where(value < Fraction(float(np.finfo(z.dtype).tiny)), value, Fraction(0))
    assert got.dtype == z.dtype
    assert_within(got[finite], value, gamma(roundings, z.dtype) * value + flushed)


def truth_at_infinity(truth: Callable[[float], Fraction], z: Array) -> Array:
    return z > 0 if truth is sigma_exactly else np.zeros(len(z))


@DTYPES
def test_sigma_is_right_everywhere(dtype: str) -> None:
    """As by hand: e with c roundings, 1 + e with c/2 + 1, one division."""
    z = np.array(PLACES, dtype)
    got = np.asarray(padding.sigma(z))
    assert_right(got, z, sigma_exactly, 3 * EXP_ERROR[dtype] // 2 + 2)
    assert got[0] == got[1] == 0.5


@DTYPES
def test_autodiff_of_sigma_is_right_everywhere(dtype: str) -> None:
    """Autodiff's e · (1/(1 + e) − e/(1 + e)²) for z < 0 subtracts, but at most one half from one:

    (1 + e)(c/2 + 2) + e(2c + 4) + 1 ≤ 3c + 9 roundings in the bracket, c in e, one in the product.
    """
    z = np.array(PLACES, dtype)
    got = np.asarray(sigma_by_autodiff(z))
    assert_right(got, z, sigma_prime_exactly, 4 * EXP_ERROR[dtype] + 10)
    assert got[0] == got[1] == 0.25


@jax.jit
def sigma_by_autodiff(z: Any) -> Any:
    return jax.vmap(jax.grad(network.sigma))(z)


@DTYPES
def test_a_sigma_prime_that_cancels_is_refused(dtype: str) -> None:
    z = np.array(PLACES, dtype)
    a = np.asarray(padding.sigma(z))
    with pytest.raises(AssertionError, match="should be"):
        assert_right(a * (1 - a), z, sigma_prime_exactly, 4 * EXP_ERROR[dtype] + 10)


def test_a_nan_is_passed_on() -> None:
    assert np.isnan(padding.sigma(np.array([np.nan]))).all()
    assert np.isnan(sigma_by_autodiff(np.array([np.nan]))).all()


# ---- the contract ----------------------------------------------------------------------------------------------


@DTYPES
def test_every_public_function_keeps_the_dtype_and_the_shapes(dtype: str) -> None:
    p = generic(dtype=dtype)
    rows = np.arange(4).reshape(2, 2)
    eta = 0.5
    shapes = {
        "cost": jax.eval_shape(reference.cost, *p),
        "feedforward": jax.eval_shape(reference.feedforward, *p[:3]),
        "gradients": jax.eval_shape(reference.gradients, *p),
        "step": jax.eval_shape(reference.step, *p, eta),
        "descend": jax.eval_shape(reference.descend, p.weights, p.biases, p.x.T, p.y.T, rows, eta),
    }
    layers, ws, bs = [(4, 5), (2, 5)], [(4, 3), (2, 4)], [(4, 1), (2, 1)]
    assert sorted(shapes) == reference.__all__
    assert jax.tree.map(lambda leaf: leaf.shape, shapes, is_leaf=lambda t: hasattr(t, "dtype")) == {
        "cost": (),
        "feedforward": (layers, [(3, 5), *layers]),
        "gradients": (layers, bs, ws),
        "step": (ws, bs),
        "descend": (ws, bs),
    }
    assert {leaf.dtype for leaf in jax.tree.leaves(shapes)} == {np.dtype(dtype)}


@DTYPES
def test_every_stage_keeps_the_dtype_and_the_shapes(dtype: str) -> None:
    w, b, a_prev, z, y = (np.ones(shape, dtype) for shape in [(2, 3), (2, 1), (3, 5), (2, 5), (2, 5)])
    shapes = [
        jax.eval_shape(stages.output_delta, z, z, y),
        jax.eval_shape(stages.hidden_delta, w, b, z, a_prev),
        *jax.eval_shape(stages.parameter_gradients, w, b, a_prev, z),
    ]
    assert [leaf.shape for leaf in shapes] == [(2, 5), (3, 5), (2, 1), (2, 3)]
    assert {leaf.dtype for leaf in shapes} == {np.dtype(dtype)}


@pytest.mark.parametrize("name", reference.__all__)
def test_as_many_weights_as_biases_or_an_error(name: str) -> None:
    p = generic()
    many = p.x.T, p.y.T, np.array([[0, 1]]), 0.5
    rest = {"feedforward": (p.x,), "descend": many, "step": (p.x, p.y, 0.5)}
    for weights, biases in ((p.weights, p.biases[:-1]), (p.weights[:-1], p.biases)):
        with pytest.raises(ValueError, match="zip"):
            getattr(reference, name)(weights, biases, *rest.get(name, (p.x, p.y)))


def test_no_function_changes_its_inputs() -> None:
    p = generic()
    before = [leaf.tobytes() for leaf in jax.tree.leaves(p)]
    results = [reference.feedforward(*p[:3]), reference.cost(*p), reference.gradients(*p)]
    assert [leaf.tobytes() for leaf in jax.tree.leaves(p)] == before
    after = [np.array(leaf) for leaf in jax.tree.leaves(results)]
    for leaf in jax.tree.leaves(p):
        leaf[:] = 9  # nor may an answer be a view of them
    for one, other in zip(jax.tree.leaves(results), after, strict=True):
        assert (np.asarray(one) == other).all()


def test_the_cost_is_the_mean_of_half_the_squared_errors() -> None:
    p = generic()
    a = np.asarray(reference.feedforward(*p[:3])[1][-1])
    by_loops = sum((p.y[j, x] - a[j, x]) ** 2 for j in range(2) for x in range(5)) / (2 * 5)
    assert_agree(reference.cost(*p), by_loops)


def test_the_activations_equal_the_definition_neuron_by_neuron() -> None:
    p = generic()
    zs, activations = reference.feedforward(*p[:3])
    assert_agree(activations[0], p.x)
    for w, b, a_prev, z, a in zip(p.weights, p.biases, activations[:-1], zs, activations[1:], strict=True):
        by_loops = [
            [sum(w[j, k] * float(a_prev[k, x]) for k in range(w.shape[1])) + b[j, 0] for x in range(5)]
            for j in range(len(w))
        ]
        assert_agree(z, np.array(by_loops))
        assert_agree(a, elementwise(sigma_exactly, np.asarray(z)).astype(float))


# ---- δ^l is one error per example ------------------------------------------------------------------------------


def test_an_example_knows_nothing_of_the_others() -> None:
    """The same program on the same shapes: with other neighbours, a column of δ is the same to the last bit."""
    p, other = generic(), generic(seed=1)
    x, y = p.x.copy(), p.y.copy()
    x[:, [0, 1, 3, 4]], y[:, [0, 1, 3, 4]] = other.x[:, :4], other.y[:, :4]
    delta, _, _ = reference.gradients(*p)
    among_others, _, _ = reference.gradients(p.weights, p.biases, x, y)
    for one, two in zip(map(np.asarray, delta), map(np.asarray, among_others), strict=True):
        assert (one[:, 2] == two[:, 2]).all()
        assert (one[:, [0, 1, 3, 4]] != two[:, [0, 1, 3, 4]]).any()


def test_delta_is_not_divided_by_the_number_of_examples() -> None:
    """The same example m times: δ has m equal columns, ∂C/∂b is one of them."""
    p = generic()
    p = p._replace(x=p.x[:, [0] * 5], y=p.y[:, [0] * 5])
    delta, grad_b, _ = reference.gradients(*p)
    assert_agree(delta, [np.repeat(g, 5, axis=1) for g in grad_b])


# ---- one stage alone -------------------------------------------------------------------------------------------


@cache
def whole() -> tuple[Problem, list[Array], list[Array], list[Array], list[Array], list[Array]]:
    p = generic()
    answers = [*reference.feedforward(*p[:3]), *reference.gradients(*p)]
    return p, *([np.asarray(layer) for layer in answer] for answer in answers)


def test_the_output_stage_agrees_with_the_whole() -> None:
    p, zs, activations, delta, _, _ = whole()
    assert_agree(stages.output_delta(activations[-1], zs[-1], p.y), delta[-1])


def test_a_hidden_stage_agrees_with_the_whole() -> None:
    p, zs, _, delta, _, _ = whole()
    assert_agree(stages.hidden_delta(p.weights[1], p.biases[1], delta[1], zs[0]), delta[0])


def test_the_parameters_of_a_stage_agree_with_the_whole() -> None:
    p, _, activations, delta, grad_b, grad_w = whole()
    for w, b, a_prev, d, *expected in zip(p.weights, p.biases, activations[:-1], delta, grad_b, grad_w, strict=True):
        assert_agree(stages.parameter_gradients(w, b, a_prev, d), tuple(expected))


def test_a_stage_uses_the_inputs_it_is_given() -> None:
    """Twice the δ above gives twice the δ below and twice the gradient; a^L and z^L need not belong together."""
    p, zs, activations, delta, grad_b, grad_w = whole()
    assert_agree(stages.hidden_delta(p.weights[1], p.biases[1], 2 * delta[1], zs[0]), 2 * delta[0])
    doubled = stages.parameter_gradients(p.weights[1], p.biases[1], activations[1], 2 * delta[1])
    assert_agree(doubled, (2 * grad_b[1], 2 * grad_w[1]))
    slope = np.asarray(stages.output_delta(p.y + 1, zs[-1], p.y))  # where a − y = 1
    assert_agree(slope, elementwise(sigma_prime_exactly, zs[-1]).astype(float))


@DTYPES
def test_a_stage_differentiates_sigma_and_recites_no_formula(dtype: str) -> None:
    """Where a − y = 1, and where w = δ = 1, a stage's δ is autodiff's σ′: right in the tails, where σ(1 − σ) is not."""
    z = np.array([PLACES], dtype)
    one = np.ones((1, 1), dtype)
    for got in (
        stages.output_delta(np.ones_like(z), z, np.zeros_like(z)),
        stages.hidden_delta(one, one, np.ones_like(z), z),
    ):
        assert_right(np.asarray(got)[0], z[0], sigma_prime_exactly, 4 * EXP_ERROR[dtype] + 10)


# ---- many networks in one call ---------------------------------------------------------------------------------

WIDTH, COLUMNS, NETWORKS = 16, 6, 4


@cache
def networks(depth: int) -> list[Problem]:
    """Networks of one depth with 5 examples each: widths of 1, of 16, equal and unequal."""
    rng = np.random.default_rng(depth)
    sizes = rng.integers(1, WIDTH + 1, (NETWORKS, depth + 1))
    sizes[0, ::2], sizes[1, 1::2], sizes[2] = 1, WIDTH, sizes[2, 0]
    return [generic(n, 5, seed) for seed, n in enumerate(sizes.tolist())]


def stack(problems: Sequence[Problem], width: int, columns: int = COLUMNS, dirt: float = 0.0) -> list[Any]:
    """The arguments of padded.answer, with dirt where nothing counts: in examples, and in y on silent neurons."""

    def pad(arrays: Sequence[Array], most: int, rest: float = 0.0) -> Array:
        result = np.full((len(arrays), width, most), rest)
        for target, array in zip(result, arrays, strict=True):
            rows, filled = array.shape
            target[:rows, :filled] = array
        return result

    weights, biases, x, y = zip(*problems, strict=True)
    m = x[0].shape[1]
    padded_x, padded_y = pad(x, columns), pad(y, columns, 7.0)
    padded_x[..., m:] += dirt
    padded_y[..., m:] += dirt
    return [
        [pad(layer, width) for layer in zip(*weights, strict=True)],
        [pad(layer, 1) for layer in zip(*biases, strict=True)],
        (np.arange(width) < np.array([len(y_) for y_ in y])[:, None])[..., None],
        padded_x,
        padded_y,
        (np.arange(columns) < m).astype(float),
    ]


def live(answer: Any, p: Problem, number: int) -> list[Any]:
    """(z, a, C, δ, ∂C/∂b, ∂C/∂w) of one network, cut out of those of its stack."""
    zs, activations, cost, delta, grad_b, grad_w = jax.tree.map(lambda leaf: np.asarray(leaf)[number], answer)
    n, m = p.sizes, p.x.shape[1]

    def columns(layers: Sequence[Array], rows: Sequence[int]) -> list[Array]:
        return [layer[:r, :m] for layer, r in zip(layers, rows, strict=True)]

    return [
        columns(zs, n[1:]),
        columns(activations, n),
        cost,
        columns(delta, n[1:]),
        [g[:r] for g, r in zip(grad_b, n[1:], strict=True)],
        [g[:r, :c] for g, r, c in zip(grad_w, n[1:], n[:-1], strict=True)],
    ]


@pytest.mark.sample(1)
@pytest.mark.parametrize("depth", [1, 3, 6])
def test_a_padded_network_agrees_with_its_exact_shape(depth: int) -> None:
    answer = padding.answer(*stack(networks(depth), WIDTH))
    number = depth % NETWORKS
    p = networks(depth)[number]
    alone = [*reference.feedforward(*p[:3]), reference.cost(*p), *reference.gradients(*p)]
    assert_agree(live(answer, p, number), alone)


def test_padding_is_silent() -> None:
    """Eight more silent neurons a layer change nothing but rounding; a silent neuron has z = 0, a = ½, δ = 0."""
    narrow, wide = (padding.answer(*stack(networks(2), width)) for width in (WIDTH, WIDTH + 8))
    zs, activations, _, delta, grad_b, grad_w = jax.tree.map(np.asarray, wide)
    for number, p in enumerate(networks(2)):
        assert_agree(live(wide, p, number), live(narrow, p, number))
        for i, n in enumerate(p.sizes[1:]):
            assert (zs[i][number, n:] == 0).all()
            assert (activations[i + 1][number, n:] == 0.5).all()
            assert (delta[i][number, n:, :5] == 0).all()
            assert (grad_b[i][number, n:] == 0).all()
            assert (grad_w[i][number, n:] == 0).all()


def test_only_live_examples_count() -> None:
    """Whatever stands in the columns that do not: the cost and its gradients stay what they are, to the last bit."""
    clean, dirty = (padding.answer(*stack(networks(2), WIDTH, dirt=dirt)) for dirt in (0.0, 3.0))
    for number, p in enumerate(networks(2)):
        for one, other in zip(*(jax.tree.leaves(live(a, p, number)) for a in (clean, dirty)), strict=True):
            assert (one == other).all()
    assert (np.asarray(clean[0][0]) != np.asarray(dirty[0][0])).any()


def test_padded_stages_agree_with_the_whole() -> None:
    weights, biases, rows, x, y, counts = stack(networks(2), WIDTH)
    zs, activations, _, delta, grad_b, grad_w = padding.answer(weights, biases, rows, x, y, counts)
    for i in (0, 1):
        assert_agree(padding.preactivation(weights[i], biases[i], activations[i]), zs[i])
        assert_agree(padding.sigma(zs[i]), activations[i + 1])
        got = padding.parameter_gradients(weights[i], biases[i], activations[i], delta[i], counts)
        assert_agree(got, (grad_b[i], grad_w[i]))
    assert_agree(np.where(rows, padding.output_delta(activations[-1], zs[-1], y), 0), delta[-1])
    assert_agree(padding.hidden_delta(weights[1], biases[1], delta[1], zs[0]), delta[0])


def test_every_network_of_a_stack_is_differentiated_alone() -> None:
    """The other networks of a stack, changed, change nothing of the first, to the last bit."""
    problems = networks(2)
    others = [problems[0], *(generic(p.sizes, 5, seed) for seed, p in enumerate(problems[1:], start=10))]
    one, other = (jax.tree.leaves(padding.answer(*stack(group, WIDTH))) for group in (problems, others))
    assert all((np.asarray(a)[0] == np.asarray(b)[0]).all() for a, b in zip(one, other, strict=True))
    assert any((np.asarray(a)[1] != np.asarray(b)[1]).any() for a, b in zip(one, other, strict=True))


def test_the_gradients_of_parameters_are_those_of_the_cost_with_the_live_examples() -> None:
    """At the exact shape too: `live` of ones is no `live`, and of a part it is the mini-batch of that part."""
    p = generic()
    assert_agree(autodiff.gradients(*p, np.ones(5)), reference.gradients(*p))
    part = p._replace(x=p.x[:, :3], y=p.y[:, :3])
    _, grad_b, grad_w = autodiff.gradients(*p, np.array([1.0, 1, 1, 0, 0]))
    _, part_b, part_w = reference.gradients(*part)
    assert_agree((grad_b, grad_w), (part_b, part_w))
    assert_agree(network.cost(*p, np.array([1.0, 1, 1, 0, 0])), network.cost(*part))
