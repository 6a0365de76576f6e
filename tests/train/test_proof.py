"""Every step of a training is judged: right steps of both networks are verified, and one wrong number is found."""

from contextlib import suppress

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
from gradproof.train import mnist, proof, recorded
from gradproof.train.step import Proven, Step, StepError
from handcrafted import equations
from tests.proof.planted import PLANTED

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
        path = backends.load(backend).trajectory(*start, images, targets, rows, eta)
    weights, biases = ([np.array(layer) for layer in part] for part in path)
    return (weights, biases), images[rows].mT, targets[rows].mT


@NAMES
@DTYPES
@settings(max_examples=10)
@given(
    seed=st.integers(0, 2**32 - 1),
    eta=st.floats(1e-3, 30),
    shape=st.integers(0, len(SHAPES) - 1),
    scale=st.sampled_from([1e-3, 1.0, 6.0]),
)
def test_every_right_step_is_verified(
    backend: str, dtype: str, seed: int, eta: float, shape: int, scale: float
) -> None:
    proven = proof.judged(backend, [steps(backend, dtype, seed, eta, shape, scale)], eta, first=1)
    assert (proven.steps, proven.verified) == (30, 30)
    assert 0 < proven.worst <= 1


@NAMES
@DTYPES
def test_steps_on_real_digits_are_verified(backend: str, dtype: str) -> None:
    digits, network = mnist.load().train, backends.load(backend)
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
def test_one_wrong_number_in_one_step_is_found_and_the_step_named(backend: str, dtype: str, part: int) -> None:
    """Four bounds off, in the step that led there; the next step starts from the wrong number, and is right."""
    path, x, y = steps(backend, dtype)
    number = path[part][0][18]
    number[3, 0] += 1e-2 if backend == "reference" else 16 * np.spacing(np.abs(number[3, 0]) + 1)
    with pytest.raises(StepError, match=r"step 118 is refuted: update at layer 1") as caught:
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
    assert (proven.steps, proven.verified) == (1, 0)


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
        claim = theorem.claim(handcrafted, stack).alone(0, problem.sizes)
        after = [layer[k + 1] for layer in path[0]], [layer[k + 1] for layer in path[1]]
        findings = proof.exactly(Step(problem, claim, after, 3.0, "handcrafted"))
        assert root(findings) is None
        worst = max(worst, *(f.ratio for f in findings))
    assert abs(quick.worst - worst) <= 0.5  # the float32 expectation rounds too, by half a bound at the most


def test_what_was_proven_adds_up() -> None:
    assert Proven(2, 1, 10, 0.5) + Proven(3, 3, 20, 0.25) == Proven(5, 4, 30, 0.5)


@pytest.fixture(scope="module")
def refuted() -> StepError:
    path, x, y = steps("handcrafted", "float32")
    path[0][0][18, 3, 0] += 1
    with pytest.raises(StepError) as caught:
        proof.judged("handcrafted", [(path, x, y)], 3.0, first=1)
    return caught.value


def test_a_recorded_step_shows_the_same_fault_again(refuted: StepError, tmp_path) -> None:
    number, step = recorded.load(recorded.save(refuted, tmp_path))
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


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_record_is_a_data_error_or_another_step(refuted: StepError, tmp_path_factory, data) -> None:
    file = recorded.save(refuted, tmp_path_factory.getbasetemp())
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
        recorded.load(file)


@pytest.mark.parametrize("kind", ["missing", "a folder", "empty", "other"])
def test_what_is_no_record_is_a_data_error(kind: str, tmp_path) -> None:
    file = tmp_path / "step-1.safetensors"
    if kind == "a folder":
        file.mkdir()
    elif kind != "missing":
        file.write_bytes(b"" if kind == "empty" else b"\x02\0\0\0\0\0\0\0{}")
    with pytest.raises(DataError, match=r"step-1\.safetensors: "):
        recorded.load(file)
