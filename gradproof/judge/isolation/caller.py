"""Checks of the arguments of `gradproof.check`, and the restoring of its caller's process."""

import os
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral

import jax
import numpy as np

from gradproof.errors import UsageError

MOST = 10_000_000


def insist(networks: object, seed: object) -> None:
    """Raise UsageError unless both are whole numbers in range."""
    for name, value, least, most in (("networks", networks, 1, MOST), ("seed", seed, 0, None)):
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        if not whole or value < least or (most is not None and value > most):  # type: ignore[operator]
            said = f"from {least:,} to {most:,}" if most else f"of at least {least}"
            raise UsageError(f"{name} must be a whole number {said}, not {value!r:.50}")


@contextmanager
def undisturbed(x64: bool) -> Iterator[None]:
    """Restore random numbers, warnings, environment, folder, and the switches of Python, NumPy and JAX afterwards.

    `x64` is the value of JAX's switch before the import of the witness, which needs it on.
    """
    chance, chances = random.getstate(), np.random.get_state()
    environment, folder, printing, deepest = (
        dict(os.environ),
        os.getcwd(),
        np.get_printoptions(),
        sys.getrecursionlimit(),
    )
    jax.config.update("jax_enable_x64", True)
    try:
        with warnings.catch_warnings(), np.errstate():
            yield
    finally:
        jax.config.update("jax_enable_x64", x64)
        random.setstate(chance)
        np.random.set_state(chances)
        np.set_printoptions(**printing)
        sys.setrecursionlimit(deepest)
        os.chdir(folder)
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)
