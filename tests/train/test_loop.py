"""Training learns, reports what it reached, does the same steps with either network, and refuses bad settings."""

from contextlib import suppress
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

import handcrafted
from gradproof import backends
from gradproof.errors import UsageError
from gradproof.problem import starting_parameters
from gradproof.train import loop, reading
from gradproof.train.divergence import DivergenceError
from gradproof.train.loop import Settings, State, train
from gradproof.train.minibatches import shuffled
from gradproof.train.mnist import DataSet, Mnist, one_hot, pixels

PIXELS = 12


def a_set(n: int, seed: int) -> DataSet:
    """Images whose bright pixel tells the label."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, n).astype(np.uint8)
    images = rng.integers(0, 100, (n, PIXELS)).astype(np.uint8)
    images[np.arange(n), labels] = 255
    return DataSet(images, labels)


DIGITS = Mnist(a_set(203, 0), a_set(31, 1), a_set(47, 2))
SMALL = Settings("handcrafted", sizes=(PIXELS, 8, 10), epochs=2, batch=10, dtype="float64")


def parameters(state: State) -> list[np.ndarray]:
    return state.weights + state.biases


@pytest.mark.parametrize("backend", backends.NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_learns_and_keeps_its_dtype(backend: str, dtype: str) -> None:
    settings = SMALL._replace(backend=backend, dtype=dtype, epochs=40)
    *_, end = train(settings, DIGITS)
    epochs = end.history
    assert [epoch.epoch for epoch in epochs] == list(range(1, 41))
    assert epochs[-1].correct > 40
    assert epochs[-1].validation > 26
    assert epochs[-1].cost < epochs[0].cost / 2
    assert all(type(p) is np.ndarray and p.dtype == dtype for p in end.weights + end.biases)
    assert [w.shape for w in end.weights] == [(8, PIXELS), (10, 8)]


@pytest.mark.parametrize("backend", backends.NAMES)
def test_an_epoch_says_what_its_weights_can_do(backend: str) -> None:
    network = backends.load(backend)
    first = DataSet(DIGITS.train.images[:47], DIGITS.train.labels[:47])
    for state in train(SMALL._replace(backend=backend), DIGITS):
        weights, biases, epoch = state.weights, state.biases, state.history[-1]
        x, y = pixels(DIGITS.test.images, "float64").T, one_hot(DIGITS.test.labels, "float64").T
        a = np.asarray(network.feedforward(weights, biases, x)[1][-1])
        assert epoch.test == 47
        assert epoch.correct == sum(a.argmax(axis=0) == DIGITS.test.labels)
        assert epoch.cost == pytest.approx(((y - a) ** 2).sum() / (2 * 47), rel=1e-12)
        for part, right in ((DIGITS.validation, epoch.validation), (first, epoch.training)):
            a = np.asarray(network.feedforward(weights, biases, pixels(part.images, "float64").T)[1][-1])
            assert right == sum(a.argmax(axis=0) == part.labels)
        assert epoch.seconds > 0


@given(batch=st.integers(1, 203), seed=st.integers(0, 2**70), eta=st.floats(0.01, 10), most=st.integers(1, 300))
def test_an_epoch_is_one_step_for_each_mini_batch_in_order(batch: int, seed: int, eta: float, most: int) -> None:
    settings = SMALL._replace(batch=batch, seed=seed, eta=eta, epochs=1)
    network = backends.load("handcrafted")
    weights, biases = starting_parameters(settings.sizes, seed, "normal", "float64")
    x, y = pixels(DIGITS.train.images, "float64"), one_hot(DIGITS.train.labels, "float64")
    for part in shuffled(203, batch, np.random.default_rng([seed, 1])):
        for rows in part:
            weights, biases = network.step(weights, biases, x[rows].T, y[rows].T, eta)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "CHUNK", most)
        got_state = next(train(settings, DIGITS))
    for got, expected in zip(got_state.weights + got_state.biases, weights + biases, strict=True):
        assert np.array_equal(got, expected)


@pytest.mark.parametrize("batch", [1, 10, 203])
@pytest.mark.parametrize("seed", [0, 2**40])
def test_both_networks_end_where_only_rounding_parts_them(batch: int, seed: int) -> None:
    ends = [
        next(train(SMALL._replace(backend=backend, batch=batch, seed=seed, eta=0.5), DIGITS))
        for backend in backends.NAMES
    ]
    mine, theirs = (end.history[-1] for end in ends)
    assert (mine.correct, mine.validation) == (theirs.correct, theirs.validation)
    for got, expected in zip(*(end.weights + end.biases for end in ends), strict=True):
        assert np.abs(got - expected).max() <= 1e-10 * np.abs(expected).max()


@pytest.mark.parametrize("backend", backends.NAMES)
def test_one_seed_means_one_run_to_the_last_bit(backend: str) -> None:
    one, same, other = (list(train(SMALL._replace(backend=backend, seed=seed), DIGITS))[-1] for seed in (3, 3, 4))
    assert all(np.array_equal(p, q) for p, q in zip(parameters(one), parameters(same), strict=True))
    assert not any(np.array_equal(p, q) for p, q in zip(parameters(one), parameters(other), strict=True))


def test_starting_weights_and_shuffles_are_not_the_same_numbers() -> None:
    weights, _ = starting_parameters(SMALL.sizes, 0, "normal", "float64")
    again = np.random.default_rng([0, 1]).standard_normal(weights[0].shape)
    assert not np.isclose(weights[0], again).any()


def test_progress_is_reported_between_chunks_with_the_state_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHUNK", 8)
    reports: list[State] = []
    ends = list(train(SMALL, DIGITS, reports.append))
    assert [state.steps for state in reports] == [8, 16, 20, 21, 29, 37, 41, 42]
    assert [state.epoch for state in reports] == [1] * 4 + [2] * 4
    assert [state.batch for state in reports] == [8, 16, 20, 21] * 2
    assert [len(state.history) for state in reports] == [0] * 4 + [1] * 4
    assert reports[3].weights is ends[0].weights
    assert reports[7].weights is ends[1].weights
    assert len({state.weights[0].tobytes() for state in reports}) == 8


def test_between_two_blocks_of_images_that_are_read_progress_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = next(train(SMALL, DIGITS)).history[0]
    monkeypatch.setattr(reading, "LARGEST", 10 * PIXELS)
    reports: list[State] = []
    (end, *_) = train(SMALL._replace(epochs=1), DIGITS, reports.append)
    assert [state.batch for state in reports] == [20, *[21] * 12], "31 images in 4 blocks, twice 47 in 5"
    assert end.history[0]._replace(seconds=0, cost=0) == whole._replace(seconds=0, cost=0)
    assert end.history[0].cost == pytest.approx(whole.cost, rel=1e-12)


@given(n=st.integers(1, 60), tested=st.integers(1, 60))
def test_as_many_training_images_are_read_as_test_images_or_all(n: int, tested: int) -> None:
    few = Mnist(a_set(n, 0), a_set(3, 1), a_set(tested, 2))
    epoch = next(train(SMALL._replace(batch=1, eta=1e-9, epochs=1), few)).history[0]
    start = loop.begin(SMALL)
    a = handcrafted.feedforward(start.weights, start.biases, pixels(few.train.images, "float64").T)[1][-1]
    right = a.argmax(axis=0) == few.train.labels
    assert epoch.training == sum(right[:tested])


def test_few_images_are_read_at_once_where_a_network_is_large() -> None:
    sizes = (784, 4096, 4096, 10)
    products = 784 * 4096 + 4096 * 4096 + 4096 * 10
    (first, *_) = reading.split(10_000, sizes)
    assert products * first.stop <= reading.LARGEST * reading.WORK < 2 * products * first.stop


@pytest.mark.parametrize("backend", backends.NAMES)
def test_what_progress_raises_ends_the_training(backend: str) -> None:
    def stop(_: State) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next(train(SMALL._replace(backend=backend), DIGITS, stop))


def test_weights_that_are_not_finite_end_in_one_line_and_the_last_finite_ones_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    descend, calls, reached = handcrafted.descend, iter(range(100)), []

    def diverging(*arguments: Any) -> Any:
        weights, biases = descend(*arguments)
        if next(calls) == 5:
            biases[-1][3] = np.inf
        return weights, biases

    monkeypatch.setattr(loop, "CHUNK", 8)
    monkeypatch.setattr(handcrafted, "descend", diverging)
    with pytest.raises(
        DivergenceError,
        match=r": b2, in layer 2, is no longer finite after mini-batch 16 of epoch 2; try --eta 0.3 or --init scaled$",
    ):
        list(train(SMALL, DIGITS, reached.append))
    assert [state.steps for state in reached] == [8, 16, 20, 21, 29]
    assert all(np.isfinite(p).all() for state in reached for p in parameters(state))


@pytest.mark.parametrize("backend", backends.NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_largest_eta_ends_in_no_warning_whatever_it_ends_in(backend: str, dtype: str) -> None:
    settings = SMALL._replace(backend=backend, dtype=dtype, eta=float(np.finfo(dtype).max))
    with suppress(DivergenceError):
        assert all(np.isfinite(state.history[-1].cost) for state in train(settings, DIGITS))


@pytest.mark.parametrize("backend", backends.NAMES)
def test_a_cost_that_is_not_finite_is_noticed(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "cost", lambda *_: float("nan"))
    with pytest.raises(
        DivergenceError, match=r"epoch 1, the cost is no longer finite; try --eta 0.3 or --init scaled$"
    ):
        next(train(SMALL._replace(backend=backend), DIGITS))


# What is changed in good settings, and what the error then has to say.
BAD: list[tuple[dict[str, Any], str]] = [
    ({"sizes": ()}, "--sizes must be at least two numbers"),
    ({"sizes": (PIXELS,)}, "--sizes must be at least two numbers"),
    ({"sizes": (PIXELS, 0, 10)}, "none below 1"),
    ({"sizes": (PIXELS, -3, 10)}, "none below 1"),
    ({"sizes": (784, 30, 10)}, f"--sizes must begin with {PIXELS}, the pixels of an image, not with 784"),
    ({"sizes": (PIXELS, 30, 9)}, "--sizes must end with 10, one neuron for each digit, not with 9"),
    ({"sizes": (PIXELS, 2**26, 10)}, "more than 1 GiB"),
    ({"sizes": (PIXELS, 10**4000, 10**4000, 10)}, "more than 1 GiB"),
    ({"epochs": 0}, "--epochs must be at least 1, not 0"),
    ({"epochs": -1}, "--epochs must be at least 1, not -1"),
    ({"batch": 0}, "--batch must be from 1 to 203, the number of training images, not 0"),
    ({"batch": -10}, "not -10"),
    ({"batch": 204}, "not 204"),
    ({"eta": 0.0}, "--eta must be a finite number above 0 in float64, not 0.0"),
    ({"eta": -3.0}, "not -3.0"),
    ({"eta": float("nan")}, "not nan"),
    ({"eta": float("inf")}, "not inf"),
    ({"eta": 1e39, "dtype": "float32"}, "--eta must be a finite number above 0 in float32, not 1e+39"),
    ({"eta": 1e-46, "dtype": "float32"}, "not 1e-46"),
    ({"seed": -1}, "--seed must be at least 0, not -1"),
    ({"init": "zeros"}, "--init must be normal or scaled, not 'zeros'"),
    ({"dtype": "float16"}, "--dtype must be float32 or float64, not 'float16'"),
    ({"backend": "torch"}, "there is no backend 'torch'"),
]


@pytest.mark.parametrize(("change", "reason"), BAD, ids=[str(change)[:40] for change, _ in BAD])
def test_bad_settings_are_refused_before_anything_is_trained(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        train(SMALL._replace(**change), DIGITS)
    assert reason in str(caught.value)


def test_settings_at_the_edge_are_accepted() -> None:
    for change in ({"sizes": (PIXELS, 10)}, {"batch": 203}, {"batch": 1}, {"seed": 0}, {"sizes": (PIXELS, 1, 10)}):
        (epoch,) = next(train(SMALL._replace(**change, epochs=1), DIGITS)).history
        assert epoch.epoch == 1


def test_a_parameter_limit_counts_the_mini_batch_too() -> None:
    sizes = (PIXELS, 2**20, 10)
    assert loop.fault(SMALL._replace(sizes=sizes, batch=1), DIGITS.train) is None
    assert loop.fault(SMALL._replace(sizes=sizes, batch=200), DIGITS.train) is not None


def test_epochs_are_computed_one_at_a_time() -> None:
    history = train(SMALL._replace(epochs=10**100), DIGITS)
    assert [state.history[-1].epoch for state in islice(history, 3)] == [1, 2, 3]


@given(st.integers(0, 50), st.integers(1, 2**24))
def test_pieces_for_reading_cover_every_row_once(n: int, widest: int) -> None:
    rows = [row for piece in reading.split(n, [1, widest]) for row in range(n)[piece]]
    assert rows == list(range(n))


@pytest.mark.parametrize("backend", backends.NAMES)
def test_reading_in_pieces_gives_what_reading_at_once_gives(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured() -> tuple[int, float]:
        parts = reading.blocks(backend, DIGITS.test, "float64", SMALL.sizes)
        return reading.correct(network, *parameters, parts), reading.cost(network, *parameters, parts)

    network, parameters = backends.load(backend), starting_parameters(SMALL.sizes, 0, "normal", "float64")
    correct, cost = measured()
    monkeypatch.setattr(reading, "LARGEST", 10 * PIXELS)
    assert len(reading.split(47, SMALL.sizes)) == 5
    assert measured() == (correct, pytest.approx(cost, rel=1e-12))


@pytest.mark.sample(1)
@pytest.mark.parametrize("verify", [False, True])
def test_descent_and_reading_have_one_blas_thread_so_that_a_seed_means_one_run_on_any_machine(
    verify: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, set[int]] = {}

    def watch(owner: Any, name: str) -> None:
        function = getattr(owner, name)

        def watched(*arguments: Any) -> Any:
            threads = {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}
            seen[name] = seen.get(name, set()) | threads
            return function(*arguments)

        monkeypatch.setattr(owner, name, watched)

    for owner, name in ((handcrafted.descent, "_move"), (reading, "correct"), (reading, "cost")):
        watch(owner, name)
    if verify:
        watch(handcrafted, "gradients")  # the claim
    with threadpool_limits(2, user_api="blas"):
        list(train(SMALL, DIGITS, verify=verify))
    assert seen == {name: {1} for name in ["_move", "correct", "cost"] + ["gradients"] * verify}
