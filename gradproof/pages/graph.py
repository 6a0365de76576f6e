"""The layout of a ledger's lines as a graph: a node for each line, a curve for each dependence."""

from typing import Any

from gradproof.study.verdicts import Ruling, Tried

CLASSES = {
    Ruling.HOLDS: "holds",
    Ruling.CONVENTION: "convention",
    Ruling.WRONG: "wrong",
    Ruling.NOT_MATHEMATICAL: "fact",
    Ruling.VACUOUS: "wrong",
    Ruling.UNDECIDED: "undecided",
    Ruling.CODE: "wrong",
}
MARKS = {"holds": "✓", "convention": "≈", "wrong": "✗", "fact": "·", "undecided": "?"}
COLUMN, ROW, WIDE, HIGH = 108, 92, 76, 34  # of the graph, in its own units
LEFT = 150


def graph(tried: list[Tried]) -> dict[str, Any]:
    """Lay out the lines in rows of up to eight, each section in rows of its own, with a curve for each dependence."""
    rows: dict[str, list[Tried]] = {}
    for t in tried:
        rows.setdefault(t.line.section, []).append(t)
    split = [(name if not i else "", part[i : i + 8]) for name, part in rows.items() for i in range(0, len(part), 8)]
    most = max(len(part) for _, part in split)
    places, bands = {}, []
    for row, (name, part) in enumerate(split):
        y = 24 + row * ROW
        bands.append({"name": name, "y": y + HIGH / 2})
        for column, t in enumerate(part):
            places[t.line.id] = (LEFT + column * COLUMN, y)
    nodes = [
        {
            "id": t.line.id,
            "x": places[t.line.id][0],
            "y": places[t.line.id][1],
            "kind": (k := CLASSES[t.ruling]),
            "mark": MARKS[k],
            "says": t.ruling.value,
        }
        for t in tried
    ]
    edges = [
        {"from": on, "to": t.line.id, "path": _curve(places[on], places[t.line.id])}
        for t in tried
        for on in t.line.depends
        if on in places
    ]
    return {
        "nodes": nodes, "edges": edges, "bands": bands, "wide": WIDE, "high": HIGH,
        "width": LEFT + most * COLUMN - (COLUMN - WIDE) + 14, "height": 24 + len(split) * ROW - (ROW - HIGH) + 24,
    }  # fmt: skip


def _curve(start: tuple[int, int], end: tuple[int, int]) -> str:
    """Return the SVG path from a line to one that depends on it: along a row, over other nodes, or across rows."""
    (x, y), (u, v) = start, end
    if y == v:
        right = u > x
        if abs(u - x) == COLUMN:
            a, b = (x + WIDE, u) if right else (x, u + WIDE)
            return f"M{a} {y + HIGH / 2}H{b - 6 if right else b + 6}"
        middle = y - 12 - 3 * abs(u - x) / COLUMN
        return f"M{x + WIDE / 2} {y}C{x + WIDE / 2} {middle} {u + WIDE / 2} {middle} {u + WIDE / 2} {y - 6}"
    if abs(v - y) > ROW:  # past other rows: in the gap between two columns, never behind a node
        gap = x + WIDE + (COLUMN - WIDE) / 2 + (y // ROW) % 4 * 7 - 10
        a, b, turn = (y + HIGH, v - 6, 26) if v > y else (y, v + HIGH + 6, -26)
        return (
            f"M{x + WIDE / 2} {a}C{x + WIDE / 2} {a + turn} {gap} {a} {gap} {a + turn}V{b - turn}"
            f"C{gap} {b} {u + WIDE / 2} {b - turn} {u + WIDE / 2} {b}"
        )
    down = v > y
    a, b = (y + HIGH, v - 6) if down else (y, v + HIGH + 6)
    bend = (b - a) * 0.5
    return f"M{x + WIDE / 2} {a}C{x + WIDE / 2} {a + bend} {u + WIDE / 2} {b - bend} {u + WIDE / 2} {b}"
