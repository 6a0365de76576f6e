"""The language of claims: what is written parses to what it was; what is no claim is refused with its column."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproof.study.language import ClaimError, expression, head, parsed
from gradproof.study.tree import Node, Place, expanded, written

names = st.sampled_from(["x", "y", "η", "m", "C_x", "θ"])
leaves = st.one_of(
    st.integers(0, 99).map(lambda n: Node("number", (Fraction(n),))),
    names.map(lambda name: Node("name", (name,))),
    st.builds(lambda name, more: Node("layer", (name, Place("l", more))), st.sampled_from("zawδ"), st.integers(-1, 1)),
)


def larger(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.one_of(
        st.builds(lambda op, a, b: Node(op, (a, b)), st.sampled_from("+-*/@"), inner, inner),
        st.builds(lambda a, n: Node("^", (a, n)), inner, st.integers(1, 9)),
        inner.map(lambda a: Node("neg", (a,))),
        st.builds(lambda f, a: Node("call", (f, 0, a)), st.sampled_from(["exp", "σ", "norm2", "T"]), inner),
        inner.map(lambda a: Node("call", ("σ", 1, a))),
        inner.map(lambda a: Node("sum", ("s", Place("", 0), Place("m", 0), a))),
        inner.map(lambda a: Node("mean", ("s", None, None, a))),
        inner.map(lambda a: Node("d", (a, Node("layer", ("z", Place("l", 0)))))),
        st.builds(lambda a, b: Node("at", (a, Node("name", ("θ",)), b)), inner, inner),
    )


trees = st.recursive(leaves, larger, max_leaves=12)


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
