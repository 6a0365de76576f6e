"""An epoch's mini-batches hold every example once, and one seed means one order."""

from itertools import cycle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproof.train.minibatches import chunks, shuffled

COUNTS = st.integers(1, 300).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n)))
SEEDS = st.integers(0, 2**64 - 1)


@given(COUNTS, SEEDS)
def test_every_row_stands_once_in_an_epoch(counts: tuple[int, int], seed: int) -> None:
    n, m = counts
    rows = np.concatenate([part.ravel() for part in shuffled(n, m, np.random.default_rng(seed))])
    assert sorted(rows.tolist()) == list(range(n))


@given(COUNTS, SEEDS)
def test_all_mini_batches_are_full_but_a_last_smaller_one(counts: tuple[int, int], seed: int) -> None:
    n, m = counts
    shapes = [part.shape for part in shuffled(n, m, np.random.default_rng(seed))]
    assert shapes == [(n // m, m)] + ([(1, n % m)] if n % m else [])


@given(COUNTS, SEEDS)
def test_equal_generators_give_equal_epochs_one_after_the_other(counts: tuple[int, int], seed: int) -> None:
    one, other = np.random.default_rng(seed), np.random.default_rng(seed)
    for _ in range(3):
        for mine, theirs in zip(shuffled(*counts, one), shuffled(*counts, other), strict=True):
            assert np.array_equal(mine, theirs)


def test_two_epochs_differ_and_so_do_two_seeds() -> None:
    rng = np.random.default_rng(0)
    first, second, other = shuffled(100, 10, rng), shuffled(100, 10, rng), shuffled(100, 10, np.random.default_rng(1))
    assert not np.array_equal(first[0], second[0])
    assert not np.array_equal(first[0], other[0])
    assert not np.array_equal(first[0].ravel(), np.arange(100))


def test_every_row_comes_first_equally_often() -> None:
    """χ² with 9 degrees of freedom passes 27.9 once in a thousand seeds; this is one seed."""
    rng = np.random.default_rng(0)
    firsts = np.bincount([shuffled(10, 3, rng)[0][0, 0] for _ in range(5000)], minlength=10)
    assert ((firsts - 500) ** 2 / 500).sum() < 27.9


@given(COUNTS, SEEDS, st.integers(1, 50))
def test_chunks_keep_mini_batches_and_their_order(counts: tuple[int, int], seed: int, most: int) -> None:
    batches = shuffled(*counts, np.random.default_rng(seed))
    cut = list(chunks(batches, lambda: most))
    assert [row.tolist() for part in cut for row in part] == [row.tolist() for part in batches for row in part]
    assert all(1 <= len(part) <= most for part in cut)


@given(COUNTS, SEEDS, st.lists(st.integers(1, 50), min_size=1), st.data())
def test_chunks_of_changing_lengths_from_anywhere_on_are_the_rest_of_the_epoch(
    counts: tuple[int, int], seed: int, lengths: list[int], data: st.DataObject
) -> None:
    batches, turns = shuffled(*counts, np.random.default_rng(seed)), cycle(lengths)
    whole = [row.tolist() for part in batches for row in part]
    done = data.draw(st.integers(0, len(whole)))
    assert [row.tolist() for part in chunks(batches, lambda: next(turns), done) for row in part] == whole[done:]


@pytest.mark.parametrize("most", [1, 250, 5000])
def test_chunks_have_few_shapes_so_that_few_are_compiled(most: int) -> None:
    shapes = [part.shape for part in chunks(shuffled(50_003, 10, np.random.default_rng(0)), lambda: most)]
    assert len(set(shapes)) <= 3
    assert shapes[0] == (most, 10)
