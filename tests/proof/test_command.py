"""`gradproof prove` as a user meets it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradproof.commands.prove import command
from gradproof.proof import theorem
from handcrafted import equations
from tests.commands import ended_here
from tests.processes import started
from tests.proof.planted import PLANTED

pytestmark = pytest.mark.usefixtures("few_digits")
DIGITS = theorem.DIGITS
SMALL = ["--architectures", "60"]


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "gradproof", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | environment,
    )


def run_here(*arguments):
    return ended_here([sys.executable, "-m", "gradproof", *arguments], Path.cwd())


@pytest.fixture(scope="module")
def document(few_digits):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(theorem, "DIGITS", DIGITS)  # as many as there are for everybody, on two networks
        result = run_here("prove", *SMALL, "--json")
    assert (result.returncode, result.stderr) == (0, "")
    return json.loads(result.stdout)


def test_json_says_what_was_judged(document):
    assert document["verdict"] == "verified"
    assert document["architectures"] == 60
    assert document["digits"] >= 1000
    assert document["elements"] == sum(row["elements"] for row in document["equations"])
    assert 0.95 <= document["discriminating"] <= 1
    assert document["faults"] == []
    assert document["counterexample"] is None
    assert set(document["worst"]) == {"equation", "layer", "index", "got", "expected", "bound", "ratio"}
    assert 0 < document["worst"]["ratio"] <= 1


@pytest.mark.turns(1)
def test_table_has_a_line_for_each_equation_within_100_columns():
    result = run_here("prove", *SMALL)
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 100
    for equation in ("z", "a", "BP1", "BP2", "BP3", "BP4", "C", "δ", "∂C/∂b", "∂C/∂w"):
        assert any(line.startswith(equation + " ") for line in lines), equation
    assert "\x1b" not in result.stdout
    assert any(line.startswith("verified: ") for line in lines)
    assert "…" not in result.stdout


SAYING = """
import sys
from gradproof.__main__ import main
from gradproof.proof import theorem
ask, said = theorem.ask, iter(["judging"])
def saying(*arguments):
    for word in said:
        print(word, file=sys.stderr, flush=True)
    return ask(*arguments)
theorem.ask = saying
main()
"""


@pytest.mark.turns(1)
def test_ctrl_c_ends_in_one_line():
    line = [sys.executable, "-c", SAYING, "prove", "--architectures", "10000000"]
    with started(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr.readline() == "judging\n"
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(1)  # well into it
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert (running.returncode, out, err) == (130, "", "gradproof: interrupted\n")


@pytest.mark.turns(1)
def test_same_seed_same_bytes():
    assert (
        run("prove", *SMALL, "--network", "7", "--json").stdout
        == run_here("prove", *SMALL, "--network", "7", "--json").stdout
    )


def test_what_is_compiled_as_for_everybody_is_verified():
    assert json.loads(run("prove", *SMALL, "--network", "7", "--json", XLA_FLAGS="").stdout)["verdict"] == "verified"


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize("slip", ["σ for σ′", "weight gradient summed, not averaged"])
def test_a_refuted_run_names_the_equation_and_how_to_see_it_again(slip, monkeypatch):
    function, replacement, equation = PLANTED[slip]
    monkeypatch.setattr(equations, function, replacement)
    runner = CliRunner()
    told = runner.invoke(command, SMALL, standalone_mode=False)
    assert told.return_value == 1
    assert f"refuted: {equation} at layer" in told.output
    assert "smallest network that shows it: [" in told.output
    again = next(line for line in told.output.splitlines() if line.startswith("again: gradproof prove "))
    arguments = again.removeprefix("again: gradproof prove ").split()
    assert runner.invoke(command, arguments, standalone_mode=False).return_value == 1
    monkeypatch.undo()
    assert runner.invoke(command, arguments, standalone_mode=False).return_value == 0


@pytest.mark.turns(1)
def test_a_counterexample_is_small(monkeypatch):
    function, replacement, equation = PLANTED["σ′ missing in the hidden layers"]
    monkeypatch.setattr(equations, function, replacement)
    result = CliRunner().invoke(command, [*SMALL, "--json"], standalone_mode=False)
    document = json.loads(result.stdout)
    assert document["verdict"] == "refuted"
    assert document["faults"][0]["equation"] == equation
    assert document["counterexample"]["sizes"] == [1, 1, 1]
    assert len(document["counterexample"]["x"][0]) == 1


@pytest.mark.turns(1)
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["prove", "--architectures", "0"], "--architectures"),
        (["prove", "--seed", "-1"], "--seed"),
        (["prove", "--dtype", "float16"], "--dtype"),
        (["prove", "--network", "20000"], "--network"),
        (["prove", "--nonsense"], "--nonsense"),
        (["proves"], "did you mean 'prove'"),
        (["prove", "mine.py"], "gradproof check FILE.py"),
        (["prove", "--grade"], "--grade"),
        (["prove", "--process", "0"], "--process needs --log FOLDER"),
        (["prove", "x.safetensors", "--seed", "1"], "--seed does not apply to a recorded step"),
        (["check"], "gradproof prove"),
        (["check", "--log", "x"], "--log belongs to gradproof prove"),
        (["check", "mine.py", "--network", "3"], "--network belongs to gradproof prove"),
        (["check", "step-3.safetensors"], "gradproof prove step-3.safetensors"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(arguments, said):
    result = run(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert said in result.stderr
    assert "--help" in result.stderr


def test_help_does_not_wait_for_jax():
    verbs = "from gradproof.commands import check, prove, study, train"
    code = f"import sys, gradproof.__main__; {verbs}; print('jax' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert result.stdout == "False\n"
    started = time.perf_counter()
    assert run("--help").returncode == 0
    assert time.perf_counter() - started < 5  # 0.1 s; no timing is judged here, only that nothing heavy is imported


def test_the_judgement_of_a_program_does_not_wait_for_jax(tmp_path):
    step = "X = np.random.randn(9, 3)\nw = np.random.randn(3)\nfor t in range(9):\n    w -= 0.1 * X.T @ (X @ w - 1)\n"
    (tmp_path / "mine.py").write_text("import numpy as np\n" + step, "utf8")
    code = "import atexit, sys, gradproof.__main__ as g; atexit.register(lambda: print('jax' in sys.modules)); g.main()"
    result = subprocess.run(
        [sys.executable, "-c", code, "check", "mine.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert result.stdout.startswith("verified")
    assert result.stdout.endswith("\nFalse\n")


def test_nothing_to_do_shows_the_verbs():
    result = run()
    assert result.returncode == 2
    assert all(verb in result.stdout + result.stderr for verb in ("prove", "check", "train", "study"))
