"""An epoch of each backend beside a hand-tuned JAX scan and the matrix products alone.

    python benchmarks/train.py [--rounds 7] [--dtype float32] [--json]

[784, 30, 10], mini-batches of 10, 5000 steps, one processor and one thread for all; the contestants take turns, so that
a slow moment of the machine hits each alike. Ratios of minima are what to read; seconds belong to the machine.
"""

import os

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
# Only now NumPy and JAX may start their threads.

import argparse
import json
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np

import handcrafted
import reference
from gradproof.problem import starting_parameters
from gradproof.train import mnist

SIZES, M, ETA = [784, 30, 10], 10, 3.0


@jax.jit
def scan(weights, biases, images, targets, batches, eta):
    """The epoch as a JAX engineer would write it by hand: one scan, jax.nn.sigmoid, value never computed."""

    def loss(parameters, x, y):
        a = x
        for w, b in zip(*parameters, strict=True):
            a = jax.nn.sigmoid(a @ w.T + b.T)
        return 0.5 * jnp.mean(jnp.sum((a - y) ** 2, axis=1))

    def one(parameters, rows):
        gradient = jax.grad(loss)(parameters, images[rows], targets[rows])
        return jax.tree.map(lambda p, g: p - eta * g, parameters, gradient), None

    return jax.lax.scan(one, (weights, biases), batches)[0]


def matmuls(weights, x, batches):
    """The five matrix products of a step, nothing else."""
    w1, w2 = weights
    a = w1 @ x
    delta = w2 @ a
    for _ in batches:
        w1 @ x
        w2 @ a
        w2.T @ delta
        delta @ a.T
        a @ x.T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    digits = mnist.load().train
    images, targets = mnist.pixels(digits.images, options.dtype), mnist.one_hot(digits.labels, options.dtype)
    batches = np.random.default_rng(0).permutation(len(images)).reshape(-1, M)
    weights, biases = starting_parameters(SIZES, seed=0, init="normal", dtype=options.dtype)
    on_device = jax.device_put((images, targets, batches))
    x = images[:M].T
    contestants = {
        "handcrafted": lambda: handcrafted.descend(weights, biases, images, targets, batches, ETA),
        "reference": lambda: jax.block_until_ready(reference.descend(weights, biases, *on_device, ETA)),
        "scan": lambda: jax.block_until_ready(scan(weights, biases, *on_device, ETA)),
        "matmuls": lambda: matmuls(weights, x, batches),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for round_ in range(options.rounds + 1):  # the first compiles and is not counted
        for name, epoch in contestants.items():
            started = time.perf_counter()
            epoch()
            if round_:
                seconds[name].append(time.perf_counter() - started)
    rows = {
        name: {
            "min": min(times),
            "median": statistics.median(times),
            "of_scan": min(times) / min(seconds["scan"]),
            "of_matmuls": min(times) / min(seconds["matmuls"]),
        }
        for name, times in seconds.items()
    }
    if options.json:
        print(json.dumps({"sizes": SIZES, "m": M, "dtype": options.dtype, "rounds": options.rounds, "epoch": rows}))
        return
    print(f"one epoch of {SIZES}, m = {M}, {options.dtype}, one thread, {options.rounds} rounds")
    print(f"{'':12} {'min s':>7} {'median s':>9} {'× scan':>7} {'× matmuls':>10}")
    for name, row in rows.items():
        print(f"{name:12} {row['min']:7.3f} {row['median']:9.3f} {row['of_scan']:7.2f} {row['of_matmuls']:10.2f}")


if __name__ == "__main__":
    main()
