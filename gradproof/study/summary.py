"""Summaries over all lines: the readings that several share, whether one suits them all, and the mutants."""

from typing import NamedTuple

from gradproof.study.verdicts import Tried

Held = dict[str, list[str]]  # reading → the lines whose claims all hold under it


def conventions(tried: list[Tried]) -> dict[str, Held]:
    """Return, for each set of readings that several lines share, the lines that hold under each reading."""
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
    """Say whether the lines agree with each other; empty if they do under every reading."""
    suits = [name for name, ids in held.items() if set(ids) == _lines(held)]
    if len(suits) == len(held):
        return ""
    if not suits:
        return "No single reading makes all of these lines true"
    return f"These lines agree with each other only if {' or '.join(suits)}"


class Mutants(NamedTuple):
    """Counts of the mutants, once for each function and part of its result, not for each line."""

    killed: int
    same: int  # the function does not change
    tried: int


def mutants(tried: list[Tried]) -> Mutants:
    """Count the mutants tried, those noticed, and those that leave the function the same."""
    runs = {(c.code.function, c.code.result): c.run for t in tried for c in t.code if c.run}.values()
    return Mutants(sum(r.killed for r in runs), sum(len(r.same) for r in runs), sum(r.tried for r in runs))


def _lines(held: Held) -> set[str]:
    return {line for lines in held.values() for line in lines}
