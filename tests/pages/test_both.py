"""The page of both networks says of two curves what is true of them, and a file of anybody's is read or refused."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproof.backends import NAMES
from gradproof.errors import DataError, GradproofError
from gradproof.pages.paired_runs import compared
from gradproof.train import paired_runs
from gradproof.train.loop import Epoch, Settings
from tests.train.small import SMALL


def said(mine: int, theirs: int, n: int = 10_000) -> tuple[str, str]:
    ends = (Epoch(3, correct, n, 0, 0, 0.1, 1.0) for correct in (mine, theirs))
    return compared({name: [end] for name, end in zip(NAMES, ends, strict=True)})


def test_two_curves_that_end_far_apart_are_not_called_equal() -> None:
    """As was printed over 980 and 1588 of 10,000."""
    title, sentence = said(980, 1588)
    assert title == "Reference reads more"
    assert "handcrafted reads 980 of 10,000 test images and reference 1,588, a difference of 608" in sentence
    assert "chance would explain no more than √(w + w′) = 132.0 (one" in sentence


@given(st.integers(1, 10_000), st.data())
def test_the_title_names_the_better_one_beyond_chance_and_none_within(n: int, data: st.DataObject) -> None:
    mine, theirs = data.draw(st.integers(0, n)), data.draw(st.integers(0, n))
    title, sentence = said(mine, theirs, n)
    chance = math.sqrt((n - mine) + (n - theirs))
    named = {0: "They read equally many", 1: "As good as each other, within chance"}
    expected = named.get((mine != theirs) + (abs(mine - theirs) > chance))
    assert title == (expected or f"{NAMES[theirs > mine].capitalize()} reads more")
    assert f" {mine:,} of {n:,} test images and reference {theirs:,}" in sentence
    assert said(theirs, mine, n)[0] == (title if expected else f"{NAMES[mine > theirs].capitalize()} reads more")


@given(st.integers(0, 2**32), st.floats(0, 1), st.integers(20, 200))
def test_chance_is_a_bound_on_the_spread_of_a_difference_by_the_toss_of_a_coin(seed: int, share: float, n: int) -> None:
    """Images on which exactly one of two networks is right: no more than are misread by the two together."""
    import numpy as np

    right = np.random.default_rng(seed).random((2, n)) < share
    disagree = int((right[0] != right[1]).sum())
    assert disagree <= int((~right).sum())


# ---- somebody's both.json --------------------------------------------------------------------------------------

GOOD: dict[str, Any] = SMALL._asdict() | {"sizes": list(SMALL.sizes)}
del GOOD["backend"]


def plan(place: Path, **settings: Any) -> tuple[Settings, Path | None]:
    (place / paired_runs.RESULTS).write_text(json.dumps({"settings": GOOD | settings, "data": None}))
    return paired_runs._planned(place, "handcrafted")


def test_a_plan_is_read(tmp_path: Path) -> None:
    assert plan(tmp_path) == (SMALL, None)
    assert plan(tmp_path, eta=3)[0] == SMALL


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sizes", "abc"), ("sizes", [784, "a", 10]), ("sizes", [784.0, 10]), ("sizes", None), ("sizes", {"1": 2}),
        ("epochs", "x"), ("epochs", 1.5), ("epochs", True), ("seed", 1.5), ("seed", None), ("eta", ""), ("eta", []),
        ("eta", 10**400), ("batch", "10"), ("init", 1), ("dtype", None), ("dtype", []), ("reproducible", 0), ("new", 1),
    ],
)  # fmt: skip
def test_a_setting_of_another_kind_is_one_line(tmp_path: Path, name: str, value: Any) -> None:
    with pytest.raises(DataError, match=r"nothing was trained, and both\.json does not say what to train; start it"):
        plan(tmp_path, **{name: value})


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from([*GOOD, "settings", "data", "distances"]), anything)
def test_whatever_stands_in_both_json_it_goes_on_or_is_one_line(
    tmp_path_factory: pytest.TempPathFactory, name: str, value: Any
) -> None:
    place = tmp_path_factory.mktemp("both")
    document: dict[str, Any] = {"settings": dict(GOOD), "data": None, "distances": [[0, 0.0], [25, 1e-7]]}
    (document if name in document else document["settings"])[name] = value
    (place / paired_runs.RESULTS).write_text(json.dumps(document))
    try:
        with paired_runs.resumed(place, None, {}, 999) as pair:
            assert all(run.settings.sizes[-1] == 10 for run in pair.runs)
    except GradproofError as error:
        assert re.fullmatch(r"[^\n]+", str(error))  # noqa: PT017
    assert all(0 <= p.distance < math.inf for p in paired_runs._points(place, 10**9))
