"""Faults that only one check of the judge of whole programs sees: each program is refuted for its own reason."""

import sys
import warnings
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gradproof.judge.assessment import assess
from gradproof.judge.preference import may_prefer_whole, prefers_whole
from tests.commands import ended_here
from tests.judge.corpus import HERE, assessed, without_repairs

ONE_OUTPUT = """
import numpy as np
class Net:
    def __init__(self, n_in, n_hidden):
        self.W = np.random.randn(n_hidden, n_in)
        self.v = np.random.randn(n_hidden)
    def train(self, x, y, lr=0.1):
        h = np.tanh(self.W @ x)
        o = 1 / (1 + np.exp(-self.v @ h))
        loss = 0.5 * (o - y) ** 2
        d = {delta}
        W, v = np.outer(d * self.v * (1 - h ** 2), x), d * h
        self.W -= lr * W
        self.v -= lr * v
        return loss
net = Net(3, 4)
for _ in range(5):
    net.train(np.array([0.3, -0.8, 0.5]), 0.25)
"""
LOGISTIC = """
import numpy as np
def loss(w, b, X, y):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
def fit(X, y, steps=20, alpha=0.1):
    w, b = np.zeros(X.shape[1]), 0.0
    for k in range(steps):
        diff = 1 / (1 + np.exp(-(X @ w + b))) - y
        w = w - alpha * X.T @ diff / len(y)
        b = b - alpha * diff.{reduced}()
    return w, b
X = np.random.randn(9, 2)
y = (X[:, 0] > 0.1) * 1.0
w, b = fit(X, y)
print(loss(w, b, X, y))
"""
KEPT = """
import numpy as np
class Net:
    def __init__(self):
        self.W1, self.W2 = np.random.randn(3, 4), np.random.randn(4, 2)
    def train(self, X, Y):
        H = np.tanh(X @ self.W1)
        E = (H @ self.W2 - Y) / len(X)
        self.loss = np.sum((H @ self.W2 - Y) ** 2) / (2 * len(X))
        self.dW2 = H.T @ E
        self.dW1 = {factor} * X.T @ (E @ self.W2.T * (1 - H ** 2))
        self.W1 -= 0.1 * self.dW1
        self.W2 -= 0.1 * self.dW2
net = Net()
X, Y = np.random.randn(6, 3), np.random.randn(6, 2)
for _ in range(5):
    net.train(X, Y)
"""
RESIDUAL = """
import numpy as np
class Block:
    def __init__(self):
        self.A = np.random.randn(3, 3)
    def forward(self, x):
        self.x, self.t = x, np.tanh(x @ self.A)
        return x + self.t
    def backward(self, g):
        d = g * (1 - self.t ** 2)
        self.dA = self.x.T @ d
        return g + d @ self.A.T
blocks = [Block(), Block()]
def train(x, y):
    for block in blocks:
        x = block.forward(x)
    g = x - y
    for block in blocks[::-1]:
        g = block.backward(g)
    for block in blocks:
        block.A -= {rate} * block.dA
for _ in range(5):
    train(np.random.randn(4, 3), np.random.randn(4, 3))
"""
CASES = {
    "what is carried through the layers of a residual network": (RESIDUAL, {"rate": "0.1"}, {"rate": "block.t.mean()"}),
    "a slope that one output and one example hide": (
        ONE_OUTPUT,
        {"delta": "(o - y) * o * (1 - o)"},
        {"delta": "o - y"},
    ),
    "the sum where the mean is due, of a single number": (LOGISTIC, {"reduced": "mean"}, {"reduced": "sum"}),
    "a factor on a gradient that is kept beside its array": (KEPT, {"factor": "1.0"}, {"factor": "0.7"}),
}


NOT_TRANSPOSED = """
import numpy as np
def backprop(weights, biases, x, y):
    activations = [x]
    for w, b in zip(weights, biases):
        activations.append(1 / (1 + np.exp(-(w @ activations[-1] + b))))
    delta = activations[-1] - y
    deltas = [delta]
    for w, a in zip(weights[:0:-1], activations[-2:0:-1]):
        delta = (w @ delta) * a * (1 - a)
        deltas.insert(0, delta)
    m = x.shape[1]
    return deltas, [d.mean(1, keepdims=True) for d in deltas], [d @ a.T / m for d, a in zip(deltas, activations)]
"""


