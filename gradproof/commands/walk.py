"""Print the walk: one small problem through BP1 … BP4, handcrafted numbers beside autodiff's."""

from __future__ import annotations

import math
from itertools import chain, groupby, pairwise, zip_longest
from typing import TYPE_CHECKING, Any

from rich.text import Text

from gradproof.commands.terminal import captured

if TYPE_CHECKING:
    from gradproof.problem import Array, Problem
    from gradproof.study.walk import Line

TITLES = {
    **dict.fromkeys("za", "Feedforward · each layer weighs the activations below, adds its biases, and applies σ"),
    "C": "Cost · how far the answer is from y",
    "BP1": "BP1 · the error of the output layer, where ∇ₐC = aᴸ − y",
    "BP2": "BP2 · the error of a hidden layer, from the error of the layer above",
    "BP3": "BP3 · the gradient of a bias is the error of its neuron, averaged over the examples",
    "BP4": "BP4 · the gradient of a weight is the activation that enters it times the error it leads to",
}
LEGEND = """\
handcrafted: NumPy, every derivative by hand · autodiff: JAX, every derivative by jax.grad
N1 … N32: lines of the notes · Δ: the largest difference ≤ what rounding explains
"""
WIDTH, COLUMN = 96, 39  # columns: formula over handcrafted, shapes over autodiff, notes over difference
CORNERS = " ╶╴─╷╭╮┬╵╰╯┴│├┤┼"  # by the sum of the sides that are joined: up 8, down 4, left 2, right 1


def document(problem: Problem, lines: list[Line]) -> dict[str, Any]:
    """Return the document that --json prints; a number that is not finite becomes null."""

    def plain(number: float) -> float | None:
        return number if math.isfinite(number) else None

    def rows(array: Array) -> list[list[float | None]]:
        return [[plain(number) for number in row] for row in array.tolist()]

    def entry(line: Line) -> dict[str, Any]:
        written = {"id": line.id, "layer": line.layer, "formula": line.formula, "shapes": line.shapes}
        numbers = {"handcrafted": rows(line.handcrafted), "autodiff": rows(line.autodiff)}
        return {**written, "notes": line.notes, **numbers, "difference": plain(line.difference)}

    return {"sizes": problem.sizes, "lines": [entry(line) for line in lines]}


def text(problem: Problem, lines: list[Line]) -> str:
    """Return the whole walk, in the colours that stdout supports."""
    return captured([*header(problem), *paragraphs(lines), summary(lines)])


def paragraphs(lines: list[Line]) -> list[Text]:
    """Return the equations under their titles."""
    result = []
    for title, group in groupby(lines, lambda line: TITLES[line.id]):
        result += [Text(title, "bold"), Text("─" * WIDTH, "dim"), *chain(*map(paragraph, group))]
    return result


def header(problem: Problem) -> list[Text]:
    """Return the title, the legend, and the network drawn beside its numbers."""
    from gradproof.study.walk import raised

    given = beside((5, ["x  ="]), (31, matrix(problem.x, 2)), (5, ["y  ="]), (0, matrix(problem.y, 2)))
    for layer, (w, b) in enumerate(zip(problem.weights, problem.biases, strict=True), start=1):
        names = ([f"{letter}{raised(layer)} ="] for letter in "wb")
        given += ["", *beside((5, next(names)), (31, matrix(w, 2)), (5, next(names)), (0, matrix(b, 2)))]
    network = " \N{EN DASH} ".join(map(str, problem.sizes))
    drawn = beside((COLUMN, ["", *picture(problem.sizes)]), (0, given))
    return [
        Text(""),
        Text(f"One example through a network of {network} neurons", "bold"),
        *(Text(line, "dim") for line in LEGEND.split("\n")),
        *map(Text, [*drawn, ""]),
    ]


def picture(sizes: list[int]) -> list[str]:
    """Draw a circle for each neuron, with lines that join all neurons of neighbouring layers."""
    from gradproof.study.walk import raised

    tallest = max(sizes)
    layers = [range(tallest - n, tallest + n, 2) for n in sizes]  # the rows where a layer's neurons stand
    drawing = []
    for row in range(2 * tallest - 1):
        drawn = "  ○" if row in layers[0] else "   "
        for left, right in pairwise(layers):
            top, bottom = min(left[0], right[0]), max(left[-1], right[-1])
            sides = 8 * (top < row <= bottom) + 4 * (top <= row < bottom) + 2 * (row in left) + (row in right)
            drawn += (" ───" if row in left else "    ") + CORNERS[sides] + ("─── ○" if row in right else "     ")
        drawing.append(drawn)
    return [*drawing, "", "  " + "".join(f"a{raised(layer):9}" for layer in range(len(sizes)))]


def paragraph(line: Line) -> list[Text]:
    """Return one equation: formula, shapes and notes, and below them the two matrices and their difference."""
    from gradproof.numerics.verdict import Verdict

    found, style = f"Δ {line.difference:.2g} ≤ {line.bounds.max():.1e}", "green"
    if line.verdict is not Verdict.VERIFIED:
        found, style = f"Δ {line.difference:.2g} {line.verdict}", "bold red"
    first, *rest = beside((COLUMN, matrix(line.handcrafted, 6)), (COLUMN, matrix(line.autodiff, 6)))
    return [
        Text.assemble((f"{line.formula:{COLUMN}}", "cyan"), f"{line.shapes:{COLUMN}}{', '.join(line.notes)}"),
        Text(f"{'handcrafted':{COLUMN}}{'autodiff':{COLUMN}}difference", "dim"),
        Text.assemble(f"{first:{2 * COLUMN}}", (found, style)),
        *map(Text, [*rest, ""]),
    ]


def summary(lines: list[Line]) -> Text:
    """Return the first line that is refuted, else the first undecided one, else that all lines agree."""
    from gradproof.numerics.verdict import Verdict

    for verdict in (Verdict.REFUTED, Verdict.UNDECIDED):
        for line in lines:
            if line.verdict is verdict:
                where = f"{line.id} in layer {line.layer}"
                return Text(f"{where} is {verdict}: the largest difference is {line.difference:.2g}", "bold red")
    worst = max(line.difference for line in lines)
    return Text(f"All {len(lines)} lines agree but for rounding; the largest difference is {worst:.1e}", "bold green")


def matrix(array: Array, decimals: int) -> list[str]:
    """Return the rows of a matrix, in brackets."""
    cells = [[f"{number:.{decimals}f}" for number in row] for row in array.tolist()]
    width = max(len(cell) for row in cells for cell in row)
    rows = ["  ".join(cell.rjust(width) for cell in row) for row in cells]
    sides = ["[]"] if len(rows) == 1 else ["⎡⎤", *["⎢⎥"] * (len(rows) - 2), "⎣⎦"]
    return [f"{side[0]} {row} {side[1]}" for side, row in zip(sides, rows, strict=True)]


def beside(*blocks: tuple[int, list[str]]) -> list[str]:
    """Set blocks of lines side by side, each (width, lines)."""
    rows = zip_longest(*(block for _, block in blocks), fillvalue="")
    return ["".join(cell.ljust(width) for cell, (width, _) in zip(row, blocks, strict=True)).rstrip() for row in rows]
