"""The line and its correction: a slip in a backward pass is found where it is, and what is told instead is right."""

import ast
from pathlib import Path
from typing import Any

import pytest
from flint import arb

from gradproof.exact.run import Reading
from gradproof.judge.assessment import assess
from gradproof.judge.find.monitor import Step
from gradproof.judge.lines import repair
from gradproof.judge.lines.edits import Edit, edits, enclosing, places_of
from gradproof.judge.lines.proposals import words_at
from gradproof.judge.lines.trials import SEEDS, Seen, Trial
from tests.judge.corpus import HERE

NETWORK = """
import numpy as np

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))

class Net:
    def __init__(self, n_in, n_hidden, n_out):
        self.W1, self.b1 = np.random.randn(n_in, n_hidden), np.zeros((1, n_hidden))
        self.W2, self.b2 = np.random.randn(n_hidden, n_out), np.zeros((1, n_out))

    def train(self, X, Y, lr=0.1):
        m = X.shape[0]
        Z1 = X @ self.W1 + self.b1
        A1 = np.tanh(Z1)
        Z2 = A1 @ self.W2 + self.b2
        A2 = sigmoid(Z2)
        loss = np.sum((A2 - Y) ** 2) / (2 * m)
        dZ2 = (A2 - Y) * sigmoid_prime(Z2)
        dW2 = A1.T @ dZ2 / m
        db2 = np.sum(dZ2, axis=0, keepdims=True) / m
        dA1 = dZ2 @ self.W2.T
        dZ1 = dA1 * (1 - A1 ** 2)
        dW1 = X.T @ dZ1 / m
        db1 = np.sum(dZ1, axis=0, keepdims=True) / m
        self.W2 -= lr * dW2
        self.b2 -= lr * db2
        self.W1 -= lr * dW1
        self.b1 -= lr * db1
        return loss
"""
SLIPS = [
    ("dZ2 = (A2 - Y) * sigmoid_prime(Z2)", "dZ2 = A2 - Y", "the slope of the activation is missing"),
    ("dZ2 = (A2 - Y) * sigmoid_prime(Z2)", "dZ2 = (Y - A2) * sigmoid_prime(Z2)", "the sign is wrong"),
    ("dZ2 = (A2 - Y) * sigmoid_prime(Z2)", "dZ2 = (A2 - Y) * sigmoid_prime(A2)",
     "the function is applied to the wrong array"),
    ("dZ2 = (A2 - Y) * sigmoid_prime(Z2)", "dZ2 = (A2 - Y) * sigmoid(Z2)", "the wrong function is used"),
    ("dW2 = A1.T @ dZ2 / m", "dW2 = A1.T @ dZ2", "the division by the number of examples is missing"),
    ("dW2 = A1.T @ dZ2 / m", "dW2 = Z1.T @ dZ2 / m", "the wrong array is used"),
    ("db2 = np.sum(dZ2, axis=0, keepdims=True) / m", "db2 = np.sum(dZ2) / m", "the sum is over the wrong axis"),
    ("dZ1 = dA1 * (1 - A1 ** 2)", "dZ1 = dA1 * A1 * (1 - A1)", "the slope belongs to a different activation"),
    ("dZ1 = dA1 * (1 - A1 ** 2)", "dZ1 = dA1", "the slope of the activation is missing"),
    ("dZ1 = dA1 * (1 - A1 ** 2)", "dZ1 = dA1 * (1 - Z1 ** 2)", "the wrong array is used"),
    ("dW1 = X.T @ dZ1 / m", "dW1 = X.T @ dA1 / m", "the wrong array is used"),
    ("self.b1 -= lr * db1", "self.b1 += lr * db1", "the sign is wrong"),
    ("self.W1 -= lr * dW1", "self.W1 -= 2 * lr * dW1", "a number is wrong"),
]  # fmt: skip


def judged(source: str, place: Path) -> dict[str, Any]:
    path = place / "mine.py"
    path.write_text(source, "utf8")
    return assess(str(path))


