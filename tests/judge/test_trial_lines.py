"""The line that a judgement on functions names is one of the subject's own, and the one that is wrong."""

import ast
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import gradproof
from tests.judge.marks import marked

Z = np.zeros
X, Y = Z((5, 3)), Z((5, 2))


# ---- steps: the calls below are in the same file, and are not to blame ------------------------------------------


def error(p, x, y):
    return np.sum((np.tanh(x @ p["w"] + p["b"]) - y) ** 2) / 2


def slopes(p, x, y):
    a = np.tanh(x @ p["w"] + p["b"])
    d = (a - y) * (1 - a * a)
    return {"w": x.T @ d, "b": d.sum(0)}


def step_of_a_dict(p, x, y):
    g = slopes(p, x, y)
    p["w"] -= 0.1 * g["w"]
    p["b"] -= 0.2 * g["b"]  # wrong: dict


def step_of_a_list(p, x, y):
    g = slopes({"w": p[0], "b": p[1]}, x, y)
    return [
        p[0] - 0.1 * g["w"],
        p[1] + 0.1 * g["b"],  # wrong: list
    ]


class Net:
    def __init__(self) -> None:
        self.w, self.b = Z((3, 2)), Z(2)

    def cost(self, x, y):
        return error({"w": self.w, "b": self.b}, x, y)

    def step(self, x, y):
        g = slopes({"w": self.w, "b": self.b}, x, y)
        self.w = self.w - 0.1 * g["w"]
        self.b = self.b - 0.3 * g["b"]  # wrong: object


def moving(rate):
    """A step that is a closure, and moves by a function inside it."""

    def step(p, x, y):
        def move(key, by):
            p[key] -= by

        g = slopes(p, x, y)
        move("w", rate * g["w"])
        move("b", 2 * rate * g["b"])  # wrong: closure

    return step


def decay(p, key, by):
    p[key] *= by  # wrong: called


def step_that_decays_twice(p, x, y):
    g = slopes(p, x, y)
    for key in p:
        p[key] -= 0.1 * g[key]
    decay(p, "b", 0.25)


PARAMETERS = {"w": Z((3, 2)), "b": Z(2)}
NET = Net()


@pytest.mark.turns(3)
@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("step", "parameters", "cost", "word"),
    [
        (step_of_a_dict, PARAMETERS, error, "dict"),
        (step_of_a_list, [Z((3, 2)), Z(2)], lambda p, x, y: error({"w": p[0], "b": p[1]}, x, y), "list"),
        (NET.step, NET, NET.cost, "object"),
        (moving(0.1), PARAMETERS, error, "closure"),
        (step_that_decays_twice, PARAMETERS, error, "called"),
    ],
    ids=["a dict", "a list", "an object", "a closure", "in what it calls"],
)
def test_the_line_of_a_wrong_step_is_in_the_step(step: Any, parameters: Any, cost: Any, word: str) -> None:
    judged = gradproof.check_step(step, parameters, X, Y, cost=cost)
    states = [array.state for array in judged.arrays]
    assert (str(judged.verdict), states[0]) == ("refuted", "right"), judged
    assert states[1] != "right"
    assert f"in line {marked(__file__, word)}" in str(judged)
    assert re.findall(r'<li class="wrong"><span>(\d+)</span>', judged._repr_html_()) == [str(marked(__file__, word))]


@pytest.mark.turns(3)
def test_without_a_cost_the_line_is_in_the_step_too() -> None:
    def step(p, x, y):
        g = slopes(p, x, y)
        p["w"] -= 0.1 * g["w"] * p["w"]  # wrong: no cost
        p["b"] -= 0.1 * g["b"]

    judged = gradproof.check_step(step, PARAMETERS, X, Y)
    assert f"in line {marked(__file__, 'no cost')}" in str(judged)


def test_what_the_step_does_not_compute_has_no_line() -> None:
    def step(p, x, y):
        p["w"] -= 0.1 * slopes(p, x, y)["w"]

    judged = gradproof.check_step(step, PARAMETERS, X, Y, cost=error)
    assert [array.state for array in judged.arrays] == ["right", "not moved"]
    assert " in line " not in str(judged)
    assert "<ol>" not in judged._repr_html_()


@pytest.mark.turns(3)
def test_plain_numbers_that_a_gradient_returns_have_no_line_of_the_caller() -> None:
    settings = SimpleNamespace(zeros=[0, 0])
    judged = gradproof.check_gradient(lambda w: w @ w, lambda w: settings.zeros, Z(2))
    assert str(judged.verdict) == "refuted"
    assert " in line " not in str(judged)


# ---- small numbers ----------------------------------------------------------------------------------------------


def shown_in(judged: Any) -> tuple[dict[str, Any], str]:
    """Return the arrays that a judgement writes out, by name, and what it says of them."""
    *written, said = judged.example
    pairs = (line.split(" = ") for line in written)
    return {name: np.array(ast.literal_eval(value)) for name, value in pairs}, said


@pytest.mark.turns(3)
def test_small_numbers_show_where_a_step_moves_wrongly() -> None:
    judged = gradproof.check_step(step_of_a_dict, PARAMETERS, X, Y, cost=error)
    arrays, said = shown_in(judged)
    assert list(arrays) == ["θ['w']", "θ['b']", "x", "y"]
    place, got, should = re.findall(r"b'\]\[(\d)\] moves by (\S+), should move by (\S+)", said)[0]
    parameters = {"w": arrays["θ['w']"].copy(), "b": arrays["θ['b']"].copy()}
    step_of_a_dict(parameters, arrays["x"], arrays["y"])
    moved = parameters["b"] - arrays["θ['b']"]
    assert np.isclose(float(got), moved[int(place)], rtol=1e-8)
    assert np.isclose(float(should), moved[int(place)] / 2, rtol=1e-8)
    assert f"    {said}" in str(judged).splitlines()


@pytest.mark.turns(3)
def test_small_numbers_of_an_object_have_the_names_of_its_arrays_and_its_own_arguments() -> None:
    arrays, said = shown_in(gradproof.check_step(NET.step, NET, X, Y, cost=NET.cost))
    assert [*arrays][2:] == ["x", "y"]
    assert "should move by" in said
    assert not NET.w.any()


@pytest.mark.turns(3)
def test_a_step_without_a_cost_has_no_small_numbers() -> None:
    def step(p, x, y):
        p["w"] -= 0.1 * slopes(p, x, y)["w"] * p["w"]

    assert list(gradproof.check_step(step, PARAMETERS, X, Y).example) == []


def test_a_plain_number_among_the_parameters_accuses_no_step() -> None:
    def step(p, x, y):
        d = 2 * (x @ p["w"] + p["b"] - y)
        p["w"] -= 0.1 * x.T @ d
        p["b"] -= 0.1 * d.sum()

    def of(p, x, y):
        return np.sum((x @ p["w"] + p["b"] - y) ** 2)

    judged = gradproof.check_step(step, {"w": Z(3), "b": 0.5}, X, Z(5), cost=of)
    assert str(judged.verdict) == "undecided"
    assert "θ['b'] is a plain number beside arrays: give an array" in judged.trouble
    assert gradproof.check_step(step, {"w": Z(3), "b": Z(1)}, X, Z(5), cost=of)
