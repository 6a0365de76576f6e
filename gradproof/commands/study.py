"""gradproof study: test every line of a derivation, walk through one small network, and write the page of both."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.text import Text

from gradproof import manual
from gradproof.commands import completion
from gradproof.commands.terminal import captured, progress_bar
from gradproof.text import json_of, typed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gradproof.numerics.verdict import Verdict
    from gradproof.study.ledger import Ledger, Line
    from gradproof.study.trial import Court
    from gradproof.study.verdicts import ClaimTried, CodeTried, FactTried, Gate, Tried

WIDTH = 96
MARKS = {
    "holds": ("✓", "green"),
    "holds under a convention": ("≈", "yellow"),
    "wrong": ("✗", "bold red"),
    "not a mathematical claim": ("·", "cyan"),
    "proves nothing": ("∅", "bold red"),
    "undecided": ("?", "magenta"),
    "does not fit its code": ("✗", "bold red"),
}
MANY = 12  # lines from which a second process is worth starting

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("line", required=False, shell_complete=completion.line_ids)
@click.option(
    "--notes", type=FILE, help=f"Your own derivation, a TOML file as described in {manual.named('ledger.md')}."
)
@click.option("-o", "--out", type=FILE, help="Write the page, one HTML file that opens offline.")
@click.option("--walk", "walked", is_flag=True, help="Walk one small network through BP1 … BP4 instead.")
@click.option("--seed", default=0, show_default=True, help="Seed of the random networks.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document to stdout and nothing else.")
def command(line: str | None, notes: Path | None, out: Path | None, walked: bool, seed: int, as_json: bool) -> int:
    """Test every line of the notes, or one LINE such as N21 with all its numbers.

    Four witnesses test it: sympy, autodiff on random networks within derived bounds, ball arithmetic, and the
    handcrafted function that implements the line, with all its mutants. A wrong line is printed with its correction and
    the smallest network that proves it wrong.
    """
    from gradproof.errors import UsageError

    if walked:
        if line or notes or out:
            raise UsageError("--walk takes no LINE and no option but --json")
        return _walk(as_json)
    if seed < 0:
        raise UsageError(f"--seed must be at least 0, not {seed}")
    if out and line:
        raise UsageError("the page holds every line: leave out LINE or --out")
    from gradproof import files
    from gradproof.study import reader
    from gradproof.study.trial import Court

    if out:
        files.expect(out)
    book = reader.load(notes)
    only = None
    if line:
        only = book.line(line)
        if only is None:
            names = [entry.id for entry in book.lines]
            raise UsageError(f"there is no line {line}; there are {names[0]} … {names[-1]}")
    court = Court(book, seed)
    tried = _tried(court, only, quiet=as_json)
    if out:
        from gradproof.pages import study as page

        page.write(out, court, tried, lambda what: None if as_json else click.echo(what, err=True))
    if as_json:
        click.echo(json_of(document(court, tried)))
    elif only:
        texts = [*explained(tried[0]), stated(notes or reader.NOTES, only), *numbers(only, notes)]
        click.echo(captured(texts), color=True)
    else:
        click.echo(captured(listed(book, tried, out, notes)), color=True)
    return _status(t.verdict for t in tried)


def _status(verdicts: Iterable[Verdict]) -> int:
    """Return the exit code: 1 if any verdict is refuted, else 5 if any is undecided, else 0."""
    found = set(verdicts)
    return 1 if "refuted" in found else 5 if "undecided" in found else 0


def _tried(court: Court, only: Line | None, quiet: bool) -> list[Tried]:
    from gradproof.commands import courts

    count = 1 if only else len(court.ledger.lines)
    with progress_bar("lines", shown=not quiet) as bar:
        task = bar.add_task("testing", total=count)
        tried = []
        trials = court.trials(only) if count < MANY else courts.tried(court.ledger, court.seed)
        for each in trials:
            tried.append(each)
            bar.update(task, advance=1, refresh=True)
    return tried


def _walk(as_json: bool) -> int:
    from gradproof.commands import walk as shown
    from gradproof.study.walk import example, walk

    problem = example()
    lines = walk(problem)
    if as_json:
        click.echo(json_of(shown.document(problem, lines)))
    else:
        click.echo(shown.text(problem, lines), color=True)  # Rich has already decided on colour
    return _status(line.verdict for line in lines)


# ---- JSON ------------------------------------------------------------------------------------------------------


def document(court: Court, tried: list[Tried]) -> dict[str, Any]:
    """Return the document that --json prints."""
    from gradproof.study.summary import conventions

    return {
        "title": court.ledger.title,
        "seed": court.seed,
        "lines": [
            {
                "id": t.line.id,
                "section": t.line.section,
                "verdict": t.ruling.value,
                "written": t.line.written,
                "rule": t.line.rule,
                "depends": list(t.line.depends),
                "why": t.line.why,
                "correction": [*t.corrected, *_corrections(t)] or None,
                "unsettled": list(t.troubles),
                "witnesses": [_testimony(c, *said) for c in t.claims for said in _heard(c)],
                "claims": [_claim(c) for c in t.claims],
                "code": [_code(c) for c in t.code],
                "facts": [
                    {"measure": f.fact.measure, "says": f.fact.says, "found": f.found, "holds": f.holds}
                    for f in t.facts
                ],
                "tests": list(t.line.tests),
            }
            for t in tried
        ],
        "conventions": conventions(tried),
    }


def _corrections(t: Tried) -> list[Any]:
    """Return the ledger's corrections of the facts that are wrong."""
    return [f.fact.correction for f in t.facts if not f.holds and not f.trouble]


