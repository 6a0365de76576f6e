"""Somebody's file, in a process of its own: whatever it does, there is a verdict or a line."""

import json
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gradproof.judge.diagnosis import judgement
from gradproof.judge.submission import File

HERE = Path(__file__).parent / "submissions"
ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}  # wherever a submission lies
RIGHT = (HERE / "book.py").read_text("utf8")
IN_PYTHON_3 = RIGHT.replace("xrange", "range")


def check(path, *arguments, cwd=None):
    line = [sys.executable, "-m", "gradproof", "check", str(path), "--architectures", "20", *arguments]
    return subprocess.run(line, capture_output=True, text=True, timeout=120, cwd=cwd, env=ENVIRONMENT)


def judged(path, networks=20):
    with File(str(path)) as code:
        return judgement(code, networks)


def written(folder, text, name="mine.py"):
    path = folder / name
    path.write_text(text, "utf8")
    return path


def test_a_class_pasted_unchanged_is_verified():
    result = check(HERE / "book.py")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("verified: ")
    assert "one example a call" in result.stdout


def test_python_2_is_judged_as_it_was_written(tmp_path):
    sgd = "            random.shuffle(training_data)\n"
    assert sgd in RIGHT
    printing = (
        sgd + '            if j: print "Epoch {0}: {1}".format(\n                j, len(training_data)), # done\n'
    )
    path = written(tmp_path, RIGHT.replace(sgd, printing) + '\nprint "loaded"; print\n', "network.py")
    assert judged(path).verdict == "verified"


