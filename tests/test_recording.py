"""A function recorded once and repeated ends at the same bits, and what cannot be repeated is refused."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import handcrafted
from gradproof.problem import Parameters, starting_parameters
from gradproof.recording import repeated
from handcrafted import equations
from tests.proof.planted import PLANTED


def arguments(seed: int, sizes: list[int], m: int, dtype: str, scale: float, k: int = 7) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    weights, biases = ([(scale * p).astype(dtype) for p in part] for part in starting_parameters(sizes, seed))
    images, targets = (rng.random((20, n)).astype(dtype) for n in (sizes[0], sizes[-1]))
    return weights, biases, images, targets, rng.integers(20, size=(k, m)), 3.0


def _bits(parameters: Parameters) -> list[bytes]:
    return [p.tobytes() for part in parameters for p in part]


NETWORKS = {
    "seed": st.integers(0, 2**32 - 1),
    "sizes": st.lists(st.integers(1, 12), min_size=2, max_size=5),
    "m": st.integers(1, 11),
    "dtype": st.sampled_from(["float32", "float64"]),
    "scale": st.sampled_from([1e-3, 1.0, 300.0]),  # at 300 σ saturates and e^{−z} overflows in float32
}


@given(**NETWORKS)
def test_recorded_steps_are_the_plain_ones_to_the_last_bit(**network: Any) -> None:
    problem = arguments(**network)
    before = [p.copy() for p in problem[0] + problem[1]]
    plain = handcrafted.descend(*problem)
    with np.errstate(over="ignore"):
        recorded = handcrafted.descend(*problem, repeated)
    assert _bits(plain) == _bits(recorded)
    assert {type(p) for p in recorded[0] + recorded[1]} == {np.ndarray}
    assert all(np.array_equal(p, q) for p, q in zip(before, problem[0] + problem[1], strict=True))


@pytest.mark.parametrize("slip", sorted(PLANTED))
def test_a_wrong_equation_is_as_wrong_recorded(slip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recording repairs nothing, and what it cannot record it leaves as it is."""
    function, replacement, _ = PLANTED[slip]
    problem = arguments(0, [5, 5, 5, 5], 5, "float64", 1.0)
    right = handcrafted.descend(*problem)
    monkeypatch.setattr(equations, function, replacement)
    wrong, recorded = handcrafted.descend(*problem), handcrafted.descend(*problem, repeated)
    assert _bits(recorded) == _bits(wrong) != _bits(right)


def test_the_equations_are_recorded() -> None:
    """Each call of a ufunc once, and nothing is left to be called as it stands."""
    weights, biases, images, targets, *_ = arguments(0, [5, 4, 3], 5, "float32", 1.0)
    ways = []
    handcrafted.descend(
        weights, biases, images, targets, np.zeros((1, 5), int), 3.0, lambda *a: ways.append(repeated(*a)) or ways[0]
    )
    assert not isinstance(ways[0], partial)


@pytest.mark.parametrize("options", [{}, {"axis": 0}, {"axis": -1}, {"axis": 1, "keepdims": True}, {"axis": None}])
@pytest.mark.parametrize("ufunc", [np.add, np.maximum])
def test_reductions_are_repeated_whatever_their_axis(ufunc: np.ufunc, options: dict[str, Any]) -> None:
    x, total = np.zeros((3, 4)), np.zeros(np.shape(ufunc.reduce(np.zeros((3, 4)), **options)))

    def add_up(x: Any, total: Any) -> None:
        total += ufunc.reduce(x * x, **options)

    call = repeated(add_up, x, total)
    assert not isinstance(call, partial) or options == {"axis": None}  # one number is not repeated, but called
    x[...] = np.arange(12).reshape(3, 4)
    call()
    assert np.array_equal(total, ufunc.reduce(x * x, **options))


def test_every_call_after_the_first_makes_no_array_and_runs_no_python() -> None:
    x, total, runs = np.arange(3.0), np.zeros(3), []

    def add_squares(x: Any, total: Any) -> None:
        runs.append(1)
        total += 2 * x**2

    call = repeated(add_squares, x, total)
    for _ in range(4):
        call()
        x += 1
    assert total.tolist() == [2 * (0 + 1 + 4 + 9), 2 * (1 + 4 + 9 + 16), 2 * (4 + 9 + 16 + 25)]
    assert len(runs) == 3  # while it was recorded and tried


def into(x: Any) -> None:
    x[...] = 2 * x


def shifting(x: Any) -> None:
    x[1:] = x[:-1] + 0


def filling(x: Any) -> None:
    x.fill(7)


def masking(x: Any) -> None:
    x *= x > 1.5


def one_number(x: Any) -> None:
    x += x[0]


def deciding(x: Any) -> None:
    x += 1 if x[:1] < 2 else 10


def deciding_by_a_number(x: Any) -> None:
    x += 1 if x[0] < 2 else 10


def deciding_by_a_sum(x: Any) -> None:
    x += 1 if (x * x).sum() < 15 else 10


def item(x: Any) -> None:
    x += x[:1].item()


def greatest(x: Any) -> None:
    x += max(x)


def accumulating(x: Any) -> None:
    total = np.zeros(3)
    total += x
    x += total


def escaping(x: Any) -> None:
    x += np.asarray(x).view(np.ndarray) * 2


def exponent(x: Any) -> None:
    x += np.ldexp(x, 1)


def chosen(x: Any) -> None:
    np.add(x, 1, out=x, where=x < 3)


def copying(x: Any) -> None:
    x += x.copy()


def sorting(x: Any) -> None:
    x += np.sort(x)


def joining(x: Any) -> None:
    x += np.concatenate([x[:1], x[1:]])


def picking(x: Any) -> None:
    x += x[[2, 1, 0]]


def reshaping(x: Any) -> None:
    x += x.reshape(1, 3).T.reshape(3) + x[None].repeat(2, axis=0).T.reshape(2, 3)[0]


def totalling(x: Any) -> None:
    x /= x.sum()


OTHERS = [
    into,
    shifting,
    filling,
    masking,
    one_number,
    deciding,
    deciding_by_a_number,
    deciding_by_a_sum,
    item,
    greatest,
]
OTHERS += [accumulating, escaping, exponent, chosen, copying, sorting, joining, picking, reshaping, totalling]


@pytest.mark.parametrize("function", OTHERS)
def test_what_is_more_than_ufuncs_ends_where_it_ends_when_called(function: Callable[[Any], None]) -> None:
    plain, recorded = np.arange(1.0, 4), np.arange(1.0, 4)
    call = repeated(function, recorded)
    assert recorded.tolist() == [1, 2, 3]  # nothing has happened yet
    for _ in range(4):
        function(plain)
        call()
        assert recorded.tolist() == plain.tolist()


def test_what_the_function_raises_is_raised_where_it_is_called() -> None:
    def wrong(x: Any) -> None:
        x += np.ones(4)

    call = repeated(wrong, np.arange(3.0))
    with pytest.raises(ValueError, match="broadcast"):
        call()
