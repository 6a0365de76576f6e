"""An array that is wrong only because of a fault in a later layer is told from one with a fault of its own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradproof.exact.arrays import array_of
from gradproof.exact.numbers import variable
from gradproof.exact.run import BITS, Reading
from gradproof.judge.lines.inheritance import later_layers
from gradproof.judge.trial.execution import ExactRun
from tests.judge.corpus import without_repairs
from tests.judge.test_causes import BOOK, NONSENSE, told
from tests.judge.test_repair import NETWORK

OUTPUT, HIDDEN = "dZ2 = (A2 - Y) * sigmoid_prime(Z2)", "dZ1 = dA1 * (1 - A1 ** 2)"
CLIPPED = NETWORK.replace(
    "        self.W2 -= lr * dW2\n",
    "        size = np.sqrt(sum(np.sum(g * g) for g in (dW1, db1, dW2, db2)))\n"
    "        dW1, db1, dW2, db2 = (g / size for g in (dW1, db1, dW2, db2))\n        self.W2 -= lr * dW2\n",
)
DEEP = """
import numpy as np

class Net:
    def __init__(self, n_in, n_one, n_two, n_out):
        self.p = {"W1": np.random.randn(n_one, n_in), "b1": np.zeros((n_one, 1)), "W2": np.random.randn(n_two, n_one),
            "b2": np.zeros((n_two, 1)), "W3": np.random.randn(n_out, n_two), "b3": np.zeros((n_out, 1))}

    def train(self, X, Y, lr=0.1):
        p, m = self.p, X.shape[1]
        A1 = np.tanh(p["W1"] @ X + p["b1"])
        A2 = np.tanh(p["W2"] @ A1 + p["b2"])
        A3 = p["W3"] @ A2 + p["b3"]
        cost = np.sum((A3 - Y) ** 2) / (2 * m) + 0.05 * sum(np.sum(p[k] ** 2) for k in ("W1", "W2", "W3"))
        dZ3 = (A3 - Y) / m
        g = {"W3": dZ3 @ A2.T + 0.1 * p["W3"], "b3": dZ3.sum(axis=1, keepdims=True)}
        dZ2 = p["W3"].T @ dZ3 * (1 - A2 ** 2)
        g |= {"W2": dZ2 @ A1.T + 0.1 * p["W2"], "b2": dZ2.sum(axis=1, keepdims=True)}
        dZ1 = p["W2"].T @ dZ2 * (1 - A1 ** 2)
        g |= {"W1": dZ1 @ X.T + 0.1 * p["W1"], "b1": dZ1.sum(axis=1, keepdims=True)}
        for k in p:
            p[k] -= lr * g[k]
        return cost
