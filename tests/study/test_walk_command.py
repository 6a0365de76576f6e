"""gradproof study --walk, as it is typed: what it writes, how wide, in which colours, and how it ends."""

import json
import os
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from gradproof.commands import study
from gradproof.commands import walk as shown
from gradproof.numerics.chain import radii
from gradproof.problem import Answer
from gradproof.study import walk
from handcrafted import equations

SECONDS = 20
COLUMNS = 100
ESCAPE = "\x1b"
OWN = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE")


def typed(*arguments: str, **variables: str) -> str:
    """What the command writes to stdout; it must end well, in time, and with nothing on stderr."""
    environment = {name: value for name, value in os.environ.items() if name not in OWN}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "gradproof", "study", *arguments],
        env=environment | {"PYTHONUTF8": "1", "TERM": "xterm-256color"} | variables,
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture(scope="module")
def plain() -> str:
    return typed("--walk")


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(typed("--walk", "--json"))


def in_process(*arguments: str) -> int:
    code = study.command.main(["--walk", *arguments], standalone_mode=False)
    assert isinstance(code, int)
    return code


def assert_shown(line: walk.Line, text: str) -> None:
    """Formula, shapes and notes stand in the text, and under them row by row the handcrafted and autodiff's numbers."""
    shown = text[text.index(line.formula) :].split("\n\n")[0]
    assert line.shapes in shown
    assert ", ".join(line.notes) in shown
    _, _, *rows = shown.splitlines()
    for row, *both in zip(rows, line.handcrafted, line.autodiff, strict=True):
        expected = [f"{number:.6f}" for numbers in both for number in numbers]
        assert re.findall(r"-?\d\.\d{6}", row) == expected
    assert f"Δ {line.difference:.2g} " in rows[0]


def test_every_line_is_shown_with_both_numbers(plain: str) -> None:
    lines = walk.walk(walk.example())
    for line in lines:
        assert_shown(line, plain)
    assert "2 – 3 – 2" in plain
    assert f"All {len(lines)} lines agree" in plain


@pytest.mark.parametrize("equation", ["BP1", "BP2", "BP3", "BP4"])
def test_each_equation_has_its_section(equation: str, plain: str) -> None:
    assert len(re.findall(f"^{equation} · ", plain, re.MULTILINE)) == 1


def test_a_line_fits_the_terminal_and_ends_without_blanks(plain: str) -> None:
    for line in plain.splitlines():
        assert len(line) <= COLUMNS
        assert line == line.rstrip()


def test_a_pipe_gets_no_escape_codes(plain: str) -> None:
    assert ESCAPE not in plain


@pytest.mark.turns(1)
def test_a_terminal_gets_the_same_text_in_colour(plain: str) -> None:
    coloured = typed("--walk", FORCE_COLOR="1")
    assert ESCAPE in coloured
    stripped = re.sub(r"\x1b\[[\d;]*m", "", coloured)
    assert [line.rstrip() for line in stripped.splitlines()] == plain.splitlines()


@pytest.mark.turns(1)
def test_no_color_takes_every_escape_code_away(plain: str) -> None:
    assert typed("--walk", FORCE_COLOR="1", NO_COLOR="1") == plain


@pytest.mark.turns(1)
def test_json_is_one_document_with_the_numbers_of_the_walk(document: Any) -> None:
    assert list(document) == ["sizes", "lines"]
    assert document["sizes"] == [2, 3, 2]
    for entry, line in zip(document["lines"], walk.walk(walk.example()), strict=True):
        assert entry == {
            "id": line.id,
            "layer": line.layer,
            "formula": line.formula,
            "shapes": line.shapes,
            "notes": list(line.notes),
            "handcrafted": line.handcrafted.tolist(),
            "autodiff": line.autodiff.tolist(),
            "difference": line.difference,
        }


def test_json_writes_null_for_what_is_not_a_number() -> None:
    line = walk.walk(walk.example())[0]
    broken = line._replace(handcrafted=np.full_like(line.handcrafted, np.nan))
    entry = shown.document(walk.example(), [broken])["lines"][0]
    assert entry["handcrafted"] == [[None]] * 3
    assert entry["difference"] is None
    json.dumps(entry, allow_nan=False)


def test_a_planted_error_is_named_and_refuted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(equations, "bp2", lambda w, delta, z: w.mT @ delta)
    assert in_process() == 1
    text = capsys.readouterr().out
    for line in walk.walk(walk.example()):
        assert_shown(line, text)
    assert re.search(r"^δ¹ = .*\n.*\n.* Δ 0\.\d+ refuted$", text, re.MULTILINE)
    assert re.search(r"^BP2 in layer 1 is refuted: the largest difference is 0\.\d+$", text, re.MULTILINE)
    assert "agree" not in text
    assert in_process("--json") == 1
    lines = json.loads(capsys.readouterr().out)["lines"]
    assert [line["id"] for line in lines if line["difference"] > 0.01] == ["BP2", "BP3", "BP4"]


def test_without_a_finite_bound_it_is_undecided(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def infinite(*inputs: Any) -> Answer:
        radius = radii(*inputs)
        return radius._replace(zs=[np.full_like(e_z, np.inf) for e_z in radius.zs])

    monkeypatch.setattr(walk, "radii", infinite)
    assert in_process() == 5
    assert "z in layer 1 is undecided" in capsys.readouterr().out


def test_help_does_not_wait_for_the_networks() -> None:
    code = "import sys, gradproof.commands.study; print(sorted({'jax', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=SECONDS)
    assert done.stdout.strip() == "[]"
