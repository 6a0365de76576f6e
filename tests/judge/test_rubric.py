"""`gradproof check --grade` and `--rubric` on whole programs: points for each array, and no answers."""

import csv
import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from gradproof.judge.rubric import A_POINT, INHERITED, Rubric, grade, load
from tests.commands import ended_here
from tests.judge.test_repair import NETWORK
from tests.judge.test_submission import IN_PYTHON_3 as BOOK
from tests.judge.test_suspects import EXAMPLE
from tests.judge.test_whole_command import NET, NOTHING, WRONG

pytestmark = pytest.mark.usefixtures("few_edits")

LATE = NET.replace("d2 = a - y", "cost = ((a - y) ** 2).sum() / 2\n        d2 = np.sin(a - y)")
UNKNOWN_COST = NET.replace("d2 = a - y", "d2 = (a - y) ** 5")
LEAKS = ("line", "should", "slope", "d2", "d1 ", "instead", "missing", "mended", "quotient", "[[", "∂")


BACKPROP = """import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def backprop(weights, biases, x, y):
    activations = [x]
    for w, b in zip(weights, biases):
        activations.append(sigmoid(w @ activations[-1] + b))
    a = activations[-1]
    delta = [(a - y) * a * (1 - a)]
    for w in weights[:0:-1]:
        delta.insert(0, w.T @ delta[0])
    m = x.shape[1]
    grad_b = [d.sum(axis=1, keepdims=True) / m for d in delta]
    return grad_b, [d @ a.T / m for d, a in zip(delta, activations)]
"""


def check(place: Path, *arguments: str) -> Any:
    return ended_here([sys.executable, "-m", "gradproof", "check", *arguments], place)


def written(place: Path, rubric: str = "", **sources: str) -> None:
    for name, source in sources.items():
        (place / f"{name}.py").write_text(source, "utf8")
    (place / "rubric.toml").write_text(f"[points]\n{rubric}", "utf8")


def document(states: dict[str, str], **inherited: bool | None) -> dict[str, Any]:
    """What the judge tells of these arrays; a wrong one has a fault."""
    parameters = [{"name": name, "state": state} for name, state in states.items()]
    subject = {"name": "Net.train(x, y)", "verdict": "refuted", "parameters": parameters}
    faults = [{"parameter": name, "inherited": known} for name, known in inherited.items()]
    return {"verdict": "refuted", "subject": subject, "subjects": [subject], "faults": faults}


def test_an_array_has_its_points_if_it_is_right_at_its_own_inputs() -> None:
    states = {"w1": "wrong", "b1": "wrong", "w2": "wrong", "b2": "right", "v": "undecided"}
    given = grade(document(states, w1=True, b1=None, w2=False), A_POINT)
    assert given.points == {"w1": 1, "b1": 0, "w2": 0, "b2": 1, "v": 0}
    assert given.of == dict.fromkeys(states, 1)
    unknown = "no partial credit could be determined"
    assert given.remarks == {"w1": INHERITED, "b1": unknown, "v": "undecided"}


def test_an_array_that_is_told_of_twice_is_right_if_both_are() -> None:
    told = document({"w": "right"}, w=True)
    told["subjects"][0]["parameters"].append({"name": "w", "state": "wrong"})
    assert grade(told, A_POINT).points == {"w": 1}
    told["faults"].append({"parameter": "w", "inherited": False})
    assert grade(told, A_POINT).points == {"w": 0}


def test_a_name_counts_before_a_pattern_and_the_first_pattern_before_the_others() -> None:
    rubric = Rubric({}, {"W*": 2, "W1": 5, "weights[*]": 3, "?": 4, "*": 1})
    states = dict.fromkeys(("W1", "W2", "weights[0]", "b", "w1"), "right")
    assert grade(document(states), rubric).points == {"W1": 5, "W2": 2, "weights[0]": 3, "b": 4, "w1": 1}
    assert grade(document({"Wx": "right", "b": "right"}), Rubric({}, {"W*": 2})).of == {"Wx": 2, "b": 0}


