"""Measure how anyone's code is judged: programs run exactly, right ones accused, wrong ones refuted, time and memory.

    python benchmarks/exact.py [--json] [--seeds 4] [--every 1]

The programs are those of tests/exact/calls.py. The networks are those of tests/exact/generated.py, 20 activations × 20
costs × conventions. Each right one is judged with --seeds seeds; a wrong one has one line of its gradient changed.
`--every 10` takes every tenth network. The exit code is 1 if a target is missed: a program is misjudged or agrees to
fewer than 50 digits, a right network is accused, fewer than 99.9 % of the wrong ones are refuted (those that compute
the same function are counted apart), or a limit of time or memory is passed.
"""

import argparse
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

import gradproof
from gradproof.exact.arrays import ExactArray, array_of, exact
from gradproof.exact.loading import run_source
from gradproof.exact.numbers import variable
from gradproof.exact.run import Run, running
from gradproof.exact.sweeps import differentiate
from gradproof.numerics.verdict import Verdict
from tests.exact.calls import programs
from tests.exact.generated import Network, is_the_same, loaded, networks, wrong

NETWORK = """import numpy as np

def cost(W1, b1, W2, b2, x, y):
    a = 1 / (1 + np.exp(-(W1 @ x + b1)))
    a = 1 / (1 + np.exp(-(W2 @ a + b2)))
    return 0.5 * np.sum((a - y) ** 2) / x.shape[1]

def gradient(W1, b1, W2, b2, x, y):
    m = x.shape[1]
    a1 = 1 / (1 + np.exp(-(W1 @ x + b1)))
    a2 = 1 / (1 + np.exp(-(W2 @ a1 + b2)))
    d2 = (a2 - y) * a2 * (1 - a2) / m
    d1 = W2.T @ d2 * a1 * (1 - a1)
    return d1 @ x.T, d1.sum(1, keepdims=True), d2 @ a1.T, d2.sum(1, keepdims=True)
"""
COLD = "import numpy as np, gradproof, cold\nassert gradproof.check_gradient(cold.cost, cold.gradient, *cold.arguments)"
ARGUMENTS = "\narguments = [np.zeros(s) for s in ((4, 3), (4, 1), (2, 4), (2, 1), (3, 2), (2, 2))]\n"


