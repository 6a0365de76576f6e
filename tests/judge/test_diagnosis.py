"""The judge finds the equation and the layer, names the mistake, and accuses no correct backprop."""

import ast
import re

import numpy as np
import pytest

import gradproof
import reference
from gradproof.errors import UsageError
from gradproof.judge.float64.diagnosis import judgement
from gradproof.judge.isolation.submission import Function
from gradproof.judge.report import in_words
from gradproof.numerics.verdict import Verdict
from gradproof.problem import Problem, stack_of
from gradproof.proof import witness
from gradproof.proof.architectures import WIDEST
from tests.judge.catalogue import BOOK, FORWARD, RIGHT_ONES, UNSEEN, WRONG, backprop, shown, sigma, slope, twice
from tests.judge.troubles import TROUBLES, into_integers, overflows, returning
from tests.thorough import THOROUGH

NETWORKS = 20  # one of each depth and regime


@pytest.mark.turns(1)
@pytest.mark.sample(4)
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


@pytest.mark.turns(1)
@pytest.mark.parametrize("name", ["σ′ missing in layer 1", "layer 1 skipped", "image not scaled"])
def test_a_mistake_in_layer_1_alone_is_placed_there(name):
    rules, _, _ = WRONG[name]
    assert {named.fault.layer for named in gradproof.check(backprop(**rules), networks=NETWORKS).faults} == {1}


@pytest.mark.turns(1)
@pytest.mark.parametrize("name", FORWARD)
def test_a_slip_of_the_forward_pass_is_found_where_z_and_a_are_shown(name):
    submission, equation = FORWARD[name]
    judged = gradproof.check(submission, networks=NETWORKS)
    assert judged.verdict == "refuted"
    assert judged.faults[0].fault.equation == equation


@pytest.mark.turns(1)
@pytest.mark.sample(2)
@pytest.mark.parametrize("name", UNSEEN)
def test_a_slip_before_the_first_equation_is_named_though_z_and_a_are_not_shown(name):
    submission, kind, words = UNSEEN[name]
    judged = gradproof.check(submission, networks=NETWORKS)
    assert judged.verdict == "refuted"
    first, *others = judged.troubles
    assert (first.kind, words in first.said) == (kind, True), str(judged)
    assert {trouble.kind for trouble in others} <= {"raises"}  # where it has no answer at all
    assert not judged.faults
    assert judged.counterexample or name == "weights in float32"  # round numbers have no more digits


@pytest.mark.turns(1)
@pytest.mark.sample(4)
@pytest.mark.parametrize("name", RIGHT_ONES)
def test_a_correct_backprop_is_verified_and_its_convention_recognised(name):
    submission, word = RIGHT_ONES[name]
    judged = gradproof.check(submission, networks=NETWORKS)
    assert judged.verdict == "verified", str(judged)
    if word:
        assert any(word in convention for convention in judged.conventions)
    assert any("a different δ" in convention for convention in judged.conventions) == name.startswith("δ twice")
    if word == "":
        assert not judged.conventions


@pytest.mark.turns(1)
@pytest.mark.parametrize("factor", [1, 2])
def test_a_delta_that_is_computed_twice_and_has_the_mean_in_it_is_recognised(factor):
    judged = gradproof.check(twice(factor, averaged=True), networks=NETWORKS)
    assert judged.verdict == "verified", str(judged)
    for words in ("it contains 1/m", "a different δ"):
        assert any(words in convention for convention in judged.conventions)


@pytest.mark.turns(1)
@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "name",
    ["sum", "no ½", "y − a", "y − a, sum", "1/m in δ", "cost three times ours", "mean of the outputs", "float32",
     "rows", "rows, (n_in, n_out), (n,)", "biases (n,)", "weights (n_in, n_out)", "vectors"],
)  # fmt: skip
def test_with_ours_declared_every_other_convention_is_a_fault(name):
    submission, _ = RIGHT_ONES[name]
    assert judgement(Function(submission), NETWORKS, declared=["ours"]).verdict == "refuted"