# One line of the book's network changed: (the line, what it became, words of the judgement)
CHANGED = {
    "σ′ of a": ("sp = sigmoid_prime(z)", "sp = sigmoid_prime(sigmoid(z))", "σ′ is applied to a in place of z"),
    "σ′ missing": (".transpose(), delta) * sp", ".transpose(), delta)", "BP2 at layers 3, 2, 1 is wrong"),
    "σ′ missing above": (" * sigmoid_prime(zs[-1])", "", "σ′ is missing at the output"),
    "no transpose": ("self.weights[-l + 1].transpose()", "self.weights[-l + 1]", "w is not transposed"),
    "wrong w": ("self.weights[-l + 1].transpose()", "self.weights[-l].transpose()", "BP2 at layer"),
    "wrong a": ("activations[-l - 1].transpose()", "activations[-l].transpose()", "a is that of the layer itself"),
    "no bias gradient": ("nabla_b[-l] = delta", "pass", "the bias gradient is forgotten"),
    "y − a": ("output_activations - y", "y - output_activations", "downhill"),
    "tanh′": ("sigmoid(z) * (1 - sigmoid(z))", "1 - sigmoid(z) ** 2", "the derivative is that of tanh"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGED)
def test_one_changed_line_of_the_book_is_named(name, tmp_path):
    line, became, words = CHANGED[name]
    assert line in RIGHT
    found = judged(written(tmp_path, RIGHT.replace(line, became)))
    assert found.verdict == "refuted"
    assert words in str(found)


def test_the_loop_that_propagates_the_error_is_named_though_it_returns_no_delta():
    found = judged(HERE / "loop.py")
    assert "the error aᴸ − y is propagated in place of δˡ⁺¹" in str(found)
    assert {named.fault.equation for named in found.faults} == {"BP2"}  # what follows from it is not blamed


@pytest.mark.parametrize(
    ("subject", "code", "words"),
    [("nowhere.py", 2, "there is no file nowhere.py"), ("book.py:nothing", 3, "there is no 'nothing'"),
     ("nowhere_at_all", 3, "nowhere_at_all")],
)  # fmt: skip
def test_what_cannot_be_found_is_one_line(subject, code, words):
    result = check(subject, cwd=HERE)
    assert (result.returncode, result.stdout) == (code, "")
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_options_of_submissions_need_one():
    result = subprocess.run([sys.executable, "-m", "gradproof", "check", "--grade"], capture_output=True, text=True)
    assert result.returncode == 2
    assert "--grade needs a submission" in result.stderr


def test_json_junit_and_script_say_the_same_and_the_script_runs_without_gradproof(tmp_path):
    path = written(tmp_path, IN_PYTHON_3.replace(".transpose(), delta) * sp", ".transpose(), delta)"))
    arguments = ("--json", "--junit", str(tmp_path / "out.xml"), "--script", str(tmp_path / "show.py"))
    result = check(path, *arguments)
    document = json.loads(result.stdout)
    assert document["verdict"] == "refuted"
    assert document["faults"][0]["equation"] == "BP2"
    assert document["faults"][0]["names"] == ["σ′ is missing"]
    assert document["points"] == {"BP1": 1, "BP2": 0, "BP3": 1, "BP4": 1}
    assert document["counterexample"]["sizes"] == [1, 1, 1]
    suite = ElementTree.parse(tmp_path / "out.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("4", "1")
    shown = subprocess.run([sys.executable, "-I", "show.py"], capture_output=True, text=True, cwd=tmp_path)
    text = (tmp_path / "show.py").read_text("utf8")
    assert "gradproof" not in text
    assert len(text.splitlines()) <= 12
    assert shown.returncode == 0, shown.stderr
    wrong = shown.stdout.splitlines()[-1].split("[[")[1].split("]]")[0]
    assert wrong[:6] in shown.stdout.splitlines()[0]
    again = tmp_path / "again.py", tmp_path / "again.xml"
    second = check(path, "--json", "--script", str(again[0]), "--junit", str(again[1]))
    assert second.stdout == result.stdout  # the same seed, the same bytes
    assert again[0].read_bytes() == (tmp_path / "show.py").read_bytes()
    assert again[1].read_bytes() == (tmp_path / "out.xml").read_bytes()


LEAKS = ("σ′", "missing", "should be", "⊙", "δ", "bound", "counterexample", "formula", "Bot-Academy", "[[")


def test_a_grade_gives_points_and_no_answer(tmp_path):
    path = written(tmp_path, RIGHT.replace(" * sigmoid_prime(zs[-1])", ""))
    files = [tmp_path / name for name in ("out.xml", "show.py", "certificate.json")]
    options = [f"--{kind}={file}" for kind, file in zip(("junit", "script", "certificate"), files, strict=True)]
    plain, document = check(path, "--grade", *options), check(path, "--grade", "--json")
    assert plain.returncode == document.returncode == 1
    assert plain.stdout.splitlines()[-5:] == ["BP1: 0 of 1", "BP2: 1 of 1", "BP3: 1 of 1", "BP4: 1 of 1", "3 of 4"]
    assert json.loads(document.stdout)["points"] == {"BP1": 0, "BP2": 1, "BP3": 1, "BP4": 1}
    assert [file.exists() for file in files] == [True, False, False]
    for text in (plain.stdout, document.stdout, files[0].read_text("utf8")):
        assert not [leak for leak in LEAKS if leak in text.replace(str(path), "")], text


def test_pytest_judges_what_it_is_given(tmp_path):
    written(tmp_path, IN_PYTHON_3, "right.py")
    written(tmp_path, IN_PYTHON_3.replace("output_activations - y", "output_activations"), "wrong.py")
    test = "from right import Network\ndef test_it(assert_backprop):\n    assert_backprop(Network, networks=20)\n"
    written(tmp_path, test, "test_mine.py")
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--backprop", "wrong:Network"]
    if not any(point.name == "gradproof" for point in entry_points(group="pytest11")):
        line += ["-p", "gradproof.pytest_plugin"]  # run from a checkout that is not installed
    environment = ENVIRONMENT | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    result = subprocess.run(
        [*line, "test_mine.py"], capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=120
    )
    assert "1 failed, 1 passed" in result.stdout, result.stdout + result.stderr
    assert "y is missing" in result.stdout
