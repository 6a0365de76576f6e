"""Confirms a verdict: the exact run must compute what float64 computes, and its cost change as its derivative says.

What fails this is undecided: the run took another branch than the code would, or lost a derivative on the way.
"""

import random
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from math import isfinite
from typing import Any

import numpy as np
from flint import arb

from gradproof.exact.arrays import ExactArray
from gradproof.exact.run import BITS, Reading, UndecidedError
from gradproof.exact.sweeps import differentiate
from gradproof.judge.trial.arguments import as_floats, copied, drawn, exact_variables, leaves, rebuilt
from gradproof.judge.trial.execution import ExactRun, InexactError, SubjectError, kept_streams
from gradproof.judge.trial.floats import Answer, FloatRun, pairs_of
from gradproof.judge.trial.judgement import Judgement
from gradproof.judge.trial.points import Claim
from gradproof.judge.trial.restoration import untouched
from gradproof.judge.trial.rounding import rounding_radii
from gradproof.numerics.verdict import Verdict

SHIFT, GRID = 2.0**-20, 2.0**-30  # of the arguments, for the change of the cost, and what they are multiples of
OF_TYPES = "where the code asks for the type of a number, ask for its value instead"
OF_GIVEN = "it is off in the last digits only, as where the numbers given are rounded: let them be drawn"
UNSEEN = "its cost changes by more than its operations show, as where a number passes through a string"


def confirmed(
    result: Judgement,
    claim: Claim,
    answers: Sequence[Answer],
    functions: Sequence[Callable[..., Any]],
    example: Any,
    seed: int,
    draw: bool,
    floats: bool = False,
) -> Judgement:
    """Return the judgement, or an undecided one if it is not confirmed at one point."""
    if result.verdict is Verdict.UNDECIDED or not result.arrays:
        return result
    if not draw and result.faults and all(array.is_rounded for array in result.faults):
        return replace(result, verdict=Verdict.UNDECIDED, undecided=[OF_GIVEN])
    arguments = drawn(example, np.random.default_rng([seed, 0])) if draw else example
    said = _difference(answers, functions, arguments, seed, floats)
    if said or _changes_unseen(claim, arguments, seed):
        return Judgement(
            verdict=Verdict.UNDECIDED,
            subject=result.subject,
            claim=result.claim,
            undecided=[said or UNSEEN],
            again=result.again,
        )
    return result


def _difference(
    answers: Sequence[Answer],
    functions: Sequence[Callable[..., Any]],
    arguments: Any,
    seed: int,
    floats: bool = False,
) -> str:
    """Say how an answer differs in float64 by more than its roundings explain, or ""; overflow is no difference.

    Code that asks for the type of a number may take another branch with the exact ones.
    """
    for answer in answers:
        with untouched(*functions), kept_streams():
            random.seed(seed)  # as in an exact run
            np.random.seed(seed)
            run, given = FloatRun(), None
            try:
                given = copied(answer(run, copied(arguments)))  # what is its own is restored below
            except SubjectError as error:
                frames = traceback.extract_tb(error.__cause__.__traceback__) if error.__cause__ else []
                lacks = bool(frames) and frames[-1].filename == np.__file__  # an old name, such as np.mat
                if not (run.found or lacks or isinstance(error, InexactError)):
                    return f"in float64 {error}"
        with suppress(SubjectError, UndecidedError), ExactRun(Reading.EXACT, BITS, seed) as exact_run:
            exact_run.run.keeps_constants = True  # they are rounded, too
            arrays = list(pairs_of(given, answer(exact_run, exact_variables(arguments, floats))))
            radii = rounding_radii([x for pairs in arrays for _, x in pairs])
            for got, x in chain(*arrays) if not exact_run.run.notes else ():
                # The radii are of first order in u: the factor leaves room for all others.
                true, radius = float(x.value.mid()), 4 * (radii[x.index] + float(x.value.rad()))
                if isfinite(got) and abs(got - true) > radius:
                    return f"a number is {got:.10g} in float64 and {true:.10g} in exact arithmetic: {OF_TYPES}"
    return ""


def _changes_unseen(claim: Claim, arguments: Any, seed: int) -> bool:
    """Whether the cost changes by more than its derivative explains; False if that is unknown.

    From a − h to a + h it changes by 2h times its derivative, and a remainder of third order: half of h makes that 8
    times smaller. If a derivative was lost, the remainder is of first order, and half of h only halves it. Both points
    are floats without rounding, so nothing else is left over.
    """
    arguments = rebuilt(arguments, lambda x: np.round(x / GRID) * GRID if _is_array(x) else x)
    with suppress(SubjectError, UndecidedError), ExactRun(Reading.EXACT, BITS, seed) as run:
        claim(run, arguments)
        if run.result is None or run.run.notes:
            return False
        truth, given = differentiate(run.result.cost), list(run.result.given.values())
        slopes = [(as_floats(array), [truth.get(x.index, 0) for x in array.flat]) for array in given if _is_free(array)]
        first, half = (_remainder(claim, arguments, slopes, shift, seed) for shift in (SHIFT, SHIFT / 2))
        return not half.contains(0) and bool(abs(half) > abs(first) / 4)  # halfway between 2 and 8
    return False


def _remainder(claim: Claim, arguments: Any, slopes: Sequence[Any], shift: float, seed: int) -> Any:
    """Return by how much the cost changes between two points beyond what its derivative says."""
    rng = np.random.default_rng([seed, 1])
    change, points = arb(0), (copied(arguments), copied(arguments))
    for (_, low), (_, high) in zip(leaves(points[0], ""), leaves(points[1], ""), strict=True):
        for values, slope in slopes:
            if _is_array(low) and np.array_equal(low, values):
                step = shift * rng.choice([-1.0, 1.0], size=low.shape)
                low -= step
                high += step
                change += sum((s * d for s, d in zip(slope, (2 * step).flat, strict=True)), arb(0))
    before, after = (_cost_at(claim, point, seed) for point in points)
    return after - before - change


def _cost_at(claim: Claim, arguments: Any, seed: int) -> Any:
    with ExactRun(Reading.EXACT, BITS, seed) as run:
        claim(run, arguments)
        if run.result is None:
            raise UndecidedError("nothing was compared")
        return run.result.cost.value


def _is_array(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def _is_free(array: Any) -> bool:
    """Whether the numbers of an array may be any: those of labels and masks are compared with others."""
    return isinstance(array, ExactArray) and len({float(x.value.mid()) for x in array.flat}) == array.size
