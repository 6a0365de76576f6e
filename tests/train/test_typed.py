"""What is printed to be typed works when it is typed: in another folder too, and where names have spaces in them."""

import html
import json
import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradproof
from gradproof.backends import NAMES
from gradproof.problem import Parameters
from gradproof.train import handcrafted_descent
from tests.train.small import put_digits
from tests.train.test_command import ended_here, interrupted, typed

COMMAND = re.compile(r"gradproof (?:prove|check|train|study) \S.*?(?=$| or gradproof )", re.M)


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A folder of digits, one to train in, and one to type in what was printed there."""
    found = tmp_path / "the digits", tmp_path / "it's here", tmp_path / "else where"
    for place in found:
        place.mkdir()
    put_digits(found[0])
    return found


def again(line: str, place: Path, *more: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a printed command."""
    done = ended_here([sys.executable, "-m", *shlex.split(line), *more], place)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("backend", NAMES)
def test_the_line_of_python_reads_the_test_images(
    backend: str, places: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    digits, here, elsewhere = places
    done = ended_here(typed(digits, "--epochs", "1", "--out", "a run", backend=backend), here)
    before, _, line = re.search(r"^in Python: (.*)(; )(.*)$", done.stdout, re.M).group(1, 2, 3)  # type: ignore[union-attr]
    monkeypatch.chdir(elsewhere)
    names: dict[str, object] = {}
    exec(before, names)
    read = eval(line, names)
    assert isinstance(read, np.ndarray)
    (epoch,) = json.loads((here / "a run/run.json").read_text())["epochs"]
    assert (read == gradproof.digits(digits).test.labels).sum() == epoch["correct"]
    best = re.search(r"^best: .*: ('.*')$", done.stdout, re.M)
    assert best
    assert (here / eval(best[1])).is_file()


def test_the_shipped_digits_are_at_hand_in_a_line() -> None:
    digits = gradproof.digits()
    assert [part.images.shape for part in digits] == [(50_000, 784), (10_000, 784), (10_000, 784)]
    assert [part.labels.shape for part in digits] == [(50_000,), (10_000,), (10_000,)]


def test_an_interrupted_run_goes_on_by_the_line_it_ends_with(places: tuple[Path, Path, Path]) -> None:
    digits, here, elsewhere = places
    _, _, said = interrupted(typed(digits, "--epochs", "1000000", "--out", "a run"), here)
    (line,) = COMMAND.findall(said)
    epochs = len(json.loads((here / "a run/run.json").read_text())["epochs"]) + 1
    code, out, err = again(line, elsewhere, "--epochs", str(epochs), "--json")
    assert (code, err) == (0, "")
    assert len(json.loads(out)["epochs"]) == epochs
    assert os.listdir(elsewhere) == []


def test_both_without_a_common_step_go_on_alone_by_either_line(places: tuple[Path, Path, Path]) -> None:
    digits, here, elsewhere = places
    line = [word for word in typed(digits, "--epochs", "1", "--both", "--out", "a pair") if word != "--backend"]
    line.remove("handcrafted")
    assert ended_here(line, here).returncode == 0
    for name, file in zip(NAMES, (0, 1), strict=True):
        for kept in (here / "a pair" / name).glob(f"checkpoint-{file}.*"):
            kept.unlink()
    refused = ended_here([*line[:4], "--resume", str(here / "a pair"), "--no-page"], here)
    lines = COMMAND.findall(refused.stderr)
    assert len(lines) == 2, refused.stderr
    for printed in lines:
        assert again(printed, elsewhere, "--no-page")[0] == 0


def test_a_page_says_how_to_have_its_run_again(places: tuple[Path, Path, Path]) -> None:
    digits, here, elsewhere = places
    line = typed(digits, "--epochs", "1", "--page", "--out", "a run")
    assert ended_here(line, here).returncode == 0
    (code,) = re.findall(r"<pre><code>(gradproof .*)</code></pre>", (here / "a run/run.html").read_text())
    done = again(html.unescape(code), elsewhere, "--json", "--no-page")
    assert done[::2] == (0, "")
    assert json.loads(done[1])["run_hash"] == json.loads((here / "a run/run.json").read_text())["run_hash"]


def test_a_refuted_step_is_seen_again_by_the_line_that_tells_it(
    places: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    digits, here, elsewhere = places
    right = handcrafted_descent.trajectories

    def wrong(*arguments: Any) -> Iterator[Parameters]:
        for weights, biases in right(*arguments):
            moved = [np.array(layer) for layer in weights]
            moved[1][5:, 3, 2] += 0.1
            yield moved, biases

    with monkeypatch.context() as planted:
        planted.setattr(handcrafted_descent, "trajectories", wrong)
        done = ended_here(typed(digits, "--epochs", "1", "--verify", "--out", "a run"), here)
    assert done.returncode == 1, done.stderr
    (line,) = COMMAND.findall(done.stderr)
    code, out, _ = again(line, elsewhere)
    assert (code, "refuted" in out) == (1, True)


def test_a_wrong_backprop_is_refuted_again_by_the_line_that_says_so(places: tuple[Path, Path, Path]) -> None:
    _, here, _ = places
    (here / "my file.py").write_text(
        "from handcrafted import gradients\ndef backprop(weights, biases, x, y):\n"
        "    d, b, w = gradients(weights, biases, x, y)\n    return d, [2 * g for g in b], w\n"
    )
    done = ended_here([sys.executable, "-m", "gradproof", "check", "my file.py", "--architectures", "20"], here)
    line = COMMAND.findall(done.stdout)[-1]
    assert done.returncode == again(line, here)[0] == 1
