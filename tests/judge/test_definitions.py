"""Files that only define functions and classes: what they take is made up from names, docstrings and what makes it."""

import ast
from pathlib import Path
from typing import Any

import pytest

from gradproof.judge.assessment import assess
from gradproof.judge.find.search import SLOPE
from gradproof.judge.find.shapes import told_shapes
from tests.judge.test_whole import assessed

pytestmark = pytest.mark.usefixtures("few_edits")

BATCHES = """
import numpy as np
def init_params(sizes, rng):
    return [(rng.normal(size=(m, n)), np.zeros(n)) for m, n in zip(sizes[:-1], sizes[1:])]
def predict(params, inputs):
    for w, b in params[:-1]:
        inputs = np.tanh(inputs @ w + b)
    return inputs @ params[-1][0] + params[-1][1]
def loss(params, batch):
    inputs, targets = batch
    return np.mean(np.sum((predict(params, inputs) - targets) ** 2, axis=1))
def grads(params, batch):
    inputs, targets = batch
    hs = [inputs]
    for w, b in params[:-1]:
        hs.append(np.tanh(hs[-1] @ w + b))
    d = 2 * (predict(params, inputs) - targets) / len(inputs)
    found = []
    for (w, _), h in zip(params[::-1], hs[::-1]):
        found.append((h.T @ d, d.sum(axis=0)))
        d = (d @ w.T) * (1 - h ** 2)
    return found[::-1]
def update(params, batch, step_size=0.1):
    return [(w - step_size * dw, b - step_size * db) for (w, b), (dw, db) in zip(params, grads(params, batch))]
"""
TREES = """
import numpy as np
def init(key, d, h, k):
    g = np.random.RandomState(key)
    return {"l1": {"w": g.randn(d, h), "b": np.zeros(h)}, "out": {"w": g.randn(h, k), "b": np.zeros(k)}}
def loss(params, batch):
    x, y = batch
    h = np.tanh(x @ params["l1"]["w"] + params["l1"]["b"])
    return np.mean(np.sum((h @ params["out"]["w"] + params["out"]["b"] - y) ** 2, axis=-1))
def grads(params, batch):
    x, y = batch
    h = np.tanh(x @ params["l1"]["w"] + params["l1"]["b"])
    d = 2 * (h @ params["out"]["w"] + params["out"]["b"] - y) / len(x)
    e = (d @ params["out"]["w"].T) * (1 - h ** 2)
    return {"l1": {"w": x.T @ e, "b": e.sum(0)}, "out": {"w": h.T @ d, "b": d.sum(0)}}
"""
CHARACTERS = """
import numpy as np
def init_model(vocab_size, hidden_size=100):
    return dict(Wx=np.random.randn(hidden_size, vocab_size), Wh=np.random.randn(hidden_size, hidden_size),
                Wy=np.random.randn(vocab_size, hidden_size),
                bh=np.zeros((hidden_size, 1)), by=np.zeros((vocab_size, 1)))
def lossFun(inputs, targets, hprev, model):
    Wx, Wh, Wy, bh, by = (model[k] for k in ("Wx", "Wh", "Wy", "bh", "by"))
    xs, hs, ps, loss = {}, {-1: hprev}, {}, 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((by.shape[0], 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(Wx @ xs[t] + Wh @ hs[t - 1] + bh)
        e = np.exp(Wy @ hs[t] + by)
        ps[t] = e / e.sum()
        loss += -np.log(ps[t][targets[t], 0])
    d, dnext = {k: np.zeros_like(v) for k, v in model.items()}, np.zeros_like(hprev)
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        d["Wy"] += dy @ hs[t].T
        d["by"] += dy
        draw = (1 - hs[t] ** 2) * (Wy.T @ dy + dnext)
        d["bh"] += draw
        d["Wx"] += draw @ xs[t].T
        d["Wh"] += draw @ hs[t - 1].T
        dnext = Wh.T @ draw
    return loss, d, hs[len(inputs) - 1]
"""
AUTOENCODER = """
import numpy as np
def sparse_autoencoder_cost(theta, visible_size, hidden_size, lambda_, sparsity_param, beta, data):
    n = visible_size * hidden_size
    W1, W2 = theta[:n].reshape(hidden_size, visible_size), theta[n:2 * n].reshape(visible_size, hidden_size)
    b1, b2 = theta[2 * n:2 * n + hidden_size], theta[2 * n + hidden_size:]
    m = data.shape[1]
    a = 1 / (1 + np.exp(-(W1 @ data + b1[:, None])))
    e = W2 @ a + b2[:, None] - data
    rho, p = a.mean(axis=1), sparsity_param
    kl = np.sum(p * np.log(p / rho) + (1 - p) * np.log((1 - p) / (1 - rho)))
    cost = 0.5 * np.sum(e ** 2) / m + 0.5 * lambda_ * (np.sum(W1 ** 2) + np.sum(W2 ** 2)) + beta * kl
    sparse = beta * (-p / rho + (1 - p) / (1 - rho))
    d = (W2.T @ e + sparse[:, None]) * a * (1 - a)
    grads = d @ data.T / m + lambda_ * W1, e @ a.T / m + lambda_ * W2, d.mean(axis=1), e.mean(axis=1)
    return cost, np.concatenate([g.ravel() for g in grads])
"""
TIED = """
import numpy as np
def cost_and_grad(theta, n_visible, n_hidden, data):
    n = n_visible * n_hidden
    W, b, c = theta[:n].reshape(n_hidden, n_visible), theta[n:n + n_hidden], theta[n + n_hidden:]
    a = np.tanh(W @ data + b[:, None])
    e = W.T @ a + c[:, None] - data
    d = (W @ e) * (1 - a ** 2)
    return 0.5 * np.sum(e ** 2), np.concatenate([(d @ data.T + a @ e.T).ravel(), d.sum(axis=1), e.sum(axis=1)])
"""
CELL = """
import numpy as np
from dataclasses import dataclass
@dataclass
class Params:
    W: np.ndarray
    U: np.ndarray
    @classmethod
    def init(cls, D: int, H: int, rng):
        return cls(rng.normal(size=(D, H)), rng.normal(size=(H, H)))
    def zeros_like(self):
        return Params(np.zeros_like(self.W), np.zeros_like(self.U))
class Cell:
    def __init__(self, params: Params):
        self.p, self.g = params, params.zeros_like()
    def forward(self, x, h):
        out = np.tanh(x @ self.p.W + h @ self.p.U)
        return out, (x, h, out)
    def backward(self, dout, kept):
        x, h, out = kept
        d = dout * (1 - out ** 2)
        self.g.W += x.T @ d
        self.g.U += h.T @ d
        return d @ self.p.W.T, d @ self.p.U.T
"""
HEADS = '''
import numpy as np
def heads_forward(x, proj, mix):
    """Several heads.

    x: (b, t, d); proj: (h, d, e)
    mix -- numpy array in shape (h, e,
        w)
    """
    each = np.tanh(np.einsum("btd,hde->bhte", x, proj))
    return np.einsum("bhte,hew->btw", each, mix), (x, proj, mix, each)
def heads_backward(dout, cache):
    x, proj, mix, each = cache
    dmix = np.einsum("bhte,btw->hew", each, dout)
    d = np.einsum("btw,hew->bhte", dout, mix) * (1 - each ** 2)
    return np.einsum("bhte,hde->btd", d, proj), np.einsum("btd,bhte->hde", x, d), dmix
'''
NORMS = """
import numpy as np
def channels_forward(images, scales):
    N, H, W, C = images.shape
    C, = scales.shape
    return images * scales, (images, scales)
def channels_backward(dout, cache):
    images, scales = cache
    return dout * scales, (dout * images).sum(axis=(0, 1, 2))
"""
WORDS = '''
import numpy as np
def softmaxLossAndGradient(centerVec, outsideIdx, outsideVectors, dataset=None):
    """The loss of one word.

    Arguments:
    centerVec -- numpy ndarray, the center word's embedding
                    in shape (word vector length, )
    outsideIdx -- integer, the index of the outside word
    outsideVectors -- in shape (num words in vocab, word vector length)
    """
    e = np.exp(outsideVectors @ centerVec)
    delta = e / e.sum()
    loss = -np.log(delta[outsideIdx])
    delta[outsideIdx] -= 1
    return loss, outsideVectors.T @ delta, np.outer(delta, centerVec)
'''
COLUMNS = """
import numpy as np
class Scatter:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
    def forward(self, x):
        self.x = x
        return x[:, ::-1] @ self.W
    def backward(self, dout):
        self.dW = self.x[:, ::-1].T @ dout
        back = np.zeros(self.x.shape, dtype=dout.dtype)
        np.add.at(back, (slice(None), np.arange(back.shape[1])[::-1]), dout @ self.W.T)
        return back
class Norm:
    def __init__(self, dim):
        self.g = np.ones(dim)
    def forward(self, x):
        self.x = x
        return np.tanh(x) * self.g
    def backward(self, d):
        self.dg = (d * np.tanh(self.x)).sum(axis=tuple(range(d.ndim - 1)))
        return d * self.g * (1 - np.tanh(self.x) ** 2)
"""


