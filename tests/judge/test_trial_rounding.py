"""The running error analysis: each step passes on what its operands are off by, and adds its own rounding."""

from typing import Any

import numpy as np
import pytest

from gradproof.exact.arrays import array_of
from gradproof.exact.numbers import apply, number, total, variable
from gradproof.exact.run import Run, running
from gradproof.judge.trial.rounding import FUNCTION, U, rounding_radii

pytestmark = pytest.mark.usefixtures("few_edits")

TENTH = Run().literal(0.1, "0.1")


def radius(make: Any) -> float:
    with running(Run()):
        x = make(variable(0.75), variable(-3.0), number(TENTH))
        return rounding_radii([x])[x.index]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda x, y, c: x, 0.0),
        (lambda x, y, c: number(0.75), 0.0),
        (lambda x, y, c: c, 0.1 * U),
        (lambda x, y, c: -x, 0.0),
        (lambda x, y, c: x + y, 2.25 * U),
        (lambda x, y, c: x - y, 3.75 * U),
        (lambda x, y, c: x * y, 2.25 * U),
        (lambda x, y, c: y / x, 4 * U),
        (lambda x, y, c: c * y, (0.3 + 0.3) * U),
        (lambda x, y, c: x / c, (7.5 + 75 * 0.1) * U),
        (lambda x, y, c: (x + y) * y, (6.75 + 2.25 * 3) * U),
        (lambda x, y, c: (x + y) * (x + y), (2.25**2 + 2 * 2.25 * 2.25) * U),
        (lambda x, y, c: apply("exp", x), FUNCTION * np.exp(0.75) * U),
        (lambda x, y, c: apply("exp", x + y), (FUNCTION + 2.25) * np.exp(-2.25) * U),
        (lambda x, y, c: total([x, y, x]), 3 * (0.75 + 3 + 0.75) * U),
        (lambda x, y, c: array_of([x, y], (2,)) @ array_of([y, y], (2,)), 2 * (2.25 + 9) * U),
        (lambda x, y, c: array_of([x + y, y], (2,)) @ array_of([y, x], (2,)), (2 * (6.75 + 2.25) + 2.25 * 3) * U),
    ],
)
def test_a_step_passes_on_and_adds(make: Any, expected: float) -> None:
    assert radius(make) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_what_underflows_is_off_by_as_much_as_the_smallest_float() -> None:
    small = 2.0**-600
    off = abs(0.75 * small * small / small / small - 0.75)
    assert off > 0.1  # in float64
    assert radius(lambda x, y, c: x * small * small / small / small) >= off


def test_what_is_beyond_all_floats_has_a_finite_radius() -> None:
    beyond = radius(lambda x, y, c: apply("exp", x * 2000))
    assert 1e290 < beyond < np.inf
    assert radius(lambda x, y, c: apply("exp", x * 2000) * 0.1) < np.inf
