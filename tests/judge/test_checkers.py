"""What the page says of other checkers is what these checkers say, as far as they are installed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from hypothesis import assume, given
from hypothesis import strategies as st
from jax.test_util import check_grads

from gradproof.judge.assessment import assess
from gradproof.judge.checkers import Checked, checked
from tests.judge.test_whole_command import WRONG


@pytest.fixture(autouse=True)
def in_float64() -> Iterator[None]:
    before = jax.config.values["jax_enable_x64"]
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def by_name(*gradients: Any) -> dict[str, Checked]:
    return {one.name: one for one in checked(*gradients)}


def cost(w: Any, c: Any) -> Any:
    return jnp.sum(jnp.tanh(w)) + jnp.sum(jnp.sin(c))


@given(st.integers(0, 2**32), st.floats(-8, -2))
def test_jax_and_scipy_say_the_same(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    w, c = rng.normal(size=2), rng.normal(size=(2, 2))
    right = [1 - np.tanh(w) ** 2, np.cos(c)]
    claimed = [g + 10**size * rng.integers(-1, 2, g.shape) for g in right]
    found = by_name(claimed, right)
    jaxs = found["jax check_grads"]
    assert jaxs.allowed is not None
    assume(abs(jaxs.found - jaxs.allowed) > 1e-7)  # about the error of the quotient

    @jax.custom_vjp
    def function(w: Any, c: Any) -> Any:
        return cost(w, c)

    function.defvjp(
        lambda w, c: (function(w, c), None), lambda _, g: (g * jnp.array(claimed[0]), g * jnp.array(claimed[1]))
    )
    try:
        check_grads(function, (w, c), 1, modes=["rev"])
        accepts = True
    except AssertionError:
        accepts = False
    assert jaxs.accepts == accepts
    norm = scipy.optimize.check_grad(
        lambda v: float(np.sum(np.tanh(v[:2])) + np.sum(np.sin(v[2:]))),
        lambda v: np.concatenate([claimed[0], claimed[1].ravel()]),
        np.concatenate([w, c.ravel()]),
    )
    assert found["scipy check_grad"].found == pytest.approx(norm, abs=1e-6)
    assert found["scipy check_grad"].accepts is None


def test_torch_looks_at_each_element_and_the_others_in_one_direction() -> None:
    right = [np.zeros(2), np.full((2, 2), 100.0)]
    large = [np.zeros(2), right[1] + np.array([[0.09, 0.0], [0.0, 0.0]])]
    small = [np.array([0.0, 2e-5]), right[1]]
    assert by_name(large, right)["torch gradcheck"].accepts  # 10⁻³ of 100
    assert not by_name(small, right)["torch gradcheck"].accepts
    assert by_name(small, right)["torch gradcheck"].found == pytest.approx(2e-5)
    assert not by_name(large, right)["autograd check_grads"].accepts
    assert all(one.accepts in (True, None) and one.found == 0 for one in checked(right, right))
    assert checked([np.array([np.nan])], [np.array([1.0])]) == []


def test_a_fault_that_some_accept_is_shown_with_what_they_say(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(WRONG, "utf8")
    shown = assess(str(tmp_path / "mine.py"))["counterexample"]
    told = {one["name"]: one for one in shown["checkers"]}
    rate = next(p["should_be"][0][0] / p["gradient"][0][0] for p in shown["parameters"] if np.ndim(p["gradient"]) == 2)
    claimed, right = (
        np.concatenate([np.ravel(p[key]) * by for p in shown["parameters"]])
        for key, by in (("moved", 1 / rate), ("gradient", 1))
    )
    assert told["scipy check_grad"]["found"] == pytest.approx(np.linalg.norm(claimed - right))
    assert told["torch gradcheck"]["accepts"] is False
    assert told["scipy check_grad"]["accepts"] is None


ALL_WRONG = """import numpy as np

rng = np.random.default_rng(0)
x, y = rng.normal(size=(6, 2)), rng.normal(size=(6, 2))
w, b = rng.normal(size=(2, 2)), np.zeros(2)
for epoch in range(100):
    out = np.tanh(x @ w + b)
    loss = np.sum((out - y) ** 2)
    error = 2 * (out - y) * (1 - out**2) * out
    w -= 0.1 * x.T @ error
    b -= 0.1 * error.sum(0)
"""


def test_where_all_is_wrong_the_corrected_program_tells_the_rate(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(ALL_WRONG, "utf8")
    shown = assess(str(tmp_path / "mine.py"))["counterexample"]
    told = {one["name"]: one for one in shown["checkers"]}
    w = next(p for p in shown["parameters"] if p["name"] == "w")
    assert np.allclose(np.array(w["should_be"]), -0.1 * np.array(w["gradient"]))
    assert told["torch gradcheck"]["accepts"] is False
