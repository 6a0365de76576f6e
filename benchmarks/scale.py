"""Strong and weak scaling over devices and processes on this machine, and a cost model fitted to it.

    python benchmarks/scale.py [--quick] [--json]

A device is a core: XLA gets as many threads as a process has devices, or it would give one device all processors.
Each case runs in processes of its own, the cases in turn, twice, and the faster counts. The limit is what these
processors can gain at most: two processes that only multiply matrices, beside one. The model is fitted to the cases
but one network, and tried on that one.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from itertools import pairwise

ENVIRONMENT = os.environ | {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
SMALL, MIDDLE, WIDE, WIDEST = [784, 30, 10], [784, 256, 256, 10], [784, 1024, 1024, 10], [784, 4096, 4096, 10]
CASES = [  # sizes, m, devices of each process, processes
    *((SMALL, 10, n, p) for n, p in ((1, 1), (2, 1), (1, 2))),
    *((MIDDLE, 256, n, p) for n, p in ((1, 1), (2, 1), (1, 2))),
    *((MIDDLE, 512, n, p) for n, p in ((2, 1), (1, 2))),  # weak, beside 256 on one
    *((WIDE, 1024, n, p) for n, p in ((1, 1), (2, 1), (1, 2))),
    *((WIDE, 2048, n, p) for n, p in ((2, 1), (1, 2))),  # weak
    *((WIDEST, 4096, n, p) for n, p in ((1, 1), (2, 1), (1, 2))),
]
UNSEEN = [(WIDE, 512, n, p) for n, p in ((1, 1), (2, 1), (1, 2))]  # not fitted to
HOSTS = {"8": 8, "64": 64, "4096": 4096}
CORES, LINK, HOP = 32, 3e9, 20e-6  # assumed of a host: cores, bytes a second to its neighbour, seconds a message


def flops(sizes, m):
    """2 for each weight and example forwards, 2 for ∂C/∂w, and 2 for δ where there is a layer below."""
    products = [a * b for a, b in pairwise(sizes)]
    return m * (4 * sum(products) + 2 * sum(products[1:]))


def parameters(sizes):
    return sum(b * (a + 1) for a, b in pairwise(sizes))


def one(sizes, m, devices, processes, process, port, budget):
    """Seconds a step: on the mesh, in order, and by the reference on one device without a mesh, if there is but one."""
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


def products(n, seconds):
    """Products of n × n matrices a second by NumPy, in one thread."""
    import numpy as np

    a = np.random.default_rng(0).random((n, n), np.float32)
    a @ a
    count, begin = 0, time.perf_counter()
    while time.perf_counter() < begin + seconds:
        a @ a
        count += 1
    print(count / (time.perf_counter() - begin))


def limit(n=1024, seconds=2.0):
    """How many times as many products two processes do as one of them: what no way to share the work can exceed."""

    def rate(processes):
        command = [sys.executable, __file__, "--products", json.dumps([n, seconds])]
        running = [
            subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) for _ in range(processes)
        ]
        return sum(float(process.communicate()[0]) for process in running)

    return rate(2) / max(rate(1), rate(1))


def measured(case, budget, threads=None):
    """The best of `one`; XLA has a thread for each device, or `threads`."""
    sizes, m, devices, processes = case
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = [
        subprocess.Popen(
            [sys.executable, __file__, "--one", json.dumps([sizes, m, devices, processes, process, port, budget])],
            env=ENVIRONMENT | {"NPROC": str(threads or devices)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for process in range(processes)
    ]
    out = [process.communicate(timeout=600)[0] for process in running]
    return json.loads(out[0].splitlines()[-1])


def terms(case):
    """What a step's seconds are linear in: FLOPs of a device, parameters, a step, and by either transport an
    all-reduce and its bytes."""
    sizes, m, devices, processes = case
    n = devices * processes
    sent = 4 * parameters(sizes) * 2 * (n - 1) / n
    own, hosts = float(n > 1 and processes == 1), float(processes > 1)
    return [flops(sizes, m) / n, parameters(sizes), 1, own, own * sent, hosts, hosts * sent]


def fitted(cases, seconds):
    """Non-negative coefficients by least squares of the relative errors; what comes out negative is left out."""
    import numpy as np

    a = np.array([terms(case) for case in cases]) / np.array(seconds)[:, None]
    used = list(range(a.shape[1]))
    while True:
        found = np.linalg.lstsq(a[:, used], np.ones(len(a)), rcond=None)[0]
        if (found >= 0).all():
            break
        used.pop(int(found.argmin()))
    coefficients = np.zeros(a.shape[1])
    coefficients[used] = found
    return coefficients


def predicted(coefficients, sizes, m, hosts):
    """A step on that many hosts of CORES cores, the all-reduce in a ring over a network of LINK and HOP."""
    per_flop, per_parameter, step, *_ = coefficients
    alone = flops(sizes, m) / hosts * per_flop / CORES + parameters(sizes) * per_parameter / CORES + step
    if hosts == 1:
        return alone
    return alone + 2 * (hosts - 1) * HOP + 4 * parameters(sizes) * 2 * (hosts - 1) / hosts / LINK


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round, without the widest")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--products", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.products:
        products(*json.loads(options.products))
        return
    if options.one:
        one(*json.loads(options.one))
        return
    cases = [case for case in [*CASES, *UNSEEN] if not (options.quick and case[0] == WIDEST)]
    results = [{} for _ in cases]
    most = limit()
    print(f"limit of two processors: {most:.2f}", file=sys.stderr, flush=True)
    for _ in range(1 if options.quick else 2):
        for case, best in zip(cases, results, strict=True):
            found = measured(case, 1 if options.quick else 3)
            if case[2:] == (1, 1):  # as it comes: one device, and every processor its own
                found["all threads"] = measured(case, 1, os.cpu_count())["reference"]
            for name, seconds in found.items():
                best[name] = min(best.get(name, float("inf")), seconds)
            print(f"{case}: {best}", file=sys.stderr, flush=True)
    by_case = {json.dumps(case): best for case, best in zip(cases, results, strict=True)}
    fit = [case for case in cases if case not in UNSEEN]
    coefficients = fitted(fit, [by_case[json.dumps(case)]["mesh"] for case in fit])

    def row(case):
        sizes, m, devices, processes = case
        best = by_case[json.dumps(case)]
        alone = by_case.get(json.dumps((sizes, m, 1, 1)), {}).get("mesh")
        model = sum(c * t for c, t in zip(coefficients, terms(case), strict=True))
        return {
            "sizes": sizes, "m": m, "devices": devices, "processes": processes, "seconds": best["mesh"],
            "times_faster": alone / best["mesh"] if alone else None,
            "over_reference": best["mesh"] / best["reference"] if "reference" in best else None,
            "all_threads": best["all threads"] / best["mesh"] if "all threads" in best else None,
            "in_order": best["in order"] / best["mesh"] if "in order" in best else None,
            "model": model / best["mesh"], "fitted": case not in UNSEEN,
        }  # fmt: skip

    rows = [row(case) for case in cases]
    hosts = [
        {"sizes": sizes, "m": m, "hosts": n,
         "efficiency": predicted(coefficients, sizes, m, 1) / n / predicted(coefficients, sizes, m, n)}
        for sizes in (SMALL, MIDDLE, WIDE, WIDEST) for m in (1024, 16384, 262144, 4194304) for n in HOSTS.values()
    ]  # fmt: skip
    names = ["s/FLOP", "s/parameter", "s/step", "s/all-reduce (devices)", "s/byte (devices)", "s/all-reduce (processes)", "s/byte (processes)"]  # noqa: E501  # fmt: skip
    model = dict(zip(names, map(float, coefficients), strict=True))
    if options.json:
        print(json.dumps({"limit": most, "rows": rows, "model": model, "hosts": hosts}, indent=1))
        return
    print(f"two processors do {most:.2f} times the matrix products of one")
    for r in rows:
        print("  ".join(f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in r.items()))
    print(model)
    for r in hosts:
        print("  ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in r.items()))


if __name__ == "__main__":
    main()