@pytest.mark.turns(4)
@pytest.mark.sample(4)
@pytest.mark.parametrize(
    ("source", "right", "wrong"),
    [
        (BATCHES, "(1 - h ** 2)", "(1 - h)"),
        (TREES, "(1 - h ** 2)", "(1 - h)"),
        (CHARACTERS, "dnext = Wh.T @ draw", "dnext = Wh @ draw"),
        (AUTOENCODER, "-p / rho + (1", "p / rho + (1"),
        (TIED, "d @ data.T + a @ e.T", "d @ data.T"),
        (CELL, "self.g.U += h.T @ d", "self.g.U += h.T @ dout"),
        (HEADS, "(1 - each ** 2)", "(1 - each)"),
        (NORMS, "axis=(0, 1, 2)", "axis=(0, 1, 2)) + dout.sum(axis=(0, 1, 2)"),
        (WORDS, "delta[outsideIdx] -= 1", "delta[outsideIdx] += 1"),
        (COLUMNS, "[::-1]), dout", "), dout"),
        (COLUMNS, "(d * np.tanh(self.x))", "(d * self.x)"),
    ],
)
def test_what_a_file_of_definitions_takes_is_made_up(source: str, right: str, wrong: str, tmp_path: Path) -> None:
    assert assessed(source, tmp_path)["verdict"] == "verified"
    assert source.count(right) == 1
    assert assessed(source.replace(right, wrong), tmp_path)["verdict"] == "refuted"


