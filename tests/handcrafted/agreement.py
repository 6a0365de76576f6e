"""How far a computed number may be from the exact one: exact arithmetic, and a bound for the rounding.

The bounds are Higham's (Accuracy and Stability of Numerical Algorithms, ch. 3): u is the unit roundoff, a result of n
roundings is relatively within γ_n = nu/(1 − nu), a sum of n products taken in any order is within γ_n Σ|terms|, and
each product or quotient that underflows adds at most the smallest subnormal λ.
"""

from collections.abc import Callable, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]
Exact = NDArray[np.object_]  # of Fractions

SIXTY_DIGITS = Context(prec=60, Emin=-999_999, Emax=999_999)
EXP_ERROR = {"float64": 4, "float32": 8}  # in u; twice what NumPy and XLA were measured to make
NORMWISE = 1e-10  # of the largest element, in float64: for bookkeeping only, no derivative and no step is judged by it


def gamma(n: int, dtype: DTypeLike) -> Fraction:
    """γ_n = nu/(1 − nu)."""
    nu = n * Fraction(float(np.finfo(dtype).eps)) / 2
    return nu / (1 - nu)


def smallest(dtype: DTypeLike) -> Fraction:
    """λ, what an underflow may cost."""
    return Fraction(float(np.finfo(dtype).smallest_subnormal))


def exact(array: Array) -> Exact:
    """The same numbers as Fractions, in which sums and products are exact."""
    return elementwise(Fraction, array)


def sigma_exactly(z: float) -> Fraction:
    """σ(z) = 1/(1 + e^{−z}), to 60 digits."""
    one = Decimal(1)
    return Fraction(SIXTY_DIGITS.divide(one, SIXTY_DIGITS.add(one, SIXTY_DIGITS.exp(-Decimal(z)))))


def sigma_prime_exactly(z: float) -> Fraction:
    """σ′(z) = e^{−z}/(1 + e^{−z})², to 60 digits."""
    e = SIXTY_DIGITS.exp(-Decimal(z))
    return Fraction(SIXTY_DIGITS.divide(e, SIXTY_DIGITS.power(SIXTY_DIGITS.add(Decimal(1), e), 2)))


def elementwise(function: Callable[[float], Fraction], array: Array) -> Exact:
    """The function of each element, one by one."""
    result = np.empty(array.shape, object)
    for index in product(*map(range, array.shape)):
        result[index] = function(float(array[index]))
    return result


def assert_within(got: Array, expected: Exact, bound: Exact) -> None:
    """Each element is within its bound of its exact value."""
    assert got.shape == expected.shape == bound.shape, f"shape {got.shape}, should be {expected.shape}"
    assert np.isfinite(got).all(), f"not finite: {got}"
    for index in product(*map(range, got.shape)):
        error = abs(Fraction(float(got[index])) - expected[index])
        assert error <= bound[index], (
            f"element {index} is {got[index]}, should be {float(expected[index])}: off by {float(error):.3g}, "
            f"bound {float(bound[index]):.3g}"
        )


def assert_agree(got: Sequence[Array] | Array, expected: Sequence[Array] | Array) -> None:
    """float64, shape, finiteness; then the largest difference is at most 1e-10 of the largest expected element.

    Lists agree array by array. For bookkeeping: padded or not, stacked or not, by loops or not.
    The theorem is judged in tests/proof and each step in tests/reference/test_descent.py, by derived bounds.
    """
    if isinstance(expected, (list, tuple)):
        assert len(got) == len(expected), f"{len(got)} arrays, should be {len(expected)}"
        for one, other in zip(got, expected, strict=True):
            assert_agree(one, other)
        return
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.dtype == expected.dtype == np.float64, f"{got.dtype} and {expected.dtype}, should be float64"
    assert got.shape == expected.shape, f"shape {got.shape}, should be {expected.shape}"
    assert np.isfinite(got).all(), "what was computed is not finite"
    assert np.isfinite(expected).all(), "what was expected is not finite"
    error, largest = np.abs(got - expected), np.abs(expected).max(initial=0)
    worst = np.unravel_index(error.argmax(), error.shape)
    assert error[worst] <= NORMWISE * largest, (
        f"element {tuple(map(int, worst))} is {got[worst]}, should be {expected[worst]}; the largest is {largest}"
    )
