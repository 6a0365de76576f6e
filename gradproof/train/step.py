"""A step of descent as evidence: what was claimed where it was taken, and what has been proven of such steps."""

from typing import NamedTuple

from gradproof.errors import GradproofError
from gradproof.numerics.verdict import Finding
from gradproof.problem import Answer, Parameters, Problem


class Proven(NamedTuple):
    """What of a training has been judged so far."""

    steps: int = 0
    verified: int = 0  # the others are undecided: an infinite bound
    elements: int = 0
    worst: float = 0.0  # the largest |got − expected| in units of its bound
    narrow: int = 0  # undecided since no gradient of a layer exceeds its bound; the rest since rounding may overflow

    def __add__(self, more: "Proven") -> "Proven":  # type: ignore[override]
        worst, narrow = max(self.worst, more.worst), self.narrow + more.narrow
        steps, verified = self.steps + more.steps, self.verified + more.verified
        return Proven(steps, verified, self.elements + more.elements, worst, narrow)

    def doubts(self, steps: int, backend: str, dtype: str, init: str) -> str:
        """Why not all of these steps are verified, and what to do; "" if all are."""
        wider = "" if dtype == "float64" else "--dtype float64"
        tighter = "--backend handcrafted, whose bounds are tighter" if backend == "reference" else ""
        start = "--init scaled" if init == "normal" else ""
        reasons = [
            (
                self.narrow,
                f"look like steps not taken, since no gradient of a layer exceeds its bound in {dtype}, as in"
                " wide networks and at saturated neurons",
                [wider, tighter] if wider or tighter else [start, "a smaller network"],
            ),
            (
                self.steps - self.verified - self.narrow,
                f"come to numbers so large that {dtype} may overflow",
                [wider, start, "a smaller --eta"],
            ),
            (steps - self.steps, "were taken without --verify", ["a new run with --verify"]),
        ]
        return "; and ".join(
            f"{count} of {steps} steps {reason}; try {' or '.join(filter(None, advice))}"
            for count, reason, advice in reasons
            if count
        )


class Step(NamedTuple):
    """One step: where it was taken, what was claimed there, and where it led."""

    problem: Problem
    claim: Answer  # of a stack of one
    after: Parameters
    eta: float
    backend: str  # which of the two networks took it


ANY_SLIP = (
    ArithmeticError,
    AttributeError,
    LookupError,
    NameError,
    TypeError,
    ValueError,
)  # what a wrong equation raises


class StepError(GradproofError):
    """A step that is wrong."""

    exit_code = 1

    def __init__(self, number: int, finding: Finding, step: Step) -> None:
        where = f"{finding.equation} at layer {finding.layer}"
        self.said = f"step {number} is refuted: {where} {_said(finding)}"
        super().__init__(self.said)
        self.number, self.finding, self.step = number, finding, step

    def kept(self, where: str) -> "StepError":
        """The same error, which says also where the step can be seen again."""
        GradproofError.__init__(self, f"{self.said}; {where}")
        return self


class BrokenError(GradproofError):
    """A network that raises where it should answer."""

    exit_code = 1

    def __init__(self, backend: str, where: str, error: Exception) -> None:
        said = f"{type(error).__name__}: {' '.join(str(error).split())}"
        super().__init__(f"{backend} has no answer {where}: {said}; `gradproof prove` says which equation is wrong")


def _said(f: Finding) -> str:
    if f.trouble:
        return f.trouble
    row, column = f.element
    interval = f"{f.expected:.9g} ± {f.bound:.2g}"
    return f"is {f.got:.9g} in row {row}, column {column}, should be {interval}; off by {f.ratio:.3g} times the bound"
