"""A program that raises when it is run is told at the line that makes it raise, judged or not."""

from pathlib import Path

import pytest

from gradproof.judge.assessment import assess
from tests.judge.corpus import HERE
from tests.judge.test_causes import told
from tests.judge.test_repair import NETWORK
from tests.judge.test_suspects import EXAMPLE

IN_A_LOOP = """
import numpy as np

def forward(x, p):
    hidden = np.tanh(x @ p["W1"] + p["b1"])
    return hidden, hidden @ p["W2"] + p["b2"]

def backward(x, y, hidden, out, p):
    d_out = (out - y) / len(x)
    d_hidden = d_out @ p["W2"].T * (1 - hidden ** 2)
    return {"W2": hidden.T @ d_out, "b1": d_hidden.sum(axis=0), "W1": x.T @ d_hidden, "b2": d_out.sum(axis=0)}

x, y = np.random.randn(7, 3), np.random.randn(7, 2)
p = {"W1": np.random.randn(3, 4), "b1": np.zeros(4), "W2": np.random.randn(4, 2), "b2": np.zeros(2)}
for epoch in range(5):
    hidden, out = forward(x, p)
    print(0.5 * np.mean(np.sum((out - y) ** 2, axis=1)))
    for name, slope in backward(x, y, hidden, out, p).items():
        p[name] = p[name] - 0.1 * slope
"""


@pytest.mark.turns(1)
def test_what_cannot_be_judged_since_it_raises_is_told_with_its_line_and_what_mends_it(tmp_path: Path) -> None:
    right, path = "dA1 = dZ2 @ self.W2.T", tmp_path / "mine.py"
    path.write_text(NETWORK.replace(right, "dA1 = dZ2 @ self.W2") + EXAMPLE, "utf8")
    found = assess(str(path))
    assert found["verdict"] == "none"
    assert found["looked"].endswith(
        f"shapes (6, 2) and (4, 2) not aligned: 2 != 4 in line 25; with `{right}` in line 25 it is right"
    )


def test_a_program_in_another_library_is_refused_with_the_librarys_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("import torch.nn as nn\nfrom jax import grad\nnet = nn.Linear(3, 1)\n", "utf8")
    said = "it imports jax, torch, which gradproof does not run: it judges NumPy and plain Python;"
    assert said in assess(str(path))["looked"]


@pytest.mark.turns(1)
def test_a_step_that_raises_before_all_biases_are_moved_is_not_verified(tmp_path: Path) -> None:
    """b1 is 0, as many arrays are that have no step of their own."""
    right = "db1 = np.sum(dZ1, axis=0, keepdims=True) / m"
    found = told(NETWORK.replace(right, "db1 = np.sum(dZ1, axis=1, keepdims=True) / m") + EXAMPLE, tmp_path)
    assert {(fault["parameter"], fault["should_be"]) for fault in found["faults"]} == {("b1", right)}


@pytest.mark.turns(1)
def test_what_no_edit_mends_is_told_with_the_line_that_raises(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(NETWORK.replace("dA1 = dZ2 @ self.W2.T", "dA1 = np.sin(dZ2) @ self.W2") + EXAMPLE, "utf8")
    assert assess(str(path))["looked"].endswith("not aligned: 2 != 4 in line 25")


@pytest.mark.turns(1)
def test_where_a_part_of_the_step_runs_the_fault_is_the_line_that_makes_the_rest_raise(tmp_path: Path) -> None:
    right = '"b1": d_hidden.sum(axis=0)'
    found = told(IN_A_LOOP.replace(right, '"b1": d_hidden.sum(axis=1)'), tmp_path)
    assert {fault["line"] for fault in found["faults"]} == {IN_A_LOOP[: IN_A_LOOP.index(right)].count("\n") + 1}
    assert all("its own example raises ValueError: operands" in fault["what"] for fault in found["faults"])
    assert all("'b1': d_hidden.sum(axis=0)" in fault["should_be"] for fault in found["faults"])


@pytest.mark.turns(1)
def test_a_parameter_that_is_left_in_another_shape_is_mended_like_any_other(tmp_path: Path) -> None:
    """W2 has one column; W2 − η dW2 of four runs, and has four."""
    wrong, right = "dW2 = A1.T @ dZ1 / m", "        dW2 = A1.T @ dZ2 / m\n"
    source = NETWORK.replace("self.W2 -= lr * dW2", "self.W2 = self.W2 - lr * dW2").replace(right, "")
    source = source.replace("        dW1 = X", f"        {wrong}\n        dW1 = X")
    found = told(source + EXAMPLE.replace("2)\nnet", "1)\nnet").replace("6, 2", "6, 1"), tmp_path)
    assert {(fault["code"], fault["should_be"]) for fault in found["faults"]} == {(wrong, "dW2 = A1.T @ dZ2 / m")}


@pytest.mark.turns(1)
def test_of_what_cannot_be_broadcast_the_sum_over_the_wrong_axis_is_found_in_another_function(tmp_path: Path) -> None:
    source = (HERE / "programs/open/19_affine_functions.py").read_text("utf8")
    assert source.count("db = dout.sum(axis=0)") == 1
    found = told(source.replace("db = dout.sum(axis=0)", "db = dout.sum(axis=1)"), tmp_path)
    assert {fault["should_be"] for fault in found["faults"]} == {"db = dout.sum(axis=0)"}


@pytest.mark.turns(1)
def test_of_several_names_that_are_returned_the_one_that_nothing_uses_is_tried_first(tmp_path: Path) -> None:
    source = (HERE / "programs/open/19_affine_functions.py").read_text("utf8")
    assert source.count("return dx, dw, db") == 1
    found = told(source.replace("return dx, dw, db", "return dx, dw, dout"), tmp_path)
    assert {fault["should_be"] for fault in found["faults"]} == {"return (dx, dw, db)"}


@pytest.mark.turns(1)
def test_what_the_other_layers_do_is_tried_early_where_shapes_do_not_fit(tmp_path: Path) -> None:
    right = "db1 = np.sum(dZ1, axis=0, keepdims=True) / m"
    assert NETWORK.count(right) == 1
    found = told(NETWORK.replace(right, right.replace("dZ1", "dW2")) + EXAMPLE, tmp_path)
    assert {(fault["should_be"], *fault["names"]) for fault in found["faults"]} == {(right, "the wrong array is used")}
