"""NumPy's functions that are not ufuncs: on exact arrays they give what they give in float64, of the same shape."""

from typing import Any

import numpy as np
import pytest
from flint import arb

from gradproof.exact import makers
from gradproof.exact.arrays import ExactArray, array_of, exact
from gradproof.exact.functions import FUNCTIONS
from gradproof.exact.loading import run_source
from gradproof.exact.matrix import Matrix
from gradproof.exact.numbers import Number, variable
from gradproof.exact.run import Run, UndecidedError, running

EXPRESSIONS = """
np.dot(a, c) | np.dot(c, c) | np.dot(t, u) | np.dot(2, a) | np.dot(a, x) | np.dot(t, v)
np.dot(a, a.T, out=np.dot(a, a.T))
np.inner(a, b) | np.inner(b, a) | np.inner(c, c) | np.inner(2, c) | np.inner(x, a) | np.inner(c, x)
np.inner(t, a[:, [0, 1, 2, 0]])
np.vdot(a, a[::-1]) | np.vdot(c, c)
np.mean(a) | np.mean(a, 0) | np.mean(a, axis=1, keepdims=True) | np.var(a, ddof=1) | np.var(a, 1) | np.std(a, axis=0)
np.average(a) | np.average(a, axis=1) | np.average(a, axis=0, keepdims=True) | np.average(a, weights=a * a)
np.average(a, axis=1, weights=c * c) | np.average(a, axis=0, weights=[1, 3]) | np.average(c, weights=[1, 2, 3])
np.average(t, axis=1, weights=c * c)
np.average(a, axis=1, weights=a * a) | np.average(a, weights=a[:1] * a)
np.average(a, axis=1, weights=[2, 1, 1], keepdims=True)
np.linalg.norm(a) | np.linalg.norm(a, 'fro') | np.linalg.norm(c, 1) | np.linalg.norm(c, 2) | np.linalg.norm(c, np.inf)
np.linalg.norm(a, axis=0) | np.linalg.norm(a, axis=1, keepdims=True) | np.linalg.norm(a, ord=1, axis=0)
np.linalg.norm(t, axis=2) | np.einsum('iji->ij', t[:, :, :2]) | np.einsum('iij->j', t[:, :2]) | np.einsum('ii', a @ a.T)
np.linalg.norm(a, ord=np.inf, axis=1) | np.linalg.norm(a, ord=2, axis=1)
np.linalg.norm(a, ord=1, axis=1, keepdims=True)
np.linalg.norm(a, 1) | np.linalg.norm(a, -1) | np.linalg.norm(a, np.inf) | np.linalg.norm(a, -np.inf)
np.linalg.norm(c, 3) | np.linalg.norm(c, -np.inf) | np.linalg.norm(a, 2.5, axis=0) | np.linalg.norm(c, -2)
np.linalg.multi_dot([c, a.T, a]) | np.linalg.multi_dot([a.T, a, b.T, b]) | np.degrees(a) | np.radians(c)
np.quantile(c, 0.5) | np.quantile(a, 0.3, axis=1) | np.percentile(a, 70, axis=0, keepdims=True) | np.percentile(b, 100)
np.quantile(b, 0.1, keepdims=True) | np.median(b, axis=1, keepdims=True) | np.median(t, keepdims=True)
np.where(a > 0, a, 7) | np.where(a > 0, 0, b[:2]) | np.where(a) | np.where(a > 0)
np.where([True, False, True], c, -c) | np.sum(x, axis=0) | np.add.reduce(c, initial=None)
np.clip(a, -1, 1) | np.clip(a, None, 0.5) | np.clip(a, 0, None) | np.clip(a, a_min=c, a_max=None)
np.clip(c, [0, -1, 0], [1, 1, 2])
np.clip(a, None, None) | np.clip(a, min=0, max=1) | np.clip(a, -1, 1, out=a.copy())
np.clip(a, 0, None, out=a.copy())
np.sort(a) | np.sort(a, axis=0) | np.sort(a, axis=None) | np.sort(c)
np.median(a) | np.median(a, axis=0) | np.median(a, axis=1) | np.median(c) | np.median(b, axis=0)
np.array_equal(a, a) | np.array_equal(a, -a) | np.array_equal(a, c) | np.array_equal(c, c[:2])
np.array_equal(a[:1], c)
np.allclose(a, a + 1e-9) | np.allclose(a, a + 1e-3) | np.allclose(1000 * a, 1000 * a + 1e-6)
np.allclose(a, a + 0.1, atol=0.2)
np.allclose(a, 1.5 * a, rtol=0.4) | np.allclose(1.5 * a, a, rtol=0.4) | np.isclose(a, a + c / 1e6)
np.isclose(c, c[0]) | np.isclose(c, c[0], rtol=0, atol=0) | c[np.zeros_like(c, dtype=int)]
np.round(a, 1) | np.around(a) | np.nan_to_num(a)
np.zeros_like(a) | np.ones_like(a) | np.empty_like(a).shape | np.zeros_like(a, dtype=int)
np.ones_like(a, shape=(4,))
np.full_like(a, 2.5) | np.full_like(a, 3, dtype=int) | np.full_like(a, c) | np.ones_like(a, dtype=bool)
np.concatenate([a, b]) | np.concatenate([a, a], axis=1) | np.concatenate([a, b], axis=None)
np.concatenate((c, [1.5]))
np.count_nonzero(a) | np.count_nonzero(d) | np.count_nonzero(d, axis=0) | np.count_nonzero(d, axis=1)
np.iscomplexobj(a) | np.isrealobj(a) | d.astype(bool) | d.astype(int) | x.astype(bool)
"""
ALL = [part.strip() for line in EXPRESSIONS.strip().splitlines() for part in line.split(" | ")]


