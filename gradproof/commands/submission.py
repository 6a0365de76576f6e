"""gradproof check FILE.py: judge one submission, print the verdict, and write the files asked for."""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from gradproof import backends, files, interruption
from gradproof import memory as address_space
from gradproof.errors import DataError, UsageError
from gradproof.text import json_of, typed, visible

if TYPE_CHECKING:
    from gradproof.judge.decision import Decided
    from gradproof.judge.isolation.submission import File
    from gradproof.judge.report import Judgement, Worth
    from gradproof.judge.rubric import Rubric

EXIT = {"verified": 0, "refuted": 1, "undecided": 5}
COLOURS = {"verified": "green", "refuted": "red", "undecided": "yellow"}
LEAKS = "it would give the answer away"


class Options(NamedTuple):
    """The options of gradproof check for one submission, by their names, and the rubric that is read."""

    architectures: int
    seed: int
    as_json: bool
    convention: str | None
    cost: str | None
    step: str | None
    seconds: float
    memory: float  # GiB
    rubric: Rubric | None
    out: str | None
    junit: str | None
    script: str | None
    certificate: str | None

    @property
    def worth(self) -> Worth | None:
        """The points of the equations, if it is graded."""
        return self.rubric.equations if self.rubric else None


def tell(submission: str, options: Options) -> int:
    """Print the judgement, write the files asked for, and return the exit code."""
    from gradproof.judge.decision import Question, decide

    rubric, script = options.rubric, options.script
    path, _, name = submission.partition(":")
    _expect([Path(file) for file in (options.junit, script, options.certificate, options.out) if file], path)
    address_space.insist()
    again = _again(submission, options)
    if options.step is not None:
        _require_python(options.step)
    question = Question(
        path,
        name,
        is_backprop=options.convention is not None or options.certificate is not None,
        rubric=rubric,
        cost=options.cost or "",
        step=options.step or "",
        seconds=options.seconds,
        memory=int(options.memory * 2**30),
        lines=options.out is not None and rubric is None,
    )
    try:
        decided = decide(question, lambda code: _judged(code, options))
    except DataError as error:
        _tell_error(str(error), submission, options)
        raise
    found, judged, kind = decided.found, decided.judged, decided.kind
    if judged is None or kind is None or (decided.whole and not (script and judged.counterexample)):
        again = re.sub(r" --architectures \d+ --seed \d+", "", again)  # they do not matter here
        _tell_whole(found or {}, submission, again, options)
        _write_of_whole(found or {}, submission, again, options)
        return EXIT[(found or {})["verdict"]]
    try:  # A full disk must not cost the verdict, nor a closed pipe the files.
        _tell_verdict(judged, submission, again, options)
    finally:
        _write_files(decided, submission, again, options)
    return EXIT[judged.verdict]


def _judged(code: File, options: Options) -> Judgement:
    """Judge a backprop of the notes' network, in float64."""
    from gradproof.commands.terminal import progress_bar

    networks, convention = options.architectures, options.convention
    with progress_bar("networks", shown=not options.as_json) as bar:
        with interruption.hold_signals():  # importing JAX takes a second, in which an exception would abort the process
            from gradproof.judge.float64.diagnosis import judgement
        from gradproof.numerics import contracts

        backends.keep_compiled()
        contracts.insist("float64")
        task = bar.add_task("judging", total=networks)
        return judgement(
            code,
            networks,
            options.seed,
            lambda done, total: bar.update(task, completed=done, total=total, refresh=True),
            convention.split(",") if convention is not None else (),
            options.certificate is not None,
        )


def _require_python(step: str) -> None:
    """Raise UsageError unless this is valid Python."""
    try:
        ast.parse(step)
    except SyntaxError as error:
        raise UsageError(f"--step {typed(step)} is not Python: {error.msg}") from None


def _again(submission: str, options: Options) -> str:
    """Return the command that repeats this judgement."""
    again = f"gradproof check {typed(submission)} --architectures {options.architectures} --seed {options.seed}"
    for name in ("convention", "cost", "step"):
        value = getattr(options, name)
        again += f" --{name} {typed(value)}" if value else ""
    return again


def _tell_whole(found: dict[str, Any], submission: str, again: str, options: Options) -> None:
    """Print the judgement on a whole program, or its points if there is a rubric."""
    from gradproof.judge import wording

    if (rubric := options.rubric) is not None:
        from gradproof.judge import rubric as rubrics

        grade = rubrics.grade(found, rubric)
        if rubric.is_of_one and grade.strange:
            raise rubric.refused(grade.strange, [name for name in grade.of if name not in grade.strange])
        told, lines = rubrics.document(found, grade, again), rubrics.lines(found, grade, submission)
    else:
        told, lines = wording.document(found, again), wording.lines(found, submission)
        lines += [f"again: {again}"] * (found["verdict"] == "refuted")
    if options.as_json:
        click.echo(json_of(told))
    else:
        _print(found["verdict"], lines)


