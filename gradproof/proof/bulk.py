"""The theorem in parts: what one stack has come to, as a line of a log, and what all the lines come to together.

A part holds counts and the worst ratios, no networks: any of them is drawn and judged again from its number.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from numpy.typing import DTypeLike

import handcrafted
import reference
from gradproof import numerics, problem, proof
from gradproof.backends import Backend
from gradproof.numerics.verdict import Finding
from gradproof.proof import theorem
from gradproof.proof.summary import Fault, Row, Summary, decided, discriminated, order, summary
from gradproof.proof.theorem import ALONE, END_TO_END, Judged


class Part(NamedTuple):
    """One stack of the run, counted; a ratio is None where it is infinite, as JSON knows no infinity."""

    unit: int  # its number in theorem.units
    first: int  # its first network's number, which `gradproof check --network` takes; of digits, its mini-batch's
    source: str  # a regime, or "digits"
    networks: int
    examples: int  # of each network
    elements: int
    alone: tuple[int, int]  # of the elements of BP1 … BP4: how many discriminate, of how many that could
    end_to_end: tuple[int, int]  # the same of δ, ∂C/∂b and ∂C/∂w
    sharp: int  # networks in which in each equation at least half of the elements discriminate
    undecided: int
    vanished: int
    rows: dict[str, tuple[int, float | None, str]]  # equation → elements, worst ratio, where
    faults: list[tuple[str, int, bool, int, int, float | None]]  # equation, layer, alone, networks, elements, ratio


def sources() -> str:
    """SHA-256 over the code that a part comes from: claim, witness and court. Of other code it says nothing."""
    digest = hashlib.sha256(Path(problem.__file__).read_bytes())
    for package in (handcrafted, reference, numerics, proof):
        for room in sorted(package.__path__):
            for file in sorted(Path(room).rglob("*.py")):
                content = file.read_bytes()
                digest.update(f"{package.__name__} {file.relative_to(room)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def part(unit: int, judged: Judged) -> Part:
    """What there is to remember of a stack that has been judged."""
    result, (networks, _, examples) = summary([judged]), judged.stack.x.shape
    return Part(
        unit,
        judged.first,
        judged.source,
        networks,
        examples,
        result.elements,
        _discriminating(judged.findings, ALONE[2:]),
        _discriminating(judged.findings, END_TO_END[1:]),
        int(discriminated(judged).sum()),
        result.undecided,
        result.vanished,
        {row.equation: (row.elements, _finite(row.ratio), row.where) for row in result.rows},
        [
            (f.equation, f.layer, f.worst.equation in ALONE, f.networks, f.elements, _finite(f.worst.ratio))
            for f in result.faults
        ],
    )


def merged(backend: Backend, parts: Sequence[Part], count: int, seed: int, dtype: DTypeLike) -> Summary:
    """The summary of all the parts, as one process would have made it; the worst stacks are judged once more."""

    def again(unit: int) -> Summary:
        return summary(list(theorem.chosen(backend, [unit], count, seed, dtype)))

    networks, undecided = sum(p.networks for p in parts), sum(p.undecided for p in parts)
    sharp = sum(p.sharp for p in parts) / networks if networks else 0.0
    drawn = sum(p.networks for p in parts if p.source != "digits")
    worst = max(parts, key=lambda p: max(_number(row[1]) for row in p.rows.values()), default=None)
    return Summary(
        decided(any(p.faults for p in parts), sharp, undecided),
        drawn,
        sum(p.networks * p.examples for p in parts if p.source == "digits"),
        sum(p.elements for p in parts),
        _share(p.alone for p in parts),
        _share(p.end_to_end for p in parts),
        sharp,
        undecided,
        sum(p.vanished for p in parts),
        [row for name in (*ALONE, *END_TO_END) if (row := _row(name, parts)).networks],
        _faults(parts, again),
        again(worst.unit).worst if worst else None,
    )


def _row(equation: str, parts: Sequence[Part]) -> Row:
    own = [(p.networks, *p.rows[equation]) for p in parts if equation in p.rows]
    if not own:
        return Row(equation, 0, 0, 0.0, "")
    _, _, ratio, where = max(own, key=lambda row: _number(row[2]))
    return Row(equation, sum(row[0] for row in own), sum(row[1] for row in own), _number(ratio), where)


def _faults(parts: Sequence[Part], again: Callable[[int], Summary]) -> list[Fault]:
    """The faults as in a run of one process: the counts of all parts, and the worst network, judged again."""
    any_alone = any(alone for p in parts for _, _, alone, *_ in p.faults)
    seen: dict[tuple[str, int], list[tuple[bool, float, int, int, int]]] = {}
    for p in parts:
        for equation, layer, alone, networks, elements, ratio in p.faults:
            if alone or not any_alone:
                fault = (p.source != "digits", _number(ratio), p.unit, networks, elements)
                seen.setdefault((equation, layer), []).append(fault)
    faults = []
    for equation, layer in sorted(seen, key=lambda key: order(*key)):
        found = seen[equation, layer]
        _, _, unit, _, _ = max(found)
        worst = next(f for f in again(unit).faults if (f.equation, f.layer) == (equation, layer))
        faults.append(worst._replace(networks=sum(f[3] for f in found), elements=sum(f[4] for f in found)))
    return faults


def sample(backend: Backend, count: int, seed: int, dtype: DTypeLike, networks: int) -> list[Judged]:
    """The digits and some of the random stacks, evenly over the run, judged again: what the truth is asked about."""
    first, last = len(theorem.DIGIT_NETWORKS), theorem.units(count)
    step = max(1, (last - first) // networks)
    return list(
        theorem.chosen(backend, [*range(first), *range(first, last, step)][: first + networks], count, seed, dtype)
    )


def _discriminating(findings: Sequence[Finding], names: Sequence[str]) -> tuple[int, int]:
    own = [finding for finding in findings if finding.equation in names]
    return sum(int(f.discriminating.sum()) for f in own), sum(int(f.telling.sum()) for f in own)


def _share(counts: Iterable[tuple[int, int]]) -> float:
    some, of = (sum(column) for column in zip(*counts, strict=True))
    return some / of if of else 0.0


def _finite(ratio: float) -> float | None:
    return ratio if math.isfinite(ratio) else None


def _number(ratio: float | None) -> float:
    return math.inf if ratio is None else ratio
