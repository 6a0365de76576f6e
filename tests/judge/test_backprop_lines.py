"""A judgement on a backprop says where it goes wrong, or at least where it is defined, wherever it is shown."""

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradproof
from tests.judge.marks import marked


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward(weights, biases, x):
    activations = [x]
    for w, b in zip(weights, biases, strict=True):
        activations.append(sigmoid(w @ activations[-1] + b))
    return activations


def without_slope(weights, biases, x, y):
    activations = forward(weights, biases, x)
    d = (activations[-1] - y) * activations[-1] * (1 - activations[-1])
    m = x.shape[1]
    deltas = [d]
    for w, a in zip(reversed(weights[1:]), reversed(activations[1:-1]), strict=True):
        d = w.T @ d * a  # wrong: slope
        deltas.insert(0, d)
    grad_b = [d.mean(axis=1, keepdims=True) for d in deltas]
    return deltas, grad_b, [d @ a.T / m for d, a in zip(deltas, activations[:-1], strict=True)]


class Network:
    def __init__(self, sizes):
        self.biases = [np.random.randn(n, 1) for n in sizes[1:]]
        self.weights = [np.random.randn(n, k) for k, n in pairwise(sizes)]

    def backprop(self, x, y):
        activations = forward(self.weights, self.biases, x)
        grad_b, grad_w = [0 * b for b in self.biases], [0 * w for w in self.weights]
        d = activations[-1] - y
        for k in range(len(grad_b) - 1, -1, -1):
            d = d * activations[k + 1] * (1 - activations[k + 1])
            grad_b[k] = d
            grad_w[k] = d @ activations[k].T * 3  # wrong: class
            d = self.weights[k].T @ d
        return grad_b, grad_w


def unusable(weights, biases, x, y):  # wrong: unusable
    return ([], [])


def highlighted(judged: Any) -> list[int]:
    return [int(line) for line in re.findall(r'<li class="wrong"><span>(\d+)</span>', judged._repr_html_())]


@pytest.mark.turns(2)
@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("subject", "word", "said"),
    [
        (without_slope, "slope", "line {}: `d = w.T @ d * a`\n  should be: `d = w.T @ d * (a * (1 - a))`"),
        (Network, "class", "line {}: `grad_w[k] = d @ activations[k].T * 3`\n  should be: "),
        (unusable, "unusable", "it is defined in line {} of test_backprop_lines.py\n"),
    ],
    ids=["a function", "a class", "what returns nothing"],
)
def test_a_judgement_on_a_backprop_shows_its_line(subject: Any, word: str, said: str) -> None:
    judged = gradproof.check(subject, networks=20)
    assert str(judged.verdict) == "refuted"
    assert said.format(marked(__file__, word)) in str(judged)
    assert judged.place == (__file__, marked(__file__, word))
    assert highlighted(judged) == [marked(__file__, word)]


def test_a_decorated_backprop_is_defined_where_its_def_is() -> None:
    def noted(function: Any) -> Any:
        return function

    @noted
    def backprop(weights, biases, x, y):  # wrong: decorated
        raise ValueError("not yet")

    assert gradproof.check(backprop, networks=20).place == (__file__, marked(__file__, "decorated"))


def test_a_backprop_without_source_has_no_line() -> None:
    names: dict[str, Any] = {}
    exec("def backprop(weights, biases, x, y):\n    return [], []", names)
    judged = gradproof.check(names["backprop"], networks=20)
    assert "<ol>" not in judged._repr_html_()


FILE = """import numpy as np


def backprop(weights, biases, x, y):
    return [0 * b for b in biases], [0 * w for w in weights]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("backprop")
    (made / "mine.py").write_text(FILE, "utf8")
    return made


@pytest.mark.turns(2)
@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "it is defined in line 4 of mine.py\n"),
        (["--format", "github"], "::error file=mine.py,line=4,title="),
        (["--csv", "rows.csv"], "mine.py,refuted,4,"),
        (["--json"], '"line": 4'),
    ],
    ids=["text", "github", "csv", "json"],
)
def test_the_command_names_the_line_in_every_form(options: list[str], said: str, folder: Path) -> None:
    command = [sys.executable, "-m", "gradproof", "check", "mine.py", "--convention", "ours"]
    ran = subprocess.run(
        [*command, "--architectures", "20", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    written = (folder / "rows.csv").read_text("utf8") if "--csv" in options else ran.stdout
    assert said in written, ran


@pytest.mark.turns(2)
@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--backprop", "it is defined in line 4 of mine.py\n"),
        ("--gradproof", "mine.py:4: def backprop(weights, biases, x, y):\n"),
    ],
)
def test_pytest_names_the_line_of_a_backprop(option: str, said: str, folder: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", option, "mine.py:backprop"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert said in ran.stdout
