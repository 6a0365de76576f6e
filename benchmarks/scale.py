"""Measure strong and weak scaling over devices and processes on this machine, and fit a cost model to it.

    python benchmarks/scale.py [--quick] [--json]

A device is a core: XLA gets one thread for each device of a process, or it would give one device all processors. Each
case runs in its own processes. The cases take turns, twice, and the faster run counts. The limit is the most that these
processors can gain: two processes that only multiply matrices, against one. What a user pays on one device is
`loop.train` with a Spread of one device against `loop.train` without, on the same steps. The model (costs.py) is fitted
to all networks but one, and tried on that one. Then it predicts many hosts.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack

from costs import HOSTS, TERMS, fitted, flops, on_hosts, parameters, terms

ENVIRONMENT = os.environ | {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
SMALL, MIDDLE, WIDE, WIDEST = (784, 30, 10), (784, 256, 256, 10), (784, 1024, 1024, 10), (784, 4096, 4096, 10)
HELD_OUT = (784, 512, 512, 10)
CASES = [  # sizes, m, devices of each process, processes
    *((SMALL, 10, n, p) for n, p in ((1, 1), (2, 1), (1, 2), (1, 4))),  # four processes: the messages of a ring
    *((MIDDLE, 256, n, p) for n, p in ((1, 1), (2, 1), (1, 2))),
    *((MIDDLE, 512, n, p) for n, p in ((2, 1), (1, 2))),  # weak scaling, against 256 on one
    *((WIDE, 1024, n, p) for n, p in ((1, 1), (2, 1), (1, 2))),
    *((WIDE, 2048, n, p) for n, p in ((2, 1), (1, 2))),  # weak scaling
    *((WIDEST, 4096, n, p) for n, p in ((1, 1), (2, 1), (1, 2))),
]
UNSEEN = [(HELD_OUT, 512, n, p) for n, p in ((1, 1), (2, 1), (1, 2))]  # a network left out of the fit


def one(sizes, m, devices, processes, process, port, budget):
    """Print the seconds per step: on the mesh, in order, and by the reference without a mesh if there is one device."""
    import jax
    import numpy as np

    import reference
    from gradproof.problem import starting_parameters
    from reference import mesh

    jax.config.update("jax_num_cpu_devices", devices)
    if processes > 1:
        jax.distributed.initialize(f"127.0.0.1:{port}", processes, process, initialization_timeout=60)
    rng, n = np.random.default_rng(0), max(m, 2000)
    images, targets = rng.random((n, 784), np.float32), np.eye(10, dtype=np.float32)[rng.integers(10, size=n)]
    start = starting_parameters(sizes, 0, "scaled")
    k = int(max(1, min(250, 2e9 / flops(sizes, m))))
    batches = rng.integers(0, n, (k, m))
    contestants = {}
    with jax.set_mesh(mesh.over()):
        placed = mesh.place(images), mesh.place(targets)
        contestants["mesh"] = lambda: mesh.descend(*start, *placed, batches, 1.0)
        if parameters(sizes) * m * 4 < 2**28:
            contestants["in order"] = lambda: mesh.descend(*start, *placed, batches, 1.0, mesh.in_order)
        if devices * processes == 1:
            here = jax.device_put((images, targets))
            contestants["reference"] = lambda: reference.descend(*start, *here, batches, 1.0)
        best = dict.fromkeys(contestants, float("inf"))
        rounds = 0
        until = time.perf_counter() + budget
        for contestant in contestants.values():
            jax.block_until_ready(contestant())
        while rounds < 3 or (processes == 1 and time.perf_counter() < until) or (processes > 1 and rounds < 8):
            rounds += 1
            for name, contestant in contestants.items():
                begin = time.perf_counter()
                jax.tree.map(np.asarray, jax.block_until_ready(contestant()))
                best[name] = min(best[name], (time.perf_counter() - begin) / k)
            if flops(sizes, m) > 1e11 and rounds == 3:
                break
    if process == 0:
        print(json.dumps(best))


def user(rounds, steps):
    """Print the median seconds of `loop.train` without and with a Spread of one device, run in turn, and the ratio."""
    from gradproof.train import loop, mnist
    from gradproof.train.data_parallel import Spread

    digits, settings, spread = mnist.load(), loop.Settings("reference"), Spread(1)
    digits = digits._replace(train=mnist.DataSet(*(part[: steps * settings.batch] for part in digits.train[:2])))

    def seconds(spread):
        begin = loop.begin(settings)
        for state in loop.train(settings, digits, start=begin, spread=spread):
            return state.history[-1].seconds

    pairs = [(seconds(None), seconds(spread)) for _ in range(rounds + 1)][1:]  # the first pair compiles
    without, with_spread = zip(*pairs, strict=True)
    ratio = statistics.median(b / a for a, b in pairs)
    print(json.dumps([statistics.median(without), statistics.median(with_spread), ratio]))


def products(n, seconds):
    """Print how many products of n × n matrices NumPy does per second in one thread."""
    import numpy as np

    a = np.random.default_rng(0).random((n, n), np.float32)
    a @ a
    count, begin = 0, time.perf_counter()
    while time.perf_counter() < begin + seconds:
        a @ a
        count += 1
    print(count / (time.perf_counter() - begin))


def limit(n=1024, seconds=2.0):
    """Return how many times as many products two processes do as one, which no way to share the work can exceed."""

    def rate(processes):
        return sum(map(float, outputs([["--products", json.dumps([n, seconds])]] * processes)))

    return rate(2) / max(rate(1), rate(1))


def outputs(arguments, threads=1):
    """Return what this script prints in parallel processes. They end with this one; if one fails, show its errors."""
    with ExitStack() as stack:
        running = []
        for own in arguments:
            said = stack.enter_context(tempfile.TemporaryFile("w+"))
            command, environment = [sys.executable, __file__, *own], ENVIRONMENT | {"NPROC": str(threads)}
            process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=said, text=True)
            stack.callback(stack.enter_context(process).kill)
            running.append((process, said))
        printed = [process.communicate(timeout=900)[0] for process, _ in running]
        for process, said in running:
            if process.returncode:
                said.seek(0)
                sys.exit(f"{' '.join(process.args)} ended by {process.returncode}:\n{said.read()}")
        return printed


def measured(case, budget, threads=None):
    """Return the best times of `one`; XLA has `threads` threads, or one for each device."""
    *_, devices, processes = case
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    each = [["--one", json.dumps([*case, process, port, budget])] for process in range(processes)]
    return json.loads(outputs(each, threads or devices)[0].splitlines()[-1])


def rows(by_case, coefficients):
    """Yield what was measured, case by case, with the model's prediction."""
    for case, best in by_case.items():
        sizes, m, devices, processes = case
        alone = by_case.get((sizes, m, 1, 1), {}).get("mesh")
        model = sum(c * t for c, t in zip(coefficients, terms(case), strict=True))
        yield {
            "sizes": sizes, "m": m, "devices": devices, "processes": processes, "seconds": best["mesh"],
            "times_faster": alone / best["mesh"] if alone else None,
            "over_reference": best["mesh"] / best["reference"] if "reference" in best else None,
            "all_threads": best["all threads"] / best["mesh"] if "all threads" in best else None,
            "in_order": best["in order"] / best["mesh"] if "in order" in best else None,
            "model": model / best["mesh"], "fitted": case not in UNSEEN,
        }  # fmt: skip


