"""The classic mistakes in backpropagation, as formulas computed from the subject's own inputs.

A mistake is named only if its formula explains every value within the formula's own bound. To add one, add a line here
and one in `repairs`. Slips with an unknown number in them, such as a forgotten weight decay, are in `families`.
"""

from collections.abc import Callable
from typing import NamedTuple

from gradproof.numerics.running_error import Near


class Layer(NamedTuple):
    """What an equation may use in layer l, rightly or wrongly: the subject's own arrays with their radii."""

    w: list[Near]  # w¹ … w^L, so w[l] is w^{l+1}
    b: list[Near]  # b¹ … b^L
    z: list[Near]  # z¹ … z^L
    a: list[Near]  # a⁰ … a^L
    slope: list[Near]  # σ′(z¹) … σ′(z^L)
    delta: list[Near]  # δ¹ … δ^L
    y: Near
    at: Callable[[Near], Near]  # σ′ of any number
    l: int  # noqa: E741  (the notes' letter)

    @property
    def error(self) -> Near:
        return self.a[-1] - self.y

    @property
    def m(self) -> int:
        return int(self.y.value.shape[-1])

    def pulled_back(self, here: Near) -> Near:
        """Return (w^{l+1})ᵀ … (wᴸ)ᵀ `here`, from the output down, without σ′."""
        for w in reversed(self.w[self.l :]):
            here = w.mT @ here
        return here


class Mistake(NamedTuple):
    equation: str
    name: str  # what was done
    formula: str  # with l for the layer
    compute: Callable[[Layer], Near]
    seen: str = ""  # where it was found in public code


RIGHT = {
    "BP1": "δᴸ = (aᴸ − y) ⊙ σ′(zᴸ)",
    "BP2": "δˡ = ((wˡ⁺¹)ᵀδˡ⁺¹) ⊙ σ′(zˡ)",
    "BP3": "∂C/∂bˡ = (1/m) Σₓ δˡ",
    "BP4": "∂C/∂wˡ = (1/m) δˡ(aˡ⁻¹)ᵀ",
    "z": "zˡ = wˡaˡ⁻¹ + bˡ",
    "a": "aˡ = σ(zˡ)",
}


def _one(p: Layer) -> Near:
    return p.a[p.l] * 0.0 + 1.0


def _tanh(p: Layer) -> Near:
    return _one(p) - p.a[p.l] * p.a[p.l]


def _of_z(p: Layer) -> Near:
    return p.z[p.l - 1] * (_one(p) - p.z[p.l - 1])


def _back(p: Layer) -> Near:
    return p.w[p.l].mT @ p.delta[p.l]


def bp1(p: Layer) -> Near:
    return p.error * p.slope[-1]


def bp2(p: Layer) -> Near:
    return _back(p) * p.slope[p.l - 1]


def bp4(p: Layer) -> Near:
    return p.delta[p.l - 1] @ p.a[p.l - 1].mT * (1 / p.m)


def bp3(p: Layer) -> Near:
    return p.delta[p.l - 1].mean()


def _first(array: Near, which: int = 0) -> Near:
    columns = slice(which, which + 1) if which >= 0 else slice(-1, None)
    radius = array.radius[..., columns] if getattr(array.radius, "ndim", 0) else array.radius
    return Near(array.value[..., columns], radius, array.ar)


def _all_neurons(p: Layer) -> Near:
    return p.delta[p.l - 1].mean().sum(-2) + p.delta[p.l - 1].mean() * 0.0


