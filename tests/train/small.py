"""A small data set on disk and small runs on it, for tests that train hundreds of times."""

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np

from gradproof.train import loop, saved_run
from gradproof.train.loop import Settings
from gradproof.train.run import Run

SIZES = (12, 8, 10)
SMALL = Settings("handcrafted", sizes=SIZES, epochs=2, batch=10, eta=3.0)


def idx(array: np.ndarray) -> bytes:
    head = struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape)
    return gzip.compress(head + array.tobytes(), mtime=0)


def put_digits(folder: Path) -> Path:
    """Images of 3 × 4 pixels whose brightest pixel tells the label: 105 to train, 21 to validate, 40 to test."""
    rng = np.random.default_rng(0)
    for part, n in (("train", 126), ("t10k", 40)):
        labels = rng.integers(0, 10, n).astype(np.uint8)
        images = rng.integers(0, 100, (n, 12)).astype(np.uint8)
        images[np.arange(n), labels] = 255
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(idx(images.reshape(n, 3, 4)))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(idx(labels))
    return folder


def train(run: Run, stop_at: int | None = None) -> str:
    """Train a run to its end, or to that many steps, and keep it; its run hash."""

    class Stop(Exception):  # noqa: N818
        pass

    def progress(state: Any) -> None:
        run.reached(state)
        if stop_at is not None and state.steps >= stop_at:
            raise Stop

    try:
        for state in loop.train(run.settings, run.digits, progress, run.state):
            run.reached(state)
    except Stop:
        pass
    run.finish()
    return saved_run.run_hash(run.state.weights, run.state.biases)
