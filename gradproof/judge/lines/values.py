"""What a step computes at one point, in plain numbers."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from flint import arb

from gradproof.exact.numbers import Number
from gradproof.exact.rules import Ball
from gradproof.exact.run import current
from gradproof.exact.sweeps import computed_from
from gradproof.judge.checkers import checked
from gradproof.judge.find.gradients import last
from gradproof.judge.find.monitor import Event
from gradproof.judge.find.observation import Observation
from gradproof.judge.find.roles import role_of
from gradproof.judge.find.scene import DRIVEN
from gradproof.judge.lines.annotation import MOST, annotated, named, shown
from gradproof.judge.lines.labels import Located, ending, label_events
from gradproof.judge.lines.margin import STEPPED
from gradproof.judge.trial.comparison import Compared
from gradproof.problem import Array

LARGEST = 40  # numbers of the largest array that is displayed


class Point(NamedTuple):
    """What the program does with these numbers, in the current run."""

    what: Observation
    cost: Number
    compared: Sequence[Compared]
    rate: Any  # that multiplies the gradients of the right arrays, or None if none is right
    slopes: Mapping[str, Any]  # ∂C/∂θ of each array
    words: str  # for the cost, or "" if it is not the program's own
    own: Number  # the same cost as the program computes it
    names: Mapping[str, str]  # of each array in the report, by its path here


def values(point: Point, located: Mapping[str, Located], margin: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Return the `parameters` and `data` of a point, and what is computed `forward` and `backward`.

    The number that shows the fault is `said`; `gives` says whether the step gives gradients back instead of moving.
    `checkers` are what other checkers make of it. The `margin` has the labels of the program's lines, which are taken
    where they fit.
    """
    what, said = point.what, dict[tuple[str, int, str], list[str]]()
    for line in margin:
        if line["state"] == "right":
            said.setdefault((line["file"], line["line"], line["name"]), []).append(line["label"])
    labelled = label_events(what, point.cost, said)
    given = {x.index: path for path, array in what.given.items() for x in array.flat}
    several = [event for event in named(labelled, given) if event.kind == "assigned" or event.shape == ()]
    known: dict[tuple[int, ...], Event] = {}
    for event in several:
        known.setdefault(tuple(x.index for x in event.numbers), event)
    forward = [_line(event, what) for event in known.values()]
    backward = [
        _line(event, what) | {"label": _as_said(label, event, said, point), "state": state, "should_be": None}
        for event, label, state in annotated(what, labelled, located)
    ]
    return {
        "parameters": [_parameter(array, point) for array in point.compared],
        "data": _data(point),
        "forward": [line for line in forward if line["value"] is not None][:MOST],
        "backward": [line for line in backward if line["value"] is not None],
        "said": said_of(point),
        "gives": what.gradients,
        "checkers": _checkers(point),
    }


def _as_said(label: str, event: Event, said: Mapping[tuple[str, int, str], list[str]], point: Point) -> str:
    """Return a label as the margin has it, or at least with the names of the report."""
    others = said.get((event.file, event.line, event.name), [])
    if len(event.numbers) == 1 and len(others) == 1:  # any label fits a single number
        return others[0]
    for other in others:
        if ending(other) == ending(label) and other.startswith("−") == label.startswith("−"):
            return other
    for path, name in point.names.items():
        for before, after in (("∂C/∂", ""), ("−∂C/∂", ""), ("", STEPPED)):
            if label == f"{before}{shown(path)}{after}":
                return f"{before}{name}{after}"
    return label


def _checkers(point: Point) -> list[dict[str, Any]]:
    """Return what other checkers make of the gradient from which the arrays move; [] if the rate is unknown."""
    rate = 1 if point.rate is None and point.what.gradients else point.rate
    if rate is None:
        return []
    claimed = [_floats([-x.value / rate for x in point.what.moved[one.name].flat]) for one in point.compared]
    right = [_floats(list(point.slopes[one.name].flat)) for one in point.compared]
    return [one.record() for one in checked(claimed, right)]


def _floats(values: Sequence[Any]) -> Array:
    return np.array([float(value.mid()) for value in values])


def _line(event: Event, what: Observation) -> dict[str, Any]:
    """Return what a line computes; `turn` counts from 0 how often it has computed this name."""
    alike = [e for e in what.events if (e.file, e.line, e.name) == (event.file, event.line, event.name)]
    return {
        "file": event.file,
        "line": event.line,
        "name": shown(event.name),
        "turn": next(k for k, e in enumerate(alike) if e is event),
        "value": plain([x.value for x in event.numbers], event.shape),
    }


