"""The algorithm: which equation when (notes N19–N22)."""

from handcrafted import equations as eq
from handcrafted.equations import Array
from handcrafted.network import Layers, feedforward


def errors(weights: Layers, biases: Layers, x: Array, y: Array) -> tuple[list[Array], list[Array]]:
    """The lists [a⁰ … a^L] and [δ¹ … δ^L]: δ by BP1 in the last layer, and then by BP2 downwards."""
    zs, activations = feedforward(weights, biases, x)
    delta = [eq.bp1(eq.cost_gradient(activations[-1], y), zs[-1])]
    for w_next, z in zip(reversed(weights[1:]), reversed(zs[:-1]), strict=True):
        delta.insert(0, eq.bp2(w_next, delta[0], z))
    return activations, delta


def gradients(weights: Layers, biases: Layers, x: Array, y: Array) -> tuple[list[Array], list[Array], list[Array]]:
    """(δ, ∂C/∂b, ∂C/∂w), three lists, layer 1 first: the last two from δ by BP3 and BP4."""
    activations, delta = errors(weights, biases, x, y)
    grad_b = [eq.bp3(d) for d in delta]
    grad_w = [eq.bp4(a_prev, d) for a_prev, d in zip(activations[:-1], delta, strict=True)]
    return delta, grad_b, grad_w
