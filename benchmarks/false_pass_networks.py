"""Which wrong gradients of other networks each checker accepts, and which correct ones it rejects.

    python benchmarks/false_pass_networks.py [--every 1] [--seeds 1] [--json]

false_pass.py asks this about the notes' network. Here activations and outputs vary: the programs are those of
tests/exact/generated.py, 3–3–3–3 with four examples, in rows and columns, means and sums, with every slip that its
table makes in them. All arguments are drawn once, in each of three sizes, and each checker judges the gradient there,
in float64, at its defaults. scipy's norm is compared with 1e-6, np.allclose with jax.grad of the program's own cost. A
gradient counts as wrong if it differs from the right one in longdouble by more than 1e-12 of the larger.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

import autograd.extend
import autograd.test_util
import jax
import jax.test_util
import numpy as np
import scipy.optimize
import torch

import gradproof
from gradproof.numerics.verdict import Verdict
from tests.exact.generated import Network, loaded, wrong

jax.config.update("jax_enable_x64", True)
ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky", "softplus")
COSTS = ("softmax", "logsumexp", "binary", "tanh half", "sigmoid half")
SIZES = {"small": 0.05, "ordinary": 1.0, "large": 4.0}  # factors of what is drawn from N(0, 1)
SHOWS = 1e-12


class Case(NamedTuple):
    """Cost and claimed gradient as functions of one long vector, and the point to judge them at."""

    cost: Callable[[Any], float]
    gradient: Callable[[Any], Any]
    at: Any


def torch_gradcheck(case: Case, fast_mode: bool = False) -> bool:
    class Cost(torch.autograd.Function):
        @staticmethod
        def forward(ctx, vector):
            ctx.save_for_backward(vector)
            return torch.tensor(case.cost(vector.numpy()), dtype=torch.float64)

        @staticmethod
        def backward(ctx, grad):
            return grad * torch.from_numpy(case.gradient(ctx.saved_tensors[0].numpy()))

    vector = torch.tensor(case.at, requires_grad=True)
    return torch.autograd.gradcheck(Cost.apply, vector, raise_exception=False, fast_mode=fast_mode)


def jax_check_grads(case: Case) -> bool:
    @jax.custom_vjp
    def cost(vector):
        return jax.pure_callback(
            lambda v: np.float64(case.cost(np.asarray(v))), jax.ShapeDtypeStruct((), float), vector
        )

    cost.defvjp(lambda v: (cost(v), v), lambda v, grad: (grad * case.gradient(np.asarray(v)),))
    try:
        jax.test_util.check_grads(cost, (case.at,), order=1, modes=["rev"])
    except AssertionError:
        return False
    return True


def scipy_check_grad(case: Case) -> bool:
    return scipy.optimize.check_grad(case.cost, case.gradient, case.at) <= 1e-6


def autograd_check_grads(case: Case) -> bool:
    cost = autograd.extend.primitive(case.cost)
    autograd.extend.defvjp(cost, lambda _, vector: lambda grad: grad * case.gradient(vector))
    try:
        autograd.test_util.check_grads(cost, modes=["rev"], order=1)(case.at)
    except AssertionError:
        return False
    return True


PEERS: dict[str, Callable[[Case], bool]] = {
    "torch gradcheck": torch_gradcheck,
    "torch gradcheck, fast mode": lambda case: torch_gradcheck(case, fast_mode=True),
    "jax check_grads": jax_check_grads,
    "scipy check_grad ≤ 1e-6": scipy_check_grad,
    "autograd check_grads": autograd_check_grads,
}
ALLCLOSE, GRADPROOF = "np.allclose to jax.grad", "gradproof"


def arguments_of(network: Network, size: float, seed: int) -> list[Any]:
    """Draw weights, biases and inputs of that size, and take the network's own targets."""
    rng, example = np.random.default_rng([seed, int(100 * size)]), network.arguments
    return [size * rng.normal(size=array.shape) for array in example[:-1]] + [example[-1]]


def on_vectors(names: Any, arguments: list[Any]) -> Case:
    """Return the case with all weights and biases as one vector; the data stay fixed."""
    parameters, data = arguments[:6], arguments[6:]
    ends = np.cumsum([p.size for p in parameters])

    def apart(vector: Any) -> list[Any]:
        return [v.reshape(p.shape) for v, p in zip(np.split(np.asarray(vector), ends[:-1]), parameters, strict=True)]

    return Case(
        lambda vector: float(names.cost(*apart(vector), *data)),
        lambda vector: joined(names.gradient(*(p.copy() for p in apart(vector)), *data)),
        joined(parameters),
    )


