"""The certificate of a verified backprop, which docs/verify_certificate.py checks again without gradproof."""

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import numpy as np
from flint import ctx

from gradproof.judge.float64.claims import Claim, Sigma, radii_of
from gradproof.numerics import rounding, truth
from gradproof.problem import Answer, Problem

PARTS = ("delta", "grad_b", "grad_w")
SMALL = 24  # parameters at most: the script that checks again differentiates by each of them, in decimals


class Certified(NamedTuple):
    """One network: the backprop's answer in our conventions, the true values, and the radius of each number."""

    problem: Problem
    claim: Answer
    true: truth.Truth
    radius: Answer


def sample(claims: Sequence[Claim], sigma: Sigma) -> list[Certified]:
    """Return one small network of each stack that has one. The judge has seen them, so no code is called again."""
    chosen = []
    for claim in claims:
        radius = radii_of(claim, rounding.arithmetic(claim.stack.x.dtype), sigma)
        for network in range(len(claim.stack.x)):
            problem = claim.stack.of_network(network)
            if sum(w.size + b.size for w, b in zip(*problem[:2], strict=True)) > SMALL:
                continue
            own = radius.of_network(network, problem.sizes)
            mine = claim.mine.of_network(network, problem.sizes)
            chosen.append(Certified(problem, mine, truth.settled(problem, own), own))
            break
    return chosen


def document(
    chosen: Sequence[Certified], subject: str, seed: int, conventions: Sequence[str], sha256: str = ""
) -> dict[str, Any]:
    """Return the certificate as JSON. Enclosures are pairs of decimal numbers; `sha256` is that of the judged file."""
    return {
        "subject": subject,
        "sha256": sha256,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "python": platform.python_version(),
            **{name: _version(name) for name in ("gradproof", "numpy", "jax")},
        },
        "seed": seed,
        "conventions": list(conventions),
        "networks": [
            {
                "weights": _plain(one.problem.weights),
                "biases": _plain(one.problem.biases),
                "x": one.problem.x.tolist(),
                "y": one.problem.y.tolist(),
                "digits": -int(np.log2(rounding.arithmetic(one.problem.x.dtype).u)),
                "claims": {part: _plain(getattr(one.claim, part)) for part in PARTS},
                "enclosures": {part: [_ends(layer) for layer in getattr(one.true, part)] for part in PARTS},
                "bounds": {part: _plain(getattr(one.radius, part)) for part in PARTS},
            }
            for one in chosen
        ],
    }


def _version(name: str) -> str:
    """Return the installed version, or "" for a checkout that is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _plain(arrays: Sequence[Any]) -> list[Any]:
    return [np.asarray(array, np.float64).tolist() for array in arrays]


def _ends(balls: Any) -> list[list[list[str]]]:
    """Return the ends of each ball, rounded outwards."""
    with ctx.workprec(256):  # more precision than is written
        return [[[_decimal(ball.lower(), -1), _decimal(ball.upper(), 1)] for ball in row] for row in balls]


def _decimal(end: Any, outwards: int) -> str:
    """Return a decimal number beyond the end of a ball, by less than one part in 10^38."""
    moved = end + outwards * abs(end) * 2.0**-130
    return str(moved.str(45, radius=False))
