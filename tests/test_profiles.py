"""Every run of the property tests draws examples that no run has drawn before, also where a CI is detected."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py").read_text()

RECORDER = """
from hypothesis import given, settings, strategies as st
drawn = []
@given(st.integers(0, 2**64))
def test_draws(n):
    drawn.append(n)
def test_tells():
    own = settings()
    print("TOLD", own.max_examples, own.derandomize, own.deadline, own.print_blob, hash(tuple(drawn)))
"""


ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # half of the time were plugins that are not used here


def told(folder: Path, conftest: str, *arguments: str) -> list[list[str]]:
    """[max_examples, derandomize, deadline, print_blob, a digest of the examples] of two runs, in a CI."""
    (folder / "conftest.py").write_text(conftest)
    (folder / "test_recorder.py").write_text(RECORDER)
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-W", "error", "-p", "no:cacheprovider"]
    command += ["-p", "_hypothesis_pytestplugin", *arguments]
    runs = [
        subprocess.Popen(
            [*command, "test_recorder.py"],
            cwd=folder,
            env={**os.environ, "CI": "true", "PYTEST_ADDOPTS": "", "PYTHONHASHSEED": "0", **ALONE},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [run.communicate(timeout=120)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    return [output.partition("TOLD")[2].split()[:5] for output in outputs]


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize(("profile", "examples"), [(None, "15"), ("thorough", "2000")])
def test_in_a_ci_each_run_draws_its_own_examples(tmp_path: Path, profile: str | None, examples: str) -> None:
    arguments = [f"--hypothesis-profile={profile}"] if profile else []
    first, second = told(tmp_path, CONFTEST, *arguments)
    assert first[:4] == second[:4] == [examples, "False", "None", "True"]
    assert first[4] != second[4]


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize(
    "conftest",
    ["", CONFTEST.replace('settings.get_profile("default"),', "").replace("derandomize=False,", "")],
    ids=["none", "no-parent"],
)
def test_without_these_profiles_a_ci_replays_the_same_examples(tmp_path: Path, conftest: str) -> None:
    assert conftest != CONFTEST
    first, second = told(tmp_path, conftest)
    assert first == second
    assert first[1] == "True"
