"""The page of a verdict on a program: the report, the source with margin notes, the layers and the arrays."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gradproof.judge import wording
from gradproof.judge.lines.margin import Source, cut, lines, shown, sources
from gradproof.judge.wording import sized
from gradproof.pages.numbers import tables
from gradproof.pages.page import rendered
from gradproof.text import visible

CELL, CELLS = 7, 12  # in a layer's picture: the size of a cell, and the most cells in a row or column


def of_file(document: Mapping[str, Any], path: str, again: str = "") -> str:
    """Return the page, as HTML, of the document that `assess` makes of the program at `path`."""
    said = wording.lines(document, Path(path).name)  # a reader need not know the folders of this machine
    return page(document, said, sources(document, path), again)


def page(document: Mapping[str, Any], said: Sequence[str], files: Sequence[Source], again: str = "") -> str:
    """Return the page of a verdict as HTML, with the lines of its report and the files to annotate."""
    numbers = {fault.get("parameter"): fault.get("numbers", "") for fault in document.get("faults", ())}
    by_hand = tables(document.get("counterexample"))
    twice = (
        [visible(line) for line in wording.by_hand(document["counterexample"])] if by_hand else []
    )  # not printed: it is in the tables
    return rendered(
        "verdict.html",
        verdict=document["verdict"],
        first=cut(said[0].removeprefix(f"{document['verdict']}: ")),
        said=[(cut(line.strip()), "again" if line in twice else "deeper" * line.startswith(" ")) for line in said[1:]],
        files=[(file.name, list(shown(lines(document, file)))) for file in files],
        layers=[_layer(box) for box in document.get("layers", ())],
        arrays=[array | {"numbers": numbers.get(array["name"], "")} for array in document.get("parameters", ())],
        by_hand=by_hand,
        checkers=_checkers(document.get("counterexample")),
        in_float64=[one["what"] for one in document.get("float", ()) if visible(one["what"]) not in "\n".join(said)],
        floats="discriminating" in document,  # only for the notes' network
        again=again,
    )


def unjudged(file: str, why: str) -> str:
    """Return the page, as HTML, of a file that could not be judged."""
    return rendered("unjudged.html", file=file, why=why)


# ---- the forward pass ------------------------------------------------------------------------------------------


def _layer(box: Mapping[str, Any]) -> dict[str, Any]:
    """Return a layer for display, with its numbers as a grid of at most CELLS × CELLS."""
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


# ---- small numbers that show it --------------------------------------------------------------------------------


def _checkers(shown: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """Return the rows of the table of other checkers."""
    says = {True: "accepts it", False: "rejects it", None: "leaves it to you"}
    return [
        {
            "name": one["name"],
            "rule": one["rule"],
            "found": f"{one['found']:.3g}",
            "allowed": "" if one["allowed"] is None else f"{one['allowed']:.3g}",
            "says": says[one["accepts"]],
            "state": {True: "wrong", False: "right", None: ""}[one["accepts"]],
        }
        for one in (shown or {}).get("checkers", ())
    ]