def judged(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    path = tmp_path / "mine.py"
    path.write_text(source, "utf8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(path)])
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        return assess(str(path))


@pytest.mark.sample(1)
@pytest.mark.parametrize("name", CASES)
def test_a_slip_is_seen_and_its_right_twin_verified(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, right, wrong = CASES[name]
    assert judged(source.format(**right), tmp_path, monkeypatch)["verdict"] == "verified"
    found = judged(source.format(**wrong), tmp_path, monkeypatch)
    assert found["verdict"] == "refuted"
    assert not any("decay" in fault["what"] for fault in found["faults"]), found["faults"]  # one number follows any


@pytest.mark.turns(2)
def test_a_cost_of_other_examples_than_the_steps_is_no_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = (HERE / "programs/open/c04_fit_relu_softmax_batch.py").read_text("utf8")  # the loss is of all
    assert judged(source, tmp_path, monkeypatch)["verdict"] == "verified"


TWICE = """
import math
w, v = [0.3, -0.7], [0.5, 0.2]
def step(x, y, rate=0.5):
    h = [math.tanh(a * x) for a in w]
    error = sum(a * b for a, b in zip(v, h)) - y
    for k in range(2):
        slope = error * v[k] * (1 - h[k] ** 2) * x
        v[k] -= rate * error * h[k]
        w[k] -= rate * slope
def twice():
    step(0.4, 0.1)
    step(-0.9, 0.6)
twice()
"""


def test_two_steps_at_once_are_not_called_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(TWICE, tmp_path, monkeypatch)["verdict"] != "refuted"


@pytest.mark.turns(2)
def test_the_command_does_not_call_another_activation_wrong(tmp_path: Path) -> None:
    path = HERE / "programs/threads/21_gy910210_2_tanh_right.py"
    ended = ended_here(["python", "-m", "gradproof", "check", str(path), "--architectures", "20"], tmp_path)
    assert ended.returncode == 0, ended
    assert "(tanh, tanh; " in ended.stdout


@pytest.mark.turns(2)
@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("open/c24_layers_accumulated_grads.py", "accumulates in"),
        ("open/10_nielsen_ce_l2.py", "decay differs from that in its own cost"),
        pytest.param("open/a11_network_cost_class.py", "decay", marks=pytest.mark.sample(0)),  # ten seconds
        ("open/c35_conv_layer_filters.py", "uphill"),
        ("odd/wrong/w11_clip_500.py", ""),
        ("odd/wrong/w31_chunks_of_16.py", ""),
        ("odd/wrong/w09_alias_in_place.py", ""),
        ("odd/wrong/w13_momentum.py", ""),
        ("odd/wrong/w49_mutable_default.py", "arrays, 4 at first"),
        ("odd/wrong/w37_bias_of_all_layers_same_class.py", "not moved"),
    ],
)
def test_what_only_harder_or_later_runs_show_is_refuted(
    file: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_repairs(monkeypatch)
    found = judged((HERE / "programs" / file).read_text("utf8"), tmp_path, monkeypatch)
    assert found["verdict"] == "refuted", found
    assert found["where"] or words
    assert any(words in fault["what"] for fault in found["faults"]) or not words, found["faults"]


@pytest.mark.turns(2)
def test_a_matrix_that_is_not_transposed_is_refuted_though_unequal_widths_raise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = judged(NOT_TRANSPOSED, tmp_path, monkeypatch)
    assert found["verdict"] == "refuted", found
    assert {fault["should_be"] for fault in found["faults"]} == {"delta = w.T @ delta * a * (1 - a)"}


SHAPES = {
    "rows": """
import numpy as np

class Net:
    def __init__(self, n, h, k):
        self.W1, self.b1 = np.random.randn(n, h), np.zeros((1, h))
        self.W2, self.b2 = np.random.randn(h, k), np.zeros((1, k))

    def train(self, X, Y, lr=0.1):
        A1 = np.tanh(X @ self.W1 + self.b1)
        A2 = A1 @ self.W2 + self.b2
        loss = np.sum((A2 - Y) ** 2) / 2
        d2 = A2 - Y
        d1 = d2 @ self.W2.T * (1 - A1 ** 2)
        dW1, dW2 = X.T @ d1, A1.T @ d2
        db1 = d1.sum(axis=0, keepdims=True)
        db2 = d2.sum(axis=0, keepdims=True)
        self.W1, self.W2 = self.W1 - lr * dW1, self.W2 - lr * dW2
        self.b1, self.b2 = self.b1 - lr * db1, self.b2 - lr * db2
        return loss
""",
    "columns": """
import numpy as np

def train(X, y, turns=3):
    W1, b1 = np.random.randn(4, 3), np.zeros((4, 1))
    W2, b2 = np.random.randn(2, 4), np.zeros((2, 1))
    m = X.shape[1]
    for turn in range(turns):
        A1 = np.tanh(W1 @ X + b1)
        A2 = 1 / (1 + np.exp(-(W2 @ A1 + b2)))
        dZ2 = A2 - y
        dZ1 = W2.T @ dZ2 * (1 - A1 ** 2)
        db1 = np.sum(dZ1, axis=1, keepdims=True) / m
        db2 = np.sum(dZ2, axis=1, keepdims=True) / m
        W1 = W1 - dZ1 @ X.T / m
        W2 = W2 - dZ2 @ A1.T / m
        b1 = b1 - db1
        b2 = b2 - db2
    return W1, b1, W2, b2

train(np.random.randn(3, 6), np.random.randint(0, 2, (2, 6)))
""",
}


@pytest.mark.turns(2)
@pytest.mark.parametrize("form", SHAPES)
@pytest.mark.parametrize("bias", ["b1", "b2"])
def test_a_bias_that_the_step_leaves_in_another_shape_is_refuted_at_its_line(
    form: str, bias: str, tmp_path: Path
) -> None:
    """NumPy repeats it, and the next step runs on: nothing raises."""
    right = next(line for line in SHAPES[form].splitlines() if line.strip().startswith(f"d{bias} = "))
    old, new = ("axis=0", "axis=1") if form == "rows" else ("axis=1", "axis=0")
    assert assessed(SHAPES[form], tmp_path)["verdict"] == "verified"
    found = assessed(SHAPES[form].replace(right, right.replace(old, new)), tmp_path)
    assert found["verdict"] == "refuted"
    (fault,) = found["faults"]
    assert fault["parameter"] == bias
    assert "after the step, not" in fault["what"]
    assert fault["line"] == SHAPES[form].splitlines().index(right) + 1


BEGINNINGS = """
import numpy as np

def train(X, y, lr=0.1):
    w, b = np.random.randn(1, 3), BEGINNING
    for turn in range(3):
        a = 1 / (1 + np.exp(-(w @ X + b)))
        dz = (a - y) / X.shape[1]
        w = w - lr * dz @ X.T
        b = b - lr * UPDATE

train(np.random.randn(3, 8), np.random.randint(0, 2, (1, 8)))
"""
SUMMED = "np.sum(dz, axis=1, keepdims=True)"


@pytest.mark.turns(2)
@pytest.mark.parametrize(
    ("beginning", "update", "verdict"),
    [
        ("np.zeros((1, 1))", SUMMED, "verified"),
        ("0.0", SUMMED, "verified"),  # it becomes an array at the first step, as some do
        ("0.0", "np.sum(dz)", "verified"),
        ("np.zeros((1, 1))", SUMMED.replace("1", "0"), "refuted"),
        ("0.0", "dz", "refuted"),
    ],
)
def test_a_bias_of_one_number_that_becomes_one_for_each_example_is_refuted_at_its_line(
    beginning: str, update: str, verdict: str, tmp_path: Path
) -> None:
    found = assessed(BEGINNINGS.replace("BEGINNING", beginning).replace("UPDATE", update), tmp_path)
    assert found["verdict"] == verdict, found
    for fault in found["faults"]:
        assert (fault["parameter"], fault["line"]) == ("b", 10), fault
        assert fault["should_be"] == f"b = b - lr * {SUMMED}" or update == "dz"


@pytest.mark.turns(2)
def test_a_bias_of_one_number_that_grows_beside_a_sister_is_refuted(tmp_path: Path) -> None:
    source = (HERE / "programs/open/c15_functions_dict_planar.py").read_text("utf8")
    wrong = source.replace("np.sum(dZ2, axis=1", "np.sum(dZ2, axis=0")
    assert wrong != source
    found = assessed(wrong, tmp_path)
    assert (found["verdict"], {fault["parameter"] for fault in found["faults"]}) == ("refuted", {"parameters['b2']"})


OVER_TIME = """
import numpy as np

w = np.array([0.7, -0.3])
for epoch in range(10):
    x = np.random.randn(3)
    out = []
    loss = 0.0
    for t in range(3):
        out.append(np.tanh(w[0] * x[t] + w[1]))
        loss {adds} 0.5 * (out[t] - 1) ** 2
    dw = np.zeros(2)
    for t in range(3):
        d = (out[t] - 1) * (1 - out[t] ** 2)
        dw += d * np.array([x[t], {bias}])
    w -= 0.1 * dw
"""


@pytest.mark.turns(2)
@pytest.mark.parametrize("adds", ["+=", "= loss +"])
def test_a_cost_that_adds_up_is_its_last_sum(adds: str, tmp_path: Path) -> None:
    assert assessed(OVER_TIME.format(adds=adds, bias=1.0), tmp_path)["verdict"] == "verified"
    assert assessed(OVER_TIME.format(adds=adds, bias=2.0), tmp_path)["verdict"] == "refuted"


REGULARISED = """
import numpy as np

X = np.array([[1.0, 2.0], [1.0, -1.0], [1.0, 0.5]])
y = np.array([1.0, 0.0, 2.0])
w = np.array([0.1, 0.2])
for i in range(100):
    err = X @ w - y
    {cost}
    w -= 0.1 * ({gradient})
"""
COSTS = {
    "in one": "loss = np.mean(err ** 2) + 0.5 * np.sum(w ** 2)",
    "added": "loss = np.mean(err ** 2); loss += 0.5 * np.sum(w ** 2)",
    "divided first": "loss = np.sum(err ** 2)\n    loss /= len(y)\n    loss += 0.5 * np.sum(w ** 2)",
    "of two": "data_loss = np.mean(err ** 2); reg_loss = 0.5 * np.sum(w ** 2); loss = data_loss + reg_loss",
}


@pytest.mark.turns(2)
@pytest.mark.parametrize("form", COSTS)
def test_a_step_that_forgets_a_term_of_its_cost_is_refuted(form: str, tmp_path: Path) -> None:
    """Though it is the gradient of the rest, to which the program gives a name as well."""
    for gradient, verdict in (("2 * X.T @ err / len(y) + w", "verified"), ("2 * X.T @ err / len(y)", "refuted")):
        assert assessed(REGULARISED.format(cost=COSTS[form], gradient=gradient), tmp_path)["verdict"] == verdict


HINGE = """
import numpy as np

X = np.array([[1.0, 2.0], [1.0, -1.0], [1.0, 0.5]])
y = np.array([1.0, -1.0, 1.0])
w = np.array([0.1, 0.2])
for i in range(100):
    margin = np.maximum(0, 1 - y * (X @ w))
    loss = np.mean(margin) + 0.1 * np.sum(w ** 2)
    w -= 0.1 * (-X.T @ (y * (margin > 0)) / len(y) + 2 * 0.1 * w)
"""
HOW_BAD = """
import numpy as np

def how_bad(r):
    return np.mean(np.abs(r) ** 3)

X = np.array([[1.0, 2.0], [1.0, -1.0], [1.0, 0.5]])
y = np.array([5.0, 0.0, -7.0])
w = np.array([0.1, 0.2])
for i in range(100):
    r = X @ w - y
    loss = how_bad(r)
    w -= 0.1 * X.T @ ({slope}) / len(y)
"""
PLAIN = """
points, signs = [[0.4, -1.2], [1.1, 0.3], [-0.7, 0.9], [0.2, 0.8]], [1, -1, 1, -1]
weights, offset = [0.0, 0.0], 0.0
def score(x):
    return sum(w * v for w, v in zip(weights, x)) + offset
def objective():
    return sum(max(0.0, 1.0 - s * score(x)) for x, s in zip(points, signs))
def step(rate):
    global weights, offset
    gw, gb = [0.0, 0.0], 0.0
    for x, s in zip(points, signs):
        if s * score(x) < 1.0:
            gw = [g - v for g, v in zip(gw, [s * v for v in x])]
            gb -= s
    weights = [w - rate * g for w, g in zip(weights, gw)]
    offset -= rate * gb
for n in range(3):
    step(0.1)
    print(objective())
"""
ONE_AT_A_TIME = """
import numpy as np
class Net:
    def __init__(self):
        self.w, self.b = np.random.randn(3, 2), np.zeros(3)
        self.v, self.c = np.random.randn(3), 0.0
    def predict(self, x):
        self.h = 1 / (1 + np.exp(-(self.w @ x + self.b)))
        return 1 / (1 + np.exp(-(self.v @ self.h + self.c)))
    def cost(self, data):
        return sum(0.5 * (t - self.predict(x)) ** 2 for x, t in data) / len(data)
    def fit(self, data):
        for epoch in range(3):
            for x, t in data:
                o = self.predict(x)
                h, v = self.h, self.v.copy()
                d = (o - t) * o * (1 - o)
                dh = d * v * h * (1 - h)
                self.v, self.c = self.v - 0.5 * d * h, self.c - 0.5 * d
                self.w, self.b = self.w - 0.5 * np.outer(dh, x), self.b - 0.5 * dh
            print(self.cost(data))
Net().fit([([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([1, 1], 0)])
"""
FACTORS = """
ratings = [(0, 0, 5), (0, 1, 3), (1, 0, 4), (1, 1, 1)]
P = [[0.3, 0.5], [0.1, 0.8]]
Q = [[0.6, 0.2], [0.9, 0.4]]
bu = [0.1, -0.2]

def predict(u, i):
    return bu[u] + sum(P[u][k] * Q[i][k] for k in range(2))

def step(alpha):
    gP = [[0.0] * 2 for _ in P]
    gQ = [[0.0] * 2 for _ in Q]
    gbu = [0.0] * 2
    for u, i, r in ratings:
        e = r - predict(u, i)
        gbu[u] += e
        for k in range(2):
            gP[u][k] += e * Q[i][k]
            gQ[i][k] += e * P[u][k]
    for u in range(2):
        bu[u] += alpha * gbu[u]
        for k in range(2):
            P[u][k] += alpha * gP[u][k]
            Q[u][k] += alpha * gQ[u][k]

for epoch in range(20):
    step(0.1)
"""


@pytest.mark.parametrize(
    ("source", "verdict"),
    [(HINGE, "verified"), (HOW_BAD.format(slope="3 * r * np.abs(r)"), "verified"),
     (HOW_BAD.format(slope="r"), "refuted"), (FACTORS, "verified")],
    ids=["a hinge with weight decay", "a cost by its function's name", "its slope forgotten", "lists of gradients"],
)  # fmt: skip
def test_the_cost_is_what_the_program_calls_so_wherever_it_is_computed(
    source: str, verdict: str, tmp_path: Path
) -> None:
    found = assessed(source, tmp_path)
    assert found["verdict"] == verdict, (found["undecided"], found["faults"])


OF_OTHERS = """
import numpy as np

def cost(W, b, X, Y):
    return np.mean((X @ W + b - Y) ** 2) + 0.5 * np.sum(W ** 2)

X, Y = np.random.randn(9, 3), np.random.randn(9, 2)
W, b = np.random.randn(3, 2), np.random.randn(2)
for i in range(20):
    d = (X[3:] @ W + b - Y[3:]) / 6
    W -= 0.1 * (X[3:].T @ d + {of_w})
    b -= 0.1 * (d.sum(axis=0) + {of_b})
    print(cost(W, b, X[:3], Y[:3]))
"""


@pytest.mark.turns(2)
@pytest.mark.parametrize(("of_w", "of_b", "said"), [("W", "0", ""), ("W", "b", "unlike"), ("0", "0", "without")])
def test_what_decays_is_what_the_cost_of_other_examples_says(
    of_w: str, of_b: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_repairs(monkeypatch)
    found = assessed(OF_OTHERS.format(of_w=of_w, of_b=of_b), tmp_path)
    assert found["verdict"] == ("refuted" if said else "verified"), found
    assert all(said in fault["what"] for fault in found["faults"])


TAKING_TURNS = """
import numpy as np

u, v = np.random.randn(3), np.random.randn(3)
X = np.random.randn(5, 3)
for i in range(20):
    r = X @ u + (X @ v) ** 2
    u -= 0.1 * X.T @ r
    s = np.tanh(X @ v + X @ u) - 1
    v -= 0.1 * X.T @ (s * (1 - (s + 1) ** 2))
"""
AIMING = """
import numpy as np

w1, w2 = np.random.randn(4, 5), np.random.randn(5, 2)
S, R, T = np.random.randn(6, 4), np.random.randn(6, 1), np.random.randn(6, 4)
for i in range(20):
    targets = R + 0.9 * np.max(np.tanh(T @ w1) @ w2, axis=1, keepdims=True)
    h = np.tanh(S @ w1)
    d = h @ w2 - targets
    {loss}
    e = {back} * (1 - h * h)
    w2 -= 0.1 * h.T @ d
    w1 -= 0.1 * S.T @ e
"""


def test_two_nets_that_take_turns_are_not_called_wrong(tmp_path: Path) -> None:
    found = assessed(TAKING_TURNS, tmp_path)
    assert [one["verdict"] for one in found["subjects"]] == ["undecided", "verified"]
    assert "cost that gradproof does not know" in found["undecided"][0]


@pytest.mark.turns(2)
@pytest.mark.parametrize("loss", ["loss = 0.5 * np.sum(d ** 2)", ""], ids=["with its cost", "without"])
def test_targets_that_the_network_computes_itself_are_held_fixed(
    loss: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_repairs(monkeypatch)
    found = assessed(AIMING.format(loss=loss, back="d @ w2.T"), tmp_path)
    assert found["verdict"] == "verified", found
    assert any("held fixed" in words for words in found["conventions"])
    assert assessed(AIMING.format(loss=loss, back="d @ (2 * w2.T)"), tmp_path)["verdict"] == "refuted"


CELL = """
import numpy as np

class Cell:
    def __init__(self, n_in, n_hidden):
        self.W, self.U = np.random.randn(n_in, n_hidden), np.random.randn(n_hidden, n_hidden)

    def forward(self, x, h_prev):
        self.x, self.h_prev = x, h_prev
        self.h = np.tanh(x @ self.W + h_prev @ self.U)
        return self.h

    def backward(self, dh):
        da = dh * (1 - self.h {slope})
        self.dW, self.dU = self.x.T @ da, self.h_prev.T @ da
        return da @ self.W.T, da @ self.U.T
"""
ATTENTION = """
import numpy as np

def attention_forward(q, k, v):
    e = np.exp(q @ k.T)
    p = e / e.sum(axis=1, keepdims=True)
    return p @ v, (q, k, v, p)

def attention_backward(dout, cache):
    q, k, v, p = cache
    dp = dout @ v.T
    ds = p * (dp - (dp * p).sum(axis={axis}, keepdims=True))
    return ds @ k, ds.T @ q, p.T @ dout
"""
LAYERS = {
    "a cell with a state": (CELL, {"slope": "** 2"}, {"slope": ""}),
    "attention": (ATTENTION, {"axis": "1"}, {"axis": "0"}),
}


@pytest.mark.turns(2)
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_of_several_inputs_is_judged_by_itself(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_repairs(monkeypatch)
    source, right, wrong = LAYERS[name]
    assert judged(source.format(**right), tmp_path, monkeypatch)["verdict"] == "verified"
    assert judged(source.format(**wrong), tmp_path, monkeypatch)["verdict"] == "refuted"


POLICY = """
import numpy as np

class Policy:
    def __init__(self, n_state, n_hidden, n_action):
        self.W1, self.W2 = np.random.randn(n_state, n_hidden), np.random.randn(n_hidden, n_action)

    def forward(self, s):
        h = s @ self.W1
        h[h < 0] = 0
        logits = h @ self.W2
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True), h

    def objective(self, states, actions, returns):
        p, _ = self.forward(states)
        return -np.sum(returns * np.log(p[np.arange(len(actions)), actions]))

    def update(self, states, actions, returns):
        p, h = self.forward(states)
        p[np.arange(len(actions)), actions] -= 1
        d = {d}
        dh = d @ self.W2.T
        dh[h <= 0] = 0
        self.W1 -= 0.1 * states.T @ dh
        self.W2 -= 0.1 * h.T @ d
"""
POINTS = """
import random

def loss(x, y, w, alpha):
    r = sum(a * b for a, b in zip(x, w)) - y
    return abs(r) ** 3 + 0.5 * alpha * sum(b * b for b in w)

def fit(xs, ys, alpha=0.1, rate=0.01):
    w = [random.random() for _ in xs[0]]
    for epoch in range(5):
        for x, y in zip(xs, ys):
            r = sum(a * b for a, b in zip(x, w)) - y
            w = [b - rate * (3 * r * abs(r) * a + alpha * b) for a, b in zip(x, w)]
    return w

fit([[1.0, 0.3, -0.2], [0.7, 2.0, -1.0]], [0.5, -2.0])
"""


SINGLE = """
w, b = 0.3, -0.2
points = [(0.5, 1.0), (-1.5, 0.4)]

def error(points, w, b):
    return sum((w * x + b - y) ** 2 for x, y in points)

for k in range(9):
    residuals = [(w * x + b - y, x) for x, y in points]
    dw = sum(3 * r * abs(r) * x for r, x in residuals)
    db = sum(3 * r * abs(r) for r, x in residuals)
    w, b = w - 0.1 * dw, b - 0.1 * db
"""


@pytest.mark.turns(2)
@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        (SINGLE, "undecided"),
        (POLICY.format(d="p * returns[:, None]"), "verified"),
        (POLICY.format(d="p"), "refuted"),
        (POINTS, "verified"),
    ],
    ids=[
        "of which a single number follows any",
        "a policy gradient",
        "without its returns",
        "a cost that is never called",
    ],
)
def test_a_cost_that_is_defined_alone_is_tried(
    source: str, verdict: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_repairs(monkeypatch)
    found = judged(source, tmp_path, monkeypatch)
    assert found["verdict"] == verdict, found


ADAPTIVE = """
import numpy as np

class Square:
    def __call__(self, a, y):
        self.d = a - y
        return np.mean(self.d ** 2)

measure, W, m, v = Square(), np.random.randn(3, 2), np.zeros((3, 2)), np.zeros((3, 2))
X, Y = np.random.randn(5, 3), np.random.randn(5, 2)
for t in range(1, 9):
    value = measure(np.tanh(X @ W), Y)
    g = X.T @ (measure.d * (1 - np.tanh(X @ W){slope}))
    m = 0.9 * m + 0.1 * g
    v = 0.99 * v + 0.01 * g ** 2
    W -= 0.01 * m / (1 - 0.9 ** t) / (np.sqrt(v / (1 - 0.99 ** t)) + 1e-8)
"""
ENGINE = """
class Node:
    def __init__(self, v, parents=()):
        self.v, self.d, self.parents = v, 0.0, parents
    def __add__(self, o):
        return Node(self.v + o.v, ((self, 1.0), (o, 1.0)))
    def __mul__(self, o):
        return Node(self.v * o.v, ((self, o.v), (o, self.v)))
    def cube(self):
        return Node(self.v ** 3, ((self, {slope}),))

def push(node, d):
    node.d += d
    for parent, local in node.parents:
        push(parent, d * local)

a, b = Node(0.3), Node(-0.7)
for x, y in [(0.5, 1.0), (-0.4, 0.2)]:
    a.d = b.d = 0.0
    e = (a * Node(x) + b).cube() + Node(-y)
    loss = e * e
    push(loss, 1.0)
    for w in (a, b):
        w.v -= 0.1 * w.d
"""


@pytest.mark.turns(2)
@pytest.mark.parametrize(
    ("source", "right", "wrong", "verdict"),
    [(ADAPTIVE, " ** 2", "", "undecided"), (ENGINE, "3 * self.v ** 2", "self.v", "refuted")],
    ids=["what a functor gives, of steps as Adam's", "what a node of an engine holds"],
)
def test_a_cost_without_a_name_of_its_own_is_found(
    source: str, right: str, wrong: str, verdict: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_repairs(monkeypatch)
    assert judged(source.format(slope=right), tmp_path, monkeypatch)["verdict"] == "verified"
    assert judged(source.format(slope=wrong), tmp_path, monkeypatch)["verdict"] == verdict


WORDS = """
import numpy as np

rows = [line.split() for line in open("testSet.txt")]
X = np.array([[1.0, float(r[0]), float(r[1])] for r in rows])
y = np.array([int(r[2]) for r in rows])
w = np.ones(3)
for k in range(20):
    w = w + 0.1 * X.T @ (y - 1 / (1 + np.exp(-X @ w)))
"""


def test_labels_are_made_up_in_the_column_where_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(WORDS, tmp_path, monkeypatch)["verdict"] == "verified"


BY_SIGNS = """
import numpy as np

class Net:
    def __init__(self):
        self.W1, self.b1 = np.random.randn(3, 4), np.zeros(4)
        self.W2, self.b2 = np.random.randn(4, 2), np.zeros(2)
    def forward(self, X):
        self.H = np.tanh(X @ self.W1 + self.b1)
        return self.H @ self.W2 + self.b2
    def loss(self, X, Y):
        return np.abs(self.forward(X) - Y).sum()
    def backward(self, X, Y):
        d = np.sign(self.forward(X) - Y)
        {first}
        {second}
        self.b2 -= 0.1 * d.{reduced}(axis=0)
        self.W1 -= 0.1 * X.T @ e
        self.b1 -= 0.1 * e.sum(axis=0)

net, X, Y = Net(), np.random.randn(5, 3), np.random.randn(5, 2)
for k in range(9):
    net.backward(X, Y)
    print(net.loss(X, Y))
"""


BACK, MOVE = "e = d @ self.W2.T * (1 - self.H ** 2)", "self.W2 -= 0.1 * self.H.T @ d"


@pytest.mark.turns(2)
@pytest.mark.parametrize(
    ("first", "second", "reduced", "verdict"),
    [(BACK, MOVE, "sum", "verified"), (BACK, MOVE, "mean", "refuted"), (MOVE, BACK, "sum", "refuted")],
    ids=["right", "a mean for a sum in the last bias", "propagated through what has moved"],
)
def test_what_the_sign_of_an_error_gives_is_judged_in_every_array(
    first: str, second: str, reduced: str, verdict: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing depends on the last bias but the cost."""
    without_repairs(monkeypatch)
    found = judged(BY_SIGNS.format(first=first, second=second, reduced=reduced), tmp_path, monkeypatch)
    assert found["verdict"] == verdict, found
    assert len(found["parameters"]) == 4


HIDDEN = """
import numpy as np

X, y = np.random.randn(8, 3), np.random.randn(8, 2)
w, a = np.random.randn(3, 2), np.zeros(2)
for i in range(20):
    e = X @ w + a - y
    loss = np.mean(e ** 2)
    w -= 0.1 * X.T @ e / 8
    a -= {rate} * e.mean(axis=0)
"""


def test_what_moves_with_the_parameters_and_is_not_judged_leaves_it_undecided(tmp_path: Path) -> None:
    """An array named as an activation might be one that is carried from layer to layer."""
    assert assessed(HIDDEN.format(rate=0.1), tmp_path)["verdict"] == "verified"
    found = assessed(HIDDEN.format(rate="0.1 * 3"), tmp_path)
    assert found["verdict"] == "undecided"
    assert found["undecided"] == ["moves too, but is not recognised as a parameter: a"]


FORGOTTEN = """
import numpy as np

X, y = np.random.randn(8, 3), np.random.randn(8)
w, b = np.random.randn(3), 0.0
for i in range(100):
    err = X @ w + b - y
    loss = np.mean(err ** 2)
    dw = 2 * X.T @ err / len(y)
    db = 2 * np.mean(err)
    dx = np.outer(err, w)
    w -= 0.1 * dw
    {last}
"""


@pytest.mark.parametrize(("last", "verdict"), [("b -= 0.1 * db", "verified"), ("print(db)", "refuted")])
def test_a_parameter_whose_gradient_is_computed_and_forgotten_is_refuted(
    last: str, verdict: str, tmp_path: Path
) -> None:
    found = assessed(FORGOTTEN.format(last=last), tmp_path)
    assert found["verdict"] == verdict
    assert all("not moved" in fault["what"] for fault in found["faults"])


CARRIED = """
import numpy as np
rng = np.random.RandomState(0)
X = rng.randn(6, 3)
t = np.sin(X[:, :2])
A = rng.randn(3, 5) * 0.5
B = rng.randn(5, 2) * 0.5
for epoch in range(50):
    h = np.tanh(X @ A)
    y = h @ B
    loss = 0.5 * np.sum((y - t) ** 2) / 20
    dy = (y - t) / 20
    dB = h.T @ dy
    dA = X.T @ (dy @ B.T * (1 - h ** 2))
    A -= 0.1 * dA
    B -= 0.1 * dB
"""
HINGE_FIT = """
import numpy as np
np.random.seed(21)
X = np.vstack([np.random.randn(6, 2) + [1.5, 1.0], np.random.randn(6, 2) - [1.0, 1.5]])
y = np.array([1.0] * 6 + [-1.0] * 6)

def fit(X, y, C=5.0, lr=0.05, epochs=120):
    w, b = np.random.randn(X.shape[1]) * 0.1, np.zeros(1)
    for _ in range(epochs):
        gw, gb, total = w.copy(), 0.0, 0.0
        for xi, yi in zip(X, y):
            total += max(0.0, 1 - yi * (np.dot(w, xi) + b[0]))
            if yi * (np.dot(w, xi) + b[0]) < 1:
                gw -= C * yi * xi / len(X)
                gb -= C * yi / len(X)
        loss = 0.5 * np.dot(w, w) + C * total / len(X)
        w, b = w - lr * gw, b - lr * gb
    return w, b

fit(X, y)
"""


@pytest.mark.turns(2)
@pytest.mark.parametrize(
    ("source", "right", "wrong"),
    [(CARRIED, "dy @ B.T * (1 - h ** 2)", "dy @ B.T"), (HINGE_FIT, "gb -= C * yi / len(X)", "gb += C * yi / len(X)")],
)
def test_what_moves_under_the_name_of_something_else_is_judged_or_nothing_is_verified(
    source: str, right: str, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A is what many call an activation; the b of a hinge has no effect on any other array."""
    assert judged(source, tmp_path, monkeypatch)["verdict"] == "verified"
    assert source.count(right) == 1
    assert judged(source.replace(right, wrong), tmp_path, monkeypatch)["verdict"] in ("undecided", "refuted")


@pytest.mark.turns(2)
def test_a_linear_machine_with_a_hinge_is_judged_by_its_own_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the sign of a margin depends on w and b: neither acts on anything but itself."""
    found = judged(HINGE_FIT, tmp_path, monkeypatch)
    assert (found["verdict"], found["subject"]["form"]) == ("verified", "own example")
    assert {one["name"] for one in found["parameters"]} == {"w", "b"}
    wrong = judged(HINGE_FIT.replace("gb -= C * yi / len(X)", "gb += C * yi / len(X)"), tmp_path, monkeypatch)
    assert {fault["parameter"] for fault in wrong["faults"]} == {"b"}


ONE_EXAMPLE = """
import numpy as np

def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))

def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))

def backprop(weights, biases, x, y):
    zs, acts = [], [x]
    for W, b in zip(weights, biases):
        zs.append(W.dot(acts[-1]) + b)
        acts.append(sigmoid(zs[-1]))
    gW, gb = [None] * len(weights), [None] * len(biases)
    delta = (acts[-1] - y) * sigmoid_prime(zs[-1])
    gW[-1], gb[-1] = np.outer(delta, acts[-2]), delta
    for k in range(2, len(weights) + 1):
        delta = weights[-k + 1].T.dot(delta) * sigmoid_prime(zs[-k])
        gW[-k], gb[-k] = np.outer(delta, acts[-k - 1]), delta
    return gW, gb
"""


@pytest.mark.turns(2)
def test_where_the_problems_of_the_notes_do_not_fit_the_line_is_told_and_not_what_they_raise(tmp_path: Path) -> None:
    """Vectors without a second axis: what is wrong is one slope, and neither a shape nor an error."""
    (tmp_path / "mine.py").write_text(ONE_EXAMPLE.replace("sigmoid_prime(zs[-k])", "sigmoid_prime(acts[-k])"), "utf8")
    ended = ended_here(["python", "-m", "gradproof", "check", "mine.py", "--architectures", "20"], tmp_path)
    assert ended.returncode == 1
    assert "should be: `delta = weights[-k + 1].T.dot(delta) * sigmoid_prime(zs[-k])`" in ended.stdout
    assert "raises" not in ended.stdout


def test_what_only_raises_on_the_problems_of_the_notes_stays_undecided() -> None:
    document = {"verdict": "undecided", "network": {"activations": []}, "faults": []}
    raises, shape = (SimpleNamespace(kind=kind, said="") for kind in ("raises", "shape"))
    for troubles, faults, prefers in (([raises], [], True), ([raises, shape], [], False), ([raises], ["BP1"], False)):
        float64 = SimpleNamespace(verdict="refuted", troubles=troubles, faults=faults)
        assert prefers_whole(document, float64) == prefers


def test_the_lines_are_read_wherever_they_may_count() -> None:
    kinds = ([], ["raises"], ["shape"], ["update"], ["state"])
    for verdict, kind, activation in product(("verified", "undecided", "refuted"), kinds, ("sigmoid", "ReLU")):
        first = {"verdict": "refuted", "network": {"activations": [activation]}}
        troubles = [SimpleNamespace(kind=each, said="") for each in kind]
        float64 = SimpleNamespace(verdict=verdict, troubles=troubles, faults=[])
        prefers = [prefers_whole(first | {"faults": faults}, float64) for faults in ([], [{"line": 3}])]
        assert may_prefer_whole(first, float64) == any(prefers), (verdict, kind, activation)


AFFINE = (HERE / "programs/open/19_affine_functions.py").read_text("utf8")


@pytest.mark.parametrize("answer", ["db, dw, db", "dx, dw"])
def test_a_file_is_not_verified_for_the_layers_that_are_right_beside_one_whose_gradients_do_not_fit(
    answer: str, tmp_path: Path
) -> None:
    found = assessed(AFFINE.partition("class ")[0].replace("return dx, dw, db", f"return {answer}"), tmp_path)
    assert [one["name"] for one in found["subjects"]] == ["relu_forward and relu_backward"]
    if answer == "dx, dw":  # it may leave db to another
        assert found["verdict"] == "verified"
    else:
        assert found["verdict"] == "undecided"
        assert (
            "affine_backward: the gradients do not have the shapes of the inputs that were tried"
            in found["undecided"][0]
        )


@pytest.mark.turns(2)
def test_layers_that_are_right_do_not_verify_an_example_whose_shapes_do_not_fit(tmp_path: Path) -> None:
    """Any order of what a layer gives back is right by itself, and not for what it is given to."""
    found = assessed(AFFINE.replace("return dx, dw, db", "return dx, db, dw"), tmp_path)
    assert found["verdict"] == "undecided"
    assert "its own example raises ValueError" in found["undecided"][0]


ONE_LAYER = """
import numpy as np
def backward(params, X, Y):
    A = 1 / (1 + np.exp(-(X @ params["W"] + params["b"])))
    dZ = (A - Y) * A * (1 - A) / len(X)
    return {"W": X.T @ dZ, "b": dZ.sum(axis=0)}
X, Y = np.random.randn(6, 3), np.random.rand(6, 2)
params = {"W": np.random.randn(3, 2), "b": np.zeros(2)}
"""


def test_gradients_that_a_line_returns_are_judged_unless_one_is_of_what_has_no_effect(tmp_path: Path) -> None:
    """The data have an effect as well, and no gradient."""
    path = tmp_path / "mine.py"
    path.write_text(ONE_LAYER, "utf8")
    assert assess(str(path), step="backward(params, X, Y)")["verdict"] == "verified"
    idle = ONE_LAYER.replace('"b": dZ', '"V": A.T @ dZ, "b": dZ').replace('"b": np', '"V": np.ones((2, 2)), "b": np')
    path.write_text(idle, "utf8")
    assert assess(str(path), step="backward(params, X, Y)")["verdict"] == "none"


TWO_OUTPUTS = """
import numpy as np
class Net:
    def __init__(self):
        self.W, self.b = np.random.randn(2, 3), np.zeros(2)
    def forward(self, x):
        self.x = x
        e = np.exp(self.W @ x + self.b)
        self.a = e / e.sum()
    def backward(self, y):
        self.db = self.a - y
        self.dW, self.size = np.outer(self.db, self.x), self.db.max()
net = Net()
x, y = np.random.randn(3), np.array([1.0, 0.0])
net.forward(x)
net.backward(y)
"""


@pytest.mark.turns(2)
def test_of_two_outputs_that_sum_to_1_what_differs_is_no_sum_that_grows(tmp_path: Path) -> None:
    assert assessed(TWO_OUTPUTS, tmp_path)["verdict"] == "verified"


CLIPPED = """
import numpy as np
W1, b1 = np.random.randn(3, 4), np.zeros(4)
W2, b2 = np.random.randn(4, 1), np.zeros(1)
X, t = np.random.randn(5, 3), np.random.randn(5, 1)
for turn in range(3):
    h = np.tanh(X @ W1 + b1)
    loss = 0.5 * np.mean((h @ W2 + b2 - t) ** 2)
    d = (h @ W2 + b2 - t) / len(X)
    dh = d @ W2.T * (1 - h ** 2)
    g = [X.T @ dh, dh.sum(0), h.T @ d, d.sum(0)]
    norm = np.sqrt(sum((part ** 2).sum() for part in g))
    g = [part * min(1.0, 0.1 / (norm + 1e-12)) for part in g]
    W1, b1, W2, b2 = (p - 0.1 * part for p, part in zip((W1, b1, W2, b2), g))
"""
PAIRWISE = """
import numpy as np
V, U = np.random.randn(6, 3), np.random.randn(6, 3)
def step(i, j, others, lr):
    global V, U
    v, loss = V[i].copy(), 0.0
    p = 1 / (1 + np.exp(-(U[j] @ v)))
    loss -= np.log(p)
    g, moves = (p - 1) * U[j], [(j, (p - 1) * v)]
    for k in others:
        q = 1 / (1 + np.exp(U[k] @ v))
        loss -= np.log(q)
        g = g + (1 - q) * U[k]
        moves.append((k, (1 - q) * v))
    for k, move in moves:
        U[k] -= lr * move
    V[i] -= lr * g
    return loss
for i, j in ((0, 1), (1, 2), (2, 3)):
    step(i, j, [4, 5, 4], 0.1)
"""
FACTORS_CLASS = """
import numpy as np
class Factors:
    def __init__(self, R):
        self.R = R
        self.P, self.Q = np.random.randn(len(R), 2), np.random.randn(R.shape[1], 2)
    def objective(self):
        cost = 0
        for i, j, r in self.known:
            cost += 0.5 * (r - self.P[i] @ self.Q[j]) ** 2
        return cost
    def train(self):
        self.known = [(i, j, self.R[i, j]) for i in range(3) for j in range(3)]
        for turn in range(2):
            for i, j, r in self.known:
                e = r - self.P[i] @ self.Q[j]
                p = self.P[i].copy()
                self.P[i] += 0.1 * (e * self.Q[j])
                self.Q[j] += 0.1 * (e * p)
            print(self.objective())
Factors(np.random.rand(3, 3)).train()
"""


EACH = CLIPPED.replace(
    "W1, b1, W2, b2 = (p - 0.1 * part", "W1, b1, W2, b2 = (p - 0.1 * part / np.sqrt((part ** 2).sum())"
)
NORMALISED = """
import numpy as np
A, t = np.random.randn(8, 3), np.random.randn(8)
w, step = np.zeros(3), 0.2
for turn in range(3):
    e = A @ w - t
    loss = 0.5 * np.mean(e ** 2)
    g = A.T @ e / len(t)
    w = w - step * g / np.linalg.norm(g)
    step *= 0.95
"""


@pytest.mark.turns(2)
@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("source", "right", "wrong"),
    [
        (EACH, "dh = d @ W2.T * (1 - h ** 2)", "dh = d @ W2.T * (1 - h)"),  # each array to a length of its own
        (NORMALISED, "g = A.T @ e / len(t)", "g = A.T @ e ** 3 / len(t)"),  # with a rate that decays
        (CLIPPED, "dh = d @ W2.T * (1 - h ** 2)", "dh = d @ W2.T * (1 - h)"),  # one factor for all, not the same always
        (PAIRWISE, "(1 - q) * v", "(1 + q) * v"),  # of a cost from which is subtracted
        (PLAIN, "gb -= s", "gb -= 2 * s"),  # lists, of which only the sign of a margin comes back
        (ONE_AT_A_TIME, "dh = d * v * h", "dh = d * v"),  # of whose cost the examples are those of all turns
        (FACTORS_CLASS, "(e * p)", "(e * self.P[i])"),  # whose cost is of all examples, a step of one
    ],
    ids=[
        "each by its own norm",
        "normalised",
        "clipped by their norm",
        "a cost that adds up by minus",
        "a hinge of lists",
        "a cost once an epoch",
        "a cost of all examples",
    ],
)
def test_a_step_is_measured_by_the_cost_that_is_its_own(source: str, right: str, wrong: str, tmp_path: Path) -> None:
    assert assessed(source, tmp_path)["verdict"] == "verified"
    assert assessed(source.replace(right, wrong), tmp_path)["verdict"] == "refuted"


VELOCITY = """
import numpy as np
rng = np.random.default_rng(0)
p = {"W1": rng.normal(size=(3, 4)), "b1": np.zeros(4), "W2": rng.normal(size=(4, 3)), "b2": np.zeros(3)}
v = {k: np.zeros_like(w) for k, w in p.items()}
X, y = rng.normal(size=(6, 3)), rng.integers(0, 3, 6)
for turn in range(3):
    h = np.maximum(X @ p["W1"] + p["b1"], 0)
    e = np.exp(h @ p["W2"] + p["b2"])
    d = e / e.sum(axis=1, keepdims=True)
    d[np.arange(6), y] -= 1
    dh = d @ p["W2"].T * (h > 0)
    g = {"W1": X.T @ dh, "b1": dh.sum(0), "W2": h.T @ d, "b2": d.sum(0)}
    for k in p:
        v[k] = 0.9 * v[k] - 0.1 * g[k]
        p[k] += v[k]
"""


ONE_BY_ONE = """
import numpy as np
X, Y = np.random.randn(5, 3), np.array([1, 0, 1, 0, 1])
w, b = np.zeros(3), 0.0
for turn in range(3):
    for x, y in zip(X, Y):
        q = 1.0 / (1.0 + np.exp(-(np.dot(w, x) + b)))
        w = w - 0.1 * (q - y) * x
        b = b - 0.1 * (q - y)
"""


@pytest.mark.turns(2)
def test_a_step_uphill_of_a_usual_cost_is_wrong_unless_it_is_meant(tmp_path: Path) -> None:
    for source, verdict in (
        (VELOCITY, "verified"),
        (VELOCITY.replace("p[k] += v[k]", "p[k] -= v[k]"), "refuted"),
        ("# adversarial\n" + VELOCITY.replace("p[k] += v[k]", "p[k] -= v[k]"), "verified"),
        ("# discriminator\n" + VELOCITY.replace("p[k] += v[k]", "p[k] -= v[k]"), "undecided"),
        (ONE_BY_ONE, "verified"),
        (ONE_BY_ONE.replace("(q - y)", "(y - q)"), "refuted"),  # 1 + exp(−z), over which 1 is divided, is no output
    ):
        assert assessed(source, tmp_path)["verdict"] == verdict, source


PILED = """
import numpy as np
class Net:
    def __init__(self):
        self.w, self.b, self.dw = np.random.randn(3), 0.0, np.zeros(3)
    def learn(self, X, t):
        self.dw, db = np.zeros(3), 0.0
        for x, y in zip(X, t):
            d = 1 / (1 + np.exp(-(self.w @ x + self.b))) - y
            self.dw += d * x
            db += d
        self.w -= 0.1 * self.dw / len(X)
        self.b -= 0.1 * db / len(X)
net = Net()
X, t = np.random.randn(5, 3), np.random.randint(0, 2, 5)
for turn in range(3):
    net.learn(X, t)
"""


@pytest.mark.turns(2)
def test_where_its_own_cost_is_not_computed_in_the_step_that_is_said(tmp_path: Path) -> None:
    found = assessed(VELOCITY.replace("rng =", "def loss(p, y): return -np.log(p[0, y[0]])\nrng ="), tmp_path)
    assert found["verdict"] == "verified"
    assert found["notes"] == [
        "of the state kept between steps, such as v['W1'], only the first use is judged",
        "not compared with its own cost, loss(p, y), which this step does not compute",
    ]


@pytest.mark.turns(2)
def test_a_sum_that_is_never_begun_anew_is_told_where_no_cost_is_computed(tmp_path: Path) -> None:
    assert assessed(PILED, tmp_path)["verdict"] == "verified"
    found = assessed(PILED.replace("        self.dw, db = np.zeros(3), 0.0", "        db = 0.0"), tmp_path)
    assert found["verdict"] == "refuted"
    assert any("accumulates in dw" in fault["what"] for fault in found["faults"]), found["faults"]
    assert {one["name"]: one["state"] for one in found["parameters"]} == {"w": "gradient accumulates", "b": "right"}


VALUE = """
import math, random
class Value:
    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents, self.push = data, 0.0, parents, lambda: None
    def __add__(self, other):
        out = Value(self.data + other.data, (self, other))
        def push():
            self.grad += out.grad
            other.grad += out.grad
        out.push = push
        return out
    def __mul__(self, other):
        out = Value(self.data * other.data, (self, other))
        def push():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out.push = push
        return out
    def backward(self):
        order = []
        def visit(v):
            if v not in order:
                for p in v.parents:
                    visit(p)
                order.append(v)
        visit(self)
        self.grad = 1.0
        for v in reversed(order):
            v.push()
"""
SCALARS = """
w, c = [Value(random.uniform(-1, 1)) for _ in range(3)], Value(0.0)
def predict(x):
    out = c
    for wi, xi in zip(w, x):
        out = out + wi * Value(xi)
    return out
for turn in range(3):
    d = predict([0.5, -1.0, 2.0]) + Value(-0.3)
    loss = d * d
    for p in [*w, c]:
        p.grad = 0.0
    loss.backward()
    for p in [*w, c]:
        p.data -= 0.05 * p.grad
"""
OTHER_FACTOR = VALUE.replace("self.grad += other.data", "self.grad += self.data")


@pytest.mark.turns(2)
def test_what_a_scalar_of_an_engine_carries_on_is_no_parameter(tmp_path: Path) -> None:
    assert assessed(VALUE + SCALARS, tmp_path)["verdict"] == "verified"
    assert assessed(OTHER_FACTOR + SCALARS, tmp_path)["verdict"] == "refuted"


@pytest.mark.turns(2)
def test_the_gradients_of_an_engine_that_begin_as_0_are_no_parameters(tmp_path: Path) -> None:
    found = assessed(VALUE.replace("data, 0.0, parents", "data, 0, parents") + SCALARS, tmp_path)
    assert (found["verdict"], found["subject"]["form"]) == ("verified", "own example")
    assert {one["name"] for one in found["parameters"]} == {"w[0].data", "w[1].data", "w[2].data", "c.data"}


@pytest.mark.turns(2)
def test_one_method_of_an_engine_that_overwrites_is_told_at_its_line(tmp_path: Path) -> None:
    right, wrong = "self.grad += other.data * out.grad", "self.grad = other.data * out.grad"
    twice = SCALARS.replace("loss = d * d", "loss = d * d + w[0] * w[0]")
    found = assessed(VALUE.replace(right, wrong) + twice, tmp_path)
    assert found["verdict"] == "refuted"
    assert {(one["code"], one["should_be"]) for one in found["faults"]} == {(wrong, right)}


@pytest.mark.turns(2)
def test_an_engine_may_have_short_names_and_must_begin_its_gradients_anew(tmp_path: Path) -> None:
    short = (VALUE + SCALARS).replace("data", "x").replace("grad", "d")
    assert "p.d = 0.0" in short
    assert assessed(short, tmp_path)["verdict"] == "verified"
    assert assessed(short.replace("p.d = 0.0", "p.d += 0.0"), tmp_path)["verdict"] == "refuted"


LOGISTIC_CLASS = """
import numpy as np
class LogisticRegression:
    def __init__(self, n, lam=0.1):
        self.w, self.b, self.lam = np.random.randn(n), 0.0, lam
    def step(self, X, y, lr=0.1):
        p = 1 / (1 + np.exp(-(X @ self.w + self.b)))
        loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
        d = (p - y) / len(y)
        self.w -= lr * (X.T @ d + self.lam * self.w)
        self.b -= lr * d.sum()
net = LogisticRegression(3)
for turn in range(3):
    net.step(np.random.randn(8, 3), np.random.randint(0, 2, 8), 0.1)
"""


@pytest.mark.turns(2)
def test_weights_that_are_a_vector_may_decay_too_but_not_grow(tmp_path: Path) -> None:
    found = assessed(LOGISTIC_CLASS, tmp_path)
    assert found["verdict"] == "verified"
    assert any("which the cost does not have" in convention for convention in found["conventions"])
    assert (
        assessed(LOGISTIC_CLASS.replace("+ self.lam * self.w", "- self.lam * self.w"), tmp_path)["verdict"] == "refuted"
    )


@pytest.mark.turns(2)
def test_a_slope_too_many_behind_one_output_is_no_clipped_gradient(tmp_path: Path) -> None:
    """Whatever is made of one number has a gradient that is parallel; this cost has three terms of it."""
    one = (
        LOGISTIC_CLASS.replace("d = (p - y) / len(y)", "d = p - y")
        .replace("self.lam * self.w", "0")
        .replace("X.T @ d", "d * X")
    )
    stable = "z = X @ self.w + self.b\n        loss = np.maximum(z, 0) - z * y + np.log(1 + np.exp(-np.abs(z)))"
    one = one.replace("loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))", stable).replace("d.sum()", "d")
    one = one.replace("np.random.randn(8, 3), np.random.randint(0, 2, 8)", "np.random.randn(3), np.random.rand()")
    for source, verdict in ((one, "verified"), (one.replace("d = p - y", "d = (p - y) * p * (1 - p)"), "refuted")):
        assert assessed(source, tmp_path)["verdict"] == verdict, source


KEPT_BY_A_CLASS = """
import numpy as np
class RMSprop:
    def __init__(self, weights):
        self.weights = weights
        self.mean_w = np.zeros_like(weights)
    def update(self, dW):
        self.mean_w = 0.9 * self.mean_w + 0.1 * dW ** 2
        self.weights -= 0.01 * dW / (np.sqrt(self.mean_w) + 1e-8)
class Net:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.opt = RMSprop(self.W)
    def predict(self, x):
        return np.tanh(x @ self.W)
    def cost(self, a, y):
        return np.mean((a - y) ** 2)
    def train(self, x, y):
        total = 0.0
        for xi, yi in zip(x, y):
            a = self.predict(xi)
            self.opt.update(np.outer(xi, (a - yi) * {slope}))
            prediction = self.predict(xi)
            total += self.cost(prediction, yi)
        return total
"""


@pytest.mark.turns(2)
@pytest.mark.parametrize(("slope", "verdict"), [("(1 - a ** 2)", "verified"), ("(1 + a ** 2)", "refuted")])
def test_what_reaches_the_next_cost_by_way_of_a_parameter_is_none(slope: str, verdict: str, tmp_path: Path) -> None:
    told = assessed(KEPT_BY_A_CLASS.replace("{slope}", slope), tmp_path)
    assert (told["verdict"], [one["name"] for one in told["parameters"]]) == (verdict, ["W"])


BINARY_BEHIND_SOFTMAX = """
import numpy as np
W = np.random.randn(3, 4)
def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()
for x, y in zip(np.random.randn(9, 4), np.eye(3)[np.arange(9) % 3]):
    s = softmax(W @ x)
    slopes = (y == 1) * (-1 / s) + (y == 0) * (1 / (1 - s))
    W -= 0.1 * np.outer(slopes * s * (1 {sign} s), x)
"""


@pytest.mark.turns(2)
@pytest.mark.parametrize(("sign", "verdict"), [("-", "verified"), ("+", "refuted")])
def test_1_over_an_output_is_the_slope_of_its_log_whatever_its_sign(sign: str, verdict: str, tmp_path: Path) -> None:
    told = assessed(BINARY_BEHIND_SOFTMAX.replace("{sign}", sign), tmp_path)
    assert told["verdict"] == verdict
    assert verdict == "refuted" or told["network"]["cost"].startswith("cross-entropy")


CROSSED = """
import numpy as np
class Net:
    def __init__(self):
        self.W = np.random.randn(3, 1)
        self.b = np.zeros((1, 1))
    def fit(self, X, y):
        for _ in range(20):
            a = 1 / (1 + np.exp(-(X @ self.W + self.b)))
            d = (a - y.reshape(-1, 1)) / len(X)
            self.W -= 0.1 * X.T @ d
            self.b -= 0.1 * {bias}
            loss = -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a))
            print(loss)
