"""The cases that stand for a product are some of it, and any two choices meet in one of them."""

from itertools import combinations, product

from hypothesis import given
from hypothesis import strategies as st

from tests.thorough import pairwise


@given(st.lists(st.integers(1, 4), min_size=2, max_size=4))
def test_any_two_choices_meet(counts: list[int]) -> None:
    every = list(product(*map(range, counts)))
    chosen = pairwise(every)
    assert set(chosen) <= set(every)
    for one, other in combinations(range(len(counts)), 2):
        assert {(case[one], case[other]) for case in chosen} == set(product(range(counts[one]), range(counts[other])))


def test_of_many_choices_a_few_cases_are_enough() -> None:
    assert len(pairwise(list(product(range(2), repeat=6)))) < 16
