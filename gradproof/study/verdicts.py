"""The results for a line: each witness's testimony, the ruling, the smallest network and the outcome of the gate."""

from enum import StrEnum
from typing import Any, NamedTuple

from gradproof.numerics.verdict import Verdict
from gradproof.study.ledger import Claim, Code, Fact, Line
from gradproof.study.smallest import Smallest
from gradproof.study.tree import Node
from gradproof.study.witnesses.code import Anchored, Run


class Ruling(StrEnum):
    """What a line turns out to be. The witnesses' verdicts on its claims lead to it."""

    HOLDS = "holds"
    CONVENTION = "holds under a convention"
    WRONG = "wrong"
    NOT_MATHEMATICAL = "not a mathematical claim"
    VACUOUS = "proves nothing"
    UNDECIDED = "undecided"
    CODE = "does not fit its code"


class Testimony(NamedTuple):
    """One witness's answer on one claim."""

    witness: str
    verdict: Verdict
    said: str
    misfit: bool = False  # the claim is meaningless or not finite somewhere, and no number refutes it


class Heard(NamedTuple):
    """A reading of a claim, or its correction, with the testimonies on it."""

    name: str
    tree: Node
    testimonies: tuple[Testimony, ...]

    @property
    def verdict(self) -> Verdict:
        """Refuted if any witness refutes it, verified if one verifies it and none refutes it, else undecided."""
        said = {testimony.verdict for testimony in self.testimonies}
        if Verdict.REFUTED in said:
            return Verdict.REFUTED
        return Verdict.VERIFIED if Verdict.VERIFIED in said else Verdict.UNDECIDED

    @property
    def meaningless(self) -> str:
        """Where and why the claim means nothing, if that is the only ground for refuting it; else empty."""
        against = [testimony for testimony in self.testimonies if testimony.verdict is Verdict.REFUTED]
        return against[0].said if against and all(testimony.misfit for testimony in against) else ""


class Gate(NamedTuple):
    """How a claim that holds fares against its wrong neighbours, over all readings under which it holds."""

    tried: int
    rejected: int  # refuted by numbers
    meaningless: int  # on some network, and not refuted on the others
    same: tuple[str, ...]  # neighbours that the symbolic witness proves to be the same statement
    survivors: tuple[str, ...]
    trouble: str  # why the claim proves nothing; empty if it passes

    @property
    def passed(self) -> bool:
        return not self.trouble


class ClaimTried(NamedTuple):
    claim: Claim
    ruling: Ruling
    readings: tuple[Heard, ...]
    correction: Heard | None
    smallest: Smallest | None  # on which the claim, or a reading of it that fails, is false
    gate: Gate | None

    @property
    def meaningless(self) -> str:
        """Where and why it means nothing, if so under every reading and without a correction to say what was meant."""
        found = [heard.meaningless for heard in self.readings]
        return found[0] if all(found) and self.claim.correction is None else ""

    @property
    def trouble(self) -> str:
        """Why the claim is not settled: it proves nothing, or is wrong and has no correction that holds. Else empty."""
        if self.ruling is Ruling.VACUOUS:
            return f"it proves nothing: {self.gate.trouble}" if self.gate else "it proves nothing"
        if self.ruling is not Ruling.WRONG:
            return ""
        if self.correction is None:
            written = ", and what is written as its correction is not claimed anywhere" if self.claim.corrected else ""
            return f"it is wrong, and no correction is given{written}"
        return {
            Verdict.VERIFIED: "",
            Verdict.REFUTED: "it is wrong, and so is its correction",
            Verdict.UNDECIDED: "it is wrong, and its correction is undecided",
        }[self.correction.verdict]


class CodeTried(NamedTuple):
    code: Code
    anchored: Anchored
    run: Run | None

    @property
    def trouble(self) -> str:
        """Why the code does not implement the line; empty if it does."""
        if self.run is None:
            return f"it no longer contains {self.code.anchor!r}: the anchor has moved"
        return self.run.trouble or next((f"a mutant computes it as well: {s}" for s in self.run.survivors), "")

    @property
    def sound(self) -> bool:
        return not self.trouble


class FactTried(NamedTuple):
    fact: Fact
    found: Any
    how: str

    @property
    def holds(self) -> bool:
        return bool(self.found == self.fact.says)

    @property
    def trouble(self) -> str:
        """Why the fact is not settled, in words; empty if it is true, or its correction is."""
        if self.holds or self.found == self.fact.correction:
            return ""
        given = "and no correction is given" if self.fact.correction is None else "and neither is its correction"
        return f"that is not so, {given}"


class Tried(NamedTuple):
    line: Line
    ruling: Ruling
    claims: tuple[ClaimTried, ...]
    code: tuple[CodeTried, ...]
    facts: tuple[FactTried, ...]

    @property
    def corrected(self) -> tuple[str, ...]:
        """The corrections that hold, in LaTeX."""
        wrong = (c for c in self.claims if c.ruling is Ruling.WRONG and not c.trouble)
        return tuple(c.claim.corrected for c in wrong if c.claim.corrected)

    @property
    def troubles(self) -> tuple[str, ...]:
        """Why the line is not settled, each reason with its subject; empty if it is settled or undecided."""
        found = [
            *((c.claim.says, c.trouble) for c in self.claims),
            *((f.fact.measure, f.trouble) for f in self.facts),
            *((c.code.function, c.trouble) for c in self.code),
        ]
        return tuple(f"{about}: {trouble}" if about else trouble for about, trouble in found if trouble)

    @property
    def verdict(self) -> Verdict:
        """Refuted if there is any trouble, else undecided if a claim is, else verified."""
        if self.troubles:
            return Verdict.REFUTED
        undecided = any(c.ruling is Ruling.UNDECIDED for c in self.claims)
        return Verdict.UNDECIDED if undecided else Verdict.VERIFIED

    @property
    def settled(self) -> bool:
        return self.verdict is Verdict.VERIFIED


def ruling_of(claims: tuple[ClaimTried, ...], tried: tuple[CodeTried, ...], measured: tuple[FactTried, ...]) -> Ruling:
    """Return the worst ruling among the claims, the code and the facts of a line."""
    found = {claim.ruling for claim in claims}
    if Ruling.WRONG in found or not all(fact.holds for fact in measured):
        return Ruling.WRONG
    if not all(code.sound for code in tried):
        found.add(Ruling.CODE)
    for ruling in (Ruling.VACUOUS, Ruling.CODE, Ruling.UNDECIDED, Ruling.CONVENTION):
        if ruling in found:
            return ruling
    return Ruling.HOLDS if claims else Ruling.NOT_MATHEMATICAL
