"""What lies beside somebody's file or in the current folder is theirs alone: the judge imports none of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gradproof.judge.float64.diagnosis import judgement
from gradproof.judge.isolation.submission import File
from tests.judge.hostile import HEAD

pytestmark = pytest.mark.usefixtures("few_edits")

ROOT = Path(__file__).parents[2]
TRAP = "open({marks!r} + '/' + __name__, 'w').close()\nraise SystemExit('not mine')\n"
LISTS = "open(f'{HERE}/modules', 'w').write('\\n'.join(sys.modules))"


def written(folder: Path, called: str = "pass") -> Path:
    path = folder / "mine.py"
    path.write_text(HEAD.format(here=str(folder), code="pass", called=called, loaded=""), "utf8")
    return path


@pytest.fixture(scope="module")
def imported(tmp_path_factory) -> set[str]:
    """Every module at the top that a worker has imported when it calls, and when it has told of an exception."""
    found: set[str] = set()
    for called in (LISTS, LISTS + "\n    1 / 0"):
        folder = tmp_path_factory.mktemp("lists")
        with File(str(written(folder, called))) as code:
            judgement(code, 20)
        found |= set((folder / "modules").read_text().split())
    names = {name.partition(".")[0] for name in found} | set(sys.stdlib_module_names)
    return names - {"__main__", "mine", "submission", "this", "antigravity"} - set(sys.builtin_module_names)


@pytest.mark.sample(1)
@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("called", ["pass", "1 / 0"])
def test_a_file_named_as_a_module_changes_nothing(beside, called, imported, tmp_path, monkeypatch):
    """Beside the file, or in the folder one stands in: every module of the standard library, NumPy and all others."""
    folder, marks, current = (tmp_path / name for name in ("theirs", "marks", "current"))
    for each in (folder, marks, current):
        each.mkdir()
    for name in imported:
        ((folder if beside else current) / f"{name}.py").write_text(TRAP.format(marks=str(marks)), "utf8")
    assert len(imported) > 100
    monkeypatch.chdir(current)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    path = written(folder, called)
    path.write_text(
        path.read_text().replace(
            "import atexit, builtins, ctypes, faulthandler, gc, json, os, resource, "
            "signal, subprocess, sys, threading, time",
            "import os",
        ),
        "utf8",
    )
    with File(str(path)) as code:
        found = judgement(code, 20)
    assert [trouble.kind for trouble in found.troubles] == ["raises"] * (called != "pass")
    assert os.listdir(marks) == []


@pytest.mark.turns(1)
def test_a_module_of_their_own_is_found_beside_the_file_and_in_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "helping.py").write_text("import numpy as np\n", "utf8")
    path = written(tmp_path / "theirs")
    path.write_text("from helping import np\n" + path.read_text(), "utf8")
    with File(str(path)) as code:
        assert judgement(code, 20).verdict == "verified"
    monkeypatch.chdir(tmp_path / "theirs")
    with File("mine") as code:
        assert judgement(code, 20).verdict == "verified"


def test_nor_does_it_where_pythonpath_names_the_folder(tmp_path, monkeypatch):
    for name in ("random", "json", "numpy", "resource", "traceback"):
        (tmp_path / f"{name}.py").write_text(TRAP.format(marks=str(tmp_path)), "utf8")
    path = written(tmp_path)
    path.write_text(path.read_text().replace("gc, json, os, resource,", "os,"), "utf8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ROOT)]))
    with File(str(path)) as code:
        assert judgement(code, 20).verdict == "verified"


@pytest.mark.turns(1)
def test_the_command_is_as_safe(tmp_path):
    for name in ("random", "json", "types", "numpy", "jax", "click", "handcrafted"):
        (tmp_path / f"{name}.py").write_text(TRAP.format(marks=str(tmp_path)), "utf8")
    path = written(tmp_path)
    path.write_text(path.read_text().replace("gc, json,", "gc,"), "utf8")
    script = Path(sys.executable).with_name("gradproof")
    line = [str(script)] if script.exists() else [sys.executable, "-P", "-m", "gradproof"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [*line, "check", "mine.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120, env=environment
    )
    assert result.stdout.startswith("verified: "), result.stderr
    assert result.returncode == 0


def test_the_process_runs_the_gradproof_that_started_it_and_no_other_that_is_installed(tmp_path, monkeypatch):
    """Another that is found before it: it is not looked for."""
    (tmp_path / "site/gradproof").mkdir(parents=True)
    (tmp_path / "site/gradproof/__init__.py").write_text("raise SystemExit('another gradproof')")
    (tmp_path / "code").mkdir()
    path = written(tmp_path / "code")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    with File(str(path)) as code:
        assert judgement(code, 20).verdict == "verified"


@pytest.mark.turns(1)
def test_the_judge_stays_compiled_and_nothing_of_theirs_does(tmp_path, monkeypatch):
    """Else every submission of a class would wait until the judge is compiled again."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "compiled"))
    (tmp_path / "helping.py").write_text("import numpy as np\n", "utf8")
    path = written(tmp_path)
    path.write_text("from helping import np\n" + path.read_text(), "utf8")
    with File(str(path)) as code:
        assert code.kind.name == "backprop"
    compiled = {file.name.partition(".")[0] for file in (tmp_path / "compiled").rglob("*.pyc")}
    assert "worker" in compiled
    assert not compiled & {"helping", "mine"}
