"""Where right code fails in float64, its line and the numbers there; what does not fail is not blamed."""

from math import inf
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradproof
from gradproof.exact.arrays import exact
from gradproof.exact.numbers import variable
from gradproof.exact.run import Reading, Run, running
from gradproof.judge.trial.arguments import exact_variables, numbers_of
from gradproof.judge.trial.execution import ExactRun
from gradproof.judge.trial.floats import DIGITS, NORMAL, halved_in, lost_in
from gradproof.judge.trial.rounding import rounding_radii
from tests.exact.generated import loaded, networks

pytestmark = pytest.mark.usefixtures("few_edits")

Z = np.zeros
NETWORKS = list(networks())
HEAD = "import math\nimport numpy as np\nfrom scipy.special import expit\n\n"


def findings(cost: str, gradient: str, *arguments: Any) -> list[str]:
    """What is said of float64; the cost is computed in line 6, the gradient in line 9."""
    names = loaded(f"{HEAD}def cost(z):\n    return {cost}\n\ndef gradient(z):\n    return {gradient}\n")
    judged = gradproof.check_gradient(names.cost, names.gradient, *(arguments or (Z(30),)))
    assert judged, judged
    return list(judged.float64)


@pytest.mark.parametrize(
    ("cost", "gradient", "said"),
    [
        (
            "np.sum(1 / (1 + np.exp(-z)))",
            "(1 / (1 + np.exp(-z))) * (1 - 1 / (1 + np.exp(-z)))",
            [
                "a difference of nearly equal numbers loses all digits in line 9 at arguments 30 times as large, "
                "for exp(-",
                "overflow in exp in line 6 at arguments 1000",
                "overflow in exp in line 9 at arguments 1000",
            ],
        ),
        ("np.sum(np.tanh(z))", "1 - np.tanh(z) ** 2",
         ["line 9 at arguments 30 times as large, for tanh("]),
        ("np.sum(np.tanh(z))", "1 / np.cosh(z) ** 2", ["overflow in"]),
        ("np.sum(np.tanh(z))", "4 * np.exp(-2 * np.abs(z)) / (1 + np.exp(-2 * np.abs(z))) ** 2", []),
        ("np.sum(expit(z))", "expit(z) * expit(-z)", []),
        ("np.sum(np.log(np.exp(z)))", "np.ones_like(z)",
         ["overflow in exp in line 6", "divide by zero in log in line 6"]),
        (
            "np.log(np.sum(np.exp(z)))",
            "np.exp(z) / np.sum(np.exp(z))",
            ["overflow in exp in line 6", "overflow in exp in line 9", "invalid value in divide in line 9"],
        ),
        ("np.log(np.sum(np.exp(z - z.max()))) + z.max()", "np.exp(z - z.max()) / np.sum(np.exp(z - z.max()))", []),
        ("sum(math.exp(x) for x in z)", "np.array([math.exp(x) for x in z])", ["OverflowError (math range error)"] * 2),
        ("np.sum((z + 1e20) - 1e20)", "((z + 1e20) - 1e20) / z",
         ["a difference", "line 9 at arguments of ordinary size"]),
        ("np.sqrt(np.mean(z**2) - np.mean(z) ** 2)",
         "(z - np.mean(z)) / len(z) / np.sqrt(np.mean(z**2) - np.mean(z) ** 2)",
         ["of 16 digits in line 9 at arguments near 100000 that differ by about 1; subtract what both share"]),
        ("np.sqrt(np.mean((z - np.mean(z)) ** 2))",
         "(z - np.mean(z)) / len(z) / np.sqrt(np.mean((z - np.mean(z)) ** 2))", []),
    ],
)  # fmt: skip
def test_each_place_where_float64_fails_is_said(cost: str, gradient: str, said: list[str]) -> None:
    found = findings(cost, gradient)
    assert [words for words in said if not any(words in line for line in found)] == []
    assert bool(found) == bool(said)


def test_one_minus_a_has_no_digit_left_from_36_on() -> None:
    (line,) = (w for w in findings("np.sum(expit(z))", "expit(z) * (1 - expit(z))", Z(999)) if "loses all digits" in w)
    assert 36 < float(line.partition("for expit(")[2].partition(");")[0]) < 38