@pytest.mark.turns(1)
def test_gradients_of_a_layer_may_add_up_only_where_nothing_takes_a_step(tmp_path: Path) -> None:
    training = (
        "class SGD:\n    def step(self, layers):\n        for one in layers:\n            one.p.W -= 0.1 * one.g.W\n"
    )
    found = assessed(CELL + training, tmp_path)
    assert found["verdict"] == "refuted"
    assert any("accumulates in" in fault["what"] for fault in found["faults"])


def shapes(signature: str, doc: str, body: str = "pass") -> dict[str, Any]:
    (node,) = ast.parse(f'def f({signature}):\n    """{doc}"""\n    {body}').body
    assert isinstance(node, ast.FunctionDef)
    return told_shapes(node, signature.split(", "))


@pytest.mark.parametrize(
    ("signature", "doc", "found"),
    [
        ("x, w, b", "- x: of shape (N, D)\n    - w: weights, of shape (D, M)\n    - b: biases, of shape (M,)",
         {"x": (2, 3), "w": (3, 4), "b": (4,)}),
        ("A, W, b", "A -- activations: (size of previous layer, number of examples)\n"
         "    W -- (size of the current layer, size of previous layer)\n    b -- shape (size of current layer, 1)",
         {"A": (2, 3), "W": (4, 2), "b": (4, 1)}),
        ("x, y", "x : ndarray, shape (n_samples, n_features)\n    y : labels (optional) of shape (n_samples,)",
         {"x": (2, 3), "y": (2,)}),
        ("x, w", "x (np.ndarray): inputs of shape (B, T, D)\n    w (np.ndarray): weights [D, 4*H].",
         {"x": (2, 3, 4), "w": (4, 20)}),
        ("x, w", "One step. x (n_x, m) and w (n_a, m).", {"x": (2, 3), "w": (4, 3)}),
        ("x, w", "x: (N, 1000, 3)\n    w: what follows (see above)", {}),
        ("x", "x: (a, b, c, d, e, f, g)", {}),
        ("x", "", {}),
    ],
)  # fmt: skip
def test_shapes_are_read_from_a_docstring(signature: str, doc: str, found: dict[str, Any]) -> None:
    assert shapes(signature, doc) == found


