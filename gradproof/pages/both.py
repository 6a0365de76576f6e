"""The page of two trainings on one schedule: equally good, and ever further apart."""

import math
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from gradproof.pages.chart import chart
from gradproof.pages.page import rendered
from gradproof.pages.run import learning
from gradproof.train.both import Pair
from gradproof.train.loop import Epoch
from gradproof.train.run import PAGE

POINTS = 400  # of the distance are drawn


def page(pair: Pair, result: Mapping[str, Any], curves: Mapping[str, Sequence[Epoch]]) -> str:
    """The whole page, HTML as text. `result` is what both.json holds, `curves` the epochs of each network."""
    apart = [(steps, math.log10(distance)) for steps, distance in result["distances"] if distance > 0]
    every, grown = max(1, -(-len(apart) // POINTS)), result["growth"]
    lines = {"measured": apart[::every]}
    if grown:
        lines["fitted"] = _fitted(grown)
    return rendered(
        "both.html",
        pair=pair,
        result=result,
        pages={run.settings.backend: f"{run.settings.backend}/{PAGE}" for run in pair.runs},
        curves=curves,
        charts=learning(curves, len(pair.runs[0].digits.validation.labels)) if all(curves.values()) else [],
        data=shlex.quote(pair.runs[0].at.data or ""),
        apart=chart("log₁₀ of the distance of their weights, ‖p − p′‖/‖p‖", "", lines) if len(apart) > 1 else None,
        some=result["distances"][:: max(1, -(-len(result["distances"]) // 24))],
    )


def _fitted(grown: Mapping[str, Any]) -> list[tuple[float, float]]:
    """The ends of the fitted line, through the middle of what it was fitted to."""
    first, last = grown["from"], grown["to"]
    middle = (math.log10(first["distance"]) + math.log10(last["distance"])) / 2
    half = grown["rate"] / math.log(10) * (last["steps"] - first["steps"]) / 2
    return [(first["steps"], middle - half), (last["steps"], middle + half)]
