"""A chunk of mini-batches takes a moment, however long one takes, and how they are grouped changes no bit."""

from itertools import islice, pairwise, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import handcrafted
from gradproof import backends
from gradproof.train import loop, mnist
from gradproof.train.loop import Settings
from gradproof.train.mnist import DataSet, Mnist
from gradproof.train.pace import SECONDS, Pace
from gradproof.train.saved_run import run_hash
from tests.thorough import some
from tests.train.test_loop import DIGITS, SMALL

MOST = st.integers(1, 1000)


def run(pace: Pace, a_step: float, a_chunk: float = 0.0, chunks: int = 60) -> list[int]:
    """The lengths of the chunks on a machine that takes so many seconds for a step and for a chunk besides."""
    lengths = []
    for _ in range(chunks):
        lengths.append(pace.length)
        pace.took(pace.length, a_chunk + a_step * pace.length)
    return lengths


@given(MOST, st.floats(1e-7, 100), st.floats(0, 1e-3), st.booleans())
def test_it_settles_where_a_chunk_takes_no_longer_than_it_may_or_is_one_step(
    most: int, a_step: float, a_chunk: float, from_one: bool
) -> None:
    lengths = run(Pace(most, 1 if from_one else most), a_step, a_chunk)
    assert all(1 <= length <= most for length in lengths)
    assert len(set(lengths[-20:])) == 1, "it does not move to and fro"
    assert lengths[-1] == 1 or a_chunk + lengths[-1] * a_step <= SECONDS
    assert lengths[-1] == most or a_chunk + 2 * (lengths[-1] + 1) * a_step > SECONDS / 4, "nor is it slow for nothing"


@given(MOST, st.lists(st.floats(1e-6, 1e3), max_size=100))
def test_however_the_times_vary_there_are_few_lengths_so_that_few_are_compiled(most: int, times: list[float]) -> None:
    pace, lengths = Pace(most, most), set()
    for seconds in times:
        lengths.add(pace.length)
        pace.took(pace.length, seconds)
    assert len(lengths) <= most.bit_length()


def test_the_first_chunk_of_a_length_is_not_timed_since_it_is_compiled_then() -> None:
    pace = Pace(250, 250)
    for _ in range(2):
        pace.took(250, 60.0)
        assert pace.length == 250
    pace.took(250, 0.26)
    assert pace.length == 125


def test_what_takes_long_once_moves_nothing() -> None:
    """As where the machine was asleep, or the first step in doubt is judged again."""
    pace = Pace(250, 250)
    run(pace, 1e-4)
    pace.took(250, 1e6)
    assert run(pace, 1e-4) == [250] * 60


def test_a_machine_that_is_busy_for_a_while_gets_all_of_them_again() -> None:
    pace = Pace(250, 250)
    assert run(pace, 0.1)[-1] == 1
    assert run(pace, 1e-4)[-1] == 250


def test_a_short_chunk_at_the_end_of_an_epoch_shortens_nothing() -> None:
    pace = Pace(250, 250)
    run(pace, 1e-4)
    for _ in range(3):
        pace.took(1, 0.01)
    assert pace.length == 250


@pytest.fixture(scope="module")
def few() -> Mnist:
    """500 real digits to train."""
    return Mnist(*(DataSet(part.images[:500], part.labels[:500], part.rows) for part in mnist.load()))


# The quick ones are those whose step judge test_proof.py compiles as well.
GROUPED = [("handcrafted", "float32", (784, 30, 10)), ("reference", "float64", (784, 30, 10))]


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("backend", "dtype", "sizes"),
    some(GROUPED, product(backends.NAMES, ["float32", "float64"], [(784, 30, 10), (784, 100, 10)])),
)
def test_on_real_digits_no_bit_depends_on_how_mini_batches_are_grouped(
    backend: str, dtype: str, sizes: tuple[int, ...], few: Mnist
) -> None:
    """Nor on whether they are judged: XLA compiles each of these to another loop."""
    settings = Settings(backend, sizes, dtype=dtype)

    def reached(most: int, verify: bool = False) -> str:
        states = loop.states(settings, few, loop.begin(settings), verify, most)
        state = next(islice(states, 32 // most - 1, None))
        assert state.steps == 32
        return run_hash(state.weights, state.biases)

    lengths = some((32, 2, 1), (32, 8, 2, 1))
    assert len({reached(most) for most in lengths} | {reached(16, verify=True)}) == 1


@pytest.mark.parametrize("a_step", [1e-6, 1e-3, 0.1, 10.0])
def test_a_run_can_be_ended_after_each_mini_batch_where_one_takes_long(
    a_step: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock that a step sets forward."""
    clock, descend = [0.0], handcrafted.descend

    def slowly(*arguments: Any) -> Any:
        clock[0] += a_step * len(arguments[4])
        return descend(*arguments)

    monkeypatch.setattr(handcrafted, "descend", slowly)
    monkeypatch.setattr(loop.time, "perf_counter", lambda: clock[0])
    moments: list[float] = []
    list(loop.train(SMALL._replace(epochs=20), DIGITS, lambda _: moments.append(clock[0])))
    waited = [after - before for before, after in pairwise(moments)]
    assert max(waited[9:]) <= max(SECONDS, a_step) * (1 + 1e-9)


def test_a_wide_network_begins_with_one_mini_batch_and_a_small_one_with_all(few: Mnist) -> None:
    small = Settings("handcrafted", (784, 30, 10), epochs=1, batch=1)
    lengths = []
    for settings in (small, small._replace(sizes=(784, 2048, 10), batch=100)):
        states = list(islice(loop.states(settings, few, loop.begin(settings)), 3))
        lengths.append([before.steps - after.steps for after, before in pairwise(states)] + [states[0].steps])
    assert lengths[0][-1] == min(loop.CHUNK, len(few.train.labels))
    assert lengths[1][-1] == 1
