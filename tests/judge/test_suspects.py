"""Lines from which nothing follows can be wrong, too: what they left out is told with its correction."""

import ast
from pathlib import Path

import pytest

from gradproof.judge.lines.words import words_of
from tests.judge.corpus import HERE
from tests.judge.test_causes import BOOK, told
from tests.judge.test_repair import NETWORK

EXAMPLE = "\nnet = Net(3, 4, 2)\nnet.train(np.random.randn(6, 3), np.random.rand(6, 2))\n"
RELU = (
    NETWORK.replace("A1 = np.tanh(Z1)", "A1 = np.maximum(Z1, 0)")
    .replace("dZ1 = dA1 * (1 - A1 ** 2)", "dZ1 = behind(dA1, A1)")
    .replace("class Net:", "def behind(slope, kept):\n    return slope * (kept > 0)\n\n\nclass Net:")
)
FILLED = RELU.replace("return slope * (kept > 0)", "slope[kept <= 0] = 0.0\n    return slope")
OF_OUTPUTS = (
    NETWORK.replace("A1 = np.tanh(Z1)", "A1 = sigmoid(Z1)")
    .replace("return sigmoid(z) * (1 - sigmoid(z))", "return z * (1 - z)")
    .replace("sigmoid_prime(Z2)", "sigmoid_prime(A2)")
    .replace("dA1 * (1 - A1 ** 2)", "dA1 * sigmoid_prime(A1)")
)
ONE_OUTPUT = NETWORK.replace("(A2 - Y) * sigmoid_prime(Z2)", "slope(A2, Y) * sigmoid_prime(Z2)").replace(
    "class Net:", "def slope(a, y):\n    return 1.0 * (a - y)\n\n\nclass Net:"
)
SLIPS = [
    (OF_OUTPUTS + EXAMPLE, "return z * (1 - z)", "return z"),  # what is returned was computed by the forward pass
    (RELU + EXAMPLE, "return slope * (kept > 0)", "return kept > 0"),  # no number at all
    (FILLED + EXAMPLE, "slope[kept <= 0] = 0.0", "slope[kept > 0] = 0.0"),
    (ONE_OUTPUT + EXAMPLE.replace("2)\nnet", "1)\nnet").replace("6, 2", "6, 1"), "return 1.0 * (a - y)", "return 1.0"),
]


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize(("source", "right", "wrong"), SLIPS)
def test_what_a_function_left_out_is_told_in_the_function(source: str, right: str, wrong: str, tmp_path: Path) -> None:
    assert source.count(right) == 1
    found = told(source.replace(right, wrong), tmp_path)
    assert {fault["code"] for fault in found["faults"]} == {wrong}
    assert all(fault["mended"] for fault in found["faults"])


@pytest.mark.turns(1)
@pytest.mark.usefixtures("few_edits")
def test_of_a_gradient_that_is_summed_over_examples_the_share_of_one_is_known(tmp_path: Path) -> None:
    right = "nabla_w[-1] = np.dot(delta, activations[-2].transpose())"
    found = told(
        BOOK.replace(right, "nabla_w[-1] = np.dot(nabla_b[-1] * zs[-1], activations[-2].transpose())"), tmp_path
    )
    assert {fault["should_be"] for fault in found["faults"]} == {right.replace("delta", "nabla_b[-1]")}


@pytest.mark.turns(1)
def test_of_the_negative_of_a_gradient_the_slope_that_is_missing_is_told(tmp_path: Path) -> None:
    """y − a, and no cost in sight: the sign is the program's own."""
    source = (HERE / "programs/threads/55_dsE64317_siraj_right.py").read_text("utf8")
    right = "L1_Delta = L1_Error * Sigmoid(L1, Deriv=True)"
    found = told(source.replace(right, "L1_Delta = Sigmoid(L1, Deriv=True)"), tmp_path)
    assert {fault["should_be"] for fault in found["faults"]} == {"L1_Delta = Sigmoid(L1, Deriv=True) * L1_Error"}


