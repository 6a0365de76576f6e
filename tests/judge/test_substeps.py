"""Two networks that take turns in each iteration of a loop, as those of a GAN."""

from pathlib import Path

import pytest

from tests.judge.corpus import assessed

GAN = """
import numpy as np
rng = np.random.default_rng(0)
def new():
    return {"W": rng.normal(size=(1, 3)), "b": np.zeros(3), "V": rng.normal(size=(3, 1)), "c": np.zeros(1)}
def forward(net, x):
    h = np.tanh(x @ net["W"] + net["b"])
    return h @ net["V"] + net["c"], (x, h)
def backward(net, d, cache):
    x, h = cache
    dh = d @ net["V"].T * (1 - h ** 2)
    g = {"W": x.T @ dh, "b": dh.sum(axis=0), "V": h.T @ d, "c": d.sum(axis=0)}
    return g, dh @ net["W"].T
def sig(s):
    return 1 / (1 + np.exp(-s))
def d_loss(D, real, fake):
    return np.mean(np.logaddexp(0, -forward(D, real)[0])) + np.mean(np.logaddexp(0, forward(D, fake)[0]))
def d_grads(D, real, fake):
    (s, one), (t, other) = forward(D, real), forward(D, fake)
    g, _ = backward(D, (sig(s) - 1) / len(real), one)
    more, _ = backward(D, sig(t) / len(fake), other)
    return {k: g[k] + more[k] for k in D}
def g_grads(G, D, z):
    fake, cache = forward(G, z)
    s, other = forward(D, fake)
    _, d = backward(D, (sig(s) - 1) / len(z), other)
    return backward(G, d, cache)[0]
def update(net, g):
    for k in net:
        net[k] -= 0.1 * g[k]
G, D = new(), new()
for step in range(50):
    real, z = rng.normal(3.0, 0.5, (4, 1)), rng.uniform(-1, 1, (4, 1))
    fake, _ = forward(G, z)
    update(D, d_grads(D, real, fake))
    z = rng.uniform(-1, 1, (4, 1))
    update(G, g_grads(G, D, z))
    if step > 40:
        break
    if step % 10 == 0:
        print(d_loss(D, real, fake))
"""


IN_A_METHOD = (
    GAN.partition("G, D = ")[0]
    + """
class Trainer:
    def __init__(self):
        self.G, self.D = new(), new()
    def train_step(self):
        real, z = rng.normal(3.0, 0.5, (4, 1)), rng.uniform(-1, 1, (4, 1))
        fake, _ = forward(self.G, z)
        update(self.D, d_grads(self.D, real, fake))
        update(self.G, g_grads(self.G, self.D, z))
        return d_loss(self.D, real, fake)
trainer = Trainer()
for step in range(50):
    print(trainer.train_step())
"""
)


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize("source", [GAN, IN_A_METHOD], ids=["in the loop", "in a method"])
@pytest.mark.parametrize(
    ("right", "wrong", "parts"),
    [
        ("", "", ["verified", "verified"]),
        ("len(fake), other)", "len(fake), one)", ["refuted", "verified"]),
        (
            "d = backward(D, (sig(s) - 1) / len(z), other)",
            "d = backward(D, (1 - sig(s)) / len(z), other)",
            ["verified", "refuted"],
        ),
        (
            "    return backward(G, d, cache)[0]",
            "    g = backward(G, d, cache)[0]\n    g['V'] = -g['V']\n    return g",
            ["verified", "refuted"],
        ),
    ],
)
def test_each_step_of_an_iteration_is_judged_by_itself(
    source: str, right: str, wrong: str, parts: list[str], tmp_path: Path
) -> None:
    assert right in source
    found = assessed(source.replace(right, wrong), tmp_path)
    assert [one["verdict"] for one in found["subjects"]] == parts
    assert found["verdict"] == ("refuted" if wrong else "verified")


@pytest.mark.turns(1)
def test_the_labels_of_one_of_the_steps_may_be_smoothed_in_its_gradient_alone(tmp_path: Path) -> None:
    """The cost has the labels 1 and 0; the fakes have no label in the gradient."""
    found = assessed(GAN.replace("(sig(s) - 1) / len(real)", "(sig(s) - 0.9) / len(real)"), tmp_path)
    assert [one["verdict"] for one in found["subjects"]] == ["verified", "verified"]
    assert any("d_loss" in note and "the labels are not smoothed" in note for note in found["notes"])


@pytest.mark.turns(1)
def test_a_loop_that_cannot_be_taken_apart_is_undecided(tmp_path: Path) -> None:
    leaving = GAN.replace("    update(D", "    if step > 40:\n        break\n    update(D")
    found = assessed(leaving, tmp_path)
    assert (found["verdict"], found["undecided"][0]) == ("undecided", "several steps are taken at once")


BY_STATEMENTS = """
import numpy as np
rng = np.random.default_rng(2)
X, T = rng.normal(size=(5, 3)), rng.normal(size=5)
u, b, v, c = rng.normal(size=3), np.zeros(1), rng.normal(size=3), np.zeros(1)
for i in range(20):
    r = X @ u + b - T
    u -= 0.1 * X.T @ r
    b -= 0.1 * r.sum()
    s = X @ v + c - (X @ u + b)
    v -= 0.1 * X.T @ s
    c -= 0.1 * s.sum()
"""


def test_several_statements_may_be_one_of_the_steps(tmp_path: Path) -> None:
    found = assessed(BY_STATEMENTS, tmp_path)
    assert [one["verdict"] for one in found["subjects"]] == ["verified", "verified"]
