"""Examples in the forms that programs take: in rows or columns, one or many, with labels as numbers or one-hot."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from gradproof.judge.find.numbers import constants, round_numbers

TURNS = 3
EXAMPLES = 6  # larger than any layer width, so that mixing them up raises


class Form(NamedTuple):
    """How examples are given: a draw of `x` and `y`, or of `pairs`, and how many examples it has."""

    name: str
    draw: Callable[[np.random.Generator], Mapping[str, Any]]
    examples: int

    @property
    def given(self) -> Mapping[str, Callable[[np.random.Generator], Any]]:
        """Functions that draw each name, and `_turns`; those of one generator share a draw."""
        drawn: list[tuple[Any, Mapping[str, Any]]] = []

        def one(name: str) -> Callable[[np.random.Generator], Any]:
            def take(rng: np.random.Generator) -> Any:
                if not drawn or drawn[0][0] is not rng:
                    drawn[:] = [(rng, self.draw(rng))]
                return drawn[0][1][name]

            return take

        names = list(self.draw(np.random.default_rng(0)))

        def turns(rng: np.random.Generator) -> Any:
            """Draw other examples for each turn; the first are those of the names."""
            drawn_here = [{name: one(name)(rng) for name in names}, *(self.draw(rng) for _ in range(TURNS - 1))]
            return [tuple(draw.values()) if len(names) > 1 else draw[names[0]] for draw in drawn_here]

        return {name: one(name) for name in names} | {"_turns": turns}


def forms(n_in: int, n_out: int, few: int = 0) -> Iterator[Form]:
    """Yield forms in the order in which to try them: batches first, because more goes wrong in them.

    With `few`, they have that number of examples, in round numbers, and labels that are 0 or 1.
    """
    m, several = few or (EXAMPLES if n_out < EXAMPLES else n_out + 1), n_out > 1  # so that every class occurs

    def inputs(rng: np.random.Generator, *shape: int) -> Any:
        return constants(round_numbers(rng, shape) if few else rng.normal(size=shape))

    def targets(rng: np.random.Generator, *shape: int) -> Any:
        return constants((_hot if few else _targets)(rng, n_out, shape))

    def labels(rng: np.random.Generator) -> Any:
        classes = max(2, n_out)
        some = np.concatenate([np.arange(classes), rng.integers(0, classes, size=m)])[:m]
        return rng.permutation(some)

    def rows(rng: np.random.Generator) -> Any:
        return constants(np.eye(n_out)[labels(rng)]) if several else targets(rng, m, 1)

    def form(name: str, x: Callable[..., Any], y: Callable[..., Any], count: int) -> Form:
        return Form(name, lambda rng: {"x": x(rng), "y": y(rng)}, count)

    yield form("rows", lambda r: inputs(r, m, n_in), rows, m)
    yield form("columns", lambda r: inputs(r, n_in, m), lambda r: rows(r).T.copy(), m)
    yield form("rows and labels", lambda r: inputs(r, m, n_in), labels, m)
    yield form("columns and labels", lambda r: inputs(r, n_in, m), labels, m)
    yield form("a column", lambda r: inputs(r, n_in, 1), lambda r: targets(r, n_out, 1), 1)
    yield form("a vector", lambda r: inputs(r, n_in), lambda r: targets(r, n_out), 1)
    yield form("a list", lambda r: inputs(r, n_in).tolist(), lambda r: targets(r, n_out).tolist(), 1)
    yield form("a row", lambda r: inputs(r, 1, n_in), lambda r: targets(r, 1, n_out), 1)
    if not several:
        yield form("rows and numbers", lambda r: inputs(r, m, n_in), lambda r: targets(r, m), m)
        yield form("columns and numbers", lambda r: inputs(r, n_in, m), lambda r: targets(r, m), m)
        yield form("a vector and a number", lambda r: inputs(r, n_in), lambda r: targets(r, 1)[0], 1)
    yield form("lists", lambda r: inputs(r, m, n_in).tolist(), lambda r: targets(r, m, n_out).tolist(), m)
    yield form("many columns", lambda r: inputs(r, m, n_in, 1), lambda r: targets(r, m, n_out, 1), m)
    yield form("many rows", lambda r: inputs(r, m, 1, n_in), lambda r: targets(r, m, 1, n_out), m)
    yield form("a vector and a label", lambda r: inputs(r, n_in), lambda r: int(r.integers(0, max(2, n_out))), 1)

    def text(rng: np.random.Generator) -> Mapping[str, Any]:
        characters = rng.integers(0, n_in, size=(few or 4) + 1).tolist()
        return {"x": characters[:-1], "y": characters[1:]}

    yield Form("numbers of characters and of the next ones", text, 1)


def _targets(rng: np.random.Generator, n_out: int, shape: tuple[int, ...]) -> Any:
    """Draw numbers between 0 and 1; several outputs sum to exactly 1, as softmax cross-entropy requires."""
    if n_out == 1:
        return rng.uniform(0.05, 0.95, size=shape)
    whole = 1 << (8 + n_out.bit_length())
    rows = [rng.multinomial(whole - n_out, rng.dirichlet(np.ones(n_out))) for _ in range(np.prod(shape) // n_out)]
    return ((np.array(rows) + 1) / whole).reshape(shape)


def _hot(rng: np.random.Generator, n_out: int, shape: tuple[int, ...]) -> Any:
    """Draw targets that are 0 or 1; of several outputs, one is 1."""
    if n_out == 1:
        return rng.choice((0.0, 1.0), size=shape)
    return np.eye(n_out)[rng.integers(0, n_out, size=np.prod(shape) // n_out)].reshape(shape)


def pair_forms(n_in: int, n_out: int, few: int = 0) -> Iterator[Form]:
    """Yield forms with lists of (x, y), like the book's mini-batches; with `few`, of that length in round numbers."""

    def form(name: str, *shapes: tuple[int, ...], listed: bool = False) -> Form:
        def draw(rng: np.random.Generator) -> Mapping[str, Any]:
            pairs = []
            for _ in range(few or 3):
                x = constants(round_numbers(rng, shapes[0]) if few else rng.normal(size=shapes[0]))
                y = constants((_hot if few else _targets)(rng, n_out, shapes[1]))
                pairs.append((x.tolist(), y.tolist()) if listed else (x, y))
            return {"pairs": pairs}

        return Form(name, draw, few or 3)

    yield form("pairs of columns", (n_in, 1), (n_out, 1))
    yield form("pairs of vectors", (n_in,), (n_out,))
    yield form("pairs of lists", (n_in,), (n_out,), listed=True)
    yield form("pairs of rows", (1, n_in), (1, n_out))
