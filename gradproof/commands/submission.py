"""gradproof check FILE.py: somebody's backprop, judged in a process of its own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradproof import files, interruption
from gradproof import memory as address_space  # --memory is another
from gradproof.errors import DataError, UsageError
from gradproof.text import json_of, typed, visible

if TYPE_CHECKING:
    from gradproof.judge.report import Judgement
    from gradproof.judge.submission import Kind

EXIT = {"verified": 0, "refuted": 1, "undecided": 5}
COLOURS = {"verified": "green", "refuted": "red", "undecided": "yellow"}


def tell(
    submission: str,
    networks: int,
    seed: int,
    as_json: bool,
    convention: str | None,
    seconds: float,
    memory: float,
    grade: bool,
    junit: str | None,
    script: str | None,
    certificate: str | None,
) -> int:
    """Print the judgement and write the files that were asked for; the exit code."""
    from gradproof.commands.terminal import progress_bar
    from gradproof.judge.submission import File

    path, _, name = submission.partition(":")
    _expect([Path(out) for out in (junit, script, certificate) if out], path)
    address_space.insist()
    with File(path, name, seconds, int(memory * 2**30)) as code, progress_bar("networks", shown=not as_json) as bar:
        with interruption.held():  # while the file is being loaded: JAX takes a second
            from gradproof.judge.diagnosis import judgement
        from gradproof.numerics import contracts

        _keep_compiled()
        try:
            kind = code.kind
        except DataError as error:
            _tell_error(str(error), submission, as_json, junit)
            raise
        contracts.insist("float64")
        task = bar.add_task("judging", total=networks)
        judged = judgement(
            code,
            networks,
            seed,
            lambda done, total: bar.update(task, completed=done, total=total, refresh=True),
            convention.split(",") if convention is not None else (),
            certificate is not None,
        )
    try:  # A full disk does not lose the verdict, and a reader that has gone not the files.
        _tell_verdict(judged, submission, networks, seed, as_json, convention, grade)
    finally:
        _write_files(judged, submission, kind, seed, grade, junit, script, certificate)
    return EXIT[judged.verdict]


def _expect(outputs: list[Path], code: str) -> None:
    """Before the work, that each can be written after it, none over another, and none over the code."""
    module = code.replace(".", os.sep) + ".py"
    taken = dict.fromkeys(map(os.path.realpath, (code, module)), "is where the code is")
    for path in outputs:
        files.expect(path)
        place = os.path.realpath(path)
        if place in taken and str(path.parent) not in files.STREAMS:
            raise UsageError(f"{path} {taken[place]}; choose another")
        taken[place] = "is asked for twice"


def _tell_verdict(
    judged: Judgement, submission: str, networks: int, seed: int, as_json: bool, convention: str | None, grade: bool
) -> None:
    from rich.text import Text

    from gradproof.commands.terminal import captured, fitted
    from gradproof.judge import documents, report

    again = f"gradproof check {typed(submission)} --architectures {networks} --seed {seed}"
    again += f" --convention {typed(convention)}" if convention else ""
    if as_json:
        click.echo(json_of(documents.document(judged, seed, again, grade)))
        return
    verdict, *lines = report.lines(judged, submission, grade)
    lines += ["", f"again: {again}"] * (judged.verdict == "refuted" and not grade)
    texts = [Text(verdict, f"bold {COLOURS[judged.verdict]}"), *map(Text, lines)]
    click.echo(captured(fitted(texts)), nl=False, color=True)


def _write_files(
    judged: Judgement,
    submission: str,
    kind: Kind,
    seed: int,
    grade: bool,
    junit: str | None,
    script: str | None,
    certificate: str | None,
) -> None:
    """Write all that there is of what was asked for, then say of the rest why not."""
    from gradproof.judge import certificate as certificates
    from gradproof.judge import documents

    shown, left_out = judged.counterexample, {}
    if junit:
        files.give(Path(junit), documents.junit(judged, submission, grade))
    if script and shown is not None and not grade:
        source = submission.partition(":")[0]
        files.give(Path(script), documents.script(shown, source, kind))
    elif script:
        left_out[script] = "it would tell the answer" if grade else "there is no counterexample to show"
    if certificate and judged.verdict == "verified":
        document = certificates.document(judged.certified, submission, seed, judged.conventions, kind.sha256)
        files.give(Path(certificate), json.dumps(document, indent=1) + "\n")
    elif certificate:
        left_out[certificate] = "only what is verified has a certificate"
    for path, why in left_out.items():
        click.echo(f"gradproof: {visible(path)} is not written: {why}", err=True)


def _tell_error(said: str, submission: str, as_json: bool, junit: str | None) -> None:
    """For programs, what a line on stderr says: that there is no verdict, and why."""
    from gradproof.judge import documents

    try:
        if as_json:
            click.echo(json_of({"verdict": None, "error": said}))
    finally:
        if junit:
            files.give(Path(junit), documents.junit_error(said, submission))


def _keep_compiled() -> None:
    """What XLA has compiled once serves the next verdict: a second in place of five."""
    import jax

    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if not jax.config.values["jax_compilation_cache_dir"]:
        jax.config.update("jax_compilation_cache_dir", os.path.join(home, "gradproof"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
