"""`gradproof check FOLDER`: each is judged as `check FILE` judges it, and what befalls one costs no other anything."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import redirect_stdout
from html import escape
from multiprocessing import active_children
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from gradproof.commands import folders, judges
from gradproof.commands.classroom import print_all as told_on_a_terminal
from gradproof.commands.submission import Options
from gradproof.judge import catalogue, register
from gradproof.judge.register import Row
from gradproof.pages import classroom
from tests.browser import needs_chromium, opened, printed
from tests.commands import ended_here
from tests.judge.test_whole_command import NET, NOTHING, WRONG
from tests.pages.hostile import let_in, texts
from tests.processes import alive, started

pytestmark = pytest.mark.usefixtures("few_edits")

ENDLESS = NET.replace("        h =", "        while True:\n            pass\n        h =")
CLASS = {
    "anna/net.py": NET,
    "bert/net.py": WRONG,
    "my [last] version (2).py": WRONG,
    "nothing.py": NOTHING,
    "broken.ipynb": '{"cells": 3',
    "no text.py": "\ud800",  # a byte that is no UTF-8
}
OTHERS = {"readme.txt": "", "data/x.csv": "", ".hidden.py": NET, "__pycache__/net.py": NET, "env/lib/a.py": NET}


def fill(folder: Path, sources: dict[str, str]) -> None:
    for name, source in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(source.encode("utf8", "replace" if name != "no text.py" else "surrogatepass"))


def check(place: Path, *arguments: str) -> Any:
    return ended_here([sys.executable, "-m", "gradproof", "check", *arguments], place)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A class judged once, with all that can be written of it."""
    place = tmp_path_factory.mktemp("class")
    fill(place / "all", CLASS | OTHERS | {"env/pyvenv.cfg": ""})
    return place, check(place, "all", "--csv", "a.csv", "--junit", "a.xml", "-o", "pages")


def test_each_of_a_folder_has_one_line_in_order_and_what_is_no_submission_is_left_out(
    judged: tuple[Path, Any],
) -> None:
    _, ended = judged
    assert ended.returncode == 1, "the worst of all"
    *lines, total, mistake = ended.stdout.splitlines()
    starts = (
        "all/anna/net.py: verified: the gradient of the quadratic cost, ",
        "all/bert/net.py:15: refuted: `d1 = (self.w2.T @ d2) * (1 - h)` – w1, b1: ",
        "all/broken.ipynb: not judged: is not a notebook: ",
        "all/my [last] version (2).py:15: refuted: `d1 = (self.w2.T @ d2) * (1 - h)` – w1, b1: ",
        "all/no text.py: not judged: ",
        "all/nothing.py: not judged: found no step",
    )
    assert [line.startswith(start) for line, start in zip(lines, starts, strict=True)] == [True] * 6
    assert total == "6 submissions: 2 refuted, 3 not judged, 1 verified"
    assert mistake.startswith("2 of 6: ")
    assert (
        ended.stderr
        == ("gradproof: 3 files skipped, neither .py nor .ipynb: all/data/x.csv, all/env/pyvenv.cfg, all/readme.txt\n")
        or ended.stderr == "gradproof: 2 files skipped, neither .py nor .ipynb: all/data/x.csv, all/readme.txt\n"
    )


def test_the_table_for_spreadsheets_has_what_the_lines_say(judged: tuple[Path, Any]) -> None:
    place, ended = judged
    rows = list(csv.DictReader(io.StringIO((place / "a.csv").read_text("utf8"))))
    assert len(rows) == len(CLASS)
    for row, line in zip(rows, ended.stdout.splitlines(), strict=False):
        where = f"{row['file']}:{row['line']}" if row["line"] else row["file"]
        assert line == f"{where}: {row['verdict']}: {row['first fault']}"


def test_junit_has_a_suite_for_each_also_where_nothing_could_be_judged(judged: tuple[Path, Any]) -> None:
    suites = list(ElementTree.parse(judged[0] / "a.xml").getroot())
    assert [suite.get("name") for suite in suites] == [f"gradproof all/{name}" for name in sorted(CLASS)]
    failures = {suite.get("name", ""): len(suite.findall("testcase/failure")) for suite in suites}
    assert [name for name, count in failures.items() if count == 2] == [
        "gradproof all/bert/net.py",
        "gradproof all/my [last] version (2).py",
    ]
    assert sum(len(suite.findall("testcase/error")) for suite in suites) == 3


