"""Both networks on one schedule: they part as rounding grows, and neither changes for being watched."""

import json
import math
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradproof.backends import NAMES
from gradproof.train import checkpoint, loop, paired_runs, saved_run
from gradproof.train import run as run_room
from gradproof.train.paired_runs import Point
from tests.browser import needs_chromium, opened
from tests.processes import started
from tests.train.test_command import (  # noqa: F401  (a fixture)
    ENVIRONMENT,
    SIZES,
    assert_refused,
    digits,
    ended_here,
    interrupted,
)


def run(folder: Path, place: Path, *more: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "gradproof", "train", "--data", str(folder), "--sizes", SIZES, "--out", str(place)]
    return ended_here([*line, "--epochs", "3", *more], Path.cwd())


def test_growth_finds_the_rate_that_was_put_in() -> None:
    points = [Point(k, min(1e-16 * math.exp(0.004 * k), 0.3)) for k in range(25, 20_000, 25)]
    grown = paired_runs.growth(points)
    assert grown is not None
    assert abs(grown.rate - 0.004) <= 1e-9
    assert grown.last.distance <= 0.03
    assert grown.doubling == math.log(2) / grown.rate


@pytest.mark.parametrize(
    "distances", [[], [0, 0, 0, 0], [1e-7, 1e-2], [3e-1, 2e-1, 1e-1, 1e-1], [2e-8, 3e-8, 5e-8, 7e-8, 6e-7]]
)
def test_growth_says_nothing_of_too_few_points_or_of_what_does_not_grow(distances: list[float]) -> None:
    assert paired_runs.growth([Point(25 * k, d) for k, d in enumerate(distances)]) is None


def test_the_distance_is_relative_and_over_all_parameters() -> None:
    here = loop.State([np.full((2, 2), 3.0)], [np.zeros((2, 1))], {}, steps=7)
    there = here._replace(biases=[np.full((2, 1), 1.0)])
    assert paired_runs.point(here, there) == Point(7, math.hypot(1, 1) / 6)


