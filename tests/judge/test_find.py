"""What is found in a program: parameters, places that hold numbers, roles of names, lines."""

import ast
import json
import random
import re
import sys
import types
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradproof.errors import DataError
from gradproof.exact.arrays import ExactArray
from gradproof.exact.numbers import Number
from gradproof.exact.run import Run, running
from gradproof.judge.assessment import assess
from gradproof.judge.find import examples
from gradproof.judge.find.calls import constructions
from gradproof.judge.find.dependence import Held, stepped
from gradproof.judge.find.exploration import Explored
from gradproof.judge.find.instruments import Instruments
from gradproof.judge.find.namespace import slots, variables
from gradproof.judge.find.numbers import constants
from gradproof.judge.find.program import WATCH, parsed, read_program, with_small_numbers
from gradproof.judge.find.roles import named_as_cost, named_as_parameter, role_of, stem
from gradproof.judge.find.scene import Scene
from gradproof.judge.find.search import search
from gradproof.judge.loading import in_python_3
from gradproof.judge.trial.execution import InexactError
from tests.exact.calling import FOLDERS
from tests.judge.corpus import assessed, without_repairs
from tests.judge.planted import planted, right

PROGRAMS = sorted(path for folder in FOLDERS for path in folder.glob("*.py"))
MODULE = "mine"

# ---- parameters -----------------------------------------------------------------------------------------------------

STEP = """
h = np.tanh(w @ point + b)
miss = v @ h - goal
back = (v.T @ miss) * (1 - h * h)
{first}
{second}
{third}
"""
PLAIN = ("v = v - 0.1 * (miss @ h.T)", "b -= 0.1 * back.sum(axis=1, keepdims=True)", "w -= 0.1 * (back @ point.T)")
CARRIED = {  # a line of the step, and what it begins with: none of it is a parameter
    "a velocity": ("speed = 0.9 * speed - 0.1 * (back @ point.T)", "speed", (4, 3)),
    "a sum of gradients": ("kept = kept + back @ point.T", "kept", (4, 3)),
    "a sum of squares": ("squares = squares + (back @ point.T) ** 2", "squares", (4, 3)),
    "a sum of losses": ("total = total + np.sum(miss * miss)", "total", ()),
    "the activation of the step before": ("last = h", "last", (4, 5)),
    "an activation through a loop": ("for _ in range(2): inner = np.tanh(v.T @ (v @ h)) + inner * 0", "inner", (4, 5)),
    "a residual sum": ("stream = stream + v.T @ miss", "stream", (4, 5)),
    "a running mean": ("mean = 0.9 * mean + 0.1 * h", "mean", (4, 5)),
    "a count": ("count = count + 1", "count", ()),
}


def held(names: Mapping[str, Any]) -> dict[str, Held]:
    return {slot.path: Held(slot.shape, slot.numbers) for slot in slots(names, MODULE)}


def moved(source: str, shapes: Mapping[str, tuple[int, ...]], before: str = "") -> list[str]:
    """Which names are told to be parameters that these lines move; in random order of their names."""
    rng = np.random.default_rng(len(source))
    with running(Run(64, seed=0, exploring=True)):
        names: dict[str, Any] = {name: constants(rng.normal(size=shape)) for name, shape in shapes.items()}
        names = {name: array.item() if array.shape == () else array for name, array in names.items()}
        scope = names | {"np": np}
        exec(before, scope)
        now = held({name: scope[name] for name in names})
        start = Number(constants(0.0).item().value).index
        exec(source, scope)
        return stepped(now, held({name: scope[name] for name in names}), start)


SHAPES: dict[str, tuple[int, ...]] = {"w": (4, 3), "b": (4, 1), "v": (2, 4), "point": (3, 5), "goal": (2, 5)}


@given(
    st.permutations(sorted(SHAPES)),
    st.permutations(PLAIN),
    st.lists(st.sampled_from(sorted(CARRIED)), unique=True, max_size=4),
)
def test_a_parameter_is_told_from_what_is_carried_summed_and_kept(order, updates, kept) -> None:
    first, second, third = updates
    source = STEP.format(first=first, second=second, third=third)
    shapes = {name: SHAPES[name] for name in order}
    for what in kept:
        line, name, shape = CARRIED[what]
        shapes[name] = shape
        source += line + "\n"
    assert sorted(moved(source, shapes)) == ["b", "v", "w"], (kept, source)


@pytest.mark.parametrize("rule", ["w += speed", "w = w + speed", "w -= -speed", "w[...] = w + speed"])
def test_what_moves_a_parameter_by_its_velocity_is_none_itself(rule: str) -> None:
    line, name, shape = CARRIED["a velocity"]
    source = STEP.format(first=line, second=rule, third=PLAIN[0])
    assert sorted(moved(source, SHAPES | {name: shape})) == ["v", "w"]


def test_a_single_number_with_the_name_of_a_velocity_is_a_parameter_where_it_acts_on_its_own_step() -> None:
    line = "err = m * point + c - goal\nm = m - 0.1 * np.mean(err * point)\nc = c - 0.1 * np.mean(err)\n"
    assert sorted(moved(line, {"m": (), "c": (), "point": (5,), "goal": (5,)})) == ["c", "m"]
    line = "m = 0.9 * m + np.mean(v * point - goal)\nv = v - 0.1 * m\n"
    assert sorted(moved(line, {"m": (), "v": (), "point": (5,), "goal": (5,)})) == ["v"]


def test_a_single_number_with_the_name_of_an_activation_is_a_parameter_where_others_are_moved_by_it() -> None:
    shapes: dict[str, tuple[int, ...]] = {"a": (), "b": (), "t": (), "point": (5,), "goal": (5,)}
    line = "miss = a * point + b - goal\na = a - 0.1 / t * np.mean(miss * point)\nb = b - 0.1 * np.mean(miss) / t\n"
    assert sorted(moved(line + "t = t + 1\n", shapes)) == ["a", "b"]


def test_a_gradient_that_is_carried_back_through_time_is_no_parameter() -> None:
    line = "dc = goal + dc_next\ndh_next = w.T @ dc + 0 * dh_next\ndc_next = dc * gate\n"
    shapes = {"goal": (4, 1), "dc_next": (4, 1), "dh_next": (4, 1), "w": (4, 4), "gate": (4, 1)}
    assert moved(line, shapes) == []


def test_a_copy_of_the_parameters_is_none_itself() -> None:
    source = STEP.format(first=PLAIN[0], second=PLAIN[1], third=PLAIN[2])
    for copied, shapes in (("best", {"best": (4, 3)} | SHAPES), ("other", SHAPES | {"other": (4, 3)})):
        assert sorted(moved(source + f"{copied} = w.copy()\n", shapes, f"{copied} = w.copy()\n")) == ["b", "v", "w"]


