"""What cannot be exact is recorded and decides nothing by itself: undecided, never silently wrong, and never blamed."""

import json
import math
import statistics
import struct
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproof import check_gradient
from gradproof.exact.loading import take
from gradproof.exact.numbers import Number, number, variable
from gradproof.exact.run import SHOWN, Reading, Run, UndecidedError, line_of, running
from gradproof.numerics.verdict import Verdict

W = np.zeros(5)
AT_0 = np.array([0.0, 1, 2, -1, 5])
BIG = np.array([200.0, -300, 4, 2, 1])


def squares(w: Any) -> Any:
    return 0.5 * np.sum(w**2)


def sigmoid(w: Any) -> Any:
    return 1 / (1 + np.exp(-w))


def into(dtype: Any) -> Callable[[Any], Any]:
    """w, element by element into an array of that type."""

    def gradient(w: Any) -> Any:
        result = np.zeros(5, dtype=dtype)
        for i in range(5):
            result[i] = w[i]
        return result

    return gradient


def into_any(array: Any) -> Callable[[Any], Any]:
    """w, written at once into what looks like that array."""

    def gradient(w: Any) -> Any:
        result = np.zeros_like(array)
        result[:] = w
        return result

    return gradient


def swallowing(w: Any) -> Any:
    try:
        return np.sum(np.maximum(w, 0))
    except Exception:
        return np.sum(w)


def swallowing_all(w: Any) -> Any:
    try:
        return np.sum(np.maximum(w, 0))
    except:  # noqa: E722
        return np.sum(w)


