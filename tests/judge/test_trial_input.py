"""Functions that misbehave: one clear line, no traceback, nothing of the caller's changed, and no false accusation."""

import ast
import operator
import os
import random
import runpy
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradproof
from gradproof.errors import UsageError
from gradproof.judge.trial import execution
from gradproof.judge.trial.memory import UNKNOWN
from gradproof.limits import LateError, limited
from gradproof.numerics.verdict import Verdict

pytestmark = pytest.mark.usefixtures("few_edits")

W = np.ones((2, 3))


def cost(w):
    return np.sum(np.sin(w))


def gradient(w):
    return np.cos(w)


def raises(w):
    raise ValueError("two\nlines")


def raises_what_nobody_catches(w):
    raise BaseException("x")


def exits(w):
    sys.exit(3)


def nothing(w):
    return None


def another_shape(w):
    return np.cos(w)[0]


def text(w):
    return "x"


def without_end(w):
    return without_end(w)


def in_place(w):
    w *= 2
    return np.cos(w / 2)


def not_a_number(w):
    return np.cos(w) * np.nan


def complex_numbers(w):
    return np.cos(w) + 1j


def inverse(w):
    return np.linalg.inv(w[:, :2])


def several_numbers(w):
    return w * 2


def constant(w):
    return 3.0


def zero(w):
    return np.zeros_like(w)


def hangs(w):
    while True:
        pass


def tie(w):
    return np.cos(w) if np.sin(w[0, 0]) ** 2 + np.cos(w[0, 0]) ** 2 >= 1 else -np.cos(w)


def swallows(w):
    try:
        if np.sin(w[0, 0]) ** 2 + np.cos(w[0, 0]) ** 2 >= 1:
            pass
    except Exception:
        pass
    return np.cos(w)


exec("""
def of_a_string(w): return np.cos(w)
def twice_of_a_string(w): return np.cos(w) + np.cos(w)
def rounded_of_a_string(w): return np.cos(w) * (0.1 + 1 / 3) - 0.1 * np.cos(w) - 1 / 3 * np.cos(w) + np.cos(w)
def wrong_of_a_string(w): return 0.9 * np.cos(w)
""")
NAMES: dict[str, Any] = globals()


@pytest.mark.parametrize(
    ("function", "verdict", "said"),
    [
        (raises, Verdict.REFUTED, "raises raises ValueError: two lines"),
        (raises_what_nobody_catches, Verdict.REFUTED, "raises BaseException: x"),
        (exits, Verdict.REFUTED, "calls sys.exit"),
        (nothing, Verdict.REFUTED, "returns nothing"),
        (another_shape, Verdict.REFUTED, "of shape (3,), should be (2, 3)"),
        (text, Verdict.REFUTED, "returns 0 arrays"),
        (without_end, Verdict.REFUTED, "recurses endlessly"),
        (in_place, Verdict.REFUTED, "changes its argument w in place: copy it first"),
        (not_a_number, Verdict.UNDECIDED, "not finite"),
        (complex_numbers, Verdict.UNDECIDED, "complex"),
        (inverse, Verdict.UNDECIDED, "no exact rule for numpy.linalg.inv"),
        (tie, Verdict.UNDECIDED, "two numbers near 1 that"),
        (swallows, Verdict.UNDECIDED, "two numbers near 1 that"),
        (NAMES["twice_of_a_string"], Verdict.REFUTED, "scaled by 2"),
        (
            NAMES["wrong_of_a_string"],
            Verdict.UNDECIDED,
            "wrong_of_a_string has no Python source, so its literals are round",
        ),
        (operator.itemgetter(0), Verdict.UNDECIDED, "itemgetter has no Python source"),
    ],
)
def test_a_gradient_that_misbehaves_is_one_clear_line(
    function: Callable[..., Any], verdict: Verdict, said: str
) -> None:
    judged = gradproof.check_gradient(cost, function, W)
    assert judged.verdict is verdict, judged
    assert said in str(judged)
    assert "Traceback" not in str(judged)
    assert gradproof.check_gradient(cost, gradient, W)  # the process stays usable


