"""Judge whole programs in the forms that people use: verdict, expected verdict, and seconds, file by file.

    python benchmarks/reach.py [--json] [--match TEXT]

Each file of tests/judge/programs and tests/judge/submissions is judged unchanged by `gradproof check FILE --json`, one
after the other, in its own process and an empty folder. The exit code is 1 if a verdict is false or a file is left
behind.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.judge.corpus import HERE, ODD, OPEN, SUBMISSIONS, THREADS, expected

LONGEST = 600  # seconds to wait for one verdict


def judged(path: Path) -> dict[str, Any]:
    """Return what the command reports on a file, the seconds it took, and the files it left behind."""
    command = [sys.executable, "-P", "-m", "gradproof", "check", str(path), "--json"]
    with tempfile.TemporaryDirectory() as place:
        since = time.perf_counter()
        try:
            ended = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=LONGEST)
            found = json.loads(ended.stdout or "{}")
            code, trouble = ended.returncode, found.get("error") or ended.stderr.strip()[-200:]
        except subprocess.TimeoutExpired:
            found, code, trouble = {}, None, f"no verdict in {LONGEST} seconds"
        seconds = time.perf_counter() - since
        left = sorted(os.listdir(place))
    return {
        "file": path.relative_to(HERE).as_posix(),
        "expected": expected(path),
        "verdict": found.get("verdict") or "refused",
        "exit code": code,
        "seconds": round(seconds, 2),
        "judged": (found.get("subject") or {}).get("name", ""),
        "network": found.get("network"),
        "trouble": trouble if not found.get("verdict") else "",
        "left behind": left,
    }


def class_of(row: dict[str, Any]) -> str:
    if row["verdict"] == row["expected"]:
        return "rightly"
    return "refused" if row["verdict"] in ("refused", "undecided") else "falsely"


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return counts by folder and in all, and the seconds."""
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        for group in ("/".join(row["file"].split("/")[:-1]), "all"):
            counts.setdefault(group, Counter(rightly=0, falsely=0, refused=0))[class_of(row)] += 1
    seconds = [row["seconds"] for row in rows]
    return {
        "counts": {group: dict(count) for group, count in counts.items()},
        "median seconds": round(statistics.median(seconds), 2),
        "max seconds": max(seconds),
        "left behind": sum(len(row["left behind"]) for row in rows),
    }


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        mark = {"rightly": " ", "refused": "?", "falsely": "!"}[class_of(row)]
        told = row["trouble"] or row["judged"]
        line = f"{mark} {row['verdict']:9} {row['expected']:8} {row['seconds']:6.2f} s  {row['file']}  {told}"
        yield " ".join(line.splitlines())[:180]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--match", default="", help="only the files in whose path this is")
    options = parser.parse_args()
    files = [path for path in (*OPEN, *ODD, *THREADS, *SUBMISSIONS) if options.match in str(path.relative_to(HERE))]
    if not files:
        sys.exit(f"no file has {options.match!r} in its path")
    rows = []
    for path in files:
        rows.append(judged(path))
        if not options.json:
            print(*table(rows[-1:]), flush=True)
    found = summary(rows)
    if options.json:
        print(json.dumps(found | {"files": rows}, ensure_ascii=False))
    else:
        for group, count in found["counts"].items():
            print(f"{group:20} " + "  ".join(f"{name} {number:3}" for name, number in count.items()))
        print(
            f"median {found['median seconds']} s, at most {found['max seconds']} s, {found['left behind']} left behind"
        )
    sys.exit(1 if found["counts"]["all"]["falsely"] or found["left behind"] else 0)


if __name__ == "__main__":
    main()
