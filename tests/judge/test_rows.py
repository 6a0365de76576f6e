"""The table of benchmarks/diagnosis: every known way to go wrong has a row, and every row something that is judged."""

import numpy as np
import pytest

from tests.judge.catalogue import WRONG, places
from tests.judge.rows import DECLARED, ROWS, cases


def test_every_row_names_entries_that_there_are():
    entries = {entry for _, named in ROWS.values() for entry in named}
    assert entries <= cases().keys()
    assert len(ROWS) >= 40
    assert all(named for _, named in ROWS.values())


@pytest.mark.parametrize("name", DECLARED)
def test_another_convention_is_a_mistake_by_name_where_ours_is_declared(name):
    case = cases()["DECLARED", name]
    judged = case.judged(20, 0)
    assert judged.verdict == "refuted"
    assert {named.fault.equation for named in judged.faults} == case.kinds
    assert all(case.word in mistake.name for named in judged.faults for mistake in named.names)


def test_what_gives_the_same_numbers_is_in_no_place():
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal((3, 2)), rng.standard_normal((4, 3))]
    problem = weights, [rng.standard_normal((n, 1)) for n in (3, 4)], rng.standard_normal((2, 5)), rng.random((4, 5))
    hidden, forgotten = WRONG["hidden factor 2"][0], WRONG["output error forgotten"][0]
    assert places(hidden, [problem]) == {("BP2", 1)}
    assert places(hidden | forgotten, [problem]) == {("BP1", 2)}  # twice 0 is 0
    assert places(WRONG["w not transposed"][0], [problem]) == set()  # it has no answer there
