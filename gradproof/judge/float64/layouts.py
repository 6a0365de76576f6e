"""In which shape somebody writes down a network: recognised by trying, never punished – or declared."""

from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np

from gradproof.judge.isolation.calling import Lists
from gradproof.judge.isolation.submission import Submission
from gradproof.judge.troubles import SubmissionError
from gradproof.problem import Array, Problem

SHAPES = {"column": (-1, 1), "flat": (-1,), "row": (1, -1)}


class Layout(NamedTuple):
    """How the claimant keeps examples, weights and biases; the default is this project's own."""

    rows: bool = False  # examples are rows
    transposed: bool = False  # w^l is (n_{l−1}, n_l)
    bias: str = "column"  # (n, 1); "flat": (n,); "row": (1, n)
    examples: str = "batch"  # "single": one column a call; "vector": one vector (n,) a call
    dtype: str = "float64"
    depth: int = 0  # the only number of weight layers it takes; 0: any
    whole: bool = False  # x and y are given as integers

    def said(self) -> list[str]:
        """What differs from this project's conventions, in words."""
        words = []
        if self.examples != "batch":
            words.append("one example per call" + (", as a vector" if self.examples == "vector" else ""))
        if self.rows and self.examples != "vector":
            words.append("examples are rows")
        if self.transposed:
            words.append("weights are stored (n_in, n_out)")
        if self.bias != "column":
            words.append(f"biases are {'(n,)' if self.bias == 'flat' else '(1, n)'}")
        if self.dtype != "float64":
            words.append("computed in float32, judged by its bounds")
        if self.depth:
            words.append(f"only networks of {self.depth} layer{'s' * (self.depth > 1)} are accepted")
        return words

    def given(self, problem: Problem) -> Problem:
        """The problem as the claimant wants it."""
        shape = SHAPES[self.bias]
        weights = [self._cast(w.T if self.transposed else w) for w in problem.weights]
        biases = [self._cast(b.reshape(shape)) for b in problem.biases]
        return Problem(weights, biases, *map(self._data, problem[2:]))

    def apart(self, problem: Problem) -> Problem:
        """The same with x and y as stacks of single examples, each as the claimant wants it."""
        columns = range(problem.x.shape[1])
        x, y = (np.stack([self._data(part[:, [i]]) for i in columns]) for part in (problem.x, problem.y))
        return self.given(problem)._replace(x=x, y=y)

    def _cast(self, array: Array) -> Array:
        return array.astype(self.dtype)

    def _data(self, array: Array) -> Array:
        array = array.astype(np.int64 if self.whole else self.dtype)
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

    def like(self, part: str, array: Array) -> Array:
        """One of our arrays – of "delta", "zs", "activations", "grad_b" or "grad_w" – as the claimant keeps it."""
        if part == "grad_w":
            return self.weight(array)
        if part == "grad_b":
            return array.reshape(SHAPES[self.bias])
        return array[:, 0] if self.examples == "vector" else array.T if self.rows else array

    def fits(self, lists: Lists, problem: Problem) -> bool:
        """Whether the weight gradients, and δ if there is one, have the shapes that this layout calls for."""
        if len(lists) > 2:
            deltas, m = zip(lists[0], problem.sizes[1:], strict=False), problem.x.shape[1]
            if any(self.delta(d, n).shape != (n, m) for d, n in deltas):
                return False
        return [self.weight(g).shape for g in lists[-1 if len(lists) < 5 else 2]] == [w.shape for w in problem.weights]


# What --convention may declare of the layout; the other words are those of `costs`.
DECLARED: dict[str, dict[str, Any]] = {
    "ours": {},
    "rows": {"rows": True},
    "transposed": {"transposed": True},
    "flat": {"bias": "flat"},
    "row-biases": {"bias": "row"},
    "single": {"examples": "single"},
    "vector": {"examples": "vector"},
    "float32": {"dtype": "float32"},
}


def declared(words: Sequence[str], is_class: bool) -> Layout:
    """The layout that these words declare, ours in all they do not name; a class is asked for one example per call."""
    layout = Layout(examples="single" if is_class else "batch")
    for word in words:
        layout = layout._replace(**DECLARED.get(word, {}))
    return layout


def bias(array: Array, n: int) -> Array:
    """∂C/∂b^l as (n, 1), in whichever of three shapes it came."""
    return array.reshape(n, 1) if array.shape in ((n,), (1, n), (n, 1)) else array


def _candidates(is_class: bool) -> Iterator[Layout]:
    """Every layout, the likelier first."""
    examples = ("single", "vector", "batch") if is_class else ("batch", "single", "vector")
    for how, rows, shape, transposed in product(examples, (False, True), ("column", "flat", "row"), (False, True)):
        if not (how == "vector" and rows):
            yield Layout(rows, transposed, shape, how)


def recognised(submission: Submission, seed: int) -> Layout:
    """The first layout in which the code takes a problem and returns gradients of the right shapes.

    Tried on widths that all differ; then on equal ones, also as many as examples, where code that raises elsewhere, for
    want of a transpose, may answer; then on other depths. Where none fits, this project's own (for a class: one example
    a call), and the judge reports what happens.
    """
    rng = np.random.default_rng(seed)
    for sizes in ([3, 4, 2], [4, 4, 4], [5, 5, 5], [3, 2], [3, 4, 5, 2], [3, 4, 5, 6, 2]):
        for layout in _candidates(submission.kind.is_class):
            lists = _tried(submission, layout, sizes, rng)
            if isinstance(lists, SubmissionError):
                if lists.kind == "mutation":  # it ran: shapes are not what is wrong
                    return layout
            elif layout.fits(lists, _random(sizes, _examples(layout), rng)):
                if all(array.dtype == np.float32 for part in lists for array in part):
                    layout = layout._replace(dtype="float32")
                return _of_one_depth(submission, layout, sizes, rng)
    return declared((), submission.kind.is_class)


def _of_one_depth(submission: Submission, layout: Layout, fitting: Sequence[int], rng: np.random.Generator) -> Layout:
    """The layout, and the depth if networks of any other have no answer of the right shapes."""
    width, depth = fitting[0] if len(set(fitting)) == 1 else 4, len(fitting) - 1
    for other in {1, 2, 3, 4} - {depth}:
        sizes = [width] * (other + 1)
        lists = _tried(submission, layout, sizes, rng)
        if not isinstance(lists, SubmissionError) and layout.fits(lists, _random(sizes, _examples(layout), rng)):
            return layout
    return layout._replace(depth=depth)


def _examples(layout: Layout) -> int:
    return 5 if layout.examples == "batch" else 1


def _tried(
    submission: Submission, layout: Layout, sizes: Sequence[int], rng: np.random.Generator
) -> Lists | SubmissionError:
    """The answer to a random problem, or what came in its place; code that hangs or exits is not asked again."""
    try:
        return submission.backprop(layout.given(_random(sizes, _examples(layout), rng)))
    except SubmissionError as error:
        if error.kind in ("hangs", "exits"):
            raise
        return error


def _random(sizes: Sequence[int], m: int, rng: np.random.Generator) -> Problem:
    def draw(*shape: int) -> Any:
        return rng.standard_normal(shape)

    weights = [draw(n, k) for k, n in pairwise(sizes)]
    return Problem(weights, [draw(n, 1) for n in sizes[1:]], draw(sizes[0], m), rng.random((sizes[-1], m)))
