"""Each equation alone: the claim's answer beside autodiff of that one stage at the claim's own inputs.

A fault in one equation thus shows in that equation and nowhere else, however far it spreads in the results.
"""

from collections.abc import Iterator

from gradproof.check import witness
from gradproof.check.witness import Answer
from gradproof.numerics.verdict import Finding, compare
from gradproof.problem import Stack


def alone(stack: Stack, mine: Answer) -> Iterator[Finding]:
    """A finding for z, a, BP1 … BP4 in each layer, in the order in which the algorithm computes them."""
    depth = len(stack.weights)
    for layer in range(1, depth + 1):
        z, a_prev, live = mine.zs[layer - 1], mine.activations[layer - 1], stack.live(layer)
        yield compare("z", layer, z, witness.preactivation(stack, layer, a_prev), live)
        yield compare("a", layer, mine.activations[layer], witness.activation(stack, z), live)
    for layer in range(depth, 0, -1):
        equation = "BP1" if layer == depth else "BP2"
        yield compare(equation, layer, mine.delta[layer - 1], witness.delta(stack, layer, mine), stack.live(layer))
    for layer in range(1, depth + 1):
        rows, columns = stack.live(layer), stack.live(layer - 1).mT
        grad_b, grad_w = witness.parameter_gradients(stack, layer, mine)
        yield compare("BP3", layer, mine.grad_b[layer - 1], grad_b, rows)
        yield compare("BP4", layer, mine.grad_w[layer - 1], grad_w, rows & columns)
