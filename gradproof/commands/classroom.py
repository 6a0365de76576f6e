"""gradproof check FOLDER: judge many submissions in parallel, each as gradproof check FILE would."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradproof import files
from gradproof.commands import folders, judges
from gradproof.commands.terminal import INTERRUPTED, progress_bar
from gradproof.errors import MachineError, UsageError
from gradproof.judge import register
from gradproof.judge.register import Row
from gradproof.text import json_of, typed, visible

if TYPE_CHECKING:
    from gradproof.commands.submission import Options

HTML = (".html", ".htm")
COLOURS = {"verified": "green", "refuted": "red", "undecided": "yellow", register.UNJUDGED: "magenta"}


def tell(submissions: Sequence[str], options: Options, csv: str | None, form: str) -> int:
    """Judge every submission, print a table or lines, write the files asked for, and return the exit code."""
    for option in ("script", "certificate"):
        if value := getattr(options, option):
            raise UsageError(f"--{option} takes one submission: gradproof check FILE --{option} {typed(value)}")
    junit, rubric, as_json = options.junit, options.rubric, options.as_json
    found = folders.gathered(submissions)
    folder, pages, index = _pages(options.out, found, folders.are_several(submissions))
    single = folder / pages[found[0]] if folder and not index else None
    _expect([Path(file) for file in (csv, junit, index, single) if file], found)
    given = options._replace(as_json=True, rubric=rubric and rubric._replace(is_of_one=False))
    rows: dict[int, Row] = {}
    printed, interrupted = 0, False
    lines = not as_json and (form == "github" or not sys.stdout.isatty())
    with progress_bar("submissions", shown=not as_json) as bar:
        task = bar.add_task("judging", total=len(found))
        try:
            for number, row in judges.judged(found, given, folder, pages):
                rows[number] = row
                bar.update(task, completed=len(rows), refresh=True)
                while lines and printed in rows:  # in the order of the files
                    printed += 1  # counted first, so that an interrupt while printing does not print it twice
                    _print_line(rows[printed - 1], form)
        except KeyboardInterrupt:
            interrupted = True
    told = [rows[number] for number in sorted(rows)]
    if folder and not rubric:
        told = [_with_page(row, folder, pages[row.file]) for row in told]
    try:
        if as_json:
            click.echo(json_of(document(told)))
        else:
            for row in told[printed:] if lines else ():
                _print_line(row, form)
            print_all(told, with_table=not lines)
    finally:
        for path, text in ((csv, register.as_csv), (junit, register.as_junit)):
            if path:
                files.give(Path(path), text(told))
        if index:
            from gradproof.pages import classroom

            files.give(index, classroom.index(told, len(found)))
    if rubric and (strange := register.strange(told)):
        raise rubric.refused(strange)
    if interrupted:
        click.echo(f"gradproof: interrupted: {len(told)} of {len(found)} judged", err=True)
        return INTERRUPTED
    return register.worst([each.code for each in told])


def _pages(out: str | None, found: Sequence[str], are_several: bool) -> tuple[Path | None, dict[str, str], Path | None]:
    """Return the folder of the pages, each submission's page there, and the index, which a single page has not."""
    if not out:
        return None, {}, None
    if not are_several and out.endswith(HTML):
        return Path(out).parent, {found[0]: Path(out).name}, None
    folder = _folder(out)
    return folder, dict(zip(found, folders.page_names(found), strict=True)), folder / folders.INDEX


def _with_page(row: Row, folder: Path, page: str) -> Row:
    """Write the page of what was not judged, which says why; a row with a verdict has its own."""
    from gradproof.pages import verdict

    if row.verdict != register.UNJUDGED:
        return row
    files.give(folder / page, verdict.unjudged(Path(row.file).name, row.said))
    return row._replace(page=page)


def _folder(out: str) -> Path:
    """Return the folder of the pages, creating it if necessary."""
    if out.endswith(HTML):
        raise UsageError(f"for several submissions -o is a folder of pages, not {out}")
    folder = Path(out)
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise MachineError(f"cannot make the folder {folder}: {error.strerror}; choose another -o") from None
    return folder


def _expect(outputs: Sequence[Path], submissions: Sequence[str]) -> None:
    """Check before judging that every output can be written, and none over another output or a submission."""
    taken = dict.fromkeys(map(os.path.realpath, submissions), "is itself a submission")
    for path in outputs:
        files.expect(path)
        place = os.path.realpath(path)
        if place in taken and str(path.parent) not in files.STREAMS:
            raise UsageError(f"{path} {taken[place]}; choose another")
        taken[place] = "is named twice"


def document(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the document that --json prints."""
    verdicts = [row.verdict for row in rows]
    return {
        "verdict": next((v for v in ("refuted", register.UNJUDGED, "undecided") if v in verdicts), "verified"),
        "mistakes": [{"name": name, "count": len(files), "files": files} for name, files in register.counted(rows)],
        "submissions": [
            {"file": row.file, "exit_code": row.code, "verdict": row.verdict, "said": row.said}
            | {name: value for name, value in row.document.items() if name != "verdict"}
            for row in rows
        ],
    }


def _print_line(row: Row, form: str) -> None:
    for line in register.annotations(row) if form == "github" else [str(row)]:
        click.echo(line)


def print_all(rows: Sequence[Row], with_table: bool) -> None:
    """Print the table, if wanted, and the summary of the class."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(color_system=None if os.environ.get("NO_COLOR") else "auto", highlight=False)
    table = Table(box=None, pad_edge=False)
    for name in ("file", "verdict", "line", "first fault"):
        table.add_column(name, overflow="fold", justify="right" if name == "line" else "left")
    for row in rows:
        verdict = Text(row.verdict + f", {row.points}" * bool(row.points), COLOURS[row.verdict])
        table.add_row(Text(visible(row.file)), verdict, str(row.line or ""), Text(visible(row.said)))
    with console.capture() as capture:
        if with_table:
            console.print(table)
            console.print()
        console.print(*map(Text, register.summary(rows)), sep="\n", soft_wrap=True)
    click.echo(capture.get(), nl=False, color=True)
