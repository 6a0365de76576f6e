"""A cost that the program computes for all examples after each epoch, and its step never."""

import ast
from pathlib import Path

import pytest

from gradproof.exact.arrays import array_of
from gradproof.exact.numbers import literal, number, variable
from gradproof.exact.run import Run, running
from gradproof.judge.find.own_cost import with_own_cost
from gradproof.judge.find.program import read_program
from gradproof.judge.trial.weighting import weighted_sum
from tests.judge.corpus import assessed

# A cost that no table has: the gradient alone shows nothing of it.
TWINS = """
import numpy as np
rng = np.random.default_rng(0)
X, y = rng.normal(size=(12, 3)), rng.normal(size=12)
def objective(w, c, x, t):
    r = x @ w + c - t
    return np.mean(r ** 4 + 0.5 * r ** 3) + 0.1 * np.sum(w ** 2)
def gradient(w, c, x, t):
    r = x @ w + c - t
    d = (4 * r ** 3 + 1.5 * r ** 2) / len(t)
    return x.T @ d + 0.2 * w, d.sum()
w, c, wait = rng.normal(size=3), 0.0, 0
for epoch in range(5):
    for i in range(0, 12, 4):
        gw, gc = gradient(w, c, X[i:i + 4], y[i:i + 4])
        w, c = w - 0.01 * gw, c - 0.01 * gc
    if objective(w, c, X, y) > 1:
        wait += 1
"""
PARTS = """
import numpy as np
rng = np.random.default_rng(0)
X, y = rng.normal(size=(12, 3)), rng.normal(size=12)
w, c = rng.normal(size=3), np.zeros(1)
v = [np.zeros(3), np.zeros(1)]
def kosten(x, t):
    r = x @ w + c - t
    return np.mean(r ** 4)
best, patience = 1e9, 0
for epoch in range(5):
    order = rng.permutation(12)
    for i in range(0, 12, 4):
        xb, tb = X[order[i:i + 4]], y[order[i:i + 4]]
        d = 4 * (xb @ w + c - tb) ** 3 / len(tb)
        for k, (p, g) in enumerate([(w, xb.T @ d), (c, d.sum())]):
            v[k] = 0.9 * v[k] + 0.1 * g ** 2
            p -= 0.01 * g / (np.sqrt(v[k]) + 1e-8)
    if kosten(X, y) < best:
        best, patience = kosten(X, y), 0
    else:
        patience += 1
"""
IN_A_CLASS = """
import numpy as np
class Net:
    def __init__(self):
        rng = np.random.default_rng(0)
        self.p = {"W": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}
        self.decay = 0.05
    def forward(self, x):
        return 1 / (1 + np.exp(-(x @ self.p["W"] + self.p["b"])))
    def loss(self, x, t):
        return 0.5 * np.sum((self.forward(x) - t) ** 2) + 0.5 * self.decay * np.sum(self.p["W"] ** 2)
    def backward(self, x, t):
        a = self.forward(x)
        d = (a - t) * a * (1 - a)
        return {"W": x.T @ d + self.decay * self.p["W"], "b": d.sum(axis=0)}
    def fit(self, x, t):
        for k in range(0, 9, 3):
            g = self.backward(x[k:k + 3], t[k:k + 3])
            for name in self.p:
                self.p[name] -= 0.1 * g[name]
    def fit_clipped(self, x, t):
        g = self.backward(x, t)
        size = np.sqrt(sum(np.sum(one ** 2) for one in g.values()))
        for name in self.p:
            self.p[name] -= 0.1 * g[name] / max(1, size)
rng = np.random.default_rng(1)
X, T = rng.normal(size=(9, 3)), rng.uniform(size=(9, 2))
net = Net()
for epoch in range(9):
    net.fit(X, T)
    print(net.loss(X, T))
"""


CLIPPED = IN_A_CLASS.replace("net.fit(", "net.fit_clipped(")