BEGUN = """
import numpy as np

def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))

X = np.random.rand(4, 3)
y = np.array([[0, 1], [1, 0], [1, 1], [0, 0]])
"""
OF_TWO = (
    BEGUN
    + """
W1, W2 = np.random.randn(3, 4), np.random.randn(4, 2)
for epoch in range(10000):
    a1 = sigmoid(X @ W1)
    a2 = sigmoid(a1 @ W2)
    d2 = (a2 - y) * a2 * (1 - a2)
    d1 = -(d2 @ W2.T) * a1 * (1 - a1)
    W2 -= 0.5 * a1.T @ d2
    W1 -= 0.5 * X.T @ d1
"""
)
OF_THREE = (
    BEGUN
    + """
W1, W2, W3 = np.random.randn(3, 4), np.random.randn(4, 3), np.random.randn(3, 2)
for epoch in range(10000):
    a1 = sigmoid(X @ W1)
    a2 = sigmoid(a1 @ W2)
    a3 = sigmoid(a2 @ W3)
    d3 = (a3 - y) * a3 * (1 - a3)
    d2 = -(d3 @ W3.T) * a2 * (1 - a2)
    d1 = (d2 @ W2.T) * a1 * (1 - a1)
    W3 -= 0.5 * a2.T @ d3
    W2 -= 0.5 * a1.T @ d2
    W1 -= 0.5 * X.T @ d1
"""
)
CLASS = BOOK.partition("\nnet = ")[0] + "\n"
BACK = "self.weights[-l + 1].transpose()"


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("source", "wrong", "right"),
    [
        (OF_TWO, {"W1"}, "d1 = d2 @ W2.T * a1 * (1 - a1)"),
        (OF_THREE, {"W1", "W2"}, "d2 = d3 @ W3.T * a2 * (1 - a2)"),
        (CLASS.replace(BACK, f"-{BACK}"), {"biases[0]", "weights[0]"}, f"delta = np.dot({BACK}, delta) * sp"),
    ],
    ids=["two layers", "three layers", "the book's"],
)
def test_where_some_go_up_and_some_go_down_and_no_cost_is_in_sight_those_that_go_up_are_wrong(
    source: str, wrong: set[str], right: str, tmp_path: Path
) -> None:
    """Also if more go up. A minus too many is dropped, and no difference is turned instead."""
    found = told(source, tmp_path)
    assert "quadratic" in found["network"]["cost"]
    assert {(one["parameter"], one["should_be"]) for one in found["faults"]} == {(each, right) for each in wrong}


@pytest.mark.turns(1)
def test_the_array_that_nothing_uses_is_the_one_that_was_meant(tmp_path: Path) -> None:
    """dW1 and db1 are right, too, if dA1 is multiplied by the slope instead: but then dZ1 would have no use."""
    source = NETWORK.replace("dW1 = X.T @ dZ1", "dW1 = X.T @ dA1").replace("np.sum(dZ1, axis=0", "np.sum(dA1, axis=0")
    source = source.replace("dW1 = X.T @ dA1 / m\n", "dH = dA1\n        dW1 = X.T @ dH / m\n").replace(
        "np.sum(dA1, axis=0", "np.sum(dH, axis=0"
    )
    found = told(source + EXAMPLE, tmp_path)
    assert {fault["should_be"] for fault in found["faults"]} == {"dH = dZ1"}


@pytest.mark.turns(1)
def test_where_nothing_goes_down_no_number_is_said_to_be_what_it_should_be(tmp_path: Path) -> None:
    """How fast it should go down is then not known."""
    source = NETWORK.replace("dZ2 = (A2 - Y) * sigmoid_prime(Z2)", "dZ2 = np.exp(A2 - Y)")
    assert {fault["numbers"] for fault in told(source + EXAMPLE, tmp_path)["faults"]} == {""}
    of_one = told(NETWORK.replace("dW1 = X.T @ dZ1 / m", "dW1 = X.T @ dZ1 ** 3 / m") + EXAMPLE, tmp_path)
    assert "should move by" in of_one["faults"][0]["numbers"]


