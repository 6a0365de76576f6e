"""The state of one exact run of the subject: how literals are read, and what could not be exact."""

import random
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from math import isfinite
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np
from flint import arb, ctx

from gradproof.exact.rules import Ball

BITS = 200  # initial precision: correct formulas then agree to about 55 digits
SHORT = 20  # a literal of at most that many bits, such as 0.5 or 255.0, is taken to be exact
ULPS = 4  # how far the author may have rounded a longer one
WRITTEN = 7  # from that many digits on, a literal may have been truncated
TINY = 1e-5  # a constant up to this size that is added may only keep a logarithm or a quotient finite
SHOWN = 10_000  # numbers in texts that are remembered, the latest
NUMERAL = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")

Place = tuple[CodeType, int]  # code object and instruction offset; `line_of` looks up the line


class Reading(IntEnum):
    """What a literal stands for. The first reading under which the subject is right decides."""

    EXACT = 0  # the decimal as written
    ROUNDED = 1  # … or any number that may have been rounded to it
    WITHOUT_EPSILON = 2  # … and 0 where it is tiny and is added


class Note(NamedTuple):
    """Something that could not be exact, and its place."""

    kind: str  # "undecided", "cast", "rounded", "clipped", "left", "unread"
    said: str
    place: Place | None


class UndecidedError(ArithmeticError):
    """Raised for a comparison that the balls do not decide."""


class TieError(UndecidedError):
    """Raised at a tie whose two sides have different derivatives, such as a ReLU at 0: more bits would not help."""


class Run:
    """The state of one run: precision, reading, random streams, notes, and which way each comparison went."""

    def __init__(
        self, bits: int = BITS, reading: Reading = Reading.EXACT, seed: int = 0, exploring: bool = False
    ) -> None:
        self.bits, self.reading = bits, reading
        self.exploring = exploring  # only to learn what depends on what: all numbers vary, and ties are decided
        self.keeps_constants = False  # whether constants, such as what a mask has zeroed, keep their operands
        self.bent = 0.0  # the most by which longer literals are changed, relatively; correct code does not depend on it
        self.notes: dict[tuple[str, str, Place | None], Note] = {}
        self.outcomes: dict[Place | None, set[bool]] = {}
        self.literals: dict[Any, Any] = {}
        self.clips: dict[int, Place | None] = {}  # index of a number that came out of a clip → its place
        self.rounded: set[int] = set()  # indices of numbers that were rounded to some digits
        self.shown: dict[float, None] = {}  # what texts say of numbers that vary, the latest last
        self.outside: Any = None  # substitutes for missing files and for optimizers
        self.made_up = False  # whether any missing data were substituted
        self.files: set[str] = set()  # the subject's files
        self._stays: tuple[Place | None] | None = None  # the place, while it is known to stay the same
        self.outermost: FrameType | None = None  # that of the judge: whoever called it is not the subject
        self.python_random, self.numpy_random = random.Random(seed), np.random.RandomState(seed)

    def note(self, kind: str, said: str) -> None:
        """Remember what could not be exact, once for each place."""
        place = self.place() if kind != "unread" else None  # "unread" concerns a whole function
        self.notes.setdefault((kind, said, place), Note(kind, said, place))

    def refuse(self, said: str, kind: type[Exception] = UndecidedError) -> Exception:
        """Return the error to raise, and note it too, because the subject's own `except` may swallow it."""
        self.note("undecided", said)
        return kind(said)

    def show(self, text: str) -> str:
        """Return a text about numbers that vary, and remember it: a number that is read from it has no derivative."""
        self.shown |= dict.fromkeys(map(float, NUMERAL.findall(text)))
        while len(self.shown) > SHOWN:
            del self.shown[next(iter(self.shown))]
        return text

    def read(self, number: float, text: str | None = None) -> None:
        """Note a number that was read from such a text; without it, a number of few digits may be any other."""
        if number in self.shown and (text is not None or len(repr(number)) > 5):
            self.note("left", "a number leaves exact arithmetic as a text")

    def place(self) -> Place | None:
        """Return where the subject is: the place in the innermost frame that runs its code; None outside of it."""
        if not self.files or self._stays:
            return self._stays[0] if self._stays else None
        frame, files, outermost = sys._getframe(2), self.files, self.outermost
        while frame is not None and frame is not outermost:
            if frame.f_code.co_filename in files:
                return frame.f_code, frame.f_lasti
            frame = frame.f_back  # type: ignore[assignment]
        return None

    @contextmanager
    def staying(self) -> Iterator[None]:
        """Look up the place only once for all the numbers that one call makes."""
        before, self._stays = self._stays, self._stays or (self.place(),)
        try:
            yield
        finally:
            self._stays = before

    def literal(self, number: float, decimal: str | None = None) -> Ball:
        """Return the ball for a literal, or for a float that the subject computed outside exact arithmetic."""
        if not isfinite(number):
            return arb(number)
        if self.reading is Reading.EXACT or _is_short(number):
            value = arb(number) if decimal is None else arb(decimal)
            if self.bent and not _is_short(number):
                value *= 1 + self.bent * random.Random(number).random()
            return value
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
    """Make this the current run, at its precision, inside the `with` block; other threads wait."""
    with ONE_AT_A_TIME:
        before, ctx.prec = ctx.prec, run.bits
        _RUNS.append(run)
        try:
            yield run
        finally:
            _RUNS.pop()
            ctx.prec = before


def line_of(place: Place | None) -> int | None:
    """Return the line number of a place."""
    if place is None:
        return None
    code, offset = place
    return next((line for start, end, line in code.co_lines() if start <= offset < end), None)