@pytest.mark.sample(1)
@pytest.mark.parametrize(("right", "wrong", "name"), SLIPS)
def test_a_slip_is_found_at_its_line_and_its_correction_is_verified(
    right: str, wrong: str, name: str, tmp_path: Path
) -> None:
    source = NETWORK.replace(right, wrong)
    line = source.splitlines().index(next(text for text in source.splitlines() if wrong in text)) + 1
    found = judged(source, tmp_path)
    assert found["verdict"] == "refuted"
    assert {fault["line"] for fault in found["faults"]} == {line}, found["faults"]
    assert {fault["names"][0] for fault in found["faults"]} <= {name, "there is an extra factor"}, found["faults"]
    (correction,) = {fault["should_be"] for fault in found["faults"]}
    indent = source.splitlines()[line - 1].partition(wrong)[0]
    mended = "\n".join(
        indent + correction if number == line else text for number, text in enumerate(source.splitlines(), start=1)
    )
    assert judged(mended, tmp_path)["verdict"] == "verified", correction


def test_the_program_without_a_slip_is_verified(tmp_path: Path) -> None:
    assert judged(NETWORK, tmp_path)["verdict"] == "verified"


@pytest.mark.turns(1)
def test_a_slip_in_the_slope_of_two_layers_is_found_there(tmp_path: Path) -> None:
    twice = NETWORK.replace("np.tanh(Z1)", "sigmoid(Z1)").replace("(1 - A1 ** 2)", "sigmoid_prime(Z1)")
    found = judged(twice.replace("return sigmoid(z) * (1 - sigmoid(z))", "return sigmoid(z)"), tmp_path)
    assert {fault["line"] for fault in found["faults"]} == {8}
    assert {fault["should_be"] for fault in found["faults"]} == {"return sigmoid(z) * (1 - sigmoid(z))"}


@pytest.mark.turns(1)
def test_two_slips_are_two_lines_each_with_its_correction(tmp_path: Path) -> None:
    source = NETWORK.replace("dW2 = A1.T @ dZ2 / m", "dW2 = Z1.T @ dZ2 / m").replace("(1 - A1 ** 2)", "(1 - A1)")
    found = judged(source, tmp_path)
    lines = source.splitlines()
    wrong = {k for k, text in enumerate(lines, start=1) if "Z1.T @ dZ2" in text or "(1 - A1)" in text}
    assert {fault["line"] for fault in found["faults"]} == wrong
    assert {fault["should_be"] for fault in found["faults"]} == {"dW2 = A1.T @ dZ2 / m", "dZ1 = dA1 * (1 - A1 ** 2)"}


@pytest.mark.turns(1)
def test_an_array_that_is_moved_too_soon_is_told_with_where_it_belongs(tmp_path: Path) -> None:
    update, error = "        self.W2 -= lr * dW2\n", "        dA1 = dZ2 @ self.W2.T\n"
    found = judged(NETWORK.replace(update, "").replace(error, update + error), tmp_path)
    assert {fault["code"] for fault in found["faults"]} == {
        "self.W2 -= lr * dW2"
    }  # it is what stands in the wrong place
    assert {fault["should_be"] for fault in found["faults"]} == {"self.W2 -= lr * dW2, after line 26"}


@pytest.mark.turns(1)
@pytest.mark.usefixtures("few_edits")
def test_what_no_small_edit_mends_has_its_line_and_no_correction(tmp_path: Path) -> None:
    found = judged(NETWORK.replace("dZ1 = dA1 * (1 - A1 ** 2)", "dZ1 = dA1 * np.cos(A1) + np.sin(dA1)"), tmp_path)
    assert found["verdict"] == "refuted"
    assert not any(fault["mended"] or fault["names"] for fault in found["faults"])
    assert {fault["code"] for fault in found["faults"]} == {"dZ1 = dA1 * np.cos(A1) + np.sin(dA1)"}


