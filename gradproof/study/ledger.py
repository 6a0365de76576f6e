"""The data model of a ledger: the lines of a derivation, each with its claims (docs/ledger.md)."""

from typing import Any, NamedTuple

from gradproof.study.tree import Head, Node


class Reading(NamedTuple):
    """A convention for reading a claim: the meanings it gives to the letters of the line."""

    name: str
    macros: dict[Head, Node]


class Claim(NamedTuple):
    says: str  # in a few words; empty if it is the line's only claim
    text: str
    tree: Node
    readings: tuple[Reading, ...]
    layers: tuple[str, str]  # (from, to), such as ("1", "L-1")
    general: bool  # claimed for every σ and every C_x
    correction: Node | None
    corrected: str  # the corrected line, in LaTeX
    why: str


class Code(NamedTuple):
    """The function that implements a line, the arguments to call it with, and the result it must give."""

    function: str
    arguments: tuple[Node | str, ...]
    gives: Node
    anchor: str
    result: tuple[int | str, ...]  # path into the result: numbers, or "l", "l+1" in a list of layers from 1, 0
    layers: tuple[str, str]


class Fact(NamedTuple):
    """A statement about the program or the data: the name of a measure, the value stated, and the correct value."""

    measure: str
    says: Any
    correction: Any


class Line(NamedTuple):
    id: str
    section: str
    written: str  # as in the notes: LaTeX, or text with formulas between dollars
    rule: str
    depends: tuple[str, ...]
    why: str
    claims: tuple[Claim, ...]
    code: tuple[Code, ...]
    facts: tuple[Fact, ...]
    tests: tuple[str, ...]


class Ledger(NamedTuple):
    title: str
    source: str
    definitions: dict[Head, Node]
    lines: tuple[Line, ...]
    letters: tuple[str, ...]  # each stands for any number

    def line(self, wanted: str) -> Line | None:
        return next((line for line in self.lines if line.id.lower() == wanted.lower()), None)
