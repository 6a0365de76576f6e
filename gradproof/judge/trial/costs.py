"""Names the cost behind a gradient: the usual ones are tried on the outputs and labels of a run."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from gradproof.exact.arrays import ExactArray, array_of, exact
from gradproof.exact.numbers import Number, number
from gradproof.exact.run import Run, UndecidedError, current, running
from gradproof.exact.special import logsumexp
from gradproof.exact.sweeps import Known, computed_from, differentiate, operands_of
from gradproof.judge.trial.adaptive_steps import FIRST_OF_ADAM
from gradproof.judge.trial.arguments import numbers_of
from gradproof.judge.trial.descent import along, rate_of

# Name, formula, and the terms of the cost for outputs a and labels y; those by example are tried along each axis
ELEMENTWISE: list[tuple[str, str, Callable[[Any, Any], Any]]] = [
    ("quadratic", "Σ(a − y)²", lambda a, y: (a - y) ** 2),
    ("cross-entropy", "Σ(−y log a)", lambda a, y: -np.log(a[_at(y)]) * y[_at(y)]),
    ("binary cross-entropy", "Σ(−y log a − (1 − y) log(1 − a))",
     lambda a, y: -y * np.log(a) - (1 - y) * np.log(1 - a)),
    ("binary cross-entropy of logits", "Σ(log(1 + eᵃ) − ya)", lambda a, y: np.log1p(np.exp(a)) - y * a),
    ("absolute error", "Σ|a − y|", lambda a, y: np.abs(a - y)),
    ("Huber", "Σ(½(a − y)² up to 1, then |a − y| − ½)",
     lambda a, y: np.where(np.abs(a - y) <= 1, (a - y) ** 2 / 2, np.abs(a - y) - Fraction(1, 2))),
    ("log-cosh", "Σ log cosh(a − y)", lambda a, y: np.log(np.cosh(a - y))),
    ("Poisson", "Σ(a − y log a)", lambda a, y: a - y * np.log(a)),
    ("hinge", "Σ max(0, 1 − ya)", lambda a, y: np.maximum(0, 1 - y * a)),
    ("hinge of labels 0 and 1", "Σ max(0, 1 − (2y − 1)a)", lambda a, y: np.maximum(0, 1 - (2 * y - 1) * a)),
]  # fmt: skip
BY_EXAMPLE: list[tuple[str, str, Callable[[Any, Any, int], Any]]] = [
    ("softmax cross-entropy of logits", "Σ(−y log softmax(a))",
     lambda a, y, axis: y * (logsumexp(a, axis=axis, keepdims=True) - a)),
    ("hinge between classes", "Σ max(0, 1 + a − a of the label)",
     lambda a, y, axis: (1 - y) * np.maximum(0, 1 + a - (y * a).sum(axis=axis, keepdims=True))),
]  # fmt: skip
DECLARED = {  # each word of --cost, and the names that it means
    "quadratic": ("quadratic",),
    "cross-entropy": ("cross-entropy", "binary cross-entropy", "binary cross-entropy of logits",
                      "softmax cross-entropy of logits"),
    "softmax": ("cross-entropy", "softmax cross-entropy of logits"),
    "binary": ("binary cross-entropy", "binary cross-entropy of logits"),
    "hinge": ("hinge", "hinge of labels 0 and 1", "hinge between classes"),
    "absolute": ("absolute error",),
    "huber": ("Huber",),
    "poisson": ("Poisson",),
}  # fmt: skip
SAME = {  # names that are left out where the other has the same gradient
    "Poisson": "cross-entropy",  # where Σ a is constant, as after a softmax
    "binary cross-entropy": "cross-entropy",  # where all labels are 1, as for the outputs p[range(m), y]
}
PLAIN = {1.0: "", 0.5: "½ ", 2.0: "2 "}


class NamedCost(NamedTuple):
    """`factor` × the cost ÷ `over`, which is 1 or the number of examples, of outputs, or of all elements."""

    name: str  # "quadratic", "cross-entropy", …
    formula: str  # of the sum, "Σ(a − y)²"
    factor: float  # for a step, it contains the rate
    over: int
    decay: str = ""  # "with weight decay 0.01", if the gradient has one
    decayed: tuple[bool, ...] = ()  # which of the parameters decay

    def __str__(self) -> str:
        times = PLAIN.get(abs(self.factor), f"{abs(self.factor):.6g} ")
        over = f" / {self.over}" if self.over > 1 else ""
        decay = f", {self.decay}" if self.decay else ""
        return f"{self.name}, {'−' * (self.factor < 0)}{times}{self.formula}{over}{decay}"


def name_costs(output: Any, labels: Any, gradients: Sequence[tuple[Any, Any]]) -> list[NamedCost]:
    """Return the usual costs of these outputs and labels whose exact gradient this is, each with its factor.

    `output`: exact numbers from the forward pass of this run, activations or logits, with examples in rows or columns.
    `labels`: numbers of the same size, or class numbers. `gradients`: (parameter, its claimed gradient), both exact;
    for a step, (parameter, −move). Several are returned if these arrays cannot distinguish them, such as ½ Σ and Σ / 2
    for two examples; none if no cost of the table fits. This is one point: a cost counts only if it is named with the
    same factor at further random points, since for a single output the gradients of all costs are parallel.
    """
    output = exact(output)
    fits = _fits(output, labels, [(exact(parameter), -exact(gradient)) for parameter, gradient in gradients], {})
    return [fit._replace(factor=f, over=over) for fit in fits for f, over in _spelled(fit.factor, output.shape)]


def name_costs_of_steps(
    moved: dict[str, Any], parameters: Sequence[Any], among: Collection[str] = (), kept: Any = None
) -> set[NamedCost]:
    """Return the usual costs whose gradient these moves follow, for any outputs and labels that the code compares.

    `among` restricts the names, unless it is empty. `kept` holds the arrays that an optimizer may keep. The factor of
    an adaptive step is ±1, since its size does not show that of the gradient.
    """
    results = [x for move in moved.values() for x in numbers_of(move)]
    own = {x.index for parameter in parameters for x in numbers_of(parameter)}
    steps = [(exact(parameter), exact(move)) for parameter, move in zip(parameters, moved.values(), strict=True)]
    known: Known = {}
    return {
        fit
        for a, y in outputs_and_labels(results)
        if not _is_a_parameter(a, own)
        for fit in _fits(a, y, steps, known, among, kept)
    }


def _is_a_parameter(output: ExactArray, own: set[int]) -> bool:
    """Whether these are the elements of a parameter, each times something, as in λw − yx, and not outputs."""
    sources = set[int]()
    for x in output.ravel().tolist() if output.size > 1 else ():
        if (source := _only_source(x, own)) is None:
            return False
        sources.add(source)
    return len(sources) == output.size > 1


def _only_source(x: Number, own: set[int]) -> int | None:
    """Return the index of the one number among `own` that x was computed from; None if it is not just one."""
    waiting, seen, found = [x], set[int](), None
    while waiting:
        y = waiting.pop()
        if y.index in seen:
            continue
        seen.add(y.index)
        if y.index not in own:
            waiting += operands_of(y)
        elif found is None:
            found = y.index
        else:
            return None
    return found


def _fits(
    output: ExactArray,
    labels: Any,
    steps: Sequence[tuple[ExactArray, ExactArray]],
    known: Known,
    among: Collection[str] = (),
    kept: Any = None,
) -> list[NamedCost]:
    """Return each cost of the table whose gradient these steps follow, with the factor as a float.

    `steps`: (parameter, its move).
    """
    fits, parameters = dict[Any, NamedCost](), [parameter for parameter, _ in steps]
    with running(Run(current().bits, current().reading)):  # what the table refuses, the subject did not
        for y in _targets(output, labels):
            for name, formula, terms in candidates(output, y):
                if among and name not in among:
                    continue
                if name == "cross-entropy" and all(x.value > 1 for x in output.flat):
                    continue  # not a probability but, say, the denominator of a sigmoid
                truth = _derivatives(terms, known)
                for sign in (1, -1) if truth else ():
                    if kept is None and not _may_fit(steps, sign, truth):
                        continue
                    moves = {str(place): move if sign > 0 else -move for place, (_, move) in enumerate(steps)}
                    compared = along(moves, parameters, truth, kept)
                    if all(array.state == "right" for array in compared) and any(array.alive for array in compared):
                        if any(array.convention == FIRST_OF_ADAM for array in compared):
                            fits.setdefault((name, sign), NamedCost(name, formula, float(sign), 1))
                            continue
                        factor = float(f"{sign * float(rate_of(moves, parameters, truth).mid()):.12g}")
                        decay = next((array.convention.partition(",")[0] for array in compared if array.convention), "")
                        if (SAME.get(name), factor) not in fits:
                            decayed = tuple(bool(array.convention) for array in compared) if decay else ()
                            fits.setdefault((name, factor), NamedCost(name, formula, factor, 1, decay, decayed))
    return list(fits.values())


def _may_fit(steps: Sequence[tuple[ExactArray, ExactArray]], sign: int, truth: dict[int, Any], some: int = 24) -> bool:
    """Whether a few elements of each array fit, which rules out most costs quickly."""
    if sum(parameter.size for parameter, _ in steps) <= some * len(steps):
        return True
    few, parts = ([array.ravel()[:some] for array in arrays] for arrays in zip(*steps, strict=True))
    moves = {str(place): part if sign > 0 else -part for place, part in enumerate(parts)}
    return all(array.state == "right" for array in along(moves, few, truth, None))


def outputs_and_labels(results: Iterable[Number]) -> Iterator[tuple[ExactArray, ExactArray]]:
    """Yield what may be outputs and labels: the two sides of each a − y, y − a and y / a in one place of the code.

    Outputs without a label, such as those for the fakes of a GAN, have the label 0.
    """
    groups: dict[Any, list[tuple[Number, Number]]] = {}
    numbers = computed_from(results)
    for x in numbers:
        if x.rule is not None and x.rule.name in ("subtract", "divide") and x.place is not None:
            a, y = x.operands
            if a.varies != y.varies and (x.rule.name == "subtract" or y.varies):
                groups.setdefault((x.place, x.rule.name), []).append((a, y) if a.varies else (y, a))
    told, zero = [], number(0)
    for (_, rule), pairs in groups.items():  # −1/p is the derivative of −log p
        turned = rule == "divide" and all(y.value < 0 for _, y in pairs)
        told.append([(a, -y) for a, y in pairs] if turned else pairs)
    if len(told) > 1:  # neurons may be written one by one
        told.append([pair for (_, rule), pairs in groups.items() for pair in pairs if rule == "subtract"])
    told += [[*pairs, *((a, zero) for a in others)] for pairs in told if (others := _unlabelled(pairs, numbers))]
    for pairs in told:
        if pairs:
            outputs, labels = zip(*pairs, strict=True)
            yield array_of(outputs, (len(pairs),)), array_of(labels, (len(pairs),))


def _unlabelled(pairs: Sequence[tuple[Number, Number]], numbers: Sequence[Number]) -> list[Number]:
    """Return what the code computes as it does these outputs, but for other examples: neither before nor from them."""
    outputs = {a.index: a for a, _ in pairs}
    last = next(reversed(outputs.values()), None)
    alike = [x for x in numbers if last is not None and x.place and (x.rule, x.place) == (last.rule, last.place)]
    others = [x for x in alike if x.index not in outputs]
    before = {x.index for x in computed_from(outputs.values())} if others else set()
    others = [x for x in others if x.index not in before]
    after = {x.index for x in computed_from(others)}
    return others if after.isdisjoint(outputs) else []


def _at(y: Any) -> Any:
    """Return where a label is not 0. The log of any other output, which may be 0, does not matter."""
    return np.array([not x.value.is_zero() for x in y.ravel().tolist()]).reshape(y.shape)


def candidates(a: ExactArray, y: ExactArray) -> Iterator[tuple[str, str, Callable[[], Any]]]:
    """Yield the name, the formula and the terms of each cost of the table for these outputs and labels."""
    for name, formula, elementwise in ELEMENTWISE:
        yield name, formula, lambda compute=elementwise: compute(a, y)  # type: ignore[misc]
    for axis in (axis for axis in range(a.ndim) if a.shape[axis] > 1):
        for name, formula, by_example in BY_EXAMPLE:
            yield name, formula, lambda compute=by_example, axis=axis: compute(a, y, axis)  # type: ignore[misc]


def _derivatives(terms: Callable[[], Any], known: Known) -> dict[int, Any]:
    """Return ∂C/∂v for every v, or {} if these numbers have no such cost."""
    try:
        cost = terms().sum()
    except UndecidedError:
        return {}
    return differentiate(cost, known=known) if cost.varies and cost.value.is_finite() else {}


def _targets(output: ExactArray, labels: Any) -> Iterator[ExactArray]:
    """Yield the labels in the output's shape: as they are, transposed, or one-hot from class numbers."""
    plain: Any = labels if isinstance(labels, ExactArray) else np.asarray(labels)
    if plain.size == output.size:
        turned = plain.ndim == output.ndim == 2 and plain.shape != output.shape and plain.shape == output.shape[::-1]
        yield exact(np.reshape(plain.T if turned else plain, output.shape))
    whole: list[Any] = [x.value.unique_fmpz() if x.value.is_exact() else None for x in exact(plain).ravel().tolist()]
    for axis in range(output.ndim if output.ndim == 2 and None not in whole else 0):
        k = output.shape[axis]
        if len(whole) == output.shape[1 - axis] and k > 1 and all(0 <= c < k for c in whole):
            hot = np.eye(k)[[int(c) for c in whole]]
            yield exact(hot if axis == 1 else hot.T)


def _spelled(factor: float, shape: tuple[int, ...]) -> list[tuple[float, int]]:
    """Return (factor, divisor) pairs with the factor 1, ½ or 2 up to sign, if there are any, else the factor as it is.

    The spelling only affects the name of the cost, not the verdict.
    """
    divisors = dict.fromkeys([1, *shape, int(np.prod(shape))])
    told = [(f, over) for over in divisors for f in PLAIN if f"{abs(factor) * over:.11g}" == f"{f:.11g}"]
    told = [(f, over) for f, over in told if f != 2] or told  # ½ Σ rather than 2 Σ / 4
    return [(f if factor > 0 else -f, over) for f, over in told] or [(factor, 1)]
