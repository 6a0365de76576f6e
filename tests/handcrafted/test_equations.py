"""σ and σ′ are right to a few roundings however small they are, and each equation is its component form."""

import warnings
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from handcrafted import equations as eq
from tests.handcrafted.agreement import (
    EXP_ERROR,
    Array,
    Exact,
    assert_within,
    elementwise,
    exact,
    gamma,
    sigma_exactly,
    sigma_prime_exactly,
    smallest,
)

TAIL = {"float64": 700.0, "float32": 87.0}  # e^{−|z|} is still a normal number
DTYPES = pytest.mark.parametrize("dtype", TAIL)

# ---- σ and σ′ --------------------------------------------------------------------------------------------------


def assert_sigma(z: Array, a: Array) -> None:
    """e^{−z} with c roundings, 1 + e^{−z} with one more, one reciprocal: c + 2."""
    c = EXP_ERROR[z.dtype.name]
    truth = elementwise(sigma_exactly, z)
    assert a.dtype == z.dtype
    assert_within(a, truth, gamma(c + 2, z.dtype) * truth)


def assert_sigma_prime(z: Array, s: Array) -> None:
    """e with c roundings, 1 + e with at most c/2 + 1, counted twice, one square, one division: 2c + 4."""
    c = EXP_ERROR[z.dtype.name]
    truth = elementwise(sigma_prime_exactly, z)
    assert s.dtype == z.dtype
    assert_within(s, truth, gamma(2 * c + 4, z.dtype) * truth)


def grid(dtype: str) -> Array:
    return np.linspace(-TAIL[dtype], TAIL[dtype], 1001, dtype=dtype)


@st.composite
def tails(draw: st.DrawFn) -> Array:
    dtype = draw(st.sampled_from(list(TAIL)))
    width = np.finfo(dtype).bits
    return draw(arrays(dtype, st.integers(1, 32), elements=st.floats(-TAIL[dtype], TAIL[dtype], width=width)))


@given(tails())
def test_sigma_keeps_full_relative_accuracy_in_both_tails(z: Array) -> None:
    assert_sigma(z, eq.sigma(z))


@given(tails())
def test_sigma_prime_keeps_full_relative_accuracy_in_both_tails(z: Array) -> None:
    assert_sigma_prime(z, eq.sigma_prime(z))


@DTYPES
def test_sigma_and_sigma_prime_are_right_from_end_to_end(dtype: str) -> None:
    z = grid(dtype)
    assert_sigma(z, eq.sigma(z))
    assert_sigma_prime(z, eq.sigma_prime(z))


@DTYPES
def test_a_sigma_or_sigma_prime_that_cancels_is_refused(dtype: str) -> None:
    z = grid(dtype)
    with pytest.raises(AssertionError, match="should be"):
        assert_sigma(z, (1 + np.tanh(z / 2)) / 2)
    with pytest.raises(AssertionError, match="should be"):
        assert_sigma_prime(z, eq.sigma(z) * (1 - eq.sigma(z)))


@DTYPES
def test_sigma_and_sigma_prime_are_exact_at_zero(dtype: str) -> None:
    zeros = np.array([0.0, -0.0], dtype)
    assert (eq.sigma(zeros) == [0.5, 0.5]).all()
    assert (eq.sigma_prime(zeros) == [0.25, 0.25]).all()


@given(tails())
def test_sigma_prime_is_even_and_sigma_is_symmetric_about_its_middle(z: Array) -> None:
    assert (eq.sigma_prime(-z) == eq.sigma_prime(z)).all()
    total = exact(eq.sigma(z)) + exact(eq.sigma(-z))  # each with c + 2 roundings
    bound = gamma(EXP_ERROR[z.dtype.name] + 2, z.dtype)
    assert all(abs(one - 1) <= bound for one in total)


@DTYPES
def test_no_z_is_too_large(dtype: str) -> None:
    z = np.array([-np.inf, -1e4, -750, 750, 1e4, np.inf], dtype)
    with warnings.catch_warnings(), np.errstate(over="raise", invalid="raise", divide="raise"):
        warnings.simplefilter("error")
        assert (eq.sigma(z) == [0, 0, 0, 1, 1, 1]).all()
        assert (eq.sigma_prime(z) == 0).all()


@given(arrays(float, st.integers(1, 32), elements=st.floats(-200, 200)))
def test_sigma_of_a_complex_z_is_analytic(z: Array) -> None:
    """Im σ(z + ih)/h = σ′(z). In 1 + e^{−z} the real part has c + 1 roundings, the imaginary one c + 2 (exp, sin, ·).

    Smith's reciprocal of it: their quotient has 2c + 4, the scale c + 3, and their product is one more: 3c + 8.
    """
    h = 1e-200  # |z| ≤ 200, so that h σ′(z) does not underflow
    truth = elementwise(sigma_prime_exactly, z)
    derivative = exact(eq.sigma(z + 1j * h).imag) / Fraction(h)
    bound = gamma(3 * EXP_ERROR["float64"] + 8, float)
    assert all(abs(one - true) <= bound * true for one, true in zip(derivative, truth, strict=True))


