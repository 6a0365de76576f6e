"""One problem walked through feedforward, the cost and BP1 … BP4, with both networks' numbers for each equation.

All numbers are end to end: a network gets only the problem, and autodiff differentiates the whole cost.
"""

import math
from typing import NamedTuple

import numpy as np

from gradproof.backends import answer, load
from gradproof.numerics.chain import radii
from gradproof.numerics.rounding import arithmetic
from gradproof.numerics.verdict import Verdict, compare
from gradproof.problem import Answer, Array, Problem, stack_of

# Formula, shapes and lines of the notes. In layer l, {k} is the layer below, {n} the layer above; {z_n} is the shape
# of z, a and δ in the layer above, and so on.
EQUATIONS = {
    "z": ("z{l} = w{l} a{k} + b{l}", "{z_l} = {w_l}{z_k} + {b_l}", ("N19", "N25")),
    "a": ("a{l} = σ(z{l})", "{z_l} = σ{z_l}", ("N1", "N19", "N25")),
    "C": ("C = (1/2m) Σₓ ‖y − a{l}‖²", "(1, 1) = Σ ‖{z_l} − {z_l}‖²", ("N10", "N26")),
    "BP1": ("δ{l} = ∇ₐC ⊙ σ′(z{l})", "{z_l} = {z_l} ⊙ {z_l}", ("N20", "N29")),
    "BP2": ("δ{l} = ((w{n})ᵀ δ{n}) ⊙ σ′(z{l})", "{z_l} = {wᵀ_n}{z_n} ⊙ {z_l}", ("N21", "N30")),
    "BP3": ("∂C/∂b{l} = (1/m) Σₓ δ{l}", "{b_l} = Σ {z_l}", ("N22", "N31")),
    "BP4": ("∂C/∂w{l} = (1/m) δ{l} (a{k})ᵀ", "{w_l} = {z_l}{aᵀ_k}", ("N22", "N32")),
}


class Line(NamedTuple):
    """An equation in one layer and the matrix that each network computed (1 × 1 for C)."""

    id: str  # a key of EQUATIONS
    layer: int
    formula: str
    shapes: str
    notes: tuple[str, ...]
    handcrafted: Array
    autodiff: Array
    bounds: Array  # how far apart rounding may carry the two, element by element

    @property
    def difference(self) -> float:
        """max |Δ|, or infinity if the shapes differ."""
        if self.handcrafted.shape != self.autodiff.shape:
            return math.inf
        return float(np.abs(self.handcrafted - self.autodiff).max())

    @property
    def verdict(self) -> Verdict:
        """Whether rounding explains the difference."""
        mine, theirs, bounds = (array[None] for array in (self.handcrafted, self.autodiff, self.bounds))
        return compare(self.id, self.layer, mine, theirs, bounds, live=np.array(True)).verdict


def example() -> Problem:
    """Return the problem of `gradproof study`: sizes [2, 3, 2], one example, all numbers multiples of ¼."""
    return Problem(
        weights=[np.array([[0.5, -0.25], [0.75, 0.5], [-1.0, 0.25]]), np.array([[1.0, -0.5, 0.25], [-0.75, 0.5, 1.0]])],
        biases=[np.array([[0.25], [-0.5], [0.5]]), np.array([[-0.25], [0.5]])],
        x=np.array([[1.0], [0.5]]),
        y=np.array([[0.0], [1.0]]),
    )


def walk(problem: Problem) -> list[Line]:
    """Return the lines of a float64 problem in the order of the algorithm.

    z and a up the layers, C, BP1, BP2 down the layers, then BP3 and BP4.
    """
    depth = len(problem.weights)
    upwards = range(1, depth + 1)
    order = [(name, layer) for layer in upwards for name in ("z", "a")]
    order += [("C", depth), ("BP1", depth)]
    order += [("BP2", layer) for layer in reversed(upwards[:-1])]
    order += [(name, layer) for name in ("BP3", "BP4") for layer in upwards]

    handcrafted, autodiff = (answer(load(name), problem) for name in ("handcrafted", "reference"))
    radius = radii(stack_of(problem), autodiff, arithmetic(np.float64))
    mine, theirs, off = (_by_equation(answer) for answer in (handcrafted, autodiff, radius))

    return [
        Line(name, layer, *_written(name, layer, problem), mine[name, layer], theirs[name, layer], 2 * off[name, layer])
        for name, layer in order
    ]


def raised(number: int) -> str:
    """Return the number in superscript digits."""
    return str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _written(name: str, layer: int, problem: Problem) -> tuple[str, str, tuple[str, ...]]:
    """Return an equation's formula and shapes with the numbers of its layer, and its lines in the notes."""
    formula, shapes, notes = EQUATIONS[name]
    m = problem.x.shape[1]
    n_k, n_l, n_n = [*problem.sizes, 0][layer - 1 : layer + 2]  # there is no layer above the last
    columns = {"z_k": (n_k, m), "z_l": (n_l, m), "z_n": (n_n, m), "aᵀ_k": (m, n_k)}
    parameters = {"w_l": (n_l, n_k), "wᵀ_n": (n_l, n_n), "b_l": (n_l, 1)}
    numbered = formula.format(k=raised(layer - 1), l=raised(layer), n=raised(layer + 1))
    return numbered, shapes.format(**columns, **parameters), notes


def _by_equation(answer: Answer) -> dict[tuple[str, int], Array]:
    """Return the matrices of an answer to one problem, by equation and layer."""
    depth = len(answer.zs)
    matrices = {("C", depth): answer.cost[:, None]}
    layers = zip(answer.zs, answer.activations[1:], answer.delta, answer.grad_b, answer.grad_w, strict=True)
    for layer, arrays in enumerate(layers, start=1):
        names = ("z", "a", "BP1" if layer == depth else "BP2", "BP3", "BP4")
        matrices |= {(name, layer): array[0] for name, array in zip(names, arrays, strict=True)}
    return matrices
