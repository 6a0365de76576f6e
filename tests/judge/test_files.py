"""The scripts, certificates and reports that were asked for: they are written, and the scripts run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RIGHT = (Path(__file__).parent / "submissions" / "book.py").read_text("utf8")
WRONG = RIGHT.replace(".transpose(), delta) * sp", ".transpose(), delta)")
SIGMOID = "def sigmoid(z):\n    return 1.0 / (1.0 + np.exp(-z))\n"
PYTHON_2 = '# -*- coding: latin-1 -*-\n"""\\"\u00e9\\""""\nfrom __future__ import division\n'
PYTHON_2 += WRONG.replace("import random\n", "") + '\nprint "\\x41", "\u00e9"\nif __name__ == "__main__":\n    1 / 0\n'


def check(subject, *arguments, cwd, **streams):
    line = [sys.executable, "-m", "gradproof", "check", subject, "--architectures", "20", *arguments]
    streams = streams or {"capture_output": True}
    return subprocess.run(line, text=True, timeout=120, cwd=cwd, env=os.environ | {"PYTHONPATH": str(ROOT)}, **streams)


def beside(folder):
    """The wrong class, and its σ in a module beside it that was written with xrange."""
    assert SIGMOID in WRONG
    folder.mkdir()
    (folder / "mine.py").write_text(WRONG.replace(SIGMOID, "from sigma import sigmoid\n"), "utf8")
    loop = SIGMOID.replace("    return", "    for _ in xrange(1): pass\n    return")
    (folder / "sigma.py").write_text(f"import numpy as np\n{loop}", "utf8")


@pytest.mark.parametrize(("subject", "cwd"), [("theirs/mine.py", "."), ("mine", "theirs"), ("theirs/old.py", ".")])
def test_the_script_runs_though_it_lies_elsewhere(subject, cwd, tmp_path):
    beside(tmp_path / "theirs")
    (tmp_path / "theirs" / "old.py").write_text(PYTHON_2, "latin-1")
    script = tmp_path / "show.py"
    result = check(subject, "--script", str(script), cwd=tmp_path / cwd)
    assert result.returncode == 1, result.stdout + result.stderr
    shown = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=tmp_path / cwd)
    assert (shown.returncode, shown.stderr) == (0, "")
    *_, returned, words = shown.stdout.splitlines()
    assert words.split("[[")[1][:6] in returned