def _heard(claim: ClaimTried) -> list[tuple[str, Any]]:
    heard = [*claim.readings, *([claim.correction] if claim.correction else [])]
    return [(h.name, testimony) for h in heard for testimony in h.testimonies]


def _testimony(claim: ClaimTried, reading: str, testimony: Any) -> dict[str, Any]:
    return {
        "claim": claim.claim.says,
        "reading": reading,
        "witness": testimony.witness,
        "verdict": testimony.verdict.value,
        "said": testimony.said,
    }


def _claim(claim: ClaimTried) -> dict[str, Any]:
    gate, shown = claim.gate, claim.smallest
    return {
        "says": claim.claim.says,
        "claim": claim.claim.text,
        "verdict": claim.ruling.value,
        "readings": {h.name: h.verdict.value for h in claim.readings if h.name},
        "corrected": claim.claim.corrected or None,
        "correction": claim.correction.verdict.value if claim.correction else None,
        "neighbours": _neighbours(gate) if gate else None,
        "smallest": shown._asdict() if shown else None,
    }


def _neighbours(gate: Gate) -> dict[str, int]:
    return {
        "tried": gate.tried,
        "rejected": gate.rejected,
        "meaningless": gate.meaningless,
        "same": len(gate.same),
    }


def _code(code: CodeTried) -> dict[str, Any]:
    run = code.run
    return {
        "function": code.code.function,
        "path": code.anchored.path,
        "line": code.anchored.line,
        "holds": bool(run and run.holds),
        "trouble": code.trouble or None,
        "mutants": run.tried if run else None,
        "killed": run.killed if run else None,
        "same": list(run.same) if run else None,
    }


# ---- the terminal ----------------------------------------------------------------------------------------------


