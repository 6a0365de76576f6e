"""What is found of a line: what each witness says, the verdict, the smallest network, and what the gate let through."""

from enum import StrEnum
from typing import Any, NamedTuple

from gradproof.numerics.verdict import Verdict
from gradproof.study.ledger import Claim, Code, Fact, Line
from gradproof.study.smallest import Smallest
from gradproof.study.tree import Node
from gradproof.study.witnesses.code import Anchored, Run


class Sentence(StrEnum):
    """The verdict on a line."""

    HOLDS = "holds"
    CONVENTION = "holds under a convention"
    WRONG = "wrong"
    NOT_MATHEMATICAL = "not a mathematical claim"
    VACUOUS = "proves nothing"
    UNDECIDED = "undecided"
    CODE = "does not fit its code"


class Testimony(NamedTuple):
    """What one witness says of one claim."""

    witness: str
    verdict: Verdict
    said: str
    misfit: bool = False  # it means nothing or is not finite somewhere, and no number shows more


class Heard(NamedTuple):
    """A reading, or the correction, and what the witnesses say of it."""

    name: str
    tree: Node
    testimonies: tuple[Testimony, ...]

    @property
    def verdict(self) -> Verdict:
        """Refuted if any witness refutes, verified if one proves it and none is against."""
        said = {testimony.verdict for testimony in self.testimonies}
        if Verdict.REFUTED in said:
            return Verdict.REFUTED
        return Verdict.VERIFIED if Verdict.VERIFIED in said else Verdict.UNDECIDED

    @property
    def meaningless(self) -> str:
        """Where and why it means nothing, if that is all there is against it."""
        against = [testimony for testimony in self.testimonies if testimony.verdict is Verdict.REFUTED]
        return against[0].said if against and all(testimony.misfit for testimony in against) else ""


class Gate(NamedTuple):
    """What the claim that holds says no to, under every reading under which it does."""

    tried: int
    rejected: int  # shown to be wrong by numbers
    meaningless: int  # on some network, and not shown to be wrong on the others
    same: tuple[str, ...]  # neighbours that are the same statement, proven by the symbolic witness
    survivors: tuple[str, ...]
    trouble: str  # why the claim proves nothing; empty if it does

    @property
    def passed(self) -> bool:
        return not self.trouble


class ClaimTried(NamedTuple):
    claim: Claim
    sentence: Sentence
    readings: tuple[Heard, ...]
    correction: Heard | None
    smallest: Smallest | None  # that shows what is wrong, or what another reading would give
    gate: Gate | None

    @property
    def meaningless(self) -> str:
        """Where and why it means nothing under any reading; a correction says what was meant."""
        found = [heard.meaningless for heard in self.readings]
        return found[0] if all(found) and self.claim.correction is None else ""

    @property
    def trouble(self) -> str:
        """Why it stands unsettled, in words; empty if it holds, or is wrong and its correction holds."""
        if self.sentence is Sentence.VACUOUS:
            return f"it proves nothing: {self.gate.trouble}" if self.gate else "it proves nothing"
        if self.sentence is not Sentence.WRONG:
            return ""
        if self.correction is None:
            written = ", and what is written as corrected is claimed nowhere" if self.claim.corrected else ""
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
        """Why it does not stand for the line; empty if it does."""
        if self.run is None:
            return f"it no longer holds {self.code.anchor!r}: the anchor has moved"
        return self.run.trouble or next((f"a mutant gives it as well: {s}" for s in self.run.survivors), "")

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
        """Why it stands unsettled, in words; empty if it is so, or is not and its correction is."""
        if self.holds or self.found == self.fact.correction:
            return ""
        given = "and no correction is given" if self.fact.correction is None else "and neither is its correction"
        return f"it is not so, {given}"


class Tried(NamedTuple):
    line: Line
    sentence: Sentence
    claims: tuple[ClaimTried, ...]
    code: tuple[CodeTried, ...]
    facts: tuple[FactTried, ...]

    @property
    def corrected(self) -> tuple[str, ...]:
        """What should stand there, in LaTeX: of each correction that holds."""
        wrong = (c for c in self.claims if c.sentence is Sentence.WRONG and not c.trouble)
        return tuple(c.claim.corrected for c in wrong if c.claim.corrected)

    @property
    def troubles(self) -> tuple[str, ...]:
        """Why it stands unsettled, each with what it is about; none if it is settled or undecided."""
        found = [
            *((c.claim.says, c.trouble) for c in self.claims),
            *((f.fact.measure, f.trouble) for f in self.facts),
            *((c.code.function, c.trouble) for c in self.code),
        ]
        return tuple(f"{about}: {trouble}" if about else trouble for about, trouble in found if trouble)

    @property
    def verdict(self) -> Verdict:
        """Verified where nothing is left open: each claim holds or has a correction that does, the code does it too."""
        if self.troubles:
            return Verdict.REFUTED
        undecided = any(c.sentence is Sentence.UNDECIDED for c in self.claims)
        return Verdict.UNDECIDED if undecided else Verdict.VERIFIED

    @property
    def settled(self) -> bool:
        return self.verdict is Verdict.VERIFIED


def sentence_of(
    claims: tuple[ClaimTried, ...], tried: tuple[CodeTried, ...], measured: tuple[FactTried, ...]
) -> Sentence:
    """The worst of what was found."""
    found = {claim.sentence for claim in claims}
    if Sentence.WRONG in found or not all(fact.holds for fact in measured):
        return Sentence.WRONG
    if not all(code.sound for code in tried):
        found.add(Sentence.CODE)
    for sentence in (Sentence.VACUOUS, Sentence.CODE, Sentence.UNDECIDED, Sentence.CONVENTION):
        if sentence in found:
            return sentence
    return Sentence.HOLDS if claims else Sentence.NOT_MATHEMATICAL
