"""The algorithm: which equation when (notes N19–N22)."""

from handcrafted import equations as eq
from handcrafted.equations import Array
from handcrafted.network import Layers, feedforward


def errors(weights: Layers, zs: list[Array], activations: list[Array], y: Array) -> list[Array]:
    """[δ¹ … δ^L] from [z¹ … z^L] and [a⁰ … a^L]: by BP1 in the last layer, and then by BP2 downwards."""
    delta = [eq.bp1(eq.cost_gradient(activations[-1], y), zs[-1])]
    for w_next, z in zip(reversed(weights[1:]), reversed(zs[:-1]), strict=True):
        delta.insert(0, eq.bp2(w_next, delta[0], z))
    return delta


def parameter_gradients(activations: list[Array], delta: list[Array]) -> tuple[list[Array], list[Array]]:
    """(∂C/∂b, ∂C/∂w) from [a⁰ … a^L] and [δ¹ … δ^L], by BP3 and BP4."""
    return [eq.bp3(d) for d in delta], [eq.bp4(a_prev, d) for a_prev, d in zip(activations[:-1], delta, strict=True)]


def gradients(weights: Layers, biases: Layers, x: Array, y: Array) -> tuple[list[Array], list[Array], list[Array]]:
    """(δ, ∂C/∂b, ∂C/∂w), three lists, layer 1 first."""
    zs, activations = feedforward(weights, biases, x)
    delta = errors(weights, zs, activations, y)
    return delta, *parameter_gradients(activations, delta)
