"""`gradproof.check` in somebody's own process: what it returns is short and true, and it leaves nothing changed."""

import os
import random
import subprocess
import sys
import threading
import warnings

import jax
import numpy as np
import pytest

import gradproof
from gradproof.errors import UsageError
from tests.judge.catalogue import backprop

WRONG = backprop(weight=lambda p, i, d: 2 * d @ p.a[i - 1].T / d.shape[1])


@pytest.fixture(scope="module")
def judged():
    return gradproof.check(backprop(), networks=20), gradproof.check(WRONG, networks=20)


@pytest.mark.turns(1)
def test_a_judgement_is_true_if_it_is_verified(judged):
    assert [bool(each) for each in judged] == [True, False]
    assert [str(each.verdict) for each in judged] == ["verified", "refuted"]


@pytest.mark.turns(1)
def test_its_repr_is_short_and_so_is_that_of_a_fault(judged):
    for each in judged:
        assert len(repr(each).splitlines()) <= 10
        assert repr(each).splitlines()[0] == str(each).splitlines()[0]
    assert len(str(judged[1]).splitlines()) > 5
    (fault, *_) = judged[1].faults
    assert len(repr(fault)) < 200
    assert len(repr(fault.fault).splitlines()) == 1
    assert "BP4" in repr(judged[1])
    many = judged[1]._replace(faults=judged[1].faults * 50)
    assert len(repr(many).splitlines()) <= 10


@pytest.mark.parametrize("wrong", [0, -5, 2.5, True, "3", None, float("nan"), 10**9])
def test_a_number_of_networks_that_is_none_is_one_line(wrong):
    with pytest.raises(UsageError, match="networks must be a whole number from 1 to 10,000,000, not"):
        gradproof.check(backprop(), networks=wrong)


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "x", None])
def test_a_seed_that_is_none_is_one_line(wrong):
    with pytest.raises(UsageError, match="seed must be a whole number of at least 0, not"):
        gradproof.check(backprop(), seed=wrong)


def test_numpys_whole_numbers_are_whole_numbers():
    assert gradproof.check(backprop(), networks=np.int64(20), seed=np.uint8(1))


def everything():
    """What a caller would notice."""
    return (
        random.getstate(), [part.tobytes() if isinstance(part, np.ndarray) else part for part in np.random.get_state()],
        list(warnings.filters), {each.ident for each in threading.enumerate()}, dict(os.environ), np.geterr(),
        jax.config.jax_enable_x64, np.get_printoptions(), os.getcwd(), sys.getrecursionlimit(), sys.stdout,
    )  # fmt: skip


def meddling(weights, biases, x, y):
    random.random(), np.random.rand(3), np.random.seed(3)
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    np.set_printoptions(precision=1)
    os.environ["X"] = "y"
    os.chdir("/")
    sys.setrecursionlimit(5000)
    return backprop()(weights, biases, x, y)


@pytest.mark.parametrize("x64", [False, True])
@pytest.mark.parametrize("submission", [backprop(), WRONG, meddling, lambda *_: 1 / 0])
def test_nothing_is_changed(submission, x64):
    kept = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", x64)
    try:
        before = everything()
        gradproof.check(submission, networks=20)
        after = everything()
    finally:
        jax.config.update("jax_enable_x64", kept)
    assert after == before


@pytest.mark.turns(1)
def test_nor_is_it_where_gradproof_has_not_been_imported_before():
    source = (
        "import jax, numpy as np, gradproof\n"
        "assert not jax.config.jax_enable_x64\n"
        "gradproof.check(lambda w, b, x, y: None, networks=20)\n"
        "assert not jax.config.jax_enable_x64\n"
        "from gradproof import backends\n"
        "assert backends.load('reference').cost([np.ones((1, 1))], [np.ones((1, 1))], np.ones((1, 1)), "
        "np.ones((1, 1))).dtype == np.float64\n"
    )
    subprocess.run([sys.executable, "-c", source], check=True, timeout=120)
