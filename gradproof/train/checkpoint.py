"""Checkpoints: the complete state of a run on disk, so that a killed run continues as if nothing had happened.

Two files in the run's folder take turns, so that one stays intact while the other is written. Both are safetensors:
w1, b1, w2, b2, …, those of the best epoch as best_w1, best_b1, …, and `history` (epochs, 7), one Epoch a row in
float64. Everything else is text in the metadata. Its `sha256` is that of the whole file with 64 zeros in its own place,
so no bit can change unnoticed.
"""

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as deserialised
from safetensors.numpy import save as serialised

from gradproof import files
from gradproof.errors import DataError
from gradproof.problem import Array
from gradproof.train import mnist
from gradproof.train.loop import Best, Epoch, Settings, State, best_of
from gradproof.train.saved_run import named
from gradproof.train.step import Proven

FILES = ("checkpoint-0.safetensors", "checkpoint-1.safetensors")
FORMAT = "gradproof checkpoint 3"
LARGEST = 2**32  # bytes; a checkpoint of the largest network has half of that
ZEROS = "0" * 64
BEST = "best_"  # prefix of the names of the best epoch's arrays
ARRAYS = ("weights", "biases", "history", "best")  # fields of State kept as arrays; the others are text


Position = tuple[int, int]  # the epoch, and how many of its mini-batches are done


class Checkpoint(NamedTuple):
    """A run between two steps, and what it was started with."""

    settings: Settings
    state: State
    data: str | None  # the folder of its digits; None for the shipped ones
    digits: str  # their fingerprint
    versions: Mapping[str, str]  # of Python and the packages it was written with
    generation: int = 0  # number of checkpoints of the run written before this one
    verify: bool = False  # whether the run's steps are judged

    @property
    def position(self) -> Position:
        """The place in the run's schedule."""
        return self.state.epoch, self.state.batch


def versions() -> dict[str, str]:
    """Return the versions that a run's numbers may depend on, besides its settings and the digits."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in ("gradproof", "numpy", "jax"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # run from a checkout, which must not cost the run
            found[package] = "not installed"
    return found


def fingerprint(digits: mnist.Mnist) -> str:
    """Return the SHA-256 of the shapes and bytes of all sets: equal digits, equal fingerprint."""
    digest = hashlib.sha256()
    for part in digits:
        for array in part[:2]:
            digest.update(f"{array.shape}\n".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def save(place: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint into a run's folder, over the older of the two there. Raises MachineError if that fails."""
    state = checkpoint.state
    position = {field: value for field, value in state._asdict().items() if field not in ARRAYS}
    arrays = dict(named(state.weights, state.biases))
    if best := state.best:
        arrays |= {f"{BEST}{name}": array for name, array in named(best.weights, best.biases)}
    arrays["history"] = np.array(state.history, np.float64).reshape(-1, len(Epoch._fields))
    metadata = {
        "format": FORMAT,
        "sha256": ZEROS,
        "settings": json.dumps(checkpoint.settings._asdict()),
        "position": json.dumps(position),
        "data": json.dumps([checkpoint.data, checkpoint.digits]),
        "versions": json.dumps(checkpoint.versions),
        "generation": str(checkpoint.generation),
        "verify": json.dumps(checkpoint.verify),
        "best": str(best.epoch if best else 0),
    }
    content = serialised(arrays, metadata)
    signed = content.replace(ZEROS.encode(), hashlib.sha256(content).hexdigest().encode(), 1)
    files.write(place / FILES[checkpoint.generation % 2], signed)


def load(place: Path, position: Position | None = None) -> tuple[Checkpoint, list[str]]:
    """Return the newest sound checkpoint in a run's folder, or the newest at `position`, and the faults of the others.

    Raises DataError if there is no sound one.
    """
    found, faults = sound(place)
    found = [each for each in found if position in (None, each.position)]
    if not found:
        raise DataError("; ".join(faults) or f"{place}: no checkpoint, so nothing was trained; start it again")
    return max(found, key=lambda checkpoint: checkpoint.generation), faults


