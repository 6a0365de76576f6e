"""Both networks on one schedule: they part as rounding grows, and neither changes for being watched."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gradproof.backends import NAMES
from gradproof.train import both, loop, saved
from gradproof.train.both import Point
from tests.browser import needs_chromium, opened
from tests.train.test_command import ENVIRONMENT, SIZES, digits  # noqa: F401  (a fixture)


def run(folder: Path, place: Path, *more: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "gradproof", "train", "--data", str(folder), "--sizes", SIZES, "--out", str(place)]
    return subprocess.run([*line, "--epochs", "3", *more], capture_output=True, text=True, env=ENVIRONMENT, check=False)


def test_growth_finds_the_rate_that_was_put_in() -> None:
    points = [Point(k, min(1e-16 * math.exp(0.004 * k), 0.3)) for k in range(25, 20_000, 25)]
    grown = both.growth(points)
    assert grown is not None
    assert abs(grown.rate - 0.004) <= 1e-9
    assert grown.last.distance <= 0.03
    assert grown.doubling == math.log(2) / grown.rate


@pytest.mark.parametrize("distances", [[], [0, 0, 0, 0], [1e-7, 1e-2], [3e-1, 2e-1, 1e-1, 1e-1]])
def test_growth_says_nothing_of_too_few_points_or_of_what_does_not_grow(distances: list[float]) -> None:
    assert both.growth([Point(25 * k, d) for k, d in enumerate(distances)]) is None


def test_the_distance_is_relative_and_over_all_parameters() -> None:
    here = loop.State([np.full((2, 2), 3.0)], [np.zeros((2, 1))], {}, steps=7)
    there = here._replace(biases=[np.full((2, 1), 1.0)])
    assert both.point(here, there) == Point(7, math.hypot(1, 1) / 6)


def test_both_are_what_they_are_alone(digits: Path, tmp_path: Path) -> None:  # noqa: F811
    ended = run(digits, tmp_path / "both", "--both", "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    result = json.loads(ended.stdout)
    assert json.loads((tmp_path / "both/both.json").read_text()) == result
    for name in NAMES:
        alone = json.loads(run(digits, tmp_path / name, "--backend", name, "--no-page", "--json").stdout)
        assert result["runs"][name]["run_hash"] == alone["run_hash"]
        kept = saved.load(tmp_path / "both" / name)
        assert saved.run_hash(kept.weights, kept.biases) == alone["run_hash"]
    assert [steps for steps, _ in result["distances"]] == sorted({s for s, _ in result["distances"]})
    assert result["steps"] == 33


@pytest.mark.parametrize("option", [("--backend", "reference"), ("--resume", "."), ("--verify",)])
def test_what_does_not_go_with_both_is_wrong_usage(digits: Path, tmp_path: Path, option: tuple[str]) -> None:  # noqa: F811
    ended = run(digits, tmp_path / "both", "--both", *option)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert f"leave out {option[0]}" in ended.stderr
    assert not (tmp_path / "both").exists()


@needs_chromium
def test_the_page_opens_offline_and_says_what_was_measured(digits: Path, tmp_path: Path) -> None:  # noqa: F811
    assert run(digits, tmp_path / "both", "--both").returncode == 0
    for javascript in (True, False):
        with opened(tmp_path / "both/both.html", javascript) as browser:
            assert (browser.errors, browser.requests) == ([], [])
            assert "handcrafted" in browser.page.inner_text("main")
            assert browser.page.locator("polyline").count() >= 2