# ---- each equation in index notation ---------------------------------------------------------------------------
# The sums are exact; beside each value stands the bound for its roundings.

Components = tuple[Exact, Exact]


def each(*shape: int) -> Iterator[tuple[int, ...]]:
    return product(*map(range, shape))


def empty(*shape: int) -> Components:
    return np.empty(shape, object), np.empty(shape, object)


def cost_gradient_by_components(a: Array, y: Array) -> Components:
    """∂C_x/∂a_j = a_j − y_j; one rounding."""
    value, bound = empty(*a.shape)
    a_, y_ = exact(a), exact(y)
    for j, x in each(*a.shape):
        value[j, x] = a_[j, x] - y_[j, x]
        bound[j, x] = gamma(1, a.dtype) * abs(value[j, x])
    return value, bound


def bp1_by_components(grad_a: Array, z: Array) -> Components:
    """δ_j = (∂C_x/∂a_j) σ′(z_j); one rounding, which may underflow."""
    value, bound = empty(*z.shape)
    grad_a_, s = exact(grad_a), exact(eq.sigma_prime(z))
    for j, x in each(*z.shape):
        value[j, x] = grad_a_[j, x] * s[j, x]
        bound[j, x] = gamma(1, z.dtype) * abs(value[j, x]) + smallest(z.dtype)
    return value, bound


def bp2_by_components(w_next: Array, delta_next: Array, z: Array) -> Components:
    """δ_k = Σ_j w_{jk} δ_j σ′(z_k); n products and their sum, times σ′ ≤ 1."""
    value, bound = empty(*z.shape)
    w, delta, s = exact(w_next), exact(delta_next), exact(eq.sigma_prime(z))
    n = len(w)
    for k, x in each(*z.shape):
        terms = [w[j, k] * delta[j, x] * s[k, x] for j in range(n)]
        value[k, x] = sum(terms)
        bound[k, x] = gamma(n + 1, z.dtype) * sum(map(abs, terms)) + (n + 1) * smallest(z.dtype)
    return value, bound


def bp3_by_components(delta: Array) -> Components:
    """∂C/∂b_j = (1/m) Σ_x δ_j; m − 1 sums and a division, which may underflow."""
    rows, m = delta.shape
    value, bound = empty(rows, 1)
    delta_ = exact(delta)
    for (j,) in each(rows):
        terms = [delta_[j, x] / m for x in range(m)]
        value[j, 0] = sum(terms)
        bound[j, 0] = gamma(m, delta.dtype) * sum(map(abs, terms)) + smallest(delta.dtype)
    return value, bound


def bp4_by_components(a_prev: Array, delta: Array) -> Components:
    """∂C/∂w_{jk} = (1/m) Σ_x δ_j a_k; m divisions, m products and their sum. An underflow in δ/m is multiplied by a."""
    (columns, m), rows = a_prev.shape, len(delta)
    value, bound = empty(rows, columns)
    a, delta_ = exact(a_prev), exact(delta)
    for j, k in each(rows, columns):
        terms = [delta_[j, x] * a[k, x] / m for x in range(m)]
        underflows = 2 * sum(1 + abs(a[k, x]) for x in range(m))
        value[j, k] = sum(terms)
        bound[j, k] = gamma(m + 1, delta.dtype) * sum(map(abs, terms)) + underflows * smallest(delta.dtype)
    return value, bound


BY_COMPONENTS: dict[str, Callable[..., Components]] = {
    "cost_gradient": cost_gradient_by_components,
    "bp1": bp1_by_components,
    "bp2": bp2_by_components,
    "bp3": bp3_by_components,
    "bp4": bp4_by_components,
}
# The shapes of the arguments: n neurons in the layer, p in the one before or after it, m examples.
SHAPES = {
    "cost_gradient": ("nm", "nm"),
    "bp1": ("nm", "nm"),
    "bp2": ("pn", "pm", "nm"),
    "bp3": ("nm",),
    "bp4": ("pm", "nm"),
}
EQUATIONS = pytest.mark.parametrize("name", SHAPES)


@st.composite
def arguments(draw: st.DrawFn, name: str, stacked: bool = False) -> list[Array]:
    """Arguments of an equation in one dtype, stacks of 1–3 of them if so wished; shrink to one neuron, one example."""
    dtype = draw(st.sampled_from(["float64", "float32"]))
    n, p, m = (draw(st.integers(1, 5)) for _ in range(3))
    lead = (draw(st.integers(1, 3)),) if stacked else ()
    numbers = st.floats(-1000, 1000, width=np.finfo(dtype).bits)
    size = {"n": n, "p": p, "m": m}
    # fill: no two elements are the same draw, or a transpose that is missing would not show
    return [
        draw(arrays(dtype, (*lead, *(size[letter] for letter in letters)), elements=numbers, fill=st.nothing()))
        for letters in SHAPES[name]
    ]


