"""A script runs the user's file with nothing of ours and says what the judge says; or a line says why there is none."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradproof.judge.assessment import assess
from tests.judge.corpus import HERE
from tests.judge.test_causes import told
from tests.judge.test_counterexample import SCRIPT
from tests.judge.test_whole_command import MADE, NET, TRAINED, WRONG, check

pytestmark = pytest.mark.usefixtures("few_edits")

COST = WRONG.replace("        d2 =", "        cost = 0.5 * np.sum((a - y) ** 2)\n        d2 =")
TRAINS = COST + 'open("trained", "w").close()\n' + TRAINED
LINE = re.compile(
    r"(.+?)(\[[\d, ]*\])? (?:is|moves by) (\S+), (\S+) times \(C\(w \+ h\) - C\(w - h\)\) / 2h, which is (\S+)"
)
READ = "import numpy as np\nx = np.loadtxt('nowhere.csv', delimiter=',')\ny = x[:, :1]\n" + SCRIPT.partition("\n")[2]


def ran(script: str, folder: Path) -> list[tuple[str, tuple[int, ...], float, float, float]]:
    """What a script prints: array, element, move, how many times the quotient, and the quotient."""
    (folder / "show.py").write_text(script, "utf8")
    done = subprocess.run([sys.executable, "-I", "show.py"], cwd=folder, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    *lines, last = done.stdout.splitlines()
    assert last == "If every gradient is right, that factor is the same for all."
    found = [match for line in lines if (match := LINE.fullmatch(line))]
    assert len(found) == len(lines)
    return [(m[1], tuple(json.loads(m[2] or "[]")), float(m[3]), float(m[4]), float(m[5])) for m in found]


def imported(script: str) -> set[str]:
    return set(re.findall(r"^\s*(?:import|from) (\w+)", script, re.MULTILINE))


def says_what_the_judge_says(found: dict[str, Any], folder: Path) -> None:
    """Each number of the script is the one that the exact run gave, and those that are wrong are wrong there, too."""
    by_name = {one["name"]: one for one in found["counterexample"]["parameters"]}
    wrong = {one["name"] for one in by_name.values() if one["state"] != "right"}
    rows = ran(found["script"]["text"], folder)
    flat = {name for name, one in by_name.items() if not np.any(one["gradient"])}
    assert {name.removeprefix("net.").removeprefix("self.") for name, *_ in rows} == set(by_name) - flat
    times: dict[bool, list[float]] = {True: [], False: []}
    for name, element, move, ratio, quotient in rows:
        one = by_name[name.removeprefix("net.").removeprefix("self.")]
        assert move == pytest.approx(np.array(one["moved"])[element], rel=1e-4)
        assert quotient == pytest.approx(np.array(one["gradient"])[element], rel=1e-4)
        times[one["name"] in wrong].append(ratio)
    assert times[True]
    for ratio in times[True] if times[False] else []:
        assert ratio != pytest.approx(times[False][0], rel=1e-4)
    assert all(ratio == pytest.approx(times[False][0], rel=1e-5) for ratio in times[False])


FORMS = {
    "a class that trains, and a cost that it gives a name": COST + MADE,
    "a script whose step is in its loop": SCRIPT,
    "a cost that is returned": HERE / "programs/open/07_class_bce_extra_slope.py",
    "a cost that is appended, and one line as a loop": HERE / "programs/open/a13_update_too_soon.py",
    "layers, each with a cost that is returned": HERE / "programs/open/c22_layers_lr_updated_first.py",
    "a layer by itself": HERE / "programs/open/c27_modular_batchnorm.py",
}


@pytest.mark.turns(2)
@pytest.mark.sample(1)
@pytest.mark.parametrize("form", FORMS)
def test_it_says_what_the_judge_says(form: str, tmp_path: Path) -> None:
    source = FORMS[form]
    found = told(source if isinstance(source, str) else source.read_text("utf8"), tmp_path)
    assert found["script"]["why"] == ""
    assert imported(found["script"]["text"]) == {"ast", "contextlib", "io", "random", "sys", "numpy"}
    says_what_the_judge_says(found, tmp_path)


@pytest.mark.turns(2)
def test_the_command_writes_it_and_what_would_train_is_not_run(tmp_path: Path) -> None:
    done = check(tmp_path, TRAINS, "--script", "it.py")
    assert (done.returncode, done.stderr) == (1, "")
    text = (tmp_path / "it.py").read_text("utf8")
    assert "gradproof" not in text.replace(str(tmp_path), "")
    assert len(ran(text, tmp_path)) == 4
    assert not (tmp_path / "trained").exists()


@pytest.mark.turns(2)
def test_of_corrected_code_it_shows_that_all_is_right(tmp_path: Path) -> None:
    """Whoever puts the line right runs the same script again."""
    text = told(COST + MADE, tmp_path)["script"]["text"]
    (tmp_path / "mine.py").write_text((COST + MADE).replace("(1 - h)", "(1 - h * h)"), "utf8")
    times = [ratio for *_, ratio, _ in ran(text, tmp_path)]
    assert times == pytest.approx([-0.1] * 4, rel=1e-4)


NONE = {
    "it computes no cost of its own to compare with": WRONG + TRAINED,
    "the data that the file reads are missing": READ,
    "the file is not written for Python 3": (HERE / "programs/open/24_python2_class.py").read_text("utf8"),
    "its loop is written in one line, 7": "\n".join(SCRIPT.splitlines()[:6])
    + "\nfor i in range(9): h = np.tanh(x @ w1); a = h @ w2; loss = ((a - t) ** 2).sum(); da = 2 * (a - t);"
    " dh = da @ w2.T; w2 -= 0.1 * h.T @ da; w1 -= 0.1 * x.T @ (dh * (1 - h))\n",
    "large whole numbers of the file were replaced by small ones": "import numpy as np\n"
    "X = np.random.rand(600, 784)\n"
    "t = np.random.rand(600, 1)\nw1 = np.random.randn(784, 30)\nw2 = np.random.randn(30, 1)\n"
    + "\n".join(SCRIPT.replace("x @", "X @").replace("x.T", "X.T").splitlines()[6:]),
}


@pytest.mark.usefixtures("few_edits")
@pytest.mark.turns(2)
@pytest.mark.sample(1)
@pytest.mark.parametrize("why", NONE)
def test_where_python_would_not_run_what_was_judged_one_line_says_why(why: str, tmp_path: Path) -> None:
    assert told(NONE[why], tmp_path)["script"] == {"text": "", "why": why}


@pytest.mark.turns(2)
def test_the_command_says_why_it_writes_none(tmp_path: Path) -> None:
    for source, why, code in (
        (WRONG + TRAINED, "it computes no cost of its own to compare with", 1),
        (NET + TRAINED, "there is no counterexample to show", 0),
    ):
        done = check(tmp_path, source, "--script", "it.py")
        assert (done.returncode, done.stderr) == (code, f"gradproof: it.py is not written: {why}\n")
        assert not (tmp_path / "it.py").exists()


def test_a_notebook_has_none(tmp_path: Path) -> None:
    cells = [{"cell_type": "code", "source": SCRIPT}]
    (tmp_path / "mine.ipynb").write_text(json.dumps({"cells": cells}), "utf8")
    assert assess(str(tmp_path / "mine.ipynb"))["script"]["why"] == "Python cannot run a notebook as a file"
