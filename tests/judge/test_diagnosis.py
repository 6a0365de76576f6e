"""The judge finds the equation and the layer, names the mistake, and accuses no correct backprop."""

from itertools import count

import numpy as np
import pytest

import gradproof
from gradproof.errors import UsageError
from gradproof.judge.diagnosis import judgement
from gradproof.judge.submission import Function
from tests.judge.catalogue import FORWARD, RIGHT_ONES, UNSEEN, WRONG, backprop

NETWORKS = 20  # one of each depth and regime


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_found_in_its_equation_and_named_or_not_named(name):
    rules, equation, word = WRONG[name]
    judged = gradproof.check(backprop(**rules), networks=60 if word is None else 40)
    assert judged.verdict == "refuted"
    assert {named.fault.equation for named in judged.faults} == {equation}
    for named in judged.faults:
        names = [mistake.name for mistake in named.names]
        assert any(word in said for said in names) if word else not names, names
    problem = judged.counterexample.problem if judged.counterexample else None
    assert problem is None or (len(problem.weights) <= 2 and sum(problem.sizes[1:]) <= 4)
    assert name == "w rounded to float32" or problem is not None  # round numbers have no more digits


@pytest.mark.parametrize("name", ["σ′ missing in layer 1", "layer 1 skipped", "image not scaled"])
def test_a_mistake_in_layer_1_alone_is_placed_there(name):
    rules, _, _ = WRONG[name]
    assert {named.fault.layer for named in gradproof.check(backprop(**rules), networks=NETWORKS).faults} == {1}


@pytest.mark.parametrize("name", FORWARD)
def test_a_slip_of_the_forward_pass_is_found_where_z_and_a_are_shown(name):
    submission, equation = FORWARD[name]
    judged = gradproof.check(submission, networks=NETWORKS)
    assert judged.verdict == "refuted"
    assert judged.faults[0].fault.equation == equation


@pytest.mark.parametrize("name", UNSEEN)
def test_a_slip_before_the_first_equation_is_named_though_z_and_a_are_not_shown(name):
    submission, kind, words = UNSEEN[name]
    judged = gradproof.check(submission, networks=NETWORKS)
    assert judged.verdict == "refuted"
    assert [(trouble.kind, words in trouble.said) for trouble in judged.troubles] == [(kind, True)], str(judged)
    assert not judged.faults


@pytest.mark.parametrize("name", RIGHT_ONES)
def test_a_correct_backprop_is_verified_and_its_convention_recognised(name):
    submission, word = RIGHT_ONES[name]
    judged = gradproof.check(submission, networks=NETWORKS)
    assert judged.verdict == "verified", str(judged)
    if word:
        assert any(word in convention for convention in judged.conventions)
    if word == "":
        assert not judged.conventions


@pytest.mark.parametrize(
    "name",
    ["sum", "no ½", "y − a", "y − a, sum", "cost three times ours", "mean of the outputs", "float32", "rows",
     "rows, (n_in, n_out), (n,)", "biases (n,)", "weights (n_in, n_out)", "vectors"],
)  # fmt: skip
def test_with_ours_declared_every_other_convention_is_a_fault(name):
    submission, _ = RIGHT_ONES[name]
    assert judgement(Function(submission), NETWORKS, declared=["ours"]).verdict == "refuted"


DECLARED = {  # what is declared: the backprop that keeps to it
    "ours": "ours", "sum": "sum", "no-half": "no ½", "no-half,sum": "no ½, sum", "downhill": "y − a",
    "rows,row-biases": "rows",
    "rows,transposed,flat": "rows, (n_in, n_out), (n,)", "flat": "biases (n,)", "transposed": "weights (n_in, n_out)",
    "single": "one example a call", "vector,flat": "vectors", "float32": "float32",
    "no-half,mean-outputs": "mean of the outputs",
}  # fmt: skip


