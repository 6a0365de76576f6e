"""The theorem on a mesh. Not collected by itself: test_mesh.py runs it in a process that has eight devices."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradproof
import handcrafted
import reference
from gradproof.numerics import rounding
from gradproof.numerics.chain import radii
from gradproof.problem import Problem, stack_of, starting_parameters
from gradproof.proof import witness
from gradproof.proof.architectures import REGIMES, WIDEST, architectures, fill, problems
from reference import mesh
from reference.descent import Parameters
from tests.reference.test_descent import off, step_radius
from tests.thorough import THOROUGH, some

DEVICES = st.sampled_from([1, 2, 3, 4, 5, 8])
WAYS = st.sampled_from([mesh.summed, mesh.in_order])
FEW = settings(max_examples=settings().max_examples // 20, deadline=None)
# Each shape is compiled anew, which is most of the time of these tests: the quick profile draws the numbers alone.
SHAPES = some([([3, 2], 1), ([4, 1, 3], 7)], [])  # one example and seven, on up to eight devices


def networks() -> st.SearchStrategy[Problem]:
    """Random networks; in the quick profile of one layer and of two, with a single neuron between them."""
    if not SHAPES:
        return problems(architectures(most=4))
    return st.builds(
        lambda shape, regime, seed: Problem(
            *fill(np.array([shape[0]]), shape[1], regime, np.random.default_rng(seed)).of_network(0)
        ),
        st.sampled_from(SHAPES),
        st.sampled_from(sorted(REGIMES)),
        st.integers(0, 2**32 - 1),
    )


def spread(problem: Problem, devices: int, way: mesh.Gradient) -> Any:
    with jax.set_mesh(mesh.over(devices)):
        return jax.tree.map(np.asarray, mesh.gradients(*problem, way))


def ratio(problem: Problem, got: Any, expected: Any) -> float:
    """The worst |got − expected| over δ, ∂C/∂b, ∂C/∂w in units of twice the radius, which does not know of devices."""
    stack = stack_of(problem.astype(np.float64), WIDEST)  # which XLA compiles once for each depth
    radius = radii(stack, witness.answer(stack), rounding.arithmetic(problem.x.dtype)).of_network(0, problem.sizes)
    one = [*radius.delta, *radius.grad_b, *radius.grad_w]
    return off(got, expected, one)  # type: ignore[arg-type]


def uneven(m: int = 6, dtype: str = "float64") -> Problem:
    """A network of ordinary size; four devices have 2, 2, 2 and 0 of its six examples."""
    stack = fill(np.array([[7, 5, 4, 3]]), m, "scaled", np.random.default_rng(5))
    return Problem(*jax.tree.map(lambda a: a.astype(dtype), tuple(stack.of_network(0))))


@pytest.mark.turns(1)
@FEW
@given(networks(), DEVICES, WAYS, st.sampled_from(["float64", "float32"]))
def test_the_gradient_on_a_mesh_agrees_with_one_device_and_with_handcrafted(
    problem: Problem, devices: int, way: mesh.Gradient, dtype: str
) -> None:
    """On random architectures, batch sizes that the devices divide or do not, and numbers of devices."""
    problem = Problem(*jax.tree.map(lambda a: a.astype(dtype), tuple(problem)))
    got = spread(problem, devices, way)
    assert ratio(problem, got, reference.gradients(*problem)) <= 1
    assert ratio(problem, got, handcrafted.gradients(*problem)) <= 1


@pytest.mark.turns(1)
@FEW
@given(
    networks(),
    st.sampled_from(["float64", "float32"]),
    st.sampled_from(some([{2}, {4}, {8}], [{2, 4, 8}])),
)
def test_in_order_the_gradient_is_the_same_to_the_last_bit_on_any_number_of_devices(
    problem: Problem, dtype: str, numbers: set[int]
) -> None:
    problem = Problem(*jax.tree.map(lambda a: a.astype(dtype), tuple(problem)))
    alone = spread(problem, 1, mesh.in_order)[1:]
    for devices in numbers:
        jax.tree.map(np.testing.assert_array_equal, spread(problem, devices, mesh.in_order)[1:], alone)


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize("way", [mesh.summed, mesh.in_order])
@pytest.mark.parametrize("devices", [1, 3, 8])
def test_a_step_on_a_mesh_is_a_step_and_all_devices_hold_the_same(way: mesh.Gradient, devices: int) -> None:
    rng, m, eta = np.random.default_rng(1), 6, 0.7
    images, targets = rng.random((40, 9)), np.eye(4)[rng.integers(4, size=40)]
    weights, biases = starting_parameters([9, 6, 4], 0, dtype=np.float64)
    batches = rng.permutation(40)[:36].reshape(-1, m)
    with jax.set_mesh(mesh.over(devices)):
        placed = mesh.place(images), mesh.place(targets)
        for rows in batches:
            problem = Problem(weights, biases, images[rows].T, targets[rows].T)
            moved = mesh.descend(weights, biases, *placed, rows[None], eta, way)
            assert off(moved, handcrafted.step(*problem, eta), step_radius(problem, eta)) <= 1
            for array in jax.tree.leaves(moved):
                copies = [np.asarray(shard.data) for shard in array.addressable_shards]
                assert len(copies) == devices
                assert all((copy == copies[0]).all() for copy in copies)
            weights, biases = ([np.asarray(p) for p in part] for part in moved)
        start = starting_parameters([9, 6, 4], 0, dtype=np.float64)
        at_once = mesh.descend(*start, *placed, batches, eta, way)
    jax.tree.map(np.testing.assert_array_equal, at_once, (weights, biases))


# ---- planted errors --------------------------------------------------------------------------------------------

Combine = Callable[[Parameters], Parameters]


def wrongly(combine: Combine, replicated: bool = False, counts: bool = True) -> mesh.Gradient:
    """`summed` with the parts added up by hand; `replicated` leaves jax.grad's own sum over the devices in."""

    def gradient(parameters: Parameters, x: Any, y: Any, live: Any, m: int) -> Parameters:
        def own(parameters: Parameters, x: Any, y: Any, live: Any) -> Parameters:
            p = parameters if replicated else jax.lax.pcast(parameters, mesh.EXAMPLES, to="varying")
            share = m if counts else len(live)
            return combine(jax.grad(lambda p: mesh.part(p[0], p[1], x, y, live, share))(p))

        return jax.shard_map(own, out_specs=mesh.WHOLE, check_vma=replicated)(parameters, x, y, live)

    return gradient


