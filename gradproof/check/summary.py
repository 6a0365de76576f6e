"""What a run of the theorem comes to: a row an equation, the root faults, the verdict."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradproof.check.theorem import ALONE, END_TO_END, Judged
from gradproof.numerics.verdict import GUARD, Finding, Verdict

CAUSES = {"C": "C", "δ": "BP2", "∂C/∂b": "BP3", "∂C/∂w": "BP4"}  # where an effect is seen without its cause


class Row(NamedTuple):
    """One equation over all layers of all networks."""

    equation: str
    networks: int
    elements: int
    ratio: float  # worst |got − expected| / bound
    where: str


class Fault(NamedTuple):
    """One equation that is wrong in one layer."""

    equation: str
    layer: int
    networks: int
    elements: int
    worst: Finding
    judged: Judged  # the stack in which it is worst


class Summary(NamedTuple):
    verdict: Verdict
    architectures: int
    digits: int
    elements: int
    discriminating: float  # share of the elements of δ, ∂C/∂b, ∂C/∂w whose bound is below 1e-3 of them
    sharp_networks: float  # share of the networks in which at least half of these elements discriminate
    undecided: int  # elements without a finite bound
    rows: list[Row]
    faults: list[Fault]  # in the order in which the algorithm computes them: the first is the root
    worst: tuple[Judged, Finding] | None


def summary(run: Sequence[Judged]) -> Summary:
    """The verdict: refuted if one element is outside its bound, verified if enough of them could have been."""
    findings = [(judged, finding) for judged in run for finding in judged.findings]
    results = [finding for _, finding in findings if finding.equation in END_TO_END[1:]]
    elements, telling = _sum(f.elements for _, f in findings), _sum(f.telling for f in results)
    sharp = [_sharp(judged) for judged in run]
    sharp_networks = float(np.concatenate(sharp).mean()) if sharp else 0.0
    undecided = _sum(f.undecided for _, f in findings)
    faults = _faults(findings)
    if faults:
        verdict = Verdict.REFUTED
    else:
        verdict = Verdict.VERIFIED if sharp_networks >= GUARD and not undecided else Verdict.UNDECIDED
    return Summary(
        verdict,
        sum(len(j.stack.x) for j in run if j.source != "digits"),
        sum(len(j.stack.x) * j.stack.x.shape[-1] for j in run if j.source == "digits"),
        elements,
        _sum(f.discriminating for f in results) / telling if telling else 0.0,
        sharp_networks,
        undecided,
        [row for name in (*ALONE, *END_TO_END) if (row := _row(name, findings)).networks],
        faults,
        max(findings, key=lambda pair: pair[1].ratio, default=None),
    )


def place(judged: Judged, finding: Finding) -> str:
    """Where a finding's worst element stands: the network and its regime, or the digits; layer; row and column."""
    kind = judged.source if judged.source == "digits" else f"{judged.first + finding.network} {judged.source}"
    return f"{kind}, layer {finding.layer} {list(finding.element)}"


def record(finding: Finding) -> dict[str, Any]:
    """A finding's worst element for --json."""
    return {
        "equation": finding.equation,
        "layer": finding.layer,
        "index": list(finding.element),
        "got": _number(finding.got),
        "expected": _number(finding.expected),
        "bound": _number(finding.bound),
        "ratio": _number(finding.ratio),
    }


def _faults(findings: Sequence[tuple[Judged, Finding]]) -> list[Fault]:
    """The refuted equations; δ, ∂C/∂b and ∂C/∂w are blamed only where no single equation is found wrong."""
    wrong = [pair for pair in findings if pair[1].verdict is Verdict.REFUTED]
    alone = [pair for pair in wrong if pair[1].equation in ALONE]
    groups: dict[tuple[str, int], list[tuple[Judged, Finding]]] = {}
    for judged, finding in alone or wrong:
        last = finding.layer == len(judged.stack.weights)
        cause = "BP1" if finding.equation == "δ" and last else CAUSES.get(finding.equation, finding.equation)
        groups.setdefault((finding.trouble or cause, finding.layer), []).append((judged, finding))

    def order(key: tuple[str, int]) -> tuple[int, int]:
        names = ("dtype", "shape", *ALONE, "C")
        forward = key[0] in ("z", "a")
        # z and a are computed together, layer by layer upwards; δ from the last layer down.
        return (names.index("z") if forward else names.index(key[0]), -key[1] if key[0] == "BP2" else key[1])

    faults = []
    for (equation, layer), pairs in sorted(groups.items(), key=lambda item: order(item[0])):
        judged, worst = max(pairs, key=lambda pair: pair[1].ratio)
        refuted = [finding.refuted for _, finding in pairs]
        networks = sum(int((array > 0).sum()) for array in refuted)
        faults.append(Fault(equation, layer, networks, _sum(refuted), worst, judged))
    return faults


def _row(equation: str, findings: Sequence[tuple[Judged, Finding]]) -> Row:
    own = [pair for pair in findings if pair[1].equation == equation]
    if not own:
        return Row(equation, 0, 0, 0.0, "")
    judged, worst = max(own, key=lambda pair: pair[1].ratio)
    stacks = {id(j): len(j.stack.x) for j, _ in own}
    return Row(equation, sum(stacks.values()), _sum(f.elements for _, f in own), worst.ratio, place(judged, worst))


def _sharp(judged: Judged) -> Any:
    """For each network whether at least half of its elements discriminate, (N,)."""
    results = [finding for finding in judged.findings if finding.equation in END_TO_END[1:]]
    seen = sum(f.discriminating for f in results)
    return (2 * seen >= sum(f.telling for f in results)) & (seen > 0)


def _sum(arrays: Iterable[Any]) -> int:
    return sum(int(array.sum()) for array in arrays)


def _number(value: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return value if np.isfinite(value) else None