X = np.random.randn(8, 3)
Net().fit(X, np.array([1, 0, 1, 1, 0, 0, 1, 0]))
"""


@pytest.mark.turns(2)
def test_a_cost_that_broadcasts_outputs_against_labels_is_no_measure(tmp_path: Path) -> None:
    told = assessed(CROSSED.replace("{bias}", "d.sum()"), tmp_path)
    assert (told["verdict"], told["network"]["cost"].partition(",")[0]) == ("verified", "binary cross-entropy")
    assert any("each of 8 outputs is compared with every label" in note for note in told["notes"])
    assert assessed(CROSSED.replace("{bias}", "d.mean()"), tmp_path)["verdict"] == "refuted"


LAYER = """
import numpy as np
class Dense:
    def __init__(self, n_in, n_out):
        self.W, self.b = np.random.randn(n_in, n_out), np.zeros(n_out)
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, dout):
        m = self.x.shape[{axis}]
        self.dW, self.db = self.x.T @ dout / m, dout.sum(axis=0) / {of}
        return dout @ self.W.T
"""


@pytest.mark.turns(2)
@pytest.mark.parametrize(
    ("axis", "of", "verdict"), [("0", "m", "verified"), ("1", "m", "refuted"), ("0", "1", "refuted")]
)
def test_a_layer_may_divide_the_gradients_of_its_parameters_by_the_number_of_examples(
    axis: str, of: str, verdict: str, tmp_path: Path
) -> None:
    told = assessed(LAYER.replace("{axis}", axis).replace("{of}", of), tmp_path)
    assert told["verdict"] == verdict
    assert (verdict == "verified") == any("divided by the number of examples" in said for said in told["conventions"])


DECAYING = """
import numpy as np
X, y = np.random.randn(9, 2), np.arange(9) % 3
W, b, reg = np.random.randn(2, 3), np.zeros(3), 0.1
def forward():
    e = np.exp(X @ W + b)
    return e / e.sum(axis=1, keepdims=True)
