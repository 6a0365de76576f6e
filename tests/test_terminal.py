"""No line is wider than the terminal, and what is to be typed can be typed."""

import os
import re
import subprocess
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from gradproof.commands import terminal
from gradproof.text import typed, visible
from tests.commands import ended_here

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
SLIP = """import numpy as np
def backprop(weights, biases, x, y):
    zs, activations = [], [x]
    for w, b in zip(weights, biases):
        zs.append(w @ activations[-1] + b)
        activations.append(1 / (1 + np.exp(-zs[-1])))
    delta = [activations[-1] - y]
    for w, a in zip(weights[:0:-1], activations[-2:0:-1]):
        delta.insert(0, (w.T @ delta[0]) * a)
    m = x.shape[1]
    return delta, [d.sum(1, keepdims=True) / m for d in delta], [d @ a.T / m for d, a in zip(delta, activations)]
"""


class Screen(StringIO):
    def isatty(self) -> bool:
        return True


@given(st.text(), st.integers(terminal.NARROWEST, 60), st.integers(0, 6))
def test_a_line_is_broken_at_the_width_of_the_terminal_and_nothing_is_lost(said: str, width: int, indent: int) -> None:
    line = " " * indent + visible(said)
    pieces = terminal._broken(Text(line), width)
    assert all(piece.cell_len <= width for piece in pieces)
    assert "".join("".join(piece.plain.split()) for piece in pieces) == "".join(line.split())


def test_a_command_that_is_broken_is_the_same_to_a_shell(tmp_path: Path) -> None:
    names = [
        "mine.py",
        "a b/c d e f g h i j k l m n o.py",
        "it's a file.py",
        "tab\there it's.py",
        "a --seed 0 b.py",
        "\\ .py",
    ]
    for name in names:
        command = f"again: printf '%s|' {typed(name)} --architectures 200 --seed 0 --convention sum,no-half"
        pieces = terminal._broken(Text(command), 30)
        assert len(pieces) > 2
        script = "\n".join(piece.plain for piece in pieces).removeprefix("again: ")
        said = subprocess.run(["bash", "-c", script], capture_output=True, timeout=20, check=True).stdout
        assert os.fsdecode(said) == f"{name}|--architectures|200|--seed|0|--convention|sum,no-half|"


@pytest.mark.sample(1)
@pytest.mark.parametrize("verb", ["prove", "check"])
def test_no_line_is_wider_than_the_terminal(verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(SLIP)
    monkeypatch.setattr("tests.commands.StringIO", Screen)
    monkeypatch.setenv("COLUMNS", "60")
    line = ["prove", "--architectures", "20"] if verb == "prove" else ["check", "mine.py", "--architectures", "20"]
    ended = ended_here(["python", "-m", "gradproof", *line], tmp_path)
    assert ended.returncode == (verb == "check"), ended.stderr
    lines = COLOURS.sub("", ended.stdout).splitlines()
    verdict = {"prove": "verified: handcrafted agrees with autodiff", "check": "refuted: mine.py is wrong"}[verb]
    assert verdict in "\n".join(lines)
    assert [line for line in lines if Text(line).cell_len > 60] == []
    assert not any("…" in line for line in lines)
