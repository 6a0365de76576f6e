"""How hand-derived backprop goes wrong: each known way in a row of its own, and where the catalogue recreates it.

The numbers are those of the list the catalogue was started from; what is missing between them was merged or is no
mistake. An entry is a table and a name in it.
"""

from collections.abc import Callable
from typing import NamedTuple

import gradproof
from tests.judge import descents
from tests.judge.catalogue import FORWARD, RIGHT_ONES, UNSEEN, WRONG, backprop
from tests.judge.troubles import TROUBLES

# Correct in another convention, wrong where ours is declared: (the equations that are wrong then, a word of the name)
DECLARED = {"y − a": ({"BP1"}, "sign"), "no ½": ({"BP1"}, "factor 2"), "sum": ({"BP3", "BP4"}, "summed, not averaged")}

ROWS: dict[int, tuple[str, list[tuple[str, str]]]] = {
    1: ("the output error lacks σ′: δᴸ = a − y", [("WRONG", "σ′ missing at the output")]),
    2: ("σ′ at the output is taken of a, not of z", [("WRONG", "σ′(a) at the output")]),
    4: ("σ′ in hidden layers is taken of a, not of z", [("WRONG", "σ′(a) in hidden layers")]),
    5: ("σ′ is missing in one hidden layer or in all",
        [("WRONG", "σ′ missing in hidden layers"), ("WRONG", "σ′ missing in layer 1")]),
    6: ("a − y is carried back through the weights, not δ", [("WRONG", "the error propagated")]),
    7: ("hidden layers take the output error as it is, without w", [("WRONG", "output error in every layer"),
        ("WRONG", "w forgotten")]),
    8: ("y − a while descending: the sign is turned round", [("DECLARED", "y − a"), ("CHANGED", "it climbs"),
        ("WRONG", "hidden sign"), ("WRONG", "bias sign"), ("WRONG", "weight sign")]),
    9: ("a factor 2 or ½, of the cost or by mistake", [("DECLARED", "no ½"), ("WRONG", "hidden factor 2"),
        ("WRONG", "hidden factor ½"), ("WRONG", "bias factor 2"), ("WRONG", "weight factor ½")]),
    11: ("w is not transposed on the way back", [("WRONG", "w not transposed")]),
    12: ("w of the wrong layer on the way back", [("WRONG", "w of the wrong layer")]),
    13: ("aˡ stands for aˡ⁻¹ in the weight gradient", [("WRONG", "a of the layer itself")]),
    15: ("the weight gradient of layer 1 takes the image before it was scaled", [("WRONG", "image not scaled")]),
    17: ("an elementwise product in place of the outer one", [("TROUBLES", "element by element")]),
    19: ("the bias gradient is forgotten", [("WRONG", "bias gradient forgotten")]),
    20: ("the bias gradient is summed over the neurons as well",
         [("WRONG", "bias gradient over neurons"), ("WRONG", "bias gradient over neurons and batch")]),
    21: ("the bias gradient is left one a example", [("TROUBLES", "not averaged")]),
    22: ("mean for the weights and sum for the biases, or the reverse",
         [("WRONG", "bias gradient summed"), ("WRONG", "weight gradient summed")]),
    23: ("the bias gradient is reduced along the other axis", [("TROUBLES", "the other axis")]),
    25: ("the sum over the mini-batch for the mean", [("DECLARED", "sum"), ("CHANGED", "not divided")]),
    27: ("the last, smaller mini-batch is divided by the size of the others",
         [("WRONG", "nominal batch size"), ("CHANGED", "nominal size")]),
    28: ("divided by the number of all examples, not by m",
         [("WRONG", "weights divided by all examples"), ("WRONG", "bias divided by all examples"),
          ("CHANGED", "all examples")]),
    29: ("the weights are updated before δ is carried back through them",
         [("WRONG", "w updated first"), ("WRONG", "w updated first, by the sum")]),
    31: ("the activations of the example before, or of the call before",
         [("WRONG", "a of the example before"), ("TROUBLES", "caches activations")]),
    32: ("z and a are one array: σ in place", [("TROUBLES", "σ in place")]),
    33: ("sums that are not set to zero between mini-batches", [("TROUBLES", "remembers"), ("CHANGED", "not reset")]),
    34: ("gradients that are views of each other or of the inputs",
         [("TROUBLES", "aliased"), ("TROUBLES", "a view of x")]),
    35: ("the backward pass changes w, x or y", [("TROUBLES", "changes w")]),
    37: ("the bias is added along the wrong axis",
         [("FORWARD", "bias along the wrong axis"), ("UNSEEN", "bias along the wrong axis")]),
    38: ("* multiplies matrices where ⊙ is meant",
         [("WRONG", "matrices at the output"), ("WRONG", "matrices in hidden layers")]),
    39: ("one-hot targets one class off", [("WRONG", "one-hot off by one"), ("CHANGED", "one-hot shifted")]),
    40: ("inputs and targets are shuffled apart",
         [("UNSEEN", "targets shifted"), ("UNSEEN", "targets reversed"), ("CHANGED", "shuffled apart")]),
    41: ("a shuffle that repeats some examples and loses others", [("CHANGED", "one repeated")]),
    42: ("mini-batches that drop the tail of the data", [("CHANGED", "tail dropped")]),
    43: ("σ overflows", [("TROUBLES", "σ overflows")]),
    45: ("the derivative of tanh with σ",
         [("WRONG", "tanh′ at the output"), ("WRONG", "tanh′ in hidden layers"), ("FORWARD", "tanh for σ")]),
    46: ("integers that cut decimals off", [("TROUBLES", "into integers"), ("TROUBLES", "integers"),
         ("UNSEEN", "weights whole"), ("UNSEEN", "inputs whole")]),
    49: ("the first layer or the last is skipped", [("WRONG", "layer 1 skipped"), ("WRONG", "output error forgotten")]),
    50: ("weight decay is left in the gradient", [("WRONG", "weight decay left in"), ("WRONG", "weight decay over m"),
         ("WRONG", "bias decay"), ("CHANGED", "weight decay")]),
    51: ("the δ of the cross-entropy with the quadratic cost", [("WRONG", "σ′ missing at the output")]),
    52: ("the update: its sign, η·m, or no η", [("CHANGED", "it climbs"), ("CHANGED", "not divided"),
         ("CHANGED", "no η"), ("CHANGED", "no η, not divided"), ("CHANGED", "divided twice")]),
}  # fmt: skip


