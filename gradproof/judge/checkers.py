"""What the gradient checkers of other libraries, with their defaults, make of a gradient, beside the right one.

The rules are those of torch 2.13, jax 0.10, autograd 1.8 and scipy 1.17. Their difference quotients are replaced by the
derivatives that they approximate. Nothing of a verdict depends on this.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gradproof.problem import Array


class Checked(NamedTuple):
    """What a checker's rule says of a gradient."""

    name: str
    rule: str
    found: float  # the difference that the rule is about
    allowed: float | None  # the largest difference that it accepts, or None if it leaves that to its user

    @property
    def accepts(self) -> bool | None:
        """Whether the rule accepts the gradient; None if the user decides."""
        return None if self.allowed is None else self.found <= self.allowed

    def record(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {**self._asdict(), "accepts": self.accepts}


def checked(claimed: Sequence[Array], right: Sequence[Array]) -> list[Checked]:
    """Return what each checker says of the arrays of a gradient; [] if a number is not finite.

    jax and autograd compare one directional derivative. Both get the direction that jax draws.
    """
    rng = np.random.RandomState(0)
    direction = np.concatenate([np.ravel(rng.randn(*array.shape)) for array in claimed])
    times = abs(rng.randn())  # jax multiplies both sides by a random number
    g, q = (np.concatenate([np.ravel(array) for array in arrays]) for arrays in (claimed, right))
    if not (np.isfinite(g).all() and np.isfinite(q).all()):
        return []
    off, allowed = np.abs(g - q), 1e-5 + 1e-3 * np.abs(q)
    most = int(np.argmax(off - allowed))
    along, truly = float(g @ direction), float(q @ direction)
    gap, norm = abs(along - truly), float(np.linalg.norm(g - q))
    of_jax, of_autograd = 1e-5 * (1 + times * abs(truly)), 1e-6 * max(1.0, abs(along + truly))
    return [
        Checked(
            "torch gradcheck", "|g − q| ≤ 10⁻⁵ + 10⁻³ |q| for each element", float(off[most]), float(allowed[most])
        ),
        Checked("jax check_grads", "|c g·v − c q·v| ≤ 10⁻⁵ + 10⁻⁵ |c q·v|", times * gap, of_jax),
        Checked("autograd check_grads", "|g·v − q·v| ≤ 10⁻⁶, or 10⁻⁶ |g·v + q·v|", gap, of_autograd),
        Checked("scipy check_grad", "‖g − q‖, which you compare with what you choose", norm, None),
    ]
