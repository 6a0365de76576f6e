"""The page of a verdict: each line with what it computes, the fault marked, and nothing of the file but its text."""

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from gradproof.judge import wording
from gradproof.judge.assessment import assess
from gradproof.judge.lines.margin import Source
from gradproof.pages import numbers, verdict
from tests.browser import needs_chromium, opened, printed
from tests.commands import ended_here
from tests.judge.corpus import HERE, ODD, OPEN, THREADS, expected
from tests.judge.test_whole_command import MADE, NET, WRONG
from tests.pages.hostile import PAYLOADS, let_in, texts

pytestmark = pytest.mark.usefixtures("few_edits")

CELLS = [
    "%matplotlib inline\nimport numpy as np",
    NET.partition("\n")[2],
    MADE + "net.train(x, y)",
]
NOTEBOOK = {"cells": [{"cell_type": "code", "source": cell} for cell in CELLS]}
OURS = ("verdict", "state", "form")  # words of ours, not of the file


def found(folder: Path, source: str, name: str = "mine.py") -> tuple[dict[str, Any], str]:
    path = folder / name
    path.write_text(source, "utf8")
    return assess(str(path)), str(path)


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    return found(tmp_path_factory.mktemp("wrong"), WRONG)


class _Text(HTMLParser):
    """The text of each element <li> of the source, and its class."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, str]] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = self.inside or (tag == "ol" and ("class", "source") in attrs)
        if tag == "li" and self.inside:
            self.lines.append((dict(attrs).get("class") or "", ""))

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "ol"

    def handle_data(self, data: str) -> None:
        if self.inside and self.lines and data.strip():
            self.lines[-1] = self.lines[-1][0], f"{self.lines[-1][1]} {data.strip()}".strip()


def shown(html: str) -> list[tuple[str, str]]:
    parser = _Text()
    parser.feed(html)
    return parser.lines


def test_each_line_stands_beside_what_it_computes_and_the_fault_is_marked(wrong: tuple[dict[str, Any], str]) -> None:
    document, path = wrong
    lines = shown(verdict.of_file(document, path))
    assert len(lines) == len(WRONG.splitlines())
    assert lines[13] == ("right", "14 d2 = a - y ✓ d2 is ∂C/∂a")
    kind, fault = lines[14]
    assert kind == "wrong"
    assert fault.startswith("15 d1 = (self.w2.T @ d2) * (1 - h) ✗ wrong: w1, b1: ")
    assert lines[15] == ("right", "16 self.w2 -= lr * d2 @ h.T ✓ w2 after the step")
    assert lines[17][0] == "follows"
    assert lines[17][1].endswith("↳ computed from wrong values in line 15")
    assert [kind for kind, _ in lines if kind] == ["right", "wrong", "right", "right", "follows", "follows"]


def test_the_words_of_the_terminal_the_layers_and_the_arrays_are_on_the_page(wrong: tuple[dict[str, Any], str]) -> None:
    document, path = wrong
    html = verdict.of_file(document, path, "gradproof check mine.py")
    for line in wording.lines(document, "mine.py"):
        assert line.strip().removeprefix("refuted: ").replace("&", "&amp;").replace("'", "&#39;") in html
    assert "<b>h</b>" in html
    assert "5 × 6<small>tanh</small>" in html
    assert "with w1 5 × 4, b1 5 × 1" in html
    assert '<code>w1</code></th><td class="note-wrong">' in html
    assert "<code>gradproof check mine.py</code>" in html
    assert str(Path(path).parent) not in html, "whom it is sent to need not know our folders"


def test_where_float64_fails_is_told_last_of_what_is_refuted(wrong: tuple[dict[str, Any], str]) -> None:
    """On the page always, in the terminal only if it is one short line."""
    document, path = wrong
    short, long = "overflow in exp in line 6, for exp(<2e3>)", f"overflow in exp in line 7{', and so on' * 9}"
    for told, in_terminal in (([short], True), ([long], False), ([short, short + "!"], False), ([], False)):
        found = document | {"float": [{"line": 6, "place": "line 6", "what": what} for what in told]}
        said, html = wording.lines(found, "mine.py"), verdict.of_file(found, path)
        assert any(line.startswith("  in float64: ") for line in said) == in_terminal
        assert ("In float64, apart from this: " in html) == (bool(told) and not in_terminal)
        for what in told:
            assert html.count(what.replace("<", "&lt;").replace(">", "&gt;").removesuffix("!")) == len(told)
    verified = found | {"verdict": "verified", "float": [{"what": short}, {"what": long}], "faults": []}
    assert len([line for line in wording.lines(verified, "mine.py") if line.startswith("  in float64: ")]) == 2


def test_a_line_that_has_a_correction_has_it_beside_it(wrong: tuple[dict[str, Any], str]) -> None:
    document, path = wrong
    right = "d1 = (self.w2.T @ d2) * (1 - h * h)"
    mended = [fault | {"mended": True, "should_be": right, "names": ["another slope"]} for fault in document["faults"]]
    _, fault = shown(verdict.of_file(document | {"faults": mended}, path))[14]
    assert fault.endswith(f"; another slope ✗ should be: {right}")
    assert fault.count("should be") == 1


def test_a_notebook_is_shown_by_its_cells_as_it_was_written(tmp_path: Path) -> None:
    document, path = found(tmp_path, json.dumps(NOTEBOOK), "mine.ipynb")
    lines = shown(verdict.of_file(document, path))
    assert [text for kind, text in lines if kind == "cell"] == ["cell 1", "cell 2", "cell 3"]
    assert lines[1] == ("", "1 %matplotlib inline")
    begin = lines.index(("cell", "cell 2"))
    assert lines[begin + 13] == ("right", "13 d2 = a - y ✓ d2 is ∂C/∂a")


LAYERS = """import numpy as np


