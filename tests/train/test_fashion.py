"""Any four IDX files of MNIST's names will do: Fashion-MNIST, from Debian's package dataset-fashion-mnist."""

from pathlib import Path

import numpy as np
import pytest

from gradproof.train import mnist
from gradproof.train.loop import Settings, train

FASHION = Path("/usr/share/datasets/fashion-mnist")
pytestmark = pytest.mark.skipif(
    not FASHION.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed (make thorough installs it)"
)


def test_fashion_mnist_is_read_and_learned() -> None:
    sets = mnist.load(FASHION)
    assert [part.images.shape for part in sets] == [(50_000, 784), (10_000, 784), (10_000, 784)]
    assert np.bincount(sets.test.labels).tolist() == [1000] * 10
    (end,) = train(Settings("handcrafted", epochs=1, init="scaled", eta=1.0), sets)
    assert end.history[-1].correct > 7500
