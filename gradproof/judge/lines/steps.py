"""What may be wrong with a whole step of an array: the formula of each, and what it makes of one small matrix."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

ETA, DECAY = 0.1, 0.1
FIRST, SECOND = 0.9, 0.999  # Adam's decays of the mean and of the mean of squares


class Matrix(NamedTuple):
    """A matrix w before the step, ∂C/∂w of its own cost, and that of another cost."""

    w: Any
    gradient: Any
    other: Any

    @property
    def change(self) -> Any:
        return -ETA * self.gradient


class StepMistake(NamedTuple):
    """A wrong step, as formulas and as functions of a matrix."""

    formula: str
    right: str
    repair: str
    compute: Callable[[Matrix], Any]
    expected: Callable[[Matrix], Any] = lambda p: p.change
    value: str = "the change of w"
    seen: str = ""


_PLAIN = "w − η ∂C/∂w"
_DECAYED = "w − η(∂C/∂w + λw)"


def _decayed(p: Matrix) -> Any:
    return -ETA * (p.gradient + DECAY * p.w)


def _gradient(p: Matrix) -> Any:
    return p.gradient


def _adam(p: Matrix) -> Any:
    return -ETA * p.gradient / np.sqrt(p.gradient**2)


STEP_MISTAKES = {
    "uphill": StepMistake("w + η ∂C/∂w", _PLAIN, "subtract the gradient, or build it from y − a",
                          lambda p: ETA * p.gradient),
    "not moved": StepMistake("w", _PLAIN, "update this array too, in place or by assigning to where it is kept",
                             lambda p: 0 * p.w, seen="adumit/Backprop-Implementation"),
    "not moved, though its gradient is computed": StepMistake(
        "w, with ∂C/∂w in a variable", _PLAIN, "add the update: w -= eta * grad_w", lambda p: 0 * p.w,
        seen="Chriz-t/MNIST-Digit-Classifier"),
    "moved 0.1 times as far as the others": StepMistake(
        "w − 0.1 η ∂C/∂w", _PLAIN, "give all arrays the same factors: η, 1/m, a sum or a mean",
        lambda p: -0.1 * ETA * p.gradient, seen="Akuseru1/Neural-Network, AgataPolejowska/NeuralNetwork"),
    "zero": StepMistake("0", "∂C/∂w", "assign the gradient to what is returned", lambda p: 0 * p.gradient, _gradient,
                        "∂C/∂w"),
    "scaled by 0.1": StepMistake("0.1 ∂C/∂w", "∂C/∂w", "take the factor out, or put it into the cost",
                                 lambda p: 0.1 * p.gradient, _gradient, "∂C/∂w"),
    "transposed": StepMistake("(∂C/∂w)ᵀ", "∂C/∂w", "exchange the factors, so that the gradient has the shape of w",
                              lambda p: p.gradient.T, _gradient, "∂C/∂w"),
    "with weight decay 0.1": StepMistake("w − η(∂C/∂w + 0.1w)", _PLAIN,
                                         "let all weights decay or none, and say so in the cost", _decayed),
    "its weight decay differs from that in its own cost": StepMistake(
        "w − η(∂C/∂w + λ′w), with ½λ‖w‖² in the cost", _DECAYED,
        "make both the same: ½λ‖w‖² in the cost, divided by m or not, goes with λw in the gradient, divided likewise",
        lambda p: -ETA * (p.gradient + DECAY / 2 * p.w), _decayed, seen="adumit/Backprop-Implementation"),
    "with weight decay, unlike its own cost": StepMistake(
        "w − η(∂C/∂w + λw), without ½λ‖w‖² in the cost", _PLAIN, "add ½λ‖w‖² to the cost, or take λw out of the step",
        _decayed),
    "without the weight decay that its own cost has": StepMistake(
        "w − η ∂C/∂w, with ½λ‖w‖² in the cost", _DECAYED, "add λw to the gradient of this array",
        lambda p: p.change, _decayed),
    "divided by the mean of its squared gradient, without the square root": StepMistake(
        "w − η m/v", "w − η m/√v", "divide by np.sqrt(v) + eps",
        lambda p: -ETA * p.gradient / p.gradient**2, _adam),
    "moved by the sign of its gradient only, as in Adam's first step": StepMistake(
        "w − η sign ∂C/∂w", _PLAIN, "move this array as the others: all by Adam, or none",
        lambda p: -ETA * np.sign(p.gradient)),
    "the decay belongs to another mean": StepMistake(
        "m/(1 − β₂ᵗ)", "m/(1 − β₁ᵗ)", "correct m with β₁, and v with β₂",
        lambda p: (1 - FIRST) * p.gradient / (1 - SECOND), _gradient, "the corrected mean"),
    "follows a different cost": StepMistake(
        "w − η ∂C′/∂w, where the other arrays have ∂C/∂w", _PLAIN, "compute all gradients from one δ of the output",
        lambda p: -ETA * p.other),
}  # fmt: skip
