"""What all the lines together show: which readings several of them share, and whether one of these suits them all."""

from typing import NamedTuple

from gradproof.study.verdicts import Tried

Held = dict[str, list[str]]  # by reading: the lines of which all holds under it


def conventions(tried: list[Tried]) -> dict[str, Held]:
    """For each set of readings that several lines share: which lines hold under which reading."""
    sets: dict[tuple[str, ...], Held] = {}
    for t in tried:
        shared: dict[tuple[str, ...], list[set[str]]] = {}
        for c in t.claims:
            if len(c.readings) > 1:
                holding = {h.name for h in c.readings if h.verdict == "verified"}
                shared.setdefault(tuple(h.name for h in c.readings), []).append(holding)
        for names, each in shared.items():
            held = sets.setdefault(names, {name: [] for name in names})
            for name in set.intersection(*each):
                held[name].append(t.line.id)
    return {" | ".join(names): held for names, held in sets.items() if len(_lines(held)) > 1}


def together(held: Held) -> str:
    """Whether these lines agree with each other; empty where they do under every reading."""
    suits = [name for name, ids in held.items() if set(ids) == _lines(held)]
    if len(suits) == len(held):
        return ""
    if not suits:
        return "No single reading makes all of these lines true"
    return f"These lines agree with each other only if {' or '.join(suits)}"


class Mutants(NamedTuple):
    """The changes of the code: each once, however many lines it stands for."""

    killed: int
    same: int  # function as before
    tried: int


def mutants(tried: list[Tried]) -> Mutants:
    """How many changes of the code are noticed, and how many change nothing."""
    runs = {(c.code.function, c.code.result): c.run for t in tried for c in t.code if c.run}.values()
    return Mutants(sum(r.killed for r in runs), sum(len(r.same) for r in runs), sum(r.tried for r in runs))


def _lines(held: Held) -> set[str]:
    return {line for lines in held.values() for line in lines}
