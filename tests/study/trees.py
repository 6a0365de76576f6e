"""Random trees of the language of claims."""

from fractions import Fraction

from hypothesis import strategies as st

from gradproof.study.tree import Node, Place

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
        inner.map(lambda a: Node("expected", ("k", a))),
        st.builds(lambda a, b: Node("at", (a, Node("name", ("θ",)), b)), inner, inner),
        st.builds(lambda a, b: Node("at", (a, Node("pick", (Node("name", ("x",)), ("j",))), b)), inner, inner),
    )


trees = st.recursive(leaves, larger, max_leaves=12)
