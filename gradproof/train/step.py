"""A training step with all that is needed to judge it, the count of proven steps, and the errors for a wrong one."""

from typing import NamedTuple

from gradproof.errors import GradproofError
from gradproof.numerics.verdict import Finding
from gradproof.problem import Answer, Parameters, Problem


class Proven(NamedTuple):
    """What has been judged of a training so far."""

    steps: int = 0
    verified: int = 0  # the other steps are undecided: a bound is infinite
    elements: int = 0
    worst: float = 0.0  # the largest |got − expected| in units of its bound
    narrow: int = 0  # undecided because no gradient of a layer exceeds its bound; the rest because of possible overflow

    def __add__(self, more: "Proven") -> "Proven":  # type: ignore[override]
        worst, narrow = max(self.worst, more.worst), self.narrow + more.narrow
        steps, verified = self.steps + more.steps, self.verified + more.verified
        return Proven(steps, verified, self.elements + more.elements, worst, narrow)

    def doubts(self, steps: int, backend: str, dtype: str, init: str) -> str:
        """Return why some of these steps are not verified and what to try, or "" if all are."""
        wider = "" if dtype == "float64" else "--dtype float64"
        tighter = "--backend handcrafted, whose bounds are tighter" if backend == "reference" else ""
        start = "--init scaled" if init == "normal" else ""
        reasons = [
            (
                self.narrow,
                f"cannot be told from steps not taken, since no gradient of a layer exceeds its bound in {dtype}, as in"
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
    """One step: where it was taken, what the network computed there, and where it led."""

    problem: Problem
    claim: Answer  # for a stack of one
    after: Parameters
    eta: float
    backend: str  # the network that took it


ANY_SLIP = (
    ArithmeticError,
    AttributeError,
    LookupError,
    NameError,
    TypeError,
    ValueError,
)  # what a wrong equation may raise


class StepError(GradproofError):
    """A step was refuted."""

    exit_code = 1

    def __init__(self, number: int, finding: Finding, step: Step) -> None:
        where = f"{finding.equation} at layer {finding.layer}"
        self.said = f"step {number} is refuted: {where} {_said(finding)}"
        super().__init__(self.said)
        self.number, self.finding, self.step = number, finding, step

    def kept(self, where: str) -> "StepError":
        """Add to the message where the recorded step can be found, and return the same error."""
        GradproofError.__init__(self, f"{self.said}; {where}")
        return self


class BrokenError(GradproofError):
    """A network raises an exception instead of giving an answer."""

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