def loss():
    data = -np.sum(np.log(forward()[range(9), y]))
    return (data + reg / 2 * np.sum(W ** 2)) / 9
for _ in range(30):
    d = forward()
    d[range(9), y] -= 1
    dW = X.T @ d / 9
    db = d.sum(axis=0) / 9
    dW += reg * W{share}
    W -= 0.1 * dW
    b -= 0.1 * db
    print(loss())
"""


@pytest.mark.turns(2)
def test_a_decay_that_is_not_that_of_its_own_cost_is_placed_where_it_is_added(tmp_path: Path) -> None:
    assert assessed(DECAYING.replace("{share}", " / 9"), tmp_path)["verdict"] == "verified"
    told = assessed(DECAYING.replace("{share}", ""), tmp_path)
    assert [(f["parameter"], f["code"]) for f in told["faults"]] == [("W", "dW += reg * W")]
    assert told["faults"][0]["what"].startswith("its weight decay differs from that in its own cost")


FROM_IDX = '''"""Digits."""
from __future__ import division
import os
import struct
import numpy as np
import requests
def fetch(name):
    if not os.path.exists(name):
        answer = requests.get("http://example.org/" + name)
        if answer.status_code != 200:
            return False
        with open(name, "wb") as file:
            file.write(answer.content)
    return True
def load(images, labels):
    with open(labels, "rb") as file:
        magic, n = struct.unpack(">II", file.read(8))
        if magic != 2049:
            raise ValueError("no labels")
        y = np.fromfile(file, dtype=np.uint8)
    with open(images, "rb") as file:
        struct.unpack(">IIII", file.read(16))
        x = np.fromfile(file, dtype=np.uint8).reshape(len(y), 784)
    return x / 255.0, y
if fetch("train-images.idx3-ubyte") and fetch("train-labels.idx1-ubyte"):
    X, y = load("train-images.idx3-ubyte", "train-labels.idx1-ubyte")
    W = np.random.randn(784, 10)
    for epoch in range(5):
        p = np.exp(X @ W)
        p /= p.sum(axis=1, keepdims=True)
        p[range(len(y)), y] -= 1
        W -= 0.1 * X.T @ p
'''


@pytest.mark.turns(2)
def test_digits_are_made_up_as_the_idx_files_in_which_they_are_read(tmp_path: Path) -> None:
    told = assessed(FROM_IDX, tmp_path)
    assert (told["verdict"], told["subject"]["form"]) == ("verified", "own example")


QUOTIENT = """
a, b, h = 2.0, 3.0, 0.01
before = a * b
b += h
slope = (a * b - before) / h
"""


@pytest.mark.turns(2)
def test_an_engine_that_takes_no_plain_numbers_is_judged_and_not_the_quotient_beside_it(tmp_path: Path) -> None:
    for value, verdict in [(VALUE, "verified"), (OTHER_FACTOR, "refuted")]:
        told = assessed(value + QUOTIENT, tmp_path)
        assert (told["verdict"], told["subject"]["name"]) == (verdict, "Value")


OVERWRITES = VALUE.replace("grad +=", "grad =")


@pytest.mark.turns(2)
def test_an_engine_that_overwrites_gradients_is_told_in_all_its_lines(tmp_path: Path) -> None:
    told = assessed(OVERWRITES + QUOTIENT, tmp_path)
    assert (told["verdict"], told["subject"]["name"]) == ("refuted", "Value")
    correction = "self.grad += out.grad, and the same in lines 10, 16 and 17"
    assert {(fault["line"], fault["should_be"], fault["mended"]) for fault in told["faults"]} == {(9, correction, True)}


@pytest.mark.turns(2)
def test_an_engine_that_is_right_in_its_own_example_alone_is_not_verified(tmp_path: Path) -> None:
    """Of d·d either gradient is d, so that what is overwritten is half of the gradient, for every parameter."""
    told = assessed(OVERWRITES + SCALARS, tmp_path)
    assert (told["verdict"], told["step"]) == ("undecided", "")
    assert "Value by itself is not: gradproof check" in told["undecided"][0]
    twice = SCALARS.replace("loss = d * d", "loss = d * d + d")
    assert assessed(OVERWRITES + twice, tmp_path)["verdict"] != "verified"


@pytest.mark.turns(2)
@pytest.mark.parametrize(("update", "said"), [("", True), ("    b -= 0.5 * np.mean(p - y)\n", False)])
def test_a_bias_that_no_step_moves_is_told_and_is_no_fault(update: str, said: bool, tmp_path: Path) -> None:
    told = assessed(
        "import numpy as np\nX = np.random.randn(20, 3)\ny = (X[:, 0] > 0).astype(float)\nw, b = np.zeros(3), 0.0\n"
        "for epoch in range(5):\n    p = 1 / (1 + np.exp(-(X @ w + b)))\n"
        "    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))\n"
        f"    w -= 0.5 * X.T @ (p - y) / len(y)\n{update}",
        tmp_path,
    )
    assert told["verdict"] == "verified"
    assert ("b is used in the forward pass, but the step does not update it" in told["notes"]) == said


LAYERS_OF_MEANS = """
import numpy as np
class Sigmoid:
    def forward(self, x):
        self.z = 1 / (1 + np.exp(-x))
        return self.z
    def backward(self, delta, learning_rate):
        grad = delta * self.z * (1 - self.z)
        return grad
