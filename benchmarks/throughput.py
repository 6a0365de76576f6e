"""Measure architectures per second: gradproof against the gradient checkers of torch, JAX, scipy and autograd.

    python benchmarks/throughput.py [--nets 7680] [--sample 40] [--rounds 5] [--seed 0] [--json]

gradproof draws the networks (1–6 layers, widths 1–16), runs the handwritten pass and autodiff on each, and compares
every element of z, a, C, δ, ∂C/∂b, ∂C/∂w with its bound, each equation by itself and end to end. The others get an
evenly spaced sample of the same networks, with the handwritten gradient as the backward pass of a custom function.
gradcheck compares every element of ∂C/∂b and ∂C/∂w, scipy the norm of their difference, the others one projection.

The contestants take turns, so that a slow moment of the machine hits all alike, and every round has new networks.
gradproof compiles in the first round, which has its own column. check_grads compiles for every new shape, hence the
column "again" for networks just seen. It is timed with the cost compiled as a whole and, as one writes it, not jitted.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import autograd.extend
import autograd.test_util
import jax
import jax.numpy as jnp
import jax.test_util
import numpy as np
import scipy.optimize
import torch

import handcrafted
import reference
from gradproof.problem import Array, Parameters, Problem
from gradproof.proof import architectures, theorem
from gradproof.proof.summary import Summary, summary
from reference import network

Layers = Sequence[Array]
Backward = Callable[[Layers, Layers], Parameters]  # (weights, biases) ↦ (∂C/∂w, ∂C/∂b): what a checker judges


class TorchCost(torch.autograd.Function):
    """C of weights and biases in torch, with a custom backward pass."""

    @staticmethod
    def forward(ctx, backward, x, y, *parameters):
        ctx.ask = backward
        ctx.save_for_backward(*parameters)
        a, depth = x, len(parameters) // 2
        for w, b in zip(parameters[:depth], parameters[depth:], strict=True):
            a = torch.sigmoid(w @ a + b)
        return ((a - y) ** 2).sum() / (2 * y.shape[1])

    @staticmethod
    def backward(ctx, grad):
        parameters, depth = [p.numpy() for p in ctx.saved_tensors], len(ctx.saved_tensors) // 2
        grad_w, grad_b = ctx.ask(parameters[:depth], parameters[depth:])
        return None, None, None, *(grad * torch.from_numpy(g) for g in (*grad_w, *grad_b))


def torch_gradcheck(problem: Problem, backward: Backward, fast_mode: bool = False) -> bool:
    """Return the verdict of torch.autograd.gradcheck at its default tolerances."""
    x, y = (torch.tensor(array) for array in (problem.x, problem.y))
    parameters = [torch.tensor(p, requires_grad=True) for p in (*problem.weights, *problem.biases)]
    return torch.autograd.gradcheck(
        lambda *p: TorchCost.apply(backward, x, y, *p), parameters, raise_exception=False, fast_mode=fast_mode
    )


def eager_cost(weights: Layers, biases: Layers, x: Array, y: Array) -> jax.Array:
    """Compute reference.cost with one call to XLA for each operation."""
    z = network.preactivation(weights[0], biases[0], x)
    return jnp.mean(network.example_costs(network.output(z, weights[1:], biases[1:]), y))


def jax_check_grads(problem: Problem, backward: Backward, definition: Callable[..., jax.Array]) -> bool:
    """Return the verdict of jax.test_util.check_grads at its default tolerances."""

    @jax.custom_vjp
    def cost(weights, biases):
        return definition(weights, biases, problem.x, problem.y)

    def asked(parameters, grad):
        return jax.tree.map(lambda g: grad * g, backward(*jax.tree.map(np.asarray, parameters)))

    cost.defvjp(lambda *parameters: (cost(*parameters), parameters), asked)
    try:
        jax.test_util.check_grads(cost, (problem.weights, problem.biases), order=1, modes=["rev"])
    except AssertionError:
        return False
    return True


def joined(*parameters: Layers) -> Array:
    """Join lists of arrays into one long vector."""
    return np.concatenate([array.ravel() for part in parameters for array in part])


def on_vectors(problem: Problem, backward: Backward) -> tuple[Callable[[Array], float], Callable[[Array], Array]]:
    """Return C and its gradient as functions of one long vector."""
    shapes, depth = [array.shape for array in (*problem.weights, *problem.biases)], len(problem.weights)
    ends = np.cumsum([rows * columns for rows, columns in shapes])[:-1]

    def apart(vector: Array) -> Parameters:
        parts = [part.reshape(shape) for part, shape in zip(np.split(vector, ends), shapes, strict=True)]
        return parts[:depth], parts[depth:]

    return (
        lambda vector: handcrafted.cost(*apart(vector), problem.x, problem.y).item(),
        lambda vector: joined(*backward(*apart(vector))),
    )


def scipy_check_grad(problem: Problem, backward: Backward) -> bool:
    """Whether scipy.optimize.check_grad, a norm, is at most the customary 1e-6."""
    return scipy.optimize.check_grad(*on_vectors(problem, backward), joined(*problem[:2])) <= 1e-6


def autograd_check_grads(problem: Problem, backward: Backward) -> bool:
    """Return the verdict of autograd.test_util.check_grads at its default tolerances."""
    cost, gradient = on_vectors(problem, backward)
    cost = autograd.extend.primitive(cost)
    autograd.extend.defvjp(cost, lambda _, vector: lambda grad: grad * gradient(vector))
    try:
        autograd.test_util.check_grads(cost, modes=["rev"], order=1)(joined(*problem[:2]))
    except AssertionError:
        return False
    return True


PEERS: dict[str, Callable[[Problem, Backward], bool]] = {
    "torch gradcheck": torch_gradcheck,
    "torch gradcheck, fast mode": lambda problem, backward: torch_gradcheck(problem, backward, fast_mode=True),
    "jax check_grads": lambda problem, backward: jax_check_grads(problem, backward, reference.cost),
    "scipy check_grad ≤ 1e-6": scipy_check_grad,
    "autograd check_grads": autograd_check_grads,
}
TIMED = {
    **PEERS,
    "jax check_grads, not jitted": lambda problem, backward: jax_check_grads(problem, backward, eager_cost),
}


class Seconds(NamedTuple):
    """The seconds that one network took in one round."""

    new: float
    again: float


def timed(judge: Callable[[], object], count: int) -> tuple[float, object]:
    """Return (seconds for each of `count` networks, the answer)."""
    started = time.perf_counter()
    answer = judge()
    return (time.perf_counter() - started) / count, answer


def one_round(count: int, sample: int, seed: int) -> tuple[dict[str, Seconds], Summary]:
    """Return (what each contestant took, what gradproof found) on the networks of one seed."""
    stacks = [stack for _, stack in architectures.groups(count, seed)]
    networks = [stack.of_network(number) for stack in stacks for number in range(len(stack.x))]
    chosen = networks[:: max(1, count // sample)][:sample]

    def handwritten(problem: Problem) -> Backward:
        def backward(weights: Layers, biases: Layers) -> Parameters:
            _, grad_b, grad_w = handcrafted.gradients(weights, biases, problem.x, problem.y)
            return grad_w, grad_b

        return backward

    def peer(check: Callable[[Problem, Backward], bool]) -> float:
        return timed(lambda: [check(problem, handwritten(problem)) for problem in chosen], len(chosen))[0]

    def gradproof() -> tuple[float, Summary]:
        return timed(lambda: summary(list(theorem.random_architectures(handcrafted, count, seed))), count)

    new, proof = gradproof()
    seconds = {"gradproof": Seconds(new, gradproof()[0])}
    return seconds | {name: Seconds(peer(check), peer(check)) for name, check in TIMED.items()}, proof


def rows(rounds: Sequence[dict[str, Seconds]]) -> dict[str, dict[str, float]]:
    """Return networks per second, the first round apart, and how many times faster gradproof is."""
    table = {}
    for name in rounds[0]:
        first, *rest = (seconds[name] for seconds in rounds)
        table[name] = {
            "first_round": 1 / first.new,
            "best": 1 / min(s.new for s in rest),
            "median": 1 / statistics.median(s.new for s in rest),
            "again": 1 / statistics.median(s.again for s in rest),
        }
    for row in table.values():
        row["gradproof_is_faster_by"] = table["gradproof"]["median"] / row["median"]
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", type=int, default=7680, help="networks a round for gradproof")
    parser.add_argument("--sample", type=int, default=40, help="how many of them the others get")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    rounds = [one_round(options.nets, options.sample, options.seed + number) for number in range(options.rounds + 1)]
    proofs = [proof for _, proof in rounds]
    table = rows([seconds for seconds, _ in rounds])
    about = vars(options) | {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "verdicts": sorted({proof.verdict.value for proof in proofs}),
        "elements": sum(proof.elements for proof in proofs),
    }
    if options.json:
        print(json.dumps(about | {"networks_per_second": table}))
        return
    print(f"architectures a second: the first round and {options.rounds} more, {about['cores']} cores")
    print(f"gradproof on {options.nets:,} a round, the others on {options.sample} of them, seed {options.seed}")
    print(f"gradproof: {', '.join(about['verdicts'])}, {about['elements']:,} elements in all\n")
    print(f"{'':28}{'first round':>12}{'best':>9}{'median':>9}{'again':>9}{'gradproof is':>14}")
    for name, row in table.items():
        *rates, ratio = row.values()
        faster = "" if name == "gradproof" else f"{ratio:,.0f} ×"
        print(f"{name:28}{rates[0]:12,.1f}" + "".join(f"{rate:9,.1f}" for rate in rates[1:]) + f"{faster:>14}")


if __name__ == "__main__":
    main()
