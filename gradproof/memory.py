"""Checks that JAX can start in the available address space, since XLA would abort without a message."""

import resource
import subprocess
import sys

from gradproof.errors import MachineError

TRIED = "import jax, numpy; jax.jit(jax.grad(lambda x: (x @ x).sum()))(numpy.ones((64, 64))).block_until_ready()"
SECONDS = 120


def insist() -> None:
    """Raise MachineError if `ulimit -v` is too small for JAX; if it is set, try in a separate process."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return
    try:
        tried = subprocess.run([sys.executable, "-P", "-c", TRIED], capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return
    if tried.returncode:
        gibibytes = limit / 2**30
        raise MachineError(
            f"JAX does not start in {gibibytes:.2f} GiB of address space; allow more: ulimit -v unlimited"
        )
