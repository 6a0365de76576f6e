"""Finds where the code overflows or loses digits in float64, which exact arithmetic cannot see.

These findings never refute the code.
"""

import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from math import isfinite, log10
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
OFFSET = 1e5  # as of coordinates or prices: there mean(x²) − mean(x)² loses ten digits, mean((x − mean(x))²) five
HALF = 2.0**-26.5  # relative error that leaves half of the digits
DIGITS = 16  # of float64
FAR = f"near {OFFSET:.0f} that differ by about 1"
ARITHMETIC = ("sum", "dot", "power", *EXACT, *ROUNDED_ONCE)
NORMAL = 2.0**-1022  # smaller numbers lack digits in float64, and matter to nobody
REMEDIES = {
    "exp": "subtract the maximum, or branch on the sign, before exp",
    "log": "keep the argument of log above 0, or use log1p or a log-softmax",
    "divide": "the denominator becomes 0: keep it away from 0, or cancel it by hand",
    "loses ": "rewrite it without the difference, such as 1/(1 + exp(z)) for 1 − a",
}
OF_MEANS = "subtract what both share, such as the mean, before squaring or multiplying"  # where no function is near

Answer = Callable[[Any, Any], Any]  # a function of a run, exact or in float64, and its arguments
Pairs = Sequence[tuple[float, Number]]  # the numbers of an array, in float64 and exact
Finder = Callable[[Iterable[Pairs], dict[int, float]], list[tuple[Number, int]]]


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

    Whether digits are lost is only tried for the last of the answers, and also far from 0, where nothing else is.
    """
    found: dict[tuple[str, int | None], str] = {}
    with untouched(*functions):
        for scale, offset in (*((scale, 0.0) for scale in SCALES), (1.0, OFFSET)):
            arguments = drawn(example, np.random.default_rng([seed, 99]), scale, offset)
            for answer in answers:
                run, given = FloatRun(), None
                with suppress(SubjectError):
                    given = answer(run, copied(arguments))
                troubles = [(what, line, "") for what, line in run.found if not offset]
                if answer is answers[-1] and given is not None and not run.found and scale in OF_DIGITS:
                    finders = [lost_in] * (not offset) + [halved_in] * (scale == 1)
                    troubles += _lost(answer, arguments, given, seed, floats, finders)
                for what, line, there in troubles:
                    key = ("loses" if " loses " in what else what), line
                    found.setdefault(key, _said(what, line, _sizes(scale, offset), there, named(functions[-1])))
    return list(found.values())


def _said(what: str, line: int | None, sizes: str, there: str, name: str) -> str:
    return f"{what} in {f'line {line}' if line else name} at arguments {sizes}{there}{remedy(what, there)}"


def _sizes(scale: float, offset: float) -> str:
    if offset:
        return FAR
    return "of ordinary size" if scale == 1 else f"{abs(scale):g} times as large"


def remedy(what: str, there: str) -> str:
    """Return the usual remedy, after a semicolon; "" if there is none."""
    if "difference" in what and not there:
        return f"; {OF_MEANS}"
    found = next((f"; {words}" for key, words in REMEDIES.items() if key in what), "")
    return found.replace("1/(1 + exp(z)) for 1 − a", "1/cosh(z)² for 1 − a²") if "tanh" in there else found


def _lost(
    answer: Answer, arguments: Any, given: Any, seed: int, floats: bool, finders: Sequence[Finder]
) -> list[tuple[str, int | None, str]]:
    """Return (what, line, where) of each step that costs the answer its digits, the mildest of a line.

    Code that differs by more than the error analysis explains, such as by random numbers, is not reported.
    """
    told: list[tuple[Number, int]] = []
    with suppress(SubjectError, UndecidedError), ExactRun(Reading.EXACT, 4 * BITS, seed) as run:
        exactly = answer(run, exact_variables(arguments, floats))
        arrays = list(pairs_of(given, exactly))
        radii = rounding_radii([x for pairs in arrays for _, x in pairs])
        told = [one for find in finders for one in find(arrays, radii)]
    return [(words_of(root, digits), line_of(root.place), where_of(root)) for root, digits in told]


def lost_in(arrays: Iterable[Pairs], radii: dict[int, float]) -> list[tuple[Number, int]]:
    """Return for each line the mildest step that leaves no digit of an element, and the digits that it loses: all.

    The element is far off in float64, but by no more than the error analysis explains.
    """
    roots: dict[int | None, Number] = {}
    for got, number in chain(*arrays):
        true = float(number.value.mid())
        if abs(true) > NORMAL and abs(true) <= 2 * abs(got - true) <= 4 * radii[number.index]:
            root = _root(number, radii)
            roots.setdefault(line := line_of(root.place), root)
            roots[line] = max(roots[line], root, key=_size)
    return [(root, DIGITS) for root in roots.values()]


def halved_in(arrays: Iterable[Pairs], radii: dict[int, float]) -> list[tuple[Number, int]]:
    """Return for each line a step that costs an array half of its digits or more, and how many it loses.

    The error counts in proportion to the largest element, since any other may be small by chance.
    """
    roots: dict[int | None, tuple[Number, int]] = {}
    for pairs in filter(None, arrays):
        known = [(abs(got - float(x.value.mid())), x) for got, x in pairs]
        size = max(_size(x) for _, x in known)
        off, worst = max(known, key=lambda one: one[0])
        if isfinite(off) and size > NORMAL and HALF * size <= off <= 2 * radii[worst.index]:
            root = _root(worst, radii, HALF)
            roots.setdefault(line_of(root.place), (root, min(DIGITS, DIGITS + int(log10(off / size)))))
    return list(roots.values())


def pairs_of(given: Any, exactly: Any) -> Iterator[Pairs]:
    """Yield for each array of the answer the pairs of its numbers, in float64 and exact."""
    for (_, mine), (_, array) in zip(leaves(given, ""), leaves(exactly, ""), strict=False):
        got, numbers = np.ravel(mine), numbers_of(array)
        if len(got) == len(numbers):
            yield [(float(a), b) for a, b in zip(got, numbers, strict=True) if isinstance(b, Number)]


def _root(x: Number, radii: dict[int, float], share: float = 1.0) -> Number:
    """Return the step at which the digits were lost: its operands are off by less than this share of them."""
    while parts := passed_on(x, radii):
        worst, _ = max(parts, key=lambda part: part[1])
        if radii[worst.index] < share * _size(worst):
            break
        x = worst
    return x


def _size(x: Number) -> float:
    return abs(float(x.value.mid()))


def words_of(x: Number, digits: int = DIGITS) -> str:
    """Say which step loses how many digits."""
    name = x.rule.name if x.rule else "a constant"
    difference = name in ("add", "subtract", "sum", "dot")
    lost = "all digits" if digits == DIGITS else f"{digits} of {DIGITS} digits"
    return f"{'a difference of nearly equal numbers' if difference else name} loses {lost}"


def where_of(x: Number) -> str:
    """Name the nearest function before that step, such as exp, and its argument there; "" if there is none."""
    for y in reversed(computed_from([x])):
        if y.rule is not None and (y.rule.name not in ARITHMETIC or (y.rule.name == "power" and y.operands[1].varies)):
            return f", for {y.rule.name}({float(y.operands[0].value.mid()):.4g}{', …' * (len(y.operands) > 1)})"
    return ""
