"""The global bound: chains the stages of `rounding` from the problem to the last gradient."""

from typing import Any

import numpy as np

from gradproof.numerics import rounding
from gradproof.numerics.rounding import Arithmetic
from gradproof.problem import Answer, Array, Stack

OWN = 1e-13  # radii are sums and products of positive float64 numbers, and each operation loses far less than this


def radii(stack: Stack, centre: Answer, ar: Arithmetic, book: bool = False, sigma: float = 0.0) -> Answer:
    """Return the radius of each element of an answer to the stack, around `centre`, any conforming float64 answer.

    Two answers in this arithmetic differ by at most twice the radius, which is ∞ where one of them may overflow. With
    `book` the radii cover implementations that compute σ′ = a(1 − a). `sigma` is an additional absolute error of σ, as
    ½(1 + tanh(z/2)) has in its left tail. Proof: docs/bounds.md.
    """
    fan, a = stack.fan, centre.activations
    y = rounding.namespace(a[-1]).where(stack.outputs, stack.y, a[-1])  # so that padding has no error
    with np.errstate(all="ignore"):  # infinite radii are legitimate
        e_z: list[Array] = []
        near: list[rounding.Slopes] = []
        e_a: list[Any] = [np.asarray(ar.underflow, a[0].dtype)[()]]  # one number for all pixels
        for layer, (w, b) in enumerate(zip(stack.weights, stack.biases, strict=True)):
            e_z.append(rounding.preactivation(w, b, a[layer], e_a[layer], fan[layer], ar))
            near.append(rounding.slopes(centre.zs[layer], e_z[layer]))
            radius = rounding.activation(centre.zs[layer], a[layer + 1], e_z[layer], ar, near[layer])
            e_a.append(radius + sigma if sigma else radius)

        slopes = [
            rounding.book_sigma_prime(z, e, a_, e_, ar) if book else rounding.sigma_prime(z, e, ar, near_)
            for z, e, a_, e_, near_ in zip(centre.zs, e_z, a[1:], e_a[1:], near, strict=True)
        ]
        e_delta = [rounding.output_delta(a[-1], y, e_a[-1], slopes[-1], ar)]
        for layer in range(len(stack.weights) - 1, 0, -1):
            w_next, delta_next = stack.weights[layer], centre.delta[layer]
            radius = rounding.hidden_delta(w_next, delta_next, e_delta[0], slopes[layer - 1], fan[layer + 1], ar)
            e_delta.insert(0, radius)

        return _widened(
            Answer(
                e_z,
                [rounding.namespace(a[0]).full_like(a[0], ar.underflow), *e_a[1:]],
                rounding.cost(a[-1], y, e_a[-1], ar),
                e_delta,
                [rounding.bias_gradient(d, e, ar) for d, e in zip(centre.delta, e_delta, strict=True)],
                [
                    rounding.weight_gradient(a_prev, e_prev, d, e, ar)
                    for a_prev, e_prev, d, e in zip(a[:-1], e_a[:-1], centre.delta, e_delta, strict=True)
                ],
            ),
            widening(stack),
        )


def widening(stack: Stack) -> float:
    """Return the factor that covers the rounding of the radii themselves."""
    return 1 + OWN * float(sum(2 * n.max() + 40 for n in stack.fan) + stack.x.shape[-1])


def _widened(tree: Any, factor: float) -> Any:
    """Multiply every radius by the factor that covers its own rounding; NaN from overflow becomes ∞."""
    if isinstance(tree, Answer):
        return Answer(*(_widened(part, factor) for part in tree))
    if isinstance(tree, list):
        return [_widened(part, factor) for part in tree]
    tree *= factor  # in place: nothing else refers to it
    xp = rounding.namespace(tree)
    return tree if xp is np and not np.isnan(tree.max(initial=0)) else xp.where(xp.isnan(tree), np.inf, tree)
