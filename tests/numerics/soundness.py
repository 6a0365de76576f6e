"""Every number that every implementation computes of a problem, held by the truth against its radius."""

from collections.abc import Iterator

import numpy as np

import handcrafted
from gradproof.check import theorem, witness
from gradproof.check.architectures import WIDEST
from gradproof.numerics import rounding, truth
from gradproof.numerics.end_to_end import radii
from gradproof.numerics.verdict import Verdict
from gradproof.problem import Answer, Problem, stack_of
from tests.numerics.variants import BOOK, VARIANTS

PARTS = ("zs", "activations", "delta", "grad_b", "grad_w")


def violations(problem: Problem, dtype: str, share: float = 1.0) -> tuple[list[tuple], int, list[float]]:
    """What the truth puts outside its radius, or outside a share of it; how many numbers were tried; error/radius.

    The radii are those around the witness's float64 answer to the problem's own numbers.
    """
    own = Problem(*([v.astype(dtype) for v in part] for part in problem[:2]), *(v.astype(dtype) for v in problem[2:]))
    exact = stack_of(own, WIDEST).astype(np.float64)
    centre, ar, true = witness.answer(exact), rounding.arithmetic(dtype), truth.truth(own, bits=512)
    radius = {book: _cut(radii(exact, centre, ar, book), own.sizes) for book in (False, True)}
    found, tried, ratios = [], 0, []
    for who, answer in everyone(own):
        for part in PARTS:
            for layer, balls in enumerate(getattr(true, part)):
                got = answer[part][layer].astype(np.float64)
                bound = share * radius[who == BOOK][part][layer]
                middle = balls.astype(np.float64)  # the nearest double
                with np.errstate(all="ignore"):
                    off = np.abs(got - middle)
                    clear = off + np.spacing(np.abs(middle)) + np.spacing(off) <= bound
                tried += balls.size
                ratios += (off / bound)[np.isfinite(bound)].ravel().tolist()
                for element in map(tuple, np.argwhere(~clear)):  # the balls themselves decide what is near
                    value, allowed = float(got[element]), float(bound[element])
                    if truth.within(value, balls[element], allowed) is Verdict.REFUTED:
                        found.append((who, part, layer, element, value, str(balls[element]), allowed))
    return found, tried, ratios


def everyone(problem: Problem) -> Iterator[tuple[str, dict[str, list[np.ndarray]]]]:
    """(name, what it computes) of both backends and of the variants."""
    stack = stack_of(problem, WIDEST)
    with np.errstate(all="ignore"):
        yield "handcrafted", _cut(theorem.claim(handcrafted, stack), problem.sizes)
        yield "reference", _cut(witness.answer(stack), problem.sizes)
        for name, variant in VARIANTS.items():
            yield name, dict(zip(PARTS, variant(*problem), strict=True))


def _cut(answer: Answer, sizes: list[int]) -> dict[str, list[np.ndarray]]:
    """A stack's answer for its only network, without padding."""
    rows = {part: sizes if part == "activations" else sizes[1:] for part in PARTS}
    return {
        part: [
            array[0, :n, : (sizes[i] if part == "grad_w" else None)]
            for i, (n, array) in enumerate(zip(rows[part], getattr(answer, part), strict=True))
        ]
        for part in PARTS
    }
