"""One number explains every network, or the slip has no name."""

import numpy as np
import pytest

from gradproof.judge.float64.families import Family, _number
from gradproof.judge.float64.mistakes import Layer
from gradproof.numerics import rounding
from gradproof.numerics.running_error import Near

AR = rounding.arithmetic(np.float64)
RIGHT, W = (np.array([[0.3, -0.7], [1.1, 0.2]]), np.array([[2.0, 1.0], [-1.0, 0.5]]))


def near(array):
    return Near(array, 1e-16 * np.abs(array), AR)


DECAY = Family("BP4", "{t} w is added", "", lambda p: near(RIGHT), lambda p: near(W))


def number(*added):
    """What is found where each network has got so many times w added; of the layer the family asks nothing."""
    layer = Layer([], [], [], [], [], [], near(W), near, 1)
    return _number(DECAY, [(layer, RIGHT + t * W) for t in added])


@pytest.mark.parametrize(
    ("added", "said"),
    [((0.5, 0.5), "0.5"), ((-3.0, -3.0, -3.0), "-3"), ((1e-9, 1e-9), "1e-09"), ((0.5, 0.25), None), ((0.5,), None),
     ((0.0, 0.0), None), ((0.5, 0.0), None)],
)  # fmt: skip
def test_the_number_is_that_of_all_networks_in_few_digits_and_never_0(added, said):
    found = number(*added)
    assert found is None if said is None else float(found) == pytest.approx(float(said), rel=1e-6)
    if said and abs(float(said)) > 1e-3:
        assert found == said
