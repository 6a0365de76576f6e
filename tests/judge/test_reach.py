"""Programs of several files: what lies beside a program is run exactly, too, and what uses it tells how it is made."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradproof.judge.assessment import assess
from gradproof.judge.find.data import corrected, smaller, widths_of
from gradproof.judge.find.program import users
from tests.judge.corpus import OPEN

DENSE = """
import numpy as np

class Dense:
    def __init__(self, count_before, count_after):
        self.w = np.random.randn(count_before, count_after)
        self.b = np.zeros((1, count_after))

    def ahead(self, x):
        self.x = x
        return np.tanh(x @ self.w + self.b)

    def astern(self, out, back, speed):
        back = back * (1 - out * out)
        gone = back @ self.w.T
        self.w -= speed * (self.x.T @ back)
        self.b -= speed * back.{reduced}
        return gone

if __name__ == "__main__":
    raise RuntimeError("this module was run by itself")
"""
LOOP = """
def run(layers, x, y, speed):
    for turn in range(10000):
        outs = [x]
        for layer in layers:
            outs.append(layer.ahead(outs[-1]))
        loss = np.sum((outs[-1] - y) ** 2)
        back = 2 * (outs[-1] - y)
        for layer, out in zip(reversed(layers), reversed(outs)):
            back = layer.astern(out, back, speed)
"""
MAIN = """
import numpy as np
from {dense} import Dense
from {loop} import run

x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
run([Dense(2, 3), Dense(3, 1)], x, np.array([[0.0], [1.0], [1.0], [0.0]]), 0.1)
"""
RIGHT, WRONG = "sum(axis=0, keepdims=True)", "mean(axis=0, keepdims=True)"


def written(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf8")
    return folder


def judged(path: Path) -> dict[str, Any]:
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        return assess(str(path))


@pytest.mark.turns(1)
@pytest.mark.parametrize(("reduced", "verdict"), [(RIGHT, "verified"), (WRONG, "refuted")])
def test_a_step_in_a_loop_of_a_module_beside_a_program_is_the_same_in_every_run(
    reduced: str, verdict: str, tmp_path: Path
) -> None:
    main = MAIN.format(dense="dense", loop="loop")
    written(
        tmp_path, {"xor.py": main, "dense.py": DENSE.format(reduced=reduced), "loop.py": "import numpy as np" + LOOP}
    )
    found = judged(tmp_path / "xor.py")
    assert found["verdict"] == verdict, found
    assert "loop.py, line 3" in found["subject"]["name"]


@pytest.mark.turns(1)
def test_a_module_alone_is_judged_by_what_uses_it_beside_or_above_it(tmp_path: Path) -> None:
    files = {
        "parts/dense.py": DENSE.format(reduced=WRONG),
        "parts/__init__.py": "",
        "lib/loop.py": "import numpy as np" + LOOP,
        "parts/notes.py": "dense = 'no import'\n",
        "above.py": "from elsewhere import dense\n",
        "parts/train.py": "from lib.loop import run\n" + MAIN.format(dense="dense", loop="lib.loop"),
    }
    written(tmp_path, files)
    assert [Path(path).name for path in users(str(tmp_path / "parts/dense.py"))] == ["train.py"]
    found = judged(tmp_path / "parts/dense.py")
    assert found["verdict"] == "refuted", found
    assert found["subject"]["name"].startswith("the step of train.py, which uses it")
    assert {fault["parameter"] for fault in found["faults"]} == {"layers[0].b", "layers[1].b"}, found


@pytest.mark.turns(1)
def test_what_is_made_up_or_made_small_is_said() -> None:
    for name, said in (("d01", ["made up"]), ("d02", ["made up", "by small ones"]), ("01", [])):
        path = next(path for path in OPEN if path.name.startswith(f"{name}_"))
        notes = judged(path)["notes"]
        assert [words for words in ("made up", "by small ones") if any(words in note for note in notes)] == said, name


def test_what_numpy_says_does_not_fit_tells_how_wide_the_data_are() -> None:
    w = widths_of("nothing")
    for trouble, features, classes in (
        ("raises ValueError: shapes (12,4) and (2,3) not aligned: 4 != 2", 2, w.classes),
        ("raises ValueError: shapes (12,5) and (9,3) not aligned: 5 != 9", 8, w.classes),
        ("matmul: size 7 is different from 4", 7, w.classes),
        ("operands could not be broadcast together with shapes (12,2) (12,3)", w.features, 3),
    ):
        fitting = corrected(w, trouble)
        assert fitting is not None, trouble
        assert (fitting.features, fitting.classes) == (features, classes), (trouble, fitting)
    assert corrected(w, "raises NameError: name 'x' is not defined") is None


def test_widths_that_are_made_small_stay_what_they_were_to_each_other() -> None:
    numbers = [1, 2, 10, 20, 25, 26, 28, 64, 128, 255, 400, 401, 784, 785, 1000, 60000]
    small = {n: smaller(n, numbers) for n in numbers}
    assert all(small[n] == n for n in (1, 2, 10, 255))
    assert small[28] ** 2 == small[784] == small[785] - 1
    assert small[20] ** 2 == small[400] == small[401] - 1
    assert small[26] == small[25] + 1
    assert small[64] != small[128]
    assert max(small[n] for n in numbers if n != 255) < 30
    told = [24, 32, 50, 99, 201, 500, 700]  # a mini-batch of 50 from a training set of 500
    assert sorted({smaller(n, told) for n in told}) == [smaller(n, told) for n in told]
