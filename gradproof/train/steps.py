"""Takes the steps of a training with a backend, or spread over devices, and judges them if asked."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from importlib import import_module
from typing import Any, cast

import numpy as np
from threadpoolctl import ThreadpoolController

from gradproof import backends
from gradproof.backends import Descent
from gradproof.problem import Array, Parameters
from gradproof.train import alignment, divergence, handcrafted_descent, mnist
from gradproof.train.data_parallel import Spread
from gradproof.train.step import ANY_SLIP, BrokenError, Proven


class Steps:
    """Gradient descent on these examples, at one η."""

    def __init__(self, backend: str, eta: float, examples: mnist.DataSet, dtype: str, spread: Spread | None) -> None:
        self._backend, self._eta = backend, eta
        self._descent = spread or descent_of(backend)
        put = spread.put if spread else partial(backends.put, backend)
        self._images = put(mnist.pixels(examples.images, dtype))
        self._targets = put(mnist.one_hot(examples.labels, dtype))
        self._blas = ThreadpoolController()  # made once: searching for the libraries takes as long as forty steps

    def in_one_thread(self) -> AbstractContextManager[Any]:
        """Limit BLAS to one thread."""
        return self._blas.limit(limits=1, user_api="blas")

    def take(self, weights: list[Array], biases: list[Array], batches: Array) -> Parameters:
        """Take a step for each mini-batch; `batches` holds the numbers of its examples. BrokenError if it raises."""
        images, targets = self._images, self._targets
        return self._reached(
            lambda: self._descent.descend(weights, biases, images, targets, batches, self._eta), batches
        )

    def prove(self, start: Parameters, batches: Array, first: int) -> tuple[Parameters, Proven]:
        """Take the steps, judge each where it was taken, and return the parameters reached and what is proven.

        `first` is the number of the first step, for the message of the StepError about a wrong one.
        """
        from gradproof.train import proof  # imports JAX, which the handcrafted network does not need

        end = start
        count = sum(p.size for layers in start for p in layers)
        few = min(5 * proof.together(count), 100)  # steps in a piece, so that it is soon judged
        pieces = self._pieces(start, batches, few)

        def paths() -> Iterator[tuple[Parameters, Array, Array]]:
            nonlocal end
            for rows in np.split(batches, range(few, len(batches), few)):
                path = proof.starting_at(end, self._reached(lambda: next(pieces), rows))
                end = [w[-1].copy() for w in path[0]], [b[-1].copy() for b in path[1]]
                yield path, _taken(self._images, rows).mT, _taken(self._targets, rows).mT
                if not divergence.finite(end):
                    break

        with self.in_one_thread():
            proven = proof.judged(self._backend, paths(), self._eta, first)
        return end, proven

    def _reached(self, taken: Callable[[], Any], batches: Array) -> Parameters:
        """Return the parameters that steps lead to, as NumPy arrays. Raises BrokenError if the network raises."""
        # No warnings: numbers that are not finite are found later. One thread: two would wait for each other at small
        # products and sum in another order, so a seed's run hash would depend on the number of processors.
        with np.errstate(all="ignore"), self.in_one_thread():
            try:
                weights, biases = ([np.asarray(p) for p in layers] for layers in taken())
            except ANY_SLIP as error:
                raise BrokenError(self._backend, f"for a step on {len(batches[0])} examples", error) from error
        return weights, biases

    def _pieces(self, start: Parameters, batches: Array, few: int) -> Iterator[Parameters]:
        """Yield the trajectory in pieces of `few` steps; the handcrafted one is recorded only once for all pieces."""
        (weights, biases), data = start, (self._images, self._targets)
        if self._descent is handcrafted_descent:
            yield from handcrafted_descent.trajectories(weights, biases, *data, batches, self._eta, few)
            return
        for rows in np.split(batches, range(few, len(batches), few)):
            path = self._descent.trajectory(weights, biases, *data, rows, self._eta)
            weights, biases = ([np.asarray(way)[-1] for way in part] for part in path)
            yield path


def descent_of(backend: str) -> Descent:
    """Return the module that takes many steps of that backend's network in one call."""
    return handcrafted_descent if backend == "handcrafted" else cast(Descent, import_module(f"{backend}.descent"))


def _taken(data: Any, rows: Array) -> Array:
    """Return those rows of the data, (k, m, n), aligned so that XLA need not copy them.

    All rows exist, so mode "clip" never clips.
    """
    data = np.asarray(data)
    return data.take(rows, axis=0, out=alignment.empty((*rows.shape, data.shape[1]), data.dtype), mode="clip")
