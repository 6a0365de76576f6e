"""The theorem in parts: what all of them come to together, in whichever order and by whomever they were judged.

The memory that this takes does not grow with their number.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from numpy.typing import DTypeLike

import handcrafted
import reference
from gradproof import numerics, problem, proof
from gradproof.backends import Backend
from gradproof.errors import DataError
from gradproof.proof import theorem
from gradproof.proof.part import Part, number
from gradproof.proof.summary import Fault, Row, Summary, decided, order, summary
from gradproof.proof.theorem import ALONE, END_TO_END, Judged

Worst = tuple[float, int]  # a ratio and the stack it is in, negative: of equal ratios the first stack's is the worst


class Total:
    """All parts that were added, counted together."""

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        self.sums: Counter[str] = Counter()
        self.rows: dict[str, tuple[Worst, str, int, int]] = {}  # equation → worst, where, networks, elements
        self.faults: dict[tuple[str, int, bool], tuple[bool, Worst, int, int]] = {}  # … → drawn, worst, counts
        self.worst: Worst | None = None
        for part in parts:
            self.add(part)

    def add(self, part: Part) -> None:
        """Count one more stack."""
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


def sources() -> str:
    """SHA-256 over the code that a part comes from: claim, witness and court. Of other code it says nothing."""
    digest = hashlib.sha256(Path(problem.__file__).read_bytes())
    for package in (handcrafted, reference, numerics, proof):
        for room in sorted(package.__path__):
            for file in sorted(Path(room).rglob("*.py")):
                content = file.read_bytes()
                digest.update(f"{package.__name__} {file.relative_to(room)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def merged(backend: Backend, total: Total, count: int, seed: int, dtype: DTypeLike) -> Summary:
    """The summary of all that was added, as of all stacks at once; the worst stacks are judged once more."""

    def again(worst: Worst) -> Summary:
        return summary(list(theorem.chosen(backend, [-worst[1]], count, seed, dtype)))

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
        list(_faults(total, again)),
        again(total.worst).worst if total.worst else None,
    )


def _rows(total: Total) -> Iterator[Row]:
    for equation in (*ALONE, *END_TO_END):
        if equation in total.rows:
            (ratio, _), where, networks, elements = total.rows[equation]
            yield Row(equation, networks, elements, ratio, where)


def _faults(total: Total, again: Callable[[Worst], Summary]) -> Iterator[Fault]:
    """The faults as in a run of one process: the counts of all parts, and the worst network, judged again."""
    any_alone = any(alone for *_, alone in total.faults)
    for equation, layer, alone in sorted(total.faults, key=lambda key: order(*key[:2])):
        if alone or not any_alone:
            _, worst, networks, elements = total.faults[equation, layer, alone]
            found = [f for f in again(worst).faults if (f.equation, f.layer) == (equation, layer)]
            if not found:
                raise DataError(f"{equation} at layer {layer} was refuted in stack {-worst[1]} and now it is not")
            yield found[0]._replace(networks=networks, elements=elements)


def sampled(count: int, networks: int) -> list[int]:
    """The digits and some of the random stacks, evenly over the run: what the truth is asked about."""
    first, last = len(theorem.DIGIT_NETWORKS), theorem.units(count)
    step = max(1, (last - first) // networks)
    return [*range(first), *range(first, last, step)][: first + networks]


def sample(backend: Backend, count: int, seed: int, dtype: DTypeLike, networks: int) -> list[Judged]:
    """These stacks, judged again."""
    return list(theorem.chosen(backend, sampled(count, networks), count, seed, dtype))