@given(st.permutations(PLAIN))
def test_the_update_of_one_layer_is_no_whole_step(updates) -> None:
    """What one update moves is no step where what it follows from was computed before it began."""
    before = STEP.format(first="", second="", third="")
    assert moved(updates[0], SHAPES, before) == []
    assert sorted(moved("\n".join(updates), SHAPES, before)) == []


@pytest.mark.parametrize("places", ["image[0] += 1", "image[1, 2] += 1", "image[:, 3] *= 2"])
@pytest.mark.parametrize("row", [0, 17])
def test_what_is_changed_through_a_view_of_it_affects_no_other_array(places: str, row: int) -> None:
    assert moved(places, {"images": (18, 4, 4), "image": ()}, before=f"image = images[{row}]") == []


MADE = {  # how a program begins, and the parameters that its first step moves
    "rows of a list like [0.0] * n": (
        """
w = [[0.3, -0.2], [0.1, 0.5], [0.7, -0.6]]
c = [[0.0] * 2 for _ in range(3)]
def train(x, t):
    for j in range(2):
        a = sum(x[i] * w[i][j] for i in range(3))
        for i in range(3):
            c[i][j] = 0.1 * (t[j] - a) * x[i] + 0.5 * c[i][j]
            w[i][j] += c[i][j]
for turn in range(3):
    for x, t in [([0.4, 1.0, -2.0], [1.0, 0.0])]:
        train(x, t)
""",
        ["w[0]", "w[1]", "w[2]"],
    ),
    "velocities of single numbers": (
        """
import numpy as np
class Net:
    def __init__(self):
        self.W, self.cW = np.array([[0.3], [0.5]]), np.zeros((2, 1))
        self.b, self.cb = np.zeros(1), np.zeros(1)
net = Net()
for turn in range(3):
    x = np.array([0.4, -1.5])
    a = np.tanh(x @ net.W + net.b)
    d = (a - 1.0) * (1 - a ** 2)
    net.cW = 0.9 * net.cW - 0.1 * np.outer(x, d)
    net.cb = 0.9 * net.cb - 0.1 * d
    net.W += net.cW
    net.b += net.cb
""",
        ["net.W", "net.b"],
    ),
    "rows that are normalised": (
        """
w = [0.3, -0.2]
points = [[1.5, 2.5, 1], [0.5, 7.5, 0], [2.5, 1.5, 0], [3.5, 4.5, 1]]
low = [min(row[i] for row in points) for i in range(2)]
high = [max(row[i] for row in points) for i in range(2)]
for row in points:
    for i in range(2):
        row[i] = 2 * (row[i] - low[i]) / (high[i] - low[i]) - 1
for turn in range(3):
    for row in points:
        error = sum(a * b for a, b in zip(w, row)) - row[2]
        for i in range(2):
            w[i] -= 0.1 * error * row[i]
""",
        ["w"],
    ),
    "outputs of scalars in a list": (
        """
class Value:
    def __init__(self, data):
        self.data = data
w = [[Value(0.3), Value(-0.2)], [Value(0.5), Value(0.9)]]
def forward(x):
    for turn in range(2):
        x = [Value(x[0].data * w[turn][0].data + x[1].data * w[turn][1].data) for _ in range(2)]
    return x[0].data
for turn in range(3):
    error = forward([Value(0.4), Value(1.5)]) - 1.0
    for row in w:
        for one in row:
            one.data -= 0.1 * error * one.data
""",
        ["w[0][0].data", "w[0][1].data", "w[1][0].data", "w[1][1].data"],
    ),
}


@pytest.mark.parametrize("name", MADE)
def test_the_first_step_moves_the_parameters_and_nothing_before_it_does(name: str, tmp_path: Path) -> None:
    source, parameters = MADE[name]
    (tmp_path / "mine.py").write_text(source, "utf8")
    (subject,) = search(read_program(str(tmp_path / "mine.py"))).subjects
    assert subject.explored.step is not None
    assert list(subject.explored.step.parameters) == parameters


@pytest.mark.parametrize(
    ("made", "first"), [("Net([2, 7, 1])", "Net([4, 5, 1])"), ("Net([2, 1, 3])", "Net([4, 5, 3])")]
)
def test_a_network_has_one_output_where_its_file_makes_it_so(made: str, first: str) -> None:
    tree = ast.parse(f"class Net:\n    def __init__(self, sizes):\n        self.sizes = sizes\nnet = {made}\n")
    assert isinstance(tree.body[0], ast.ClassDef)
    assert next(constructions(tree.body[0], tree)) == first


def test_of_a_long_text_a_small_program_learns_the_first_letters() -> None:
    tree = ast.parse(f"text = {'ab' * 40!r}\nname = {'cd' * 40!r}\n")
    assert [node.value.value for node in with_small_numbers(tree, 3).body] == ["ab" * 8, "cd" * 40]


@pytest.mark.parametrize(
    ("length", "letters", "moments"),
    [("seq_length = 25", 16, 4), ("seq_length, n = 30, 2", 16, 4), ("length = 20", 22, 20), ("T = 12; n = 12", 16, 12)],
)
def test_a_small_program_reads_short_sequences_from_a_text_that_is_long_enough(
    length: str, letters: int, moments: int
) -> None:
    """A number that stands there twice may mean something else the second time."""
    small = with_small_numbers(ast.parse(f"data = {'ab' * 40!r}\n{length}\n"), 3)
    names: dict[str, Any] = {}
    exec(compile(small, "small", "exec"), names)
    text = names["data"]
    assert (len(text), text.count("ab")) == (letters, letters // 2)
    assert next(value for name, value in names.items() if name in ("seq_length", "length", "T")) == moments


SLOW = """
import numpy as np
X, y = np.random.randn(16, 12), np.random.randn(16, 1)
w = np.random.randn(12, 1)
for turn in range(10):
    miss = X @ w - y
    loss = 0.5 * np.mean(miss ** 2)
    w -= 0.1 * X.T @ miss / len(X)
"""


def test_a_small_program_that_takes_too_long_is_made_smaller_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    explore = examples.explore

    def late(scene: Scene, seconds: float) -> Explored:
        explored = explore(scene, seconds)
        return (
            replace(explored, step=None, trouble="takes longer than 3 seconds") if scene.program.small < 2 else explored
        )

    monkeypatch.setattr(examples, "explore", late)
    (tmp_path / "mine.py").write_text(SLOW, "utf8")
    subject, slow = examples.run_whole("its own example", read_program(str(tmp_path / "mine.py")), [])
    assert subject is not None
    assert not slow
    assert subject.explored.names["X"].shape == (8, 6)
    assert subject.explored.step.parameters == ["w"]


def test_a_number_in_a_tuple_cannot_be_given_another_value() -> None:
    (slot,) = slots({"held": (constants(1.0).item(),)}, MODULE)
    with pytest.raises(InexactError, match=r"held\[0\] is a number in a tuple"):
        slot.write(variables([2.0]))


def test_what_no_other_number_follows_from_is_no_parameter() -> None:
    assert moved("w = w * 0.5 + 1\n", SHAPES) == []
    assert moved("w = np.tanh(w)\n", SHAPES) == []
    assert moved("w = point[:, :4].T @ w.T @ w\n", {"w": (4, 4), "point": (4, 4)}) == []


# ---- places that hold numbers ---------------------------------------------------------------------------------------

LEAVES = st.sampled_from(["array", "matrix", "numbers", "number", "text", "int", "nothing"])
NESTED = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["W1", "b 1", "it's", 3]), inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.sampled_from(["w", "_b", "layers"]), inner, max_size=3).map(lambda d: ("object", d)),
    ),
    max_leaves=8,
)


