"""The two backends and their common protocol. Each is imported on first use, because JAX takes a second to load."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from gradproof import interruption
from gradproof.errors import UsageError

if TYPE_CHECKING:
    from gradproof.problem import Answer, Array, Problem

NAMES = ("handcrafted", "reference")


class Backend(Protocol):
    """The functions that `handcrafted` and `reference` share, with the same shapes (see Problem)."""

    def feedforward(self, weights: Sequence[Any], biases: Sequence[Any], x: Any) -> tuple[list[Any], list[Any]]:
        """Return the lists [z¹ … z^L] and [a⁰ … a^L]."""

    def cost(self, weights: Sequence[Any], biases: Sequence[Any], x: Any, y: Any) -> Any:
        """Return C = (1/2m) Σ_x ‖y − a^L‖²."""

    def gradients(
        self, weights: Sequence[Any], biases: Sequence[Any], x: Any, y: Any
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """Return (δ, ∂C/∂b, ∂C/∂w), layer 1 first."""

    def step(
        self, weights: Sequence[Any], biases: Sequence[Any], x: Any, y: Any, eta: float
    ) -> tuple[list[Any], list[Any]]:
        """Return (weights, biases) after one step of gradient descent."""


class Descent(Protocol):
    """Many steps in a row: `reference.descent`, `train.by_hand` and `train.spread.Spread`."""

    def descend(
        self, weights: Sequence[Any], biases: Sequence[Any], images: Any, targets: Any, batches: Any, eta: float
    ) -> tuple[list[Any], list[Any]]:
        """Return (weights, biases) after one step for each row of batches (k, m)."""

    def trajectory(
        self, weights: Sequence[Any], biases: Sequence[Any], images: Any, targets: Any, batches: Any, eta: float
    ) -> tuple[list[Any], list[Any]]:
        """Return (weights, biases) before each step and after the last, stacked along a first axis (k + 1)."""


def load(name: str) -> Backend:
    """Return the backend of that name. UsageError if there is none."""
    if name not in NAMES:
        raise UsageError(f"there is no backend {name!r}; choose one of {', '.join(NAMES)}")
    with interruption.hold_signals():
        backend = import_module(name)
    if name == "reference":  # its first import switched this on, but gradproof.check resets it
        import_module("jax").config.update("jax_enable_x64", True)
    return cast(Backend, backend)


def keep_compiled() -> None:
    """Cache what XLA compiles in the user's cache folder: the next run takes two thirds of the time or less."""
    jax = import_module("jax")
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    # JAX writes entries in place. A process that reads half of one compiles it again, which is not worth a warning.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache entry")
    if not jax.config.values["jax_compilation_cache_dir"]:
        jax.config.update("jax_compilation_cache_dir", os.path.join(home, "gradproof"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@cache
def quickly(function: Any) -> Any:
    """Return a jitted function that compiles in a third of the time, which pays if a shape is used only a few times.

    Wide layers spend most of their time in matrix products, which are as fast.
    """
    jax = import_module("jax")
    options: dict[str, Any] = {"xla_backend_optimization_level": 0}
    if jax.__version_info__ < (0, 11):  # later versions refuse options that they do not know
        options["xla_cpu_use_fusion_emitters"] = False
    return jax.jit(function.__wrapped__, compiler_options=options)


def put(name: str, array: Any) -> Any:
    """Move an array to where the backend computes: JAX would copy a data set to its device at every call."""
    return import_module("jax").device_put(array) if name == "reference" else array


def answer(backend: Backend, problem: Problem) -> Answer:
    """Return everything that a backend computes for a problem, as the answer to a stack of one."""

    import numpy as np  # only here: the command line needs just NAMES

    from gradproof.problem import Answer

    def stacked(arrays: Sequence[Any]) -> list[Array]:
        return [np.asarray(array)[None] for array in arrays]

    zs, activations = backend.feedforward(problem.weights, problem.biases, problem.x)
    delta, grad_b, grad_w = map(stacked, backend.gradients(*problem))
    (cost,) = stacked([backend.cost(*problem)])
    return Answer(stacked(zs), stacked(activations), cost, delta, grad_b, grad_w)
