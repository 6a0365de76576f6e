"""The smallest network that shows a fault."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

import handcrafted
from gradproof.judge.answers import answer
from gradproof.judge.claims import Sigma, claim_of, judged
from gradproof.judge.costs import Cost
from gradproof.judge.layouts import Layout
from gradproof.judge.submission import Submission
from gradproof.judge.troubles import SubmissionError
from gradproof.numerics.verdict import Verdict
from gradproof.problem import Array, Problem, stack_of
from gradproof.proof import theorem
from gradproof.proof.summary import Fault

PARTS = {"z": "zs", "a": "activations", "BP1": "delta", "BP2": "delta", "BP3": "grad_b", "BP4": "grad_w"}
ROUND = (  # at most four neurons and two layers first
    [1, 1], [1, 1, 1], [2, 1], [1, 2], [1, 2, 1], [2, 1, 1], [1, 1, 2], [2, 2], [1, 3], [1, 2, 2], [2, 2, 1], [2, 2, 2],
    [1, 1, 1, 1], [2, 2, 2, 2], [1, 1, 1, 1, 1],
)  # fmt: skip
ROUND_NUMBERS = [-1.0, -0.5, 0.5, 1.0, 1.5, 2.0]


class Shown(NamedTuple):
    """A network small enough to check by hand, with what the faulty equation gives there and what it should."""

    problem: Problem
    given: Problem  # the same in the claimant's conventions
    equation: str
    layer: int
    got: Array
    expected: Array


def _round_problems() -> Iterator[Problem]:
    """Networks of at most four neurons and two layers, then of three, in small round numbers; smallest first."""
    for sizes in ROUND:
        for m in (1, 2):
            rng = np.random.default_rng([len(sizes), sum(sizes), m])
            for _ in range(3):
                weights = [rng.choice(ROUND_NUMBERS, (n, k)) for k, n in pairwise(sizes)]
                biases = [rng.choice(ROUND_NUMBERS, (n, 1)) for n in sizes[1:]]
                x, y = rng.choice(ROUND_NUMBERS, (sizes[0], m)), rng.choice([0.0, 1.0], (sizes[-1], m))
                yield Problem(weights, biases, x, y)


def smallest(submission: Submission, layout: Layout, cost: Cost, fault: Fault, sigma: Sigma) -> Shown | None:
    """The first of the small round networks on which the same equation is refuted."""
    for problem in _round_problems():
        m, depth = problem.x.shape[1], len(problem.weights)
        if (m > 1 and layout.examples != "batch") or depth != (layout.depth or depth):
            continue
        given = problem.astype(layout.dtype)
        try:
            claim = cost.undone(claim_of("counterexample", [given], [answer(submission, layout, given)]))
        except SubmissionError:
            continue
        for finding in judged(claim, sigma).findings:
            if finding.equation == fault.equation and finding.verdict is Verdict.REFUTED:
                own, true = claim.mine.alone(0, problem.sizes), theorem.claim(handcrafted, stack_of(problem))
                part = PARTS[finding.equation]
                layer = finding.layer - (finding.equation != "a")
                got, expected = getattr(own, part)[layer], getattr(true, part)[layer][0]
                return Shown(problem, layout.given(problem), finding.equation, finding.layer, got, expected)
    return None