def names(kind: Any) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    shapes = {"a": (2, 3), "b": (4, 3), "c": (3,), "t": (2, 3, 4), "u": (5, 4, 2), "v": (4,), "x": ()}
    arrays = {name: rng.normal(size=shape) for name, shape in shapes.items()} | {
        "d": np.array([[0.0, 1, 0], [2, 0, 3]])
    }
    return {name: kind(np.asarray(array)) for name, array in arrays.items()} | {"np": np}


def floats(value: Any) -> Any:
    if isinstance(value, tuple):
        return [floats(part) for part in value]
    if isinstance(value, Number | ExactArray):
        plain = exact(value)
        return np.array([float(x.value.mid()) for x in plain.ravel().tolist()]).reshape(plain.shape)
    return np.asarray(value)


@pytest.mark.parametrize("expression", ALL)
def test_each_function_gives_what_numpy_gives(expression: str) -> None:
    expected = floats(eval(expression, names(lambda array: array)))
    with running(Run()):
        got = floats(eval(expression, names(exact)))
    for mine, theirs in zip(np.atleast_1d(got), np.atleast_1d(expected), strict=True):
        assert np.shape(mine) == np.shape(theirs)
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    assert np.shape(got) == np.shape(expected)


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        ("np.linalg.norm(a, 2)", "norm of order 2"),
        ("np.linalg.norm(a, 'nuc')", "norm of order nuc"),
        ("np.linalg.norm(c, 0)", "norm of order 0"),
        ("np.linalg.norm(a, 1, axis=(1, 0))", "norm of order 1"),
        ("np.linalg.norm(a, 1, keepdims=True)", "norm of order 1"),
        ("np.linalg.norm(t, 1)", "norm of order 1"),
        ("np.quantile(c, [0.25, 0.5])", "several quantiles"),
        ("np.quantile(c, 0.25, method='lower')", "of that method"),
        ("np.linalg.inv(a)", "numpy.linalg.inv"),
    ],
)
def test_what_has_no_rule_is_refused(expression: str, error: str) -> None:
    with running(Run()), pytest.raises(TypeError, match=error):
        eval(expression, names(exact))


def test_what_is_not_finite_is_no_number_for_nan_to_num() -> None:
    with running(Run()), pytest.raises(UndecidedError, match="not finite"):
        np.nan_to_num(exact(np.array([1.0, np.inf])))


def test_what_is_made_like_an_array_is_exact_unless_its_type_is_of_ints_or_bools() -> None:
    with running(Run()):
        whole, half = np.arange(3), exact([0.5, 1.5])
        for like, dtype, is_exact in (
            (whole, None, False), (whole, float, True), (half, None, True), (half, float, True), (half, int, False),
            (whole / 2, None, True), (half, bool, False),
        ):  # fmt: skip
            made = FUNCTIONS[np.ones_like](like, dtype=dtype)
            assert isinstance(made, ExactArray) is is_exact
            assert made.dtype == (object if is_exact else dtype or int)
        assert type(FUNCTIONS[np.ones_like](half.reshape(1, 2).view(Matrix))) is Matrix


def test_what_is_made_of_the_type_of_an_exact_array_is_exact() -> None:
    """As in col2im: np.zeros(shape, dtype=columns.dtype). Of objects, NumPy makes what it always makes."""
    with running(Run()):
        dtype = exact([0.5]).dtype
        for made in (
            makers.filled(0)(3, dtype=dtype), makers.full(3, 0, dtype=dtype), makers.array([1, 2], dtype=dtype),
            makers.eye(2, dtype=dtype), makers.arange(3, dtype=dtype),
        ):  # fmt: skip
            assert isinstance(made, ExactArray)
        assert not isinstance(makers.filled(0)(3, dtype=object), ExactArray)


def test_a_condition_that_is_not_decided_is_refused() -> None:
    with running(Run()), pytest.raises(UndecidedError):
        np.where(array_of([Number(arb(0, 0.5))], (1,)), 1.0, 2.0)


