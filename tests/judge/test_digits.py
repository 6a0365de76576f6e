"""Where whole programs fail in float64, with the line; what does not fail there is not blamed."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

from gradproof.exact.arrays import exact
from gradproof.exact.numbers import Number, apply, variable
from gradproof.exact.run import BITS, Reading
from gradproof.exact.sweeps import computed_from
from gradproof.judge.assessment import assess
from gradproof.judge.lines.digits import find_losses, in_float64
from gradproof.judge.trial.execution import ExactRun
from gradproof.judge.trial.floats import HALF, halved_in

PROGRAM = """
import numpy as np

def f(z):
    return {f}

def slope(z):
    return {slope}

class Net:
    def __init__(self, n, k):
        self.W, self.b = np.random.randn(n, k), np.zeros(k)

    def train(self, X, Y, lr=0.1):
        Z = X @ self.W + self.b
        A = f(Z)
        loss = {loss}
        dZ = {error}
        self.W -= lr * X.T @ dZ
        self.b -= lr * dZ.sum(0)
        return loss
"""
QUADRATIC = {"loss": "np.sum((A - Y) ** 2) / 2", "error": "(A - Y) * slope(Z)"}
SOFTMAX = {"loss": "-np.sum(Y * np.log(A))", "error": "A - Y", "slope": "None"}
STABLE = "np.where(z >= 0, 1 / (1 + np.exp(-np.abs(z))), np.exp(-np.abs(z)) / (1 + np.exp(-np.abs(z))))"
NO_DIGIT = "a difference of nearly equal numbers loses all digits in line "
SHIFTED = "np.exp(z - z.max(1, keepdims=True))"
CASES = {
    "σ that overflows": (
        QUADRATIC | {"f": "1 / (1 + np.exp(-z))", "slope": "np.exp(-z) / (1 + np.exp(-z)) ** 2"},
        ["overflow in exp in line 5", "overflow in exp in line 8", "overflow in power in line 8"],
    ),
    "σ that does not": (
        QUADRATIC | {"f": STABLE, "slope": "np.exp(-np.abs(z)) / (1 + np.exp(-np.abs(z))) ** 2"}, []
    ),
    "1 − a": (
        QUADRATIC | {"f": STABLE, "slope": "f(z) * (1 - f(z))"},
        [NO_DIGIT + "8"],
    ),
    "1 − a of a power": (
        QUADRATIC | {"f": "np.e ** np.minimum(z, 0) / (1 + np.e ** -np.abs(z))", "slope": "f(z) * (1 - f(z))"},
        [NO_DIGIT + "8, for power(2.718, …); rewrite it without the difference"],
    ),
    "what is computed and not used": (
        QUADRATIC | {"f": STABLE, "slope": "np.exp(-np.abs(z)) / (1 + np.exp(-np.abs(z))) ** 2",
                     "loss": "np.sum((A - Y) ** 2) / 2; unused = np.exp(Z * Z)"}, []
    ),
    "tanh": (QUADRATIC | {"f": "np.tanh(z)", "slope": "1 / np.cosh(z) ** 2"},
             ["overflow in cosh in line 8", "overflow in power in line 8"]),
    "softmax as it is defined": (
        SOFTMAX | {"f": "np.exp(z) / np.exp(z).sum(1, keepdims=True)"},
        ["overflow in exp in line 5", "invalid value in divide in line 5"],
    ),
    "softmax without the maximum": (
        SOFTMAX | {"f": f"{SHIFTED} / {SHIFTED}.sum(1, keepdims=True)"}, [NO_DIGIT + "18"]
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_fails_in_float64_is_told_at_its_line_and_is_no_refutation(case: str, tmp_path: Path) -> None:
    parts, expected = CASES[case]
    path = tmp_path / "mine.py"
    path.write_text(PROGRAM.format(**parts), "utf8")
    found = assess(str(path))
    assert found["verdict"] == "verified", found["undecided"]
    said = [one["what"] for one in found["float"]]
    assert all(any(words in text for text in said) for words in expected), said
    assert all(any(words in text for words in expected) for text in said), said
    for one in found["float"]:
        assert one["place"] == f"line {one['line']}"


NORMALISED = """
import numpy as np

