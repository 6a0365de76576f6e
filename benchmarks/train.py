"""Time a step of descent by gradproof and its peers: microseconds, × a hand-tuned JAX scan, × the bare matrix products.

    python benchmarks/train.py [--rounds 25] [--dtype float32] [--sizes 784,30,10] [--json] [--figure docs/train.svg]

All have one processor and one thread. The contestants take turns in short stretches, with the number of steps that
gradproof takes between two looks at the clock, so that a slow moment of the machine hits all alike. The first round
compiles and is not counted. A ratio is the median of the ratios within a round: a processor whose speed changes from
second to second moves minima apart, not neighbours. Seconds depend on the machine. "apart" is a contestant's distance
from `handcrafted` after ten steps, in units of u max |p|; one too far away makes another descent and ends the program.
scikit-learn has no such distance: it uses softmax and cross-entropy, on examples that are already in order.
"""

import os

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
os.environ.pop("OPENBLAS_CORETYPE", None)  # so that each library takes its kernels for this processor
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
# NumPy and JAX may start their threads only now.

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import trainers
from threadpoolctl import threadpool_info
from trainers import Descent, Task

from gradproof.problem import Array, starting_parameters
from gradproof.train import mnist

ETA, CHECKED = 3.0, 10
ANOTHER = 1e4  # units in the last place after ten steps: rounding leads a hundred apart, another η a million
NETWORKS = {"784,30,10": (10, 2500), "784,100,10": (10, 2500), "784,512,256,10": (128, 10)}  # m, steps in a stretch
DTYPES = ("float32", "float64")


class Contestant(NamedTuple):
    prepare: Callable[[Task], Descent]
    share: float = 1.0  # of the steps of a stretch; slow ones take fewer
    needs: str = "numpy"  # what must be installed
    layers: int = 0  # how many it can do; 0 for any


CONTESTANTS = {
    "handcrafted": Contestant(trainers.recorded),
    "handcrafted, not recorded": Contestant(trainers.plainly),
    "reference": Contestant(trainers.by_autodiff),
    "JAX scan, tuned by hand": Contestant(trainers.scan),
    "NumPy, all given up": Contestant(trainers.unrolled, layers=2),
    "PyTorch eager": Contestant(trainers.eager, 0.4, "torch"),
    "scikit-learn": Contestant(trainers.scikit_learn, 0.4, "sklearn"),
    "loop over examples": Contestant(trainers.per_example, 0.1),
    "matrix products alone": Contestant(trainers.matmuls),
}
SCAN, MATMULS = "JAX scan, tuned by hand", "matrix products alone"


def measured(sizes: list[int], dtype: str, rounds: int) -> dict[str, dict[str, Any]]:
    """Return a row for each contestant: µs per step, least and median, and its ratios to the scan and the products."""
    m, steps = NETWORKS[",".join(map(str, sizes))]
    digits = mnist.load().train
    images, targets = mnist.pixels(digits.images, dtype), mnist.one_hot(digits.labels, dtype)
    batches = np.random.default_rng(0).permutation(len(images))[: steps * m].reshape(-1, m)
    task = Task(*starting_parameters(sizes, seed=0, init="normal", dtype=dtype), images, targets, batches, ETA)

    stretches, counts, apart = {}, {}, {}
    own = trainers.recorded(task._replace(batches=batches[:CHECKED]))()
    for name, (prepare, share, needs, layers) in CONTESTANTS.items():
        if find_spec(needs) and layers in (0, len(sizes) - 1):
            counts[name] = max(1, round(share * steps))
            stretches[name] = prepare(task._replace(batches=batches[: counts[name]]))
            other = prepare(task._replace(batches=batches[:CHECKED]))()
            apart[name] = None if other is None else distance(own, other)
            if (apart[name] or 0) > ANOTHER:
                raise SystemExit(f"{name} makes another descent: {apart[name]:.0f} u apart after {CHECKED} steps")
    microseconds: dict[str, list[float]] = {name: [] for name in stretches}
    for round_ in range(rounds + 1):
        for name, stretch in stretches.items():
            started = time.perf_counter()
            stretch()
            if round_:
                microseconds[name].append(1e6 * (time.perf_counter() - started) / counts[name])

    def times_as_long(name: str, other: str) -> float:
        return statistics.median(a / b for a, b in zip(microseconds[name], microseconds[other], strict=True))

    return {
        name: {
            "min": min(times),
            "median": statistics.median(times),
            "of_scan": times_as_long(name, SCAN),
            "of_matmuls": times_as_long(name, MATMULS),
            "apart": apart[name],
        }
        for name, times in microseconds.items()
    }


