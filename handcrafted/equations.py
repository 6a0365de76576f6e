"""The four equations of backpropagation and the three functions they are made of.

Letters      a^l, z^l, δ^l (n_l, m) · w^l (n_l, n_{l−1}) · b^l (n_l, 1) · y (n_L, m); one example is one column.
             ⊙ multiplies element by element, ᵀ transposes a matrix.
Cost         C = (1/m) Σ_x C_x with C_x = ½‖y − a^L‖²; column x of δ^l is ∂C_x/∂z^l.
Stacks       every function also takes stacks of networks along leading axes, hence `.mT` and `axis=-1`.
Source       notes N1–N6, N20–N22, N26–N32; Nielsen, Neural Networks and Deep Learning, ch. 2, (BP1)–(BP4).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@np.errstate(over="ignore")  # where e^{−z} overflows to ∞, σ(z) rounds to 0 as it should
def sigma(z: Array) -> Array:
    """σ(z) = 1/(1 + e^{−z})                                       (N1)"""
    return np.reciprocal(1 + np.exp(-z))


def sigma_prime(z: Array) -> Array:
    """σ′(z) = e^{−z}/(1 + e^{−z})² = e^{−|z|}/(1 + e^{−|z|})²      (N4; σ′ is even, so |z| may stand for z)"""
    e = np.exp(-np.abs(z))
    return e / (1 + e) ** 2


def cost_gradient(a: Array, y: Array) -> Array:
    """∇ₐC = a^L − y                                               (N26)"""
    return a - y


def bp1(grad_a: Array, z: Array) -> Array:
    """δ^L = ∇ₐC ⊙ σ′(z^L)                                         (BP1: N20, N29)"""
    return grad_a * sigma_prime(z)


def bp2(w_next: Array, delta_next: Array, z: Array) -> Array:
    """δ^l = ((w^{l+1})ᵀ δ^{l+1}) ⊙ σ′(z^l)                        (BP2: N21, N30)"""
    return (w_next.mT @ delta_next) * sigma_prime(z)


def bp3(delta: Array) -> Array:
    """∂C/∂b^l = (1/m) Σ_x δ^l                                     (BP3: N22, N31)"""
    return delta.sum(axis=-1, keepdims=True) / delta.shape[-1]


def bp4(a_prev: Array, delta: Array) -> Array:
    """∂C/∂w^l = (1/m) δ^l (a^{l−1})ᵀ                              (BP4: N22, N32)"""
    return (delta / delta.shape[-1]) @ a_prev.mT
