"""Undoing another cost rounds, and what it may round is in the radius."""

from fractions import Fraction

import numpy as np
import pytest

from gradproof.judge.costs import Cost
from gradproof.judge.layouts import Layout
from gradproof.judge.questions import Questions
from gradproof.judge.submission import Function
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
            problem = claim.stack.alone(network)
            ours = zip(backprop()(*problem)[0], claim.mine.delta, claim.e_delta, strict=True)
            for delta, undone, radius in ours:
                rows = slice(len(delta))
                off = np.abs(undone[network, rows] - delta)
                assert (off <= radius[network, rows]).all()
                moved += int((off > 0).sum())
    assert moved > 100  # it does round
