"""What a wrong gradient should be, by the program's own cost and a difference quotient."""

import re
from pathlib import Path

import pytest

from gradproof.judge import wording
from tests.judge.corpus import HERE
from tests.judge.test_causes import told
from tests.judge.test_repair import NETWORK
from tests.judge.test_suspects import EXAMPLE


@pytest.mark.sample(1)
@pytest.mark.turns(1)
@pytest.mark.parametrize("wrong", ["dW1 = X.T @ dZ1", "dW1 = X.T @ dA1 / m"])
def test_the_quotient_of_the_programs_own_cost_says_what_the_derivative_says(wrong: str, tmp_path: Path) -> None:
    (fault,) = told(NETWORK.replace("dW1 = X.T @ dZ1 / m", wrong) + EXAMPLE, tmp_path)["faults"]
    name, moved, right = re.fullmatch(r"(\S+ ?\d+\]) moves by (\S+), should move by (\S+)", fault["numbers"]).groups()  # type: ignore[union-attr]
    said = f"(C({name} + h) − C({name} − h)) / 2h is "
    assert fault["quotient"].startswith(said)
    value, rate = map(float, re.findall(r"(?:is|by) (-?[\d.e-]+) (?:for|times)", fault["quotient"]))
    assert rate == pytest.approx(-0.1)
    assert rate * value == pytest.approx(float(right), rel=1e-5)
    assert float(moved) != pytest.approx(float(right), rel=1e-3)


@pytest.mark.turns(1)
def test_of_a_gradient_that_is_returned_the_quotient_is_what_it_should_be(tmp_path: Path) -> None:
    source = (HERE / "programs/open/c26_modular_affine_relu_loss.py").read_text("utf8")
    wrong = source.replace("return dout * (cache > 0)", "return dout * (cache < 0)")
    found = told(wrong, tmp_path)
    fault = found["faults"][0]
    assert f"    a difference quotient of its own cost: {fault['quotient']}" in wording.lines(found, "mine.py")
    assert fault["quotient"].split(" is ")[1].split(" for ")[0] == fault["numbers"].split("should be ")[1]


MACHINE = """
import numpy as np
np.random.seed(3)

class Machine:
    def hinge(self, X, y):
        margin = 1 - y * (X @ self.w + self.b)
        return 0.01 * np.dot(self.w, self.w) + np.mean(np.maximum(0, margin))

    def fit(self, X, y):
        self.w, self.b = np.random.randn(X.shape[1]) * 0.01, 0.0
        for _ in range(100):
            active = y * (X @ self.w + self.b) < 1
            dw = 0.02 * self.w - (active * y) @ X / len(X)
            db = np.mean(active * y)
            self.w = self.w - 0.01 * dw
            self.b = self.b - 0.01 * db

X = np.vstack([np.random.randn(6, 2) + 2, np.random.randn(6, 2) - 2])
Machine().fit(X, np.array([1.0] * 6 + [-1.0] * 6))
"""


def test_a_cost_that_is_only_defined_says_it_too(tmp_path: Path) -> None:
    """The step is held against it, though nothing calls it; at points at which as many margins are small on either
    side, b is right by chance."""
    (fault,) = told(MACHINE, tmp_path)["faults"]
    assert fault["code"] in ("db = np.mean(active * y)", "self.b = self.b - 0.01 * db")
    assert fault["quotient"].startswith("(C(")
