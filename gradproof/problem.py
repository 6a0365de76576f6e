"""Problems, stacks of them and answers, as plain arrays: all that is exchanged with the two networks."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]
Parameters = tuple[list[Array], list[Array]]


class Problem(NamedTuple):
    """A network and a mini-batch: w^l (n_l, n_{l−1}), b^l (n_l, 1), x (n_0, m), y (n_L, m), examples as columns."""

    weights: list[Array]
    biases: list[Array]
    x: Array
    y: Array

    @property
    def sizes(self) -> list[int]:
        """[n_0, …, n_L]."""
        return [len(self.x), *(len(b) for b in self.biases)]

    def astype(self, dtype: DTypeLike) -> "Problem":
        """Return the same problem in another precision."""
        weights, biases = ([v.astype(dtype) for v in part] for part in self[:2])
        return Problem(weights, biases, self.x.astype(dtype), self.y.astype(dtype))


def starting_parameters(
    sizes: Sequence[int], seed: int, init: str = "scaled", dtype: DTypeLike = np.float32
) -> Parameters:
    """Draw (weights, biases) from N(0, 1), as the book does; init "scaled" divides w^l by √n_{l−1}.

    They are drawn in float64 and then rounded, so that a seed gives the same network in either precision.
    """
    rng = np.random.default_rng(seed)
    weights, biases = [], []
    for fan_in, fan_out in pairwise(sizes):
        scale = np.sqrt(fan_in) if init == "scaled" else 1.0
        weights.append((rng.standard_normal((fan_out, fan_in)) / scale).astype(dtype))
        biases.append(rng.standard_normal((fan_out, 1)).astype(dtype))
    return weights, biases


class Answer(NamedTuple):
    """Everything that a network computes for a stack: lists with one array (N, rows, columns) per layer; C is (N,)."""

    zs: list[Array]
    activations: list[Array]  # a⁰ … a^L
    cost: Array
    delta: list[Array]
    grad_b: list[Array]
    grad_w: list[Array]

    def in_float64(self) -> "Answer":
        """Return the same numbers in float64, which rounds nothing."""

        def exact(part: list[Array]) -> list[Array]:
            return [array.astype(np.float64, copy=False) for array in part]

        zs, activations, cost = exact(self.zs), exact(self.activations), self.cost.astype(np.float64)
        return Answer(zs, activations, cost, exact(self.delta), exact(self.grad_b), exact(self.grad_w))

    def of_network(self, network: int, sizes: Sequence[int]) -> "Answer":
        """Return the part of one network, of sizes [n_0, …, n_L], without padding."""
        zs, delta, grad_b = (
            [array[network, :n] for n, array in zip(sizes[1:], part, strict=True)]
            for part in (self.zs, self.delta, self.grad_b)
        )
        activations = [array[network, :n] for n, array in zip(sizes, self.activations, strict=True)]
        grad_w = [g[network, :n, :k] for k, n, g in zip(sizes[:-1], sizes[1:], self.grad_w, strict=True)]
        return Answer(zs, activations, self.cost[network : network + 1], delta, grad_b, grad_w)


class Stack(NamedTuple):
    """N problems of one depth and one m, side by side; layers are padded to the widest with silent neurons.

    w^l (N, width_l, width_{l−1}), b^l (N, width_l, 1), x and y (N, width, m); sizes (N, L+1) are the true widths.
    Padding is 0. The activation of a silent neuron is σ(0), but it feeds nothing, and outputs are masked.
    """

    weights: list[Array]
    biases: list[Array]
    x: Array
    y: Array
    sizes: Array

    @property
    def fan(self) -> list[Array]:
        """n_0 … n_L, each (N, 1, 1), in the dtype of x, so that bounds keep that dtype."""
        return [n[:, None, None].astype(self.x.dtype) for n in self.sizes.T]

    def astype(self, dtype: DTypeLike) -> "Stack":
        """Return the same problems in another precision."""
        weights, biases = ([v.astype(dtype, copy=False) for v in part] for part in self[:2])
        return Stack(weights, biases, self.x.astype(dtype, copy=False), self.y.astype(dtype, copy=False), self.sizes)

    def live(self, layer: int) -> Array:
        """Return which rows of layer l are neurons and not padding, (N, width_l, 1)."""
        width = self.x.shape[1] if layer == 0 else self.biases[layer - 1].shape[1]
        return np.arange(width)[None, :, None] < self.sizes[:, layer, None, None]

    @property
    def outputs(self) -> Array:
        """Which rows of a^L and y are neurons and not padding, (N, width_L, 1)."""
        return self.live(len(self.weights))

    def inputs_at_work(self, layer: int) -> Array | bool:
        """Return which columns of w^l have an input other than 0, (N, 1, width); True above layer 1, which has all."""
        return (self.x != 0).any(axis=-1)[:, None, :] if layer == 1 else True

    def filled(self, delta: Sequence[Array]) -> list[Array]:
        """Return δ with 1 for silent neurons: with 0 their bounds would be below λ, where processors are slow."""
        return [d + ~self.live(layer) for layer, d in enumerate(delta, start=1)]

    def of_network(self, network: int) -> Problem:
        """Return one of the problems in its exact shape."""
        n = self.sizes[network]
        return Problem(
            [w[network, :rows, :columns] for w, rows, columns in zip(self.weights, n[1:], n[:-1], strict=True)],
            [b[network, :rows] for b, rows in zip(self.biases, n[1:], strict=True)],
            self.x[network, : n[0]],
            self.y[network, : n[-1]],
        )


def stack_of(problem: Problem, width: int = 0) -> Stack:
    """Return the stack of one problem, with layers padded to at least `width` neurons."""

    def wide(array: Array, columns: bool = False) -> Array:
        room = [(0, max(0, width - array.shape[0])), (0, max(0, width - array.shape[1]) if columns else 0)]
        return np.pad(array, room)[None]

    return Stack(
        [wide(w, columns=True) for w in problem.weights],
        [wide(b) for b in problem.biases],
        wide(problem.x),
        wide(problem.y),
        np.array([problem.sizes]),
    )
