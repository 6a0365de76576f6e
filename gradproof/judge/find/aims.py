"""What a step may mean to hold fixed though it depends on the parameters: its targets, or the weights of its terms."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from gradproof.exact.numbers import Number
from gradproof.exact.run import current, line_of
from gradproof.exact.sweeps import computed_from, operands_of
from gradproof.judge.find.watching import Event
from gradproof.judge.trial.stepping import terms

_AIM = re.compile(r"target|(?:^|_)td(?:_|$)|advantage|returns?$|bootstrap", re.IGNORECASE)
MOST_WEIGHTS = 4  # arrays that are tried


def targets(events: Sequence[Event], moves: Sequence[Number]) -> list[Number]:
    """Return what is named only as targets, but computed from the parameters, and r + γ V′ in r + γ V′ − V."""
    named = [event for event in events if _AIM.search(event.name)]
    unnamed = (event for event in events if event.shape and not _AIM.search(event.name))
    others = {id(x) for event in unnamed for x in event.numbers}
    found = {x.index: x for event in named for x in event.numbers if x.varies and id(x) not in others}
    for y in _compared(moves) if not found else ():
        found |= {y.index: y} if _is_discounted(y) else {}
    return list(found.values())


def doubtful_aims(
    events: Sequence[Event], moves: Sequence[Number], cost: Number | None
) -> Iterator[tuple[str, list[Number]]]:
    """Yield what may be held fixed as well, in words, so that a step that is right only then is not called wrong.

    These are V′ in r + V′ − V and in r − V + V′, with an r that the program does not write down, and arrays whose
    elements, or their roots, are factors of the terms of the cost, as the weights of a majorising cost are.
    """
    if sums := [y for y in _compared(moves) if _is_shifted(y)] or list(_added_to_errors(moves)):
        yield f"what line {line_of(sums[0].place)} computes", sums
    weights = {x.index for x in _factors(cost)} if cost is not None else set[int]()
    named = {
        event.name: event
        for event in events
        if event.kind == "assigned" and len(event.numbers) > 1 and weights.issuperset(x.index for x in event.numbers)
    }
    for name, event in list(named.items())[:MOST_WEIGHTS]:
        yield f"{name} of line {event.line}", list(event.numbers)


@contextmanager
def held(numbers: Sequence[Number]) -> Iterator[None]:
    """Treat these numbers as constants while the context lasts."""
    before = [(x.rule, x.operands, x.varies) for x in numbers]
    for x in numbers:
        x.rule, x.operands, x.varies = None, (), False
    yield
    for x, (rule, operands, varies) in zip(numbers, before, strict=True):
        x.rule, x.operands, x.varies = rule, operands, varies


def _compared(moves: Sequence[Number]) -> Iterator[Number]:
    """Yield the two sides of each difference that depends on the parameters on both."""
    for x in computed_from(moves):
        if x.rule is not None and x.rule.name == "subtract" and all(y.varies for y in x.operands):
            yield from x.operands


def _is_discounted(x: Number) -> bool:
    """Whether this is r + γ V with constants r and γ, 0 ≤ γ ≤ 1: what a state is worth by that of the next one."""
    if x.rule is None or x.rule.name != "add" or x.operands[0].varies == x.operands[1].varies:
        return False
    worth = next(y for y in x.operands if y.varies)
    if worth.rule is None or worth.rule.name != "multiply" or worth.operands[0].varies == worth.operands[1].varies:
        return False
    gamma = next(y for y in worth.operands if not y.varies)
    return bool(gamma.value >= 0 and gamma.value <= 1)


def _is_shifted(x: Number) -> bool:
    """Whether this is r + V with a constant r that the program does not write down: a reward, and not a margin."""
    if x.rule is None or x.rule.name != "add" or x.operands[0].varies == x.operands[1].varies:
        return False
    return not _is_written(next(y for y in x.operands if not y.varies))


def _added_to_errors(moves: Sequence[Number]) -> Iterator[Number]:
    """Yield V′ of each r − V + V′ with such a constant r."""
    for x in computed_from(moves):
        if x.rule is not None and x.rule.name == "add" and all(y.varies for y in x.operands):
            for y, other in (x.operands, x.operands[::-1]):
                if y.rule is not None and y.rule.name == "subtract":
                    r, value = y.operands
                    if value.varies and not (r.varies or _is_written(r)):
                        yield other


def _is_written(x: Number) -> bool:
    return x.index in {y.index for y in current().literals.values()}


def _factors(cost: Number) -> list[Number]:
    """Return the factors, as far as they vary, of the terms of a cost, or of a mean with weights, that are products."""
    found: dict[int, Number] = {}
    waiting = [cost]
    while waiting:
        for x in terms([waiting.pop()]):
            name, operands = x.rule.name if x.rule is not None else "", x.operands
            if name == "divide" and operands[1].varies:  # by the sum of the weights
                waiting += [y for y in operands[:1] if y.varies]
            elif name in ("square", "power") and operands[0].rule is not None and operands[0].rule.name == "multiply":
                waiting += operands[:1]
            elif name == "dot" or (name == "multiply" and all(y.varies for y in operands)):
                more = [y for y in operands_of(x) if y.varies and y.index not in found]
                more += [z for y in more if y.rule is not None and y.rule.name == "sqrt" for z in y.operands]
                found.update({y.index: y for y in more})
                waiting += [y for y in more if y.rule is not None and y.rule.name == "multiply"]
    return list(found.values())
