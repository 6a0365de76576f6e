"""The activations that a verdict names, one for each layer."""

from pathlib import Path

import pytest

from gradproof.judge.assessment import assess
from gradproof.judge.wording import lines

NET = """
import numpy as np
X, Y = np.random.randn(9, 3), np.random.randn(9, 2)
U, V, W = np.random.randn(3, 4), np.random.randn(4, 5), np.random.randn(5, 2)
for turn in range(10):
    h = np.maximum(0, X @ U)
    k = np.maximum(0, h @ V)
    d = k @ W - Y
    loss = 0.5 * np.sum(d ** 2)
    e = d @ W.T * (k > 0)
    f = e @ V.T * (h > 0)
    dW, dV, dU = k.T @ d, h.T @ e, X.T @ f
    U -= 0.1 * dU
    V -= 0.1 * dV
    W -= 0.1 * dW
"""
POSITIVE = NET.replace("randn", "rand")  # no z is negative at first
BY_MASK = NET.replace("h = np.maximum(0, X @ U)", "z = X @ U\n    h = z * (z > 0)")
LEAKY = NET.replace("k = np.maximum(0, h @ V)", "z = h @ V\n    k = np.where(z > 0, z, 0.01 * z)").replace(
    "* (k > 0)", "* np.where(z > 0, 1, 0.01)"
)
LINEAR = NET.replace("np.maximum(0, X @ U)", "X @ U").replace("* (h > 0)", "")


@pytest.mark.turns(2)
@pytest.mark.parametrize(
    ("source", "told"),
    [
        (NET, "ReLU, ReLU, linear"),
        (POSITIVE, "ReLU, ReLU, linear"),
        (BY_MASK, "ReLU, ReLU, linear"),
        (LEAKY, "ReLU, leaky ReLU (0.01), linear"),
        (LINEAR, "linear, ReLU, linear"),
    ],
)
def test_each_layer_has_its_own_name(source: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(source, "utf8")
    verdict = assess(str(tmp_path / "mine.py"))
    assert f"Σ(a − y)² ({told}; 3–4–5–2)" in lines(verdict, "mine.py")[0]