DECLARED = {  # what is declared: the backprop that keeps to it
    "ours": "ours", "sum": "sum", "no-half": "no ½", "no-half,sum": "no ½, sum", "downhill": "y − a",
    "rows,row-biases": "rows",
    "rows,transposed,flat": "rows, (n_in, n_out), (n,)", "flat": "biases (n,)", "transposed": "weights (n_in, n_out)",
    "single": "one example per call", "vector,flat": "vectors", "float32": "float32",
    "no-half,mean-outputs": "mean of the outputs",
}  # fmt: skip


@pytest.mark.turns(1)
@pytest.mark.sample(3)
@pytest.mark.parametrize("words", DECLARED)
def test_what_keeps_to_the_declared_convention_is_verified_and_what_does_not_is_refuted(words):
    submission, _ = RIGHT_ONES[DECLARED[words]]
    judged = judgement(Function(submission), NETWORKS, declared=words.split(","))
    assert judged.verdict == "verified", str(judged)
    if words not in ("ours", "single"):  # one at a time ours is right as well
        assert judgement(Function(backprop()), NETWORKS, declared=words.split(",")).verdict == "refuted"


@pytest.mark.turns(1)
@pytest.mark.parametrize(
    ("rules", "equation"),
    [
        ({"weight": lambda p, i, d: 2 * d @ p.a[i - 1].T / d.shape[1]}, "BP4"),
        ({"bias": lambda p, i, d: 0 * p.b[i - 1]}, "BP3"),
    ],
    ids=["weight", "bias"],
)
def test_with_a_of_one_minus_a_and_z_and_a_shown_only_what_is_wrong_is_accused(rules, equation):
    """1 − a magnifies the rounding of the a that was shown: that is no fault of δ, whatever else is wrong."""
    judged = gradproof.check(shown(**BOOK, **rules), networks=100)
    assert {named.fault.equation for named in judged.faults} == {equation}


@pytest.mark.turns(1)
@pytest.mark.sample(2)
@pytest.mark.parametrize("size", [1.0, 5.0])
@pytest.mark.parametrize("delta", [True, False], ids=["δ returned", "no δ"])
def test_gradients_that_are_clipped_are_refuted(size, delta):
    def clipped(weights, biases, x, y):
        d, b, w = backprop()(weights, biases, x, y)
        b, w = ([np.clip(g, -size, size) for g in part] for part in (b, w))
        return (d, b, w) if delta else (b, w)

    judged = gradproof.check(clipped, networks=NETWORKS)
    assert judged.verdict == "refuted"
    assert delta is False or {named.fault.equation for named in judged.faults} == {"BP3", "BP4"}


def test_gradients_of_two_programs_are_not_accused_of_their_rounding():
    """∂C/∂b by loops over the examples and neurons, ∂C/∂w by matrices, no δ: each is right, to other last digits."""

    def by_loops(weights, biases, x, y):
        total = [np.zeros_like(b) for b in biases]
        for a, target in zip(x.T, y.T, strict=True):
            zs = []
            for w, b in zip(weights, biases, strict=True):
                zs.append(
                    np.array(
                        [c + sum(p * q for p, q in zip(r, a, strict=True)) for r, c in zip(w, b[:, 0], strict=True)]
                    )
                )
                a = sigma(zs[-1])
            d = (a - target) * slope(zs[-1])
            for i in reversed(range(len(weights))):
                total[i][:, 0] += d / x.shape[1]
                if i:
                    d = np.array([sum(p * q for p, q in zip(c, d, strict=True)) for c in weights[i].T]) * slope(
                        zs[i - 1]
                    )
        return total

    judged = gradproof.check(lambda *p: (by_loops(*p), backprop()(*p)[2]), networks=60)
    assert judged.verdict == "verified", str(judged)


def _without_scaling(x):
    return x / 255 if (x == np.round(x)).all() else x


@pytest.mark.turns(1)
@pytest.mark.parametrize("slip", ["bits are scaled", "an empty example is left out", "an example is taken once"])
def test_a_slip_on_bits_on_an_empty_example_or_on_one_given_twice_is_refuted(slip):
    def submission(weights, biases, x, y):
        if slip == "bits are scaled":
            return backprop()(weights, biases, _without_scaling(x), y)
        kept = x.any(axis=0) if slip.startswith("an empty") else np.sort(np.unique(x, axis=1, return_index=True)[1])
        return (
            backprop()(weights, biases, x[:, kept], y[:, kept])[1:]
            if x.shape[1] > 1
            else backprop()(weights, biases, x, y)[1:]
        )

    assert gradproof.check(submission, networks=NETWORKS).verdict == "refuted"


