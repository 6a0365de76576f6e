"""The best epoch is chosen by the validation images alone, and what is said of it is true of what is kept."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproof.errors import MachineError
from gradproof.train import loop, mnist, run, saved_run
from gradproof.train.loop import Epoch
from tests.train.small import SMALL, put_digits, train

READ = st.integers(0, 20)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put_digits(tmp_path_factory.mktemp("digits"))


@given(st.lists(st.tuples(READ, READ), min_size=1, max_size=9))
def test_no_test_image_has_a_say_in_which_epoch_is_best(read: list[tuple[int, int]]) -> None:
    one, other = (
        [
            Epoch(n, correct[n - 1], 20, validation, training, 1.0, 1.0)
            for n, (validation, training) in enumerate(read, start=1)
        ]
        for correct in ([right for _, right in read], [20 - right for _, right in read])
    )
    best = loop.best_of(one).epoch
    assert best == loop.best_of(other).epoch
    assert [validation < read[best - 1][0] for validation, _ in read[: best - 1]] == [True] * (best - 1)
    assert all(validation <= read[best - 1][0] for validation, _ in read)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_said_of_the_best_epoch_is_true_of_the_weights_that_are_kept(
    seed: int, digits: Path, tmp_path: Path
) -> None:
    """Also where a run was ended after any mini-batch and resumed, in a later epoch than its best as well."""
    settings = SMALL._replace(seed=seed, epochs=6, eta=20.0)
    ends = []
    for stop_at in (None, 7, 11, 30, 45, 66):
        place = tmp_path / str(stop_at)
        with run.new(settings, digits, place, 0) as first:
            train(first, stop_at)
        with run.resumed(place, None, {}, 0) as second:
            train(second)
        best = second.results()["best"]
        assert best is not None
        network, sets = saved_run.load(place / best["weights"]), mnist.load(digits)
        for images, right in ((sets.validation, best["validation"]), (sets.test, best["correct"])):
            assert (network.classify(images.images) == images.labels).sum() == right
        assert best["validation"] == max(epoch.validation for epoch in second.state.history)
        assert best["run_hash"] == saved_run.run_hash(*network)
        ends.append(best)
    assert all(best == ends[0] for best in ends)


@pytest.mark.parametrize("stop_at", [None, 7, 30])
def test_without_the_best_weights_the_run_says_the_same_of_its_best_epoch_but_where_they_are(
    stop_at: int | None, digits: Path, tmp_path: Path
) -> None:
    """Also where an earlier part of the run kept them: what that left is gone, and a later part has them again."""
    settings = SMALL._replace(epochs=6, eta=20.0)
    with run.new(settings, digits, tmp_path / "whole", 0) as whole:
        expected = train(whole)
    place = tmp_path / "run"
    with run.new(settings, digits, place, 0) as first:
        train(first, stop_at)
    for keeps_best in (False, True):
        with run.resumed(place, None, {}, 0) as again:
            again.keeps_best = keeps_best
            assert train(again) == expected
        assert (place / saved_run.BEST).exists() == keeps_best
        best = whole.results()["best"] | ({} if keeps_best else {"weights": None})
        assert again.results()["best"] == json.loads((place / saved_run.RESULTS).read_text())["best"] == best


def test_best_weights_that_cannot_be_removed_are_one_line(digits: Path, tmp_path: Path) -> None:
    with run.new(SMALL, digits, tmp_path / "run", 0) as one:
        one.keeps_best = False
        (tmp_path / "run" / saved_run.BEST).mkdir()
        with pytest.raises(MachineError, match=r"^cannot remove [^\n]*best\.safetensors: [^\n]+$"):
            train(one)


def test_some_best_epochs_are_not_the_last_one_nor_that_of_the_test_images(digits: Path, tmp_path: Path) -> None:
    """Or the theorem above would say nothing."""
    last, test = [], []
    for seed in range(4):
        with run.new(SMALL._replace(seed=seed, epochs=6, eta=20.0), digits, tmp_path / str(seed), 999) as one:
            train(one)
        best, history = one.results()["best"], one.state.history
        last.append(best["epoch"] != 6)
        test.append(best["correct"] != max(epoch.correct for epoch in history))
        assert np.array_equal(one.state.weights[0], saved_run.load(tmp_path / str(seed)).weights[0])
    assert any(last)
    assert any(test)
