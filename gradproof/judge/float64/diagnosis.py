"""Judge a subject's answers on random networks, equation by equation, and name its mistakes."""

from collections.abc import Callable, Sequence
from itertools import count
from typing import NamedTuple

import numpy as np

from gradproof.errors import UsageError
from gradproof.judge.float64 import certificate, costs, layouts, other_problems, probes, updates
from gradproof.judge.float64.claims import Claim, Sigma, judged, of_another
from gradproof.judge.float64.costs import Cost
from gradproof.judge.float64.counterexample import smallest
from gradproof.judge.float64.interpretation import Light, any_wrong, chosen, light_of
from gradproof.judge.float64.mistakes import RIGHT
from gradproof.judge.float64.naming import names_of
from gradproof.judge.float64.networks import drawn
from gradproof.judge.float64.questions import Questions, believed
from gradproof.judge.float64.roots import placed
from gradproof.judge.float64.tally import Tally
from gradproof.judge.isolation.submission import File, Function, Placed, Submission
from gradproof.judge.report import Judgement, Named, Search
from gradproof.judge.troubles import SubmissionError, Trouble
from gradproof.numerics.verdict import Verdict
from gradproof.proof.summary import summary

BOOK = "σ′ is computed as a(1 − a), which cancels where σ saturates: correct, judged by its own bound"
TANH = "σ loses digits in its left tail, as ½(1 + tanh(z/2)) does: correct, judged by its own bound"
TWICE = "the gradients come from a different δ than the one returned, as with autodiff: correct, judged end to end"
FORMS = {Sigma.SHARP: [], Sigma.BOOK: [BOOK], Sigma.TANH: [TANH]}


@np.errstate(all="ignore")  # a subject may return infinities and NaN
def judgement(
    submission: Submission,
    networks: int = 200,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
    declared: Sequence[str] = (),
    certified: bool = False,
) -> Judgement:
    """Judge the submission on random networks of 1 to 4 layers in every regime; the same seed gives the same judgement.

    `declared` has words of `layouts.DECLARED` and `costs.DECLARED` (else UsageError). These conventions are then
    required, and ours in everything else: other shapes, signs, factors and sums are faults. ["ours"] declares ours.
    """
    declared = [word.strip() for word in declared]
    kind = submission.kind
    defined = (kind.file, kind.line), ()
    unread = Judgement(Verdict.REFUTED, [], [], [], 0, None, None, search=Search(lambda: defined))
    for word in declared:
        if word not in (*layouts.DECLARED, *costs.DECLARED):
            known = ", ".join((*layouts.DECLARED, *costs.DECLARED))
            raise UsageError(f"there is no convention {word!r}; choose from {known}")
    done, total = count(1), drawn(networks)
    try:
        if declared:
            layout = layouts.declared(declared, submission.kind.is_class)
        else:
            layout = layouts.recognised(submission, seed)
        asked = Questions(submission, layout, networks, seed, lambda: progress(min(next(done), total), total))
        read = _read(asked, costs.declared(declared) if declared else None)
    except SubmissionError as error:
        return unread._replace(troubles=[Trouble(error.kind, str(error), 1)])
    said, (claims, light, tally, others, troubles) = layout.said(), read
    if light is None:
        return unread._replace(conventions=said, troubles=troubles)
    random, digits = _random(claims) + others, _digits(claims)
    larger = sum(len(claim.stack.x) for claim in claims) + others - random
    slips, cost = _right_for_another(light, claims, declared)
    result = summary(light.judged) if light.wrong else tally.summary()
    if slips:
        both = [*slips, *troubles]
        shown = smallest(submission, layout, cost, result.faults[0], light.sigma)
        return unread._replace(conventions=said, troubles=both, networks=random, counterexample=shown, digits=digits)
    if not troubles and not light.wrong:
        troubles = list(probes.troubles(submission, layout, seed))
        if submission.kind.updates and not troubles:
            troubles = updates.judged(submission, layout, light.cost._replace(summed="sum" in declared), seed)
    names = [Named(fault, names_of(fault, light.claims, light.judged, light.sigma)) for fault in result.faults]
    shown = smallest(submission, layout, light.cost, names[0].fault, light.sigma) if names else None
    telling = {each.source for each in light.telling(light.judged)}
    sure = certified and not names and not troubles
    sample = certificate.sample([c for c in light.claims if c.source in telling], light.sigma) if sure else []
    verdict = Verdict.REFUTED if troubles else result.verdict
    words = said + light.cost.said() + light.cost.doubts(claims[0].inferred and not declared)
    words += [] if light.wrong else FORMS[light.sigma] + [TWICE] * light.twice
    words += [submission.kind.unjudged] if submission.kind.unjudged else []
    found = Judgement(verdict, words, names, troubles, random, result, shown, sample, digits, larger, tally.undecided())
    if not names:
        return found._replace(search=unread.search)
    cost = light.cost
    return found._replace(search=Search(lambda: _placed(submission, layout, cost, seed) or defined))


