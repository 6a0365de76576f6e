"""Two problems that random networks lack: whole numbers as inputs and targets, and z so large that e^{−z} overflows.

Source: mlxtend#743 (np.zeros of integers cuts what is put into it), snntorch#433 (σ that overflows).
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from gradproof.judge.float64.answers import answer
from gradproof.judge.float64.claims import Sigma, claim_of, judged
from gradproof.judge.float64.layouts import Layout
from gradproof.judge.isolation.submission import Submission
from gradproof.judge.troubles import SubmissionError, Trouble
from gradproof.numerics.verdict import Verdict
from gradproof.problem import Problem

LARGE = {"float64": 800.0, "float32": 100.0}  # e^{709} and e^{88} are the last finite ones
RIGHT_SIGMA = "σ(z) = e^{min(z,0)}/(1 + e^{−|z|}) and σ′(z) = e^{−|z|}/(1 + e^{−|z|})² never overflow"


def troubles(submission: Submission, layout: Layout, seed: int) -> Iterator[Trouble]:
    """Yield what goes wrong on these problems only. Code that raises on integers is strict, not wrong."""
    rng = np.random.default_rng(seed)
    sizes = [3] * ((layout.depth or 2) + 1)
    m = 2 if layout.examples == "batch" else 1
    weights = [rng.standard_normal((n, k)) for k, n in pairwise(sizes)]
    biases = [rng.standard_normal((n, 1)) for n in sizes[1:]]
    x, y = rng.integers(0, 2, (3, m)).astype(float), np.eye(3)[:, :m]
    yield from _whole(submission, layout, Problem(weights, biases, x, y))
    yield from _large(submission, layout, Problem([LARGE[layout.dtype] * w for w in weights], biases, x + 1, y))


def _whole(submission: Submission, layout: Layout, problem: Problem) -> Iterator[Trouble]:
    problem = problem.astype(layout.dtype)
    try:
        claims = [
            claim_of("probe", [problem], [answer(submission, kind, problem)])
            for kind in (layout, layout._replace(whole=True))
        ]
    except SubmissionError as error:
        if error.kind == "dtype":
            yield Trouble("dtype", f"if x and y are whole numbers (as pixels and one-hot targets are), {error}", 1)
        return
    wrong = [any(f.verdict is Verdict.REFUTED for f in judged(claim, Sigma.TANH).findings) for claim in claims]
    if wrong == [False, True]:
        yield Trouble("dtype", "integers in x and y give different gradients from the same numbers as floats", 1)


def _large(submission: Submission, layout: Layout, problem: Problem) -> Iterator[Trouble]:
    large = f"|z| up to {2 * LARGE[layout.dtype]:g}"
    try:
        lists = submission.backprop(layout.given(problem._replace(x=problem.x[:, :1], y=problem.y[:, :1])))
    except SubmissionError as error:
        yield Trouble("a", f"{error.kind} where {large}: {error}; {RIGHT_SIGMA}", 1)
        return
    if not all(np.isfinite(array).all() for part in lists for array in part):
        said = f"gives NaN or ∞ where {large}: σ overflows, or σ′ does (seen in snntorch#433); {RIGHT_SIGMA}"
        yield Trouble("a", said, 1)