class Linear:
    def __init__(self, n_in, n_out):
        self.params = {"weight": np.random.randn(n_in, n_out), "bias": np.zeros(n_out)}
        self.grads = {"weight": None, "bias": None}
    def forward(self, x):
        self.x = x
        return x @ self.params["weight"] + self.params["bias"]
    def backward(self, dout, learning_rate=0):
        self.grads["weight"], self.grads["bias"] = self.x.T @ dout, {bias}
        return dout @ self.params["weight"].T
class Net:
    def __init__(self, n_inputs, n_hidden, n_classes):
        self.layers = []
        for width in n_hidden:
            self.layers += [Linear(n_inputs, width), Sigmoid()]
            n_inputs = width
        self.layers.append(Linear(n_inputs, n_classes))
    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x
    def backward(self, dout):
        for layer in self.layers[::-1]:
            dout = layer.backward(dout, 0.1)
"""


@pytest.mark.turns(2)
@pytest.mark.parametrize(("bias", "verdict"), [("dout.sum(axis=0)", "verified"), ("dout.mean(axis=0)", "refuted")])
def test_gradients_are_judged_where_a_net_of_layers_keeps_them(bias: str, verdict: str, tmp_path: Path) -> None:
    told = assessed(LAYERS_OF_MEANS.replace("{bias}", bias), tmp_path)
    assert told["verdict"] == verdict
    verdicts = {one["name"]: one["verdict"] for one in told["subjects"]}
    assert verdicts["Sigmoid.backward, what it returns"] == "verified"
    assert verdicts["Net.backward, what it keeps"] == verdict


ONE_LOOP = """
import numpy as np
def sigmoid(z):
    return 1 / (1 + np.exp(-z))
