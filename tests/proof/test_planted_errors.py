"""Each planted error turns the proof red, and the equation named is the one that is wrong."""

import numpy as np
import pytest

import handcrafted
from gradproof.errors import UsageError
from gradproof.numerics.verdict import Verdict
from gradproof.proof import architectures, theorem
from gradproof.proof.summary import summary
from handcrafted import equations
from tests.proof.planted import PLANTED


@pytest.mark.sample(8)
@pytest.mark.parametrize("slip", PLANTED)
def test_planted_error_is_refuted_and_its_equation_is_named_first(slip, monkeypatch):
    function, replacement, equation = PLANTED[slip]
    monkeypatch.setattr(equations, function, replacement)
    result = summary(list(theorem.random_architectures(handcrafted, 60, seed=1)))
    assert result.verdict is Verdict.REFUTED
    assert result.faults[0].equation == equation


@pytest.mark.parametrize(
    "slip", ["σ′ missing at the output", "w already updated", "nominal batch size for the last batch"]
)
def test_planted_error_leaves_the_other_equations_unblamed(slip, monkeypatch):
    function, replacement, equation = PLANTED[slip]
    monkeypatch.setattr(equations, function, replacement)
    result = summary(list(theorem.random_architectures(handcrafted, 60, seed=1)))
    assert {fault.equation for fault in result.faults} == {equation}


@pytest.mark.sample(1)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_planted_error_shows_on_real_digits(dtype, monkeypatch):
    function, replacement, equation = PLANTED["σ′ missing in the hidden layers"]
    monkeypatch.setattr(equations, function, replacement)
    result = summary(list(theorem.real_digits(handcrafted, seed=1, dtype=dtype)))
    assert (result.verdict, result.faults[0].equation) == (Verdict.REFUTED, equation)


@pytest.mark.parametrize("slip", ["w not transposed", "w forgotten", "weight gradient transposed"])
def test_a_slip_that_fits_no_real_network_is_refuted_and_never_a_crash(slip, monkeypatch):
    function, replacement, equation = PLANTED[slip]
    monkeypatch.setattr(equations, function, replacement)
    run = [*theorem.random_architectures(handcrafted, 60, seed=1), *theorem.real_digits(handcrafted, seed=1)]
    result = summary(run)
    assert (result.verdict, result.faults[0].equation) == (Verdict.REFUTED, equation)


def test_a_shape_is_blamed_on_its_equation(monkeypatch):
    monkeypatch.setattr(equations, "bp3", lambda delta: delta.sum(axis=-1) / delta.shape[-1])
    result = summary(list(theorem.random_architectures(handcrafted, 60, seed=1)))
    assert result.faults[0].equation == "BP3"
    assert "has shape" in result.faults[0].worst.trouble
    assert result.faults[0].networks <= 60


@pytest.mark.parametrize("dtypes", [("f4", "f8"), ("f8", "f4"), ("f2", "f2"), ("i8", "i8")])
def test_mixed_or_other_dtypes_of_the_problem_are_wrong_usage(dtypes):
    (_, stack) = next(architectures.groups(6, seed=0))
    mixed = stack.astype(dtypes[0])._replace(x=stack.x.astype(dtypes[1]), y=stack.y.astype(dtypes[1]))
    with pytest.raises(UsageError, match="must all be float64 or all float32"):
        theorem.judge(mixed, theorem.claim(handcrafted, stack))


def test_an_empty_mini_batch_is_wrong_usage():
    (_, stack) = next(architectures.groups(6, seed=0))
    empty = stack._replace(x=stack.x[..., :0], y=stack.y[..., :0])
    with pytest.raises(UsageError, match="no example"):
        theorem.judge(empty, theorem.claim(handcrafted, stack))


def test_without_a_planted_error_the_same_networks_are_verified():
    assert summary(list(theorem.random_architectures(handcrafted, 60, seed=1))).verdict is Verdict.VERIFIED
