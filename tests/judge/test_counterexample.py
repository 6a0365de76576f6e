"""The small numbers that show a fault are those that the program computes, and the right ones beside them are right."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradproof.exact.run import UndecidedError
from gradproof.judge import wording
from gradproof.judge.assessment import assess
from gradproof.judge.find.numbers import ROUND_NUMBERS
from gradproof.judge.lines import counterexample
from tests.judge.corpus import HERE, without_repairs
from tests.judge.test_causes import told
from tests.judge.test_repair import NETWORK
from tests.judge.test_whole_command import MADE, NET, TRAINED, WRONG

pytestmark = pytest.mark.usefixtures("few_edits")

SCRIPT = """import numpy as np
np.random.seed(1)
x = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
t = np.array([[1.0], [1.0], [0.0]])
w1 = np.random.randn(2, 3)
w2 = np.random.randn(3, 1)
for epoch in range(100):
    h = np.tanh(x @ w1)
    a = h @ w2
    loss = ((a - t) ** 2).sum()
    da = 2 * (a - t)
    dh = da @ w2.T
    dz = dh * (1 - h)
    w2 -= 0.1 * h.T @ da
    w1 -= 0.1 * x.T @ dz
"""


def as_arrays(shown: dict[str, Any], part: str, key: str = "value") -> dict[str, Any]:
    return {one["name"]: np.array(one[key]) for one in shown[part]}


def trained(source: str, given: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """What the parameters of this class are after one step in float64."""
    names: dict[str, Any] = {}
    exec(source, names)
    net = names["Net"](given["w1"].shape[1], *given["w2"].shape[::-1])
    for name, value in given.items():
        setattr(net, name, value.copy())
    net.train(data["x"], data["y"])
    return {name: getattr(net, name) for name in given}


def quotient(cost: Callable[[dict[str, Any]], float], given: dict[str, Any], name: str, h: float = 1e-6) -> Any:
    """∂C/∂θ of one array by central differences."""
    result = np.zeros(given[name].shape)
    for place in np.ndindex(result.shape):
        ends = []
        for sign in (1, -1):
            there = {key: value.copy() for key, value in given.items()}
            there[name][place] += sign * h
            ends.append(cost(there))
        result[place] = (ends[0] - ends[1]) / (2 * h)
    return result


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found: dict[str, Any] = told(WRONG + TRAINED, tmp_path_factory.mktemp("wrong"))["counterexample"]
    return found


def test_the_program_itself_moves_by_the_numbers_that_are_told_and_the_quotients_of_its_cost_say_the_others(
    shown: dict[str, Any],
) -> None:
    given, data = as_arrays(shown, "parameters"), as_arrays(shown, "data")
    after = trained(WRONG, given, data)

    def cost(p: dict[str, Any]) -> float:
        a = p["w2"] @ np.tanh(p["w1"] @ data["x"] + p["b1"]) + p["b2"]
        return float(0.5 * ((a - data["y"]) ** 2).sum())

    for one in shown["parameters"]:
        name = one["name"]
        np.testing.assert_allclose(after[name] - given[name], one["moved"], atol=1e-12)
        np.testing.assert_allclose(-0.1 * quotient(cost, given, name), one["should_be"], atol=1e-8)
        assert (one["state"] == "right") == (name in ("w2", "b2"))
        assert (one["state"] == "right") == np.allclose(one["moved"], one["should_be"], atol=1e-12)


def test_beside_each_wrong_line_stands_what_the_right_program_computes(shown: dict[str, Any]) -> None:
    right = trained(NET, as_arrays(shown, "parameters"), as_arrays(shown, "data"))
    lines = {line["name"]: line for line in shown["backward"]}
    assert [name for name, line in lines.items() if line["state"] == "wrong"] == ["d1"]
    assert [name for name, line in lines.items() if line["state"] == "follows"] == ["w1", "b1"]
    for name in ("w1", "b1"):
        np.testing.assert_allclose(lines[name]["should_be"], right[name], atol=1e-12)
        assert not np.allclose(lines[name]["value"], right[name], atol=1e-6)
    assert all(line["should_be"] is None for line in lines.values() if line["state"] == "right")
    assert [(line["name"], line["place"]) for line in shown["forward"]] == [("h", "line 12"), ("a", "line 13")]


def test_the_numbers_are_round_and_few(shown: dict[str, Any]) -> None:
    """The example of the file has 4, 5 and 3 neurons and six examples."""
    given, data = as_arrays(shown, "parameters"), as_arrays(shown, "data")
    assert sum(array.size for array in given.values()) <= 5
    assert data["x"].shape[1] <= 2
    assert {x for array in (*given.values(), data["x"]) for x in array.flat} <= {*ROUND_NUMBERS}
    assert set(data["y"].flat) <= {0.0, 1.0}


@pytest.mark.turns(1)
def test_in_words_they_are_a_few_lines_with_the_element_that_is_wrong(tmp_path: Path) -> None:
    found = told(WRONG + TRAINED, tmp_path)
    said = wording.lines(found, "mine.py")
    begin = said.index("  small numbers that show it:")
    *numbers, last = wording.by_hand(found["counterexample"])[1:]
    assert said[begin + 1 : begin + 1 + len(numbers) + 1] == [*numbers, last]
    assert len(numbers) <= wording.MOST
    assert all(f"{name} = [[" in " ".join(numbers) for name in ("w1", "b1", "w2", "b2", "x", "y"))
    element, moved, right = last.strip().replace(" moves by ", "|").replace(", should move by ", "|").split("|")
    (one,) = (one for one in found["counterexample"]["parameters"] if one["name"] == element.rpartition("[")[0])
    assert float(moved) in [float(f"{x:.6g}") for x in np.ravel(one["moved"])]
    assert float(right) in [float(f"{x:.6g}") for x in np.ravel(one["should_be"])]


@pytest.mark.turns(1)
def test_where_nothing_is_right_two_numbers_are_told_that_follow_no_one_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_repairs(monkeypatch)  # with a correction its rate is known
    wrong = NETWORK.replace("sigmoid_prime(Z2)", "sigmoid_prime(A2)")
    source = wrong + "\nnet = Net(3, 4, 2)\nnet.train(np.random.randn(6, 3), np.random.rand(6, 2))\n"
    found = told(source, tmp_path)
    shown = found["counterexample"]
    assert {one["state"] for one in shown["parameters"]} == {"wrong"}
    assert all(one["should_be"] is None for one in shown["parameters"])
    assert shown["said"].endswith(": no single rate gives both")
    ratios = []
    for part in shown["said"].split("; "):
        element, rest = part.split(" moves by ")
        moved, ratio = rest.split(" ∂C")[0].split(", which is ")
        (one,) = (one for one in shown["parameters"] if one["name"] == element.rpartition("[")[0])
        place = tuple(map(int, element.rpartition("[")[2].rstrip("]").split(", ")))
        assert float(moved) == pytest.approx(np.array(one["moved"])[place], rel=1e-5)
        assert float(ratio) == pytest.approx(float(moved) / np.array(one["gradient"])[place], rel=1e-5)
        ratios.append(float(ratio))
    assert ratios[0] != pytest.approx(ratios[1], rel=1e-3)


@pytest.mark.turns(1)
def test_of_a_step_uphill_one_number_is_told_since_all_move_alike(tmp_path: Path) -> None:
    shown = told(SCRIPT.replace("(1 - h)", "(1 - h ** 2)").replace("-= 0.1", "+= 0.1"), tmp_path)["counterexample"]
    assert "; " not in shown["said"]
    assert "gives both" not in shown["said"]
    assert ", which is 0.1 ∂C/∂" in shown["said"]


@pytest.mark.turns(1)
def test_a_script_has_its_own_widths_and_data_with_round_parameters(tmp_path: Path) -> None:
    shown = told(SCRIPT, tmp_path)["counterexample"]
    given, data = as_arrays(shown, "parameters"), as_arrays(shown, "data")
    assert {name: array.shape for name, array in given.items()} == {"w1": (2, 3), "w2": (3, 1)}
    assert {x for array in given.values() for x in array.flat} <= {*ROUND_NUMBERS}
    assert data["x"].tolist() == [[0, 1], [1, 0], [1, 1]]
    assert data["t"].tolist() == [[1], [1], [0]]
    assert [line["name"] for line in shown["forward"]] == ["h", "a", "loss"]


@pytest.mark.turns(1)
def test_of_a_layer_it_is_what_the_layer_gives_back(tmp_path: Path) -> None:
    shown = told((HERE / "programs/open/c27_modular_batchnorm.py").read_text("utf8"), tmp_path)["counterexample"]
    assert shown["gives"]
    assert {x for one in shown["data"] for x in np.ravel(one["value"])} <= {*ROUND_NUMBERS}
    assert [one["name"] for one in shown["data"]] == ["dout"]
    name, is_now, should = shown["said"].replace(" is ", "|").replace(", should be ", "|").split("|")
    (one,) = (one for one in shown["parameters"] if one["name"] == name.rpartition("[")[0])
    assert float(is_now) in [float(f"{x:.6g}") for x in np.ravel(one["moved"])]
    assert float(should) in [float(f"{x:.6g}") for x in np.ravel(one["gradient"])]


@pytest.mark.turns(1)
@pytest.mark.parametrize("name", ["04_class_relu_softmax_fused.py", "c16_functions_dict_relu_mask.py"])
def test_arrays_are_called_what_the_report_and_the_margin_call_them(tmp_path: Path, name: str) -> None:
    """The small numbers are those of other objects, and of one example ∂C/∂z is ∂C/∂b."""
    found = told((HERE / "programs/open" / name).read_text("utf8"), tmp_path)
    shown = found["counterexample"]
    assert [one["name"] for one in shown["parameters"]] == [one["name"] for one in found["parameters"]]
    assert shown["said"].startswith(tuple(one["name"] for one in found["parameters"]))
    margin: dict[Any, set[str]] = {}
    for line in found["lines"]:
        margin.setdefault((line["line"], line["name"]), set()).add(line["label"].lstrip("−"))
    for line in shown["backward"]:
        others = margin.get((line["line"], line["name"]), set())
        assert line["state"] != "right" or not others or line["label"].lstrip("−") in others


@pytest.mark.turns(1)
def test_the_data_of_a_function_are_x_and_y(tmp_path: Path) -> None:
    found = told((HERE / "programs/threads/05_dlai402919_dW2_for_W2.py").read_text("utf8"), tmp_path)
    assert [one["name"] for one in found["counterexample"]["data"]] == ["x", "y"]


@pytest.mark.turns(1)
def test_what_is_right_has_none(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(NET + MADE, "utf8")
    assert assess(str(tmp_path / "mine.py"))["counterexample"] is None


@pytest.mark.turns(1)
def test_no_more_is_computed_than_a_verdict_has_time_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counterexample, "NUMBERS", -1)
    assert told(WRONG + TRAINED, tmp_path)["counterexample"] is None


@pytest.mark.turns(1)
def test_what_is_seen_nowhere_costs_a_bounded_number_of_runs_and_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []

    def undecided(*arguments: Any, **options: Any) -> Any:
        runs.append(arguments)
        raise UndecidedError("a tie")

    monkeypatch.setattr(counterexample, "observe", undecided)
    found = told(WRONG + TRAINED, tmp_path)
    assert found["counterexample"] is None
    assert "small numbers" not in "\n".join(wording.lines(found, "mine.py"))
    assert 4 <= len(runs) <= 60
