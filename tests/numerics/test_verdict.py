"""The verdict can be wrong in no way that stays unnoticed."""

import ast
import inspect
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradproof
import handcrafted
from gradproof.numerics import chain, program, rounding, running_error, verdict
from gradproof.numerics.verdict import Verdict, compare, root
from gradproof.problem import stack_of
from gradproof.proof import architectures, equations, theorem, witness
from gradproof.proof import summary as summary_module
from gradproof.proof.summary import summary
from gradproof.study import trial
from gradproof.study.witnesses import autodiff, rigorous, symbolic
from gradproof.study.witnesses import code as code_witness
from handcrafted import equations as equations_by_hand

ONE = np.ones((1, 1, 1))


def found(got, expected=1.0, bound=1e-3, live=True):
    return compare("z", 1, np.asarray(got, float) * ONE, expected * ONE, bound * ONE, np.asarray(live))


def test_within_the_bound_is_verified_and_beyond_it_refuted():
    assert found(1.0).verdict is Verdict.VERIFIED
    assert found(1.0009).verdict is Verdict.VERIFIED
    assert found(1.0011).verdict is Verdict.REFUTED


@given(st.floats(), st.floats(-1e300, 1e300), st.floats(0, 1e300))
def test_verified_means_that_every_difference_is_within_its_bound(got, expected, bound):
    if found(got, expected, bound).verdict is Verdict.VERIFIED:
        assert abs(got - expected) <= bound * (1 + 1e-15)


