"""Does any correct implementation ever leave its radius? Compare it with the truth, number by number.

    python benchmarks/soundness.py [--elements 10000000] [--seed 0] [--json]

Both backends and five hand variants (loops, einsum, reversed and pairwise sums, σ′ = a(1 − a)) run on every regime and
the edge networks (weights 0, ±1e±150, subnormals, z = 0, ±745), in float64 and float32. The exit code is 1 if one
number is outside or undecided.
"""

import argparse
import json
import os
import statistics
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from gradproof.proof.architectures import REGIMES, fill, widths
from tests.numerics.soundness import Tried, tried
from tests.numerics.variants import EDGES, edge_problem

SHARE = 12  # networks per task


def task(seed: int) -> Tried:
    """Compare a few networks of every kind with the truth; keep only some of the ratios."""
    rng, outside, undecided, numbers, ratios = np.random.default_rng(seed), [], [], 0, []
    problems = [
        (regime, fill(widths(1, 1 + (seed + i) % 6, rng), int(rng.integers(1, 9)), regime, rng).of_network(0))
        for i, regime in enumerate(REGIMES)
        for _ in range(SHARE // len(REGIMES))
    ]
    for dtype in ("float64", "float32"):
        edges = [(edge, edge_problem(edge, dtype, seed)) for edge in (EDGES[seed % len(EDGES)],)]
        for kind, problem in problems + edges:
            result = tried(problem, dtype)
            place = (dtype, kind, problem.sizes, f"task {seed}")
            outside += [(*place, *entry) for entry in result.outside]
            undecided += [(*place, *entry) for entry in result.undecided]
            numbers += result.numbers
            ratios += rng.choice(result.ratios, min(20, len(result.ratios))).tolist() if result.ratios else []
    return Tried(outside, undecided, numbers, ratios)


def tasks(elements: int, first: int) -> Iterator[Tried]:
    """Yield results, computed on every processor, until that many numbers have been tried."""
    done = 0
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        batch = (os.cpu_count() or 1) * 4
        for start in count(first, batch):
            for result in pool.map(task, range(start, start + batch)):
                done += result.numbers
                yield result
            print(f"\r{done:,} of {elements:,}", end="", file=sys.stderr, flush=True)
            if done >= elements:
                print(file=sys.stderr)
                return


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--elements", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = list(tasks(options.elements, options.seed))
    outside = [str(entry) for result in results for entry in result.outside]
    undecided = [str(entry) for result in results for entry in result.undecided]
    ratios = [ratio for result in results for ratio in result.ratios]
    document = {
        "elements": sum(result.numbers for result in results),
        "violations": len(outside),
        "undecided": len(undecided),
        "median_error_of_radius": statistics.median(ratios),
        "largest_error_of_radius_in_sample": max(ratios),
        "first": (outside + undecided)[:10],
    }
    if options.json:
        print(json.dumps(document, ensure_ascii=False))
    else:
        print("\n".join(f"{key}: {value}" for key, value in document.items()))
    return bool(outside or undecided)


if __name__ == "__main__":
    sys.exit(main())
