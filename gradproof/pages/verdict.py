"""The page of a verdict on a program: the report, the source with margin notes, the layers and the arrays."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gradproof.judge import telling
from gradproof.judge.lines.margin import Source, cut, lines, shown, sources
from gradproof.judge.telling import sized
from gradproof.pages.page import rendered

CELL, CELLS = 7, 12  # in a layer's picture: the size of a cell, and the most cells in a row or column


def of_file(document: Mapping[str, Any], path: str, again: str = "") -> str:
    """Return the page, as HTML, of the document that `assess` makes of the program at `path`."""
    said = telling.lines(document, Path(path).name)  # a reader need not know the folders of this machine
    return page(document, said, sources(document, path), again)


def page(document: Mapping[str, Any], said: Sequence[str], files: Sequence[Source], again: str = "") -> str:
    """Return the page of a verdict as HTML, with the lines of its report and the files to annotate."""
    numbers = {fault.get("parameter"): fault.get("numbers", "") for fault in document.get("faults", ())}
    return rendered(
        "verdict.html",
        verdict=document["verdict"],
        first=cut(said[0].removeprefix(f"{document['verdict']}: ")),
        said=[(cut(line.strip()), line.startswith(" ")) for line in said[1:]],
        files=[(file.name, list(shown(lines(document, file)))) for file in files],
        layers=[_layer(box) for box in document.get("layers", ())],
        arrays=[array | {"numbers": numbers.get(array["name"], "")} for array in document.get("parameters", ())],
        by_hand=_by_hand(document.get("counterexample")),
        checkers=_checkers(document.get("counterexample")),
        floats="discriminating" in document,  # only for the notes' network
        again=again,
    )


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


def _by_hand(shown: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the tables of a counterexample: the data, the forward and backward values, and how each array moves."""
    if shown is None or "said" not in shown:  # the notes' network has it in words
        return None
    tables = {name: [_row(one) for one in shown[name]] for name in ("parameters", "data", "forward", "backward")}
    corrected = any(one["should_be"] is not None for one in shown["backward"])
    known = any(one["should_be"] is not None for one in shown["parameters"])
    return tables | {"said": shown["said"], "corrected": corrected, "known": known, "gives": shown["gives"]}


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


def _row(one: Mapping[str, Any]) -> dict[str, Any]:
    row = {key: one.get(key, "") for key in ("name", "place", "label", "state")}
    absent = sized(one["shape"]) if "shape" in one else ""
    return row | {key: matrix(one.get(key)) or absent for key in ("value", "moved", "gradient", "should_be")}


def matrix(value: Any) -> str:
    """Return numbers as text in columns, one row a line, or "" for None; further axes as separate blocks."""
    if value is None:
        return ""
    rows = value if isinstance(value, list) and value and isinstance(value[0], list) else [value]
    if any(isinstance(part, list) and part and isinstance(part[0], list) for part in rows):
        return "\n\n".join(matrix(part) for part in rows)
    texts = [[f"{x:.4g}" for x in (row if isinstance(row, list) else [row])] for row in rows]
    wide = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = ("  ".join(text.rjust(n) for text, n in zip(row, wide, strict=True)) for row in texts)
    return "\n".join(lines).replace("-", "−")