def test_what_counts_the_turns_of_a_loop_is_no_array() -> None:
    """A slope of i * (1 - i) makes a whole layer stand still, and what stands still is not wrong."""
    source = "def f(W, X, unused):\n    for i in range(9):\n        for k, w in enumerate(W):\n            d = w * X"
    words = words_of(ast.parse(source).body[0], None, ast.parse(source))
    assert {"W", "X", "w", "d"} <= set(words.arrays)
    assert not {"i", "k"} & {*words.arrays, *words.unused}
    assert set(words.unused) == {"unused", "d"}


@pytest.mark.parametrize(("called", "unused"), [("self.f(x)", {"self.f_prime"}), ("np.tanh(x)", set())])
def test_an_attribute_that_nothing_reads_counts_if_the_object_has_functions(called: str, unused: set[str]) -> None:
    source = "class A:\n    def __init__(self, f, g):\n        self.f, self.f_prime = f, g\n        self.f.x = 1\n"
    source += f"    def forward(self, x):\n        return {called}\n"
    tree = ast.parse(source)
    words = words_of(tree.body[0].body[1], tree.body[0], tree)  # type: ignore[attr-defined]
    assert {*words.unused} == unused == {name for name in words.functions if name == "self.f_prime"}


@pytest.mark.turns(1)
def test_a_value_that_is_given_to_the_wrong_array_is_told_at_its_line(tmp_path: Path) -> None:
    """It is overwritten by the next statement, so that nothing follows from it."""
    wrong = BOOK.replace("            nabla_b[-l] = delta\n", "            nabla_w[-l] = delta\n")
    found = told(wrong, tmp_path)
    assert {(fault["code"], fault["should_be"]) for fault in found["faults"]} == {
        ("nabla_w[-l] = delta", "nabla_b[-l] = delta")
    }


@pytest.mark.turns(1)
@pytest.mark.usefixtures("few_edits")
def test_a_name_that_is_not_there_is_told_where_it_should_be_assigned(tmp_path: Path) -> None:
    source = NETWORK.replace("        dW1 = X.T @ dZ1 / m\n", "")
    found = told(source + EXAMPLE, tmp_path)
    assert {fault["code"] for fault in found["faults"]} == {"dZ1 = dA1 * (1 - A1 ** 2)"}, "as dW2 is after dZ2"
    said = "NameError: name 'dW1' is not defined: it should be assigned near this line"
    assert all(said in fault["what"] for fault in found["faults"])
    used = source[: source.index("self.W1 -=")].count("\n") + 1
    assert all([other["line"] for other in fault["others"]] == [used] for fault in found["faults"])


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("file", "right", "wrong", "meant"),
    [  # the next turn of a loop follows from this one; lists of arrays; no label is left, so that no cost is known
        ("open/15_l_layer_caches.py", "= linear_backward(dZ,", "= linear_backward(dA,", "linear_backward(dZ,"),
        ("open/c10_sizes_quadratic_dw_db.py", "return dw, db", "return delta, db", "return (dw, db)"),
        ("threads/21_gy910210_2_tanh_right.py", "np.square(output)) * top_diff", "np.square(output))", ") * top_diff"),
    ],
)
def test_an_edit_is_likely_if_one_of_the_values_that_it_changes_is_a_derivative_in_one_turn(
    file: str, right: str, wrong: str, meant: str, tmp_path: Path
) -> None:
    source = (HERE / "programs" / file).read_text("utf8")
    assert source.count(right) == 1
    found = told(source.replace(right, wrong), tmp_path)
    assert all(fault["mended"] and meant in fault["should_be"] for fault in found["faults"])
