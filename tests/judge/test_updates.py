"""What a class's own descent does wrong: to its mini-batches, and to the parameters they move."""

import random

import numpy as np
import pytest

from gradproof.errors import UsageError
from gradproof.judge.float64.diagnosis import judgement
from gradproof.judge.isolation.submission import Function
from tests.judge.descents import APART, BIAS, CHANGED, RIGHT, SHUFFLE, STEP, changed, judged


def in_float32(source):
    """The book's class with every number in float32, as a GPU's habit leaves it."""
    source = source.replace(
        "return (nabla_b, nabla_w)", "return [g.astype('f4') for g in nabla_b], [g.astype('f4') for g in nabla_w]"
    )
    assert source.count("astype") == 2
    return source


@pytest.mark.turns(1)
def test_a_float32_class_has_its_update_judged_too():
    assert judged(in_float32(RIGHT)).verdict == "verified"
    climbing = judged(in_float32(RIGHT).replace(STEP, "[w + (eta / len(mini_batch)) * nw for"))
    assert climbing.verdict == "refuted"
    assert "climbs" in climbing.troubles[0].said


@pytest.mark.sample(4)
@pytest.mark.parametrize("name", CHANGED)
def test_a_slip_of_the_descent_is_named(name):
    source, kind, words = changed(name)
    assert source != RIGHT
    found = judged(source)
    assert found.verdict == "refuted"
    assert not found.faults
    assert {trouble.kind for trouble in found.troubles} == {kind}
    assert words in str(found), str(found)
    assert found.points["BP4"] == 1
    assert found.besides == [kind]


BATCH = "training_data[k : k + mini_batch_size], eta)"
UPDATE = "    def update_mini_batch(self, mini_batch, eta):\n"


def test_mini_batches_that_can_be_read_once_are_judged():
    once = RIGHT.replace(BATCH, f"iter({BATCH[:-6]}), eta)").replace(
        UPDATE, f"{UPDATE}        mini_batch = list(mini_batch)\n"
    )
    assert once.count("iter(") == 1
    found = judged(once)
    assert found.verdict == "verified", str(found)


def test_an_sgd_without_update_mini_batch_is_said_not_to_be_judged():
    found = judged(RIGHT.replace("update_mini_batch", "move"))
    assert found.verdict == "verified"
    assert any("SGD is not judged" in words for words in found.conventions)


def test_steps_that_do_not_go_on_where_the_one_before_ended_are_refuted():
    call = "                self.update_mini_batch("
    lost = RIGHT.replace(call, f"                self.weights = [w.copy() for w in start]\n{call}")
    lost = lost.replace(SHUFFLE, f"{SHUFFLE}            start = [w.copy() for w in self.weights]\n")
    assert lost.count("start") >= 2
    found = judged(lost)
    assert found.verdict == "refuted"
    assert [trouble.kind for trouble in found.troubles] == ["update"]
    assert "does not start where the previous one ended" in found.troubles[0].said


WITHOUT_SGD = RIGHT[: RIGHT.index("    def SGD")] + RIGHT[RIGHT.index("    def update_mini_batch") :]
DOWNHILL = {"output_activations - y": "y - output_activations", "w - (eta": "w + (eta", "b - (eta": "b + (eta"}


@pytest.mark.turns(1)
def test_a_right_descent_is_verified_with_and_without_sgd_and_uphill_of_a_downhill_gradient():
    downhill = RIGHT
    for old, new in DOWNHILL.items():
        downhill = downhill.replace(old, new)
    for source in (
        RIGHT,
        WITHOUT_SGD,
        downhill,
        RIGHT.replace("output_activations - y", "2 * (output_activations - y)"),
    ):
        found = judged(source)
        assert found.verdict == "verified", str(found)
    assert judged(RIGHT).besides == []
    assert sum(judged(RIGHT).points.values()) == 4


ANSWER = "        return (nabla_b, nabla_w)\n"
MOVES = {
    "weights": "self.weights = [w - g for w, g in zip(self.weights, nabla_w)]",
    "biases": "self.biases[0] = self.biases[0] + 1",
}


@pytest.mark.parametrize("name", MOVES)
def test_a_backprop_that_moves_the_networks_own_parameters_is_blamed_and_not_the_update(name):
    (trouble,) = judged(RIGHT.replace(ANSWER, f"        {MOVES[name]}\n{ANSWER}")).troubles
    assert trouble.kind == "mutation"
    assert f"backprop changes self.{name}" in trouble.said


