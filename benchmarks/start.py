"""Measure how long `gradproof train` takes to its first steps, and how much memory a run of one epoch needs.

    python benchmarks/start.py [--rounds 5] [--sizes 784,30,10] [--json]

Real processes run in turn, with any number of threads. The start lasts from the creation of the process until its
first chunk of steps is done and on the disk, where `--checkpoint 0` puts it at once; then the process is killed. The
memory is the peak resident size of a whole run of one epoch: without its page, with it, and proven. All figures are
minima over the rounds.

This process imports nothing large, because a child's peak counts what its parent held when the child was created.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BACKENDS = ("handcrafted", "reference")
GENERATION = "checkpoint-1.safetensors"  # the second checkpoint; the first is written before the first step
MB = 2**20 if sys.platform == "darwin" else 2**10  # units of ru_maxrss in a MB


def begun(backend: str, sizes: str, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "gradproof", "train", "--backend", backend, "--sizes", sizes, "--epochs", "1"]
    return subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL)


def start(backend: str, sizes: str) -> float:
    """Return the seconds until the first steps are on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        out, since = Path(folder) / "run", time.perf_counter()
        child = begun(backend, sizes, "--no-page", "--checkpoint", "0", "--out", str(out))
        while not (out / GENERATION).exists():
            if child.poll() is not None:
                sys.exit(f"gradproof train --backend {backend} ended before its first steps")
            time.sleep(0.002)
        seconds = time.perf_counter() - since
        child.kill()
        child.wait(60)
    return seconds


def peak(backend: str, sizes: str, *options: str) -> float:
    """Return the peak memory of a run, in MB."""
    with tempfile.TemporaryDirectory() as folder:
        child = begun(backend, sizes, "--out", str(Path(folder) / "run"), *options)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"gradproof train --backend {backend} ended with exit code {child.returncode}")
    return usage.ru_maxrss / MB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", default="784,30,10")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    measures = {
        "seconds_to_the_first_steps": lambda backend: start(backend, options.sizes),
        "peak_mb": lambda backend: peak(backend, options.sizes, "--no-page"),
        "peak_mb_with_page": lambda backend: peak(backend, options.sizes),
        "peak_mb_proven": lambda backend: peak(backend, options.sizes, "--no-page", "--verify"),
    }
    found: dict[str, dict[str, list[float]]] = {backend: {name: [] for name in measures} for backend in BACKENDS}
    for _ in range(options.rounds):
        for backend, rows in found.items():
            for name, measure in measures.items():
                rows[name].append(measure(backend))
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MB  # must be below any child's, or it would hide theirs
    least = {backend: {name: min(row) for name, row in rows.items()} for backend, rows in found.items()}
    if options.json:
        print(json.dumps({"sizes": options.sizes, "rounds": options.rounds, "mb_of_this_process": own, "min": least}))
        return
    print(f"{options.sizes}, one epoch, minimum of {options.rounds}; this process itself {own:.0f} MB\n")
    print(f"{'':12} {'first steps after':>18} {'peak, no page':>15} {'peak, page':>12} {'peak, --verify':>15}")
    for backend, (seconds, *peaks) in ((backend, row.values()) for backend, row in least.items()):
        without, page, proven = peaks
        print(f"{backend:12} {seconds:16.2f} s {without:12.0f} MB {page:9.0f} MB {proven:12.0f} MB")


if __name__ == "__main__":
    main()
