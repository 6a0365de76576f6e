"""The line at which it goes wrong, though no small edit mends it."""

from pathlib import Path
from typing import Any

import pytest

from gradproof.judge.assessment import assess
from tests.judge.corpus import HERE, without_repairs
from tests.judge.test_beside_the_step import TWO_LAYERS
from tests.judge.test_repair import NETWORK

NONSENSE = {  # a statement, and what stands in its place: no derivative of anything
    "dZ2 = (A2 - Y) * sigmoid_prime(Z2)": "dZ2 = np.cos(A2 - Y)",
    "dW2 = A1.T @ dZ2 / m": "dW2 = np.exp(A1.T @ dZ2 / m)",
    "db2 = np.sum(dZ2, axis=0, keepdims=True) / m": "db2 = np.sum(dZ2 ** 2, axis=0, keepdims=True) / m",
    "dA1 = dZ2 @ self.W2.T": "dA1 = dZ2 @ np.sin(self.W2.T)",
    "dZ1 = dA1 * (1 - A1 ** 2)": "dZ1 = np.exp(dA1) * (1 - A1 ** 2)",
    "dW1 = X.T @ dZ1 / m": "dW1 = X.T @ dZ1 ** 3 / m",
    "db1 = np.sum(dZ1, axis=0, keepdims=True) / m": "db1 = np.sum(np.exp(dZ1), axis=0, keepdims=True) / m",
    "self.W2 -= lr * dW2": "self.W2 -= lr * np.tanh(dW2)",
    "self.b1 -= lr * db1": "self.b1 -= lr * db1 ** 2",
}
BOOK = (
    (HERE / "submissions/book.py").read_text("utf8")
    + """
net = Network([3, 4, 4, 2])
net.update_mini_batch([(np.random.randn(3, 1), np.random.rand(2, 1)) for _ in range(3)], 0.5)
"""
)
IN_LOOPS = {  # run for each layer and each example
    "delta = np.dot(self.weights[-l + 1].transpose(), delta) * sp":
        "delta = np.sin(np.dot(self.weights[-l + 1].transpose(), delta))",
    "nabla_w[-l] = np.dot(delta, activations[-l - 1].transpose())":
        "nabla_w[-l] = np.exp(np.dot(delta, activations[-l - 1].transpose()))",
    "nabla_b[-l] = delta": "nabla_b[-l] = delta ** 3",
    "[nw + dnw for nw, dnw in": "[nw + dnw ** 3 for nw, dnw in",
}  # fmt: skip
RELU = NETWORK.replace("Z1 = X @ self.W1 + self.b1", "").replace("np.tanh(Z1)", "np.maximum(X @ self.W1 + self.b1, 0)")
RELU = RELU.replace("dZ1 = dA1 * (1 - A1 ** 2)", "dZ1 = dA1 * (A1 > 0)")
RELU = RELU.replace("dW1 = X.T @ dZ1 / m", "dW1_T = dZ1.T @ X / m").replace("lr * dW1", "lr * dW1_T.T")
BEHIND_A_CUT = {
    "dZ1 = dA1 * (A1 > 0)": "dZ1 = dA1 ** 3 * (A1 > 0)",
    "dW1_T = dZ1.T @ X / m": "dW1_T = (dZ1.T @ X) ** 3 / m",
}


def told(source: str, folder: Path) -> dict[str, Any]:
    path = folder / "mine.py"
    path.write_text(source, "utf8")
    found = assess(str(path))
    assert found["verdict"] == "refuted"
    return found


def line_of(text: str, source: str) -> int:
    return source[: source.index(text)].count("\n") + 1


@pytest.fixture(autouse=True)
def _without(monkeypatch: pytest.MonkeyPatch) -> None:
    without_repairs(monkeypatch)


