"""The operations that can be computed exactly: one a line, with its value and its partial derivatives side by side.

Values and derivatives are balls (python-flint's arb) that enclose the real numbers. In the column of derivatives `v` is
the value of the operation, so that eˣ need not be computed twice. A partial that is 0 or 1 everywhere is a plain int,
which costs the sweeps nothing. The derivatives are those of a calculus textbook: no rule knows about layers,
activations or costs. tests/exact/test_rules.py compares each with differences in balls of 400 bits, in which no
derivative occurs, and with jax.grad.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from flint import arb

Ball = Any  # arb: python-flint has no types

ZERO, ONE, TWO = arb(0), arb(1), arb(2)


class Rule(NamedTuple):
    """An operation on balls: `value(x, …)`, and `partials(v, x, …)` with one derivative for each operand."""

    name: str
    value: Callable[..., Ball]
    partials: Callable[..., Sequence[Any]]


def _sigmoid(x: Ball) -> Ball:
    return 1 / (1 + (-x).exp())


def _power(x: Ball, y: Ball) -> Ball:
    """xʸ; x may be negative if y is whole."""
    n = y.unique_fmpz() if y.is_exact() else None
    if n is not None and n > 0 and x.mid() == 0:  # python-flint gives NaN here
        return arb(0, x.rad() ** int(n))
    return x**y


def _power_slope(x: Ball, y: Ball) -> Ball:
    """y xʸ⁻¹, which is 0 for y = 0, even at x = 0."""
    return ZERO if y.is_zero() else y * _power(x, y - 1)


def _cube_root(x: Ball) -> Ball:
    """∛x, also for negative x."""
    return -(-x).root(3) if x < 0 else x.root(3)


def _xlogy(x: Ball, y: Ball) -> Ball:
    return arb(0) if x.is_zero() else x * y.log()


def _normal(x: Ball) -> Ball:
    """2/√π · e^(−x²), the derivative of erf."""
    return TWO / arb.const_sqrt_pi() * (-x * x).exp()


# name             value                                 partial derivatives
_TABLE: list[tuple[str, Callable[..., Ball], Callable[..., Sequence[Any]]]] = [
    ("add",        lambda x, y: x + y,                   lambda v, x, y: (1, 1)),
    ("subtract",   lambda x, y: x - y,                   lambda v, x, y: (1, -1)),
    ("multiply",   lambda x, y: x * y,                   lambda v, x, y: (y, x)),
    ("divide",     lambda x, y: x / y,                   lambda v, x, y: (1 / y, -v / y)),
    ("power",      _power,                               lambda v, x, y: (_power_slope(x, y), v * x.log())),
    ("negative",   lambda x: -x,                         lambda v, x: (-1,)),
    ("copy",       lambda x: x,                          lambda v, x: (1,)),
    ("square",     lambda x: x * x,                      lambda v, x: (2 * x,)),
    ("reciprocal", lambda x: 1 / x,                      lambda v, x: (-v * v,)),
    ("sqrt",       lambda x: x.sqrt(),                   lambda v, x: (1 / (2 * v),)),
    ("cbrt",       _cube_root,                           lambda v, x: (v / (3 * x),)),
    ("exp",        lambda x: x.exp(),                    lambda v, x: (v,)),
    ("exp2",       lambda x: TWO**x,                     lambda v, x: (v * arb.const_log2(),)),
    ("expm1",      lambda x: x.expm1(),                  lambda v, x: (v + 1,)),
    ("log",        lambda x: x.log(),                    lambda v, x: (1 / x,)),
    ("log2",       lambda x: x.log() / arb.const_log2(), lambda v, x: (1 / (x * arb.const_log2()),)),
    ("log10",      lambda x: x.log() / arb.const_log10(), lambda v, x: (1 / (x * arb.const_log10()),)),
    ("log1p",      lambda x: x.log1p(),                  lambda v, x: (1 / (1 + x),)),
    ("logaddexp",  lambda x, y: (x.exp() + y.exp()).log(), lambda v, x, y: ((x - v).exp(), (y - v).exp())),
    ("sin",        lambda x: x.sin(),                    lambda v, x: (x.cos(),)),
    ("cos",        lambda x: x.cos(),                    lambda v, x: (-x.sin(),)),
    ("tan",        lambda x: x.tan(),                    lambda v, x: (1 + v * v,)),
    ("arcsin",     lambda x: x.asin(),                   lambda v, x: (1 / (1 - x * x).sqrt(),)),
    ("arccos",     lambda x: x.acos(),                   lambda v, x: (-1 / (1 - x * x).sqrt(),)),
    ("arctan",     lambda x: x.atan(),                   lambda v, x: (1 / (1 + x * x),)),
    ("arctan2",    lambda y, x: arb.atan2(y, x),         lambda v, y, x: (x / (x * x + y * y), -y / (x * x + y * y))),
    ("hypot",      lambda x, y: (x * x + y * y).sqrt(),  lambda v, x, y: (x / v, y / v)),
    ("sinh",       lambda x: x.sinh(),                   lambda v, x: (x.cosh(),)),
    ("cosh",       lambda x: x.cosh(),                   lambda v, x: (x.sinh(),)),
    ("tanh",       lambda x: x.tanh(),                   lambda v, x: (x.sech() * x.sech(),)),
    ("arcsinh",    lambda x: x.asinh(),                  lambda v, x: (1 / (1 + x * x).sqrt(),)),
    ("arccosh",    lambda x: x.acosh(),                  lambda v, x: (1 / (x * x - 1).sqrt(),)),
    ("arctanh",    lambda x: x.atanh(),                  lambda v, x: (1 / (1 - x * x),)),
    ("erf",        lambda x: x.erf(),                    lambda v, x: (_normal(x),)),
    ("erfc",       lambda x: x.erfc(),                   lambda v, x: (-_normal(x),)),
    ("gammaln",    lambda x: x.lgamma(),                 lambda v, x: (x.digamma(),)),
    ("ndtr",       lambda x: (1 + (x / TWO.sqrt()).erf()) / 2, lambda v, x: (_normal(x / TWO.sqrt()) / 8 ** arb(0.5),)),
    ("expit",      _sigmoid,                             lambda v, x: (_sigmoid(x) * _sigmoid(-x),)),
    ("log_expit",  lambda x: -(-x).exp().log1p(),        lambda v, x: (_sigmoid(-x),)),
    ("logit",      lambda x: (x / (1 - x)).log(),        lambda v, x: (1 / (x * (1 - x)),)),
    ("xlogy",      _xlogy,                               lambda v, x, y: (y.log(), x / y)),
    ("xlog1py",    lambda x, y: _xlogy(x, 1 + y),        lambda v, x, y: (y.log1p(), x / (1 + y))),
    ("entr",       lambda x: -_xlogy(x, x),              lambda v, x: (-x.log() - 1,)),
    ("sum",        lambda *xs: sum(xs, ZERO),            lambda v, *xs: (1,) * len(xs)),
    ("dot",        lambda *xs: _dot(xs),                 lambda v, *xs: (*xs[len(xs) // 2 :], *xs[: len(xs) // 2])),
]  # fmt: skip


def _dot(xs: Sequence[Ball]) -> Ball:
    """Σ xᵢ yᵢ of the operands (x₁, …, x_n, y₁, …, y_n)."""
    half = len(xs) // 2
    return sum((x * y for x, y in zip(xs[:half], xs[half:], strict=True)), ZERO)


RULES = {name: Rule(name, value, partials) for name, value, partials in _TABLE}
ALIASES = {"true_divide": "divide", "pow": "power", "float_power": "power", "fabs": "absolute"} | {
    "radians": "deg2rad",
    "degrees": "rad2deg",
}