@pytest.mark.turns(2)
@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("source", "right", "wrong"),
    [
        (TWINS, "", ""),
        (TWINS, "1.5 * r", "2.5 * r"),
        (TWINS, "+ 0.2 * w", ""),
        (PARTS, "", ""),
        (PARTS, "xb.T @ d", "X[i:i + 4].T @ d"),
        (PARTS, "4 * (", "(1 + abs(xb @ w)) * ("),
        (IN_A_CLASS, "", ""),
        (IN_A_CLASS, "d.sum(axis=0)}", 'd.sum(axis=0) + self.decay * self.p["b"]}'),  # which the cost does not punish
        (CLIPPED, "", ""),
        (CLIPPED, "d.sum(axis=0)}", 'd.sum(axis=0) + self.decay * self.p["b"]}'),
    ],
)
def test_it_is_computed_with_the_examples_of_the_step(source: str, right: str, wrong: str, tmp_path: Path) -> None:
    assert right in source
    found = assessed(source.replace(right, wrong), tmp_path)
    of_parts = source == PARTS  # of a cost whose other terms may be elsewhere
    assert found["verdict"] == (("undecided" if of_parts else "refuted") if right else "verified")
    if source not in (IN_A_CLASS, CLIPPED) and not (right and of_parts):  # which follows a usual cost
        assert found["network"]["cost"].startswith(("objective()", "kosten()"))


def added(source: str, folder: Path) -> list[str]:
    """The statements that are added to a program."""
    path = folder / "mine.py"
    path.write_text(source, "utf8")
    lines = ast.unparse(with_own_cost(read_program(str(path))).tree).splitlines()
    return [line.strip() for line in lines if line.lstrip().startswith("_cost_")]


@pytest.mark.parametrize(
    ("source", "right", "other", "told"),
    [
        (TWINS, "", "", ["_cost_objective = objective(w, c, X[i:i + 4], y[i:i + 4])"]),
        (PARTS, "", "", ["_cost_kosten = kosten(X[order[i:i + 4]], y[order[i:i + 4]])"]),
        (
            IN_A_CLASS,
            "",
            "",
            [
                "_cost_loss = self.loss(x[k:k + 3], t[k:k + 3])",
                "_cost_loss = self.loss(x, t)",
                "_cost_loss = net.loss(X, T)",
            ],
        ),
        (
            TWINS,
            "objective(w, c, X, y)",
            "objective(w, c, X[1:], y[1:])",
            ["_cost_objective = objective(w, c, X[i:i + 4], y[i:i + 4])"],
        ),
        (
            TWINS,
            "gradient(w, c, x, t)",
            "gradient(w, c, x, target, len=len)",
            ["_cost_objective = objective(w, c, X[i:i + 4], y[i:i + 4])"],
        ),
        (TWINS, "X[i:i + 4], y", "next(batches), y", []),  # it would take two mini-batches
        (TWINS, "    return np.mean(r", "    r = r * (rng.random(4) < 0.5)\n    return np.mean(r", []),  # another mask
        (PARTS, "kosten(X, y)", "kosten(V, u)", []),  # held-out examples
        (PARTS, "kosten(X, y)", "kosten(X, u)", []),  # as many targets as there are examples
        (PARTS, "y[order[i:i + 4]]", "y[epoch:epoch + 4]", []),  # parts that do not belong together
        (
            TWINS,
            "    r = x @ w + c - t\n    return",
            "    r = gradient(w, c, x, t)\n    return",
            ["_cost_objective = objective(w, c, X[i:i + 4], y[i:i + 4])"],
        ),  # a part of the cost
        (PARTS, "kosten(X, y)", "other.kosten(X, y)", []),  # of what the loop does not know
    ],
)
def test_it_is_computed_where_nothing_speaks_against_it(
    source: str, right: str, other: str, told: list[str], tmp_path: Path
) -> None:
    assert right in source
    assert added(source.replace(right, other), tmp_path) == told


REPORTED = """
import numpy as np
rng = np.random.default_rng(0)
X, y = rng.normal(size=(12, 3)), rng.integers(0, 2, size=12)
w = rng.normal(size=3)
def mse(w, x, t):
    return np.mean((1 / (1 + np.exp(-x @ w)) - t) ** 2)
def gradient(w, x, t):
    return x.T @ (1 / (1 + np.exp(-x @ w)) - t) / len(t)
for epoch in range(5):
    for i in range(0, 12, 4):
        w -= 0.1 * gradient(w, X[i:i + 4], y[i:i + 4])
    print(epoch, mse(w, X, y))
"""
ALL_AT_ONCE = REPORTED.replace("    for i in range(0, 12, 4):\n    ", "").replace("[i:i + 4]", "")


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("right", "other"),
    [
        ("", ""),
        (" gradient(", " gradient_of_mse("),
        ("print(epoch, mse(w, X, y))", "loss = mse(w, X, y)"),
        ("mse", "loss"),
    ],
)
def test_a_metric_refutes_nothing_unless_the_program_says_that_it_is_minimised(
    right: str, other: str, tmp_path: Path
) -> None:
    for source in (REPORTED, ALL_AT_ONCE):
        found = assessed(source.replace(right, other), tmp_path)
        if not other:
            assert found["verdict"] == "verified"
            assert found["network"]["cost"].startswith("binary cross-entropy")
        elif source is ALL_AT_ONCE:
            assert found["verdict"] == "refuted"
        else:  # the step computes no cost, and follows a usual one in all arrays
            assert found["verdict"] == "undecided"
            assert "but not that of" in found["undecided"][0]


