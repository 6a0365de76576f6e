"""What all the lines together show: which readings several of them share, and that none may suit them all."""

from gradproof.study.verdicts import Tried


def conventions(tried: list[Tried]) -> dict[str, dict[str, list[str]]]:
    """For each set of readings that several lines share: which lines hold under which reading."""
    sets: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for t in tried:
        for c in t.claims:
            if len(c.readings) > 1:
                held = sets.setdefault(tuple(h.name for h in c.readings), {h.name: [] for h in c.readings})
                for h in c.readings:
                    if h.verdict == "verified" and t.line.id not in held[h.name]:
                        held[h.name].append(t.line.id)
    return {
        " | ".join(names): held for names, held in sets.items() if len({i for ids in held.values() for i in ids}) > 1
    }