def test_shapes_are_read_from_what_is_unpacked_and_kernels_are_small() -> None:
    body = "N, H, W, C = x.shape; f, f, C, F = w.shape; other, one = later.shape"
    assert shapes("x, w", "", body) == {"x": (2, 3, 4, 5), "w": (2, 2, 5, 7)}


FACTORS = """
import numpy as np
def mf_loss(U, V, R, mask, lam):
    return np.sum((mask * (R - U @ V.T)) ** 2) + lam * (np.sum(U ** 2) + np.sum(V ** 2))
def mf_grad(U, V, R, mask, lam):
    E = mask * (R - U @ V.T)
    return -2 * E @ V + 2 * lam * U, -2 * E.T @ U + 2 * lam * V
"""
COUNTS = """
import numpy as np
def negative_log_likelihood(beta, X, y):
    return np.sum(np.exp(X @ beta) - y * (X @ beta))
def gradient(beta, X, y):
    return X.T @ (np.exp(X @ beta) - y)
"""
SAMPLES = """
import numpy as np
def sigmoid(x):
    return 1 / (1 + np.exp(-x))
def sampling_loss_and_gradient(v_c, o, U, K_indices):
    z, zk = U[o] @ v_c, -U[K_indices] @ v_c
    grad_U = np.zeros_like(U)
    grad_U[o] += (sigmoid(z) - 1) * v_c
    np.add.at(grad_U, K_indices, np.outer(1 - sigmoid(zk), v_c))
    grad_v = (sigmoid(z) - 1) * U[o] + (1 - sigmoid(zk)) @ U[K_indices]
    return -np.log(sigmoid(z)) - np.sum(np.log(sigmoid(zk))), grad_v, grad_U
"""

GATES = """
import numpy as np
def sigmoid(v):
    return 1 / (1 + np.exp(-v))
def gate_forward(xt, a_prev, parameters):
    p = parameters
    both = np.concatenate([a_prev, xt])
    f, c = sigmoid(p["Wf"] @ both + p["bf"]), np.tanh(p["Wc"] @ both + p["bc"])
    a_next = f * a_prev + (1 - f) * c
    return a_next, (both, f, c, xt, a_prev, parameters)
def gate_backward(da_next, cache):
    both, f, c, xt, a_prev, p = cache
    n = len(a_prev)
    df, dc = da_next * (a_prev - c) * f * (1 - f), da_next * (1 - f) * (1 - c ** 2)
    d = p["Wf"].T @ df + p["Wc"].T @ dc
    return {"dWf": df @ both.T, "dbf": df.sum(axis=1, keepdims=True), "dWc": dc @ both.T,
            "dbc": dc.sum(axis=1, keepdims=True), "da_prev": d[:n] + da_next * f, "dxt": d[n:]}
"""
PASSED = """
import numpy as np
def cell_forward(x, h, P):
    out = np.tanh(x @ P["Wx"] + h @ P["Uh"] + P["bh"])
    return out, (x, h, out)
def cell_backward(dout, cache, P):
    x, h, out = cache
    d = dout * (1 - out ** 2)
    return d @ P["Wx"].T, d @ P["Uh"].T, {"Wx": x.T @ d, "Uh": h.T @ d, "bh": d.sum(0)}
"""