def _parameter(array: Compared, point: Point) -> dict[str, Any]:
    """Return a parameter's value and gradient, how far it moves or what is given back, and what that should be."""
    given, slope = point.what.given[array.name], point.slopes[array.name]
    sign = -1 if point.what.gradients else 1
    move = [sign * x.value for x in point.what.moved[array.name].flat]
    should = [-sign * point.rate * g for g in slope.flat] if point.rate is not None else None
    return {
        "name": point.names[array.name],
        "shape": list(given.shape),
        "state": array.state if point.rate is not None else "wrong",  # otherwise it is not known which are right
        "value": plain([x.value for x in given.flat], given.shape),
        "gradient": plain(list(slope.flat), given.shape),
        "moved": plain(move, given.shape),
        "should_be": plain(should, given.shape) if should is not None else None,
    }


def _data(point: Point) -> list[dict[str, Any]]:
    """Return the examples that the step is computed from, as the smallest arrays that have them all."""
    what = point.what
    moves = [x for array in what.after.values() for x in array.flat]
    used = {x.index for x in computed_from([point.cost, *moves]) if not x.varies}
    written = {x.index for x in current().literals.values()}  # all literals 0.0, for example, are one number
    slots = [
        (path, before)
        for path, (before, _) in what.state.items()
        if before.size > 1 or role_of(last(path)) in ("x", "y") or path.startswith("pairs")
        if all(isinstance(x, Number) and not x.varies for x in before.flat)
    ]
    found: list[dict[str, Any]] = []
    for path, array in sorted(slots, key=lambda slot: slot[1].size):
        own = {x.index for x in array.flat}
        if own & used and (own <= written or own & used - written):
            used -= own - written
            value = plain([x.value for x in array.flat], array.shape)
            found.append({"name": shown(path), "shape": list(array.shape), "value": value})
    order = [shown(path) for path in what.state]
    behind = [  # of a single layer: what comes back from the next one
        {"name": e.name, "shape": list(e.shape), "value": plain([x.value for x in e.numbers], e.shape)}
        for e in what.events
        if e.line >= DRIVEN and e.shape and not any(x.varies or x.rule for x in e.numbers)
    ]
    return [*sorted(found, key=lambda one: order.index(one["name"])), *behind]


def said_of(point: Point) -> str:
    """Say which number shows the fault best or, without a rate, which two do not move alike."""
    gradients = point.what.gradients
    verb, other = ("is", "be") if gradients else ("moves by", "move by")
    off = (array for array in point.compared if array.state != "right" and (array.got or array.expected))
    if point.rate is not None and (array := next(off, None)) is not None:
        got, should = (-array.got, -array.expected) if gradients else (array.got, array.expected)
        return f"{_element(point.names[array.name], array.element)} {verb} {got:.6g}, should {other} {should:.6g}"
    told = []
    for path, slope in point.slopes.items():
        for place in np.ndindex(slope.shape):
            if not slope[place].contains(0):
                move = (-1 if gradients else 1) * point.what.moved[path][place].value
                told.append((move / slope[place], point.names[path], place, float(move.mid())))
    least, most = (pick(told, key=lambda one: float(one[0].mid())) for pick in (min, max))
    differ = not least[0].overlaps(most[0])  # uphill, all may move alike
    words = [
        f"{_element(name, place)} {verb} {move:.6g}, which is {float(ratio.mid()):.6g} ∂C/∂{_element(name, place)}"
        for ratio, name, place, move in ([least, most] if differ else [most])
    ]
    return "; ".join(words) + (f": no single {'factor' if gradients else 'rate'} gives both" if differ else "")


def _element(name: str, place: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, place))}]" if place else name


def slopes_of(what: Observation, truth: Mapping[int, Ball]) -> dict[str, Any]:
    """Return ∂C/∂θ for each parameter array, in its shape."""
    found = {}
    for path, array in what.given.items():
        found[path] = np.empty(array.shape, dtype=object)
        for place in np.ndindex(array.shape):
            found[path][place] = truth.get(array[place].index if array.shape else array.item().index, arb(0))
    return found


def plain(values: Sequence[Any], shape: Sequence[int]) -> Any:
    """Return balls as nested lists of floats; None if there are too many, or one is not finite."""
    if len(values) > LARGEST or not all(value.is_finite() for value in values):
        return None
    return np.array([float(value.mid()) for value in values]).reshape(shape).tolist()