RECURRENT = """
import numpy as np
U, W, V = np.random.randn(3, 2), np.random.randn(3, 3) / 2, np.random.randn(2, 3)
xs, ys = np.random.randn(4, 2), np.random.randn(4, 2)
for turn in range(9):
    h, loss = {-1: np.zeros(3)}, 0.0
    for t in range(4):
        h[t] = np.tanh(U @ xs[t] + W @ h[t - 1])
        loss += 0.5 * np.sum((V @ h[t] - ys[t]) ** 2)
    dU, dW, dV, dh_next = np.zeros((3, 2)), np.zeros((3, 3)), np.zeros((2, 3)), np.zeros(3)
    for t in reversed(range(4)):
        dy = V @ h[t] - ys[t]
        dV += np.outer(dy, h[t])
        dh = V.T @ dy + dh_next
        dz = dh * (1 - h[t] ** 2)
        dU += np.outer(dz, xs[t])
        dW += np.outer(dz, h[t - 1])
        dh_next = W.T @ dz
    U, W, V = U - 0.1 * dU, W - 0.1 * dW, V - 0.1 * dV
"""
IN_TIME = {
    "dh_next = W.T @ dz": "dh_next = np.sin(W.T @ dz)",
    "dW += np.outer(dz, h[t - 1])": "dW += np.outer(dz, h[t - 1]) ** 3",
    "dz = dh * (1 - h[t] ** 2)": "dz = np.exp(dh) * (1 - h[t] ** 2)",
}
CONVOLUTION = """
import numpy as np
X, Y = np.random.randn(1, 22, 22), np.random.randn(1, 18, 18)
k, c = np.random.randn(3, 3), np.random.randn(3, 3)
def forward(x, k):
    out = np.zeros((x.shape[0], x.shape[1] - 2, x.shape[2] - 2))
    for n in range(x.shape[0]):
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                out[n, i, j] = np.sum(x[n, i:i + 3, j:j + 3] * k)
    return out
def backward(d, x, k):
    dx, dk = np.zeros(x.shape), np.zeros(k.shape)
    for n in range(x.shape[0]):
        for i in range(d.shape[1]):
            for j in range(d.shape[2]):
                dk += d[n, i, j] * x[n, i:i + 3, j:j + 3]
                dx[n, i:i + 3, j:j + 3] += d[n, i, j] * k
    return dx, dk
for turn in range(9):
    a = np.tanh(forward(X, k))
    s = forward(a, c) - Y
    loss = 0.5 * np.sum(s ** 2)
    da, dc = backward(s, a, c)
    _, dk = backward(da * (1 - a ** 2), X, k)
    k -= 0.1 * dk
    c -= 0.1 * dc
"""
ELEMENT_BY_ELEMENT = {"dx[n, i:i + 3, j:j + 3] += d[n, i, j] * k": "dx[n, i:i + 3, j:j + 3] = d[n, i, j] * k"}
BY_ITS_NORM = (
    TWO_LAYERS
    + """
    norm = np.sqrt(np.sum(dV ** 2) + np.sum(dW ** 2))
    if norm > 0.01:
        dV, dW = dV / norm, dW / norm
    V -= 0.1 * dV
    W -= 0.1 * dW
"""
).replace("dW, dV = h.T @ d, X.T", "dW = h.T @ d\n    dV = X.T")
POOLED = """
import numpy as np
X, Y = np.random.randn(9, 3), np.random.randn(9, 2)
V, W = np.random.randn(3, 4), np.random.randn(2, 2)
for turn in range(9):
    h = np.tanh(X @ V)
    p = h.reshape(9, 2, 2).mean(axis=2)
    d = p @ W - Y
    loss = 0.5 * np.sum(d ** 2)
    dW = p.T @ d
    dp = d @ W.T
    dh = np.repeat(dp, 2, axis=1) / 2
    dV = X.T @ (dh * (1 - h ** 2))
    V -= 0.1 * dV
    W -= 0.1 * dW
"""
CASES = [(NETWORK, right, wrong) for right, wrong in NONSENSE.items()]
CASES += [(BOOK, right, wrong) for right, wrong in IN_LOOPS.items()]
CASES += [(RECURRENT, right, wrong) for right, wrong in IN_TIME.items()]
CASES += [(CONVOLUTION, right, wrong) for right, wrong in ELEMENT_BY_ELEMENT.items()]
CASES += [(BY_ITS_NORM, "X.T @ (d @ W.T * (1 - h ** 2))", "X.T @ (d @ W.T * (1 + h ** 2))")]
CASES += [(POOLED, "np.repeat(dp, 2, axis=1) / 2", "np.repeat(dp, 2, axis=1)")]
CASES += [(RELU, right, wrong) for right, wrong in BEHIND_A_CUT.items()]


@pytest.mark.turns(1)
@pytest.mark.sample(3)
@pytest.mark.parametrize(("source", "right", "wrong"), CASES)
def test_what_no_edit_mends_is_told_at_its_line(source: str, right: str, wrong: str, tmp_path: Path) -> None:
    """Also where it runs for each layer, example or moment of a sequence, or stores element by element; where z has no
    name, and of a gradient that is transposed or scaled by the norm of all."""
    assert source.count(right) == 1
    found = told(source.replace(right, wrong), tmp_path)
    assert {fault["line"] for fault in found["faults"]} == {line_of(right, source)}


@pytest.mark.turns(1)
def test_the_slope_of_an_activation_is_told_where_it_is_computed(tmp_path: Path) -> None:
    old = "return sigmoid(z) * (1 - sigmoid(z))"
    source = BOOK.replace(old, "return np.exp(-z * z)").replace(" * sigmoid_prime(zs[-1])", "")
    found = told(source, tmp_path)
    assert {fault["line"] for fault in found["faults"]} == {line_of(old, BOOK)}


