"""Find which arrays are parameters: those that a step changes and reads, element by element, in the graph."""

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from flint import arb

from gradproof.exact.numbers import Number
from gradproof.exact.sweeps import computed_from, operands_of
from gradproof.judge.find.roles import named_as_parameter

MARKED = 48  # elements of an array that are tracked individually


class Held(NamedTuple):
    """The numbers of a slot at one moment."""

    shape: tuple[int, ...]
    numbers: Sequence[Number]


Moment = Mapping[str, Held]


def changed(before: Moment, after: Moment) -> list[str]:
    """Return the paths whose numbers have changed while the shape is the same."""
    return [
        path
        for path, old in before.items()
        if (new := after.get(path)) is not None
        and new.shape == old.shape
        and any(x is not y for x, y in zip(old.numbers, new.numbers, strict=True))
    ]


def stepped(before: Moment, after: Moment, start: int) -> list[str]:
    """Return the parameters that one whole step has moved in between, or [] if it was not one.

    A parameter's new element is its old one plus or minus something, unlike an activation or an error that is carried
    on. Its old elements have an effect beyond their own place, unlike a velocity or a sum. Nothing that was computed
    from parameters on the way may be older than `start`, the index of the first number of the step. Otherwise this is
    only a part of a step, such as the update of one layer.
    """
    moved = changed(before, after)
    if not moved or _began_before(before, after, moved, start):
        return []
    bits, masks = _bits(before, moved)
    results = [x for path in moved for x in after[path].numbers]
    reach, _ = _reach(results, bits)
    found, alike, carried = list[str](), list[str](), list[str]()
    strange = Counter[str]()  # what is replaced and not moved, by family: data that are normalised, for example
    for path in moved:
        old, new = before[path].numbers, after[path].numbers
        if _GRADIENTS.fullmatch(path) or GRADIENT.search(path) or (len(new) == 1 and _RATE.search(path)):
            continue
        if _DATA.match(path) or _is_scheduled(path, old, new, reach) or _is_average(path, before, after, moved, reach):
            continue
        if _is_carried(path):
            carried += [path] if len(new) == 1 and _moves(old[0], new[0], reach) else []
            continue
        own = all(_moves(x, y, reach) for x, y in zip(old, new, strict=True) if x is not y)
        if own and _crosses(path, before, after, moved, reach, masks):
            found.append(path)
        elif own:
            alike.append(path)
        else:
            strange[family(path)] += len(new) == 1 and family(path) != ""
    if not found:  # with a linear model and a hinge, only the sign of a margin depends on the weights and the bias
        named = [path for path in alike if _PLAIN.fullmatch(path)]
        found = named if len(named) > 1 and any(len(before[path].numbers) > 1 for path in named) else []
    own_bits, _ = _bits(before, found)
    found += [  # the a of y = a x + b, but not the t of a decaying rate, which depends on no parameter
        path
        for path in carried
        if _crosses(path, before, after, found, reach, masks)
        and any(reach.get(after[path].numbers[0].index, 0) & bits[index] for index in own_bits)
    ]
    found = _without_velocities(found, alike, before)
    found = [path for path in found if not _is_driven(path, before[path], after[path], reach, bits)] or found
    sisters = Counter(map(family, found))
    found = [path for path in found if len(before[path].numbers) > 1 or strange[family(path)] <= sisters[family(path)]]
    kinds = {family(path) for path in found} - {""}
    # A bias affects nothing if only the sign of an error is propagated back
    biases = [
        path for path in alike if family(path) in kinds and not _affects(path, [*found, *alike], after, reach, masks)
    ]
    found = [path for path in moved if path in found or path in biases]
    found = _without_views(found, after)
    own_bits, _ = _bits(before, found)
    moves = [x for path in found for x in after[path].numbers]
    own_reach, computed = _reach(moves, own_bits)  # of the parameters only: a step does not start at an activation
    if _steps_twice([(before[path], after[path]) for path in found], moves, own_reach):
        return []
    return found if found and min(computed, default=start) >= start else []


