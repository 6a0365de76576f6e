"""Gradient descent spread over the devices of one or several processes, on a JAX mesh, in place of the backend's own.

All processes run the same training. Each draws the same shuffles, reads its own copy of the digits, gives its devices
their share of every mini-batch, and holds the same parameters. Only sums of gradients are exchanged. Only the first
process writes and prints.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from gradproof.errors import MachineError, UsageError
from gradproof.problem import Array

JOINING = 300  # seconds to wait for the other processes at the start
NAME = 4096  # bytes of a path that are sent
STATUS = re.compile(r"[A-Z_]+: ")  # how messages from JAX's C++ begin, in exceptions of several classes


class Spread:
    """A Descent, with `put`, on a mesh of the devices of all processes.

    Methods in which the processes communicate raise LostError if another process is lost.
    """

    def __init__(self, devices: int | None, reproducible: bool = False) -> None:
        import jax

        from reference import mesh

        here = jax.local_device_count()
        if devices is not None and devices != here and (devices > here or jax.process_count() > 1):
            raise UsageError(f"--devices {devices}, but JAX has {here} here; choose that many or leave it out")
        self.mesh = mesh.over(devices if jax.process_count() == 1 else None)
        self.gradient = mesh.in_order if reproducible else mesh.summed
        said = [f"{self.mesh.size} device{'s' * (self.mesh.size != 1)}"]
        said += [f"{jax.process_count()} processes"] * (jax.process_count() > 1) + ["reproducible"] * reproducible
        self.said = ", ".join(said)

    def put(self, array: Array) -> Any:
        """Return the array placed on every device."""
        import jax

        from reference import mesh

        with jax.set_mesh(self.mesh):
            return mesh.place(array)

    def descend(
        self, weights: Sequence[Any], biases: Sequence[Any], images: Any, targets: Any, batches: Any, eta: float
    ) -> tuple[list[Any], list[Any]]:
        """Return (weights, biases) after one step for each row of batches (k, m)."""
        import jax

        from reference import mesh

        with together(), jax.set_mesh(self.mesh):
            moved = mesh.descend(weights, biases, images, targets, batches, eta, self.gradient)
            return jax.block_until_ready(moved)

    def trajectory(
        self, weights: Sequence[Any], biases: Sequence[Any], images: Any, targets: Any, batches: Array, eta: float
    ) -> tuple[list[Any], list[Any]]:
        """Return (weights, biases) before each step and after the last, stacked along a first axis (k + 1)."""
        path = [(list(weights), list(biases))]
        for rows in batches:
            path.append(self.descend(*path[-1], images, targets, rows[None], eta))
        w, b = (
            [np.stack(list(map(np.asarray, layer))) for layer in zip(*part, strict=True)]
            for part in zip(*path, strict=True)
        )
        return w, b

    def any(self, here: bool) -> bool:
        """Whether `here` is true in any of the processes."""
        return bool(_gathered(np.array([here])).any())

    def longest(self, seconds: float) -> float:
        """Return the longest time of all processes, so that all of them base their decisions on the same number."""
        return float(_gathered(np.array([seconds])).max())

    def of_the_first(self, text: str) -> str:
        """Return the first process's `text`, such as the folder of the run, which only that process chooses."""
        padded = np.zeros(NAME, np.uint8)
        own = np.frombuffer(os.fsencode(text)[:NAME], np.uint8)
        padded[: len(own)] = own
        return os.fsdecode(_gathered(padded)[0].tobytes().rstrip(b"\0"))

    def insist_on_the_same(self, *what: Any) -> None:
        """Raise UsageError unless `what` is the same in all processes."""
        digest = np.frombuffer(hashlib.sha256(repr(what).encode()).digest(), np.uint8)
        if (_gathered(digest) != digest).any():
            raise UsageError(
                "the processes differ in settings, digits, versions, weights or checkpoint; "
                "start all with the same options"
            )


class LostError(MachineError):
    """Another process is lost; within the heartbeat JAX reports which one."""


@contextmanager
def together() -> Iterator[None]:
    """Raise LostError if another process is lost while the processes communicate in this block."""
    import jax

    try:
        yield
    except (jax.errors.JaxRuntimeError, ValueError) as error:
        if jax.process_count() == 1 or not STATUS.match(str(error)):
            raise
        raise LostError(f"another process is lost ({' '.join(str(error).split())[:200]})") from None


def _gathered(array: Array) -> Array:
    """Return the arrays of all processes, one per row."""
    import jax
    from jax.experimental import multihost_utils

    if jax.process_count() == 1:
        return array[None]
    with together():
        rows: Array = np.asarray(multihost_utils.process_allgather(array))
    return rows.reshape(-1, *array.shape)


def is_first() -> bool:
    """Whether this process is the one that writes and prints."""
    import jax

    return jax.process_index() == 0


def devices_of_this_process(devices: int | None) -> None:
    """Make JAX treat the processor as this many devices. Call it before JAX computes anything."""
    import jax

    if devices is not None:
        with suppress(RuntimeError):  # JAX has started already; Spread raises if the devices are too few
            jax.config.update("jax_num_cpu_devices", devices)


@contextmanager
def joined(coordinator: str, processes: int | None, process: int | None, heartbeat: int) -> Iterator[None]:
    """Join this process with the others for the duration; "auto" has JAX ask the cluster's launcher for them.

    Raises UsageError if the processes cannot be determined, MachineError if they do not find each other in time.
    """
    import jax

    try:
        jax.distributed.initialize(
            None if coordinator == "auto" else coordinator,
            num_processes=processes,
            process_id=process,
            heartbeat_timeout_seconds=heartbeat,
            initialization_timeout=JOINING,
            shutdown_timeout_seconds=heartbeat,
        )
    except ValueError as error:
        reason = " ".join(str(error).split())
        said = "there is no launcher (SLURM, Open MPI, …) to ask" if coordinator == "auto" else reason
        raise UsageError(f"{said}; give --coordinator HOST:PORT, --processes and --process") from None
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise MachineError(f"the processes did not all connect to {coordinator}: {reason}") from None
    yield
    with together():
        jax.distributed.shutdown()  # waits for the others, so only if nothing went wrong
