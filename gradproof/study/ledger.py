"""A ledger: lines of somebody's derivation as data, each with what it claims (docs/ledger.md)."""

from typing import Any, NamedTuple

from gradproof.study.tree import Head, Node


class Reading(NamedTuple):
    """A convention under which a claim may be read: what the letters of the line then mean."""

    name: str
    macros: dict[Head, Node]


class Claim(NamedTuple):
    says: str  # in a few words; empty if the line says only this
    text: str
    tree: Node
    readings: tuple[Reading, ...]
    layers: tuple[str, str]  # from … to, such as 1 … L-1
    general: bool  # true for every σ and every C_x
    correction: Node | None
    corrected: str  # what stands there instead, in LaTeX
    why: str


class Code(NamedTuple):
    """The function that stands for a line: what it is called with, and what it must give."""

    function: str
    arguments: tuple[Node | str, ...]
    gives: Node
    anchor: str
    result: tuple[int | str, ...]  # which of what it returns: numbers, "l" or "l+1" for a list with layers from 1 or 0
    layers: tuple[str, str]


class Fact(NamedTuple):
    """What a line says of the program or the data: a measure by name, what the line says, what it should say."""

    measure: str
    says: Any
    correction: Any


class Line(NamedTuple):
    id: str
    section: str
    written: str  # LaTeX, as it stands in the notes
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
    letters: tuple[str, ...]  # that stand for any number

    def line(self, wanted: str) -> Line | None:
        return next((line for line in self.lines if line.id.lower() == wanted.lower()), None)
