"""What it costs to prove every step: `gradproof train --verify` beside the plain training, on the same steps.

    python benchmarks/verify.py [--rounds 5] [--chunks 6] [--sizes 784,30,10] [--batch 10] [--json]

Both go through gradproof.train.loop, in turn, with as many threads as they like. Timed is what lies between two reports
of progress, descent and judgement, after the first, which compiles. The n-th stretch is the same 250 steps in every
round, so of each the minimum of all rounds is taken, and of these the sum.
"""

import argparse
import json
import time
from itertools import pairwise
from typing import Any

from gradproof.backends import NAMES
from gradproof.train import loop, mnist
from gradproof.train.loop import Settings, State

DTYPES = ("float32", "float64")


class Enough(Exception):  # noqa: N818  (ends a training, no error)
    pass


def stretches(settings: Settings, digits: mnist.Mnist, chunks: int, verify: bool) -> tuple[list[float], State]:
    """Seconds of each stretch after the first, and where they led."""
    moments: list[float] = []
    reached: list[State] = []

    def progress(state: State) -> None:
        moments.append(time.perf_counter())
        reached[:] = [state]
        if len(moments) > chunks:
            raise Enough

    try:
        for state in loop.states(settings, digits, loop.begin(settings), verify, most=loop.CHUNK):
            progress(state)
    except Enough:
        pass
    return [after - before for before, after in pairwise(moments)], reached[0]


def measured(settings: Settings, digits: mnist.Mnist, chunks: int, rounds: int) -> dict[str, Any]:
    """Microseconds a step of both, and their ratio."""
    least, state = {False: [float("inf")] * chunks, True: [float("inf")] * chunks}, {}
    for round_ in range(rounds + 1):
        for verify, best in least.items():
            times, state[verify] = stretches(settings, digits, chunks, verify)
            if round_:  # the first compiles
                least[verify] = list(map(min, best, times))
    if state[False].steps != state[True].steps:
        raise SystemExit("the stretches of both are not the same steps; choose smaller --sizes")
    steps, proven = state[True].steps * chunks / (chunks + 1), state[True].proven
    plain, verified = (1e6 * sum(least[verify]) / steps for verify in (False, True))
    about = {"verified": proven.verified, "of": proven.steps, "elements": proven.elements, "worst": proven.worst}
    return {"plain_us": plain, "verified_us": verified, "ratio": verified / plain} | about


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chunks", type=int, default=6)
    parser.add_argument("--sizes", default="784,30,10")
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    digits, rows = mnist.load(), []
    for dtype in DTYPES:
        for backend in NAMES:
            sizes = tuple(map(int, options.sizes.split(",")))
            settings = Settings(backend, sizes, epochs=1, batch=options.batch, dtype=dtype)
            row = measured(settings, digits, options.chunks, options.rounds)
            rows.append({"backend": backend, "dtype": dtype} | row)
    if options.json:
        print(json.dumps({"sizes": options.sizes, "rounds": options.rounds, "chunks": options.chunks, "rows": rows}))
        return
    print(f"{options.sizes}, m = {options.batch}, µs a step, minima of {options.rounds} rounds\n")
    print(f"{'':12} {'':8} {'plain':>8} {'verified':>9} {'ratio':>6}")
    for r in rows:
        told = f"{r['verified']} of {r['of']} steps verified, {r['elements']} elements, worst {r['worst']:.3f}"
        times = f"{r['plain_us']:8.1f} {r['verified_us']:9.1f} {r['ratio']:6.2f}"
        print(f"{r['backend']:12} {r['dtype']:8} {times}  {told}")


if __name__ == "__main__":
    main()
