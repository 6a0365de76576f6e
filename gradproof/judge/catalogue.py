"""The catalogue of named mistakes and conventions: the formula of each, and its effect on one small network."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

import reference
from gradproof.judge.float64 import costs, layouts
from gradproof.judge.float64.families import FAMILIES
from gradproof.judge.float64.mistakes import MISTAKES, RIGHT, Layer
from gradproof.judge.float64.naming import slope
from gradproof.judge.lines.names import EXAMPLES, NAMES
from gradproof.numerics import rounding
from gradproof.numerics.near import Near
from gradproof.problem import Problem

NUMBER = "0.1"  # stands in for a number that only the author of a slip knows
CONVENTION = "convention"
LINE = "line"
SHOWN = {"z": "zˡ", "a": "aˡ", "BP1": "δˡ", "BP2": "δˡ", "BP3": "∂C/∂bˡ", "BP4": "∂C/∂wˡ"}
DIGITS = 3


class Entry(NamedTuple):
    """One line of the catalogue."""

    place: str  # the equation, CONVENTION, or LINE: a slip in one statement of any network
    name: str
    formula: str  # for a convention the word that declares it, for a line an example of the slip
    right: str = ""  # the right formula or statement
    seen: str = ""
    compute: Callable[[Layer], Near] | None = None


def entries() -> list[Entry]:
    """Return all entries, mistakes in the order in which the algorithm computes."""
    found = [Entry(m.equation, m.name, m.formula, RIGHT[m.equation], m.seen, m.compute) for m in MISTAKES]
    for family in FAMILIES:
        name, formula = (text.replace("{t}", NUMBER) for text in (family.name, family.formula))
        found.append(Entry(family.equation, name, formula, RIGHT[family.equation], family.seen, _of_family(family)))
    found = [entry for equation in SHOWN for entry in found if entry.place == equation]
    found += [Entry(LINE, name, *EXAMPLES[kind]) for kind, name in NAMES.items()]
    return found + [Entry(CONVENTION, said, f"--convention {word}") for word, said in _conventions()]


def _of_family(family: Any) -> Callable[[Layer], Near]:
    return lambda p: family.base(p) + family.direction(p) * float(NUMBER)


def _conventions() -> Iterator[tuple[str, str]]:
    """Yield each word of --convention with its meaning."""
    for word in (*layouts.DECLARED, *costs.DECLARED):
        told = [*layouts.declared([word], is_class=False).said(), *costs.declared([word]).said()]
        yield word, "; ".join(told) or "the conventions of the notes, for everything that no other word declares"


def asked(words: Sequence[str]) -> list[Entry]:
    """Return the entries that contain all these words, or only the one that has exactly them as its name."""
    wanted = " ".join(words).casefold()
    exact = [entry for entry in entries() if entry.name.casefold() == wanted]
    return exact or [
        entry
        for entry in entries()
        if all(word in f"{entry.place} {entry.name} {entry.formula}".casefold() for word in wanted.split())
    ]


# ---- the example -----------------------------------------------------------------------------------------------


def example() -> Problem:
    """Return two layers of two neurons and two examples: the shapes fit every mistaken product."""
    weights = [np.array([[1.0, -0.5], [0.5, 2.0]]), np.array([[-1.0, 1.5], [2.0, 0.5]])]
    biases = [np.array([[0.5], [-1.0]]), np.array([[0.25], [-0.5]])]
    return Problem(weights, biases, np.array([[1.0, -1.0], [0.5, 2.0]]), np.array([[0.0, 1.0], [1.0, 0.0]]))


def layer_of(equation: str) -> int:
    """Return the layer of the example that demonstrates an equation."""
    return 1 if equation in ("z", "a", "BP2") else 2


def right(equation: str) -> Any:
    """Return what autodiff gives for an equation in the example."""
    problem, number = example(), layer_of(equation)
    if equation in ("z", "a"):
        zs, activations = reference.feedforward(problem.weights, problem.biases, problem.x)
        return np.asarray(zs[number - 1] if equation == "z" else activations[number])
    part = {"BP3": 1, "BP4": 2}.get(equation, 0)
    return np.asarray(reference.gradients(*problem)[part][number - 1])


def wrong(entry: Entry) -> Near:
    """Return what the mistake gives in the example."""
    problem, ar = example(), rounding.arithmetic(np.dtype("float64"))

    def near(array: Any) -> Near:
        return Near(np.asarray(array), 0.0, ar)

    zs, activations = reference.feedforward(problem.weights, problem.biases, problem.x)
    z, delta = [near(part) for part in zs], [near(part) for part in reference.gradients(*problem)[0]]
    weights, biases = ([near(part) for part in parts] for parts in problem[:2])

    def at(of: Near) -> Near:
        return slope(of, ar)

    number = layer_of(entry.place)
    a = [near(part) for part in activations]
    assert entry.compute is not None
    return entry.compute(Layer(weights, biases, z, a, [at(of) for of in z], delta, near(problem.y), at, number))


def numbers(array: Any) -> str:
    """Format an array as one types it for NumPy, with few digits."""

    def short(value: Any) -> str:
        return f"[{', '.join(map(short, value))}]" if isinstance(value, list) else f"{value + 0.0:.{DIGITS}g}"

    return short(np.asarray(array).tolist())
