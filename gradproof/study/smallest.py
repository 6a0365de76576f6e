"""The smallest network on which a claim fails: few neurons, round numbers, found by search."""

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import combinations, islice, pairwise, product
from typing import Any, NamedTuple

import numpy as np
from flint import ctx

from gradproof.problem import Array
from gradproof.study.tree import Head, Node, Place, walk
from gradproof.study.values import Key, MisfitError, SilentError
from gradproof.study.witnesses import autodiff, rigorous
from gradproof.study.world import World

BITS = 128
ARCHITECTURES = ((1, 1), (2, 1), (1, 2), (1, 1, 1), (1, 2, 1), (2, 2), (1, 2, 2))
FEW = 3  # neurons, inputs included, for a slip; telling conventions apart may take a few more
NUMBERS = ((0, 1), (0, 1, -1, 2))  # palettes, tried in turn
MOST = 512  # networks side by side, per shape


Worlds = dict[Any, tuple[dict[Key, Array], World]]


class Smallest(NamedTuple):
    """A network that refutes a claim, with both sides on it, or the reason why the claim means nothing on it."""

    sizes: tuple[int, ...]  # empty if the claim is about numbers alone
    m: int
    layer: int | None
    numbers: dict[str, Any]  # such as {"w¹": [[0.0]], "z": 1.0}
    left: list[float]
    right: list[float]
    misfit: str


def smallest(
    claim: Node, definitions: Mapping[Head, Node], letters: tuple[str, ...], layers: Any, worlds: Worlds, few: int = FEW
) -> Smallest | None:
    """Return the first network on which the claim is certainly false, or else one on which it means nothing, or None.

    The palettes of NUMBERS are tried in turn: in each, shapes of up to `few` neurons, and in each shape small numbers
    first. `worlds` keeps the networks, and what was computed on them, for other claims of the same definitions.
    """
    misfit: Smallest | None = None
    names = {node.args[0] for node in walk(claim)}
    free = [letter for letter in letters if any(n.op == "name" and n.args[0] == letter for n in walk(claim))]
    alone = not _about_a_network(claim, definitions)
    others = [name for name in ("η", "Δ") if name in names]
    for palette in NUMBERS:
        for sizes, m in ((ARCHITECTURES[0], 1),) if alone else product(ARCHITECTURES, (1, 2)):
            if sum(sizes) > few:
                continue
            keys = _asked(sizes, m, free, alone, others)
            kept = palette, sizes, m, tuple(keys)
            if kept not in worlds:
                filled = _filled(keys, palette, sizes, m, letters)
                worlds[kept] = filled, autodiff.world(definitions, sizes, m, filled)
            numbers, world = worlds[kept]
            for layer in layers(world):
                try:
                    wrong = autodiff.compared(claim.op, *world.sides(claim, layer)).refuted
                except SilentError:
                    continue
                except MisfitError as error:
                    misfit = misfit or Smallest(sizes, m, layer, {}, [], [], str(error))
                    continue
                if wrong.any() and len(wrong) > 1:
                    which = int(wrong.argmax())
                    own = {key: array[which] for key, array in numbers.items()}
                    sides = _enclosed(claim, definitions, sizes, m, own, layer)
                    if sides is not None:
                        return Smallest(() if alone else sizes, m, layer, _shown(keys, own, claim), *sides, "")
        if misfit:
            break
    return misfit


def _about_a_network(claim: Node, definitions: Mapping[Head, Node]) -> bool:
    return any(n.op == "layer" or (n.op == "name" and n.args[0] in ("x", "y", "θ", "C", "C_x")) for n in walk(claim))


def _asked(
    sizes: tuple[int, ...], m: int, letters: list[str], alone: bool, others: list[str]
) -> list[tuple[Key, tuple[int, ...]]]:
    """Return the arrays to search over, with their shapes; samples are numbered from 0 to m."""
    keys: list[tuple[Key, tuple[int, ...]]] = [((letter, None), ()) for letter in letters]
    if alone:
        return keys
    for layer, (k, j) in enumerate(pairwise(sizes), start=1):
        keys += [(("edge", layer), (k, j)), (("b", layer), (j,))]
    keys += [(("x", None), (m + 1, sizes[0])), (("y", None), (m + 1, sizes[-1]))]
    keys += [((name, None), ()) for name in others if name == "η"]
    return keys + [((name, None), (_parameters(sizes),)) for name in others if name == "Δ"]