@pytest.mark.turns(2)
@pytest.mark.parametrize(
    ("source", "right", "wrong", "verdict"),
    [
        (GATES, "d[:n] + da_next * f", "d[:n]", "refuted"),
        (PASSED, 'd @ P["Uh"].T', 'd @ P["Uh"]', "refuted"),
        (FACTORS, "+ 2 * lam * V", "+ lam * V", "undecided"),  # it may be right for other masks than it was tried with
        (COUNTS, "- y)\n", "+ y)\n", "refuted"),
        (SAMPLES, "np.outer(1 - sigmoid(zk)", "np.outer(-sigmoid(zk)", "refuted"),
    ],
)
def test_shapes_are_those_with_which_it_runs(source: str, right: str, wrong: str, verdict: str, tmp_path: Path) -> None:
    """Only a mask of 0 and 1 is its own square. Cells of one name with several letters, as Wf and Wc, are alike."""
    assert assessed(source, tmp_path)["verdict"] == "verified"
    found = assessed(source.replace(right, wrong), tmp_path)
    assert found["verdict"] == verdict
    if verdict == "undecided":
        assert found["undecided"] == [
            "it is not right with made-up values of R, mask: show it a call with values of your own"
        ]


ALIASES = """
import numpy as np
class Affine:
    def __init__(self, W):
        self.W = W
    def forward(self, x):
        self.x = x
        return x @ self.W
    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T
class Net:
    def __init__(self, input_size, hidden_size, output_size):
        self.params = {"W1": np.random.randn(input_size, hidden_size), "W2": np.random.randn(hidden_size, output_size)}
        self.layers = [Affine(self.params["W1"]), Affine(self.params["W2"])]
    def predict(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x
    def loss(self, x, t):
        return 0.5 * np.sum((self.predict(x) - t) ** 2)
    def gradient(self, x, t):
        d = self.predict(x) - t
        for layer in reversed(self.layers):
            d = layer.backward(d)
        return {"W1": self.layers[0].dW, "W2": self.layers[1].dW}
"""
PENALTY = """
import numpy as np
class Counts:
    def __init__(self, alpha=1.0, lr=0.01):
        self.alpha, self.lr = alpha, lr
    def _nll(self, beta, X, y):
        eta = X @ beta
        return np.mean(np.exp(eta) - y * eta) + 0.5 * self.alpha * beta[1:] @ beta[1:]
    def fit(self, X, y):
        X, beta = np.column_stack([np.ones(len(X)), X]), np.zeros(X.shape[1] + 1)
        for _ in range(5):
            g = X.T @ (np.exp(X @ beta) - y) / len(y)
            g[1:] += self.alpha * beta[1:]
            beta = beta - self.lr * g
            self.last = self._nll(beta, X, y)
        self.beta = beta
"""
TWICE = """
import numpy as np
def svm_loss_naive(W, X, y, reg):
    loss, dW = 0.0, np.zeros(W.shape)
    for i in range(len(X)):
        scores = X[i] @ W
        for j in range(W.shape[1]):
            margin = scores[j] - scores[y[i]] + 1
            if j != y[i] and margin > 0:
                loss += margin / len(X)
                dW[:, j] += X[i] / len(X)
                dW[:, y[i]] -= X[i] / len(X)
    return loss + reg * np.sum(W * W), dW + 2 * reg * W
def svm_loss_vectorized(W, X, y, reg):
    rows = np.arange(len(X))
    scores = X @ W
    margins = np.maximum(0, scores - scores[rows, y][:, None] + 1)
    margins[rows, y] = 0
    mask = (margins > 0).astype(float)
    mask[rows, y] = -mask.sum(axis=1)
    return margins.sum() / len(X) + reg * np.sum(W * W), X.T @ mask / len(X) + 2 * reg * W
"""