def test_code_without_source_is_verified_by_what_it_was_compiled_to() -> None:
    judged = gradproof.check_gradient(cost, NAMES["of_a_string"], W)
    assert judged.verdict is Verdict.VERIFIED, judged
    assert judged.digits >= 50
    assert not judged.conventions
    judged = gradproof.check_gradient(cost, NAMES["rounded_of_a_string"], W)
    assert judged.verdict is Verdict.VERIFIED, judged
    assert 13 <= judged.digits <= 17
    assert "rounded_of_a_string has no Python source" in str(judged)


@pytest.mark.parametrize("function", [raises, exits, nothing, text, several_numbers, constant, not_a_number, inverse])
def test_a_cost_that_is_none_accuses_no_gradient(function: Callable[..., Any]) -> None:
    judged = gradproof.check_gradient(function, zero, W)
    assert judged.verdict is Verdict.UNDECIDED, judged
    assert judged.trouble.startswith(function.__name__)


@pytest.mark.parametrize(("first", "second"), [(cost, hangs), (hangs, gradient)])
def test_what_does_not_return_is_stopped_and_undecided(
    first: Any, second: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution.ExactRun.__init__, "__defaults__", (0.2, None))
    judged = gradproof.check_gradient(first, second, W)
    assert judged.verdict is Verdict.UNDECIDED
    assert judged.trouble == "hangs takes longer than 0.2 seconds: try smaller arrays"


def in_threads(*calls: Callable[[], Any]) -> list[Any]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [started.result(timeout=60) for started in [pool.submit(call) for call in calls]]


@pytest.mark.parametrize(("first", "second"), [(cost, hangs), (hangs, gradient)])
def test_the_limit_of_time_holds_in_every_thread(first: Any, second: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution.ExactRun.__init__, "__defaults__", (0.2, None))
    (judged,) = in_threads(lambda: gradproof.check_gradient(first, second, W))
    assert judged.verdict is Verdict.UNDECIDED
    assert judged.trouble == "hangs takes longer than 0.2 seconds: try smaller arrays"


def test_what_ends_in_time_is_not_stopped_afterwards() -> None:
    def often() -> int:
        for _ in range(200):
            with suppress(LateError), limited(1e-4):
                sum(range(300))
        return sum(1 for _ in range(100_000))

    assert in_threads(often) == [100_000]