@pytest.mark.parametrize("words", DECLARED)
def test_what_keeps_to_the_declared_convention_is_verified_and_what_does_not_is_refuted(words):
    submission, _ = RIGHT_ONES[DECLARED[words]]
    judged = judgement(Function(submission), NETWORKS, declared=words.split(","))
    assert judged.verdict == "verified", str(judged)
    if words not in ("ours", "single"):  # one at a time ours is right as well
        assert judgement(Function(backprop()), NETWORKS, declared=words.split(",")).verdict == "refuted"


def test_an_unknown_convention_is_one_line():
    with pytest.raises(UsageError, match="no convention 'mine'; choose of ours, rows"):
        judgement(Function(backprop()), NETWORKS, declared=["mine"])


PAIRS = [("tanh′ at the output", "w of the wrong layer"), ("σ′ missing in hidden layers", "bias sign"),
         ("σ′(a) at the output", "weight gradient summed"), ("bias gradient summed", "σ′ once more")]  # fmt: skip


@pytest.mark.parametrize("pair", PAIRS, ids=" and ".join)
def test_two_mistakes_are_both_placed(pair):
    rules = WRONG[pair[0]][0] | WRONG[pair[1]][0]
    judged = gradproof.check(backprop(**rules), networks=40)
    assert {named.fault.equation for named in judged.faults} == {WRONG[name][1] for name in pair}


def test_assert_backprop_says_where_and_what():
    gradproof.assert_backprop(backprop(), networks=NETWORKS)
    with pytest.raises(AssertionError, match="σ′ is missing at the output"):
        gradproof.assert_backprop(backprop(output=lambda p: p.e), networks=NETWORKS)


def test_the_counterexample_is_small_and_its_numbers_are_round():
    judged = gradproof.check(backprop(hidden=lambda p, i, d: p.w[i].T @ d[i]), networks=NETWORKS)
    problem = judged.counterexample.problem
    assert problem.sizes == [1, 1, 1]
    for array in (*problem.weights, *problem.biases, problem.x, problem.y):
        assert (2 * array == np.round(2 * array)).all()
    # by hand: δ¹ = w²δ² σ′(z¹), and the claim has forgotten σ′
    got, expected = judged.counterexample.got.item(), judged.counterexample.expected.item()
    z = (problem.weights[0] @ problem.x + problem.biases[0]).item()
    assert expected == pytest.approx(got / (1 + np.exp(-z)) / (1 + np.exp(z)), rel=1e-12)


@pytest.mark.parametrize("seed", [1, 2])
def test_another_seed_gives_the_same_verdict(seed):
    assert gradproof.check(backprop(), networks=NETWORKS, seed=seed).verdict == "verified"
    assert gradproof.check(backprop(**WRONG["σ′ once more"][0]), networks=NETWORKS, seed=seed).verdict == "refuted"


def returning(change):
    """The right answer with one thing done to it before it is returned."""

    def submission(weights, biases, x, y):
        return change(*backprop()(weights, biases, x, y), weights=weights, x=x)

    return submission


def doubles_w(d, b, w, weights, x):
    weights[0] *= 2
    return d, b, w


def aliased(d, b, w, weights, x):
    memory = np.zeros(200)
    return d, [memory[: len(g)].reshape(g.shape) for g in b], w


class Remembers:
    calls = 0

    def __call__(self, weights, biases, x, y):
        self.calls += 1
        d, b, w = backprop()(weights, biases, x, y)
        return d, [g * (1 + (self.calls > 20)) for g in b], w


