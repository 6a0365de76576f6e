"""The difference quotient of the program's own cost by one element of a parameter, without any derivative."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from gradproof.exact.rules import Ball
from gradproof.exact.run import BITS, Reading, UndecidedError
from gradproof.judge.find.examples import Subject
from gradproof.judge.find.observation import observe
from gradproof.judge.find.scene import Nudge
from gradproof.judge.lines.annotation import shown
from gradproof.judge.outcome import SECONDS, Outcome, against
from gradproof.judge.trial.comparison import Compared
from gradproof.judge.trial.execution import ExactRun, SubjectError, guarded

H = 2.0**-20  # change of an element, with which the quotient is right to about twelve digits
SEEDS = range(2, 10)  # the first at which the array is wrong is taken


class Quotient(NamedTuple):
    """(C(w + h) − C(w − h)) / 2h for an element w."""

    array: Compared  # with the element, how it moves, and how it should
    value: float

    def told(self, gradients: bool) -> str:
        """Say in words what the quotient is and, if parameters move, by what multiple of it a right one moves."""
        where = f"[{', '.join(map(str, self.array.element))}]" if self.array.element else ""
        name = f"{shown(self.array.name)}{where}"
        said = f"(C({name} + h) − C({name} − h)) / 2h is {self.value:.6g} for h = 2⁻²⁰"
        rate = self.array.expected / self.value if self.value else 0.0
        return said if gradients else f"{said}; the right step is {rate:.6g} times that"


def difference_quotient(subject: Subject, outcome: Outcome, path: str) -> Quotient | None:
    """Return the quotient of the element that shows best that this array is wrong.

    None if the program has no cost of its own, if it is slow, or if it is unknown how far the array should move.
    """
    for seed in SEEDS if not subject.explored.is_slow else ():
        try:
            compared, _ = _compared(subject, outcome, seed)
            array = next(array for array in compared if array.name == path)
            if array.state == "right" or not array.expected:
                continue
            (_, above), (_, below) = (_compared(subject, outcome, seed, Nudge(path, array.element, h)) for h in (H, -H))
            return Quotient(array, float(((above - below) / (2 * H)).mid()))
        except (SubjectError, UndecidedError, LookupError):
            continue
    return None


def _compared(
    subject: Subject, outcome: Outcome, seed: int, nudge: Nudge | None = None
) -> tuple[Sequence[Compared], Ball]:
    """Compare each array, and return the cost as well; LookupError if there is none.

    With a nudge, which changes one element of a parameter, return only the cost.
    """
    step = subject.explored.step
    assert step is not None
    reading = outcome.tried.reading if outcome.tried else Reading.EXACT
    with ExactRun(reading, BITS, seed), guarded("the program", SECONDS):
        what = observe(replace(subject.explored.scene, nudge=nudge), step, subject.calls, seed)
        cost = (what.costs | what.scalars)[outcome.cost]
        return ([] if nudge else against(what, cost)), cost.value
