"""How far each network is from the truth, in units in the last place, on a sample of the random architectures."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradproof.backends import Backend
from gradproof.check import theorem, witness
from gradproof.check.theorem import Judged
from gradproof.numerics import rounding, truth
from gradproof.numerics.end_to_end import radii
from gradproof.numerics.verdict import Verdict
from gradproof.problem import Answer, stack_of

FAR = 100  # ulps: from here on two answers that agree with each other are said to be off together; no verdict uses it
PARTS = ("delta", "grad_b", "grad_w")


class Distance(NamedTuple):
    """|answer − truth| over all elements of δ, ∂C/∂b and ∂C/∂w of the sample, in ulps of the true value."""

    median: float
    p99: float
    worst: float


class Distances(NamedTuple):
    networks: int
    elements: int
    handcrafted: Distance
    autodiff: Distance
    off_together: int  # elements where both are FAR from the truth and ten times nearer to each other
    outside: int  # elements which the truth proves to be outside their radius, in either answer
    undecided: int  # elements whose ball stays too large to tell


def distances(backend: Backend, run: Sequence[Judged], networks: int) -> Distances | None:
    """The distances on about `networks` of the run's networks, spread evenly over its depths and regimes."""
    stacks = [judged for judged in run if judged.source != "digits"]
    if not stacks:
        return None
    sample = [(judged, i) for i in range(-(-networks // len(stacks))) for judged in stacks if i < len(judged.stack.x)]
    sample = sample[:: max(1, len(sample) // networks)][:networks]
    rows = np.array([row for judged, i in sample for row in _elements(backend, judged, i)])
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


def _elements(backend: Backend, judged: Judged, network: int) -> Iterator[tuple[float, float, float, int, int]]:
    """(ulps by hand, ulps by autodiff, ulps between them, outside, undecided) of each element of one network."""
    problem = judged.stack.alone(network)
    stack = stack_of(problem, judged.stack.x.shape[1])
    dtype = stack.x.dtype
    with np.errstate(all="ignore"):
        exact = stack.astype(np.float64)
        answers = (theorem.claim(backend, stack), witness.answer(stack))
        radius = radii(exact, witness.answer(exact), rounding.arithmetic(dtype))
    bounds = _flat(radius, problem.sizes)
    for bits in truth.PRECISIONS:
        true = truth.truth(problem, bits)
        balls = [ball for part in PARTS for array in getattr(true, part) for ball in array.ravel()]
        if all(ball.rad() <= 1e-3 * bound for ball, bound in zip(balls, bounds, strict=True)):
            break
    for ball, bound, *got in zip(balls, bounds, *(_flat(answer, problem.sizes) for answer in answers), strict=True):
        verdicts = [truth.within(value, ball, bound) for value in got]
        spacing = np.spacing(np.abs(dtype.type(float(ball))))
        yield (
            *(truth.ulps(value, ball, dtype) for value in got),
            abs(got[0] - got[1]) / float(spacing),
            verdicts.count(Verdict.REFUTED),
            verdicts.count(Verdict.UNDECIDED),
        )


def _flat(answer: Answer, sizes: Sequence[int]) -> list[Any]:
    """δ, ∂C/∂b, ∂C/∂w of a stack's only network without padding, one number after the other."""
    numbers: list[Any] = []
    for part in PARTS:
        for layer, array in enumerate(getattr(answer, part), start=1):
            columns = sizes[layer - 1] if part == "grad_w" else array.shape[-1]
            numbers += array[0, : sizes[layer], :columns].astype(np.float64).ravel().tolist()
    return numbers
