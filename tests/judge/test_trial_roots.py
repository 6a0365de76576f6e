"""The first wrong line of functions is named, not the one that returns what follows from it, with its correction."""

import ast
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradproof
from gradproof.judge.trial import repair
from gradproof.judge.trial.judgement import Judgement
from tests.exact.generated import loaded
from tests.judge.marks import marked

Z = np.zeros
MINE = Path(__file__).read_text("utf8").splitlines()
X, Y = Z((5, 3)), Z((5, 2))


def highlighted(judged: Judgement) -> list[int]:
    """Return the lines that a notebook highlights."""
    return [int(line) for line in re.findall(r'<li class="wrong"><span>(\d+)</span>', judged._repr_html_())]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def cost(p, x, y):
    a1 = np.tanh(x @ p["w1"] + p["b1"])
    a2 = sigmoid(a1 @ p["w2"] + p["b2"])
    return np.sum((a2 - y) ** 2)


def of_a_dict(p, x, y):
    a1 = np.tanh(x @ p["w1"] + p["b1"])
    a2 = sigmoid(a1 @ p["w2"] + p["b2"])
    d2 = 2 * (a2 - y) * a2 * (1 - a2)
    d1 = d2 @ p["w2"].T * (1 - a1)  # wrong: dict
    gw1, gw2 = x.T @ d1, a1.T @ d2
    return {"w1": gw1, "b1": d1.sum(0), "w2": gw2, "b2": d2.sum(0)}


def of_a_list(p, x, y):
    a1 = np.tanh(x @ p[0] + p[1])
    a2 = sigmoid(a1 @ p[2] + p[3])
    deltas = [2 * (a2 - y) * a2]  # wrong: list
    deltas.insert(0, deltas[0] @ p[2].T * (1 - a1 * a1))
    gradients = []
    for a, d in zip([x, a1], deltas, strict=True):
        gradients += [a.T @ d, d.sum(0)]
    return gradients


def cost_of_a_list(p, x, y):
    return cost(dict(zip(("w1", "b1", "w2", "b2"), p, strict=True)), x, y)


def slope(a):
    return 1 + a * a  # wrong: called


def of_nested_functions(rate):
    """A gradient that is a closure, made of functions inside it."""

    def gradient(p, x, y):
        def forward():
            hidden = np.tanh(x @ p["w1"] + p["b1"])
            return hidden, sigmoid(hidden @ p["w2"] + p["b2"])

        def back(d):
            return rate * d @ p["w2"].T * slope(a1)

        a1, a2 = forward()
        d2 = 2 * (a2 - y) * a2 * (1 - a2)
        d1 = back(d2)
        return {"w1": x.T @ d1, "b1": d1.sum(0), "w2": a1.T @ d2, "b2": d2.sum(0)}

    return gradient


DICT = {"w1": Z((3, 4)), "b1": Z(4), "w2": Z((4, 2)), "b2": Z(2)}


@pytest.mark.turns(3)
@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("of", "gradient", "parameters", "word", "should", "right"),
    [
        (cost, of_a_dict, DICT, "dict", "d1 = d2 @ p['w2'].T * (1 - a1 ** 2)", 2),
        (cost_of_a_list, of_a_list, list(DICT.values()), "list", "deltas = [2 * (a2 - y) * (a2 * (1 - a2))]", 0),
        (cost, of_nested_functions(1.0), DICT, "called", "return 1 - a * a", 2),
    ],
    ids=["a dict", "a list", "closures and what they call"],
)
def test_the_first_wrong_line_of_a_gradient_is_named_with_its_correction(
    of: Any, gradient: Any, parameters: Any, word: str, should: str, right: int
) -> None:
    judged = gradproof.check_gradient(of, gradient, parameters, X, Y)
    assert [array.state for array in judged.arrays].count("right") == right, judged
    old = "return 1 + a * a" if word == "called" else ast.unparse(ast.parse(MINE[marked(__file__, word) - 1].strip()))
    assert f"line {marked(__file__, word)}: `{old}`\n    should be: `{should}` – " in str(judged)
    assert str(judged).count(f"; the fault is in line {marked(__file__, word)}\n") == 4 - right
    assert highlighted(judged) == [marked(__file__, word)]
    assert f"should be: {should}".replace("'", "&#39;") in judged._repr_html_()


