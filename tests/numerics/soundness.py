"""Every number that every implementation computes of a problem, held by the truth against its radius."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

import handcrafted
from gradproof.numerics import rounding, truth
from gradproof.numerics.chain import radii
from gradproof.numerics.truth import PARTS
from gradproof.numerics.verdict import Verdict
from gradproof.problem import Answer, Problem, stack_of
from gradproof.proof import theorem, witness
from gradproof.proof.architectures import WIDEST
from tests.numerics.variants import BOOK, VARIANTS


class Tried(NamedTuple):
    """What the truth says of all numbers of one problem."""

    outside: list[tuple[Any, ...]]  # proven to be outside the radius: a bound that is not sound
    undecided: list[tuple[Any, ...]]  # the ball straddles the bound even in 4096 bits
    numbers: int
    ratios: list[float]  # |error| / radius


def tried(problem: Problem, dtype: str, share: float = 1.0) -> Tried:
    """Every number of everyone against its radius, or a share of it.

    The radii are those around the witness's float64 answer to the problem's own numbers.
    """
    own = Problem(*([v.astype(dtype) for v in part] for part in problem[:2]), *(v.astype(dtype) for v in problem[2:]))
    exact = stack_of(own, WIDEST).astype(np.float64)
    centre, ar = witness.answer(exact), rounding.arithmetic(dtype)
    radius = {book: radii(exact, centre, ar, book).of_network(0, own.sizes) for book in (False, True)}
    true = truth.settled(own, _smaller(*radius.values()))
    result = Tried([], [], 0, [])
    for who, answer in everyone(own):
        for part in PARTS:
            for layer, balls in enumerate(getattr(true, part)):
                got = answer[part][layer].astype(np.float64)
                bound = share * getattr(radius[who == BOOK], part)[layer]
                middle = balls.astype(np.float64)  # the nearest double
                with np.errstate(all="ignore"):
                    off = np.abs(got - middle)
                    clear = off + np.spacing(np.abs(middle)) + np.spacing(off) <= bound
                result = result._replace(numbers=result.numbers + balls.size)
                result.ratios.extend((off / bound)[np.isfinite(bound)].ravel().tolist())
                for element in map(tuple, np.argwhere(~clear)):  # the balls themselves decide what is near
                    value, allowed = float(got[element]), float(bound[element])
                    entry = (who, part, layer, element, value, str(balls[element]), allowed)
                    verdict = truth.within(value, balls[element], allowed)
                    if verdict is Verdict.REFUTED:
                        result.outside.append(entry)
                    elif verdict is Verdict.UNDECIDED and np.isfinite(allowed):  # an infinite bound claims nothing
                        result.undecided.append(entry)
    return result


def everyone(problem: Problem) -> Iterator[tuple[str, dict[str, list[np.ndarray]]]]:
    """(name, what it computes) of both backends and of the variants."""
    stack = stack_of(problem, WIDEST)
    with np.errstate(all="ignore"):
        yield "handcrafted", theorem.claim(handcrafted, stack).of_network(0, problem.sizes)._asdict()
        yield "reference", witness.answer(stack).of_network(0, problem.sizes)._asdict()
        for name, variant in VARIANTS.items():
            yield name, dict(zip(PARTS, variant(*problem), strict=True))


def _smaller(one: Answer, other: Answer) -> Answer:
    """The smaller of two radii everywhere: balls that are small beside it are small beside both."""

    def smaller(a: Any, b: Any) -> Any:
        return [np.minimum(*pair) for pair in zip(a, b, strict=True)] if isinstance(a, list) else np.minimum(a, b)

    return Answer(*map(smaller, one, other))
