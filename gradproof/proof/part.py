"""The result of one stack of the theorem: counts and worst ratios, without the networks.

Each of its networks can be drawn and judged again from its number.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gradproof.errors import DataError
from gradproof.numerics.verdict import Finding
from gradproof.proof import theorem
from gradproof.proof.summary import discriminated, summary
from gradproof.proof.theorem import ALONE, END_TO_END, Judged


class Part(NamedTuple):
    """The counts of one stack of the run. An infinite ratio is None, because JSON has no infinity."""

    unit: int  # its number in theorem.units
    first: int  # number of its first network, as for `gradproof prove --network`, or of its first mini-batch of digits
    source: str  # a regime, or "digits"
    networks: int
    examples: int  # of each network
    elements: int
    alone: tuple[int, int]  # elements of BP1 … BP4: how many discriminate, and how many could
    end_to_end: tuple[int, int]  # the same for δ, ∂C/∂b and ∂C/∂w
    sharp: int  # networks in which at least half of the elements of each equation discriminate
    undecided: int
    vanished: int
    rows: dict[str, tuple[int, float | None, str]]  # equation → elements, worst ratio, where
    faults: list[tuple[str, int, bool, int, int, float | None]]  # equation, layer, alone, networks, elements, ratio


def part(unit: int, judged: Judged) -> Part:
    """Return the counts to keep of a judged stack."""
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


def read(said: Mapping[str, Any], count: int, seed: int) -> Part:
    """Return the part in a line of a log. DataError, with what does not fit, if it cannot belong to this run."""
    if said.keys() != set(Part._fields):
        raise DataError(f"its fields are {', '.join(said)}")
    found = Part(**said)
    if not _natural(found.unit, theorem.units(count) - 1):
        raise DataError(f"there is no stack {found.unit!r}")
    about = theorem.about(found.unit, count, seed)
    own = found.first, found.source, found.networks, found.examples
    if own != about or [type(value) for value in own] != [type(value) for value in about]:
        raise DataError(f"stack {found.unit} is {about}: first network, source, networks and examples")
    for name, sound in _soundness(found):
        if not sound:
            raise DataError(f"its {name} cannot be {said[name]!r}"[:200])
    return found


def number(ratio: float | None) -> float:
    """Return a ratio as a float, with ∞ for None."""
    return math.inf if ratio is None else ratio


def _soundness(p: Part) -> list[tuple[str, bool]]:
    """Return the name of each counted field, and whether its value is possible in this stack."""
    most = p.elements if _natural(p.elements) else 0
    rows = isinstance(p.rows, dict) and all(
        name in (*ALONE, *END_TO_END) and _typed(row, (_natural, _is_ratio, _is_text)) for name, row in p.rows.items()
    )
    shape = (_is_text, _natural, _is_flag, _natural, _natural, _is_ratio)
    faults = isinstance(p.faults, list) and all(_typed(fault, shape) and fault[3] <= p.networks for fault in p.faults)
    wrong = rows and any(number(ratio) > 1 for _, ratio, _ in p.rows.values())
    return [
        ("rows", rows),
        ("elements", _natural(p.elements) and rows and p.elements == sum(row[0] for row in p.rows.values())),
        ("alone", _is_share(p.alone, most)),
        ("end_to_end", _is_share(p.end_to_end, most)),
        ("sharp", _natural(p.sharp, p.networks)),
        ("undecided", _natural(p.undecided, most)),
        ("vanished", _natural(p.vanished, most)),
        ("faults", faults and bool(p.faults) == wrong),
    ]


def _natural(value: object, most: float = math.inf) -> bool:
    return type(value) is int and 0 <= value <= most


def _is_ratio(value: object) -> bool:
    return value is None or (type(value) in (int, float) and 0 <= value < math.inf)  # type: ignore[operator]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_share(value: Any, most: int) -> bool:
    return _typed(value, (_natural, _natural)) and value[0] <= value[1] <= most


def _typed(value: Any, kinds: Sequence[Any]) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) == len(kinds)
        and all(kind(entry) for kind, entry in zip(kinds, value, strict=True))
    )


def _discriminating(findings: Sequence[Finding], names: Sequence[str]) -> tuple[int, int]:
    own = [finding for finding in findings if finding.equation in names]
    return sum(int(f.discriminating.sum()) for f in own), sum(int(f.telling.sum()) for f in own)


def _finite(ratio: float) -> float | None:
    return ratio if math.isfinite(ratio) else None
