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

SUPERSCRIPTS = {1: "¹", 2: "²"}


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
    found = catalogue.asked(words)
    if not found:
        raise UsageError(f"nothing in the catalogue is called {' '.join(words)}; gradproof explain lists all names")
    if as_json:
        click.echo(json_of([document(entry) for entry in found]))
    else:
        click.echo("\n".join(explained(found) if words else listed(found)))
    return 0


SLIPS = """Named if undoing the slip in the statement makes everything right that was wrong, exactly and at two
random points, and leaves the cost unchanged."""


def listed(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield one line for each entry."""
    for entry in entries:
        yield f"{entry.place}: {entry.name}: {entry.formula}"


def explained(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield each entry with its example, and at the end the network used in all examples."""
    from gradproof.judge import catalogue

    for entry in entries:
        yield f"{entry.place}: {entry.name}"
        if entry.place == catalogue.LINE:
            yield f"  as in `{entry.formula}`"
            yield f"  where `{entry.right}` is meant"
            continue
        if entry.compute is None:
            yield f"  not a fault; to require it: {entry.formula}"
            continue
        yield f"  yours is {entry.formula}"
        yield f"  it should be {entry.right}"
        value, got, expected = shown(entry)
        yield f"  in the example {value} is {got} and should be {expected}"
        if entry.seen:
            yield f"  seen in {entry.seen}"
    if any(entry.compute for entry in entries):
        yield "the network of the example:"
        yield from (f"  {line}" for line in network())


def shown(entry: Entry) -> tuple[str, str, str]:
    """Return (the quantity that is wrong in the example, its wrong value, its right value)."""
    from gradproof.judge import catalogue

    value = catalogue.SHOWN[entry.place].replace("ˡ", SUPERSCRIPTS[catalogue.layer_of(entry.place)])
    return value, catalogue.numbers(catalogue.wrong(entry).value), catalogue.numbers(catalogue.right(entry.place))


def network() -> Iterator[str]:
    """Yield the numbers of the example network."""
    from gradproof.judge.catalogue import example, numbers

    problem = example()
    for layer, (w, b) in enumerate(zip(problem.weights, problem.biases, strict=True), start=1):
        yield f"w{SUPERSCRIPTS[layer]} = {numbers(w)}, b{SUPERSCRIPTS[layer]} = {numbers(b)}"
    yield f"x = {numbers(problem.x)}, y = {numbers(problem.y)}: two examples, as columns"


def document(entry: Entry) -> dict[str, Any]:
    """Return the JSON document of an entry."""
    told = {name: getattr(entry, name) for name in ("place", "name", "formula", "right", "seen")}
    if entry.compute is None:
        return told
    value, got, expected = shown(entry)
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
        "Each is shown on one network; autodiff gives what it should be:",
        "",
        "```text",
        *network(),
        "```",
    ]
    for place in dict.fromkeys(entry.place for entry in entries):
        own = [entry for entry in entries if entry.place == place]
        if place == catalogue.CONVENTION:
            lines += ["", "## Conventions", "", "Not faults, but reported; `--convention WORD,…` requires them.", ""]
            lines += _table(("in words", "declared by"), [(e.name, f"`{e.formula}`") for e in own])
            continue
        if place == catalogue.LINE:
            lines += ["", "## One statement, in any network", "", SLIPS, ""]
            lines += _table(("in words", "as in", "meant"), [(e.name, f"`{e.formula}`", f"`{e.right}`") for e in own])
            continue
        value, _, expected = shown(own[0])
        lines += [
            "",
            f"## {place}",
            "",
            f"It should be {own[0].right}. In the example {value} should be {expected}.",
            "",
        ]
        head = ("what was done", "its formula", f"{value} in the example", "seen in")
        lines += _table(head, [(e.name, e.formula, shown(e)[1], e.seen) for e in own])
    return "\n".join(lines) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
