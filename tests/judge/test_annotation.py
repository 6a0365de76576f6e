"""What each line computes is told as it is: derivatives, the fault, what follows from it; layers with their shapes."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from gradproof.exact.arrays import array_of
from gradproof.exact.numbers import variable
from gradproof.exact.run import BITS, Reading
from gradproof.judge.assessment import assess
from gradproof.judge.find.monitor import Event
from gradproof.judge.find.observation import Observation
from gradproof.judge.lines.labels import label_events
from gradproof.judge.trial.execution import ExactRun
from tests.judge.corpus import without_repairs
from tests.judge.planted import right
from tests.judge.test_whole_command import NET, WRONG
from tests.judge.test_written import PHASES, judged, plans, wrong
from tests.judge.written import Plan, Slip, written
from tests.thorough import THOROUGH

PROGRAMS = Path(__file__).parent / "programs"
FEW = settings(max_examples=settings().max_examples // 4 if THOROUGH else 3, phases=PHASES)


@pytest.mark.turns(1)
@FEW
@given(plans)
def test_in_right_code_every_line_is_right_and_each_gradient_is_that_of_its_own_array(
    tmp_path_factory: Any, plan: Plan
) -> None:
    found = judged(written(plan), tmp_path_factory.getbasetemp())
    assert {line["state"] for line in found["lines"]} == {"right"}
    own = [(line["name"], line["label"]) for line in found["lines"] if re.fullmatch(r"\W*d[Wb]\d\W*", line["name"])]
    assert all(re.fullmatch(rf"−?∂C/∂\W*(\w+\W+)?{name.strip('self.')[1:]}\W*", label) for name, label in own), own


@pytest.mark.turns(1)
@FEW
@given(wrong())
def test_the_lines_of_the_faults_are_wrong_and_no_other(tmp_path_factory: Any, case: tuple[Plan, Slip]) -> None:
    found = judged(written(*case), tmp_path_factory.getbasetemp())
    told = {line["line"] for line in found["lines"] if line["state"] == "wrong"}
    assert told <= {fault["line"] for fault in found["faults"]}
    assert told or not found["lines"]


def read(source: str, folder: Path) -> dict[str, Any]:
    path = folder / "mine.py"
    path.write_text(source, "utf8")
    return assess(str(path))


def test_what_lines_compute_and_what_follows_from_a_fault_is_told(tmp_path: Path) -> None:
    found = read(WRONG, tmp_path)
    assert [(line["line"], line["name"], line["label"], line["state"]) for line in found["lines"]] == [
        (14, "d2", "∂C/∂a", "right"),
        (15, "d1", "", "wrong"),
        (16, "self.w2", "w2 after the step", "right"),
        (17, "self.b2", "b2 after the step", "right"),
        (18, "self.w1", "", "follows"),
        (19, "self.b1", "", "follows"),
    ]


CROSSED = """import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Net:
    def __init__(self, n_in, n_hidden, n_out):
        self.w1 = np.random.randn(n_hidden, n_in)
        self.w2 = np.random.randn(n_out, n_hidden)

    def train(self, x, y, lr=0.1):
        h = sigmoid(self.w1 @ x)
        a = sigmoid(self.w2 @ h)
        d2 = a - y
        d1 = (self.w2.T @ d2) * h * (1 - h)
        self.w2 -= lr * d2 @ h.T
        self.w1 -= lr * d1 @ x.T
        return h
"""


def test_right_code_is_read_under_the_cost_that_it_follows_and_no_other(tmp_path: Path) -> None:
    """Under the quadratic cost d2 would be ∂C/∂a, and one line would explain why nothing follows."""
    found = read(CROSSED, tmp_path)
    assert "cross-entropy" in found["network"]["cost"]
    assert [(line["name"], line["label"], line["state"]) for line in found["lines"][:2]] == [
        ("d2", "a derivative of C", "right"),
        ("d1", "a derivative of C", "right"),
    ]


def test_nothing_before_a_fault_follows_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    without_repairs(monkeypatch)
    states = [line["state"] for line in assess(str(PROGRAMS / "open/c27_modular_batchnorm.py"))["lines"]]
    assert "wrong" in states
    assert "follows" not in states[: states.index("wrong")]


def test_nothing_is_called_wrong_where_the_verdict_is_undecided(tmp_path: Path) -> None:
    found = read(
        NET.replace("        self.w2 -=", "        d1 = np.clip(d1, -0.01, 0.01)\n        self.w2 -="), tmp_path
    )
    assert found["verdict"] == "undecided"
    assert {line["state"] for line in found["lines"]} == {"right"}
    assert {one["name"]: one["state"] for one in found["parameters"]} == {
        "w1": "undecided", "b1": "undecided", "w2": "right", "b2": "right"
    }  # fmt: skip


def test_the_forward_pass_is_told_by_its_layers_and_their_shapes(tmp_path: Path) -> None:
    hidden, output = read(NET, tmp_path)["layers"]
    assert (hidden["name"], hidden["shape"], hidden["activation"], hidden["line"]) == ("h", [5, 6], "tanh", 12)
    assert hidden["parameters"] == [{"name": "w1", "shape": [5, 4]}, {"name": "b1", "shape": [5, 1]}]
    assert (output["name"], output["shape"], output["activation"]) == ("a", [3, 6], "linear")


SUMMED = """import numpy as np


