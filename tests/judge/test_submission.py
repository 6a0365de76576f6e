"""Somebody's file, in a process of its own: whatever it does, there is a verdict or a line."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner

from gradproof.commands.check import command
from gradproof.judge.float64.diagnosis import judgement
from gradproof.judge.isolation.submission import File
from tests.commands import ended_here

pytestmark = pytest.mark.usefixtures("few_edits")

HERE = Path(__file__).parent / "submissions"
ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}  # wherever a submission lies
RIGHT = (HERE / "book.py").read_text("utf8")
IN_PYTHON_3 = RIGHT.replace("xrange", "range")


def check(path, *arguments, cwd=HERE, run=ended_here):
    return run([sys.executable, "-m", "gradproof", "check", str(path), "--architectures", "20", *arguments], cwd)


def ended(line, cwd):
    """The same in a process of its own."""
    return subprocess.run(line, capture_output=True, text=True, timeout=120, cwd=cwd, env=ENVIRONMENT)


def judged(path, networks=20):
    with File(str(path)) as code:
        return judgement(code, networks)


def written(folder, text, name="mine.py"):
    path = folder / name
    path.write_text(text, "utf8")
    return path


@pytest.mark.turns(1)
def test_a_class_pasted_unchanged_is_verified():
    result = check(HERE / "book.py", run=ended)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("verified: ")
    assert "one example per call" in result.stdout


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
    "wrong a": ("activations[-l - 1].transpose()", "activations[-l].transpose()", "a is from the layer itself"),
    "no bias gradient": ("nabla_b[-l] = delta", "pass", "the bias gradient is left at 0"),
    "y − a": ("output_activations - y", "y - output_activations", "downhill"),
    "tanh′": ("sigmoid(z) * (1 - sigmoid(z))", "1 - sigmoid(z) ** 2", "the derivative is that of tanh"),
}  # fmt: skip


@pytest.mark.sample(2)
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


@pytest.mark.turns(1)
@pytest.mark.parametrize(
    ("subject", "code", "words"),
    [("nowhere.py", 2, "there is no file nowhere.py"), ("book.py:nothing", 3, "there is no 'nothing'"),
     ("absent.md", 2, "there is no file absent.md, and no module of that name; give FILE.py"),
     ("README", 2, "there is no file README, and no module of that name; give FILE.py, FILE.py:NAME or MODULE:NAME"),
     ("wild.nowhere", 3, "wild.nowhere"), ("mine.ipynb", 2, "there is no file mine.ipynb"),
     ("wild", 3, "wild: there is no .py or .ipynb file to judge"),
     ("wild/gophernet", 2, "there is no file wild/gophernet, and no module"),
     ("broken.py", 3, "SyntaxError: invalid syntax (broken.py, line 2)"), ("book.txt", 2, "is not a Python file")],
)  # fmt: skip
def test_what_cannot_be_found_is_one_line(subject, code, words, tmp_path):
    for name in ("book.py", "book.txt"):
        written(tmp_path, RIGHT, name)
    written(tmp_path, "x = 1\nclass\n", "broken.py")
    (tmp_path / "wild").mkdir()
    result = check(subject, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (code, "")
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.count("line 2") <= 1


@pytest.mark.turns(1)
@pytest.mark.parametrize(
    ("old", "new", "words"),
    [("self.weights", "self.W", "Network has no attribute weights that backprop reads; rename yours (it has W)"),
     ("self, sizes):", "self, n, k):\n        sizes = [n, k]", "Network(n, k), should be Network(sizes) with a list")],
)  # fmt: skip
def test_a_class_that_is_not_the_books_is_told_in_one_line_what_a_convention_needs(old, new, words, tmp_path):
    path = written(tmp_path, RIGHT.replace(old, new))
    assert check(path).returncode == 0  # judged as it is
    result = check(path, "--convention", "ours")
    assert (result.returncode, result.stdout) == (3, "")
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--grade"], "as in gradproof check mine.py; for the theorem: gradproof prove"),
     (["mine.py", "--network", "3"], "--network belongs to gradproof prove"),
     (["mine.py", "--dtype", "float32"], "belongs to gradproof prove; for float32, use --convention"),
     (["mine.py", "--processes", "2"], "--processes belongs to gradproof prove"),
     (["mine.py", "--process", "0"], "--process belongs to gradproof prove"),
     (["x.safetensors", "--seed", "1"], "to judge a recorded step again: gradproof prove x.safetensors"),
     (["x.py", "--grade", "my rubric.toml"], "is no code; if it says how to grade: --rubric 'my rubric.toml'")],
)  # fmt: skip
def test_an_option_that_would_be_ignored_is_refused_in_one_line(arguments, words):
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 2
    assert words in " ".join(result.output.replace("│", "").split())


@pytest.mark.turns(1)
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
    shown = subprocess.run([sys.executable, "-I", "show.py"], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    text = (tmp_path / "show.py").read_text("utf8")
    assert "gradproof" not in text
    assert len(text.splitlines()) <= 12
    assert shown.returncode == 0, shown.stderr
    wrong = shown.stdout.splitlines()[-1].split("[[")[1].split("]]")[0]
    assert wrong[:6] in shown.stdout.splitlines()[0]
    assert document["again"] == f"gradproof check {path} --architectures 20 --seed 0"
    again = tmp_path / "again.py", tmp_path / "again.xml"
    second = check(path, "--json", "--script", str(again[0]), "--junit", str(again[1]), run=ended)
    assert second.stdout == result.stdout  # the same seed, the same bytes
    assert again[0].read_bytes() == (tmp_path / "show.py").read_bytes()
    assert again[1].read_bytes() == (tmp_path / "out.xml").read_bytes()


DOWNHILL = """
import numpy as np
def sigma(z): return 1 / (1 + np.exp(-z))
def backprop(w, b, x, y):  # rows are examples, w is (n_in, n_out), the gradients are of the sum and point downhill
    a = [x]
    for v, c in zip(w, b): a.append(sigma(a[-1] @ v + c))
    d = [2 * (y - a[-1]) * a[-1] * (1 - a[-1])]
    for v, h in zip(w[:0:-1], a[-2:0:-1]): d.insert(0, d[0] @ v.T)
    return d, [e.sum(0) for e in d], [h.T @ e for h, e in zip(a, d)]
