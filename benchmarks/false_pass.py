"""Which wrong gradients each checker accepts, and which correct ones it rejects.

    python benchmarks/false_pass.py [--nets 100] [--seed 0] [--json] [--figure docs/false_pass.svg]

Every mistake of MISTAKES is made on the same networks, at least --nets in each of gradproof's regimes: 1–4 layers,
widths 1–8, m = 1, 3 and 8, small so that finite differences finish. Each checker runs as installed, in float64, at its
defaults. scipy's norm is compared with 1e-6. np.allclose has jax.grad as its reference, which is its best case.

A gradient counts as wrong only if the mistake shows: its formula and the right one, both in NumPy's longdouble, must
differ in an element of ∂C/∂b or ∂C/∂w by more than 1e-12 of the larger. If shapes do not fit, NumPy itself objects, and
nothing is counted. gradproof accepts what it does not refute: "undecided" is not a rejection.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from throughput import PEERS, joined

import handcrafted
import reference
from gradproof.problem import Answer, Array, Problem, Stack
from gradproof.proof import theorem
from gradproof.proof.architectures import REGIMES, fill, widths
from handcrafted import equations as eq

DEPTHS, EXAMPLES = (1, 2, 3, 4), (1, 3, 8)
SHOWS = 1e-12
ALLCLOSE, GRADPROOF = "np.allclose to jax.grad", "gradproof"
CHECKERS = (*PEERS, ALLCLOSE, GRADPROOF)
Mistake = dict[str, Callable[..., Array]]  # the rules that are replaced


class Pass(NamedTuple):
    """What a backward pass may use, rightly or wrongly."""

    w: list[Array]  # w¹ … w^L
    z: list[Array]  # z¹ … z^L
    a: list[Array]  # a⁰ … a^L
    y: Array

    @property
    def error(self) -> Array:
        return self.a[-1] - self.y


def tanh_prime(z: Array) -> Array:
    return 1 - eq.sigma(z) ** 2


def pulled_back_error(p: Pass, layer: int) -> Array:
    """Return (w^{l+1})ᵀ … (w^L)ᵀ (a^L − y), without any σ′."""
    error = p.error
    for w in reversed(p.w[layer:]):
        error = w.T @ error
    return error


def updated(p: Pass, layer: int, delta_next: Array) -> Array:
    """Return w^{l+1} after a step with η = 0.1."""
    return p.w[layer] - 0.1 * eq.bp4(p.a[layer], delta_next)


RIGHT: Mistake = {
    "output": lambda p: eq.bp1(p.error, p.z[-1]),
    "hidden": lambda p, i, d: eq.bp2(p.w[i], d, p.z[i - 1]),  # δ^l from d = δ^{l+1}; p.w[i] is w^{l+1}
    "bias": lambda p, i, d: eq.bp3(d),
    "weight": lambda p, i, d: eq.bp4(p.a[i - 1], d),
}
MISTAKES: dict[str, Mistake] = {
    "σ′ missing at the output": {"output": lambda p: p.error},
    "σ′ of a at the output": {"output": lambda p: p.error * eq.sigma_prime(p.a[-1])},
    "sign of the error": {"output": lambda p: eq.bp1(-p.error, p.z[-1])},
    "factor 2": {"output": lambda p: eq.bp1(2 * p.error, p.z[-1])},
    "factor ½": {"output": lambda p: eq.bp1(p.error / 2, p.z[-1])},
    "one-hot off by one": {"output": lambda p: eq.bp1(p.a[-1] - np.roll(p.y, 1, axis=0), p.z[-1])},
    "targets of other examples": {"output": lambda p: eq.bp1(p.a[-1] - np.roll(p.y, 1, axis=1), p.z[-1])},
    "tanh′ at the output": {"output": lambda p: p.error * tanh_prime(p.z[-1])},
    "tanh′ in the hidden layers": {"hidden": lambda p, i, d: (p.w[i].T @ d) * tanh_prime(p.z[i - 1])},
    "σ′ of a in the hidden layers": {"hidden": lambda p, i, d: eq.bp2(p.w[i], d, p.a[i])},
    "σ′ missing in the hidden layers": {"hidden": lambda p, i, d: p.w[i].T @ d},
    "σ′ missing in the first layer": {
        "hidden": lambda p, i, d: p.w[i].T @ d if i == 1 else eq.bp2(p.w[i], d, p.z[i - 1])
    },
    "the error propagated, not δ": {
        "hidden": lambda p, i, d: pulled_back_error(p, i) * eq.sigma_prime(p.z[i - 1])
    },
    "w already updated": {"hidden": lambda p, i, d: eq.bp2(updated(p, i, d), d, p.z[i - 1])},
    "w forgotten": {"hidden": lambda p, i, d: p.error * eq.sigma_prime(p.z[i - 1])},
    "w not transposed": {"hidden": lambda p, i, d: eq.bp2(p.w[i].T, d, p.z[i - 1])},
    "w of the layer below": {"hidden": lambda p, i, d: eq.bp2(p.w[i - 1], d, p.z[i - 1])},
    "∂C/∂b forgotten": {"bias": lambda p, i, d: 0 * eq.bp3(d)},
    "∂C/∂b summed over the neurons": {"bias": lambda p, i, d: 0 * eq.bp3(d) + d.sum() / d.shape[1]},
    "∂C/∂b summed over the batch": {"bias": lambda p, i, d: d.sum(axis=1, keepdims=True)},
    "all summed over the batch": {
        "bias": lambda p, i, d: d.sum(axis=1, keepdims=True),
        "weight": lambda p, i, d: d @ p.a[i - 1].T,
    },
    "divided by a nominal m of 10": {
        "bias": lambda p, i, d: d.sum(axis=1, keepdims=True) / 10,
        "weight": lambda p, i, d: d @ p.a[i - 1].T / 10,
    },
    "a of the layer itself": {"weight": lambda p, i, d: eq.bp4(p.a[i], d)},
    "a of the example before": {"weight": lambda p, i, d: eq.bp4(np.roll(p.a[i - 1], 1, axis=1), d)},
    "input not scaled to 0 … 1": {"weight": lambda p, i, d: eq.bp4(p.a[i - 1], d) * (255 if i == 1 else 1)},
    "first layer skipped": {
        "bias": lambda p, i, d: eq.bp3(d) * (i > 1),
        "weight": lambda p, i, d: eq.bp4(p.a[i - 1], d) * (i > 1),
    },
    "weight decay of 1e-4 left in": {"weight": lambda p, i, d: eq.bp4(p.a[i - 1], d) + 1e-4 * p.w[i - 1]},
}  # fmt: skip


def backprop(problem: Problem, mistake: Mistake) -> Answer | None:
    """Return all that a network with this mistake computes, or None if shapes do not fit."""
    rule, (zs, activations) = RIGHT | mistake, handcrafted.feedforward(*problem[:3])
    p = Pass(problem.weights, zs, activations, problem.y)
    layers = range(1, len(zs) + 1)
    try:
        delta = [rule["output"](p)]
        for layer in reversed(layers[:-1]):
            delta.insert(0, rule["hidden"](p, layer, delta[0]))
        grad_b, grad_w = ([rule[part](p, layer, delta[layer - 1]) for layer in layers] for part in ("bias", "weight"))
    except ValueError:
        return None
    pairs = zip((*zs, *problem.biases, *problem.weights), (*delta, *grad_b, *grad_w), strict=True)
    fits = all(a.shape == b.shape for a, b in pairs)
    return Answer(zs, activations, handcrafted.cost(*problem), delta, grad_b, grad_w) if fits else None


def shows(problem: Problem, mistake: Mistake) -> bool:
    """Whether the mistake changes the gradient by more than rounding."""
    weights, biases = ([v.astype(np.longdouble) for v in part] for part in problem[:2])
    exact = Problem(weights, biases, *map(np.longdouble, problem[2:]))
    wrong, right = backprop(exact, mistake), backprop(exact, {})
    return any(
        (np.abs(w - r) > SHOWS * np.maximum(np.abs(w), np.abs(r))).any()
        for w, r in zip((*wrong.grad_b, *wrong.grad_w), (*right.grad_b, *right.grad_w), strict=True)
    )


def gradproof_accepts(stack: Stack, answers: list[Answer]) -> Array:
    """Return for each network of the stack whether nothing in its answer is refuted, (N,)."""
    whole = theorem.claim(handcrafted, stack)  # its padding stays, the rest is overwritten
    for number, answer in enumerate(answers):
        whole.cost[number] = answer.cost
        parts = [(into, own) for into, own in zip(whole, answer, strict=True) if isinstance(into, list)]
        for into, own in (layer for pair in parts for layer in zip(*pair, strict=True)):
            into[number, : own.shape[0], : own.shape[1]] = own
    return ~np.any([finding.refuted for finding in theorem.judge(stack, whole)], axis=0)


def stacks(nets: int, seed: int) -> Iterator[tuple[str, Stack]]:
    """Yield (regime, stack) for each depth and m in each regime, with the same widths in every regime."""
    kinds = [(depth, m) for depth in DEPTHS for m in EXAMPLES]
    for number, regime in enumerate(REGIMES):
        for depth, m in kinds:
            sizes = (1 + widths(-(-nets // len(kinds)), depth, np.random.default_rng([seed, depth, m]))) // 2
            yield regime, fill(sizes, m, regime, np.random.default_rng([seed, depth, m, number]))


def judged(regime: str, stack: Stack) -> Counter[tuple[str, str, str, str]]:
    """Count how often each (checker, regime, mistake) was "asked" and "accepted" on one stack; "" is no mistake."""
    counts: Counter[tuple[str, str, str, str]] = Counter()
    problems = [stack.of_network(number) for number in range(len(stack.x))]
    right = [backprop(problem, {}) for problem in problems]
    exact = [joined(*reversed(reference.gradients(*problem)[1:])) for problem in problems]
    for name, mistake in {"": {}, **MISTAKES}.items():
        answers = [backprop(problem, mistake) for problem in problems]
        ours = gradproof_accepts(stack, [answer or r for answer, r in zip(answers, right, strict=True)])
        for problem, answer, theirs, accepted in zip(problems, answers, exact, ours, strict=True):
            if answer is None or (name and not shows(problem, mistake)):
                continue
            gradient = (answer.grad_w, answer.grad_b)
            accepts = {checker: check(problem, lambda w, b, g=gradient: g) for checker, check in PEERS.items()}
            accepts |= {ALLCLOSE: np.allclose(joined(*gradient), theirs), GRADPROOF: accepted}
            counts.update((checker, regime, name, "asked") for checker in accepts)
            counts.update((checker, regime, name, "accepted") for checker, yes in accepts.items() if yes)
    return counts


def shares(counts: Counter[tuple[str, str, str, str]], checker: str, regime: str) -> tuple[float, float]:
    """Return (wrong gradients accepted, correct ones rejected), in per cent."""

    def total(names: tuple[str, ...], what: str) -> int:
        return sum(counts[checker, regime, name, what] for name in names)

    wrong, right = tuple(MISTAKES), ("",)
    accepted, correct = (total(names, "accepted") / total(names, "asked") for names in (wrong, right))
    return 100 * accepted, 100 * (1 - correct)


def percent(share: float) -> str:
    return f"{share:.1f}" if share else "0"  # 0 means none at all, 0.0 means few


def draw(table: dict[str, dict[str, tuple[float, float]]], path: str) -> None:
    """Draw the table as two heat maps side by side."""
    from matplotlib import pyplot as plt

    plt.rcParams |= {"svg.hashsalt": "gradproof", "font.size": 10}  # text becomes paths, so no font is needed
    figure, axes = plt.subplots(1, 2, figsize=(10.5, 3.6), sharey=True, layout="constrained")
    for which, title in enumerate(("wrong gradients accepted, %", "correct gradients rejected, %")):
        cells = np.array([[table[checker][regime][which] for regime in REGIMES] for checker in CHECKERS])
        axes[which].imshow(np.sqrt(cells), cmap="Reds", vmin=0, vmax=12, aspect="auto")
        for (row, column), share in np.ndenumerate(cells):
            ink = "white" if share > 50 else "black"
            axes[which].text(column, row, percent(share), ha="center", va="center", color=ink)
        axes[which].set_title(title)
        axes[which].set_xticks(range(len(REGIMES)), REGIMES)
        axes[which].set_yticks(range(len(CHECKERS)), CHECKERS)
        axes[which].tick_params(length=0)
        axes[which].spines[:].set_color("silver")
    axes[0].get_yticklabels()[-1].set_fontweight("bold")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, facecolor="white", metadata={"Date": None} if path.endswith(".svg") else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", type=int, default=100, help="networks in each regime, at least")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--figure", metavar="FILE.svg")
    options = parser.parse_args()
    if options.figure and find_spec("matplotlib") is None:
        parser.error("--figure needs matplotlib")

    np.random.seed(options.seed)  # autograd's projections come from NumPy's own generator
    torch.manual_seed(options.seed)
    counts: Counter[tuple[str, str, str, str]] = Counter()
    networks: Counter[str] = Counter()
    for regime, stack in stacks(options.nets, options.seed):
        counts += judged(regime, stack)
        networks[regime] += len(stack.x)
        if sys.stderr.isatty():
            print(f"{regime}: {networks[regime]} networks    ", end="\r", file=sys.stderr)
    table = {checker: {regime: shares(counts, checker, regime) for regime in REGIMES} for checker in CHECKERS}
    wrong = {regime: sum(counts[GRADPROOF, regime, name, "asked"] for name in MISTAKES) for regime in REGIMES}
    if options.figure:
        draw(table, options.figure)
    if options.json:
        accepted = {
            checker: {name: sum(counts[checker, r, name, "accepted"] for r in REGIMES) for name in MISTAKES}
            for checker in CHECKERS
        }
        about = {"seed": options.seed, "mistakes": len(MISTAKES), "networks": networks, "wrong_gradients": wrong}
        print(json.dumps(about | {"accepted_and_rejected_percent": table, "accepted_by_mistake": accepted}))
        return
    print(f"{len(MISTAKES)} mistakes, {networks.total():,} networks, {sum(wrong.values()):,} wrong gradients")
    print("wrong accepted % / correct rejected %\n")
    print(f"{'':28}" + "".join(f"{regime:>16}" for regime in REGIMES))
    for checker, row in table.items():
        cells = (f"{percent(accepted)} / {percent(rejected)}" for accepted, rejected in row.values())
        print(f"{checker:28}" + "".join(f"{cell:>16}" for cell in cells))


if __name__ == "__main__":
    main()
