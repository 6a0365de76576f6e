"""At which rate arrays move along their gradients, with a decay or without, and which of them do not."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from flint import arb

import gradproof
from gradproof.exact.numbers import literal
from gradproof.exact.run import Run, running
from gradproof.judge.trial.descent import _decayed_factor, _factor
from tests.exact.generated import loaded

pytestmark = pytest.mark.usefixtures("few_edits")

NET = """
import numpy as np

class Net:
    def __init__(self):
        self.W, self.b, self.t = np.zeros((2, 3)), np.zeros((2, 1)), 0
        self.m = {"W": np.zeros((2, 3)), "b": np.zeros((2, 1))}
        self.v = {"W": np.zeros((2, 3)), "b": np.zeros((2, 1))}

    def cost(self, x, y):
        return ((np.tanh(self.W @ x + self.b) - y) ** 2).sum()

    def adam(self, name, g):
        self.m[name] = 0.9 * self.m[name] + 0.1 * g
        self.v[name] = 0.999 * self.v[name] + 0.001 * g ** 2
        return 0.01 * (self.m[name] / (1 - 0.9 ** self.t)) / (np.sqrt(self.v[name] / (1 - 0.999 ** self.t)) + 1e-8)

    def step(self, x, y):
        self.t += 1
        a = np.tanh(self.W @ x + self.b)
        d = 2 * (a - y) * (1 - a * a)
        dw, db = d @ x.T, d.sum(axis=1, keepdims=True)
        self.W -= OF_W
        self.b -= OF_B
"""
BY_SIGN = "moved by the sign of its gradient only, as in Adam's first step"


@pytest.mark.parametrize(
    ("of_w", "of_b", "states"),
    [
        ("self.adam('W', dw + 0.02 * self.W)", "self.adam('b', db + 0.02 * self.b)", ("right", "right")),
        ("self.adam('W', dw + 0.02 * self.W)", "self.adam('b', db)", ("right", "right")),
        ("self.adam('W', dw + 0.02 * self.W)", "0.01 * db", ("right", "right")),
        ("self.adam('W', dw)", "self.adam('b', db + 0.02 * self.b)", ("right", BY_SIGN)),
        ("self.adam('W', dw - 0.02 * self.W)", "self.adam('b', db)", (BY_SIGN, "right")),
        ("self.adam('W', dw * dw + 0.02 * self.W)", "self.adam('b', db)", ("uphill", "right")),
        ("self.adam('W', dw + 0.02 * self.W)", "self.adam('b', db * db)", (BY_SIGN, "right")),
        ("0.1 * (dw + 0.02 * self.W)", "0.1 * db * db", ("right", "wrong")),
        ("0.1 * np.sign(dw + 0.02 * self.W)", "0.1 * np.sign(db)", ("right", "right")),
    ],
)
def test_the_weights_may_decay_in_the_gradients_of_an_adaptive_step(
    of_w: str, of_b: str, states: tuple[str, str]
) -> None:
    net = loaded(NET.replace("OF_W", of_w).replace("OF_B", of_b)).Net()
    judged = gradproof.check_step(net.step, net, np.zeros((3, 4)), np.zeros((2, 4)), cost=net.cost)
    assert tuple(array.state for array in judged.arrays) == states
    assert str(judged.verdict) == ("verified" if states == ("right", "right") else "refuted")
    decays = [array.name for array in judged.arrays if "decay 0.02" in array.convention]
    assert len(decays) == of_w.startswith("0.1 * (dw")


def balls(*values: float) -> Any:
    return np.array([arb(v) for v in values], object)


G, V = balls(1, 2, 4), balls(3, 5, -2)


@pytest.mark.parametrize(
    ("step", "slope", "value", "eta"),
    [
        (-0.5 * G - 0.25 * V, G, V, 0.5),
        (0.5 * G - 0.25 * V, G, V, None),  # uphill
        (-0.5 * G - 0.25 * V + balls(1, 0, 0), G, V, None),
        (-0.5 * G, G, 2 * G, None),  # what is decay, and what descent?
        ((-0.5 * G - 0.25 * V)[:2], G[:2], V[:2], None),  # two elements fit any two rates
    ],
)
def test_a_rate_and_a_decay_follow_from_two_elements_if_the_others_confirm_them(
    step: Any, slope: Any, value: Any, eta: float | None
) -> None:
    with running(Run()):
        assert _decayed_factor(step, slope, value) == ([] if eta is None else [eta])
        if eta is not None:
            assert _factor([step], [slope], [value]) == eta


@pytest.mark.parametrize(
    ("steps", "written", "chosen"),
    [
        ([-0.5 * G, -0.5 * G, -0.25 * G], None, 0.5),  # the most arrays
        ([-0.25 * G, -0.5 * G, -0.5 * G], None, 0.5),
        ([-0.25 * G, -0.5 * G, -0.5 * G, -0.25 * balls(1, 1)], 0.25, 0.25),  # one that is written counts twice
        ([-0.5 * G, -0.5 * G, -0.5 * G, -0.25 * G], 0.25, 0.5),
        ([-0.5 * G, -1.0 * G], None, 1),
        ([0.5 * G, -0.25 * G], None, 0.25),
        ([-0.25 * balls(1, 1), -0.5 * G], None, 0.5),  # the most elements
        ([-0.25 * balls(1), -0.5 * G, -0.25 * balls(1)], None, 0.5),  # a single one follows any rate
        ([0 * G, 0 * G, -0.5 * G], None, 0.5),
        ([-0.5 * G], None, 0.5),
    ],
)
def test_the_rate_is_that_which_the_most_arrays_follow(
    steps: Sequence[Any], written: float | None, chosen: float
) -> None:
    with running(Run()):
        if written:
            literal(written)
        slopes = [balls(*[1] * len(step)) if len(step) < 3 else G for step in steps]
        assert _factor(steps, slopes, [V[: len(step)] for step in steps]) == chosen


@pytest.mark.parametrize(
    ("rates", "written", "chosen"),
    [((0.5, 0.25), None, 0.5), ((0.5, 1.0), None, 1), ((0.5, 0.25), 0.25, 0.25), ((0.25, 0.5), 0.25, 0.25)],
)
def test_where_nothing_follows_a_rate_it_is_1_or_one_that_is_written(
    rates: Sequence[float], written: float | None, chosen: float
) -> None:
    """The largest element of each array has such a rate, and all others another."""
    with running(Run()):
        if written:
            literal(written)
        steps = [-balls(7, 3, rate * 4) for rate in rates]
        assert _factor(steps, [G, G], [V, V]) == chosen
