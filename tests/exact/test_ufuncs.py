"""What is no rule: what is not smooth, what folds, what multiplies; each held against NumPy or SciPy."""

from typing import Any

import numpy as np
import pytest
import scipy.special
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gradproof.exact import modules, special
from gradproof.exact.arrays import array_of, exact
from gradproof.exact.numbers import number, variable
from gradproof.exact.run import Run, running
from gradproof.exact.ufuncs import _ELEMENTWISE, _FOLDS, _TRUTHS

EXAMPLES = max(20, settings().max_examples // 2)
QUARTERS = st.integers(-16, 16).map(lambda n: n / 4)  # which float64 adds and multiplies without rounding
MODES = ("full", "same", "valid")


def floats(result: Any) -> Any:
    """An exact result as NumPy's."""
    array = np.asarray(result)
    return np.array([float(x.value.mid()) if hasattr(x, "value") else x for x in array.ravel()]).reshape(array.shape)


def whole(rng: np.random.Generator, *shape: int) -> Any:
    return rng.integers(-9, 10, shape).astype(float)


@pytest.mark.parametrize("name", sorted({**_ELEMENTWISE, **_TRUTHS}))
@settings(max_examples=EXAMPLES)
@given(x=QUARTERS, y=QUARTERS, z=QUARTERS)
def test_each_elementwise_function_is_numpys(name: str, x: float, y: float, z: float) -> None:
    """Of constants, so that ties and jumps are decided too."""
    ufunc = getattr(np, name)
    arity = getattr(ufunc, "nin", 3 if name == "clip" else 1)  # np.real is a function that calls one
    arguments = [x, *sorted((y, z))] if name == "clip" else [x, y][:arity]
    assume(arguments[-1] != 0 or name not in ("floor_divide", "remainder", "fmod"))
    with running(Run()):
        ours = floats(ufunc(*[array_of([number(a)], (1,)) for a in arguments]))[0]
    theirs = ufunc(*arguments)
    rounds = name in ("deg2rad", "rad2deg")
    assert abs(ours - theirs) <= 1e-15 * abs(theirs) if rounds else ours == theirs, (ours, theirs)


@pytest.mark.parametrize("name", sorted(_FOLDS))
@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (2, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_each_reduction_is_numpys(name: str, axis: Any, keepdims: bool) -> None:
    x = np.random.default_rng(5).integers(-1, 3, (2, 3, 4)).astype(float)
    ufunc = getattr(np, name)
    if name.startswith("logical") and isinstance(axis, tuple):
        axis = axis[0]
    with running(Run()):
        ours = ufunc.reduce(exact(x), axis=axis, keepdims=keepdims)
        theirs = ufunc.reduce(x, axis=axis, keepdims=keepdims)
        if name == "logaddexp":  # which rounds in float64
            assert np.abs(floats(ours) - theirs).max() < 1e-14
        else:
            assert np.array_equal(floats(ours), theirs)
        assert np.shape(ours) == np.shape(theirs)


def test_reductions_take_a_mask_and_an_initial_value() -> None:
    x = whole(np.random.default_rng(1), 3, 4)
    with running(Run()):
        for mask in (x > 0, np.array([True, False, True, True])):
            assert np.array_equal(floats(exact(x).sum(axis=0, where=mask)), x.sum(axis=0, where=mask))
            assert floats(np.max(exact(x), where=mask, initial=-5)) == np.max(x, where=mask, initial=-5)
        assert floats(np.max(exact(x), initial=50)) == 50
        assert floats(np.prod(exact(x[0]), initial=2)) == np.prod(x[0], initial=2)
        assert floats(np.sum(exact(np.zeros((0, 2))), axis=0)).tolist() == [0, 0]


def test_what_is_cut_off_is_constant_and_what_passes_varies() -> None:
    with running(Run()) as run:
        x, y = variable(2.0), variable(-3.0)
        for varies, result in {
            True: [abs(y), np.maximum(x, 0), np.minimum(x, y), np.clip(x, 0, 5), x % 1.5, np.fmod(y, 2), x * y],
            False: [np.maximum(y, 0), np.minimum(x, 0), np.sign(x), np.floor(x + 0.25), np.ceil(y / 2), x - x, 0 * x,
                    np.heaviside(x, 1), np.trunc(x / 3), np.array([x]) * 0, np.where(x > 0, 1, x)],
        }.items():  # fmt: skip
            assert not run.notes
            for one in result:
                assert exact(one).ravel()[0].varies is varies, one
        assert [float(c.value) for c in (np.clip(x, None, 5), np.clip(x, 0, None), np.clip(y, -9, None))] == [2, 2, -3]
        assert not run.notes
        np.clip(x, None, 1)
        assert [note.kind for note in run.notes.values()] == ["clipped"]


@st.composite
def subscripts(draw: Any) -> tuple[str, list[int]]:
    terms = draw(st.lists(st.text("ijk", min_size=1, max_size=3), min_size=1, max_size=3))
    letters = sorted(set("".join(terms)))
    if draw(st.booleans()):
        return ",".join(terms), [len(term) for term in terms]
    kept = draw(st.permutations(letters))[: draw(st.integers(0, len(letters)))]
    return ",".join(terms) + "->" + "".join(kept), [len(term) for term in terms]


@settings(max_examples=4 * EXAMPLES)
@given(subscripts(), st.integers(0, 99))
def test_einsum_is_numpys_for_any_subscripts(drawn: tuple[str, list[int]], seed: int) -> None:
    text, rng = drawn[0], np.random.default_rng(seed)
    sizes = {"i": 2, "j": 3, "k": 1 if seed % 3 == 0 else 4}
    operands = [whole(rng, *[sizes[letter] for letter in term]) for term in text.partition("->")[0].split(",")]
    theirs = np.einsum(text, *operands)
    with running(Run()):
        ours = np.einsum(text, *map(exact, operands))
        assert np.array_equal(floats(ours), theirs), text
        assert np.shape(ours) == theirs.shape


@settings(max_examples=2 * EXAMPLES)
@given(st.sampled_from(MODES), st.lists(st.integers(1, 4), min_size=4, max_size=4), st.integers(0, 99))
def test_windows_are_scipys(mode: str, sizes: list[int], seed: int) -> None:
    import scipy.signal  # half a second, which those who test something else do without

    rng = np.random.default_rng(seed)
    large, small = sizes[:2], sizes[2:]
    if mode == "valid":
        large, small = np.maximum(large, small).tolist(), np.minimum(large, small).tolist()
    image, kernel = whole(rng, *large), whole(rng, *small)
    for two, one in (
        (scipy.signal.correlate2d, scipy.signal.correlate),
        (scipy.signal.convolve2d, scipy.signal.convolve),
    ):
        with running(Run()):
            table = modules.STANDS["scipy.signal"]
            call, flat = table[two.__name__], table[one.__name__]
            assert np.array_equal(floats(call(image, kernel, mode)), two(image, kernel, mode))
            assert np.array_equal(floats(call(image, kernel, "full", fillvalue=2)), two(image, kernel, fillvalue=2))
            for a, b in ((image, kernel), (image[0], kernel[0])):
                assert np.allclose(floats(flat(a, b, mode)), one(a, b, mode), rtol=0, atol=1e-12)


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 1)])
def test_softmax_and_its_logarithms_are_scipys(axis: Any) -> None:
    x = np.random.default_rng(2).normal(size=(3, 4))
    with running(Run()):
        for name in ("softmax", "log_softmax", "logsumexp"):
            ours, theirs = getattr(special, name)(exact(x), axis=axis), getattr(scipy.special, name)(x, axis=axis)
            assert np.allclose(floats(ours), theirs, rtol=1e-14, atol=1e-15), name
        weights = np.arange(1.0, 5)
        kept = special.logsumexp(exact(x), axis=axis, b=weights, keepdims=True)
        assert np.allclose(floats(kept), scipy.special.logsumexp(x, axis=axis, b=weights, keepdims=True), rtol=1e-14)
        assert np.shape(kept) == np.shape(scipy.special.logsumexp(x, axis=axis, keepdims=True))


