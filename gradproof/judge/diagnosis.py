"""The judgement: somebody's answers on random networks, equation by equation, and the mistake by its name."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from gradproof.judge import certificate, layouts
from gradproof.judge.claims import Claim, Sigma, collected, judged
from gradproof.judge.counterexample import smallest, update_faults
from gradproof.judge.naming import names_of
from gradproof.judge.report import Judgement, Named
from gradproof.judge.submission import Submission
from gradproof.judge.worker import SubmissionError
from gradproof.numerics.verdict import Verdict
from gradproof.problem import Array
from gradproof.proof.summary import summary
from gradproof.proof.theorem import Judged

# How other costs and signs scale δ and the gradients, beside the mean of ½‖y − a‖²; what is wanted of each.
FACTORS = {
    1.0: "",
    2.0: "the cost is ‖y − a‖², without the ½ (or a factor 2 is wrong)",
    0.5: "the cost is ¼‖y − a‖² (or a factor ½ is wrong)",
    -1.0: "gradients point downhill, from y − a: to be added, not subtracted",
    -2.0: "gradients point downhill, and the cost has no ½",
}
SUMMED = "gradients of the sum over the mini-batch, not of the mean"
TANH = "σ has no digits left in its left tail, as with ½(1 + tanh(z/2)): correct, judged by its own bound"
BOOK = "σ′ is taken as a(1 − a), which cancels where σ saturates: correct, judged by its own bound"


class Light(NamedTuple):
    """In which light the claims look best."""

    found: list[Judged]
    claims: list[Claim]  # as they are understood: factors and sums undone
    sigma: Sigma
    words: list[str]  # the conventions that this takes


def judgement(
    submission: Submission,
    networks: int = 200,
    seed: int = 0,
    progress: Callable[[int], None] = lambda done: None,
    declared: str = "",
    certified: bool = False,
) -> Judgement:
    """Judge it on random networks of 1 to 4 layers in every regime; the same seed gives the same judgement.

    With `declared` "ours" our own conventions are required: other shapes, signs, factors and sums are faults.
    """
    try:
        layout = layouts.own(submission) if declared else layouts.recognised(submission, seed)
        claims, troubles = collected(submission, layout, networks, seed, progress)
    except SubmissionError as error:
        return Judgement(Verdict.REFUTED, [], [], [(error.kind, str(error), 1)], 0, None, None)
    said = layout.said()
    if not claims:
        return Judgement(Verdict.REFUTED, said, [], troubles, 0, None, None)
    light = _in_the_best_light(claims, bool(declared))
    result = summary(light.found)
    if not troubles and not result.faults and submission.kind.updates:
        troubles += update_faults(submission, layout, seed)
    names = [Named(fault, names_of(fault, light.claims, light.sigma)) for fault in result.faults]
    smallest_one = smallest(submission, layout, names[0].fault, light.sigma) if names else None
    chosen = certificate.sample(light.claims, light.sigma) if certified and not names and not troubles else []
    verdict = Verdict.REFUTED if troubles else result.verdict
    count = sum(len(claim.stack.x) for claim in claims)
    return Judgement(verdict, said + light.words, names, troubles, count, result, smallest_one, chosen)


def _in_the_best_light(claims: list[Claim], strict: bool) -> Light:
    """Another convention is assumed only if nothing at all is refuted under it; else faults are faults."""
    found, sigma = _all_judged(claims)
    if strict or not _wrong(found):
        return Light(found, claims, sigma, _words("", False, sigma, _wrong(found)))
    for factor, word in FACTORS.items():
        for summed in (False, True):
            if (factor, summed) == (1.0, False):
                continue
            other = [_scaled(claim, factor, summed) for claim in claims]
            if _wrong([judged(claim, Sigma.TANH) for claim in (other[0], other[-1])]):
                continue  # the first and the last stack are enough to turn most down
            also, its_sigma = _all_judged(other)
            if not _wrong(also):
                return Light(also, other, its_sigma, _words(word, summed, its_sigma, False))
    return Light(found, claims, sigma, [])


def _words(word: str, summed: bool, sigma: Sigma, wrong: bool) -> list[str]:
    forms = {Sigma.SHARP: "", Sigma.BOOK: BOOK, Sigma.TANH: TANH}
    return [] if wrong else [w for w in (word, SUMMED if summed else "", forms[sigma]) if w]


def _all_judged(claims: list[Claim]) -> tuple[list[Judged], Sigma]:
    """By the sharpest σ under which nothing is wrong; else by that under which least is."""
    tried = []
    for sigma in Sigma:
        found = [judged(claim, sigma) for claim in claims]
        wrong = sum(int(finding.refuted.sum()) for each in found for finding in each.findings)
        if not wrong and sigma is not Sigma.SHARP:
            # Where σ saturates a cancelled σ′ has nothing to tell: the rest must be sharp by itself.
            found = [each for each in found if each.source != "saturated"]
        if not wrong:
            return found, sigma
        tried.append((wrong, sigma.value, found, sigma))
    *_, found, sigma = min(tried, key=lambda entry: entry[:2])
    return found, sigma


def _wrong(found: Sequence[Judged]) -> bool:
    return any(finding.verdict is Verdict.REFUTED for judged in found for finding in judged.findings)


def _scaled(claim: Claim, factor: float, summed: bool) -> Claim:
    """The claim if its cost is `factor` times ours and its gradients are, or are not, those of the sum."""
    m, mine = claim.stack.x.shape[-1], claim.mine
    by = factor * (m if summed else 1)

    def divided(arrays: list[Array], number: float) -> list[Array]:
        return [(array / number).astype(array.dtype) for array in arrays]

    mine = mine._replace(
        delta=divided(mine.delta, factor), grad_b=divided(mine.grad_b, by), grad_w=divided(mine.grad_w, by)
    )
    return claim._replace(mine=mine)
