"""What NumPy programs do, run exactly, is what they do in float64; and the exact run stays exact."""

import math
import random
import warnings
from typing import Any

import numpy as np
import pytest

from gradproof.exact.arrays import array_of
from gradproof.exact.loading import run_source
from gradproof.exact.numbers import Number, variable
from gradproof.exact.run import Run, running
from tests.exact.snippets import SNIPPETS

HEAD = """import numpy as np, math, random
from scipy.special import expit, erf, erfc, logsumexp, softmax, log_softmax, xlogy, logit
from scipy.signal import correlate2d, convolve2d
"""
INEXACT = ("round", "int(", "clip")  # a snippet with one of these may note what it does
rng = np.random.default_rng(0)
GIVEN: dict[str, Any] = {
    "A": rng.normal(size=(3, 4)),
    "B": rng.normal(size=(4, 2)),
    "v": rng.normal(size=4),
    "s": float(rng.normal()),
    "k": np.array([0, 2, 1, 2]),
}


def exactly(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return array_of([variable(x) for x in value.ravel()], value.shape)
    return variable(value) if isinstance(value, float) else value


def flat(value: Any) -> Any:
    """Lists of plain numbers, for a comparison."""
    if isinstance(value, np.matrix) or type(value).__name__ == "Matrix":
        value = value.A
    if isinstance(value, np.ndarray):
        return [flat(item) for item in value] if value.ndim else flat(value.item())
    if isinstance(value, list | tuple):
        return [flat(item) for item in value]
    if isinstance(value, dict):
        return {key: flat(item) for key, item in value.items()}
    if isinstance(value, Number):
        return float(value.value.mid())
    return value.item() if isinstance(value, np.generic) else value


def close(a: Any, b: Any) -> bool:
    """Equal but for what float64 rounds; the exact run is held to the float run here, never the other way round."""
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, float) and isinstance(b, int | float):
        return a == b or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
    return bool(a == b)


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_an_exact_run_gives_what_the_float_run_gives(snippet: str) -> None:
    states = np.random.get_state(), random.getstate()
    plain = {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in GIVEN.items()}
    with warnings.catch_warnings(action="ignore"):
        exec(HEAD + snippet, plain)
        np.random.set_state(states[0])
        random.setstate(states[1])
        with running(Run()) as run:
            names = {name: exactly(value) for name, value in GIVEN.items()}
            ours = flat(run_source(HEAD + snippet, "<snippet>", names)["r"])
    assert close(flat(plain["r"]), ours), (flat(plain["r"]), ours)
    assert not run.notes or any(word in snippet for word in INEXACT), run.notes
    assert np.array_equal(np.random.get_state()[1], states[0][1])  # the process's own streams have not moved
    assert random.getstate() == states[1]
