"""Each equation alone: the claim's answer beside autodiff of that one stage at the claim's own inputs.

A fault in one equation thus shows in that equation and nowhere else, however far it spreads in the results, and the
bound is that of one stage, however deep the network.
"""

from collections.abc import Iterator

import numpy as np

from gradproof.check import witness
from gradproof.numerics import rounding
from gradproof.numerics.end_to_end import widening
from gradproof.numerics.rounding import Arithmetic
from gradproof.numerics.verdict import Finding, compare
from gradproof.problem import Answer, Stack


def alone(stack: Stack, mine: Answer, ar: Arithmetic) -> Iterator[Finding]:
    """A finding for z, a, BP1 … BP4 in each layer, in the order in which the algorithm computes them.

    The stack and the claim's inputs are taken in float64, exactly; `mine` is compared in its own arithmetic. Both
    sides round, so the bound is twice the radius; `unread` is λ, the radius of an input that may be read as 0.
    """
    unread, fan, depth = np.float64(ar.underflow), stack.fan, len(stack.weights)
    own, twice = mine.in_float64(), 2 * widening(stack)
    yield compare("a", 0, mine.activations[0], stack.x, np.asarray(twice * unread), stack.live(0), stack.x != 0)
    for layer in range(1, depth + 1):
        w, b, live = stack.weights[layer - 1], stack.biases[layer - 1], stack.live(layer)
        z, a_prev = own.zs[layer - 1], own.activations[layer - 1]
        expected = witness.preactivation(stack, layer, a_prev)
        radius = rounding.preactivation(w, b, a_prev, unread, fan[layer - 1], ar)
        yield compare("z", layer, mine.zs[layer - 1], expected, twice * radius, live)
        expected = witness.activation(stack, z)
        radius = rounding.activation(z, expected, unread, ar)
        yield compare("a", layer, mine.activations[layer], expected, twice * radius, live)

    for layer in range(depth, 0, -1):
        slope, live = rounding.sigma_prime(own.zs[layer - 1], unread, ar), stack.live(layer)
        if layer == depth:
            equation = "BP1"
            radius = rounding.output_delta(own.activations[-1], stack.y, unread, slope, ar)
        else:
            equation, w_next, delta_next = "BP2", stack.weights[layer], own.delta[layer]
            radius = rounding.hidden_delta(w_next, delta_next, unread, slope, fan[layer + 1], ar)
        yield compare(equation, layer, mine.delta[layer - 1], witness.delta(stack, layer, own), twice * radius, live)

    for layer in range(1, depth + 1):
        rows, columns = stack.live(layer), stack.live(layer - 1).mT
        a_prev, delta = own.activations[layer - 1], own.delta[layer - 1]
        grad_b, grad_w = witness.parameter_gradients(stack, layer, own)
        radius_b, radius_w = (
            rounding.bias_gradient(delta, unread, ar),
            rounding.weight_gradient(a_prev, unread, delta, unread, ar),
        )
        yield compare("BP3", layer, mine.grad_b[layer - 1], grad_b, twice * radius_b, rows)
        yield compare(
            "BP4", layer, mine.grad_w[layer - 1], grad_w, twice * radius_w, rows & columns, stack.inputs_at_work(layer)
        )
