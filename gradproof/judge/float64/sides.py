"""Every number of the smallest network, forwards and backwards, beside what it should be."""

from collections.abc import Collection
from typing import Any

import numpy as np

from gradproof.judge.float64.claims import Claim
from gradproof.judge.float64.costs import Cost
from gradproof.judge.float64.layouts import Layout
from gradproof.problem import Array

SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
ALIKE = {
    np.dtype(np.float64): 1e-9,
    np.dtype(np.float32): 1e-4,
}  # relative; by each equation itself it is within bounds


def both_sides(claim: Claim, layout: Layout, cost: Cost, wrong: Collection[tuple[str, int]]) -> dict[str, Any]:
    """Return `parameters`, `data`, and what is computed `forward` and `backward`, as for a program; see `values`.

    `wrong` has the equations, with their layers, that do not hold. What differs though its equation holds follows from
    them. All is in the subject's conventions, and δ is left out if it returned none.
    """
    problem = claim.stack.of_network(0)
    mine, right = claim.mine.of_network(0, problem.sizes), claim.centre.of_network(0, problem.sizes)
    depth, m = len(problem.weights), problem.x.shape[1]

    def row(name: str, part: str, equation: str, layer: int, at: int) -> dict[str, Any]:
        got, should = getattr(mine, part)[at], getattr(right, part)[at] * cost.times(part, problem.sizes[-1], m)
        alike = np.allclose(got, should, rtol=ALIKE[problem.x.dtype], atol=0)
        state = "wrong" if (equation, layer) in wrong else "right" if alike else "follows"
        value, expected = (layout.like(part, array).tolist() for array in (got, should))
        number = str(layer).translate(SUPERSCRIPTS)
        told = {"name": f"{name}{number}", "place": equation, "label": "right", "state": state, "value": value}
        return told | {"should_be": None if state == "right" else expected, "expected": expected}

    layers = range(1, depth + 1)
    forward = [
        row(name, part, name, layer, layer - (name == "z"))
        for layer in layers
        for name, part in (("z", "zs"), ("a", "activations"))
    ]
    backward = [row("δ", "delta", "BP1" if k == depth else "BP2", k, k - 1) for k in reversed(layers)]
    given = layout.given(problem)
    parameters = [
        row(name, part, equation, layer, layer - 1) | {"given": arrays[layer - 1]}
        for layer in layers
        for name, part, equation, arrays in (
            ("w", "grad_w", "BP4", given.weights),
            ("b", "grad_b", "BP3", given.biases),
        )
    ]
    return {
        "parameters": [_returned(one) for one in parameters],
        "data": [_array(name, array) for name, array in (("x", given.x), ("y", given.y))],
        "forward": [one | {"place": ""} for one in forward],
        "backward": [] if claim.inferred else backward,
        "gives": True,
    }


def _returned(one: dict[str, Any]) -> dict[str, Any]:
    moved = {"moved": one["value"], "gradient": one["expected"], "should_be": one["expected"], "state": one["state"]}
    return _array(one["name"], one["given"]) | moved


def _array(name: str, array: Array) -> dict[str, Any]:
    return {"name": name, "shape": list(array.shape), "value": array.tolist()}
