"""Derived bounds: how far rounding may carry a correct implementation from the true value, element by element.

Model    fl(x∘y) = (x∘y)(1 + d) + η with |d| ≤ u, |η| ≤ λ; exp is right to c·u, relatively; a dot product of n terms in
         any order, fused or not, is right to γ_n = nu/(1 − nu); an input below the smallest normal may be read as 0.
Radius   E_v bounds |v̂ − v| for every conforming v̂; two conforming answers differ by at most 2 E_v.
Centre   v_c, any conforming float64 answer; M_v = |v_c| + 2 E_v then bounds |v| and every |v̂|.
         In float64 the centre is as far from v as the model allows, in float32 much nearer.
Shapes   as in Stack: (…, n_l, m); a fan-in n is an int or an array (N, 1, 1), the true widths of a padded stack.

Each function is one stage, for inputs with a given radius: λ for the local check, the radii of the stage before for
the global bound. `+=` and `*=` reuse an array that was just made, because allocating another takes NumPy as long as
adding. docs/bounds.md derives each line; Higham, Accuracy and Stability, ch. 2–3.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]
Radius = NDArray[Any] | np.float64  # one for each element, or one for all
Slopes = tuple[Array, Array]


class Arithmetic(NamedTuple):
    """What is assumed about the machine in one precision; gradproof.numerics.contracts tests it."""

    u: float  # unit roundoff
    underflow: float  # λ: the smallest normal number, as XLA flushes results and inputs below it to 0
    exp: float  # c: |fl(e^x) − e^x| ≤ c u e^x
    largest: float  # largest finite number


ARITHMETIC = {
    np.dtype(np.float64): Arithmetic(2.0**-53, 2.0**-1022, 4, np.finfo(np.float64).max.item()),
    np.dtype(np.float32): Arithmetic(2.0**-24, 2.0**-126, 8, np.finfo(np.float32).max.item()),
}

SMALLEST = 5e-324  # keeps an underflowing slope above 0
SIGMA_PRIME = 12  # roundings in σ′ besides exp's, in σ(z)σ(−z), in N4 and in what autodiff makes of a division
OUTPUT = 3  # roundings autodiff may add to δ^L: the ½, the square's 2, the sum's cotangent


def arithmetic(dtype: DTypeLike) -> Arithmetic:
    """Return the arithmetic of a dtype. KeyError for a dtype without derived bounds (float16, integers)."""
    return ARITHMETIC[np.dtype(dtype)]


class Slope(NamedTuple):
    """σ′(z): an upper bound of it, and the radius of its computed value."""

    most: Array  # s⁺
    radius: Array  # E_s


def gamma(n: Any, ar: Arithmetic) -> Any:
    """γ_n = nu/(1 − nu): the relative error of n roundings."""
    return n * ar.u / (1 - n * ar.u)


def preactivation(w: Array, b: Array, a_prev: Array, e_a: Radius, n: Any, ar: Arithmetic) -> Array:
    """E_z = (1+g)[|w|(E_a + g M_a) + g|b| + λ(2n + 3 + Σ M_a)], g = γ_{n+1}, of z = w a + b."""
    g, e_at = gamma(n + 1, ar), _turned(e_a)
    at = abs(a_prev.mT)  # transposed: a mini-batch lies in rows, and XLA would copy it to turn it
    m_at = at + 2 * e_at
    lost = ar.underflow * (2 * n + 3 + _summed(m_at, -1).mT)
    relative = (1 + 2 * g) * e_at + g * at
    radius = abs(w) @ relative.mT
    radius += g * abs(b) + lost
    radius *= 1 + g
    return _finite(radius, g, ar)


def activation(z: Array, a: Array, e_z: Radius, ar: Arithmetic, near: Slopes | None = None) -> Array:
    """E_a of a = σ(z): E_z carried over by |(log σ′)′| ≤ 1, exp's error, and two roundings, less when saturated.

    `near` is `slopes(z, e_z)`, if the caller has it already.
    """
    xp, (slope, slope_2) = namespace(z), near or slopes(z, e_z)
    carried = where(e_z < 1, xp.minimum(_grown(slope, xp.minimum(e_z, 1)), e_z / 4), 1.0)
    rounded = 2 * ar.u * xp.minimum(1, a + 2 * carried + 4 * ar.u * a)
    # Right of 0, 1/(1+e) differs from 1 by less than e: where e < u, rounding can lose no more than a few e.
    rounded = xp.minimum(rounded, 3.2 * xp.exp(xp.minimum(0, 2 * e_z - z)))
    e_exp = ar.exp * ar.u
    radius = e_exp * slope_2
    radius += rounded
    radius *= 1 + 2 * e_exp
    radius += carried + 2 * ar.underflow
    return where(xp.isfinite(e_z), xp.minimum(1 + 4 * ar.u, radius), np.inf)  # a z that overflowed may be NaN


def sigma_prime(z: Array, e_z: Radius, ar: Arithmetic, near: Slopes | None = None) -> Slope:
    """E_s = s⁺(e^{E_z} − 1) + (c + k_σ)u s⁺⁺ + 3λ of a σ′ that is relatively right in both tails, such as N4."""
    xp, (slope, slope_2) = namespace(z), near or slopes(z, e_z)
    carried = xp.minimum(0.25, _grown(slope, xp.minimum(e_z, 700)))
    return Slope(slope, (ar.exp + SIGMA_PRIME) * ar.u * slope_2 + (carried + 3 * ar.underflow))


def book_sigma_prime(z: Array, e_z: Radius, a: Array, e_a: Radius, ar: Arithmetic) -> Slope:
    """E_s = E_a(|1 − 2a| + 4E_a) + γ_3(s⁺ + …) + 2λ of σ′ = a(1 − a), the book's form of N6: it cancels for z ≫ 0."""
    slope, _ = slopes(z, e_z)
    carried = e_a * (abs(1 - 2 * a) + 4 * e_a)
    return Slope(slope, carried + gamma(3, ar) * (slope + carried) + 2 * ar.underflow)