def psum(g: Parameters) -> Parameters:
    return jax.lax.psum(g, mesh.EXAMPLES)


def by_hand_and_by_jax(g: Parameters) -> Parameters:
    """The trap: replicated parameters inside shard_map have their gradients summed already."""
    return psum(jax.lax.pcast(g, mesh.EXAMPLES, to="varying"))


def coarsely(g: Parameters) -> Parameters:
    return jax.tree.map(lambda a: a.astype(jnp.float64), psum(jax.tree.map(lambda a: a.astype(jnp.float32), g)))


TRAP = "psum on top of jax.grad's own: n times too large"
PLANTED = {
    TRAP: wrongly(by_hand_and_by_jax, replicated=True),
    "no sum: each device has its own part": wrongly(lambda g: g),
    "the mean over devices for the sum": wrongly(lambda g: jax.lax.pmean(g, mesh.EXAMPLES)),
    "the mean of the devices' means, padding counted": wrongly(lambda g: jax.lax.pmean(g, mesh.EXAMPLES), counts=False),
    "summed in float32": wrongly(coarsely),
}


def test_summed_by_hand_where_jax_does_not_is_right() -> None:
    """So it is the planted errors, and not the scaffold they stand on, that are refuted."""
    assert ratio(uneven(), spread(uneven(), 4, wrongly(psum)), handcrafted.gradients(*uneven())) <= 1


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize("error", PLANTED)
def test_a_planted_error_of_the_mesh_is_outside_the_bound(error: str) -> None:
    assert ratio(uneven(), spread(uneven(), 4, PLANTED[error]), handcrafted.gradients(*uneven())) > 1


@pytest.mark.turns(1)
def test_the_judge_refutes_the_trap_and_names_it() -> None:
    """The real thing, as somebody would hand it in: shard_map, jax.grad and psum, on digits and on random networks.

    Not every layer need be named: δ comes from a second program, so that it may be off from the δ in ∂C/∂w by rounding.
    """

    def backprop(weights: Any, biases: Any, x: Any, y: Any) -> Any:
        if THOROUGH or len(weights) == 2:
            return spread(Problem(weights, biases, x, y), 4, PLANTED[TRAP])
        delta, *gradients = handcrafted.gradients(weights, biases, x, y)  # the same, by the test below, uncompiled
        return delta, *([4 * g for g in part] for part in gradients)

    judged = gradproof.check(backprop, networks=4)
    assert judged.verdict == "refuted"
    assert {named.fault.equation for named in judged.faults} == {"BP3", "BP4"}
    assert "a psum over 4 devices" in str(judged.faults[0].names)
    assert all("a psum over 4 devices" in str(named.names) for named in judged.faults if named.names)


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize("devices", [2, 4, 8])
def test_the_trap_is_n_times_the_gradient(devices: int) -> None:
    _, grad_b, grad_w = handcrafted.gradients(*uneven())
    _, got_b, got_w = spread(uneven(), devices, PLANTED[TRAP])
    for got, right in zip([*got_b, *got_w], [*grad_b, *grad_w], strict=True):
        np.testing.assert_array_equal(np.round(got / right, 9), devices)