class Net:
    def __init__(self, n, k):
        self.gamma, self.W = np.ones(n), np.random.randn(n, k)

    def train(self, X, Y, lr=0.1):
        mean = X.mean(axis=0)
        variance = {variance}
        H = (X - mean) / np.sqrt(variance + 1e-5)
        A = (self.gamma * H) @ self.W
        loss = np.sum((A - Y) ** 2) / 2
        dH = (A - Y) @ self.W.T
        self.W -= lr * (self.gamma * H).T @ (A - Y)
        self.gamma -= lr * (dH * H).sum(0)
        return loss
"""


@pytest.mark.parametrize(
    ("variance", "said"),
    [
        (
            "(X ** 2).mean(axis=0) - mean ** 2",
            "of 16 digits in line 10, for inputs near 100000 that differ by about 1; ",
        ),
        ("((X - mean) ** 2).mean(axis=0)", ""),
    ],
)
def test_a_variance_that_loses_half_its_digits_far_from_0_is_told(variance: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(NORMALISED.format(variance=variance), "utf8")
    found = assess(str(path))
    assert found["verdict"] == "verified", found["undecided"]
    told = [one["what"] for one in found["float"]]
    assert len(told) == bool(said), told
    assert all(said in words and "subtract what both share" in words for words in told)


@given(st.lists(st.floats(1, 2), min_size=3, max_size=6), st.integers(0, 40))
def test_half_of_the_digits_are_lost_where_the_operands_share_them(drawn: list[float], shared: int) -> None:
    """(x + 2ˢ) − 2ˢ of a number between 1 and 2 is off by up to half a unit of its (52 − s)-th binary digit."""
    with ExactRun(Reading.EXACT, BITS, 0):
        array = [apply("subtract", apply("add", variable(x), 2.0**shared), 2.0**shared) for x in drawn]
        off = max(abs(((x + 2.0**shared) - 2.0**shared) - x) for x in drawn)
        found = list(find_losses([array], [halved_in]))
    assert bool(found) == (off >= HALF * max(drawn))


FUNCTIONS = ("exp", "tanh", "log1p", "square", "sinh", "negative", "sqrt", "reciprocal")


@given(
    st.lists(st.floats(0.01, 900), min_size=2, max_size=4),
    st.lists(st.sampled_from(FUNCTIONS), min_size=1, max_size=4),
)
def test_each_step_is_what_numpy_computes(drawn: list[float], names: list[str]) -> None:
    with ExactRun(Reading.EXACT, BITS, 0):
        x: Any = exact(np.array([variable(v) for v in drawn], object))
        value = np.array(drawn)
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            for name in names:
                x, value = getattr(np, name)(x), getattr(np, name)(value)
                if not all(n.value.is_finite() for n in x):
                    return
        got = in_float64(computed_from(list(x)))
        assert np.array_equal([got[n.index] for n in x], value, equal_nan=True)


@given(st.floats(1.0, 1000.0))
def test_a_step_overflows_where_numpy_does(z: float) -> None:
    with ExactRun(Reading.EXACT, BITS, 0):
        x: Number = apply("exp", variable(z))
        found = [what for what, _, _ in find_losses([[x]])]
        with np.errstate(over="ignore"):
            assert (found == ["overflow in exp"]) == bool(np.isinf(np.exp(z)))
        assert x.value.overlaps(arb(z).exp())


def test_only_the_first_step_that_fails_is_told() -> None:
    with ExactRun(Reading.EXACT, BITS, 0):
        x = apply("exp", variable(1000.0))
        assert [what for what, _, _ in find_losses([[apply("multiply", x, x), apply("square", x)]])] == [
            "overflow in exp"
        ]
