"""`gradproof check` on whole programs: one line, an exit code, and nothing left behind, whatever the file does."""

import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from gradproof.judge.assessment import assess
from gradproof.judge.isolation.assessment import Assessment, UnfinishedError
from tests.commands import ended_here
from tests.judge.corpus import HERE, without_repairs
from tests.processes import alive

pytestmark = pytest.mark.usefixtures("few_edits")

NET = """import numpy as np


class Net:
    def __init__(self, n_in, n_hidden, n_out):
        self.w1 = np.random.randn(n_hidden, n_in)
        self.b1 = np.zeros((n_hidden, 1))
        self.w2 = np.random.randn(n_out, n_hidden)
        self.b2 = np.zeros((n_out, 1))

    def train(self, x, y, lr=0.1):
        h = np.tanh(self.w1 @ x + self.b1)
        a = self.w2 @ h + self.b2
        d2 = a - y
        d1 = (self.w2.T @ d2) * (1 - h * h)
        self.w2 -= lr * d2 @ h.T
        self.b2 -= lr * d2.sum(axis=1, keepdims=True)
        self.w1 -= lr * d1 @ x.T
        self.b1 -= lr * d1.sum(axis=1, keepdims=True)
        return h
"""
MADE = "net = Net(4, 5, 3)\nx, y = np.random.randn(4, 6), np.random.rand(3, 6)\n"
TRAINED = MADE + "net.train(x, y)\n"
WRONG = NET.replace("(1 - h * h)", "(1 - h)")
NOTHING = "import numpy as np\n\n\ndef double(a):\n    return 2 * a\n"
HIDDEN = NET.replace("def train", "def f1")  # a name that says nothing
FIRST = "        h ="  # of train