def test_a_limit_that_is_up_before_it_is_watched_is_watched_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else whatever the thread does afterwards is stopped, again and again."""
    start = threading.Thread.start

    def slow(thread: threading.Thread) -> None:
        start(thread)
        end = time.monotonic() + 10
        while thread.name.endswith("(watch)") and time.monotonic() < end:
            pass

    def watching() -> set[threading.Thread]:
        return {thread for thread in threading.enumerate() if thread.name.endswith("(watch)")}

    def left() -> set[threading.Thread]:
        before, end = watching(), time.monotonic() + 10
        with suppress(LateError), limited(1e-4):
            pass
        while (left := watching() - before) and time.monotonic() < end:
            time.sleep(0.01)
        return left

    monkeypatch.setattr(threading.Thread, "start", slow)
    assert in_threads(left) == [set()]


def test_threads_that_judge_at_once_do_not_disturb_each_other() -> None:
    def call(k: int) -> Any:
        right = lambda w: k * np.cos(w)  # noqa: E731
        return gradproof.check_gradient(lambda w: k * np.sum(np.sin(w)), right if k % 2 else gradient, W)

    streams = sys.stdout, sys.stderr
    judged = in_threads(*[lambda k=k: call(k) for k in range(2, 8)])
    assert (sys.stdout, sys.stderr) == streams
    assert [one.verdict for one in judged] == [Verdict.REFUTED, Verdict.VERIFIED] * 3, judged


def test_ctrl_c_is_the_callers() -> None:
    def interrupted(w):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gradproof.check_gradient(cost, interrupted, W)


class Settings:
    scale, uses = np.array([1.0, 1.0, 1.0]), 0


def test_nothing_of_the_callers_changes() -> None:
    seen: list[Any] = []

    def busy(w):
        seen.append(1)
        np.random.seed(0), random.seed(0), os.chdir("/"), warnings.simplefilter("error"), np.seterr(all="raise")
        os.environ["NOISE"] = "1"
        np.set_printoptions(precision=2)
        Settings.scale *= 1.0
        Settings.uses += 1
        Settings.more = Settings.uses
        print("noise")
        return np.cos(w) * Settings.scale

    def state() -> Any:
        streams = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[union-attr, index]
        own = {name: str(item) for name, item in vars(Settings).items()}, type(Settings.scale), np.get_printoptions()
        return streams, os.getcwd(), warnings.filters[:], np.geterr(), seen[:], W.tolist(), dict(os.environ), own

    before = state()
    assert gradproof.check_gradient(cost, busy, W)
    assert state() == before


def test_an_alarm_of_the_callers_still_goes_off() -> None:
    rung: list[float] = []
    begun = time.monotonic()
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(time.monotonic() - begun))
    try:
        for wait in (0.01, 1.5):  # due during the check, and after it
            signal.setitimer(signal.ITIMER_REAL, wait)
            assert gradproof.check_gradient(cost, gradient, W)
            while not rung and time.monotonic() < begun + 9:
                time.sleep(0.01)
            assert rung
            assert rung.pop() > 0.9 * wait
            begun = time.monotonic()
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_list_of_one_array_is_handed_over_as_it_is() -> None:
    def descent(parameters, x):
        return [parameters[0] - 0.1 * np.outer(parameters[0] @ x, x)]

    half = lambda parameters, x: 0.5 * np.sum((parameters[0] @ x) ** 2)  # noqa: E731
    judged = gradproof.check_step(descent, [W], np.ones(3), cost=half)
    assert judged, judged
    assert gradproof.check_step(descent, [W], np.ones(3))


def layer(x, w):
    return x @ w


def backward(dout, x, w):
    return dout @ w.T, x.T @ dout


class Line:
    def __init__(self):
        self.w = np.ones(3)

    def cost(self, x, y):
        return np.sum((x @ self.w - y) ** 2)

    def step(self, x, y):
        self.w -= 0.2 * x.T @ (x @ self.w - y)


def test_a_matrix_as_an_argument_is_wrong_usage():
    """Drawn numbers would be a plain array, whose products are others."""
    for other in (W.view(np.matrix), np.ma.masked_array(W)):
        with pytest.raises(UsageError, match="is a matrix or a masked array"):
            gradproof.check_gradient(cost, gradient, other)


def test_a_call_that_cannot_be_made_is_wrong_usage_and_no_wrong_code():
    line, x, y = Line(), np.ones((5, 3)), np.ones(5)
    with pytest.raises(UsageError, match=r"which does not take 1 argument: .* let it return \(out, cache\)"):
        gradproof.check_backward(layer, backward, np.ones((2, 3)), np.ones((3, 4)))
    with pytest.raises(UsageError, match="does not take 1 or 2 arguments: it gets the parameters, then the data"):
        gradproof.check_step(lambda: line.step(x, y), [line.w, line.w])
    with pytest.raises(UsageError, match="for a method, give its object in place of the parameters"):
        gradproof.check_step(line.step, [line.w], x, y, cost=line.cost)
    assert gradproof.check_step(line.step, line, x, y, cost=line.cost)


@pytest.mark.parametrize("slip", [1.0, 2.0])
def test_a_step_may_take_the_one_array_of_a_list_without_the_list(slip):
    def step(w, x, y):
        return w - 0.1 * (x.T @ (x @ w - slip * y))

    judged = gradproof.check_step(
        step, [np.ones(3)], np.ones((5, 3)), np.ones(5), cost=lambda w, x, y: 0.5 * np.sum((x @ w - y) ** 2)
    )
    assert judged.verdict is (Verdict.VERIFIED if slip == 1 else Verdict.REFUTED)
    assert judged.arrays


TYPES = ("x.dtype == np.float64", "x.dtype.kind == 'f'", "isinstance(x[0], np.floating)", "np.isscalar(x[0])",
         "type(x).__name__ == 'ndarray'", "type(float(x[0])) is float")  # fmt: skip


@pytest.mark.sample(2)
@pytest.mark.parametrize("asked", TYPES)
def test_code_that_asks_for_types_is_undecided_where_that_matters(asked: str, tmp_path: Path) -> None:
    text = f"import numpy as np\n\n\ndef cost(x):\n    return np.sum(x**2 if {asked} else x**3)\n"
    (tmp_path / "typed.py").write_text(text, "utf8")
    cost = runpy.run_path(str(tmp_path / "typed.py"))["cost"]
    for gradient in (lambda x: 2 * x, lambda x: 3 * x**2):
        judged = gradproof.check_gradient(cost, gradient, np.zeros(3))
        assert (str(judged.verdict), judged.arrays) == ("undecided", ())
        assert "in float64 and" in judged.undecided[0]


def test_what_raises_in_float64_only_is_undecided() -> None:
    def gradient(x):
        half = x[: len(x) / 2]
        return np.concatenate([2 * half, 2 * x[2:]])

    judged = gradproof.check_gradient(lambda x: np.sum(x**2), gradient, np.zeros(4))
    assert str(judged.verdict) == "undecided"
    assert "gradient raises TypeError: slice indices must be integers" in judged.undecided[0]


def softmax(z):
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def cross_entropy(z, t):
    return -np.sum(t * np.log(softmax(z)))


SOFT = [[0.25, 0.25, 0.5], [0.1, 0.1, 0.8]]


@pytest.mark.parametrize("labels", [SOFT, [[0.2, 0.3, 0.5]], [[0.0, 1.0, 0.0]], [[0.0, 1.0]], [[1.0], [0.0]]])
def test_labels_stay_labels(labels: list[list[float]]) -> None:
    t = np.array(labels)
    flat = t.shape[1] == 1
    cost = (lambda z, t: cross_entropy(z.T, t.T)) if flat else cross_entropy
    right = (lambda z, t: softmax(z.T).T - t) if flat else (lambda z, t: softmax(z) - t)
    assert gradproof.check_gradient(cost, right, np.zeros(t.shape), t)
    wrong = gradproof.check_gradient(cost, lambda z, t: right(z, t) / 2, np.zeros(t.shape), t)
    assert str(wrong.verdict) == "refuted"
    assert all(abs(sum(row) - 1) < 1e-9 for row in ast.literal_eval(wrong.example[1][4:])) or flat


def test_numbers_that_are_kept_refute_nothing_by_their_roundings() -> None:
    z, t = np.array([[0.5, 1.0, -1.0], [2.0, 0.0, 1.0]]), np.array(SOFT)
    judged = gradproof.check_gradient(cross_entropy, lambda z, t: softmax(z) - t, z, t, draw=False)
    assert str(judged.verdict) == "undecided"
    assert "off in the last digits only" in judged.undecided[0]
    wrong = gradproof.check_gradient(cross_entropy, lambda z, t: t - softmax(z), z, t, draw=False)
    assert str(wrong.verdict) == "refuted"
    assert wrong.example[:2] == [f"z = {z.tolist()}", f"t = {t.tolist()}"]


def test_a_symmetric_matrix_may_stay_symmetric() -> None:
    def cost(a, x):
        return x @ a @ x / 2

    def gradient(a, x):
        return np.outer(x, x) / 2, a @ x

    symmetric = np.array([[1.0, 2.0], [2.0, 5.0]])
    judged = gradproof.check_gradient(cost, gradient, symmetric, np.zeros(2))
    assert judged
    assert "right where the matrices that are symmetric in the example stay so" in judged.conventions
    assert str(gradproof.check_gradient(cost, gradient, np.zeros((2, 2)), np.zeros(2)).verdict) == "refuted"


THROUGH_TEXT = ("str(x[0])", "f'{x[0]:.17g}'", "'%.17g' % x[0]", "Decimal(repr(float(x[0])))", "np.array(str(x[0]))")


@pytest.mark.sample(2)
@pytest.mark.parametrize("text", THROUGH_TEXT)
def test_a_number_that_passes_through_text_is_undecided(text: str, tmp_path: Path) -> None:
    imports = "from decimal import Decimal\nimport numpy as np\n"
    source = f"{imports}\n\ndef cost(x):\n    return np.sum(x**2) + 3 * float({text})\n"
    (tmp_path / "texts.py").write_text(source, "utf8")
    cost = runpy.run_path(str(tmp_path / "texts.py"))["cost"]
    for gradient in (lambda x: 2 * x, lambda x: 2 * x + 3 * (np.arange(3) == 0)):
        judged = gradproof.check_gradient(cost, gradient, np.zeros(3))
        assert str(judged.verdict) == "undecided", judged


def test_a_gradient_may_be_a_matrix() -> None:
    def cost(a, b):
        return np.power(np.matrix(a) * np.matrix(b), 2).sum()

    def gradient(a, b):
        a, b = np.matrix(a), np.matrix(b)
        return 2 * (a * b) * b.T, 2 * a.T * (a * b)

    assert gradproof.check_gradient(cost, gradient, np.zeros((3, 2)), np.zeros((2, 4)))
    wrong = gradproof.check_gradient(cost, lambda a, b: gradient(a, b)[::-1], np.zeros((2, 2)), np.zeros((2, 2)))
    assert str(wrong.verdict) == "refuted"


def of_layers(net: Any, x: Any) -> Any:
    return np.sum((np.tanh(x @ net["a"]["w"] + net["a"]["c"]) @ net["b"]["w"]) ** 2)


def nested(net: Any, x: Any) -> Any:
    h = np.tanh(x @ net["a"]["w"] + net["a"]["c"])
    e = 2 * h @ net["b"]["w"]
    found = {"b": {"w": h.T @ e}}
    d = e @ net["b"]["w"].T * (1 - h * h)
    return found | {"a": {"w": x.T @ d, "c": d.sum(0)}}


def exchanged(net: Any, x: Any) -> Any:
    found = nested(net, x)
    return {"a": {**found["a"], "w": found["b"]["w"]}, "b": {"w": found["a"]["w"]}}


def first_alone(net: Any, x: Any) -> Any:
    return nested(net, x)["a"]["w"]


def without_the_first(net: Any, x: Any) -> Any:
    return {"a": {"w": nested(net, x)["a"]["w"]}}


NET = {"a": {"w": np.ones((3, 3)), "c": np.ones(3)}, "b": {"w": np.ones((3, 3))}}


def test_gradients_in_nested_dicts_are_told_apart_by_all_their_keys() -> None:
    """Also in the order in which backpropagation makes them, the last layer first."""
    x = np.ones((4, 3))
    assert gradproof.check_gradient(of_layers, nested, NET, x)
    found = gradproof.check_gradient(of_layers, exchanged, NET, x)
    assert [array.state == "right" for array in found.arrays] == [False, True, False]
    for part in (first_alone, without_the_first):
        found = gradproof.check_gradient(of_layers, part, NET, x)
        assert not found
        assert "returns no gradient for net['a']['c']" in str(found)


def affine(w: Any, b: float, x: Any) -> Any:
    return np.sum((x @ w + b) ** 2)


def seven_first(w: Any, b: float, x: Any) -> Any:
    return {"b": 7 * np.sum(x @ w + b), "w": 2 * x.T @ (x @ w + b)}


def two_first(w: Any, b: float, x: Any) -> Any:
    return {"b": 2 * np.sum(x @ w + b), "w": 2 * x.T @ (x @ w + b)}


def test_a_number_whose_gradient_comes_first_in_a_dict_is_compared() -> None:
    assert gradproof.check_gradient(affine, two_first, np.ones(3), 0.5, np.ones((4, 3)))
    found = gradproof.check_gradient(affine, seven_first, np.ones(3), 0.5, np.ones((4, 3)))
    assert [(array.name, array.state) for array in found.arrays] == [("b", "scaled by 7/2"), ("w", "right")]


@dataclass(frozen=True)
class Frozen:
    w: Any


def of_frozen(p: Frozen, x: Any, y: Any) -> Any:
    return 0.5 * np.sum((x @ p.w - y) ** 2)


def replaced(p: Frozen, x: Any, y: Any) -> Any:
    return replace(p, w=p.w - 0.1 * x.T @ (x @ p.w - y))


def replaced_uphill(p: Frozen, x: Any, y: Any) -> Any:
    return Frozen(p.w + 0.1 * x.T @ (x @ p.w - y))


def test_a_step_may_take_an_object_and_return_a_new_one() -> None:
    arguments = Frozen(np.ones(3)), np.ones((4, 3)), np.ones(4)
    assert gradproof.check_step(replaced, *arguments, cost=of_frozen)
    assert gradproof.check_step(replaced_uphill, *arguments, cost=of_frozen).verdict is Verdict.REFUTED


class Odd:
    """The memory of b is scaled by the other one's, and so is no momentum."""

    def __init__(self) -> None:
        self.W, self.b, self.vW, self.vb = np.ones((3, 2)), np.ones(2), np.zeros((3, 2)), np.zeros(2)

    def loss(self, x: Any, t: Any) -> Any:
        return 0.5 * np.sum((x @ self.W + self.b - t) ** 2)

    def step(self, x: Any, t: Any) -> None:
        d = x @ self.W + self.b - t
        self.vW = 0.9 * self.vW - 0.1 * x.T @ d
        self.vb = self.vW[0] * self.vb - 0.1 * d.sum(0)
        self.W, self.b = self.W + self.vW, self.b + self.vb