def test_an_array_that_is_asked_for_and_is_not_there_has_no_points() -> None:
    given = grade(document({"W1": "right"}), Rubric({}, {"W1": 1, "b1": 2, "c*": 3}))
    assert (given.points, given.of) == ({"W1": 1, "b1": 0}, {"W1": 1, "b1": 2})
    assert given.remarks == {"b1": "no such array"}
    assert given.strange == ["b1", "c*"]
    unknown = grade(document({}), Rubric({}, {"W1": 1}))
    assert (unknown.points, unknown.remarks, unknown.strange) == ({"W1": 0}, {"W1": "undecided"}, None)


def test_of_several_things_that_were_judged_each_has_its_arrays() -> None:
    told = document({"w": "right"})
    told["subjects"].append({"name": "Tanh.backward, what it returns", "verdict": "refuted"})
    told["subjects"][1]["parameters"] = [{"name": "x", "state": "wrong"}]
    assert grade(told, A_POINT).points == {"Net.train(x, y): w": 1, "Tanh.backward: x": 0}


def test_a_function_that_is_judged_on_deeper_networks_too_has_one_grade() -> None:
    told = document({"weights[0]": "wrong", "weights[1]": "right"}, **{"weights[0]": True})
    told["subject"]["name"] = "backprop"
    deeper = {"name": "backprop, for three layers", "verdict": "refuted", "parameters": []}
    deeper["parameters"] = [{"name": f"weights[{k}]", "state": "wrong"} for k in range(3)]
    told["subjects"].append(deeper)
    given = grade(told, Rubric({}, {"weights*": 1}))
    assert (given.points, given.strange) == ({"weights[0]": 1, "weights[1]": 1}, [])
    told |= {"subject": deeper, "faults": [{"parameter": "weights[1]", "inherited": False}]}
    assert list(grade(told, A_POINT).points.values()) == [0, 0, 0], "the one that shows the fault counts"


@pytest.mark.turns(1)
def test_a_backprop_function_has_one_grade_for_its_arrays(tmp_path: Path) -> None:
    written(tmp_path, '"weights*" = 1\n"biases*" = 1', bp=BACKPROP)
    ended = check(tmp_path, "bp.py", "--rubric", "rubric.toml")
    assert ended.returncode == 1
    assert ended.stdout.splitlines()[1:] == [
        "  judged: backprop",
        "weights[0]: 0 of 1",
        "weights[1]: 1 of 1",
        "biases[0]: 0 of 1",
        "biases[1]: 1 of 1",
        "2 of 4",
    ]


@pytest.mark.turns(1)
def test_a_grade_of_a_program_has_points_for_each_array_and_no_answer(tmp_path: Path) -> None:
    written(tmp_path, mine=LATE)
    plain = check(tmp_path, "mine.py", "--grade", "--junit", "a.xml", "-o", "a.html", "--script", "a.py")
    assert plain.returncode == 1
    assert plain.stdout.splitlines() == [
        "refuted: mine.py is wrong",
        "  judged: Net.train(x, y)",
        f"w1: 1 of 1 ({INHERITED})",
        f"b1: 1 of 1 ({INHERITED})",
        "w2: 0 of 1",
        "b2: 0 of 1",
        "2 of 4",
    ]
    assert "a.html is not written: it would give the answer away" in plain.stderr
    assert "a.py is not written" in plain.stderr
    assert not (tmp_path / "a.html").exists()
    told = check(tmp_path, "mine.py", "--grade", "--json").stdout
    assert json.loads(told)["points"] == {"w1": 1, "b1": 1, "w2": 0, "b2": 0}
    for text in (plain.stdout, told, (tmp_path / "a.xml").read_text("utf8")):
        assert not [leak for leak in LEAKS if leak in text], text
    assert check(tmp_path, "mine.py").stdout.count("line") > 1, "what a grade leaves out is there"


