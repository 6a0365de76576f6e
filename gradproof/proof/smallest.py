"""Finds the smallest network that shows a fault."""

import random

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.errors import NoSuchExample

from gradproof.backends import Backend
from gradproof.numerics.verdict import Verdict
from gradproof.problem import Problem, stack_of
from gradproof.proof import theorem
from gradproof.proof.architectures import WIDEST, problems


def smallest(backend: Backend, equation: str, seed: int) -> Problem | None:
    """Return the smallest problem that Hypothesis finds on which this equation is refuted; None if it finds none."""

    def shows_it(problem: Problem) -> bool:
        stack = stack_of(problem, WIDEST)  # one compilation for each depth
        try:
            findings = theorem.judge(stack, theorem.claim(backend, stack))
        except ValueError:  # shapes that do not fit are not a smaller example of a wrong value
            return False
        return any(f.equation == equation and f.verdict is Verdict.REFUTED for f in findings)

    budget = settings(
        max_examples=200,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    try:
        return find(problems(), shows_it, settings=budget, random=random.Random(seed))
    except NoSuchExample:
        return None
