"""What a wrong gradient should be, by the program's own cost and a difference quotient."""

import re
from pathlib import Path

import pytest

from tests.judge.corpus import HERE
from tests.judge.test_causes import told
from tests.judge.test_repair import NETWORK
from tests.judge.test_suspects import EXAMPLE


@pytest.mark.parametrize("wrong", ["dW1 = X.T @ dZ1", "dW1 = X.T @ dA1 / m"])
def test_the_quotient_of_the_programs_own_cost_says_what_the_derivative_says(wrong: str, tmp_path: Path) -> None:
    (fault,) = told(NETWORK.replace("dW1 = X.T @ dZ1 / m", wrong) + EXAMPLE, tmp_path)["faults"]
    name, moved, right = re.fullmatch(
        r"(\S+ ?\d+\]) is moved by (\S+), should be moved by (\S+)", fault["numbers"]
    ).groups()  # type: ignore[union-attr]
    said = f"(C({name} + h) − C({name} − h)) / 2h is "
    assert fault["quotient"].startswith(said)
    value, rate = map(float, re.findall(r"(?:is|by) (-?[\d.e-]+) (?:for|times)", fault["quotient"]))
    assert rate == pytest.approx(-0.1)
    assert rate * value == pytest.approx(float(right), rel=1e-5)
    assert float(moved) != pytest.approx(float(right), rel=1e-3)


def test_of_a_gradient_that_is_returned_the_quotient_is_what_it_should_be(tmp_path: Path) -> None:
    source = (HERE / "programs/open/c26_modular_affine_relu_loss.py").read_text("utf8")
    wrong = source.replace("return dout * (cache > 0)", "return dout * (cache < 0)")
    fault = told(wrong, tmp_path)["faults"][0]
    assert fault["quotient"].split(" is ")[1].split(" for ")[0] == fault["numbers"].split("should be ")[1]
