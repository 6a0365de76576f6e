"""Scenes for functions of the form backprop(weights, biases, x, y), in any argument order, and harder variants."""

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradproof.judge.find.calls import parameters_of
from gradproof.judge.find.numbers import constants
from gradproof.judge.find.program import Program
from gradproof.judge.find.scene import Scene

_NAMED = re.compile(r"back_?prop\w*|gradients?|grads?|back_?propagat\w*|backward\w*|compute_grad\w*|bp", re.IGNORECASE)
_ROLES = {
    "weights": re.compile(r"w|ws|weights?|weight_?\w*|thetas?", re.IGNORECASE),
    "biases": re.compile(r"b|bs|bias(es)?|bias_?\w*", re.IGNORECASE),
    "x": re.compile(r"x|xs|inputs?|a0|batch_?x|features", re.IGNORECASE),
    "y": re.compile(r"y|ys|t|targets?|labels?|expected|desired|batch_?y", re.IGNORECASE),
}
USUAL_ORDER = ("weights", "biases", "x", "y")
TURNS = 8


class Numbers(NamedTuple):
    """The network and the examples of a scene."""

    sizes: Sequence[int]  # layer widths
    examples: int
    x_scale: float = 1.0
    y_scale: float = 1.0
    bits: bool = False  # targets are 0 or 1
    blank: bool = False  # the first example is 0
    rows: bool = False  # examples are rows, and weights have shape (inputs, outputs)
    words: str = ""  # what is unusual, such as "for 2 examples"


USUAL = [
    Numbers((3, 4, 2), 5),
    Numbers((3, 4, 2), 5, rows=True),
    Numbers((3, 4, 2), 1),
    Numbers((3, 4, 2), 1, rows=True),
    Numbers((3, 4, 5, 2), 5),
    Numbers((3, 3, 3), 5),  # with equal widths, code that forgets to transpose runs as well
    Numbers((3, 2), 5),
    Numbers((1, 1, 1), 1),
    Numbers((784, 30, 10), 2),
]


DEEPER = [Numbers((3, 4, 5, 2), 5), Numbers((3, 3, 3, 3), 5)]  # with different and with equal widths


def means_batches(program: Program, name: str) -> bool:
    """Whether the source of a function takes a shape, a length or a mean, and so expects several examples."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    named = (node for node in ast.walk(program.tree) if isinstance(node, kinds))
    own = [ast.unparse(node) for node in named if node.name == name.rpartition(".")[2]]
    return any(re.search(r"shape\[|mean\(|\b[xX]\w*\.shape|len\([xX]", source) for source in own)


def harder(numbers: Numbers) -> Iterator[Numbers]:
    """Yield the same network under harder conditions, unless it is very wide; a single example stays single."""
    sizes, m = numbers.sizes, numbers.examples
    if max(sizes) > 100:
        return
    if min(sizes) > 1:
        yield numbers._replace(sizes=[3] * len(sizes), words="where all layers have the same width")
        yield numbers._replace(sizes=[2, *[7] * (len(sizes) - 2), 3], words="for wider layers")
    if m > 1:
        yield numbers._replace(examples=17, words="for 17 examples")
        yield numbers._replace(examples=33, words="for 33 examples")
        yield numbers._replace(examples=2, words="for 2 examples")
        yield numbers._replace(examples=1, words="for one example")
        yield numbers._replace(blank=True, words="where an example is 0")
    yield numbers._replace(y_scale=20000.0, words="where targets, and so gradients, are in the thousands")
    yield numbers._replace(x_scale=25.0, words="where z is about 50")
    yield numbers._replace(bits=True, words="where all targets are 0 or 1")
    yield numbers._replace(y_scale=-3.0, words="for targets outside 0 to 1")


def scenes(program: Program, wanted: str = "") -> Iterator[tuple[str, Callable[[Numbers], Scene]]]:
    """Yield the name of each callable of this form, and a function that makes its scene."""
    for name, order in _targets(program, wanted):
        call = f"{name}({', '.join(order)})"
        yield name, lambda numbers, call=call: _scene(program, call, numbers)  # type: ignore[misc]


def _targets(program: Program, wanted: str) -> Iterator[tuple[str, Sequence[str]]]:
    functions = [node for node in program.tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for node in functions:
        if (node.name == wanted or _NAMED.fullmatch(node.name)) and (order := _order(node, False)):
            yield node.name, order
    for kind in program.classes:
        for method in kind.body:
            if not isinstance(method, ast.FunctionDef):
                continue
            node = method
            static = any(getattr(d, "id", "") in ("staticmethod", "classmethod") for d in node.decorator_list)
            if static and _NAMED.fullmatch(node.name) and (order := _order(node, True)):
                yield f"{kind.name}.{node.name}", order
            if node.name == "__call__" and (order := _order(node, True)):
                for statement in program.tree.body:
                    if isinstance(statement, ast.Assign) and kind.name in ast.unparse(statement.value):
                        yield ast.unparse(statement.targets[0]), order


def _order(node: Any, method: bool) -> Sequence[str]:
    """Return the roles of a function's required arguments, in its order; () if it is not of this form."""
    needed = [argument for argument, default in parameters_of(node, method) if default is None]
    if not needed and node.args.vararg:
        return USUAL_ORDER
    roles = [next((role for role, words in _ROLES.items() if words.fullmatch(name)), "") for name in needed]
    if sorted(roles) == sorted(USUAL_ORDER):
        return roles
    if sorted(roles) == sorted(("weights", "x", "y")):
        return roles
    return USUAL_ORDER if len(needed) == 4 and roles.count("weights") + roles.count("biases") in (0, 1) else ()


def _scene(program: Program, call: str, numbers: Numbers) -> Scene:
    sizes, m = numbers.sizes, numbers.examples
    pairs = list(zip(sizes[1:], sizes[:-1], strict=True))

    def turns(rng: np.random.Generator) -> Any:
        drawn = []
        for _ in range(TURNS):
            x = numbers.x_scale * rng.normal(size=(sizes[0], m))
            y = numbers.y_scale * rng.uniform(0.05, 0.95, size=(sizes[-1], m))
            if numbers.bits:
                y = np.asarray(rng.integers(0, 2, size=y.shape), dtype=float)
            if numbers.blank:
                x[:, 0] = 0.0
            x, y = (x.T, y.T) if numbers.rows else (x, y)
            drawn.append((constants(x), constants(y)))
        return drawn

    given = {
        "weights": lambda rng: [constants(rng.normal(size=pair[:: -1 if numbers.rows else 1])) for pair in pairs],
        "biases": lambda rng: [constants(rng.normal(size=n if numbers.rows else (n, 1))) for n, _ in pairs],
        "_turns": turns,
        "_settled": lambda rng: settled,
    }
    driver = f"for x, y in _turns:\n    _answer = _settled({call})"
    return Scene(
        program,
        driver,
        given=given,
        gradients=True,
        label=numbers.words,
        data=("x", "y", "_turns"),
        examples=m,
    )


def settled(answer: Any) -> Any:
    """Run a coroutine to its end and return its result; return anything else unchanged."""
    if hasattr(answer, "send") and hasattr(answer, "close"):
        try:
            while True:
                answer.send(None)
        except StopIteration as done:
            return done.value
    return answer