def test_later_steps_that_are_not_of_a_momentum_are_said_not_to_be_judged() -> None:
    net = Odd()
    found = gradproof.check_step(net.step, net, np.ones((4, 3)), np.ones((4, 2)), cost=net.loss)
    assert found
    assert found.conventions == ["momentum 0.9, seen over three steps", UNKNOWN]


def apart(a: Any, b: Any, inputs: Any, targets: Any) -> Any:
    e = inputs @ a @ b - targets
    return a - 0.1 * inputs.T @ e @ b.T, b - 0.2 * (inputs @ a).T @ e


def of_two(a: Any, b: Any, inputs: Any, targets: Any) -> Any:
    return 0.5 * np.sum((inputs @ a @ b - targets) ** 2)


def test_the_numbers_that_show_a_wrong_step_have_the_names_of_the_data() -> None:
    shapes = [np.ones((3, 2)), np.ones((2, 2))], np.ones((4, 3)), np.ones((4, 2))
    found = gradproof.check_step(apart, *shapes, cost=of_two)
    assert found.verdict is Verdict.REFUTED
    shown = [line.partition(" = ")[0] for line in found.example if " = " in line]
    assert shown == ["θ[0]", "θ[1]", "inputs", "targets"]


class Slope:
    """A layer whose gradient of alpha is wrong: under another name, nobody would find it."""

    def __init__(self) -> None:
        self.alpha = np.full(3, 0.25)

    def forward(self, x: Any) -> Any:
        self.x = x
        return np.where(x > 0, x, self.alpha * x)

    def backward(self, d: Any) -> Any:
        neg = np.where(self.x > 0, 0.0, 1.0)
        self.grad_alpha = np.cumsum(d * self.x * neg, axis=0)[0]
        return d * (neg * self.alpha + 1 - neg)


def test_a_correction_does_not_make_an_array_vanish() -> None:
    layer = Slope()
    found = gradproof.check_backward(layer.forward, layer.backward, np.linspace(-1, 2, 15).reshape(5, 3))
    assert found.verdict is Verdict.REFUTED
    assert "self.alpha = " not in str(found)
    assert "self.x = np.cumsum" not in str(found)