def test_every_page_that_the_index_links_is_there_and_no_two_share_one(judged: tuple[Path, Any]) -> None:
    pages = judged[0] / "pages"
    there = {path.name for path in pages.iterdir()}
    assert there == {
        "index.html",
        "all-anna-net.py.html",
        "all-bert-net.py.html",
        "all-my [last] version (2).py.html",
        "all-nothing.py.html",
        "all-broken.ipynb.html",
        "all-no text.py.html",
    }
    html = (pages / "index.html").read_text("utf8")
    for name in there - {"index.html"}:
        assert f'href="{quote(name)}"' in html
    assert "2 of 6" in html


def test_the_page_of_what_was_not_judged_says_why(judged: tuple[Path, Any], tmp_path: Path) -> None:
    place, ended = judged
    (line,) = (line for line in ended.stdout.splitlines() if "nothing.py" in line)
    html = (place / "pages/all-nothing.py.html").read_text("utf8")
    assert "<h1>Not judged: nothing.py</h1>" in html
    assert f"<p>{escape(line.removeprefix('all/nothing.py: not judged: '), quote=False)}</p>" in html.replace(
        "&#39;", "'"
    )
    assert str(place) not in html
    fill(tmp_path, {"nothing.py": NOTHING})
    check(tmp_path, "nothing.py", "nothing.py", "--grade", "-o", "pages")
    assert [path.name for path in (tmp_path / "pages").iterdir()] == ["index.html"], "no page gives answers away"


@pytest.mark.turns(1)
def test_of_each_is_told_what_check_tells_of_it_alone(judged: tuple[Path, Any]) -> None:
    """The same code path: the document, the exit code, and the error."""
    place, _ = judged
    several = ["all/bert/net.py", "all/nothing.py"]
    together = json.loads(check(place, *several, "--json").stdout)
    for path, told in zip(several, together["submissions"], strict=True):
        alone = check(place, path, "--json")
        document = json.loads(alone.stdout)
        assert told["exit_code"] == alone.returncode
        assert {name: told[name] for name in document if name != "verdict"} == {
            name: value for name, value in document.items() if name != "verdict"
        }
        assert told["verdict"] == document["verdict"] or document["verdict"] is None
    assert together["verdict"] == "refuted"
    assert [each["count"] for each in together["mistakes"]] == [1]


@pytest.mark.turns(1)
def test_annotations_name_the_line_of_each_fault(judged: tuple[Path, Any]) -> None:
    ended = check(judged[0], "all/bert/net.py", "--format", "github")
    assert ended.returncode == 1
    first, *others = ended.stdout.splitlines()
    start = "::error file=all/bert/net.py,line=15,title=gradproof%3A refuted::`d1 = (self.w2.T @ d2) * (1 - h)` – "
    assert first.startswith(start + "w1, b1: ")
    assert "%0Ashould be: d1 = self.w2.T @ d2 * (1 - h ** 2)" in first
    assert not any("line=15" in other for other in others)


@pytest.mark.turns(1)
@pytest.mark.parametrize("option", ["--format github", "--csv a.csv"])
def test_a_single_file_has_its_page_beside_its_annotations_or_its_row(tmp_path: Path, option: str) -> None:
    fill(tmp_path, {"a.py": WRONG})
    ended = check(tmp_path, "a.py", "-o", "x.html", *option.split())
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "a.py: w1, b1 do not follow" in (tmp_path / "x.html").read_text("utf8")
    assert not (tmp_path / "index.html").exists()


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["empty"], "empty: there is no .py or .ipynb file to judge", 3),
        (["no*.py"], "'no*.py': there is no .py or .ipynb file to judge", 3),
        (["a.py", "b.py", "-o", "x.html"], "-o is a folder of pages, not x.html", 2),
        (["a.py", "--format", "github", "-o", "no/x.html"], "no/x.html", 4),
        (["a.py", "b.py", "-o", "a.py"], "cannot make the folder a.py", 4),
        (["a.py", "b.py", "--script", "s.py"], "--script takes one submission", 2),
        (["a.py", "b.py", "--csv", "b.py"], "b.py is itself a submission; choose another", 2),
        (["a.py", "b.py", "--csv", "o", "--junit", "./o"], "o is named twice; choose another", 2),
        (["a.py", "b.safetensors"], "to judge a recorded step again: gradproof prove b.safetensors", 2),
    ],
)
def test_what_cannot_be_done_is_one_line_before_the_work(
    arguments: list[str], said: str, code: int, tmp_path: Path
) -> None:
    fill(tmp_path, {"a.py": NET, "b.py": NET})
    (tmp_path / "empty").mkdir()
    ended = check(tmp_path, *arguments)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (code, "", 1)
    assert said in ended.stderr
    assert (tmp_path / "a.py").read_text("utf8") == NET


