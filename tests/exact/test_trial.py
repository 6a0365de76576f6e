"""How a verdict follows from what was compared: at which points, at how many bits, under which reading."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from flint import arb

from gradproof import check_gradient
from gradproof.exact.run import BITS, Reading, TieError, UndecidedError, current
from gradproof.judge.trial.arguments import drawn
from gradproof.judge.trial.comparison import DIFFERENCES, Compared, common_factor, compare
from gradproof.judge.trial.execution import InexactError, NotFiniteError, SubjectError
from gradproof.judge.trial.points import MOST_POINTS, POINTS, PRECISIONS, TELLING, try_points
from gradproof.numerics.verdict import Verdict

V, R, U = Verdict.VERIFIED, Verdict.REFUTED, Verdict.UNDECIDED
W = np.zeros(4)


def balls(values: Sequence[Any], radius: float = 0.0) -> Any:
    array = np.empty(len(values), object)
    array[:] = [arb(v, radius) for v in values]
    return array


def stated(got: Any, expected: Any) -> Compared:
    return compare("w", got, expected, lambda where: None)


def test_two_arrays_are_right_exactly_where_all_balls_overlap() -> None:
    one = balls([1, 2, 0])
    assert stated(one, one).state == "right"
    assert stated(one, one).digits == np.inf
    assert stated(balls([1, 2, 0], 1e-20), balls([1, 2, 1e-21])).state == "right"
    assert 19 < stated(balls([1, 2, 0], 1e-20), one).digits < 21
    apart = stated(balls([1, 2.5, 3e-30]), one)
    assert (apart.state, apart.element, apart.got, apart.expected) == ("wrong", (1,), 2.5, 2.0)
    assert stated(balls([1, 2, 1e-40]), one).state.startswith("right to 40 digits only")
    assert stated(one, balls([0, 0, 0])).alive is False
    assert stated(one, balls([0, 1, 0])).alive is True


def test_the_element_that_is_shown_is_off_by_most() -> None:
    shown = stated(balls([100, 3, 5]), balls([101, -3, 5]))
    assert (shown.element, shown.got, shown.expected) == ((1,), 3, -3)
    assert stated(balls([-100, 3, 5]), balls([-101, -3, 5])).element == (1,)


def test_digits_are_of_the_largest_element_none_where_all_are_0_and_all_where_there_is_none() -> None:
    for wide in (balls([0, 0], 1e-50), balls([1, 0], 9)):
        assert stated(wide, balls([0, 0])).digits == 0
    assert stated(balls([]), balls([])).digits == np.inf
    assert 22 < stated(balls([1e3, 1e-9], 1e-20), balls([1e3, 1e-9])).digits < 24


def test_what_is_not_finite_is_undecided_on_either_side() -> None:
    for bad in (arb.nan(), arb.pos_inf()):
        for got, expected in (((1, bad), (1, 2)), ((1, 2), (1, bad)), ((3, bad), (1, 2))):
            found = stated(balls(got), balls(expected))
            assert (found.state, found.element, found.digits) == ("undecided", (1,), 0)
    assert stated(balls([1, arb.nan(), arb.nan()]), balls([1, 2, 3])).element == (1,)


def test_a_wrong_array_is_named() -> None:
    base = balls([3, -6, 9])
    for factor, name in ((-1, "scaled by -1"), (arb(1) / 3, "scaled by 1/3"), (64, "scaled by 64"), (0, "zero")):
        assert stated(base * factor, base).state == name
    for wrong in (base * 65, base * (arb(1) / 65), base * arb(1.2345678), base + balls([0, 0, 1]), base[::-1]):
        assert stated(wrong, base).state == "wrong"
    assert stated(balls([3, -6, 1]), balls([3, -6, 0])).state == "wrong"
    assert stated(balls([0, 0, 0], 1e-30), base).state == "wrong"
    assert common_factor(balls([1]), balls([0])) is None
    assert (common_factor(balls([2]), balls([1])), common_factor(base, base)) == (2, 1)
    limit = 10**DIFFERENCES  # to no more digits than a slip of a formula may leave by chance
    assert stated(balls([limit - 1]), balls([limit])).state == "wrong"
    square = balls([1, 2, 3, 4]).reshape(2, 2)
    assert stated(square.T, square).state == "transposed"
    assert stated(square + square.T + balls([0, 0, 0, 1]).reshape(2, 2), square).state == "wrong"
    assert stated(balls([1, 9, 9, 9]).reshape(2, 2), square).state == "wrong"  # of whose transpose one element is right
    assert stated(balls([0, 6, 1]), base).state == "wrong"
    long = balls([1, 2, 3, 4, 5, 6]).reshape(2, 3)
    assert stated(long.reshape(3, 2).T.copy().reshape(2, 3), long).state == "wrong"


Plan = Callable[[Any], Compared]  # of the run


def tried(plan: Callable[[Any, Any], Any], draw: bool = True) -> Any:
    return try_points(lambda run, drawn: plan(run.run, drawn), [np.arange(4.0)], 0, draw)


def right(digits: float = 60.0, alive: bool = True) -> Compared:
    return Compared("w", "right", digits, alive)


WRONG = Compared("w", "wrong", 0, True, (0,))
UNCLEAR = Compared("w", "undecided", 0, True)


def under(**readings: Any) -> Callable[[Any, Any], Any]:
    def plan(run: Any, _: Any) -> Any:
        found = readings[run.reading.name.lower()]
        if isinstance(found, Exception):
            raise found
        return [found]

    return plan


@pytest.mark.parametrize(
    ("exact", "rounded", "without_epsilon", "verdict", "reading"),
    [
        (right(), WRONG, WRONG, V, Reading.EXACT),
        (WRONG, right(), WRONG, V, Reading.ROUNDED),
        (WRONG, WRONG, right(), V, Reading.WITHOUT_EPSILON),
        (WRONG, WRONG, WRONG, R, Reading.EXACT),
        (WRONG, UNCLEAR, WRONG, U, Reading.ROUNDED),
        (UNCLEAR, WRONG, WRONG, U, Reading.EXACT),
        (WRONG, WRONG, UNCLEAR, R, Reading.EXACT),  # not finite without its epsilon: that says nothing
        (WRONG, WRONG, SubjectError("raises"), R, Reading.EXACT),
        (WRONG, right(5.0), WRONG, U, Reading.ROUNDED),  # too vague to say anything
        (WRONG, right(TELLING), WRONG, V, Reading.ROUNDED),
        (WRONG, WRONG, right(5.0), U, Reading.WITHOUT_EPSILON),
        (WRONG, WRONG, WRONG._replace(state="scaled by 2"), R, Reading.WITHOUT_EPSILON),
        (WRONG, WRONG._replace(state="scaled by 2"), WRONG, R, Reading.ROUNDED),  # the fault that has a name
    ],
)
def test_refuted_is_wrong_under_every_reading_and_verified_right_under_one(
    exact: Any, rounded: Any, without_epsilon: Any, verdict: Verdict, reading: Reading
) -> None:
    found = tried(under(exact=exact, rounded=rounded, without_epsilon=without_epsilon))
    assert (found.verdict, found.reading) == (verdict, reading)


def test_one_array_that_is_undecided_makes_all_of_them_so() -> None:
    assert tried(lambda run, drawn: [right(), UNCLEAR]).verdict is U
    assert tried(lambda run, drawn: [right(), UNCLEAR._replace(alive=False)]).verdict is U
    assert "not finite" in tried(lambda run, drawn: [right(), UNCLEAR]).why[0]
    assert tried(lambda run, drawn: [WRONG, right() if run.reading < 2 else UNCLEAR]).verdict is R
    assert tried(lambda run, drawn: [right(), WRONG if run.reading < 2 else UNCLEAR]).verdict is R


@pytest.mark.parametrize("bad", range(POINTS))
def test_one_point_that_is_undecided_makes_all_of_them_so(bad: int) -> None:
    drawings: list[bytes] = []

    def plan(run: Any, drawn: Any) -> Any:
        if (point := drawn[0].tobytes()) not in drawings:
            drawings.append(point)
        return [UNCLEAR if drawings.index(point) == bad else right()]

    found = tried(plan)
    assert (found.verdict, found.arrays[0].state) == (U, "undecided")


def test_what_cannot_be_run_as_it_is_written_is_not_tried_otherwise() -> None:
    with pytest.raises(SubjectError, match="raises"):
        tried(under(exact=SubjectError("raises"), rounded=right(), without_epsilon=right()))


def bits_seen(answer: Callable[[int], Any], reading: Reading = Reading.EXACT) -> tuple[int, ...]:
    """The bits at which one point is tried under a reading, where the answer depends on them."""
    seen: list[int] = []

    def plan(run: Any, _: Any) -> Any:
        if run.reading is not reading:
            return [WRONG]
        seen.append(run.bits)
        found = answer(run.bits)
        if isinstance(found, Exception):
            raise found
        return found

    with suppress(SubjectError):
        tried(plan, draw=False)
    return tuple(seen)


@pytest.mark.parametrize(
    ("poor", "reading", "bits"),
    [
        ([right(29.9), right()], Reading.EXACT, PRECISIONS),
        ([right(30.0), right()], Reading.EXACT, PRECISIONS[:1]),
        ([right(0, alive=False), right()], Reading.EXACT, PRECISIONS[:1]),
        ([right(), UNCLEAR], Reading.EXACT, PRECISIONS),
        ([right(29.9)], Reading.ROUNDED, PRECISIONS[:1]),  # a literal is as vague at any bits
        ([right(), UNCLEAR], Reading.ROUNDED, PRECISIONS),
        (NotFiniteError("the cost"), Reading.EXACT, PRECISIONS),
        (NotFiniteError("the cost"), Reading.ROUNDED, PRECISIONS),
        (InexactError("no rule"), Reading.EXACT, PRECISIONS[:1]),
        (SubjectError("raises"), Reading.EXACT, PRECISIONS[:1]),
        (UndecidedError("two numbers"), Reading.EXACT, PRECISIONS),
        (UndecidedError("two numbers"), Reading.ROUNDED, PRECISIONS[:1]),
        (TieError("a tie"), Reading.EXACT, PRECISIONS[:1]),
    ],
)
def test_more_bits_are_tried_where_they_may_help(poor: Any, reading: Reading, bits: tuple[int, ...]) -> None:
    assert bits_seen(lambda at: poor, reading) == bits
    assert bits_seen(lambda at: poor if at < bits[-1] else [right()], reading) == bits


def test_more_bits_are_tried_while_a_value_is_vague_or_not_finite() -> None:
    for poor in (right(29.0), UNCLEAR):
        seen: list[int] = []

        def plan(run: Any, _: Any, poor: Any = poor, seen: list[int] = seen) -> Any:
            seen.append(run.bits)
            return [poor if run.bits < PRECISIONS[-1] else right()]

        assert tried(plan, draw=False).verdict is V
        assert tuple(seen) == PRECISIONS


def test_a_refusal_is_retried_with_more_bits_and_a_tie_is_not() -> None:
    for kind, verdict, bits in ((UndecidedError, V, PRECISIONS[:2]), (TieError, U, (BITS,) * 3)):
        seen: list[int] = []

        def plan(run: Any, _: Any, kind: type[UndecidedError] = kind, seen: list[int] = seen) -> Any:
            seen.append(run.bits)
            if run.bits == BITS:
                raise current().refuse("two numbers are too near", kind)
            return [right()]

        found = tried(plan, draw=False)
        assert found.verdict is verdict
        assert tuple(seen) == bits
        assert ("too near" in str(found.why)) is (verdict is U)


def test_a_refusal_that_was_swallowed_makes_the_run_void() -> None:
    def plan(run: Any, _: Any) -> Any:
        current().refuse("a tie")
        return [right()]

    assert tried(plan).verdict is U


@pytest.mark.parametrize(
    ("kind", "of_right", "of_wrong"), [("left", U, U), ("cast", V, U), ("rounded", V, U), ("clipped", V, U)]
)
def test_what_was_recorded_decides_nothing(kind: str, of_right: Verdict, of_wrong: Verdict) -> None:
    for answer, verdict in ((right(), of_right), (WRONG, of_wrong)):

        def plan(run: Any, _: Any, answer: Compared = answer) -> Any:
            run.note(kind, "something")
            return [answer]

        assert tried(plan).verdict is verdict


def test_a_fault_beside_a_clipped_value_is_sought_at_smaller_arguments() -> None:
    for kinds, verdict, points in (
        ([], R, [1]),
        (["cast"], U, [1]),
        (["cast", "clipped"], U, [1]),
        (["clipped"], U, [2.0**-k for k in range(MOST_POINTS)]),
    ):
        seen: list[Any] = []

        def plan(run: Any, drawn: Any, kinds: Any = kinds, seen: list[Any] = seen) -> Any:
            seen.extend([drawn[0]] if run.reading is Reading.EXACT else [])
            for kind in kinds:
                run.note(kind, kind)
            return [WRONG]

        found = tried(plan)
        assert (found.verdict, found.points, found.arguments[0].tolist()) == (verdict, 1, seen[0].tolist())
        sizes = [drawn([W], np.random.default_rng([0, k]))[0] for k in range(len(points))]
        assert [one.tolist() for one in seen] == [(s * p).tolist() for s, p in zip(sizes, points, strict=True)]
    elsewhere = tried(lambda run, given: [WRONG] if abs(given[0]).max() < 0.5 else run.note("clipped", "") or [WRONG])
    assert elsewhere.verdict is R


def test_points_are_tried_until_every_comparison_went_both_ways_and_every_array_has_an_effect() -> None:
    assert tried(lambda run, drawn: [right()]).points == POINTS
    for arrays in ([right(alive=False)], [right(), right(alive=False)]):
        assert tried(lambda run, drawn, arrays=arrays: arrays).points == MOST_POINTS
    idle = tried(lambda run, drawn: [right(), right(alive=False)])
    assert (idle.verdict, idle.why) == (V, [])
    refused = tried(under(exact=UndecidedError("a tie"), rounded=WRONG, without_epsilon=WRONG))
    assert (refused.verdict, refused.points, refused.why) == (U, 0, ["a tie"])
    one_way = check_gradient(lambda w: np.sum(w**2) if w[0] > -99 else w[0], lambda w: 2 * w, W)
    assert (one_way.points, one_way.verdict) == (MOST_POINTS, V)
    assert check_gradient(lambda w: np.sum(w**2), lambda w: 2 * w, W).points == POINTS
    assert tried(lambda run, drawn: [right()], draw=False).points == 1


def test_the_numbers_are_others_at_every_point_and_the_same_with_one_seed() -> None:
    seen: list[Any] = []
    for _ in range(2):
        tried(lambda run, drawn: seen.append(drawn[0]) or [right()])
    assert len({array.tobytes() for array in seen}) == POINTS
    assert [a.tobytes() for a in seen[:POINTS]] == [a.tobytes() for a in seen[POINTS:]]
    assert np.array_equal(seen[0], drawn([W], np.random.default_rng([0, 0]))[0])


def test_without_drawing_the_example_is_the_point() -> None:
    seen: list[Any] = []
    tried(lambda run, given: seen.append(given[0]) or [right()], draw=False)
    assert [one.tolist() for one in seen] == [[0, 1, 2, 3]]


@pytest.mark.parametrize("when", range(POINTS))
def test_an_array_has_an_effect_if_it_has_one_at_any_point(when: int) -> None:
    at = iter(range(99))
    found = tried(lambda run, drawn: [right(40.0 + (k := next(at)), alive=k == when)])
    assert (found.verdict, found.arrays[0].alive, found.digits) == (V, True, 40 + when)


def test_an_error_at_the_last_point_alone_refutes() -> None:
    def plan(run: Any, _: Any, seen: list[int] = []) -> Any:  # noqa: B006
        seen.append(1)
        return [WRONG if len(seen) % POINTS == 0 else right()]

    assert tried(plan).verdict is R


def test_digits_are_those_of_the_worst_array_that_has_an_effect() -> None:
    found = tried(lambda run, drawn: [right(50.9), right(40.5), right(3.0, alive=False)])
    assert found.digits == 40
    assert tried(lambda run, drawn: [right(np.inf)]).digits == 60


def test_a_parameter_without_effect_is_said_and_a_cost_without_any_is_undecided() -> None:
    idle = check_gradient(lambda w, b: np.sum(w**2), lambda w, b: (2 * w, 0 * b), W, W)
    assert idle.verdict is V
    assert "b: right, and 0 at every point tried" in str(idle)
    wrong = check_gradient(lambda w, b: np.sum(w**2), lambda w, b: (2 * w, b), W, W)
    assert wrong.verdict is R
    flat = check_gradient(lambda w: np.sum((w + 1) ** 2 - w**2 - 2 * w), lambda w: 0 * w, W)
    assert flat.verdict is U
    assert "no effect of w was seen" in str(flat)
