"""Every rule of the table: its value, its derivatives and its balls, each held against something that shares nothing.

A derivative is held against a quotient of differences of the rule's own value, in balls of 400 bits, in which no
derivative occurs, and against jax.grad of JAX's function of that name; a value against NumPy's or SciPy's float64.

The quotient. D(h) = (f(x + h) − f(x − h)) / 2h is f′(x) + h²f‴/6 + h⁴f⁗′/120 + …, so R = (4D(h) − D(2h)) / 3 leaves
−4h⁴f⁽⁵⁾/120 and less. On the domains below f is analytic in a disc of radius r = 2⁻⁵ about x and |f| < 2²⁰ in it, so
that |f⁽⁵⁾|/120 ≤ 2²⁰/r⁵ = 2⁴⁵ (Cauchy); with h = 2⁻¹⁰⁰ what is left is below 2⁻³⁵⁰. The balls of R know their rounding.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from flint import arb, ctx
from hypothesis import given, settings
from hypothesis import strategies as st

from gradproof.exact.rules import RULES

EXAMPLES = max(4, settings().max_examples // 10)
POINTS = 6  # an example
H, LEFT_OVER = arb(2) ** -100, arb(2) ** -350
TELLING = arb(2) ** -240  # radii: what agrees within less agrees to 70 digits
U = 2.0**-53

# Of each operand, all at least 2⁻⁴ from where the function is not analytic. Both signs where both are allowed.
ANY, BELOW_1, POSITIVE = (-4, 4), (-0.9, 0.9), (0.1, 5)
DOMAINS: dict[str, Sequence[tuple[float, float]]] = {
    "divide": (ANY, POSITIVE), "power": (POSITIVE, ANY), "reciprocal": (POSITIVE,), "sqrt": (POSITIVE,),
    "cbrt": (POSITIVE,), "log": (POSITIVE,), "log2": (POSITIVE,), "log10": (POSITIVE,), "log1p": ((-0.9, 4),),
    "tan": ((-1.4, 1.4),), "arcsin": (BELOW_1,), "arccos": (BELOW_1,), "arctanh": (BELOW_1,),
    "arctan2": (ANY, POSITIVE),
    "arccosh": ((1.1, 5),), "hypot": (POSITIVE, ANY), "gammaln": (POSITIVE,), "logit": ((0.1, 0.9),),
    "xlogy": (ANY, POSITIVE), "xlog1py": (ANY, (-0.9, 4)), "entr": (POSITIVE,),
    "logaddexp": ((-1, 1), (-1, 1)), "sum": (ANY,) * 3, "dot": (ANY,) * 6,
}  # fmt: skip
BINARY = {"add", "subtract", "multiply"}
NAMES = sorted(RULES)


def domain(name: str) -> Sequence[tuple[float, float]]:
    return DOMAINS.get(name) or (ANY,) * (2 if name in BINARY else 1)


@st.composite
def points(draw: Any, name: str) -> np.ndarray[Any, Any]:
    """(operand, point): random places of the grid of 1/1024, which every precision holds exactly."""
    columns = [
        st.lists(st.integers(math.ceil(low * 1024), int(high * 1024)), min_size=POINTS, max_size=POINTS)
        for low, high in domain(name)
    ]
    return np.array([draw(column) for column in columns]) / 1024


@contextmanager
def precision(bits: int) -> Iterator[None]:
    before, ctx.prec = ctx.prec, bits
    try:
        yield
    finally:
        ctx.prec = before


def balls(column: Sequence[float]) -> list[Any]:
    return [arb(float(x)) for x in column]


def quotient(name: str, xs: Sequence[Any], place: int) -> Any:
    """A ball around ∂f/∂x_place, from differences of f alone."""

    def value(step: Any) -> Any:
        return RULES[name].value(*[x + step if i == place else x for i, x in enumerate(xs)])

    single, double = ((value(h) - value(-h)) / (2 * h) for h in (H, 2 * H))
    return (4 * single - double) / 3 + arb(0, LEFT_OVER)


@pytest.mark.parametrize("name", NAMES)
def test_each_derivative_is_that_of_the_value(name: str) -> None:
    @settings(max_examples=EXAMPLES)
    @given(points(name))
    def holds(drawn: np.ndarray[Any, Any]) -> None:
        with precision(400):
            for column in drawn.T:
                xs = balls(column)
                partials = RULES[name].partials(RULES[name].value(*xs), *xs)
                assert len(partials) == len(xs)
                for place, partial in enumerate(map(arb, partials)):
                    differences = quotient(name, xs, place)
                    assert max(differences.rad(), partial.rad()) < TELLING
                    assert partial.overlaps(differences), (name, place, column)

    holds()


@pytest.mark.parametrize("name", NAMES)
def test_each_ball_encloses_the_values_and_derivatives_at_all_points_inside(name: str) -> None:
    @settings(max_examples=EXAMPLES)
    @given(points(name), st.integers(0, 1 << 30))
    def holds(drawn: np.ndarray[Any, Any], seed: int) -> None:
        rng, rule = np.random.default_rng(seed), RULES[name]
        with precision(200):
            for column in drawn.T:
                width = 2.0 ** -rng.integers(5, 40)
                wide = [arb(float(x), width) for x in column]
                inside = balls(column + width * rng.uniform(-1, 1, len(column)))
                value, narrow = rule.value(*wide), rule.value(*inside)
                assert value.contains(narrow)
                for whole, part in zip(rule.partials(value, *wide), rule.partials(narrow, *inside), strict=True):
                    assert arb(whole).contains(arb(part)) or (arb(whole).overlaps(arb(part)) and arb(part).rad() > 0)

    holds()


def known(name: str, *modules: Any) -> Any:
    """The function of that name in NumPy or JAX, or in their special functions."""
    spread = {
        "sum": lambda m: lambda *xs: sum(xs),
        "dot": lambda m: lambda *xs: sum(a * b for a, b in zip(xs[:3], xs[3:], strict=True)),
    }
    if name in spread:
        return spread[name](modules[0])
    name = "log_sigmoid" if (name, modules[0]) == ("log_expit", jnp) else name
    return next(getattr(module, name) for module in modules if hasattr(module, name))


@pytest.mark.sample(20)
@pytest.mark.parametrize("name", NAMES)
def test_each_derivative_is_jaxs(name: str) -> None:
    """JAX's formula has fewer than 2⁵ operations, each right to 2³u and, this far from every pole, none amplified by
    more than 2² times the size of what is computed."""
    with jax.enable_x64(True):
        function = known(name, jnp, jax.scipy.special, jax.nn)
        arity = len(domain(name))
        gradient = jax.jit(jax.grad(lambda *xs: jnp.sum(function(*xs)), argnums=tuple(range(arity))))

        @settings(max_examples=EXAMPLES)
        @given(points(name))
        def holds(drawn: np.ndarray[Any, Any]) -> None:
            theirs = np.array([np.asarray(g) for g in gradient(*map(jnp.asarray, drawn))])
            for column, their in zip(drawn.T, theirs.T, strict=True):
                xs = balls(column)
                value = RULES[name].value(*xs)
                ours = np.array([float(arb(p)) for p in RULES[name].partials(value, *xs)])
                size = max(1.0, abs(float(value)), *abs(column), *abs(ours))
                assert np.all(abs(their - ours) <= 2**10 * U * size**2), (name, column, their, ours)

        holds()


@pytest.mark.parametrize("name", NAMES)
def test_each_value_is_numpys_or_scipys(name: str) -> None:
    """Their functions are right to 2⁴u of what they compute with: a power is exp(y log x), which magnifies y log x."""
    function = known(name, np, scipy.special)

    @settings(max_examples=EXAMPLES)
    @given(points(name))
    def holds(drawn: np.ndarray[Any, Any]) -> None:
        for column, their in zip(drawn.T, function(*drawn), strict=True):
            ours = float(RULES[name].value(*balls(column)))
            size = max(1.0, abs(ours), *abs(column) ** 2)
            if name in ("power", "float_power") and ours:
                size *= max(1.0, abs(math.log(abs(ours))))
            assert abs(their - ours) <= 2**4 * U * size, (name, column, their, ours)

    holds()


def test_what_is_odd_or_defined_for_negative_numbers_is_so_here() -> None:
    for x in (0.3, 1.0, 2.5):
        rule = RULES["cbrt"]
        value, mirrored = rule.value(arb(x)), rule.value(arb(-x))
        assert (value + mirrored).contains(0)
        assert abs(float(value) - np.cbrt(x)) < 1e-15
        assert abs(float(mirrored) - np.cbrt(-x)) < 1e-15
        assert rule.partials(mirrored, arb(-x))[0].overlaps(rule.partials(value, arb(x))[0])
    for y, x in ((1.0, -2.0), (-1.0, -2.0)):
        assert abs(float(RULES["arctan2"].value(arb(y), arb(x))) - np.arctan2(y, x)) < 1e-15
    assert RULES["xlogy"].value(arb(0), arb(0)) == 0


def test_whole_powers_of_negative_numbers_are_products() -> None:
    for x in (-3.0, -0.5, 0.0, 2.0):
        for n in (1, 2, 3, 4):
            value, (partial, _) = _power(x, n)
            assert (value, partial) == (x**n, n * x ** (n - 1))
    assert _power(2.0, -3)[0] == 0.125
    assert abs(float(_power(2.0, 3)[1][1]) - 8 * math.log(2)) < 1e-14
    assert _power(0.0, 0)[1][0] == 0
    about_zero = arb(0, 0.5)
    assert RULES["power"].value(about_zero, arb(2, 0.25)).is_nan()  # (−0.1)^2.1 is no number
    for n in (1, 2, 3):
        power = RULES["power"].value(about_zero, arb(n))
        assert power.mid() == 0
        assert 0.5**n <= float(power.rad()) < 0.5**n + 1e-8
    assert _power(-7.0, 0)[1][0] == 0


def _power(x: float, n: int) -> tuple[Any, Any]:
    rule = RULES["power"]
    value = rule.value(arb(x), arb(n))
    return value, rule.partials(value, arb(x), arb(n))