def _without_velocities(found: Sequence[str], alike: Sequence[str], before: Moment) -> list[str]:
    """Drop velocities of a single number, which affect no other number of their array.

    Their larger sisters tell: those in the same list or dict, or those that are named in the same way beside larger
    parameters, as `cW` beside `W` and `cb` beside `b`.
    """
    large = {path for path in (*found, *alike) if len(before[path].numbers) > 1}
    kept = {_container(path) for path in large.intersection(alike)}
    kept -= {_container(path) for path in large.intersection(found)} | {""}
    pairs = [(path, other) for path in large.intersection(found) for other in large.difference(found)]
    named = {difference(path, other) for path, other in pairs if before[path].shape == before[other].shape}
    return [
        path
        for path in found
        if path in large
        or (_container(path) not in kept and named.isdisjoint(difference(other, path) for other in found))
    ]


def difference(path: str, twin: str) -> tuple[str, str]:
    """Return what stands in one path in place of what in the other: ("", "_old") of `W[0]` and `W_old[0]`."""
    before = _alike(path, twin)
    after = _alike(path[before:][::-1], twin[before:][::-1])
    return path[before : len(path) - after], twin[before : len(twin) - after]


def _alike(one: str, other: str) -> int:
    """Return how many characters both begin with."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def family(path: str) -> str:
    """Return what a path shares with its sisters: `biases[]` for biases[0], `net.b` for net.b1; "" without a digit."""
    return re.sub(r"\d+", "", path) if re.search(r"\d", path) else ""


def _container(path: str) -> str:
    """Return what a path shares with the other items of its list or dict; "" if it is in neither."""
    return re.sub(r"\['[^']*'\]", "[]", re.sub(r"\d+", "", path)) if re.search(r"\d|\['", path) else ""


def _affects(
    path: str, others: Sequence[str], after: Moment, reach: Mapping[int, int], masks: Mapping[str, int]
) -> bool:
    """Whether an array has an effect on another of its shape, like a velocity on what it moves."""
    own = {y.index for y in after[path].numbers}
    return any(
        reach.get(y.index, 0) & masks[path] and y.index not in own
        for other in others
        if other != path and after[other].shape == after[path].shape
        for y in after[other].numbers
    )


def memories(before: Moment, after: Moment, found: Sequence[str]) -> list[str]:
    """Return what a step keeps beside the parameters, such as velocities: each element is its old one plus a term."""
    shapes = {before[path].shape for path in found}
    moved = [path for path in changed(before, after) if path not in found and before[path].shape in shapes]
    bits, _ = _bits(before, moved)
    reach, _ = _reach([x for path in moved for x in after[path].numbers], bits)
    return [
        path
        for path in moved
        if all(
            _moves(x, y, reach) for x, y in zip(before[path].numbers, after[path].numbers, strict=True) if x is not y
        )
    ]


def doubtful(before: Moment, after: Moment, found: Sequence[str]) -> list[str]:
    """Return the paths that move like parameters, but are named like activations, errors or data, or only drift."""
    moved = [path for path in changed(before, after) if not (_GRADIENTS.fullmatch(path) or GRADIENT.search(path))]
    bits, masks = _bits(before, moved)
    reach, _ = _reach([x for path in moved for x in after[path].numbers], bits)
    known = {tuple(x.index for x in after[path].numbers) for path in found}  # another name of a parameter is none
    own = 0
    for path in found:
        own |= masks.get(path, 0)
    told = []
    for path in moved:
        pairs = list(zip(before[path].numbers, after[path].numbers, strict=True))
        if (
            path in found
            or tuple(y.index for _, y in pairs) in known
            or not all(_moves(x, y, reach) for x, y in pairs if x is not y)
        ):
            continue
        driven = _is_driven(path, before[path], after[path], reach, bits)
        named = _is_carried(path) or (_DATA.match(path) and any(reach.get(y.index, 0) & own for _, y in pairs))
        if (driven or named) and len(pairs) > 1 and _crosses(path, before, after, moved, reach, masks):
            told.append(path)
    return told


def reshaped(before: Moment, after: Moment, moved: Sequence[str]) -> list[str]:
    """Return the parameters that have another shape after the step, like b − η db if db has too many rows.

    Each new element is an old one, as NumPy broadcasts it, plus something. A single number that becomes an array counts
    only if a sister moves, because some parameters start that way, or if it is a bias that gets one number per example.
    """
    kinds = {family(path) for path in moved} - {""}
    widths = {width for path in moved for width in before[path].shape}
    grown = [
        path
        for path, old in before.items()
        if (new := after.get(path)) is not None
        and new.shape != old.shape
        and len(new.numbers) > 1
        and (
            len(old.numbers) > 1
            or family(path) in kinds
            or (_BIAS.search(path) and widths.isdisjoint({*new.shape} - {1}))
        )
        and not (_is_carried(path) or GRADIENT.search(path))
        and _repeated(old, new.shape) is not None
    ]
    if not grown:
        return []
    bits, _ = _bits(before, [*moved, *grown])
    reach, _ = _reach([x for path in (*moved, *grown) for x in after[path].numbers], bits)
    found = {}
    for path in grown:
        old = _repeated(before[path], after[path].shape)
        if old is not None and all(_moves(x, y, reach) for x, y in zip(old, after[path].numbers, strict=True)):
            found[path] = before[path]
    return feeding(found, [x for path in moved for x in after[path].numbers]) if found else []


def _repeated(held: Held, shape: tuple[int, ...]) -> list[Number] | None:
    """Return the numbers broadcast to a shape, as NumPy does it; None if they do not fit."""
    array = np.empty(len(held.numbers), object)
    array[:] = held.numbers
    try:
        return list(np.broadcast_to(array.reshape(held.shape), shape).flat)
    except ValueError:
        return None


_COPY = re.compile(r"(?i)^(?:self\.)?_*(?:best|keep|kept|copy|copies|saved?|old|prev|last|least|snapshot|backup)")


def _without_views(found: Sequence[str], after: Moment) -> list[str]:
    """Of an array and its views, such as theta and its matrices, keep the views if they cover it; also drop copies."""
    own = {path: {x.index for x in after[path].numbers} for path in found}
    kept = list(found)
    for path, numbers in own.items():
        twins = [other for other in kept if other != path and own[other] == numbers]
        if twins and path in kept and (_COPY.search(path) or kept.index(twins[0]) < kept.index(path)):
            kept.remove(path)  # a copy of the best so far, for example
            continue
        views = [other for other in kept if other != path and own[other] < numbers]
        if views and set().union(*(own[other] for other in views)) == numbers:
            kept.remove(path)
        else:
            kept = [other for other in kept if other not in views]
    return kept


# Names of values that are passed from layer to layer, forwards or backwards, or summed up: not parameters
_CARRIED = re.compile(
    r"lam\w*|adj\w*|back|bar|carry\w*|"
    r"x\w?|g\w{0,2}|e\w?|h\w?|a\w?|z\w?|s|d\w*(?:next|prev)\w*|out\w*|hidden\w*|inp\w*|state\w*|grad\w*|delta\w*|d\w{0,2}|err\w*|dout|up\w*|y\w*|t|tot\w*|"
    r"hi(?:_\w+)?|lo(?:w_?\w*)?|high\w*|mid\w*|left\w*|right\w*|sum\w*|loss\w*|acc\w*|cost\w*|activ\w*|layer\w*|current\w*|signal\w*|value\w*|res\w*",
    re.IGNORECASE,
)
_OUTPUTS = re.compile(r"(?i)(?:x\w?|h\w?|a|z|s|out\w*|inp\w*|hidden\w*|activ\w*)(?:\[\d+\])+")  # of a layer of scalars
_GRADIENTS = re.compile(r"(?i)(?:g\w{0,2}|grad\w*|d\w{1,2}|delta\w*|err\w*)(?:\[\d+\])+")  # gradients in lists
STATE = re.compile(
    r"(?:velo\w*|momentum|_mom)(?=$|[.\['\]])|"
    r"(?:^|[._\['])(?:v|m|s|vel\w*|mom\w*|cache\w*|prev\w*|grad\w*|d[wb]\w*|[vms]_\w+|[vms][wb]\w*|"
    r"buf\w*|exp_?avg\w*|accum\w*)(?=$|[.\['\]])",
    re.IGNORECASE,
)
GRADIENT = re.compile(
    r"\.(?:_*(?:g|d|dv|grads?|gradients?|deltas?|deriv\w*|adj(?:oint)?))$"
)  # that an engine or a layer accumulates
_RATE = re.compile(  # a decaying rate, or a running mean
    r"(?i)(?:lr|learning_?rate|learnrate|step_?size|momentum|decay|(?:^|[._\['])(?:step|eta|rate|eps(?:ilon)?|baseline|average|avg))(?:'\])?$"
)
_DATA = re.compile(
    r"(?i)(?:self\.)?(?:data_?(?:set)?|train(?:ing)?_?(?:data|set)|samples|rows?)(?:\[|$)"
)  # data, which may be normalised in place
_PLAIN = re.compile(
    r"(?i)(?:[\w.]+\.)?(?:w|b|weights?|bias|offset|theta|coef\w*|intercept\w*)\d?_?(?:\[\d+\])?"
)  # names of single parameters, not of sums
_SLOPE = re.compile(r"(?i)(?:[\w.]+\.)?(?:[a-z]|slope|const\w*|m\d|c\d)")  # of y = m x + c
_BIAS = re.compile(r"(?i)(?:^|[._\['])(?:b|bias\w*|intercept\w*)_?(?:'\])?$")
LINEAR = ("add", "subtract", "copy", "sum", "negative")


def _is_carried(path: str) -> bool:
    """Whether a path is named like a value that is passed on, an engine's scalar too, also one in a list."""
    plain = re.sub(r"\.(?:data|value|val|v|x)$", "", path)
    return _CARRIED.fullmatch(plain) is not None or (plain != path and _OUTPUTS.fullmatch(plain) is not None)


