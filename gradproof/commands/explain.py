"""gradproof explain: print the catalogue of mistakes and conventions, as text, JSON or the page docs/mistakes.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradproof.commands import completion
from gradproof.text import json_of

if TYPE_CHECKING:
    from gradproof.judge.catalogue import Entry


@click.command()
@click.argument("words", nargs=-1, metavar="[NAME]", shell_complete=completion.words_of_mistakes)
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write all of it as Markdown.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document to stdout and nothing else.")
def command(words: tuple[str, ...], out: Path | None, as_json: bool) -> int:
    """Explain a mistake or a convention: its formula, the right one, and what it makes of one small network.

    NAME is its name, or some words of it such as BP2 missing; without NAME, all are listed.
    """
    from gradproof import files
    from gradproof.errors import UsageError
    from gradproof.judge import catalogue

    if out and words:
        raise UsageError("the page holds the whole catalogue: leave out NAME or --out")
    if out:
        files.expect(out)
        files.give(out, page())
        return 0
    found = catalogue.find_entries(words)
    if not found:
        raise UsageError(f"nothing in the catalogue is called {' '.join(words)}; gradproof explain lists all names")
    if as_json:
        click.echo(json_of([document(entry) for entry in found]))
    else:
        click.echo("\n".join(explained(found) if words else listed(found)))
    return 0


NOT_SEEN = "no public code in which it was seen is known"
SLIPS = """Named if undoing the slip in the statement makes everything right that was wrong, exactly and at two
random points, and leaves the cost unchanged. The statements are run in this network with tanh:"""
STEPS = """Reported for an array if no slip in a single statement explains it. The example is a step of the matrix
w² with η = 0.1 and λ = 0.1."""


def listed(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield one line for each entry."""
    for entry in entries:
        yield f"{entry.place}: {entry.name}: {entry.written or entry.formula}"