def test_activations_kept_for_an_x_are_not_those_of_other_weights():
    cache = {}

    def submission(weights, biases, x, y):
        key = x.tobytes()
        if key not in cache:
            cache[key] = shown()(weights, biases, x, y)[3:]
        zs, activations = cache[key]
        return backprop(forward=lambda w, b, a: zs[[v is w for v in weights].index(True)])(
            weights, biases, activations[0], y
        )

    assert gradproof.check(submission, networks=60).verdict == "refuted"


@pytest.mark.turns(1)
@pytest.mark.parametrize("where", ["first", "last"])
def test_what_is_right_uphill_on_some_networks_is_not_said_to_point_downhill(where):
    """A bias that is left out in one layer: networks of other layers are right, and under −1 they would not be."""

    def submission(weights, biases, x, y):
        layer = 0 if where == "first" else len(weights) - 1
        if len(weights) > 1:
            biases = [0 * b if i == layer else b for i, b in enumerate(biases)]
        return backprop()(weights, biases, x, y)[1:]

    judged = gradproof.check(submission, networks=100)
    assert judged.verdict == "refuted"
    assert not judged.conventions
    assert not any("sign" in mistake.name for named in judged.faults for mistake in named.names)


@pytest.mark.turns(1)
def test_a_mean_that_is_in_delta_is_a_convention_only_where_nothing_else_is_wrong():
    right = RIGHT_ONES["1/m in δ"][0]
    judged = gradproof.check(right, networks=NETWORKS)
    assert judged.conventions == ["δ is the error of the mean cost: it contains 1/m"]
    twice = gradproof.check(backprop(**WRONG["δ averaged"][0]), networks=NETWORKS)
    assert {named.fault.equation for named in twice.faults} == {"BP1"}
    assert not twice.conventions

    def wrong(weights, biases, x, y):
        d, b, w = right(weights, biases, x, y)
        return d, b, [g * (1 + 1e-9) for g in w]

    assert gradproof.check(wrong, networks=NETWORKS).verdict == "refuted"


@pytest.mark.turns(1)
def test_check_and_assert_backprop_take_a_convention_as_the_command_does():
    summed, _ = RIGHT_ONES["sum"]
    assert gradproof.check(summed, networks=NETWORKS, convention="sum").verdict == "verified"
    gradproof.assert_backprop(summed, networks=NETWORKS, convention="sum")
    with pytest.raises(AssertionError, match=r"again: .*networks=20, seed=0, convention='ours'"):
        gradproof.assert_backprop(summed, networks=NETWORKS, convention="ours")


@pytest.mark.parametrize(
    ("subject", "words"),
    [(3, "int is neither a function nor a class; a whole program is judged by the path"), ("x", "there is no file x"),
     (type("Empty", (), {}), "Empty is a class without a method backprop"),
     (type("Net", (), {"backprop": None})(), "give the class Net")],
)  # fmt: skip
def test_what_cannot_be_judged_is_refused_in_one_line(subject, words):
    with pytest.raises(UsageError, match=words):
        gradproof.check(subject)


@pytest.mark.turns(1)
def test_real_digits_and_a_wider_network_are_among_what_is_judged():
    def wrong_on_wide_ones(weights, biases, x, y):
        d, b, w = backprop()(weights, biases, x, y)
        return d, b, [g * (1 + 1e-9 * (g.shape[1] > 700)) for g in w]

    judged = gradproof.check(backprop(), networks=NETWORKS)
    assert (judged.verdict, judged.networks, judged.digits) == ("verified", NETWORKS, 10)
    assert f"on {NETWORKS + 4} networks, {NETWORKS} of them random, and on 10 real digits" in str(judged)
    wrong = gradproof.check(wrong_on_wide_ones, networks=NETWORKS)
    assert {(one.fault.equation, one.fault.layer) for one in wrong.faults} == {("BP4", 1)}


