"""What it costs to prove every step: `gradproof train --verify` beside the plain training, on the same steps.

    python benchmarks/verify.py [--rounds 5] [--chunks 6] [--sizes 784,30,10] [--batch 10] [--json]
    python benchmarks/verify.py --epochs 30 [--dtype float32]      # whole runs, and one with a planted error

Both go through gradproof.train.loop, in turn, with as many threads as they like. Timed is what lies between two reports
of progress, descent and judgement, after the first, which compiles. The n-th stretch is the same 500 steps in every
round, so of each the minimum of all rounds is taken, and of these the sum.

With --epochs whole runs are timed, once each: every one of their steps is proven. Then one weight in one of the last
steps is moved by 0.01: the run must stop there and name the step, and the recorded step must be
refuted again when it is read back.
"""

import argparse
import json
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from gradproof.backends import NAMES
from gradproof.numerics.verdict import root
from gradproof.train import loop, mnist, proof, recorded
from gradproof.train.loop import Settings, State
from gradproof.train.step import StepError

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


def whole(settings: Settings, digits: mnist.Mnist) -> dict[str, Any]:
    """Seconds of the descent in a plain run and of descent and proof in a proven one, and what was proven."""
    plain, proven = (list(loop.train(settings, digits, verify=verify))[-1] for verify in (False, True))
    ends = zip(plain.weights + plain.biases, proven.weights + proven.biases, strict=True)
    if not all(np.array_equal(p, q) for p, q in ends):
        raise SystemExit("the proven run is another run than the plain one")
    seconds, verified = (sum(epoch.seconds for epoch in state.history) for state in (plain, proven))
    about = proven.proven._asdict() | {"correct": proven.history[-1].correct}
    return {"plain_s": seconds, "verified_s": verified, "ratio": verified / seconds} | about


def planted(settings: Settings, digits: mnist.Mnist, number: int) -> dict[str, Any]:
    """What is said of a run in which one weight of one step is wrong, and of that step read back from its file."""
    network = loop.descent_of(settings.backend)
    trajectory, done = network.trajectory, 0

    def wrong(*arguments: Any) -> Any:
        nonlocal done
        weights, biases = ([np.array(layer) for layer in part] for part in trajectory(*arguments))
        at, done = number - done, done + len(weights[0]) - 1
        if 0 < at < len(weights[0]):
            weights[-1][at:, 3, 5] += 0.01
        return weights, biases

    network.trajectory = wrong  # type: ignore[method-assign]
    try:
        for _ in loop.train(settings, digits, verify=True):
            pass
    except StepError as error:
        with tempfile.TemporaryDirectory() as folder:
            again_number, step = recorded.load(recorded.save(error, Path(folder)))
            again = root(proof.exactly(step))
        said = str(error)
        return {"planted": number, "found": error.number, "said": said, "again": again is not None and again_number}
    finally:
        network.trajectory = trajectory  # type: ignore[method-assign]
    raise SystemExit(f"the error planted in step {number} was not found")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chunks", type=int, default=6)
    parser.add_argument("--sizes", default="784,30,10")
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--epochs", type=int, help="time whole runs instead")
    parser.add_argument("--dtype", choices=DTYPES, help="this alone")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    digits, rows = mnist.load(), []
    dtypes = [options.dtype] if options.dtype else DTYPES
    if options.epochs:
        sizes = tuple(map(int, options.sizes.split(",")))
        for dtype in dtypes:
            for backend in NAMES:
                settings = Settings(backend, sizes, epochs=options.epochs, batch=options.batch, dtype=dtype)
                row = {"backend": backend, "dtype": dtype} | whole(settings, digits)
                row |= planted(settings, digits, row["steps"] - 17)
                rows.append(row)
                print(json.dumps(row), flush=True)
        return
    for dtype in dtypes:
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
