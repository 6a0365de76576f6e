"""The judgement: somebody's answers on random networks, equation by equation, and the mistake by its name."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from gradproof.errors import UsageError
from gradproof.judge import certificate, costs, layouts, other_problems, probes, updates
from gradproof.judge.claims import Claim, Sigma, collected, expected_of, judged, of_another
from gradproof.judge.costs import Cost
from gradproof.judge.counterexample import smallest
from gradproof.judge.mistakes import RIGHT
from gradproof.judge.naming import names_of
from gradproof.judge.points import untold
from gradproof.judge.report import Judgement, Named
from gradproof.judge.submission import Submission
from gradproof.judge.troubles import SubmissionError, Trouble
from gradproof.numerics.verdict import Verdict
from gradproof.proof.summary import summary
from gradproof.proof.theorem import Judged

BOOK = "σ′ is taken as a(1 − a), which cancels where σ saturates: correct, judged by its own bound"
TANH = "σ loses digits in its left tail, as ½(1 + tanh(z/2)) does: correct, judged by its own bound"
TWICE = "gradients are made of another δ than the one returned, as by autodiff: correct, judged from the problem on"
FORMS = {Sigma.SHARP: [], Sigma.BOOK: [BOOK], Sigma.TANH: [TANH]}


class Light(NamedTuple):
    """In which light the claims look best."""

    judged: list[Judged]  # of each claim
    claims: list[Claim]  # as they are understood: factors and sums undone
    sigma: Sigma
    cost: Cost
    equations: set[str]  # that are wrong
    twice: bool = False  # the gradients are not made of the δ that is returned

    @property
    def found(self) -> list[Judged]:
        """What the verdict is of: all that was judged – or, where nothing is wrong, what can tell something."""
        return self.judged if self.wrong else _telling(self.judged, self.sigma)

    @property
    def wrong(self) -> bool:
        return bool(self.equations)


@np.errstate(all="ignore")  # what somebody's code gives may be infinite or no number
def judgement(
    submission: Submission,
    networks: int = 200,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
    declared: Sequence[str] = (),
    certified: bool = False,
) -> Judgement:
    """Judge it on random networks of 1 to 4 layers in every regime; the same seed gives the same judgement.

    With `declared`, words of `layouts.DECLARED` and `costs.DECLARED`, these conventions are required and all else is
    ours: other shapes, signs, factors and sums are faults. "ours" alone declares ours.
    """
    declared = [word.strip() for word in declared]
    for word in declared:
        if word not in (*layouts.DECLARED, *costs.DECLARED):
            known = ", ".join((*layouts.DECLARED, *costs.DECLARED))
            raise UsageError(f"there is no convention {word!r}; choose of {known}")
    try:
        if declared:
            layout = layouts.declared(declared, submission.kind.is_class)
        else:
            layout = layouts.recognised(submission, seed)
        claims, troubles = collected(submission, layout, networks, seed, progress)
    except SubmissionError as error:
        return Judgement(Verdict.REFUTED, [], [], [Trouble(error.kind, str(error), 1)], 0, None, None)
    said = layout.said()
    if not claims:
        return Judgement(Verdict.REFUTED, said, [], troubles, 0, None, None)
    light = _computed_twice(claims, costs.declared(declared) if declared else None)
    slips, cost = _right_for_another(light, claims, declared)
    result = summary(light.found)
    if slips:
        both = [*slips, *troubles]
        shown = smallest(submission, layout, cost, result.faults[0], light.sigma)
        return Judgement(Verdict.REFUTED, said, [], both, _random(claims), None, shown, digits=_digits(claims))
    if not troubles and not light.wrong:
        troubles += probes.troubles(submission, layout, seed)
        if submission.kind.updates and not troubles:
            troubles += updates.judged(submission, layout, light.cost._replace(summed="sum" in declared), seed)
    names = [Named(fault, names_of(fault, light.claims, light.judged, light.sigma)) for fault in result.faults]
    shown = smallest(submission, layout, light.cost, names[0].fault, light.sigma) if names else None
    telling = [claim for claim in light.claims if claim.source in {each.source for each in light.found}]
    chosen = certificate.sample(telling, light.sigma) if certified and not names and not troubles else []
    verdict = Verdict.REFUTED if troubles else result.verdict
    words = said + light.cost.said() + light.cost.doubts(claims[0].inferred and not declared)
    words += [] if light.wrong else FORMS[light.sigma] + [TWICE] * light.twice
    words += [submission.kind.unjudged] if submission.kind.unjudged else []
    return Judgement(
        verdict,
        words,
        names,
        troubles,
        _random(claims),
        result,
        shown,
        chosen,
        _digits(claims),
        untold(_telling(light.judged, light.sigma)),
    )


def _random(claims: Sequence[Claim]) -> int:
    return sum(len(claim.stack.x) for claim in claims if claim.source not in ("far", "bits", "wider", "digits"))


def _digits(claims: Sequence[Claim]) -> int:
    return sum(len(claim.stack.x) * claim.stack.x.shape[-1] for claim in claims if claim.source == "digits")


def _in_the_best_light(claims: list[Claim], declared: Cost | None) -> Light:
    """The cost that is declared, or ours – or another, where faults are none under it.

    A sum for the mean shows in BP3 and BP4 and in both; a sign or a factor shows in BP1 alone, all else being linear in
    δ^L. So each is decided by itself, whatever else is wrong. A 1/m that is in δ shows in all three, and is a
    convention only where nothing else is wrong.
    """
    if declared is not None:
        return _light([declared.undone(claim) for claim in claims], declared)
    light = _light(claims, Cost())
    if light.equations >= {"BP1", "BP3", "BP4"} and (averaged := _averaged(claims)):
        return averaged
    light = _summed(light, claims)
    if "BP1" not in light.equations:
        return light
    for cost in costs.likely(claims, light.cost):
        other = _summed(_light([cost.undone(claim) for claim in claims], cost), claims)
        if "BP1" not in other.equations:
            return other
    downhill = light.cost._replace(factor=-light.cost.factor)
    other = _light([downhill.undone(claim) for claim in claims], downhill)
    return other if _name_of_bp1(other) and not _name_of_bp1(light) and _of_bp1(other) <= _of_bp1(light) else light


def _summed(light: Light, claims: list[Claim]) -> Light:
    """The same cost, its gradients of the sum, where BP3 and BP4 are wrong and then are not.

    Where δ is wrong as well nothing may be seen of either until the factor of δ is found.
    """
    if not light.equations >= {"BP3", "BP4"}:
        return light
    cost = light.cost._replace(summed=True)
    summed = _light([cost.undone(claim) for claim in claims], cost)
    return light if summed.equations & {"BP3", "BP4"} else summed


def _averaged(claims: list[Claim]) -> Light | None:
    """The light in which 1/m is in δ and nothing is wrong, if there is one."""
    cost = Cost(averaged=True)
    for each in (cost, *costs.likely(claims, cost)):
        light = _light([each.undone(claim) for claim in claims], each)
        if not light.wrong and len(light.claims) == len(claims):
            return light
    return None


def _computed_twice(claims: list[Claim], declared: Cost | None) -> Light:
    """The best light, or that in which δ is computed once more for the gradients and rounded otherwise.

    Under whichever cost – and only if nothing is wrong then. No claim is left out for a wrong δ, all being two calls.
    """
    light = _in_the_best_light(claims, declared)
    if not light.wrong or all(claim.two_calls for claim in claims):
        return light
    other = _in_the_best_light([claim._replace(two_calls=True) for claim in claims], declared)
    return light if other.wrong else other._replace(twice=True)


def _name_of_bp1(light: Light) -> bool:
    """Whether its first fault of BP1 has a name."""
    first = next(fault for fault in summary(light.found).faults if fault.equation == "BP1")
    return bool(names_of(first, light.claims, light.judged, light.sigma))


def _of_bp1(light: Light) -> int:
    """How many elements of BP1 are wrong: where some were right uphill, it does not point downhill."""
    return sum(int(f.refuted.sum()) for each in light.judged for f in each.findings if f.equation == "BP1")


def _light(claims: list[Claim], cost: Cost) -> Light:
    """By the sharpest σ under which nothing is wrong; else by that under which least is."""
    tried, claims = [], [claim._replace(expected=expected_of(claim)) for claim in claims]
    for sigma in Sigma:
        found = [judged(claim, sigma) for claim in claims]
        wrong = sum(int(finding.refuted.sum()) for each in found for finding in each.findings)
        if not wrong:
            return Light(found, claims, sigma, cost, set())
        tried.append((wrong, sigma.value, found, sigma))
    *_, found, sigma = min(tried, key=lambda entry: entry[:2])
    if any(claim.two_calls for claim in claims) and _delta_is_wrong(found):
        # The radii of two calls are those of a right δ: of a wrong one only single examples can be judged further.
        pairs = [pair for pair in zip(claims, found, strict=True) if not pair[0].two_calls]
        if _wrong([each for _, each in pairs]):  # else the fault, or the cost still to be found, shows in batches alone
            claims, found = [claim for claim, _ in pairs], [each for _, each in pairs]
    equations = {f.equation for each in found for f in each.findings if f.verdict is Verdict.REFUTED}
    return Light(found, claims, sigma, cost, equations)


def _telling(found: Sequence[Judged], sigma: Sigma) -> list[Judged]:
    """The stacks that can tell something; these must be sharp by themselves.

    A cancelled σ′ has nothing to tell where σ saturates, and a float32 a^L − y of 1e-4 has too few digits.
    """
    blunt = {"saturated"} if sigma is not Sigma.SHARP else set()
    blunt |= {"trained"} if found[0].stack.x.dtype == np.float32 else set()
    return [each for each in found if each.source not in blunt]


def _delta_is_wrong(found: Sequence[Judged]) -> bool:
    return any(f.refuted.any() for each in found for f in each.findings if f.equation in ("BP1", "BP2"))


def _wrong(found: Sequence[Judged]) -> bool:
    return any(finding.verdict is Verdict.REFUTED for judged in found for finding in judged.findings)


def _right_for_another(light: Light, raw: list[Claim], declared: Sequence[str]) -> tuple[list[Trouble], Cost]:
    """The slips of the forward pass and of the data that explain every answer, and the cost under which they do.

    None where z and a are shown. Wrong answers may look as if they pointed downhill: then they are tried uphill too.
    """
    if not light.wrong or raw[0].showed_forward:
        return [], light.cost
    if (slips := _slips(light)) or light.cost.factor > 0 or declared:
        return slips, light.cost
    uphill = light.cost._replace(factor=-light.cost.factor)
    return _slips(_light(raw, uphill)), uphill


def _slips(light: Light) -> list[Trouble]:
    fitting, count = list(other_problems.SLIPS), sum(len(claim.stack.x) for claim in light.claims)
    for claim in light.claims:
        fitting = [
            slip for slip in fitting if not _wrong([judged(of_another(claim, slip.instead(claim.stack)), Sigma.TANH)])
        ]
    if len(fitting) > 1:
        said = "; ".join(slip.said for slip in fitting)
        return [Trouble(fitting[0].kind, f"these cannot be told apart here: {said}", count)]
    right = {"z": f"; it should be {RIGHT['z']}", "data": ""}
    return [Trouble(slip.kind, slip.said + right[slip.kind], count, slip.said) for slip in fitting]