def test_a_backprop_that_copies_the_networks_own_parameters_is_not_blamed():
    copies = f"        self.weights = [w.copy() for w in self.weights]\n{ANSWER}"
    assert judged(RIGHT.replace(ANSWER, copies)).verdict == "verified"


VECTORS = [
    ("np.dot(delta, activations[-2].transpose())", "delta[:, None] * activations[-2]"),
    ("np.dot(delta, activations[-l - 1].transpose())", "delta[:, None] * activations[-l - 1]"),
]
ROWS = [
    ("np.dot(w, activation) + b", "np.dot(activation, w) + b"),
    ("np.dot(delta, activations[-2].transpose())", "np.dot(activations[-2].transpose(), delta)"),
    ("np.dot(delta, activations[-l - 1].transpose())", "np.dot(activations[-l - 1].transpose(), delta)"),
    ("np.dot(self.weights[-l + 1].transpose(), delta)", "np.dot(delta, self.weights[-l + 1].transpose())"),
]


def book(*changes):
    """The book's class with these lines changed."""
    source = RIGHT
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    return source


@pytest.mark.sample(1)
@pytest.mark.turns(1)
@pytest.mark.parametrize("changes", [VECTORS, ROWS], ids=["vectors", "rows"])
def test_the_descent_of_a_class_with_vectors_or_rows_is_judged(changes):
    found = judged(book(*changes))
    assert found.verdict == "verified", str(found)
    assert not [words for words in found.conventions if "not judged" in words]
    climbing = judged(book(*changes, (STEP, "[w + (eta / len(mini_batch)) * nw for")))
    assert [trouble.kind for trouble in climbing.troubles] == ["update"]
    assert "climbs" in str(climbing)
    apart = judged(book(*changes, (SHUFFLE, APART)))
    assert [trouble.kind for trouble in apart.troubles] == ["data"]


def test_a_class_of_rows_is_made_with_its_sizes():
    made = "self.num_layers = len(sizes)"
    checks = f"{made}; assert sizes[0] == 784 or max(sizes) < 50 and min(sizes) > 0; self.made = sizes"
    reads = "activations = [x]\n        assert x.shape[1] == self.made[0]"
    assert judged(book(*ROWS, (made, checks), ("activations = [x]", reads))).verdict == "verified"


OTHER_SGD = ("def SGD(self, training_data, epochs,", "def SGD(self, X, Y, epochs,")
OWN_SGD = (SHUFFLE, "            training_data = list(zip(X, Y))\n" + SHUFFLE)
OTHER_ORDER = ("training_data, epochs, mini_batch_size, eta", "training_data, epochs, eta, mini_batch_size")
REQUIRED = ("epochs, mini_batch_size, eta):", "epochs, mini_batch_size, eta, test_data):")


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize("changes", [[OTHER_SGD, OWN_SGD], [OTHER_ORDER], [REQUIRED]], ids=["X, Y", "order", "more"])
def test_where_sgd_takes_other_arguments_the_update_alone_is_judged(changes):
    found = judged(book(*changes))
    assert found.verdict == "verified", str(found)
    (said,) = [words for words in found.conventions if "not judged" in words]
    assert said.startswith("SGD(")
    climbing = judged(book(*changes, (STEP, "[w + (eta / len(mini_batch)) * nw for")))
    assert [trouble.kind for trouble in climbing.troubles] == ["update"]
    assert "climbs" in str(climbing)


MATRICES = [
    ("self.update_mini_batch(training_data[k : k + mini_batch_size], eta)",
     "self.update_mini_batch(*map(np.hstack, zip(*training_data[k : k + mini_batch_size])), eta)"),
    ("def update_mini_batch(self, mini_batch, eta):", "def update_mini_batch(self, X, Y, eta):"),
    ("for x, y in mini_batch:", "for x, y in zip(X.T[:, :, None], Y.T[:, :, None]):"),
    ("len(mini_batch)", "X.shape[1]"),
]  # fmt: skip


@pytest.mark.turns(1)
def test_where_update_mini_batch_takes_other_arguments_the_descent_is_not_judged_and_that_is_said():
    found = judged(book(*MATRICES))
    assert found.verdict == "verified", str(found)
    assert [words for words in found.conventions if "update_mini_batch(X, Y, eta)" in words]
    wrong = judged(book(*MATRICES, ("output_activations - y", "output_activations + y")))
    assert wrong.verdict == "refuted"