@pytest.mark.turns(1)
def test_junit_has_the_points_of_a_grade_and_fails_only_what_lost_some(tmp_path: Path) -> None:
    written(tmp_path, 'w2 = 3\n"*" = 2', mine=LATE, other=UNKNOWN_COST, book=BOOK.replace(", delta) * sp", ", delta)"))
    check(tmp_path, "mine.py", "--rubric", "rubric.toml", "--junit", "a.xml")
    assert graded(tmp_path / "a.xml") == {
        "w1": ("2", "2", ""),
        "b1": ("2", "2", ""),
        "w2": ("0", "3", "failure: 0 of 3 points"),
        "b2": ("0", "2", "failure: 0 of 2 points"),
    }
    check(tmp_path, "mine.py", "other.py", "book.py", "--grade", "--junit", "b.xml")
    of_class = graded(tmp_path / "b.xml")
    assert of_class["w1"] == ("0", "1", "skipped: undecided"), "of the last that has it"
    assert of_class["BP2"] == ("0", "1", "failure: 0 of 1 points")
    assert [of_class[name] for name in ("BP1", "BP3", "BP4")] == [("1", "1", "")] * 3


def graded(path: Path) -> dict[str, tuple[str, str, str]]:
    """Return the points, the possible points and what is told of each case."""
    found = {}
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        points, of = (one.get("value") or "" for one in case.iter("property"))
        told = [f"{one.tag}: {one.get('message')}" for one in case if one.tag != "properties"]
        found[case.get("name") or ""] = points, of, "".join(told)
    return found


@pytest.mark.turns(1)
def test_what_cannot_be_judged_is_graded_without_what_would_mend_it(tmp_path: Path) -> None:
    written(tmp_path, mine=NETWORK.replace("dZ2 @ self.W2.T", "dZ2 @ self.W2") + EXAMPLE)
    told, graded = check(tmp_path, "mine.py").stderr, check(tmp_path, "mine.py", "--grade").stderr
    assert "it is right" in told
    assert "with `" not in graded
    assert graded.startswith("gradproof: mine.py: found no step that changes parameters")


@pytest.mark.turns(1)
def test_what_is_undecided_has_no_points_and_says_so(tmp_path: Path) -> None:
    written(tmp_path, mine=UNKNOWN_COST)
    ended = check(tmp_path, "mine.py", "--grade")
    assert ended.returncode == 5
    assert "w1: 0 of 1 (undecided)" in ended.stdout.splitlines()
    assert ended.stdout.splitlines()[-1] == "0 of 4"


@pytest.mark.turns(1)
def test_a_class_is_graded_in_its_lines_its_table_and_its_document(tmp_path: Path) -> None:
    written(tmp_path, 'w1 = 4\n"w*" = 2\nb2 = 0.5\nv = 1', a=LATE, b=WRONG, c=NOTHING, d=NET.replace("w1", "v"))
    ended = check(tmp_path, "a.py", "b.py", "c.py", "d.py", "--rubric", "rubric.toml", "--csv", "a.csv", "-o", "pages")
    assert ended.returncode == 1
    first, second, third, fourth, *_ = ended.stdout.splitlines()
    no_v = "v 0 (no such array)"
    assert first == f"a.py: refuted (4 of 7.5): w1 4 ({INHERITED}), b1 0 ({INHERITED}), w2 0, b2 0, {no_v}"
    assert second == f"b.py: refuted (2.5 of 7.5): w1 0, b1 0, w2 2, b2 0.5, {no_v}"
    assert third.startswith("c.py: not judged: found no step")
    assert fourth.startswith("d.py: verified (3.5 of 7.5): ")
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text("utf8").splitlines()))
    assert [row["points"] for row in rows] == ["4 of 7.5", "2.5 of 7.5", "", "3.5 of 7.5"]
    index = (tmp_path / "pages/index.html").read_text("utf8")
    assert "4 of 7.5" in index
    assert [path.name for path in (tmp_path / "pages").iterdir()] == ["index.html"]
    assert ".py.html" not in index, "no page that a grade leaves out is linked"


