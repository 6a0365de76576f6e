"""What each equation is worth: a point, or what a teacher's TOML file says."""

import math
import tomllib
from collections.abc import Mapping
from typing import Any

from gradproof import files
from gradproof.errors import DataError
from gradproof.judge.float64.points import EQUATIONS

A_POINT = dict.fromkeys(EQUATIONS, 1)
LARGEST = 2**20  # bytes of a file
EXAMPLE = f"[points] with {', '.join(f'{name} = 1' for name in EQUATIONS)}"


def load(path: str) -> dict[str, float]:
    """The points of each equation in a file; 0 for one it does not name. DataError if it says anything else."""
    try:
        return _worth(tomllib.loads(files.read(path, LARGEST).decode("utf8")))
    except (OSError, ValueError, DataError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{path}: {reason}; a rubric is TOML, {EXAMPLE}") from None


def _worth(document: Mapping[str, Any]) -> dict[str, float]:
    points = document.get("points")
    if list(document) != ["points"] or not isinstance(points, dict):
        raise DataError("has more than a table [points], or none")
    if strange := [name for name in points if name not in EQUATIONS]:
        raise DataError(f"{strange[0]} is not an equation")
    for name, worth in points.items():
        if type(worth) not in (int, float) or not 0 <= worth < math.inf:
            raise DataError(f"{name} is worth {worth}, which is not a number of points")
    return {name: points.get(name, 0) for name in EQUATIONS}