def check(folder: Path, source: str, *options: str, name: str = "mine.py") -> Any:
    (folder / name).write_text(source, "utf8")
    return ended_here([sys.executable, "-m", "gradproof", "check", name, *options], folder)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, and one beside it for what is temporary."""
    for name in ("here", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "here"


def left(place: Path) -> list[str]:
    """What there is beside the file that was judged: files, temporary ones too, and processes."""
    end = time.monotonic() + 5
    while (running := alive(place.parent)) and time.monotonic() < end:
        time.sleep(0.05)
    files = [*place.iterdir(), *(place.parent / "temporary").iterdir()]
    return [path.name for path in files if path.name not in ("mine.py", "mine.ipynb")] + [
        f"pid {pid}" for pid in running
    ]


def test_right_code_is_verified_with_its_network_and_its_cost(place: Path) -> None:
    ended = check(place, NET)
    assert (ended.returncode, ended.stderr) == (0, "")
    first, judged, *digits = ended.stdout.splitlines()
    assert re.fullmatch(
        r"verified: mine.py follows the gradient of the quadratic cost, \S*Σ\(a − y\)² \(tanh, linear; 4–5–3\), "
        r"to \d\d digits",
        first,
    )
    assert judged.startswith("  judged: Net.train(x, y), at ")
    assert [re.sub(r"tanh\([-0-9.]+\)", "tanh(z)", line) for line in digits] == [
        "  in float64: a difference of nearly equal numbers loses all digits in line 15, for tanh(z); "
        "rewrite it without the difference, such as 1/cosh(z)² for 1 − a²"
    ]
    assert left(place) == []


@pytest.mark.turns(1)
def test_wrong_code_is_refuted_at_its_line(place: Path) -> None:
    ended = check(place, WRONG)
    assert (ended.returncode, ended.stderr) == (1, "")
    lines = ended.stdout.splitlines()
    assert lines[0] == "refuted: mine.py: w1, b1 do not follow the gradient of the quadratic cost, unlike the others"
    assert any(line.startswith("  line 15: `d1 = (self.w2.T @ d2) * (1 - h)` – w1, b1: ") for line in lines)
    assert "    should be: `d1 = self.w2.T @ d2 * (1 - h ** 2)` – the slope belongs to a different activation" in lines
    assert "  right: w2, b2" in lines
    assert "again: gradproof check mine.py" in lines[-1]
    assert left(place) == []


@pytest.mark.turns(1)
def test_what_cannot_be_told_is_undecided(place: Path) -> None:
    source = NET.replace("d2 = a - y", "d2 = (a - y) ** 5")  # the gradient of a cost without a name
    ended = check(place, source)
    assert (ended.returncode, ended.stderr) == (5, "")
    assert ended.stdout.startswith("undecided: mine.py: it is the gradient of a cost that gradproof does not know")
    assert "--cost" in ended.stdout.splitlines()[-1]
    assert "--step" in ended.stdout.splitlines()[-1]


@pytest.mark.turns(1)
@pytest.mark.parametrize("source", [NOTHING, "", "x = 1\n"], ids=["a function", "empty", "a constant"])
def test_where_nothing_is_found_one_line_says_what_would_tell_it(source: str, place: Path) -> None:
    ended = check(place, source)
    assert (ended.returncode, ended.stdout) == (3, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("gradproof: mine.py: found no step that changes parameters or returns gradients (")
    assert line.endswith("name the line that takes a step: gradproof check mine.py --step 'net.train(x, y)'")


@pytest.mark.turns(1)
def test_the_line_that_takes_a_step_may_be_named(place: Path) -> None:
    source = HIDDEN + MADE
    assert check(place, source).returncode == 3
    ended = check(place, source, "--step", "net.f1(x, y)")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "follows the gradient of the quadratic cost" in ended.stdout
    assert "judged: net.f1(x, y)" in ended.stdout


def test_a_step_that_is_no_python_is_a_line_that_names_the_option(place: Path) -> None:
    ended = check(place, NET, "--step", "net.train(x")
    assert ended.returncode in (2, 3)
    assert "--step" in ended.stderr
    assert "<unknown>" not in ended.stderr


@pytest.mark.turns(1)
def test_a_class_may_be_named(place: Path) -> None:
    (place / "mine.py").write_text(NET + WRONG.replace("class Net", "class Other"), "utf8")
    for name, code in (("Net", 0), ("Other", 1)):
        line = [sys.executable, "-m", "gradproof", "check", f"mine.py:{name}", "--json"]
        ended = ended_here(line, place)
        assert (ended.returncode, json.loads(ended.stdout)["subject"]["name"]) == (code, f"{name}.train(x, y)")


@pytest.mark.turns(1)
@pytest.mark.parametrize("cost", ["cross-entropy", "softmax", "absolute"])
def test_the_gradient_of_another_cost_than_the_declared_one_is_refuted(cost: str, place: Path) -> None:
    ended = check(place, NET, "--cost", cost)
    assert ended.returncode == 1
    first, *rest = ended.stdout.splitlines()
    assert first.startswith("refuted: mine.py: w1, b1, w2, b2 do not follow the gradient")
    assert "of the quadratic" not in first  # which they do follow
    assert any("it is the gradient of another cost: quadratic, " in line for line in rest)
    assert f"--cost {cost}" in rest[-1]


def test_the_declared_cost_is_verified(place: Path) -> None:
    ended = check(place, NET, "--cost", "quadratic")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("verified: mine.py follows the gradient of the quadratic cost")


DROPPED = NET.replace(
    "        a =", "        mask = (np.random.rand(*h.shape) < 0.8) / 0.8\n        h = h * mask\n        a ="
)
DROPPED = DROPPED.replace("(1 - h * h)", "(mask - h * h / np.where(mask, mask, 1))")
CLIPPED = NET.replace("lr * d1 @ x.T", "lr * np.clip(d1 @ x.T, -1, 1)")


CLIPPED_ERROR = NET.replace("lr * d1 @ x.T", "lr * np.clip(d1, -0.1, 0.1) @ x.T")


@pytest.mark.turns(1)
def test_a_clipped_gradient_is_judged_where_it_is_small(place: Path) -> None:
    ended = check(place, CLIPPED)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "line 18 clips large gradients: judged where it does not" in ended.stdout
    ended = check(place, CLIPPED_ERROR)  # of what is clipped on the way, another gradient is made
    assert (ended.returncode, ended.stderr) == (5, "")
    assert ended.stdout.startswith("undecided: mine.py: a value is clipped (line 18)")


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("source", "verdict"),
    [(CLIPPED.replace("(1 - h * h)", "(1 - h)"), "refuted"), (DROPPED, "verified"),
     (DROPPED.replace("(mask -", "(1 -"), "refuted")],
    ids=["clipped and wrong", "dropout", "dropout and wrong"],
)  # fmt: skip
def test_a_slip_is_seen_where_gradients_are_clipped_and_dropout_is_judged_with_its_mask(
    source: str, verdict: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_repairs(monkeypatch)
    (place / "mine.py").write_text(source, "utf8")
    assert assess(str(place / "mine.py"))["verdict"] == verdict


SIGMOID = NET.replace("a = self.w2 @ h + self.b2", "a = 1 / (1 + np.exp(-(self.w2 @ h + self.b2)))")


@pytest.mark.turns(1)
def test_a_gradient_that_may_be_of_either_cost_is_told_as_both(place: Path) -> None:
    ended = check(place, SIGMOID)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "follows the gradient of the binary cross-entropy" in ended.stdout
    assert (
        "if the quadratic cost is meant, σ′ is missing at the output (BP1): say so with --cost quadratic"
        in ended.stdout
    )
    for cost, code in (("binary", 0), ("cross-entropy", 0), ("quadratic", 1)):
        assert check(place, SIGMOID, "--cost", cost).returncode == code, cost


@pytest.mark.turns(1)
def test_the_line_that_would_tell_it_has_the_files_own_words(place: Path) -> None:
    ended = check(place, NET, "--step", "net.train(x, y)")  # there is no net
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "running `net.train(x, y)` raises NameError: name 'net' is not defined;" in ended.stderr
    hint = re.search(r"--step '([^']*)'$", ended.stderr.strip())
    assert hint
    assert check(place, NET, "--step", hint[1]).returncode == 0


def notebook(*cells: str) -> str:
    return json.dumps({"cells": [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]})


@pytest.mark.turns(1)
def test_a_notebook_is_judged_without_its_magics_and_its_broken_cells(place: Path) -> None:
    cells = "%matplotlib inline\n!pip install numpy\nfiles = !ls\nimport numpy as np\nnp.dot?\n"
    timed, shell = "%%time\nnet.train(x, y)\n", "%%bash\nls\n"
    wrong = notebook(cells, WRONG, "this is (no Python\n", MADE, shell, timed, "print 'Python 2'\nnet.train(x, y)\n")
    ended = check(place, wrong, name="mine.ipynb")
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "judged: the step that the file takes when it runs (cell 6, line 2)" in ended.stdout
    assert "cell 2, line 15: `d1 = (self.w2.T @ d2) * (1 - h)`" in ended.stdout
    assert "cell 3 is not Python" in ended.stdout
    assert left(place) == []


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "it has no cells"),
        ("\nno JSON", "it is not JSON, from line 2 on"),
        ("[]", "it has no cells"),
        (" \n", "it is empty"),
        ('{"cells": [1]}', "its cells are not those of a notebook"),
    ],
)
def test_what_is_no_notebook_is_one_line(text: str, said: str, place: Path) -> None:
    ended = check(place, text, name="mine.ipynb")
    assert (ended.returncode, ended.stdout) == (3, "")
    (line,) = ended.stderr.splitlines()
    assert f"mine.ipynb is not a notebook: {said}" in line


@pytest.mark.sample(1)
@pytest.mark.parametrize("content", [bytes(range(128, 256)) * 4, b"\0\1\2" * 9, "x = 1\n".encode("utf-16")])
def test_what_is_no_text_is_one_line_that_says_so(content: bytes, place: Path) -> None:
    (place / "mine.py").write_bytes(content)
    ended = ended_here([sys.executable, "-m", "gradproof", "check", "mine.py"], place)
    assert (ended.returncode, ended.stdout) == (3, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("gradproof: mine.py is not a Python file: it ")
    assert "line None" not in line


MARK = "open(__file__ + '.left', 'w').write('left')\nopen('left.txt', 'a').write('left')\nnp.save('left.npy', x)\n"
RUNS = {
    "exits": "import sys\n" + NET + "sys.exit(3)\n",
    "asks": NET + "rate = float(input('rate? '))\n" + MADE + "net.train(x, y, rate)\n",
    "plots": "import matplotlib.pyplot as plt\n"
    + NET
    + TRAINED
    + "plt.plot([1])\nplt.savefig('plot.png')\nplt.show()\n",
    "sleeps": "import time\n" + NET + "time.sleep(1000)\n" + TRAINED,
    "trains for ever": NET + MADE + "while True:\n    net.train(x, y)\n",
    "reads an absolute path": NET + "data = np.loadtxt('/nowhere/data.csv')\n" + TRAINED,
    "writes": NET + TRAINED + MARK,
    "starts a process": "import subprocess, sys\n"
    + NET
    + TRAINED
    + "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', __file__])\n",
}


@pytest.mark.turns(1)
@pytest.mark.sample(3)
@pytest.mark.parametrize("what", RUNS)
def test_what_else_a_program_does_changes_no_verdict_and_is_not_done(what: str, place: Path) -> None:
    ended = check(place, RUNS[what])
    assert (ended.returncode, ended.stderr) == (0, ""), ended
    assert ended.stdout.startswith("verified: mine.py ")
    assert left(place) == []


REFUSED = {
    "sys.exit in the step": ("import sys\n" + NET.replace(FIRST, "        sys.exit(3)\n" + FIRST), "sys.exit"),
    "a GPU library": ("import torch\n" + NET.replace("np.tanh", "torch.tanh"), "torch"),
    "nine arguments": (NET.replace("n_out):", "n_out, q, r, s, t, u, v):"), "takes arguments that could"),
    "no Python": ("def train(:\n", "line 1"),
}


@pytest.mark.turns(1)
@pytest.mark.sample(2)
@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_judged_is_one_line_that_says_why(what: str, place: Path) -> None:
    source, words = REFUSED[what]
    ended = check(place, source)
    assert (ended.returncode, ended.stdout) == (3, ""), ended
    (line,) = ended.stderr.splitlines()
    assert words in line
    assert "Traceback" not in line
    assert left(place) == []


OF_MEMORY = {
    "a module": "x = [0] * 10**12\n",
    "a class": NET.replace(FIRST, "        junk = bytearray(10**11)\n" + FIRST) + MADE + "net.train(x, y)\n",
    "a backprop": "junk = [0] * 10**12\n\n\ndef backprop(weights, biases, x, y):\n    return weights, biases\n",
}


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize("what", OF_MEMORY)
def test_what_takes_more_memory_than_it_may_is_one_line_with_the_option(what: str, place: Path) -> None:
    alone = check(place, OF_MEMORY[what], "--memory", "1")
    assert (alone.returncode, alone.stdout) == (3, "")
    (line,) = alone.stderr.splitlines()
    assert "needs more memory than the 1 GiB that are allowed (line " in line
    assert line.endswith("allow more with --memory, or use a smaller example")
    assert "MemoryError" not in line
    both = check(place, OF_MEMORY[what], "mine.py", "--memory", "1")
    assert both.stdout.startswith("mine.py: not judged: ")
    assert "needs more memory than the 1 GiB" in both.stdout.splitlines()[0]


@pytest.mark.turns(1)
def test_a_step_that_is_named_and_takes_more_memory_than_it_may_is_told_so_too(place: Path) -> None:
    ended = check(place, OF_MEMORY["a class"], "--memory", "1", "--step", "net.train(x, y)")
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (3, "", 1)
    assert "needs more memory than the 1 GiB" in ended.stderr


KEYS = {"verdict", "subject", "network", "digits", "parameters", "faults", "conventions", "float", "undecided"}
OF_FAULTS = {"line", "file", "what", "should_be", "names", "parameter", "equation", "layer"}


@pytest.mark.turns(1)
def test_json_has_what_programs_are_told(place: Path) -> None:
    right = json.loads(check(place, NET, "--json").stdout)
    wrong = json.loads(check(place, WRONG, "--json").stdout)
    none = json.loads(check(place, NOTHING, "--json").stdout)
    for found in (right, wrong):
        assert found.keys() >= KEYS
        assert found["subject"].keys() >= {"name", "form", "line"}
        assert found["network"].keys() >= {"activations", "cost", "sizes"}
        assert [parameter["name"] for parameter in found["parameters"]] == ["w1", "b1", "w2", "b2"]
    network = right["network"]
    assert (network["activations"], network["sizes"]) == (["tanh", "linear"], [4, 5, 3])
    assert re.fullmatch(r"quadratic, \S*Σ\(a − y\)²", network["cost"])
    assert (right["verdict"], right["faults"], right["digits"] >= 50) == ("verified", [], True)
    assert (wrong["verdict"], wrong["digits"]) == ("refuted", 0)
    assert [fault["parameter"] for fault in wrong["faults"]] == ["w1", "b1"]
    assert all(fault.keys() >= OF_FAULTS and fault["line"] == 15 for fault in wrong["faults"])
    assert none["verdict"] is None
    assert "--step" in none["error"]


@pytest.mark.turns(1)
def test_junit_has_a_case_for_each_array(place: Path) -> None:
    check(place, WRONG, "--junit", "mine.xml")
    text = (place / "mine.xml").read_text("utf8")
    assert text.count("<testcase ") == 4
    assert text.count("<failure ") == 2
    os.remove(place / "mine.xml")
    assert left(place) == []


@pytest.mark.turns(1)
def test_where_float64_gives_the_verdict_nobody_waits_for_the_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They take most of the time, and only a page shows them."""
    asked = []
    document = Assessment.document
    monkeypatch.setattr(Assessment, "document", lambda self: asked.append(self.first()) or document(self))
    book = (HERE / "submissions/book.py").read_text("utf8")
    wrong = book.replace("self.weights[-l + 1].transpose()", "-self.weights[-l+1].transpose()")
    assert wrong != book
    (tmp_path / "mine.py").write_text(wrong, "utf8")
    command = ["python", "-m", "gradproof", "check", "mine.py", "--architectures", "20"]
    ended = ended_here(command, tmp_path)
    assert (ended.returncode, asked) == (1, []), ended
    assert "BP2 at layer" in ended.stdout
    ended = ended_here([*command, "-o", "mine.html"], tmp_path)
    assert ended.returncode == 1
    assert [found["verdict"] for found in asked] == ["refuted"]
    assert "-self.weights[" in (tmp_path / "mine.html").read_text("utf8")

    def unfinished(self: Assessment) -> None:
        raise UnfinishedError("takes too long")

    monkeypatch.setattr(Assessment, "document", unfinished)
    ended = ended_here([*command, "-o", "other.html"], tmp_path)
    assert ended.returncode == 1, ended  # two judges refute it, with or without its lines
    assert (tmp_path / "other.html").exists()


