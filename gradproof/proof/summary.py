"""Sums up a run of the theorem: a row for each equation, the root faults, the verdict."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradproof.numerics.verdict import GUARD, Finding, Verdict
from gradproof.problem import Problem
from gradproof.proof.theorem import ALONE, END_TO_END, Judged

CAUSES = {"C": "C", "δ": "BP2", "∂C/∂b": "BP3", "∂C/∂w": "BP4"}  # the equation to blame if only an effect is wrong


class Row(NamedTuple):
    """The result of one equation over all layers of all networks."""

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
    judged: Judged  # the stack with the worst element

    def __repr__(self) -> str:
        return f"{self.equation} at layer {self.layer}, {self.elements} elements on {self.networks} networks"


class Summary(NamedTuple):
    verdict: Verdict
    architectures: int
    digits: int
    elements: int
    discriminating: float  # share of the elements of BP1 … BP4, each by itself, whose bound is below 1e-3 of them
    end_to_end: float  # the same for δ, ∂C/∂b, ∂C/∂w end to end, where float32 rounding leaves few
    sharp_networks: float  # share of the networks for which `discriminated` holds
    undecided: int  # elements without a finite bound
    vanished: int  # elements that are exactly 0 though nothing requires it, each undecided
    rows: list[Row]
    faults: list[Fault]  # in the order of the algorithm: the first is the root
    worst: tuple[Judged, Finding] | None


def summary(run: Sequence[Judged]) -> Summary:
    """Sum up a run: refuted if one element is outside its bound, verified if enough of them discriminate."""
    findings = [(judged, finding) for judged in run for finding in judged.findings]
    elements = _sum(f.elements for _, f in findings)
    sharp = [discriminated(judged) for judged in run]
    sharp_networks = float(np.concatenate(sharp).mean()) if sharp else 0.0
    undecided = _sum(f.undecided for _, f in findings)
    vanished = _sum(f.vanished for _, f in findings)
    faults = _faults(findings)
    return Summary(
        decided(bool(faults), sharp_networks, undecided),
        sum(len(j.stack.x) for j in run if j.source != "digits"),
        sum(len(j.stack.x) * j.stack.x.shape[-1] for j in run if j.source == "digits"),
        elements,
        _share(finding for _, finding in findings if finding.equation in ALONE[2:]),
        _share(finding for _, finding in findings if finding.equation in END_TO_END[1:]),
        sharp_networks,
        undecided,
        vanished,
        [row for name in (*ALONE, *END_TO_END) if (row := _row(name, findings)).networks],
        faults,
        max(findings, key=lambda pair: pair[1].ratio, default=None),
    )


def decided(refuted: bool, sharp_networks: float, undecided: int) -> Verdict:
    """Return the verdict on a run, which is not verified unless enough networks could have been refuted."""
    if refuted:
        return Verdict.REFUTED
    return Verdict.VERIFIED if sharp_networks >= GUARD and not undecided else Verdict.UNDECIDED


def place(judged: Judged, finding: Finding) -> str:
    """Describe where a finding's worst element is: network and regime, or digits, then layer, row and column."""
    row_column = ",".join(map(str, finding.element))
    kind = judged.source if judged.source == "digits" else f"{judged.first + finding.network} {judged.source}"
    return f"{kind}, layer {finding.layer} [{row_column}]"


def record(finding: Finding) -> dict[str, Any]:
    """Return a finding's worst element for --json."""
    return {
        "equation": finding.equation,
        "layer": finding.layer,
        "index": list(finding.element),
        "got": _number(finding.got),
        "expected": _number(finding.expected),
        "bound": _number(finding.bound),
        "ratio": _number(finding.ratio),
    }


