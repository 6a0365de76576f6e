"""Steps u = M θ, whose derivatives are M itself: which matrices are gradients up to a scale of each element."""

from typing import Any

import numpy as np
import pytest

from gradproof.exact.arrays import array_of
from gradproof.exact.numbers import variable
from gradproof.exact.run import Run, running
from gradproof.judge.trial.comparison import Compared
from gradproof.judge.trial.execution import InexactError
from gradproof.judge.trial.scaling import excused

pytestmark = pytest.mark.usefixtures("few_edits")

S = np.array([[1.0, 2, 3, 5], [2, 7, 1, 4], [3, 1, 6, 2], [5, 4, 2, 3]])  # symmetric
WRONG = Compared("θ", "not the gradient of any cost", 0, True)


def states(matrix: Any, *sizes: int) -> list[str]:
    """What is said of the arrays of these sizes that move by M θ."""
    with running(Run()):
        theta = array_of([variable(v) for v in (0.5, -1.25, 2.0, 0.75)[: len(matrix)]], (len(matrix),))
        ends = np.cumsum(sizes)[:-1]
        parts, moved = np.split(theta, ends), np.split(np.array(matrix) @ theta, ends)
        found = excused({str(i): move for i, move in enumerate(moved)}, parts, [WRONG] * len(parts), 0)
    return [array.state for array in found]


def test_elements_with_a_scale_each_are_undecided() -> None:
    with pytest.raises(InexactError, match="scaled by its own factor"):
        states(np.diag([1.0, 2, 3, 4]) @ S, 4)


def test_arrays_with_a_scale_each_are_told_by_how_much() -> None:
    assert states(np.diag([1.0, 1, 1, 2]) @ S, 3, 1) == ["right", "moved 2 times as far as the others"]
    assert states(np.diag([1.0, 0.5, 0.5, 0.5]) @ S, 1, 3) == ["moved 2 times as far as the others", "right"]
    assert states(np.diag([1.0, 1, 1, 181 / 256]) @ S, 3, 1) == ["right", WRONG.state]


@pytest.mark.parametrize(
    "matrix",
    [
        S + np.triu(S),  # no scale fits all cycles
        np.diag([1.0, 2, 3, -4]) @ S,  # a scale that is negative climbs
        np.array([[1.0, 2, 0], [3, 1, 0], [0, 0, 1]]),  # not all elements are linked
    ],
)
def test_what_no_scale_makes_symmetric_stays_wrong(matrix: Any) -> None:
    assert states(matrix, len(matrix)) == [WRONG.state]