class Net:
    def __init__(self, sizes):
        self.w1, self.w2 = np.random.randn(sizes[1], sizes[0]), np.random.randn(sizes[2], sizes[1])

    def update_mini_batch(self, pairs, eta):
        sum1, sum2 = np.zeros(self.w1.shape), np.zeros(self.w2.shape)
        for x, y in pairs:
            h = np.tanh(self.w1 @ x)
            a = self.w2 @ h
            d = a - y
            sum2 = sum2 + d @ h.T
            sum1 = sum1 + ((self.w2.T @ d) * (1 - h * h)) @ x.T
        self.w1 = self.w1 - eta * sum1
        self.w2 = self.w2 - eta * sum2
"""


def test_examples_one_after_the_other_are_one_layer(tmp_path: Path) -> None:
    found = read(SUMMED, tmp_path)
    assert found["verdict"] == "verified"
    assert [box["name"] for box in found["layers"]] == ["h", "a"]


@pytest.mark.turns(1)
@pytest.mark.parametrize("axis", [0, 1])
def test_a_softmax_is_told_from_what_only_sums_to_one(
    tmp_path: Path, axis: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_repairs(monkeypatch)
    plan = Plan(["tanh"], "softmax", axis == 1, "class", True, False, False)
    assert [box["activation"] for box in read(written(plan), tmp_path)["layers"] if box["shape"]][-1] == "softmax"
    squares = written(plan).replace("np.exp(z2)", "(1 + z2 ** 2)")
    assert "(1 + z2 ** 2)" in squares
    assert "softmax" not in [box["activation"] for box in read(squares, tmp_path)["layers"]]


@pytest.mark.turns(1)
def test_a_derivative_has_the_name_of_the_variable_not_of_the_function_that_gives_it(tmp_path: Path) -> None:
    labels = {line["name"]: line["label"] for line in read(right("class", "sigmoid"), tmp_path)["lines"]}
    assert (labels["dA2"], labels["dZ2"]) == ("∂C/∂A2", "∂C/∂Z2")


CHANCE = {  # a program, what it assigns there, and the labels of that: others fit at one point only
    "c16_functions_dict_relu_mask.py": ("grads['dW3']", ["∂C/∂params['W3']"]),  # one number beside zeros
    "09_nielsen_swapped.py": ("dw[0]", []),  # of the example 0, 1, since the gradient for 0, 0 is 0
}


@pytest.mark.turns(1)
@pytest.mark.parametrize("program", CHANCE)
def test_a_label_that_fits_by_chance_is_none(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    without_repairs(monkeypatch)
    name, labels = CHANCE[program]
    found = assess(str(PROGRAMS / "open" / program))
    assert [line["label"] for line in found["lines"] if line["name"] == name] == labels


@pytest.mark.parametrize(("name", "label"), [("gw[1]", "?"), ("db2", "∂C/∂net.b2"), ("db", "?")])
def test_a_single_number_is_labelled_by_its_name_and_not_by_its_place_in_a_list(name: str, label: str) -> None:
    with ExactRun(Reading.EXACT, BITS, 0):
        given = {path: array_of([variable(0.5)], (1, 1)) for path in ("net.biases[1]", "net.b2")}
        cost = sum(x * x for array in given.values() for x in array.flat)
        event = Event("assigned", name, 3, (1, 1), [2 * given["net.b2"].item()], None, "mine.py")
        what = Observation(given=given, after=given, events=[event])
        assert list(label_events(what, cost).labels) == [label]


CACHED = """import numpy as np

def forward(X, p):
    c = {"A0": X}
    for k in (1, 2):
        c[f"Z{k}"] = p[f"W{k}"] @ c[f"A{k - 1}"]
        c[f"A{k}"] = np.tanh(c[f"Z{k}"])
    c["A3"] = p["W3"] @ c["A2"]
    return c

p = {"W1": np.random.randn(3, 2), "W2": np.random.randn(3, 3), "W3": np.random.randn(1, 3)}
X, Y = np.random.randn(2, 4), np.random.randn(1, 4)
for turn in range(9):
    cache = forward(X, p)
    loss = ((cache["A3"] - Y) ** 2).sum()
    d3 = 2 * (cache["A3"] - Y)
    d2 = (p["W3"].T @ d3) * (1 - cache["A2"] ** 2)
    d1 = (p["W2"].T @ d2) * (1 - cache["A1"] ** 2)
    p["W3"] = p["W3"] - 0.1 * d3 @ cache["A2"].T
    p["W2"] = p["W2"] - 0.1 * d2 @ cache["A1"].T
    p["W1"] = p["W1"] - 0.1 * d1 @ X.T
"""


def test_what_a_function_returns_in_a_dict_stands_in_the_order_of_computation_by_the_callers_name(tmp_path) -> None:
    found = read(CACHED, tmp_path)
    assert found["verdict"] == "verified"
    names = [(box["name"], [one["name"] for one in box["parameters"]]) for box in found["layers"] if box["shape"]]
    assert names == [
        ("cache['Z1']", ["p['W1']"]),
        ("cache['A1']", []),
        ("cache['Z2']", ["p['W2']"]),
        ("cache['A2']", []),
        ("c['A3']", ["p['W3']"]),
    ]


def test_a_place_in_a_list_is_no_name_of_what_has_the_same_place_in_another() -> None:
    with ExactRun(Reading.EXACT, BITS, 0):
        gamma = array_of([variable(0.5), variable(2.0)], (2,))
        cost = sum(x * x for x in gamma.flat)
        kept = Event("assigned", "cache[1]", 2, (2,), list(gamma.flat), gamma, "mine.py")
        back = Event("returned", "backward[1]", 3, (2,), [2 * x for x in gamma.flat], None, "mine.py")
        what = Observation(given={"net.gamma": gamma}, after={"net.gamma": gamma}, events=[kept, back])
        assert list(label_events(what, cost).labels) == ["", "∂C/∂net.gamma"]
