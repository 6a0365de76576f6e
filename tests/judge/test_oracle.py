"""The judge's oracle is the witness: whatever is wrong in handcrafted, somebody else's code is judged the same."""

from functools import cache

import numpy as np
import pytest

from gradproof.judge.float64.diagnosis import judgement
from gradproof.judge.isolation.submission import Function
from handcrafted import equations
from tests.judge import descents
from tests.judge.catalogue import BOOK, RIGHT, WRONG, backprop, shown

# A slip in each function of the claim: somewhere else, a factor, or a result of another shape.
SLIPS = {
    "sigma": np.tanh,
    "sigma_prime": np.cos,
    "cost_gradient": lambda a, y: y - a,
    "bp1": lambda grad_a, z: grad_a,
    "bp2": lambda w_next, delta_next, z: -(w_next.mT @ delta_next),
    "bp3": lambda delta: 2 * delta.sum(axis=-1, keepdims=True),
    "bp4": lambda a_prev, delta: 1 / (delta @ a_prev.mT),
}


def without_delta(**rules):
    """A backprop that returns the gradients alone."""
    whole = backprop(**rules)
    return lambda weights, biases, x, y: whole(weights, biases, x, y)[1:]


SUBMISSIONS = {
    "right, and shows z and a": shown(),
    "right, σ′ as in the book, without δ": without_delta(**BOOK),
    "right for a cost of another factor": backprop(output=lambda p: 2 * RIGHT["output"](p)),
    "wrong in BP1": backprop(**WRONG["σ′(a) at the output"][0]),
    "wrong in BP2, without δ": without_delta(**WRONG["w not transposed"][0]),
    "wrong in BP4": backprop(**WRONG["weight gradient summed"][0]),
}
SUSPECTS = ["right, σ′ as in the book, without δ", "wrong in BP2, without δ"]
FAULTS = {"wrong in BP1": "BP1", "wrong in BP2, without δ": "BP2", "wrong in BP4": "BP4"}


def judged(name):
    if name == "a class whose step has no η":
        return str(descents.judged(descents.changed("no η")[0]))
    return str(judgement(Function(SUBMISSIONS[name]), 20))


@cache
def judged_by_right_equations(name):
    return judged(name)


@pytest.mark.sample(1)
@pytest.mark.parametrize("name", [*SUBMISSIONS, "a class whose step has no η"])
def test_no_slip_in_handcrafted_changes_a_word_of_a_judgement(name, monkeypatch):
    before = judged_by_right_equations(name)
    assert before.startswith("verified" if name.startswith("right") else "refuted")
    assert FAULTS.get(name, "") in before
    for function, slip in SLIPS.items():
        monkeypatch.setattr(equations, function, slip)
    assert judged(name) == before


@pytest.mark.sample(2)
@pytest.mark.parametrize("function", SLIPS)
def test_a_slip_in_one_function_of_handcrafted_changes_no_judgement(function, monkeypatch):
    before = [judged_by_right_equations(name) for name in SUSPECTS]
    monkeypatch.setattr(equations, function, SLIPS[function])
    assert [judged(name) for name in SUSPECTS] == before
