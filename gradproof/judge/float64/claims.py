"""A subject's answers to random networks, in this project's conventions, side by side in stacks."""

from collections.abc import Callable, Sequence
from enum import Enum
from itertools import takewhile
from typing import Any, NamedTuple

import numpy as np

from gradproof.judge.float64.answers import Got
from gradproof.numerics import rounding
from gradproof.numerics.chain import radii
from gradproof.numerics.rounding import Arithmetic
from gradproof.numerics.verdict import Finding, compare
from gradproof.problem import Answer, Array, Problem, Stack, stack_of
from gradproof.proof import architectures, equations, witness
from gradproof.proof.equations import Inputs
from gradproof.proof.theorem import Judged


class Sigma(Enum):
    """How accurate σ and σ′ must be. Each level is correct mathematics and allows more rounding than the one before."""

    SHARP = 0  # both with a small relative error, in both tails
    BOOK = 1  # σ′ = a(1 − a), which cancels for z ≫ 0
    TANH = 2  # and σ = ½(1 + tanh(z/2)), which loses its digits in the left tail, or another form that loses some there


class Claim(NamedTuple):
    """The answers to one stack in this project's conventions, and how uncertain they are."""

    source: str
    stack: Stack
    mine: Answer  # z and a are autodiff's if none were given
    centre: Answer  # autodiff's in float64, the centre of the radii
    e_delta: list[Array]  # radii of δ, 0 unless it had to be inferred
    showed_forward: bool
    bounds: dict[Sigma, Answer]  # results of `radii_of` so far, which do not depend on the cost
    two_calls: bool = False  # δ is from another call or computation than the gradients, so its rounding may differ
    from_weights: bool = False  # some δ was inferred from ∂C/∂w, since ∂C/∂b is not δ
    inferred: bool = False  # no δ was returned, so a fault in one equation may pass for a δ of another
    expected: Answer | None = None  # the result of `expected_of`, once computed


def claim_of(source: str, problems: Sequence[Problem], answers: Sequence[Got]) -> Claim:
    """Put answers into one stack, padded with zeros; z and a are computed by the definition if none were given."""
    stacks = [stack_of(problem, architectures.WIDEST) for problem in problems]
    stack = Stack(*(_joined(parts) for parts in zip(*stacks, strict=True)))

    def wide(arrays: Sequence[Array], like: Array) -> Array:
        result = np.zeros(like.shape, stack.x.dtype)
        for network, array in enumerate(arrays):
            result[network, : array.shape[0], : array.shape[1]] = array
        return result

    centre = witness.stage_by_stage(stack.astype(np.float64))

    def layers(name: str) -> list[Array]:
        return [
            wide([getattr(answer, name)[i] for answer in answers], like) for i, like in enumerate(getattr(centre, name))
        ]

    shown = answers[0].zs is not None
    zs, activations = (layers("zs"), layers("activations")) if shown else _forward(centre, stack)
    mine = Answer(zs, activations, centre.cost, layers("delta"), layers("grad_b"), layers("grad_w"))
    e_delta = [wide([answer.e_delta[i] for answer in answers], d) for i, d in enumerate(mine.delta)]
    claim = Claim(source, stack, mine, centre, e_delta, shown, {})
    if not answers[0].inferred:
        return claim
    claim = claim._replace(inferred=True)
    return claim._replace(two_calls=True) if stack.x.shape[-1] > 1 else _inferred(claim)


def of_another(claim: Claim, stack: Stack) -> Claim:
    """Return the claim as an answer to other problems of the same shapes."""
    centre, mine = witness.stage_by_stage(stack.astype(np.float64)), claim.mine
    # From here on b only enters the radii, so of a b for each example the largest |b| is enough.
    sizes = [b if b.shape[-1] == 1 else np.abs(b).max(axis=-1, keepdims=True) for b in stack.biases]
    stack = stack._replace(biases=sizes)
    if not claim.showed_forward:
        zs, activations = _forward(centre, stack)
        mine = mine._replace(zs=zs, activations=activations)
    return claim._replace(stack=stack, mine=mine, centre=centre, bounds={}, expected=None)


def _forward(centre: Answer, stack: Stack) -> tuple[list[Array], list[Array]]:
    """Return the witness's z and a rounded to the stack's precision, closer to the truth than any computed in it."""
    with np.errstate(over="ignore"):  # the bounds report overflow
        zs, activations = ([array.astype(stack.x.dtype) for array in part] for part in centre[:2])
    return zs, activations


def _joined(parts: Sequence[Any]) -> Any:
    return (
        [np.concatenate(layer) for layer in zip(*parts, strict=True)]
        if isinstance(parts[0], list)
        else np.concatenate(parts)
    )