@pytest.mark.turns(1)
def test_two_lines_that_no_edit_mends_are_both_told(tmp_path: Path) -> None:
    several = ("dW2 = A1.T @ dZ2 / m", "dZ1 = dA1 * (1 - A1 ** 2)")
    source = NETWORK
    for right in several:
        source = source.replace(right, NONSENSE[right])
    found = told(source, tmp_path)
    assert {fault["line"] for fault in found["faults"]} == {line_of(right, NETWORK) for right in several}


@pytest.mark.turns(1)
@pytest.mark.parametrize(
    ("right", "wrong"),
    [("dZ1 = dA1 * (1 - A1 ** 2)", NONSENSE["dZ1 = dA1 * (1 - A1 ** 2)"]),
     ("db1 = np.sum(dZ1, axis=0, keepdims=True) / m", "db1 = 2 * np.sum(dZ1, axis=0, keepdims=True) / m")],
)  # fmt: skip
def test_what_may_be_wrong_as_well_stands_behind_the_line_and_spoils_nothing(
    right: str, wrong: str, tmp_path: Path
) -> None:
    """With half of dZ1, db1 is right and dW1 is not: dZ1 does not explain it."""
    found = told(NETWORK.replace(right, wrong), tmp_path)
    here = line_of(right, NETWORK)
    for fault in found["faults"]:
        assert fault["line"] == here
        assert len(fault["others"]) <= 2
        assert all(other["line"] > here for other in fault["others"])
        assert all(other["place"] == f"line {other['line']}" for other in fault["others"])


@pytest.mark.turns(1)
def test_the_line_that_fills_an_array_row_by_row_follows_from_no_other(tmp_path: Path) -> None:
    right = "dW1 = X.T @ dZ1 / m"
    filled = (
        "dW1 = np.zeros_like(self.W1)\n        for k in range(len(dW1)):\n            dW1[k] = X[:, k] @ dZ1 ** 3 / m"
    )
    source = NETWORK.replace(right, filled)
    found = told(source, tmp_path)
    (fault,) = found["faults"]
    assert fault["line"] == line_of("dW1[k] = ", source)
    assert [line["state"] for line in found["lines"] if line["line"] == fault["line"]] == ["wrong"]


@pytest.mark.turns(1)
def test_without_a_cost_in_sight_the_one_array_that_does_not_follow_the_cost_of_the_others_is_told(
    tmp_path: Path,
) -> None:
    """Each is the gradient of some cost, and no two of them with dW2: but three follow a usual one."""
    source = NETWORK.replace("        loss = np.sum((A2 - Y) ** 2) / (2 * m)\n", "").replace("return loss", "return A2")
    found = told(source.replace("dW2 = A1.T @ dZ2 / m", "dW2 = A1.T @ dZ2"), tmp_path)
    assert [(fault["parameter"], fault["code"]) for fault in found["faults"]] == [("W2", "dW2 = A1.T @ dZ2")]
    assert {p["name"] for p in found["parameters"] if p["state"] == "right"} == {"W1", "b1", "b2"}
    assert found["network"]["cost"] == "quadratic, unlike the others"


@pytest.mark.turns(1)
def test_a_gradient_is_told_where_it_is_computed_though_a_regulariser_is_added_later(tmp_path: Path) -> None:
    source = NETWORK.replace("/ (2 * m)", "/ (2 * m) + 0.1 * np.sum(self.W1 ** 2)")
    source = source.replace("dW1 = X.T @ dZ1 / m", "dW1 = X.T @ dZ1 ** 3 / m\n        dW1 += 0.2 * self.W1")
    (fault,) = told(source, tmp_path)["faults"]
    assert fault["code"] == "dW1 = X.T @ dZ1 ** 3 / m"
    assert fault["what"].endswith("dW1 should be ∂C/∂W1, except for what is added later")


@pytest.mark.turns(1)
def test_of_a_vector_of_all_parameters_the_part_that_is_wrong_is_told(tmp_path: Path) -> None:
    source = (HERE / "programs/open/c28_theta_vector_cost.py").read_text("utf8")
    right = "Theta2_grad = d3.T @ a2 / m"
    assert source.count(right) == 1
    (fault,) = told(source.replace(right, "Theta2_grad = np.exp(d3.T @ a2 / m)"), tmp_path)["faults"]
    assert (fault["line"], fault["parameter"]) == (line_of(right, source), "theta")
    assert fault["what"].endswith("Theta2_grad should be ∂C/∂Theta2, except for what is added later")


