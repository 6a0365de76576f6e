"""Random numbers from the run's own streams, which leaves the process's streams untouched."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np

from gradproof.exact.arrays import ExactArray
from gradproof.exact.makers import exactly, lifted, lowered
from gradproof.exact.numbers import Number
from gradproof.exact.run import current


class Generator:
    """A NumPy RandomState or Generator, or a Python Random, whose floats are exact numbers."""

    def __init__(self, genuine: Any) -> None:
        self._genuine = genuine

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._genuine, name)
        if name == "shuffle":
            return lambda x, **options: found(x.view(np.ndarray) if isinstance(x, ExactArray) else x, **options)
        if name in ("choice", "permutation", "choices", "sample", "permuted"):
            return lambda x, *rest, **options: _chosen(found, x, *rest, **options)
        return exactly(found) if callable(found) else found


def _chosen(found: Any, x: Any, *rest: Any, **options: Any) -> Any:
    if isinstance(x, Number):
        x = int(x)
    rest, options = tuple(_settled(r) for r in rest), {name: _settled(o) for name, o in options.items()}
    result = found(x.view(np.ndarray) if isinstance(x, ExactArray) else x, *rest, **options)
    return result.view(ExactArray) if isinstance(result, np.ndarray) and result.dtype == object else lifted(result)


def _settled(argument: Any) -> Any:
    """Make probabilities floats: which element they choose is a decision, like a comparison, and has no derivative."""
    if isinstance(argument, ExactArray):
        return np.array([float(x.value.mid()) for x in argument.ravel().tolist()]).reshape(argument.shape)
    return lowered(argument)


def _of_the_run(which: str) -> Callable[[str], Callable[..., Any]]:
    """Return a maker of random functions that draw from the current run's stream of that name."""

    def function(name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            return getattr(Generator(getattr(current(), which)), name)(*arguments, **options)

        call.__name__ = name
        return call

    return function


def _random(names: str, which: str) -> dict[str, Any]:
    return {name: _of_the_run(which)(name) for name in names.split()}


_DRAWS = """beta binomial bytes chisquare choice exponential gamma geometric gumbel laplace logistic lognormal
multinomial multivariate_normal normal permutation poisson rand randint randn random random_integers random_sample ranf
sample seed shuffle standard_normal triangular uniform"""
_PYTHON_DRAWS = """betavariate choice choices expovariate gammavariate gauss getrandbits normalvariate randint random
randrange sample seed shuffle triangular uniform"""

NUMPY_RANDOM: dict[str, Any] = _random(_DRAWS, "numpy_random") | {
    "RandomState": lambda *arguments: Generator(np.random.RandomState(*map(lowered, arguments))),
    "default_rng": lambda *arguments: Generator(np.random.default_rng(*map(lowered, arguments))),
}
PYTHON_RANDOM: dict[str, Any] = _random(_PYTHON_DRAWS, "python_random") | {
    "Random": lambda *arguments: Generator(random.Random(*arguments))
}