def _inferred(claim: Claim) -> Claim:
    """Infer a δ that was not returned: from ∂C/∂b of one example or, if that is not δ, from ∂C/∂w.

    Going layer by layer from the output, the candidate that satisfies the stage's equation is taken as δ. If neither
    does, the bias gradient is believed.
    """
    ar = rounding.arithmetic(claim.stack.x.dtype)
    for layer in range(len(claim.stack.weights), 0, -1):
        claim = claim._replace(expected=expected_of(claim))
        wrong = _refuted(claim, ar)
        if not wrong:
            break
        if layer not in wrong:
            continue
        a, gradient = claim.mine.activations[layer - 1], claim.mine.grad_w[layer - 1]
        best = (np.abs(a) * claim.stack.live(layer - 1)).argmax(axis=1)[:, None, :]  # the strongest input
        strongest = np.take_along_axis(a, best, axis=1)
        with np.errstate(all="ignore"):
            delta = np.nan_to_num(np.take_along_axis(gradient, best.mT, axis=2) / strongest)
        e_a = np.take_along_axis(inputs_of(claim, ar, Sigma.TANH).e_a[layer - 1], best, axis=1)
        e_delta = np.abs(delta) * (4 * ar.u + 2 * e_a / np.abs(strongest))
        other = claim._replace(
            expected=None,
            mine=claim.mine._replace(delta=_with(claim.mine.delta, layer, delta)),
            e_delta=_with(claim.e_delta, layer, np.broadcast_to(e_delta, delta.shape)),
        )
        if layer not in _refuted(other, ar):
            claim = other._replace(from_weights=True)
    return claim


def _with(arrays: list[Array], layer: int, array: Array) -> list[Array]:
    return [array if i == layer else old for i, old in enumerate(arrays, start=1)]


def _refuted(claim: Claim, ar: Arithmetic) -> set[int]:
    """Return the layers whose δ is wrong in any network."""
    exact, submitted = claim.stack.astype(np.float64), claim.mine.in_float64()
    expected, inputs = claim.expected or expected_of(claim), inputs_of(claim, ar, Sigma.TANH)
    findings = equations.compared(compare, exact, claim.mine, submitted, ar, expected, inputs)
    deltas = takewhile(lambda finding: finding.equation in ("BP1", "BP2"), findings)
    return {finding.layer for finding in deltas if finding.refuted.any()}


def inputs_of(claim: Claim, ar: Arithmetic, sigma: Sigma) -> Inputs:
    """Return how far the inputs of each equation may be from the subject's."""
    depth, book, absolute = len(claim.stack.weights), sigma is not Sigma.SHARP, _absolute(ar, sigma)
    if claim.showed_forward and not claim.two_calls:
        return equations.exact_inputs(depth, ar)._replace(e_delta=claim.e_delta, book=book, absolute=absolute)
    bound, e_delta = radii_of(claim, ar, sigma), claim.e_delta
    if claim.two_calls:  # two answers to one problem, each within its radius of the truth
        e_delta = [2 * e for e in bound.delta]
    return Inputs(bound.zs, bound.activations, e_delta, book, absolute)


def _absolute(ar: Arithmetic, sigma: Sigma) -> float:
    """The absolute error that σ may have: a few u in ½(1 + tanh(z/2)), |z|σ(z)u in e^{−log(1 + e^{−z})}."""
    return 4 * ar.u if sigma is Sigma.TANH else 0.0


def radii_of(claim: Claim, ar: Arithmetic, sigma: Sigma) -> Answer:
    """Return the global radii of the stack for a σ computed as `sigma` allows, and keep them in the claim."""
    if sigma not in claim.bounds:
        exact = claim.stack.astype(np.float64)
        with np.errstate(all="ignore"):
            claim.bounds[sigma] = radii(exact, claim.centre, ar, sigma is not Sigma.SHARP, _absolute(ar, sigma))
    return claim.bounds[sigma]


def expected_of(claim: Claim) -> Answer:
    """Return what autodiff of each stage by itself gives at the subject's own numbers, the same for every `Sigma`."""
    if claim.expected is not None:
        return claim.expected
    exact, submitted = claim.stack.astype(np.float64), claim.mine.in_float64()
    layers = range(1, len(exact.weights) + 1)
    with np.errstate(all="ignore"):
        zs, activations = submitted.zs, submitted.activations
        if claim.showed_forward:
            zs = [witness.preactivation(exact, layer, submitted.activations[layer - 1]) for layer in layers]
            activations = [exact.x, *(witness.activation(exact, z) for z in submitted.zs)]
        delta = [witness.delta(exact, layer, submitted) for layer in layers]
        gradients = [witness.parameter_gradients(exact, layer, submitted) for layer in layers]
    grad_b, grad_w = ([pair[i] for pair in gradients] for i in (0, 1))
    return submitted._replace(zs=zs, activations=activations, delta=delta, grad_b=grad_b, grad_w=grad_w)


def judged(claim: Claim, sigma: Sigma, compare: Callable[..., Finding] = compare) -> Judged:
    """Judge each equation by itself, including z and a if they were returned."""
    ar, exact = rounding.arithmetic(claim.stack.x.dtype), claim.stack.astype(np.float64)
    parts = exact, claim.mine, claim.mine.in_float64(), ar
    expected = expected_of(claim)
    absolute = _absolute(ar, sigma)

    def looser(equation: str, layer: int, got: Array, expected: Array, bound: Array, *rest: Array) -> Finding:
        more = 2 * absolute if equation == "a" and layer else 0.0
        return compare(equation, layer, got, expected, bound + more, *rest)

    with np.errstate(all="ignore"):
        findings: list[Finding] = []
        if claim.showed_forward:
            shown = equations.compared(looser, *parts, expected)
            findings += takewhile(lambda finding: finding.equation in ("z", "a"), shown)
        findings += equations.compared(compare, *parts, expected, inputs_of(claim, ar, sigma))
    return Judged(0, claim.source, claim.stack, findings)
