"""gradproof: a network derived by hand, proven against autodiff."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradproof.train.saved import Saved

__all__ = ["__version__", "load"]
__version__ = "0.1.0"


def load(path: str | os.PathLike[str]) -> Saved:
    """A trained network from the folder of a run or its weights.safetensors; its `classify(images)` reads digits.

    DataError if the file holds no sound network.
    """
    from gradproof.train import saved  # not before it is needed: importing gradproof stays quick

    return saved.load(path)