def test_both_are_what_they_are_alone(digits: Path, tmp_path: Path) -> None:  # noqa: F811
    ended = run(digits, tmp_path / "both", "--both", "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    result = json.loads(ended.stdout)
    assert json.loads((tmp_path / "both/both.json").read_text()) == result
    for name in NAMES:
        alone = json.loads(run(digits, tmp_path / name, "--backend", name, "--no-page", "--json").stdout)
        assert result["runs"][name]["run_hash"] == alone["run_hash"]
        kept = saved_run.load(tmp_path / "both" / name)
        assert saved_run.run_hash(kept.weights, kept.biases) == alone["run_hash"]
    assert [steps for steps, _ in result["distances"]] == sorted({s for s, _ in result["distances"]})
    assert result["steps"] == 33


def test_of_both_only_the_last_weights_are_kept_where_that_is_asked_for(digits: Path, tmp_path: Path) -> None:  # noqa: F811
    ended = run(digits, tmp_path / "both", "--both", "--json", "--no-page", "--keep", "last")
    assert [one["best"]["weights"] for one in json.loads(ended.stdout)["runs"].values()] == [None, None]
    assert list((tmp_path / "both").rglob(saved_run.BEST)) == []


REFUSED = [
    ("--backend", "reference"),
    ("--verify",),
    ("--reproducible",),
    ("--devices", "2"),
    ("--coordinator", "localhost:1"),
    ("--processes", "2"),
    ("--process", "0"),
    ("--heartbeat", "9"),
]


@pytest.mark.parametrize("option", REFUSED, ids=[words[0] for words in REFUSED])
def test_what_does_not_go_with_both_is_wrong_usage(digits: Path, tmp_path: Path, option: tuple[str]) -> None:  # noqa: F811
    assert_refused(ended_here(both_of(digits, tmp_path / "both", *option), tmp_path), 2, f"leave out {option[0]}")
    assert not (tmp_path / "both").exists()


def both_of(folder: Path, place: Path, *more: str) -> list[str]:
    start = [sys.executable, "-m", "gradproof", "train", "--both", "--data", str(folder), "--sizes", SIZES]
    return [*start, "--out", str(place), *more]


def resumed(place: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return ended_here([sys.executable, "-m", "gradproof", "train", "--resume", str(place), "--json", *more], place)


@pytest.mark.parametrize(
    "written", ["[" * 10**6, '{"distances": [[1e999, 0.5]]}', "[]", "{"], ids=lambda text: text[:40]
)
def test_distances_that_cannot_be_read_are_none(written: str, tmp_path: Path) -> None:
    (tmp_path / paired_runs.RESULTS).write_text(written)
    assert paired_runs._points(tmp_path, 99) == []


def without_seconds(result: dict[str, Any]) -> dict[str, Any]:
    for one in (result, *result["runs"].values()):
        del one["out"]
    for one in result["runs"].values():
        for epoch in one["epochs"]:
            del epoch["seconds"]
    return result


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_both_with_what_they_have_and_they_go_on_as_if_there_had_been_none(
    digits: Path,  # noqa: F811
    tmp_path: Path,
    number: int,
) -> None:
    line = both_of(digits, tmp_path / "a", "--epochs", "1000000", "--checkpoint", "9")
    code, out, err = interrupted(line, tmp_path, number)
    again = f"gradproof train --resume {tmp_path / 'a'} --checkpoint 9"
    assert (code, err) == (130, f"gradproof: interrupted; continue with: {again}\n")
    assert "ended early, in epoch " in out
    assert out.splitlines()[-1] == f"page: {str(tmp_path / 'a/both.html')!r}"
    assert "Ended early" in (tmp_path / "a/both.html").read_text()
    epochs = json.loads((tmp_path / "a/both.json").read_text())["steps"] // 11 + 2
    result = json.loads(resumed(tmp_path / "a", "--epochs", str(epochs)).stdout)
    whole = ended_here(both_of(digits, tmp_path / "b", "--epochs", str(epochs), "--json", "--no-page"), tmp_path)
    assert without_seconds(result) == without_seconds(json.loads(whole.stdout))


DYING = """
import os, signal, sys
from gradproof.__main__ import main
from gradproof import files
written, left = files.write, int(sys.argv.pop())
def write(*arguments):
    global left
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    written(*arguments)
files.write = write
main()
"""


@pytest.mark.turns(1)
@pytest.mark.parametrize("files", range(5))
def test_both_that_are_killed_while_they_begin_are_begun_again(files: int, digits: Path, tmp_path: Path) -> None:  # noqa: F811
    """SIGKILL before one of the first files is written: what is to be done, a checkpoint of each, the distances, …"""
    epochs = ("--epochs", "2", "--no-page", "--json")
    whole = ended_here(both_of(digits, tmp_path / "whole", *epochs), tmp_path)
    line = both_of(digits, tmp_path / "run", *epochs)
    killed = subprocess.run(
        [sys.executable, "-c", DYING, *line[3:], str(files)],
        env=ENVIRONMENT,
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL
    ended = resumed(tmp_path / "run", "--no-page") if files else ended_here(line, tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert without_seconds(json.loads(ended.stdout)) == without_seconds(json.loads(whole.stdout))


def test_both_that_are_killed_as_soon_as_one_has_a_folder_are_begun_again(digits: Path, tmp_path: Path) -> None:  # noqa: F811
    place, epochs = tmp_path / "run", ("--epochs", "2", "--no-page", "--json")
    whole = ended_here(both_of(digits, tmp_path / "whole", *epochs), tmp_path)
    line = [sys.executable, "-m", *both_of(digits, place, *epochs)[2:]]
    with started(line, env=ENVIRONMENT, cwd=tmp_path, stdout=subprocess.DEVNULL) as running:
        while not (place / "handcrafted").exists() and running.poll() is None:
            time.sleep(0.001)
        running.kill()
    assert running.returncode == -signal.SIGKILL
    ended = resumed(place, "--no-page")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert without_seconds(json.loads(ended.stdout)) == without_seconds(json.loads(whole.stdout))


def test_two_runs_are_both_without_their_distances(digits: Path, tmp_path: Path) -> None:  # noqa: F811
    epochs = ("--epochs", "1", "--no-page", "--json")
    whole = ended_here(both_of(digits, tmp_path / "whole", "--epochs", "2", *epochs[2:]), tmp_path)
    ended_here(both_of(digits, tmp_path / "run", *epochs), tmp_path)
    (tmp_path / "run" / paired_runs.RESULTS).unlink()
    hashes = [
        [one["run_hash"] for one in json.loads(done.stdout)["runs"].values()]
        for done in (whole, resumed(tmp_path / "run", "--epochs", "2", "--no-page"))
    ]
    assert hashes[0] == hashes[1]


def test_both_that_cannot_be_begun_leave_nothing_behind(digits: Path, tmp_path: Path) -> None:  # noqa: F811
    assert_refused(ended_here(both_of(digits, tmp_path / "run", "--batch", "999999"), tmp_path), 2, "--batch")
    assert not (tmp_path / "run").exists()


@pytest.mark.turns(1)
def test_both_that_are_killed_go_on_from_the_last_steps_that_both_have_kept(digits: Path, tmp_path: Path) -> None:  # noqa: F811
    """SIGKILL, and one of them has a checkpoint more; without the other's older one each can go on alone."""
    line = both_of(digits, tmp_path / "a", "--epochs", "60", "--checkpoint", "0", "--no-page")
    code, _, _ = interrupted(line, tmp_path, signal.SIGKILL)
    assert code == -signal.SIGKILL
    a, whole = tmp_path / "a", tmp_path / "b"
    expected = json.loads(ended_here(both_of(digits, whole, "--epochs", "60", "--json", "--no-page"), tmp_path).stdout)
    kept = [checkpoint.sound(a / name)[0] for name in NAMES]
    common = max(set.intersection(*({each.position for each in one} for one in kept)))
    ahead = max(kept[0], key=lambda each: each.generation)
    if ahead.position == common:  # killed elsewhere: as if it had written another one meanwhile
        with run_room.resumed(a / NAMES[0], None, {}, 0) as alone:
            alone.state = next(loop.states(alone.settings, alone.digits, alone.state, most=1))
            alone.keep()
    shutil.copytree(a, tmp_path / "c")
    assert without_seconds(json.loads(resumed(a, "--no-page").stdout)) == without_seconds(expected)
    for file in checkpoint.FILES:
        if checkpoint.read(tmp_path / "c" / NAMES[0] / file).position == common:
            (tmp_path / "c" / NAMES[0] / file).write_bytes(b"")
    done = resumed(tmp_path / "c")
    assert_refused(done, 3, f"continue one by itself: gradproof train --resume {tmp_path / 'c/handcrafted'} or ")
    one = json.loads(resumed(tmp_path / "c/handcrafted", "--no-page").stdout)
    assert one["run_hash"] == expected["runs"]["handcrafted"]["run_hash"]


def test_where_one_diverges_both_go_back_to_the_end_of_the_last_good_epoch(digits: Path, tmp_path: Path) -> None:  # noqa: F811
    done = ended_here(both_of(digits, tmp_path / "a", "--epochs", "3", "--eta", "1e5", "--checkpoint", "0"), tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("gradproof: the descent diverged: after epoch 1, layer")
    assert done.stderr.count("\n") == 1
    for name in NAMES:
        assert [each.position for each in checkpoint.sound(tmp_path / "a" / name)[0]] == [(1, 0), (1, 0)]
    assert "saturated" in (tmp_path / "a/both.html").read_text()


@pytest.mark.parametrize("options", [["--both"], ["--backend", "handcrafted"]])
def test_checkpoints_of_another_format_are_refused_in_one_line(
    options: list[str],
    digits: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run(digits, tmp_path / "a", "--no-page", *options)
    now = checkpoint.FORMAT
    monkeypatch.setattr(checkpoint, "FORMAT", "gradproof checkpoint 9")
    said = f"is written in format '{now}', this gradproof reads 'gradproof checkpoint 9'; continue with the version"
    assert_refused(resumed(tmp_path / "a"), 3, said)


def test_a_run_of_one_network_is_not_taken_for_one_of_both(digits: Path, tmp_path: Path) -> None:  # noqa: F811
    run(digits, tmp_path / "one", "--backend", "handcrafted", "--no-page")
    assert_refused(resumed(tmp_path / "one", "--both"), 2, "is not a run of both networks; leave out --both")


@pytest.mark.turns(1)
@needs_chromium
def test_the_page_of_each_shows_the_curves_of_both(digits: Path, tmp_path: Path) -> None:  # noqa: F811
    assert ended_here(both_of(digits, tmp_path / "both", "--epochs", "3"), tmp_path).returncode == 0
    for name in NAMES:
        with opened(tmp_path / "both" / name / "run.html") as browser:
            assert browser.page.locator(".line-2 polyline").count() >= 2
            assert name.capitalize() in browser.page.inner_text("h1")
    with opened(tmp_path / "both/both.html") as browser:
        browser.page.click("text=reference >> nth=0")
        assert "Reference" in browser.page.inner_text("h1")
        assert browser.errors == []


@pytest.mark.turns(1)
@needs_chromium
def test_the_page_opens_offline_and_says_what_was_measured(digits: Path, tmp_path: Path) -> None:  # noqa: F811
    assert run(digits, tmp_path / "both", "--both").returncode == 0
    for javascript in (True, False):
        with opened(tmp_path / "both/both.html", javascript) as browser:
            assert (browser.errors, browser.requests) == ([], [])
            assert "handcrafted" in browser.page.inner_text("main")
            assert browser.page.locator("polyline").count() >= 2
            browser.page.click("summary >> nth=0")
            for one in json.loads((tmp_path / "both/both.json").read_text())["runs"].values():
                rows = [f"{e['correct']} of 40 {e['validation']} of 21 {e['training']} of 40" for e in one["epochs"]]
                assert all(row in " ".join(browser.page.inner_text("main").split()) for row in rows)
