"""A step of some cost has symmetric derivatives; where they are not, the arrays that differ are named."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from flint import arb
from hypothesis import example, given
from hypothesis import strategies as st

from gradproof.exact.arrays import array_of
from gradproof.exact.numbers import Number, variable
from gradproof.exact.run import Run, running
from gradproof.exact.sweeps import push_along
from gradproof.judge.trial import symmetry
from gradproof.judge.trial.comparison import Compared
from gradproof.judge.trial.symmetry import CLEAR, OF_ANOTHER, symmetric

SIZES = (2, 3, 1, 2)
ENDS = np.cumsum((0, *SIZES))
BLOCKS = [slice(a, b) for a, b in itertools.pairwise(ENDS)]


def judged(matrix: Any) -> list[Compared]:
    """What is said of the step θ′ − θ = A θ of four arrays."""
    with running(Run()):
        theta = [variable(1.5 + k) for k in range(ENDS[-1])]
        moves = [sum((Number(arb(a)) * x for a, x in zip(row, theta, strict=True)), Number(arb(0))) for row in matrix]
        arrays = [array_of(theta[block], (block.stop - block.start,)) for block in BLOCKS]
        moved = {name: array_of(moves[block], (-1,)) for name, block in zip("abcd", BLOCKS, strict=True)}
        return symmetric(moved, arrays, 0)


def blocks(rng: np.random.Generator, some: Sequence[bool]) -> Any:
    """A symmetric matrix in which only these pairs of blocks are not 0."""
    matrix, pairs = np.zeros((ENDS[-1], ENDS[-1])), [(i, j) for i in range(4) for j in range(i + 1)]
    for (i, j), filled in zip(pairs, some, strict=True):
        if filled:
            block = rng.integers(1, 9, (SIZES[i], SIZES[j]))
            matrix[BLOCKS[i], BLOCKS[j]] = block + block.T if i == j else block
            matrix[BLOCKS[j], BLOCKS[i]] = matrix[BLOCKS[i], BLOCKS[j]].T
    return matrix


@given(
    st.integers(0, 999),
    st.lists(st.booleans(), min_size=10, max_size=10),
    st.lists(st.tuples(*[st.integers(0, ENDS[-1] - 1)] * 2), max_size=2),
)
@example(0, [True] * 10, [(0, 1), (0, 2)])  # a is wrong by itself, and b is right whatever a is
@example(0, [True] * 10, [(0, 2), (5, 2)])
def test_each_array_is_right_wrong_by_itself_or_with_others(
    seed: int, some: Sequence[bool], broken: Sequence[tuple[int, int]]
) -> None:
    matrix = blocks(np.random.default_rng(seed), some)
    for i, j in broken:
        matrix[i, j] += 10 * (i != j)
    part = [[matrix[row, column] for column in BLOCKS] for row in BLOCKS]
    differs = [[bool((part[i][j] != part[j][i].T).any()) for j in range(4)] for i in range(4)]
    for i, one in enumerate(judged(matrix)):
        others = [j for j in range(4) if j == i or not differs[j][j]]  # what is wrong by itself says nothing of another
        apart = ["abcd"[j] for j in others if differs[i][j]]
        assert one.name == "abcd"[i]
        if apart:
            own = one.name in apart
            assert one.state == ("not the gradient of any cost" if own else f"{OF_ANOTHER} than {', '.join(apart)}")
            assert (one.digits, one.alive) == (0, True)
        else:
            alive = any(part[i][j].any() for j in others)
            assert (one.state, one.alive) == ("right", alive)
            assert CLEAR < one.digits < np.inf if alive else one.digits == np.inf


def test_a_large_array_that_is_not_sharp_hides_no_small_one_that_is_wrong() -> None:
    matrix = np.zeros((ENDS[-1], ENDS[-1]), object)
    for k in range(ENDS[-1]):
        matrix[k, k] = arb(1)
    matrix[0, 0] = arb(2**166, 10)  # of 49 digits, but off by more than all of the others
    matrix[2, 3] = arb(1)
    found = judged(matrix)
    assert [one.state for one in found] == ["right", "not the gradient of any cost", "right", "right"]
    assert 45 < found[0].digits < 50


def test_a_difference_far_behind_the_leading_digits_is_one() -> None:
    matrix = np.diag([arb(1)] * ENDS[-1])
    matrix[0, 1] = arb(2) ** -140
    assert [one.state for one in judged(matrix)] == ["not the gradient of any cost", *["right"] * 3]


def test_what_may_be_anything_says_nothing_of_the_others() -> None:
    matrix = np.diag([arb(1)] * ENDS[-1])
    matrix[0, 0] = arb(1, np.inf)
    assert [(one.state, one.alive) for one in judged(matrix)] == [("right", False), *[("right", True)] * 3]


def test_what_is_right_takes_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Any] = []
    monkeypatch.setattr(symmetry, "push_along", lambda *given: looks.append(given) or push_along(*given))
    for some in ([True] * 10, [True, *[False] * 9]):
        assert all(one.state == "right" for one in judged(blocks(np.random.default_rng(1), some)))
    assert len(looks) == 2
