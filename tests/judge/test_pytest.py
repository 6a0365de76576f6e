"""In anyone's tests: a failure shows their own line and file, and `pytest --gradproof FILE` is a test of FILE."""

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.judge.test_whole_command import NET, NOTHING, WRONG, notebook

ROOT = Path(__file__).parents[2]
TESTS = """import gradproof
import numpy as np


def cost(w, x):
    return np.sum(np.tanh(x @ w) ** 2)


def gradient(w, x):
    t = np.tanh(x @ w)
    return x.T @ (2 * t * (1 - t))


def forward(x):
    return np.tanh(x), x


def backward(dout, x):
    return dout * (1 - np.tanh(x))


def step(w, x):
    w += 0.1 * x.T @ (x @ w)


def test_gradient(assert_gradient):
    assert_gradient(cost, gradient, np.zeros(3), np.zeros((5, 3)))


def test_backward(assert_backward):
    assert_backward(forward, backward, np.zeros((2, 3)))


def test_step(assert_step):
    w = np.ones(3)
    assert_step(step, [w], np.ones((5, 3)), cost=lambda w, x: np.sum((x @ w) ** 2))


def test_backprop(assert_backprop):
    assert_backprop(lambda weights, biases, x, y: ([0 * b for b in biases], [0 * w for w in weights]), networks=20)


def test_of_nothing():
    gradproof.assert_backprop(3)
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says of failing tests, and of programs it is given."""
    place = tmp_path_factory.mktemp("theirs")
    for name, source in (("test_mine.py", TESTS), ("right.py", NET), ("wrong.py", WRONG), ("nothing.py", NOTHING)):
        (place / name).write_text(source, "utf8")
    (place / "wrong.ipynb").write_text(notebook("import numpy as np", WRONG.partition("\n")[2]), "utf8")
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    if not any(point.name == "gradproof" for point in entry_points(group="pytest11")):
        line += ["-p", "gradproof.pytest_plugin"]
    for name in ("right.py", "wrong.py:Net", "wrong.ipynb", "nothing.py", "none.py"):
        line += ["--gradproof", name]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(line, capture_output=True, text=True, cwd=place, env=environment, timeout=200)
    assert "9 failed, 1 passed" in ended.stdout, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("test", "call", "told"),
    [
        ("test_gradient", "    assert_gradient(cost,", "refuted: gradient is not the gradient of cost"),
        ("test_backward", "    assert_backward(forward,", "refuted: backward is not "),
        ("test_step", "    assert_step(step,", "refuted: step is not "),
        ("test_backprop", "    assert_backprop(lambda", "refuted: this backprop is wrong"),
        ("test_of_nothing", "    gradproof.assert_backprop(3)", "UsageError: int is neither a function nor a class"),
    ],
)
def test_a_failure_shows_the_line_of_the_test_and_the_judgement_and_none_of_our_lines(
    said: str, test: str, call: str, told: str
) -> None:
    _, _, shown = said.partition(f"___ {test} ___")
    shown = shown.partition("\n____")[0]
    assert f"\n>   {call}" in shown
    assert told in shown
    number = next(n for n, line in enumerate(TESTS.splitlines(), start=1) if line.startswith(call))
    assert shown.rstrip().splitlines()[-1].startswith(f"test_mine.py:{number}: ")
    assert "gradproof/" not in shown


def test_a_program_that_is_wrong_fails_with_its_judgement_at_its_own_line(said: str) -> None:
    assert (
        "\nwrong.py:15: d1 = (self.w2.T @ d2) * (1 - h)\n"
        "refuted: wrong.py: w1, b1 do not follow the gradient of the quadratic cost, unlike the others\n"
    ) in said
    assert "\nwrong.ipynb: cell 2, line 14: d1 = (self.w2.T @ d2) * (1 - h)\nrefuted: wrong.ipynb: " in said
    assert "\nFAILED wrong.py:Net::gradproof - wrong.py:15: " in said
    assert "\nnothing.py: found no step" in said
    assert "\nthere is no file none.py\n" in said
    assert "Traceback" not in said
