"""Interpret a subject's answers in their favour: the cost, the form of σ, and whether δ was computed twice."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from gradproof.judge.float64 import costs
from gradproof.judge.float64.claims import Claim, Sigma, expected_of, judged
from gradproof.judge.float64.costs import Cost
from gradproof.judge.float64.naming import names_of
from gradproof.numerics.verdict import Verdict
from gradproof.proof.summary import summary
from gradproof.proof.theorem import Judged


class Light(NamedTuple):
    """The interpretation under which the claims look best."""

    judged: list[Judged]  # one for each claim
    claims: list[Claim]  # as interpreted, with factors and sums undone
    sigma: Sigma
    cost: Cost
    equations: set[str]  # the wrong ones
    twice: bool = False  # the gradients do not come from the returned δ

    @property
    def wrong(self) -> bool:
        return bool(self.equations)

    def of(self, claim: Claim) -> Judged:
        """Judge another claim under this interpretation."""
        return judged(self.cost.undone(claim._replace(two_calls=claim.two_calls or self.twice)), self.sigma)

    def telling(self, found: Sequence[Judged]) -> list[Judged]:
        """Return the stacks that can decide something, which must be sharp by themselves.

        A cancelled σ′ decides nothing where σ saturates, and a float32 a^L − y of 1e-4 has too few digits.
        """
        blunt = {"saturated"} if self.sigma is not Sigma.SHARP else set()
        blunt |= {"trained"} if found and found[0].stack.x.dtype == np.float32 else set()
        return [each for each in found if each.source not in blunt]


def chosen(claims: list[Claim], declared: Cost | None) -> Light:
    """Return the best interpretation, or one in which the gradients use a second δ with other rounding.

    The second is taken, under any cost, only if it leaves nothing wrong. No claim is then left out for a wrong δ,
    because all count as two calls.
    """
    light = _in_the_best_light(claims, declared)
    if not light.wrong or all(claim.two_calls for claim in claims):
        return light
    twice = [claim._replace(two_calls=True) for claim in claims]
    if not any(_is_right(twice, cost) for cost in _tried(twice, declared)):
        return light
    other = _in_the_best_light(twice, declared)
    return light if other.wrong else other._replace(twice=True)


def _is_right(claims: list[Claim], cost: Cost) -> bool:
    """Whether nothing is wrong under this cost with the most lenient σ; stop at the first wrong claim."""
    return not any(any_wrong([judged(cost.undone(claim), Sigma.TANH)]) for claim in claims)


def _tried(claims: list[Claim], declared: Cost | None) -> Iterator[Cost]:
    """Yield every cost under which `_in_the_best_light` may find the claims right."""
    if declared is not None:
        yield declared
        return
    for summed in (False, True):
        ours = Cost(summed=summed)
        yield from (ours, ours._replace(factor=-ours.factor), *costs.likely(claims, ours))
    averaged = Cost(averaged=True)
    yield from (averaged, *costs.likely(claims, averaged))


def _in_the_best_light(claims: list[Claim], declared: Cost | None) -> Light:
    """Interpret the claims under the declared cost, under ours, or under another if faults vanish under it.

    A sum in place of the mean shows in both BP3 and BP4. A sign or a factor shows only in BP1, because all else is
    linear in δ^L. So each is decided by itself, independently of other faults. A 1/m in δ shows in all three, and is a
    convention only if nothing else is wrong.
    """
    if declared is not None:
        return light_of([declared.undone(claim) for claim in claims], declared)
    light = light_of(claims, Cost())
    if light.equations >= {"BP1", "BP3", "BP4"} and (averaged := _averaged(claims)):
        return averaged
    light = _summed(light, claims)
    if "BP1" not in light.equations:
        return light
    for cost in costs.likely(claims, light.cost):
        other = _summed(light_of([cost.undone(claim) for claim in claims], cost), claims)
        if "BP1" not in other.equations:
            return other
    downhill = light.cost._replace(factor=-light.cost.factor)
    other = light_of([downhill.undone(claim) for claim in claims], downhill)
    return other if _name_of_bp1(other) and not _name_of_bp1(light) and _of_bp1(other) <= _of_bp1(light) else light


def _summed(light: Light, claims: list[Claim]) -> Light:
    """Return the interpretation with gradients of the sum, if BP3 and BP4 are wrong without it and right with it.

    If δ is wrong as well, neither may show until the factor of δ is found.
    """
    if not light.equations >= {"BP3", "BP4"}:
        return light
    cost = light.cost._replace(summed=True)
    summed = light_of([cost.undone(claim) for claim in claims], cost)
    return light if summed.equations & {"BP3", "BP4"} else summed


def _averaged(claims: list[Claim]) -> Light | None:
    """Return the interpretation with 1/m in δ under which nothing is wrong, or None."""
    cost = Cost(averaged=True)
    for each in (cost, *costs.likely(claims, cost)):
        light = light_of([each.undone(claim) for claim in claims], each)
        if not light.wrong and len(light.claims) == len(claims):
            return light
    return None


def _name_of_bp1(light: Light) -> bool:
    """Whether its first fault in BP1 has a name. A negated NaN has no bound, hence no fault and no name."""
    first = next((fault for fault in summary(light.judged).faults if fault.equation == "BP1"), None)
    return first is not None and bool(names_of(first, light.claims, light.judged, light.sigma))


def _of_bp1(light: Light) -> int:
    """Count the wrong elements of BP1. If the other sign has more, some were right, and it does not point downhill."""
    return sum(int(f.refuted.sum()) for each in light.judged for f in each.findings if f.equation == "BP1")


def light_of(claims: list[Claim], cost: Cost) -> Light:
    """Interpret the claims under this cost, with the sharpest of those forms of σ that leave least wrong.

    TANH allows all that BOOK does. So if it leaves as much wrong as SHARP, BOOK cannot help.
    """
    tried, claims = [], [claim._replace(expected=expected_of(claim)) for claim in claims]
    for sigma in (Sigma.SHARP, Sigma.TANH, Sigma.BOOK):
        found = [judged(claim, sigma) for claim in claims]
        wrong = sum(int(finding.refuted.sum()) for each in found for finding in each.findings)
        tried.append((wrong, sigma.value, found, sigma))
        if wrong == (tried[0][0] if tried[1:] else 0):
            break
    wrong, _, found, sigma = min(tried, key=lambda entry: entry[:2])
    if not wrong:
        return Light(found, claims, sigma, cost, set())
    if any(claim.two_calls for claim in claims) and _delta_is_wrong(found):
        # The radii of two calls assume a right δ. If it is wrong, only single examples can be judged further.
        pairs = [pair for pair in zip(claims, found, strict=True) if not pair[0].two_calls]
        if any_wrong(
            [each for _, each in pairs]
        ):  # else the fault, or the cost still to be found, shows only in batches
            claims, found = [claim for claim, _ in pairs], [each for _, each in pairs]
    equations = {f.equation for each in found for f in each.findings if f.verdict is Verdict.REFUTED}
    return Light(found, claims, sigma, cost, equations)


def _delta_is_wrong(found: Sequence[Judged]) -> bool:
    return any(f.refuted.any() for each in found for f in each.findings if f.equation in ("BP1", "BP2"))


def any_wrong(found: Sequence[Judged]) -> bool:
    return any(finding.verdict is Verdict.REFUTED for judged in found for finding in judged.findings)