def explained(result: Summary, problem: Problem | None, again: str) -> list[str]:
    """Return the verdict and its reasons as lines; `again` is the command that ran, to be completed by --network."""
    counts = f"{result.architectures:,} random architectures"
    if result.digits:
        counts += f" and {result.digits:,} real digits"
    share = math.floor(1e4 * result.discriminating) / 100
    sharp = f"{result.elements:,} elements; {share:g} % of BP1 to BP4 have a bound below 1/1000 of their value"
    if result.vanished:
        sharp += f"; {result.vanished:,} are exactly 0, about which nothing can be decided"
    if not result.faults:
        if result.verdict == "refuted":
            return [f"refuted: some answers on {counts} are proven to be outside their radius", sharp]
        if result.verdict == "verified":
            return [f"verified: handcrafted agrees with autodiff on {counts}", sharp]
        return [
            f"undecided: nothing is wrong on {counts}, but too little could be decided",
            f"{sharp}",
            f"{result.undecided:,} have no finite bound; try --dtype float64 or more --architectures",
        ]
    fault = result.faults[0]
    worst, judged = fault.worst, fault.judged
    number = judged.first + worst.network
    lines = [f"refuted: {fault.equation} at layer {fault.layer} is wrong on {_networks(fault.networks)}"]
    if worst.trouble:
        lines.append(f"it {worst.trouble}")
    else:
        low, high = worst.expected - worst.bound, worst.expected + worst.bound
        lines.append(f"element {list(worst.element)} is {worst.got!r}, off by {worst.ratio:.3g} times the bound")
        lines.append(f"allowed is {low!r} to {high!r}")
    lines += [f"also wrong: {f.equation} at layer {f.layer}" for f in result.faults[1:6]]
    if judged.source != "digits":
        lines.append(f"again: {again} --network {number}")
    if problem is not None:
        lines.append(f"smallest network that shows it: {problem.sizes}, {problem.x.shape[1]} example(s)")
    return lines


def order(equation: str, layer: int) -> tuple[int, int]:
    """Sort key for the order of the algorithm: z and a layer by layer upwards, δ from the last layer down."""
    names = (*ALONE, "C")
    return names.index("z" if equation == "a" else equation), -layer if equation == "BP2" else layer


def _faults(findings: Sequence[tuple[Judged, Finding]]) -> list[Fault]:
    """Return the refuted equations; C, δ, ∂C/∂b and ∂C/∂w count only if no equation is wrong by itself."""
    wrong = [pair for pair in findings if pair[1].verdict is Verdict.REFUTED]
    alone = [pair for pair in wrong if pair[1].equation in ALONE]
    groups: dict[tuple[str, int], list[tuple[Judged, Finding]]] = {}
    for judged, finding in alone or wrong:
        last = finding.layer == len(judged.stack.weights)
        cause = "BP1" if finding.equation == "δ" and last else CAUSES.get(finding.equation, finding.equation)
        groups.setdefault((cause, finding.layer), []).append((judged, finding))

    faults = []
    for (equation, layer), pairs in sorted(groups.items(), key=lambda item: order(*item[0])):
        drawn = [pair for pair in pairs if pair[0].source != "digits"]  # these can be drawn again by number
        judged, worst = max(drawn or pairs, key=lambda pair: pair[1].ratio)
        refuted = [finding.refuted for _, finding in pairs]
        wrong_in: dict[int, Any] = {}
        for judged_, finding in pairs:
            wrong_in[id(judged_)] = wrong_in.get(id(judged_), False) | (finding.refuted > 0)
        networks = _sum(wrong_in.values())
        faults.append(Fault(equation, layer, networks, _sum(refuted), worst, judged))
    return faults


def _row(equation: str, findings: Sequence[tuple[Judged, Finding]]) -> Row:
    own = [pair for pair in findings if pair[1].equation == equation]
    if not own:
        return Row(equation, 0, 0, 0.0, "")
    judged, worst = max(own, key=lambda pair: pair[1].ratio)
    stacks = {id(j): len(j.stack.x) for j, _ in own}
    return Row(equation, sum(stacks.values()), _sum(f.elements for _, f in own), worst.ratio, place(judged, worst))


def discriminated(judged: Judged) -> Any:
    """Whether at least half of the elements of every equation that counts discriminate, for each network, (N,)."""
    enough = np.ones(len(judged.stack.x), bool)
    # With 784 products a neuron, z and a of float32 digits discriminate little; BP1 to BP4 stay sharp.
    names = ALONE[2:] if judged.source == "digits" else ALONE
    # End to end, float32 rounding leaves little that discriminates; in float64 a bound that is too loose must show.
    for equation in (*names, *END_TO_END) if judged.stack.x.dtype == np.float64 else names:
        own = [finding for finding in judged.findings if finding.equation == equation]
        enough &= 2 * sum(f.discriminating for f in own) >= sum(f.telling for f in own)
    return enough


def _share(findings: Iterable[Finding]) -> float:
    """Return the share of the elements that discriminate among those that could."""
    own = list(findings)
    telling = _sum(f.telling for f in own)
    return _sum(f.discriminating for f in own) / telling if telling else 0.0


def _networks(count: int) -> str:
    return f"{count:,} network" + "s" * (count != 1)


def _sum(arrays: Iterable[Any]) -> int:
    return sum(int(array.sum()) for array in arrays)


def _number(value: float) -> float | None:
    """Return None for NaN and infinity, which JSON does not have."""
    return value if np.isfinite(value) else None
