"""Measure the peak memory of a proof, a submission or a proven training by the amount of work, each in its own process.

.venv/bin/python benchmarks/memory.py [--counts 10000,100000,1000000] [--log | --submission FILE.py | --train BACKEND]

Counts are of networks or, for a training, of epochs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

LONGEST = 7200  # seconds


def peak(*words: str) -> float:
    """Return the most memory, in MiB, that this command takes from start to end."""
    line = [sys.executable, "-m", "gradproof", *words, "--json"]
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
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--log", action="store_true", help="keep what is judged, as gradproof prove --log does")
    what.add_argument("--submission", metavar="FILE.py", default="", help="a backprop, judged on so many networks")
    what.add_argument("--train", metavar="BACKEND", help="gradproof train --verify, so many epochs of 784,30,10")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    found = {}
    for count in map(int, chosen.counts.split(",")):
        with tempfile.TemporaryDirectory() as place:
            words = [*(["check", chosen.submission] if chosen.submission else ["prove"]), "--architectures", str(count)]
            words += ["--log", place] if chosen.log else []
            if chosen.train:
                run = os.path.join(place, "run")
                words = ["train", "--backend", chosen.train, "--epochs", str(count), "--verify", "--out", run]
            found[count] = round(peak(*words))
        if not chosen.json:
            print(f"{count:>10,} {'epochs  ' if chosen.train else 'networks'}  {found[count]:5} MiB", flush=True)
    if chosen.json:
        said = {"log": chosen.log, "submission": chosen.submission, "train": chosen.train, "peak_mib": found}
        print(json.dumps(said))


if __name__ == "__main__":
    main()