def test_more_arguments_that_sgd_itself_hands_on_are_no_other_signature():
    """As of the book's network2: update_mini_batch(mini_batch, eta, lmbda, n)."""
    found = judged(book(
        ("mini_batch_size], eta)", "mini_batch_size], eta, 0.0, len(training_data))"),
        ("def update_mini_batch(self, mini_batch, eta):", "def update_mini_batch(self, mini_batch, eta, lmbda, n):"),
        ("mini_batch_size, eta):", "mini_batch_size, eta, lmbda=0.0, evaluation_data=None):"),
    ))  # fmt: skip
    assert found.verdict == "verified", str(found)
    assert not [words for words in found.conventions if "not judged" in words]


def test_a_class_that_is_not_made_of_sizes_is_told_so():
    names = {"random": random, "np": np}
    exec(book(("def __init__(self, sizes):", "def __init__(self, n_in, n_out):\n        sizes = [n_in, n_out]")), names)
    with pytest.raises(
        UsageError, match=r"Network is constructed as Network\(n_in, n_out\), should be Network\(sizes\)"
    ):
        judgement(Function(names["Network"]), 20)


ALONG_THE_SUM = [(STEP, "[w - eta * nw for"), (BIAS, "[b - eta * nb for")]


@pytest.mark.turns(1)
def test_with_the_sum_declared_a_step_along_the_sum_is_right_and_one_along_the_mean_is_not():
    assert judged(book(*ALONG_THE_SUM), declared=["sum"]).verdict == "verified"
    assert judged(book(*ALONG_THE_SUM)).verdict == "refuted"
    for_the_mean = judged(RIGHT, declared=["sum"])
    assert [trouble.kind for trouble in for_the_mean.troubles] == ["update", "update"]
    assert "by −η ∂C/∂w: multiplied by 1/m; it should be w′ = w − η Σₓ ∂Cₓ/∂w" in str(for_the_mean)


OF_THE_SUM = {  # the step of the weights: the words
    "[w + eta * nw for": ": the sign is wrong: it climbs;",
    "[w - nw for": ": η is missing;",
    "[w - nw / len(mini_batch) for": ": η is missing, and multiplied by 1/m;",
    "[w - (eta ** 2) * nw for": ": η is squared;",
    "[w - 2 * eta * nw for": ": there is an extra factor of 2;",
    "[w - (eta / len(mini_batch) ** 2) * nw for": ": multiplied by 1/m²;",
    "[w - (eta * len(mini_batch)) * nw for": ": multiplied by m;",
    "[w - (eta / 3) * nw for": ": multiplied by 1/(the nominal size of a mini-batch);",
    "[w - (eta / 7) * nw for": ": multiplied by 1/(the number of all examples);",
    "[w for": ": nothing is updated;",
    "[0.9 * w - eta * nw for": "by −η ∂C/∂w; it",
}


@pytest.mark.turns(1)
@pytest.mark.sample(4)
@pytest.mark.parametrize("step", OF_THE_SUM)
def test_with_the_sum_declared_slips_of_the_update_are_named_too(step):
    found = judged(book(*ALONG_THE_SUM, ("[w - eta * nw for", step)), declared=["sum"])
    assert [trouble.kind for trouble in found.troubles] == ["update"]
    assert OF_THE_SUM[step] in str(found), str(found)


@pytest.mark.turns(1)
def test_with_the_sum_declared_sums_that_are_kept_and_examples_that_are_lost_are_named():
    last = judged(book(*ALONG_THE_SUM, ("nw + dnw for", "dnw for")), declared=["sum"])
    assert ": only the last example counts;" in str(last)
    kept = changed("not reset")[0].replace(STEP, "[w - eta * nw for").replace(BIAS, "[b - eta * nb for")
    assert "still in the sum" in str(judged(kept, declared=["sum"]))


def test_a_class_with_other_names_for_its_parameters_is_asked_to_rename_them():
    source = RIGHT.replace("self.weights", "self.W").replace("self.biases", "self.b")
    with pytest.raises(UsageError, match="has no attributes weights and biases that backprop reads") as caught:
        judged(source)
    assert "rename yours (it has W and b)" in str(caught.value)
    with pytest.raises(UsageError, match="has no attribute biases that backprop reads"):
        judged(RIGHT.replace("self.biases", "self.b"), declared=["ours"])


def test_a_class_whose_parameters_are_only_set_from_outside_is_judged():
    start, end = RIGHT.index("        self.biases"), RIGHT.index("    def SGD")
    assert judged(RIGHT[:start] + "\n" + RIGHT[end:]).verdict == "verified"
