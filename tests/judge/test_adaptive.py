"""The first steps of adaptive optimizers are told from steps that only go downhill, by their exact form."""

from typing import Any

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given
from hypothesis import strategies as st

from gradproof.judge.trial.adaptive import NO_FORM, misses_form

pytestmark = pytest.mark.usefixtures("few_edits")

ETA, EPS, DECAY = arb("0.01"), arb("1e-3"), arb("0.3")
FORMS = {
    "Adam's": lambda g, w: -ETA * g / (abs(g) + EPS),
    "RMSprop's, with ε in the root": lambda g, w: -ETA * g / (g * g + EPS).sqrt(),
    "with ε inside and outside the root": lambda g, w: -ETA * g / ((g * g + EPS).sqrt() + EPS),
    "AdamW's": lambda g, w: -ETA * (g / (abs(g) + EPS) + DECAY * w),
    "with decay and ε in the root": lambda g, w: -ETA * (g / (g * g + EPS).sqrt() + DECAY * w),
}
OTHERS = {
    "times the root": lambda g, w: -ETA * g * abs(g),
    "without a root": lambda g, w: -ETA * g / (g * g + EPS),
    "by another root": lambda g, w: -ETA * g / (abs(g).sqrt() + EPS),
    "with a negative ε": lambda g, w: -ETA * g / (abs(g) - EPS / 2),
    "with decay that grows": lambda g, w: -ETA * (g / (abs(g) + EPS) - DECAY * w),
    "with decay that grows and ε in the root": lambda g, w: -ETA * (g / (g * g + EPS).sqrt() - DECAY * w),
    "with the square of the weights": lambda g, w: -ETA * (g / (abs(g) + EPS) + DECAY * w * w),
}


def drawn(seed: int, size: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    slopes = rng.choice([-1, 1], size) * rng.uniform(0.1, 2, size)
    return tuple(np.array([arb(float(x)) for x in row], dtype=object) for row in (slopes, rng.normal(size=size)))


@pytest.fixture(autouse=True)
def precise() -> Any:
    before, ctx.prec = ctx.prec, 200
    yield
    ctx.prec = before


@pytest.mark.parametrize("name", FORMS)
@given(seed=st.integers(0, 2**32), size=st.integers(8, 20))
def test_what_moves_in_this_form_is_accepted(name: str, seed: int, size: int) -> None:
    slope, value = drawn(seed, size)
    ctx.prec = 200
    assert misses_form(np.frompyfunc(FORMS[name], 2, 1)(slope, value), slope, value) == ""


@pytest.mark.parametrize("name", OTHERS)
@given(seed=st.integers(0, 2**32), size=st.integers(8, 20))
def test_what_moves_in_another_is_not(name: str, seed: int, size: int) -> None:
    slope, value = drawn(seed, size)
    ctx.prec = 200
    assert misses_form(np.frompyfunc(OTHERS[name], 2, 1)(slope, value), slope, value) == NO_FORM


def test_few_elements_refute_nothing() -> None:
    slope, value = drawn(1, 4)
    step = np.frompyfunc(OTHERS["times the root"], 2, 1)(slope, value)
    assert misses_form(step, slope, value) == "undecided"
    assert misses_form(step[:2], slope[:2], value[:2]) == ""


@given(seed=st.integers(0, 2**32))
def test_a_form_that_fits_only_because_the_enclosures_are_wide_decides_nothing(seed: int) -> None:
    """Nearly plain steps fit the root with a large ε, to no digit of what is below the root."""
    slope, value = drawn(seed, 8)
    ctx.prec = 200
    wide = np.frompyfunc(lambda g: -ETA * g**3 / (g * g + arb("1e-6")) * arb(1, "4e-15"), 1, 1)(slope)
    assert misses_form(wide, slope, value) in ("undecided", NO_FORM)