class Thing:
    """An object of the program's own."""


Thing.__module__ = MODULE


def built(plan: Any) -> Any:
    if plan == "array":
        return constants(np.arange(3.0))
    if plan == "matrix":
        return constants(np.ones((2, 3)))
    if plan == "numbers":
        return variables([1.0, 2.0])
    if plan == "number":
        return variables([1.5])[0]
    if isinstance(plan, str):
        return {"text": "W", "int": 7, "nothing": None}[plan]
    if isinstance(plan, tuple) and plan[:1] == ("object",) and isinstance(plan[1], dict):
        thing = Thing()
        for name, item in plan[1].items():
            setattr(thing, name, built(item))
        return thing
    if isinstance(plan, dict):
        return {key: built(item) for key, item in plan.items()}
    return type(plan)(built(item) for item in plan)


def numbers_of(value: Any) -> list[Number]:
    return value.ravel().tolist() if isinstance(value, ExactArray) else value if isinstance(value, list) else [value]


def count(plan: Any) -> int:
    """How many places there are in what is built by this plan, but for numbers in a list of numbers alone."""
    if isinstance(plan, str):
        return int(plan in ("array", "matrix", "numbers", "number"))
    if isinstance(plan, tuple) and plan[:1] == ("object",) and isinstance(plan[1], dict):
        return count(plan[1])
    if isinstance(plan, list) and plan and all(item == "number" for item in plan):
        return 1
    return sum(count(item) for item in (plan.values() if isinstance(plan, dict) else plan))


@given(NESTED)
def test_each_place_has_a_path_that_python_understands_and_can_be_written(plan: Any) -> None:
    with running(Run(64)):
        names = {"net": built(plan)}
        found = list(slots(names, MODULE))
        assert len(found) == count(plan)
        assert len({slot.path for slot in found}) == len(found)
        for slot in found:
            assert all(x is y for x, y in zip(numbers_of(eval(slot.path, dict(names))), slot.numbers, strict=True))
        for slot in found:
            if isinstance(slot.holder, tuple):
                continue  # a number in a tuple cannot be another
            new = variables(range(len(slot.numbers)))
            slot.write(new)
            assert all(x is y for x, y in zip(numbers_of(eval(slot.path, dict(names))), new, strict=True)), slot.path


def test_what_is_written_into_an_array_is_seen_through_every_view_of_it() -> None:
    with running(Run(64)):
        names: dict[str, Any] = {"flat": constants(np.zeros(6))}
        names["square"] = names["flat"].reshape(2, 3)
        first = next(iter(slots(names, MODULE)))
        first.write(variables(range(6)))
        assert names["square"][1, 2] is names["flat"][5]
        assert [slot.path for slot in slots({"a": names["flat"], "b": names["flat"]}, MODULE)] == ["a", "b"]


def test_numbers_in_closures_and_in_the_local_names_of_a_function_are_written_back() -> None:
    with running(Run(64)):
        scope: dict[str, Any] = {"__name__": MODULE, "two": variables([1.0, 2.0]), "sys": sys, "slots": slots}
        scope["new"] = variables([3.0, 4.0])
        source = """
def make(w):
    def get(): return w
    def both(): return get
    return get

get = make(two[0])

def local():
    bias = two[1]
    frame = sys._getframe()
    for slot in slots({"bias": bias}, "mine", frame):
        slot.write([new[1]])
    return bias
"""
        exec(source, scope)
        (slot,) = slots({"get": scope["get"]}, MODULE)
        assert slot.path == "get.w"
        slot.write([scope["new"][0]])
        assert scope["get"]() is scope["new"][0]
        assert scope["local"]() is scope["new"][1]


def test_what_refers_to_itself_or_is_not_the_programs_own_is_not_followed_for_ever() -> None:
    with running(Run(64)):
        ring: list[Any] = [constants(np.ones(2))]
        ring.append(ring)
        foreign = types.SimpleNamespace(w=constants(np.ones(2)))  # of another module
        assert [slot.path for slot in slots({"ring": ring, "foreign": foreign}, MODULE)] == ["ring[0]"]


# ---- questions in the program ---------------------------------------------------------------------------------------


class Silence:
    """A watch that looks at nothing."""

    def statement(self, line: int) -> None: ...

    ended = turn = left = statement

    def assigned(self, name: str, line: int, value: Any) -> None: ...

    changed = assigned

    def returned(self, name: str, line: int, value: Any) -> Any:
        return value

    appended = returned

    def items(self, number: int, iterable: Any) -> Any:
        return iterable

    def each(self, number: int, iterable: Any) -> Iterator[Any]:
        yield from iterable


def ran(tree: ast.Module, path: Path) -> tuple[str, list[Any]]:
    """Every plain value that a program holds at its end, and what it raised."""
    np.random.seed(0)
    random.seed(0)
    names: dict[str, Any] = {"__name__": "__main__", "__file__": str(path), WATCH: Silence(), "xrange": range}
    names["print"] = lambda *said, **options: None
    raised = ""
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        try:
            exec(compile(tree, str(path), "exec", dont_inherit=True), names)
        except (Exception, SystemExit) as error:
            trace, lines = error.__traceback__, []
            while trace is not None:
                lines += [trace.tb_lineno] if trace.tb_frame.f_code.co_filename == str(path) else []
                trace = trace.tb_next
            raised = f"{error!r} {lines}"
    plain = (int, float, str, np.ndarray, list, tuple, dict)
    return raised, [
        (name, re.sub(r" at 0x\w+", "", repr(value)))
        for name, value in sorted(names.items())
        if isinstance(value, plain) and not name.startswith("__")
    ]


