"""Code that draws random numbers: other ones in each call, the same in every run."""

import json

import pytest

from tests.judge.test_submission import RIGHT, check, judged, written

ANSWER, SHUFFLE = "return (nabla_b, nabla_w)", "random.shuffle(training_data)"
CHANCE = {  # what draws: (the line, what it became)
    "noise of the loading": (ANSWER, "return (nabla_b, [w + NOISE for w in nabla_w])"),
    "the order of a set": (ANSWER, "return (nabla_b, [w + hash('w') for w in nabla_w])"),
    "a wrong shuffle": (SHUFFLE, "training_data = [random.choice(training_data) for _ in training_data]"),
    "a wrong shuffle of NumPy's": (SHUFFLE, "training_data = [training_data[i] for i in np.random.choice(7, 7)]"),
}


@pytest.mark.sample(1)
@pytest.mark.parametrize("name", CHANCE)
def test_code_that_draws_random_numbers_is_judged_alike_in_every_run(name, tmp_path):
    old, new = CHANCE[name]
    path = written(tmp_path, RIGHT.replace(old, new) + "\nNOISE = np.random.randn() + random.random()\n")
    one, other = (check(path, "--json").stdout for _ in range(2))
    assert json.loads(one)["verdict"] == "refuted"
    assert one == other


def test_code_that_draws_random_numbers_draws_others_in_each_call(tmp_path):
    noise = "return ([b + 0.001 * random.random() for b in nabla_b], nabla_w)"
    assert "gives a different answer the second time" in str(judged(written(tmp_path, RIGHT.replace(ANSWER, noise))))
