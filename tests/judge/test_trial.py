"""A gradient, a backward pass, a step of anyone's: right ones verified, wrong ones refuted where they are wrong."""

import re
from typing import Any

import numpy as np
import pytest
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

import gradproof
from gradproof.errors import UsageError
from gradproof.judge.trial.comparison import common_factor
from tests.exact.generated import loaded

pytestmark = pytest.mark.usefixtures("few_edits")

Z = np.zeros


def loss(X, W1, b1, W2, b2, y, reg):  # noqa: N803
    h = np.maximum(0, X.dot(W1) + b1)
    s = h.dot(W2) + b2
    s = s - np.max(s, axis=1, keepdims=True)
    p = np.exp(s) / np.sum(np.exp(s), axis=1, keepdims=True)
    return -np.log(p[range(X.shape[0]), y]).mean() + 0.5 * reg * (np.sum(W1 * W1) + np.sum(W2 * W2))


def grads(X, W1, b1, W2, b2, y, reg):  # noqa: N803
    h = np.maximum(0, X.dot(W1) + b1)
    s = h.dot(W2) + b2
    s -= np.max(s, axis=1, keepdims=True)
    p = np.exp(s)
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(X)), y] -= 1
    p /= len(X)
    dh = p.dot(W2.T)
    dh[h <= 0] = 0
    return {"dW1": X.T.dot(dh) + reg * W1, "db1": dh.sum(axis=0), "dW2": h.T.dot(p) + reg * W2, "db2": p.sum(axis=0)}


def loss_of(params, X, y, reg):  # noqa: N803
    return loss(X, params["W1"], params["b1"], params["W2"], params["b2"], y, reg)


def grads_of(params, X, y, reg):  # noqa: N803
    return grads(X, params["W1"], params["b1"], params["W2"], params["b2"], y, reg)


PARAMS = {"W1": Z((4, 6)), "b1": Z(6), "W2": Z((6, 3)), "b2": Z(3)}
DATA = Z((5, 4)), np.array([0, 1, 2, 1, 0]), 0.1


def test_gradients_in_a_dict_belong_to_the_arguments_of_their_names() -> None:
    judged = gradproof.check_gradient(loss, grads, DATA[0], *PARAMS.values(), *DATA[1:])
    assert judged, judged
    assert [array.name for array in judged.arrays] == ["W1", "b1", "W2", "b2"]
    assert judged.digits >= 50


def test_a_dict_that_lacks_a_gradient_is_refuted() -> None:
    assert gradproof.check_gradient(loss_of, grads_of, PARAMS, *DATA)

    def without(params, X, y, reg):  # noqa: N803
        found = grads_of(params, X, y, reg)
        return {key: found[key] for key in ("dW1", "db1", "dW2")}

    judged = gradproof.check_gradient(loss_of, without, PARAMS, *DATA)
    assert judged.verdict == "refuted"
    assert "no gradient for params['b2']" in str(judged)


def bce(w, b, x, y):
    a = 1 / (1 + np.exp(-(x @ w + b)))
    return -np.sum(y * np.log(a) + (1 - y) * np.log(1 - a)) / len(y)


@pytest.mark.parametrize("bias", [0.0, Z(1), Z(())], ids=["a float", "an array of one", "no axes"])
def test_a_bias_may_be_a_number(bias: Any) -> None:
    def gradient(w, b, x, y):
        d = (1 / (1 + np.exp(-(x @ w + b))) - y) / len(y)
        return x.T @ d, np.sum(d)

    def sums_twice(w, b, x, y):
        dw, db = gradient(w, b, x, y)
        return dw, 2 * db

    arguments = Z(3), bias, Z((6, 3)), np.array([0.0, 1, 1, 0, 1, 0])
    assert gradproof.check_gradient(bce, gradient, *arguments)
    judged = gradproof.check_gradient(bce, sums_twice, *arguments)
    assert [array.state for array in judged.arrays] == ["right", "scaled by 2"]


class Dense:
    def __init__(self, n: int, m: int) -> None:
        self.W, self.b = Z((m, n)), Z((m, 1))

    def forward(self, x):
        self.x = x
        return self.W @ x + self.b

    def backward(self, d):
        self.dW = d @ self.x.T
        self.db = d.sum(axis=1, keepdims=True)
        return self.W.T @ d


class MeanOfBias(Dense):
    def backward(self, d):
        result = super().backward(d)
        self.db = d.mean(axis=1, keepdims=True)
        return result