def joined(arrays: Any) -> Any:
    return np.concatenate([np.ravel(array) for array in arrays])


def shows(right: Any, changed: Any, arguments: list[Any]) -> bool:
    """Whether the slip changes the gradient by more than rounding. If shapes do not fit, no: NumPy objects itself."""
    a, b = (joined(names.gradient(*(np.asarray(x, np.longdouble) for x in arguments))) for names in (right, changed))
    return a.shape == b.shape and bool((np.abs(a - b) > SHOWS * np.maximum(np.abs(a), np.abs(b))).any())


def by_autodiff(network: Network, arguments: list[Any]) -> Any:
    """Return jax.grad of the program's own cost."""
    source = network.source.replace("import numpy as np", "import jax.numpy as np")
    names = loaded(source.replace("from scipy", "from jax.scipy"))
    return joined(jax.grad(names.cost, argnums=tuple(range(6)))(*arguments))


def judged(network: Network, size: str, seed: int) -> Counter[tuple[str, str, str]]:
    """Count how often each (checker, size) was asked and accepted, by "right" and "wrong" gradients."""
    counts: Counter[tuple[str, str, str]] = Counter()
    arguments, right = arguments_of(network, SIZES[size], seed), loaded(network.source)
    exact = by_autodiff(network, arguments)
    for slip, source in [("", network.source), *wrong(network)]:
        names = loaded(source)
        with np.errstate(all="ignore"):
            if slip and not shows(right, names, arguments):
                continue
            case, kind = on_vectors(names, arguments), "wrong" if slip else "right"
            accepts = {checker: check(case) for checker, check in PEERS.items()}
            accepts[ALLCLOSE] = bool(np.allclose(case.gradient(case.at), exact))
        verdict = gradproof.check_gradient(names.cost, names.gradient, *arguments, draw=False).verdict
        accepts[GRADPROOF] = verdict is not Verdict.REFUTED
        counts[size, kind, f"gradproof {verdict.name.lower()}"] += 1
        counts.update((checker, size, f"{kind} asked") for checker in accepts)
        counts.update((checker, size, f"{kind} accepted") for checker, yes in accepts.items() if yes)
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="take each so-many-th network")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    np.random.seed(0)  # autograd's projections come from NumPy's own generator
    torch.manual_seed(0)
    kinds = [(rows, over) for rows in (False, True) for over in (" / m", "")]
    networks = [
        Network(activation, cost, *kinds[(i + j) % 4])
        for i, activation in enumerate(ACTIVATIONS)
        for j, cost in enumerate(COSTS)
    ][:: options.every]
    counts: Counter[tuple[str, str, str]] = Counter()
    for network in networks:
        for size in SIZES:
            for seed in range(options.seeds):
                counts += judged(network, size, seed)
        print(f"{network.activation}, {network.cost}    ", end="\r", file=sys.stderr)
    table = {
        checker: {
            size: {
                "wrong accepted": counts[checker, size, "wrong accepted"],
                "wrong": counts[checker, size, "wrong asked"],
                "right rejected": counts[checker, size, "right asked"] - counts[checker, size, "right accepted"],
                "right": counts[checker, size, "right asked"],
            }
            for size in SIZES
        }
        for checker in (*PEERS, ALLCLOSE, GRADPROOF)
    }  # fmt: skip
    said = {" ".join(key): n for key, n in counts.items() if key[0] in SIZES}
    if options.json:
        print(json.dumps({"networks": len(networks), "table": table, "verdicts": said}, ensure_ascii=False))
    else:
        print(f"{len(networks)} networks: wrong gradients accepted, correct ones rejected")
        for checker, row in table.items():
            cells = (f"{c['wrong accepted']}/{c['wrong']}, {c['right rejected']}/{c['right']}" for c in row.values())
            print(f"{checker:28}" + "".join(f"{cell:>24}" for cell in cells))
        print(said)
    ours = table[GRADPROOF].values()
    return int(any(cell["wrong accepted"] or cell["right rejected"] for cell in ours))


if __name__ == "__main__":
    sys.exit(main())
