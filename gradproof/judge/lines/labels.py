"""Where a backward pass goes wrong: each of its arrays is labelled with the ∂C/∂v that it is.

The fault is the first array that is not such a derivative, though it follows from one.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from flint import arb

from gradproof.exact.numbers import Number
from gradproof.exact.rules import Ball
from gradproof.exact.sweeps import computed_from, differentiate, operands_of
from gradproof.judge.find.dependence import LINEAR
from gradproof.judge.find.gradients import last
from gradproof.judge.find.monitor import Event
from gradproof.judge.find.observation import Observation
from gradproof.judge.find.roles import stem
from gradproof.judge.find.scene import DRIVEN
from gradproof.judge.trial.penalties import OTHER_DECAY

UNNAMED = "a derivative of C"  # the label where v has no name
UNKNOWN = "?"  # a single number whose name says nothing
MOST_USES = 12  # uses of a parameter to distinguish at most
MOST = 400  # events of a step up to which all are examined; of more …
MOST_OF_A_LINE = 32  # … this many of a line, half of them the last: a convolution stores each element by itself


class Located(NamedTuple):
    """The event at which a parameter array goes wrong, and what is right before it."""

    line: int
    name: str  # what is assigned there, or the function that returns
    kind: str  # "assigned", "returned", …
    before: str  # such as "dA1 is ∂C/∂A1", or ""
    missing: str = ""  # what it should be, or what is missing after it
    file: str = ""  # the program's, or that of a module beside it
    others: Sequence[int] = ()  # other lines that may be at fault, the likeliest first


class Labels(NamedTuple):
    """What each event of a step is: a multiple of ∂C/∂v for some v, or not a derivative."""

    events: Sequence[Event]
    forward: set[int]  # indices of the numbers from which the cost is computed
    labels: Sequence[str]  # "∂C/∂v", or "" for the forward pass and for anything else
    factors: Sequence[Ball | None]
    reached: Sequence[int]  # the earlier labelled events that each follows from, as bits


def label_events(what: Observation, cost: Number, said: Mapping[tuple[str, int, str], Collection[str]] = {}) -> Labels:
    """Label each event by the derivatives of this cost.

    If several fit, as ∂C/∂z and ∂C/∂b do for one example, those come first that are `said` elsewhere of its file, line
    and name, then that of its own name, as ∂C/∂W2 for dW2.
    """
    truth = differentiate(cost, constants=True)  # including those by what ReLU has cut off
    nodes = [x for x in computed_from([cost]) if x.varies]
    forward = {x.index for x in nodes}
    events = _looked_at(what)
    targets = list(_targets(what, events, forward, nodes))
    told: list[tuple[str, Ball | None]] = []
    for event in events:
        others, own = said.get((event.file, event.line, event.name), ()), _by_name(event)
        first = {ending(label) for label in others}
        likely = sorted(targets, key=lambda one: (ending(one[0]) not in first, last(one[0]).lower() != own))
        if _is_forward(event, forward):
            told.append(("", None))
        elif len(event.numbers) == 1 and len(others) == 1:  # any number is a multiple of any other
            told.append((f"∂C/∂{ending(*others)}", None))
        else:
            told.append(_label(event, likely, truth, what.given))
    labels, factors = [label for label, _ in told], [factor for _, factor in told]
    return Labels(events, forward, labels, factors, _reached(events, labels))


def ending(name: str) -> str:
    """Return the end of a name or label, such as Z2 of cache["Z2"], ∂C/∂Z2 or net.Z2; "" if v has no name."""
    return re.sub(r"^.*(?:∂|\.|\['|\[\")", "", name.removeprefix(UNNAMED))


def _looked_at(what: Observation) -> list[Event]:
    """Return the events on lines of the program; if there are too many, only some of each line."""
    events = [e for e in what.events if 0 < e.line < DRIVEN and len(e.numbers) > 0]
    if len(events) > MOST:
        lines: dict[Any, list[int]] = {}
        for k, event in enumerate(events):
            lines.setdefault((event.file, event.line, event.kind), []).append(k)
        half = MOST_OF_A_LINE // 2
        kept = {k for of_line in lines.values() for k in (*of_line[:half], *of_line[-half:])}
        events = [event for k, event in enumerate(events) if k in kept]
    return events


def locate(what: Observation, labelled: Labels, wrong: Mapping[str, str]) -> dict[str, Located]:
    """Return the fault of each wrong array, by its path; `wrong` maps paths to states."""
    events, forward, labels, factors, reached = labelled
    found: dict[str, Located] = {}
    ends: dict[int, list[str]] = {}  # by event: paths that go wrong in their own gradients right after it
    for path, state in wrong.items():
        moves = what.moved[path].ravel().tolist()
        above = {x.index for x in computed_from(moves)}
        others = {x.index for p, array in what.after.items() if p != path for x in array.flat}
        chain = [
            k
            for k, e in enumerate(events)
            if not _is_forward(e, forward)
            and any(x.index in above for x in e.numbers)
            and not all(x.index in others for x in e.numbers)  # the step of another array
        ]
        place = _update_of(path, wrong, what, events, labels, factors)
        if place is None:
            place = _first_wrong(path, state, events, labels, reached, chain)
        behind = [events[k].line for k in chain if place is not None and k > place and not labels[k]]
        if place is not None:
            event = events[place]
            right = next((k for k in reversed(range(place)) if labels[k] and reached[place] >> k & 1), None)
            named = right is not None and labels[right] not in ("∂C/∂", UNKNOWN)
            before = f"{events[right].name} is {labels[right]}" if right is not None and named else ""
            more = [line for line in dict.fromkeys(behind) if line != event.line][:2]
            found[path] = Located(event.line, event.name, event.kind, before, file=event.file, others=more)
            alone = named and not state.startswith(("moved", "scaled", "uphill", "with weight decay"))
            alone = alone and right is not None and not _is_linear(labels[right], path, what, events)
            if alone and right is not None and stem(last(event.name)) == last(path).lower():
                ends.setdefault(right, []).append(path)
    for right, paths in ends.items():
        if len(paths) > 1:  # weights and biases of one layer: the slope of its activation is missing
            said = f"it is {labels[right]}, but the slope after it is missing"
            event = events[right]
            found |= {path: Located(event.line, event.name, event.kind, "", said, event.file) for path in paths}
    return found


def _is_linear(label: str, path: str, what: Observation, events: Sequence[Event]) -> bool:
    """Whether the v of a label ∂C/∂v is linear in a parameter, as z is in w and b, with no slope in between."""
    own = {x.index for x in what.given[path].flat}
    waiting, seen = [x for e in events if f"∂C/∂{e.name}" == label for x in e.numbers[:1]], set[int]()
    while waiting:
        x = waiting.pop()
        if x.index in own:
            return True
        if x.index in seen:
            continue
        seen.add(x.index)
        if x.rule is not None and x.rule.name in (*LINEAR, "dot", "multiply", "divide"):
            waiting += [y for y in operands_of(x) if y.varies]
    return False


def derivatives(what: Observation, cost: Number) -> Iterator[list[float]]:
    """Yield ∂C/∂v in floats for each parameter and each array that the forward pass computes."""
    truth = differentiate(cost, constants=True)
    nodes = [x for x in computed_from([cost]) if x.varies]
    for _, numbers in _targets(what, _looked_at(what), {x.index for x in nodes}, nodes):
        yield [float(truth[x.index].mid()) if x.index in truth else 0.0 for x in numbers]


def shares(what: Observation, cost: Number) -> Iterator[list[float]]:
    """Yield ∂C/∂θ by each use of a parameter, in floats: that of one example, if each is run by itself."""
    truth = differentiate(cost)
    uses: dict[int, list[Ball]] = {x.index: [] for array in what.given.values() for x in array.flat}
    for x in computed_from([cost]):
        operands = operands_of(x) if x.rule is not None and x.index in truth else ()
        if any(y.index in uses for y in operands):
            partials = x.rule.partials(x.value, *[y.value for y in operands])  # type: ignore[union-attr]
            for y, partial in zip(operands, partials, strict=True):
                if y.index in uses:
                    uses[y.index].append(truth[x.index] * partial)
    for array in what.given.values():
        each = [uses[x.index] for x in array.flat]
        if each and 1 < len(each[0]) <= MOST_USES and all(len(one) == len(each[0]) for one in each):
            yield from ([float(share.mid()) for share in use] for use in zip(*each, strict=True))


def _update_of(
    path: str,
    wrong: Mapping[str, str],
    what: Observation,
    events: Sequence[Event],
    labels: Sequence[str],
    factors: Sequence[Any],
) -> int | None:
    """Return the index of the update, if the gradient before it has the same factor as those of the right arrays."""
    if not wrong[path].startswith(("moved", "uphill", "with weight decay")):
        return None
    own = [factors[k] for k, label in enumerate(labels) if label == f"∂C/∂{path}" and factors[k] is not None]
    others = [
        factors[k]
        for k, label in enumerate(labels)
        if factors[k] is not None and (other := label.removeprefix("∂C/∂")) in what.given and other not in wrong
    ]
    if not own or not any(own[0].overlaps(other) for other in others):
        return None
    after = {x.index for x in what.after[path].flat}
    steps = [k for k, event in enumerate(events) if all(x.index in after for x in event.numbers)]
    return steps[0] if steps else None


def _first_wrong(
    path: str, state: str, events: Sequence[Event], labels: Sequence[str], reached: Sequence[int], chain: Sequence[int]
) -> int | None:
    """Return the first event of the chain that is not a derivative, though it follows from one.

    If the array has another factor or a weight decay, return the first event that is its own derivative.
    """
    mine = [k for k in chain if labels[k] == f"∂C/∂{path}"]
    if mine and state.startswith(("moved", "scaled", "with weight decay")):
        return mine[0]
    if state == OTHER_DECAY:  # the last addition to its gradient
        named = [k for k in chain if stem(last(events[k].name)) == last(path).lower() != last(events[k].name).lower()]
        if named:
            return named[-1]
    follows = [k for k in chain if not labels[k] and reached[k]]
    if follows:
        return follows[0]
    none = [k for k in chain if not labels[k]]
    return none[0] if none else (chain[-1] if chain else None)


def _is_forward(event: Event, forward: set[int]) -> bool:
    """Whether the cost depends on any of an event's numbers, as on one entry of a softmax, or all are constant."""
    return any(x.index in forward for x in event.numbers) or not any(x.varies for x in event.numbers)


