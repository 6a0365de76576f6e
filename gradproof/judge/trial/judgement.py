"""The judgement on a gradient, a backward pass or a step, and its wording."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gradproof.exact.run import Note, line_of
from gradproof.fragment import excerpts, fragment
from gradproof.judge.trial.comparison import Compared
from gradproof.numerics.verdict import Verdict

SHOWN = 10  # lines of a repr


@dataclass(frozen=True, kw_only=True, repr=False)
class Judgement:
    """A verdict on somebody's code; true only if it is verified."""

    verdict: Verdict
    subject: str  # the name of the function that was judged
    claim: str  # what it should be, such as "the gradient of cost"
    digits: int = 0  # to which all arrays agree
    points: int = 0  # at which it was tried
    arrays: Sequence[Compared] = ()  # one for each array of the answer
    conventions: Sequence[str] = ()
    trouble: str = ""  # why nothing could be compared, if nothing could
    undecided: Sequence[str] = ()  # what could not be decided, and what would decide it
    float64: Sequence[str] = ()  # where the same code loses digits or overflows in float64
    example: Sequence[str] = ()  # round numbers that show the fault, line by line
    again: str = ""  # the call that gives this judgement again
    notes: Sequence[Note] = field(default=(), repr=False)

    def __bool__(self) -> bool:
        return self.verdict is Verdict.VERIFIED

    @property
    def faults(self) -> list[Compared]:
        """The arrays that are not what they should be."""
        return [array for array in self.arrays if array.state not in ("right", "undecided")]

    def __str__(self) -> str:
        return "\n".join(lines(self))

    def __repr__(self) -> str:
        said = lines(self)
        return "\n".join(
            said if len(said) <= SHOWN else [*said[: SHOWN - 1], f"… {len(said) - SHOWN + 1} more lines: print it"]
        )

    def _repr_html_(self) -> str:
        """HTML for a notebook, with the lines that compute the wrong numbers."""
        wrong: dict[tuple[str, int], list[str]] = {}
        for array in self.faults:
            if array.place and (line := line_of(array.place)):
                wrong.setdefault((array.place[0].co_filename, line), []).append(f"{array.name}: {_said(array, '')}")
        return fragment(str(self.verdict), lines(self), excerpts(wrong))


def lines(judgement: Judgement) -> list[str]:
    """Return the judgement in words, the verdict first."""
    j = judgement
    if j.verdict is Verdict.VERIFIED:
        first = f"verified: {j.subject} is {j.claim}, to {j.digits} digits at {j.points} random points"
    elif j.verdict is Verdict.REFUTED:
        first = f"refuted: {j.subject} is not {j.claim}"
    else:
        first = f"undecided: whether {j.subject} is {j.claim}"
    result = [first + (f": {j.trouble}" if j.trouble else "")]
    for array in j.arrays:
        result.append(f"  {array.name}: {_said(array)}")
    result += [f"  convention: {words}" for words in j.conventions]
    result += [f"  {words}" for words in j.undecided]
    if j.example:
        result += ["  numbers that show it:", *(f"    {line}" for line in j.example)]
    result += [f"  in float64: {words}" for words in j.float64]
    if j.again and j.verdict is not Verdict.VERIFIED:
        result.append(f"again: {j.again}")
    return result


def _said(array: Compared, at: str = ", computed in line {}") -> str:
    if array.state in ("right", "undecided"):
        return array.state if array.alive or array.state == "undecided" else "right, and 0 at every point tried"
    if array.state.startswith("of shape"):
        return array.state
    where = f"[{', '.join(map(str, array.element))}]" if array.element else ""
    line = line_of(array.place)
    at = at.format(line) if line else ""
    if array.got == array.expected == 0:  # the state says it all
        return array.state + at
    return f"{array.state}: {where or 'it'} is {array.got:.10g}, should be {array.expected:.10g}{at}"
