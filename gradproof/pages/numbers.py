"""The tables of a counterexample on a page: each array once, and short enough to print."""

from collections.abc import Mapping, Sequence
from typing import Any

from gradproof.judge.wording import sized

TALL = 3  # lines from which an array is written transposed if that is shorter
WIDE = 90  # characters of numbers beside each other on paper
LONG = 60  # characters from which a single line is wrapped
HALF, MANY = 60, 6  # characters of a row and number of rows with which a table is printed in two columns
TRANSPOSED = "\N{NO-BREAK SPACE}ᵀ"
NUMBERS = ("value", "moved", "gradient", "should_be")


def tables(shown: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the tables of a counterexample: the data, the forward and backward values, and how each array moves."""
    if shown is None or "said" not in shown:  # the notes' network has it in words
        return None
    merged = {name: together(shown[name]) for name in ("forward", "backward")}
    rows: dict[str, Any] = {"data": shown["data"], "parameters": shown["parameters"]} | merged
    found: dict[str, Any] = {name: [_row(one) for one in rows[name]] for name in rows}
    texts = [row[key] for own in found.values() for row in own for key in NUMBERS]
    return found | {
        "said": shown["said"],
        "gives": shown["gives"],
        "corrected": any(one["should_be"] is not None for one in shown["backward"]),
        "known": any(one["should_be"] is not None for one in shown["parameters"]),
        "transposed": any(text.endswith(TRANSPOSED) for text in texts),
        "halves": [name for name in merged if len(found[name]) >= MANY and _width(found[name]) <= HALF],
        "long": LONG,
    }


def together(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Merge the lines that compute the same numbers, such as dW1, grads["dW1"] and what a function returns of it.

    What only follows from a fault is merged with it, too, but never what is right with what is not.
    """
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        key = repr([line["value"], line.get("should_be"), line.get("state") in ("wrong", "follows")])
        one = found.setdefault(key, dict(line) | {"names": [], "places": [], "labels": []})
        for name, own in (("name", "names"), ("place", "places"), ("label", "labels")):
            if line.get(name) and line[name] not in one[own]:
                one[own].append(line[name])
    for one in found.values():
        one |= {"place": _places(one["places"]), "label": ", ".join(one["labels"])}
    return list(found.values())


def _places(places: Sequence[str]) -> str:
    """Join several places, as in "lines 3, 5"."""
    numbers = [place.removeprefix("line ") for place in places]
    if len(places) > 1 and all(number.isdigit() for number in numbers):
        return f"lines {', '.join(numbers)}"
    return ", ".join(places)


def _row(one: Mapping[str, Any]) -> dict[str, Any]:
    row = {key: one.get(key, "") for key in ("place", "label", "state")} | {"names": one.get("names", [one["name"]])}
    absent = sized(one["shape"]) if "shape" in one else ""
    beside = sum(one.get(key) is not None for key in NUMBERS)
    return row | {key: laid(one.get(key), WIDE // max(beside, 1)) or absent for key in NUMBERS}


def _width(rows: Sequence[Mapping[str, Any]]) -> int:
    """Return about how many characters wide a table of these rows is."""
    columns = [
        [max(map(len, row["names"])) for row in rows],
        *([max(map(len, row[key].split("\n"))) for row in rows] for key in ("value", "should_be", "label")),
    ]
    return sum(max(column, default=0) + 2 for column in columns)


def laid(value: Any, wide: int = WIDE) -> str:
    """Return numbers as `matrix` does; transposed, with a ᵀ at the end, if that takes fewer lines, none too wide.

    A column becomes one line of any length, which may be wrapped.
    """
    text = matrix(value)
    if text.count("\n") < TALL - 1 or "\n\n" in text or not isinstance(value[0], list):
        return text
    turned = matrix([list(column) for column in zip(*value, strict=True)])
    lines = turned.split("\n")
    fits = len(lines) == 1 or max(map(len, lines)) <= wide
    return f"{turned}{TRANSPOSED}" if len(lines) < len(value) and fits else text


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