PENALISED = """
import numpy as np
rng = np.random.default_rng(0)
X, y = rng.normal(size=(12, 3)), rng.normal(size=12)
w, b = rng.normal(size=3), np.zeros(1)
def cost(x, t):
    return np.mean((x @ w + b - t) ** 2) + COST
for epoch in range(5):
    for i in range(0, 12, 4):
        d = 2 * (X[i:i + 4] @ w + b - y[i:i + 4]) / 4
        w -= 0.1 * (X[i:i + 4].T @ d + STEP)
        b -= 0.1 * d.sum()
    print(cost(X, y))
"""


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("of_cost", "of_step", "verdict"),
    [
        ("0.1 / len(t) * np.sum(w ** 2)", "0.2 / 12 * w", "verified"),  # divided by all examples
        ("0", "0.1 * np.sign(w)", "verified"),  # no part of what it prints
        ("0", "0.1 * w ** 3", "undecided"),
    ],
)
def test_what_it_prints_may_have_other_penalties(of_cost: str, of_step: str, verdict: str, tmp_path: Path) -> None:
    source = PENALISED.replace("COST", of_cost).replace("STEP", of_step)
    assert assessed(source, tmp_path)["verdict"] == verdict


TWO = """
import numpy as np
rng = np.random.default_rng(0)
X, We, Wd = rng.normal(size=(12, 3)), rng.normal(size=(3, 2)), rng.normal(size=(2, 3))
for epoch in range(5):
    mu = X @ We
    rec_loss = np.sum((mu @ Wd - X) ** 2) / 12
    kl_loss = 0.5 * np.sum(mu ** 2) / 12
    d = 2 * (mu @ Wd - X) / 12
    dmu = d @ Wd.T + mu / 12
    Wd -= 0.05 * mu.T @ d
    We -= 0.05 * X.T @ dmu
    print(rec_loss, kl_loss)
"""


@pytest.mark.sample(1)
@pytest.mark.parametrize(("right", "wrong"), [("", ""), ("+ mu / 12", "+ mu")])
def test_costs_that_are_only_printed_may_be_minimised_together(right: str, wrong: str, tmp_path: Path) -> None:
    found = assessed(TWO.replace(right, wrong), tmp_path)
    assert found["verdict"] == ("refuted" if wrong else "verified")
    assert wrong or found["network"]["cost"] == "rec_loss + kl_loss of line 8"


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("right", "other", "verdict"),
    [
        ("+ mu / 12", "+ 0.3 * mu / 12", "undecided"),
        ("+ mu / 12", "+ mu / 40", "refuted"),  # at a weight that is not written
        ("+ mu / 12", "- 0.3 * mu / 12", "refuted"),
        ("0.05 * mu.T @ d", "0.05 * 0.3 * mu.T @ d", "refuted"),  # of one array only
        ("+ mu / 12", "+ mu[::-1] / 12", "refuted"),
    ],
)
def test_costs_that_are_only_printed_may_have_weights(right: str, other: str, verdict: str, tmp_path: Path) -> None:
    assert right in TWO
    found = assessed(TWO.replace(right, other), tmp_path)
    assert found["verdict"] == verdict
    assert verdict == "refuted" or "rec_loss of line 7 + 0.3 kl_loss of line 8" in found["undecided"][0]


def test_a_number_of_its_own_follows_no_weighted_sum_of_costs() -> None:
    """Two numbers that each have a cost of their own follow these at any weights, which proves nothing."""
    with running(Run()):
        a, b, c = (variable(x) for x in (1.5, 0.5, 2.5))
        costs = {"one": a * a + a * c, "other": b * b}
        moves = {"a": array_of([number(0) - a - a - c], (1,)), "c": array_of([number(0) - a], (1,))}
        given = [array_of([x], (1,)) for x in (a, c, b)]
        half = literal(0.5)
        assert not weighted_sum(costs, moves | {"b": array_of([number(0) - b], (1,))}, given, set())
        more = costs | {"other": b * b + c * b}
        moves["c"] = array_of([number(0) - a - half * b], (1,))
        moves["b"] = array_of([number(0) - b - half * c], (1,))
        assert weighted_sum(more, moves, given, set()) == "one + 0.5 other"
        p, q = literal(0.1) * literal(0.7), literal(0.1) * literal(0.3)
        slopes = {"a": p * (a + a + c), "c": p * a + q * b, "b": q * (b + b + c)}
        moves = {name: array_of([number(0) - slope], (1,)) for name, slope in slopes.items()}
        assert weighted_sum(more, moves, given, set()) == "0.7 one + 0.3 other"


