"""The judgement on a gradient, a backward pass or a step, and its wording."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from gradproof.exact.run import Note, line_of
from gradproof.fragment import excerpts, fragment
from gradproof.judge.trial.comparison import Compared
from gradproof.numerics.verdict import Verdict
from gradproof.text import shortened

if TYPE_CHECKING:
    from gradproof.judge.trial.repair import Correction
    from gradproof.judge.trial.trace import Line, Trace


@dataclass(frozen=True, kw_only=True, repr=False)
class Judgement:
    """A verdict on somebody's code; true only if it is verified."""

    verdict: Verdict
    subject: str  # the name of the function that was judged
    claim: str  # what it should be, such as "the gradient of cost"
    digits: int = 0  # to which all arrays agree
    points: int = 0  # at which it was tried
    drawn: bool = True  # at random, or given
    arrays: Sequence[Compared] = ()  # one for each array of the answer
    conventions: Sequence[str] = ()
    trouble: str = ""  # why nothing could be compared, if nothing could
    undecided: Sequence[str] = ()  # what could not be decided, and what would decide it
    float64: Sequence[str] = ()  # where the same code loses digits or overflows in float64
    example: Sequence[str] = ()  # round numbers that show the fault, line by line
    again: str = ""  # the call that gives this judgement again
    notes: Sequence[Note] = field(default=(), repr=False)
    search: Callable[[], "tuple[Trace | None, Correction | None]"] = field(
        default=lambda: (None, None), compare=False
    )  # for the lines, which takes longer than the verdict and begins when they are asked for

    def __bool__(self) -> bool:
        return self.verdict is Verdict.VERIFIED

    @property
    def faults(self) -> list[Compared]:
        """The arrays that are not what they should be."""
        return [array for array in self.arrays if array.state not in ("right", "undecided")]

    @cached_property
    def _found(self) -> "tuple[Trace | None, Correction | None]":
        return self.search()

    @property
    def trace(self) -> "Trace | None":
        """The lines that are wrong, if they are known."""
        return self._found[0]

    @property
    def correction(self) -> "Correction | None":
        """A small edit that makes what is wrong right."""
        return self._found[1]

    def __str__(self) -> str:
        return "\n".join(lines(self))

    def __repr__(self) -> str:
        return shortened(lines(self))

    def place_of(self, array: Compared) -> "Line | None":
        """The file and the line at which an array goes wrong: where it is corrected, or else the first in question."""
        if self.correction is not None and array.name in self.correction.mends:
            return self.correction.line
        if self.trace is not None and array.name in self.trace.lines:
            return self.trace.lines[array.name][0]
        line = line_of(array.place)
        return (array.place[0].co_filename, line) if array.place and line else None

    def _repr_html_(self) -> str:
        """HTML for a notebook, with the lines that are wrong and what the lines around them compute."""
        notes: dict[tuple[str, int], list[tuple[str, str]]] = {}
        for array in self.faults:
            if line := self.place_of(array):
                notes.setdefault(line, []).append(("wrong", f"{array.name}: {_said(array)}"))
        if self.correction is not None:
            notes[self.correction.line].append(("right", f"should be: {self.correction.new}"))
        if self.trace is not None and notes:
            for line in self.trace.follows:
                notes.setdefault(line, [("follows", "follows from it")])
            for line, label in self.trace.labels.items():
                notes.setdefault(line, [("right", label)])
        return fragment(str(self.verdict), lines(self), excerpts(notes))


def lines(judgement: Judgement) -> list[str]:
    """Return the judgement in words, the verdict first."""
    j = judgement
    if j.verdict is Verdict.VERIFIED:
        where = f"{j.points} random points" if j.drawn else "the point given"
        first = f"verified: {j.subject} is {j.claim}, to {j.digits} digits at {where}"
    elif j.verdict is Verdict.REFUTED:
        first = f"refuted: {j.subject} is not {j.claim}"
    else:
        first = f"undecided: whether {j.subject} is {j.claim}"
    result = [first + (f": {j.trouble}" if j.trouble else "")]
    for array in j.arrays:
        result.append(f"  {array.name}: {_said(array)}{_where(j, array)}")
    if j.correction is not None:
        result += [f"  {line}" for line in in_words(j.correction)]
    result += [f"  convention: {words}" for words in j.conventions]
    result += [f"  {words}" for words in j.undecided]
    if j.example:
        result += ["  numbers that show it:", *(f"    {line}" for line in j.example)]
    result += [f"  in float64: {words}" for words in j.float64]
    if j.again and j.verdict is not Verdict.VERIFIED:
        result.append(f"again: {j.again}")
    return result


def _said(array: Compared) -> str:
    if array.state in ("right", "undecided"):
        return array.state if array.alive or array.state == "undecided" else "right, and 0 at every point tried"
    where = f"[{', '.join(map(str, array.element))}]" if array.element else ""
    if array.state.startswith("of shape") or array.got == array.expected == 0:  # the state says it all
        return array.state
    return f"{array.state}: {where or 'it'} is {array.got:.10g}, should be {array.expected:.10g}"


def _where(judgement: Judgement, array: Compared) -> str:
    """Say on which line a wrong array was computed, and where it goes wrong, if these are known."""
    line = line_of(array.place)
    if array.state in ("right", "undecided") or array.state.startswith("of shape"):
        return ""
    said = f", computed in line {line}" if line else ""
    trace, mended = judgement.trace, judgement.correction
    if mended is not None and array.name in mended.mends:
        return said + f"; the fault is in line {mended.line[1]}" * (mended.line[1] != line)
    if trace is None or array.name not in trace.lines:
        return said
    lines, before = trace.lines[array.name], trace.before[array.name]
    if [number for _, number in lines] == [line]:
        return said + f"; until then {before}" * bool(before)
    return f"{said}; it goes wrong {going_wrong(lines, before)}"


def going_wrong(lines: "Sequence[Line]", before: str) -> str:
    """Say on which of these lines something goes wrong, and what is right before the first."""
    first, *others = sorted({number for _, number in lines})
    said = f"in line {first}"
    if others:
        said += f" or after it, up to line {others[-1]}" if others[1:] else f" or {others[0]}"
    return said + f"; until then {before}" * bool(before)


def in_words(correction: "Correction") -> list[str]:
    """Return the line, what it should be, and other lines on which a correction would do."""
    said = [f"line {correction.line[1]}: `{correction.old}`", f"  should be: `{correction.new}` – {correction.name}"]
    others = " or ".join(map(str, correction.others))
    return said + [f"  possibly line {others} instead"] * bool(others)