def test_a_layer_object_is_held_to_the_gradients_that_it_keeps() -> None:
    layer, wrong = Dense(3, 2), MeanOfBias(3, 2)
    judged = gradproof.check_backward(layer.forward, layer.backward, Z((3, 4)))
    assert judged, judged
    assert {array.name for array in judged.arrays} == {"x", "W", "b"}
    states = {a.name: a.state for a in gradproof.check_backward(wrong.forward, wrong.backward, Z((3, 4))).arrays}
    assert states == {"x": "right", "W": "right", "b": "scaled by 1/4"}
    assert not layer.W.any()  # the caller's own layer has not moved
    assert not hasattr(layer, "x")


KEPT = {  # what a layer begins with, its weights, and what backward does with their gradient
    "dicts": ("self.params, self.grads = {'W': W}, {}", "self.params['W']", "self.grads['W'] = g"),
    "lists": ("self.params = [W]", "self.params[0]", "self.grads = [g]"),
    "an object": ("self.W = Parameter(); self.W.data = W", "self.W.data", "self.W.grad = g"),
    "a dict": ("self.W = {'val': W}", "self.W['val']", "self.W['grad'] = g"),
    "_w": ("self._w = W", "self._w", "self._dw = g"),
    "dLdW": ("self.W = W", "self.W", "self.dLdW = g"),
    "w_grad": ("self.W = W", "self.W", "self.w_grad = g"),
    "two names": ("self.params = [W]; self.W = W", "self.W", "self.dW = g"),
    "a sum": ("self.W, self.dW = W, W + 1", "self.W", "self.dW += g"),  # of calls, and it is not 0
    "layers": ("self.layers = [{'W': W}]", "self.layers[0]['W']", "self.layers[0]['dW'] = g"),
    "returned": ("self.W = W", "self.W", "return d @ self.W.T, g"),
}
KEEPING = """
import numpy as np
class Parameter:
    pass
class Layer:
    def __init__(self, W):
        BEGIN
    def __call__(self, x):
        self.x = x
        return x @ WEIGHTS
    def backward(self, d):
        g = SLIP * self.x.T @ d
        KEEP
        return d @ WEIGHTS.T
"""


def keeping(begin: str, weights: str, keep: str, slip: str = "1") -> Any:
    code = KEEPING.replace("BEGIN", begin).replace("WEIGHTS", weights).replace("KEEP", keep).replace("SLIP", slip)
    layer = loaded(code).Layer(Z((4, 3)))
    return gradproof.check_backward(layer, layer.backward, Z((5, 4)))


@pytest.mark.sample(5)
@pytest.mark.parametrize("slip", ["1", "2"])
@pytest.mark.parametrize("how", KEPT)
def test_the_gradients_in_a_layer_are_found_wherever_it_keeps_them(how: str, slip: str) -> None:
    judged = keeping(*KEPT[how], slip)
    assert [array.state for array in judged.arrays] == ["right", "right" if slip == "1" else "scaled by 2"], judged


@pytest.mark.parametrize(
    ("keep", "verdict"), [("pass", "verified"), ("self.sensitivity = g", "undecided"), ("self.W -= g", "refuted")]
)
def test_an_array_whose_gradient_is_not_found_is_named(keep: str, verdict: str) -> None:
    """The last gives the wrong gradient of x, with the new W."""
    judged = keeping("self.W = W", "self.W", keep)
    assert judged.verdict == verdict, judged
    assert ("W was not compared: no gradient of it was found" in str(judged)) == (verdict != "refuted")


class Chain:
    def __init__(self, kind: type) -> None:
        self.first, self.others = Dense(3, 4), [kind(4, 2)]

    def forward(self, x):
        return self.others[0].forward(np.tanh(self.first.forward(x)))

    def backward(self, d):
        return self.first.backward(self.others[0].backward(d) * (1 - self.others[0].x ** 2))


@pytest.mark.parametrize(("kind", "state"), [(Dense, "right"), (MeanOfBias, "scaled by 1/5")])
def test_a_network_is_held_to_the_gradients_of_its_layers(kind: type, state: str) -> None:
    net = Chain(kind)
    judged = gradproof.check_backward(net.forward, net.backward, Z((3, 5)))
    assert {array.name: array.state for array in judged.arrays} == {
        "x": "right", "first.W": "right", "first.b": "right", "others[0].W": "right", "others[0].b": state,
    }  # fmt: skip