W1, b1 = np.random.randn(5, 4), np.zeros((5, 1))
W2, b2 = np.random.randn(3, 5), np.zeros((3, 1))
X, Y = np.random.randn(4, 7), np.random.rand(3, 7)
for epoch in range(30):
    A1 = sigmoid(W1 @ X + b1)
    A2 = sigmoid(W2 @ A1 + b2)
    loss = np.sum((A2 - Y) ** 2) / 2
    D2 = (A2 - Y) * A2 * (1 - A2)
    D1 = W2.T @ D2 * A1 * (1 - A1)
    dW2 = D2 @ A1.T
    db2 = {db2}
    dW1 = {dW1}
    db1 = {db1}
    for parameter, gradient in zip([W1, b1, W2, b2], [dW1, db1, dW2, db2]):
        parameter -= 0.1 * gradient
"""


@pytest.mark.turns(2)
def test_what_is_updated_in_one_loop_is_blamed_at_each_arrays_own_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = {"db2": "D2.sum(axis=1, keepdims=True)", "dW1": "D1 @ X.T", "db1": "D1.sum(axis=1, keepdims=True)"}
    assert assessed(ONE_LOOP.format(**right), tmp_path)["verdict"] == "verified"
    without_repairs(monkeypatch)
    wrong = {"db2": "D2.mean(axis=1, keepdims=True)", "dW1": "D1 @ sigmoid(X.T)", "db1": "np.sum(D1)"}
    told = assessed(ONE_LOOP.format(**wrong), tmp_path)
    assert {fault["parameter"]: fault["code"].partition(" ")[0] for fault in told["faults"]} == {
        "W1": "dW1", "b1": "db1", "b2": "db2"
    }  # fmt: skip


LOSS_LAYER = """
import numpy as np
class Relu:
    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out
    def backward(self, dout):
        dout[self.mask] = 0
        dx = dout
        return dx