def test_each_choice_of_where_and_each_copy_is_a_number_of_its_own() -> None:
    with running(Run()):
        a = exact(np.array([1.0, 2.0]))
        for other in (np.where([True, False], a, a), np.sort(a), np.nan_to_num(a), np.clip(a, None, None)):
            other[0] = 5
            assert [float(x.value.mid()) for x in a.tolist()] == [1.0, 2.0]


REFUSED = (
    "x.sum(axis=2)", "x.sum(axis=-3, keepdims=True)", "np.mean(x, axis=3)", "np.max(x, axis=3)", "x.var(axis=2)",
    "x.argmax(axis=2)", "np.cumsum(x, axis=2)", "np.sum(x, axis=(0, 0))", "np.linalg.norm(x, axis=2)", "x @ x",
    "np.concatenate([x, x], axis=2)", "np.prod(x, axis=2)", "np.stack([x, x], axis=4)", "np.repeat(x, 2, axis=2)",
    "np.median(x, axis=2)", "np.average(x, axis=2)", "x.reshape(5, 2)", "np.einsum('ij,jk->ik', x, x)", "x[:, 5]",
    "x + np.ones((2, 2))", "np.hstack([x, x[0]])", "np.maximum(x, np.ones(2))", "np.add.reduce(x, axis=2)",
    "np.clip(x, np.ones(2), 3)", "np.any(x, axis=2)", "np.roll(x, 1, axis=3)", "np.transpose(x, (0, 2))",
    "x.std(axis=(0, 2))",
)  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_what_numpy_refuses_is_refused_as_well(text: str) -> None:
    """Else code that raises would be judged by what it does not compute."""
    for x in (np.arange(6.0).reshape(2, 3), exact(np.arange(6.0).reshape(2, 3))):
        with pytest.raises((ValueError, IndexError, TypeError)):
            eval(text, {"np": np, "x": x})


@pytest.mark.parametrize(
    "made", ["np.pad(x, 1)", "np.insert(x, 1, 7)", "np.append(x, 2.5)", "np.select([x > 0], [x], 4)"]
)
def test_what_numpy_puts_between_exact_numbers_is_exact_as_well(made: str) -> None:
    with running(Run(64)):
        result = eval(made, {"np": np, "x": exact([[1.5, -2.0]])})
        assert all(isinstance(one, Number) for one in result.flat)


def test_a_product_with_nothing_is_constant() -> None:
    """An example that ReLU has cut off has the same scores, 0, whatever the weights: their maximum is no tie."""
    with running(Run(64)):
        weights = array_of([variable(float(k)) for k in range(6)], (2, 3))
        scores = exact([[0.0, 0.0], [1.0, 0.0]]) @ weights
        assert not any(x.varies for x in scores[0])
        assert all(x.varies for x in scores[1])
        assert [float(x.value.mid()) for x in scores.max(axis=1)] == [0, 2]


def test_a_product_with_variables_that_are_0_varies() -> None:
    with running(Run(64)):
        zeros, numbers = array_of([variable(0.0)] * 2, (2,)), exact([1.5, 2.0])
        for product in (zeros @ numbers, numbers @ zeros, zeros @ zeros, zeros[0] * 2.0, 2.0 * zeros[0]):
            assert product.varies
        for product in (numbers @ numbers, zeros @ exact([0.0, 0.0]), exact([0.0, 0.0]) @ zeros):
            assert not product.varies


def test_arrays_in_an_array_of_objects_stay_what_they_are() -> None:
    with running(Run(64)):
        boxed = np.empty(2, object)
        boxed[:] = [exact([1.0, 2.0]), exact([[3.0]])]
        assert [x.shape for x in np.flip(boxed.view(ExactArray))] == [(1, 1), (2,)]


def test_linear_algebra_of_constants_is_computed_in_float64_and_noted() -> None:
    source = (
        "import numpy as np\nA = np.array([[2.0, 1.0], [1.0, 3.0]])\ninverse = np.linalg.inv(A)\n"
        "svd = np.linalg.svd(A)\nplaces = np.digitize(A, [1.0, 2.5]), np.digitize(A, [1.0, 2.5], right=True)\n"
    )
    with running(Run()) as run:
        names = run_source(source, "<linalg>", {})
    inverse = [float(x.value.mid()) for x in names["inverse"].flat]
    assert np.allclose(inverse, np.linalg.inv([[2, 1], [1, 3]]).ravel(), rtol=1e-14)
    assert all(isinstance(part, ExactArray) for part in names["svd"])
    assert {note.kind for note in run.notes.values()} == {"rounded"}
    assert [part.tolist() for part in names["places"]] == [[[1, 1], [1, 2]], [[1, 0], [0, 2]]]
