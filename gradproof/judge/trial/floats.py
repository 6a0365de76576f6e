"""What exact arithmetic cannot see: where the same code overflows or loses digits in float64. Never a refutation."""

import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradproof.judge.trial.arguments import copied, drawn
from gradproof.judge.trial.preserving import untouched
from gradproof.judge.trial.running import SubjectError, guarded, named

SCALES = (1.0, 30.0, -30.0, 1000.0, -1000.0)  # times the arguments: where people work, and where σ and softmax overflow
REMEDIES = {
    "exp": "subtract the maximum, or branch on the sign, before exp",
    "log": "keep the argument of log above 0, or use log1p or a log-softmax",
    "divide": "the denominator becomes 0: add what keeps it away, or cancel it by hand",
}


def float_findings(functions: Sequence[Callable[..., Any]], example: Any, seed: int) -> list[str]:
    """One line for each place of the functions where float64 fails, the smallest arguments first."""
    found: dict[tuple[str, int | None], str] = {}
    with untouched(*functions):
        for scale in SCALES:
            rng = np.random.default_rng([seed, 99])
            arguments = drawn(example, rng, scale)
            for function in functions:
                for what, line in _troubles(function, copied(arguments)):
                    found.setdefault((what, line), _said(what, line, scale, named(function)))
    return list(found.values())


def _said(what: str, line: int | None, scale: float, name: str) -> str:
    at = f"line {line}" if line else name
    where = "at arguments of ordinary size" if scale == 1 else f"at arguments {abs(scale):g} times as large"
    remedy = next((words for key, words in REMEDIES.items() if key in what), "")
    return f"{what} in {at} {where}" + (f"; {remedy}" if remedy else "")


def _troubles(function: Any, arguments: Any) -> list[tuple[str, int | None]]:
    """(what, line) of NumPy's warnings and of overflow errors in the function's own file."""
    path = getattr(getattr(function, "__func__", function), "__code__", None)
    file = path.co_filename if path else ""
    found: list[tuple[str, int | None]] = []
    try:
        with (
            guarded(named(function)),
            warnings.catch_warnings(record=True) as caught,
            np.errstate(all="warn", under="ignore"),
        ):
            warnings.simplefilter("always")
            function(*arguments)
    except SubjectError as error:
        cause = error.__cause__
        if isinstance(cause, ArithmeticError):
            lines = [frame.lineno for frame in traceback.extract_tb(cause.__traceback__) if frame.filename == file]
            found.append((f"{type(cause).__name__} ({cause})", lines[-1] if lines else None))
        return found
    for warning in caught:
        if issubclass(warning.category, RuntimeWarning):
            line = warning.lineno if warning.filename == file else None
            found.append((str(warning.message).replace(" encountered", ""), line))
    return found