class Case(NamedTuple):
    """One wrong backprop: how it is judged, what must be found, and a word of the name (None: none may be given)."""

    judged: Callable[[int, int], gradproof.judge.report.Judgement]  # of so many networks, from that seed
    kinds: set[str]
    word: str | None
    rules: dict[str, Callable[..., object]] | None = None  # of `backprop`, where its places can be told apart


def cases() -> dict[tuple[str, str], Case]:
    """Everything that is wrong in the tables, by (table, name)."""

    def of(submission, convention=""):
        return lambda nets, seed: gradproof.check(submission, networks=nets, seed=seed, convention=convention)

    def descent(name):
        return lambda nets, seed: descents.judged(descents.changed(name)[0], min(nets, 20), seed)

    result = {("WRONG", n): Case(of(backprop(**r)), {e}, w, r) for n, (r, e, w) in WRONG.items()}
    result |= {("FORWARD", n): Case(of(fn), {e}, "") for n, (fn, e) in FORWARD.items()}
    result |= {("UNSEEN", n): Case(of(fn), {k}, w) for n, (fn, k, w) in UNSEEN.items()}
    result |= {("TROUBLES", n): Case(of(fn), {k}, w) for n, (fn, k, w) in TROUBLES.items()}
    result |= {("CHANGED", n): Case(descent(n), {k}, w) for n, (_, _, k, w) in descents.CHANGED.items()}
    result |= {("DECLARED", n): Case(of(RIGHT_ONES[n][0], "ours"), ks, w) for n, (ks, w) in DECLARED.items()}
    return result
