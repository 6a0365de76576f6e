"""One step and many of both networks agree, from the same start with the same mini-batches."""

from types import ModuleType

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import handcrafted
import reference
import reference.descent
from gradproof.numerics import rounding
from gradproof.numerics.chain import radii
from gradproof.problem import Parameters, Problem, stack_of, starting_parameters
from gradproof.proof import witness
from gradproof.proof.architectures import WIDEST, architectures, problems
from gradproof.train import handcrafted_descent
from tests.handcrafted.agreement import Array
from tests.thorough import some

SIZES, EXAMPLES, M = (6, 5, 3), 23, 5  # four mini-batches of five and a last one of three
ETA = 0.7
DOUBLE = rounding.arithmetic(np.float64)
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


def step_radius(problem: Problem, eta: float) -> Parameters:
    """How far rounding may carry w′ = w − ηg from its true value, and b′, element by element.

    |fl(ηĝ) − ηg| ≤ ηE_g + uηM_g + λ with M_g = |g| + 2E_g ≥ |ĝ|; the subtraction adds u(|w| + ηM_g(1 + u)) + λ, an
    entry below λ may be read as 0. Fused or not.
    """
    stack = stack_of(problem, WIDEST)  # which XLA compiles once for each depth
    radius = radii(stack, witness.answer(stack), DOUBLE).of_network(0, problem.sizes)
    _, grad_b, grad_w = handcrafted.gradients(*problem)

    def moved(parameters: list[Array], gradients: list[Array], e: list[Array]) -> list[Array]:
        u, unread = DOUBLE.u, DOUBLE.underflow
        return [
            (1 + 8 * u) * (eta * r + u * (np.abs(p) + 2 * eta * (np.abs(g) + 2 * r)) + (3 + eta) * unread)
            for p, g, r in zip(parameters, gradients, e, strict=True)
        ]

    return moved(problem.weights, grad_w, radius.grad_w), moved(problem.biases, grad_b, radius.grad_b)


def off(got: Parameters, expected: Parameters, radius: Parameters) -> float:
    """The worst |got − expected| in units of what two steps may differ by."""
    trees = (jax.tree.leaves(tree) for tree in (got, expected, radius))
    return max(float((np.abs(np.asarray(g) - e) / (2 * r)).max()) for g, e, r in zip(*trees, strict=True))


def assert_same(got: Parameters, expected: Parameters) -> None:
    """To the last bit."""
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        one, other = np.asarray(one), np.asarray(other)
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        assert (one == other).all()


