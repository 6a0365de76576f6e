"""A program of JAX run with radii holds what JAX computes, compiled, and what ball arithmetic says is true."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given, settings
from hypothesis import strategies as st

import handcrafted
import reference
from gradproof.numerics import program
from gradproof.numerics.running_error import Near
from gradproof.problem import Problem
from gradproof.proof.architectures import architectures, problems
from reference import network


def flat(problem: Problem) -> list[Near]:
    return [program.exact(array) for array in (*problem.weights, *problem.biases, problem.x, problem.y)]


def rebuilt(arrays: Any, depth: int) -> tuple[Any, ...]:
    return list(arrays[:depth]), list(arrays[depth : 2 * depth]), arrays[-2], arrays[-1]


@settings(max_examples=5)  # each compiles a network of its own
@given(problems(architectures(1, 3), ("scaled", "normal", "tiny")))
def test_the_radii_hold_the_gradients_that_jax_and_the_derivation_by_hand_compute(problem: Problem) -> None:
    depth = len(problem.weights)
    run = program.run(lambda *arrays: reference.gradients.__wrapped__(*rebuilt(arrays, depth)), *flat(problem))
    theirs = [np.asarray(leaf) for part in reference.gradients(*problem) for leaf in part]
    mine = [leaf for part in handcrafted.gradients(*problem) for leaf in part]
    for near, jitted, by_hand in zip(run, theirs, mine, strict=True):
        assert np.isfinite(near.radius).all()
        assert (np.abs(jitted - near.value) <= near.radius).all()
        assert (np.abs(by_hand - near.value) <= 2 * near.radius).all()  # another formula: within both radii


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=8))
def test_the_radius_of_sigma_holds_the_true_value_and_is_small(values: list[float]) -> None:
    (near,) = program.run(network.sigma, program.exact(values))
    for z, value, radius in zip(values, near.value, near.radius, strict=True):
        with ctx.workprec(256):
            true = 1 / (1 + (-arb(z)).exp())
            assert abs(arb(float(value)) - true) <= arb(float(radius))
        assert radius <= 1e-12 * value


def test_a_condition_that_rounding_leaves_open_holds_both_cases() -> None:
    zero = Near(np.array([1e-17]), np.array([1e-16]), program.AR)
    (near,) = program.run(lambda z: jnp.where(z >= 0, 1.0, -1.0), zero)
    assert near.radius[0] >= 2


def test_what_leads_to_no_result_needs_no_rule() -> None:
    slope = jax.grad(lambda z: jnp.sum(jnp.log(z)))
    (near,) = program.run(slope, program.exact([2.0, 4.0]))
    assert near.value.tolist() == [0.5, 0.25]


def test_an_operation_without_a_rule_is_refused() -> None:
    with pytest.raises(program.UnknownOperationError, match="no bound is derived for JAX's log"):
        program.run(jnp.log, program.exact([2.0]))


def test_a_divisor_that_may_be_zero_has_no_finite_radius() -> None:
    with np.errstate(all="ignore"):
        (near,) = program.run(lambda x: 1 / x, Near(np.array([1e-20]), np.array([1e-19]), program.AR))
    assert np.isinf(near.radius).all()


def test_code_written_for_arrays_runs_on_numbers_with_radii() -> None:
    z = program.exact(np.array([[[-3.0], [0.5]]]))
    slope = handcrafted.equations.sigma_prime(z)  # type: ignore[arg-type]
    for got, radius, number in zip(slope.value.ravel(), slope.radius.ravel(), (-3.0, 0.5), strict=True):
        with ctx.workprec(256):
            e = (-arb(number)).exp()
            assert abs(arb(float(got)) - e / (1 + e) ** 2) <= arb(float(radius))


def test_a_function_of_numpy_that_has_no_rule_is_refused() -> None:
    with pytest.raises(TypeError, match="no bound is derived for tanh"):
        np.tanh(program.exact([1.0]))