@settings(deadline=None, max_examples=settings().max_examples // 5)
@given(st.integers(0, len(NETWORKS) - 1), st.integers(0, 2**32 - 1), st.sampled_from([1.0, 2.0, 0.1]))
def test_float64_is_never_further_off_than_the_steps_explain(which: int, seed: int, scale: float) -> None:
    network, rng = NETWORKS[which], np.random.default_rng(seed)
    arguments = [scale * rng.normal(size=x.shape) for x in network.arguments[:-1]] + network.arguments[-1:]
    names = loaded(network.source)
    with np.errstate(all="ignore"):
        floats = names.gradient(*(x.copy() for x in arguments))
    with ExactRun(Reading.EXACT, 400, 0) as run:
        exactly = run.call(names.gradient, *exact_variables(arguments))
        numbers = [x for array in exactly for x in numbers_of(exact(array))]
        radii = rounding_radii(numbers)
        flat = np.concatenate([array.ravel() for array in floats])
        off = [abs(float((x.value - got).mid())) for x, got in zip(numbers, flat, strict=True)]
    over = [(o, radii[x.index]) for o, x in zip(off, numbers, strict=True) if not o <= radii[x.index]]
    assert not np.isfinite(flat).all() or over == []


def test_random_numbers_are_no_loss_of_digits() -> None:
    names = loaded(
        f"{HEAD}def cost(z):\n    return np.sum(z)\n\ndef gradient(z):\n"
        "    noise = np.random.randn(*z.shape)\n    return (z + noise - z) / noise\n"
    )
    assert gradproof.check_gradient(names.cost, names.gradient, Z(3)).float64 == []


class Squash:
    def __init__(self) -> None:
        self.w = Z(20)

    def forward(self, x):
        self.x = x
        return 1 / (1 + np.exp(-(self.w * x)))

    def backward(self, d):
        a = 1 / (1 + np.exp(-(self.w * self.x)))
        self.dw = d * a * (1 - a) * self.x
        return d * a * (1 - a) * self.w

    def step(self, x):
        self.w = self.w - 0.1 * (1 / (1 + np.exp(-(self.w * x)))) * (1 - 1 / (1 + np.exp(-(self.w * x)))) * x

    def cost(self, x):
        return np.sum(1 / (1 + np.exp(-(self.w * x))))


def test_a_layer_and_a_step_are_run_in_float64_and_left_as_they_were() -> None:
    layer = Squash()
    said = " ".join(gradproof.check_backward(layer.forward, layer.backward, Z(20)).float64)
    assert "a difference of nearly equal numbers loses all digits" in said
    assert "overflow in exp" in said
    said = " ".join(gradproof.check_step(layer.step, layer, Z(20), cost=layer.cost).float64)
    assert "overflow in exp" in said
    assert vars(layer).keys() == {"w"}
    assert not layer.w.any()


ROUNDED_OFF = [  # the exact number, float64's, how far off it may be; whether all its digits are lost
    (1.0, 0.5, 0.25, True),
    (1.0, 0.5, 0.2, False),  # by more than its steps explain
    (1.0, 0.5, 0.3, True),
    (1.0, 0.6, 1.0, False),
    (-8.0, 1.0, 5.0, True),
    (NORMAL, 0.0, 1.0, False),
    (1.5 * NORMAL, 0.0, 1.0, True),
]


@pytest.mark.parametrize(("true", "got", "radius", "lost"), ROUNDED_OFF)
def test_a_digit_is_left_where_less_than_half_is_off(true: float, got: float, radius: float, lost: bool) -> None:
    with running(Run()):
        x = variable(true)
        assert lost_in([[(got, x)], []], {x.index: radius}) == [(x, DIGITS)] * lost


@pytest.mark.parametrize(
    ("true", "got", "radius", "digits"),
    [
        (64.0, 64 + 2.0**-20, 2.0**-21, 9),
        (64.0, 64 + 2.0**-20, 0.9 * 2.0**-21, None),
        (64.0, 64 + 2.0**-21, 1.0, None),
        (64.0, 64.064, 1.0, 13),
        (64.0, -64.0, 64.0, 16),
        (NORMAL, 0.0, 1.0, None),
        (2 * NORMAL, 0.0, 1.0, 16),
        (1.0, inf, 1e308, None),
        (inf, 1.0, 1e308, None),
    ],
)
def test_half_of_the_digits_are_lost_relatively_to_the_largest(
    true: float, got: float, radius: float, digits: int | None
) -> None:
    with running(Run()):
        small, x = variable(true / 1e9), variable(true)
        pairs = [(float(small.value.mid()), small), (got, x)]
        found = halved_in([[], pairs], {x.index: radius, small.index: 0.0})
        assert found == ([] if digits is None else [(x, digits)])


@pytest.mark.parametrize(("share", "back"), [(0.9, False), (1.0, True), (1.5, True)])
def test_a_step_is_blamed_unless_an_operand_is_already_off_by_its_own_size(share: float, back: bool) -> None:
    with running(Run()):
        x = variable(0.75) - variable(0.5)
        y = x.exp()
        radii = rounding_radii([y]) | {x.index: 0.25 * share, y.index: 9.0}
        assert lost_in([[(0.0, y)]], radii) == [(x if back else y, DIGITS)]


def test_what_is_smaller_than_the_last_of_many_digits_is_lost_as_well() -> None:
    """Beyond those to which a verdict is computed at first."""
    (line,) = findings("np.sum(expit(z + 300))", "expit(z + 300) * (1 - expit(z + 300))", Z(3))[:1]
    assert "loses all digits in line 9 at arguments of ordinary size" in line


def test_a_function_with_a_cache_is_run_in_float64() -> None:
    def forward(x):
        a = np.tanh(x)
        return a, (a,)

    def backward(d, cache):
        return d * (1 - cache[0] ** 2)

    judged = gradproof.check_backward(forward, lambda d, cache: backward(d, (cache[0],)), Z(20))
    assert judged, judged
    assert "for tanh(" in " ".join(judged.float64)
