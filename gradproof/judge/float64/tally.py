"""Totals over judged stacks in which nothing is wrong: counts and the worst element, but no networks."""

from collections import Counter
from collections.abc import Iterable

from gradproof.judge.float64 import points
from gradproof.numerics.verdict import Finding
from gradproof.proof.part import part
from gradproof.proof.summary import Summary
from gradproof.proof.theorem import Judged
from gradproof.proof.total import Total, summed


class Tally:
    """Totals over all stacks that were added."""

    def __init__(self, found: Iterable[Judged] = ()) -> None:
        self.total, self.counts = Total(), Counter[tuple[str, str]]()
        self.worst: tuple[Judged, Finding] | None = None
        self.add(found)

    def add(self, found: Iterable[Judged]) -> None:
        """Add these stacks to the totals."""
        for judged in found:
            self.total.add(part(self.total.sums["stacks"], judged))
            self.counts.update(points.count_decided(judged))
            for finding in judged.findings:
                if self.worst is None or finding.ratio > self.worst[1].ratio:
                    self.worst = judged, finding

    def summary(self) -> Summary:
        """Return one summary of all stacks."""
        return summed(self.total, [], self.worst)

    def undecided(self) -> set[str]:
        """Return the equations of which too little can be decided."""
        return points.undecided(self.counts)