def output_delta(a: Array, y: Array, e_a: Radius, slope: Slope, ar: Arithmetic) -> Array:
    """E of δ^L = (a^L − y) ⊙ σ′(z^L)."""
    error = a - y
    return _times(error, _error(error, e_a, ar), slope, 2 + OUTPUT, ar)


def hidden_delta(w_next: Array, delta_next: Array, e_delta: Radius, slope: Slope, n: Any, ar: Arithmetic) -> Array:
    """E of δ^l = v ⊙ σ′(z^l), v = wᵀδ with E_v = (1+g)[|w|ᵀ(E_δ + γ_n M_δ) + mλ(2n + 2) + λ Σ M_δ], g = γ_n."""
    g, m_delta, m = gamma(n, ar), abs(delta_next) + 2 * e_delta, delta_next.shape[-1]
    lost = ar.underflow * (m * (2 * n + 2) + _summed(m_delta, -2))
    e_v = abs(w_next).mT @ (e_delta + g * m_delta)
    e_v += lost
    e_v *= 1 + g
    e_v = _finite(e_v, g, ar)
    return _times(w_next.mT @ delta_next, e_v, slope, 2, ar)


def bias_gradient(delta: Array, e_delta: Radius, ar: Arithmetic) -> Array:
    """E of (1/m) Σ_x δ: (1/m) Σ(E_δ + γ M_δ) + mλ(2m + 2) with γ of m − 1 sums and the division by m."""
    m, m_delta = delta.shape[-1], abs(delta) + 2 * e_delta
    terms = _summed(e_delta + gamma(m - 1 + _dividing(m), ar) * m_delta, -1)
    terms = where(_summed(m_delta, -1) < ar.largest, terms, np.inf)
    return terms / m + m * ar.underflow * (2 * m + 2)


def weight_gradient(a_prev: Array, e_a: Radius, delta: Array, e_delta: Radius, ar: Arithmetic) -> Array:
    """E of (1/m) δ aᵀ: (1/m)[(E_δ + γ M_δ) M_aᵀ + M_δ E_aᵀ] + mλ(2m + 2) + λ Σ M_a, γ of m terms and the division."""
    m, m_delta, at = delta.shape[-1], abs(delta) + 2 * e_delta, abs(a_prev.mT)
    g = gamma(m + _dividing(m), ar)
    relative = (e_delta + g * m_delta) / m
    if np.ndim(e_a) == 0:  # one number for all, λ: what it adds to a row is one number too, and with a 1 not below λ
        terms = relative @ at
        terms += e_a * (1 + _summed(2 * relative + m_delta / m, -1))
    else:
        e_at = namespace(at).broadcast_to(_turned(e_a), at.shape)
        at = at + 2 * e_at
        terms = relative @ at
        terms += (m_delta / m) @ e_at
    terms = _finite(terms, g / m, ar)
    terms += ar.underflow * (m * (2 * m + 2) + _summed(at, -2))
    return terms