def _placed(submission: Submission, layout: layouts.Layout, cost: Cost, seed: int) -> Placed | None:
    """Search for the line where the code is loaded: in this process, or in its own."""
    if isinstance(submission, Function):
        return placed(submission.subject, layout, cost, seed)
    return submission.place([*layout], [str(cost.factor), *cost[1:]], seed) if isinstance(submission, File) else None


class _Read(NamedTuple):
    """What is kept of all answers: some claims, how they are interpreted, and counts over all networks."""

    claims: list[Claim]
    light: Light | None  # None if there are no claims
    tally: Tally
    others: int  # networks that are in no claim
    troubles: list[Trouble]


def _read(asked: Questions, declared: Cost | None) -> _Read:
    """Read all networks under one interpretation, chosen by the first stacks and again after each contradicting stack.

    Contradicting stacks are kept, so no interpretation recurs, and there are few of them. Of the others only counts
    are kept: for another interpretation they are drawn, asked and judged again. If something is wrong under every
    interpretation, reading stops, since that is enough to refute.
    """
    claims, troubles = asked.first()
    kept: set[int] = set()
    others = 0
    while claims:
        light = chosen(claims, declared)
        tally = Tally(light.telling(light.judged))
        if light.wrong or troubles:
            return _Read(claims, light, tally, others, troubles)
        others = 0
        for number, (claim, troubles) in asked.others(claims, kept):
            found = [light.of(claim)] if claim else []
            if claim and any_wrong(found):
                claims, kept = believed([*claims, claim]), kept | {number}
                break
            others += sum(len(each.stack.x) for each in found)
            tally.add(light.telling(found))
            if troubles:
                return _Read(claims, light, tally, others, troubles)
        else:
            return _Read(claims, light, tally, others, [])
    return _Read([], None, Tally(), 0, troubles)


def _random(claims: Sequence[Claim]) -> int:
    return sum(len(claim.stack.x) for claim in claims if claim.source not in ("far", "bits", "wider", "digits"))


def _digits(claims: Sequence[Claim]) -> int:
    return sum(len(claim.stack.x) * claim.stack.x.shape[-1] for claim in claims if claim.source == "digits")


def _right_for_another(light: Light, raw: list[Claim], declared: Sequence[str]) -> tuple[list[Trouble], Cost]:
    """Return the slips in the forward pass or the data that explain every answer, and the cost under which they do.

    There are none if z and a were returned. Wrong answers may seem to point downhill, so uphill is tried then too.
    """
    if not light.wrong or raw[0].showed_forward:
        return [], light.cost
    if (slips := _slips(light)) or light.cost.factor > 0 or declared:
        return slips, light.cost
    uphill = light.cost._replace(factor=-light.cost.factor)
    return _slips(light_of(raw, uphill)), uphill


def _slips(light: Light) -> list[Trouble]:
    fitting, networks = list(other_problems.SLIPS), sum(len(claim.stack.x) for claim in light.claims)
    for claim in light.claims:
        fitting = [
            slip
            for slip in fitting
            if not any_wrong([judged(of_another(claim, slip.instead(claim.stack)), Sigma.TANH)])
        ]
    if len(fitting) > 1:
        said = "; ".join(slip.said for slip in fitting)
        return [Trouble(fitting[0].kind, f"these cannot be distinguished here: {said}", networks)]
    right = {"z": f"; it should be {RIGHT['z']}", "data": ""}
    return [Trouble(slip.kind, slip.said + right[slip.kind], networks, slip.said) for slip in fitting]