def _is_driven(path: str, old: Held, new: Held, reach: Mapping[int, int], bits: Mapping[int, int]) -> bool:
    """Whether an array drifts: each new element depends only on its old one, as of a state that is observed."""
    if len(new.numbers) == 1 or named_as_parameter(path):
        return False
    pairs = zip(old.numbers, new.numbers, strict=True)
    return all(reach.get(y.index, 0) == bits.get(x.index, 0) and x is not y for x, y in pairs)


def _is_scheduled(path: str, old: Sequence[Number], new: Sequence[Number], reach: Mapping[int, int]) -> bool:
    """Whether only constants change a single number, as with a temperature or the weight of a term of the cost."""
    if len(new) > 1 or _PLAIN.fullmatch(path) or _SLOPE.fullmatch(path):
        return False
    x = new[0]
    while x.index != old[0].index:
        felt = [y for y in operands_of(x) if reach.get(y.index)] if x.rule is not None else []
        if len(felt) != 1 or x.rule is None or x.rule.name not in (*LINEAR, "multiply", "divide"):
            return False
        x = felt[0]
    return True


def _is_stepped(path: str, before: Moment, after: Moment, reach: Mapping[int, int]) -> bool:
    """Whether something is added to the old value, and the name is not that of a gradient or a velocity."""
    if GRADIENT.search(path) or _GRADIENTS.fullmatch(path) or STATE.search(path) or _is_carried(path):
        return False
    return _moves(before[path].numbers[0], after[path].numbers[0], reach)


