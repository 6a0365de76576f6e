"""The line of a function at which its gradients go wrong: it is run exactly against the cost that it was judged by."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from flint import arb

from gradproof.exact.arrays import ExactArray, exact
from gradproof.exact.numbers import Number
from gradproof.exact.sweeps import differentiate
from gradproof.judge.float64.costs import Cost
from gradproof.judge.float64.layouts import Layout
from gradproof.judge.isolation.submission import Placed
from gradproof.judge.trial import repair, trace
from gradproof.judge.trial.arguments import copied, exact_variables
from gradproof.judge.trial.comparison import Compared
from gradproof.judge.trial.execution import ExactRun, Result, SubjectError
from gradproof.judge.trial.gradient import compare_leaf, floats_of, scalar
from gradproof.judge.trial.judgement import going_wrong, in_words
from gradproof.judge.trial.owner import put
from gradproof.judge.trial.points import try_points
from gradproof.numerics.verdict import Verdict
from gradproof.problem import Problem

SIZES, EXAMPLES = [3, 4, 4, 2], 3


def placed(subject: Any, layout: Layout, cost: Cost, seed: int) -> Placed | None:
    """Return the first wrong line of a backprop or of a class that has one, and what is known of it.

    None if exact arithmetic shows no fault, as where only float64 fails, or if no line is found.
    """
    sizes = SIZES if not layout.depth else [*SIZES[: layout.depth], SIZES[-1]]
    network = subject(sizes) if isinstance(subject, type) else None

    def claim(run: ExactRun, drawn: Any) -> Sequence[Compared]:
        weights, biases, x, y = exact_variables(drawn)
        result = scalar(_cost(layout, cost, Problem(weights, biases, x, y)), "the cost")
        mine = copied([weights, biases, x, y])
        if network is None:
            answer = run.call(subject, *mine)
        else:
            put(run, network, {"weights": mine[0], "biases": mine[1]})
            answer = run.call(network.backprop, *mine[2:])
        pairs = _pairs(answer, weights, biases)
        run.result = Result(result, {name: x for name, _, x in pairs}, {name: got for name, got, _ in pairs})
        truth = differentiate(result)
        return [compare_leaf(name, got, parameter, truth) for name, got, parameter in pairs]

    example = [list(part) if isinstance(part, list) else part for part in layout.given(_zeros(sizes, layout))]
    try:
        tried = try_points(claim, example, seed, draw=True)
    except (SubjectError, ValueError, TypeError):
        return None
    traced = trace.trace(claim, tried, seed) if tried.verdict is Verdict.REFUTED else None
    if traced is None:
        return None
    if mended := repair.correction(claim, tried, example, seed, traced):
        return mended.line, in_words(mended)
    first = min(traced.lines, key=lambda name: traced.suspects.index(traced.lines[name][0]))
    said = going_wrong(traced.lines[first], traced.before[first])
    return traced.lines[first][0], [f"its gradients go wrong {said}"]


def _zeros(sizes: Sequence[int], layout: Layout) -> Problem:
    m = EXAMPLES if layout.examples == "batch" else 1
    weights = [np.zeros((n, k)) for k, n in pairwise(sizes)]
    return Problem(weights, [np.zeros((n, 1)) for n in sizes[1:]], np.zeros((sizes[0], m)), np.zeros((sizes[-1], m)))


def _pairs(answer: Any, weights: Any, biases: Any) -> list[tuple[str, ExactArray, ExactArray]]:
    """Return (name, gradient, parameter) of each array; SubjectError if the answer has no gradients."""
    if not isinstance(answer, list | tuple) or len(answer) not in (2, 3, 5):
        raise SubjectError("it returns no gradients")
    grad_b, grad_w = answer[:2] if len(answer) == 2 else answer[1:3]
    return [
        (f"{name}[{k}]", _like(exact(floats_of(array)), parameter), parameter)
        for name, got, parameters in (("biases", grad_b, biases), ("weights", grad_w, weights))
        for k, (array, parameter) in enumerate(zip(got, parameters, strict=True))
    ]


def _like(array: ExactArray, parameter: ExactArray) -> ExactArray:
    """Return a bias's gradient in the shape of the bias, which may be a column, a row or flat."""
    bias = min(array.shape, default=0) == 1 or 1 in (array.ndim, parameter.ndim)
    return exact(array.reshape(parameter.shape)) if array.size == parameter.size and bias else array


def _cost(layout: Layout, cost: Cost, given: Problem) -> Number | ExactArray:
    """Return the cost of a problem in this layout, by its own factor, of the sum or the mean."""
    m = 1 if layout.examples != "batch" else given.x.shape[0 if layout.rows else 1]
    a, y = (layout.delta(part, part.size // m) for part in given[2:])
    for w, b in zip(given.weights, given.biases, strict=True):
        a = 1 / (1 + np.exp(-(layout.weight(w) @ a + b.reshape(-1, 1))))
    n = y.shape[0] if cost.outputs else 1
    share = arb(cost.factor.numerator) / cost.factor.denominator / (1 if cost.summed else m) / n / 2
    result: Number | ExactArray = ((a - y) ** 2).sum() * Number(share)
    return result
