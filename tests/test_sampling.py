"""Of a costly test each run draws some cases: others in every run, the same in all its processes, all where asked."""

import os
import re
import subprocess
import sys
from pathlib import Path

CONFTEST = Path(__file__).with_name("conftest.py").read_text("utf8")
CASES = """
import os, pathlib, pytest
told = f"{os.environ['RUN']}, {os.environ.get('PYTEST_XDIST_WORKER', '')}"
pathlib.Path(told).write_text(os.environ.get("XLA_FLAGS", ""), "utf8")
@pytest.mark.sample(3)
@pytest.mark.parametrize("case", range(40))
def test_costly(case):
    assert case != 50
@pytest.mark.sample(1)
@pytest.mark.parametrize("case", range(2))
def test_other(case):
    pass
@pytest.mark.sample(1)
@pytest.mark.parametrize("case", [5, pytest.param(6, marks=pytest.mark.sample(0))])
def test_with_one_too_costly(case):
    pass
def test_cheap():
    pass
@pytest.mark.turns(2)
def test_turn_1():
    pass
@pytest.mark.turns(2)
@pytest.mark.parametrize("case", range(2))
def test_turn_2(case):
    pass
@pytest.mark.turns(2)
def test_turn_3():
    pass
"""
RUNS = {
    "one": ["--sample-seed", "1"],
    "in two processes": ["--sample-seed", "1", "-p", "xdist", "-n", "2"],
    "another": ["--sample-seed", "2"],
    "without a seed": ["-p", "xdist", "-n", "2"],  # whose processes must agree on one
    "every": ["--every-case"],
    "thorough": ["--hypothesis-profile=thorough"],
    "by name": ["test_cases.py::test_costly[7]", "test_cases.py::test_costly[31]", "test_cases.py::test_turn_3"],
}


def test_n_cases_are_drawn_and_every_case_where_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST, "utf8")
    (tmp_path / "test_cases.py").write_text(CASES, "utf8")
    line = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-p", "_hypothesis_pytestplugin"]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    for name in ("SAMPLE_SEED", "XLA_FLAGS", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):
        environment.pop(name, None)
    running = {
        name: subprocess.Popen(
            [*line, *options], cwd=tmp_path, env=environment | {"RUN": name}, stdout=subprocess.PIPE, text=True
        )
        for name, options in RUNS.items()
    }
    told = {name: process.communicate(timeout=120)[0] for name, process in running.items()}
    assert [process.returncode for process in running.values()] == [0] * len(RUNS), told
    cases = {name: sorted(set(re.findall(r"::(test_\w+(?:\[\d+\])?)", said))) for name, said in told.items()}
    for name in ("one", "in two processes", "another", "without a seed"):
        tests = [test.partition("[")[0] for test in cases[name]]
        others = [test for test in tests if not test.startswith("test_turn_")]
        assert others == ["test_cheap", *["test_costly"] * 3, "test_other", "test_with_one_too_costly"]
        assert len(set(tests)) - len(set(others)) == 2
        assert tests.count("test_turn_2") in (0, 2)  # all that were drawn of its cases
        assert "test_with_one_too_costly[5]" in cases[name]
    assert cases["one"] == cases["in two processes"] != cases["another"]
    assert len(cases["every"]) == len(cases["thorough"]) == 1 + 2 + 2 + 40 + 4
    effort = {run: sorted(path.read_text("utf8") for path in tmp_path.glob(f"{run}, gw*")) for run in RUNS}
    for name in ("in two processes", "without a seed"):
        assert all("--xla_backend_optimization_level=0" in little for little in effort[name])
        assert len(effort[name]) == 2
    assert (tmp_path / "one, ").read_text("utf8") == (tmp_path / "thorough, ").read_text("utf8") == ""
    assert cases["by name"] == ["test_costly[31]", "test_costly[7]", "test_turn_3"]
