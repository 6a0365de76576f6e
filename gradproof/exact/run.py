"""One exact run of somebody's code: how its literals are read, and a note of whatever could not be exact."""

import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from types import CodeType
from typing import Any, NamedTuple

import numpy as np
from flint import arb, ctx

from gradproof.exact.rules import Ball

BITS = 200  # of precision to begin with: right formulas then agree to about 55 digits
SHORT = 20  # a literal of no more bits, such as 0.5 or 255.0, is taken to be meant exactly
ULPS = 4  # how far the author's own rounding may have moved a longer one
WRITTEN = 7  # a literal of so many digits may have been cut off behind its last
TINY = 1e-5  # a literal that is no larger may be there only to keep a logarithm or a quotient finite

Place = tuple[CodeType, int]  # the code object and the offset of the instruction: its line is found when it is asked


class Reading(IntEnum):
    """What a literal stands for. The first reading under which somebody's code is right decides."""

    EXACT = 0  # the decimal that is written
    ROUNDED = 1  # … or any number that may have been rounded to it
    WITHOUT_EPSILON = 2  # … and 0 where it is tiny


class Note(NamedTuple):
    """Something that could not be exact, and where."""

    kind: str  # "undecided", "cast", "rounded", "clipped", "left", "unread"
    said: str
    place: Place | None


class UndecidedError(ArithmeticError):
    """A comparison that the balls do not decide, or a tie whose two sides have different derivatives."""


class Run:
    """State of one run: precision, reading, seed, notes, and which way each comparison went."""

    def __init__(
        self, bits: int = BITS, reading: Reading = Reading.EXACT, seed: int = 0, exploring: bool = False
    ) -> None:
        self.bits, self.reading = bits, reading
        self.exploring = exploring  # what depends on what is asked, not how: all numbers vary, and ties are decided
        self.keeps_constants = False  # whether the graph has what cannot vary, too, such as what a mask has zeroed
        self.bent = (
            0.0  # by up to what part of itself each longer literal is changed, which nothing right is to depend on
        )
        self.notes: dict[tuple[str, str, Place | None], Note] = {}
        self.outcomes: dict[Place | None, set[bool]] = {}
        self.literals: dict[Any, Any] = {}
        self.clips: dict[int, Place | None] = {}  # the place of the clip that a number came out of, by its index
        self.rounded: set[int] = set()  # indices of what was rounded to digits
        self.outside: Any = None  # what stands for files that are not there, and for optimizers
        self.made_up = False  # whether any of those was asked for
        self.files: set[str] = set()  # whose frames are the subject's
        self.python_random, self.numpy_random = random.Random(seed), np.random.RandomState(seed)

    def note(self, kind: str, said: str) -> None:
        """Remember what could not be exact, once a place."""
        place = self.place() if kind != "unread" else None  # which is said of a whole function
        self.notes.setdefault((kind, said, place), Note(kind, said, place))

    def refuse(self, said: str) -> UndecidedError:
        """A note, since the subject's own `except` may swallow it, and the error to raise."""
        self.note("undecided", said)
        return UndecidedError(said)

    def place(self) -> Place | None:
        """Where the subject is: the innermost frame that runs its code."""
        if not self.files:
            return None
        frame, files = sys._getframe(2), self.files
        while frame is not None:
            if frame.f_code.co_filename in files:
                return frame.f_code, frame.f_lasti
            frame = frame.f_back  # type: ignore[assignment]
        return None

    def literal(self, number: float, decimal: str | None = None) -> Ball:
        """The ball that a literal, or a float that the subject computed without us, stands for."""
        if not np.isfinite(number):
            return arb(number)
        if self.reading is Reading.WITHOUT_EPSILON and abs(number) <= TINY:
            return arb(0)
        if self.reading is Reading.EXACT or _is_short(number):
            value = arb(number) if decimal is None else arb(decimal)
            return (
                value
                if _is_short(number) or not self.bent
                else value * (1 + self.bent * random.Random(number).random())
            )
        digits, _, exponent = repr(number).partition("e")
        written = len(digits.replace(".", "").strip("-0"))
        decimals = len(digits.partition(".")[2]) - int(exponent or 0)
        cut = 0.5 * 10.0**-decimals if WRITTEN <= written < 16 else 0.0
        return arb(number, max(ULPS * float(np.spacing(abs(number))), cut))


def _is_short(number: float) -> bool:
    numerator, denominator = number.as_integer_ratio()
    return numerator.bit_length() <= SHORT and denominator.bit_length() <= SHORT + 1


_RUNS: list[Run] = [Run()]


def current() -> Run:
    return _RUNS[-1]


ONE_AT_A_TIME = threading.RLock()  # python-flint has one precision for all threads


@contextmanager
def running(run: Run) -> Iterator[Run]:
    """Everything inside is part of this run, at its precision; other threads wait."""
    with ONE_AT_A_TIME:
        before, ctx.prec = ctx.prec, run.bits
        _RUNS.append(run)
        try:
            yield run
        finally:
            _RUNS.pop()
            ctx.prec = before


def line_of(place: Place | None) -> int | None:
    """The line of a place."""
    if place is None:
        return None
    code, offset = place
    return next((line for start, end, line in code.co_lines() if start <= offset < end), None)
