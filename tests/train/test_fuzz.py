"""Whatever stands in the four files, it is read or refused in one line, within little memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import gradproof
from tests.thorough import THOROUGH

FUZZ = Path(__file__).with_name("fuzz.py")
ROOT = Path(gradproof.__file__).parents[1]


def test_mutated_files_are_read_or_refused_and_memory_stays_bounded() -> None:
    """10,000 files, 1,000,000 in the thorough profile; each run draws others."""
    count, seed = 1_000_000 if THOROUGH else 10_000, int.from_bytes(os.urandom(4))
    line = [sys.executable, str(FUZZ), str(count), str(seed)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=7200)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout)
    assert seen["read"] + seen["refused"] == count
    assert min(seen["read"], seen["refused"]) > count / 100, seen  # a fuzz with one outcome would show nothing
    assert seen["grown_MiB"] <= 64, seen
