"""What a step has besides the gradient of a cost: weight decay, an L1 penalty, or another term of each weight alone."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from flint import arb

from gradproof.exact.numbers import Number
from gradproof.exact.sweeps import computed_from, operands_of
from gradproof.judge.trial.adaptive_steps import solved
from gradproof.judge.trial.arguments import numbers_of
from gradproof.judge.trial.comparison import Compared

Balls = Any  # an object array of arb
DECAY = "with weight decay"
OTHER_DECAY = "its weight decay differs from that in its own cost"
OTHER_TERM = "with a term of its own, which the cost does not have"
MIXED = -1


def penalty_of(step: Balls, slope: Balls, value: Balls, eta: Any) -> str:
    """Name what a step has besides −η g: −κ θ, also before the gradient is subtracted, or −κ sign θ; "" if neither.

    No step gives up more than half of a weight.
    """
    step, slope, value = step.ravel(), slope.ravel(), value.ravel()
    rest = step + eta * slope
    others = {f"{DECAY} {{}}": value, f"{DECAY} {{}} after the step": value - eta * slope}
    if value.size > 2:  # of fewer, the sign and the value may fit alike
        others[f"{DECAY} {{}} times the sign, an L1 penalty"] = np.frompyfunc(lambda w: w / abs(w), 1, 1)(value)
    for said, shape in others.items():
        pairs = list(zip(rest, shape, strict=True))
        telling = [pair for pair in pairs if pair[1].is_finite() and not pair[1].contains(0)]
        if not telling:
            continue
        r, s = max(telling, key=lambda pair: float(abs(pair[1]).mid()))
        kappa = -r / s
        if kappa > 0 and kappa < 0.5 and all((r + kappa * s).contains(0) for r, s in pairs):
            return said.format(f"{float((kappa / eta).mid()):.6g}")
    both = solved([([-w, -w / abs(w)], r) for w, r in zip(value, rest, strict=True) if not w.contains(0)])
    if both and both[0] > 0 and both[0] < 0.5 and both[1] > 0:
        return f"{DECAY} {float((both[0] / eta).mid()):.6g} and an L1 penalty {float((both[1] / eta).mid()):.6g}"
    return ""


def with_own_terms(
    moved: dict[str, Any], parameters: Sequence[Any], truth: dict[int, Any], eta: Any, compared: Sequence[Compared]
) -> list[Compared]:
    """Name the wrong arrays that follow −η g but for a term of each element that depends on nothing but itself.

    What is a multiple of θ, or of its sign, is left wrong: it is the opposite of a usual penalty, or too large for one.
    """
    sources = {x.index for parameter in parameters for x in numbers_of(parameter)}
    only = dict[int, int]()  # by number, the one source that it depends on, or MIXED
    for x in computed_from([x for move in moved.values() for x in numbers_of(move)]):
        those = {only[y.index] for y in operands_of(x) if y.index in only}
        if x.index in sources or those:
            only[x.index] = x.index if x.index in sources else those.pop() if len(those) == 1 else MIXED
    told = []
    for array, move, parameter in zip(compared, moved.values(), parameters, strict=True):
        pairs = list(zip(numbers_of(move), numbers_of(parameter), strict=True))
        if array.state == "wrong" and len(pairs) > 1:
            terms = [_own_term(x, theta, only) for x, theta in pairs]
            rests = [x.value + eta * truth.get(theta.index, arb(0)) for x, theta in pairs]
            values = [theta.value for _, theta in pairs]
            usual = _is_multiple(terms, values) or _is_multiple(terms, [w / abs(w) for w in values])
            if not usual and all((rest - term).contains(0) for rest, term in zip(rests, terms, strict=True)):
                array = array._replace(state=OTHER_TERM)
        told.append(array)
    return told


def _is_multiple(terms: Sequence[Any], of: Sequence[Any]) -> bool:
    return all((term / by).overlaps(terms[0] / of[0]) for term, by in zip(terms, of, strict=True))


def _own_term(move: Number, theta: Number, only: dict[int, int]) -> Any:
    """Return the sum of the terms of a move θ′ − θ that depend on θ alone."""
    total, waiting = arb(0), [(move, arb(1))]
    while waiting:
        x, factor = waiting.pop()
        if only.get(x.index) == theta.index:
            total += factor * x.value
        elif x.index in only and x.rule is not None:
            waiting += [(y, factor * share) for y, share in _linear(x)]
    return total


def _linear(x: Number) -> list[tuple[Number, Any]]:
    """Return the terms of a sum, or of a multiple of one number, each with its factor; [] for anything else."""
    one = arb(1)
    match x.rule.name, x.operands:  # type: ignore[union-attr]
        case "add" | "sum" | "copy", operands:
            return [(y, one) for y in operands]
        case "subtract", (a, b):
            return [(a, one), (b, -one)]
        case "negative", (a,):
            return [(a, -one)]
        case "multiply", (a, b) if a.varies != b.varies:
            return [(a, b.value) if a.varies else (b, a.value)]
        case "divide", (a, b) if not b.varies:
            return [(a, 1 / b.value)]
    return []


def squared(numbers: Iterable[Number], parameters: Iterable[Any]) -> set[int]:
    """Return the indices of the parameters whose squares are among these numbers."""
    own = {x.index for array in parameters for x in numbers_of(array)}
    found = set[int]()
    for x in numbers:
        if x.rule is not None and x.rule.name in ("multiply", "square", "power", "dot"):
            operands = x.operands
            if x.rule.name == "dot":
                found |= {a.index for a, b in zip(*operands, strict=True) if a is b}
            elif len(operands) == 1 or operands[-1] is operands[0] or _is_power(x):
                found.add(operands[0].index)
    return found & own


def _is_power(x: Number) -> bool:
    """Whether x is a power with a constant exponent."""
    return x.rule is not None and x.rule.name == "power" and not x.operands[1].varies