def assert_component_form(name: str, equation: Callable[..., Array], given: list[Array]) -> None:
    got = equation(*given)
    assert got.dtype == given[0].dtype
    assert_within(got, *BY_COMPONENTS[name](*given))


@given(arguments("cost_gradient"))
def test_cost_gradient_equals_its_component_form(given: list[Array]) -> None:
    assert_component_form("cost_gradient", eq.cost_gradient, given)


@given(arguments("bp1"))
def test_bp1_equals_its_component_form(given: list[Array]) -> None:
    assert_component_form("bp1", eq.bp1, given)


@given(arguments("bp2"))
def test_bp2_equals_its_component_form(given: list[Array]) -> None:
    assert_component_form("bp2", eq.bp2, given)


@given(arguments("bp3"))
def test_bp3_equals_its_component_form(given: list[Array]) -> None:
    assert_component_form("bp3", eq.bp3, given)


@given(arguments("bp4"))
def test_bp4_equals_its_component_form(given: list[Array]) -> None:
    assert_component_form("bp4", eq.bp4, given)


@EQUATIONS
@given(data=st.data())
def test_an_equation_of_a_stack_is_the_stack_of_the_equations(name: str, data: st.DataObject) -> None:
    stacks = data.draw(arguments(name, stacked=True))
    got = getattr(eq, name)(*stacks)
    assert len(got) == len(stacks[0])
    for one, *member in zip(got, *stacks, strict=True):
        assert_within(one, *BY_COMPONENTS[name](*member))


@DTYPES
def test_sigma_and_sigma_prime_of_a_stack_are_elementwise(dtype: str) -> None:
    z = np.linspace(-30, 30, 24, dtype=dtype).reshape(2, 3, 4)
    assert_sigma(z, eq.sigma(z))
    assert_sigma_prime(z, eq.sigma_prime(z))


SLIPS: dict[str, tuple[str, Callable[..., Any]]] = {
    "y − a": ("cost_gradient", lambda a, y: y - a),
    "factor 2": ("cost_gradient", lambda a, y: 2 * (a - y)),
    "σ′ missing at the output": ("bp1", lambda grad_a, z: grad_a),
    "σ for σ′": ("bp1", lambda grad_a, z: grad_a * eq.sigma(z)),
    "σ′(a)": ("bp1", lambda grad_a, z: grad_a * eq.sigma_prime(eq.sigma(z))),
    "σ′ missing": ("bp2", lambda w_next, delta_next, z: w_next.mT @ delta_next),
    "w not transposed": ("bp2", lambda w_next, delta_next, z: (w_next @ delta_next) * eq.sigma_prime(z)),
    "w forgotten": ("bp2", lambda w_next, delta_next, z: delta_next * eq.sigma_prime(z)),
    "bias gradient 0": ("bp3", lambda delta: 0 * delta[..., :1]),
    "bias sum for mean": ("bp3", lambda delta: delta.sum(-1, keepdims=True)),
    "bias summed over neurons": ("bp3", lambda delta: delta.mean(-1, keepdims=True).sum(-2, keepdims=True)),
    "bias not reduced": ("bp3", lambda delta: delta),
    "bias without its axis": ("bp3", lambda delta: delta.mean(-1)),
    "weight sum for mean": ("bp4", lambda a_prev, delta: delta @ a_prev.mT),
    "transposed outer product": ("bp4", lambda a_prev, delta: (a_prev @ delta.mT) / delta.shape[-1]),
    "elementwise product": ("bp4", lambda a_prev, delta: delta * a_prev),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_not_the_component_form(slip: str) -> None:
    """And the generator does not hide it: within one quick run it draws arguments that show it."""
    name, equation = SLIPS[slip]

    def shows(given: list[Array]) -> bool:
        try:
            assert_component_form(name, equation, given)
        except (AssertionError, ValueError):
            return True
        return False

    # Only where shapes fit does a slip hide in the numbers: all widths and m equal, and more than 1.
    rng = np.random.default_rng(0)
    assert shows([rng.standard_normal((3, 3)) for _ in SHAPES[name]])
    find(arguments(name), shows, settings=settings(max_examples=50, phases=[Phase.generate], database=None))


# ---- dtype and NaN ---------------------------------------------------------------------------------------------

ALL = {"sigma": ("nm",), "sigma_prime": ("nm",), **SHAPES}


@DTYPES
@pytest.mark.parametrize("name", ALL)
def test_the_dtype_stays_what_it_is(name: str, dtype: str) -> None:
    result = getattr(eq, name)(*(np.ones((3, 3), dtype) for _ in ALL[name]))
    assert result.dtype == dtype


@pytest.mark.parametrize(("name", "place"), [(name, place) for name in ALL for place in range(len(ALL[name]))])
def test_a_nan_is_passed_on(name: str, place: int) -> None:
    given = [np.ones((3, 3)) for _ in ALL[name]]
    given[place][1, 2] = np.nan
    result = getattr(eq, name)(*given)
    assert np.isnan(result).any()
    assert not np.isnan(result).all()  # and only to what depends on it
