"""A forward pass that runs before the loop: again at the end of each turn, as it should, or never again."""

from pathlib import Path

import pytest

from gradproof.judge.find.forward import with_forward_passes
from gradproof.judge.find.program import read_program
from tests.judge.corpus import assessed

DATA = """
import numpy as np
rng = np.random.default_rng(0)
X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 1))
theta, eta = rng.normal(size=(3, 1)), 0.1
"""
LINEAR = DATA + "h = X @ theta\nfor t in range(10):\n    theta = theta - 0.1 * X.T @ (h - y)\n    h = X @ theta\n"
IN_A_FUNCTION = """
def gradient_descent(X, y, theta, alpha, num_iters):
    h = X.dot(theta)
    for _ in range(num_iters):
        theta = theta - alpha * X.T.dot(h - y)
        h = X.dot(theta)
    return theta
"""
TWO_LAYERS = """
import numpy as np
rng = np.random.default_rng(1)
X, Y = rng.normal(size=(5, 3)), rng.uniform(size=(5, 2))
W1, W2 = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
def forward():
    global a1, a2
    a1 = 1 / (1 + np.exp(-X @ W1))
    a2 = 1 / (1 + np.exp(-a1 @ W2))
forward()
for epoch in range(100):
    d2 = (a2 - Y) * a2 * (1 - a2)
    d1 = d2 @ W2.T * a1 * (1 - a1)
    W2 -= 0.1 * a1.T @ d2
    W1 -= 0.1 * X.T @ d1
    forward()
    loss = np.mean((a2 - Y) ** 2)
    print(epoch, loss)
"""


IN_A_CLASS = """
import numpy as np
class Model:
    def __init__(self):
        self.w, self.history = np.random.randn(3), []
    def forward(self, X):
        return np.tanh(X @ self.w)
    def fit(self, X, y):
        p = self.forward(X)
        for t in range(10):
            self.w -= 0.1 * X.T @ ((p - y) * (1 - p ** 2))
            p = self.forward(X)
            self.loss = 0.5 * np.sum((p - y) ** 2)
            self.history.append(self.loss)
Model().fit(np.random.randn(6, 3), np.random.randn(6))
"""


