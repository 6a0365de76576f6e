"""The catalogue of named mistakes and conventions: the formula of each, and its effect on one small network."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import reference
from gradproof.judge import declarations
from gradproof.judge.declarations import CONVENTIONS
from gradproof.judge.float64 import costs, layouts
from gradproof.judge.float64.families import FAMILIES
from gradproof.judge.float64.mistakes import MISTAKES, RIGHT, Layer
from gradproof.judge.float64.naming import slope
from gradproof.judge.float64.repairs import REPAIRS
from gradproof.judge.lines import examples
from gradproof.judge.lines.examples import EXAMPLES
from gradproof.judge.lines.names import NAMES
from gradproof.judge.lines.steps import STEP_MISTAKES, Matrix, StepMistake
from gradproof.numerics import rounding
from gradproof.numerics.running_error import Near
from gradproof.problem import Problem

NUMBER = "0.1"  # stands in for a number that only the author of a slip knows
CONVENTION = "convention"
LINE = "line"
STEP = "step"
SHOWN = {"z": "zˡ", "a": "aˡ", "BP1": "δˡ", "BP2": "δˡ", "BP3": "∂C/∂bˡ", "BP4": "∂C/∂wˡ"}
DIGITS = 3


SUPERSCRIPTS = {1: "¹", 2: "²"}


class Shown(NamedTuple):
    """What an entry makes of the example: the quantity, what it is there, and what it should be."""

    value: str
    got: Any
    expected: Any


class Entry(NamedTuple):
    """One line of the catalogue."""

    place: str  # the equation, CONVENTION, LINE: a slip in one statement of any network, or STEP: a whole step
    name: str
    formula: str
    right: str = ""  # the right formula
    seen: str = ""
    repair: str = ""
    compute: Callable[[Layer], Near] | None = None  # of an equation
    run: Callable[[], tuple[str, Any, Any]] | None = None  # of anything else
    written: str = ""  # of a line, or the word that declares a convention
    meant: str = ""

    def shown(self) -> Shown:
        """Run the example."""
        if self.run is not None:
            return Shown(*self.run())
        value = SHOWN[self.place].replace("ˡ", SUPERSCRIPTS[layer_of(self.place)])
        return Shown(value, wrong(self).value, right(self.place))


def entries() -> list[Entry]:
    """Return all entries, mistakes in the order in which the algorithm computes."""
    found = [
        Entry(m.equation, m.name, m.formula, RIGHT[m.equation], m.seen, REPAIRS[m.name], m.compute) for m in MISTAKES
    ]
    for family in FAMILIES:
        name, formula = (text.replace("{t}", NUMBER) for text in (family.name, family.formula))
        right, repair = RIGHT[family.equation], REPAIRS[family.name]
        found.append(Entry(family.equation, name, formula, right, family.seen, repair, _of_family(family)))
    found = [entry for equation in SHOWN for entry in found if entry.place == equation]
    found += [_of_line(name, EXAMPLES[kind]) for kind, name in NAMES.items()]
    found += [_of_step(name, mistake) for name, mistake in STEP_MISTAKES.items()]
    return found + [_of_convention(word, said) for word, said in _conventions()]


def _of_line(name: str, slip: examples.Example) -> Entry:
    run = partial(examples.shown, slip)
    return Entry(LINE, name, slip.formula, "", slip.seen, slip.repair, None, run, slip.written, slip.meant)


def _of_step(name: str, mistake: StepMistake) -> Entry:
    def run() -> tuple[str, Any, Any]:
        problem = example()
        _, activations = reference.feedforward(problem.weights, problem.biases, problem.x)
        gradient = np.asarray(reference.gradients(*problem)[2][-1])
        other = np.asarray((activations[-1] - problem.y) @ activations[-2].T / problem.x.shape[1])
        matrix = Matrix(problem.weights[-1], gradient, other)
        return mistake.value.replace("w", "w²", 1), mistake.compute(matrix), mistake.expected(matrix)

    return Entry(STEP, name, mistake.formula, mistake.right, mistake.seen, mistake.repair, None, run)


def _of_convention(word: str, said: str) -> Entry:
    def run() -> tuple[str, Any, Any]:
        return declarations.shown(word, example())

    own = CONVENTIONS[word]
    return Entry(CONVENTION, said, own.formula, "", own.seen, own.undone, None, run, f"--convention {word}")


def _of_family(family: Any) -> Callable[[Layer], Near]:
    return lambda p: family.base(p) + family.direction(p) * float(NUMBER)


def _conventions() -> Iterator[tuple[str, str]]:
    """Yield each word of --convention with its meaning."""
    for word in (*layouts.DECLARED, *costs.DECLARED):
        told = [*layouts.declared([word], is_class=False).said(), *costs.declared([word]).said()]
        yield word, "; ".join(told) or "the conventions of the notes, for everything that no other word declares"


def find_entries(words: Sequence[str]) -> list[Entry]:
    """Return the entries that contain all these words, or only the one that has exactly them as its name.

    A convention's name is also the word that declares it. A name may be given as a report or the count of a class
    prints it: with another number, or its equation behind it.
    """
    wanted = " ".join(words).casefold()
    exact = [
        entry for entry in entries() if wanted == entry.name.casefold() or entry.written == f"--convention {wanted}"
    ]
    plain = _without_numbers(re.sub(r"(.*) \((\w+)\)$", r"\2 \1", wanted))
    exact = exact or [
        entry
        for entry in entries()
        if plain in map(_without_numbers, (entry.name.casefold(), f"{entry.place} {entry.name}".casefold()))
    ]
    return exact or [
        entry
        for entry in entries()
        if all(
            word in f"{entry.place} {entry.name} {entry.formula} {entry.written}".casefold() for word in wanted.split()
        )
    ]


def _without_numbers(words: str) -> str:
    """Put one sign for each number, which differs from program to program."""
    return re.sub(r"(?<![\w.])\d+(?:\.\d+)?(?:e[-+]?\d+)?(?:/\d+)?", "#", words)


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


def in_full(array: Any) -> str:
    """Format an array with as many digits as its numbers have, to show a difference in rounding."""
    return str(np.asarray(array).tolist())