def _is_average(path: str, before: Moment, after: Moment, moved: Sequence[str], reach: Mapping[int, int]) -> bool:
    """Whether an array becomes a mean of itself and another that moves: an average of weights, or a slow target."""
    own, now = before[path].numbers, after[path].numbers
    for other in moved:
        if other == path or len(before[other].numbers) != len(own) or not _is_stepped(other, before, after, reach):
            continue
        for theirs in (after[other].numbers, before[other].numbers):
            shares = (_shares(z, x, y) for x, y, z in itertools.islice(zip(own, theirs, now, strict=True), MARKED))
            if all(share is not None and share[0] > 0 and share[1] > 0 and sum(share).contains(1) for share in shares):
                return True
    return False


def _shares(z: Number, x: Number, y: Number, depth: int = 0) -> tuple[Any, Any] | None:
    """Return (a, b) if z is computed as a x + b y in a few operations, else None."""
    if z.index in (x.index, y.index):
        return (arb(1), arb(0)) if z.index == x.index else (arb(0), arb(1))
    if z.rule is None or depth > 4:
        return None
    match z.rule.name, z.operands:
        case "add" | "subtract" as name, (left, right):
            one, sign = _shares(left, x, y, depth + 1), -1 if name == "subtract" else 1
            two = _shares(right, x, y, depth + 1) if one is not None else None
            return None if one is None or two is None else (one[0] + sign * two[0], one[1] + sign * two[1])
        case "multiply", (left, right):
            for factor, rest in ((left, right), (right, left)):
                if (inner := _shares(rest, x, y, depth + 1)) is not None:
                    return factor.value * inner[0], factor.value * inner[1]
        case "divide", (left, right):
            inner = _shares(left, x, y, depth + 1)
            return None if inner is None else (inner[0] / right.value, inner[1] / right.value)
        case "copy", (only,):
            return _shares(only, x, y, depth)
    return None