def _write_of_whole(found: dict[str, Any], submission: str, again: str, options: Options) -> None:
    """Write the files that exist for a whole program, then say why the others are not written."""
    from gradproof.judge import rubric as rubrics
    from gradproof.judge import wording

    rubric, left_out = options.rubric, {}
    graded = rubric is not None
    if (junit := options.junit) and rubric is not None:
        files.give(Path(junit), rubrics.junit(rubrics.grade(found, rubric), submission))
    elif junit:
        files.give(Path(junit), wording.junit(found, submission))
    if (page := options.out) and graded:
        left_out[page] = LEAKS
    elif page:
        from gradproof.pages import verdict

        files.give(Path(page), verdict.of_file(found, submission.partition(":")[0], _of_name(again, submission)))
    if certificate := options.certificate:
        left_out[certificate] = "certificates are made for the notes' network only"
    if (script := options.script) and graded:
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


def _tell_verdict(judged: Judgement, submission: str, again: str, options: Options) -> None:
    from gradproof.judge import documents, report

    worth = options.worth
    if options.as_json:
        click.echo(json_of(documents.document(judged, options.seed, again, worth)))
        return
    lines = report.lines(judged, submission, worth)
    _print(judged.verdict, [*lines, *["", f"again: {again}"] * (judged.verdict == "refuted" and worth is None)])


def _print(verdict: str, lines: Sequence[str]) -> None:
    """Print the lines, the first in the colour of the verdict, wrapped to the width of the terminal."""
    from rich.text import Text

    from gradproof.commands.terminal import captured, fitted

    texts = [Text(lines[0], f"bold {COLOURS[verdict]}"), *map(Text, lines[1:])]
    click.echo(captured(fitted(texts)), nl=False, color=True)


def _write_files(decided: Decided, submission: str, again: str, options: Options) -> None:
    """Write the files of a judged backprop that can be written, then say why the others are not."""
    from gradproof.judge import documents
    from gradproof.judge.float64 import certificate as certificates

    found, judged, kind = decided.found, decided.judged, decided.kind
    assert judged is not None
    assert kind is not None
    worth, out, script, certificate = options.worth, options.out, options.script, options.certificate
    shown, left_out, grade = judged.counterexample, {}, worth is not None
    if options.junit:
        files.give(Path(options.junit), documents.junit(judged, submission, worth))
    if script and shown is not None and not grade:
        source = submission.partition(":")[0]
        files.give(Path(script), documents.script(shown, source, kind))
    elif script:
        left_out[script] = LEAKS if grade else "there is no counterexample to show"
    if out and not grade:
        from gradproof.judge import report
        from gradproof.judge.lines.margin import Source
        from gradproof.pages import verdict

        told = documents.document(judged, options.seed, again)
        if found and found["verdict"] == judged.verdict:  # the judges agree, so its lines can be shown too
            told |= {name: found[name] for name in ("lines", "layers")}
            places = {fault["line"] for fault in found["faults"]} - {0}
            if places and (judged.place[1] in places or not judged.said):
                told |= {name: found[name] for name in ("parameters", "faults")}
        if shown is not None:
            told["counterexample"] |= {**shown.sides, "said": report.in_words(shown)}
        said = report.lines(judged, Path(submission).name)
        files.give(Path(out), verdict.page(told, said, [Source(submission, kind.source)], _of_name(again, submission)))
    elif out:
        left_out[out] = LEAKS
    if certificate and judged.verdict == "verified":
        document = certificates.document(judged.certified, submission, options.seed, judged.conventions, kind.sha256)
        files.give(Path(certificate), json.dumps(document, indent=1) + "\n")
    elif certificate:
        left_out[certificate] = "only what is verified has a certificate"
    _say_left_out(left_out)


def _say_left_out(paths: Mapping[str, str]) -> None:
    """Print which files are not written, and why."""
    for path, why in paths.items():
        click.echo(f"gradproof: {visible(path)} is not written: {why}", err=True)


def _tell_error(said: str, submission: str, options: Options) -> None:
    """Write the error that takes the place of a verdict as JSON and JUnit XML, where asked for."""
    from gradproof.judge import documents

    try:
        if options.as_json:
            click.echo(json_of({"verdict": None, "error": said}))
    finally:
        if options.junit:
            files.give(Path(options.junit), documents.junit_error(said, submission))