def listed(book: Ledger, tried: list[Tried], out: Path | None, notes: Path | None) -> list[Text]:
    """Return every line with its verdict, then a summary."""
    from gradproof.study.summary import conventions, mutants, together

    texts = [Text(""), Text(book.title, "bold"), Text("")]
    section = ""
    for t in tried:
        if t.line.section != section:
            section = t.line.section
            texts += [Text(f"{section}", "dim")]
        mark, style = MARKS[t.ruling]
        short = in_short(t), "red" if t.troubles else "dim"
        texts.append(Text.assemble((f" {mark} {t.line.id:4}", style), f"{t.ruling.value:25}", short))
    counts = {name: sum(t.ruling == name for t in tried) for name in MARKS}
    texts += [Text(""), Text(" · ".join(f"{n} {name}" for name, n in counts.items() if n), "bold")]
    if open_ones := [t for t in tried if t.troubles]:
        said = (
            f"{len(open_ones)} of {len(tried)} lines are not settled, hence exit code 1: a line that is wrong needs a"
        )
        texts += _wrapped(f"{said} correction that holds, and one that holds must say something.", "", "bold red")
        texts += [line for t in open_ones for why in t.troubles for line in _wrapped(f"{t.line.id}: {why}")]
    for held in conventions(tried).values():
        if said := together(held):
            texts += _wrapped(f"{said}:", "")
            texts += [line for name, ids in held.items() for line in _wrapped(f"{name}: {', '.join(ids) or 'none'}")]
    gates = [c.gate for t in tried for c in t.claims if c.gate]
    said = f"{sum(g.rejected for g in gates):,} wrong variants rejected"
    made = mutants(tried)
    if made.tried:
        said += f", {made.killed} of {made.tried} mutants of the code killed"
        said += f", {made.same} the same function" if made.same else ""
    return [*texts, Text(said), Text(f"written to {out}" if out else _onward(book, notes), "dim")]


def _onward(book: Ledger, notes: Path | None) -> str:
    """Return the commands to type next for the same ledger."""
    line = "N21" if notes is None else book.lines[0].id
    own = "" if notes is None else f" --notes {typed(notes)}"
    return f"one line with its numbers: gradproof study {line}{own} · the page: gradproof study{own} -o study.html"


def in_short(t: Tried) -> str:
    """Return on one line what is wrong, or under which convention the line holds."""
    slips = [c for c in t.claims if c.ruling.value in ("wrong", "holds under a convention")]
    slips.sort(key=lambda c: c.ruling.value != t.ruling.value)  # those that decide the verdict come first
    said = t.line.why.partition(".")[0]
    if t.troubles:
        return textwrap.shorten(t.troubles[0], WIDTH - 34, placeholder=" …")
    if t.ruling == "does not fit its code":
        said = next(f"{c.code.function}: {c.trouble}" for c in t.code if c.trouble)
    elif slips:
        names = [f"if {h.name}" for h in slips[0].readings if h.verdict == "verified" and h.name]
        said = ": ".join(part for part in (slips[0].claim.says, *names[:1]) if part) or said
    more = f"  +{len(slips) - 1} more: study {t.line.id}" if len(slips) > 1 else ""
    return textwrap.shorten(said, WIDTH - 34 - len(more), placeholder=" …") + more


def explained(t: Tried) -> list[Text]:
    """Return all about one line: verdict, text, reason, claims with witnesses and corrections, facts, code, tests."""
    mark, style = MARKS[t.ruling]
    texts = [
        Text(""),
        Text.assemble((f"{mark} {t.line.id} {t.ruling.value}", style), f"   {t.line.section}, {t.line.rule}"),
    ]
    texts += [*_wrapped(t.line.written, style="cyan"), *_wrapped(t.line.why)]
    if t.line.depends:
        texts.append(Text(f"  from {', '.join(t.line.depends)}", "dim"))
    for claim in t.claims:
        texts += _claim_text(claim)
    for fact in t.facts:
        texts += _fact_text(fact)
    for code in t.code:
        texts += _code_text(code)
    if t.line.tests:
        texts.append(Text(f"  tested by {', '.join(t.line.tests)}", "dim"))
    return texts


def stated(file: Path, line: Line) -> Text:
    """Return where the ledger states what the line claims."""
    near = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    return Text(f'  its claims are in {near}, under id = "{line.id}"', "dim")


def _wrapped(text: str, indent: str = "  ", style: str = "") -> list[Text]:
    lines = textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent)
    return [Text(line, style) for line in lines]


