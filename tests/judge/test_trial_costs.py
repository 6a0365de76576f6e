"""A gradient is named after the cost that it is of: every cost of the table, by rows and by columns, and no other."""

from typing import Any

import numpy as np
import pytest

from gradproof.exact.arrays import array_of, exact
from gradproof.exact.loading import run_source
from gradproof.exact.numbers import number, variable
from gradproof.exact.run import Run, running
from gradproof.judge.trial.costs import NamedCost, name_costs, outputs_and_labels

pytestmark = pytest.mark.usefixtures("few_edits")

M, K = 3, 4  # examples, outputs
# name: (output of z, labels, the gradient by z of the sum, written out)
GRADIENTS = {
    "quadratic": ("np.tanh(z)", "real", "2 * (a - y) * (1 - a * a)"),
    "cross-entropy": ("np.exp(z) / np.exp(z).sum(axis=AXIS, keepdims=True)", "hot", "a - y"),
    "binary cross-entropy": ("1 / (1 + np.exp(-z))", "hot", "a - y"),
    "binary cross-entropy of logits": ("z", "hot", "1 / (1 + np.exp(-a)) - y"),
    "absolute error": ("np.tanh(z)", "real", "np.sign(a - y) * (1 - a * a)"),
    "Huber": ("z", "real", "np.where(np.abs(a - y) <= 1, a - y, np.sign(a - y))"),
    "log-cosh": ("z", "real", "np.tanh(a - y)"),
    "Poisson": ("np.exp(z)", "count", "a - y"),
    "hinge": ("z", "signs", "np.where(1 - y * a > 0, -y, 0)"),
    "hinge of labels 0 and 1": ("z", "hot", "np.where(1 - (2 * y - 1) * a > 0, 1 - 2 * y, 0)"),
    "softmax cross-entropy of logits": ("z", "hot", "np.exp(a) / np.exp(a).sum(axis=AXIS, keepdims=True) - y"),
    "hinge between classes": (
        "z",
        "hot",
        "(1 - y) * (1 + a > (y * a).sum(axis=AXIS, keepdims=True))"
        " - y * ((1 - y) * (1 + a > (y * a).sum(axis=AXIS, keepdims=True))).sum(axis=AXIS, keepdims=True)",
    ),
}


def labels_of(kind: str, axis: int, rng: Any) -> Any:
    rows = {
        "real": rng.normal(size=(M, K)),
        "hot": np.eye(K)[[1, 0, 3]],
        "count": rng.integers(0, 5, size=(M, K)).astype(float),
        "signs": rng.choice([-1.0, 1.0], size=(M, K)),
    }[kind]
    return rows if axis == 1 else rows.T


def named(name: str, axis: int, scale: str = "1", decay: str = "0", labels: Any = None) -> list[NamedCost]:
    """What the gradient of that cost of a layer w x + b is called."""
    output, kind, slope = GRADIENTS[name]
    rng = np.random.default_rng([axis, len(name)])
    y = labels_of(kind, axis, rng)
    wx, turned = ("x @ w", "x.T @ d") if axis == 1 else ("w @ x", "d @ x.T")
    source = f"""
import numpy as np
AXIS = {axis}
z = {wx} + b
a = {output}
d = ({slope}) * {scale}
gradients = [(w, {turned} + {decay} * w), (b, d.sum(axis={1 - axis}, keepdims=True))]
"""
    shapes = ((5, K), (1, K)) if axis == 1 else ((K, 5), (K, 1))
    w, b = (array_of([variable(v) for v in rng.normal(size=shape).ravel()], shape) for shape in shapes)
    with running(Run()):
        x = exact(rng.normal(size=(M, 5) if axis == 1 else (5, M)))
        names = run_source(source, "<layer>", {"w": w, "b": b, "x": x, "y": exact(y)})
        return name_costs(names["a"], y if labels is None else labels, names["gradients"])


@pytest.mark.parametrize("axis", [0, 1], ids=["columns", "rows"])
@pytest.mark.parametrize("name", GRADIENTS)
def test_each_cost_of_the_table_is_named_by_its_gradient_and_no_other_is(name: str, axis: int) -> None:
    found = named(name, axis)
    assert {cost.name for cost in found} == {name}
    assert (found[0].factor, found[0].over) == (1, 1)


@pytest.mark.parametrize(
    ("scale", "factor", "over", "said"),
    [
        ("0.5", 0.5, 1, "quadratic, ½ Σ(a − y)²"),
        ("1 / 3", 1.0, M, "quadratic, Σ(a − y)² / 3"),
        ("0.5 / 3", 0.5, M, "quadratic, ½ Σ(a − y)² / 3"),
        ("1 / 12", 1.0, M * K, "quadratic, Σ(a − y)² / 12"),
        ("-1", -1.0, 1, "quadratic, −Σ(a − y)²"),
        ("0.1", 0.1, 1, "quadratic, 0.1 Σ(a − y)²"),
    ],
)
def test_factor_and_mean_are_told(scale: str, factor: Any, over: int, said: str) -> None:
    (found,) = named("quadratic", 1, scale)
    assert (found.factor, found.over) == (factor, over)
    assert str(found) == said


def test_weight_decay_beside_the_cost_is_told() -> None:
    (found,) = named("binary cross-entropy", 0, decay="0.25")
    assert "weight decay 0.25" in str(found)


def test_whole_numbers_are_classes() -> None:
    for axis in (0, 1):
        found = named("softmax cross-entropy of logits", axis, labels=np.array([1, 0, 3]))
        assert [cost.name for cost in found] == ["softmax cross-entropy of logits"]


def test_the_gradient_of_none_of_them_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GRADIENTS, "cubes", ("z", "real", "3 * (a - y) ** 2"))
    assert named("cubes", 0) == []
    assert named("quadratic", 0, "x.sum()")  # a factor, whatever it is made of …
    assert named("quadratic", 0, "np.abs(a)") == []  # … but not one for each element


def test_a_comparison_that_the_table_makes_or_refuses_is_none_of_the_subjects() -> None:
    w = array_of([variable(v) for v in (1.0, 0.25, 2.0)], (3,))
    with running(Run()) as run:
        y = exact(np.array([1.0, 0.5, 0.0]))  # |a − y| has a tie
        assert "quadratic" in {cost.name for cost in name_costs(w, y, [(w, 2 * (w - y))])}
        assert not run.notes
        assert not run.outcomes


def test_of_a_single_output_only_the_factor_tells() -> None:
    w, v = variable(0.75), variable(0.5)
    with running(Run()):
        costs = [set(name_costs(x * 1, 0.25, [(x, 0.5 * (x - number("0.25")))])) for x in (w, v)]
    assert len(costs[0]) > 1
    assert {cost.name for cost in costs[0] & costs[1]} == {"quadratic", "Huber"}


def test_outputs_and_labels_are_the_sides_of_a_difference() -> None:
    w = array_of([variable(v) for v in (0.5, 2.0, -1.0)], (3,))
    source = "h = 1 - w\nd = y - h\np = h * 1\np[[2]] -= 1"
    with running(Run()):
        y = exact(np.array([3.0, 4.0, 5.0]))
        names = run_source(source, "<step>", {"w": w, "y": y})
        pairs = list(outputs_and_labels([*names["d"], *names["p"]]))
    found = [([float(x.value.mid()) for x in o], [float(x.value.mid()) for x in t]) for o, t in pairs]
    assert ([0.5, -1.0, 2.0], [3.0, 4.0, 5.0]) in found
    assert ([2.0], [1.0]) in found
