"""The language of claims: what is written parses to what it was; what is no claim is refused with its column."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproof.study.language import ClaimError, expression, head, parsed
from gradproof.study.tree import Node, expanded, written
from tests.study.trees import trees


@given(trees)
def test_a_written_tree_parses_to_itself(tree: Node) -> None:
    text = written(tree)
    if len(text) < 600:
        again = expression(text)
        assert again == tree or written(again) == text  # −(−a) and a·(b·c) may lose or gain brackets, not meaning


@given(st.text() | st.text(alphabet="δσzal[]()+-*/@^=.,'ᵀ 0123456789 sumd"))
def test_any_text_is_a_claim_or_one_error_with_a_column(text: str) -> None:
    column = 1
    try:
        parsed(text)
    except ClaimError as error:
        column = error.column
    assert 1 <= column <= len(text) + 1


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("a ==", 5),
        ("a", 2),
        ("a == b c", 8),
        ("x == ((1", 9),
        ("sum(j = 1.., a) == 1", 12),
        ("σ''(x) == 1", 4),
        ("a $ b", 3),
        ("d(x, 3) == 1", 6),
        ("x^0 == 1", 3),
        ("a[l][j+1] == 1", 9),
        ("y[s] == 1", 4),
        ("edge[l][k,s] == 1", 12),
    ],
)
def test_an_error_names_its_column(text: str, column: int) -> None:
    with pytest.raises(ClaimError) as caught:
        parsed(text)
    assert caught.value.column == column


def test_what_is_nested_too_deep_or_too_long_is_refused() -> None:
    for text in ("(" * 500 + "1" + ")" * 500, "1+" * 400 + "1"):
        with pytest.raises(ClaimError):
            expression(text)


def test_a_reading_puts_in_what_a_name_means_in_each_layer() -> None:
    macros = {head("W[l]"): expression("edge[l]ᵀ")}
    assert str(expanded(parsed("W[l+1]ᵀ @ δ[l+1] == 1"), macros)) == "edge[l+1]ᵀᵀ @ δ[l+1] == 1"
    assert str(expanded(parsed("b[l][i] == 1"), {head("i"): expression("m")})) == "b[l][m] == 1"
