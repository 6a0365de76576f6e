"""Steps of optimizers, without a cost and over several calls: what scales or remembers a gradient is told."""

from typing import Any

import numpy as np
import pytest

import gradproof
from gradproof.judge.trial.judgement import Judgement
from gradproof.numerics.verdict import Verdict
from tests.exact.calling import loaded as program_of
from tests.exact.generated import loaded

pytestmark = pytest.mark.usefixtures("few_edits")

V, R, U = Verdict.VERIFIED, Verdict.REFUTED, Verdict.UNDECIDED
HEAD = """
import numpy as np

def cost(p, X, Y):
    return np.sum((np.tanh(X @ p["W"] + p["b"]) @ p["V"] - Y) ** 2) / 2

def gradients(p, X, Y):
    H = np.tanh(X @ p["W"] + p["b"])
    d = H @ p["V"] - Y
    e = d @ p["V"].T * (1 - H ** 2)
    return {"W": X.T @ e, "b": e.sum(0), "V": H.T @ d}

def wrong(p, X, Y):
    g = gradients(p, X, Y)
    H = np.tanh(X @ p["W"] + p["b"])
    e = (H @ p["V"] - Y) @ p["V"].T * (1 - H)
    return {"W": X.T @ e, "b": e.sum(0), "V": g["V"]}

class Optimizer:
    def __init__(self):
        self.v = {k: np.zeros(s) for k, s in {"W": (3, 4), "b": 4, "V": (4, 2)}.items()}
        self.s = {k: np.zeros(s) for k, s in {"W": (3, 4), "b": 4, "V": (4, 2)}.items()}
        self.t = 0
    def step(self, p, X, Y):
        self.t += 1
        BEFORE
        g = GRADIENTS(p, X, Y)
        for k in p:
            EACH
"""
EACH = {
    "descent": "p[k] -= 0.1 * g[k]",
    "Adam": "self.v[k] = 0.9 * self.v[k] + 0.1 * g[k]; self.s[k] = 0.99 * self.s[k] + 0.01 * g[k] ** 2; "
    "p[k] -= 0.01 * self.v[k] / (1 - 0.9 ** self.t) / (np.sqrt(self.s[k] / (1 - 0.99 ** self.t)) + 1e-8)",
    "RMSprop": "self.s[k] = 0.9 * self.s[k] + 0.1 * g[k] ** 2; p[k] -= 0.01 * g[k] / (np.sqrt(self.s[k]) + 1e-8)",
    "RMSprop, ε inside":
    "self.s[k] = 0.9 * self.s[k] + 0.1 * g[k] ** 2; p[k] -= 0.01 * g[k] / np.sqrt(self.s[k] + 1e-8)",
    "Adagrad": "self.s[k] += g[k] ** 2; p[k] -= 0.01 * g[k] / np.sqrt(self.s[k] + 1e-8)",
    "stateless Adam": "p[k] -= 0.01 * (0.1 * g[k] / 0.1) / (np.sqrt(0.01 * g[k] ** 2 / 0.01) + 1e-8)",
    "by their norm": "p[k] -= 0.1 * g[k] / np.sqrt(sum(np.sum(g[j] ** 2) for j in g))",
    "each by its norm": "p[k] -= 0.1 * g[k] / np.sqrt(np.sum(g[k] ** 2))",
    "by cubes": "p[k] -= 0.1 * g[k] ** 3",
    "momentum": "self.v[k] = 0.9 * self.v[k] - 0.1 * g[k]; p[k] += self.v[k]",
    "momentum, other sign": "self.v[k] = 0.9 * self.v[k] + g[k]; p[k] -= 0.1 * self.v[k]",
    "damped momentum": "self.v[k] = 0.75 * self.v[k] + 0.25 * g[k]; p[k] -= 0.1 * self.v[k]",
    "Nesterov": "v = self.v[k]; self.v[k] = 0.9 * v - 0.1 * g[k]; p[k] += 1.9 * self.v[k] - 0.9 * v",
    "wrong sign": "self.v[k] = 0.9 * self.v[k] + 0.1 * g[k]; p[k] -= self.v[k]; self.v[k] = -self.v[k]",
    "sums": "self.v[k] += g[k]; p[k] -= 0.1 * self.v[k]",
    "wrong sign of b": "self.v[k] = (-0.9 if k == 'b' else 0.9) * self.v[k] - 0.1 * g[k]; p[k] += self.v[k]",
    "slower and slower": "p[k] -= 0.1 / self.t * g[k]",
    "b twice": "p[k] -= (0.2 if k == 'b' else 0.1) * g[k]",
}  # fmt: skip


