"""No conforming implementation leaves its radius: both backends and hand variants, in both precisions, by the truth."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import handcrafted
from gradproof.numerics import rounding
from gradproof.numerics.chain import radii
from gradproof.numerics.verdict import Verdict
from gradproof.problem import Problem, stack_of
from gradproof.proof import theorem, witness
from gradproof.proof.architectures import WIDEST, architectures, problems
from tests.numerics.soundness import PARTS, tried
from tests.numerics.variants import EDGES, edge_problem


@settings(max_examples=15)
@given(problems(architectures(most=4)), st.sampled_from(["float64", "float32"]))
def test_no_implementation_leaves_its_radius(problem, dtype):
    result = tried(problem, dtype)
    assert result.numbers
    assert not result.outside
    assert not result.undecided


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("edge", EDGES)
def test_no_implementation_leaves_its_radius_on_edge_networks(edge, dtype):
    result = tried(edge_problem(edge, dtype), dtype)
    assert result.numbers
    assert not result.outside
    assert not result.undecided


def test_radii_a_thousand_times_too_small_are_noticed_in_every_quantity():
    """The test of the test."""
    problems = [edge_problem("generic", "float64", seed) for seed in range(5)]
    found = [entry for problem in problems for entry in tried(problem, "float64", share=1e-3).outside]
    assert {part for _, part, *_ in found} == set(PARTS)


@pytest.mark.parametrize(("dtype", "huge"), [("float64", 1e300), ("float32", 1e37)])
def test_overflow_has_an_infinite_radius(dtype, huge):
    problem = edge_problem("generic", "float64")
    stack = stack_of(problem._replace(weights=[w * huge for w in problem.weights], x=problem.x * huge), WIDEST)
    with np.errstate(all="ignore"):
        bound = radii(stack, witness.answer(stack), rounding.arithmetic(dtype))
    assert np.isinf(bound.zs[0][0, : problem.sizes[1]]).all()


def test_no_radius_is_nan_or_negative():
    for edge in EDGES:
        stack = stack_of(edge_problem(edge, "float64"), WIDEST)
        with np.errstate(all="ignore"):
            bound = radii(stack, witness.answer(stack), rounding.arithmetic(np.float64))
        for part in PARTS:
            assert all((array >= 0).all() for array in getattr(bound, part))


@pytest.mark.parametrize("dtype", [np.float16, np.int64, np.complex128])
def test_no_arithmetic_is_derived_for_other_dtypes(dtype):
    with pytest.raises(KeyError):
        rounding.arithmetic(dtype)


OVERFLOWS = {  # sizes, w, x, y, m: nets in which one stage overflows for some conforming implementation
    "z, then NaN": ([2, 1, 1], 1.0, [[3e38, -3e38]], 0.25, 1),
    "BP4": ([1, 1], 0.0, [[5e8]], -4e30, 1),
    "BP3": ([1, 1], 0.0, [[1.0]], -3e38, 8),
    "C": ([1, 1], 1.0, [[1.0]], 1e30, 1),
}


@pytest.mark.parametrize("name", OVERFLOWS)
def test_overflow_anywhere_is_undecided_and_never_refuted(name):
    sizes, w, x, y, m = OVERFLOWS[name]
    weights = [np.full((n, k), w, np.float32) for k, n in pairwise(sizes)]
    inputs = np.repeat(np.array(x, np.float32).T, m, axis=1)
    if name == "z, then NaN":
        weights[0], inputs = np.array(x, np.float32), np.full((2, 1), 2, np.float32)
    biases = [np.zeros((n, 1), np.float32) for n in sizes[1:]]
    problem = Problem(weights, biases, inputs, np.full((sizes[-1], m), y, np.float32))
    stack = stack_of(problem)
    verdicts = {finding.verdict for finding in theorem.judge(stack, theorem.claim(handcrafted, stack))}
    assert Verdict.REFUTED not in verdicts
    assert Verdict.UNDECIDED in verdicts