@pytest.mark.sample(1)
@pytest.mark.parametrize("part", range(0, len(PROGRAMS), 12))
def test_a_program_with_questions_in_it_keeps_its_lines_and_does_the_same(part: int) -> None:
    for path in PROGRAMS[part : part + 12]:
        source, _ = in_python_3(path.read_text("utf8"), str(path))
        instruments = Instruments(str(path))
        tree = instruments.of_module(parsed(source, str(path)))
        assert ran(tree, path) == ran(parsed(source, str(path)), path), path.name
        lines = set(range(1, source.count("\n") + 2))
        assert {node.lineno for node in ast.walk(tree) if isinstance(node, ast.expr | ast.stmt)} <= lines, path.name
        loops = [node.lineno for node in ast.walk(parsed(source, "")) if isinstance(node, ast.For | ast.While)]
        assert set(loops) <= {loop.line for loop in instruments.loops}, path.name


# ---- reading --------------------------------------------------------------------------------------------------------

CELLS = st.lists(
    st.sampled_from(
        ["w = 1\n", "%matplotlib inline\nw = 2\n", "!ls\n", "%%bash\nls |\n", "files = !ls\n", "np.dot?\n", "x = (\n",
         "print 'two'\nw = 3\n", "def f():\n    %time w\n    return 1\n", "", "get_ipython().magic('a')\n"]
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip


@given(CELLS)
def test_a_notebook_is_its_cells_and_each_line_knows_its_own(tmp_path_factory: Any, cells: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "mine.ipynb"
    listed = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    path.write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": ["# words"]}, *listed]}), "utf8")
    program = read_program(str(path))
    broken = [number for number, cell in enumerate(cells, start=1) if cell in ("x = (\n", "%%bash\nls |\n")]
    skipped = [note for note in program.notes if note.startswith("cell ")]
    assert [int(re.findall(r"\d+", note)[0]) for note in skipped] == broken
    magics = any(re.search(r"(?m)^\s*(%\w|!|get_ip)|= !|\?$", cell) for cell in cells)
    assert [note.partition(":")[0] for note in program.notes if note not in skipped] == ["magics are skipped"] * magics
    assert "%" not in program.text
    for number, cell in enumerate(cells, start=1):
        for k, line in enumerate(cell.splitlines(), start=1):
            if line.startswith("w = "):
                places = [program.place(j) for j in range(1, program.text.count("\n") + 1) if program.line(j) == line]
                assert f"cell {number}, line {k}" in places


def test_python_2_and_magics_in_a_script_are_read_in_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("%matplotlib inline\nimport sys\nprint 'a', 1\nprint >>sys.stderr, 'b'\nw = 3\n", "utf8")
    program = read_program(str(path))
    assert program.line(5) == "w = 3"
    assert program.place(5) == "line 5"
    assert program.line(99) == ""


@pytest.mark.parametrize("content", [b"x = (\n", b"\xff\xfe\x00", b"def f(:\n"])
def test_what_is_no_python_is_said_in_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be read as Python: ") as said:
        read_program(str(path))
    assert "\n" not in str(said.value)


# ---- names ----------------------------------------------------------------------------------------------------------

OF_CALLS = {
    "x": "x X inputs X_train x_batch features image a_0 input_data training_inputs train_images",
    "y": "y Y targets labels expected Y_train desired one_hot_Y y_true target_output t",
    "pairs": "mini_batch training_data data patterns examples",
    "rate": "lr eta alpha learning_rate learningRate step_size",
    "epochs": "epochs num_epochs iterations n_iter max_iter num_iterations",
    "decay": "lmbda lambd reg reg_lambda weight_decay",
    "batch": "batch_size mini_batch_size",
    "momentum": "momentum mu beta1",
    "total": "n m n_samples",
    "flag": "verbose print_cost plot show_progress",
}
OF_CONSTRUCTORS = {
    "in": "n_in input_size input_nodes inputnodes n_x input_dim D_in num_inputs n_features",
    "hidden": "n_hidden hidden_size hidden_nodes hiddennodes n_h hidden_dim h num_hidden",
    "out": "n_out output_size output_nodes outputnodes n_y num_classes output_dim n_classes",
    "sizes": "sizes layer_sizes layer_dims layers architecture layers_dims topology",
    "rate": "lr learning_rate learningrate eta alpha",
    "seed": "seed random_state random_seed",
}


def test_the_names_that_people_give_say_what_is_meant() -> None:
    for words, constructor in ((OF_CALLS, False), (OF_CONSTRUCTORS, True)):
        for role, names in words.items():
            found = {name: role_of(name, constructor) for name in names.split()}
            assert set(found.values()) == {role}, (role, found)
    for name in ("frobnicate", "callback", "optimizer_name", "self"):
        assert role_of(name) == ""


def test_names_of_parameters_costs_and_gradients_are_told() -> None:
    assert all(
        map(named_as_parameter, ["W1", "net.b1", "params['W2']", "weights[0]", "net.weights_ih", "theta", "syn0"])
    )
    assert not any(map(named_as_parameter, ["net.lr", "cache['Z1']", "hidden", "errors", "total"]))
    assert all(map(named_as_cost, ["loss", "compute_cost", "net.mse", "J_train", "cross_entropy", "total_loss", "bce"]))
    assert not any(map(named_as_cost, ["accuracy", "jump", "closest", "W1"][:2]))
    names = {
        "dW1": "w1",
        "grad_W1": "w1",
        "W1_grad": "w1",
        "nabla_w": "w",
        "db2": "b2",
        "delta_b": "b",
        "d_weights": "weights",
    }
    assert {name: stem(name) for name in names} == names


# ---- lines ----------------------------------------------------------------------------------------------------------

RIGHT = """import numpy as np


class Net:
    def __init__(self, n_in, n_hidden, n_out):
        self.w1 = np.random.randn(n_hidden, n_in)
        self.b1 = np.zeros((n_hidden, 1))
        self.w2 = np.random.randn(n_out, n_hidden)
        self.b2 = np.zeros((n_out, 1))

    def cost(self, x, y):
        return 0.5 * np.sum((self.w2 @ np.tanh(self.w1 @ x + self.b1) + self.b2 - y) ** 2)

    def train(self, x, y, lr=0.1):
        z = self.w1 @ x + self.b1
        h = np.tanh(z)
        a = self.w2 @ h + self.b2
        d2 = a - y
        dw2 = d2 @ h.T
        db2 = d2.sum(axis=1, keepdims=True)
        dh = self.w2.T @ d2
        d1 = dh * (1 - h * h)
        dw1 = d1 @ x.T
        db1 = d1.sum(axis=1, keepdims=True)
        self.w2 -= lr * dw2
        self.b2 -= lr * db2
        self.w1 -= lr * dw1
        self.b1 -= lr * db1
"""
SLIPS = {  # the line as it is and as it is planted, and which arrays it spoils
    "(1 - h * h)": ("(1 - h)", {"w1", "b1"}),
    "d1 = dh * ": ("d1 = d2.sum() * ", {"w1", "b1"}),
    "dw2 = d2 @ h.T": ("dw2 = d2 @ z.T", {"w2"}),
    "db2 = d2.sum(axis=1, keepdims=True)": ("db2 = d2.sum()", {"b2"}),
    "dw1 = d1 @ x.T": ("dw1 = dh @ x.T", {"w1"}),
    "db1 = d1.sum(axis=1, keepdims=True)": ("db1 = dh.sum(axis=1, keepdims=True)", {"b1"}),
    "self.w1 -= lr * dw1": ("self.w1 -= 3 * lr * dw1", {"w1"}),
    "self.b1 -= lr * db1": ("self.b1 += lr * db1", {"b1"}),
    "self.w2 -= lr * dw2": ("self.w2 -= lr * dw2 + 0.1 * self.w2 ** 2", {"w2"}),
}


@pytest.mark.sample(4)
@pytest.mark.parametrize("old", SLIPS)
def test_one_planted_slip_is_told_at_its_line_and_blames_what_it_spoils(
    old: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_repairs(monkeypatch)
    new, spoiled = SLIPS[old]
    assert RIGHT.count(old) == 1
    path = tmp_path / "mine.py"
    path.write_text(RIGHT.replace(old, new), "utf8")
    line = RIGHT[: RIGHT.index(old)].count("\n") + 1
    found = assess(str(path))
    assert found["verdict"] == "refuted"
    assert {fault["parameter"] for fault in found["faults"]} == spoiled
    assert {fault["line"] for fault in found["faults"]} == {line}, found["faults"]


def test_what_is_right_for_one_example_and_raises_for_several_that_it_counts_is_not_verified(tmp_path: Path) -> None:
    (planted_there,) = (one for one in planted("class", "sigmoid") if one.name == "class sigmoid 21")
    path = tmp_path / "mine.py"
    path.write_text(planted_there.source, "utf8")
    found = assess(str(path))
    assert found["verdict"] == "undecided"
    assert any("for several it raises ValueError" in said and "line 46" in said for said in found["undecided"])


@pytest.mark.sample(2)
@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("states_cost", [False, True])
def test_softmax_code_for_one_example_is_verified(flat: bool, states_cost: bool, tmp_path: Path) -> None:
    """Its targets are a distribution: where they do not sum to 1, a − y is not the gradient of −Σ y log a."""
    source = right("class", "relu").replace(" / m", "").replace("        m = images.shape[0]\n", "")
    source = re.sub(r"np\.sum\((dZ\d), axis=0, keepdims=True\)", r"\1", source)
    if flat:  # a vector, with outer products
        source = source.replace("(1, n", "(n").replace("axis=1", "axis=0")
        source = re.sub(r"(\w+)\.T @ (dZ\d)", r"np.outer(\1, \2)", source)
    if not states_cost:
        source = re.sub(r"        self\.cost = .*\n", "", source)
    path = tmp_path / "mine.py"
    path.write_text(source, "utf8")
    found = assess(str(path))
    assert found["verdict"] == "verified", found["faults"]
    assert "cross-entropy" in found["network"]["cost"]


def test_a_layer_by_itself_has_the_cost_that_it_is_tried_with(tmp_path: Path) -> None:
    """Σ out · dout of ReLU has the gradient of a usual cost as well, which nobody means."""
    path = tmp_path / "mine.py"
    forward = "import numpy as np\n\n\ndef relu_forward(x):\n    return np.maximum(x, 0), x\n\n\n"
    path.write_text(forward + "def relu_backward(dout, cache):\n    return np.where(cache > 0, dout, 0)\n", "utf8")
    found = assess(str(path))
    assert (found["verdict"], found["network"]["cost"]) == ("verified", "Σ out · dout")


LAYERS = """
import numpy as np
def affine_forward(x, w, b):
    return x @ w + b, (x, w)
def affine_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)
"""
NEVER_REACHED = (
    LAYERS
    + """
if __name__ == "__main__":
    count = 0
    while count < 10 ** 9:
        count += 1
    w = np.random.randn(3, 2)
    w += affine_backward(np.ones((4, 2)), (np.random.randn(4, 3), w))[1]
"""
)


@pytest.mark.turns(1)
def test_layers_alone_verify_no_program_whose_example_was_not_reached_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy machine would verify what a quick one refutes."""
    for name in ("QUICK", "SMALL", "SECONDS", "ALL"):
        monkeypatch.setattr(examples, name, 0.2)
    for source, verdict in ((LAYERS, "verified"), (NEVER_REACHED, "undecided")):
        (tmp_path / "mine.py").write_text(source, "utf8")
        told = assess(str(tmp_path / "mine.py"))
        assert told["verdict"] == verdict, told["undecided"]
    assert "takes longer than" in told["undecided"][0]


NORM = """
import numpy as np
class Parameter:
    def __init__(self, data):
        self.data, self.grad = data, np.zeros_like(data)
    def zero_grad(self):
        self.grad{reset}
class Scale:
    def __init__(self, n):
        self.gain = Parameter(np.ones(n))
    def forward(self, x):
        self.x = x
        return x * self.gain.data
    def backward(self, dy):
        self.gain.grad += (dy * self.x).sum(0)
        return dy * self.gain.data
"""


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "reset", ["[...] = 0.0", ".fill(0)", " = np.zeros_like(self.data)", " = None", ".sum()", " = False"]
)
def test_what_a_layer_adds_to_its_gradient_may_be_reset_by_its_caller(reset: str, tmp_path: Path) -> None:
    assert assessed(NORM.format(reset=reset), tmp_path)["verdict"] == (
        "refuted" if reset in (".sum()", " = False") else "verified"
    )


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    "elsewhere",
    [
        "class Statistics:\n    def clear(self):\n        self.grad = None\n",
        "def reset(table):\n    table['grad'] = 0\n",
        "",
    ],
)
def test_what_resets_something_else_or_only_begins_does_not_reset_a_layer(elsewhere: str, tmp_path: Path) -> None:
    source = NORM.format(reset=".sum()").replace(
        "        self.gain.grad +=",
        "        if self.gain.grad is None:\n            self.gain.grad = 0.0\n        self.gain.grad +=",
    )
    assert assessed(source + elsewhere, tmp_path)["verdict"] == "refuted"


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ("for _, g in self.parts():\n            g[...] = 0", "verified"),
        ("for p in self.parts():\n            p.grad.fill(0)", "verified"),
        ("for p in self.parts():\n            print(p.grad.sum())", "refuted"),
        ("for p in self.parts():\n            self.count[...] = 0", "refuted"),
    ],
)
def test_a_model_may_reset_what_its_layers_add_up(body: str, verdict: str, tmp_path: Path) -> None:
    model = f"class Model:\n    def parts(self):\n        return []\n    def zero_grad(self):\n        {body}\n"
    assert assessed(NORM.format(reset=".sum()") + model, tmp_path)["verdict"] == verdict


@pytest.mark.turns(1)
def test_functions_of_matrices_are_not_called_wrong_for_what_arrays_do_in_them(tmp_path: Path) -> None:
    source = """
import numpy as np
def softmax(Z):
    E = np.exp(Z - Z.max(axis=1))
    return E / E.sum(axis=1)
def loss(W, X, T):
    return -np.multiply(T, np.log(softmax(X * W))).sum()
def gradient(W, X, T):
    return X.T * (softmax(X * W) - T)
def column(y):
    return np.asmatrix(y).T
"""
    assert assessed(source, tmp_path)["verdict"] in ("undecided", "none")


NOT_SUMMED = """
import numpy as np
class Model:
    def __init__(self, n_in, n_hidden):
        self.W1, self.b1 = np.random.randn(n_in, n_hidden), np.zeros(n_hidden)
        self.W2, self.b2 = np.random.randn(n_hidden, 1), np.zeros(1)
    def loss(self, X, y):
        h = np.tanh(X @ self.W1 + self.b1)
        d = h @ self.W2 + self.b2 - y
        cost = 0.5 * np.sum(d ** 2)
        dh = (d @ self.W2.T) * (1 - h ** 2)
        return cost, {"W2": h.T @ d, "b2": d, "W1": X.T @ dh, "b1": dh.sum(axis=0)}
"""
STEPPING = """
import numpy as np
def network_gradients(X, params, y):
    W1, b1 = params["W1"], params["b1"]
    d = (X @ W1 + b1 - y) / len(X)
    loss = 0.5 * len(X) * np.sum(d ** 2)
    grads = {"W1": X.T @ d, "b1": d.sum(axis=0)}
    params["W1"] = params["W1"] - 0.01 * grads["W1"] * np.abs(W1)
    return loss, grads
"""


@pytest.mark.turns(1)
def test_what_fits_one_example_only_or_takes_a_step_as_well_is_not_verified(tmp_path: Path) -> None:
    found = assessed(NOT_SUMMED, tmp_path)
    assert (found["verdict"], "for several it gives" in found["undecided"][0]) == ("undecided", True)
    assert assessed(NOT_SUMMED.replace('"b2": d,', '"b2": d.sum(axis=0),'), tmp_path)["verdict"] == "verified"
    counting = NOT_SUMMED.replace("h @ self.W2 + self.b2 - y", "(h @ self.W2 + self.b2 - y) / X.shape[0]")
    assert assessed(counting, tmp_path)["verdict"] == "undecided"
    assert assessed(STEPPING, tmp_path)["verdict"] == "none"


ALONE = {  # layers without an example: (source, what is right, what is wrong in its place)
    "a constant beside the input": (
        """
class Swish:
    def __init__(self, beta=1.0):
        self.beta = beta
    def forward(self, inputs):
        self.inputs, self.sig = inputs, 1 / (1 + np.exp(-self.beta * inputs))
        return inputs * self.sig
    def backward(self, grad_output):
        s = self.sig
        return grad_output * (s + self.beta * self.inputs * s * (1 - s))
""",
        "self.inputs * s * (1 - s)", "s * (1 - s)",
    ),
    "a number whose gradient has no name": (
        """
class Scale:
    def __init__(self):
        self.a = 1.5
    def forward(self, x):
        self.x = x
        return x * self.a
    def backward(self, dy):
        dx = dy * self.a
        return dx, (dy * self.x).sum()
""",
        "(dy * self.x).sum()", "dy.sum()",
    ),
    "a number that is named like no parameter": (
        """
class Scale:
    def __init__(self):
        self.a = 1.5
    def forward(self, x):
        self.x = x
        return x * self.a
    def backward(self, dy):
        self.da = (dy * self.x).sum()
        return dy * self.a
""",
        "(dy * self.x).sum()", "dy.sum()",
    ),
    "what the forward pass keeps as a second argument": (
        """
class Tanh:
    def forward(self, x):
        t = np.tanh(x)
        return t, t ** 2
    def backward(self, dout, squares):
        return dout * (1 - squares)
""",
        "(1 - squares)", "squares",
    ),
    "what the forward function keeps, in its order": (
        """
def swish_forward(x):
    gate = 1 / (1 + np.exp(-x))
    return x * gate, gate, x
def swish_backward(dout, s, x):
    return dout * (s + x * s * (1 - s))
""",
        "x * s * (1 - s)", "s * (1 - s)",
    ),
    "operands with the names of data and labels": (
        """
class Context:
    pass
class Mul:
    @staticmethod
    def forward(ctx, x, y):
        ctx.x, ctx.y = x, y
        return x @ y
    @staticmethod
    def backward(ctx, grad):
        return grad @ ctx.y.T, ctx.x.T @ grad
""",
        "ctx.x.T @ grad", "ctx.x.T @ (grad * grad)",
    ),
    "a returned gradient beside one that is kept": (
        """
class Linear:
    def __init__(self, n_in, n_out):
        self.W, self.dW = np.random.randn(n_in, n_out), 0.0
    def forward(self, x):
        self.x = x
        return x @ self.W
    def backward(self, dout):
        dW = self.x.T @ dout
        self.dW = 0.9 * dW * (self.W > 0)
        return dout @ self.W.T, dW
""",
        "dW = self.x.T @ dout\n        self.dW = 0.9 * dW * (self.W > 0)",
        "self.dW = self.x.T @ dout\n        dW = self.dW * (self.W > 0)",
    ),
    "a cost that takes one example only": (
        """
def loss(d):
    return 0.5 * d.dot(d)
def gradients(W, b, x, y):
    d = x @ W + b - y
    return x.T @ d, d.sum(axis=0)
""",
        "d.sum(axis=0)", "d.max(axis=0)",
    ),
    "two matrices of as many numbers": (
        """
class Linear:
    def __init__(self, d_in, d_out):
        self.W = np.random.randn(d_in, d_out)
    def forward(self, x):
        self.x = x
        return x @ self.W
    def backward(self, grad):
        self.dW = self.x.T @ grad
        return grad @ self.W.T
class Residual:
    def __init__(self, dim, hidden):
        self.fc1, self.fc2 = Linear(dim, hidden), Linear(hidden, dim)
    def forward(self, x):
        return x + self.fc2.forward(np.tanh(self.fc1.forward(x)))
    def backward(self, grad):
        h = self.fc2.x
        return self.fc1.backward(self.fc2.backward(grad) * (1 - h ** 2)) + grad
""",
        " + grad\n", "\n",
    ),
    "a gain that is made from n": (
        """
class Scale:
    def __init__(self, n):
        self.gain, self.dgain = np.ones(n), np.zeros(n)
    def forward(self, x):
        self.x = x
        return x * self.gain
    def backward(self, dy):
        self.dgain = (dy * self.x).sum(0)
        return dy * self.gain
""",
        "dy * self.gain", "dy * self.x",
    ),
    "groups of channels": (
        """
class GroupMean:
    def __init__(self, num_groups, num_channels):
        self.num_groups, self.gamma = num_groups, np.ones((1, num_channels, 1, 1))
    def forward(self, x):
        n, c, h, w = x.shape
        g = x.reshape(n, self.num_groups, -1)
        self.shape, self.hat = x.shape, (g - g.mean(-1, keepdims=True)).reshape(x.shape)
        return self.hat * self.gamma
    def backward(self, dout):
        self.dgamma = (dout * self.hat).sum((0, 2, 3), keepdims=True)
        d = (dout * self.gamma).reshape(self.shape[0], self.num_groups, -1)
        return (d - d.mean(-1, keepdims=True)).reshape(self.shape)
""",
        "(d - d.mean(-1, keepdims=True))", "d",
    ),
    "called, of channels and a kernel": (
        """
class Conv:
    def __init__(self, in_channels, out_channels, kernel_size):
        self.k, self.W = kernel_size, np.random.randn(out_channels, in_channels, kernel_size)
    def __call__(self, x):
        self.x = x
        steps = range(x.shape[2] - self.k + 1)
        return np.stack([np.einsum("nck,ock->no", x[:, :, s:s + self.k], self.W) for s in steps], -1)
    def backprop(self, grad):
        self.dW, dx = np.zeros_like(self.W), np.zeros(self.x.shape)
        for s in range(grad.shape[2]):
            self.dW += np.einsum("no,nck->ock", grad[:, :, s], self.x[:, :, s:s + self.k])
            dx[:, :, s:s + self.k] += np.einsum("no,ock->nck", grad[:, :, s], self.W)
        return dx
""",
        "dx[:, :, s:s + self.k] +=", "dx[:, :, s:s + self.k] =",
    ),
    "a cell of two outputs": (
        """
class Cell:
    def __init__(self, input_size, hidden_size):
        self.W, self.V = np.random.randn(input_size, hidden_size), np.random.randn(hidden_size, hidden_size)
    def forward(self, x, h_prev, c_prev):
        g = np.tanh(x @ self.W + h_prev @ self.V)
        c = 0.5 * c_prev + g
        h = np.tanh(c)
        self.cache = x, h_prev, g, h
        return h, c
    def backward(self, dh, dc):
        x, h_prev, g, h = self.cache
        total = dc + dh * (1 - h ** 2)
        dz = total * (1 - g ** 2)
        self.dW, self.dV = x.T @ dz, h_prev.T @ dz
        return dz @ self.W.T, dz @ self.V.T, 0.5 * total
""",
        "dc + dh", "dh",
    ),
    "a dict of gradients before the cost": (
        """
def propagate(w, b, X, Y):
    m = X.shape[1]
    A = 1 / (1 + np.exp(-(np.dot(w.T, X) + b)))
    cost = -1 / m * np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A))
    grads = {"dw": 1 / m * np.dot(X, (A - Y).T), "db": 1 / m * np.sum(A - Y)}
    return grads, np.squeeze(cost)
""",
        "np.dot(X, (A - Y).T)", "np.dot(X, ((A - Y) * A).T)",
    ),
    "theta after some steps": (
        """
def computeCost(X, y, theta):
    return ((X.dot(theta) - y) ** 2).sum() / (2 * len(y))
def gradientDescent(X, y, theta, alpha, iters):
    J_history = []
    for _ in range(iters):
        err = X.dot(theta) - y
        theta = theta - (alpha / len(y)) * X.T.dot(err)
        J_history.append(computeCost(X, y, theta))
    return theta, J_history
""",
        "X.T.dot(err)", "X.T.dot(np.abs(err))",
    ),
    "a dict of parameters, and scores without labels": (
        """
def two_layer_net(X, params, y=None, reg=0.0):
    W1, b1, W2, b2 = params["W1"], params["b1"], params["W2"], params["b2"]
    hidden = np.maximum(0, X.dot(W1) + b1)
    scores = hidden.dot(W2) + b2
    if y is None:
        return scores
    probs = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
    loss = -np.mean(np.log(probs[range(len(X)), y])) + 0.5 * reg * (np.sum(W1 ** 2) + np.sum(W2 ** 2))
    d = probs.copy()
    d[range(len(X)), y] -= 1
    d /= len(X)
    dhidden = d.dot(W2.T) * (hidden > 0)
    grads = {"W2": hidden.T.dot(d) + reg * W2, "b2": d.sum(0), "W1": X.T.dot(dhidden) + reg * W1, "b1": dhidden.sum(0)}
    return loss, grads
""",
        "+ reg * W1", "",
    ),
    "a backward pass after a forward pass with a dict": (
        """
def forward_propagation(X, parameters):
    A1 = np.tanh(np.dot(parameters["W1"], X) + parameters["b1"])
    A2 = 1 / (1 + np.exp(-(np.dot(parameters["W2"], A1) + parameters["b2"])))
    cache = {"A1": A1, "A2": A2}
    return A2, cache
def compute_cost(A2, Y):
    return float(-np.sum(np.log(A2) * Y + np.log(1 - A2) * (1 - Y)) / Y.shape[1])
def backward_propagation(parameters, cache, X, Y):
    m = X.shape[1]
    A1, dZ2 = cache["A1"], cache["A2"] - Y
    dZ1 = np.dot(parameters["W2"].T, dZ2) * (1 - np.power(A1, 2))
    return {"dW1": np.dot(dZ1, X.T) / m, "db1": np.sum(dZ1, axis=1, keepdims=True) / m,
            "dW2": np.dot(dZ2, A1.T) / m, "db2": np.sum(dZ2, axis=1, keepdims=True) / m}
""",
        "1 - np.power(A1, 2)", "1 - A1",
    ),
    "functions of a cell with two outputs": (
        """
def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    n = prev_h.shape[1]
    a = x.dot(Wx) + prev_h.dot(Wh) + b
    i, f, o = (1 / (1 + np.exp(-a[:, k * n:(k + 1) * n])) for k in range(3))
    g = np.tanh(a[:, 3 * n:])
    next_c = f * prev_c + i * g
    next_h = o * np.tanh(next_c)
    cache = (x, prev_h, prev_c, Wx, Wh, i, f, o, g, next_c)
    return next_h, next_c, cache
def lstm_step_backward(dnext_h, dnext_c, cache):
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, next_c = cache
    t = np.tanh(next_c)
    dc = dnext_c + dnext_h * o * (1 - t ** 2)
    da = np.hstack([dc * g * i * (1 - i), dc * prev_c * f * (1 - f), dnext_h * t * o * (1 - o), dc * i * (1 - g ** 2)])
    dx, dprev_h, dprev_c = da.dot(Wx.T), da.dot(Wh.T), dc * f
    dWx, dWh, db = x.T.dot(da), prev_h.T.dot(da), da.sum(axis=0)
    return dx, dprev_h, dprev_c, dWx, dWh, db
""",
        "dnext_c + dnext_h", "dnext_h",
    ),
    "a convolution of one image, with a single number as its bias": (
        """
def conv_forward(x, w, b):
    k = w.shape[0]
    out = np.zeros((x.shape[0] - k + 1, x.shape[1] - k + 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = np.sum(x[i:i + k, j:j + k] * w) + b
    return out, (x, w, b)
def conv_backward(dout, cache):
    x, w, b = cache
    k, dx, dw = w.shape[0], np.zeros_like(x), np.zeros_like(w)
    for i in range(dout.shape[0]):
        for j in range(dout.shape[1]):
            dx[i:i + k, j:j + k] += dout[i, j] * w
            dw += dout[i, j] * x[i:i + k, j:j + k]
    return dx, dw, dout.sum()
""",
        "dout.sum()", "dout.mean()",
    ),
    "functions of attention": (
        """
def attention_forward(Q, K, V):
    S = Q @ K.transpose(0, 2, 1)
    P = np.exp(S - S.max(axis=-1, keepdims=True))
    P = P / P.sum(axis=-1, keepdims=True)
    return P @ V, (Q, K, V, P)
def attention_backward(dO, cache):
    Q, K, V, P = cache
    dP = dO @ V.transpose(0, 2, 1)
    dS = P * (dP - (dP * P).sum(axis=-1, keepdims=True))
    return dS @ K, dS.transpose(0, 2, 1) @ Q, P.transpose(0, 2, 1) @ dO
""",
        "(dP * P).sum(axis=-1, keepdims=True)", "(dP * P).sum(axis=-2, keepdims=True)",
    ),
    "static methods with a context": (
        """
class Context:
    def save_for_backward(self, *arrays):
        self.saved = arrays
class MatMul:
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a @ b
    @staticmethod
    def backward(ctx, grad_output):
        a, b = ctx.saved
        return grad_output @ b.T, a.T @ grad_output
""",
        "a.T @ grad_output", "(a * a).T @ grad_output",
    ),
    "a cost that takes labels of one axis": (
        """
def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))
def cost(theta, X, y, lam=0.1):
    h = sigmoid(X @ theta)
    return -(y @ np.log(h) + (1 - y) @ np.log(1 - h)) / len(y) + lam / (2 * len(y)) * np.sum(theta[1:] ** 2)
def gradient(theta, X, y, lam=0.1):
    grad = X.T @ (sigmoid(X @ theta) - y) / len(y)
    grad[1:] += lam / len(y) * theta[1:]
    return grad
""",
        "grad[1:] += lam / len(y) * theta[1:]", "grad += lam / len(y) * theta",
    ),
}  # fmt: skip


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", ALONE)
def test_what_has_no_example_is_tried_with_inputs_that_suit_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_repairs(monkeypatch)
    source, right, wrong = ALONE[name]
    assert source.count(right) >= 1
    for text, verdict in ((source, "verified"), (source.replace(right, wrong), "refuted")):
        assert assessed(f"import numpy as np\n{text}", tmp_path)["verdict"] == verdict, text


ARCHIVE = """
import numpy as np
with np.load("mnist.npz") as f:
    X, y = f["x_train"], f["y_train"]
W = np.random.randn(X.shape[1], 10)
for turn in range(9):
    e = np.exp(X @ W)
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(p[np.arange(len(y)), y]))
    d = p.copy()
    d[np.arange(len(y)), y] -= 1
    W -= 0.1 * X.T @ d / len(y)
"""


def test_an_archive_that_is_not_there_is_made_up_and_closed(tmp_path: Path) -> None:
    assert assessed(ARCHIVE, tmp_path)["verdict"] == "verified"


DEEP = """
import numpy as np
def init_params(dims):
    params = {}
    for l in range(1, len(dims)):
        params[f"W{l}"], params[f"b{l}"] = np.random.randn(dims[l], dims[l - 1]), np.zeros((dims[l], 1))
    return params
def forward(X, params):
    cache = {"A0": X}
    for l in range(1, len(params) // 2 + 1):
        Z = params[f"W{l}"] @ cache[f"A{l - 1}"] + params[f"b{l}"]
        cache[f"A{l}"] = 1 / (1 + np.exp(-Z)) if l == len(params) // 2 else np.tanh(Z)
    return cache[f"A{l}"], cache
def compute_cost(A, Y):
    return -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / Y.shape[1]
def backward(Y, params, cache):
    L, m, grads = len(params) // 2, Y.shape[1], {}
    dZ = cache[f"A{L}"] - Y
    for l in range(L, 0, -1):
        grads[f"dW{l}"], grads[f"db{l}"] = dZ @ cache[f"A{l - 1}"].T / m, np.mean(dZ, axis=1, keepdims=True)
        if l > 1:
            dZ = (params[f"W{l}"].T @ dZ) * (1 - cache[f"A{l - 1}"] ** 2)
    return grads
def update(params, grads, learning_rate):
    for key in params:
        params[key] = params[key] - learning_rate * grads["d" + key]
    return params
"""


@pytest.mark.sample(1)
@pytest.mark.parametrize("summed", ["np.mean", "np.sum"])
def test_a_cost_of_outputs_is_called_with_those_of_the_forward_pass(summed: str, tmp_path: Path) -> None:
    """Its argument A, and the values that `forward` returns without a name, do not say so."""
    (tmp_path / "deep.py").write_text(DEEP.replace("np.mean(dZ", f"{summed}(dZ"), "utf8")
    found = assess(str(tmp_path / "deep.py"))
    assert found["verdict"] == ("verified" if summed == "np.mean" else "refuted")
    assert "quadratic" not in found["network"]["cost"]


def test_what_a_layers_caller_hands_on_is_no_state_that_the_layer_keeps(tmp_path: Path) -> None:
    source = "import numpy as np\ndef affine_forward(x, w, b):\n    return x @ w + b, (x, w, b)\n"
    source += (
        "def affine_backward(dout, cache):\n    x, w, b = cache\n    return dout @ w.T, x.T @ dout, dout.sum(axis=0)\n"
    )
    found = assessed(source, tmp_path)
    assert (found["verdict"], found["notes"]) == ("verified", [])
