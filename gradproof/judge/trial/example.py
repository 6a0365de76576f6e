"""Builds an example that shows a fault: round numbers, and a difference quotient of the user's own cost."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradproof.exact.run import BITS, Reading, UndecidedError
from gradproof.judge.trial.arguments import drawn, leaves, rebuilt
from gradproof.judge.trial.comparison import Compared
from gradproof.judge.trial.execution import ExactRun, SubjectError, guarded, named
from gradproof.judge.trial.restoration import untouched

TRIES = 12
PRINTED = 24  # elements of an array that is written out
STEP = 2.0**-17  # of the difference quotient, a check for the reader on which no verdict rests


def example_lines(
    claim: Any,
    example: Any,
    names: Sequence[str],
    cost: Callable[..., Any] | None,
    seed: int,
    draw: bool,
    moves: bool = False,
) -> list[str]:
    """Return lines with round arguments at which an array is wrong, what it is there and what it should be.

    Without `draw` they are those of the example. With `moves` it is not a derivative, but what a step moves it by.
    Return [] if no round arguments show the fault.
    """
    found = _round_arguments(claim, example, seed, draw)
    if found is None:
        return []
    arguments, wrong = found
    lines = []
    for name, value in zip(names, arguments, strict=False):
        for path, leaf in leaves(value, name):
            if isinstance(leaf, np.ndarray):
                lines.append(f"{path} = {_written(leaf)}")
    where = f"[{', '.join(map(str, wrong.element))}]" if wrong.element else ""
    got, expected = f"{wrong.got:.10g}", f"{wrong.expected:.10g}"
    if moves:
        return [*lines, f"{wrong.name}{where} moves by {got}, should move by {expected}"]
    lines.append(f"the derivative with respect to {wrong.name}{where} is {expected}, yours is {got}")
    quotient = _difference_quotient(cost, arguments, names, wrong) if cost else None
    if quotient is not None:
        lines.append(f"(difference quotient of {named(cost)} there, in float64 with h = 2⁻¹⁷: {quotient:.10g})")
    return lines


def _written(array: Any) -> str:
    if array.size > PRINTED:
        return f"an array of shape {array.shape}"
    return str(array.tolist())


def _round_arguments(claim: Any, example: Any, seed: int, draw: bool) -> tuple[Any, Compared] | None:
    """Return arguments in halves that show a fault, and the array that is most wrong there, or None."""
    for number in range(TRIES if draw else 1):
        rng = np.random.default_rng([seed, 1000 + number])
        arguments = rebuilt(drawn(example, rng), _rounded) if draw else example
        try:
            with ExactRun(Reading.EXACT, BITS, seed) as run:
                compared = claim(run, arguments)
        except (UndecidedError, SubjectError):
            continue
        faults = [array for array in compared if array.state not in ("right", "undecided") and array.element]
        if faults and not run.run.notes:
            return arguments, max(faults, key=lambda a: abs(a.got - a.expected))
    return None


def _rounded(x: Any) -> Any:
    """Round an array of floats to halves, unless they may be labels or probabilities."""
    is_float = isinstance(x, np.ndarray) and x.dtype.kind == "f"
    return np.round(2 * x) / 2 if is_float and np.any((x < 0) | (x > 1)) else x


def _difference_quotient(cost: Any, arguments: Any, names: Sequence[str], wrong: Compared) -> float | None:
    """Return (C(θ + h) − C(θ − h))/2h of the user's own cost, in plain float64; None if it cannot be run."""

    def moved(step: float) -> float:
        copies = rebuilt(arguments, lambda x: x.copy() if isinstance(x, np.ndarray) else x)
        for name, value in zip(names, copies, strict=False):
            for path, leaf in leaves(value, name):
                if path == wrong.name and isinstance(leaf, np.ndarray):
                    leaf[wrong.element] += step
        with guarded(named(cost)):
            result = cost(*copies)
            return float(np.asarray(result[0] if isinstance(result, tuple) else result).reshape(-1)[0])

    try:
        with untouched(cost):
            return (moved(STEP) - moved(-STEP)) / (2 * STEP)
    except (SubjectError, TypeError, ValueError, IndexError):
        return None
