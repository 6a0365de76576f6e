"""Find the smallest network that shows a fault."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from gradproof.judge.checkers import Checked, checked
from gradproof.judge.float64.answers import answer
from gradproof.judge.float64.claims import Claim, Sigma, claim_of, judged
from gradproof.judge.float64.costs import Cost
from gradproof.judge.float64.layouts import Layout
from gradproof.judge.float64.sides import both_sides
from gradproof.judge.isolation.submission import Submission
from gradproof.judge.troubles import SubmissionError
from gradproof.numerics.verdict import Finding, Verdict, compare
from gradproof.problem import Array, Problem
from gradproof.proof.summary import Fault

VALUES = {"BP1": "δ", "BP2": "δ", "BP3": "∂C/∂b", "BP4": "∂C/∂w", "z": "z", "a": "a"}
PARTS = {"z": "zs", "a": "activations", "BP1": "delta", "BP2": "delta", "BP3": "grad_b", "BP4": "grad_w"}
ROUND = (  # at most four neurons and two layers come first
    [1, 1], [1, 1, 1], [2, 1], [1, 2], [1, 2, 1], [2, 1, 1], [1, 1, 2], [2, 2], [1, 3], [1, 2, 2], [2, 2, 1], [2, 2, 2],
    [1, 1, 1, 1], [2, 2, 2, 2], [1, 1, 1, 1, 1],
)  # fmt: skip
ROUND_NUMBERS = [-1.0, -0.5, 0.5, 1.0, 1.5, 2.0]


class Shown(NamedTuple):
    """A network small enough to check by hand, with what the faulty equation gives there and what it should give.

    All except `problem` is in the subject's own conventions, so what is printed is what its code returns.
    """

    problem: Problem
    given: Problem
    value: str  # the name of the wrong value: δ, ∂C/∂b, …
    layer: int
    got: Array
    expected: Array
    wrong: Array  # a mask of its wrong elements
    checkers: list[Checked]  # what other checkers make of its gradient
    note: str = ""  # where the value was taken from
    sides: Mapping[str, Any] = {}  # every number of the network beside what it should be; see `both_sides`


def _round_problems() -> Iterator[Problem]:
    """Yield networks in small round numbers: first at most four neurons and two layers, then larger and deeper ones."""
    for sizes in ROUND:
        for m in (1, 2):
            rng = np.random.default_rng([len(sizes), sum(sizes), m])
            for _ in range(3):
                weights = [rng.choice(ROUND_NUMBERS, (n, k)) for k, n in pairwise(sizes)]
                biases = [rng.choice(ROUND_NUMBERS, (n, 1)) for n in sizes[1:]]
                x, y = rng.choice(ROUND_NUMBERS, (sizes[0], m)), rng.choice([0.0, 1.0], (sizes[-1], m))
                yield Problem(weights, biases, x, y)


def smallest(submission: Submission, layout: Layout, cost: Cost, fault: Fault, sigma: Sigma) -> Shown | None:
    """Return the first of the small round networks on which the same equation is refuted, or None."""
    for problem in _round_problems():
        m, depth = problem.x.shape[1], len(problem.weights)
        if (m > 1 and layout.examples != "batch") or depth != (layout.depth or depth):
            continue
        given = problem.astype(layout.dtype)
        try:
            raw = claim_of("counterexample", [given], [answer(submission, layout, given)])
        except SubmissionError:
            continue
        ours = cost.undone(raw)
        findings = list(_findings(ours, sigma))
        for finding, wrong in findings:
            if finding.equation == fault.equation and finding.verdict is Verdict.REFUTED:
                all_wrong = {(one.equation, one.layer) for one, _ in findings if one.verdict is Verdict.REFUTED}
                shown = _shown(raw, layout, cost, finding.equation, finding.layer, wrong)
                shown = shown._replace(sides=both_sides(raw, layout, cost, all_wrong))
                return shown._replace(checkers=_checkers(ours)) if finding.equation.startswith("BP") else shown
    return None


def _findings(claim: Claim, sigma: Sigma) -> Iterator[tuple[Finding, Array]]:
    """Yield the finding of each equation and layer, with a mask of the elements outside their bounds."""
    wrong = {}

    def noting(equation: str, layer: int, got: Array, expected: Array, bound: Array, *live: Any) -> Finding:
        wrong[equation, layer] = ~(np.abs(got - expected) <= bound)  # so that NaN is wrong too
        return compare(equation, layer, got, expected, bound, *live)

    for finding in judged(claim, sigma, noting).findings:
        yield finding, wrong[finding.equation, finding.layer]


def _shown(raw: Claim, layout: Layout, cost: Cost, equation: str, layer: int, wrong: Array) -> Shown:
    problem, part = raw.stack.of_network(0), PARTS[equation]
    submitted = raw.mine.of_network(0, problem.sizes)
    by_autodiff = raw.centre.of_network(0, problem.sizes)
    which, n, m = layer - (equation != "a"), problem.sizes[-1], problem.x.shape[1]
    got, expected = getattr(submitted, part)[which], getattr(by_autodiff, part)[which] * cost.times(part, n, m)
    wrong = wrong[0, : got.shape[0], : got.shape[1]]
    value, note = VALUES[equation], ""
    if raw.inferred and part == "delta":  # no δ was returned
        if np.array_equal(got, submitted.grad_b[which]):
            part, value = "grad_b", VALUES["BP3"]  # for one example it is the same as δ
        else:
            note = " (from your ∂C/∂w)"
    got, expected, wrong = (layout.like(part, array) for array in (got, expected, wrong))
    return Shown(problem, layout.given(problem), value, layer, got, expected, wrong, [], note)


def _checkers(claim: Claim) -> list[Checked]:
    """Return what other checkers make of ∂C/∂w and ∂C/∂b, in our conventions."""
    mine, right = (answer.of_network(0, claim.stack.of_network(0).sizes) for answer in (claim.mine, claim.centre))
    return checked([*mine.grad_w, *mine.grad_b], [*right.grad_w, *right.grad_b])
