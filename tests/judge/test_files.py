"""The scripts, certificates and reports that were asked for: they are written, and the scripts run."""

import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.commands import ended_here
from tests.thorough import some

pytestmark = pytest.mark.usefixtures("few_edits")

ROOT = Path(__file__).parents[2]
RIGHT = (Path(__file__).parent / "submissions" / "book.py").read_text("utf8")
WRONG = RIGHT.replace(".transpose(), delta) * sp", ".transpose(), delta)")
SIGMOID = "def sigmoid(z):\n    return 1.0 / (1.0 + np.exp(-z))\n"
PYTHON_2 = '# -*- coding: latin-1 -*-\n"""\\"\u00e9\\""""\nfrom __future__ import division\n'
PYTHON_2 += WRONG.replace("import random\n", "") + '\nprint "\\x41", "\u00e9"\nif __name__ == "__main__":\n    1 / 0\n'


def check(subject, *arguments, cwd, run=ended_here):
    return run([sys.executable, "-m", "gradproof", "check", subject, "--architectures", "20", *arguments], cwd)


def beside(folder):
    """The wrong class, and its σ in a module beside it that was written with xrange."""
    assert SIGMOID in WRONG
    folder.mkdir()
    (folder / "mine.py").write_text(WRONG.replace(SIGMOID, "from sigma import sigmoid\n"), "utf8")
    loop = SIGMOID.replace("    return", "    for _ in xrange(1): pass\n    return")
    (folder / "sigma.py").write_text(f"import numpy as np\n{loop}", "utf8")


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize(("subject", "cwd"), [("theirs/mine.py", "."), ("mine", "theirs"), ("theirs/old.py", ".")])
def test_the_script_runs_though_it_lies_elsewhere(subject, cwd, tmp_path):
    beside(tmp_path / "theirs")
    (tmp_path / "theirs" / "old.py").write_text(PYTHON_2, "latin-1")
    script = tmp_path / "show.py"
    result = check(subject, "--script", str(script), cwd=tmp_path / cwd)
    assert result.returncode == 1, result.stdout + result.stderr
    shown = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=tmp_path / cwd, timeout=60)
    assert (shown.returncode, shown.stderr) == (0, "")
    *_, returned, words = shown.stdout.splitlines()
    assert words.split("[[")[1][:6] in returned


ASKED = {  # what is judged: the files that are asked for, and those that are written
    "wrong": (WRONG, ("certificate", "script", "junit"), ("junit", "script")),
    "right": (RIGHT, ("script", "junit", "certificate"), ("certificate", "junit")),
    "def": ("def", ("junit",), ("junit",)),
}
UNREAD = some([("wrong", ()), ("right", ("--json",)), ("def", ("--json",))], product(ASKED, [(), ("--json",)]))


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize(("judged", "form"), UNREAD)
def test_the_files_are_written_though_nobody_reads_what_is_said(judged, form, tmp_path):
    """In a process of its own, as what is told last is told while it ends."""

    def unread(line, cwd):
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(line, timeout=120, cwd=cwd, env=environment, stdout=writer, stderr=writer)

    source, asked, written = ASKED[judged]
    (tmp_path / "mine.py").write_text(source, "utf8")
    reader, writer = os.pipe()
    os.close(reader)
    options = [word for kind in asked for word in (f"--{kind}", kind)]
    check("mine.py", *form, *options, cwd=tmp_path, run=unread)
    os.close(writer)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name in asked) == list(written)


def test_code_that_cannot_be_loaded_is_an_error_for_programs_too(tmp_path):
    (tmp_path / "mine.py").write_text("def backprop(weights, biases, x, y:\n", "utf8")
    result = check("mine.py", "--json", "--junit", "out.xml", cwd=tmp_path)
    said = "mine.py cannot be loaded: SyntaxError: '(' was never closed (mine.py, line 1)"
    assert (result.returncode, result.stderr) == (3, f"gradproof: {said}\n")
    assert json.loads(result.stdout) == {"verdict": None, "error": said}
    suite = ElementTree.parse(tmp_path / "out.xml").getroot()
    assert [suite.get(name) for name in ("tests", "failures", "errors")] == ["1", "0", "1"]
    assert [error.get("message") for error in suite.iter("error")] == [said]


@pytest.mark.turns(1)
def test_code_that_deletes_itself_is_refuted_all_the_same_and_the_script_runs_in_any_folder(tmp_path):
    away = WRONG.replace("import random\n", "import os, random\nif os.path.exists('gone'): os.remove(__file__)\n")
    (tmp_path / "mine.py").write_text(away.replace("xrange", "range"), "utf8")
    assert check("mine.py", "--script", "show.py", cwd=tmp_path).returncode == 1
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    line = [sys.executable, "-I", str(tmp_path / "show.py")]
    shown = subprocess.run(line, capture_output=True, text=True, cwd=elsewhere, timeout=60)
    assert (shown.returncode, shown.stderr) == (0, "")
    (tmp_path / "gone").touch()
    result = check("mine.py", "--script", "again.py", cwd=tmp_path)
    assert not (tmp_path / "mine.py").exists()
    assert result.returncode == 1, result.stderr
    assert (tmp_path / "again.py").read_text("utf8") == (tmp_path / "show.py").read_text("utf8")
