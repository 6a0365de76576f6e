"""The third witness: balls that hold the true values, evaluated from the definition alone."""

import ast
import inspect

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given, settings

import handcrafted
from gradproof.numerics import truth as truth_module
from gradproof.numerics.truth import enclosed, every_weight, ulps, within
from gradproof.numerics.verdict import Verdict
from gradproof.problem import Problem
from gradproof.proof.architectures import architectures, problems

SMALL = problems(architectures(most=3))


def cost_of(problem, weights=None):
    """C in balls by the definition, written a second time and without ε; weights may be given as balls."""
    total = arb(0)
    for x, y in zip(problem.x.T, problem.y.T, strict=True):
        a = [arb(float(v)) for v in x]
        for w, b in zip(weights or _balls(problem.weights), problem.biases, strict=True):
            z = [
                sum((p * q for p, q in zip(row, a, strict=True)), arb(float(c)))
                for row, c in zip(w, b[:, 0], strict=True)
            ]
            a = [1 / (1 + (-v).exp()) for v in z]
        total += sum(((p - float(t)) ** 2 for p, t in zip(a, y, strict=True)), arb(0))
    return total / (2 * problem.x.shape[1])


def _balls(weights):
    return [[[arb(float(v)) for v in row] for row in w] for w in weights]


@settings(max_examples=15)
@given(SMALL)
def test_balls_hold_the_cost_of_the_definition(problem):
    assert enclosed(problem, bits=256).cost.overlaps(cost_of(problem))


@settings(max_examples=10)
@given(SMALL)
def test_balls_hold_the_2000_bit_difference_quotient(problem):
    """The mean value theorem puts (C(w+h) − C(w))/h within |h| of the derivative; |C″| stays far below 2^100 here."""
    weights = every_weight(problem)
    layer, j, k = weights[len(weights) // 2]
    true = enclosed(problem, bits=1024, sample=[(layer, j, k)]).grad_w[layer - 1][j, k]
    before, ctx.prec = ctx.prec, 2000
    try:
        h = arb(2) ** -600
        costs = []
        for shift in (h, -h):
            weights = _balls(problem.weights)
            weights[layer - 1][j][k] += shift
            costs.append(cost_of(problem, weights))
        slope = (costs[0] - costs[1]) / (2 * h)
        assert abs(slope - true) < arb(2) ** -500
    finally:
        ctx.prec = before


@settings(max_examples=15)
@given(SMALL)
def test_a_sample_has_the_balls_of_the_whole(problem):
    everything, sample = enclosed(problem), every_weight(problem)[::3]
    some = enclosed(problem, sample=sample)
    for layer, j, k in sample:
        assert some.grad_w[layer - 1][j, k].overlaps(everything.grad_w[layer - 1][j, k])
    assert sum(ball is not None for w in some.grad_w for ball in w.ravel()) == len(sample)


def test_more_bits_make_smaller_balls():
    problem = Problem([np.array([[3.0, -1.0]])], [np.array([[0.5]])], np.array([[0.25], [2.0]]), np.array([[0.0]]))
    radii = [float(enclosed(problem, bits).grad_w[0][0, 0].rad()) for bits in (64, 128, 256)]
    assert radii[0] > radii[1] > radii[2]


@pytest.mark.parametrize("z", [0.0, 40.0, -40.0, 745.0, -745.0, 1e150, -1e150])
def test_no_z_is_too_large(z):
    problem = Problem([np.array([[z]])], [np.zeros((1, 1))], np.ones((1, 1)), np.full((1, 1), 0.25))
    true = enclosed(problem)
    assert true.cost.is_finite()
    assert true.delta[0][0, 0].is_finite()


def test_three_verdicts():
    third = arb(1) / 3
    assert within(1 / 3, third, 1e-16) is Verdict.VERIFIED
    assert within(1 / 3 + 1e-12, third, 1e-16) is Verdict.REFUTED
    assert within(float("nan"), third, 1e-16) is Verdict.REFUTED
    assert within(1 / 3, third, float("inf")) is Verdict.UNDECIDED
    assert within(1 / 3, arb(1 / 3, 1e-3), 1e-16) is Verdict.UNDECIDED


def test_ulps_count_units_in_the_last_place():
    assert ulps(1.0 + 2 * np.finfo(np.float64).eps, arb(1), np.float64) == 2
    assert ulps(float(np.float32(1) + 3 * np.finfo(np.float32).eps), arb(1), np.float32) == 3


def test_the_working_precision_is_given_back():
    before = ctx.prec
    enclosed(Problem([np.ones((1, 1))], [np.ones((1, 1))], np.ones((1, 1)), np.ones((1, 1))), bits=333)
    assert ctx.prec == before


def test_truth_borrows_nothing_from_either_network():
    imported = {
        name.name
        for node in ast.walk(ast.parse(inspect.getsource(truth_module)))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([ast.alias(node.module)] if isinstance(node, ast.ImportFrom) else node.names)
    }
    assert not imported & {"handcrafted", "reference", "jax"}


def test_a_wrong_gradient_is_outside_the_balls():
    rng = np.random.default_rng(0)
    shape = [(2, 3), (1, 2)]
    problem = Problem(
        [rng.standard_normal(s) for s in shape],
        [rng.standard_normal((s[0], 1)) for s in shape],
        rng.standard_normal((3, 2)),
        rng.random((1, 2)),
    )
    true = enclosed(problem)
    _, grad_b, grad_w = handcrafted.gradients(*problem)
    assert within(grad_w[0][0, 0], true.grad_w[0][0, 0], 1e-15) is Verdict.VERIFIED
    assert within(2 * grad_w[0][0, 0], true.grad_w[0][0, 0], 1e-15) is Verdict.REFUTED
    assert within(-grad_b[0][0, 0], true.grad_b[0][0, 0], 1e-15) is Verdict.REFUTED
