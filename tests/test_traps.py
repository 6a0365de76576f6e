"""A file in the current folder that is named as a library's changes nothing, however gradproof is started."""

import subprocess
import sys
from pathlib import Path

import pytest

from gradproof.commands import study
from tests.processes import started

ROOT = Path(__file__).parents[1]
PYTHONS = "import runpy, sys; print(*{name.partition('.')[0] for name in sys.modules})"  # what `python -m` needs itself
LEDGER = """title = "t"
letters = ["z"]
[definitions]
"σ(t)" = "1 / (1 + exp(-t))"
""" + "".join(
    f"""[[line]]\nid = "A{n}"\nwritten = "x"\nrule = "fact"\n[[line.claim]]\nclaim = "{n} * (σ(z) + σ(-z)) == {n}"\n"""
    for n in range(1, 1 + study.MANY)  # by processes of their own
)
TOLD = '"id": "A1"', '"verdict": "holds"'


@pytest.fixture(scope="module")
def trapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trapped")
    early = set(
        subprocess.run([sys.executable, "-P", "-c", PYTHONS], capture_output=True, timeout=60).stdout.decode().split()
    )
    for name in {*sys.stdlib_module_names, "numpy", "jax", "click", "rich", "sympy", "cloudpickle"} - early:
        (folder / f"{name}.py").write_text(f"raise SystemExit('the trap {name}')\n")
    (folder / "mine.toml").write_text(LEDGER, "utf-8")
    return folder


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize("start", [["-m", "gradproof"], ["-P", "-m", "gradproof"]], ids=["-m", "-P -m"])
def test_a_file_named_as_a_module_changes_nothing(start: list[str], trapped: Path) -> None:
    line = [sys.executable, *start, "study", "--notes", "mine.toml", "--json"]
    with started(line, cwd=trapped, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        out, err = running.communicate(timeout=120)
    assert (running.returncode, err) == (0, "")
    assert all(said in out for said in TOLD)


@pytest.mark.turns(1)
def test_a_module_of_ones_own_is_found_there(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def backprop(weights, biases, x, y): 1 / 0\n")
    line = [sys.executable, "-m", "gradproof", "check", "mine"]
    ended = subprocess.run(line, cwd=tmp_path, capture_output=True, timeout=120, text=True)
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "ZeroDivisionError" in ended.stdout
