"""A statement that is missing is told by where it is missing: its own line is not there."""

import ast
from pathlib import Path

import pytest

from gradproof.judge.lines.counterparts import entry_counterparts
from gradproof.judge.lines.gaps import gap_of
from tests.judge.corpus import HERE
from tests.judge.test_causes import told
from tests.judge.test_repair import NETWORK
from tests.judge.test_suspects import EXAMPLE

RELU_BOOK = (HERE / "programs/threads/61_dobrzanski13_book_with_relu.py").read_text("utf8")


@pytest.mark.turns(1)
@pytest.mark.usefixtures("few_edits")
@pytest.mark.parametrize(
    ("missing", "beside"),
    [
        ("nabla_w[-1] = np.dot(delta, activations[-2].transpose())", "nabla_b[-1] = delta"),
        ("nabla_b[-l] = delta", "nabla_w[-l] = np.dot(delta, activations[-l - 1].transpose())"),
    ],
)
def test_a_gradient_that_is_never_computed_is_told_beside_another_of_its_layer(
    missing: str, beside: str, tmp_path: Path
) -> None:
    assert RELU_BOOK.count(missing) == 1
    found = told(RELU_BOOK.replace(missing, "pass"), tmp_path)
    assert {fault["code"] for fault in found["faults"]} == {beside}
    assert all("is computed here, its own nowhere" in fault["what"] for fault in found["faults"])


@pytest.mark.turns(1)
def test_a_name_that_is_not_there_is_assigned_as_in_the_other_layers(tmp_path: Path) -> None:
    missing = "db1 = np.sum(dZ1, axis=0, keepdims=True) / m"
    assert NETWORK.count(missing) == 1
    source = NETWORK.replace(missing, "pass") + EXAMPLE
    found = told(source, tmp_path)
    (fault,) = found["faults"]
    assert fault["code"] == "dW1 = X.T @ dZ1 / m"
    assert (fault["should_be"], fault["mended"]) == (f"{missing}, after line {fault['line']}", True)


def test_a_gap_is_after_the_counterpart_of_what_comes_before() -> None:
    lines = ["a1 = f(z1)", "a2 = f(z2)", "d2 = a2 - y", "g['W2'] = d2 @ a1.T", "x = 1", "d1 = w @ d2", "w -= g['W1']"]
    tree = ast.parse("\n".join(lines))
    assert gap_of(tree, "W1", {1, 2}) == 6, "after d1, as g['W2'] is after d2"
    assert gap_of(tree, "d1", {1, 2}) == 3, "d2 follows the forward pass: beside d2"
    assert gap_of(tree, "d1", ()) == 1
    assert gap_of(tree, "slope", {1, 2}) is None, "no other layer has one"
    assert gap_of(ast.parse("grad_w = g @ x.T\nw -= grad_w"), "grad_x", ()) == 1


def test_the_entries_of_a_tuple_suggest_each_other() -> None:
    (statement,) = ast.parse("return W1 - lr * dW1, b1 - db1, self.c + 1, f(x)").body
    made = {ast.unparse(old): set[str]() for old, _ in entry_counterparts(statement)}
    for old, new in entry_counterparts(statement):
        made[ast.unparse(old)].add(ast.unparse(new))
    assert made["b1 - db1"] == {"b1 - lr * db1", "self.b1 + 1"}
    assert made["W1 - lr * dW1"] == {"W1 - dW1", "self.W1 + 1"}
    assert "f(x)" not in made