@pytest.mark.turns(1)
def test_what_fits_no_array_of_any_submission_is_one_line_with_code_2(tmp_path: Path) -> None:
    written(tmp_path, '"x*" = 1\nw1 = 1\nb9 = 2', a=NET, b=WRONG)
    alone = check(tmp_path, "a.py", "--rubric", "rubric.toml")
    assert (alone.returncode, alone.stdout) == (2, "")
    said = "gradproof: rubric.toml: x*, b9 fits no array that was judged"
    assert alone.stderr == f"{said}; the arrays are w1, b1, w2, b2\n"
    both = check(tmp_path, "a.py", "b.py", "--rubric", "rubric.toml")
    assert (both.returncode, both.stderr) == (2, f"{said}\n")
    assert len(both.stdout.splitlines()) == 3, "the class is told all the same"


@pytest.mark.turns(1)
def test_a_rubric_decides_how_a_backprop_is_graded(tmp_path: Path) -> None:
    written(tmp_path, '"weights*" = 1\n"biases*" = 1', book=BOOK, net=NET)
    arrays = check(tmp_path, "book.py", "--rubric", "rubric.toml", "--json")
    assert set(json.loads(arrays.stdout)["of"]) >= {"weights[0]", "biases[0]"}
    assert list(json.loads(check(tmp_path, "book.py", "--grade", "--json").stdout)["of"]) == [
        "BP1",
        "BP2",
        "BP3",
        "BP4",
    ]
    module = check(tmp_path, "book:Network", "--rubric", "rubric.toml")
    assert (module.returncode, module.stdout) == (2, "")
    assert module.stderr == "gradproof: book is judged by equations, and rubric.toml has points for none\n"
    written(tmp_path, "BP1 = 1")
    other = check(tmp_path, "net.py", "--rubric", "rubric.toml")
    assert (other.returncode, other.stdout) == (3, "")
    assert "there is neither a function backprop" in other.stderr


def test_a_file_may_have_points_for_equations_and_arrays(tmp_path: Path) -> None:
    written(tmp_path, 'BP1 = 2\nW1 = 3\n"*" = 1')
    rubric = load(str(tmp_path / "rubric.toml"))
    assert rubric.equations == {"BP1": 2, "BP2": 0, "BP3": 0, "BP4": 0}
    assert rubric.arrays == {"W1": 3, "*": 1}
    assert set(A_POINT.equations.values()) == set(A_POINT.arrays.values()) == {1}


SLOPE = LATE.replace("a = self.w2 @ h + self.b2", "a = 1 / (1 + np.exp(-(self.w2 @ h + self.b2)))")
SLOPE = SLOPE.replace("d2 = np.sin(a - y)", "d2 = (a - y) * a")


@pytest.mark.turns(1)
def test_partial_credit_does_not_depend_on_whether_the_cost_is_declared(tmp_path: Path) -> None:
    written(tmp_path, "", mine=SLOPE)
    for options in ([], ["--cost", "quadratic"]):
        assert check(tmp_path, "mine.py", "--grade", *options).stdout.splitlines()[-1] == "2 of 4", options


@pytest.mark.parametrize("name", ["BP5", "bp1", "BP12", '"BP-1"'])
def test_a_misspelt_equation_is_no_array(name: str, tmp_path: Path) -> None:
    written(tmp_path, f"BP1 = 1\n{name} = 2", mine=NET)
    ended = check(tmp_path, "mine.py", "--rubric", "rubric.toml")
    assert ended.returncode == 2
    assert f"{name.strip(chr(34))} is not an equation" in ended.stderr
