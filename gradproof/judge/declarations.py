"""Every word of --convention: its formula, what it makes of the example, where it is usual, and what undoes it."""

from typing import Any, NamedTuple

import numpy as np

import reference
from gradproof.judge.float64 import costs, layouts
from gradproof.problem import Problem

DELTA, BIAS, WEIGHT, NUMBER = "δ²", "∂C/∂b²", "∂C/∂w²", "the number 0.1"


class Convention(NamedTuple):
    """What a word of --convention declares."""

    formula: str
    undone: str  # what turns it into the notes' convention
    seen: str
    value: str  # what shows it in the example


CONVENTIONS = {
    "ours": Convention("zˡ = wˡaˡ⁻¹ + bˡ, C = (1/2m) Σₓ‖y − aᴸ‖², with x as (n₀, m), wˡ as (nˡ, nˡ⁻¹), bˡ as (nˡ, 1)",
                       "nothing is to be converted", "the notes", WEIGHT),
    "rows": Convention("zˡ = aˡ⁻¹(wˡ)ᵀ + (bˡ)ᵀ, with x as (m, n₀)", "transpose x, y and every δ",
                       "torch.nn.Linear, Keras, scikit-learn", DELTA),
    "transposed": Convention("zˡ = (wˡ)ᵀaˡ⁻¹ + bˡ, with wˡ as (nˡ⁻¹, nˡ)", "transpose every w and ∂C/∂w",
                             "Keras's Dense, the cs231n course", WEIGHT),
    "flat": Convention("bˡ and ∂C/∂bˡ as (nˡ,)", "b.reshape(-1, 1)", "torch.nn.Linear, Keras's Dense", BIAS),
    "row-biases": Convention("bˡ and ∂C/∂bˡ as (1, nˡ)", "b.T", "the cs231n course", BIAS),
    "single": Convention("∂Cₓ/∂wˡ = δˡ(aˡ⁻¹)ᵀ, ∂Cₓ/∂bˡ = δˡ, with x as (n₀, 1)",
                         "call it once for each example and take the mean of the gradients",
                         "mnielsen/neural-networks-and-deep-learning", WEIGHT),
    "vector": Convention("∂Cₓ/∂wˡᵢⱼ = δˡᵢ aˡ⁻¹ⱼ, ∂Cₓ/∂bˡ = δˡ, with x as (n₀,)",
                         "call it once for each example and take the mean of the gradients",
                         "joelgrus/data-science-from-scratch", DELTA),
    "float32": Convention("fl(p ∘ q) = (p ∘ q)(1 + ε) with |ε| ≤ 2⁻²⁴, not 2⁻⁵³", "x.astype(np.float64)",
                          "torch and JAX, as their default", NUMBER),
    "sum": Convention("∂C/∂wˡ = δˡ(aˡ⁻¹)ᵀ, ∂C/∂bˡ = Σₓ δˡ", "divide both by m",
                      "mnielsen/neural-networks-and-deep-learning, which divides in the update", WEIGHT),
    "no-half": Convention("C = (1/m) Σₓ‖y − aᴸ‖², δᴸ = 2(aᴸ − y) ⊙ σ′(zᴸ)", "divide δ and the gradients by 2",
                          "torch.nn.MSELoss with reduction='sum'", DELTA),
    "downhill": Convention("δᴸ = (y − aᴸ) ⊙ σ′(zᴸ), w ← w + η ∂C/∂w", "change the sign of δ and the gradients",
                           "iamtrask's network in 11 lines, makeyourownneuralnetwork", DELTA),
    "mean-outputs": Convention("C = (1/2m nᴸ) Σₓ‖y − aᴸ‖², δᴸ = (1/nᴸ)(aᴸ − y) ⊙ σ′(zᴸ)",
                               "multiply δ and the gradients by nᴸ",
                               "torch.nn.MSELoss and Keras's MeanSquaredError, there without the ½", DELTA),
}  # fmt: skip


def shown(word: str, problem: Problem) -> tuple[str, Any, Any]:
    """Return what shows the convention in the last layer of two: its name, its value, and that of the notes."""
    layout, cost = layouts.declared([word], is_class=False), costs.declared([word])
    value, given = CONVENTIONS[word].value, problem
    if value == NUMBER:
        return value, np.asarray(0.1, layout.dtype), np.asarray(0.1)
    if layout.examples != "batch":
        given = problem._replace(x=problem.x[:, :1], y=problem.y[:, :1])
    place, part = {DELTA: (0, "delta"), BIAS: (1, "grad_b"), WEIGHT: (2, "grad_w")}[value]
    mine, ours = (np.asarray(reference.gradients(*one)[place][-1]) for one in (given, problem))
    times = cost.times(part, len(problem.y), problem.x.shape[1])
    return value, layout.like(part, mine * np.asarray(times, mine.dtype)), ours