@pytest.mark.turns(1)
@pytest.mark.parametrize(
    ("source", "right", "wrong"),
    [
        (ALIASES, "return dout @ self.W.T", "return 2 * dout @ self.W.T"),
        (PENALTY, "g[1:] += self.alpha * beta[1:]", "g += self.alpha * beta"),  # a cost with a penalty is no metric
        (TWICE, "X.T @ mask / len(X) + 2", "X.T @ mask / len(X) + 1"),  # of the second function
    ],
)
def test_arrays_of_two_names_penalties_and_second_functions(
    source: str, right: str, wrong: str, tmp_path: Path
) -> None:
    assert assessed(source, tmp_path)["verdict"] == "verified"
    assert source.count(right) == 1
    assert assessed(source.replace(right, wrong), tmp_path)["verdict"] == "refuted"


def test_a_slope_that_takes_the_inputs_is_not_called_a_wrong_backward_pass(tmp_path: Path) -> None:
    source = "import numpy as np\nclass Tanh:\n    def __call__(self, x):\n        return np.tanh(x)\n"
    source += "    def gradient(self, x):\n        return 1 - np.tanh(x) ** 2\n"
    found = assessed(source, tmp_path)
    assert found["verdict"] == "undecided"
    assert found["undecided"] == [SLOPE]


def test_what_is_not_judged_is_named(tmp_path: Path) -> None:
    more = "def stack_backward(model, dout):\n    return model.unknown(dout)\n"
    assert assessed(NORMS + more, tmp_path)["notes"] == ["not judged: stack_backward"]
    assert assessed(NORMS, tmp_path)["notes"] == []


RATINGS = """
import numpy as np
def cofi_cost_func(params, Y, R, num_users, num_movies, num_features, lmbda):
    X = params[:num_movies * num_features].reshape(num_movies, num_features)
    theta = params[num_movies * num_features:].reshape(num_users, num_features)
    E = (X @ theta.T - Y) * R
    J = 0.5 * np.sum(E ** 2) + lmbda / 2 * np.sum(params ** 2)
    return J, np.concatenate([(E @ theta + lmbda * X).ravel(), (E.T @ X + lmbda * theta).ravel()])
"""
CALL = "cofi_cost_func(params, Y, R, 5, 4, 3, 0.1)"


@pytest.mark.turns(1)
def test_what_cannot_be_made_up_may_be_given_in_the_line_of_step(tmp_path: Path) -> None:
    step = f"params, Y, R = np.ones(27), np.ones((4, 5)), np.eye(4, 5); {CALL}"
    (tmp_path / "mine.py").write_text(RATINGS, "utf8")
    found = assess(str(tmp_path / "mine.py"))
    names = "params, Y, R, num_users, num_movies, num_features, lmbda"
    assert (found["verdict"], found["step"]) == ("none", f"{names} = …; cofi_cost_func({names})")
    right = assess(str(tmp_path / "mine.py"), step=step)
    assert (right["verdict"], right["notes"]) == ("verified", [])
    (tmp_path / "mine.py").write_text(RATINGS.replace("E.T @ X + lmbda", "E.T @ X - lmbda"), "utf8")
    assert assess(str(tmp_path / "mine.py"), step=step)["verdict"] == "refuted"