def forward(w1, w2, x):
    h = np.tanh(w1 @ x)
    return h, w2 @ h


def backward(w2, h, a, x, y):
    d2 = a - y
    d1 = (w2.T @ d2) * (1 - h)
    return d1 @ x.T, d2 @ h.T
"""
USES_LAYERS = """import numpy as np
from layers import forward, backward

w1, w2 = np.random.randn(4, 3), np.random.randn(2, 4)
x, y = np.random.randn(3, 6), np.random.rand(2, 6)
for i in range(10):
    h, a = forward(w1, w2, x)
    g1, g2 = backward(w2, h, a, x, y)
    w1 -= 0.1 * g1
    w2 -= 0.1 * g2
"""


@pytest.mark.turns(1)
def test_what_a_module_beside_computes_stands_beside_its_own_lines(tmp_path: Path) -> None:
    (tmp_path / "layers.py").write_text(LAYERS, "utf8")
    document, path = found(tmp_path, USES_LAYERS)
    html = verdict.of_file(document, path)
    assert "<h2>layers.py, line by line</h2>" in html
    lines = shown(html)
    begin = len(USES_LAYERS.splitlines())
    assert lines[begin + 9][1].startswith("10 d2 = a - y ✓ d2 is ∂C/∂")
    assert lines[begin + 10][0] == "wrong"
    assert lines[begin + 11][0] == "follows"
    assert [kind for kind, _ in lines].count("wrong") == 1
    places = {(fault["place"], fault["code"], fault["file"]) for fault in document["faults"]}
    assert places == {("layers.py, line 11", "d1 = (w2.T @ d2) * (1 - h)", str(tmp_path / "layers.py"))}
    assert lines[begin - 1] == ("right", "10 w2 -= 0.1 * g2 ✓ w2 after the step")


def test_beside_each_wrong_number_stands_the_right_one(wrong: tuple[dict[str, Any], str]) -> None:
    """In one row of its table, as in the document; what is right has none beside it."""
    document, _ = wrong
    html = verdict.of_file(*wrong)
    shown_by = document["counterexample"]
    rows = re.findall(
        r'<tr><th scope="row"><code>([^<]*)</code><small class="faint">(line \d+)</small></th>(.*?)</tr>', html
    )
    told = [*shown_by["forward"], *shown_by["backward"]]
    assert [(name, place) for name, place, _ in rows] == [(line["name"], line["place"]) for line in told]
    for line, (_, _, cells) in zip(told, rows, strict=True):
        found = re.findall(
            r'<td(?: colspan="2")?(?: class="note-(\w+)")?><code class="matrix">([^<]*)</code></td>', cells
        )
        state = line.get("state", "")
        right = [("right", numbers.matrix(line["should_be"]))] if state in ("wrong", "follows") else []
        assert found == [(state, numbers.matrix(line["value"])), *right]
    assert f"{shown_by['said']}." in html


def line_of(name: str, value: Any, **others: Any) -> dict[str, Any]:
    return {"name": name, "place": f"line {len(name)}", "value": value, "state": "right", "should_be": None} | others


def test_the_same_numbers_are_shown_once_with_all_their_names() -> None:
    lines = [
        line_of("dW1", [[1.0]], label="∂C/∂W1"),
        line_of("dW2", [[2.0]], label="", state="wrong", should_be=[[3.0]]),
        line_of("grads['dW1']", [[1.0]], label="∂C/∂W1"),
        line_of("back[1]", [[2.0]], label="", state="follows", should_be=[[3.0]]),
        line_of("dZ1", [[2.0]], label="∂C/∂Z1"),
    ]
    told = [(one["names"], one["place"], one["state"], one["label"]) for one in numbers.together(lines)]
    assert told == [
        (["dW1", "grads['dW1']"], "lines 3, 12", "right", "∂C/∂W1"),
        (["dW2", "back[1]"], "lines 3, 7", "wrong", ""),
        (["dZ1"], "line 3", "right", "∂C/∂Z1"),
    ]


def test_a_tall_array_is_written_transposed_and_says_so() -> None:
    assert numbers.laid([[1.0], [2.0]]) == "1\n2"
    assert numbers.laid([[1.0], [2.0], [3.0]]) == "1  2  3\xa0ᵀ"
    assert numbers.laid([[0.1, 2.0]] * 5) == "0.1  0.1  0.1  0.1  0.1\n  2    2    2    2    2\xa0ᵀ"
    assert numbers.laid([[0.123, 2.0]] * 20).count("\n") == 19, "it would be too wide"
    assert numbers.laid([[1.0]] * 20).count("\n") == 0
    shown = {"said": "", "gives": False, "data": [], "parameters": [], "forward": [], "backward": []}
    for value, said in (([[1.0]] * 3, True), ([[1.0]], False)):
        found = numbers.tables(shown | {"forward": [line_of("h", value)]})
        assert found
        assert found["transposed"] == said


def checkers_of(html: str) -> list[tuple[str, str, str]]:
    """The name, the class and the verdict of each checker."""
    table = html.partition("What other checkers make of it")[2].partition("</table>")[0]
    row = r'<tr><th scope="row">([^<]*)</th><td(?: class="note-(\w+)")?>([^<]*)</td>'
    return re.findall(row, table)


def test_what_other_checkers_make_of_it_is_on_the_page(wrong: tuple[dict[str, Any], str]) -> None:
    assert checkers_of(verdict.of_file(*wrong)) == [
        ("torch gradcheck", "right", "rejects it"),
        ("jax check_grads", "right", "rejects it"),
        ("autograd check_grads", "right", "rejects it"),
        ("scipy check_grad", "", "leaves it to you"),
    ]
    document, path = wrong
    some = [one | {"accepts": True} for one in document["counterexample"]["checkers"]]
    other = document | {"counterexample": document["counterexample"] | {"checkers": some}}
    assert {row[1:] for row in checkers_of(verdict.of_file(other, path))} == {("wrong", "accepts it")}
    other = document | {"counterexample": document["counterexample"] | {"checkers": []}}
    assert "What other checkers" not in verdict.of_file(other, path)


def test_numbers_stand_in_columns() -> None:
    assert numbers.matrix([[1.0, -0.25], [-2.0, 3.0]]) == " 1  −0.25\n−2      3"
    assert numbers.matrix([0.5, 2.0]) == "0.5  2"
    assert numbers.matrix(0.123456) == "0.1235"
    assert numbers.matrix([[[1.0]], [[2.0]]]) == "1\n\n2"
    assert numbers.matrix(None) == ""


@pytest.mark.turns(1)
def test_of_a_long_source_what_is_told_of_is_shown_and_how_much_more_there_is(tmp_path: Path) -> None:
    document, path = found(tmp_path, "# a comment\n" * 30_000 + WRONG + f"# {'long ' * 90_000}\n" * 4)
    html = verdict.of_file(document, path)
    lines = shown(html)
    assert ("gap", "30010 more lines") in lines
    assert [kind for kind, _ in lines].count("wrong") == 1
    assert len(html) < 30_000
    document |= {"lines": [], "faults": [], "layers": []}
    assert len(verdict.of_file(document, path)) < 30_000, "nor where nothing is told of any line"


# ---- the command -----------------------------------------------------------------------------------------------


def typed(folder: Path, source: str, *options: str) -> Any:
    (folder / "mine.py").write_text(source, "utf8")
    return ended_here([sys.executable, "-m", "gradproof", "check", "mine.py", *options], folder)


@pytest.mark.turns(1)
def test_the_command_writes_the_page_beside_its_verdict(tmp_path: Path) -> None:
    ended = typed(tmp_path, WRONG, "-o", "verdict.html")
    assert (ended.returncode, ended.stderr) == (1, "")
    html = (tmp_path / "verdict.html").read_text("utf8")
    assert "<b>refuted</b>: mine.py: w1, b1 do not follow the gradient" in html
    assert "<code>gradproof check mine.py</code>" in html
    assert "<script" not in html
    assert typed(tmp_path, WRONG, "-o", "mine.py").returncode == 2, "the code is not written over"


@pytest.mark.turns(1)
def test_the_page_says_nothing_of_the_folders_where_the_file_lies(tmp_path: Path) -> None:
    (tmp_path / "my secrets").mkdir()
    (tmp_path / "my secrets" / "mine.py").write_text(NET, "utf8")
    for name in ("my secrets/mine.py", str(tmp_path / "my secrets" / "mine.py")):
        line = [sys.executable, "-m", "gradproof", "check", name, "-o", "verdict.html"]
        assert ended_here(line, tmp_path).returncode == 0
        html = (tmp_path / "verdict.html").read_text("utf8")
        assert "secrets" not in html
        assert "<code>gradproof check mine.py</code>" in html
        assert "no tolerance, no difference quotient." in html


BOOK = """import numpy as np
def backprop(weights, biases, x, y):
    s = lambda z: 1 / (1 + np.exp(-z))
    acts, zs = [x], []
    for w, b in zip(weights, biases):
        zs.append(w @ acts[-1] + b)
        acts.append(s(zs[-1]))
    delta = acts[-1] - y
    deltas = [delta]
    for w, z in zip(weights[:0:-1], zs[-2::-1]):
        delta = (w.T @ delta) * s(z) * (1 - s(z))
        deltas.insert(0, delta)
    m = x.shape[1]
    grad_b = [d.sum(axis=1, keepdims=True) / m for d in deltas]
    return deltas, grad_b, [d @ a.T / m for d, a in zip(deltas, acts)]
