"""Ask a subject about networks: about the first ones, to be read together, then about the others stack by stack."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from gradproof.judge.float64 import networks
from gradproof.judge.float64.answers import answer
from gradproof.judge.float64.claims import Claim, claim_of
from gradproof.judge.float64.layouts import Layout
from gradproof.judge.isolation.submission import Submission
from gradproof.judge.troubles import SubmissionError, Trouble
from gradproof.problem import Stack

Answered = tuple[Claim | None, list[Trouble]]  # None if no network of the stack has an answer
FATAL = ("hangs", "exits", "mutation", "dtype")  # nothing more is asked after these


class Questions(NamedTuple):
    """All networks that a subject is asked about. They are drawn again whenever they are needed again."""

    submission: Submission
    layout: Layout
    random: int  # how many, besides the larger ones
    seed: int
    asked: Callable[[], None] = lambda: None  # called after each network

    def first(self) -> tuple[list[Claim], list[Trouble]]:
        """Return the answers to the first stack of each kind and to the larger networks. Those on which the code fails
        are left out and counted as troubles."""
        drawn = [*islice(self._random(), networks.KINDS)]
        drawn += networks.larger(self.seed, self.layout.examples != "batch", self.layout.depth)
        answers = [self._answered(*each) for each in drawn]
        claims = believed([claim for claim, _ in answers if claim])
        troubles = _together([trouble for _, found in answers for trouble in found])
        if claims and not troubles:
            _repeats(self.submission, self.layout, claims[0])
        return claims, troubles

    def others(self, known: Sequence[Claim], left_out: Collection[int]) -> Iterator[tuple[int, Answered]]:
        """Yield the answers to all further stacks with their numbers, one at a time and without keeping them."""
        for number, (source, drawn) in islice(enumerate(self._random()), networks.KINDS, None):
            if number not in left_out and (drawn.x.shape[-1] == 1 or not _from_weights(known)):
                claim, troubles = self._answered(source, drawn)
                yield number, (claim, _together(troubles))

    def _random(self) -> Iterator[tuple[str, Stack]]:
        most = networks.MOST_EXAMPLES if self.layout.examples == "batch" else 1
        return networks.stacks(self.random, self.seed, most, self.layout.depth)

    def _answered(self, source: str, drawn: Stack) -> Answered:
        """Return the answers to one stack, and a trouble for each network without one; raise what is FATAL."""
        stack = drawn.astype(self.layout.dtype)
        problems, answers, troubles = [], [], []
        for network in range(len(stack.x)):
            problem = stack.of_network(network)
            try:
                answers.append(answer(self.submission, self.layout, problem))
                problems.append(problem)
            except SubmissionError as error:
                if error.kind in FATAL:
                    raise
                troubles.append(Trouble(error.kind, str(error), 1))
            self.asked()
        return claim_of(source, problems, answers) if problems else None, troubles


def believed(claims: list[Claim]) -> list[Claim]:
    """Keep only single examples if ∂C/∂b is wrong (δ came from ∂C/∂w): δ of several examples is then unknown."""
    return [claim for claim in claims if claim.stack.x.shape[-1] == 1] if _from_weights(claims) else claims


def _from_weights(claims: Sequence[Claim]) -> bool:
    return any(claim.from_weights for claim in claims)


def _together(troubles: Sequence[Trouble]) -> list[Trouble]:
    """Return the first trouble of each kind, with the number of networks that have that kind."""
    said = {trouble.kind: trouble for trouble in reversed(troubles)}
    count = Counter(trouble.kind for trouble in troubles)
    return [said[kind]._replace(networks=networks) for kind, networks in count.items()]


def _repeats(submission: Submission, layout: Layout, claim: Claim) -> None:
    """Raise SubmissionError if the same problem, asked again after another of its shapes, gets another answer."""
    problem = claim.stack.of_network(0)
    answer(submission, layout, problem._replace(x=-problem.x))
    again = answer(submission, layout, problem)
    before = claim.mine.of_network(0, problem.sizes)
    for one, other in zip((*before.grad_b, *before.grad_w), (*again.grad_b, *again.grad_w), strict=True):
        if not np.array_equal(one, other, equal_nan=True):
            raise SubmissionError("mutation", "gives a different answer the second time: it keeps state between calls")
