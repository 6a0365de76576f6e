"""One number by itself: how it is compared, rounded down, chosen and kept apart, in a run and while exploring."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from flint import arb

from gradproof.exact.arrays import ExactArray, array_of, exact
from gradproof.exact.numbers import (
    Number,
    floor,
    is_equal,
    is_less,
    largest,
    multiply,
    number,
    smallest,
    source,
    variable,
)
from gradproof.exact.run import BITS, Reading, Run, TieError, UndecidedError, running
from gradproof.exact.sweeps import differentiate
from gradproof.exact.ufuncs import clip_one


def ball(middle: float, radius: float, varies: bool = True) -> Number:
    return Number(arb(middle, radius), varies=varies)


def exploring() -> Any:
    return running(Run(64, exploring=True))


@pytest.mark.parametrize(("a", "b", "order"), [(1.0, 1.25, -1), (1.25, 1.0, 1), (1.0, 1.0, 0)])
def test_balls_that_overlap_are_compared_by_their_middles_while_exploring_and_refused_in_a_run(
    a: float, b: float, order: int
) -> None:
    with exploring():
        x, y = ball(a, 0.5), ball(b, 0.5)
        assert (is_less(x, y), is_less(y, x), is_equal(x, y)) == (order < 0, order > 0, order == 0)
    with running(Run(BITS)), pytest.raises(UndecidedError, match="cannot distinguish"):
        is_less(ball(a, 0.5), ball(b, 0.5))


def test_what_is_computed_from_a_written_infinity_compares_as_in_numpy_and_other_nan_is_refused() -> None:
    with running(Run(BITS)):
        best, plain = number(math.inf), number(1.0)
        worse = best * variable(1) - best * variable(2)
        for x, y in ((worse, plain), (plain, worse), (worse, worse + 1)):
            assert not is_less(x, y)
            assert not is_equal(x, y)
        with pytest.raises(UndecidedError, match="with NaN"):
            is_less(Number(arb("nan")), plain)
        with pytest.raises(UndecidedError, match="with NaN"):
            is_less(plain, Number(arb("nan")))


def test_a_comparison_of_variables_is_kept_at_its_place() -> None:
    with running(run := Run(BITS)):
        here = run.place()
        is_less(number(1), number(2))
        assert not run.outcomes
        for x, y in ((variable(1), number(2)), (number(1), variable(2))):
            run.outcomes.clear()
            is_less(x, y)
            assert set(run.outcomes) == {here}
            assert run.outcomes[here] == {True}


@pytest.mark.parametrize(
    ("x", "whole", "explored"),
    [
        ((2.75, 0.0, False), 2, 2),
        ((-2.75, 0.0, True), -3, -3),
        ((2.5, 0.1, True), 2, 2),
        ((2.0, 0.1, False), 2, 2),  # a share or a count
        ((2.5, 0.6, False), 2, 2),
        ((2.0, 0.1, True), "near 2", 2),
        ((2.5, 0.6, True), "near 2.5", 2),
        ((3.0, 0.0, True), "of 3, where it jumps", 3),
        ((3.0, 0.0, False), 3, 3),
    ],
)
def test_the_floor_is_pythons_of_a_constant_and_refused_where_it_jumps(x: Any, whole: Any, explored: int) -> None:
    with exploring():
        assert floor(ball(*x)).value == explored
    with running(Run(BITS)):
        if isinstance(whole, str):
            with pytest.raises(UndecidedError, match=f"the floor .*{whole}"):
                floor(ball(*x))
        else:
            found = floor(ball(*x))
            assert found.value.is_exact()
            assert found.value == whole
            assert not found.varies


def test_the_floor_of_a_constant_is_exact_where_its_ball_decides_it() -> None:
    with running(Run(BITS)):
        assert floor(Number(1 - arb(2) ** -100)).value == 0  # as a float it is 1


def test_constants_that_were_computed_otherwise_are_equal_if_their_values_are() -> None:
    with running(Run(BITS)) as run:
        run.keeps_constants = True
        assert is_equal(number(2) + 2, number(4))


def test_the_sign_depends_on_its_number_only_while_exploring() -> None:
    for run, depends in ((running(Run(BITS)), False), (exploring(), True)):
        with run:
            x = variable(2.0)
            assert (x.index in differentiate(np.sign(x))) is depends


@pytest.mark.parametrize(
    "choose", [largest, smallest, lambda x, y: np.max(numbers_in([x, y])), lambda x, y: np.min(numbers_in([x, y]))]
)
def test_what_is_chosen_is_a_number_of_its_own(choose: Callable[[Number, Number], Number]) -> None:
    with running(Run(BITS)):
        x, y = variable(2.0), variable(5.0)
        chosen = choose(x, y)
        assert chosen is not x
        assert chosen is not y
        assert source(chosen) is (y if chosen.value == 5 else x)


def numbers_in(xs: Sequence[Number]) -> ExactArray:
    return array_of(list(xs), (len(xs),))


def test_a_clip_returns_a_number_of_its_own_and_keeps_where() -> None:
    with running(run := Run(BITS)):
        x = variable(3.0)
        here, out = run.place(), clip_one(x, 0, 1)
        assert run.clips == {out.index: here}
        assert [note.kind for note in run.notes.values()] == ["clipped"]
        inside = variable(0.5)
        same = clip_one(inside, 0, 1)
        assert source(same) is inside is not same
        assert run.clips.keys() == {out.index, same.index}
        run.notes.clear()
        clip_one(number(3), 0, 1)
        assert not run.notes


def test_truths_of_numbers_and_of_plain_bools() -> None:
    with running(Run(BITS)):
        several = numbers_in([number(0), number(2), number(0.5)])
        mask = np.array([True, False, True])
        assert np.logical_and(several, mask).tolist() == [False, False, True]
        assert np.logical_or(several, mask).tolist() == [True, True, True]
        assert np.logical_or(several, ~mask).tolist() == [False, True, True]
        assert np.logical_not(several).tolist() == [True, False, False]
        assert isinstance(np.logical_and.reduce(several), bool)
        assert np.logical_and.reduce(several) is False
        assert np.logical_or.reduce(several) is True


@pytest.mark.parametrize(("x", "told"), [(0.5, (False, True)), (math.inf, (True, False)), (-math.inf, (True, False))])
def test_what_is_infinite_and_what_is_no_number(x: float, told: tuple[bool, bool]) -> None:
    with running(Run(BITS)):
        one = numbers_in([number(x)])
        assert (bool(np.isinf(one)[0]), bool(np.isfinite(one)[0])) == told
        nothing = numbers_in([number(math.inf) - number(math.inf)])
        assert not np.isinf(nothing)[0]
        assert not np.isfinite(nothing)[0]
        assert np.isnan(nothing)[0]


def test_the_step_at_0_is_what_is_given_and_a_number_has_no_imaginary_part() -> None:
    with running(Run(BITS)):
        several = numbers_in([number(-2), number(0), number(3)])
        assert [float(x.value.mid()) for x in np.heaviside(several, 0.25).tolist()] == [0, 0.25, 1]
        assert not np.any(np.imag(several))


def test_what_is_computed_twice_in_the_same_way_is_equal_and_no_tie() -> None:
    with running(Run(BITS)):
        w, x = [variable(0.3), variable(-1.7)], [number(0.5), number(2)]

        def unit(first: Number, second: Number) -> Number:
            return (w[0] * first + w[1] * second).exp() + 1

        once, again = unit(*x), unit(*x)
        assert is_equal(once, again)
        assert not is_less(once, again)
        assert any(source(largest(once, again)) is one for one in (once, again))
        assert is_equal(once, unit(number(0.5), number(2)))
        with pytest.raises(UndecidedError):
            is_less(once, unit(x[0], x[1]) + w[0] - w[0] * 1)
        with pytest.raises(UndecidedError):
            is_less(w[0] * 2, w[0] + w[0])


def test_a_relu_at_0_is_a_tie() -> None:
    for choose in (lambda x: largest(x, number(0)), lambda x: largest(number(0), x)):
        with running(Run(BITS)), pytest.raises(TieError, match="a tie at 0"):
            choose(variable(0.0))


def test_a_reduction_keeps_its_axes_where_that_is_asked_for() -> None:
    with running(Run(BITS)):
        table = array_of([number(k) for k in range(6)], (2, 3))
        assert np.sum(table, axis=1, keepdims=True).shape == (2, 1)
        assert np.max(table, axis=0, keepdims=True).shape == (1, 3)
        assert np.all(table, axis=1, keepdims=True).tolist() == [[False], [True]]


def test_a_number_is_no_matrix_for_matmul_and_a_factor_for_dot() -> None:
    with running(Run(BITS)):
        table = array_of([number(k) for k in range(6)], (2, 3))
        for one, other in ((number(2), table), (table, number(2))):
            assert np.array_equal(np.dot(one, other), table * 2)
            with pytest.raises(ValueError, match="enough dimensions"):
                np.matmul(one, other)


def test_a_variable_that_is_0_is_no_constant_factor() -> None:
    with running(Run()):
        x, y = variable(arb(0)), variable(arb(3))
        assert differentiate(multiply(x, y))[x.index] == 3
        assert differentiate(multiply(y, x))[x.index] == 3


def test_a_product_varies_if_any_factor_of_it_does() -> None:
    with running(Run()):
        x, two = variable(arb(5)), Number(arb(2))
        for product in (exact([x, two]) @ exact([two, two]), exact([two, two]) @ exact([x, two])):
            assert product.varies
            assert differentiate(product)[x.index] == 2


def test_what_is_no_number_is_not_taken_for_a_tiny_one_and_sets_no_flag() -> None:
    with running(Run(reading=Reading.WITHOUT_EPSILON)), np.errstate(all="raise"):
        assert np.isnan(float((exact([np.nan]) + exact([1.0]))[0].value.mid()))