@pytest.mark.parametrize(
    ("second", "accepted"),
    [
        (("ab", "", "1"), True),
        (("b", "a", "1"), False),  # it mends at the first point alone
        (("a", "b", "1"), False),  # what was right is wrong
        (("ab", "", "2"), False),  # the cost is another
        (None, False),  # it raises
    ],
)
def test_an_edit_is_a_correction_if_it_mends_at_both_points_and_spoils_nothing(
    second: tuple[str, str, str] | None, accepted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seen(right: str, wrong: str, cost: str) -> Seen:
        return Seen(frozenset(right), frozenset(wrong), arb(cost))

    points = [seen("ab", "", "1"), None if second is None else seen(*second)]
    monkeypatch.setattr(repair, "seen_in", lambda trial, seed: points[SEEDS.index(seed)])
    before = [seen("b", "a", "1")] * 2
    scene: Any = None
    trial = Trial(scene, Step("statement", 1, 0, []), (), "", "", Reading.EXACT, SEEDS[:2])
    assert (repair._improved(trial, before) is not None) == accepted


@pytest.mark.parametrize(("name", "accepted"), [("", False), ("quadratic", True)])
def test_of_a_cost_that_is_not_known_an_edit_must_mend_everything(
    name: str, accepted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some arrays always follow one cost or another."""
    scene: Any = None
    trial = Trial(scene, Step("statement", 1, 0, []), (), "", name, Reading.EXACT, SEEDS[:2])
    monkeypatch.setattr(repair, "seen_in", lambda *_: Seen(frozenset("ab"), frozenset("c"), None))
    before = [Seen(frozenset("b"), frozenset("ac"), None)] * 2
    assert (repair._improved(trial, before) is not None) == accepted


def test_of_an_array_on_which_the_cost_does_not_depend_here_nothing_is_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is right not to move it then, whatever the line should be."""
    scene: Any = None
    trial = Trial(scene, Step("statement", 1, 0, []), (), "cost", "", Reading.EXACT, SEEDS[:2])
    before = [Seen(frozenset("b"), frozenset("a"), None)] * 2
    for flat, accepted in ((frozenset("a"), False), (frozenset("b"), True)):
        monkeypatch.setattr(repair, "seen_in", lambda *_, flat=flat: Seen(frozenset("ab"), frozenset(), None, flat))
        assert (repair._improved(trial, before) is not None) == accepted


@pytest.mark.turns(1)
def test_no_correction_is_right_by_the_values_of_two_constants_alone(tmp_path: Path) -> None:
    """Of 0.9 and 0.1 the one minus 1 is minus the other: `momentum * db1 - db1` moves as far, in the first step."""
    source = NETWORK.replace(
        "np.random.randn(n_hidden, n_out), np.zeros((1, n_out))",
        "np.random.randn(n_hidden, n_out), np.zeros((1, n_out))\n        self.v = 0 * self.b1",
    )
    source = source.replace("lr=0.1):", "lr=0.1, momentum=0.9):")
    source = source.replace("self.b1 -= lr * db1", "self.v = momentum * self.v - db1\n        self.b1 += self.v")
    (fault,) = judged(source, tmp_path)["faults"]
    assert fault["code"] == "self.v = momentum * self.v - db1"
    assert not fault["mended"] or fault["should_be"] == "self.v = momentum * self.v - db1 * lr"


OVERWRITTEN = """
import numpy as np
X, Y = np.random.randn(6, 3), np.random.randn(6, 2)
V, W = np.random.randn(3, 4), np.random.randn(4, 2)
for epoch in range(9):
    a = [X]
    a.append(np.tanh(a[-1] @ V))
    a.append(a[-1] @ W)
    d = [a[-1] - Y]
    d.insert(0, d[0] @ W.T * (1 - a[1] ** 2))
    loss = 0.5 * np.sum((a[-1] - Y) ** 2)
    a[0] = np.repeat(X[-1:], 6, axis=0)
    gradients = [before.T @ error for before, error in zip(a, d)]
    V -= 0.1 * gradients[0]
    W -= 0.1 * gradients[1]
"""


@pytest.mark.turns(1)
def test_data_that_are_overwritten_are_left_alone_and_not_given_to_another_array(tmp_path: Path) -> None:
    """`d[-1] = np.repeat(…)` would leave the data alone as well, and be no correction."""
    (fault,) = judged(OVERWRITTEN, tmp_path)["faults"]
    assert (fault["code"], fault["should_be"]) == ("a[0] = np.repeat(X[-1:], 6, axis=0)", "pass")


BY_ROWS = """
import math, random
W, v = [[random.uniform(-1, 1) for _ in range(3)] for _ in range(3)], [random.uniform(-1, 1) for _ in range(3)]
points = [([0.0, 0.0, 1.0], 0.0), ([0.0, 1.0, 1.0], 1.0), ([1.0, 0.0, 1.0], 1.0), ([1.0, 1.0, 1.0], 0.0)]
for epoch in range(9):
    for x, t in points:
        h = [math.tanh(sum(W[i][j] * x[i] for i in range(3))) for j in range(3)]
        d = sum(a * b for a, b in zip(v, h)) - t
        loss = 0.5 * d ** 2
        e = [d * b * (1 - a ** 2) for a, b in zip(h, v)]
        for i in range(3):
            for j in range(3):
                change = e[j] * x[j]
                W[i][j] -= 0.1 * change
        for j in range(3):
            v[j] -= 0.1 * d * h[j]
"""


@pytest.mark.turns(1)
def test_what_mends_one_row_by_chance_and_leaves_others_of_its_line_wrong_is_no_correction(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without x[j] the row of the input that is always 1 would be right, and no other."""
    proposals = repair.proposals
    for kind, wanted in (("counter", {"change = e[j] * x[i]"}), ("extra factor", set())):  # only this kind is tried
        with monkeypatch.context() as patch:
            patch.setattr(
                repair, "proposals", lambda *those, k=kind: (e for e in proposals(*those) if e is None or e.kind == k)
            )
            faults = judged(BY_ROWS, tmp_path)["faults"]
        assert {fault["should_be"] for fault in faults if fault["mended"]} == wanted


@pytest.mark.turns(1)
def test_where_either_of_two_lines_may_be_meant_both_are_named(tmp_path: Path) -> None:
    """σ′ is given σ(z), or should be a(1 − a)."""
    source = NETWORK.replace("sigmoid_prime(Z2)", "sigmoid_prime(A2)")
    source = source.replace("return sigmoid(z) * (1 - sigmoid(z))", "s = sigmoid(z)\n    return s * (1 - s)")
    found = judged(source, tmp_path)
    lines = [source[: source.index(text)].count("\n") + 1 for text in ("dZ2 = (A2 - Y)", "s = sigmoid(z)")]
    for fault in found["faults"]:
        assert {fault["line"], *(other["line"] for other in fault["others"])} >= set(lines)
        assert fault["mended"]


def test_another_array_may_be_meant_where_a_part_of_one_is_given_a_value() -> None:
    """An index with a slice by itself is no expression."""
    tree = ast.parse("def f(x, dx, dw, d, n, i):\n    dx[n, :, i:i + 3] = d")
    around = enclosing(tree, 2)
    targets = [ast.unparse(edit.new) for edit in edits(around[-1], words_at(tree, around)) if edit.kind == "target"]
    assert "dw[n, :, i:i + 3]" in targets


@pytest.mark.turns(1)
def test_an_attribute_that_nothing_reads_may_be_the_slope_that_is_missing(tmp_path: Path) -> None:
    source = (HERE / "programs/open/16_layer_objects_lr.py").read_text("utf8")
    right = "return grad * self.f_prime(self.x)"
    assert source.count(right) == 1
    found = judged(source.replace(right, "return grad"), tmp_path)
    assert {fault["should_be"] for fault in found["faults"]} == {right}


def test_of_two_lines_the_one_that_then_looks_like_its_neighbours_is_likelier() -> None:
    tree = ast.parse("dW2 = d2 @ a1\ndW1 = d1 @ a0\nnew = (W1 - lr * dW1, W2 + lr * dW2)")
    minus, tuples = (enclosing(tree, line)[-1] for line in (1, 3))
    places = places_of(tree)
    negated = Edit("sign", minus.value, ast.UnaryOp(ast.USub(), minus.value), minus)
    entry = tuples.value.elts[1]
    swapped = Edit("sign", entry, ast.BinOp(entry.left, ast.Sub(), entry.right), tuples)
    assert repair._likeness(tree, swapped, places) > repair._likeness(tree, negated, places)
    assert repair._likeness(tree, swapped, places) == (1, True)
    assert repair._likeness(tree, negated, places) == (-1, False)
