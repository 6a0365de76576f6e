"""Measure the experiments of the book's first chapter: three networks, several η, both starts, both backends.

    python benchmarks/book.py [--epochs 30] [--eta 3 --eta 100 …] [--sizes 784,30,10 …] [--seed 0]
                              [--dtype float32] [--json]

Mini-batches of 10 from 50,000 images. Shown are the test images read correctly, in % of 10,000, at the best epoch and
at the last one. "stopped" is a run that gradproof ended: saturated, no longer finite, or with a higher cost. Beside it
stands its best epoch before that, if it finished one.

Source: Nielsen, Neural Networks and Deep Learning, ch. 1: [784, 30, 10] with η = 3, 100 hidden neurons, η = 0.001,
which is too low, η = 100, which is too high, and no hidden layer. The book starts from N(0, 1) throughout.
"""

import argparse
import json
from typing import Any

from gradproof.backends import NAMES
from gradproof.train import loop, mnist
from gradproof.train.divergence import DivergenceError
from gradproof.train.loop import Settings

SIZES = ("784,10", "784,30,10", "784,100,10")
ETAS = (3.0, 100.0, 0.001, 10.0, 0.1)
STARTS = ("normal", "scaled")
COLUMN = 32


def measured(settings: Settings, digits: mnist.Mnist) -> dict[str, Any]:
    """Return the best and the last epoch of a run, and why it was stopped, if it was."""
    reached, stopped = [], None
    try:
        for state in loop.train(settings, digits):
            reached.append(state.history[-1])
    except DivergenceError as error:
        stopped = str(error)
    best = max(reached, key=lambda epoch: epoch.correct, default=None)
    kept = {"best": best, "last": reached[-1] if reached else None}
    return {name: epoch and epoch._asdict() for name, epoch in kept.items()} | {"stopped": stopped}


def cell(run: dict[str, Any]) -> str:
    """Return a cell of the table, such as 97.73 (epoch 28), 97.70."""
    if run["best"] is None:
        return "stopped in epoch 1"
    best, last = ((f"{100 * e['correct'] / e['test']:.2f}", e["epoch"]) for e in (run["best"], run["last"]))
    return f"{best[0]} (epoch {best[1]}), " + (f"stopped in epoch {last[1] + 1}" if run["stopped"] else last[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--eta", type=float, action="append", help=f"one or more; {', '.join(map(str, ETAS))}")
    parser.add_argument("--sizes", action="append", help=f"one or more; {', '.join(SIZES)}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    digits = mnist.load()
    rows = []
    if not options.json:
        print(
            f"{options.epochs} epochs, m = 10, {options.dtype}, seed {options.seed}: best epoch, last epoch, % of test"
        )
        print(f"{'η':>6}  {'sizes':13} {'start':7} " + "".join(f"{name:{COLUMN}}" for name in NAMES), flush=True)
    for eta in options.eta or ETAS:
        for sizes in options.sizes or SIZES:
            for init in STARTS:
                common = {"sizes": tuple(map(int, sizes.split(","))), "epochs": options.epochs, "eta": eta}
                common |= {"init": init, "seed": options.seed, "dtype": options.dtype}
                runs = {name: measured(Settings(name, **common), digits) for name in NAMES}
                rows.append(common | runs)
                if not options.json:
                    told = "".join(f"{cell(run):{COLUMN}}" for run in runs.values()).rstrip()
                    print(f"{eta:6g}  {sizes:13} {init:7} {told}", flush=True)
    if options.json:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()
