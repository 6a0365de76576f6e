"""What a submission is judged on has what a mistake needs to show."""

import numpy as np
import pytest

from gradproof.judge.float64.networks import larger, stacks


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_some_networks_of_each_depth_are_as_wide_as_they_have_examples(seed):
    """A bias along the wrong axis and a matrix product for ⊙ run nowhere else."""
    square = []
    for _, stack in stacks(200, seed):
        m = stack.x.shape[-1]
        square += [len(sizes) - 1 for sizes in stack.sizes if m > 1 and (sizes == m).all()]
    assert set(square) == {1, 2, 3, 4}
    assert len(square) >= 12


@pytest.mark.parametrize("depth", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("alone", [False, True])
def test_the_larger_ones_are_far_targets_bits_one_wider_network_and_ten_real_digits(alone, depth):
    (_, far), (_, bits), (_, wider), (_, digits) = larger(0, alone, depth)
    examples = np.concatenate([*bits.x, *bits.y]) if not alone else np.concatenate([bits.x, bits.y], axis=1)[:, :, 0].T
    assert set(np.unique(examples)) == {0, 1}
    assert (np.unique(examples, axis=1).shape[1], examples.shape[1]) == (4, 5)
    assert examples[: bits.x.shape[1]].any(axis=0).tolist() == [alone, True, True, True, True]
    assert len(far.sizes[0]) - 1 == (depth or 3)
    assert len(far.x) * far.x.shape[-1] == 5
    assert (np.abs(far.y) > 10).mean() > 0.8
    assert wider.sizes.min() == 48
    assert len(wider.sizes[0]) - 1 == (depth or 3)
    assert digits.sizes[0, 0] == 784
    assert len(digits.x) * digits.x.shape[-1] == 10
    assert ((digits.x >= 0) & (digits.x <= 1)).all()
    assert np.array_equal(np.sort(np.unique(digits.y)), [0, 1])
