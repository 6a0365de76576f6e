"""Velocities that the second step shows to be wrong: of the wrong sign, added twice, or looking ahead backwards."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from flint import arb

from gradproof.exact.numbers import Number, source
from gradproof.exact.run import line_of
from gradproof.exact.sweeps import computed_from
from gradproof.judge.find.observation import Observation
from gradproof.judge.lines.annotation import shown
from gradproof.judge.outcome import Amiss

_SHARING = ("add", "subtract", "negative", "multiply", "divide", "copy")
_VELOCITY = re.compile(r"(?i)(?:^|[._\['])(?:v|vel\w*|m|mom\w*|[vm]_?[wb]\w*|[vm]_\w+)(?:\d*'?\]?)$")


def wrong_velocities(what: Observation, kept: Sequence[str], twins: Mapping[str, str]) -> dict[str, Amiss]:
    """Return what is wrong with the velocity of each parameter, among what a second step takes from the first.

    `twins` are the copies as which parameters began: a parameter's difference from its twin is a velocity too.
    """
    amiss = dict[str, Amiss]()
    sums = defaultdict[int, list[Number]](list)  # by the index of the first term
    for x in computed_from([x for array in what.after.values() for x in array.flat]):
        if x.rule is not None and x.rule.name in ("add", "subtract"):
            sums[source(x.operands[0]).index].append(x)
    for other in (path for path in kept if _VELOCITY.search(path) or _VELOCITY.search(path.partition("[")[0])):
        held, now = (array.ravel().tolist() for array in what.state[other])
        told = [k for k, x in enumerate(held) if isinstance(x, Number) and x.value != 0]
        fed = [path for path, array in what.given.items() if array.size == len(held)]
        fed = [path for path in fed if feeds(what.state[other][0], what.after[path])]
        if told and all(share(held[k], now[k]) < 0 for k in told):
            said = f"its velocity {shown(other)} changes sign at every step"
            amiss |= {path: Amiss(said, line_of(now[0].place) or 0) for path in fed}
        for path in fed:
            before, after = what.given[path].ravel().tolist(), what.after[path].ravel().tolist()
            if told and all(_is_felt_twice(held[k], now[k], after[k]) for k in told):
                said = f"its velocity {shown(other)} is added once too often"
                amiss[path] = Amiss(said, line_of(after[0].place) or 0)
            behind = [_looks_behind(held[k], after[k], sums[source(before[k]).index]) for k in told]
            if behind and behind[0] is not None and None not in behind:
                said = f"it looks ahead by its velocity {shown(other)}, which moves it the other way"
                amiss[path] = Amiss(said, line_of(behind[0].place) or 0)
    for path, twin in twins.items():
        held, now = (array.ravel().tolist() for array in (what.state[twin][0], what.after[path]))
        if all(share(x, y) > 0 for x, y in zip(held, now, strict=True)):
            said = f"its velocity {shown(path)} - {shown(twin)} changes sign at every step"
            amiss[path] = Amiss(said, line_of(now[0].place) or 0)
    return amiss


def _looks_behind(velocity: Number, moved: Number, sums: Sequence[Number]) -> Number | None:
    """Return a sum of a parameter and a part of its old velocity, which moves the parameter the other way.

    A sum on the way to what the parameter becomes is no look-ahead, but a part of its move.
    """
    moves = share(velocity, moved)
    behind = (x for x in sums if share(velocity, x) * moves < 0 and share(x, moved).contains(0))
    return next(behind, None)


def _is_felt_twice(old: Number, new: Number, moved: Number) -> bool:
    """Whether a parameter moves by a larger share of its old velocity than its new velocity contains.

    The shares are equal in heavy-ball momentum. In Nesterov's, which takes a part of the old one back, it is smaller.
    """
    own = share(new, moved)
    return not own.contains(0) and share(old, moved) / own > share(old, new)


def share(old: Number, new: Any) -> Any:
    """Return k of new = k old + other terms, from the factors of old on the way; 0 if it is not a term."""
    none, shares = arb(0), {old.index: arb(1)}
    way, waiting = dict[int, Number](), [new] if isinstance(new, Number) else []
    while waiting:
        x = waiting.pop()
        if x.rule is not None and x is not old and x.index not in way and x.rule.name in _SHARING:
            way[x.index] = x
            waiting.extend(x.operands)
    for x in (way[index] for index in sorted(way)):  # in the order of computation
        first, *rest = [(shares.get(a.index, none), a.value) for a in x.operands]
        match x.rule.name, first, rest:  # type: ignore[union-attr]
            case "add", (a, _), [(b, _)]:
                shares[x.index] = a + b
            case "subtract", (a, _), [(b, _)]:
                shares[x.index] = a - b
            case "multiply", (a, left), [(b, right)]:
                shares[x.index] = a * right + left * b
            case "divide", (a, _), [(_, divisor)]:
                shares[x.index] = a / divisor
            case "negative" | "copy" as name, (a, _), _:
                shares[x.index] = -a if name == "negative" else a
    return shares.get(new.index, none) if isinstance(new, Number) else none


def feeds(old: Any, after: Any) -> bool:
    indices = {x.index for x in old.flat}
    return any(x.index in indices for x in computed_from(after.ravel().tolist()))
