"""Matrix products, which make one number for each element of the result, however long the sum."""

from typing import Any

import numpy as np
from flint import arb_mat

from gradproof.exact.arrays import Array, exact, wrap
from gradproof.exact.numbers import DOT, Number, constant, number


def multiply_matrices(left: Any, right: Any, dot: bool = False) -> Any:
    """Return left @ right, or with `dot` np.dot, which differs for scalars and for more than two axes."""
    a, b = exact(left), exact(right)
    if dot and (a.ndim == 0 or b.ndim == 0):
        return a * b
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError("matmul: Input operand does not have enough dimensions")
    rows, columns = (a[None, :] if a.ndim == 1 else a), (b[:, None] if b.ndim == 1 else b)
    if rows.shape[-1] != columns.shape[-2]:
        raise ValueError(f"shapes {a.shape} and {b.shape} not aligned: {rows.shape[-1]} != {columns.shape[-2]}")
    if dot and b.ndim > 2:
        return wrap(np.tensordot(a, b, axes=(-1, -2)))
    batch = np.broadcast_shapes(rows.shape[:-2], columns.shape[:-2])
    rows = np.broadcast_to(rows.view(np.ndarray), (*batch, *rows.shape[-2:]))
    columns = np.broadcast_to(columns.view(np.ndarray), (*batch, *columns.shape[-2:]))
    result: Any = np.empty((*batch, rows.shape[-2], columns.shape[-1]), object)
    for place in np.ndindex(batch):
        result[place] = _multiply_two(rows[place], columns[place])
    if a.ndim == 1:
        result = result[..., 0, :] if b.ndim > 1 else result[..., 0, 0]
    elif b.ndim == 1:
        result = result[..., 0]
    return wrap(result)


def _multiply_two(rows: Array, columns: Array) -> Array:
    (n, inner), m = rows.shape, columns.shape[1]
    lefts = [tuple([number(x) for x in row]) for row in rows]
    rights = [tuple([number(x) for x in column]) for column in columns.T]
    first = arb_mat(n, inner, [x.value for row in lefts for x in row])
    product = (first * arb_mat(m, inner, [x.value for column in rights for x in column]).transpose()).entries()
    moving_left, moving_right = ([any(x.varies for x in part) for part in parts] for parts in (lefts, rights))
    nothing_left, nothing_right = (  # as for an example that ReLU has cut off: the product is constant
        [not moves and all(x.value == 0 for x in part) for moves, part in zip(moving, parts, strict=True)]
        for moving, parts in ((moving_left, lefts), (moving_right, rights))
    )
    result = np.empty((n, m), object)
    for i in range(n):
        for j in range(m):
            value = product[i * m + j]
            if (moving_left[i] or moving_right[j]) and not (nothing_left[i] or nothing_right[j]):
                result[i, j] = Number(value, DOT, (lefts[i], rights[j]), True)
            else:
                result[i, j] = constant(value, DOT, (lefts[i], rights[j]))
    return result