def falling_back(attempt: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What is tried, or else w, which is the right gradient of the squares."""

    def gradient(w: Any) -> Any:
        try:
            return attempt(w)
        except Exception:
            return w

    return gradient


def not_a_number(w: Any) -> Any:
    return w * np.nan


def stable(w: Any) -> Any:
    a = sigmoid(w)
    return (1 / (1 - a)) * a * (1 - a)


def pooled(x: Any) -> Any:
    return np.sum(np.maximum(x, 0).reshape(2, 2, 2, 2).max(axis=(1, 3)) ** 2)


def pooled_gradient(x: Any) -> Any:
    r = np.maximum(x, 0)
    top = np.repeat(np.repeat(r.reshape(2, 2, 2, 2).max(axis=(1, 3)), 2, 0), 2, 1)
    return 2 * top * (r == top) * (x > 0)


def by_differences(w: Any) -> Any:
    out = np.zeros(5)
    for i in range(5):
        step = np.zeros(5)
        step[i] = 1e-6
        out[i] = (np.sum((w + step) ** 3) - np.sum((w - step) ** 3)) / 2e-6
    return out


sigmoids = np.vectorize(sigmoid)
squared = np.frompyfunc(lambda a: a * a, 1, 1)


@np.vectorize
def leaky(a: Any) -> Any:
    return a if a > 0 else 0.1 * a


V, R, U = Verdict.VERIFIED, Verdict.REFUTED, Verdict.UNDECIDED
Case = tuple[Callable[..., Any], Callable[..., Any], Verdict, str]  # cost, gradient, verdict, and what is said
CASES: dict[str, Case] = {
    "exact": (squares, lambda w: w, V, ""),
    "cast of a right gradient": (squares, lambda w: w.astype(np.float32), V, "a cast to float32"),
    "cast of a wrong one": (squares, lambda w: 2 * w.astype("float32"), U, "a cast to float32"),
    "np.float32 of a number": (squares, lambda w: w * np.float32(1.0), V, "a cast to float32"),
    "cast to float64": (squares, lambda w: w.astype(np.float64), V, ""),
    "float16": (squares, lambda w: np.array(w, dtype=np.float16) * 3, U, "a cast to float16"),
    "rounded": (squares, lambda w: np.round(w, 3), U, "a number is rounded"),
    "rounded in Python": (squares, lambda w: np.array([round(x, 3) for x in w]), U, "a number is rounded"),
    "a rounded cost": (lambda w: round(float(squares(w)), 4), lambda w: w, U, "but a number is rounded (line"),
    "only a constant is rounded": (squares, lambda w: w * round(1.2), V, ""),
    "an array of floats": (squares, into(float), V, ""),
    "an array of ints cuts": (squares, into(int), R, "zero"),
    "zeros like ints cut": (squares, into_any(np.arange(5)), R, "zero"),
    "zeros like a list of ints": (squares, into_any([1, 2, 3, 4, 5]), R, "zero"),
    "zeros like floats": (squares, into_any([1.0, 2, 3, 4, 5]), V, ""),
    "full of ints": (squares, lambda w: w * np.full_like(np.arange(5), 0.5), R, "zero"),
    "full of ints, rounded down": (squares, lambda w: w * np.full_like(np.arange(5), 1.5), V, ""),
    "ones of ints": (squares, lambda w: w * np.ones_like(np.arange(5)), V, ""),
    "from 0 to 4 in ints": (squares, lambda w: w * (np.linspace(0, 4.5, 5, dtype=int) == range(5)), V, ""),
    "an array of float32": (squares, into(np.float32), V, "a cast to float32"),
    "of float32 and wrong": (squares, lambda w: 2 * np.asarray(w, np.float32), U, "a cast to float32"),
    "a sum of ints": (squares, lambda w: 0 * w + np.sum(w, dtype=int), R, "zero"),
    "a mean of float32": (lambda w: np.mean(w, dtype=np.float32), lambda w: np.full(5, 0.2), V, "a cast to float32"),
    "a ufunc of float32": (squares, lambda w: np.add(w, 0, dtype=np.float32), V, "a cast to float32"),
    "a cast to int cuts": (squares, lambda w: w.astype(int), R, "zero"),
    "struct": (squares, lambda w: np.array([struct.unpack("d", struct.pack("d", x))[0] for x in w]), U, "leaves exact"),
    "bytes": (squares, lambda w: np.frombuffer(w.tobytes()), U, "leaves exact"),
    "another library's mean": (lambda w: statistics.fmean(list(w)), lambda w: np.full(5, 0.2), U, "leaves exact"),
    "half of the cost leaves": (
        lambda w: np.sum(w**2) + statistics.fmean(list(w**3)), lambda w: 2 * w, U, "leaves exact"),
    "JSON": (squares, lambda w: np.array(json.loads(json.dumps(list(w)))), U, "(only in exact arithmetic)"),
    "numpy.linalg": (lambda w: np.sum(np.linalg.svd(np.outer(w, w))[1]), lambda w: 2 * w, U, "no exact rule"),
    "fft": (lambda w: np.sum(np.abs(np.fft.fft(w)) ** 2), lambda w: 10 * w, U, "(only in exact arithmetic)"),
    "complex": (squares, lambda w: w * (1 + 0j), U, "complex"),
    "it raises in float64 too": (squares, lambda w: w @ np.ones((3, 3)), R, "raises ValueError"),
    "printing": (lambda w: (print(f"{w[0]:.2f}", w, "%.1f" % w[0]), squares(w))[1], lambda w: w, V, ""),  # noqa: UP031
    "a text": (lambda w: squares(w) + float(str(w[0])), lambda w: w, U, "as a text"),
    "a text of few digits": (lambda w: float(f"{squares(w):.2f}"), lambda w: w, U, "as a text"),
    "a text by %": (lambda w: squares(w) + float("%r" % w[0]), lambda w: w, U, "as a text"),  # noqa: UP031
    "texts": (lambda w: squares(w) + np.sum(np.fromstring(str(w)[1:-1], sep=" ")), lambda w: w, U, "as a text"),
    "a text in JSON": (lambda w: squares(w) + json.loads(str(w[0])), lambda w: w, U, "as a text"),
    "a text as a fraction": (lambda w: squares(w) + Fraction(str(w[0])), lambda w: w, U, "as a text"),
    "a text that is evaluated": (lambda w: squares(w) + eval(repr(w[0])), lambda w: w, U, "as a text"),
    "another text": (lambda w: (str(w), squares(w) + float("1.5"))[1], lambda w: w, V, ""),
    "vectorized": (lambda w: np.sum(sigmoids(w)), lambda w: sigmoids(w) * (1 - sigmoids(w)), V, ""),
    "vectorized and wrong": (lambda w: np.sum(sigmoids(w)), lambda w: sigmoids(w), R, "wrong"),
    "by a decorator": (lambda w: np.sum(leaky(w)), lambda w: np.where(w > 0, 1, 0.1), V, ""),
    "of rows": (
        lambda w: np.sum(np.vectorize(lambda a: a @ a, signature="(n)->()")(w[None])) / 2, lambda w: w, V, ""),
    "of two outputs": (lambda w: np.sum(np.vectorize(lambda a: (a, a * a / 2))(w)[1]), lambda w: w, V, ""),
    "of ints": (squares, lambda w: np.vectorize(lambda a: a, otypes=[int])(w), R, "zero"),
    "of an array passed whole": (
        lambda w: np.sum(np.vectorize(lambda a, k: a * k[0], excluded=[1])(w, w)), lambda w: w, U, "passes whole"),
    "from a Python function": (
        lambda w: np.sum(np.frompyfunc(lambda a: a * a, 1, 1)(w)) / 2, lambda w: w, V, ""),
    "from one outside": (lambda w: np.sum(squared(w)), lambda w: w, U, "no exact rule"),
    "float of the cost": (lambda w: float(squares(w)), lambda w: w, V, ""),
    "math": (lambda w: math.fsum(w**2) + math.exp(w[0]), lambda w: 2 * w + np.exp(w[0]) * (np.arange(5) == 0), V, ""),
    "divmod": (lambda w: sum(divmod(x, 1)[1] ** 2 for x in w), lambda w: 2 * (w % 1), V, ""),
    "clipped, but not there": (lambda w: np.sum(np.clip(w, -99, 99)), lambda w: np.ones(5), V, ""),
    "clipped and forgotten": (lambda w: np.sum(np.clip(w, -0.5, 0.5)), lambda w: np.ones(5), U, "a value is clipped"),
    "clipped, and wrong elsewhere": (
        lambda w: np.sum(np.clip(w, -0.5, 0.5)), lambda w: np.full(5, 2.0), R, "scaled by 2"),
    "clipped and minded": (
        lambda w: np.sum(np.clip(w, -0.5, 0.5)), lambda w: 1.0 * (abs(w) < 0.5), V, "a value is clipped"),
    "a clipped gradient": (squares, lambda w: np.clip(w, -0.1, 0.1), U, "a value is clipped"),
    "not a number": (squares, not_a_number, U, "not finite"),
    "a cost that is infinite": (lambda w: np.sum(w) / 0, lambda w: w, U, "not finite"),
    "ReLU": (lambda w: np.sum(np.maximum(w, 0)), lambda w: 1.0 * (w > 0), V, ""),
    "max pooling with ties of zeros": (pooled, pooled_gradient, V, ""),
    "differences are no gradient": (lambda w: np.sum(w**3), by_differences, R, "difference quotient"),
    "a cost without its arguments": (lambda w: 1.5, lambda w: w, R, "does not depend"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_exact_is_said_and_blames_nobody(name: str) -> None:
    cost, gradient, verdict, said = CASES[name]
    judgement = check_gradient(cost, gradient, np.zeros((4, 4)) if cost is pooled else W)
    assert judgement.verdict is verdict, judgement
    assert said in str(judgement)
    if verdict is V and not said:
        assert not judgement.notes
        assert judgement.digits > 50
    for note in judgement.notes:
        assert line_of(note.place), note


def test_arguments_of_float32_are_said_to_be_real_numbers() -> None:
    for wrong in (1, 2):
        judgement = check_gradient(squares, lambda w, wrong=wrong: wrong * w, W.astype(np.float32))
        assert judgement.verdict is (V if wrong == 1 else R)
        assert ("its arguments of float32 are taken as real numbers" in str(judgement)) is (wrong == 1)


KEPT: dict[str, tuple[Callable[..., Any], Callable[..., Any], Any, Verdict, str]] = {
    "a kink": (lambda w: np.sum(np.maximum(w, 0)), lambda w: 1.0 * (w > 0), AT_0, U, "a tie at 0"),
    "|x| at 0": (lambda w: np.sum(np.abs(w)), np.sign, AT_0, U, "a tie at 0"),
    "a refusal is swallowed": (swallowing, lambda w: np.ones(5), AT_0, U, "a tie at 0"),
    "by a bare except": (swallowing_all, lambda w: np.ones(5), AT_0, U, "a tie at 0"),
    "a missing rule is swallowed": (
        squares,
        falling_back(lambda w: np.linalg.solve(np.outer(w, w), w)),
        BIG,
        U,
        "no exact rule for numpy.linalg",
    ),
    "a ufunc without a rule": (squares, falling_back(lambda w: np.nextafter(w, 9)), BIG, U, "no exact rule"),
    "what NumPy does in C": (squares, falling_back(lambda w: np.polyfit(w, w, 1)), BIG, U, "numpy.polyfit"),
    "a complex number": (squares, falling_back(lambda w: (w * 1j).imag), BIG, U, "complex"),
    "an array of complex numbers": (squares, falling_back(lambda w: np.array(w, complex).real), BIG, U, "complex"),
    "Python's division by 0": (squares, falling_back(lambda w: (1 / 0, 2 * w)[1]), BIG, V, ""),
    "perhaps Python's": (squares, falling_back(lambda w: (float(w[0]) / 0, 2 * w)[1]), BIG, U, "a division by 0"),
    "a logarithm of 0": (squares, falling_back(lambda w: (math.log(0), 2 * w)[1]), BIG, V, ""),
    "a root of what is negative": (squares, falling_back(lambda w: (math.sqrt(-(w[0] ** 2)), 2 * w)[1]), BIG, V, ""),
    "more than a double can hold": (squares, lambda w: w * math.exp(1e6), BIG, R, "wrong"),
    "an error of its own": (squares, falling_back(lambda w: w @ np.ones((3, 3))), BIG, V, ""),
    "nothing to swallow": (swallowing, lambda w: 1.0 * (w > 0), AT_0 + 0.5, V, ""),
    "saturated, and more bits decide": (lambda w: np.sum(np.logaddexp(0, w)), stable, BIG, V, ""),
    "saturated beyond all bits": (lambda w: np.sum(np.logaddexp(0, w)), stable, 20 * BIG, U, "saturated"),
    "the floor of a whole number": (lambda w: np.sum(w * np.floor(w)), np.floor, AT_0, U, "where it jumps"),
}


@pytest.mark.parametrize("name", KEPT)
def test_ties_and_saturation_are_undecided_until_bits_decide(name: str) -> None:
    cost, gradient, at, verdict, said = KEPT[name]
    judgement = check_gradient(cost, gradient, at, draw=False)
    assert judgement.verdict is verdict, judgement
    assert said in str(judgement)


def test_of_the_texts_only_the_latest_are_remembered() -> None:
    with running(Run()) as run:
        for k in range(SHOWN + 5):
            f"{variable(k + 0.5)} {number(0.25)}"
        assert list(run.shown) == [k + 0.5 for k in range(5, SHOWN + 5)]


def test_a_comparison_is_decided_refused_or_a_tie_of_constants() -> None:
    with running(Run()) as run:
        third, x = number(1) / 3, variable(0.5)
        assert third < x and x > third and not x <= third and third != x  # noqa: PT018
        assert number(2) == 2 and number(2) <= 2 and not number(2) < 2  # noqa: PT018
        assert x == x and x <= x  # noqa: PT018
        assert not run.notes
        for refused in (lambda: x < 0.5, lambda: x == 0.5, lambda: number(1) / 3 + x - x == third + 0 * x,
                        lambda: third * 3 < 1, lambda: number(math.nan) < x):  # fmt: skip
            run.notes.clear()
            with pytest.raises(UndecidedError):
                refused()
            assert [note.kind for note in run.notes.values()] == ["undecided"]


# ---- readings of literals ----------------------------------------------------------------------------------------


def gelu(x: Any) -> Any:
    return np.sum(0.5 * x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x**3))))


def gelu_slope(x: Any, root: Any, cubic: Any) -> Any:
    t = np.tanh(root * (x + 0.044715 * x**3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * (root + cubic * x**2)


def log_cost(w: Any) -> Any:
    return -np.sum(np.log(sigmoid(w) + 1e-8))


def normed(x: Any) -> Any:
    return np.sum(((x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)) ** 3)


def norm_slope(x: Any, eps: Any) -> Any:
    s = np.sqrt(x.var(0) + eps)
    xh = (x - x.mean(0)) / s
    d = 3 * xh**2
    return (d - d.mean(0) - xh * (d * xh).mean(0)) / s


def mean_cost(w: Any) -> Any:
    return np.sum(w**2) / 7


ROUNDED, TINY = "taken as rounded", "taken as 0"
READINGS: dict[str, tuple[Callable[..., Any], Callable[..., Any], Verdict, str]] = {
    "GELU by its own digits": (gelu, lambda x: gelu_slope(x, 0.7978845608, 0.7978845608 * 3 * 0.044715), V, ""),
    "GELU by √(2/π)": (
        gelu,
        lambda x: gelu_slope(x, np.sqrt(2 / np.pi), 3 * 0.044715 * np.sqrt(2 / np.pi)),
        V,
        ROUNDED,
    ),
    "GELU by digits of a product": (gelu, lambda x: gelu_slope(x, 0.7978845608, 0.1070322243), V, ROUNDED),
    "GELU by a wrong digit": (gelu, lambda x: gelu_slope(x, 0.7978845608, 0.107032), R, "digits only"),
    "√(2/π) of too few digits": (gelu, lambda x: gelu_slope(x, 0.79, 0.79 * 3 * 0.044715), R, "wrong"),
    "0.1 is a tenth": (lambda w: np.sum(w) / 10, lambda w: np.full(5, 0.1), V, ""),
    "1/m is exact": (mean_cost, lambda w: 2 * w * (1 / 7), V, ""),
    "1/m that was rounded": (mean_cost, lambda w: 2 * w * 0.14285714285714285, V, ROUNDED),
    "m that is off by one": (mean_cost, lambda w: 2 * w / 8, R, "scaled by 7/8"),
    "log(p + 1e-8)": (log_cost, lambda w: sigmoid(w) - 1, V, TINY),
    "log(p + 1e-8) and its sign": (log_cost, lambda w: 1 - sigmoid(w), R, "scaled by -1"),
    "log(p + 1e-8) and an error": (log_cost, lambda w: sigmoid(w) ** 2 - 1, R, "wrong"),
    "batch norm with its eps": (normed, lambda x: norm_slope(x, 1e-5), V, ""),
    "batch norm without its eps": (normed, lambda x: norm_slope(x, 0), V, TINY),
    "batch norm of another eps": (normed, lambda x: norm_slope(x, 1e-3), R, "wrong"),
    "1.0 is not tiny": (lambda w: np.sum(np.log(1.0 + np.exp(w))), lambda w: 0 * w + 1, R, "wrong"),
    "a tiny penalty": (lambda w: np.sum(w**2) + 1e-6 * np.sum(w**4), lambda w: 2 * w, R, "digits only"),
    "a tiny slope": (lambda w: np.sum(np.where(w > 0, w, 1e-6 * w)), lambda w: 1.0 * (w > 0), R, "digits only"),
    "0.001 is not tiny": (lambda w: np.sum(w**2) + 0.001 * np.sum(w), lambda w: 2 * w, R, "wrong"),
}


@pytest.mark.sample(6)
@pytest.mark.parametrize("name", READINGS)
def test_a_literal_is_what_it_says_or_rounded_or_there_to_keep_a_quotient_finite(name: str) -> None:
    cost, gradient, verdict, said = READINGS[name]
    judgement = check_gradient(cost, gradient, np.zeros((4, 3)) if cost is normed else W)
    assert judgement.verdict is verdict, judgement
    assert said in str(judgement)
    assert bool(judgement.conventions) is (verdict is V and bool(said))


def test_a_literal_is_a_ball_of_the_size_of_its_reading() -> None:
    def ball(value: float, reading: Reading, decimal: str | None = None) -> Any:
        run = Run(reading=reading)
        with running(run):
            return run.literal(value, decimal)

    assert (10 * ball(0.1, Reading.EXACT, "0.1") - 1).contains(0)
    assert ball(0.1, Reading.EXACT, "0.1").rad() < 1e-50
    assert 3 * np.spacing(0.1) < float(ball(0.1, Reading.ROUNDED, "0.1").rad()) < 5 * np.spacing(0.1)
    assert 4e-11 < float(ball(0.7978845608, Reading.ROUNDED, "0.7978845608").rad()) < 6e-11
    for reading in Reading:
        for short in (0.5, 255.0, -3.25, 1024.0):
            assert ball(short, reading, repr(short)).rad() == 0
        assert not ball(1e-9, reading).is_zero()


def test_a_tiny_literal_is_0_where_it_is_added_and_nowhere_else() -> None:
    with running(Run(reading=Reading.WITHOUT_EPSILON)):
        x, tiny = variable(3.0), number(1e-5)
        assert [(y.value - 3).contains(0) for y in (x + tiny, tiny + x, x - tiny)] == [True, True, True]
        assert (x + 2e-5).value != 3
        assert not (x * tiny).value.is_zero()
        assert (x / tiny).value.is_finite()
        assert not (tiny**2 * x).value.is_zero()
        assert not (x * tiny + tiny).value.is_zero()


def test_a_literal_that_may_have_been_truncated_has_half_of_its_last_digit_as_radius() -> None:
    with running(Run(reading=Reading.ROUNDED)) as run:
        for literal, radius in ((1.23456789e-4, 5e-13), (1.23456789e-5, 5e-14), (1.23456789e20, 5e11)):
            assert float(run.literal(literal).rad()) == pytest.approx(radius, rel=0.1)
        assert float(run.literal(1000.000000000001).rad()) < 4.6e-13  # all digits of a double: none was cut


def test_a_literal_of_twenty_bits_is_exact_and_a_longer_one_is_not() -> None:
    with running(Run(reading=Reading.ROUNDED)) as run:
        assert [run.literal(short).rad() == 0 for short in (2.0**20 - 1, 2.0**-20)] == [True, True]
        assert [run.literal(longer).rad() == 0 for longer in (2.0**20 + 1, 2.0**-21)] == [False, False]


@given(st.floats(1e-3, 1e3))
def test_longer_literals_are_bent_up_to_a_limit_and_short_ones_are_not(number: float) -> None:
    straight, run = Run(), Run()
    run.bent = 0.25
    with running(run):
        was, now = float(straight.literal(number)), float(run.literal(number))
        short = max(map(int.bit_length, number.as_integer_ratio())) <= 20
        assert now == was if short else was <= now <= 1.25 * was
        assert short or float(run.literal(number) - straight.literal(number)) > 0
        assert float(run.literal(0.5)) == 0.5
        assert float(run.literal(255.0)) == 255.0
        assert float(abs(3 * run.literal(0.1) - run.literal(0.3))) > 1e-4  # each by its own factor


def test_the_float_of_a_variable_is_noted_and_that_of_a_constant_is_not() -> None:
    with running(Run()) as run:
        assert float(number(0.5)) == 0.5
        assert not run.notes
        assert float(variable(0.5)) == 0.5
        assert [note.kind for note in run.notes.values()] == ["left"]
        taken = take(lambda x: (str(x), f"{x:.3f}", repr(x), float(x)))
        assert isinstance(taken(variable(0.25))[3], Number)
        assert len(run.notes) == 1