def step_of(each: str, gradients: str = "gradients", before: str = "pass", cost: bool = False) -> Judgement:
    names = loaded(HEAD.replace("EACH", EACH[each]).replace("GRADIENTS", gradients).replace("BEFORE", before))
    example = {"W": np.zeros((3, 4)), "b": np.zeros(4), "V": np.zeros((4, 2))}
    data = np.zeros((5, 3)), np.zeros((5, 2))
    return gradproof.check_step(names.Optimizer().step, example, *data, cost=names.cost if cost else None)


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("each", "verdict", "said"),
    [
        *((name, V, "adaptive steps") for name in ("Adam", "RMSprop", "RMSprop, ε inside", "Adagrad")),
        ("by their norm", V, "scaled by one factor"),
        ("each by its norm", U, "every array moves by a fixed length"),
        ("by cubes", U, "every element is scaled by its own factor"),
        ("b twice", R, "θ['b']: moved 2 times as far as the others"),
    ],
)
def test_without_a_cost_a_scaled_gradient_is_told(each: str, verdict: Verdict, said: str) -> None:
    judged = step_of(each)
    assert judged.verdict is verdict, judged
    assert said in str(judged)


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "each", ["descent", "Adam", "RMSprop", "RMSprop, ε inside", "Adagrad", "by their norm", "by cubes", "momentum"]
)
def test_what_is_wrong_is_wrong_however_it_is_scaled(each: str) -> None:
    judged = step_of(each, "wrong")
    assert judged.verdict is R, judged
    assert "not the gradient of any cost" in str(judged)


OF_NUMBERS = """
def cost(p, x, y):
    return (p["w"] * x + p["b"] - y) ** 2

def step(p, x, y):
    d = 2 * (p["w"] * x + p["b"] - y)
    p["w"] -= FIRST * d * x
    p["b"] -= SECOND * d
"""


@pytest.mark.parametrize(
    ("rates", "numbers"), [(("0.1", "2.5 / 5"), 1), (("3 / 10", "0.1"), 1), (("3 / 7", "3 / 5"), 0)]
)
def test_how_far_a_single_number_should_move_is_only_known_if_a_rate_is_written_down(
    rates: tuple[str, str], numbers: int
) -> None:
    names = loaded(OF_NUMBERS.replace("FIRST", rates[0]).replace("SECOND", rates[1]))
    judged = gradproof.check_step(names.step, {"w": 0.3, "b": 0.7}, 0.9, 0.2, cost=names.cost)
    assert judged.verdict is R, judged
    assert sum(array.got != 0 for array in judged.arrays) == numbers


def test_adam_hides_no_factor_of_one_gradient() -> None:
    twice = EACH["Adam"].replace("g[k]", "((2 if k == 'b' else 1) * g[k])")
    names = loaded(HEAD.replace("EACH", twice).replace("GRADIENTS", "gradients").replace("BEFORE", "pass"))
    example = {"W": np.zeros((3, 4)), "b": np.zeros(4), "V": np.zeros((4, 2))}
    data = np.zeros((5, 3)), np.zeros((5, 2))
    judged = gradproof.check_step(names.Optimizer().step, example, *data, cost=names.cost)
    assert judged.verdict is R, judged
    assert "θ['b']: follows 2 times its gradient, which adaptive steps hide" in str(judged)


@pytest.mark.sample(3)
@pytest.mark.parametrize(("b", "verdict"), [("1", V), ("2", R)])
@pytest.mark.parametrize("each", ["Adam", "RMSprop", "RMSprop, ε inside", "Adagrad", "stateless Adam"])
def test_an_optimizer_may_keep_its_state_anywhere(each: str, b: str, verdict: Verdict) -> None:
    scaled = EACH[each].replace("g[k]", f"(({b} if k == 'b' else 1) * g[k])")
    names = loaded(HEAD.replace("EACH", scaled).replace("GRADIENTS", "gradients").replace("BEFORE", "pass"))
    example, optimizer = {"W": np.zeros((3, 4)), "b": np.zeros(4), "V": np.zeros((4, 2))}, names.Optimizer()
    step = lambda p, X, Y: optimizer.step(p, X, Y)  # noqa: E731, N803
    judged = gradproof.check_step(step, example, np.zeros((5, 3)), np.zeros((5, 2)), cost=names.cost)
    assert judged.verdict is verdict, judged
    assert ("adaptive steps" if judged else "θ['b']: follows 2 times its gradient") in str(judged)


