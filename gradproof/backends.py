"""What a backend is, and the two backends. Each is imported when it is first used: JAX takes a second to load."""

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
    """What `handcrafted` and `reference` both are: the same functions of the same shapes (see Problem)."""

    def feedforward(self, weights: Sequence[Any], biases: Sequence[Any], x: Any) -> tuple[list[Any], list[Any]]:
        """The lists [z¹ … z^L] and [a⁰ … a^L]."""

    def cost(self, weights: Sequence[Any], biases: Sequence[Any], x: Any, y: Any) -> Any:
        """C = (1/2m) Σ_x ‖y − a^L‖²."""

    def gradients(
        self, weights: Sequence[Any], biases: Sequence[Any], x: Any, y: Any
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """(δ, ∂C/∂b, ∂C/∂w), layer 1 first."""

    def step(
        self, weights: Sequence[Any], biases: Sequence[Any], x: Any, y: Any, eta: float
    ) -> tuple[list[Any], list[Any]]:
        """(weights, biases) after one step of descent."""


class Descent(Protocol):
    """Many steps in a row: `reference.descent`, `train.by_hand` and `train.spread.Spread`."""

    def descend(
        self, weights: Sequence[Any], biases: Sequence[Any], images: Any, targets: Any, batches: Any, eta: float
    ) -> tuple[list[Any], list[Any]]:
        """(weights, biases) after one step for each row of batches (k, m)."""

    def trajectory(
        self, weights: Sequence[Any], biases: Sequence[Any], images: Any, targets: Any, batches: Any, eta: float
    ) -> tuple[list[Any], list[Any]]:
        """(weights, biases) before each of those steps and after the last, stacked along a first axis (k + 1)."""


def load(name: str) -> Backend:
    """The backend of that name."""
    if name not in NAMES:
        raise UsageError(f"there is no backend {name!r}; choose one of {', '.join(NAMES)}")
    with interruption.held():
        backend = import_module(name)
    if name == "reference":  # which switched it on as it was first imported; gradproof.check has put it back
        import_module("jax").config.update("jax_enable_x64", True)
    return cast(Backend, backend)


def keep_compiled() -> None:
    """Keep what XLA compiles in the user's cache: the next proof or verdict takes two thirds of the time, or less."""
    jax = import_module("jax")
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    # JAX writes an entry in place: a process that reads half of one compiles it again, and need not say so.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache entry")
    if not jax.config.values["jax_compilation_cache_dir"]:
        jax.config.update("jax_compilation_cache_dir", os.path.join(home, "gradproof"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@cache
def quickly(function: Any) -> Any:
    """What jax.jit made, compiled in a third of the time: where a shape is asked for a few times, nothing else counts.

    Most of what wide layers compute are products of matrices, and those are as fast.
    """
    jax = import_module("jax")
    options: dict[str, Any] = {"xla_backend_optimization_level": 0}
    if jax.__version_info__ < (0, 11):  # later ones refuse an option that they do not know
        options["xla_cpu_use_fusion_emitters"] = False
    return jax.jit(function.__wrapped__, compiler_options=options)


def put(name: str, array: Any) -> Any:
    """The array where that backend computes: JAX would copy a data set to its device again at every call."""
    return import_module("jax").device_put(array) if name == "reference" else array


def answer(backend: Backend, problem: Problem) -> Answer:
    """Everything that a backend computes of a problem, as the answer to a stack of one."""

    import numpy as np  # not before it is needed: the command line asks for NAMES alone

    from gradproof.problem import Answer

    def stacked(arrays: Sequence[Any]) -> list[Array]:
        return [np.asarray(array)[None] for array in arrays]

    zs, activations = backend.feedforward(problem.weights, problem.biases, problem.x)
    delta, grad_b, grad_w = map(stacked, backend.gradients(*problem))
    (cost,) = stacked([backend.cost(*problem)])
    return Answer(stacked(zs), stacked(activations), cost, delta, grad_b, grad_w)
