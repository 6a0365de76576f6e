"""The mini-batch over many devices: the theorem there, in a process that has eight."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__)


def test_the_theorem_holds_on_a_mesh_of_eight_devices(request: pytest.FixtureRequest) -> None:
    """on_eight_devices.py: bounds, bits, steps and planted errors."""
    profile = request.config.getoption("--hypothesis-profile") or "default"
    tests = HERE.with_name("on_eight_devices.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests), "--hypothesis-profile", profile],
        cwd=HERE.parents[2],
        env=os.environ | {"JAX_NUM_CPU_DEVICES": "8", "XLA_FLAGS": ""},  # compiled as for everybody
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