@pytest.mark.parametrize("got", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refuted(got):
    assert found(got).verdict is Verdict.REFUTED


def test_an_infinite_bound_is_undecided_never_verified():
    assert found(1.0, bound=np.inf).verdict is Verdict.UNDECIDED
    assert found(np.nan, bound=np.inf).verdict is Verdict.UNDECIDED
    assert found(1.0, expected=np.nan).verdict is Verdict.UNDECIDED


def test_padding_is_not_judged():
    assert found(np.nan, live=False).verdict is Verdict.VERIFIED
    assert found(np.nan, live=False).elements.sum() == 0


@pytest.mark.parametrize("dtype", [np.float16, np.int64, np.complex128, np.longdouble, object])
def test_another_dtype_is_refuted_before_values(dtype):
    finding = compare("z", 1, ONE.astype(dtype), ONE, ONE, np.asarray(True))
    assert finding.verdict is Verdict.REFUTED
    assert finding.trouble.startswith("is ")


@pytest.mark.parametrize("shape", [(1, 1), (1, 2, 1), (1, 1, 3), (2, 1, 1)])
def test_another_shape_is_refuted_and_never_broadcast(shape):
    finding = compare("z", 1, np.ones(shape), ONE, ONE, np.asarray(True))
    assert finding.verdict is Verdict.REFUTED
    assert finding.trouble.startswith("has shape ")


def judged(stack, regime="normal"):
    return theorem.Judged(0, regime, stack, theorem.judge(stack, theorem.claim(handcrafted, stack)))


def stack_from(weights, regime="normal", count=16, scale=1.0):
    widths = np.tile([3, 4, 2], (count, 1))
    stack = architectures.fill(widths, 2, regime, np.random.default_rng(0))
    return stack._replace(weights=[weights(w) for w in stack.weights], x=scale * stack.x)


def test_a_gradient_that_underflows_is_undecided_by_itself():
    """Exactly 0 on both sides says nothing: a factor 2, or a sign, would give 0 as well."""
    assert found(0.0, 0.0, 1e-300).verdict is Verdict.UNDECIDED
    zeros = compare("BP4", 1, 0 * ONE, 0 * ONE, ONE, np.asarray(True), np.asarray(False))  # behind a white pixel
    assert zeros.verdict is Verdict.VERIFIED
    stack = stack_from(lambda w: 0 * w)
    stack = stack._replace(biases=[np.where(stack.live(i), 800.0, 0) for i in (1, 2)])
    findings = {(f.equation, f.layer): f.verdict for f in judged(stack).findings}
    assert findings["BP1", 2] is findings["∂C/∂w", 1] is Verdict.UNDECIDED


def test_no_networks_prove_nothing():
    assert summary([]).verdict is Verdict.UNDECIDED


def test_zero_networks_are_undecided():
    """All-zero weights hide every slip of BP2: δ¹ is 0 whatever it is multiplied by."""
    assert summary([judged(stack_from(lambda w: 0 * w))]).verdict is Verdict.UNDECIDED


def test_networks_so_saturated_that_gradients_underflow_are_undecided():
    stack = stack_from(lambda w: 0 * w)
    stack = stack._replace(biases=[np.where(stack.live(i), 800.0, 0) for i in (1, 2)])
    assert summary([judged(stack)]).verdict is Verdict.UNDECIDED


def test_networks_that_overflow_are_undecided():
    assert summary([judged(stack_from(lambda w: w * 1e200, scale=1e150))]).verdict is Verdict.UNDECIDED


def test_nan_weights_are_never_verified():
    assert summary([judged(stack_from(lambda w: w * np.nan))]).verdict is not Verdict.VERIFIED


def test_constant_matrices_hide_a_missing_transpose_and_the_generator_makes_none():
    for _, stack in architectures.groups(300, seed=0):
        for layer, w in enumerate(stack.weights):
            for matrix, rows, columns in zip(w, stack.sizes[:, layer + 1], stack.sizes[:, layer], strict=True):
                assert len(np.unique(matrix[:rows, :columns])) == rows * columns


def run(monkeypatch, slip, module, name, replacement):
    """The verdict on a wrong claim by a judge that was tampered with."""
    monkeypatch.setattr(module, name, replacement)
    monkeypatch.setattr(handcrafted.equations, *slip)
    return summary(list(theorem.random_architectures(handcrafted, 30, seed=2))).verdict


FINE = ("bp4", lambda a, d: (1 + 1e-9) * (d @ a.mT) / d.shape[-1])  # wrong by one in 10⁹


def test_the_untouched_judge_refutes_the_slip_that_the_next_tests_use(monkeypatch):
    assert run(monkeypatch, FINE, theorem, "WORKERS", 1) is Verdict.REFUTED


@pytest.mark.parametrize("module", [equations, theorem])
def test_bounds_gone_soft_on_one_side_end_undecided(module, monkeypatch):
    """A loosened bound discriminates less, and the guard sees it: no slip is verified by a judge gone soft."""

    def loose(equation, layer, got, expected, bound, *rest):
        return compare(equation, layer, got, expected, 1e13 * bound, *rest)

    assert run(monkeypatch, ("sigma", equations_by_hand.sigma), module, "compare", loose) is Verdict.UNDECIDED


def complaints(judge_with, monkeypatch):
    """What is wrong with a verdict function: the equations in which it fails to do what it must, alone and end to end.

    It must verify a correct answer, refute one with an error of 1e-9 in a single gradient, refute one with a NaN, and
    call undecided what has no finite expected value. Loosened bounds, a difference not taken, and the claim in the
    place of the truth each break one of these.
    """
    stack = stack_from(lambda w: w, "scaled", scale=0.1)
    mine, theirs = theorem.claim(handcrafted, stack), witness.answer(stack)
    radius = chain.radii(stack, theirs, rounding.arithmetic(np.float64))
    monkeypatch.setattr(theorem, "compare", judge_with)
    monkeypatch.setattr(equations, "compare", judge_with)

    def verdicts(claim, witness_says=theirs):
        alone = equations.findings(stack, claim, rounding.arithmetic(np.float64))
        whole = theorem.end_to_end(stack, claim, witness_says, radius)
        return {(f.equation, f.layer): f.verdict for f in (*alone, *whole)}

    def with_gradient(answer, change):
        return answer._replace(grad_w=[change(answer.grad_w[0]), *answer.grad_w[1:]])

    def nan(g):
        return np.where(g == g[0, 0, 0], np.nan, g)

    found = {key for key, verdict in verdicts(mine).items() if verdict is not Verdict.VERIFIED}
    for change in (lambda g: (1 + 1e-9) * g, nan):
        said = verdicts(with_gradient(mine, change))
        found |= {key for key in (("BP4", 1), ("∂C/∂w", 1)) if said[key] is not Verdict.REFUTED}
    said = verdicts(mine, with_gradient(theirs, nan))["∂C/∂w", 1]
    return found | ({("∂C/∂w", 1)} if said is not Verdict.UNDECIDED else set())


def test_the_verdict_function_has_nothing_wrong_with_it(monkeypatch):
    assert not complaints(compare, monkeypatch)


def loosened(equation, layer, got, expected, bound, *rest):
    return compare(equation, layer, got, expected, 1e6 * bound, *rest)


def loosened_end_to_end(equation, layer, got, expected, bound, *rest):
    return compare(equation, layer, got, expected, (1e6 if equation in theorem.END_TO_END else 1) * bound, *rest)


def without_a_residual(equation, layer, got, expected, bound, *rest):
    return compare(equation, layer, expected.astype(got.dtype), expected, bound, *rest)


def swapped(equation, layer, got, expected, bound, *rest):
    return compare(equation, layer, expected, got, bound, *rest)


@pytest.mark.parametrize("wrong", [loosened, loosened_end_to_end, without_a_residual, swapped])
def test_every_planted_error_in_the_verdict_function_is_noticed(wrong, monkeypatch):
    """The test of the test before: bounds × 10⁶, the residual dropped, truth and claim swapped."""
    assert complaints(wrong, monkeypatch)


def test_root_is_the_first_refuted_in_the_order_of_the_algorithm():
    fine, wrong = found(1.0), found(2.0)
    assert root([fine, wrong._replace(layer=2), wrong]).layer == 2
    assert root([fine]) is None


VERDICT_PATH = (verdict, rounding, chain, equations, theorem, summary_module)
STUDY_PATH = (running_error, program, trial, autodiff, rigorous, symbolic, code_witness)
# What may stand there: the guard, the share that discriminates, the radii's own rounding, ¼ ≥ σ′, e^700, 3.2 and the
# smallest number, each explained where it stands; no rtol, no atol.
ALLOWED = {"SHARP = 1e-3", "GUARD = 0.95", "OWN = 1e-13", "SMALLEST = 5e-324"}


def literals(source):
    """Every floating-point literal below 0.1, and the names rtol and atol, with their lines."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        small = isinstance(node, ast.Constant) and isinstance(node.value, float) and 0 < node.value < 0.1
        name = isinstance(node, ast.keyword | ast.arg) and node.arg in ("rtol", "atol", "tol", "tolerance")
        called = isinstance(node, ast.Attribute) and node.attr in ("allclose", "isclose", "assert_allclose")
        if small or name or called:
            yield lines[node.lineno - 1].split("#")[0].strip()


@pytest.mark.parametrize("module", VERDICT_PATH + STUDY_PATH, ids=lambda module: module.__name__)
def test_no_chosen_tolerance_decides_a_verdict(module):
    assert set(literals(inspect.getsource(module))) <= ALLOWED


@pytest.mark.parametrize(
    "line", ["ok = off <= 1e-6 * size", "np.allclose(a, b)", "compare(a, b, rtol=0)", "def same(a, b, atol): ..."]
)
def test_the_search_for_tolerances_finds_one(line):
    assert list(literals(line)) == [line]


def test_the_verdict_path_is_all_there_is():
    """No other module of numerics/ or check/ compares anything with a bound."""
    root_folder = Path(gradproof.__file__).parent
    named = {Path(module.__file__) for module in VERDICT_PATH}
    for path in [*root_folder.glob("numerics/*.py"), *root_folder.glob("check/*.py")]:
        if path not in named:
            assert "compare(" not in path.read_text("utf8"), path


def test_a_stack_in_its_exact_shape_gets_the_verdict_of_the_padded_one():
    for _, stack in architectures.groups(6, seed=4):
        problem = stack.of_network(0)
        assert summary([judged(stack_of(problem))]).verdict is summary([judged(stack_of(problem, 16))]).verdict


@pytest.mark.parametrize("name", ["preactivation", "activation", "output_delta", "hidden_delta", "bias_gradient"])
def test_one_radius_gone_soft_ends_undecided_even_where_all_others_are_sharp(name, monkeypatch):
    """The guard holds for each equation by itself: a judge that has gone blind in one of them verifies nothing."""
    sharp = getattr(rounding, name)
    monkeypatch.setattr(rounding, name, lambda *arguments: 1e13 * sharp(*arguments) + 1e-3)
    assert summary(list(theorem.random_architectures(handcrafted, 30, seed=2))).verdict is Verdict.UNDECIDED


def test_a_float64_answer_to_a_float32_problem_is_refuted():
    stack = stack_from(lambda w: w).astype(np.float32)
    mine = theorem.claim(handcrafted, stack)
    wrong = mine._replace(delta=[d.astype(np.float64) for d in mine.delta])
    fault = root(theorem.judge(stack, wrong))
    assert (fault.equation, fault.trouble) == ("BP2", "is float64, should stay float32")
    assert root(theorem.judge(stack, mine)) is None
