"""The cost of a step on many devices: the model of docs/scale.md, fitted to the measurements of benchmarks/scale.py."""

import os
from bisect import bisect_left
from itertools import pairwise

HOSTS = 8, 64, 4096
EACH = 512, 4400  # examples of a mini-batch on each host
CORES, LINK, HOP = 32, 3e9, 20e-6  # assumed for a host: cores, bytes per second to its neighbour, seconds per message


def flops(sizes, m):
    """Count, for each weight and example, 2 forwards, 2 for ∂C/∂w, and 2 for δ if there is a layer below."""
    products = [a * b for a, b in pairwise(sizes)]
    return m * (4 * sum(products) + 2 * sum(products[1:]))


def parameters(sizes):
    return sum(b * (a + 1) for a, b in pairwise(sizes))


TERMS = "FLOP", "parameter", "step", "all-reduce (devices)", "byte (devices)", "message (processes)", "byte (processes)"


def terms(case):
    """Return what a step's seconds are linear in, in the order of TERMS: FLOPs per core, parameters, a step, and for
    either transport the all-reduce (2(n − 1) messages in a ring of processes) and its bytes."""
    sizes, m, devices, processes = case
    n = devices * processes
    sent = 4 * parameters(sizes) * 2 * (n - 1) / n
    own, hosts = float(n > 1 and processes == 1), float(processes > 1)
    cores = min(n, os.cpu_count())
    return [flops(sizes, m) / cores, parameters(sizes), 1, own, own * sent, hosts * 2 * (n - 1), hosts * sent]


def fitted(cases, seconds):
    """Fit non-negative coefficients by least squares of the relative errors; negative ones are left out in turn."""
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
    """Predict a step's seconds on hosts of CORES cores each, with a ring all-reduce over a network of LINK and HOP."""
    per_flop, per_parameter, step, *_ = coefficients
    alone = flops(sizes, m) / hosts * per_flop / CORES + parameters(sizes) * per_parameter / CORES + step
    if hosts == 1:
        return alone
    return alone + 2 * (hosts - 1) * HOP + 4 * parameters(sizes) * 2 * (hosts - 1) / hosts / LINK


def on_hosts(coefficients, sizes, n):
    """Return the efficiency t(1)/(n t(n)) with EACH examples per host, and from how many examples per host n hosts are
    faster than one, and more than n/2 times as fast. t(1) is one host with all n times as many examples."""

    def gain(each):
        return predicted(coefficients, sizes, n * each, 1) / predicted(coefficients, sizes, n * each, n)

    pays, half = (bisect_left(range(1, 2**40), True, key=lambda each: gain(each) > of) + 1 for of in (1, n / 2))
    efficiency = {str(each): gain(each) / n for each in EACH}
    return {"sizes": sizes, "hosts": n, "efficiency": efficiency, "pays_from": pays, "half_from": half}