MISTAKES = (
    Mistake("z", "the bias is left out", "wˡaˡ⁻¹", lambda p: p.w[p.l - 1] @ p.a[p.l - 1]),
    Mistake("z", "the bias is subtracted, not added", "wˡaˡ⁻¹ − bˡ",
            lambda p: p.w[p.l - 1] @ p.a[p.l - 1] - p.b[p.l - 1]),
    Mistake("z", "the bias is added along the wrong axis", "wˡaˡ⁻¹ + (bˡ)ᵀ",
            lambda p: p.w[p.l - 1] @ p.a[p.l - 1] + p.b[p.l - 1].mT, "jimfleming/differentiation#1"),
    Mistake("z", "z was overwritten by a", "σ(zˡ)", lambda p: p.a[p.l], "deeplearning4j#364"),
    Mistake("a", "tanh in place of σ", "tanh(zˡ)", lambda p: p.z[p.l - 1].tanh()),
    Mistake("a", "σ is left out", "zˡ", lambda p: p.z[p.l - 1]),
    Mistake("BP1", "σ′ is missing at the output", "aᴸ − y, the δ of the cross-entropy cost", lambda p: p.error,
            "Bot-Academy#3, mnielsen#45"),
    Mistake("BP1", "σ′ is applied to a in place of z", "(aᴸ − y) ⊙ σ′(aᴸ)", lambda p: p.error * p.at(p.a[-1]),
            "dwhitena/gophernet#6, interviews.ai#4"),
    Mistake("BP1", "a(1 − a) is applied to z in place of a", "(aᴸ − y) ⊙ zᴸ(1 − zᴸ)",
            lambda p: p.error * _of_z(p), "kyle8998/Sudo-Productivity#3, apache/incubator-retired-horn#8"),
    Mistake("BP1", "the sign of the error is wrong", "(y − aᴸ) ⊙ σ′(zᴸ)", lambda p: bp1(p) * -1.0,
            "Grokking#37, udacity/dl-v2#24"),
    Mistake("BP1", "the factor 2 of the square is left in", "2(aᴸ − y) ⊙ σ′(zᴸ)", lambda p: bp1(p) * 2.0,
            "makeyourownneuralnetwork#77"),
    Mistake("BP1", "the factor ½ is applied twice", "½(aᴸ − y) ⊙ σ′(zᴸ)", lambda p: bp1(p) * 0.5),
    Mistake("BP1", "the derivative is that of tanh", "(aᴸ − y) ⊙ (1 − aᴸ²)", lambda p: p.error * _tanh(p)),
    Mistake("BP1", "σ in place of σ′", "(aᴸ − y) ⊙ σ(zᴸ)", lambda p: p.error * p.a[-1]),
    Mistake("BP1", "σ′ is applied twice", "(aᴸ − y) ⊙ σ′(zᴸ)²", lambda p: bp1(p) * p.slope[-1]),
    Mistake("BP1", "the targets are one class off", "(aᴸ − y shifted down) ⊙ σ′(zᴸ)",
            lambda p: (p.a[-1] - p.y.roll(1, -2)) * p.slope[-1], "mlverse#107, codelabs#219"),
    Mistake("BP1", "the targets are one class off", "(aᴸ − y shifted up) ⊙ σ′(zᴸ)",
            lambda p: (p.a[-1] - p.y.roll(-1, -2)) * p.slope[-1], "mlverse#107, codelabs#219"),
    Mistake("BP1", "y is missing", "aᴸ ⊙ σ′(zᴸ)", lambda p: p.a[-1] * p.slope[-1]),
    Mistake("BP1", "the mean over the mini-batch is already taken in δ", "(1/m)(aᴸ − y) ⊙ σ′(zᴸ)",
            lambda p: bp1(p) * (1 / p.m)),
    Mistake("BP1", "⊙ is a matrix product", "(aᴸ − y) σ′(zᴸ)", lambda p: p.error @ p.slope[-1]),
    Mistake("BP1", "the output error is left at 0", "0", lambda p: bp1(p) * 0.0),
    Mistake("BP2", "σ′ is missing", "(wˡ⁺¹)ᵀδˡ⁺¹", _back, "Grokking#50, makeyourownneuralnetwork#88"),
    Mistake("BP2", "σ′ is applied to a in place of z", "((wˡ⁺¹)ᵀδˡ⁺¹) ⊙ σ′(aˡ)",
            lambda p: _back(p) * p.at(p.a[p.l]), "Grokking#56"),
    Mistake("BP2", "a(1 − a) is applied to z in place of a", "((wˡ⁺¹)ᵀδˡ⁺¹) ⊙ zˡ(1 − zˡ)",
            lambda p: _back(p) * _of_z(p), "kyle8998/Sudo-Productivity#3, apache/incubator-retired-horn#8"),
    Mistake("BP2", "the error aᴸ − y is propagated in place of δˡ⁺¹", "((wˡ⁺¹)ᵀ…(wᴸ)ᵀ(aᴸ − y)) ⊙ σ′(zˡ)",
            lambda p: p.pulled_back(p.error) * p.slope[p.l - 1],
            "the code of Make Your Own Neural Network, stackoverflow.com/q/53287032"),
    Mistake("BP2", "w is not transposed", "(wˡ⁺¹δˡ⁺¹) ⊙ σ′(zˡ)",
            lambda p: (p.w[p.l] @ p.delta[p.l]) * p.slope[p.l - 1]),
    Mistake("BP2", "w is from the wrong layer", "((wˡ)ᵀδˡ⁺¹) ⊙ σ′(zˡ)",
            lambda p: (p.w[p.l - 1].mT @ p.delta[p.l]) * p.slope[p.l - 1]),
    Mistake("BP2", "w is left out", "δˡ⁺¹ ⊙ σ′(zˡ)", lambda p: p.delta[p.l] * p.slope[p.l - 1]),
    Mistake("BP2", "the output error is used in every layer", "(aᴸ − y) ⊙ σ′(zˡ)",
            lambda p: p.error * p.slope[p.l - 1], "StackOverflow"),
    Mistake("BP2", "σ′ is from the layer above", "((wˡ⁺¹)ᵀδˡ⁺¹) ⊙ σ′(zˡ⁺¹)", lambda p: _back(p) * p.slope[p.l],
            "dennybritz/nn-from-scratch#3"),
    Mistake("BP2", "σ′ is applied before w", "(wˡ⁺¹)ᵀ(δˡ⁺¹ ⊙ σ′(zˡ⁺¹))",
            lambda p: p.w[p.l].mT @ (p.delta[p.l] * p.slope[p.l])),
    Mistake("BP2", "the derivative is that of tanh", "((wˡ⁺¹)ᵀδˡ⁺¹) ⊙ (1 − aˡ²)", lambda p: _back(p) * _tanh(p)),
    Mistake("BP2", "σ in place of σ′", "((wˡ⁺¹)ᵀδˡ⁺¹) ⊙ σ(zˡ)", lambda p: _back(p) * p.a[p.l],
            "stackoverflow.com/q/75378819"),
    Mistake("BP2", "σ′ is applied twice", "((wˡ⁺¹)ᵀδˡ⁺¹) ⊙ σ′(zˡ)²", lambda p: bp2(p) * p.slope[p.l - 1]),
    Mistake("BP2", "the sign is wrong", "−((wˡ⁺¹)ᵀδˡ⁺¹) ⊙ σ′(zˡ)", lambda p: bp2(p) * -1.0),
    Mistake("BP2", "there is an extra factor of 2", "2((wˡ⁺¹)ᵀδˡ⁺¹) ⊙ σ′(zˡ)", lambda p: bp2(p) * 2.0),
    Mistake("BP2", "there is an extra factor of ½", "½((wˡ⁺¹)ᵀδˡ⁺¹) ⊙ σ′(zˡ)", lambda p: bp2(p) * 0.5),
    Mistake("BP2", "⊙ is a matrix product", "((wˡ⁺¹)ᵀδˡ⁺¹) σ′(zˡ)", lambda p: _back(p) @ p.slope[p.l - 1]),
    Mistake("BP2", "the layer is skipped", "0", lambda p: bp2(p) * 0.0),
    Mistake("BP3", "the bias gradient is left at 0", "0", lambda p: bp3(p) * 0.0),
    Mistake("BP3", "the mini-batch is summed, not averaged", "Σₓ δˡ", lambda p: p.delta[p.l - 1].sum(-1),
            "kvfrans/notes#5, davharris/mistnet#33"),
    Mistake("BP3", "divided by m twice", "(1/m²) Σₓ δˡ", lambda p: bp3(p) * (1 / p.m), "kvfrans/notes#5"),
    Mistake("BP3", "summed over the neurons as well", "(1/m) Σₓ Σⱼ δˡⱼ", _all_neurons, "rasbt/stat453#5"),
    Mistake("BP3", "summed over the neurons as well, and not averaged", "Σₓ Σⱼ δˡⱼ",
            lambda p: _all_neurons(p) * float(p.m), "rasbt/stat453#5"),
    Mistake("BP3", "averaged over the neurons, not over the mini-batch", "(1/nˡ) Σⱼ δˡⱼ",
            lambda p: p.delta[p.l - 1].mean(-2).mT, "deeplearning4j#364"),
    Mistake("BP3", "only the first example counts", "δˡ of x = 1", lambda p: _first(p.delta[p.l - 1])),
    Mistake("BP3", "only the last example counts", "δˡ of x = m", lambda p: _first(p.delta[p.l - 1], -1)),
    Mistake("BP3", "the sign is wrong", "−(1/m) Σₓ δˡ", lambda p: bp3(p) * -1.0),
    Mistake("BP3", "there is an extra factor of 2", "(2/m) Σₓ δˡ", lambda p: bp3(p) * 2.0),
    Mistake("BP3", "there is an extra factor of ½", "(1/2m) Σₓ δˡ", lambda p: bp3(p) * 0.5),
    Mistake("BP3", "σ′ is applied once more", "(1/m) Σₓ δˡ ⊙ σ′(zˡ)",
            lambda p: (p.delta[p.l - 1] * p.slope[p.l - 1]).mean()),
    Mistake("BP3", "multiplied by a as if it were a weight", "(1/m) Σₓ δˡ ⊙ aˡ",
            lambda p: (p.delta[p.l - 1] * p.a[p.l]).mean()),
    Mistake("BP4", "the weight gradient is left at 0", "0", lambda p: bp4(p) * 0.0),
    Mistake("BP4", "the mini-batch is summed, not averaged", "δˡ(aˡ⁻¹)ᵀ",
            lambda p: p.delta[p.l - 1] @ p.a[p.l - 1].mT, "davharris/mistnet#33"),
    Mistake("BP4", "divided by m twice", "(1/m²) δˡ(aˡ⁻¹)ᵀ", lambda p: bp4(p) * (1 / p.m)),
    Mistake("BP4", "a is from the layer itself", "(1/m) δˡ(aˡ)ᵀ",
            lambda p: p.delta[p.l - 1] @ p.a[p.l].mT * (1 / p.m)),
    Mistake("BP4", "z in place of a", "(1/m) δˡ(zˡ⁻¹)ᵀ",
            lambda p: p.delta[p.l - 1] @ p.z[p.l - 2].mT * (1 / p.m), "maziarraissi/backprop#1"),
    Mistake("BP4", "the gradient is transposed", "(1/m) aˡ⁻¹(δˡ)ᵀ",
            lambda p: p.a[p.l - 1] @ p.delta[p.l - 1].mT * (1 / p.m)),
    Mistake("BP4", "only the first example counts", "δˡ(aˡ⁻¹)ᵀ of x = 1",
            lambda p: _first(p.delta[p.l - 1]) @ _first(p.a[p.l - 1]).mT),
    Mistake("BP4", "only the last example counts", "δˡ(aˡ⁻¹)ᵀ of x = m",
            lambda p: _first(p.delta[p.l - 1], -1) @ _first(p.a[p.l - 1], -1).mT),
    Mistake("BP4", "a is from the previous example", "(1/m) Σₓ δˡₓ(aˡ⁻¹ₓ₋₁)ᵀ",
            lambda p: p.delta[p.l - 1] @ p.a[p.l - 1].roll(1, -1).mT * (1 / p.m)),
    Mistake("BP4", "the image is not scaled to 0 … 1", "(255/m) δˡ(aˡ⁻¹)ᵀ", lambda p: bp4(p) * 255.0),
    Mistake("BP4", "the sign is wrong", "−(1/m) δˡ(aˡ⁻¹)ᵀ", lambda p: bp4(p) * -1.0),
    Mistake("BP4", "there is an extra factor of 2", "(2/m) δˡ(aˡ⁻¹)ᵀ", lambda p: bp4(p) * 2.0,
            "bighuang624/Andrew-Ng-Deep-Learning-notes#10, where a course's exercise plants it"),
    Mistake("BP4", "there is an extra factor of ½", "(1/2m) δˡ(aˡ⁻¹)ᵀ", lambda p: bp4(p) * 0.5),
    Mistake("BP4", "σ′ is applied once more", "(1/m) (δˡ ⊙ σ′(zˡ))(aˡ⁻¹)ᵀ",
            lambda p: (p.delta[p.l - 1] * p.slope[p.l - 1]) @ p.a[p.l - 1].mT * (1 / p.m)),
)  # fmt: skip