STATE = """
def adam(p, m, v, t, X, Y):
    g = gradients(p, X, Y)
    for k in p:
        m[k] = 0.9 * m[k] + 0.1 * SIGN * g[k]; v[k] = 0.99 * v[k] + 0.01 * g[k] ** 2
        p[k] -= 0.01 * m[k] / (1 - 0.9 ** t) / (np.sqrt(v[k] / (1 - 0.99 ** t)) + 1e-8)

def momentum(W, b, V, vW, vb, vV, X, Y):
    g = gradients({"W": W, "b": b, "V": V}, X, Y)
    vW, vb, vV = SIGN * 0.9 * vW - g["W"], 0.9 * vb - g["b"], 0.9 * vV - g["V"]
    return W + 0.1 * vW, b + 0.1 * vb, V + 0.1 * vV, vW, vb, vV

def cost_of_adam(p, m, v, t, X, Y): return cost(p, X, Y)
def cost_of_momentum(W, b, V, vW, vb, vV, X, Y): return cost({"W": W, "b": b, "V": V}, X, Y)
"""


@pytest.mark.parametrize(("sign", "verdict"), [("1", V), ("-1", R)])
def test_the_state_of_an_optimizer_may_be_an_argument(sign: str, verdict: Verdict) -> None:
    names = loaded((HEAD.partition("class")[0] + STATE).replace("SIGN", sign))
    data = np.zeros((5, 3)), np.zeros((5, 2))
    example, m, v = ({"W": np.zeros((3, 4)), "b": np.zeros(4), "V": np.zeros((4, 2))} for _ in range(3))
    judged = gradproof.check_step(names.adam, example, m, v, 1, *data, cost=names.cost_of_adam)
    assert judged.verdict is verdict, judged
    judged = gradproof.check_step(names.momentum, [*example.values()], *m.values(), *data, cost=names.cost_of_momentum)
    assert judged.verdict is verdict, judged
    assert ("momentum 0.9, seen over three steps" if judged else "its momentum points backwards") in str(judged)
    v["b"] += 1
    judged = gradproof.check_step(names.adam, example, m, v, 1, *data, cost=names.cost_of_adam)
    assert judged.verdict is U, judged
    assert "(v is not 0): give a fresh one" in str(judged)


OWNER = """
import numpy as np

class Net:
    def __init__(self):
        self.W, self.b, self.V = np.ones((3, 4)), np.zeros(4), np.ones((4, 2))
        self.NAME_W, self.NAME_b, self.NAME_V = np.zeros((3, 4)), np.zeros(4), np.zeros((4, 2))
        self.rW, self.rb, self.rV = np.zeros((3, 4)), np.zeros(4), np.zeros((4, 2))

    def step(self, X, Y):
        H = np.tanh(X @ self.W + self.b)
        d = H @ self.V - Y
        e = d @ self.V.T * (1 - SLIP)
        for k, g in {"W": X.T @ e, "b": e.sum(0), "V": H.T @ d}.items():
            p, m, v = getattr(self, k), getattr(self, "NAME_" + k), getattr(self, "r" + k)
            EACH
"""
OF_OWNER = {
    "momentum": "m[:] = 0.9 * m - 0.1 * g; p += m",
    "written twice": "p[:] = p - 0.1 * g + 0.9 * m; m[:] = 0.9 * m - 0.1 * g",
    "gradients": "m[:] = g; p -= 0.1 * m",
    "Adam": "m += 0.1 * (g - m); v += 0.01 * (g ** 2 - v); p -= 0.01 * m / 0.1 / (np.sqrt(v / 0.01) + 1e-8)",
}


@pytest.mark.sample(4)
@pytest.mark.parametrize("name", ["vw", "prev", "update", "Vd"])
@pytest.mark.parametrize(("slip", "verdict"), [("H * H", V), ("H", R)])
@pytest.mark.parametrize("each", OF_OWNER)
def test_the_state_in_an_object_is_known_without_its_name(each: str, slip: str, verdict: Verdict, name: str) -> None:
    net = loaded(OWNER.replace("EACH", OF_OWNER[each]).replace("SLIP", slip).replace("NAME", name)).Net()
    judged = gradproof.check_step(net.step, net, np.zeros((5, 3)), np.zeros((5, 2)))
    assert judged.verdict is verdict, judged
    assert {f"θ['{k}']" for k in "WbV"} <= {array.name for array in judged.arrays}
    assert not any(name in array.name for array in judged.arrays)


@pytest.mark.parametrize(("slip", "verdict"), [("1", V), ("2", R)])
def test_a_bias_that_begins_as_zero_is_no_state(slip: str, verdict: Verdict) -> None:
    names = loaded(f"""
import numpy as np

class Scale:
    def __init__(self): self.gamma, self.beta = np.ones(3), np.zeros(3)
    def step(self, X, Y):
        d = X * self.gamma + self.beta - Y
        self.gamma, self.beta = self.gamma - 0.1 * (d * X).sum(0), self.beta - 0.1 * {slip} * d.sum(0)
""")
    scale = names.Scale()
    assert gradproof.check_step(scale.step, scale, np.zeros((5, 3)), np.zeros((5, 3))).verdict is verdict


