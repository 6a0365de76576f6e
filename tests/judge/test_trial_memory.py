"""Steps of a linear slope, by hand: what is remembered of the step before is told from three moves."""

from typing import Any

import numpy as np
import pytest
from flint import arb

from gradproof.judge.trial.memory import ALL, UNKNOWN, Memory, remembered

pytestmark = pytest.mark.usefixtures("few_edits")

START = [np.array([0.25, 4]), np.array([[1.0, -2, 0.5]])]
SLOPES = [np.array([[2.0, 1], [1, 5]]), np.array([[2.0, 1, 0], [1, 3, 1], [0, 1, 4]])]
RATE = 0.0625


def balls(array: Any) -> Any:
    return np.frompyfunc(arb, 1, 1)(array)


def descent(parts: Any) -> Any:
    return [-RATE * (slope @ part.T).T for slope, part in zip(SLOPES, parts, strict=True)]


def told(step: Any, shares: Any = (), fresh: Any = descent) -> list[Memory]:
    """What three moves by step(number, place, moves so far) show."""
    places, moves = [START], []
    for number in range(3):
        moves.append(step(number, places[-1], moves))
        places.append([x + u for x, u in zip(places[-1], moves[-1], strict=True)])

    def in_balls(parts: Any) -> Any:
        return [balls(u) for u in fresh([part.astype(float) for part in parts])]

    exact = [[balls(u) for u in move] for move in moves]
    return remembered([balls(x) for x in START], exact, in_balls, [arb(s) for s in shares])


def momentum(share: float, of: float = 1.0, second: float | None = None) -> Any:
    """The second array may have another share."""

    def step(number: int, place: Any, moves: Any) -> Any:
        shares = (share, share if second is None else second)
        before = moves[-1] if moves else [0 * x for x in place]
        return [of * g + s * u for g, s, u in zip(descent(place), shares, before, strict=True)]

    return step


def nesterov(number: int, place: Any, moves: Any, kept: list[Any] = []) -> Any:  # noqa: B006
    """μ = ½: the velocity is ½ v − η g, the move 3/2 of it less ½ of the one before."""
    if not moves:
        kept[:] = [[0 * x for x in place]]
    kept.append([0.5 * v + g for v, g in zip(kept[-1], descent(place), strict=True)])
    return [1.5 * new - 0.5 * old for new, old in zip(kept[-1], kept[-2], strict=True)]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (momentum(0.0), Memory()),
        (momentum(0.5), Memory(convention="momentum 0.5, seen over three steps")),
        (momentum(0.875), Memory(convention="momentum 0.875, seen over three steps")),
        (momentum(-0.5), Memory("its momentum points backwards: 0.5 times the previous step is subtracted")),
        (momentum(1.0), Memory(ALL)),
        (momentum(1.5), Memory(ALL)),
        (lambda n, place, moves: [g / (n + 1) for g in descent(place)], Memory()),
    ],
)
def test_what_is_remembered_is_told(step: Any, said: Memory) -> None:
    assert told(step) == [said, said]


def test_steps_of_one_size_remember_nothing() -> None:
    def by_sign(parts: Any) -> Any:
        return [np.sign(g) * RATE for g in descent(parts)]

    assert told(lambda number, place, moves: by_sign(place), fresh=by_sign) == [Memory()] * 2


def test_each_array_is_told_by_itself() -> None:
    wrong, right = told(momentum(-0.25, second=0.5))
    assert right.convention == "momentum 0.5, seen over three steps"
    assert wrong.fault == "its momentum points backwards: 0.25 times the previous step is subtracted"


def test_nesterovs_momentum_is_told() -> None:
    def fresh(parts: Any) -> Any:
        return [1.5 * g for g in descent(parts)]

    said = told(nesterov, fresh=fresh)
    assert [memory.convention for memory in said] == ["Nesterov's momentum 0.5, seen over three steps"] * 2


def test_momentum_that_looks_ahead_is_found_among_the_numbers_of_the_code() -> None:
    def curved(parts: Any) -> Any:  # of a slope that is linear, looking ahead is a longer step
        return [g - RATE * x * x for g, x in zip(descent(parts), parts, strict=True)]

    def ahead(number: int, place: Any, moves: Any) -> Any:
        before = moves[-1] if moves else [0 * x for x in place]
        looked = curved([x + 0.5 * u for x, u in zip(place, before, strict=True)])
        return [0.5 * u + g for u, g in zip(before, looked, strict=True)]

    found = told(ahead, [0.25, 0.5, 0.75], curved)
    assert [memory.convention for memory in found] == ["Nesterov's momentum 0.5, seen over two steps"] * 2
    assert told(ahead, [0.25], curved) == [Memory(convention=UNKNOWN)] * 2


def test_momentum_is_told_beside_a_rate_that_changes() -> None:
    def step(number: int, place: Any, moves: Any) -> Any:
        return momentum(0.5, of=2.0 if number else 1.0)(number, place, moves)

    assert [memory.convention for memory in told(step)] == ["momentum 0.5, seen over three steps"] * 2
    assert told(lambda number, place, moves: [g * (1 + number) for g in descent(place)]) == [Memory()] * 2
