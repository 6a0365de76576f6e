"""Every step of a training is judged: right steps of both networks are verified, and one wrong number is found."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from itertools import islice, pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import handcrafted
from gradproof import backends
from gradproof.errors import DataError
from gradproof.numerics.verdict import root
from gradproof.problem import Array, Parameters, Problem, stack_of, starting_parameters
from gradproof.proof import theorem
from gradproof.train import handcrafted_descent, loop, mnist, proof, refuted_step
from gradproof.train.loop import train
from gradproof.train.step import BrokenError, Proven, Step, StepError
from gradproof.train.steps import descent_of
from handcrafted import equations
from tests.proof.planted import PLANTED
from tests.thorough import some
from tests.train.small import put_digits
from tests.train.test_loop import DIGITS, SMALL

SHAPES = [((12, 8, 10), 10), ((12, 8, 10), 1), ((5, 4, 4, 3), 4), ((7, 3), 3)]  # each is compiled once
NAMES = pytest.mark.parametrize("backend", backends.NAMES)
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])

RAISES = {"w not transposed", "w forgotten", "weight gradient transposed"}  # where widths differ: no step is taken

Steps = tuple[Parameters, Array, Array]


def steps(
    backend: str, dtype: str, seed: int = 0, eta: float = 3.0, shape: int = 0, scale: float = 1.0, k: int = 30
) -> Steps:
    """The trajectory of k steps, and their mini-batches as columns."""
    sizes, m = SHAPES[shape]
    rng = np.random.default_rng([seed, shape])
    images = rng.random((40, sizes[0])) * (rng.random((40, sizes[0])) < 0.5)  # white pixels, as in digits
    targets = np.eye(sizes[-1])[rng.integers(sizes[-1], size=40)]
    weights, biases = starting_parameters(sizes, seed, "normal", dtype)
    start = [(scale * w).astype(dtype) for w in weights], [(scale * b).astype(dtype) for b in biases]
    images, targets, rows = images.astype(dtype), targets.astype(dtype), rng.integers(40, size=(k, m))
    with np.errstate(all="ignore"):
        path = descent_of(backend).trajectory(*start, images, targets, rows, eta)
    weights, biases = ([np.array(layer) for layer in part] for part in path)
    return (weights, biases), images[rows].mT, targets[rows].mT


# The quick ones are each shape and each network in either precision, most of which other tests here compile as well.
RIGHT = [("handcrafted", "float64", 1), ("handcrafted", "float64", 2), ("handcrafted", "float32", 3)]
RIGHT += [("reference", "float64", 0), ("reference", "float32", 2)]


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("backend", "dtype", "shape"), some(RIGHT, product(backends.NAMES, ["float32", "float64"], range(len(SHAPES))))
)
@settings(max_examples=settings().max_examples // 10)
@given(seed=st.integers(0, 2**32 - 1), eta=st.floats(1e-3, 30), scale=st.sampled_from([1e-3, 1.0, 6.0]))
def test_every_right_step_is_verified(
    backend: str, dtype: str, shape: int, seed: int, eta: float, scale: float
) -> None:
    proven = proof.judged(backend, [steps(backend, dtype, seed, eta, shape, scale)], eta, first=1)
    assert (proven.steps, proven.verified) == (30, 30)
    assert 0 < proven.worst <= 1


@pytest.mark.turns(2)
@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("backend", "dtype"),
    some([("handcrafted", "float32"), ("reference", "float64")], product(backends.NAMES, ["float32", "float64"])),
)
def test_steps_on_real_digits_are_verified(backend: str, dtype: str) -> None:
    digits, network = mnist.load().train, descent_of(backend)
    rows = np.random.default_rng(1).integers(len(digits.labels), size=(50, 10))
    images, targets = mnist.pixels(digits.images, dtype), mnist.one_hot(digits.labels, dtype)
    path = network.trajectory(*starting_parameters([784, 30, 10], 1, "normal", dtype), images, targets, rows, 3.0)
    weights, biases = ([np.asarray(layer) for layer in part] for part in path)
    proven = proof.judged(backend, [((weights, biases), images[rows].mT, targets[rows].mT)], 3.0, first=1)
    assert (proven.steps, proven.verified) == (50, 50)
    # a⁰, z, a and δ of ten examples, C, and ∂C/∂b, ∂C/∂w, b and w
    assert proven.elements == 50 * (10 * (784 + 3 * 40) + 1 + 2 * (40 + 30 * 784 + 10 * 30))


@NAMES
@DTYPES
@pytest.mark.parametrize("part", [0, 1], ids=["a weight", "a bias"])
@pytest.mark.parametrize("at", [18, 28], ids=["of the first stack", "of the second"])
def test_one_wrong_number_in_one_step_is_found_and_the_step_named(backend: str, dtype: str, at: int, part: int) -> None:
    """Four bounds off, in the step that led there; the next step starts from the wrong number, and is right."""
    path, x, y = steps(backend, dtype)
    number = path[part][0][at]
    number[3, 0] += 1e-2 if backend == "reference" else 16 * np.spacing(np.abs(number[3, 0]) + 1)
    with pytest.raises(StepError, match=f"step {100 + at} is refuted: update at layer 1") as caught:
        proof.judged(backend, [(path, x, y)], 3.0, first=101)
    assert caught.value.finding.element == (3, 0)


@NAMES
@pytest.mark.parametrize("eta", [2.99, -3.0, 30.0, 0.3])
def test_another_learning_rate_than_declared_is_refuted(backend: str, eta: float) -> None:
    with pytest.raises(StepError, match="step 1 is refuted: update"):
        proof.judged(backend, [steps(backend, "float64", eta=eta)], 3.0, first=1)


@pytest.mark.parametrize("slip", sorted(PLANTED.keys() - RAISES))
def test_a_planted_error_names_its_equation(slip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, replacement, equation = PLANTED[slip]
    monkeypatch.setattr(equations, function, replacement)
    # three layers for BP2; four examples, so that a division by a nominal 10 is wrong
    with pytest.raises(StepError) as caught:
        proof.judged("handcrafted", [steps("handcrafted", "float64", shape=2, scale=6.0)], 3.0, first=1)
    assert caught.value.finding.equation == equation


def test_a_wrong_cost_is_refuted(monkeypatch: pytest.MonkeyPatch) -> None:
    cost = handcrafted.cost
    monkeypatch.setattr(handcrafted, "cost", lambda *problem: 2 * cost(*problem))
    with pytest.raises(StepError, match="step 1 is refuted: C at layer 2"):
        proof.judged("handcrafted", [steps("handcrafted", "float32")], 3.0, first=1)


# fifty steps are a stack of ten groups, three are a part of one
@pytest.mark.parametrize("number", [1, 2, 4, 5, 6, 25, 49, 50, 51, 52, 53])
def test_a_wrong_step_has_its_own_number_wherever_it_stands(number: int) -> None:
    path, x, y = steps("handcrafted", "float32", k=53)
    for layer in path[0]:
        layer[number:] += np.float32(0.1)
    with pytest.raises(StepError, match=f"^step {number} is refuted: update at layer 1"):
        proof.judged("handcrafted", [(path, x, y)], 3.0, first=1)


def test_a_step_that_cannot_be_judged_hides_no_wrong_one_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    gradients, calls = handcrafted.gradients, iter(range(1, 100))

    def broken(*problem: Any) -> Any:
        if next(calls) % 2 == 0:
            raise ValueError("no answer")
        return gradients(*problem)

    monkeypatch.setattr(handcrafted, "gradients", broken)
    path, x, y = steps("handcrafted", "float32", k=53)
    with pytest.raises(BrokenError, match=r"^handcrafted has no answer at step 51: ValueError: no answer"):
        proof.judged("handcrafted", [(path, x, y)], 3.0, first=1)
    for layer in path[0]:
        layer[3:] += np.float32(0.1)
    with pytest.raises(StepError, match=r"^step 3 is refuted"):
        proof.judged("handcrafted", [(path, x, y)], 3.0, first=1)


@NAMES
def test_no_more_is_asked_for_than_can_be_judged_soon(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A descent that is quicker than its judge must not fill the memory with steps that wait."""
    asked, judged, behind = 0, 0, list[int]()
    way = steps(backend, "float32", k=10)  # one stack

    def part(*_: Any) -> Proven:
        nonlocal judged
        time.sleep(0.01)
        judged += 1
        return Proven(10, 10)

    def ways() -> Iterator[Steps]:
        nonlocal asked
        for _ in range(40):
            asked += 1
            yield way
            behind.append(asked - judged)

    monkeypatch.setattr(proof, "_part", part)
    assert proof.judged(backend, ways(), 3.0, first=1) == Proven(400, 400)
    assert 1 < max(behind) <= proof.AHEAD