@pytest.mark.turns(1)
def test_the_line_is_told_where_the_cost_runs_a_forward_pass_of_its_own(tmp_path: Path) -> None:
    """No usual cost, so that nothing but this one tells what the derivatives are."""
    cost = """
    def cost(self, X, Y):
        A1 = np.tanh(X @ self.W1 + self.b1)
        return np.sum((sigmoid(A1 @ self.W2 + self.b2) - Y) ** 4) / len(X)

    def train("""
    source = NETWORK.replace("\n    def train(", cost).replace("np.sum((A2 - Y) ** 2) / (2 * m)", "self.cost(X, Y)")
    source = source.replace("dZ2 = (A2 - Y) *", "dZ2 = 4 * (A2 - Y) ** 3 *")
    right = "dZ1 = dA1 * (1 - A1 ** 2)"
    found = told(source.replace(right, NONSENSE[right]), tmp_path)
    assert {fault["line"] for fault in found["faults"]} == {line_of(right, source)}
    assert {fault["parameter"] for fault in found["faults"]} == {"W1", "b1"}


@pytest.mark.turns(1)
@pytest.mark.parametrize("separate", [False, True])
def test_a_line_is_not_of_the_forward_pass_because_a_part_of_it_is_computed_there_as_well(
    separate: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A2 - Y stands in the cost and in the first line of the backward pass, which is wrong and can be mended."""
    monkeypatch.undo()
    source = NETWORK
    if separate:
        cost = "\n    def cost(self, X, Y):\n        A1 = np.tanh(X @ self.W1 + self.b1)\n"
        cost += "        return np.sum((sigmoid(A1 @ self.W2 + self.b2) - Y) ** 2) / (2 * len(X))\n\n    def train("
        source = source.replace("\n    def train(", cost).replace("np.sum((A2 - Y) ** 2) / (2 * m)", "self.cost(X, Y)")
    right = "dZ2 = (A2 - Y) * sigmoid_prime(Z2)"
    found = told(source.replace(right, "dZ2 = (A2 - Y) * (1 - A2 ** 2)"), tmp_path)
    assert {fault["line"] for fault in found["faults"]} == {line_of(right, source)}
    assert all(fault["mended"] for fault in found["faults"])


def test_what_never_moves_is_told_where_the_others_do(tmp_path: Path) -> None:
    found = told(NETWORK.replace("        self.W1 -= lr * dW1\n", ""), tmp_path)
    (fault,) = found["faults"]
    assert fault["parameter"] == "W1"
    assert fault["code"] == "self.b1 -= lr * db1" or fault["should_be"].startswith("self.W1 -= lr * dW1, before line")
    assert fault["what"] == "not moved, though its gradient is computed; self.b1 is updated here"


ADAPTIVE = """
import numpy as np
class Net:
    def __init__(self, n_in, n_hidden, n_out):
        self.W1, self.b1 = np.random.randn(n_in, n_hidden), np.zeros(n_hidden)
        self.W2, self.b2 = np.random.randn(n_hidden, n_out), np.zeros(n_out)
        self.m, self.v, self.t = [0] * 4, [0] * 4, 0
    def train(self, X, Y):
        A1 = np.tanh(X @ self.W1 + self.b1)
        A2 = A1 @ self.W2 + self.b2
        loss = np.sum((A2 - Y) ** 2) / len(X)
        d2 = 2 * (A2 - Y) / len(X)
        d1 = d2 @ self.W2.T * (1 - A1 ** 2)
        grads = [X.T @ d1, d1.sum(axis=0), A1.T @ d2, d2.sum(axis=0)]
        self.t += 1
        for k, (p, g) in enumerate(zip([self.W1, self.b1, self.W2, self.b2], grads)):
            self.m[k] = 0.9 * self.m[k] + 0.1 * g
            self.v[k] = 0.99 * self.v[k] + 0.01 * g ** 2
            p -= 0.01 * (self.m[k] / (1 - 0.9 ** self.t)) / {root}
        return loss
"""
ROOTS = {"Adam": "(np.sqrt(self.v[k] / (1 - 0.99 ** self.t)) + 1e-8)", "AdaGrad": "np.sqrt(self.v[k] + 1e-8)"}


@pytest.mark.turns(1)
@pytest.mark.parametrize("root", ROOTS)
def test_behind_adaptive_steps_the_line_is_told_at_which_the_gradient_goes_wrong(root: str, tmp_path: Path) -> None:
    source, right = ADAPTIVE.replace("{root}", ROOTS[root]), "d1 = d2 @ self.W2.T * (1 - A1 ** 2)"
    found = told(source.replace(right, "d1 = d2 @ self.W2.T * np.exp(A1)"), tmp_path)
    assert {(fault["parameter"], fault["code"]) for fault in found["faults"]} == {
        (name, "d1 = d2 @ self.W2.T * np.exp(A1)") for name in ("W1", "b1")
    }
    assert not any(fault["numbers"] for fault in found["faults"])  # how far each should move depends on its slope