TROUBLES = {  # what it does: (the submission, the kind of fault, words that must be said)
    "changes w": (returning(doubles_w), "mutation", "changes its argument w1"),
    "aliased": (returning(aliased), "mutation", "share memory"),
    "remembers": (Remembers(), "mutation", "remembers"),
    "None": (returning(lambda *a, **k: None), "shape", "returns NoneType"),
    "four values": (returning(lambda d, b, w, **k: (d, b, w, w)), "shape", "returns 4 values"),
    "too few layers": (returning(lambda d, b, w, **k: (d, b[1:], w)), "shape", "one a layer"),
    "strings": (returning(lambda d, b, w, **k: (d, b, [g.astype(str) for g in w])), "dtype", "<U"),
    "integers": (returning(lambda d, b, w, **k: (d, b, [g.astype(int) for g in w])), "dtype", "int64"),
    "float16": (returning(lambda d, b, w, **k: (d, b, [g.astype("f2") for g in w])), "dtype", "float16"),
    "float32": (returning(lambda d, b, w, **k: (d, b, [g.astype("f4") for g in w])), "dtype", "float32"),
    "the other axis": (
        returning(lambda d, b, w, **k: (d, [v.mean(0, keepdims=True) for v in d], w)),
        "shape",
        "the other axis",
    ),
    "a view of x": (returning(lambda d, b, w, x, **k: (d, b, [x[:1, :1], *w[1:]])), "mutation", "a view of one of its"),
    "ragged": (returning(lambda d, b, w, **k: (d, b, [[[1.0], [1.0, 2.0]] for g in w])), "shape", "no array"),
    "without end": (returning(lambda d, b, w, **k: (d, b, (w[0].copy() for _ in count()))), "shape", "1000 arrays"),
    "not averaged": (returning(lambda d, b, w, **k: (d, d, w)), "shape", "not averaged over the mini-batch"),
    "raises": (returning(lambda *a, **k: 1 / 0), "raises", "ZeroDivisionError"),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_trouble_is_found_before_values_and_explained(name):
    submission, kind, words = TROUBLES[name]
    judged = gradproof.check(submission, networks=NETWORKS)
    assert judged.verdict == "refuted"
    assert judged.troubles
    assert judged.troubles[0].kind == kind
    assert words in judged.troubles[0].said
    assert words in str(judged)


def _into_integers(weights, biases, x, y):
    d, b, w = backprop()(weights, biases, x, y)
    error = np.zeros_like(y)  # of integers, if y is
    error[:] = d[-1]
    return [*d[:-1], error * 1.0], b, w


def test_integers_that_cut_decimals_are_found():
    judged = gradproof.check(_into_integers, networks=NETWORKS)
    assert [(trouble.kind, "integers" in trouble.said) for trouble in judged.troubles] == [("dtype", True)]


def test_a_sigma_that_overflows_is_found_and_one_that_only_warns_is_not():
    plain = backprop(activation=lambda z: 1 / (1 + np.exp(-z)))
    assert gradproof.check(plain, networks=NETWORKS).verdict == "verified"
    overflows = backprop(activation=lambda z: np.exp(z) / (1 + np.exp(z)))
    (trouble,) = gradproof.check(overflows, networks=NETWORKS).troubles
    assert trouble.kind == "a"
    assert "σ overflows" in trouble.said


def test_generators_and_nan_are_answers_like_others():
    lazily = returning(lambda d, b, w, **k: ((v for v in d), (g for g in b), (g for g in w)))
    assert gradproof.check(lazily, networks=NETWORKS).verdict == "verified"
    nan = returning(lambda d, b, w, **k: (d, b, [g * np.nan for g in w]))
    assert gradproof.check(nan, networks=NETWORKS).faults[0].fault.equation == "BP4"


@pytest.mark.parametrize("devices", [3, 4, 8])
def test_a_psum_on_top_of_the_sum_that_jax_grad_makes_is_refuted_and_named(devices):
    """Replicated parameters inside shard_map have their gradients summed already: n times too large, δ right."""
    psum = backprop(
        bias=lambda p, i, d: devices * d.mean(1, keepdims=True),
        weight=lambda p, i, d: devices * d @ p.a[i - 1].T / d.shape[1],
    )
    judged = gradproof.check(psum, networks=NETWORKS)
    assert judged.verdict == "refuted"
    assert {named.fault.equation for named in judged.faults} == {"BP3", "BP4"}
    assert all(f"a psum over {devices} devices" in name for named in judged.faults for name in [str(named.names)])