SHAPES = [
    ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 2)), ((4, 2, 3), (3, 2)), ((4, 2, 3), (4, 3, 2)),
    ((2, 3), (4, 3, 2)), ((0, 3), (3, 2)), ((2, 0), (0, 2)), ((1, 2, 3), (4, 3, 2)), ((3,), (4, 3, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_products_of_matrices_are_numpys(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    a, b = whole(rng, *left), whole(rng, *right)
    with running(Run()):
        for product in (np.matmul, np.dot):
            ours, theirs = product(exact(a), exact(b)), product(a, b)
            assert np.array_equal(floats(ours), theirs)
            assert np.shape(ours) == np.shape(theirs)
        for bad in (a, np.ones((*left[:-1], 7))):
            with pytest.raises(ValueError, match=r"aligned|broadcast|matmul"):
                np.matmul(exact(bad), exact(np.ones((5, 2))))


@pytest.mark.parametrize("name", ["mean", "var", "std"])
def test_what_a_reduction_cannot_leave_out_is_refused_not_ignored(name: str) -> None:
    with running(Run()), pytest.raises(TypeError):
        getattr(np, name)(exact(np.arange(3.0)), where=[True, False, True])


def test_a_reduction_of_another_type_of_no_axis_and_of_no_first_value_is_numpys() -> None:
    with running(Run()):
        assert np.add.reduce(exact([0.5, 1.5]), dtype=int) == 1
        assert np.add.reduce(exact(np.array(2.5)), axis=0) == 2.5
        assert np.maximum.reduce(exact([0.5, 1.5]), initial=None) == 1.5