@pytest.mark.turns(1)
def test_float64_refutes_nothing_that_may_be_right_for_another_cost_where_the_exact_judge_is_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = (HERE / "submissions/book.py").read_text("utf8")
    other_cost = book.replace("y) * sigmoid_prime(zs[-1])", "y)")
    assert other_cost != book

    def first(self: Assessment) -> None:
        raise UnfinishedError(f"{self.path} takes more than 10 seconds")

    monkeypatch.setattr(Assessment, "first", first)
    for source, code in ((book, 0), (other_cost, 3)):
        (tmp_path / "mine.py").write_text(source, "utf8")
        ended = ended_here(["python", "-m", "gradproof", "check", "mine.py", "--architectures", "20"], tmp_path)
        assert (ended.returncode, "takes more than 10 seconds" in ended.stderr) == (code, code == 3), ended


@pytest.mark.turns(1)
def test_a_slip_beside_a_cost_of_its_own_is_not_called_a_slip_of_the_quadratic(tmp_path: Path) -> None:
    """The notes' network with a cross-entropy of its own: a − y is right there, and the weight decay is not."""
    ended = check(tmp_path, (HERE / "programs/open/10_nielsen_ce_l2.py").read_text("utf8"), "--architectures", "20")
    assert ended.returncode == 1
    assert "its weight decay differs from that in its own cost" in ended.stdout
    assert "BP1" not in ended.stdout