@pytest.mark.parametrize(("factor", "verdict"), [(1, "verified"), (2, "refuted")])
def test_a_float_is_differentiated_by_if_backward_gives_a_number_for_it(factor: int, verdict: str) -> None:
    judged = gradproof.check_backward(
        lambda x, b: (x * b, (x, b)), lambda d, c: (d * c[1], factor * np.sum(d * c[0])), Z((4, 3)), 1.5
    )
    assert judged.verdict == verdict, judged
    assert [array.name for array in judged.arrays] == ["x", "b"]


class Regression:
    def __init__(self) -> None:
        self.W, self.b, self.m, self.v, self.t = Z((2, 3)), Z((2, 1)), Z((2, 3)), Z((2, 3)), 0

    def cost(self, x, y):
        return ((np.tanh(self.W @ x + self.b) - y) ** 2).sum()

    def slopes(self, x, y):
        a = np.tanh(self.W @ x + self.b)
        d = 2 * (a - y) * (1 - a * a)
        return d @ x.T, d.sum(axis=1, keepdims=True)


class Plain(Regression):
    def step(self, x, y):
        dw, db = self.slopes(x, y)
        self.W -= 0.1 * dw
        self.b = self.b - 0.1 * db


class Decayed(Regression):
    def step(self, x, y):
        dw, db = self.slopes(x, y)
        self.W -= 0.1 * (dw + 0.01 * self.W)
        self.b -= 0.1 * db


class Adam(Regression):
    scale = 1.0

    def step(self, x, y):
        dw, _ = self.slopes(x, y)
        dw = dw * self.scale
        self.t += 1
        self.m = 0.9 * self.m + 0.1 * dw
        self.v = 0.999 * self.v + 0.001 * dw**2
        self.W -= 0.01 * (self.m / (1 - 0.9**self.t)) / (np.sqrt(self.v / (1 - 0.999**self.t)) + 1e-8)


class Uphill(Regression):
    def step(self, x, y):
        dw, db = self.slopes(x, y)
        self.W += 0.1 * dw
        self.b += 0.1 * db


class DecayedBias(Regression):
    def step(self, x, y):
        dw, db = self.slopes(x, y)
        self.W -= 0.1 * dw
        self.b -= 0.1 * (db + 0.01 * self.b)


class WrongSlope(Regression):
    def step(self, x, y):
        a = np.tanh(self.W @ x + self.b)
        d = 2 * (a - y) * (1 - a)
        self.W -= 0.1 * d @ x.T
        self.b -= 0.1 * d.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("kind", "said"), [(Plain, ""), (Decayed, "with weight decay 0.01"), (Adam, "adaptive steps")])
def test_steps_along_the_gradient_are_told_apart(kind: type, said: str) -> None:
    net = kind()
    if kind is Adam:
        del net.b
        net.b = 0.0  # which Adam does not move here
    judged = gradproof.check_step(net.step, net, Z((3, 4)), Z((2, 4)), cost=net.cost)
    assert judged, judged
    assert said in " ".join(judged.conventions)


@pytest.mark.parametrize(
    ("penalty", "decay", "said"),
    [
        ("np.sum(w ** 2)", "0.01", "right"),
        ("np.sum(w ** 2)", "0.02", "its weight decay differs from that in its own cost"),
        ("np.linalg.norm(w) ** 2", "0.01", "right"),
        ("np.linalg.norm(w) ** 2", "0.02", "its squares may be another penalty"),
        ("0", "0.02", "with weight decay 0.02, which the cost does not have"),
    ],
)
def test_a_step_may_decay_by_the_rate_of_its_cost_alone(penalty: str, decay: str, said: str) -> None:
    names = loaded(f"""
import numpy as np
def cost(w, b, x, y): return 0.5 * np.sum((x @ w + b - y) ** 2) + 0.005 * {penalty}
def step(w, b, x, y):
    d = x @ w + b - y
    return w - 0.1 * (x.T @ d + {decay} * w), b - 0.1 * d.sum(0)
""")
    judged = gradproof.check_step(names.step, [Z((3, 2)), Z(2)], Z((5, 3)), Z((5, 2)), cost=names.cost)
    verdict = "verified" if said == "right" or penalty == "0" else "undecided" if "may" in said else "refuted"
    assert judged.verdict == verdict, judged
    assert said in str(judged)


@pytest.mark.parametrize(
    ("kind", "states"),
    [
        (Uphill, {"W": "uphill", "b": "uphill"}),
        (DecayedBias, {"W": "right", "b": "with weight decay 0.01"}),
        (WrongSlope, {"W": "wrong", "b": "wrong"}),
    ],
)
def test_a_wrong_step_is_refuted(kind: type, states: dict[str, str]) -> None:
    net = kind()
    judged = gradproof.check_step(net.step, net, Z((3, 4)), Z((2, 4)), cost=net.cost)
    assert judged.verdict == "refuted"
    assert {array.name[3:4]: array.state for array in judged.arrays} == states