LINE = """
class Line:
    def step(self, p, X, Y):
        a = p["m"] * X + p["c"] - Y
        self.loss = np.mean(a * a, keepdims=True)
        self.dm, self.dc = 2 * np.mean(a * X, keepdims=True), FACTOR * np.mean(a, keepdims=True)
        p["m"] -= 0.1 * self.dm
        p["c"] -= 0.1 * self.dc

def cost(p, X, Y):
    return np.mean((p["m"] * X + p["c"] - Y) ** 2)
"""


@pytest.mark.parametrize(("factor", "verdict"), [("2", V), ("1", R)])
def test_a_single_number_is_no_multiple_of_its_gradient_that_counts(factor: str, verdict: Verdict) -> None:
    names = loaded("import numpy as np\n" + LINE.replace("FACTOR", factor))
    example = {"m": np.zeros(1), "c": np.zeros(1)}
    judged = gradproof.check_step(names.Line().step, example, np.zeros(5), np.zeros(5), cost=names.cost)
    assert judged.verdict is verdict, judged


@pytest.mark.sample(4)
@pytest.mark.parametrize("cost", [True, False], ids=["with a cost", "without"])
@pytest.mark.parametrize(
    ("each", "verdict", "said"),
    [
        ("descent", V, ""),
        ("slower and slower", V, ""),
        ("momentum", V, "momentum 0.9, seen over three steps"),
        ("momentum, other sign", V, "momentum 0.9, seen over three steps"),
        ("damped momentum", V, "momentum 0.75, seen over three steps"),
        ("Nesterov", V, "Nesterov's momentum 0.9, seen over three steps"),
        ("wrong sign", R, "its momentum points backwards: 0.9 times the previous step is subtracted"),
        ("sums", R, "the gradients of earlier calls are still in its step"),
        ("wrong sign of b", R, "θ['b']: its momentum points backwards"),
    ],
)
def test_momentum_is_told_and_judged_over_several_steps(each: str, verdict: Verdict, said: str, cost: bool) -> None:
    judged = step_of(each, cost=cost)
    assert judged.verdict is verdict, judged
    assert said in str(judged)
    if not said:
        assert not any("momentum" in words or "previous one" in words for words in judged.conventions)
    if "of b" in each:
        assert [array.name for array in judged.faults] == ["θ['b']"]


@pytest.mark.parametrize("cost", [True, False], ids=["with a cost", "without"])
def test_momentum_that_looks_ahead_is_told(cost: bool) -> None:
    ahead = "(lambda p, X, Y: gradients({k: p[k] + 0.9 * self.v[k] for k in p}, X, Y))"
    judged = step_of("momentum", ahead, cost=cost)
    assert judged, judged
    assert "Nesterov's momentum 0.9, seen over two steps" in str(judged)


@pytest.mark.parametrize("cost", [True, False], ids=["with a cost", "without"])
def test_several_steps_in_one_call_are_not_accused(cost: bool) -> None:
    judged = step_of("descent", before="for k, s in gradients(p, X, Y).items(): p[k] -= 0.1 * s", cost=cost)
    assert judged.verdict is U, judged
    assert "takes several steps in one call" in str(judged)


@pytest.mark.sample(1)
@pytest.mark.parametrize("kind", ["Momentum", "Nesterov", "Adam", "RMSprop"])
def test_the_optimizers_of_the_programs_need_no_cost(kind: str) -> None:
    steps: Any = program_of("steps")
    example = {"W1": np.zeros((3, 4)), "b1": np.zeros(4), "W2": np.zeros((4, 2)), "b2": np.zeros(2)}
    judged = gradproof.check_step(getattr(steps, kind)().step, example, np.zeros((4, 3)), np.zeros((4, 2)))
    assert judged, judged


def test_arrays_that_stay_do_not_make_those_wrong_that_move(monkeypatch: pytest.MonkeyPatch) -> None:
    """W and b, the more elements, are moved by 0 times their gradients; V goes down."""
    monkeypatch.setitem(EACH, "V alone", "p[k] = p[k] - 0.1 * g[k] * (k == 'V')")
    found = step_of("V alone", cost=True)
    states = {array.name: array.state for array in found.arrays}
    assert states == {"θ['W']": "not moved", "θ['b']": "not moved", "θ['V']": "right"}