"""
LATER, OWN = 'dZ2 = p["W3"].T @ dZ3 * (1 - A2 ** 2)', '"b1": dZ1.sum(axis=1, keepdims=True)'
IN_TWO = "return sigmoid(z) * (1 - sigmoid(z))"
IN_A_LOOP = "delta = np.dot(self.weights[-l + 1].transpose(), delta) * sp"


@pytest.fixture(autouse=True)
def _without(monkeypatch: pytest.MonkeyPatch) -> None:
    without_repairs(monkeypatch)


def inherited(found: dict[str, Any]) -> dict[str, bool | None]:
    return {fault["parameter"]: fault["inherited"] for fault in found["faults"]}


def test_what_follows_from_a_fault_of_a_later_layer_is_inherited(tmp_path: Path) -> None:
    found = told(NETWORK.replace(OUTPUT, NONSENSE[OUTPUT]), tmp_path)
    assert inherited(found) == {"W1": True, "b1": True, "W2": False, "b2": False}


@pytest.mark.turns(1)
@pytest.mark.parametrize("own", [HIDDEN, "dW1 = X.T @ dZ1 / m"])
def test_a_fault_of_its_own_beside_one_of_a_later_layer_is_not(own: str, tmp_path: Path) -> None:
    found = told(NETWORK.replace(OUTPUT, NONSENSE[OUTPUT]).replace(own, NONSENSE[own]), tmp_path)
    assert [name for name, from_later in inherited(found).items() if from_later] == ["b1"] * (own != HIDDEN)


@pytest.mark.turns(1)
@pytest.mark.parametrize(
    ("right", "own", "from_later"),
    [(OWN, f"{OWN} ** 3", ["W1"]), (OWN, f"{OWN} * 2", ["W1"]), ("dZ1 = p", "dZ1 = 2 * p", [])],
)
def test_what_a_later_layer_hands_down_is_known_where_each_array_has_its_own_line(
    right: str, own: str, from_later: list[str], tmp_path: Path
) -> None:
    """In the loop at the end each array has its own number, with which it would be right.

    With half of the right dZ2 the double dZ1 would be right, but W2 would not.
    """
    wrong = DEEP.replace(LATER, 'dZ2 = np.sin(p["W3"].T @ dZ3)')
    both = wrong.replace(right, own)
    assert len({DEEP, wrong, both}) == 3
    found = {name.split("'")[1]: known for name, known in inherited(told(both, tmp_path)).items()}
    assert found == {name: name in from_later for name in ("W1", "b1", "W2", "b2")}


@pytest.mark.turns(1)
@pytest.mark.parametrize(
    ("right", "wrong"),
    [(IN_TWO, "return np.exp(-z * z)"), (IN_A_LOOP, "delta = np.sin(np.dot(self.weights[-l + 1].T, delta))")],
)
def test_a_line_that_is_wrong_in_each_layer_is_each_layers_own_fault(right: str, wrong: str, tmp_path: Path) -> None:
    assert BOOK.count(right) == 1
    told_of = inherited(told(BOOK.replace(right, wrong), tmp_path))
    assert len(told_of) >= 4
    assert not any(told_of.values())


@pytest.mark.turns(1)
def test_no_fault_is_handed_down_that_would_spoil_what_is_right(tmp_path: Path) -> None:
    """With m times dZ2, which dW2 follows from as well, both means would be right: they should be sums."""
    source = NETWORK.replace("        dA1 = dZ2", "        db2 = db2 / m\n        dA1 = dZ2")
    source = source.replace("        self.W2 -= lr * dW2", "        db1 = db1 / m\n        self.W2 -= lr * dW2")
    assert inherited(told(source, tmp_path)) == {"b1": False, "b2": False}


@pytest.mark.turns(1)
def test_what_scales_all_gradients_together_hands_down_no_fault(tmp_path: Path) -> None:
    own = "dW1 = X.T @ dZ1 / m"
    found = told(CLIPPED.replace(own, NONSENSE[own]), tmp_path)
    assert True not in inherited(found).values()


@pytest.mark.turns(1)
def test_what_is_not_moved_inherits_nothing(tmp_path: Path) -> None:
    source = NETWORK.replace(OUTPUT, NONSENSE[OUTPUT]).replace("        self.b1 -= lr * db1\n", "")
    assert inherited(told(source, tmp_path)) == {"W1": True, "b1": False, "W2": False, "b2": False}


# ---- which layer is later --------------------------------------------------------------------------------------


X = np.array([0.5, -1.0])
SQUARE = {"w": (2, 2), "b": (2,), "v": (2, 2), "c": (2,)}
NETWORKS = {
    "two layers": (SQUARE, lambda w, b, v, c: v @ np.tanh(w @ X + b) + c, {"w": "vc", "b": "vc"}),
    "linear ones": (SQUARE, lambda w, b, v, c: v @ (w @ X + b) + c, {"w": "vc", "b": "vc"}),
    "the bias first": (SQUARE, lambda w, b, v, c: c + (np.tanh(b + X @ w) @ v) / 3, {"w": "vc", "b": "vc"}),
    "recurrent": (SQUARE, lambda w, b, v, c: c + np.tanh(w @ X + v @ np.tanh(w @ X + b) + b), {}),
    "an output behind a cell": (
        SQUARE, lambda w, b, v, c: c * np.tanh(v @ np.tanh(v @ X + w @ X + b) + b), {"w": "c", "b": "c", "v": "c"}),
    "a scale and a shift": (SQUARE, lambda w, b, v, c: np.tanh(w @ X) * b + c, {"w": "bc"}),
    "past a layer": (SQUARE, lambda w, b, v, c: v @ np.tanh(w @ X + b) + c * X, {"w": "vc", "b": "vc"}),
    "side by side": (SQUARE, lambda w, b, v, c: np.tanh(w @ X + b) * np.tanh(v @ X + c), {}),
}  # fmt: skip


@pytest.mark.parametrize("decay", ["", "square", "product"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_later_layer_takes_what_an_earlier_one_gives(name: str, decay: str) -> None:
    """Whatever is added up is of one layer, but for a weight decay, which is no part of the network."""
    shapes, network, later = NETWORKS[name]
    rng = np.random.default_rng(0)
    with ExactRun(Reading.EXACT, BITS, 1):
        given = {
            path: array_of([variable(value) for value in rng.random(int(np.prod(shape)))], shape)
            for path, shape in shapes.items()
        }
        cost = (network(*given.values()) ** 2).sum()
        for array in given.values() if decay else ():
            cost = cost + ((array**2).sum() if decay == "square" else (array * (0.5 * array)).sum())
        found = later_layers(cost, {path: [x.index for x in array.flat] for path, array in given.items()})
    assert found == {path: set(later.get(path, "")) for path in given}
