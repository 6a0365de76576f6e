"""Where a program overflows or loses digits in float64, found from its exact run.

Nothing is run again: each step of the exact run is recomputed from the float64 values of its operands, as the program
would do it. What the program computes and does not use is ignored.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from math import isfinite
from typing import Any

import numpy as np

from gradproof.exact.numbers import Number, count_numbers
from gradproof.exact.run import BITS, Place, Reading, UndecidedError, line_of
from gradproof.exact.sweeps import computed_from, operands_of
from gradproof.judge.find.examples import Subject
from gradproof.judge.find.observation import observe
from gradproof.judge.find.program import Program
from gradproof.judge.find.scene import DRIVEN
from gradproof.judge.trial.execution import ExactRun, SubjectError, guarded
from gradproof.judge.trial.floats import FAR, OFFSET, Finder, halved_in, lost_in, remedy, where_of, words_of
from gradproof.judge.trial.rounding import rounding_radii
from gradproof.limits import Clock

SCALES = 1, 30, 1000  # factors of the parameters and drawn examples, up to where σ and softmax overflow
SEED, SECONDS = 5, 10.0
MOST = 100_000  # numbers to recompute: larger programs are tried only at the first scales, or not at all
SURE = 1e-3  # relative radius of a ball above which the true value is too uncertain to compare with


def float_findings(program: Program, subject: Subject) -> list[dict[str, Any]]:
    """Return `line`, `place` and `what` for each failure of a line in float64, at the mildest scale that shows it."""
    step, found = subject.explored.step, dict[tuple[str, str], dict[str, Any]]()
    start = count_numbers()
    for scale, offset in (*((scale, 0.0) for scale in SCALES), (1, OFFSET)) if step is not None else ():
        if count_numbers() - start > MOST:
            break
        scene = replace(subject.explored.scene, scale=float(scale), offset=offset)
        if offset and not any(map(scene.shifts, (*scene.given, *step.parameters))):  # type: ignore[union-attr]
            break
        with suppress(SubjectError, UndecidedError), ExactRun(Reading.EXACT, 4 * BITS, SEED):
            with guarded("the program", SECONDS, Clock.COMPUTING):
                what = observe(scene, step, (), SEED, constants=bool(offset))  # type: ignore[arg-type]
            used = {x.index for x in computed_from([x for array in what.after.values() for x in array.flat])}
            results = [[x for x in event.numbers if x.index in used] for event in what.events]
            finders = [lost_in] * (not offset) + [halved_in] * (scale == 1)
            for said, at, where in find_losses(results, finders, overflows=not offset):
                line = line_of(at)
                if at is not None and line is not None and 0 < line < DRIVEN:
                    place = program.place(line, at[0].co_filename)
                    inputs = f", for inputs {FAR}" if offset else ""
                    words = f"{said} in {place}{inputs}{where}{remedy(said, where)}"
                    key = ("loses" if " loses " in said else said), place
                    found.setdefault(key, {"line": line, "place": place, "what": words})
    return list(found.values())


def in_float64(numbers: Sequence[Number]) -> dict[int, float]:
    """Return each number as float64 would have it, by its index; `numbers` are in the order of computation."""
    values: dict[int, float] = {}
    with np.errstate(all="ignore"):
        for x in numbers:
            if x.rule is None:
                values[x.index] = float(x.value.mid())
            else:
                operands = [np.float64(values[y.index]) for y in operands_of(x)]
                values[x.index] = float(_function(x.rule.name)(*operands))
    return values


def _function(name: str) -> Callable[..., Any]:
    """Return a rule's function from NumPy or else SciPy, which a program that uses its functions has imported."""
    found: Callable[..., Any] | None = _OWN.get(name) or getattr(np, name, None)
    return found or getattr(import_module("scipy.special"), name)


_OWN: Mapping[str, Callable[..., Any]] = {
    "copy": lambda x: x,
    "sum": lambda *xs: sum(xs),
    "dot": lambda *xs: sum(x * y for x, y in zip(xs[: len(xs) // 2], xs[len(xs) // 2 :], strict=True)),
}


def find_losses(
    arrays: Sequence[Sequence[Number]], finders: Sequence[Finder] = (lost_in,), overflows: bool = True
) -> Iterator[tuple[str, Place | None, str]]:
    """Yield (what, place, where) for each step that costs one of these arrays digits.

    With `overflows`, so does each step that gives no finite number.
    """
    results = [x for array in arrays for x in array]
    numbers = computed_from(results)
    if len(numbers) > MOST:
        return
    values = in_float64(numbers)
    for x in numbers if overflows else ():
        operands = [values[y.index] for y in operands_of(x)] if x.rule is not None else []
        if x.rule is not None and not isfinite(values[x.index]) and all(map(isfinite, operands)):
            yield _trouble(x.rule.name, values[x.index], operands), x.place, _taken_of(x.rule.name, operands)
    radii = rounding_radii(results)
    known = [[(values[x.index], x) for x in array if x.value.rad() <= SURE * abs(x.value.mid())] for array in arrays]
    for root, digits in (one for find in finders for one in find(known, radii)):
        yield words_of(root, digits), root.place, where_of(root)


def _trouble(name: str, value: float, operands: Sequence[float]) -> str:
    by_zero = (name == "divide" and operands[1] == 0 and operands[0] != 0) or (name == "log" and operands[0] == 0)
    if by_zero:
        return f"divide by zero in {name}"
    return f"{'invalid value' if value != value else 'overflow'} in {name}"


def _taken_of(name: str, operands: Sequence[float]) -> str:
    return f", for {name}({operands[0]:.4g})" if len(operands) == 1 else ""