@pytest.mark.turns(1)
def test_what_is_wrong_on_saturated_networks_alone_is_refuted_in_code_that_tells_little_there():
    book = RIGHT_ONES["a(1 − a)"][0]

    def wrong_where_saturated(weights, biases, x, y):
        d, b, w = book(weights, biases, x, y)
        return d, [2 * g if np.abs(weights[0]).max() > 6 else g for g in b], w

    judged = gradproof.check(wrong_where_saturated, networks=40)
    assert judged.verdict == "refuted"
    assert {one.fault.equation for one in judged.faults} == {"BP3"}


def test_an_equation_of_which_nothing_can_be_told_scores_no_point():
    def one_layer(weights, biases, x, y):
        (w,) = weights
        return backprop()([w], biases, x, y)

    judged = gradproof.check(one_layer, networks=NETWORKS)
    assert judged.points == {"BP1": 1, "BP2": 0, "BP3": 1, "BP4": 1}
    assert set(judged.undecided) == {"BP2"}


def test_an_unknown_convention_is_one_line():
    with pytest.raises(UsageError, match="no convention 'mine'; choose from ours, rows"):
        judgement(Function(backprop()), NETWORKS, declared=["mine"])


@pytest.mark.parametrize("words", ["", " ", "rows,", "sum,,rows"])
def test_an_empty_convention_is_refused_in_one_line(words):
    with pytest.raises(UsageError, match="no convention ''; choose from ours, rows"):
        judgement(Function(backprop()), NETWORKS, declared=words.split(","))


def test_blanks_around_the_words_of_a_convention_are_left_out():
    submission, _ = RIGHT_ONES["no ½, sum"]
    assert gradproof.check(submission, networks=NETWORKS, convention="no-half, sum ").verdict == "verified"


PAIRS = [("tanh′ at the output", "w of the wrong layer"), ("σ′ missing in hidden layers", "bias sign"),
         ("σ′(a) at the output", "weight gradient summed"), ("bias gradient summed", "σ′ once more")]  # fmt: skip


@pytest.mark.turns(1)
@pytest.mark.parametrize("pair", PAIRS, ids=" and ".join)
def test_two_mistakes_are_both_placed(pair):
    rules = WRONG[pair[0]][0] | WRONG[pair[1]][0]
    judged = gradproof.check(backprop(**rules), networks=40)
    assert {named.fault.equation for named in judged.faults} == {WRONG[name][1] for name in pair}


@pytest.mark.turns(1)
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


def test_every_number_of_the_smallest_network_stands_beside_what_it_should_be():
    """As one computes it by hand, where σ′ is forgotten behind the output: δ¹ is wrong, and so are w¹ and b¹."""
    judged = gradproof.check(backprop(hidden=lambda p, i, d: p.w[i].T @ d[i]), networks=NETWORKS)
    (w1, w2), (b1, b2), x, y = judged.counterexample.problem
    sides = judged.counterexample.sides
    z1 = w1 @ x + b1
    z2 = w2 @ sigma(z1) + b2
    d2 = (sigma(z2) - y) * slope(z2)
    wrong, right = w2.T @ d2, w2.T @ d2 * slope(z1)
    told = [(one["name"], one["value"], one["state"], one["should_be"]) for one in sides["backward"]]
    assert told == [("δ²", approx(d2), "right", None), ("δ¹", approx(wrong), "wrong", approx(right))]
    told = [(one["name"], one["moved"], one["state"], one["should_be"]) for one in sides["parameters"]]
    assert told == [
        ("w¹", approx(wrong @ x.T), "follows", approx(right @ x.T)),
        ("b¹", approx(wrong), "follows", approx(right)),
        ("w²", approx(d2 @ sigma(z1).T), "right", approx(d2 @ sigma(z1).T)),
        ("b²", approx(d2), "right", approx(d2)),
    ]
    assert [one["value"] for one in sides["parameters"]] == [w1.tolist(), b1.tolist(), w2.tolist(), b2.tolist()]
    assert [one["value"] for one in sides["forward"]] == [*map(approx, (z1, sigma(z1), z2, sigma(z2)))]
    assert [one["value"] for one in sides["data"]] == [x.tolist(), y.tolist()]


def approx(array):
    return [[pytest.approx(value, rel=1e-12) for value in row] for row in array.tolist()]


