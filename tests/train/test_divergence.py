"""Divergence is told with its layer and a remedy, and no healthy run is stopped."""

import re
from typing import Any

import numpy as np
import pytest

import handcrafted
from gradproof import backends
from gradproof.problem import starting_parameters
from gradproof.train import divergence, loop, mnist
from gradproof.train.divergence import DivergenceError, blind_cost, complaint
from gradproof.train.loop import Settings, train
from gradproof.train.mnist import DataSet, Mnist
from tests.train.test_loop import DIGITS, SMALL


@pytest.fixture(scope="module")
def few() -> Mnist:
    """3000 real digits to train, 1000 to test: an epoch of 300 steps."""
    train, validation, test = mnist.load()
    return Mnist(
        *(DataSet(part.images[:n], part.labels[:n]) for part, n in ((train, 3000), (validation, 9), (test, 999)))
    )


HEALTHY = [
    *(
        (sizes, init, eta)
        for sizes in ((784, 10), (784, 30, 10))
        for init in ("normal", "scaled")
        for eta in (1e-6, 0.01, 3.0)
    ),
    ((784, 30, 10), "normal", 10.0),
    ((784, 30, 30, 30, 30, 10), "scaled", 3.0),  # stays long on the plateau of the answer that is always the same
    ((784, 30, 30, 30, 10), "normal", 1.0),
]


@pytest.mark.sample(6)
@pytest.mark.parametrize(("sizes", "init", "eta"), HEALTHY)
def test_a_healthy_run_is_not_stopped_however_slow_or_saturated_its_start(
    sizes: tuple[int, ...], init: str, eta: float, few: Mnist
) -> None:
    epochs = list(train(Settings("handcrafted", sizes, epochs=3, init=init, eta=eta), few))
    assert len(epochs) == 3


DIVERGING = [
    ((784, 30, 10), "normal", 1e3, r"layer 2 is|layers 1 to 2 are"),
    ((784, 30, 10), "scaled", 300.0, "layer 2 is"),
    ((784, 30, 10), "normal", 1e8, "layers 1 to 2 are"),
    ((784, 10), "normal", 1e4, "layer 1 is"),
    ((784, 30, 30, 10), "scaled", 1e3, r"layers \d to 3 are|layer 3 is"),
]


@pytest.mark.sample(2)
@pytest.mark.parametrize(("sizes", "init", "eta", "layers"), DIVERGING)
@pytest.mark.parametrize("backend", backends.NAMES)
def test_a_saturated_network_is_told_with_its_layers_after_the_first_epoch(
    backend: str, sizes: tuple[int, ...], init: str, eta: float, layers: str, few: Mnist
) -> None:
    settings = Settings(backend, sizes, epochs=3, init=init, eta=eta)
    with pytest.raises(DivergenceError) as caught:
        list(train(settings, few))
    other = "; try --eta 3 or --init scaled" if init == "normal" else "; try --eta 3"
    outputs = "[0-9.]+% of all outputs are 0.0000 or 1.0000, and σ′ is too small to move them in 30 epochs"
    pattern = rf"the descent diverged: after epoch 1, ({layers}) saturated: {outputs}{other}"
    assert re.fullmatch(pattern, str(caught.value))
    state = caught.value.state
    assert (state.steps, state.history) == (0, ())
    start, _ = starting_parameters(sizes, 0, init)
    assert all(np.array_equal(w, s) for w, s in zip(state.weights, start, strict=True))


def assert_same(state: loop.State, expected: loop.State) -> None:
    assert state._replace(best=None)[2:] == expected._replace(best=None)[2:]
    assert (state.best is None) == (expected.best is None)
    for one, other in ((state, expected), (state.best, expected.best)):
        if one and other:
            for got, p in zip(one.weights + one.biases, other.weights + other.biases, strict=True):
                assert np.array_equal(got, p)


