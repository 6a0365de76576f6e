"""What a notebook and a REPL show of a judgement: in a real kernel, in a real browser, and whatever somebody wrote."""

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradproof
from gradproof import progress
from gradproof.errors import DataError, UsageError
from gradproof.fragment import SourceLine, fragment
from gradproof.judge.file_judgement import FileJudgement
from gradproof.judge.find.program import read_program
from gradproof.judge.lines.margin import sources
from tests.browser import needs_chromium, opened
from tests.judge.test_whole_command import MADE, NET, NOTHING, TRAINED, WRONG
from tests.pages.hostile import let_in, texts

pytestmark = pytest.mark.usefixtures("few_edits")

FUNCTIONS = """\
import gradproof
import numpy as np

def cost(w, x):
    return 0.5 * np.sum(np.tanh(w @ x) ** 2)

def gradient(w, x):
    a = np.tanh(w @ x)
    return (a * (1 - a)) @ x.T

def right(w, x):
    a = np.tanh(w @ x)
    return (a * (1 - a * a)) @ x.T
"""
CALLS = [
    "gradproof.check_gradient(cost, gradient, np.ones((2, 3)), np.ones((3, 4)))",
    "gradproof.check_gradient(cost, right, np.ones((2, 3)), np.ones((3, 4)))",
    "gradproof.check('mine.py')",
    "gradproof.check('mine.ipynb')",
]


WAITED = """from gradproof import progress
progress.AFTER = progress.EVERY = 0.0
with progress.in_notebook("networks") as tell:
    tell(50, 200)
    tell(100, 200)
"""


def cell(source: str) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": source}


def notebook(*sources: str) -> str:
    document = {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell(source) for source in sources]}
    return json.dumps(document)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """What a kernel answers to each of the calls, by the kind of it."""
    import nbformat
    from nbclient import NotebookClient

    folder = tmp_path_factory.mktemp("notebook")
    (folder / "mine.py").write_text(WRONG, "utf8")
    (folder / "mine.ipynb").write_text(notebook("import numpy as np", WRONG, TRAINED), "utf8")
    mine = nbformat.reads(notebook(FUNCTIONS, *CALLS, WAITED), 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PLATFORM_DIRS", "1")
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        patch.setenv(
            "PYTHONPATH",
            os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]),
        )
        NotebookClient(
            mine, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
        ).execute()
    return [dict(cell.outputs[-1].data) for cell in mine.cells[1:]]


def test_a_notebook_shows_the_verdict_the_line_and_what_it_should_be(shown: list[dict[str, str]]) -> None:
    wrong, right, program, cells = (one["text/html"] for one in shown[:-1])
    assert '<b class="refuted">refuted: gradient is not the gradient of cost</b>' in wrong
    assert '<li class="wrong"><span>9</span><code>    return (a * (1 - a)) @ x.T</code><em class="wrong">w: ' in wrong
    assert "should be" in wrong
    assert "numbers that show it" in wrong
    assert '<b class="verified">verified: right is the gradient of cost, to ' in right
    assert '<li class="wrong"><span>15</span><code>        d1 = (self.w2.T @ d2) * (1 - h)</code>' in program
    assert "d2 is ∂C/∂a" in program
    assert program.index(".py</code>") < program.index(" more lines</code>")
    assert "<code>cell 2</code>" in cells
    assert "cell 2, line 15: " in cells


def test_in_a_repl_it_has_at_most_ten_lines_and_the_verdict_first(shown: list[dict[str, str]]) -> None:
    for one in shown[:-1]:
        lines = one["text/plain"].splitlines()
        assert len(lines) <= 10
        assert lines[0].startswith(("verified: ", "refuted: "))