def _moves(old: Number, new: Number, reach: Mapping[int, int]) -> bool:
    """Whether new is ± old, times factors that depend on nothing that moves, ± anything."""
    waiting, seen = [new], set()
    while waiting:
        x = waiting.pop()
        if x.index == old.index:
            return True
        if x.index in seen or x.rule is None or not reach.get(x.index):
            continue
        seen.add(x.index)
        if x.rule.name in LINEAR:
            waiting.extend(operands_of(x))
        elif x.rule.name in ("multiply", "divide"):
            a, b = x.operands
            waiting.extend([a] if not reach.get(b.index) else [b] if not reach.get(a.index) else [])
    return False


def _is_moved(old: Number, new: Number, reach: Mapping[int, int]) -> bool:
    """Whether new is old plus something that old affects, like m in y = m x + c, unlike a velocity or a sum."""
    waiting, seen, kept, felt = [new], set[int](), False, False
    while waiting:
        x = waiting.pop()
        if x.index in seen:
            continue
        seen.add(x.index)
        if x.index == old.index:
            kept = True
        elif x.rule is not None and x.rule.name in LINEAR:
            waiting.extend(operands_of(x))
        else:
            felt = felt or bool(reach.get(x.index, 0) & reach.get(old.index, 0))
    return kept and felt


def _steps_twice(pairs: Sequence[tuple[Held, Held]], results: Sequence[Number], reach: Mapping[int, int]) -> bool:
    """Whether a number between old and new enters a dot product, as in the forward pass of a second step.

    A weight plus a part of its velocity, where Nesterov's momentum looks ahead, is not a step yet.
    """
    between: set[int] = set()
    for old, new in pairs:
        sisters = [other for other, _ in pairs if other.shape == old.shape and len(old.numbers) > 1]
        for k, (x, y) in enumerate(zip(old.numbers, new.numbers, strict=True)):
            own = 0
            for sister in sisters:
                own |= reach.get(sister.numbers[k].index, 0)
            waiting, seen = [y], set[int]()
            while waiting:
                z = waiting.pop()
                if z.index in seen:
                    continue
                seen.add(z.index)
                if z.index != x.index and z.rule is not None and z.rule.name in LINEAR and _moves(x, z, reach):
                    if z is not y and reach.get(z.index, 0) & ~own:
                        between.add(z.index)
                    waiting.extend(operands_of(z))
    if not between:
        return False
    return any(
        z.rule is not None and z.rule.name == "dot" and any(w.index in between for w in operands_of(z))
        for z in computed_from(results)
    )


