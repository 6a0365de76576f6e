"""The theorem: by hand = by autodiff, on random architectures and on real digits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import handcrafted
from gradproof.numerics import rounding
from gradproof.numerics.chain import radii
from gradproof.numerics.verdict import Verdict, compare
from gradproof.problem import stack_of
from gradproof.proof import theorem, witness
from gradproof.proof.architectures import REGIMES, WIDEST, architectures, problems
from gradproof.proof.smallest import smallest
from gradproof.proof.summary import explained, summary
from handcrafted import equations as eq

DOUBLE = rounding.arithmetic(np.float64)
PROBLEMS = problems()


def assert_within(equation, layer, got, expected, radius, live=True):
    finding = compare(equation, layer, got, expected, 2 * radius, np.asarray(live))
    assert finding.verdict is Verdict.VERIFIED, f"{equation} at layer {layer}: {finding}"


@given(PROBLEMS)
def test_z_a_and_cost_agree(problem):
    stack = stack_of(problem, WIDEST)
    mine, theirs = theorem.claim(handcrafted, stack), witness.answer(stack)
    bound = radii(stack, theirs, DOUBLE)
    for layer in range(1, len(problem.weights) + 1):
        live = stack.live(layer)
        assert_within("z", layer, mine.zs[layer - 1], theirs.zs[layer - 1], bound.zs[layer - 1], live)
        assert_within("a", layer, mine.activations[layer], theirs.activations[layer], bound.activations[layer], live)
    assert_within("C", 0, *(answer.cost[:, None, None] for answer in (mine, theirs, bound)))


@given(PROBLEMS)
def test_bp1_alone_fed_autodiffs_inputs_equals_autodiff_of_that_stage(problem):
    stack = stack_of(problem, WIDEST)
    theirs, depth = witness.answer(stack), len(problem.weights)
    a, z, unread = theirs.activations[-1], theirs.zs[-1], np.float64(DOUBLE.underflow)
    radius = rounding.output_delta(a, stack.y, unread, rounding.sigma_prime(z, unread, DOUBLE), DOUBLE)
    by_hand = eq.bp1(eq.cost_gradient(a, stack.y), z)
    assert_within("BP1", depth, by_hand, witness.delta(stack, depth, theirs), radius, stack.live(depth))


@given(problems(architectures(least=2)))
def test_bp2_alone_fed_autodiffs_inputs_equals_autodiff_of_that_stage(problem):
    stack = stack_of(problem, WIDEST)
    theirs, unread = witness.answer(stack), np.float64(DOUBLE.underflow)
    for layer in range(1, len(problem.weights)):
        w_next, delta_next, z = stack.weights[layer], theirs.delta[layer], theirs.zs[layer - 1]
        slope = rounding.sigma_prime(z, unread, DOUBLE)
        radius = rounding.hidden_delta(w_next, delta_next, unread, slope, stack.fan[layer + 1], DOUBLE)
        by_hand = eq.bp2(w_next, delta_next, z)
        assert_within("BP2", layer, by_hand, witness.delta(stack, layer, theirs), radius, stack.live(layer))


@given(PROBLEMS)
def test_bp3_and_bp4_alone_fed_autodiffs_inputs_equal_autodiff_of_that_stage(problem):
    stack = stack_of(problem, WIDEST)
    theirs, unread = witness.answer(stack), np.float64(DOUBLE.underflow)
    for layer in range(1, len(problem.weights) + 1):
        rows, columns = stack.live(layer), stack.live(layer - 1).mT
        a_prev, delta = theirs.activations[layer - 1], theirs.delta[layer - 1]
        grad_b, grad_w = witness.parameter_gradients(stack, layer, theirs)
        assert_within("BP3", layer, eq.bp3(delta), grad_b, rounding.bias_gradient(delta, unread, DOUBLE), rows)
        radius = rounding.weight_gradient(a_prev, unread, delta, unread, DOUBLE)
        assert_within("BP4", layer, eq.bp4(a_prev, delta), grad_w, radius, rows & columns)


@given(PROBLEMS)
def test_delta_grad_b_and_grad_w_agree_end_to_end(problem):
    stack = stack_of(problem, WIDEST)
    theirs = witness.answer(stack)
    for finding in theorem.end_to_end(stack, theorem.claim(handcrafted, stack), theirs, radii(stack, theirs, DOUBLE)):
        assert finding.verdict is Verdict.VERIFIED, finding


@settings(max_examples=5)
@given(seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from(["float64", "float32"]))
def test_whole_batches_of_networks_are_verified(seed, dtype):
    """One example is 300 networks; one that failed would be shrunk, and the command printed that judges it again."""
    result = summary(list(theorem.random_architectures(handcrafted, 300, seed, dtype)))
    problem = smallest(handcrafted, result.faults[0].worst.equation, seed) if result.faults else None
    again = f"gradproof prove --architectures 300 --seed {seed} --dtype {dtype}"
    assert result.verdict is Verdict.VERIFIED, "\n".join(explained(result, problem, again))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_theorem_holds_on_real_digits(dtype):
    run = list(theorem.real_digits(handcrafted, seed=0, dtype=dtype))
    result = summary(run)
    assert [judged.stack.sizes[0].tolist() for judged in run] == list(map(list, theorem.DIGIT_NETWORKS))
    assert result.digits >= 1000
    assert result.verdict is Verdict.VERIFIED


@pytest.mark.parametrize("regime", REGIMES)
def test_no_regime_hides_errors(regime):
    """In every regime, at least half of the elements of 95 % of the networks are held to a bound that discriminates."""
    run = [judged for judged in theorem.random_architectures(handcrafted, 300, seed=0) if judged.source == regime]
    result = summary(run)
    assert result.architectures >= 50
    assert result.sharp_networks >= 0.95
