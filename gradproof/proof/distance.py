"""Measures how far each network is from the truth, in units in the last place, on a sample of the run."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import jax
import numpy as np

from gradproof.backends import Backend
from gradproof.numerics import rounding, truth
from gradproof.numerics.chain import radii
from gradproof.numerics.verdict import Verdict
from gradproof.problem import Answer, Problem
from gradproof.proof import theorem, witness
from gradproof.proof.theorem import Judged

FAR = 100  # ulps, beyond which two answers that agree count as off together; no verdict uses it
PARTS = ("delta", "grad_b", "grad_w")
SAMPLED = 10  # weights from each layer of a digit network: all 79,510 would take minutes


class Distance(NamedTuple):
    """|answer − truth| over the elements of δ, ∂C/∂b and ∂C/∂w in the sample, in ulps of the true value."""

    median: float
    p99: float
    worst: float


class Distances(NamedTuple):
    networks: int
    elements: int
    handcrafted: Distance
    autodiff: Distance
    off_together: int  # elements where both are FAR from the truth but ten times closer to each other
    outside: int  # elements of either answer that the truth proves to be outside their radius
    undecided: int  # elements of either answer whose ball stays too large to decide


def distances(backend: Backend, run: Sequence[Judged], networks: int, seed: int = 0) -> Distances | None:
    """Return the distances on about `networks` random networks, spread over depths and regimes, and on digit networks.

    Of a digit network only SAMPLED weights of each layer are measured. None if there is no network.
    """
    random = [judged for judged in run if judged.source != "digits"]
    most = -(-networks // max(1, len(random)))
    sample = [(judged, i) for judged in random for i in range(min(most, len(judged.stack.x)))]
    sample = sample[:: max(1, len(sample) // networks)][:networks]
    sample += [(judged, 0) for judged in run if judged.source == "digits"]
    if not sample:
        return None
    rows = np.array(
        [
            row
            for judged, chosen in groupby(sample, key=lambda pair: pair[0])
            for row in _elements(backend, judged, [network for _, network in chosen], seed)
        ]
    )
    by_hand, by_autodiff, apart, outside, undecided = rows.T
    together = (np.minimum(by_hand, by_autodiff) > FAR) & (10 * apart < np.minimum(by_hand, by_autodiff))
    return Distances(
        len(sample),
        len(rows),
        _distance(by_hand),
        _distance(by_autodiff),
        int(together.sum()),
        int(outside.sum()),
        int(undecided.sum()),
    )


def _distance(ulps: Any) -> Distance:
    return Distance(float(np.median(ulps)), float(np.quantile(ulps, 0.99)), float(ulps.max()))


def _elements(
    backend: Backend, judged: Judged, networks: Sequence[int], seed: int
) -> Iterator[tuple[float, float, float, int, int]]:
    """Yield (ulps by hand, ulps by autodiff, ulps between them, outside, undecided) for each element of these networks.

    The witness answers the whole stack in the shape that has been judged, so nothing is compiled again.
    """
    stack, dtype = judged.stack, judged.stack.x.dtype
    answer, exact = witness.answer(stack), stack.astype(np.float64)
    centre = answer if dtype == np.float64 else witness.answer(exact)
    stack, exact, answer, centre = jax.tree.map(lambda array: array[list(networks)], (stack, exact, answer, centre))
    with np.errstate(all="ignore"):
        radius = radii(exact, centre, rounding.arithmetic(dtype))
    whole = theorem.claim(backend, stack), answer
    for network in range(len(networks)):
        problem = stack.of_network(network)
        own = radius.of_network(network, problem.sizes)
        true = truth.settled(problem, own, _weights(problem, seed) if judged.source == "digits" else None)
        answers = [_flat(answer.of_network(network, problem.sizes)) for answer in whole]
        for ball, bound, *got in zip(_flat(true), _flat(own), *answers, strict=True):
            if ball is None:  # a weight that was not sampled
                continue
            verdicts = [truth.within(value, ball, bound) for value in got]
            spacing = np.spacing(np.abs(dtype.type(float(ball))))
            yield (
                *(truth.ulps(value, ball, dtype) for value in got),
                abs(got[0] - got[1]) / float(spacing),
                verdicts.count(Verdict.REFUTED),
                verdicts.count(Verdict.UNDECIDED),
            )


def _weights(problem: Problem, seed: int) -> list[truth.Weight]:
    rng = np.random.default_rng(seed)
    return [
        (layer, int(rng.integers(w.shape[0])), int(rng.integers(w.shape[1])))
        for layer, w in enumerate(problem.weights, start=1)
        for _ in range(SAMPLED)
    ]


def _flat(answer: Answer | truth.Truth) -> list[Any]:
    """Return δ, ∂C/∂b, ∂C/∂w of one network as a flat list."""
    return [number for part in PARTS for array in getattr(answer, part) for number in array.ravel().tolist()]