def cost(a: Array, y: Array, e_a: Radius, ar: Arithmetic) -> Array:
    """E of C = (1/2m) Σ e², e = a^L − y, (…): (1/2m)[Σ 2 M_e E_e + γ_{nm+4} Σ M_e²] + λ(2nm + 2)."""
    count, m, error = a.shape[-2] * a.shape[-1], a.shape[-1], a - y
    e_e = _error(error, e_a, ar)
    m_e = abs(error) + 2 * e_e
    total = (2 * m_e * e_e + gamma(count + 4, ar) * m_e**2).sum(axis=(-2, -1))
    return _finite(total, gamma(count + 4, ar), ar) / (2 * m) + ar.underflow * (2 * count + 2)


def _summed(array: Array, axis: int) -> Array:
    """Σ over one of the last two axes, which is kept; einsum, because NumPy's own sum is slow over short axes."""
    if namespace(array) is not np:
        return array.sum(axis=axis, keepdims=True)
    return np.expand_dims(np.einsum("...ij->...i" if axis == -1 else "...ij->...j", array), axis)


def _turned(radius: Radius) -> Radius:
    """Return the radii of aᵀ; a single number for all of them stays as it is."""
    return radius.mT if np.ndim(radius) else radius


def _dividing(m: int) -> int:
    """Return the number of roundings in dividing by m or multiplying by 1/m: none if m is a power of two."""
    return 0 if m & (m - 1) == 0 else 2


def _error(error: Array, e_a: Radius, ar: Arithmetic) -> Array:
    """E of a^L − y: E_a + u|a − y| + λ."""
    return _finite(e_a + ar.u * (abs(error) + 2 * e_a) + 2 * ar.underflow, ar.u / 2, ar)


def _times(v: Array, e_v: Radius, slope: Slope, k: int, ar: Arithmetic) -> Array:
    """E of v ⊙ σ′(z) with k roundings: M_v E_s + s⁺ E_v + γ_k M_v (s⁺ + E_s) + mλ(3 + M_v)."""
    m_v, m = abs(v) + 2 * e_v, v.shape[-1]
    radius = gamma(k, ar) * (slope.most + slope.radius)
    radius += slope.radius
    radius *= m_v
    radius += slope.most * e_v
    radius += m * ar.underflow * (3 + m_v)
    return radius


def slopes(z: Array, e_z: Radius) -> Slopes:
    """s⁺ and s⁺⁺ ≥ σ′ within E_z and 2 E_z of z: at most ¼, and e^{E_z} times σ′(z), as |(log σ′)′| ≤ 1."""
    xp = namespace(z)
    e = xp.exp(-abs(z))
    here = e / (1 + e) ** 2
    here += SMALLEST
    growth = xp.exp(e_z)
    grown = here * growth
    return xp.minimum(0.25, grown), xp.minimum(0.25, grown * growth)


def _finite(radius: Array, g: Any, ar: Arithmetic) -> Array:
    """Return the radius, or ∞ where the sum it belongs to may have overflowed on the way."""
    most = ar.largest * g
    if namespace(radius) is np and radius.max(initial=0) < np.min(most):  # the usual case, and quick to check
        return radius
    return where(radius < most, radius, np.inf)


def where(sound: Any, radius: Any, other: float) -> Any:
    """Return the radius where it is sound, which usually is everywhere, and `other` elsewhere."""
    xp = namespace(radius)
    return radius if xp is np and np.all(sound) else xp.where(sound, radius, other)


def _grown(slope: Array, e_z: Radius) -> Any:
    """s⁺(e^{E_z} − 1); with ¼ for s⁺ if one E_z, λ, serves for all, since products below λ take ten times as long."""
    growth = namespace(slope).expm1(e_z)
    return slope * growth if np.ndim(e_z) else growth / 4


def namespace(array: Any) -> Any:
    """Return NumPy, or for JAX's arrays its namespace: the proof of every training step compiles the bounds."""
    return np if isinstance(array, (np.ndarray, np.generic)) else array.__array_namespace__()
