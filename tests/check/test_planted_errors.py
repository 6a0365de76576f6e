"""Each planted error turns the proof red, and the equation named is the one that is wrong."""

import numpy as np
import pytest

import handcrafted
from gradproof.check import theorem
from gradproof.check.summary import summary
from gradproof.numerics.verdict import Verdict
from handcrafted import equations
from tests.check.planted import PLANTED


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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_planted_error_shows_on_real_digits(dtype, monkeypatch):
    function, replacement, equation = PLANTED["σ′ missing in the hidden layers"]
    monkeypatch.setattr(equations, function, replacement)
    result = summary(list(theorem.real_digits(handcrafted, seed=1, dtype=dtype)))
    assert (result.verdict, result.faults[0].equation) == (Verdict.REFUTED, equation)


def test_without_a_planted_error_the_same_networks_are_verified():
    assert summary(list(theorem.random_architectures(handcrafted, 60, seed=1))).verdict is Verdict.VERIFIED