class _Handle:
    """Stands for what IPython displays, and remembers it."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def update(self, line: str) -> None:
        self.lines.append(line)


def test_a_long_call_says_how_long_it_will_take_and_nothing_stays_of_that(
    monkeypatch: pytest.MonkeyPatch, shown: list[dict[str, str]]
) -> None:
    handle, now = _Handle(), [100.0]

    def display(line: str, display_id: bool) -> _Handle:
        assert display_id
        handle.update(line)
        return handle

    ipython = SimpleNamespace(
        get_ipython=lambda: SimpleNamespace(kernel=True), display=SimpleNamespace(display=display, HTML=str)
    )
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.in_notebook("networks") as tell:
        for done, passed in ((20, 0.5), (40, 1.0), (41, 0.1), (160, 2.4)):
            now[0] += passed
            tell(done, 200)
    assert handle.lines == ["40 of 200 networks, about 6 s left", "160 of 200 networks, about 1 s left", ""]
    assert shown[-1]["text/html"] == "", "in a real kernel too"


def test_a_short_call_and_one_outside_of_a_notebook_show_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    with progress.in_notebook("networks") as tell:
        tell(1, 2)
    refusing = SimpleNamespace(get_ipython=lambda: None)
    monkeypatch.setitem(sys.modules, "IPython", refusing)
    with progress.in_notebook("networks") as tell:
        tell(1, 2)


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_spills_on_a_telephone(
    scheme: str, shown: list[dict[str, str]], tmp_path: Path
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    file = tmp_path / "page.html"
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
    body = "".join(one["text/html"] for one in shown)
    file.write_text(f"{head}<title>Notebook</title><main><h1>Notebook</h1>{body}</main>", "utf8")
    with opened(file, color_scheme=scheme, viewport={"width": 375, "height": 800}) as here:
        assert [v["id"] for v in Axe().run(here.page).response["violations"]] == []
        assert here.page.evaluate("document.documentElement.scrollWidth") <= 375
        assert (here.errors, here.requests) == ([], [])


@given(texts, st.sampled_from(["right", "wrong", "follows", ""]))
def test_no_text_of_anybody_becomes_markup_in_a_notebook(text: str, state: str) -> None:
    def of(words: str) -> str:
        return fragment("refuted", [words, words], [SourceLine("1", words, state, [("wrong", words)])])

    assert let_in(of(text), of("word")) == []
    assert type(of(text)) is str, "else what is put behind it would be escaped"


# ---- gradproof.check of a path ---------------------------------------------------------------------------------


@pytest.mark.turns(1)
def test_a_path_is_judged_as_the_command_judges_it(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(WRONG, "utf8")
    found = gradproof.check(tmp_path / "mine.py")
    assert isinstance(found, FileJudgement)
    assert (str(found.verdict), bool(found), found.digits) == ("refuted", False, 0)
    assert [(fault["parameter"], fault["line"]) for fault in found.faults] == [("w1", 15), ("b1", 15)]
    said = "w1, b1 do not follow the gradient of the quadratic cost, unlike the others\n"
    assert str(found).startswith(f"refuted: {tmp_path / 'mine.py'}: {said}")
    (tmp_path / "mine.ipynb").write_text(notebook("import numpy as np", NET, MADE + "net.train(x, y)"), "utf8")
    right = gradproof.check(str(tmp_path / "mine.ipynb"))
    assert right
    assert right.digits >= 30


def test_a_path_with_nothing_to_judge_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(NOTHING, "utf8")
    with pytest.raises(DataError, match="found no step"):
        gradproof.check(tmp_path / "mine.py")
    with pytest.raises(UsageError, match="there is no file"):
        gradproof.check(tmp_path / "none.py")


def test_a_judgement_on_the_notes_network_shows_as_html_too() -> None:
    found = gradproof.check(lambda weights, biases, x, y: ([x], [x], [x]), networks=20)
    html = found._repr_html_()
    assert '<b class="refuted">refuted: this backprop is wrong</b>' in html
    assert len(repr(found).splitlines()) <= 10


def test_the_lines_of_code_that_has_no_source_are_left_out() -> None:
    names: dict[str, Any] = {"np": np}
    exec(compile(FUNCTIONS.replace("import gradproof", ""), "<nowhere>", "exec"), names)
    found = gradproof.check_gradient(names["cost"], names["gradient"], np.ones((2, 3)), np.ones((3, 4)))
    assert "<ol>" not in found._repr_html_()


# ---- gradproof check of a notebook -----------------------------------------------------------------------------

FOURTH = (
    NET.partition("\n")[2]
    .strip("\n")
    .replace("d2 = a - y", "loss = np.sum((a - y) ** 4) / 4\n        d2 = (a - y) ** 3")
)
CLIPPED = FOURTH.replace("        self.w2 -=", "        d1 = np.clip(d1, -0.01, 0.01)\n        self.w2 -=")


def told(folder: Path, *cells: str) -> Any:
    (folder / "mine.ipynb").write_text(notebook("import numpy as np", *cells), "utf8")
    return gradproof.check(folder / "mine.ipynb")


@pytest.mark.turns(1)
def test_wherever_a_line_of_a_notebook_is_named_its_cell_is(tmp_path: Path) -> None:
    assert "a value is clipped (cell 2, line 14): gradproof cannot know" in str(told(tmp_path, CLIPPED, TRAINED))
    wrong = told(tmp_path, FOURTH.replace("(1 - h * h)", "(1 - h)"), TRAINED)
    assert "of the program's own cost, `loss` in cell 2, line 11\n" in str(wrong)
    assert "cell 2, line 13: `d1 =" in str(wrong)
    assert wrong.document["subject"]["place"].startswith("cell ")


def test_cells_are_numbered_as_jupyter_does_without_those_of_text(tmp_path: Path) -> None:
    text = {"cell_type": "markdown", "metadata": {}, "source": "# My *network*\n\nin two layers"}
    document = json.loads(notebook("import numpy as np", "%time\n" + NET.replace("(1 - h * h)", "(1 - h)"), TRAINED))
    document["cells"] = [part for cell in document["cells"] for part in (text, cell)]
    (tmp_path / "mine.ipynb").write_text(json.dumps(document), "utf8")
    program = read_program(str(tmp_path / "mine.ipynb"))
    assert program.cells == [(1, 1), (2, 2), (23, 3)]
    (source,) = sources({}, str(tmp_path / "mine.ipynb"))
    assert source.cells == {1: 1, 2: 2, 23: 3}
    assert source.text.splitlines()[:3] == ["import numpy as np", "%time", *NET.splitlines()[:1]]


@pytest.mark.turns(1)
def test_magics_and_cells_that_are_skipped_are_told(tmp_path: Path) -> None:
    cells = "%matplotlib inline\n!pip install numpy", "%%bash\nls", NET, MADE + "%time\nnet.train(x, y)"
    found = told(tmp_path, *cells)
    assert found
    assert found.document["notes"] == [
        "cell 3 is not Python (%%bash): skipped",
        "magics are skipped: %matplotlib inline (cell 2), !pip install numpy (cell 2), %time (cell 5)",
    ]
    assert "  magics are skipped: %matplotlib inline (cell 2)" in str(found)


@pytest.mark.parametrize(
    "metadata",
    [
        {"kernelspec": {"name": "ir", "language": "R"}},
        {"kernelspec": {"name": "ir"}},
        {"language_info": {"name": "R"}, "kernelspec": 3},
    ],
)
def test_a_notebook_in_another_language_is_said_to_be_no_python_notebook(
    metadata: dict[str, Any], tmp_path: Path
) -> None:
    document = json.loads(notebook("x <- c(1, 2)")) | {"metadata": metadata}
    (tmp_path / "mine.ipynb").write_text(json.dumps(document), "utf8")
    with pytest.raises(DataError, match=r"mine.ipynb is a notebook in R, not in Python$"):
        gradproof.check(tmp_path / "mine.ipynb")


@pytest.mark.parametrize("metadata", [{"language_info": {"name": "ipython"}}, {"kernelspec": []}, 3])
def test_a_notebook_that_says_python_or_nothing_is_read(metadata: Any, tmp_path: Path) -> None:
    document = json.loads(notebook(NET, TRAINED)) | {"metadata": metadata}
    (tmp_path / "mine.ipynb").write_text(json.dumps(document), "utf8")
    assert read_program(str(tmp_path / "mine.ipynb")).cells == [(1, 1), (21, 2)]


def test_cells_that_were_skipped_are_named_where_nothing_is_left_to_judge(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cell 2 is not Python .*: skipped; name the line"):
        told(tmp_path, "def f(:")
