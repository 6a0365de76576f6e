"""What each line of a program computes, and the boxes of its forward pass, for readers of the program."""

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from flint import arb

from gradproof.exact.sweeps import computed_from, operands_of
from gradproof.judge.find.monitor import Event
from gradproof.judge.find.observation import Observation
from gradproof.judge.lines.labels import UNKNOWN, UNNAMED, Labels, Located
from gradproof.judge.lines.margin import STEPPED
from gradproof.judge.trial.activations import activations

MOST = 24  # boxes to return at most


def shown(path: str) -> str:
    """Return a parameter's name as its author would write it, without net., self. or _answer; data as x and y."""
    path = re.sub(r"^_turns\[0\]\[([01])\]", lambda found: "xy"[int(found[1])], path)
    for prefix in ("net.", "self.", "_answer"):
        path = path.removeprefix(prefix)
    return path


def annotate(what: Observation, labelled: Labels, found: Mapping[str, Located]) -> list[dict[str, Any]]:
    """Return a dict for each line that computes a derivative or is affected by a fault, in the order in which they run.

    The keys are `file`, `line`, `name`, `label` and `state`. The state is "right" for a derivative or a moved
    parameter, "wrong" for a fault and "follows" for what is computed from one. `found` has the place of each fault.
    """
    return [
        {"file": event.file, "line": event.line, "name": event.name, "label": label, "state": state}
        for event, label, state in annotated(what, labelled, found)
    ]


def annotated(what: Observation, labelled: Labels, found: Mapping[str, Located]) -> Iterator[tuple[Event, str, str]]:
    """Yield (event, label, state) for these lines, once for each label and state of a line."""
    faults = {(place.file, place.line, place.name) for place in found.values()}
    places = {(place.file, place.line) for place in found.values()}
    spoilt = _computed_from_faults(labelled, faults)
    after = {path: {x.index for x in array.flat} for path, array in what.after.items()}
    steps = [_stepped(event, after) for event in labelled.events]
    end = max((k for k, path in enumerate(steps) if path), default=len(steps))  # events after the step do not count
    lines: dict[tuple[Any, ...], Event] = {}
    begun = False
    for event, label, factor, moved in list(
        zip(labelled.events, labelled.labels, labelled.factors, steps, strict=True)
    )[: end + 1]:
        key = event.file, event.line, event.name
        if key in faults:
            begun = True
            lines.setdefault((*key, "", "wrong"), event)
        elif any(x.index in spoilt for x in event.numbers):
            if begun and (event.file, event.line) not in places:  # earlier, these numbers may have another name
                lines.setdefault((*key, "", "follows"), event)
        elif moved and moved not in found:
            lines.setdefault((*key, f"{shown(moved)}{STEPPED}", "right"), event)
        elif label and label != UNKNOWN:
            sign = "−" if factor is not None and factor < 0 else ""
            by = shown(label.removeprefix("∂C/∂"))
            lines.setdefault((*key, f"{sign}∂C/∂{by}" if by else UNNAMED, "right"), event)
    yield from ((event, label, state) for (*_, label, state), event in lines.items())


def _stepped(event: Event, after: Mapping[str, set[int]]) -> str:
    """Return the path of the parameter whose numbers after the step these are, or ""."""
    return next((path for path, numbers in after.items() if all(x.index in numbers for x in event.numbers)), "")


def _computed_from_faults(labelled: Labels, faults: set[tuple[str, int, str]]) -> set[int]:
    """Return the indices of the numbers of the faults and of everything that is computed from them."""
    spoilt = {x.index for e in labelled.events if (e.file, e.line, e.name) in faults for x in e.numbers}
    for x in computed_from([x for event in labelled.events for x in event.numbers]) if spoilt else ():
        if x.rule is not None and any(y.index in spoilt for y in operands_of(x)):
            spoilt.add(x.index)
    return spoilt


def forward_pass(what: Observation, labelled: Labels) -> list[dict[str, Any]]:
    """Return a box for each named array that the cost is computed from, layer by layer.

    A box has `file`, `line`, `name`, `shape`, `activation` and the `parameters` that enter there. Boxes that repeat, as
    for successive examples or in a loop, are merged. What a function returns in a cache has its caller's name.
    """
    assigned = {tuple(x.index for x in e.numbers): e.name for e in labelled.events[::-1] if e.kind == "assigned"}
    given = {x.index: path for path, array in what.given.items() for x in array.flat}
    depths = dict.fromkeys(given, 0)  # of every number that belongs to a named array
    boxes: dict[tuple[Any, ...], dict[str, Any]] = {}
    sums: list[Event] = []
    for event in named(labelled, given):
        if event.kind != "assigned":
            event = event._replace(name=assigned.get(tuple(x.index for x in event.numbers), event.name))
        new = [x for x in event.numbers if x.index not in depths]
        if new:
            nodes = computed_from([y for x in new if x.rule is not None for y in operands_of(x)], depths)
            depth = 1 + max((depths.get(x.index, 0) for x in nodes), default=0)
            entering = list(dict.fromkeys(given[x.index] for x in nodes if x.index in given))
            box = _box(event, entering, what, given)
            if not box["activation"] and any(_is_softmax(event, other) for other in sums):
                box["activation"] = "softmax"
            sums += [event] * (box["activation"] == "linear")
            boxes.setdefault((event.line, event.name, event.shape, depth), box)
            depths.update(dict.fromkeys((x.index for x in new), depth))
    return list(boxes.values())[:MOST]


def named(labelled: Labels, given: Container[int]) -> Iterator[Event]:
    """Yield the events of the forward pass in the order of computation.

    Of several in a row with the same numbers only the last assignment counts.
    """

    def numbers(event: Event) -> Sequence[int]:
        return [x.index for x in event.numbers]

    forward = {index for index in labelled.forward if index not in given}
    mine = [e for e in labelled.events if any(x.index in forward for x in e.numbers)]
    runs = [list(alike) for _, alike in groupby(mine, numbers)]
    for several in sorted(runs, key=lambda run: max(numbers(run[0]))):
        yield ([e for e in several if e.kind == "assigned"] or several)[-1]


def _is_softmax(event: Event, of: Event) -> bool:
    """Whether `event` is the softmax of `of`, row by row or column by column."""
    if event.shape != of.shape or len(event.shape) not in (1, 2) or not all(x.value > 0 for x in event.numbers):
        return False
    a, z = (np.array([x.value for x in one.numbers], object).reshape(-1, one.shape[-1]) for one in (event, of))
    off = np.array([x.log() - y for x, y in zip(a.flat, z.flat, strict=True)], object).reshape(a.shape)
    return any(
        all(sum(row).overlaps(arb(1)) and all(x.overlaps(same[0]) for x in same) for row, same in pairs)
        for pairs in (list(zip(a, off, strict=True)), list(zip(a.T, off.T, strict=True)))
        if len(pairs[0][0]) > 1
    )


def _box(event: Event, entering: Sequence[str], what: Observation, given: Mapping[int, str]) -> dict[str, Any]:
    (activation,) = activations([event.numbers[:64]], set(given)) if event.shape else ("",)
    return {
        "file": event.file,
        "line": event.line,
        "name": shown(event.name),
        "shape": list(event.shape),
        "activation": activation if entering or activation != "linear" else "",
        "parameters": [{"name": shown(path), "shape": list(what.given[path].shape)} for path in entering],
    }