# ---- what befalls one ------------------------------------------------------------------------------------------

NAMED = {"architectures": 20, "seed": 0, "as_json": True, "seconds": 30.0, "memory": 4.0}
OPTIONS = Options(**dict.fromkeys(Options._fields) | NAMED)  # type: ignore[arg-type]


@pytest.mark.turns(1)
def test_a_judge_that_the_system_kills_costs_the_submission_it_was_at(tmp_path: Path) -> None:
    fill(tmp_path, {"endless.py": ENDLESS, "a.py": NET, "b.py": WRONG})
    paths = [str(tmp_path / name) for name in ("endless.py", "a.py", "b.py")]
    found: dict[int, Row] = {}
    for number, row in judges.judged(paths, OPTIONS, None, {}):
        found[number] = row
        if len(found) == 2:  # the others are told: what is still at work is at the endless one
            for process in active_children():
                os.kill(process.pid or 0, signal.SIGKILL)
    assert [found[n].verdict for n in range(3)] == ["not judged", "verified", "refuted"]
    assert found[0].code == 4
    assert found[0].said == "its judge was ended by SIGKILL, as the system does when memory runs out"
    assert not active_children()


@pytest.mark.turns(1)
def test_one_that_hangs_costs_its_own_limit_and_no_more(tmp_path: Path) -> None:
    fill(tmp_path, {"endless.py": ENDLESS, "a.py": NET})
    ended = check(tmp_path, "endless.py", "a.py", "--seconds", "0.4")
    first, second, *_ = ended.stdout.splitlines()
    assert first.startswith("endless.py: not judged: ")
    assert second.startswith("a.py: verified: ")
    assert ended.returncode == 3


