"""The page of two trainings on one schedule: how well each network reads, and how far apart they drift."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gradproof.pages.chart import chart
from gradproof.pages.page import rendered, typed_options
from gradproof.pages.run import learning
from gradproof.text import typed
from gradproof.train import loop
from gradproof.train.loop import Epoch
from gradproof.train.paired_runs import Pair
from gradproof.train.run import PAGE

POINTS = 400  # of the distance to draw, at most


def page(pair: Pair, result: Mapping[str, Any], curves: Mapping[str, Sequence[Epoch]]) -> str:
    """Return the page as HTML. `result` is the content of both.json, `curves` holds the epochs of each network."""
    apart = [(steps, math.log10(distance)) for steps, distance in result["distances"] if distance > 0]
    every, grown = max(1, -(-len(apart) // POINTS)), result["growth"]
    lines = {"measured": apart[::every]}
    if grown:
        lines["fitted"] = _fitted(grown)
    digits = pair.runs[0].digits
    title, comparison = compared(curves) if all(curves.values()) else ("", "")
    return rendered(
        "both.html",
        title=title,
        comparison=comparison,
        pair=pair,
        result=result,
        pages={run.settings.backend: f"{run.settings.backend}/{PAGE}" for run in pair.runs},
        curves=curves,
        validated=len(digits.validation.labels),
        trained=len(loop.first_training_images(digits).labels),
        charts=learning(curves, digits) if all(curves.values()) else [],
        data=typed(pair.runs[0].at.data or ""),
        options=typed_options({k: v for k, v in pair.runs[0].settings._asdict().items() if k != "backend"}),
        apart=chart("log₁₀ of the distance of their weights, ‖p − p′‖/‖p‖", "", lines) if len(apart) > 1 else None,
        some=result["distances"][:: max(1, -(-len(result["distances"]) // 24))],
    )


def compared(curves: Mapping[str, Sequence[Epoch]]) -> tuple[str, str]:
    """Return a title that names the network which reads more test images, and a sentence on what chance explains.

    Where the two disagree, at least one is wrong, so they disagree on at most w + w′ images, where w and w′ count the
    misread ones. If a coin decided which network reads each of these, the difference of the counts would have the
    standard deviation √(images that they disagree on) ≤ √(w + w′).
    """
    (one, mine), (other, theirs) = ((name, epochs[-1]) for name, epochs in curves.items())
    off = abs(mine.correct - theirs.correct)
    better = one if mine.correct > theirs.correct else other
    chance = math.sqrt(2 * mine.test - mine.correct - theirs.correct)
    said = f"After epoch {mine.epoch}, {one} reads {mine.correct:,} of {mine.test:,} test images and {other}"
    said += f" {theirs.correct:,}, "
    if not off:
        return "They read equally many", f"{said}as many."
    root = f"√(w + w′) = {chance:.1f} (one standard deviation; w and w′ are what they misread)"
    if off <= chance:
        return (
            "As good as each other, within chance",
            f"{said}a difference of {off:,}; chance would explain up to {root}.",
        )
    return (
        f"{better.capitalize()} reads more",
        f"{said}a difference of {off:,}; chance would explain no more than {root}.",
    )


def _fitted(grown: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Return the ends of the fitted line, drawn through the midpoint of its first and last measurement."""
    first, last = grown["from"], grown["to"]
    middle = (math.log10(first["distance"]) + math.log10(last["distance"])) / 2
    half = grown["rate"] / math.log(10) * (last["steps"] - first["steps"]) / 2
    return [(first["steps"], middle - half), (last["steps"], middle + half)]
