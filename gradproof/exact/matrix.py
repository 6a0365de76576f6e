"""`numpy.matrix`, whose `*` multiplies matrices."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gradproof.exact.arrays import ExactArray, exact
from gradproof.exact.numbers import number
from gradproof.exact.products import multiply_matrices
from gradproof.exact.run import current


class Matrix(ExactArray):
    """`numpy.matrix`: two axes, and `*` multiplies matrices. There is no `.I`, and ravel gives one axis."""

    __array_priority__ = 20

    def __new__(cls, data: Any, dtype: Any = None, copy: bool = True) -> "Matrix":
        if isinstance(data, str):
            data = [[number(x) for x in row.split()] for row in data.replace(",", " ").split(";")]
        return np.atleast_2d(exact(data)).view(cls)

    def __mul__(self, other: Any) -> Any:
        return self.dot(Matrix(other) if np.ndim(other) else other)

    def __rmul__(self, other: Any) -> Any:
        return multiply_matrices(exact(other).view(ExactArray), self.view(ExactArray), dot=True).view(Matrix)

    def __imul__(self, other: Any) -> Any:
        self[...] = self * other
        return self

    def __pow__(self, exponent: int) -> Any:
        if not isinstance(exponent, int) or exponent < 1:
            raise current().refuse(f"gradproof has no exact rule for a matrix to the power {exponent}", TypeError)
        return self if exponent == 1 else self * self ** (exponent - 1)

    def __array_function__(self, function: Any, *details: Any) -> Any:
        result = super().__array_function__(function, *details)
        return result.view(Matrix) if function in _KEEPING and isinstance(result, ExactArray) else result

    def __array_ufunc__(self, *arguments: Any, **options: Any) -> Any:
        result = super().__array_ufunc__(*arguments, **options)
        return np.atleast_2d(result).view(Matrix) if isinstance(result, ExactArray) else result

    def __getitem__(self, where: Any) -> Any:
        found = super().__getitem__(where)
        if not isinstance(found, np.ndarray) or found.ndim == 2:
            return found
        column = isinstance(where, tuple) and len(where) > 1 and np.isscalar(where[1])
        return found.reshape(-1, 1) if column else found.reshape(1, -1)

    def dot(self, other: Any, out: Any = None) -> Any:
        result = multiply_matrices(self.view(ExactArray), exact(other).view(ExactArray), dot=True)
        return result.view(Matrix) if isinstance(result, ExactArray) else result

    def getA(self) -> ExactArray:  # noqa: N802  (NumPy's name)
        return self.view(ExactArray)

    def getA1(self) -> Any:  # noqa: N802
        return self.view(ExactArray).ravel()

    def getT(self) -> Any:  # noqa: N802
        return self.transpose()

    A, A1 = property(getA), property(getA1)


_KEEPING = (np.dot, np.concatenate, np.sort, np.clip, np.round, np.around)  # the rules whose result stays a matrix


def _reducing(name: str) -> Callable[..., Any]:
    """Return the method of this name, which keeps both axes if it goes along one."""

    def reduce(self: Matrix, axis: Any = None, **options: Any) -> Any:
        result = getattr(self.view(ExactArray), name)(axis=axis, keepdims=axis is not None)
        return result.view(Matrix) if isinstance(result, ExactArray) else result

    return reduce


for _name in ("sum", "mean", "max", "min", "prod", "var", "std", "argmax", "argmin"):
    setattr(Matrix, _name, _reducing(_name))
