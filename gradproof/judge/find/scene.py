"""A scene: how to make a program take a step, and how to run it once."""

import ast
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from gradproof.exact import operators
from gradproof.exact.arrays import ExactArray
from gradproof.exact.numbers import Number
from gradproof.exact.rewriting import HELPER, with_exact_numbers
from gradproof.exact.run import current
from gradproof.judge.find.data import WIDTHS
from gradproof.judge.find.instruments import Instruments
from gradproof.judge.find.monitor import Found, Watch
from gradproof.judge.find.program import (
    WATCH,
    Program,
    copied,
    definitions,
    is_main,
    names_in,
    statements,
    updates_after,
    with_halves,
    with_small_numbers,
)
from gradproof.judge.find.roles import role_of
from gradproof.judge.find.surroundings import WATCHING, surroundings

DRIVEN = 1_000_000  # where the line numbers of the driver start
MODULE = "__main__"  # the name under which the program runs


class Nudge(NamedTuple):
    """One element of a parameter, and what is added to it before the step."""

    path: str
    element: tuple[int, ...]
    by: float


@dataclass(frozen=True)
class Scene:
    """A program's definitions, or all of it, followed by the lines of a driver."""

    program: Program
    driver: str = ""  # such as "net = Network([3, 4, 2])\nnet.train(x, y)"
    whole: bool = False  # whether the file's own example runs
    given: Mapping[str, Callable[[np.random.Generator], Any]] = field(default_factory=dict)  # names, drawn for each run
    label: str = ""
    gradients: bool = False  # whether it returns gradients and moves nothing
    examples: int = 0  # how many, if known
    driven: bool = False  # whether steps count only in the driver's lines
    scale: float = 1.0  # factor of the drawn examples and parameters
    scales_labels: bool = False  # whether it applies to one-hot labels too
    offset: float = 0.0  # added to the drawn inputs, whose mean is then far from 0
    clips: tuple[Any, ...] = ()  # places that clip numbers at full scale
    nudge: Nudge | None = None
    is_round: bool = False  # whether parameters are small round numbers
    rotated: tuple[int, int] = (-1, 0)  # a loop, and which of its items comes first
    at_rest: tuple[str, ...] = ()  # arrays that are 0 when the step begins
    held: Mapping[str, frozenset[int]] = field(default_factory=dict)  # elements of parameters that stay 0
    as_begun: bool = False  # whether parameters keep their zeros, and their copies are drawn with them
    rates: Mapping[str, Fraction] = field(default_factory=dict)  # learning rate of each variable, if they differ
    data: tuple[str, ...] = ("x", "y", "pairs", "_turns")  # names that need no gradient

    @property
    def is_of_a_layer(self) -> bool:
        """Whether a layer is judged by itself."""
        return "(out * dout)" in self.driver

    @property
    def layer(self) -> str:
        """The class of the layer that is judged by itself, if there is one."""
        made = self.driver.removeprefix("net = ").partition("(")[0]
        return made if self.is_of_a_layer and self.driver.startswith("net = ") else ""

    @property
    def _key(self) -> Any:
        program = self.program
        variant = program.small, program.tolerant, program.added
        return program.path, program.text, variant, self.driver, self.whole

    def code(self) -> Any:
        """Return the instrumented code and the places of its loops."""
        key = self._key
        if key not in _COMPILED:
            tree = copied(self.program.tree)
            body = tree.body if self.whole else definitions(tree)
            driver = ast.parse(self.driver)
            for node in ast.walk(driver):
                if hasattr(node, "lineno"):
                    node.lineno += DRIVEN
                    node.end_lineno = (node.end_lineno or node.lineno) + DRIVEN  # type: ignore[attr-defined]
            tree.body = [*body, *driver.body]
            instruments = Instruments(self.program.path)
            tree = with_exact_numbers(instruments.of_module(tree), self.program.python_2)
            code = compile(tree, self.program.path, "exec", dont_inherit=True)
            _COMPILED[key] = code, instruments.loops
        return _COMPILED[key]

    def _prepared(self, tree: ast.Module, path: str) -> Any:
        """Return the instrumented code of a module beside the program, without what it does when run by itself.

        Its loops have the same numbers in every run.
        """
        key = (*self._key, path)
        if key not in _COMPILED:
            tree = with_small_numbers(tree, self.program.widths.classes) if self.program.small else tree
            tree = with_halves(tree) if self.program.small > 1 else tree
            tree.body = [node for node in tree.body if not is_main(node)]
            tree = with_exact_numbers(Instruments(path, self.code()[1]).of_module(tree), self.program.python_2)
            _COMPILED[key] = compile(tree, path, "exec", dont_inherit=True)
        return _COMPILED[key]

    @property
    def first_loop(self) -> int:
        """The number of the first loop in which a step counts."""
        loops = self.code()[1]
        driven = self.driven or (self.gradients and not self.whole)  # a driver gets the gradients in its own loop
        return next((k for k, loop in enumerate(loops) if loop.line >= DRIVEN), 0) if driven else 0

    def loop(self, number: int) -> ast.For | ast.While | None:
        """Return the statement of a loop; None if it is in another module."""
        loop = self.code()[1][number]
        nodes = (node for node in statements(self.program.tree) if isinstance(node, ast.For | ast.While))
        return next((node for node in nodes if node.lineno == loop.line and loop.path == self.program.path), None)

    def around(self, loop: ast.For | ast.While) -> tuple[int, ast.For | ast.While] | None:
        """Return the innermost loop around a loop, with its number; None if there is none."""
        nodes = [(number, node) for number in range(len(self.code()[1])) if (node := self.loop(number)) is not None]
        outer = [(number, node) for number, node in nodes if any(part is loop for part in statements(node))]
        return max(outer, key=lambda one: one[1].lineno, default=None)

    def used_after(self, number: int) -> set[str]:
        """Return the names from which the loops around a loop update something after it."""
        loop, found = self.loop(number), set[str]()
        if loop is None:
            return found
        for outer in statements(self.program.tree):
            if isinstance(outer, ast.For | ast.While) and any(part is loop for part in statements(outer)):
                found |= {name for node in updates_after(loop, outer) for name in names_in(node.value)}
        return found

    def names(self, seed: int) -> dict[str, Any]:
        """Return the global names with which it starts."""
        rng = np.random.default_rng([seed, 11])
        return {
            "__name__": MODULE,
            "__file__": self.program.path,
            "__builtins__": surroundings(self.program.path, self._prepared),
            HELPER: operators,
            **{name: self._scaled(name, draw(rng)) for name, draw in self.given.items()},
        }

    def _scaled(self, name: str, value: Any) -> Any:
        """Return a given value times the scale, plus the offset if it has inputs; for `_like`, scale what it makes."""
        if self.offset:
            return self._shifted(name, value)
        if name == "_like":
            return lambda array: scaled(value(array), self.scale, labels=False)
        return scaled(value, self.scale, self.scales_labels)

    def _shifted(self, name: str, value: Any) -> Any:
        if name in ("pairs", "_turns"):
            return [
                (self._shifted("x", x[0]), *x[1:]) if isinstance(x, tuple) else self._shifted("x", x) for x in value
            ]
        return value + self.offset if isinstance(value, ExactArray) and self.shifts(name) else value

    def shifts(self, path: str) -> bool:
        """Whether the offset is added to this array, going by its name."""
        return bool(self.offset) and role_of(path) == "x"

    def play(self, names: dict[str, Any], watch: Watch) -> None:
        """Run it to its end, or until the watch ends it. Raises what the program raises."""
        watch.rotated = self.rotated
        names[WATCH] = watch
        WATCHING.append(watch)
        WIDTHS.append(self.program.widths)
        current().outside = names["__builtins__"]["_gradproof_outside"]
        current().files.add(self.program.path)
        random.seed(0)
        code, _ = self.code()
        try:
            with suppress(Found):
                exec(code, names)
                watch.finish()
        finally:
            WATCHING.pop()
            WIDTHS.pop()


def scaled(value: Any, scale: float, labels: bool) -> Any:
    """Multiply exact arrays and numbers, in lists and tuples too, by a factor; one-hot ones only if `labels`."""
    if scale == 1 or not isinstance(value, list | tuple | ExactArray | Number):
        return value
    if isinstance(value, ExactArray | Number):
        return value if not labels and is_hot(value) else value * scale
    return type(value)(scaled(x, scale, labels) for x in value)


def is_hot(value: Any) -> bool:
    """Whether an array has only whole numbers, as one-hot labels do: half of one means nothing."""
    return isinstance(value, ExactArray) and all(x.value.is_integer() for x in value.flat)


_COMPILED: dict[Any, Any] = {}


def forget(scene: Scene) -> None:
    """Free the compiled code of a scene that will not run again."""
    _COMPILED.pop(scene._key, None)
