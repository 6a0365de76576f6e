"""In which shape somebody writes down a network: recognised by trying, never punished."""

from collections.abc import Iterator
from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np

from gradproof.judge.submission import Lists, Submission
from gradproof.judge.worker import SubmissionError
from gradproof.problem import Array, Problem

Shape = tuple[int, ...]


class Layout(NamedTuple):
    """How the claimant keeps examples, weights and biases; the default is this project's own."""

    rows: bool = False  # examples are rows
    transposed: bool = False  # w^l is (n_{l−1}, n_l)
    bias: str = "column"  # (n, 1); "flat": (n,); "row": (1, n)
    examples: str = "batch"  # "single": one column a call; "vector": one vector (n,) a call

    def said(self) -> list[str]:
        """What differs from this project's conventions, in words."""
        words = []
        if self.examples != "batch":
            words.append("one example a call" + (", as a vector" if self.examples == "vector" else ""))
        if self.rows and self.examples == "batch":
            words.append("examples are rows")
        if self.transposed:
            words.append("weights are stored (n_in, n_out)")
        if self.bias != "column":
            words.append(f"biases are {'(n,)' if self.bias == 'flat' else '(1, n)'}")
        return words

    def given(self, problem: Problem) -> Problem:
        """The problem as the claimant wants it."""
        shape = {"column": (-1, 1), "flat": (-1,), "row": (1, -1)}[self.bias]
        weights = [w.T if self.transposed else w for w in problem.weights]
        return Problem(weights, [b.reshape(shape) for b in problem.biases], *map(self._data, problem[2:]))

    def _data(self, array: Array) -> Array:
        if self.examples == "vector":
            return array[:, 0]
        return array.T if self.rows else array

    def weight(self, array: Array) -> Array:
        return array.T if self.transposed and array.ndim == 2 else array

    def delta(self, array: Array, n: int) -> Array:
        """δ^l, z^l or a^l as (n, m)."""
        if array.shape == (n,):
            return array[:, None]
        return array.T if self.rows and array.ndim == 2 else array

    def fits(self, lists: Lists, problem: Problem) -> bool:
        """Whether the weight gradients have the shapes that this layout calls for."""
        return [self.weight(g).shape for g in lists[-1 if len(lists) < 5 else 2]] == [w.shape for w in problem.weights]


def bias(array: Array, n: int) -> Array:
    """∂C/∂b^l as (n, 1), in whichever of three shapes it came."""
    return array.reshape(n, 1) if array.shape in ((n,), (1, n), (n, 1)) else array


def layouts(is_class: bool) -> Iterator[Layout]:
    """Every layout, the likelier first."""
    examples = ("single", "vector", "batch") if is_class else ("batch", "single", "vector")
    for how, rows, shape, transposed in product(examples, (False, True), ("column", "flat", "row"), (False, True)):
        if not (how == "vector" and rows):
            yield Layout(rows, transposed, shape, how)


def own(submission: Submission) -> Layout:
    """This project's own layout; a class is asked for one example a call."""
    return Layout(examples="single" if submission.kind.is_class else "batch")


def recognised(submission: Submission, seed: int) -> Layout:
    """The first layout in which the code takes a problem and returns gradients of the right shapes.

    Tried on widths that all differ; then on equal ones, where code that raises elsewhere, for want of a transpose, may
    answer. Where none fits, this project's own (for a class: one example a call), and the judge reports what happens.
    """
    rng = np.random.default_rng(seed)
    for sizes in ([3, 4, 2], [4, 4, 4]):
        for layout in layouts(submission.kind.is_class):
            problem = _random(sizes, 5 if layout.examples == "batch" else 1, rng)
            try:
                if layout.fits(submission.backprop(layout.given(problem)), problem):
                    return layout
            except SubmissionError as error:
                if error.kind in ("hangs", "exits"):
                    raise
                if error.kind == "mutation":  # it ran: shapes are not what is wrong
                    return layout
    return own(submission)


def _random(sizes: list[int], m: int, rng: np.random.Generator) -> Problem:
    def draw(*shape: int) -> Any:
        return rng.standard_normal(shape)

    weights = [draw(n, k) for k, n in pairwise(sizes)]
    return Problem(weights, [draw(n, 1) for n in sizes[1:]], draw(sizes[0], m), rng.random((sizes[-1], m)))