@pytest.mark.turns(1)
def test_interrupted_it_says_how_far_it_got_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "all", {"a.py": WRONG, "endless.py": ENDLESS})
    (tmp_path / "temporary").mkdir()
    line = [sys.executable, "-m", "gradproof", "check", str(tmp_path / "all"), "--seconds", "100", "--csv", "a.csv"]
    environment = os.environ | {"TMPDIR": str(tmp_path / "temporary")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started(line, cwd=tmp_path, env=environment, text=True, **pipes) as process:
        assert process.stdout
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert first.startswith(f"{tmp_path}/all/a.py:15: refuted: ")
    assert process.returncode == 130
    assert err == "gradproof: interrupted: 1 of 2 judged\n"
    assert out.startswith("1 submission: 1 refuted\n")
    assert (tmp_path / "a.csv").read_text("utf8").count("\n") == 2
    end = time.monotonic() + 20
    while (running := alive(tmp_path / "all")) and time.monotonic() < end:
        time.sleep(0.05)
    assert running == []
    assert list((tmp_path / "temporary").iterdir()) == []


# ---- the tables, whatever is in them ---------------------------------------------------------------------------


@st.composite
def rows_of_anything(draw: st.DrawFn) -> Row:
    """A row whose every text may be the same hostile one."""
    text = draw(texts | st.sampled_from(["=1+1", "+1", "-1", "@A1"]))
    mistakes = draw(st.lists(st.sampled_from(["a", "b", "c", text]), max_size=3))
    return Row(
        file=text,
        code=draw(st.sampled_from([0, 1, 2, 3, 4, 5, 70])),
        verdict=draw(st.sampled_from(["verified", "refuted", "undecided", register.UNJUDGED])),
        said=text,
        faults=[register.Fault(len(name) % 3, text, name) for name in mistakes],
        page=text,
    )


_rows = rows_of_anything()


@given(st.lists(_rows, max_size=6))
def test_a_spreadsheet_has_a_line_for_each_and_computes_nothing(rows: list[Row]) -> None:
    read = list(csv.reader(io.StringIO(register.as_csv(rows))))
    assert [len(line) for line in read] == [len(register.COLUMNS)] * (1 + len(rows))
    assert not any(cell.startswith(register.FORMULAS) for line in read for cell in line)


@given(_rows)
def test_an_annotation_is_one_line_whose_text_is_text(row: Row) -> None:
    for line in [*register.annotations(row), str(row)]:
        assert line.isprintable() or all(c.isprintable() or c.isspace() for c in line)
        assert "\n" not in line
    for line in register.annotations(row):
        _, properties, _ = line.split("::", 2)
        assert properties.count(",") == 2 if ",line=" in properties else properties.count(",") == 1


def test_a_mistake_of_the_notes_network_and_of_another_program_is_counted_once() -> None:
    def of(file: str, *mistakes: str) -> Row:
        return Row(file, 1, "refuted", "", [register.Fault(0, name, name) for name in mistakes])

    rows = [of("a.py", "σ′ is missing (BP2)"), of("b.py", "the slope of the activation is missing"), of("c.py")]
    assert register.counted(rows) == [("the slope of the activation is missing", ["a.py", "b.py"])]
    assert register.summary(rows)[1:] == ["2 of 3: the slope of the activation is missing"]
    assert "2 of 3" in classroom.index(rows, 3)
    assert register.counted(rows[:1]) == [("σ′ is missing (BP2)", ["a.py"])], "alone it has its equation"
    both = of("d.py", "the sign is wrong (BP3)", "the sign is wrong (BP4)", "the sign is wrong")
    assert register.counted([both]) == [("the sign is wrong", ["d.py"])]


def test_what_is_counted_once_has_both_names_in_the_catalogue() -> None:
    for name, shared in register.SAME.items():
        assert len(catalogue.find_entries([name])) == 1
        assert [entry.place for entry in catalogue.find_entries(["line", shared])] == [catalogue.LINE]


@given(st.lists(_rows, max_size=8))
def test_a_mistake_is_counted_once_for_each_submission_that_has_it(rows: list[Row]) -> None:
    truth = Counter(mistake for row in rows for mistake in {fault.mistake for fault in row.faults})
    assert {name: len(whose) for name, whose in register.counted(rows)} == truth
    counts = [len(whose) for _, whose in register.counted(rows)]
    assert counts == sorted(counts, reverse=True)


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@given(st.lists(_rows, min_size=1, max_size=4))
def test_the_table_on_a_terminal_is_no_wider_than_it_and_what_is_written_into_it_is_text(rows: list[Row]) -> None:
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(Screen()) as screen:
        patch.setenv("COLUMNS", "60")
        told_on_a_terminal(rows, with_table=True)
    table, _, total = re.sub(r"\x1b\[[\d;]*m", "", screen.getvalue()).partition("\n\n")
    assert [line for line in table.splitlines() if cell_len(line) > 60] == []
    assert not {c for c in table + total if not (c.isprintable() or c.isspace())}
    assert total.startswith(f"{len(rows)} submission")
    for row in rows:
        assert table.count(row.verdict) >= 1


@given(st.lists(_rows, max_size=6))
def test_junit_can_be_read_whatever_is_said(rows: list[Row]) -> None:
    assert len(list(ElementTree.fromstring(register.as_junit(rows)))) == len(rows)


@given(st.lists(st.sampled_from([0, 1, 2, 3, 4, 5, 70]), min_size=1))
def test_the_exit_code_is_0_only_where_all_are_verified_and_1_where_one_is_refuted(codes: list[int]) -> None:
    code = register.worst(codes)
    assert code in codes
    assert (code == 0) == (set(codes) == {0})
    assert code == 1 or 1 not in codes or code in (4, 70), "what failed is no judgement on the class"


@given(st.lists(st.just("index") | st.text("ab-/", min_size=1, max_size=6), unique=True, max_size=8))
def test_no_two_pages_have_one_name_and_none_is_the_index(paths: list[str]) -> None:
    names = folders.page_names(paths)
    assert len(names) == len(set(names)) == len(paths)
    assert "index.html" not in names
    assert not any("/" in name for name in names)


@given(st.lists(_rows, min_size=1, max_size=3), texts)
def test_nothing_on_the_index_becomes_markup(rows: list[Row], text: str) -> None:
    def page(said: str) -> str:
        fault = register.Fault(1, said, said)
        told = [Row(said, row.code, row.verdict, said, [fault], page="a.html") for row in rows]
        return classroom.index(told, 9).replace("<wbr>", "")  # where a name may be broken

    assert let_in(page(text), page("word")) == []


LINES_OF_VERDICTS = """[...document.querySelectorAll("section:last-of-type tbody td:nth-child(2)")].map(cell => {
    const words = document.createRange();
    words.selectNodeContents(cell);
    return words.getClientRects().length;
})"""


LINES_OF_NAMES = """all => all.map(link => {
    const lines = [], letters = document.createRange();
    const walk = document.createTreeWalker(link, NodeFilter.SHOW_TEXT);
    let height = null;
    for (let node = walk.nextNode(); node; node = walk.nextNode())
        for (let k = 0; k < node.length; k++) {
            letters.setStart(node, k);
            letters.setEnd(node, k + 1);
            const top = letters.getBoundingClientRect().top;
            if (top !== height) lines.push("");
            height = top;
            lines[lines.length - 1] += node.data[k];
        }
    return [link.textContent, lines];
})"""


@pytest.mark.turns(1)
@needs_chromium
def test_axe_finds_nothing_in_the_index_and_it_reads_on_a_telephone(judged: tuple[Path, Any]) -> None:
    from axe_playwright_python.sync_playwright import Axe

    file = judged[0] / "pages" / "index.html"
    for scheme in ("light", "dark"):
        with opened(file, color_scheme=scheme) as here:
            assert [v["id"] for v in Axe().run(here.page).response["violations"]] == []
            assert (here.errors, here.requests) == ([], [])
    with opened(file, viewport={"width": 375, "height": 800}) as here:
        assert here.page.evaluate("document.documentElement.scrollWidth") <= 375
        assert here.page.evaluate(LINES_OF_VERDICTS) == [1] * len(CLASS)
        names = here.page.eval_on_selector_all("th.file a", LINES_OF_NAMES)
        assert [text for text, _ in names] == [f"all/{name}" for name in sorted(CLASS)]
        for _, (*lines, _) in names:
            assert all(line.endswith(("/", "_", " ")) for line in lines), names
        pages, _ = printed(here.page)
    assert pages == 1


ENDING = """
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Pipe
from gradproof.commands import helpers, judges
helpers.depend_on_the_parent = lambda: None
threads = ThreadPoolExecutor()
threads.submit(time.sleep, 30)
asked, nobody = Pipe()
nobody.close()
judges._serve(asked, None, None)
print("ends", flush=True)
"""


def test_a_judge_that_is_told_to_end_while_it_ends_says_nothing():
    """Python waits for its threads first, and is told so where there are many or the machine is busy."""
    line = [sys.executable, "-c", ENDING]
    with started(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout.readline() == "ends\n"
        time.sleep(0.1)
        running.terminate()
        assert running.communicate(timeout=60) == ("", "")
        assert running.returncode == -signal.SIGTERM


def test_what_is_refuted_without_a_fault_says_where_it_is_wrong() -> None:
    document = {"verdict": "refuted", "faults": [], "parameters": [], "network": {"cost": "quadratic"}}
    document["where"] = "where d is changed in place in line 11, though it is returned"
    row = register.row("mine.py", 1, document, "", "", "")
    assert str(row) == f"mine.py: refuted: wrong {document['where']}"


def test_a_verified_row_says_what_it_would_be_for_the_quadratic_cost() -> None:
    network = {"activations": ["sigmoid"], "sizes": [3, 2], "cost": "binary cross-entropy, Σ"}
    document = {"verdict": "verified", "parameters": [], "faults": [], "network": network}
    said = register.row("a.py", 0, document, "", "", "").said
    assert said == "the gradient of the binary cross-entropy, Σ; for the quadratic, σ′ is missing at the output"
    network["cost"] += ", its own"
    assert "quadratic" not in register.row("a.py", 0, document, "", "", "").said