def explained(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield each entry with its example, and at the end the network used in the examples."""
    from gradproof.judge import catalogue

    for entry in entries:
        yield f"{entry.place}: {entry.name}"
        yield from (f"  {line}" for line in _told(entry))
    if any(entry.place != catalogue.LINE for entry in entries):
        yield "the network of the example:"
        yield from (f"  {line}" for line in network())
    if any(entry.place == catalogue.LINE for entry in entries):
        yield "the network of the statements, with tanh:"
        yield from (f"  {line}" for line in network_of_statements())


def _told(entry: Entry) -> Iterator[str]:
    """Yield the formula of an entry, its example, how it is repaired, and where it was seen."""
    from gradproof.judge import catalogue

    value, got, expected = shown(entry)
    if entry.place == catalogue.CONVENTION:
        yield f"not a fault; to require it: {entry.written}"
        yield f"the formula is {entry.formula}"
        yield f"in the example {value} is {got}, in the notes' convention {expected}"
        yield f"to convert it: {entry.repair}"
    else:
        yield f"yours is {entry.formula}"
        if entry.right:
            yield f"it should be {entry.right}"
        if entry.written:
            yield f"as in `{entry.written}`"
            yield f"where `{entry.meant}` is meant"
        yield f"in the example {value} is {got} and should be {expected}"
        yield f"to repair it: {entry.repair}"
    if entry.seen:
        yield f"{'usual' if entry.place == catalogue.CONVENTION else 'seen'} in {entry.seen}"
    else:
        yield NOT_SEEN


def shown(entry: Entry) -> tuple[str, str, str]:
    """Return (the quantity that shows the entry in the example, its value there, its value in the notes)."""
    from gradproof.judge.catalogue import in_full, numbers

    value, got, expected = entry.shown()
    form = in_full if numbers(got) == numbers(expected) and (got != expected).any() else numbers
    return value, form(got), form(expected)


def network() -> Iterator[str]:
    """Yield the numbers of the example network."""
    from gradproof.judge.catalogue import SUPERSCRIPTS, example, numbers

    problem = example()
    for layer, (w, b) in enumerate(zip(problem.weights, problem.biases, strict=True), start=1):
        yield f"w{SUPERSCRIPTS[layer]} = {numbers(w)}, b{SUPERSCRIPTS[layer]} = {numbers(b)}"
    yield f"x = {numbers(problem.x)}, y = {numbers(problem.y)}: two examples, as columns"


def network_of_statements() -> Iterator[str]:
    """Yield the numbers of the network whose statements are run."""
    from gradproof.judge.catalogue import numbers
    from gradproof.judge.lines.examples import arrays

    given = arrays()
    for names in (("W1", "b1"), ("W2", "b2")):
        yield ", ".join(f"{name} = {numbers(given[name])}" for name in names)
    yield f"X = {numbers(given['X'])}, Y = {numbers(given['Y'])}: two examples, as rows"


def document(entry: Entry) -> dict[str, Any]:
    """Return the JSON document of an entry."""
    names = ("place", "name", "formula", "right", "written", "meant", "seen", "repair")
    value, got, expected = shown(entry)
    told = {name: getattr(entry, name) for name in names}
    return told | {"example": {"value": value, "is": got, "should_be": expected}}


def page() -> str:
    """Return docs/mistakes.md."""
    from gradproof.judge import catalogue

    entries = catalogue.entries()
    lines = [
        "# The catalogue of mistakes and conventions",
        "",
        "Written by `gradproof explain -o docs/mistakes.md`; `gradproof explain NAME` explains one. A mistake is",
        "named only if its formula gives what was returned on every network tried, within the rounding of",
        f"that formula; {catalogue.NUMBER} stands for any number, which the judge finds.",
        "",
        "A – under *seen in* says that no public code with it is known.",
        "",
        "Each is shown on one network; autodiff gives what it should be:",
        "",
        "```text",
        *network(),
        "```",
    ]
    for place in dict.fromkeys(entry.place for entry in entries):
        lines += _section(place, [entry for entry in entries if entry.place == place])
    return "\n".join(lines) + "\n"


def _section(place: str, own: Sequence[Entry]) -> Iterator[str]:
    """Yield the section of the page on one equation, on statements, on steps or on conventions."""
    from gradproof.judge import catalogue

    head: Sequence[str]
    rows: list[Sequence[str]] = []
    if place == catalogue.CONVENTION:
        yield from ("", "## Conventions", "", "Not faults, but reported; `--convention WORD,…` requires them.", "")
        head = ("in words", "declared by", "the formula", "in the example", "in the notes", "to convert it", "usual in")
        for e in own:
            value, got, expected = shown(e)
            rows.append((e.name, f"`{e.written}`", e.formula, f"{value} is {got}", expected, e.repair, e.seen))
    elif place == catalogue.LINE:
        yield from ("", "## One statement, in any network", "", SLIPS, "")
        yield from ("```text", *network_of_statements(), "```", "")
        head = ("in words", "the formula", "as in", "meant", "in the example", "should be", "to repair it", "seen in")
        for e in own:
            value, got, expected = shown(e)
            example = (f"`{e.written}`", f"`{e.meant}`", f"`{value}` is {got}", expected)
            rows.append((e.name, e.formula, *example, e.repair, e.seen or "–"))
    elif place == catalogue.STEP:
        yield from ("", "## A whole step, in any network", "", STEPS, "")
        head = ("in words", "the formula", "the right one", "in the example", "should be", "to repair it", "seen in")
        for e in own:
            value, got, expected = shown(e)
            rows.append((e.name, e.formula, e.right, f"{value} is {got}", expected, e.repair, e.seen or "–"))
    else:
        value, _, expected = shown(own[0])
        yield from ("", f"## {place}", "")
        yield from (f"It should be {own[0].right}. In the example {value} should be {expected}.", "")
        head = ("what was done", "its formula", f"{value} in the example", "to repair it", "seen in")
        rows = [(e.name, e.formula, shown(e)[1], e.repair, e.seen or "–") for e in own]
    yield from _table(head, rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