def sound(place: Path) -> tuple[list[Checkpoint], list[str]]:
    """Return all sound checkpoints in a run's folder, and the faults of the others."""
    found, faults = [], []
    for name in FILES:
        if os.path.lexists(place / name):
            try:
                found.append(read(place / name))
            except DataError as error:
                faults.append(str(error))
    return found, faults


def read(file: Path) -> Checkpoint:
    """Return the checkpoint in a file. Raises DataError unless it is intact and in this FORMAT."""
    try:
        content = files.read(file, LARGEST)
        metadata = _metadata(content)
        if metadata.get("format") != FORMAT:
            read = f"this gradproof reads {FORMAT!r}; continue with the version that wrote it, or start a new run"
            raise DataError(f"is written in format {metadata.get('format')!r}, {read}")
        signed = metadata.get("sha256", "")
        unsigned = content.replace(signed.encode(), ZEROS.encode(), 1)
        if hashlib.sha256(unsigned).hexdigest() != signed:
            raise DataError("is damaged: its checksum does not match its content")
        return _checkpoint(metadata, deserialised(content))
    except OSError as error:
        reason = error.strerror or str(error)
    except MemoryError:
        reason = "too large for this machine's memory"
    except (SafetensorError, DataError) as error:
        reason = str(error)
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        reason = f"is not a checkpoint of gradproof ({type(error).__name__}: {error})"
    raise DataError(f"{file}: {reason}")


def _metadata(content: bytes) -> dict[str, str]:
    """Return the metadata of a safetensors file: 8 bytes give the length of the JSON header that follows."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 + length or not length:
        raise DataError("is cut short, or not a safetensors file")
    return _texts(json.loads(content[8 : 8 + length])["__metadata__"])


def _texts(found: object) -> dict[str, str]:
    """Return `found` if it is a dict of strings, else raise DataError."""
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise DataError("is not a checkpoint of gradproof (its metadata is not text)")
    return found


def _checkpoint(metadata: Mapping[str, str], arrays: dict[str, Array]) -> Checkpoint:
    """Build the checkpoint from metadata and arrays. Raises DataError if they do not fit together."""
    settings = Settings(**json.loads(metadata["settings"]))
    settings = settings._replace(sizes=tuple(settings.sizes))
    position = json.loads(metadata["position"])
    history = arrays.pop("history")
    shapes: dict[str, tuple[int, int]] = {}
    for layer, (fan_in, fan_out) in enumerate(pairwise(settings.sizes), start=1):
        shapes |= {f"w{layer}": (fan_out, fan_in), f"b{layer}": (fan_out, 1)}
    if at := int(metadata.get("best", "0")):
        shapes |= {f"{BEST}{name}": shape for name, shape in shapes.items()}
    if {name: array.shape for name, array in arrays.items()} != shapes or len(history) != position["epoch"] - 1:
        raise DataError("its arrays do not fit its settings")
    if not all(array.dtype == settings.dtype and np.isfinite(array).all() for array in arrays.values()):
        raise DataError(f"its weights are not finite numbers of {settings.dtype}")
    np.random.default_rng().bit_generator.state = position["shuffle"]  # raises if it is not a state
    kinds = Epoch.__annotations__.values()
    epochs = tuple(Epoch(*(kind(v) for kind, v in zip(kinds, row, strict=True))) for row in history.tolist())
    if not 0 <= at <= len(epochs) or (at and at != best_of(epochs).epoch):
        raise DataError("its best epoch is not the best of its history")

    def layers(kind: str) -> list[Array]:
        return [arrays[f"{kind}{layer}"] for layer in range(1, len(settings.sizes))]

    best = Best(at, layers(f"{BEST}w"), layers(f"{BEST}b")) if at else None
    proven = Proven(*position.pop("proven"))
    state = State(layers("w"), layers("b"), history=epochs, proven=proven, best=best, **position)
    data, digits = json.loads(metadata["data"])
    generation, verify = int(metadata["generation"]), json.loads(metadata.get("verify", "false")) is True
    return Checkpoint(settings, state, data, digits, _texts(json.loads(metadata["versions"])), generation, verify)