@pytest.mark.sample(3)
@pytest.mark.turns(2)
@pytest.mark.parametrize(
    ("source", "right", "wrong"),
    [
        (IN_A_CLASS, "", ""),
        (IN_A_CLASS, "X.T @ (", "X[::-1].T @ ("),
        (LINEAR, "", ""),
        (LINEAR, "h - y", "y - h"),
        (IN_A_FUNCTION, "", ""),
        (IN_A_FUNCTION, "X.T.dot(h - y)", "X.T.dot(h - y)[::-1]"),
        (TWO_LAYERS, "", ""),
        (TWO_LAYERS, "W2.T * a1", "W2.T * a2[:, :1]"),
    ],
)
def test_a_step_that_uses_the_forward_pass_of_the_turn_before_is_judged(
    source: str, right: str, wrong: str, tmp_path: Path
) -> None:
    """A turn of the loop does not begin with its forward pass, so that it is no step by itself."""
    assert right in source
    assert assessed(source.replace(right, wrong), tmp_path)["verdict"] == ("refuted" if wrong else "verified")


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("    h = X @ theta\n", "    h = X @ theta\n    theta -= 0.01 * theta\n"),  # which h does not know of
        ("    h = X @ theta\n", "    h = X @ theta\n    shrink(theta)\n"),
        ("    h = X @ theta\n", "    h = X @ theta / 2\n"),
        ("h = X @ theta", "h = h + X @ theta"),  # which would count twice
        ("h = X @ theta\nfor", "h = X @ theta\ntheta = theta + 1\nfor"),
        ("    theta = theta", "    h = X @ theta\n    theta = theta"),  # so that nothing is missing
        ("    h = X @ theta\n", "    h = X @ theta\n    theta[...] = 0.9 * theta\n"),
        ("    h = X @ theta\n", "    h = X @ theta\n    for p in [theta]:\n        p -= 0.1 * p\n"),  # another name
        ("    h = X @ theta\n", "    h = X @ theta\n    optimizer.step()\n"),
        ("for t in range(10):", "for X in range(10):"),
        ("h = X @ theta\n", "h = X @ theta; X = abs(X)\n"),  # so that the turn has other examples than h
        ("h = X @ theta\n", "h = X @ theta * rng.random(6)\n"),
    ],
)
def test_no_forward_pass_is_added_that_would_give_other_numbers_or_that_is_there(
    right: str, wrong: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.py"
    for source, added in ((LINEAR, 1), (LINEAR.replace(right, wrong), 0)):
        path.write_text(source, "utf8")
        program = read_program(str(path))
        loop, turned = program.tree.body[-1], with_forward_passes(program).tree.body[-1]
        assert len(turned.body) - len(loop.body) == added, source  # type: ignore[attr-defined]


def test_a_forward_pass_may_go_on_with_one_name(tmp_path: Path) -> None:
    """Each statement changes what the next one reads, and the first begins anew."""
    path, several = tmp_path / "mine.py", "h = X @ theta; h = np.tanh(h); h = np.exp(h)\n"
    for statements, added in ((several, 3), (several.removeprefix("h = X @ theta; "), 0)):
        path.write_text(LINEAR.replace("h = X @ theta\n", statements), "utf8")
        program = read_program(str(path))
        loop, turned = program.tree.body[-1], with_forward_passes(program).tree.body[-1]
        assert len(turned.body) - len(loop.body) == added  # type: ignore[attr-defined]


def test_what_a_forward_pass_reads_through_functions_counts_too(tmp_path: Path) -> None:
    source = LINEAR.replace("h = X @ theta\n", "h = predicted()\n").replace(
        "h = pre", "def predicted():\n    return scores() / 2\ndef scores():\n    return X @ theta\nh = pre", 1
    )
    path = tmp_path / "mine.py"
    for end, added in (("", 1), ("    theta = theta / 2\n", 0), ("    print(theta.mean(), h.sum())\n", 1)):
        path.write_text(source + end, "utf8")
        program = read_program(str(path))
        loop, turned = program.tree.body[-1], with_forward_passes(program).tree.body[-1]
        assert len(turned.body) - len(loop.body) == added, end  # type: ignore[attr-defined]


STALE = LINEAR.removesuffix("    h = X @ theta\n")


@pytest.mark.parametrize("source", [STALE, IN_A_FUNCTION.replace("        h = X.dot(theta)\n", "")])
def test_a_forward_pass_that_is_never_run_again_is_refuted_and_named(source: str, tmp_path: Path) -> None:
    found = assessed(source, tmp_path)
    assert found["verdict"] == "refuted"
    (fault,) = found["faults"]
    before = next(k for k, line in enumerate(source.splitlines(), start=1) if line.lstrip().startswith("h = "))
    assert f"what line {before} computes is not computed again" in fault["what"]
    assert found["parameters"] == [{"name": "theta", "state": "wrong from the second step on"}]


@pytest.mark.parametrize(
    ("right", "other"),
    [
        ("theta = theta - 0.1 * X.T @ (h - y)", "theta = theta - 0.1 / 6 * X[[t]].T @ (h - y)[[t]]"),  # other examples
        ("h = X @ theta\nfor", "g = X.T @ (X @ theta - y)\nfor"),  # the gradient in small parts
    ],
)
def test_examples_one_by_one_and_a_step_in_parts_are_right(right: str, other: str, tmp_path: Path) -> None:
    source = STALE.replace("range(10)", "range(6)").replace(right, other)
    if "g = " in other:
        source = source.replace("0.1 * X.T @ (h - y)", "0.1 / 6 * g")
    assert assessed(source, tmp_path)["verdict"] == "verified"


REWEIGHTED = (
    DATA
    + """
k = 1 / (np.abs(X @ theta - y) + 0.1)
for t in range(10):
    r = X @ theta - y
    loss = np.sum(k * r ** 2)
    theta -= 0.2 * X.T @ (k * r)
    k = 1 / (np.abs(X @ theta - y) + 0.1)
"""
)
TARGETS = (
    DATA
    + """
following, behind = rng.normal(size=(6, 3)), theta.copy()
for t in range(10):
    target = y + 0.5 * following @ behind
    loss = np.mean((X @ theta - target) ** 2)
    theta = theta - 0.1 / 3 * X.T @ (X @ theta - target)
    behind = theta.copy()
"""
)


@pytest.mark.sample(1)
@pytest.mark.parametrize("source", [REWEIGHTED, TARGETS])
@pytest.mark.parametrize("wrong", ["", "X[::-1].T @ ("])
def test_what_a_turn_leaves_for_the_next_may_be_held_fixed(source: str, wrong: str, tmp_path: Path) -> None:
    """Weights of a majorising cost, or a copy for the targets: the gradient does not go through them."""
    found = assessed(source.replace("X.T @ (", wrong or "X.T @ ("), tmp_path)
    assert found["verdict"] == ("refuted" if wrong else "verified")
    said = "k: held fixed, as computed at the end of the turn before" in found["notes"]
    assert said == (source is REWEIGHTED and not wrong)


WEIGHTS = "k = 1 / (np.abs(X @ theta - y) + 0.1)\n"
BEGUN_ANEW = REWEIGHTED.replace(WEIGHTS, "pass\n").replace("    r = X", f"    {WEIGHTS}    r = X")
ONE_BY_ONE = (
    DATA
    + """
following, theta = rng.normal(size=(6, 3)), theta.ravel()
for t in range(6):
    e = y[t, 0] + 0.9 * following[t] @ theta - X[t] @ theta
    theta = theta + 0.1 * e * X[t]
"""
)


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("source", "right", "other", "verdict"),
    [
        (BEGUN_ANEW, "", "", "undecided"),
        (BEGUN_ANEW, "np.sum(k * r ** 2)", "np.sum((np.sqrt(k) * r) ** 2)", "undecided"),
        (BEGUN_ANEW, "k * r)", "k * r[::-1])", "refuted"),
        (BEGUN_ANEW, "(k * r)", "r", "refuted"),
        (ONE_BY_ONE, "", "", "undecided"),
        (
            ONE_BY_ONE,
            "+ 0.9 * following[t] @ theta - X[t] @ theta",
            "- X[t] @ theta + 0.9 * following[t] @ theta",
            "undecided",
        ),
        (ONE_BY_ONE, "e * X[t]", "e * X[t][::-1]", "refuted"),
        (ONE_BY_ONE, "y[t, 0]", "0.5", "refuted"),  # a margin between the two
    ],
)
def test_what_is_right_only_with_something_held_fixed_is_undecided(
    source: str, right: str, other: str, verdict: str, tmp_path: Path
) -> None:
    """Weights of a majorising cost that are computed in the same turn, or targets without a name."""
    assert right in source
    found = assessed(source.replace(right, other), tmp_path)
    assert found["verdict"] == verdict
    assert verdict == "refuted" or "held fixed" in found["undecided"][0]


def test_two_equal_updates_are_one_step_of_a_cost_that_both_belong_to(tmp_path: Path) -> None:
    """Shared weights are moved once for each branch, by gradients that are equal here."""
    source = (
        DATA
        + """
for t in range(10):
    out = X @ theta + X @ theta
    loss = np.mean((out - y) ** 2)
    d = 2 * (out - y) / 6
    theta = theta - 0.05 * X.T @ d
    theta = theta - 0.05 * X.T @ d
"""
    )
    assert assessed(source, tmp_path)["verdict"] == "verified"