@settings(max_examples=settings().max_examples // 8)  # each shape is compiled anew
@given(problems(architectures(most=4)), st.floats(0.01, 10))
def test_one_step_of_both_networks_agrees_within_its_bound(problem: Problem, eta: float) -> None:
    handcrafted_descent, by_autodiff = handcrafted.step(*problem, eta), reference.step(*problem, eta)
    assert off(handcrafted_descent, by_autodiff, step_radius(problem, eta)) <= 1


@pytest.mark.turns(1)
def test_each_step_of_an_epoch_agrees_also_the_last_on_a_smaller_mini_batch() -> None:
    """From the same parameters each time: trajectories may part, steps may not."""
    (weights, biases), images, targets, batches = start()
    for rows in (row for group in batches for row in group):
        problem = Problem(weights, biases, images[rows].T, targets[rows].T)
        radius, moved = step_radius(problem, ETA), handcrafted.step(*problem, ETA)
        assert off(reference.step(*problem, ETA), moved, radius) <= 1
        for backend in (handcrafted, reference):
            assert off(backend.descend(weights, biases, images, targets, rows[None], ETA), moved, radius) <= 1
        weights, biases = moved


@pytest.mark.turns(1)
@pytest.mark.sample(2)
@pytest.mark.parametrize("descent", [handcrafted_descent, reference.descent], ids=lambda descent: descent.__name__)
@pytest.mark.parametrize("repetitions", [1, 9])  # four steps, and so many that those by hand are recorded
def test_the_trajectory_is_what_descend_passes_through(descent: ModuleType, repetitions: int) -> None:
    """The same program on the same numbers: to the last bit, from the start on."""
    parameters, images, targets, (rows, _) = start()
    rows = np.tile(rows, (repetitions, 1))
    path = descent.trajectory(*parameters, images, targets, rows, ETA)
    every = range(len(rows) + 1)
    for k in some([0, 1, *every[-2:]], every):  # of autodiff each length is compiled
        reached = descent.descend(*parameters, images, targets, rows[:k], ETA)
        assert_same(jax.tree.map(lambda layer, k=k: layer[k], path), reached)


@pytest.mark.turns(1)
@settings(max_examples=10)
@given(
    m=st.sampled_from(some([1, 3], [1, 2, 3])),
    k=st.sampled_from(some([1, 100], [1, 20, 100, 250])),
    seed=st.integers(0, 99),
)
def test_whether_the_way_is_shown_changes_no_bit_of_its_end(m: int, k: int, seed: int) -> None:
    """XLA compiles two programs: with jax 0.12 they rounded differently after a hundred steps on one example each."""
    rng = np.random.default_rng(seed)
    images, targets = rng.random((50, 12)).astype(np.float32), np.eye(10, dtype=np.float32)[rng.integers(10, size=50)]
    problem = (*starting_parameters([12, 8, 10], seed, "normal"), images, targets, rng.integers(50, size=(k, m)), 0.3)
    path = reference.descent.trajectory(*problem)
    assert_same(jax.tree.map(lambda layer: layer[-1], path), reference.descent.descend(*problem))


@pytest.mark.parametrize("row", [-1, EXAMPLES])
def test_a_row_that_is_not_there_is_refused(row: int) -> None:
    """By hand; XLA cannot refuse, and `reference` promises that all are there."""
    parameters, images, targets, _ = start()
    rows = np.array([[0, 1, row]])
    if row < 0:  # NumPy counts it from the end
        assert_same(
            handcrafted.descend(*parameters, images, targets, rows, ETA),
            handcrafted.descend(*parameters, images, targets, np.array([[0, 1, EXAMPLES - 1]]), ETA),
        )
    else:
        for data in (images, targets), (images, targets[:-1]):
            with pytest.raises(IndexError, match="out of bounds"):
                handcrafted.descend(*parameters, *data, rows, ETA)


@BACKENDS
def test_descending_k_rows_is_k_steps(backend: ModuleType) -> None:
    """The same program on the same numbers, once for each row."""
    assert_same(epoch(backend), steps(backend)[-1])


@BACKENDS
def test_a_step_is_against_the_gradient_times_eta(backend: ModuleType) -> None:
    """By its own gradients, and η and m are what the call says: also for the last, smaller mini-batch."""
    (weights, biases), images, targets, batches = start()
    for rows in (batches[0][0], batches[1][0]):
        problem = Problem(weights, biases, images[rows].T, targets[rows].T)
        _, grad_b, grad_w = backend.gradients(*problem)
        expected = (
            [w - ETA * np.asarray(g) for w, g in zip(weights, grad_w, strict=True)],
            [b - ETA * np.asarray(g) for b, g in zip(biases, grad_b, strict=True)],
        )
        assert off(backend.step(*problem, ETA), expected, step_radius(problem, ETA)) <= 1


@BACKENDS
def test_the_order_of_the_mini_batches_matters_and_that_of_the_examples_in_one_does_not(backend: ModuleType) -> None:
    """So the comparisons here do tell one row of `batches` from another."""
    (weights, biases), images, targets, (rows, _) = start()
    problem = Problem(weights, biases, images[rows[0]].T, targets[rows[0]].T)
    radius, one = step_radius(problem, ETA), rows[:1]
    forwards = backend.descend(weights, biases, images, targets, one, ETA)
    assert off(backend.descend(weights, biases, images, targets, one[:, ::-1], ETA), forwards, radius) <= 1
    whole = jax.tree.leaves(backend.descend(weights, biases, images, targets, rows, ETA))
    backwards = jax.tree.leaves(backend.descend(weights, biases, images, targets, rows[::-1], ETA))
    assert all((np.asarray(a) != np.asarray(b)).any() for a, b in zip(whole, backwards, strict=True))


@BACKENDS
def test_no_rows_are_no_steps(backend: ModuleType) -> None:
    (weights, biases), images, targets, _ = start()
    none = np.empty((0, M), int)
    assert_same(backend.descend(weights, biases, images, targets, none, ETA), (weights, biases))


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


@pytest.mark.turns(1)
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
    radius, right = step_radius(Problem(weights, biases, x, y), ETA), backend.step(weights, biases, x, y, ETA)
    for eta in (1.0, -ETA, ETA * M, 0.0, ETA * (1 + 1e-9)):
        assert off(backend.step(weights, biases, x, y, eta), right, radius) > 1
