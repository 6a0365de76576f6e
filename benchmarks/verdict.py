"""Measure the seconds until `gradproof check FILE` has its verdict: cold, with nothing compiled before, and warm.

    python benchmarks/verdict.py [--rounds 5] [--file tests/judge/submissions/book.py] [--json]

Real processes run one after the other. Cold means an empty folder for what XLA compiles, warm is the next run; in both
the files are in the machine's memory. A process that only imports JAX is timed as well, because most of the time is
spent there. The rest is gradproof's.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def seconds(*arguments: str, cache: str) -> float:
    environment = os.environ | {"XDG_CACHE_HOME": cache}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    since = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600
    )
    if done.returncode not in (0, 1):
        sys.exit(f"{' '.join(arguments)} ended with exit code {done.returncode}: {done.stderr}")
    return time.perf_counter() - since


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--file", default="tests/judge/submissions/book.py")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows: dict[str, list[float]] = {"cold": [], "warm": [], "import jax": []}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as cache:
            for row in ("cold", "warm"):
                rows[row].append(seconds("-m", "gradproof", "check", options.file, cache=cache))
            rows["import jax"].append(seconds("-c", "import jax", cache=cache))
    found = {row: {"min": min(times), "median": statistics.median(times)} for row, times in rows.items()}
    if options.json:
        print(json.dumps({"file": options.file, "rounds": options.rounds, "seconds": found}))
        return
    for row, each in found.items():
        print(f"{row:12} min {each['min']:5.2f} s   median {each['median']:5.2f} s")


if __name__ == "__main__":
    main()
