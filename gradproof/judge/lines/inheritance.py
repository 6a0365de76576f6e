"""Arrays that are wrong only because of a fault in a later layer: their own lines are right for what they are given."""

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice

from gradproof.exact.numbers import DOT, Number
from gradproof.exact.sweeps import computed_from, operands_of
from gradproof.judge.find.dependence import LINEAR
from gradproof.judge.lines.hypotheses import Hypotheses
from gradproof.judge.lines.replay import Values

MOST = 100  # likely values to try for one layer: each takes 5 ms for a step of many examples


def inherited(
    hypotheses: Hypotheses,
    cost: Number,
    put: Values,
    wrong: Collection[str],
    likely: Callable[[Hypotheses, Collection[str], Collection[str]], Iterator[Values]],
) -> set[str]:
    """Return the wrong arrays that become right if the lines of later layers, and no others, give right values.

    An array with a fault of its own stays wrong, even if that is on the same line in another iteration of a loop. `put`
    has the values with which all of these arrays are right. If each array has a line of its own there, `put` says
    nothing about later layers. Then any likely values of a line count, provided that they also make the later arrays
    right that it feeds.
    """
    replay, found = hypotheses.replay, set[str]()
    given = {path: [x.index for x in array.flat] for path, array in replay.what.given.items()}
    layers: dict[frozenset[str], set[str]] = {}  # wrong arrays, by the wrong ones of their later layers
    for path, later in later_layers(cost, given).items():
        if path in wrong and (blamed := frozenset(later.intersection(wrong))):
            layers.setdefault(blamed, set()).add(path)
    whole = replay.moves(put)
    for blamed, paths in layers.items():
        below = {index for path in blamed for index in hypotheses.above[path]}
        moves = replay.moves({i: value for i, value in put.items() if i in below})
        right = {p for p in paths if all(a.overlaps(b) for a, b in zip(moves[p], whole[p], strict=True))}
        for values in islice(likely(hypotheses, paths - right, blamed), MOST) if right < paths else ():
            if handed := {i: value for i, value in values.items() if i in below}:
                reached = {path for path in blamed if any(i in hypotheses.above[path] for i in handed)}
                now = replay.right_with(handed)
                right |= paths & now if now >= reached | replay.right else set()
        found |= right
    return found


def later_layers(cost: Number, given: Mapping[str, Collection[int]]) -> dict[str, set[str]]:
    """Return the paths of the parameters in later layers, for the path of each parameter.

    Parameters whose terms are added up are in one layer, like w and b in w a + b. A layer is later if it takes what the
    other gives, and not the other way round.
    """
    own = {index: 1 << k for k, indices in enumerate(given.values()) for index in indices}
    rests: dict[int, int] = {}  # the parameters that a number is computed from, as bits, by its index
    entering: dict[int, int] = {}  # the parameters whose terms are added up in it
    before = dict.fromkeys((1 << k for k in range(len(given))), 0)  # what multiplies each is computed from these
    layers = list(before)
    for x in computed_from([cost]):
        rests[x.index] = entering[x.index] = own.get(x.index, 0)
        if x.rule is None or x.index in own:
            continue
        for y in operands_of(x):
            rests[x.index] |= rests[y.index]
            entering[x.index] |= entering[y.index] if _is_linear(x) else 0
        for y, other in _products(x):
            if y.index not in own:
                entering[x.index] |= entering[y.index] if not other.varies else 0
            elif rests[other.index] != own[y.index]:  # otherwise it is a square, as in a weight decay
                entering[x.index] |= own[y.index]
                before[own[y.index]] |= rests[other.index]
        layers = _joined(layers, entering[x.index])
    places = {path: next(layer for layer in layers if layer >> k & 1) for k, path in enumerate(given)}
    needs = {layer: _union(bits for one, bits in before.items() if one & layer) for layer in layers}
    return {
        path: {other for other, there in places.items() if needs[there] & here and not needs[here] & there}
        for path, here in places.items()
    }


def _is_linear(x: Number) -> bool:
    """Whether a number is a sum, a difference, or something divided by a constant."""
    assert x.rule is not None
    return x.rule.name in LINEAR or (x.rule.name == "divide" and not x.operands[1].varies)


def _products(x: Number) -> Iterator[tuple[Number, Number]]:
    """Yield each factor of a product, or of the products in a dot product, with the other factor."""
    if x.rule is not None and x.rule.name in ("multiply", "dot"):
        for y, other in zip(*x.operands, strict=True) if x.rule is DOT else [x.operands]:
            yield from ((y, other), (other, y))


def _joined(layers: list[int], added: int) -> list[int]:
    """Return the layers, with all those merged that are added up."""
    parts = [layer for layer in layers if layer & added]
    return layers if len(parts) < 2 else [*(layer for layer in layers if not layer & added), _union(parts)]


def _union(bits: Iterator[int] | list[int]) -> int:
    result = 0
    for one in bits:
        result |= one
    return result