"""


@pytest.mark.turns(1)
def test_of_the_notes_network_the_page_has_the_equations_and_the_smallest_network(tmp_path: Path) -> None:
    ended = typed(tmp_path, BOOK, "-o", "verdict.html", "--convention", "ours", "--architectures", "20")
    assert ended.returncode == 1
    html = (tmp_path / "verdict.html").read_text("utf8")
    assert "BP1 at layer" in html
    assert "smallest network that shows it" in html
    backward = html.partition("<h3>Backward</h3>")[2].partition("</table>")[0]
    assert re.findall(r'<code>([^<]*)</code>|<td class="is note-(\w+)">', backward) == [("δ¹", ""), ("", "wrong")]
    assert "<h3>The parameters and their gradients</h3>" in html
    assert "within a bound derived for it." in html
    assert [name for name, _, _ in checkers_of(html)][:2] == ["torch gradcheck", "jax check_grads"]
    assert len(shown(html)) == len(BOOK.splitlines())
    (tmp_path / "verdict.html").unlink()
    graded = typed(tmp_path, BOOK, "-o", "verdict.html", "--grade", "--architectures", "20")
    assert "it would give the answer away" in graded.stderr
    assert not (tmp_path / "verdict.html").exists()


# ---- whatever somebody writes ----------------------------------------------------------------------------------


def poisoned(value: Any, text: str, key: str = "") -> Any:
    """The document in which every text of the file is this one."""
    if isinstance(value, dict):
        return {name: poisoned(inner, text, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [poisoned(inner, text, key) for inner in value]
    return text if isinstance(value, str) and key not in OURS else value


def page_of(document: dict[str, Any], text: str) -> str:
    told = poisoned(document, text)
    return verdict.page(
        told, [f"refuted: {text}", f"  {text}"], [Source(text, f"{text}\n" * 20, {1: 1, 9: 2})] * 2, text
    )


@pytest.mark.turns(1)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts)
def test_no_text_in_any_field_of_the_page_becomes_markup(wrong: tuple[dict[str, Any], str], text: str) -> None:
    assert let_in(page_of(wrong[0], text), page_of(wrong[0], "word")) == []


@pytest.mark.turns(1)
@needs_chromium
def test_no_name_of_a_file_and_no_source_does_anything_in_a_browser(tmp_path: Path) -> None:
    name = "<img src=x onerror=document.title=1>.py".replace("/", "")
    comments = "".join(f"# {text!r}\n" for text in PAYLOADS) + "'''\n" + PAYLOADS[7] + "'''\n"
    document, path = found(tmp_path, comments + WRONG + MADE, name)
    file = tmp_path / "verdict.html"
    file.write_text(verdict.of_file(document, path), "utf8")
    with opened(file) as here:
        assert name in here.page.title()
        assert here.page.evaluate("window.let_in === undefined && document.images.length === 0")
        assert (here.errors, here.requests) == ([], [])


# ---- the browser -----------------------------------------------------------------------------------------------


@pytest.mark.turns(1)
@needs_chromium
def test_axe_finds_nothing_it_prints_on_three_pages_and_reads_on_a_telephone(
    wrong: tuple[dict[str, Any], str], tmp_path: Path
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    file = tmp_path / "verdict.html"
    file.write_text(verdict.of_file(*wrong), "utf8")
    for scheme in ("light", "dark"):
        with opened(file, color_scheme=scheme) as here:
            assert [v["id"] for v in Axe().run(here.page).response["violations"]] == []
            assert (here.errors, here.requests) == ([], [])
    with opened(file, viewport={"width": 375, "height": 800}) as here:
        assert here.page.evaluate("document.documentElement.scrollWidth") <= 375
        pages, spilled = printed(here.page)
    assert (pages <= 3, spilled) == (True, [])


@needs_chromium
@pytest.mark.parametrize("width", [375, 1000])
def test_what_each_checker_says_is_in_view_without_scrolling(
    wrong: tuple[dict[str, Any], str], tmp_path: Path, width: int
) -> None:
    file = tmp_path / "verdict.html"
    file.write_text(verdict.of_file(*wrong), "utf8")
    with opened(file, viewport={"width": width, "height": 800}) as here:
        ends = here.page.eval_on_selector_all(
            "[aria-label='What other checkers make of it'] tr > :nth-child(2)",
            "all => all.map(one => [one.innerText, one.getBoundingClientRect().right])",
        )
    assert [said for said, _ in ends] == ["verdict", "rejects it", "rejects it", "rejects it", "leaves it to you"]
    assert max(end for _, end in ends) <= width - 12


REFUTED = [path for path in (*THREADS, *OPEN, *ODD) if expected(path) == "refuted"]


@pytest.mark.sample(1)
@needs_chromium
@pytest.mark.parametrize("program", REFUTED, ids=lambda path: path.name)
def test_the_verdict_on_a_program_prints_on_three_pages(program: Path, tmp_path: Path) -> None:
    file = tmp_path / "verdict.html"
    line = [sys.executable, "-m", "gradproof", "check", str(program), "-o", str(file), "--architectures", "20"]
    ended_here(line, tmp_path)
    with opened(file, viewport={"width": 375, "height": 800}) as here:
        assert here.page.evaluate("document.documentElement.scrollWidth") <= 375
        pages, spilled = printed(here.page)
    assert (pages <= 3, spilled) == (True, [])


@pytest.mark.turns(1)
@needs_chromium
def test_wide_numbers_stay_on_the_paper_and_on_the_screen(tmp_path: Path) -> None:
    source = (HERE / "programs/open/c27_modular_batchnorm.py").read_text("utf8")
    file = tmp_path / "verdict.html"
    document, path = found(tmp_path, source)
    (x, *_) = document["counterexample"]["parameters"]
    x |= {key: [[-0.123456] * 20] * 2 for key in ("value", "moved", "should_be")}
    file.write_text(verdict.of_file(document, path), "utf8")
    with opened(file, viewport={"width": 375, "height": 800}) as here:
        assert here.page.evaluate("document.documentElement.scrollWidth") <= 375
        _, spilled = printed(here.page)
    assert spilled == []