def table(entries):
    """Print the entries as a table in Markdown."""
    entries = list(entries)
    print("\n| " + " | ".join(entries[0]) + " |\n" + "|---" * len(entries[0]) + "|")
    for entry in entries:
        print("| " + " | ".join(f"{v:.3g}" if isinstance(v, float) else str(v) for v in entry.values()) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round of the small networks")
    parser.add_argument("--json", action="store_true")
    for hidden in ("--one", "--products", "--user"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    options = parser.parse_args()
    for work, given in ((one, options.one), (products, options.products), (user, options.user)):
        if given:
            work(*json.loads(given))
            return
    cases = [case for case in [*CASES, *UNSEEN] if not (options.quick and max(case[0][1:]) > 512)]
    by_case = {case: {} for case in cases}
    most = limit()
    print(f"limit of two processors: {most:.2f}", file=sys.stderr, flush=True)
    paid = json.loads(outputs([["--user", json.dumps([3, 500] if options.quick else [15, 5000])]])[0])
    print(f"loop.train without and with a Spread of one device: {paid}", file=sys.stderr, flush=True)
    for _ in range(1 if options.quick else 2):
        for case, best in by_case.items():
            found = measured(case, 1 if options.quick else 3)
            if case[2:] == (1, 1):  # XLA's default: one device with every processor
                found["all threads"] = measured(case, 1, os.cpu_count())["reference"]
            for name, seconds in found.items():
                best[name] = min(best.get(name, float("inf")), seconds)
            print(f"{case}: {best}", file=sys.stderr, flush=True)
    fit = [case for case in cases if case not in UNSEEN]
    coefficients = fitted(fit, [by_case[case]["mesh"] for case in fit])
    model = {f"s/{term}": float(c) for term, c in zip(TERMS, coefficients, strict=True)}
    hosts = [on_hosts(coefficients, sizes, n) for sizes in (SMALL, MIDDLE, WIDE, WIDEST) for n in HOSTS]
    spread = dict(zip(("seconds", "with_spread", "ratio"), paid, strict=True))
    if options.json:
        said = {"limit": most, "loop_train": spread, "rows": list(rows(by_case, coefficients))}
        print(json.dumps(said | {"model": model, "hosts": hosts}, indent=1))
        return
    print(f"two processors do {most:.2f} times the matrix products of one")
    print(f"loop.train with a Spread of one device takes {paid[2]:.3f} times as long as without; it may be 1.05")
    table(rows(by_case, coefficients))
    table([model])
    table(
        {"sizes": h["sizes"], "hosts": h["hosts"]} | {f"m_h = {each}": e for each, e in h["efficiency"].items()}
        | {"faster from m_h": h["pays_from"], "half of n from m_h": h["half_from"]} for h in hosts
    )  # fmt: skip


if __name__ == "__main__":
    main()