def distance(own: Any, other: Any) -> float:
    """Return max |p − p̂| / u max |p|, the greatest over all parameters."""

    def off(p: Array, q: Array) -> float:
        return float(np.abs(p - np.asarray(q)).max() / (np.finfo(p.dtype).eps / 2 * np.abs(p).max()))

    return max(off(p, q) for part in zip(own, other, strict=True) for p, q in zip(*part, strict=True))


def draw(results: list[dict[str, Any]], path: str) -> None:
    """Draw bars in a panel for each network, each with its ratio to the scan."""
    from matplotlib import pyplot as plt

    plt.rcParams |= {"svg.hashsalt": "gradproof", "font.size": 10}  # text becomes paths, so no font is needed
    networks = list({tuple(result["sizes"]): result["m"] for result in results}.items())
    names = [name for name in CONTESTANTS if any(name in result["steps"] for result in results)]
    figure, axes = plt.subplots(1, len(networks), figsize=(3.7 * len(networks), 4.2), sharey=True, layout="constrained")
    for panel, (sizes, m) in zip(np.atleast_1d(axes), networks, strict=True):
        for result in (result for result in results if tuple(result["sizes"]) == sizes):
            second = result["dtype"] == DTYPES[1]
            rows = [(names.index(name), row) for name, row in result["steps"].items()]
            places = [place + (0.2 if second else -0.2) for place, _ in rows]
            shade = ["#7a9cc6" if names[place] in ("handcrafted", "reference") else "#bbbbbb" for place, _ in rows]
            bars = [row["min"] for _, row in rows]
            panel.barh(places, bars, 0.38, color=shade, alpha=0.55 if second else 1, label=result["dtype"])
            for place, (_, row) in zip(places, rows, strict=True):
                panel.text(1.12 * row["min"], place, f"{row['of_scan']:.2f} ×", va="center", fontsize=8)
        panel.set_xscale("log")
        panel.set_xlim(right=4 * panel.get_xlim()[1])
        panel.set_title(f"{list(sizes)}, m = {m}")
        panel.set_xlabel("µs a step")
        panel.set_yticks(range(len(names)), names)
        panel.tick_params(axis="y", length=0)
        panel.spines[["top", "right"]].set_visible(False)
    np.atleast_1d(axes)[0].invert_yaxis()
    figure.suptitle("upper bar float32, lower bar float64; × the scan beside it", fontsize=10, color="dimgray")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, facecolor="white", metadata={"Date": None} if path.endswith(".svg") else None)


def table(result: dict[str, Any]) -> str:
    about = f"{result['dtype']}, one thread, OpenBLAS for {result['kernels']}, {result['rounds']} rounds"
    lines = [f"{result['sizes']}, m = {result['m']}, {about}"]
    lines += [f"{'':24} {'min µs':>9} {'median µs':>10} {'× scan':>8} {'× products':>11} {'apart':>7}"]
    for name, row in result["steps"].items():
        apart = "–" if row["apart"] is None else f"{row['apart']:.1f}"
        times = f"{row['min']:9.1f} {row['median']:10.1f} {row['of_scan']:8.2f} {row['of_matmuls']:11.2f}"
        lines.append(f"{name:24} {times} {apart:>7}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--dtype", choices=DTYPES, help="both by default")
    parser.add_argument("--sizes", choices=NETWORKS, help="all by default")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--figure", metavar="FILE.svg")
    options = parser.parse_args()
    if options.figure and find_spec("matplotlib") is None:
        parser.error("--figure needs matplotlib")
    for name, contestant in CONTESTANTS.items():
        if find_spec(contestant.needs) is None:
            print(f"{name} is left out: {contestant.needs} is not installed", file=sys.stderr)

    numpys = next(blas for blas in threadpool_info() if blas["user_api"] == "blas")
    results = []
    for network in [options.sizes] if options.sizes else NETWORKS:
        for dtype in [options.dtype] if options.dtype else DTYPES:
            sizes, about = [int(n) for n in network.split(",")], {"dtype": dtype, "rounds": options.rounds}
            about["kernels"] = numpys.get("architecture", "?")
            steps = measured(sizes, dtype, options.rounds)
            results.append({"sizes": sizes, "m": NETWORKS[network][0], **about, "steps": steps})
            if not options.json:
                print(table(results[-1]), end="\n\n", flush=True)
    if options.figure:
        draw(results, options.figure)
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
