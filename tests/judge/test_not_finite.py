"""NaN and ∞ where the truth is a number are wrong where they stand, and numbers in another order of bytes are right."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradproof
from tests.judge.catalogue import backprop, shown

PARTS = {0: ("BP1", "BP2"), 1: ("BP3",), 2: ("BP4",), 3: ("z",), 4: ("a",)}


def spoilt(part, last, value, when, forms):
    """A right backprop, but for a value in one part of its answer, in the last layer or the first, on some networks."""

    def submission(weights, biases, x, y):
        answer = [list(each) for each in (shown() if forms == 5 else backprop())(weights, biases, x, y)]
        if when(x):
            layer = -1 if last else (1 if part == 4 else 0)
            answer[part][layer] = answer[part][layer] * value
        return tuple(answer[-forms:] if forms == 2 else answer)

    return submission


@pytest.mark.turns(1)
@pytest.mark.sample(3)
@pytest.mark.parametrize("name", ["δ of some networks", "δ", "∂C/∂b", "∂C/∂w", "z", "a", "without δ"])
def test_nan_where_a_number_should_be_is_refuted_in_its_equation(name):
    always = lambda x: True  # noqa: E731
    part, forms, when = {
        "δ of some networks": (0, 3, lambda x: abs(x).max() < 2), "δ": (0, 3, always), "∂C/∂b": (1, 3, always),
        "∂C/∂w": (2, 3, always), "z": (3, 5, always), "a": (4, 5, always), "without δ": (1, 2, always),
    }[name]  # fmt: skip
    found = gradproof.check(spoilt(part, True, np.nan, when, forms), networks=20)
    assert found.verdict == "refuted"
    wrong = [named.fault.equation for named in found.faults] + [trouble.kind for trouble in found.troubles]
    assert wrong[0] in (*PARTS[part], "BP1")


@settings(max_examples=max(3, settings().max_examples // 20))
@given(st.sampled_from([0, 1, 2, 3, 4]), st.booleans(), st.sampled_from([np.nan, np.inf, -np.inf]), st.floats(0, 3))
def test_what_is_not_finite_is_never_called_right(part, last, value, most):
    found = gradproof.check(spoilt(part, last, value, lambda x: abs(x).max() < most, 3 + 2 * (part > 2)), networks=20)
    met = []
    gradproof.check(lambda w, b, x, y: met.append(abs(x).max() < most) or backprop()(w, b, x, y), networks=20)
    assert found.verdict == ("refuted" if any(met) else "verified")
    assert not any(met) or found.faults or found.troubles


@pytest.mark.turns(1)
@pytest.mark.parametrize("order", [">f8", "<f8"])
def test_the_order_of_bytes_is_no_other_number(order):
    def other(change):
        return lambda w, b, x, y: tuple([change(v) for v in part] for part in backprop()(w, b, x, y))

    assert gradproof.check(other(lambda v: v.astype(order)), networks=20).verdict == "verified"
    found = gradproof.check(other(lambda v: (2 * v).astype(order)), networks=20, convention="ours")
    assert {named.fault.equation for named in found.faults} >= {"BP1"}
    swapped = gradproof.check(other(lambda v: v.byteswap()), networks=20)
    assert swapped.verdict == "refuted"