class SoftmaxWithLoss:
    def forward(self, x, t):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.t, self.y = t, e / e.sum(axis=1, keepdims=True)
        return -np.sum(t * np.log(self.y)) / len(x)
    def backward(self, dout=1):
        return (self.y - {t}) / len(self.t)
"""


@pytest.mark.turns(2)
@pytest.mark.parametrize(("t", "verdict"), [("self.t", "verified"), ("2 * self.t", "refuted")])
def test_a_layer_that_is_a_loss_has_labels_and_nothing_behind_it(t: str, verdict: str, tmp_path: Path) -> None:
    told = assessed(LOSS_LAYER.replace("{t}", t), tmp_path)
    verdicts = {one["name"].partition(".")[0]: one["verdict"] for one in told["subjects"]}
    assert verdicts == {"Relu": "verified", "SoftmaxWithLoss": verdict}
    assert verdict == "refuted" or not told["conventions"]


CALLED = """
import sys
import numpy as np
def main():
    if len(sys.argv) != 4:
        print("usage: train.py DATA EPOCHS RATE")
        sys.exit(1)
    examples = []
    with open(sys.argv[1]) as file:
        for line in file:
            y, *x = line.strip().split(",")
            examples.append((np.array([float(value) for value in x]), int(y)))
    W = np.random.randn(2, len(examples[0][0]))
    for _ in range(int(sys.argv[2])):
        for x, y in examples:
            p = np.exp(W @ x)
            p /= p.sum()
            p[y] -= 1
            W -= float(sys.argv[3]) * np.outer(p, x{slip})
main()
"""


@pytest.mark.turns(2)
@pytest.mark.parametrize(("slip", "verdict"), [("", "verified"), (" + 1", "refuted")])
def test_a_program_that_is_called_with_arguments_is_given_some(slip: str, verdict: str, tmp_path: Path) -> None:
    told = assessed(CALLED.replace("{slip}", slip), tmp_path)
    assert (told["verdict"], told["subject"]["form"]) == (verdict, "own example")
    assert "missing data were made up" in told["notes"]