def _targets(
    what: Observation, events: Sequence[Event], forward: set[int], nodes: Sequence[Number]
) -> Iterator[tuple[str, Sequence[Number]]]:
    """Yield everything by which a derivative may be taken, with its name.

    These are the parameters and the arrays of the forward pass; the name is "" for those that the program does not
    name.
    """
    for path, array in what.given.items():
        yield path, array.ravel().tolist()
    for path, (before, _) in what.reshaped.items():
        yield path, before.ravel().tolist()
    known: dict[int, Event] = {}  # by the variable's name rather than the function's: A1 in A1 = act(Z1)
    for event in events:
        if _is_forward(event, forward) and any(x.varies for x in event.numbers):
            first = known.setdefault(id(event.value), event)
            if first.kind == "returned" and event.kind == "assigned":
                known[id(event.value)] = event
    for event in known.values():
        yield event.name, event.numbers
    unnamed: dict[Any, list[Number]] = {}
    runs, begun = dict[Any, list[Number]](), 0
    for k, x in enumerate(nodes):  # the unnamed, by place: of one pass, or of all iterations of a loop
        if x.rule is not None:
            unnamed.setdefault(x.place, []).append(x)
            begun = k if k == 0 or nodes[k - 1].place != x.place else begun
            runs.setdefault((x.place, begun), []).append(x)
    several = (run for (place, _), run in runs.items() if len(run) < len(unnamed[place]))
    for group in (*unnamed.values(), *several):
        yield "", group


