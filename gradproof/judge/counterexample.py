"""The smallest network that shows a fault, and the update of a class."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

import handcrafted
from gradproof.judge import layouts
from gradproof.judge.claims import Sigma, answer, claim_of, judged, stacks
from gradproof.judge.layouts import Layout
from gradproof.judge.submission import Submission
from gradproof.judge.worker import SubmissionError
from gradproof.numerics import rounding
from gradproof.numerics.end_to_end import radii
from gradproof.numerics.verdict import Verdict
from gradproof.problem import Array, Problem, stack_of
from gradproof.proof import theorem, witness
from gradproof.proof.summary import Fault

UPDATE_ETA = 0.5
PARTS = {"z": "zs", "a": "activations", "BP1": "delta", "BP2": "delta", "BP3": "grad_b", "BP4": "grad_w"}
ROUND = (  # at most four neurons and two layers first
    [1, 1], [1, 1, 1], [2, 1], [1, 2], [1, 2, 1], [2, 1, 1], [1, 1, 2], [2, 2], [1, 1, 1, 1], [1, 2, 2], [2, 2, 1],
    [2, 2, 2], [2, 2, 2, 2],
)  # fmt: skip
QUARTERS = [-1.0, -0.5, 0.5, 1.0, 1.5, 2.0]


class Shown(NamedTuple):
    """A network small enough to check by hand, with what the faulty equation gives there and what it should."""

    problem: Problem
    given: Problem  # the same in the claimant's conventions
    equation: str
    layer: int
    got: Array
    expected: Array


def update_faults(submission: Submission, layout: Layout, seed: int) -> list[tuple[str, str, int]]:
    """update_mini_batch on mini-batches of different sizes: w − η ∂C/∂w, within the bound of one step."""
    wrong, said = 0, ""
    for _, stack in list(stacks(20, seed))[::3]:
        problem = stack.alone(0)
        try:
            biases, weights = submission.update(layout.given(problem), UPDATE_ETA)
        except SubmissionError as error:
            return [("update", f"update_mini_batch {error}", 1)]
        exact = stack_of(problem)
        radius = radii(exact, witness.answer(exact), rounding.arithmetic(np.float64), book=True, sigma=4 * 2.0**-53)
        _, grad_b, grad_w = handcrafted.gradients(*problem)
        u = rounding.arithmetic(np.float64).u
        for name, old, new, g, e in (
            *(
                ("w", *group)
                for group in zip(problem.weights, map(layout.weight, weights), grad_w, radius.grad_w, strict=True)
            ),
            *(
                ("b", old, layouts.bias(new, len(old)), g, e)
                for old, new, g, e in zip(problem.biases, biases, grad_b, radius.grad_b, strict=True)
            ),
        ):
            right = old - UPDATE_ETA * g
            bound = 2 * (UPDATE_ETA * e[0] + 4 * u * (np.abs(old) + UPDATE_ETA * np.abs(g)))
            if new.shape != right.shape or not (np.abs(new - right) <= bound).all():
                wrong += 1
                m = problem.x.shape[1]
                said = said or f"update_mini_batch does not move {name} by −η ∂C/∂{name}{_ratio(old, new, g, m)}"
                break
    return [("update", said, wrong)] if wrong else []


def _ratio(old: Array, new: Array, g: Array, m: int) -> str:
    """By which factor it moves, where one factor fits roughly; a hint in words, no verdict."""
    if new.shape != old.shape:
        return ""
    factor = float(np.median((new - old) / (-UPDATE_ETA * g)))
    return f" but by {factor:.4g} times as much (m = {m}, η = {UPDATE_ETA})"


def _round_problems() -> Iterator[Problem]:
    """Networks of at most four neurons and two layers, then of three, in small round numbers; smallest first."""
    for sizes in ROUND:
        for m in (1, 2):
            rng = np.random.default_rng([len(sizes), sum(sizes), m])
            for _ in range(2):
                weights = [rng.choice(QUARTERS, (n, k)) for k, n in pairwise(sizes)]
                biases = [rng.choice(QUARTERS, (n, 1)) for n in sizes[1:]]
                x, y = rng.choice(QUARTERS, (sizes[0], m)), rng.choice([0.0, 1.0], (sizes[-1], m))
                yield Problem(weights, biases, x, y)


def smallest(submission: Submission, layout: Layout, fault: Fault, sigma: Sigma) -> Shown | None:
    """The first of the small round networks on which the same equation is refuted."""
    for problem in _round_problems():
        try:
            claim = claim_of("counterexample", [problem], [answer(submission, layout, problem)])
        except SubmissionError:
            continue
        if problem.x.shape[1] > 1 and layout.examples != "batch":
            continue
        for finding in judged(claim, sigma).findings:
            if finding.equation == fault.equation and finding.verdict is Verdict.REFUTED:
                own, true = claim.mine.alone(0, problem.sizes), theorem.claim(handcrafted, stack_of(problem))
                part = PARTS[finding.equation]
                layer = finding.layer - (finding.equation != "a")
                got, expected = getattr(own, part)[layer], getattr(true, part)[layer][0]
                return Shown(problem, layout.given(problem), finding.equation, finding.layer, got, expected)
    return None