def main() -> int:
    """Measure and print; return 1 if a target is missed, else 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=4, help="for each right network")
    parser.add_argument("--every", type=int, default=1, help="take each so-many-th network")
    given = parser.parse_args()
    chosen = list(networks())[:: given.every]
    figures = {
        "programs": of_programs(),
        "right networks": of_right(chosen, given.seeds),
        "wrong networks": of_wrong(chosen),
        "speed": of_speed(),
    }
    figures["targets"] = missed = targets(figures)
    print(json.dumps(figures, indent=2, ensure_ascii=False) if given.json else in_words(figures))
    return 1 if missed else 0


def of_programs() -> dict[str, Any]:
    """Count the programs, written as people write them, that are judged as they should be."""
    digits, seconds, other = [], [], []
    for program in programs():
        start = time.perf_counter()
        judged = program.judge()
        seconds.append(time.perf_counter() - start)
        expected = Verdict.REFUTED if program.faults else Verdict.VERIFIED
        if judged.verdict is not expected or tuple(array.name for array in judged.faults) != program.faults:
            other.append(program.name)
        elif judged:
            digits.append(judged.digits)
    return {
        "judged": len(seconds),
        "as they should be": len(seconds) - len(other),
        "otherwise": other,
        "right": len(digits),
        "fewest digits": min(digits),
        "median seconds": round(float(np.median(seconds)), 3),
        "most seconds": round(max(seconds), 3),
    }


def _verdict(source: str, network: Network, seed: int) -> Any:
    module = loaded(source)
    return gradproof.check_gradient(module.cost, module.gradient, *network.arguments, seed=seed)


def of_right(chosen: list[Network], seeds: int) -> dict[str, Any]:
    """Judge right gradients, none of which may be refuted."""
    counts, fewest, accused = Counter[str](), 99, []
    for number, network in enumerate(chosen):
        for seed in range(seeds):
            judged = _verdict(network.source, network, 1000 * number + seed)
            counts[judged.verdict.name.lower()] += 1
            if judged and not judged.conventions:  # only if read exactly
                fewest = min(fewest, judged.digits)
            if judged.verdict is Verdict.REFUTED:
                accused.append(f"{network}, seed {1000 * number + seed}")
    return {"runs": counts.total(), **counts, "fewest digits, read exactly": fewest, "accused": accused}


def of_wrong(chosen: list[Network]) -> dict[str, Any]:
    """Judge gradients with one line changed: they must be refuted unless they are the same function after all."""
    counts, missed = Counter[str](), []
    for number, network in enumerate(chosen):
        slips = list(wrong(network))
        for what, source in slips[number % 4 :: 4]:  # all of them would take an hour
            verdict = _verdict(source, network, number).verdict
            if is_the_same(network, what):
                counts["the same function"] += 1
                counts["the same function, accused"] += verdict is Verdict.REFUTED
                continue
            counts[verdict.name.lower()] += 1
            if verdict is not Verdict.REFUTED:
                missed.append(f"{network}: {what}")
    return {"variants": counts.total(), **counts, "not refuted": missed}


def of_speed() -> dict[str, Any]:
    """Time values and all gradients, a verdict warm and in a new process, and measure the memory of this process."""
    arguments = [np.zeros(s) for s in ((4, 3), (4, 1), (2, 4), (2, 1), (3, 2), (2, 2))]
    module = loaded(NETWORK)
    gradproof.check_gradient(module.cost, module.gradient, *arguments)
    start = time.perf_counter()
    gradproof.check_gradient(module.cost, module.gradient, *arguments, seed=1)
    warm = time.perf_counter() - start
    return {
        "[3, 4, 2], m = 2: value and gradients, ms": round(1e3 * sweep([3, 4, 2], 2, 50), 2),
        "[784, 30, 10], m = 1: value and gradients, s": round(sweep([784, 30, 10], 1, 3), 2),
        "check_gradient warm, s": round(warm, 3),
        "check_gradient cold, s": round(cold(), 2),
        "memory, MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def sweep(sizes: list[int], examples: int, rounds: int) -> float:
    """Return the seconds of a forward pass and a reverse sweep, the best of several rounds."""
    rng = np.random.default_rng(0)

    def variables(*shape: int) -> ExactArray:
        return array_of([variable(x) for x in rng.normal(size=shape).ravel().tolist()], shape)

    with running(Run()):
        names = run_source(NETWORK, "<network>", {})
        weights = [x for p, q in itertools.pairwise(sizes) for x in (variables(q, p), variables(q, 1))]
        data = [exact(rng.normal(size=(n, examples))) for n in (sizes[0], sizes[-1])]
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            differentiate(names["cost"](*weights, *data))
            times.append(time.perf_counter() - start)
    return min(times)


def cold() -> float:
    """Return the seconds of a whole process that gives one verdict."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "cold.py").write_text(NETWORK + ARGUMENTS)
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", COLD], cwd=folder, check=True, timeout=60)
        return time.perf_counter() - start


def targets(figures: dict[str, Any]) -> list[str]:
    """Return the targets that are missed."""
    right, wrongs, speed = figures["right networks"], figures["wrong networks"], figures["speed"]
    checked = {
        "every program is judged as it should be": not figures["programs"]["otherwise"],
        "right programs agree to 50 digits": figures["programs"]["fewest digits"] >= 50,
        "no right network is accused": not right["accused"] and not wrongs.get("the same function, accused"),
        "99.9 % of the wrong ones are refuted": len(wrongs["not refuted"]) <= wrongs["variants"] / 1000,
        "5 ms": speed["[3, 4, 2], m = 2: value and gradients, ms"] <= 5,
        "3 s for 784–30–10": speed["[784, 30, 10], m = 1: value and gradients, s"] <= 3,
        "1 s warm": speed["check_gradient warm, s"] <= 1,
        "3 s cold": speed["check_gradient cold, s"] <= 3,
        "1 GiB": speed["memory, MiB"] <= 1024,
    }
    return [name for name, met in checked.items() if not met]


def in_words(figures: dict[str, Any]) -> str:
    lines = []
    for name, part in figures.items():
        if isinstance(part, dict):
            lines += [name, *(f"  {key}: {value}" for key, value in part.items() if value not in ([], 0))]
    return "\n".join(
        [*lines, "missed: " + ", ".join(figures["targets"]) if figures["targets"] else "every target is met"]
    )


if __name__ == "__main__":
    sys.exit(main())
