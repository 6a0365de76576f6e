"""The weights and results of a run on disk.

`weights.safetensors` holds w1, b1, w2, b2, …, that is w^l (n_l, n_{l−1}) and b^l (n_l, 1), all float32 or all float64,
and the settings as text in its metadata. `best.safetensors` holds the weights after the epoch that read most validation
images, unless the run keeps only the last. `run.json` holds what `gradproof train --json` prints.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialised

from gradproof import backends, files
from gradproof.errors import DataError
from gradproof.problem import Array
from gradproof.train import mnist, reading
from gradproof.train.reading import Layers

WEIGHTS, BEST, RESULTS = "weights.safetensors", "best.safetensors", "run.json"
FORMAT = "1"
DTYPES = ("F32", "F64")


class Saved(NamedTuple):
    """A trained network."""

    weights: list[Array]
    biases: list[Array]

    def __repr__(self) -> str:
        sizes = [self.weights[0].shape[1], *map(len, self.biases)]
        return f"Saved({'-'.join(map(str, sizes))}, {self.weights[0].dtype})"

    def classify(self, images: Array, backend: str = "handcrafted") -> Array:
        """Return the digits (n,) read in the rows of images (n, pixels), uint8 or 0.0 (white) to 1.0 (black).

        Raises DataError for any other images, UsageError for an unknown backend.
        """
        network, images = backends.load(backend), np.asarray(images)
        pixels, dtype = self.weights[0].shape[1], self.weights[0].dtype
        if images.ndim != 2 or images.shape[1] != pixels:
            raise DataError(f"images are {images.shape}; this network reads (n, {pixels}), one image a row")
        if images.dtype == np.uint8:
            rows = mnist.pixels(images, dtype)
        elif np.issubdtype(images.dtype, np.floating) and np.all((images >= 0) & (images <= 1)):
            rows = images.astype(dtype)
        else:
            raise DataError("images must be uint8, or floats from 0.0 (white) to 1.0 (black)")
        parts = reading.split(len(rows), [pixels, *map(len, self.biases)])
        read = [reading.read(network, self.weights, self.biases, rows[part].T) for part in parts]
        return np.concatenate([np.empty(0, np.intp), *read])


def save(place: Path, weights: Layers, biases: Layers, settings: Mapping[str, object], name: str = WEIGHTS) -> Path:
    """Write the weights into a run's folder and return the path. Raises MachineError if that fails."""
    try:
        written_by = version("gradproof")
    except PackageNotFoundError:  # run from a checkout, which must not cost the weights
        written_by = "not installed"
    metadata = {"format": FORMAT, "gradproof": written_by}
    metadata |= {key: str(value) for key, value in settings.items()}
    files.write(place / name, serialised(dict(named(weights, biases)), metadata))
    return place / name


def load(path: str | os.PathLike[str]) -> Saved:
    """Return the network in a run's folder or a .safetensors file. Raises DataError if it holds no sound one."""
    file = Path(path)
    try:
        file = file / WEIGHTS if file.is_dir() else file
        with files.opened(file), safe_open(file, framework="numpy") as stored:
            return _network(stored)
    except OSError as error:
        reason = error.strerror or str(error)
    except (SafetensorError, DataError, ValueError) as error:
        reason = str(error)
    except MemoryError:
        reason = "too large for this machine's memory"
    raise DataError(f"{file}: {reason}; give the folder of a run of `gradproof train`, or its {WEIGHTS}")


def run_hash(weights: Layers, biases: Layers) -> str:
    """Return the SHA-256 of name, dtype, shape and little-endian bytes of w1, b1, w2, …: equal weights, equal hash."""
    digest = hashlib.sha256()
    for name, array in named(weights, biases):
        digest.update(f"{name} {array.dtype.name} {array.shape}\n".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def named(weights: Layers, biases: Layers) -> Iterator[tuple[str, Array]]:
    for layer, (w, b) in enumerate(zip(weights, biases, strict=True), start=1):
        yield f"w{layer}", np.ascontiguousarray(w)
        yield f"b{layer}", np.ascontiguousarray(b)


def _network(stored: Any) -> Saved:
    """Return the network in an open file, checking names, dtypes and shapes before any number is read."""
    if (written := (stored.metadata() or {}).get("format", FORMAT)) != FORMAT:
        raise DataError(f"is written in format {written}, this gradproof reads format {FORMAT}")
    names = set(stored.keys())
    layers = range(1, len(names) // 2 + 1)
    if not names or names != {f"{kind}{layer}" for kind in "wb" for layer in layers}:
        raise DataError("its arrays are not named w1, b1, w2, b2, …")
    dtype = stored.get_slice("w1").get_dtype()
    if dtype not in DTYPES:
        raise DataError(f"w1 is {dtype}, weights are F32 or F64")
    weights, biases = [], []
    columns = (stored.get_slice("w1").get_shape() or [0])[-1]
    for layer in layers:
        rows = (stored.get_slice(f"b{layer}").get_shape() or [0])[0]
        weights.append(_array(stored, f"w{layer}", dtype, (rows, columns)))
        biases.append(_array(stored, f"b{layer}", dtype, (rows, 1)))
        columns = rows
    return Saved(weights, biases)


def _array(stored: Any, name: str, dtype: str, shape: tuple[int, int]) -> Array:
    """Return one array. Raises DataError unless it is finite and has the dtype and shape that the others call for."""
    promised = stored.get_slice(name)
    found = promised.get_dtype(), tuple(promised.get_shape())
    if 0 in shape or found != (dtype, shape):
        raise DataError(f"{name} is {found[0]} {found[1]}, which does not fit the other arrays")
    array: Array = stored.get_tensor(name)
    if not np.isfinite(array).all():
        raise DataError(f"{name} holds numbers that are not finite")
    return array