FORGOTTEN = backprop(hidden=lambda p, i, d: p.w[i].T @ d[i])  # σ′ behind the output


def _in_rows(weights, biases, x, y):
    delta, grad_b, grad_w = FORGOTTEN(weights, biases, x.T, y.T)
    return [d.T for d in delta], grad_b, grad_w


def _downhill(weights, biases, x, y):
    delta, *gradients = FORGOTTEN(weights, biases, x, y)
    return [-d for d in delta], *([-g * x.shape[1] for g in part] for part in gradients)


@pytest.mark.parametrize("submission", [_in_rows, _downhill], ids=["examples as rows", "the sum of y − a"])
def test_both_sides_are_in_the_conventions_of_the_code(submission):
    shown = gradproof.check(submission, networks=NETWORKS).counterexample
    delta, grad_b, grad_w = submission(*shown.given)
    assert [one["value"] for one in shown.sides["backward"]] == [d.tolist() for d in reversed(delta)]
    by_layer = [g.tolist() for pair in zip(grad_w, grad_b, strict=True) for g in pair]
    assert [one["moved"] for one in shown.sides["parameters"]] == by_layer
    assert [one["state"] for one in shown.sides["parameters"]] == ["follows", "follows", "right", "right"]
    assert [one["value"] for one in shown.sides["data"]] == [shown.given.x.tolist(), shown.given.y.tolist()]


def _cast(array):
    return array.astype(np.float32).astype(np.float64)


@pytest.mark.turns(1)
@pytest.mark.parametrize(
    "submission",
    [
        backprop(
            bias=lambda p, i, d: _cast(d).mean(1, keepdims=True),
            weight=lambda p, i, d: _cast(d) @ p.a[i - 1].T / d.shape[1],
        ),
        backprop(**WRONG["weight gradient off by 1e-12"][0]),
        backprop(**WRONG["a rounded"][0]),
        backprop(weight=lambda p, i, d: d @ p.a[i - 1].T / d.shape[1] * np.linspace(1, 1 + 1e-9, p.a[i - 1].shape[0])),
        RIGHT_ONES["y − a, sum"][0],  # of which only the sign of δ is wrong, and all of its elements
    ],
    ids=["float32 in the gradients", "1 + 1e-12", "a rounded", "one column", "y − a"],
)
def test_what_is_printed_as_wrong_never_looks_like_what_it_should_be(submission):
    judged = gradproof.check(submission, networks=NETWORKS, convention="ours")
    shown, said = judged.counterexample, in_words(judged.counterexample)
    got, expected = (np.array(ast.literal_eval(part)) for part in re.findall(r"\[\[.*?\]\]", said))
    assert shown.wrong.any()
    assert (got != expected)[shown.wrong].all(), said
    assert np.allclose([got, expected], [shown.got, shown.expected], rtol=1e-5, atol=0)  # six digits at least


@pytest.mark.turns(1)
def test_of_a_bound_that_is_underflow_alone_is_said_that_the_number_must_be_exact():
    judged = gradproof.check(backprop(bias=lambda p, i, d: _cast(d).mean(1, keepdims=True)), networks=NETWORKS)
    exactly = f"  it must be exactly {judged.faults[0].fault.worst.expected:.17g}: nothing is rounded there"
    assert exactly in str(judged).splitlines()
    assert "the bound" not in str(judged)
    rounded = str(gradproof.check(backprop(output=lambda p: p.e), networks=NETWORKS))
    assert "exactly" not in rounded
    assert "  allowed is " in rounded


@pytest.mark.turns(1)
@pytest.mark.parametrize("seed", [1, 2])
def test_another_seed_gives_the_same_verdict(seed):
    assert gradproof.check(backprop(), networks=NETWORKS, seed=seed).verdict == "verified"
    assert gradproof.check(backprop(**WRONG["σ′ once more"][0]), networks=NETWORKS, seed=seed).verdict == "refuted"


@pytest.mark.turns(1)
@pytest.mark.parametrize("name", TROUBLES)
def test_trouble_is_found_before_values_and_explained(name):
    submission, kind, words = TROUBLES[name]
    judged = gradproof.check(submission, networks=NETWORKS)
    assert judged.verdict == "refuted"
    assert judged.troubles
    assert judged.troubles[0].kind == kind
    assert words in judged.troubles[0].said
    assert words in str(judged)