class Layer:
    def __init__(self) -> None:
        self.W, self.b = Z((3, 2)), Z(2)

    def forward(self, x):
        self.x, self.a = x, np.tanh(x @ self.W + self.b)
        return self.a

    def backward(self, dout):
        dz = dout * (1 - self.a)  # wrong: layer
        self.dW, self.db = self.x.T @ dz, dz.sum(0)
        return dz @ self.W.T


@pytest.mark.turns(3)
def test_the_first_wrong_line_of_a_layer_object_is_named() -> None:
    layer = Layer()
    judged = gradproof.check_backward(layer.forward, layer.backward, X)
    assert [array.state for array in judged.arrays] == ["wrong"] * 3
    assert highlighted(judged) == [marked(__file__, "layer")]
    assert "should be: `dz = dout * (1 - self.a ** 2)`" in str(judged)
    assert not layer.W.any(), "the search for a correction has left the caller's object alone"


class Net:
    def __init__(self) -> None:
        self.w, self.b = Z((3, 2)), Z(2)

    def cost(self, x, y):
        return np.sum((np.tanh(x @ self.w + self.b) - y) ** 2)

    def step(self, x, y):
        a = np.tanh(x @ self.w + self.b)
        d = 2 * (a - y) * (1 - a)  # wrong: step
        self.w -= 0.1 * x.T @ d
        self.b -= 0.1 * d.sum(0)


@pytest.mark.turns(3)
def test_the_first_wrong_line_of_a_step_is_named() -> None:
    net = Net()
    judged = gradproof.check_step(net.step, net, X, Y, cost=net.cost)
    assert highlighted(judged) == [marked(__file__, "step")]
    assert "should be: `d = 2 * (a - y) * (1 - a ** 2)`" in str(judged)


@pytest.mark.turns(3)
def test_without_a_correction_the_lines_that_remain_are_named_and_what_is_right_before_them() -> None:
    def gradient(w, x, y):
        a = np.tanh(x @ w)
        da = 2 * (a - y)
        dz = np.sin(da) * np.exp(a)  # wrong: no correction
        gw = x.T @ dz
        return gw * 1.0

    def error(w, x, y):
        return np.sum((np.tanh(x @ w) - y) ** 2)

    judged = gradproof.check_gradient(error, gradient, Z((3, 2)), X, Y)
    first = marked(__file__, "no correction")
    assert judged.correction is None
    assert f"goes wrong in line {first} or after it, up to line {first + 2}; until then da is ∂C/∂a" in str(judged)
    assert highlighted(judged) == [first]
    assert '<em class="right">∂C/∂a</em>' in judged._repr_html_()


ALONE = """
import numpy as np

def slope(a):
    return 1 - a * a

def gradient(w, x):
    a = np.tanh(x @ w)
    s = slope(a)
    STATEMENT
    return x.T @ d
"""


@pytest.mark.turns(3)
@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("statement", "should"),
    [
        ("d = a * s", "d = a * s * 2"),  # a factor is missing: what follows has the same factor
        ("d = 2 * a / s", "d = 2 * a * s"),
        ("d = 2 * a * a * s", "d = 2 * a * s"),
    ],
)
def test_right_slopes_and_values_before_the_wrong_line_are_not_blamed(statement: str, should: str) -> None:
    names = loaded(ALONE.replace("STATEMENT", statement))
    judged = gradproof.check_gradient(lambda w, x: np.sum(np.tanh(x @ w) ** 2), names.gradient, Z((3, 2)), X)
    assert highlighted(judged) == [10], judged
    assert f"should be: `{should}`" in str(judged)


@pytest.mark.turns(3)
def test_an_edit_that_changes_the_cost_as_well_corrects_nothing() -> None:
    """A helper that both use is right by definition: the cost says what is right."""

    def hidden(w, x):
        return np.tanh(x @ w)

    def error(w, x):
        return np.sum(hidden(w, x) ** 2)

    def gradient(w, x):
        a = hidden(w, x)
        d = 2 * a * (1 - a * a) * np.cos(a)  # wrong: an extra factor
        return x.T @ d

    judged = gradproof.check_gradient(error, gradient, Z((3, 2)), X)
    assert judged.correction is not None
    assert judged.correction.line[1] == marked(__file__, "an extra factor")


def test_the_search_for_a_correction_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair, "RUNS", 1)
    judged = gradproof.check_gradient(cost, of_a_dict, DICT, X, Y)
    assert judged.correction is None
    assert highlighted(judged) == [marked(__file__, "dict")]
