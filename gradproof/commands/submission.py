"""gradproof check FILE.py: judge one submission, print the verdict, and write the files asked for."""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradproof import backends, files, interruption
from gradproof import memory as address_space  # `memory` is the option --memory here
from gradproof.errors import DataError, UsageError
from gradproof.text import json_of, typed, visible

if TYPE_CHECKING:
    from gradproof.judge.isolation.submission import File, Kind
    from gradproof.judge.report import Judgement, Worth
    from gradproof.judge.rubric import Rubric

EXIT = {"verified": 0, "refuted": 1, "undecided": 5}
COLOURS = {"verified": "green", "refuted": "red", "undecided": "yellow"}
LEAKS = "it would give the answer away"


def tell(
    submission: str,
    networks: int,
    seed: int,
    as_json: bool,
    convention: str | None,
    seconds: float,
    memory: float,
    rubric: Rubric | None,
    junit: str | None,
    script: str | None,
    certificate: str | None,
    cost: str | None,
    step: str | None,
    out: str | None,
) -> int:
    """Print the judgement, write the files asked for, and return the exit code."""
    from gradproof.judge.decision import decide

    path, _, name = submission.partition(":")
    outputs = [Path(file) for file in (junit, script, certificate, out) if file]
    _expect(outputs, path)
    address_space.insist()
    again = _again(submission, networks, seed, convention, cost, step)
    if step is not None:
        _require_python(step)
    try:
        decided = decide(
            path,
            name,
            lambda code: _judged(code, networks, seed, as_json, convention, certificate is not None),
            declared=convention is not None or certificate is not None,
            rubric=rubric,
            cost=cost or "",
            step=step or "",
            seconds=seconds,
            memory=int(memory * 2**30),
            lines=out is not None and rubric is None,
        )
    except DataError as error:
        _tell_error(str(error), submission, as_json, junit)
        raise
    found, judged, kind = decided.found, decided.judged, decided.kind
    if judged is None or kind is None or (decided.whole and not (script and judged.counterexample)):
        again = re.sub(r" --architectures \d+ --seed \d+", "", again)  # they do not matter here
        _tell_whole(found or {}, submission, again, as_json, rubric)
        asked = {"junit": junit, "page": out, "script": script, "certificate": certificate}
        _write_of_whole(found or {}, submission, again, rubric, asked)
        return EXIT[(found or {})["verdict"]]
    worth = rubric.equations if rubric else None
    try:  # A full disk must not cost the verdict, nor a closed pipe the files.
        _tell_verdict(judged, submission, seed, again, as_json, worth)
    finally:
        _write_files(judged, submission, kind, seed, worth, junit, script, certificate, out, found, again)
    return EXIT[judged.verdict]


def _judged(code: File, networks: int, seed: int, as_json: bool, convention: str | None, certified: bool) -> Judgement:
    """Judge a backprop of the notes' network, in float64."""
    from gradproof.commands.terminal import progress_bar

    with progress_bar("networks", shown=not as_json) as bar:
        with interruption.hold_signals():  # importing JAX takes a second, in which an exception would abort the process
            from gradproof.judge.float64.diagnosis import judgement
        from gradproof.numerics import contracts

        backends.keep_compiled()
        contracts.insist("float64")
        task = bar.add_task("judging", total=networks)
        return judgement(
            code,
            networks,
            seed,
            lambda done, total: bar.update(task, completed=done, total=total, refresh=True),
            convention.split(",") if convention is not None else (),
            certified,
        )


def _require_python(step: str) -> None:
    """Raise UsageError unless this is valid Python."""
    try:
        ast.parse(step)
    except SyntaxError as error:
        raise UsageError(f"--step {typed(step)} is not Python: {error.msg}") from None


def _again(
    submission: str, networks: int, seed: int, convention: str | None, cost: str | None, step: str | None
) -> str:
    """Return the command that repeats this judgement."""
    again = f"gradproof check {typed(submission)} --architectures {networks} --seed {seed}"
    for option, value in (("--convention", convention), ("--cost", cost), ("--step", step)):
        again += f" {option} {typed(value)}" if value else ""
    return again


def _tell_whole(
    found: dict[str, Any],
    submission: str,
    again: str,
    as_json: bool,
    rubric: Rubric | None,
) -> None:
    """Print the judgement on a whole program, or its points if there is a rubric."""
    from gradproof.judge import wording

    if rubric is not None:
        from gradproof.judge import rubric as rubrics

        grade = rubrics.grade(found, rubric)
        if rubric.is_of_one and grade.strange:
            raise rubric.refused(grade.strange, [name for name in grade.of if name not in grade.strange])
        told, lines = rubrics.document(found, grade, again), rubrics.lines(found, grade, submission)
    else:
        told, lines = wording.document(found, again), wording.lines(found, submission)
        lines += [f"again: {again}"] * (found["verdict"] == "refuted")
    if as_json:
        click.echo(json_of(told))
    else:
        _print(found["verdict"], lines)


