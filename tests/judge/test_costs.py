"""Undoing another cost rounds, and what it may round is in the radius; radii that are kept are of their problem."""

from fractions import Fraction

import numpy as np
import pytest

from gradproof.judge.float64.claims import Sigma, of_another, radii_of
from gradproof.judge.float64.costs import Cost
from gradproof.judge.float64.layouts import Layout
from gradproof.judge.float64.questions import Questions
from gradproof.judge.isolation.submission import Function
from gradproof.numerics import rounding
from tests.judge.catalogue import RIGHT_ONES, backprop


@pytest.mark.parametrize(
    ("name", "cost"),
    [
        ("cost three times ours", Cost(Fraction(3))),
        ("½ and mean of the outputs", Cost(outputs=True)),
        ("1/m in δ, cost three times ours", Cost(Fraction(3), averaged=True)),
    ],
)
def test_delta_is_within_its_radius_of_what_it_was_before_the_factor(name, cost):
    claims, _ = Questions(Function(RIGHT_ONES[name][0]), Layout(), 20, 0).first()
    moved = 0
    for claim in map(cost.undone, claims):
        for network in range(len(claim.stack.x)):
            problem = claim.stack.of_network(network)
            ours = zip(backprop()(*problem)[0], claim.mine.delta, claim.e_delta, strict=True)
            for delta, undone, radius in ours:
                rows = slice(len(delta))
                off = np.abs(undone[network, rows] - delta)
                assert (off <= radius[network, rows]).all()
                moved += int((off > 0).sum())
    assert moved > 100  # it does round


@pytest.mark.parametrize("sigma", Sigma)
def test_the_radii_are_those_of_the_problem_and_the_sigma_whatever_was_asked_before(sigma):
    claims, _ = Questions(Function(backprop()), Layout(), 20, 0).first()
    ar = rounding.arithmetic(np.float64)
    for claim in claims[:4]:
        other = claim.stack._replace(biases=[b + 1 for b in claim.stack.biases])
        expected = radii_of(of_another(claim._replace(bounds={}), other), ar, sigma)
        for each in Sigma:
            radii_of(claim, ar, each)  # these are kept
        got = radii_of(of_another(claim, other), ar, sigma)
        assert not np.array_equal(got.zs[0], radii_of(claim, ar, sigma).zs[0])
        for part, right in zip((*got.delta, *got.grad_w), (*expected.delta, *expected.grad_w), strict=True):
            assert np.array_equal(part, right)
