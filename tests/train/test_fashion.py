"""Any four IDX files of MNIST's names will do: Fashion-MNIST, from Debian's package dataset-fashion-mnist."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import gradproof
from gradproof.train import mnist
from tests.train.test_command import ended

FASHION = Path("/usr/share/datasets/fashion-mnist")
TRAIN = [sys.executable, "-m", "gradproof", "train"]
pytestmark = pytest.mark.skipif(
    not FASHION.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed (make thorough installs it)"
)


def test_fashion_mnist_is_read_learned_and_drawn_as_it_is_typed(tmp_path: Path) -> None:
    sets = mnist.load(FASHION)
    assert [part.images.shape for part in sets] == [(50_000, 784), (10_000, 784), (10_000, 784)]
    assert np.bincount(sets.test.labels).tolist() == [1000] * 10
    how = ["--backend", "handcrafted", "--epochs", "1", "--init", "scaled", "--eta", "1", "--out", "a"]
    done = ended([*TRAIN, *how, "--data", str(FASHION)], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    (epoch,) = json.loads((tmp_path / "a/run.json").read_text())["epochs"]
    assert epoch["correct"] > 7500
    assert (gradproof.load(tmp_path / "a").classify(sets.test.images) == sets.test.labels).sum() == epoch["correct"]
    assert f"--data {FASHION}" in (tmp_path / "a/run.html").read_text()
    resumed = ended([*TRAIN, "--resume", "a", "--epochs", "2", "--no-page"], tmp_path)  # where its images are, it knows
    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert re.search(r"^epoch 2  \d+/10000 correct", resumed.stdout, re.M)