def _began_before(before: Moment, after: Moment, moved: Sequence[str], start: int) -> bool:
    """Whether what may be parameters moves by numbers that were computed from them before `start`.

    An update of one layer, of which there are many in a step, is recognised by this at once.
    """
    paths = [
        path
        for path in moved
        if not (GRADIENT.search(path) or _GRADIENTS.fullmatch(path) or STATE.search(path) or _DATA.match(path))
        if not _is_carried(path)
    ]
    own = {x.index for path in paths for x in before[path].numbers}
    held = {x.index for path in moved for x in before[path].numbers}
    waiting, seen, older = [x for path in paths for x in after[path].numbers], set[int](), list[Number]()
    while waiting:  # what was computed since
        x = waiting.pop()
        if x.index in seen or x.rule is None:
            continue
        seen.add(x.index)
        if x.index >= start:
            waiting += operands_of(x)
        elif x.index not in held:
            older.append(x)
    while older:  # depth first: a gradient soon leads to a parameter
        for y in operands_of(older.pop()):
            if y.index in own:
                return True
            if y.index not in seen and y.rule is not None:
                seen.add(y.index)
                older.append(y)
    return False


def feeding(before: Moment, results: Sequence[Number]) -> list[str]:
    """Return the paths with an old number that affects one of these results."""
    bits, whole = _bits(before, list(before))
    reach, _ = _reach(results, bits)
    union = 0
    for x in results:
        union |= reach.get(x.index, 0)
    return [path for path in before if union & whole[path]]


def _bits(before: Moment, paths: Sequence[str]) -> tuple[dict[int, int], dict[str, int]]:
    """Return a bit for each of the first elements of a path and one for the rest, by index, and each path's mask."""
    bits: dict[int, int] = {}
    whole: dict[str, int] = {}
    used = 0
    for path in paths:
        mask = 0
        for place, x in enumerate(before[path].numbers):
            bit = 1 << (used + min(place, MARKED))
            bits[x.index] = bits.get(x.index, 0) | bit
            mask |= bit
        used += min(len(before[path].numbers), MARKED + 1)
        whole[path] = mask
    return bits, whole


def _reach(results: Sequence[Number], bits: Mapping[int, int]) -> tuple[dict[int, int], dict[int, int]]:
    """Return which bits affect each number, and the same for computed numbers only, without the sources."""
    reach: dict[int, int] = {}
    computed: dict[int, int] = {}
    for x in computed_from(results, bits):  # what a source was computed from belongs to the previous step
        mark = bits.get(x.index, 0)
        if not mark and x.rule is not None:
            for y in operands_of(x):
                mark |= reach.get(y.index, 0)
            if mark:
                computed[x.index] = mark
        if mark:
            reach[x.index] = mark
    return reach, computed


def _crosses(
    path: str, before: Moment, after: Moment, moved: Sequence[str], reach: Mapping[int, int], masks: Mapping[str, int]
) -> bool:
    """Whether an element of the path affects an element other than its own, in any array that moved.

    An effect on a single number, such as an accumulated cost, counts only if it does not pass through what else was
    moved: a velocity affects the cost of the next forward pass through the parameter that it moves.
    """
    first = masks[path] & -masks[path]
    places = {first << place: place for place in range(min(len(before[path].numbers), MARKED))}
    mine = sum(places)
    itself = {after[path].numbers[place].index: bit for bit, place in places.items()}  # also in views of the array
    alone = len(before[path].numbers) == 1
    carried = alone and STATE.search(path) and not _is_moved(before[path].numbers[0], after[path].numbers[0], reach)
    for other in moved:
        same = before[other].shape == before[path].shape
        if same and alone:  # a single-number velocity is known by its name
            same = other == path or bool(carried)
        for j, y in enumerate(after[other].numbers):
            found = reach.get(y.index, 0) & mine
            if not found:
                continue
            own = next((bit for bit, place in places.items() if place == j), 0) if same else 0
            own |= itself.get(y.index, 0)
            if found & ~own and (len(after[other].numbers) > 1 or _reaches(path, other, before, after, moved)):
                return True
    return False


def _reaches(path: str, other: str, before: Moment, after: Moment, moved: Sequence[str]) -> bool:
    """Whether an old number of the path affects a single number other than through what else is moved."""
    started = {x.index for name in moved for x in before[name].numbers}
    results = {x.index for name in moved if name not in (path, other) for x in after[name].numbers} - started
    on_the_way = computed_from(after[other].numbers, started | results)
    own = {x.index for x in before[path].numbers}
    return any(x.index in own for x in on_the_way)