def test_integers_that_cut_decimals_are_found():
    judged = gradproof.check(into_integers, networks=NETWORKS)
    assert [(trouble.kind, "integers" in trouble.said) for trouble in judged.troubles] == [("dtype", True)]


def test_a_sigma_that_overflows_is_found_and_one_that_only_warns_is_not():
    plain = backprop(activation=lambda z: 1 / (1 + np.exp(-z)))
    assert gradproof.check(plain, networks=NETWORKS).verdict == "verified"
    (trouble,) = gradproof.check(overflows, networks=NETWORKS).troubles
    assert trouble.kind == "a"
    assert "σ overflows" in trouble.said


def test_generators_and_nan_are_answers_like_others():
    lazily = returning(lambda d, b, w, **k: ((v for v in d), (g for g in b), (g for g in w)))
    assert gradproof.check(lazily, networks=NETWORKS).verdict == "verified"
    nan = returning(lambda d, b, w, **k: (d, b, [g * np.nan for g in w]))
    assert gradproof.check(nan, networks=NETWORKS).faults[0].fault.equation == "BP4"


@pytest.mark.turns(1)
@pytest.mark.parametrize("factor", [2, 4, 8])
def test_without_delta_a_psum_and_a_factor_of_the_cost_cannot_be_told_apart_and_both_are_said(factor):
    def psum(weights, biases, x, y):
        return [[factor * g for g in part] for part in backprop()(weights, biases, x, y)[1:]]

    judged = gradproof.check(psum, networks=NETWORKS)
    (said,) = [words for words in judged.conventions if "cannot be distinguished" in words]
    assert f"the factor {factor} belongs to the cost" in said
    assert f"a psum over {factor} devices" in said
    declared = gradproof.check(psum, networks=NETWORKS, convention="no-half")
    assert declared.verdict == ("verified" if factor == 2 else "refuted")
    assert not [words for words in declared.conventions if "be distinguished" in words]
    with_delta = gradproof.check(RIGHT_ONES["no ½"][0], networks=NETWORKS)
    assert not [words for words in with_delta.conventions if "be distinguished" in words]


@pytest.mark.turns(1)
def test_without_delta_an_m_that_counts_the_outputs_and_a_mean_over_them_cannot_be_told_apart_and_both_are_said():
    def submission(weights, biases, x, y):
        _, b, w = backprop()(weights, biases, x, y)
        return [g * x.shape[1] / len(y) for g in b], [g * x.shape[1] / len(y) for g in w]

    judged = gradproof.check(submission, networks=NETWORKS)
    assert judged.verdict == "verified"
    assert any("as by len(y)" in words for words in judged.conventions)
    assert gradproof.check(submission, networks=NETWORKS, convention="sum").verdict == "refuted"
    assert not any("len(y)" in words for words in gradproof.check(RIGHT_ONES["no δ"][0], networks=NETWORKS).conventions)


@pytest.mark.turns(1)
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


@pytest.mark.turns(1)
def test_a_backprop_by_autodiff_is_not_accused_of_rounding_its_delta_twice() -> None:
    """δ and the gradients come from different programs of XLA: not to the bit the same δ, and both are right."""

    def by_autodiff(weights, biases, x, y):
        if THOROUGH:
            return reference.gradients(weights, biases, x, y)
        problem = Problem(weights, biases, x, y)  # padded, since XLA compiles each other shape
        found = witness.answer(stack_of(problem, WIDEST)).of_network(0, problem.sizes)
        return found.delta, found.grad_b, found.grad_w

    found = gradproof.check(by_autodiff, networks=20)
    assert found.verdict is Verdict.VERIFIED, str(found)
    assert any("a different δ" in convention for convention in found.conventions)

    def nearly(weights, biases, x, y):
        delta, grad_b, grad_w = by_autodiff(weights, biases, x, y)
        return delta, grad_b, [(1 + 1e-9) * w for w in grad_w]

    found = gradproof.check(nearly, networks=20)
    assert found.verdict is Verdict.REFUTED
    assert {named.fault.equation for named in found.faults} == {"BP4"}
