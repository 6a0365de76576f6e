"""What a class's own descent does wrong: to its mini-batches, and to the parameters they move."""

import pytest

from tests.judge.descents import CHANGED, RIGHT, STEP, changed, judged


def in_float32(source):
    """The book's class with every number in float32, as a GPU's habit leaves it."""
    source = source.replace(
        "return (nabla_b, nabla_w)", "return [g.astype('f4') for g in nabla_b], [g.astype('f4') for g in nabla_w]"
    )
    assert source.count("astype") == 2
    return source


def test_a_float32_class_has_its_update_judged_too():
    assert judged(in_float32(RIGHT)).verdict == "verified"
    climbing = judged(in_float32(RIGHT).replace(STEP, "[w + (eta / len(mini_batch)) * nw for"))
    assert climbing.verdict == "refuted"
    assert "climbs" in climbing.troubles[0].said


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


WITHOUT_SGD = RIGHT[: RIGHT.index("    def SGD")] + RIGHT[RIGHT.index("    def update_mini_batch") :]
DOWNHILL = {"output_activations - y": "y - output_activations", "w - (eta": "w + (eta", "b - (eta": "b + (eta"}


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
