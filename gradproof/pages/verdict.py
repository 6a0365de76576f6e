"""The page of a verdict on somebody's program: the words, the source with notes in its margin, layers, arrays."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from gradproof.judge import telling
from gradproof.judge.find.program import Program, read_program
from gradproof.pages.page import rendered

MARKS = {"right": "✓", "wrong": "✗", "follows": "↳"}
WHOLE = 80  # lines of a source that is shown to its end; of a longer one what is told of, and …
AROUND = 3  # … so many lines on both sides
LONGEST = 400  # characters of a line
STEPPED = " after the step"  # ends the label of a parameter that has moved
NAMED = 4  # results of one line that are named
CELL, CELLS = 7, 12  # of a layer's picture: how large, and at most how many in a row


class Note(NamedTuple):
    """What is said beside a line."""

    state: str
    mark: str
    text: str


class Line(NamedTuple):
    """A line of the source; `number` is 0 where lines are left out, and `text` says how many."""

    number: int
    text: str
    cell: str = ""  # the heading, where a cell of a notebook begins
    shown: int = 0  # the number in its cell
    notes: Sequence[Note] = ()
    state: str = ""


def of_file(document: Mapping[str, Any], path: str, again: str = "") -> str:
    """The page of a judgement on a whole program, as `assess` makes it, HTML as text."""
    program, name = read_program(path), Path(path).name  # whom it is sent to need not know our folders
    return page(document, telling.lines(document, name), _as_written(program), dict(program.cells), again)


def page(
    document: Mapping[str, Any],
    said: Sequence[str],
    source: str,
    cells: Mapping[int, int] | None = None,
    again: str = "",
) -> str:
    """The page of a verdict in these words; `cells` has the numbers of a notebook's cells by their first lines."""
    numbers = {fault.get("parameter"): fault.get("numbers", "") for fault in document.get("faults", ())}
    return rendered(
        "verdict.html",
        verdict=document["verdict"],
        first=_cut(said[0].removeprefix(f"{document['verdict']}: ")),
        said=[(_cut(line.strip()), line.startswith(" ")) for line in said[1:]],
        lines=list(_shown(_lines(document, source, cells or {}))),
        layers=[_layer(box) for box in document.get("layers", ())],
        arrays=[array | {"numbers": numbers.get(array["name"], "")} for array in document.get("parameters", ())],
        again=again,
    )


def _as_written(program: Program) -> str:
    """The source, with the magics of a notebook as they stand there."""
    lines = program.text.splitlines()
    cells = json.loads(Path(program.path).read_bytes())["cells"] if program.cells else []
    for (first, number), (end, _) in pairwise([*program.cells, (len(lines) + 1, 0)]):
        own = "".join(cells[number - 1]["source"]).splitlines()
        if len(own) == end - first:
            lines[first - 1 : end - 1] = own
    return "\n".join(lines)


# ---- the source ------------------------------------------------------------------------------------------------


def _lines(document: Mapping[str, Any], source: str, cells: Mapping[int, int]) -> list[Line]:
    """Every line with its notes."""
    lines, first = [], 1
    notes = _notes(document)
    for number, text in enumerate(re.split(r"\r\n?|\n", source.rstrip()), start=1):
        first = number if number in cells else first
        own = notes.get(number, [])
        states = {note.state for note in own}
        lines.append(
            Line(
                number=number,
                text=_cut(text),
                cell=f"cell {cells[number]}" if number in cells else "",
                shown=number - first + 1,
                notes=own,
                state=next((state for state in ("wrong", "follows", "right") if state in states), ""),
            )
        )
    return lines


def _notes(document: Mapping[str, Any]) -> dict[int, list[Note]]:
    """What is said beside which line: of a fault what it is, of what follows where from, else what it computes."""
    found: dict[int, dict[str, list[str]]] = {}
    places = list(dict.fromkeys(f["place"] for f in document.get("faults", ()) if f.get("place")))
    for line, what in dict.fromkeys((f.get("line"), _is(f)) for f in document.get("faults", ())):
        if line:
            names = [f["parameter"] for f in document["faults"] if f["line"] == line and _is(f) == what]
            found.setdefault(line, {}).setdefault("wrong", []).append(f"wrong: {', '.join(names)}: {what}")
    for line in document.get("lines", ()):
        states = found.setdefault(line["line"], {})
        if line["state"] == "follows":
            states["follows"] = [f"computed from what is wrong in {', '.join(places)}"]
        elif line["state"] == "right":
            moved = line["label"].endswith(STEPPED)
            states.setdefault("right", []).append(line["label"] if moved else f"{line['name']} is {line['label']}")
    return {
        line: [Note(state, MARKS[state], text) for state in MARKS for text in _few(states.get(state, ()))]
        for line, states in found.items()
    }


def _is(fault: Mapping[str, Any]) -> str:
    """What a fault is, in words."""
    return fault.get("what", "") + "".join(f"; {name}" for name in fault["names"][:1])


def _few(texts: Sequence[str]) -> list[str]:
    distinct = [text for text in dict.fromkeys(texts) if not text.endswith(STEPPED)]
    moved = [text.removesuffix(STEPPED) for text in dict.fromkeys(texts) if text.endswith(STEPPED)]
    distinct += [", ".join(moved) + STEPPED] if moved else []
    more = len(distinct) - NAMED
    return distinct if more <= 1 else [*distinct[:NAMED], f"and {more} more"]


def _shown(lines: Sequence[Line]) -> Iterator[Line]:
    """All lines of a short source; of a long one those around what is told, and how many are left out between."""
    told = [line.number for line in lines if line.notes]
    near = {number + off for number in told for off in range(-AROUND, AROUND + 1)} or set(range(1, WHOLE))
    left = 0
    for line in lines:
        if len(lines) <= WHOLE or line.number in near:
            if left:
                yield _gap(left)
            yield line
            left = 0
        else:
            left += 1
    if left:
        yield _gap(left)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _gap(left: int) -> Line:
    return Line(0, f"{left} line{'s' * (left > 1)} more")


# ---- the forward pass ------------------------------------------------------------------------------------------


def _layer(box: Mapping[str, Any]) -> dict[str, Any]:
    """A layer as a grid of its numbers, cut where there are many."""
    shape = box["shape"]
    rows, columns = ([1, 1, *shape] if len(shape) != 1 else [shape[0], 1])[-2:]
    high, wide = (CELL * min(max(n, 1), CELLS) for n in (rows, columns))
    grid = "".join(f"M0 {y}H{wide}" for y in range(CELL, high, CELL))
    grid += "".join(f"M{x} 0V{high}" for x in range(CELL, wide, CELL))
    return {
        "name": box["name"],
        "place": box["place"],
        "activation": {"linear": "weighted sum"}.get(box["activation"], box["activation"]),
        "size": sized(shape),
        "parameters": ", ".join(f"{one['name']} {sized(one['shape'])}" for one in box["parameters"]),
        "high": high,
        "wide": wide,
        "grid": grid,
    }


def sized(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape)) or "a number"
