"""Finds where the code overflows or loses all digits in float64, which exact arithmetic cannot see.

These findings never refute the code.
"""

import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from gradproof.exact.numbers import Number
from gradproof.exact.run import BITS, Reading, UndecidedError, line_of
from gradproof.exact.sweeps import computed_from
from gradproof.judge.trial.arguments import copied, drawn, exact_variables, leaves, numbers_of
from gradproof.judge.trial.execution import ExactRun, SubjectError, guarded, named
from gradproof.judge.trial.restoration import untouched
from gradproof.judge.trial.rounding import EXACT, ROUNDED_ONCE, passed_on, rounding_radii

SCALES = (1.0, 5.0, 30.0, -30.0, 1000.0, -1000.0)  # of the arguments: ordinary sizes, and where σ or softmax overflow
OF_DIGITS = SCALES[:3]  # compared with an exact run: 1 − a of a sigmoid loses its digits here
ARITHMETIC = ("sum", "dot", "power", *EXACT, *ROUNDED_ONCE)
NORMAL = 2.0**-1022  # smaller numbers lack digits in float64, and matter to nobody
REMEDIES = {
    "exp": "subtract the maximum, or branch on the sign, before exp",
    "log": "keep the argument of log above 0, or use log1p or a log-softmax",
    "divide": "the denominator becomes 0: keep it away from 0, or cancel it by hand",
    "loses all digits": "rewrite it without the difference, such as 1/(1 + exp(z)) for 1 − a",
}

Answer = Callable[[Any, Any], Any]  # a function of a run, exact or in float64, and its arguments


class FloatRun:
    """A float64 run with the interface of `ExactRun`, on the caller's own objects; use it within `untouched`."""

    def __init__(self) -> None:
        self.takeover, self.found = self, list[tuple[str, int | None]]()

    def take(self, value: Any) -> Any:
        return value

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what the function gives, and record its warnings and arithmetic errors with their lines."""
        code = getattr(getattr(function, "__func__", function), "__code__", None)
        file = code.co_filename if code else ""
        with (
            guarded(named(function)),
            warnings.catch_warnings(record=True) as caught,
            np.errstate(all="warn", under="ignore"),
        ):
            warnings.simplefilter("always")
            try:
                return function(*arguments)
            except ArithmeticError as error:
                lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
                self.found.append((f"{type(error).__name__} ({error})", lines[-1] if lines else None))
                raise
            finally:
                for warning in caught:
                    if issubclass(warning.category, RuntimeWarning):
                        line = warning.lineno if warning.filename == file else None
                        self.found.append((str(warning.message).replace(" encountered", ""), line))


def float_findings(
    answers: Sequence[Answer], functions: Sequence[Callable[..., Any]], example: Any, seed: int, floats: bool = False
) -> list[str]:
    """Return a line for each place where float64 fails in giving one of these answers, smallest arguments first.

    Whether digits are lost is only tried for the last of the answers.
    """
    found: dict[tuple[str, int | None], str] = {}
    with untouched(*functions):
        for scale in SCALES:
            arguments = drawn(example, np.random.default_rng([seed, 99]), scale)
            for answer in answers:
                run, given = FloatRun(), None
                with suppress(SubjectError):
                    given = answer(run, copied(arguments))
                troubles = [(what, line, "") for what, line in run.found]
                if answer is answers[-1] and given is not None and not troubles and scale in OF_DIGITS:
                    troubles += _lost(answer, arguments, given, seed, floats)
                for what, line, there in troubles:
                    found.setdefault((what, line), _said(what, line, there, scale, named(functions[-1])))
    return list(found.values())


def _said(what: str, line: int | None, there: str, scale: float, name: str) -> str:
    at = f"line {line}" if line else name
    where = "at arguments of ordinary size" if scale == 1 else f"at arguments {abs(scale):g} times as large"
    return f"{what} in {at} {where}{there}{remedy(what, there)}"


def remedy(what: str, there: str) -> str:
    """Return the usual remedy, after a semicolon; "" if there is none."""
    found = next((f"; {words}" for key, words in REMEDIES.items() if key in what), "")
    return found.replace("1/(1 + exp(z)) for 1 − a", "1/cosh(z)² for 1 − a²") if "tanh" in there else found


def _lost(answer: Answer, arguments: Any, given: Any, seed: int, floats: bool) -> list[tuple[str, int | None, str]]:
    """Return (what, line, where) of each step that leaves no digit of an element of the answer, the mildest of a line.

    Such an element is far off in float64, but by no more than the error analysis explains. Code that differs there for
    another reason, such as random numbers, is not reported.
    """
    roots: list[Number] = []
    with suppress(SubjectError, UndecidedError), ExactRun(Reading.EXACT, 4 * BITS, seed) as run:
        exactly = answer(run, exact_variables(arguments, floats))
        pairs = list(_pairs(given, exactly))
        roots = lost_in(pairs, rounding_radii([number for _, number in pairs]))
    return [(words_of(root), line_of(root.place), where_of(root)) for root in roots]


def lost_in(pairs: Sequence[tuple[float, Number]], radii: dict[int, float]) -> list[Number]:
    """Return for each line the mildest step that leaves no digit of one of these pairs (float64, exact)."""
    roots: dict[int | None, Number] = {}
    for got, number in pairs:
        true = float(number.value.mid())
        if abs(true) > NORMAL and abs(true) <= 2 * abs(got - true) <= 4 * radii[number.index]:
            root = _root(number, radii)
            roots.setdefault(line := line_of(root.place), root)
            roots[line] = max(roots[line], root, key=_size)
    return list(roots.values())


def _pairs(given: Any, exactly: Any) -> Iterator[tuple[float, Number]]:
    """Yield each number of the answer in float64 and exactly."""
    for (_, mine), (_, array) in zip(leaves(given, ""), leaves(exactly, ""), strict=False):
        got, numbers = np.ravel(mine).tolist(), numbers_of(array)
        if len(got) == len(numbers):
            yield from ((float(a), b) for a, b in zip(got, numbers, strict=True) if isinstance(b, Number))


def _root(x: Number, radii: dict[int, float]) -> Number:
    """Return the step at which the digits were lost: its operands still have some."""
    while parts := passed_on(x, radii):
        worst, _ = max(parts, key=lambda part: part[1])
        if radii[worst.index] < _size(worst):
            break
        x = worst
    return x


def _size(x: Number) -> float:
    return abs(float(x.value.mid()))


def words_of(x: Number) -> str:
    name = x.rule.name if x.rule else "a constant"
    difference = name in ("add", "subtract", "sum", "dot")
    return f"{'a difference of nearly equal numbers' if difference else name} loses all digits"


def where_of(x: Number) -> str:
    """Name the nearest function before that step, such as exp, and its argument there; "" if there is none."""
    for y in reversed(computed_from([x])):
        if y.rule is not None and y.rule.name not in ARITHMETIC:
            return f", for {y.rule.name}({float(y.operands[0].value.mid()):.4g}{', …' * (len(y.operands) > 1)})"
    return ""
