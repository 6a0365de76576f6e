"""The most memory that the proof takes, by how many networks are judged: each count in a process of its own.

.venv/bin/python benchmarks/memory.py [--counts 10000,100000,1000000] [--log] [--json]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

LONGEST = 7200  # seconds


def peak(count: int, *options: str) -> float:
    """MiB at the most, from start to end."""
    line = [sys.executable, "-m", "gradproof", "check", "--architectures", str(count), "--json", *options]
    measured = "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:], timeout=7200).returncode"
    measured += "; print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(code)"
    done = subprocess.run(
        [sys.executable, "-c", measured, *line], env=os.environ, capture_output=True, text=True, timeout=LONGEST
    )
    if done.returncode:
        sys.exit(f"{' '.join(line)} ended with exit code {done.returncode}: {done.stderr}")
    return int(done.stderr.split()[-1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", default="10000,100000,1000000")
    parser.add_argument("--log", action="store_true", help="keep what is judged, as gradproof check --log does")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    found = {}
    for count in map(int, chosen.counts.split(",")):
        with tempfile.TemporaryDirectory() as place:
            found[count] = round(peak(count, *(["--log", place] if chosen.log else [])))
        if not chosen.json:
            print(f"{count:>10,} networks  {found[count]:5} MiB", flush=True)
    if chosen.json:
        print(json.dumps({"log": chosen.log, "peak_mib": found}))


if __name__ == "__main__":
    main()