@pytest.mark.parametrize("backend", backends.NAMES)
def test_whatever_is_noticed_the_last_good_state_is_the_end_of_the_epoch_before(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SMALL._replace(backend=backend, epochs=5)
    first, *_ = train(settings, DIGITS)
    said = iter([None, "no good"])
    monkeypatch.setattr(divergence, "complaint", lambda *_: next(said))
    with pytest.raises(DivergenceError, match="after epoch 2, no good") as caught:
        list(train(settings, DIGITS))
    assert caught.value.state.history[0]._replace(seconds=0) == first.history[0]._replace(seconds=0)
    assert_same(caught.value.state._replace(history=()), first._replace(history=()))


def test_numbers_that_are_not_finite_take_back_the_epoch_they_are_in(monkeypatch: pytest.MonkeyPatch) -> None:
    first, *_ = train(SMALL, DIGITS)
    chunks = iter(range(100))
    monkeypatch.setattr(divergence, "not_finite", lambda *_: (1, "w1") if next(chunks) == 4 else None)
    monkeypatch.setattr(loop, "CHUNK", 10)  # 10, 10 and the last one; 10 and 10
    with pytest.raises(DivergenceError, match="w1 is no longer finite after mini-batch 11 of epoch 2") as caught:
        list(train(SMALL, DIGITS))
    assert_same(caught.value.state._replace(history=()), first._replace(history=()))


@pytest.mark.parametrize(("name", "layer", "value"), [("w1", 1, np.nan), ("b1", 1, np.inf), ("w2", 2, -np.inf)])
@pytest.mark.parametrize("chunk", [1, 4, 250])
def test_the_first_parameter_that_is_not_finite_is_named_with_its_mini_batch(
    name: str, layer: int, value: float, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    descend, fatal = handcrafted.descend, 17  # an image that spoils a parameter in the step that meets it

    def planted(weights: Any, biases: Any, images: Any, targets: Any, batches: Any, eta: float, _: Any = None) -> Any:
        for rows in batches:
            weights, biases = descend(weights, biases, images, targets, rows[None], eta)
            if fatal in rows:
                ({"w": weights, "b": biases}[name[0]])[layer - 1][0, 0] = value
        return weights, biases

    order = np.random.default_rng([0, 1]).permutation(203).tolist()
    batch = order.index(fatal) // 10
    monkeypatch.setattr(loop, "CHUNK", chunk)
    monkeypatch.setattr(handcrafted, "descend", planted)
    with pytest.raises(DivergenceError) as caught:
        list(train(SMALL, DIGITS))
    where = f"{name}, in layer {layer}, is no longer finite after mini-batch {batch + 1} of epoch 1"
    assert str(caught.value) == f"the descent diverged: {where}; try --eta 0.3 or --init scaled"
    assert_same(caught.value.state, loop.begin(SMALL))


def judged(weights: Any, biases: Any, costs: list[float]) -> str | None:
    return complaint("handcrafted", weights, biases, costs, DIGITS.train, reach=63.0)


@pytest.mark.parametrize("layer", [1, 2])
def test_a_cost_that_has_risen_above_that_of_a_blind_answer_is_told_with_the_layer_nearest_to_0_and_1(
    layer: int,
) -> None:
    weights, biases = starting_parameters(SMALL.sizes, 0, "normal")
    weights[layer - 1] *= 10
    reason = judged(weights, biases, [0.3, 0.05, 0.7, 0.9])
    told = rf"worst is layer {layer}, where [1-9]\d\.\d% of all activations are 0\.0000, 1\.0000 or not a number"
    assert reason is not None
    assert re.fullmatch(rf"the cost has risen to 0\.90, from 0\.05 after epoch 2; {told}", reason)


@pytest.mark.parametrize("costs", [[0.9], [2.5, 0.9], [0.9, 1.0], [0.46, 0.44, 0.47], [0.05, 0.2, 0.4], [0.05, 0.9]])
def test_a_slow_start_a_plateau_a_cost_that_is_still_low_and_a_single_bad_epoch_are_not(costs: list[float]) -> None:
    assert judged(*starting_parameters(SMALL.sizes, 0, "normal"), costs) is None


def test_a_test_cost_that_rises_while_the_training_images_are_learned_is_not() -> None:
    """Overfitting is no divergence."""
    *_, end = train(SMALL._replace(epochs=40), DIGITS)
    assert judged(end.weights, end.biases, [0.05, 0.9, 0.9]) is None


@pytest.mark.parametrize("layer", [1, 2])
def test_a_cost_that_is_no_number_is_told_with_the_first_layer_that_has_none(layer: int) -> None:
    weights, biases = starting_parameters(SMALL.sizes, 0, "normal")
    weights[layer - 1][:] = np.nan
    worst = f"worst is layer {layer}, where 100.0% of all activations are 0.0000, 1.0000 or not a number"
    assert judged(weights, biases, [0.1, float("nan")]) == f"the cost is no longer finite; {worst}"


def test_outputs_at_0_and_1_that_are_right_are_not_saturated_in_vain() -> None:
    weights = [1e3 * (np.eye(10, 12) - 0.5)]
    biases = [np.zeros((10, 1))]
    images = np.zeros((50, 12), np.uint8)
    labels = (np.arange(50) % 10).astype(np.uint8)
    images[np.arange(50), labels] = 255
    assert complaint("handcrafted", weights, biases, [0.9], DataSet(images, labels), 15.0) is None
    assert complaint("handcrafted", weights, biases, [0.9], DataSet(images, labels[::-1].copy()), 15.0) is not None


@pytest.mark.parametrize("backend", backends.NAMES)
@pytest.mark.parametrize(("z", "stopped"), [(10.0, False), (11.0, True)])
def test_a_saturated_network_is_given_up_only_where_its_gradient_cannot_get_it_out(
    backend: str, z: float, stopped: bool
) -> None:
    """All outputs at 0, by a bias of −z: one moves at η p σ′(z) a step, p the share of its digit."""
    images, labels = np.zeros((50, 12), np.uint8), (np.arange(50) % 10).astype(np.uint8)
    dead = [np.zeros((10, 12))], [np.full((10, 1), -z)]
    reach = 3.0 * 5000  # in 30 epochs by 450,000 × 0.1 × e^−10 = 2.0, or e^−11 = 0.8
    assert (complaint(backend, *dead, [0.5], DataSet(images, labels), reach) is not None) == stopped


@pytest.mark.parametrize("backend", backends.NAMES)
def test_a_run_that_saturates_and_recovers_is_not_stopped(backend: str, few: Mnist) -> None:
    """Real digits, and every output at 0.0000: thousands of steps later they are read; from −30 there is no way."""
    settings = Settings(backend, (784, 10), epochs=20, init="scaled", eta=1.0)
    start = loop.begin(settings)
    start.biases[-1][:] = -10
    *_, end = train(settings, few, start=start)
    assert [epoch.cost for epoch in end.history[:3]] == pytest.approx([0.5] * 3, abs=1e-3)
    assert end.history[-1].cost < blind_cost(few.test.labels) / 2
    assert end.history[-1].correct > 600
    start.biases[-1][:] = -30
    with pytest.raises(DivergenceError, match="after epoch 1, layer 1 is saturated"):
        next(train(settings, few, start=start))


def test_a_blind_answer_costs_least_at_the_mean_of_the_labels() -> None:
    labels = np.array([0, 0, 0, 1, 2, 9])
    y = np.eye(10)[labels]
    mean = y.mean(axis=0)
    assert blind_cost(labels) == pytest.approx(((y - mean) ** 2).sum() / (2 * 6))
    assert blind_cost(np.arange(10)) == pytest.approx(0.45)


@pytest.mark.parametrize(("eta", "init", "said"), [(3.0, "normal", "0.3 or --init scaled"), (1e9, "scaled", "3")])
def test_the_remedy_is_a_smaller_eta_and_another_start_if_there_is_one(eta: float, init: str, said: str) -> None:
    assert divergence.remedy(eta, init) == f"try --eta {said}"
