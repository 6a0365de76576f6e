"""Claims that somebody might write: well formed, of every operation of the language, and seldom sensible."""

from hypothesis import strategies as st

NUMBERS = st.sampled_from(["0", "1", "2", "0.5", "m", "l", "L", "η", "z", "C", "C_x"])
LAYERS = st.sampled_from(["l", "l", "l-1", "l+1", "L", "L-1", "1", "0", "2", "m"])
INDICES = st.sampled_from([*"jkim", "1", "2", "l", "L"])
VECTORS = st.sampled_from(["x", "y", "θ", "Δ"]) | st.builds("{}[{}]".format, st.sampled_from("zaδb"), LAYERS)
MATRICES = st.builds("edge[{}]".format, LAYERS) | st.builds("edge[{}]ᵀ".format, LAYERS)
VARIABLES = VECTORS | st.builds("{}[{}]".format, VECTORS, INDICES) | MATRICES | st.sampled_from(["η", "z", "C"])
COMPONENTS = st.builds("{}[{}]".format, VECTORS, INDICES) | st.builds(
    "{}[{},{}]".format, st.builds("edge[{}]".format, LAYERS), INDICES, INDICES
)
LIMITS = st.builds(" = {}..{}".format, LAYERS, LAYERS) | st.just("")
leaves = NUMBERS | VECTORS | MATRICES | COMPONENTS


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    summed = st.builds("{}({}{}, {})".format, st.sampled_from(["sum", "mean"]), st.sampled_from("sjki"), LIMITS, inner)
    return st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/@"), inner),
        st.builds("{}({})".format, st.sampled_from(["σ", "σ'", "exp", "log", "abs", "norm2", "T", "-"]), inner),
        st.builds("({})^{}".format, inner, st.integers(1, 3)),
        st.builds("({})[{}]".format, inner, INDICES),
        summed,
        st.builds("d({}, {})".format, inner, VARIABLES),
        st.builds("at({}, {} = {})".format, inner, VARIABLES, inner),
        st.builds("expected({}, {})".format, st.sampled_from("kj"), inner | summed),
    )


expressions = st.recursive(leaves, larger, max_leaves=6)
claims = st.builds("{} {} {}".format, expressions, st.sampled_from(["==", "==", "<=", ">="]), expressions)