def _write_of_whole(
    found: dict[str, Any], submission: str, again: str, rubric: Rubric | None, asked: Mapping[str, str | None]
) -> None:
    """Write the files that exist for a whole program, then say why the others are not written."""
    from gradproof.judge import rubric as rubrics
    from gradproof.judge import wording

    left_out, graded = {}, rubric is not None
    if (junit := asked["junit"]) and rubric is not None:
        files.give(Path(junit), rubrics.junit(rubrics.grade(found, rubric), submission))
    elif junit:
        files.give(Path(junit), wording.junit(found, submission))
    if (page := asked["page"]) and graded:
        left_out[page] = LEAKS
    elif page:
        from gradproof.pages import verdict

        files.give(Path(page), verdict.of_file(found, submission.partition(":")[0], _of_name(again, submission)))
    if certificate := asked["certificate"]:
        left_out[certificate] = "certificates are made for the notes' network only"
    if (script := asked["script"]) and graded:
        left_out[script] = LEAKS
    elif script and found["script"]["text"]:
        files.give(Path(script), found["script"]["text"])
    elif script:
        refuted = found["verdict"] == "refuted"
        left_out[script] = found["script"]["why"] if refuted else "there is no counterexample to show"
    _say_left_out(left_out)


def _of_name(again: str, submission: str) -> str:
    """Return the command with the file's name only, for a reader who has the file but not this folder."""
    return again.replace(typed(submission), typed(Path(submission).name), 1)


def _expect(outputs: list[Path], code: str) -> None:
    """Check before judging that every output can be written, and none over another output or the code."""
    module = code.replace(".", os.sep) + ".py"
    taken = dict.fromkeys(map(os.path.realpath, (code, module)), "is the code itself")
    for path in outputs:
        files.expect(path)
        place = os.path.realpath(path)
        if place in taken and str(path.parent) not in files.STREAMS:
            raise UsageError(f"{path} {taken[place]}; choose another")
        taken[place] = "is named twice"


def _tell_verdict(
    judged: Judgement, submission: str, seed: int, again: str, as_json: bool, worth: Worth | None
) -> None:
    from gradproof.judge import documents, report

    if as_json:
        click.echo(json_of(documents.document(judged, seed, again, worth)))
        return
    lines = report.lines(judged, submission, worth)
    _print(judged.verdict, [*lines, *["", f"again: {again}"] * (judged.verdict == "refuted" and worth is None)])


def _print(verdict: str, lines: Sequence[str]) -> None:
    """Print the lines, the first in the colour of the verdict, wrapped to the width of the terminal."""
    from rich.text import Text

    from gradproof.commands.terminal import captured, fitted

    texts = [Text(lines[0], f"bold {COLOURS[verdict]}"), *map(Text, lines[1:])]
    click.echo(captured(fitted(texts)), nl=False, color=True)


def _write_files(
    judged: Judgement,
    submission: str,
    kind: Kind,
    seed: int,
    worth: Worth | None,
    junit: str | None,
    script: str | None,
    certificate: str | None,
    out: str | None,
    found: dict[str, Any] | None,
    again: str,
) -> None:
    """Write the files that can be written, then say why the others are not."""
    from gradproof.judge import documents
    from gradproof.judge.float64 import certificate as certificates

    shown, left_out, grade = judged.counterexample, {}, worth is not None
    if junit:
        files.give(Path(junit), documents.junit(judged, submission, worth))
    if script and shown is not None and not grade:
        source = submission.partition(":")[0]
        files.give(Path(script), documents.script(shown, source, kind))
    elif script:
        left_out[script] = LEAKS if grade else "there is no counterexample to show"
    if out and not grade:
        from gradproof.judge import report
        from gradproof.judge.lines.margin import Source
        from gradproof.pages import verdict

        told = documents.document(judged, seed, again)
        if found and found["verdict"] == judged.verdict:  # the judges agree, so its lines can be shown too
            told |= {name: found[name] for name in ("lines", "layers", "parameters", "faults")}
        if shown is not None:
            told["counterexample"] |= {**shown.sides, "said": report.in_words(shown)}
        said = report.lines(judged, Path(submission).name)
        files.give(Path(out), verdict.page(told, said, [Source(submission, kind.source)], _of_name(again, submission)))
    elif out:
        left_out[out] = LEAKS
    if certificate and judged.verdict == "verified":
        document = certificates.document(judged.certified, submission, seed, judged.conventions, kind.sha256)
        files.give(Path(certificate), json.dumps(document, indent=1) + "\n")
    elif certificate:
        left_out[certificate] = "only what is verified has a certificate"
    _say_left_out(left_out)


def _say_left_out(paths: Mapping[str, str]) -> None:
    """Print which files are not written, and why."""
    for path, why in paths.items():
        click.echo(f"gradproof: {visible(path)} is not written: {why}", err=True)


def _tell_error(said: str, submission: str, as_json: bool, junit: str | None) -> None:
    """Write the error that takes the place of a verdict as JSON and JUnit XML, where asked for."""
    from gradproof.judge import documents

    try:
        if as_json:
            click.echo(json_of({"verdict": None, "error": said}))
    finally:
        if junit:
            files.give(Path(junit), documents.junit_error(said, submission))