@NAMES
@DTYPES
def test_a_network_that_rests_is_proven_to_rest(backend: str, dtype: str) -> None:
    """Where every σ′ is 0, all gradients are: steps that lead nowhere are right, and one that leads anywhere is not."""
    path, x, y = steps(backend, dtype, scale=1e5)
    assert all((way == way[0]).all() for part in path for way in part)
    proven = proof.judged(backend, [(path, x, y)], 3.0, first=1)
    assert (proven.steps, proven.verified) == (30, 30)
    path[0][0][7:, 3, 2] += np.spacing(np.abs(path[0][0][7, 3, 2])) * 64
    with pytest.raises(StepError, match=r"^step 7 is refuted: update at layer 1"):
        proof.judged(backend, [(path, x, y)], 3.0, first=1)


@given(parameters=st.integers(1, 2**22))
def test_what_is_judged_at_once_are_whole_groups(parameters: int) -> None:
    most = proof.together(parameters)
    assert most == 1 or most * parameters <= proof.NUMBERS
    assert 1 <= most <= proof.TOGETHER
    assert most == 1 or most % proof.NEAR == 0


@DTYPES
def test_other_inputs_than_those_given_are_refuted(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim whose a⁰ is not x, in one pixel of one example, while all else follows from it."""
    forward = handcrafted.feedforward

    def other(weights: Any, biases: Any, x: Array) -> Any:
        x = x.copy()
        x[..., 3, 1] += x.dtype.type(1e-3)
        return forward(weights, biases, x)

    path, x, y = steps("handcrafted", dtype)
    proof.judged("handcrafted", [(path, x, y)], 3.0, first=1)
    monkeypatch.setattr(handcrafted, "feedforward", other)
    with pytest.raises(StepError, match=r"^step 1 is refuted: a at layer 0 .* row 3, column 1"):
        proof.judged("handcrafted", [(path, x, y)], 3.0, first=1)


@DTYPES
def test_other_inputs_that_are_only_shown_are_refuted(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An a⁰ that is not x, while nothing else follows from it."""
    forward = handcrafted.feedforward

    def other(weights: Any, biases: Any, x: Array) -> Any:
        zs, activations = forward(weights, biases, x)
        shown = x.copy()
        shown[4, 3, 1] = shown[4, 3, 1] + x.dtype.type(1e-3)
        return zs, [shown, *activations[1:]]

    monkeypatch.setattr(handcrafted, "feedforward", other)
    with pytest.raises(StepError, match=r"^step 5 is refuted: a at layer 0 .* row 3, column 1"):
        proof.judged("handcrafted", [steps("handcrafted", dtype)], 3.0, first=1)


@pytest.mark.parametrize("value", [1.0, np.nan])
def test_inputs_with_a_row_too_many_are_told(value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else shows it: no other number depends on that row."""
    forward = handcrafted.feedforward

    def other(weights: Any, biases: Any, x: Array) -> Any:
        zs, activations = forward(weights, biases, x)
        row = np.full_like(x[..., :1, :], value)
        return zs, [np.concatenate([x, row], axis=-2), *activations[1:]]

    monkeypatch.setattr(handcrafted, "feedforward", other)
    with pytest.raises(BrokenError, match=r"a⁰ is ndarray \(50, 13, 10\), should be ndarray \(50, 12, 10\)"):
        proof.judged("handcrafted", [steps("handcrafted", "float32")], 3.0, first=1)


def test_masked_inputs_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    forward = handcrafted.feedforward

    def other(weights: Any, biases: Any, x: Array) -> Any:
        zs, activations = forward(weights, biases, x)
        return zs, [np.ma.masked_array(x + 1, np.ones(x.shape, bool)), *activations[1:]]

    monkeypatch.setattr(handcrafted, "feedforward", other)
    with pytest.raises(BrokenError, match="a⁰ is MaskedArray"):
        proof.judged("handcrafted", [steps("handcrafted", "float32")], 3.0, first=1)


@DTYPES
def test_a_wrong_update_is_refuted_beside_one_that_may_overflow(dtype: str) -> None:
    """An infinite gradient hides no other of its layer."""
    (weights, biases), x, y = steps("handcrafted", dtype, k=1)
    x[:, 0, :], y[:] = np.finfo(dtype).max / 4, 1e6  # δ is so large that δaᵀ overflows in the first column
    weights[0][:, :, 0] = 0
    with np.errstate(all="ignore"):
        path = handcrafted.step([w[0] for w in weights], [b[0] for b in biases], x[0], y[0], 3.0)
    assert np.isinf(path[0][0][:, 0]).any()
    assert np.isfinite(path[0][0][:, 1:]).all()
    for way, reached in zip(weights + biases, path[0] + path[1], strict=True):
        way[1] = reached
    weights[0][1, 2, 5] += weights[0].dtype.type(1e6)
    with np.errstate(all="ignore"), pytest.raises(StepError, match=r"^step 1 is refuted: update at layer 1"):
        proof.judged("handcrafted", [((weights, biases), x, y)], 3.0, first=1)


def test_a_copy_of_the_inputs_is_as_good(monkeypatch: pytest.MonkeyPatch) -> None:
    forward = handcrafted.feedforward
    monkeypatch.setattr(handcrafted, "feedforward", lambda weights, biases, x: forward(weights, biases, x.copy()))
    proven = proof.judged("handcrafted", [steps("handcrafted", "float32")], 3.0, first=1)
    assert (proven.steps, proven.verified) == (30, 30)


@DTYPES
def test_a_trajectory_lies_where_xla_takes_it_without_a_copy(dtype: str) -> None:
    images, targets = np.ones((5, 12), dtype), np.ones((5, 10), dtype)
    start = starting_parameters([12, 8, 10], 0, "normal", dtype)
    weights, biases = handcrafted_descent.trajectory(*start, images, targets, np.zeros((3, 2), int), 1.0)
    assert all(layer.ctypes.data % 64 == 0 for layer in weights + biases)


def test_a_step_that_may_overflow_is_undecided() -> None:
    path, x, y = steps("handcrafted", "float32", k=3)
    for weights in path[0]:
        weights[1] *= np.float32(1e38)
    with np.errstate(all="ignore"):
        step = handcrafted.step([w[1] for w in path[0]], [b[1] for b in path[1]], x[1], y[1], 3.0)
    for layers, moved in zip(path, step, strict=True):
        for layer, new in zip(layers, moved, strict=True):
            layer[2] = new
    one = [w[1:3] for w in path[0]], [b[1:3] for b in path[1]]
    proven = proof.judged("handcrafted", [(one, x[1:2], y[1:2])], 3.0, 1)
    assert (proven.steps, proven.verified, proven.narrow) == (1, 0, 0)
    assert proven.doubts(1, "handcrafted", "float32", "scaled") == (
        "1 of 1 steps come to numbers so large that float32 may overflow; try --dtype float64 or a smaller --eta"
    )


def test_a_right_step_beyond_the_largest_number_is_undecided_and_not_refuted() -> None:
    (weights, biases), x, y = steps("handcrafted", "float32", k=1, shape=3)
    eta, far = 1e38, y + np.float32(100)
    with np.errstate(all="ignore"):
        moved = handcrafted.step([w[0] for w in weights], [b[0] for b in biases], x[0], far[0], eta)
    assert not np.isfinite(moved[1][0]).all()
    pairs = zip((weights, biases), moved, strict=True)
    path = [[np.stack([p[0], q]) for p, q in zip(*part, strict=True)] for part in pairs]
    proven = proof.judged("handcrafted", [((path[0], path[1]), x, far)], eta, first=1)
    assert (proven.steps, proven.verified, proven.narrow) == (1, 0, 0)


def test_a_number_that_is_not_finite_is_refuted() -> None:
    path, x, y = steps("handcrafted", "float32")
    path[0][1][5, 0, 0] = np.nan
    with pytest.raises(StepError, match="step 5 is refuted: update at layer 2 is nan"):
        proof.judged("handcrafted", [(path, x, y)], 3.0, first=1)


def test_what_is_judged_quickly_and_exactly_agrees() -> None:
    """A ratio in float32 differs from the one in float64 by less than the quick verdict allows for."""
    path, x, y = steps("handcrafted", "float32")
    quick = proof.judged("handcrafted", [(path, x, y)], 3.0, first=1)
    worst = 0.0
    for k in range(len(x)):
        weights, biases = ([layer[k : k + 1] for layer in part] for part in path)
        problem = Problem([w[0] for w in weights], [b[0] for b in biases], x[k], y[k])
        stack = stack_of(problem)
        claim = theorem.claim(handcrafted, stack).of_network(0, problem.sizes)
        after = [layer[k + 1] for layer in path[0]], [layer[k + 1] for layer in path[1]]
        findings = proof.exactly(Step(problem, claim, after, 3.0, "handcrafted"))
        assert root(findings) is None
        worst = max(worst, *(f.ratio for f in findings))
    assert abs(quick.worst - worst) <= 0.5  # the float32 expectation rounds too, by half a bound at the most


NETWORKS = [((784, 30, 10), 10), ((784, 512, 256, 10), 10), ((784, 100, 10), 10)]


@pytest.mark.turns(2)
@pytest.mark.sample(1)
@NAMES
@pytest.mark.parametrize("network", some(NETWORKS[:2], NETWORKS), ids=str)
def test_a_step_not_taken_or_taken_uphill_is_never_verified(backend: str, network: tuple[Any, int]) -> None:
    """Where a bound is as wide as the step, nothing is proven: wide networks of autodiff in float32 are undecided."""
    sizes, m = network
    digits, rng = mnist.load().train, np.random.default_rng(3)
    rows = rng.integers(len(digits.labels), size=(1, m))
    x, y = mnist.pixels(digits.images[rows], "float32").mT, mnist.one_hot(digits.labels[rows], "float32").mT
    start = starting_parameters(sizes, 0, "normal", "float32")
    step = backends.load(backend).step(*start, x[0], y[0], 3.0)
    moved = [np.asarray(w) for w in step[0]], [np.asarray(b) for b in step[1]]
    uphill = tuple([2 * p - q for p, q in zip(*part, strict=True)] for part in zip(start, moved, strict=True))
    stays = [([*start[0][:i], *moved[0][i:]], [*start[1][:i], *moved[1][i:]]) for i in range(1, len(sizes))]

    def verified(to: Parameters) -> int:
        path = [[np.stack(pair) for pair in zip(*part, strict=True)] for part in zip(start, to, strict=True)]
        proven = proof.judged(backend, [((path[0], path[1]), x, y)], 3.0, first=1)
        assert proven.narrow == 1 - proven.verified
        return proven.verified

    assert verified(moved) == (backend == "handcrafted" or len(sizes) == 3)
    for wrong in (uphill, *stays):
        with suppress(StepError):
            assert verified(wrong) == 0


@pytest.mark.turns(2)
@pytest.mark.sample(1)
@pytest.mark.parametrize(("dtype", "other"), [("float64", "float32"), ("float32", "float64")])
def test_a_claim_in_another_precision_is_refuted_and_does_not_choose_its_bounds(
    dtype: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a worse one nor a better, whose numbers are right."""
    path, cost = steps("handcrafted", dtype), handcrafted.cost
    monkeypatch.setattr(handcrafted, "cost", lambda *problem: cost(*problem).astype(other))
    with pytest.raises(StepError, match=f"step 1 is refuted: C at layer 2 is {other}, should stay {dtype}"):
        proof.judged("handcrafted", [path], 3.0, first=1)
    monkeypatch.setattr(handcrafted, "cost", cost)
    bp3 = equations.bp3
    monkeypatch.setattr(equations, "bp3", lambda delta: bp3(delta).astype(other))
    with pytest.raises(StepError, match=f"step 1 is refuted: BP3 at layer 1 is {other}, should stay {dtype}"):
        proof.judged("handcrafted", [path], 3.0, first=1)


@pytest.mark.parametrize("ulps", [0, 1, 2, 3, 4, 6, 9])
def test_what_passes_quickly_is_within_three_radii(ulps: int) -> None:
    """The quick verdict holds a number against an answer in float32, which itself may be half a bound off."""
    path, x, y = steps("handcrafted", "float32", k=1)
    path[0][0][1] += ulps * np.spacing(np.abs(path[0][0][1]))
    problem = Problem([w[0] for w in path[0]], [b[0] for b in path[1]], x[0], y[0])
    claim, after = proof._claim(stack_of(problem), 1), ([w[1:] for w in path[0]], [b[1:] for b in path[1]])
    quick = float(proof._worst("handcrafted", stack_of(problem), claim, after, 3.0)[0])
    step = Step(problem, claim.of_network(0, problem.sizes), _first(after), 3.0, "handcrafted")
    exact = max(f.ratio for f in proof.exactly(step))
    assert abs(quick - exact) <= 0.5 + 1e-3 * exact  # and its own rounding
    assert (quick <= 1) == (ulps < 2)
    with pytest.raises(StepError) if ulps >= 2 else nullcontext():
        proof.judged("handcrafted", [(path, x, y)], 3.0, first=1)


# ---- in a training ---------------------------------------------------------------------------------------------

# 203 images: 21 mini-batches an epoch, the last of 3.


def pieces_through(monkeypatch: pytest.MonkeyPatch, backend: str, other: Callable[[Parameters], Parameters]) -> None:
    """Each piece of a trajectory as `other` makes it, while the descent by hand itself goes on as it would."""
    network = descent_of(backend)
    if backend == "handcrafted":
        pieces = handcrafted_descent.trajectories
        monkeypatch.setattr(handcrafted_descent, "trajectories", lambda *arguments: map(other, pieces(*arguments)))
    else:
        trajectory = network.trajectory
        monkeypatch.setattr(network, "trajectory", lambda *arguments: other(trajectory(*arguments)))


def planted(monkeypatch: pytest.MonkeyPatch, backend: str, number: int, wrong: Callable[[Parameters], None]) -> None:
    """What step `number` reached, and what follows it in the same piece, changed by `wrong`."""
    done = 0

    def other(path: Parameters) -> Parameters:
        nonlocal done
        weights, biases = ([np.array(layer) for layer in part] for part in path)
        at, done = number - done, done + len(weights[0]) - 1
        if 0 < at < len(weights[0]):
            wrong(([w[at:] for w in weights], [b[at:] for b in biases]))
        return weights, biases

    pieces_through(monkeypatch, backend, other)


@pytest.mark.turns(2)
@pytest.mark.sample(4)
@NAMES
@pytest.mark.parametrize("number", [1, 20, 21, 22, 42])  # the first and last of an epoch, the mini-batch of three
def test_a_wrong_step_of_a_training_is_named(backend: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(reached: Parameters) -> None:
        reached[0][1][:, 3, 2] += 0.1

    planted(monkeypatch, backend, number, wrong)
    with pytest.raises(StepError, match=f"^step {number} is refuted: update at layer 2"):
        list(train(SMALL._replace(backend=backend), DIGITS, verify=True))


# 250 mini-batches are one chunk, in pieces of 100, which are judged in stacks of 50
IN_PIECES = SMALL._replace(epochs=1, batch=1, eta=0.3)
MANY = DIGITS._replace(
    train=mnist.DataSet(*(np.concatenate([part, part])[:250] for part in (DIGITS.train.images, DIGITS.train.labels)))
)


@pytest.mark.sample(1)
@NAMES
def test_a_chunk_in_pieces_leads_where_the_plain_one_does(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CHUNK", 1250)  # a proven run begins with a fifth of it
    settings = IN_PIECES._replace(backend=backend)
    plain, proven = (list(train(settings, MANY, verify=verify))[-1] for verify in (False, True))
    assert (proven.proven.steps, proven.proven.verified) == (250, 250)
    ends = zip(plain.weights + plain.biases, proven.weights + proven.biases, strict=True)
    assert all(np.array_equal(p, q) for p, q in ends)


@pytest.mark.turns(2)
@pytest.mark.sample(4)
@NAMES
@pytest.mark.parametrize("number", [99, 100, 101, 200, 201, 250])
def test_a_wrong_step_is_named_wherever_pieces_meet(backend: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(reached: Parameters) -> None:
        reached[0][1][:, 3, 2] += 0.1

    monkeypatch.setattr(loop, "CHUNK", 1250)
    planted(monkeypatch, backend, number, wrong)
    with pytest.raises(StepError, match=f"^step {number} is refuted: update at layer 2"):
        list(train(IN_PIECES._replace(backend=backend), MANY, verify=True))


@given(few=st.integers(1, 12), k=st.integers(0, 25))
def test_pieces_joined_are_the_trajectory(few: int, k: int) -> None:
    rng = np.random.default_rng(k)
    start = starting_parameters([5, 4, 3], seed=k)
    images, targets = (rng.random((9, n)).astype(np.float32) for n in (5, 3))
    problem = (*start, images, targets, rng.integers(9, size=(k, 2)), 3.0)
    whole = handcrafted_descent.trajectory(*problem)
    pieces = list(handcrafted_descent.trajectories(*problem, few))
    assert [len(w[0]) - 1 for w, _ in pieces] == [min(few, k - first) for first in range(0, max(1, k), few)]
    for part in (0, 1):
        for layer, way in enumerate(whole[part]):
            joined = [pieces[0][part][layer], *(piece[part][layer][1:] for piece in pieces[1:])]
            assert np.array_equal(np.concatenate(joined), way)
            for before, after in pairwise(pieces):
                assert np.array_equal(before[part][layer][-1], after[part][layer][0])


def test_a_walk_that_ends_too_soon_is_a_step_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    walk = handcrafted_descent.walk
    states = 8  # the start and seven steps
    monkeypatch.setattr(handcrafted_descent, "walk", lambda *arguments: islice(walk(*arguments), states))
    with pytest.raises(StepError, match=r"^step 8 is refuted: update at layer"):
        list(train(SMALL, DIGITS, verify=True))


@NAMES
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_wrong_step_is_no_divergence(backend: str, value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers that stop being finite because a step is wrong are no fault of η."""

    def wrong(reached: Parameters) -> None:
        reached[0][1][:, 3, 2] += 0.1
        reached[0][1][2:, 4, 2] = value

    planted(monkeypatch, backend, 5, wrong)
    with pytest.raises(StepError, match=r"^step 5 is refuted: update at layer 2"):
        list(train(SMALL._replace(backend=backend), DIGITS, verify=True))


@pytest.mark.turns(2)
@NAMES
def test_a_step_begins_where_the_one_before_ended(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network, name = descent_of(backend), "trajectories" if backend == "handcrafted" else "trajectory"
    taken, calls = getattr(network, name), iter(range(1, 100))

    def other(weights: Any, *arguments: Any) -> Any:
        return taken([5 * np.asarray(w) for w in weights] if next(calls) == 2 else weights, *arguments)

    monkeypatch.setattr(network, name, other)
    with pytest.raises(StepError, match=r"^step 21 is refuted: update at layer 1"):
        list(train(SMALL._replace(backend=backend), DIGITS, verify=True))


@pytest.mark.parametrize("slip", sorted(RAISES))
def test_an_equation_that_raises_is_told_in_one_line(slip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, replacement, _ = PLANTED[slip]
    monkeypatch.setattr(equations, function, replacement)
    for verify in (False, True):
        with pytest.raises(BrokenError, match=r"^handcrafted has no answer .*: ValueError: .*; `gradproof prove` says"):
            list(train(SMALL, DIGITS, verify=verify))


ONE_WEIGHT = """
import sys
from gradproof.__main__ import main
from gradproof.train import handcrafted_descent
trajectories, done = handcrafted_descent.trajectories, 0
def wrong(*arguments):
    global done
    for weights, biases in trajectories(*arguments):
        at, done = 23 - done, done + len(weights[0]) - 1
        if 0 < at < len(weights[0]):
            weights[1][at:, 3, 2] += 1e-3
        yield weights, biases
handcrafted_descent.trajectories = wrong
main()
"""


@pytest.mark.turns(2)
def test_a_wrong_step_leaves_a_file_that_is_refuted_again(tmp_path: Path) -> None:
    """As it is typed: exit code 1, the step, its equation and layer, and the command that shows it again."""
    digits, run = put_digits(tmp_path), tmp_path / "run"
    options = ["--backend", "handcrafted", "--sizes", "12,8,10", "--data", str(digits), "--epochs", "3", "--no-page"]
    line = [sys.executable, "-c", ONE_WEIGHT, "train", *options, "--verify", "--out", str(run)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300)
    file = run / "step-23.safetensors"
    assert done.returncode == 1
    assert "step 23 is refuted: update at layer 2 is " in done.stderr
    assert f"gradproof prove {file}" in done.stderr.replace("'", "")
    again = subprocess.run(
        [sys.executable, "-m", "gradproof", "prove", str(file), "--json"], capture_output=True, text=True, timeout=300
    )
    found = json.loads(again.stdout)
    assert (again.returncode, found["verdict"], found["step"]) == (1, "refuted", 23)
    (wrong,) = [f for f in found["findings"] if f["wrong"]]
    assert (wrong["equation"], wrong["layer"], wrong["index"]) == ("update", 2, [3, 2])


def _first(after: Parameters) -> Parameters:
    return [w[0] for w in after[0]], [b[0] for b in after[1]]


def test_what_was_proven_adds_up() -> None:
    assert Proven(2, 1, 10, 0.5, 1) + Proven(3, 1, 20, 0.25, 2) == Proven(5, 2, 30, 0.5, 3)


@pytest.fixture(scope="module")
def refuted() -> StepError:
    path, x, y = steps("handcrafted", "float32")
    path[0][0][18, 3, 0] += 1
    with pytest.raises(StepError) as caught:
        proof.judged("handcrafted", [(path, x, y)], 3.0, first=1)
    return caught.value


def test_a_recorded_step_shows_the_same_fault_again(refuted: StepError, tmp_path) -> None:
    number, step = refuted_step.load(refuted_step.save(refuted, tmp_path))
    again = root(proof.exactly(step))
    assert again is not None
    assert number == 18
    assert (again.equation, again.layer, again.element, again.got, again.expected, again.bound) == (
        refuted.finding.equation,
        refuted.finding.layer,
        refuted.finding.element,
        refuted.finding.got,
        refuted.finding.expected,
        refuted.finding.bound,
    )


@pytest.mark.turns(2)
@settings(max_examples=300)
@given(st.data())
def test_a_damaged_record_is_a_data_error_or_another_step(refuted: StepError, tmp_path_factory, data) -> None:
    file = refuted_step.save(refuted, tmp_path_factory.getbasetemp())
    content = bytearray(file.read_bytes())
    kind = data.draw(st.sampled_from(["cut", "flip", "insert"]))
    position = data.draw(st.one_of(st.integers(0, 1500), st.integers(0, len(content) - 1)))
    if kind == "cut":
        content = content[:position]
    elif kind == "flip":
        content[position] ^= data.draw(st.integers(1, 255))
    else:
        content[position:position] = data.draw(st.binary(min_size=1, max_size=9))
    file.write_bytes(content)
    with suppress(DataError):  # a changed number is another step
        refuted_step.load(file)


@pytest.mark.parametrize("kind", ["missing", "a folder", "empty", "other"])
def test_what_is_no_record_is_a_data_error(kind: str, tmp_path) -> None:
    file = tmp_path / "step-1.safetensors"
    if kind == "a folder":
        file.mkdir()
    elif kind != "missing":
        file.write_bytes(b"" if kind == "empty" else b"\x02\0\0\0\0\0\0\0{}")
    with pytest.raises(DataError, match=r"step-1\.safetensors: "):
        refuted_step.load(file)
