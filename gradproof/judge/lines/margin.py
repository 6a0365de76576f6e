"""The margin of a program: notes beside each of its lines."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from gradproof.judge.find.program import Program, read_program

MARKS = {"wrong": "✗", "right": "✓", "follows": "↳"}
WHOLE = 80  # lines up to which a source is listed in full; of a longer one those with notes, and …
AROUND = 3  # … this many lines on both sides
LONGEST = 400  # characters of a line
STEPPED = " after the step"  # ends the label of a parameter that has moved
NAMED = 4  # results of one line to name


class Note(NamedTuple):
    """A remark beside a line."""

    state: str
    mark: str
    text: str


class Line(NamedTuple):
    """A line of the source; `number` is 0 where lines are left out, and `text` says how many."""

    number: int
    text: str
    cell: str = ""  # the cell of a notebook that begins here
    shown: int = 0  # the number within its cell
    notes: Sequence[Note] = ()
    state: str = ""


class Source(NamedTuple):
    """A file to list; `cells` maps the first line of each cell of a notebook to the cell's number."""

    name: str
    text: str
    cells: Mapping[int, int] = {}
    file: str = ""  # as the document names it; "" takes the notes of all files


def sources(document: Mapping[str, Any], path: str) -> list[Source]:
    """Return the program as it was written, and the modules beside it that have notes."""
    program, own = read_program(path), os.path.abspath(path)
    told = [*document.get("lines", ()), *document.get("faults", ())]
    beside = [file for file in dict.fromkeys(line["file"] for line in told) if file != own and os.path.isfile(file)]
    found = [Source(Path(path).name, _as_written(program), dict(program.cells), own)]
    return found + [Source(Path(file).name, read_program(file).text, {}, file) for file in beside]


def lines(document: Mapping[str, Any], source: Source) -> list[Line]:
    """Return every line of a source with its notes."""
    found, first, cells = [], 1, source.cells
    notes = _notes(document, source.file)
    for number, text in enumerate(re.split(r"\r\n?|\n", source.text.rstrip()), start=1):
        first = number if number in cells else first
        own = notes.get(number, [])
        states = {note.state for note in own}
        found.append(
            Line(
                number=number,
                text=cut(text),
                cell=f"cell {cells[first]}" if first in cells else "",
                shown=number - first + 1,
                notes=own,
                state=next((state for state in ("wrong", "follows", "right") if state in states), ""),
            )
        )
    return found


def _notes(document: Mapping[str, Any], file: str) -> dict[int, list[Note]]:
    """Return the notes of each line: what a fault is, that a result follows from one, or what is computed."""
    found: dict[int, dict[str, list[str]]] = {}
    faults, computed = (
        [one for one in document.get(name, ()) if not file or one.get("file") == file] for name in ("faults", "lines")
    )
    places = list(dict.fromkeys(f["place"] for f in document.get("faults", ()) if f.get("place")))
    for line, what in dict.fromkeys((f.get("line"), _is(f)) for f in faults):
        if line:
            alike = [f for f in faults if f["line"] == line and _is(f) == what]
            told = found.setdefault(line, {}).setdefault("wrong", [])
            told.append(": ".join(["wrong", _of(alike), *[what.removeprefix("; ")] * bool(what)]))
            mended = dict.fromkeys(fault["should_be"] for fault in alike if fault.get("mended"))
            told += [f"should be: {code}" for code in mended]
    for line in computed:
        states = found.setdefault(line["line"], {})
        if line["state"] == "follows":
            states["follows"] = [
                "computed from wrong values" + "".join(f" in {one}" for one in places if len(places) == 1)
            ]
        elif line["state"] == "right":
            moved = line["label"].endswith(STEPPED)
            states.setdefault("right", []).append(line["label"] if moved else f"{line['name']} is {line['label']}")
    return {
        line: [Note(state, MARKS[state], text) for state in MARKS for text in _few(states.get(state, ()))]
        for line, states in found.items()
    }


def _of(faults: Sequence[Mapping[str, Any]]) -> str:
    """Return the arrays that are wrong or, for the notes' network, the equations and their layers."""
    layers: dict[str, list[str]] = {}
    for fault in faults:
        found = layers.setdefault(fault.get("parameter") or fault["equation"], [])
        found += [str(fault["layer"])] * bool(fault.get("layer"))
    at = {name: f" at layer{'s' * (len(some) > 1)} {', '.join(some)}" * bool(some) for name, some in layers.items()}
    return ", ".join(name + where for name, where in at.items())


def _is(fault: Mapping[str, Any]) -> str:
    """Say in words what a fault is."""
    return fault.get("what", "") + "".join(f"; {name}" for name in fault["names"][:1])


def _few(texts: Sequence[str]) -> list[str]:
    distinct = [text for text in dict.fromkeys(texts) if not text.endswith(STEPPED)]
    moved = [text.removesuffix(STEPPED) for text in dict.fromkeys(texts) if text.endswith(STEPPED)]
    distinct += [", ".join(moved) + STEPPED] if moved else []
    more = len(distinct) - NAMED
    return distinct if more <= 1 else [*distinct[:NAMED], f"and {more} more"]


def shown(lines: Sequence[Line], whole: int = WHOLE, around: int = AROUND) -> Iterator[Line]:
    """Yield all lines of a short source; of a long one only those around notes, and how many are left out between."""
    told = [line.number for line in lines if line.notes]
    near = {number + off for number in told for off in range(-around, around + 1)} or set(range(1, whole))
    left = 0
    for line in lines:
        if len(lines) <= whole or line.number in near:
            if left:
                yield _gap(left)
            yield line
            left = 0
        else:
            left += 1
    if left:
        yield _gap(left)


def cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _gap(left: int) -> Line:
    return Line(0, f"{left} more line{'s' * (left > 1)}")


def _as_written(program: Program) -> str:
    """Return the source, with the magics of a notebook as they were written."""
    lines = program.text.splitlines()
    cells = json.loads(Path(program.path).read_bytes())["cells"] if program.cells else []
    cells = [cell for cell in cells if cell.get("cell_type") == "code"]
    for (first, number), (end, _) in pairwise([*program.cells, (len(lines) + 1, 0)]):
        own = "".join(cells[number - 1]["source"]).splitlines()
        if len(own) == end - first:
            lines[first - 1 : end - 1] = own
    return "\n".join(lines)