def test_without_a_cost_a_step_must_follow_some_gradient() -> None:
    right, wrong = Plain(), WrongSlope()
    assert gradproof.check_step(right.step, right, Z((3, 4)), Z((2, 4)))
    judged = gradproof.check_step(wrong.step, wrong, Z((3, 4)), Z((2, 4)))
    # (1 − a)(a − y) is the slope of another cost: elementwise changes at the output cannot be seen without a cost.
    assert judged.verdict == "verified"


class Transposed(Regression):
    def __init__(self) -> None:
        self.W, self.V = Z((3, 3)), Z((3, 3))

    def step(self, x, y):
        a = np.tanh(self.W @ x)
        d = self.V @ a - y
        e = (self.V @ d) * (1 - a * a)  # V where Vᵀ belongs
        self.V -= 0.1 * d @ a.T
        self.W -= 0.1 * e @ x.T


def test_a_step_along_the_gradient_of_no_cost_is_refuted() -> None:
    net = Transposed()
    judged = gradproof.check_step(net.step, net, Z((3, 4)), Z((3, 4)))
    assert judged.verdict == "refuted"
    assert "not the gradient of any cost" in str(judged)


def test_a_difference_quotient_is_named() -> None:
    judged = gradproof.check_gradient(
        lambda x: np.sum(x**3),
        lambda x: np.array([(np.sum((x + h) ** 3) - np.sum((x - h) ** 3)) / 2e-5 for h in 1e-5 * np.eye(3)]),
        Z(3),
    )
    assert judged.verdict == "refuted"
    assert "difference quotient" in judged.arrays[0].state


def test_assertions_raise_with_the_whole_judgement() -> None:
    gradproof.assert_gradient(lambda x: x**2, lambda x: 2 * x, 3.0)
    with pytest.raises(AssertionError, match=r"refuted: .*\n.*scaled by 1/2"):
        gradproof.assert_gradient(lambda x: x**2, lambda x: x, 3.0)


def test_a_judgement_is_true_only_if_verified_and_its_repr_is_short() -> None:
    right = gradproof.check_gradient(lambda x: x**2, lambda x: 2 * x, 3.0)
    wrong = gradproof.check_gradient(lambda x: (x**2).sum(), lambda x: x, Z(30))
    assert bool(right)
    assert not wrong
    assert len(repr(wrong).splitlines()) <= 10


def test_without_drawing_the_point_is_the_one_given_and_the_call_says_so() -> None:
    half = lambda w: 0.5 * w @ w  # noqa: E731
    assert "at the point given" in str(gradproof.check_gradient(half, lambda w: w, np.ones(3), draw=False))
    judged = gradproof.check_step(lambda w: w + 0.1 * w, np.ones(3), cost=half, seed=1, draw=False)
    assert re.search(r", …, cost=\S*<lambda>, seed=1, draw=False\)$", str(judged)), judged
    with pytest.raises(UsageError, match="draw is 'no', should be True or False"):
        gradproof.check_gradient(half, lambda w: w, np.ones(3), draw="no")


@pytest.mark.parametrize("arguments", [(), (np.array([1, 2]),), (np.array([1j]),), ("text",)])
def test_arguments_without_floats_are_a_usage_error(arguments: Any) -> None:
    with pytest.raises(UsageError):
        gradproof.check_gradient(lambda *x: 0.0, lambda *x: x, *arguments)


def test_a_wrong_number_of_arguments_is_no_verdict() -> None:
    with pytest.raises(UsageError, match=r"gradient is .*\(x\), which does not take 2 arguments: give an example"):
        gradproof.check_gradient(lambda x, y: x @ y, lambda x: x, Z(3), Z(3))
    with pytest.raises(UsageError, match=r"cost is .*\(x, y\), which does not take 1 argument: give an example"):
        gradproof.check_gradient(lambda x, y: x @ y, lambda x: x, Z(3))
    with pytest.raises(UsageError, match=r"step is .*, which does not take 1 argument: it gets the parameters"):
        gradproof.check_step(lambda a, b, c: None, [Z(3)])


