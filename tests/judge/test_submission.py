"""Somebody's file, in a process of its own: whatever it does, there is a verdict or a line."""

import json
import os
import subprocess
import sys
import time
from importlib.metadata import entry_points
from pathlib import Path
from xml.etree import ElementTree

import pytest

HERE = Path(__file__).parent / "submissions"
ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}  # wherever a submission lies
RIGHT = (HERE / "book.py").read_text("utf8")
IN_PYTHON_3 = RIGHT.replace("xrange", "range")


def check(path, *arguments, cwd=None):
    line = [sys.executable, "-m", "gradproof", "check", str(path), "--architectures", "20", *arguments]
    return subprocess.run(line, capture_output=True, text=True, timeout=120, cwd=cwd, env=ENVIRONMENT)


def written(folder, text, name="mine.py"):
    path = folder / name
    path.write_text(text, "utf8")
    return path


def test_a_class_pasted_unchanged_is_verified():
    result = check(HERE / "book.py")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("verified: ")
    assert "one example a call" in result.stdout


# One line of the book's network changed: (the line, what it became, words of the judgement)
CHANGED = {
    "σ′ of a": ("sp = sigmoid_prime(z)", "sp = sigmoid_prime(sigmoid(z))", "σ′ is applied to a in place of z"),
    "σ′ missing": (".transpose(), delta) * sp", ".transpose(), delta)", "BP2 at layers 3, 2, 1 is wrong"),
    "σ′ missing above": (" * sigmoid_prime(zs[-1])", "", "σ′ is missing at the output"),
    "no transpose": ("self.weights[-l + 1].transpose()", "self.weights[-l + 1]", "w is not transposed"),
    "wrong w": ("self.weights[-l + 1].transpose()", "self.weights[-l].transpose()", "BP2 at layer"),
    "wrong a": ("activations[-l - 1].transpose()", "activations[-l].transpose()", "a is that of the layer itself"),
    "no bias gradient": ("nabla_b[-l] = delta", "pass", "the bias gradient is forgotten"),
    "η not divided": ("eta / len(mini_batch)", "eta", "update_mini_batch does not move w"),
    "ascends": ("w - (eta", "w + (eta", "but by -1 times as much"),
    "y − a": ("output_activations - y", "y - output_activations", "downhill"),
    "tanh′": ("sigmoid(z) * (1 - sigmoid(z))", "1 - sigmoid(z) ** 2", "the derivative is that of tanh"),
    "only the last": ("nb + dnb for", "dnb for", "update_mini_batch does not move b"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGED)
def test_one_changed_line_of_the_book_is_named(name, tmp_path):
    line, became, words = CHANGED[name]
    assert line in RIGHT
    result = check(written(tmp_path, RIGHT.replace(line, became)), "--architectures", "40")
    assert (result.returncode, result.stderr) == (1, "")
    assert words in result.stdout, result.stdout


def test_the_loop_that_propagates_the_error_is_named_though_it_returns_no_delta():
    result = check(HERE / "loop.py")
    assert result.returncode == 1
    assert "the error aᴸ − y is propagated in place of δˡ⁺¹" in result.stdout


BAD = "import os, sys, time\nimport numpy as np\n{before}\ndef backprop(weights, biases, x, y):\n    {body}\n"
ACCIDENTS = {  # what happens: (module level, body, exit code, words)
    "raises": ("", "raise KeyError('δ')", 1, "KeyError"),
    "exits": ("", "sys.exit(0)", 1, "exits: SystemExit"),
    "exits at once": ("", "os._exit(3)", 1, "exit code 3"),
    "hangs": ("", "time.sleep(1000)", 1, "does not return within 1 seconds"),
    "prints": ("", "print('x' * 10**6); return 1", 1, "returns int"),
    "writes to the pipe": ("", "os.write(1, b'nonsense' * 9); return 1", 1, "returns int"),
    "takes all memory": ("", "np.ones(10**11); return 1", 1, "MemoryError"),
    "patches NumPy": ("np.zeros = np.dot = np.load = np.savez = None", "return 1", 1, "returns int"),
    "forks": ("", "os.fork(); return 1", 1, "returns int"),
    "kills itself": ("", "os.kill(os.getpid(), 9)", 1, "killed by signal 9"),
    "syntax": ("def", "pass", 3, "SyntaxError"),
    "import": ("import nowhere_to_be_found", "pass", 3, "nowhere_to_be_found"),
    "exits while loading": ("sys.exit()", "pass", 3, "SystemExit"),
}


@pytest.mark.parametrize("name", ACCIDENTS)
def test_an_accident_is_one_clear_line(name, tmp_path):
    before, body, code, words = ACCIDENTS[name]
    start = time.monotonic()
    result = check(written(tmp_path, BAD.format(before=before, body=body)), "--seconds", "1")
    assert result.returncode == code, result.stdout + result.stderr
    assert words in result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    assert len((result.stdout + result.stderr).splitlines()) <= 5
    assert time.monotonic() - start < 60


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
    shown = subprocess.run(
        [sys.executable, "-c", "import sys; sys.modules['gradproof'] = None; exec(open('show.py').read())"],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    text = (tmp_path / "show.py").read_text("utf8")
    wrong = text.split(" is ")[1].split("[[")[1].split("]]")[0]
    assert shown.returncode == 0, shown.stderr
    assert wrong[:6] in shown.stdout
    assert check(path, "--json").stdout == result.stdout  # the same seed, the same bytes


def test_a_grade_gives_points_and_no_answer(tmp_path):
    result = check(written(tmp_path, RIGHT.replace(" * sigmoid_prime(zs[-1])", "")), "--grade")
    assert result.returncode == 1
    assert result.stdout.splitlines()[-5:] == ["BP1: 0 of 1", "BP2: 1 of 1", "BP3: 1 of 1", "BP4: 1 of 1", "3 of 4"]
    assert "σ′ is missing" not in result.stdout


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