def _parameters(sizes: tuple[int, ...]) -> int:
    return sum(k * j + j for k, j in pairwise(sizes))


def _filled(
    keys: list[tuple[Key, tuple[int, ...]]], palette: tuple[int, ...], sizes: tuple[int, ...], m: int, letters: Any
) -> dict[Key, Array]:
    """Return up to MOST ways to fill the arrays from the palette, side by side, small numbers first.

    Arrays that are not searched over are 0, and η is 1.
    """
    places = sum(int(np.prod(shape)) for _, shape in keys)
    table = _table(palette, places)
    if len(table) == 1:
        table = np.repeat(table, 2, axis=0)
    numbers: dict[Key, Array] = {}
    start = 0
    for key, shape in keys:
        count = int(np.prod(shape))
        numbers[key] = table[:, start : start + count].reshape((-1, *shape))
        start += count
    n = len(table)
    for layer, (k, j) in enumerate(pairwise(sizes), start=1):
        numbers.setdefault(("edge", layer), np.zeros((n, k, j)))
        numbers.setdefault(("b", layer), np.zeros((n, j)))
    numbers.setdefault(("x", None), np.zeros((n, m + 1, sizes[0])))
    numbers.setdefault(("y", None), np.zeros((n, m + 1, sizes[-1])))
    numbers.setdefault(("η", None), np.ones(n))
    numbers.setdefault(("Δ", None), np.zeros((n, _parameters(sizes))))
    for letter in letters:
        numbers.setdefault((letter, None), np.zeros(n))
    return numbers


@cache
def _table(palette: tuple[int, ...], places: int) -> Array:
    """Return a row for each choice of numbers, small numbers first, at most MOST rows."""
    chosen = list(islice(_choices(palette, places), 4 * MOST))
    rows = np.array(chosen, float).reshape(len(chosen), places)
    return rows[np.lexsort(((rows < 0).sum(axis=1), np.abs(rows).sum(axis=1)))][:MOST]


def _choices(palette: tuple[int, ...], places: int) -> Iterator[tuple[int, ...]]:
    """Yield all choices if there are few, else those with at most four nonzero places."""
    if len(palette) ** places <= 4 * MOST:
        yield from product(palette, repeat=places)
        return
    for count in range(5):
        for where in combinations(range(places), count):
            for values in product(palette[1:], repeat=count):
                row = [0] * places
                for place, value in zip(where, values, strict=True):
                    row[place] = value
                yield tuple(row)


def _enclosed(
    claim: Node,
    definitions: Mapping[Head, Node],
    sizes: tuple[int, ...],
    m: int,
    numbers: dict[Key, Array],
    layer: int | None,
) -> tuple[list[float], list[float]] | None:
    """Return both sides, computed in ball arithmetic, if it confirms that the claim is false there, else None."""
    before, ctx.prec = ctx.prec, BITS
    try:
        left, right = rigorous.world(definitions, sizes, m, numbers).sides(claim, layer)
        pairs = list(np.broadcast(left.array, right.array))
        if not any(rigorous.false(claim.op, one, other) for one, other in pairs):
            return None
        return [float(one) for one, _ in pairs], [float(other) for _, other in pairs]
    except SilentError:
        return None
    finally:
        ctx.prec = before


def _shown(keys: list[tuple[Key, tuple[int, ...]]], numbers: dict[Key, Array], claim: Node) -> dict[str, Any]:
    """Return the numbers by the names of the notes: w^l has a row for each receiving neuron."""
    first = next((n.args[1].more for n in walk(claim) if n.op in ("sum", "mean") and n.args[1] == Place("", 0)), 1)
    digits = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
    shown: dict[str, Any] = {}
    for (name, layer), _ in keys:
        array = numbers[name, layer]
        raised = str(layer).translate(digits) if layer is not None else ""
        if name == "edge":
            shown[f"w{raised}"] = array.T.tolist()
        elif name in ("x", "y"):
            shown[name] = {f"sample {number}": row for number, row in enumerate(array.tolist()) if number >= first}
        else:
            shown[f"{name}{raised}"] = array.tolist()
    return shown
