"""Judge a class's own descent: what its mini-batches hold, and how far each moves the parameters.

One epoch is watched, in mini-batches that do not divide the data evenly. Each step is held to the bound of one step
from the parameters it started from.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from gradproof.judge.float64.costs import Cost
from gradproof.judge.float64.layouts import Layout
from gradproof.judge.float64.networks import stacks
from gradproof.judge.float64.steps import (
    ETA,
    EXAMPLES,
    OF_THE_MEAN,
    OF_THE_SUM,
    RIGHT,
    RIGHT_OF_THE_SUM,
    SIZE,
    Formula,
    Gradient,
    Step,
    right,
)
from gradproof.judge.isolation.submission import Submission
from gradproof.judge.troubles import SubmissionError, Trouble
from gradproof.numerics import rounding
from gradproof.numerics.chain import radii
from gradproof.problem import Array, Problem, stack_of
from gradproof.proof import witness
from gradproof.proof.architectures import WIDEST


def judged(submission: Submission, layout: Layout, cost: Cost, seed: int) -> list[Trouble]:
    """Return what is wrong with the mini-batches and the steps of one epoch on each of a few networks.

    A step follows the gradient of the mean over the mini-batch, or of the sum if the cost is summed.
    """
    steps: list[Step] = []
    for _, stack in list(stacks(20, seed, only=layout.depth))[::5]:
        problem = _with_examples(stack.astype(layout.dtype).of_network(0), seed)
        try:
            befores, afters, x_places, y_places = submission.descent(layout.apart(problem), ETA, SIZE)
        except SubmissionError as error:
            return [Trouble("update", f"descent {error.kind}: {error}", 1)]
        if said := _data(x_places, y_places):
            return [Trouble("data", said, 1)]
        if not _goes_on(befores, afters, len(x_places)):
            return [Trouble("update", "a mini-batch does not start where the previous one ended", 1)]
        steps += _steps(problem, layout, cost, befores, afters, x_places)
    wrong = [step for step in steps if not _explains(right, step)]
    return [
        Trouble("update", _said(kind, [step for step in steps if step.kind == kind], cost.summed), len(of))
        for kind in "wb"
        if (of := [step for step in wrong if step.kind == kind])
    ]


def _with_examples(problem: Problem, seed: int) -> Problem:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((problem.sizes[0], EXAMPLES)), rng.random((problem.sizes[-1], EXAMPLES))
    return problem._replace(x=x.astype(problem.x.dtype), y=y.astype(problem.x.dtype))


def _data(x_places: Sequence[Array], y_places: Sequence[Array]) -> str:
    """Return what is wrong with the mini-batches: mixed-up targets, examples lost or repeated; "" if nothing is."""
    xs, ys = ([int(i) for part in places for i in part] for places in (x_places, y_places))
    if any(x != y for x, y in zip(xs, ys, strict=True) if min(x, y) >= 0):
        return "x and y are shuffled separately: an example gets the target of another (seen in udacity#1326)"
    if min(xs + ys, default=0) < 0:
        return "a mini-batch holds an example that is not in the data"
    count = Counter(xs)
    lost, twice = EXAMPLES - len(count), sum(n > 1 for n in count.values())
    if lost and not twice and all(len(part) == SIZE for part in x_places):
        return f"the last, smaller mini-batch is dropped: {lost} of {EXAMPLES} examples are never seen"
    if lost or twice:
        return f"of {EXAMPLES} examples an epoch leaves out {lost} and repeats {twice}"
    return ""


def _goes_on(befores: Sequence[Array], afters: Sequence[Array], batches: int) -> bool:
    """Whether each step after the first starts from the parameters that the step before left."""
    each = len(befores) // max(1, batches)
    return all(np.array_equal(old, new) for old, new in zip(befores[each:], afters[:-each], strict=True))


def _steps(
    problem: Problem,
    layout: Layout,
    cost: Cost,
    befores: Sequence[Array],
    afters: Sequence[Array],
    places: Sequence[Array],
) -> Iterator[Step]:
    """Yield every parameter in every step."""
    depth = len(problem.weights)
    past = [Gradient(0 * v, 0 * v) for v in (*problem.weights, *problem.biases)]
    for number, columns in enumerate(places):
        start = slice(2 * depth * number, 2 * depth * (number + 1))
        old, new = (
            [layout.weight(v) for v in part[start][:depth]] + [_column(v) for v in part[start][depth:]]
            for part in (befores, afters)
        )
        m, batch = len(columns), Problem(old[:depth], old[depth:], problem.x[:, columns], problem.y[:, columns])
        ones = [batch._replace(x=batch.x[:, [i]], y=batch.y[:, [i]]) for i in (0, m - 1)]
        mean, first, last = (_gradients(each, cost) for each in (batch, *ones))
        per = 1 if cost.summed else m
        whole = [gradient.times(m / per) for gradient in mean]
        kinds = ["w"] * depth + ["b"] * depth
        for kind, *parts in zip(kinds, old, new, whole, first, last, past, strict=True):
            yield Step(kind, *parts, m, per)  # type: ignore[call-arg]
        past = [p.plus(gradient.times(m)) for p, gradient in zip(past, mean, strict=True)]


def _column(array: Array) -> Array:
    return array.reshape(-1, 1)


def _gradients(problem: Problem, cost: Cost) -> list[Gradient]:
    """Return ∂C/∂w and then ∂C/∂b by autodiff, with radii for every accepted way to compute σ and σ′."""
    ar = rounding.arithmetic(problem.x.dtype)
    stack = stack_of(problem, WIDEST).astype(np.float64)
    centre = witness.stage_by_stage(stack)
    answer, radius = (
        each.of_network(0, problem.sizes) for each in (centre, radii(stack, centre, ar, book=True, sigma=4 * ar.u))
    )
    by = abs(float(cost.factor)) / (problem.sizes[-1] if cost.outputs else 1)
    pairs = zip(answer.grad_w + answer.grad_b, radius.grad_w + radius.grad_b, strict=True)
    return [Gradient(by * value, by * (e + 4 * ar.u * np.abs(value))) for value, e in pairs]


def _explains(formula: Formula, step: Step) -> bool:
    """Whether the formula gives the new parameter, within both radii and the rounding of the step itself."""
    value, radius = formula(step)
    if step.new.shape != value.shape:
        return False
    u = rounding.arithmetic(step.old.dtype).u
    most = np.abs(step.old) + np.abs(value - step.old) + np.abs(step.past.value)
    return bool((np.abs(step.new - value) <= 2 * (radius + (4 + EXAMPLES) * u * most)).all())


def _said(kind: str, steps: Sequence[Step], summed: bool) -> str:
    """Return the message, naming the mistakes whose formula explains every step; several cannot be distinguished."""
    mistakes, should = (OF_THE_SUM, RIGHT_OF_THE_SUM) if summed else (OF_THE_MEAN, RIGHT)
    names = [name for name, formula in mistakes.items() if all(_explains(formula, step) for step in steps)]
    what = f"update_mini_batch does not move {kind} by −η ∂C/∂{kind}"
    if len(names) == 1:
        return f"{what}: {names[0]}; {should}"
    return f"{what}; {should}" + (f" (these cannot be distinguished: {'; '.join(names)})" if names else "")
