"""The witness: the same network in JAX from its definition alone, every derivative by `jax.grad` or `jax.vjp`."""

import jax

jax.config.update("jax_enable_x64", True)  # once, on import: float64 stays float64, float32 stays float32

from reference.autodiff import gradients  # noqa: E402
from reference.descent import descend, step  # noqa: E402  (after the switch)
from reference.network import cost, feedforward  # noqa: E402

__all__ = ["cost", "descend", "feedforward", "gradients", "step"]
