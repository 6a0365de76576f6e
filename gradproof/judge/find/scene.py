"""A scene: how a program is made to take a step, and one run of it."""

import ast
import copy
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradproof.exact import operators
from gradproof.exact.rewriting import HELPER, with_exact_numbers
from gradproof.exact.run import current
from gradproof.judge.find.instruments import WATCH, Instruments
from gradproof.judge.find.program import Program, definitions
from gradproof.judge.find.surroundings import WATCHING, surroundings
from gradproof.judge.find.watching import Found, Watch

DRIVEN = 1_000_000  # lines of the driver are numbered from here on
MODULE = "__main__"  # as which the program runs


@dataclass(frozen=True)
class Scene:
    """The program's definitions, or all of it, and lines in its own words that follow."""

    program: Program
    driver: str = ""  # such as "net = Network([3, 4, 2])\nnet.train(x, y)"
    whole: bool = False  # the file's own example runs
    given: Mapping[str, Callable[[np.random.Generator], Any]] = field(default_factory=dict)  # names, drawn anew
    label: str = ""
    gradients: bool = False  # it gives gradients back and moves nothing
    examples: int = 0  # how many, where that is known
    driven: bool = False  # steps count in the driver's lines alone
    data: tuple[str, ...] = ("x", "y", "pairs", "_turns")  # names of what no gradient is asked for

    def code(self) -> Any:
        """The instrumented code, and the lines of its loops."""
        key = self.program.path, self.program.text, self.driver, self.whole
        if key not in _COMPILED:
            tree = copy.deepcopy(self.program.tree)
            body = tree.body if self.whole else definitions(tree)
            driver = ast.parse(self.driver)
            for node in ast.walk(driver):
                if hasattr(node, "lineno"):
                    node.lineno += DRIVEN
                    node.end_lineno = (node.end_lineno or node.lineno) + DRIVEN  # type: ignore[attr-defined]
            tree.body = [*body, *driver.body]
            instruments = Instruments()
            tree = with_exact_numbers(instruments.of_module(tree))
            code = compile(ast.fix_missing_locations(tree), self.program.path, "exec", dont_inherit=True)
            _COMPILED[key] = code, instruments.loops
        return _COMPILED[key]

    def _prepared(self, tree: ast.Module, path: str) -> ast.Module:
        """A module beside the program, in which steps are looked for as well."""
        instruments = Instruments(self.code()[1])
        return ast.fix_missing_locations(with_exact_numbers(instruments.of_module(tree)))

    @property
    def first_loop(self) -> int:
        """The number of the first loop in which a step counts."""
        loops = self.code()[1]
        return next((k for k, line in enumerate(loops) if line >= DRIVEN), 0) if self.driven else 0

    def names(self, seed: int) -> dict[str, Any]:
        """The global names with which it begins."""
        rng = np.random.default_rng([seed, 11])
        return {
            "__name__": MODULE,
            "__file__": self.program.path,
            "__builtins__": surroundings(self.program.path, self._prepared),
            HELPER: operators,
            **{name: draw(rng) for name, draw in self.given.items()},
        }

    def play(self, names: dict[str, Any], watch: Watch) -> None:
        """Run it to its end, or to where the watch ends it; whatever the program raises is raised."""
        names[WATCH] = watch
        WATCHING.append(watch)
        current().files.add(self.program.path)
        random.seed(0)
        code, _ = self.code()
        try:
            with suppress(Found):
                exec(code, names)
                watch.finish()
        finally:
            WATCHING.pop()


_COMPILED: dict[Any, Any] = {}
