"""No conforming implementation leaves its radius: both backends and hand variants, in both precisions, by the truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import handcrafted
from gradproof.check import theorem, witness
from gradproof.check.architectures import WIDEST, architectures, problems
from gradproof.numerics import rounding, truth
from gradproof.numerics.end_to_end import radii
from gradproof.numerics.verdict import Verdict
from gradproof.problem import stack_of
from tests.numerics.variants import EDGES, VARIANTS, edge_problem

PARTS = ("zs", "activations", "delta", "grad_b", "grad_w")


def cut(answer, sizes):
    """A stack's answer for its only network, without padding."""
    ends = {"zs": sizes[1:], "activations": sizes, "delta": sizes[1:], "grad_b": sizes[1:], "grad_w": sizes[1:]}
    return {
        part: [
            array[0, :n, : (sizes[i] if part == "grad_w" else None)]
            for i, (n, array) in enumerate(zip(ends[part], getattr(answer, part), strict=True))
        ]
        for part in PARTS
    }


def violations(problem, dtype, answers, share=1.0):
    """(who, part, layer, …) of every number that the truth puts outside its radius (or a share of it); and of how many.

    The radii are those around the witness's float64 answer to the problem's own numbers.
    """
    own = problem._replace(
        weights=[w.astype(dtype) for w in problem.weights],
        biases=[b.astype(dtype) for b in problem.biases],
        x=problem.x.astype(dtype),
        y=problem.y.astype(dtype),
    )
    exact = stack_of(own, WIDEST).astype(np.float64)
    radius = cut(radii(exact, witness.answer(exact), rounding.arithmetic(dtype)), own.sizes)
    true = truth.truth(own)
    found, tried = [], 0
    for who, answer in answers(own):
        for part in PARTS:
            for layer, balls in enumerate(getattr(true, part)):
                for element in np.ndindex(balls.shape):
                    got, bound = float(answer[part][layer][element]), share * float(radius[part][layer][element])
                    tried += 1
                    if truth.within(got, balls[element], bound) is Verdict.REFUTED:
                        found.append((who, part, layer, element, got, str(balls[element]), bound))
    return found, tried


def everyone(problem):
    stack = stack_of(problem, WIDEST)
    with np.errstate(all="ignore"):
        yield "handcrafted", cut(theorem.claim(handcrafted, stack), problem.sizes)
        yield "reference", cut(witness.answer(stack), problem.sizes)
        for name, variant in VARIANTS.items():
            zs, activations, delta, grad_b, grad_w = variant(*problem)
            yield name, dict(zip(PARTS, (zs, activations, delta, grad_b, grad_w), strict=True))


@settings(max_examples=15)
@given(problems(architectures(most=4)), st.sampled_from(["float64", "float32"]))
def test_no_implementation_leaves_its_radius(problem, dtype):
    found, tried = violations(problem, dtype, everyone)
    assert tried
    assert not found


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("edge", EDGES)
def test_no_implementation_leaves_its_radius_on_edge_networks(edge, dtype):
    found, tried = violations(edge_problem(edge, dtype), dtype, everyone)
    assert tried
    assert not found


def test_radii_a_thousand_times_too_small_are_noticed_in_every_quantity():
    """The test of the test."""
    problems = [edge_problem("generic", "float64", seed) for seed in range(5)]
    found = [entry for problem in problems for entry in violations(problem, "float64", everyone, share=1e-3)[0]]
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
