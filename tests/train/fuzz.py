"""Many mutated data sets through the parser, in a process of its own so that its memory can be measured.

    python tests/train/fuzz.py COUNT SEED

Prints as JSON how many were read and how many refused, and by how many MiB the memory grew; ends with exit code 1
and the command that shows it again where anything but a DataError is raised.
"""

import gzip
import json
import resource
import struct
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from gradproof.errors import DataError
from gradproof.train import mnist

EXTREMES = [0, 1, 2, 0x0801, 0x0803, 0x0D03, 2**16, 2**30, 2**31 - 1, 2**31, 2**32 - 1]


def idx(shape: tuple[int, ...], content: bytes) -> bytes:
    return struct.pack(f">{1 + len(shape)}I", 0x0800 + len(shape), *shape) + content


def a_valid_set() -> dict[str, bytes]:
    """Four small files, two of them gzipped."""
    return {
        "train-images-idx3-ubyte": idx((12, 2, 3), bytes(range(72))),
        "train-labels-idx1-ubyte.gz": gzip.compress(idx((12,), bytes([5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5])), mtime=0),
        "t10k-images-idx3-ubyte.gz": gzip.compress(idx((3, 2, 3), bytes(range(200, 218))), mtime=0),
        "t10k-labels-idx1-ubyte": idx((3,), bytes([7, 2, 1])),
    }


def mutated(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    """The file with one to four changes; what was gzipped is changed inside, outside, or both."""
    if data.startswith(b"\x1f\x8b") and rng.random() < 0.5:
        data = gzip.compress(mutated(gzip.decompress(data), others, rng), mtime=0)
        if rng.random() < 0.8:
            return data
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(0, len(data) + 1))
        match int(rng.integers(0, 7)):
            case 0:  # a bit
                if at < len(data):
                    data = data[:at] + bytes([data[at] ^ 1 << int(rng.integers(8))]) + data[at + 1 :]
            case 1:  # a few bytes
                data = data[:at] + rng.bytes(int(rng.integers(1, 5))) + data[at:]
            case 2:  # an end
                data = data[:at]
            case 3:  # a hole
                data = data[:at] + data[at + int(rng.integers(1, 9)) :]
            case 4:  # a piece twice
                data = data[:at] + data[max(0, at - 8) : at] + data[at:]
            case 5:  # a piece of another file
                other = others[int(rng.integers(len(others)))]
                data = data[:at] + other[int(rng.integers(len(other))) :]
            case 6:  # a word of the header
                word = 4 * int(rng.integers(0, 4))
                data = data[:word] + struct.pack(">I", EXTREMES[int(rng.integers(len(EXTREMES)))]) + data[word + 4 :]
    return data


def main(count: int, seed: int) -> int:
    files, read, refused = a_valid_set(), 0, 0
    shown = time.monotonic()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as place:
        for name, data in files.items():
            (Path(place) / name).write_bytes(data)
        mnist.load(Path(place))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for number in range(count):
            rng = np.random.default_rng([seed, number])
            name = list(files)[int(rng.integers(4))]
            mutant = mutated(files[name], list(files.values()), rng)
            (Path(place) / name).write_bytes(mutant)
            try:
                loaded = mnist.load(Path(place))
                assert all(len(part.images) == len(part.labels) and part.labels.max() <= 9 for part in loaded)
                read += 1
            except DataError as error:
                refused += str(error).isprintable()  # or the numbers do not add up
            except BaseException as error:
                print(f"{name} = {mutant!r} raises {error!r}: number {number}, python {sys.argv[0]} {count} {seed}")
                return 1
            (Path(place) / name).write_bytes(files[name])
            if sys.stderr.isatty() and time.monotonic() - shown > 1:
                shown = time.monotonic()
                print(f"\r{number} of {count}", end="", file=sys.stderr, flush=True)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(json.dumps({"read": read, "refused": refused, "grown_MiB": round(grown, 1)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
