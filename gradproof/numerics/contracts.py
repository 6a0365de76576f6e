"""Tests on this machine of everything that the bounds assume: exp, products, sums, underflow, overflow.

A contract takes a few milliseconds. If one is broken no bound holds, so `insist` names it and stops.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flint import arb, ctx

import reference  # noqa: F401  (switches float64 on)
from gradproof import manual
from gradproof.backends import quickly
from gradproof.errors import MachineError
from gradproof.numerics.rounding import ARITHMETIC, gamma
from gradproof.problem import Array


class Library(NamedTuple):
    """The operations of one implementation, which take arrays and return NumPy arrays."""

    name: str
    exp: Callable[[Array], Array]
    product: Callable[[Array, Array], Array]
    multiply: Callable[[Array, Array], Array]
    divide: Callable[[Array, Array], Array]
    add: Callable[[Array, Array], Array]


def _of_jax(compiled: Callable[[Any], Any]) -> list[Callable[..., Array]]:
    def arrays(function: Callable[..., Any]) -> Callable[..., Array]:
        return lambda *arrays: np.asarray(function(*arrays))

    return [arrays(compiled(jax.jit(f))) for f in (jnp.exp, jnp.matmul, jnp.multiply, jnp.divide, jnp.add)]


LIBRARIES = (
    Library("NumPy", np.exp, np.matmul, np.multiply, np.divide, np.add),
    Library("XLA", *_of_jax(lambda function: function)),
    Library("XLA, compiled quickly", *_of_jax(quickly)),
)


def exp_is_accurate(library: Library, dtype: Any) -> bool:
    """|fl(e^x) − e^x| ≤ c u e^x wherever e^x is a normal number."""
    ar, rng = ARITHMETIC[np.dtype(dtype)], np.random.default_rng(0)
    lowest, highest = np.log(ar.underflow) + 1, np.log(ar.largest) - 1
    x = np.concatenate([[0, 1, lowest, highest], rng.uniform(lowest, highest, 500), rng.laplace(0, 1, 200)])
    x = x.astype(dtype)
    before, ctx.prec = ctx.prec, 128
    try:
        true = [arb(float(v)).exp() for v in x]
        return all(abs(arb(float(g)) - t) <= ar.exp * ar.u * t for g, t in zip(library.exp(x), true, strict=True))
    finally:
        ctx.prec = before


def exp_is_a_function(library: Library, dtype: Any) -> bool:
    """e⁰ = 1, and equal arguments have equal exponentials at any place in an array (σ evaluates one twice)."""
    x = np.random.default_rng(1).laplace(0, 5, 37).astype(dtype)
    whole = library.exp(x)  # rolled instead of sliced: XLA compiles one length once
    return (library.exp(0 * x) == 1).all() and all(
        np.array_equal(library.exp(np.roll(x, places)), np.roll(whole, places)) for places in (1, 2, 3, 5, 8, 20, 36)
    )


def products_are_accurate(library: Library, dtype: Any) -> bool:
    """A dot product of n terms is right to γ_n Σ|terms| in any order of summation: no TF32, no bfloat16."""
    ar, rng, n = ARITHMETIC[np.dtype(dtype)], np.random.default_rng(2), 50
    left = (rng.standard_normal((4, n)) * 10.0 ** rng.uniform(-6, 6, (4, n))).astype(dtype)
    right = (rng.standard_normal((n, 3)) * 10.0 ** rng.uniform(-6, 6, (n, 3))).astype(dtype)
    right[n // 2 :] = -right[: n // 2]
    left[:, n // 2 :] = np.nextafter(left[:, : n // 2], np.inf)  # so that the sums nearly cancel
    got = library.product(left, right)
    for i, j in np.ndindex(got.shape):
        terms = [Fraction(float(a)) * Fraction(float(b)) for a, b in zip(left[i], right[:, j], strict=True)]
        if abs(Fraction(float(got[i, j])) - sum(terms)) > Fraction(gamma(n, ar)) * sum(map(abs, terms)):
            return False
    return True


def operations_round_correctly(library: Library, dtype: Any) -> bool:
    """fl(x·y), fl(x/y) and fl(x + y) are right to u."""
    ar, rng = ARITHMETIC[np.dtype(dtype)], np.random.default_rng(3)
    x, y = (rng.uniform(0.5, 2, 300).astype(dtype) for _ in range(2))
    for got, exact in (
        (library.multiply(x, y), Fraction.__mul__),
        (library.divide(x, y), Fraction.__truediv__),
        (library.add(x, y), Fraction.__add__),
    ):
        for g, a, b in zip(got, x, y, strict=True):
            true = exact(Fraction(float(a)), Fraction(float(b)))
            if abs(Fraction(float(g)) - true) > Fraction(ar.u) * true:
                return False
    return True


def underflow_loses_at_most_the_smallest_normal(library: Library, dtype: Any) -> bool:
    """A result below the smallest normal number, or an input read as 0, is off by at most λ."""
    ar = ARITHMETIC[np.dtype(dtype)]
    tiny = np.array([ar.underflow] * 5, dtype)
    factor = np.array([0.5, 0.25, 0.75, 1, 1.5], dtype)
    small = library.multiply(tiny, factor).astype(np.float64)  # subnormal products
    read = library.multiply(tiny * factor, np.ones(5, dtype)).astype(np.float64)  # subnormal inputs
    exact = ar.underflow * factor.astype(np.float64)
    if (np.abs(library.exp(np.array([np.log(ar.underflow) - 2, -1e4], dtype))) > ar.underflow).any():
        return False
    return bool((np.abs(small - exact) <= ar.underflow).all() and (np.abs(read - exact) <= ar.underflow).all())


def overflow_is_infinite(library: Library, dtype: Any) -> bool:
    """A result that is too large becomes ∞, so that overflow is visible and 1/(1 + e^{−z}) is 0 there."""
    largest = np.finfo(dtype).max
    with np.errstate(over="ignore"):
        products, exponentials = (
            library.multiply(*np.array([[largest], [2]], dtype)),
            library.exp(np.array([np.log(largest) + 1, 1e4], dtype)),
        )
    return bool(np.isinf(products).all() and np.isinf(exponentials).all())


CONTRACTS = (
    exp_is_accurate,
    exp_is_a_function,
    products_are_accurate,
    operations_round_correctly,
    underflow_loses_at_most_the_smallest_normal,
    overflow_is_infinite,
)


def broken(*dtypes: Any) -> Iterator[str]:
    """Yield the contracts that this machine breaks in these precisions, a line each."""
    for library in LIBRARIES:
        for dtype in dtypes:
            for contract in CONTRACTS:
                if not contract(library, dtype):
                    yield f"{contract.__name__} ({library.name}, {np.dtype(dtype).name})"


def insist(*dtypes: Any) -> None:
    """Raise MachineError if this machine breaks an assumption of the bounds in one of these precisions."""
    lines = list(broken(*dtypes))
    if lines:
        what = "; ".join(lines)
        raise MachineError(f"no bound holds on this machine: it violates {what}; see {manual.named('bounds.md')}")