def _claim_text(c: ClaimTried) -> list[Text]:
    mark, style = MARKS[c.ruling]
    texts = [Text(""), *_wrapped(f"{mark} {c.claim.says + ': ' if c.claim.says else ''}{c.claim.text}", style=style)]
    heard = [*c.readings, *([c.correction] if c.correction else [])]
    for h in heard:
        if h is c.correction:
            holds = h.verdict.value == "verified"
            said = (
                "corrected"
                if holds
                else "not a correction, as it does not hold"
                if h.verdict == "refuted"
                else "undecided"
            )
            texts += _wrapped(f"{said}: {h.tree}", "    ", "green" if holds else "bold red")
            if c.claim.corrected:
                texts += _wrapped(c.claim.corrected, "      ", "cyan")
        elif h.name:
            texts.append(Text(f"    if {h.name}: {h.verdict.value}", "bold"))
        for testimony in h.testimonies:
            colour = {"verified": "green", "refuted": "red"}.get(testimony.verdict.value, "dim")
            for i, said in enumerate(textwrap.wrap(testimony.said, WIDTH - 18)):
                texts.append(Text.assemble((f"      {'' if i else testimony.witness:11}", "dim"), (said, colour)))
    if c.trouble:
        texts += _wrapped(f"not settled: {c.trouble}", "    ", "bold red")
    if c.smallest:
        texts += _smallest_text(c)
    if c.gate:
        said = f"of {c.gate.tried} variants, {c.gate.rejected} are wrong and rejected"
        if nothing := c.gate.meaningless:
            said += f", {nothing} mean{'s' if nothing == 1 else ''} nothing"
        if same := len(c.gate.same):
            said += f", {same} {'is' if same == 1 else 'are'} the same statement"
        texts.append(Text(f"    {said}", "dim"))
        if c.gate.trouble:
            texts.append(Text(f"    proves nothing: {c.gate.trouble}", "bold red"))
    return texts


def _smallest_text(c: ClaimTried) -> list[Text]:
    s = c.smallest
    assert s is not None
    about = (
        f"the smallest network that shows it, {list(s.sizes)}, m = {s.m}"
        if s.sizes
        else "the smallest number that shows it"
    )
    if s.misfit:
        return _wrapped(f"it means nothing on a network {list(s.sizes)}: {s.misfit}", "    ")
    given = ", ".join(f"{name} = {value}".replace("'", "") for name, value in s.numbers.items())
    pairs = ", ".join(f"{one:.6g} and {other:.6g}" for one, other in zip(s.left, s.right, strict=True) if one != other)
    return [*_wrapped(f"{about}: {given}", "    "), *_wrapped(f"the two sides are {pairs}", "      ")]


def _fact_text(f: FactTried) -> list[Text]:
    mark, style = MARKS["holds" if f.holds else "wrong"]
    said = f"{mark} {f.fact.measure}: said {f.fact.says}, found {f.found}{f'; {f.trouble}' * bool(f.trouble)}"
    return [*_wrapped(said, style=style), *_wrapped(f"({f.how})", "    ", "dim")]


def _code_text(c: CodeTried) -> list[Text]:
    if c.run is None or c.trouble:
        return _wrapped(f"✗ {c.code.function}: {c.trouble}", style="bold red")
    mark, style = MARKS["holds"]
    name = c.code.function.rpartition(".")[2]
    said = f"{mark} {c.anchored.path}:{c.anchored.line} {name} computes it on {c.run.networks} networks"
    if c.run.tried:
        same = f", {len(c.run.same)} the same function" if c.run.same else ""
        said += f"; {c.run.killed} of {c.run.tried} mutants killed{same}"
    return [Text(""), *_wrapped(said, style=style)]


def numbers(only: Line, notes: Path | None) -> list[Text]:
    """Return the equations of the walk that implement this line, with their numbers; none for a ledger from --notes."""
    if notes is not None:
        return []
    from gradproof.commands.walk import paragraph
    from gradproof.study.walk import example, walk

    lines = [line for line in walk(example()) if only.id in line.notes]
    texts = [text for line in lines for text in paragraph(line)]
    return [Text(""), Text("On the network 2 – 3 – 2 of `gradproof study --walk`", "bold"), *texts] if texts else []