"""


@pytest.mark.turns(1)
def test_the_script_speaks_in_the_conventions_of_the_code_and_its_words_are_its_numbers(tmp_path):
    path, script = written(tmp_path, DOWNHILL), tmp_path / "show.py"
    result = check(path, "--script", str(script))
    assert result.returncode == 1
    for words in ("downhill", "rows", "(n_in, n_out)", "sum over the mini-batch", "σ′ is missing"):
        assert words in result.stdout, result.stdout
    assert result.stdout.splitlines()[-1] == f"again: gradproof check {path} --architectures 20 --seed 0"
    shown = subprocess.run([sys.executable, "-I", str(script)], capture_output=True, text=True, timeout=60)
    assert shown.returncode == 0, shown.stderr
    words = shown.stdout.splitlines()[-1]
    value, got, expected = re.fullmatch(r"δ(.) is (.*), should be (.*)", words).groups()
    assert f"  {words}" in result.stdout
    returned = eval(shown.stdout[: shown.stdout.rindex("δ")], {"array": np.array})
    delta = returned[0]["¹²³⁴".index(value)]
    assert np.asarray(json.loads(got)) == pytest.approx(delta, rel=1e-5)
    right = delta * sigma_prime_of_layer_1(script)  # the claim has forgotten it
    assert np.asarray(json.loads(expected)) == pytest.approx(right, rel=1e-5)


def sigma_prime_of_layer_1(script):
    """From the numbers in the script alone."""
    lines = script.read_text("utf8").splitlines()
    source = "\n".join(line for line in lines if "= np.array" in line or "= [np" in line)
    names = {"np": np}
    exec(source, names)
    z = names["x"] @ names["weights"][0] + names["biases"][0]
    return 1 / ((1 + np.exp(-z)) * (1 + np.exp(z)))


LEAKS = ("σ′", "missing", "should be", "⊙", "δ", "bound", "counterexample", "formula", "Bot-Academy", "[[")


@pytest.mark.turns(1)
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


@pytest.mark.turns(1)
def test_a_rubric_says_what_each_equation_is_worth_and_what_is_none_is_one_line(tmp_path):
    path = written(tmp_path, RIGHT.replace(" * sigmoid_prime(zs[-1])", ""))
    rubric = tmp_path / "rubric.toml"
    rubric.write_text("[points]\nBP1 = 4\nBP2 = 2.5\nBP4 = 1\n")
    plain, document = (check(path, "--rubric", str(rubric), *more) for more in ((), ("--json",)))
    assert plain.stdout.splitlines()[-5:] == [
        "BP1: 0 of 4",
        "BP2: 2.5 of 2.5",
        "BP3: 0 of 0",
        "BP4: 1 of 1",
        "3.5 of 7.5",
    ]
    told = json.loads(document.stdout)
    assert told["points"] == {"BP1": 0, "BP2": 2.5, "BP3": 0, "BP4": 1}
    assert told["of"] == {"BP1": 4, "BP2": 2.5, "BP3": 0, "BP4": 1}
    for text, said in [
        ("[points]\nBP5 = 1", "BP5 is not an equation"),
        ("[points]\nBP1 = -1", "BP1 is worth -1, which is not a number of points"),
        ("[points]\nBP1 = true", "BP1 is worth True"),
        ("[points]\nBP1 = nan", "BP1 is worth nan"),
        ("points = 3", "one table [points] and nothing else"),
        ("[points", "Expected"),
        ("[points]", "[points] is empty"),
        ("[points]\nnet.W1 = 2", "net is worth {'W1': 2}, which is not a number of points"),
        ("", "one table [points] and nothing else"),
    ]:
        rubric.write_text(text)
        ended = check(path, "--rubric", str(rubric))
        assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
        assert said in ended.stderr
        assert "a rubric is TOML, [points] with equations, as in BP1 = 1, or arrays, as in " in ended.stderr
    assert check(path, "--rubric", str(tmp_path / "none.toml")).returncode == 2


@pytest.mark.turns(1)
def test_pytest_judges_what_it_is_given(tmp_path):
    written(tmp_path, IN_PYTHON_3, "right.py")
    written(tmp_path, IN_PYTHON_3.replace("output_activations - y", "output_activations"), "wrong.py")
    test = "from right import Network\ndef test_it(assert_backprop):\n    assert_backprop(Network, networks=20)\n"
    written(tmp_path, test, "test_mine.py")
    right = DOWNHILL.replace("2 * (y - a[-1])", "(a[-1] - y)").replace("d[0] @ v.T)", "d[0] @ v.T * h * (1 - h))")
    written(tmp_path, right, "summed.py")
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--backprop", "wrong.py:Network"]
    line += ["--backprop", "summed", "--backprop-convention", "ours"]  # right, but for the sum that is not declared
    if not any(point.name == "gradproof" for point in entry_points(group="pytest11")):
        line += ["-p", "gradproof.pytest_plugin"]  # run from a checkout that is not installed
    environment = ENVIRONMENT | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    result = subprocess.run(
        [*line, "test_mine.py"], capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=120
    )
    assert "2 failed, 1 passed" in result.stdout, result.stdout + result.stderr
    assert "convention='ours'" in result.stdout
    assert "y is missing" in result.stdout


@pytest.mark.turns(1)
def test_the_pytest_script_finds_a_module_in_the_folder_it_is_started_in_and_else_says_so_in_one_line(tmp_path):
    written(tmp_path, IN_PYTHON_3)
    installed = any(point.name == "gradproof" for point in entry_points(group="pytest11"))
    line = [str(Path(sys.executable).parent / "pytest"), "-q", "-p", "no:cacheprovider"]
    line += [] if installed else ["-p", "gradproof.pytest_plugin"]
    for subject in ("mine:Network", "mine:Netwerk", "yours:Network", "yours.py"):
        line += ["--backprop", subject]
    result = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, env=ENVIRONMENT, timeout=120)
    assert "3 failed, 1 passed" in result.stdout, result.stdout + result.stderr
    assert re.search(r"^yours\.py cannot be loaded: .*No such file", result.stdout, re.M)
    for said in ("module 'mine' has no attribute 'Netwerk'", "No module named 'yours'"):
        assert re.search(rf"^\w+:\w+ cannot be loaded: {said}; give FILE\.py:NAME or MODULE:NAME$", result.stdout, re.M)
    assert "Error" not in result.stdout  # nor its traceback
