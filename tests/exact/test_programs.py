"""Programs as people write them, run exactly: right ones verified to 50 digits, wrong ones refuted by array."""

import itertools
import os
import random
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import settings

import gradproof
from gradproof.judge.trial.judgement import Judgement
from gradproof.numerics.verdict import Verdict
from tests.exact.calling import loaded as program_of
from tests.exact.calling import n
from tests.exact.calls import Program, programs
from tests.exact.generated import Network, is_the_same, loaded, networks, wrong

PROGRAMS = programs()


@pytest.mark.sample(40)
@pytest.mark.parametrize("program", PROGRAMS, ids=[program.name for program in PROGRAMS])
def test_a_program_is_judged_as_it_is(program: Program) -> None:
    judged = program.judge()
    assert tuple(array.name for array in judged.faults) == program.faults, judged
    assert judged.verdict is (Verdict.REFUTED if program.faults else Verdict.VERIFIED), judged
    assert program.faults or judged.digits >= 50, judged


def _some() -> Iterator[tuple[int, Network]]:
    """Other networks in each run; all of them in the thorough profile."""
    every = list(networks())
    random.Random(os.urandom(4)).shuffle(every)
    return itertools.islice(((int.from_bytes(os.urandom(3)), network) for network in every), settings().max_examples)


def _judged(source: str, network: Network, seed: int) -> Judgement:
    module = loaded(source)
    return gradproof.check_gradient(module.cost, module.gradient, *network.arguments, seed=seed)


def test_no_right_network_is_accused() -> None:
    for seed, network in itertools.islice(_some(), settings().max_examples // 3):
        assert _judged(network.source, network, seed).verdict is not Verdict.REFUTED, (network, seed)


def test_every_slip_in_one_line_is_refuted() -> None:
    for seed, network in itertools.islice(_some(), settings().max_examples // 3):
        slips = [(what, source) for what, source in wrong(network) if not is_the_same(network, what)]
        what, source = random.Random(seed).choice(slips)
        assert _judged(source, network, seed).verdict is Verdict.REFUTED, (network, what, seed)


def test_one_array_may_be_answered_as_nested_lists() -> None:
    def cost(w):
        return np.sum(np.sin(w))

    assert gradproof.check_gradient(cost, lambda w: np.cos(w).tolist(), np.ones((2, 3)))
    assert not gradproof.check_gradient(cost, lambda w: np.sin(w).tolist(), np.ones((2, 3)))


class Net:
    def __init__(self):
        self.w, self.v = np.ones((3, 2)), np.ones((2, 3))

    def cost(self, x):
        return 0.5 * np.sum((self.v @ np.tanh(self.w @ x)) ** 2)

    def step(self, x):
        h = np.tanh(self.w @ x)
        d = self.v @ h
        self.v -= 0.1 * np.outer(d, h)
        self.w -= 0.1 * np.outer(self.v.T @ d * (1 - h**2), x)  # with v as it has just become


def test_a_step_of_an_object_may_be_told_by_any_function() -> None:
    net = Net()
    judged = gradproof.check_step(lambda x: net.step(x), net, np.ones(2), cost=lambda x: net.cost(x))
    assert [array.name for array in judged.faults] == ["θ['w']"], judged


def test_what_is_the_gradient_of_no_cost_by_itself_says_nothing_of_the_others() -> None:
    net = Net()
    judged = gradproof.check_step(net.step, net, np.ones(2))
    assert [(one.name, one.state) for one in judged.faults] == [("θ['w']", "not the gradient of any cost")], judged
    assert "should be 0" not in str(judged)


@pytest.mark.parametrize("kind", ["Momentum", "Nesterov", "Adam", "RMSprop"])
def test_an_optimizer_that_has_taken_steps_is_not_accused(kind: str) -> None:
    steps = program_of("steps")
    optimizer, weights = getattr(steps, kind)(), {"W1": n(3, 4), "b1": n(4), "W2": n(4, 2), "b2": n(2)}
    optimizer.step({name: value.copy() for name, value in weights.items()}, n(4, 3), n(4, 2))
    judged = gradproof.check_step(optimizer.step, weights, n(4, 3), n(4, 2), cost=steps.cost)
    assert judged.verdict is Verdict.UNDECIDED, judged
    assert "give a fresh one" in judged.trouble
