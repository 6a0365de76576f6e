"""Measure what it costs to prove every step: `gradproof train --verify` against the plain run.

    python benchmarks/verify.py [--rounds 3] [--epochs 30] [--sizes 784,30,10] [--backend handcrafted] [--json]

Whole commands run in turn, as real processes without their page. Each has two figures: the seconds of the process, and
those of descent and proof that the run itself notes, with XLA's compilation. A ratio is the median of the ratios within
a round. Both commands must end at the same weights, to the last bit.

Then one weight in one of the last steps is moved by 0.01. The run must stop there and name the step, and the recorded
step must be refuted again when it is read back.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gradproof.backends import NAMES
from gradproof.numerics.verdict import root
from gradproof.problem import Parameters
from gradproof.train import handcrafted_descent, loop, mnist, proof, refuted_step, steps
from gradproof.train.loop import Settings
from gradproof.train.step import StepError

MOVED = 17  # steps before the last


def command(settings: Settings, *more: str) -> tuple[float, dict[str, Any]]:
    """Return the seconds of the process, and its report on the run."""
    line = [sys.executable, "-m", "gradproof", "train", "--backend", settings.backend, "--dtype", settings.dtype]
    line += ["--sizes", ",".join(map(str, settings.sizes)), "--epochs", str(settings.epochs)]
    # So that OpenBLAS takes its kernels for this processor: some environments ask for others.
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        done = subprocess.run(
            [*line, "--no-page", "--json", "--out", str(Path(folder, "run")), *more],
            env=environment,
            capture_output=True,
            text=True,
            timeout=3600,
        )
        seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(line)} ended with exit code {done.returncode}: {done.stderr}")
    return seconds, json.loads(done.stdout)


def measured(settings: Settings, rounds: int) -> dict[str, Any]:
    """Return the medians of the seconds, and of their ratios within a round."""
    times: dict[str, list[float]] = {"plain_s": [], "proven_s": [], "plain_descent_s": [], "proven_descent_s": []}
    for _ in range(rounds):
        plain_s, plain = command(settings)
        proven_s, proven = command(settings, "--verify")
        if plain["run_hash"] != proven["run_hash"]:
            sys.exit("the proven run is another run than the plain one")
        descents = [sum(epoch["seconds"] for epoch in run["epochs"]) for run in (plain, proven)]
        for name, seconds in zip(times, (plain_s, proven_s, *descents), strict=True):
            times[name].append(seconds)
    pairs = {"ratio": ("proven_s", "plain_s"), "ratio_of_descents": ("proven_descent_s", "plain_descent_s")}
    ratios = {
        name: statistics.median(a / b for a, b in zip(times[more], times[less], strict=True))
        for name, (more, less) in pairs.items()
    }
    about = {"verified": proven["verified_steps"], "of": proven["steps"], "worst": proven["worst_ratio"]}
    return {name: statistics.median(row) for name, row in times.items()} | ratios | about


def planted(settings: Settings, digits: mnist.Mnist, number: int) -> dict[str, Any]:
    """Return the report on a run with one wrong weight in one step, and on that step read back from its file."""
    network, name = steps.descent_of(settings.backend), "trajectory"
    if network is handcrafted_descent:
        name = "trajectories"
    taken, done = getattr(network, name), 0

    def wrong(path: Parameters) -> Parameters:
        nonlocal done
        weights, biases = ([np.array(layer) for layer in part] for part in path)
        at, done = number - done, done + len(weights[0]) - 1
        if 0 < at < len(weights[0]):
            weights[-1][at:, 3, 5] += 0.01
        return weights, biases

    def pieces(*arguments: Any) -> Iterator[Parameters]:
        return map(wrong, taken(*arguments))

    setattr(network, name, pieces if network is handcrafted_descent else lambda *arguments: wrong(taken(*arguments)))
    try:
        for _ in loop.train(settings, digits, verify=True):
            pass
    except StepError as error:
        with tempfile.TemporaryDirectory() as folder:
            again_number, step = refuted_step.load(refuted_step.save(error, Path(folder)))
            again = root(proof.exactly(step))
        said = str(error)
        return {"planted": number, "found": error.number, "said": said, "again": again is not None and again_number}
    finally:
        setattr(network, name, taken)
    raise SystemExit(f"the error planted in step {number} was not found")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--sizes", default="784,30,10")
    parser.add_argument("--backend", choices=NAMES, help="both by default")
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    digits, rows = mnist.load(), []
    sizes = tuple(map(int, options.sizes.split(",")))
    for backend in [options.backend] if options.backend else NAMES:
        settings = Settings(backend, sizes, options.epochs, dtype=options.dtype)
        row = {"backend": backend, "dtype": options.dtype} | measured(settings, options.rounds)
        rows.append(row | planted(settings, digits, row["of"] - MOVED))
    if options.json:
        print(json.dumps({"sizes": options.sizes, "epochs": options.epochs, "rounds": options.rounds, "rows": rows}))
        return
    print(f"{options.sizes}, {options.epochs} epochs, {options.dtype}, medians of {options.rounds} rounds\n")
    print(f"{'':12} {'plain':>9} {'proven':>9} {'ratio':>6}   {'its descents':>12} {'with proof':>11} {'ratio':>6}")
    for r in rows:
        whole = f"{r['plain_s']:7.1f} s {r['proven_s']:7.1f} s {r['ratio']:6.2f}"
        descents = f"{r['plain_descent_s']:10.1f} s {r['proven_descent_s']:9.1f} s {r['ratio_of_descents']:6.2f}"
        print(f"{r['backend']:12} {whole}   {descents}")
    for r in rows:
        print(f"\n{r['backend']}: {r['verified']} of {r['of']} steps verified, worst {r['worst']:.3f} of its bound")
        print(f"moved in step {r['planted']}: {r['said']}; read back, step {r['again']} is refuted")


if __name__ == "__main__":
    main()