def test_vectors_of_biases_need_no_weight_decay() -> None:
    def step(w, b, x, y):
        d = x @ w + b - y
        return w - 0.1 * (x.T @ d + 0.5 * w), b - 0.1 * d.sum(axis=0)

    judged = gradproof.check_step(
        step, [Z((3, 2)), Z(2)], Z((4, 3)), Z((4, 2)), cost=lambda w, b, x, y: 0.5 * np.sum((x @ w + b - y) ** 2)
    )
    assert judged, judged
    assert "with weight decay 0.5" in str(judged)


def test_a_parameter_may_be_a_number_without_axes() -> None:
    half = lambda w, x, y: 0.5 * (w * x - y) ** 2  # noqa: E731
    down = lambda w, x, y: w - 0.1 * (w * x - y) * x  # noqa: E731
    assert gradproof.check_step(down, np.array(0.5), np.array(0.3), np.array(0.2), cost=half)


@pytest.mark.parametrize(
    ("slope", "said"),
    [
        ("(a - y) * (1 - a * a)", "quadratic, 0.05 Σ(a − y)²"),
        ("(y - a) * (a * a - 1)", "quadratic, 0.05 Σ(a − y)²"),
        ("a - y", ""),  # of tanh: none of the usual costs
    ],
)
def test_without_a_cost_the_usual_one_that_a_step_goes_down_is_named(slope: str, said: str) -> None:
    names = loaded(f"""
import numpy as np
def step(w, b, x, y):
    a = np.tanh(w @ x + b)
    d = {slope}
    return w - 0.1 * d @ x.T, b - 0.1 * d.sum(axis=1, keepdims=True)
""")
    judged = gradproof.check_step(names.step, [Z((2, 3)), Z((2, 1))], Z((3, 4)), Z((2, 4)))
    assert ([words for words in judged.conventions if "its cost" in words] != []) == bool(said)
    assert said in str(judged)


def test_the_cost_of_classes_is_named() -> None:
    def step(w, b, x, y):
        p = np.exp(x @ w + b)
        p /= p.sum(axis=1, keepdims=True)
        p[range(len(y)), y] -= 1
        return w - 0.1 * (x.T @ p + 0.5 * w), b - 0.1 * p.sum(axis=0)

    judged = gradproof.check_step(step, [Z((3, 4)), Z(4)], Z((5, 3)), np.array([0, 1, 3, 2, 1]))
    assert "y: cross-entropy, 0.1 Σ(−y log a), with weight decay 0.5" in str(judged)


def test_a_step_beside_a_derivative_that_is_not_finite_is_undecided() -> None:
    norm = lambda w: np.sqrt(np.sum(w**2))  # noqa: E731
    judged = gradproof.check_step(lambda w: w - 5, Z(3), cost=norm, draw=False)
    assert judged.verdict == "undecided", judged
    assert "not finite" in str(judged)


@given(st.floats(1e200, 1e308), st.floats(1e-300, 1e-200))
def test_a_ratio_beyond_all_floats_is_no_factor(large: float, small: float) -> None:
    got, expected = (np.array([arb(v)], object) for v in (large, small))
    assert common_factor(got, expected) is None
    assert common_factor(expected, got) is None


def test_a_gradient_may_be_a_list_of_numbers() -> None:
    def cost(w, x, y):
        return np.sum((x @ w - y) ** 2) / 2

    def gradient(w, x, y):
        error = x @ w - y
        return [sum(error * column) for column in x.T]

    assert gradproof.check_gradient(cost, gradient, np.zeros(3), np.zeros((4, 3)), np.zeros(4))
    wrong = gradproof.check_gradient(cost, lambda *a: gradient(*a)[::-1], np.zeros(3), np.zeros((4, 3)), np.zeros(4))
    assert str(wrong.verdict) == "refuted"


def test_keys_that_name_no_argument_refute_nothing() -> None:
    def cost(w1, w2):
        return np.sum(np.tanh(w1) ** 2 * w2)

    def gradient(w1, w2):
        h = np.tanh(w1)
        return {"output": h**2, "hidden": 2 * h * (1 - h**2) * w2}

    judged = gradproof.check_gradient(cost, gradient, np.zeros(3), np.zeros(3))
    assert str(judged.verdict) == "undecided"
    assert "returns output, hidden, which do not name w1, w2: use the names of the arguments" in judged.trouble
    assert gradproof.check_gradient(cost, lambda *a: dict(reversed(gradient(*a).items())), np.zeros(3), np.zeros(3))
    renamed = gradproof.check_gradient(cost, lambda *a: dict(zip(["dw1", "dw2"], gradient(*a).values(), strict=True)),
                                       np.zeros(3), np.zeros(3))  # fmt: skip
    assert str(renamed.verdict) == "refuted"
