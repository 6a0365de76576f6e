"""The layouts in which a subject may store a network: recognised by trying, when none is a fault, or declared."""

from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np

from gradproof.judge.isolation.calls import Lists
from gradproof.judge.isolation.submission import Submission
from gradproof.judge.troubles import SubmissionError
from gradproof.problem import Array, Problem

SHAPES = {"column": (-1, 1), "flat": (-1,), "row": (1, -1)}


class Layout(NamedTuple):
    """How the subject keeps examples, weights and biases. The default is this project's layout."""

    rows: bool = False  # examples are rows
    transposed: bool = False  # w^l is (n_{l−1}, n_l)
    bias: str = "column"  # (n, 1); "flat": (n,); "row": (1, n)
    examples: str = "batch"  # "single": one column per call; "vector": one vector (n,) per call
    dtype: str = "float64"
    depth: int = 0  # the only number of weight layers accepted; 0: any
    whole: bool = False  # x and y are given as integers

    def said(self) -> list[str]:
        """Return what differs from this project's conventions, in words."""
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
        """Return the problem in this layout."""
        shape = SHAPES[self.bias]
        weights = [self._cast(w.T if self.transposed else w) for w in problem.weights]
        biases = [self._cast(b.reshape(shape)) for b in problem.biases]
        return Problem(weights, biases, *map(self._data, problem[2:]))

    def apart(self, problem: Problem) -> Problem:
        """Return the problem in this layout, with x and y as stacks of single examples."""
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
        """Return δ^l, z^l or a^l as (n, m)."""
        if array.shape == (n,):
            return array[:, None]
        return array.T if self.rows and array.ndim == 2 else array

    def like(self, part: str, array: Array) -> Array:
        """Return one of our arrays of part "delta", "zs", "activations", "grad_b" or "grad_w" in this layout."""
        if part == "grad_w":
            return self.weight(array)
        if part == "grad_b":
            return array.reshape(SHAPES[self.bias])
        return array[:, 0] if self.examples == "vector" else array.T if self.rows else array

    def fits(self, lists: Lists, problem: Problem) -> bool:
        """Whether the weight gradients, and δ if there is one, have the shapes that this layout requires."""
        if len(lists) > 2:
            deltas, m = zip(lists[0], problem.sizes[1:], strict=False), problem.x.shape[1]
            if any(self.delta(d, n).shape != (n, m) for d, n in deltas):
                return False
        return [self.weight(g).shape for g in lists[-1 if len(lists) < 5 else 2]] == [w.shape for w in problem.weights]


# The words of --convention about the layout; the others are in `costs`.
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
    """Return the layout that these words declare, otherwise ours. A class is asked for one example per call."""
    layout = Layout(examples="single" if is_class else "batch")
    for word in words:
        layout = layout._replace(**DECLARED.get(word, {}))
    return layout


def bias(array: Array, n: int) -> Array:
    """Return ∂C/∂b^l as (n, 1) if it has one of the three known shapes, else unchanged."""
    return array.reshape(n, 1) if array.shape in ((n,), (1, n), (n, 1)) else array


def _candidates(is_class: bool) -> Iterator[Layout]:
    """Yield every layout, the likelier ones first."""
    examples = ("single", "vector", "batch") if is_class else ("batch", "single", "vector")
    for how, rows, shape, transposed in product(examples, (False, True), ("column", "flat", "row"), (False, True)):
        if not (how == "vector" and rows):
            yield Layout(rows, transposed, shape, how)


def recognised(submission: Submission, seed: int) -> Layout:
    """Return the first layout in which the code takes a problem and returns gradients of the right shapes.

    Widths that all differ are tried first. Equal ones follow, also equal to the number of examples, because code that
    lacks a transpose may answer only there. Other depths are last. If none fits, return this project's layout (for a
    class: one example per call), and the judge reports what happens.
    """
    rng = np.random.default_rng(seed)
    for sizes in ([3, 4, 2], [4, 4, 4], [5, 5, 5], [3, 2], [3, 4, 5, 2], [3, 4, 5, 6, 2]):
        for layout in _candidates(submission.kind.is_class):
            lists = _tried(submission, layout, sizes, rng)
            if isinstance(lists, SubmissionError):
                if lists.kind == "mutation":  # it ran, so the shapes are not the problem
                    return layout
            elif layout.fits(lists, _random(sizes, _examples(layout), rng)):
                if all(array.dtype == np.float32 for part in lists for array in part):
                    layout = layout._replace(dtype="float32")
                return _of_one_depth(submission, layout, sizes, rng)
    return declared((), submission.kind.is_class)


def _of_one_depth(submission: Submission, layout: Layout, fitting: Sequence[int], rng: np.random.Generator) -> Layout:
    """Return the layout, with its depth set if networks of all other depths get no answer of the right shapes."""
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
    """Return the answer to a random problem, or the error. Raise it if the code hangs or exits, to ask no more."""
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
