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
from tests.judge.test_whole_command import SIGMOID


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


NOTHING = """import numpy as np


def backprop(weights, biases, x, y):
    return [0 * b for b in biases], [0 * w for w in weights]
"""
CROSS_ENTROPY = """import numpy as np


def backprop(weights, biases, x, y):
    activations, m = [x], x.shape[1]
    for w, b in zip(weights, biases):
        activations.append(1 / (1 + np.exp(-(w @ activations[-1] + b))))
    a = activations[-1]
    d = a - y
    grad_b, grad_w = [], []
    for k in range(len(weights) - 1, -1, -1):
        grad_b.insert(0, d.mean(axis=1, keepdims=True))
        grad_w.insert(0, d @ activations[k].T / m)
        d = weights[k].T @ d * activations[k] * (1 - activations[k])
    return grad_b, grad_w
"""
UPHILL = CROSS_ENTROPY.replace("d = a - y", "d = (a + y) * a * (1 - a)")
ASLEEP = CROSS_ENTROPY.replace("    return", "    import time\n    time.sleep(60)\n    return")
ASLEEP_AND_WRONG = ASLEEP.replace("@ d * activations[k] * (1 - activations[k])", "@ d * activations[k]")
OTHER_WRONG = CROSS_ENTROPY.replace("d @ activations[k].T / m", "np.sin(d @ activations[k].T / m)")
STEP = """import numpy as np

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(20, 3)), (rng.random((20, 2)) < 0.5).astype(float)
W1, b1, W2, b2 = rng.normal(size=(3, 4)), np.zeros(4), rng.normal(size=(4, 2)), np.zeros(2)
for epoch in range(100):
    h = np.tanh(X @ W1 + b1)
    z = h @ W2 + b2
    out = 1 / (1 + np.exp(-z))
    err = out - Y
    dh = err @ W2.T * (1 - h**2)
    W2 -= 0.1 * h.T @ err
    b2 -= 0.1 * err.sum(0)
    W1 -= 0.1 * X.T @ dh
    b1 -= 0.1 * dh.sum(0)
"""
SLOW = NOTHING.replace("    return", "    for k in range(10**9):\n        weights[0] * k\n    return")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("backprop")
    programs = {"mine": NOTHING, "entropy": CROSS_ENTROPY, "uphill": UPHILL, "slow": SLOW, "asleep": ASLEEP}
    programs |= {"asleep_and_wrong": ASLEEP_AND_WRONG, "other": OTHER_WRONG, "class": SIGMOID, "step": STEP}
    for name, text in programs.items():
        (made / f"{name}.py").write_text(text, "utf8")
    return made


def check(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "gradproof", "check", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)


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
    ran = check(folder, "mine.py", "--convention", "ours", "--architectures", "20", *options)
    written = (folder / "rows.csv").read_text("utf8") if "--csv" in options else ran.stdout
    assert said in written, ran


@pytest.mark.turns(2)
@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("name", "options", "line", "right"),
    [
        ("uphill.py", [], "line 9: `d = (a + y) * a * (1 - a)`", "d = (a - y) * a * (1 - a)"),
        ("entropy.py", ["--cost", "quadratic"], "line 9: `d = a - y`", "d = (a - y) * (a * (1 - a))"),
        ("entropy.py", ["--convention", "ours"], "line 9: `d = a - y`", "d = (a - y) * (a * (1 - a))"),
    ],
)
def test_the_command_finds_the_line_and_what_it_should_be(
    name: str, options: list[str], line: str, right: str, folder: Path
) -> None:
    ran = check(folder, name, "--architectures", "20", *options)
    assert ran.returncode == 1
    assert f"\n{line}\n  should be: `{right}` – " in ran.stdout
    whose = "gives the gradient of the cross-entropy, not that of the quadratic cost"
    assert ran.stdout.startswith(f"refuted: {name} {whose if name == 'entropy.py' else 'is wrong'}\n")


@pytest.mark.turns(1)
def test_an_annotation_has_all_layers_and_the_correction(folder: Path) -> None:
    ran = check(folder, "uphill.py", "--architectures", "20", "--format", "github")
    annotation, *_ = ran.stdout.splitlines()
    assert annotation.startswith(
        "::error file=uphill.py,line=9,title=gradproof%3A refuted::BP1 at layers 1, 2, 3, 4 is wrong%0A"
    )
    assert annotation.endswith("%0Ashould be: `d = (a - y) * a * (1 - a)` – the sign is wrong")


@pytest.mark.turns(1)
def test_a_page_for_a_declared_cost_has_the_wrong_line_and_the_forward_pass(folder: Path) -> None:
    check(folder, "entropy.py", "--cost", "quadratic", "--architectures", "20", "-o", "page.html")
    page = (folder / "page.html").read_text("utf8")
    (wrong,) = re.findall(r'<li class="wrong">.*?</li>', page, re.DOTALL)
    assert "d = a - y" in wrong
    assert "should be: d = (a - y) * (a * (1 - a))" in wrong
    assert "σ′ is missing at the output" in page
    sign = check(folder, "uphill.py", "--architectures", "20", "-o", "page.html")
    assert sign.returncode == 1
    assert "wrong: BP1 at layers 1, 2, 3, 4" in (folder / "page.html").read_text("utf8")
    assert '<ol class="flow">' in page


@pytest.mark.turns(1)
@pytest.mark.parametrize(
    ("name", "line", "right"),
    [
        ("class.py", "14: `d2 = a - y` – w1, b1, w2, b2: ", "d2 = (a - y) * (a * (1 - a))"),
        ("step.py", "10: `err = out - Y` – W1, b1, W2, b2: ", "err = (out - Y) * (out * (1 - out))"),  # not z - Y
    ],
)
def test_a_step_along_another_cost_than_the_declared_one_has_its_line(
    name: str, line: str, right: str, folder: Path
) -> None:
    ran = check(folder, name, "--cost", "quadratic")
    assert f"  line {line}not the gradient of the quadratic cost" in ran.stdout
    assert f"    should be: `{right}` – the slope of the activation is missing\n" in ran.stdout


@pytest.mark.turns(1)
def test_what_is_wrong_besides_is_not_the_gradient_of_the_cross_entropy(folder: Path) -> None:
    ran = check(folder, "other.py", "--cost", "quadratic", "--architectures", "20")
    assert ran.stdout.startswith("refuted: other.py is wrong\n")
    assert "σ′ is missing at the output" in ran.stdout


@pytest.mark.turns(1)
def test_a_backprop_that_is_too_slow_is_not_judged(folder: Path) -> None:
    ran = check(folder, "slow.py", "--seconds", "1")
    assert (ran.returncode, ran.stdout) == (3, "")
    assert ran.stderr == "gradproof: slow.py does not return within 1 seconds: allow more with --seconds\n"


@pytest.mark.turns(1)
def test_a_backprop_that_only_waits_is_judged_without_waiting(folder: Path) -> None:
    ran = check(folder, "asleep.py", "--seconds", "1")
    assert ran.returncode == 0
    assert ran.stdout.startswith("verified: asleep.py gives the gradient of the binary cross-entropy")
    wrong = check(folder, "asleep_and_wrong.py", "--seconds", "1")
    assert wrong.returncode == 1
    assert wrong.stdout.startswith("refuted: asleep_and_wrong.py: ")
    assert "line 14: `d = weights[k].T @ d * activations[k]`" in wrong.stdout


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
