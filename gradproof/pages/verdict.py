"""The page of a verdict on somebody's program: the words, the source with notes in its margin, layers, arrays."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gradproof.judge import telling
from gradproof.judge.lines.margin import Source, cut, lines, shown, sources
from gradproof.pages.page import rendered

CELL, CELLS = 7, 12  # of a layer's picture: how large, and at most how many in a row


def of_file(document: Mapping[str, Any], path: str, again: str = "") -> str:
    """The page of a judgement on a whole program, as `assess` makes it, HTML as text."""
    said = telling.lines(document, Path(path).name)  # whom it is sent to need not know our folders
    return page(document, said, sources(document, path), again)


def page(document: Mapping[str, Any], said: Sequence[str], files: Sequence[Source], again: str = "") -> str:
    """The page of a verdict in these words, with these files."""
    numbers = {fault.get("parameter"): fault.get("numbers", "") for fault in document.get("faults", ())}
    return rendered(
        "verdict.html",
        verdict=document["verdict"],
        first=cut(said[0].removeprefix(f"{document['verdict']}: ")),
        said=[(cut(line.strip()), line.startswith(" ")) for line in said[1:]],
        files=[(file.name, list(shown(lines(document, file)))) for file in files],
        layers=[_layer(box) for box in document.get("layers", ())],
        arrays=[array | {"numbers": numbers.get(array["name"], "")} for array in document.get("parameters", ())],
        floats="discriminating" in document,  # as of the notes' network
        again=again,
    )


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