def _label(
    event: Event, targets: Sequence[tuple[str, Sequence[Number]]], truth: Mapping[int, Ball], given: Mapping[str, Any]
) -> tuple[str, Ball | None]:
    """Return the ∂C/∂v that this is a multiple of, in the same order or transposed, and the factor; "" if none.

    Any number is a multiple of any other, so a single number is labelled by its name, or as unknown. So is an array
    with one number beside zeros, as behind a ReLU, unless it is the derivative by what its name says.
    """
    own = _by_name(event)
    if len(event.numbers) == 1:
        mine = [path for path in given if last(path).lower() == own]
        if not mine:
            return UNKNOWN, None
        return (f"∂C/∂{mine[0]}", None) if given[mine[0]].size == 1 else ("", None)
    orders, is_square = [list(event.numbers)], len(set(event.shape)) == 1
    if len(event.shape) == 2 and min(event.shape) > 1:
        rows, columns = event.shape
        orders.append([event.numbers[i * columns + j] for j in range(columns) for i in range(rows)])
    for name, numbers in targets:
        if len(numbers) != len(event.numbers):
            continue
        slope = [truth.get(x.index, arb(0)) for x in numbers]
        if sum(not g.contains(0) for g in slope) < 2 and last(name).lower() != own:
            continue
        for order in orders[:1] if is_square and name in given else orders:  # a transposed ∂C/∂w of a square w is wrong
            if (factor := multiple_of([x.value for x in order], slope)) is not None:
                return f"∂C/∂{name}", factor
    return "", None


def _by_name(event: Event) -> str:
    """Return what an event is the gradient of by its name, such as w1 for dW1; "" if it has only a place in a list."""
    name = stem(last(event.name))
    return "" if name.isdigit() else name


def multiple_of(values: Sequence[Ball], slope: Sequence[Ball]) -> Ball | None:
    """Return the factor by which the values are a multiple of the slope; None if they are not."""
    telling = [k for k, g in enumerate(slope) if not g.contains(0)]
    if not telling or all(v.is_zero() for v in values):
        return None
    k = max(telling, key=lambda i: float(abs(slope[i]).mid()))
    factor = values[k] / slope[k]
    alike = not factor.contains(0) and all(v.overlaps(factor * g) for v, g in zip(values, slope, strict=True))
    return factor if alike else None


def _reached(events: Sequence[Event], labels: Sequence[str]) -> list[int]:
    """Return the other labelled events that each event was computed from, as bits."""
    own: dict[int, int] = {}
    for k, event in enumerate(events):
        if labels[k] and labels[k] != UNKNOWN:
            for x in event.numbers:
                own[x.index] = own.get(x.index, 0) | 1 << k
    marks: dict[int, int] = {}
    for x in computed_from([x for event in events for x in event.numbers]):
        mark = 0
        for y in operands_of(x) if x.rule is not None else ():
            mark |= marks.get(y.index, 0) | own.get(y.index, 0)
        if mark:
            marks[x.index] = mark
    result = []
    for k, event in enumerate(events):
        mark = 0
        for x in event.numbers:
            mark |= marks.get(x.index, 0)
        result.append(mark & ~(1 << k))
    return result
