"""Arrays begin where XLA reads them as they lie."""

from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproof.problem import Array
from gradproof.train.alignment import LINE, aligned, empty

SHAPES = st.lists(st.integers(1, 7), max_size=4).map(tuple)
DTYPES = st.sampled_from(["float32", "float64"])


@given(shape=SHAPES, dtype=DTYPES)
def test_an_empty_array_has_its_shape_and_begins_with_a_line(shape: tuple[int, ...], dtype: str) -> None:
    array = empty(shape, dtype)
    assert (array.shape, array.dtype, array.ctypes.data % LINE) == (shape, dtype, 0)
    assert array.flags.c_contiguous
    assert array.flags.writeable


@given(shape=SHAPES, dtype=DTYPES, off=st.integers(0, 15), turned=st.booleans(), seed=st.integers(0, 99))
def test_an_aligned_array_holds_the_same_numbers(
    shape: tuple[int, ...], dtype: str, off: int, turned: bool, seed: int
) -> None:
    size = int(np.prod(shape))
    array: Array = empty((off + size,), dtype)[off:].reshape(shape)
    array[...] = np.random.default_rng(seed).standard_normal(shape)
    array = array.T if turned else array
    result = aligned(array)
    assert np.array_equal(result, array)
    assert result.dtype == array.dtype
    assert result.ctypes.data % LINE == 0
    assert result.flags.c_contiguous
    assert aligned(result) is result


@pytest.mark.parametrize("off", [0, 1])
def test_xla_reads_it_where_it_lies(off: int) -> None:
    """Which is why: shared memory, not a copy, and a copy where it begins anywhere else."""
    array: Any = empty((off + 1024,), "float32")[off:]
    array[...] = 1
    there = jax.device_put(array, may_alias=True)
    assert (there.unsafe_buffer_pointer() == array.ctypes.data) == (off == 0)
