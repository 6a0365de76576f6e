"""Adds up parts in any order, in memory that does not grow with their number."""

from collections import Counter
from collections.abc import Iterable, Iterator

from gradproof.numerics.verdict import Finding
from gradproof.proof.part import Part, number
from gradproof.proof.summary import Fault, Row, Summary, decided
from gradproof.proof.theorem import ALONE, END_TO_END, Judged

Worst = tuple[float, int]  # ratio and −(number of its stack), so that of equal ratios the first stack's is the worst


class Total:
    """The counts of all parts that were added."""

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        self.sums: Counter[str] = Counter()
        self.rows: dict[str, tuple[Worst, str, int, int]] = {}  # equation → worst, where, networks, elements
        self.faults: dict[tuple[str, int, bool], tuple[bool, Worst, int, int]] = {}  # … → drawn, worst, counts
        self.worst: Worst | None = None
        for part in parts:
            self.add(part)

    def add(self, part: Part) -> None:
        """Add the counts of one more stack."""
        digits = part.source == "digits"
        self.sums["stacks"] += 1
        self.sums["refuted"] += bool(part.faults)
        self.sums["digits" if digits else "drawn"] += part.networks * (part.examples if digits else 1)
        for name in ("networks", "elements", "sharp", "undecided", "vanished"):
            self.sums[name] += getattr(part, name)
        for name in ("alone", "end_to_end"):
            some, of = getattr(part, name)
            self.sums[name] += some
            self.sums[f"{name} telling"] += of
        for equation, (elements, ratio, where) in part.rows.items():
            own = (number(ratio), -part.unit), where
            worst, place, n, seen = self.rows.get(equation, (*own, 0, 0))
            self.rows[equation] = (*max(own, (worst, place)), n + part.networks, seen + elements)
            self.worst = max(own[0], self.worst or own[0])
        for equation, layer, alone, networks, elements, ratio in part.faults:
            fault = not digits, (number(ratio), -part.unit)
            drawn, worst, n, seen = self.faults.get((equation, layer, alone), (*fault, 0, 0))
            self.faults[equation, layer, alone] = (*max(fault, (drawn, worst)), n + networks, seen + elements)


def summed(total: Total, faults: list[Fault], worst: tuple[Judged, Finding] | None) -> Summary:
    """Return the summary of a total. It has only counts, so the faults and the worst element are arguments."""
    sums = total.sums
    sharp = sums["sharp"] / sums["networks"] if sums["networks"] else 0.0
    return Summary(
        decided(bool(total.faults), sharp, sums["undecided"]),
        sums["drawn"],
        sums["digits"],
        sums["elements"],
        sums["alone"] / (sums["alone telling"] or 1),
        sums["end_to_end"] / (sums["end_to_end telling"] or 1),
        sharp,
        sums["undecided"],
        sums["vanished"],
        list(_rows(total)),
        faults,
        worst,
    )


def _rows(total: Total) -> Iterator[Row]:
    for equation in (*ALONE, *END_TO_END):
        if equation in total.rows:
            (ratio, _), where, networks, elements = total.rows[equation]
            yield Row(equation, networks, elements, ratio, where)
