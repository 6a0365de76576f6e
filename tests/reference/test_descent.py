"""One step and many of both networks agree, from the same start with the same mini-batches."""

from types import ModuleType

import jax
import numpy as np
import pytest

import handcrafted
import reference
from gradproof.problem import Parameters, starting_parameters
from tests.handcrafted.agreement import Array, assert_agree

SIZES, EXAMPLES, M = (6, 5, 3), 23, 5  # four mini-batches of five and a last one of three
ETA = 0.7
BACKENDS = pytest.mark.parametrize("backend", [handcrafted, reference], ids=lambda backend: backend.__name__)


def start(dtype: str = "float64") -> tuple[Parameters, Array, Array, list[Array]]:
    """Parameters, data with one example a row, and one epoch's mini-batches: (4, 5) rows and (1, 3) rows."""
    rng = np.random.default_rng(3)
    images = rng.standard_normal((EXAMPLES, SIZES[0])).astype(dtype)
    targets = np.eye(SIZES[-1], dtype=dtype)[rng.integers(SIZES[-1], size=EXAMPLES)]
    order, whole = rng.permutation(EXAMPLES), EXAMPLES // M * M
    batches = [order[:whole].reshape(-1, M), order[whole:].reshape(1, -1)]
    return starting_parameters(SIZES, 0, dtype=dtype), images, targets, batches


def epoch(backend: ModuleType) -> Parameters:
    parameters, images, targets, batches = start()
    for rows in batches:
        parameters = backend.descend(*parameters, images, targets, rows, ETA)
    return parameters


def steps(backend: ModuleType) -> list[Parameters]:
    """The parameters after each step of one epoch, step by step."""
    parameters, images, targets, batches = start()
    after = []
    for rows in (row for group in batches for row in group):
        parameters = backend.step(*parameters, images[rows].T, targets[rows].T, ETA)
        after.append(parameters)
    return after


def test_one_step_of_both_networks_agrees() -> None:
    assert_agree(steps(handcrafted)[0], steps(reference)[0])


def test_each_step_of_an_epoch_agrees_also_the_last_on_a_smaller_mini_batch() -> None:
    assert_agree(steps(handcrafted), steps(reference))


def test_an_epoch_of_both_networks_agrees() -> None:
    assert_agree(epoch(handcrafted), epoch(reference))


@BACKENDS
def test_descending_k_rows_is_k_steps(backend: ModuleType) -> None:
    assert_agree(epoch(backend), steps(backend)[-1])


@BACKENDS
def test_a_step_is_against_the_gradient_times_eta(backend: ModuleType) -> None:
    """By its own gradients, and η and m are what the call says: also for the last, smaller mini-batch."""
    (weights, biases), images, targets, batches = start()
    for rows in (batches[0][0], batches[1][0]):
        x, y = images[rows].T, targets[rows].T
        _, grad_b, grad_w = backend.gradients(weights, biases, x, y)
        expected = (
            [w - ETA * np.asarray(g) for w, g in zip(weights, grad_w, strict=True)],
            [b - ETA * np.asarray(g) for b, g in zip(biases, grad_b, strict=True)],
        )
        assert_agree(backend.step(weights, biases, x, y, ETA), expected)


@BACKENDS
def test_the_order_of_the_mini_batches_matters_and_that_of_the_examples_in_one_does_not(backend: ModuleType) -> None:
    """So the comparisons here do tell one row of `batches` from another."""
    (weights, biases), images, targets, (rows, _) = start()
    forwards = backend.descend(weights, biases, images, targets, rows, ETA)
    assert_agree(backend.descend(weights, biases, images, targets, rows[:, ::-1], ETA), forwards)
    with pytest.raises(AssertionError, match="should be"):
        assert_agree(backend.descend(weights, biases, images, targets, rows[::-1], ETA), forwards)


@BACKENDS
def test_no_rows_are_no_steps(backend: ModuleType) -> None:
    (weights, biases), images, targets, _ = start()
    assert_agree(
        backend.descend(weights, biases, images, targets, np.empty((0, M), int), ETA),
        (weights, biases),
    )


@BACKENDS
def test_descent_changes_none_of_its_inputs(backend: ModuleType) -> None:
    (weights, biases), images, targets, (rows, _) = start()
    given = [*weights, *biases, images, targets, rows]
    before = [array.tobytes() for array in given]
    x, y = images[:M].T, targets[:M].T
    results = [
        backend.step(weights, biases, x, y, ETA),
        backend.descend(weights, biases, images, targets, rows, ETA),
        backend.descend(weights, biases, images, targets, rows[:0], ETA),
    ]
    jax.block_until_ready(results)
    assert [array.tobytes() for array in given] == before
    assert [len(weights), len(biases)] == [2, 2]
    kept = [np.array(leaf) for leaf in jax.tree.leaves(results)]
    for array in given:
        array[:] = 1  # what was returned is no view of what was given
    for leaf, copy in zip(jax.tree.leaves(results), kept, strict=True):
        assert (np.asarray(leaf) == copy).all()


@pytest.mark.parametrize("eta", [ETA, 1, np.float32(ETA), np.float64(ETA)], ids=type)
def test_descent_of_float32_stays_in_float32(eta: float) -> None:
    (weights, biases), images, targets, (rows, _) = start("float32")
    for backend in (handcrafted, reference):
        one = backend.step(weights, biases, images[:M].T, targets[:M].T, eta)
        many = backend.descend(weights, biases, images, targets, rows, eta)
        assert {leaf.dtype for leaf in jax.tree.leaves([one, many])} == {np.dtype("float32")}


@BACKENDS
def test_a_forgotten_eta_or_m_is_refused(backend: ModuleType) -> None:
    """Planted errors: the comparison of steps sees η missing, the wrong sign, and a sum for the mean."""
    (weights, biases), images, targets, (rows, _) = start()
    x, y = images[rows[0]].T, targets[rows[0]].T
    right = backend.step(weights, biases, x, y, ETA)
    for eta in (1.0, -ETA, ETA * M, 0.0):
        with pytest.raises(AssertionError, match="should be"):
            assert_agree(backend.step(weights, biases, x, y, eta), right)
