"""Smaller variants of a scene: narrower layers, fewer examples and round numbers, as for a calculation by hand."""

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from gradproof.exact.arrays import ExactArray
from gradproof.judge.find.calls import SIZES
from gradproof.judge.find.forms import Form, forms, pair_forms
from gradproof.judge.find.numbers import constants, round_numbers
from gradproof.judge.find.scene import Scene, is_hot

NARROW = ((1, 1, 1), (2, 1, 1), (1, 2, 1), (2, 2, 1), (2, 2, 2), (2, 3, 2))  # in place of SIZES
FEW = (1, 2)  # numbers of examples
WIDEST = 9  # most inputs or outputs of a scene that can be made smaller


def smaller(scene: Scene) -> Iterator[Scene]:
    """Yield the smallest variant first, and the scene itself in round numbers last; some may not run."""
    scene = replace(scene, is_round=True)
    if "_like" in scene.given:  # the scene of a layer
        given = {name: draw if name == "_first" else _in_round_numbers(draw) for name, draw in scene.given.items()}
        yield replace(scene, given=given)
    seen = set()
    ends = _ends(scene) if scene.label else None
    for widths, few in product(NARROW, FEW) if ends is not None else ():
        narrowed = dict(zip(SIZES, widths, strict=True))
        driver, changed = _with(scene.driver, narrowed)
        n_in, n_out = (narrowed[n] if n in changed else n for n in ends or ())
        form = _form(scene, n_in, n_out, few)
        if form is not None and (key := (driver, n_in, n_out, form.examples)) not in seen:
            seen.add(key)
            yield replace(scene, driver=driver, given=form.given, examples=form.examples)
    yield scene


def _with(driver: str, widths: Mapping[int, int]) -> tuple[str, set[int]]:
    """Replace the widths in the lines before the step; return the new lines, and the widths that were there."""
    tree, changed = ast.parse(driver), set[int]()
    for statement in tree.body[:-1]:
        for node in ast.walk(statement):
            if isinstance(node, ast.Constant) and type(node.value) is int and node.value in widths:
                changed.add(node.value)
                node.value = widths[node.value]
    return ast.unparse(tree), changed


def _ends(scene: Scene) -> tuple[int, int] | None:
    """Return how many inputs and outputs the examples of a scene have, by their shapes; None if no form fits."""
    here = _shapes(scene.given)
    counts = sorted(range(1, WIDEST + 1), key=lambda n: n not in SIZES)  # class labels fit any count
    for n_in, n_out in product(counts, counts):
        form = _form(scene, n_in, n_out, 0)
        if form is not None and _shapes(form.given) == here:
            return n_in, n_out
    return None


def _form(scene: Scene, n_in: int, n_out: int, few: int) -> Form | None:
    several = (pair_forms if "pairs" in scene.given else forms)(n_in, n_out, few)
    return next((form for form in several if form.name == scene.label), None)


def _shapes(given: Mapping[str, Callable[[np.random.Generator], Any]]) -> list[Any]:
    """Return the shapes of the examples; of pairs, those of the parts of the first."""
    rng = np.random.default_rng(0)
    if "pairs" in given:
        return [np.shape(part) for part in given["pairs"](rng)[0]]
    return [np.shape(given[name](rng)) for name in ("x", "y") if name in given]


def _in_round_numbers(draw: Callable[[np.random.Generator], Any]) -> Callable[[np.random.Generator], Any]:
    def of(value: Any, rng: np.random.Generator) -> Any:
        if isinstance(value, ExactArray) and not is_hot(value):
            return constants(round_numbers(rng, value.shape))
        return value

    def take(rng: np.random.Generator) -> Any:
        value = draw(rng)
        return (lambda array: of(value(array), rng)) if callable(value) else of(value, rng)

    return take