def test_another_penalty_than_the_printed_one_refutes_nothing_though_biases_follow_it(tmp_path: Path) -> None:
    """Several biases follow the cost of all examples, whose penalty may have another form, or another divisor."""
    source = PENALISED.replace("size=12)", "size=(12, 2))").replace("size=3), np.zeros(1)", "size=(3, 2)), np.zeros(2)")
    source = source.replace(") / 4\n", ") / 8\n").replace("d.sum()", "d.sum(axis=0)")
    source = source.replace("COST", "0.1 / len(t) * np.sum(w ** 2)")
    for of_step, verdict in (("0.2 / 12 * w", "verified"), ("0.2 / 4 * w[::-1]", "refuted"), ("-0.2 * w", "refuted")):
        assert assessed(source.replace("STEP", of_step), tmp_path)["verdict"] == verdict, of_step
    without = source.replace("0.1 / len(t) * np.sum(w ** 2)", "0")
    assert assessed(without.replace("STEP", "0.1 * w ** 3"), tmp_path)["verdict"] == "undecided"
    for of_step in ("-0.2 * w", "-0.2 * np.sign(w)"):  # weights that grow are no penalty of another form
        assert assessed(without.replace("STEP", of_step), tmp_path)["verdict"] == "refuted", of_step


SMOOTHED = """
import numpy as np
rng = np.random.default_rng(0)
X, y = rng.normal(size=(6, 3)), np.array([0, 1, 1, 0, 1, 0])
w, b = rng.normal(size=3), np.zeros(1)
for epoch in range(5):
    p = 1 / (1 + np.exp(-X @ w - b))
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    d = (p - (0.9 * y + 0.05)) / 6
    w -= 0.1 * X.T @ d
    b -= 0.1 * d.sum()
    print(loss)
"""


SHIFTED = SMOOTHED.replace("1 / (1 + np.exp(-X @ w - b))", "X @ w + b").replace("(0.9 * y + 0.05)", "(3 * y + 0.05)")
SHIFTED = SHIFTED.replace("-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))", "np.mean((p - 3 * y) ** 2)")
ONE_OUTPUT = """
import numpy as np
X, Y, w = np.random.randn(8, 3), np.random.rand(8), np.random.randn(3)
for x, y in zip(X, Y):
    e = np.tanh(x @ w) - y
    loss = 0.5 * e ** 2 + 0.05 * np.sum(w ** 2)
    w -= 0.1 * (e * (1 - (e + y) ** 2) * x + 0.2 * w)
"""


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        (ONE_OUTPUT, "refuted"),
        (SMOOTHED, "verified"),
        (SMOOTHED.replace("0.9 * y", "0.4 * y"), "refuted"),
        (SHIFTED, "refuted"),
    ],
)
def test_labels_may_be_smoothed_in_the_gradient_alone(source: str, verdict: str, tmp_path: Path) -> None:
    """What is shifted from 3 to 3.05 is no label of 0 or 1, and of one output all gradients are parallel."""
    found = assessed(source, tmp_path)
    assert found["verdict"] == verdict
    said = "not compared with its own cost, loss of line 8, in which the labels are not smoothed"
    assert (said in found["notes"]) == (verdict == "verified")


PERCEPTRON = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(40, 3))
y = np.where(X[:, 0] > 0.1, 1.0, -1.0)
w, b = rng.normal(size=3) * 0.1, 0.0
def hinge_loss(X, y):
    return np.mean(np.maximum(0, 1 - y * (X @ w + b)))
for epoch in range(10):
    for i in range(len(X)):
        if y[i] * (X[i] @ w + b) <= 0:
            w += 0.1 * y[i] * X[i]
            b += 0.1 * y[i]
    print(epoch, hinge_loss(X, y))
"""


def test_a_loop_of_several_steps_is_not_compared_with_a_cost_where_one_of_them_is_undecided(tmp_path: Path) -> None:
    assert assessed(PERCEPTRON, tmp_path)["verdict"] == "undecided"
