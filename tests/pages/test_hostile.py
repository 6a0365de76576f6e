"""Whatever somebody writes, in whatever field, a page shows it as text: no markup, no script, no request."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from markupsafe import Markup

from gradproof.pages import mathml, page, study
from gradproof.pages import paired_runs as both_page
from gradproof.pages import run as run_page
from gradproof.study import reader
from gradproof.study.trial import Court
from gradproof.study.verdicts import Tried
from gradproof.train import paired_runs
from gradproof.train.run import Run
from tests.browser import needs_chromium, opened
from tests.pages.hostile import PAYLOADS, let_in, poisoned, texts
from tests.train.small import SMALL, put_digits, train

LEDGER = r"""
title = "A ledger with something in every field"
letters = ["z"]
[definitions]
"σ(t)" = "1 / (1 + exp(-t))"
[readings.two]
"as it is" = { "V" = "σ(z)" }
"turned" = { "V" = "-σ(z)" }
[[line]]
id = "A1"
section = "One"
written = '\sigma(z) = \frac{1}{1 + e^{-z}}'
rule = "definition"
why = "It is z_j^l."
tests = ["tests/handcrafted/test_equations.py"]
[[line.claim]]
claim = "σ(z) == 1 / (1 + exp(-z))"
[[line.code]]
function = "handcrafted.equations.sigma"
arguments = ["z"]
gives = "σ(z)"
anchor = "nowhere"
[[line]]
id = "A2"
section = "Two"
written = "in words $z$"
rule = "fact"
depends = ["A1"]
[[line.claim]]
says = "one"
claim = "V == σ(z)"
readings = "two"
[[line.claim]]
says = "other"
claim = "σ(z) == 2 * σ(z)"
correction = "σ(z) == 1 / (1 + exp(-z))"
corrected = 'x'
[[line]]
id = "A3"
written = "x"
rule = "fact"
[[line.claim]]
claim = "V == -σ(z)"
readings = "two"
[[line.fact]]
measure = "loops"
says = "a text"
correction = 30
"""
OURS = {*mathml.ELEMENTS, "p", "code", "sub", "sup"}  # what LaTeX and prose are set in …
NAMED = {*mathml.ATTRIBUTES, "class"}  # … and its attributes
tried_payloads: set[str] = set()


@pytest.fixture(scope="module", autouse=True)
def counted() -> Iterator[None]:
    yield
    print(f"\n{len(tried_payloads):,} hostile texts were tried in every field of every page")


@pytest.fixture(scope="module")
def court() -> tuple[Court, list[Tried]]:
    court = Court(reader.read(LEDGER, "mine.toml"))
    return court, list(court.trials())


def study_with(tried: tuple[Court, list[Tried]], text: str) -> str:
    court = Court(tried[0].ledger._replace(title=text, source=text))
    return study.page(court, [poisoned(t, text) for t in tried[1]])


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[paired_runs.Pair]:
    place = tmp_path_factory.mktemp("both")
    with paired_runs.new(SMALL, put_digits(place), place / "run", 999) as two:
        for each in two.runs:
            train(each)
        yield two


def run_with(own: Run, text: str) -> str:
    """The page of a run of which every text is this one."""
    place, at, ended = own.place, own.at, own.ended
    try:
        own.place, own.ended = Path(text.replace("\0", "")), text
        own.at = at._replace(data=text, digits=text, versions={text: text})
        results = own.results() | {"run_hash": text}
        return run_page.page(own, results, {text: own.state.history, f"{text}2": own.state.history})
    finally:
        own.place, own.at, own.ended = place, at, ended


def both_with(two: paired_runs.Pair, text: str) -> str:
    at, ended = two.runs[0].at, two.runs[0].ended
    try:
        two.runs[0].at, two.runs[0].ended = at._replace(data=text), text
        result = two.results()
        result["runs"] = {f"{text}{n}": one | {"run_hash": text} for n, one in result["runs"].items()}
        return both_page.page(two, result, {text: two.runs[0].state.history, f"{text}2": two.runs[1].state.history})
    finally:
        two.runs[0].at, two.runs[0].ended = at, ended


several = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


@several
@given(texts)
def test_no_text_in_any_field_of_the_study_becomes_markup(court: tuple[Court, list[Tried]], text: str) -> None:
    tried_payloads.add(text)
    found = study_with(court, text)
    assert let_in(found, study_with(court, "word"), OURS, NAMED) == []


@several
@given(texts)
def test_whatever_latex_is_it_becomes_mathml_and_nothing_else(text: str) -> None:
    found = str(mathml.mathml(text))
    assert let_in(found, "<code>", OURS, NAMED) == []
    assert set(re.findall(r'class="([^"]*)"', found)) <= {"prime"}


@several
@given(texts)
def test_indices_of_prose_are_all_the_markup_that_comes_out_of_it(text: str) -> None:
    found = str(study.prose(text))
    assert let_in(found, "<sub><sup>") == []


@settings(several, max_examples=max(5, settings().max_examples // 10))
@given(texts)
def test_no_text_in_any_field_of_the_page_of_a_run_or_of_both_becomes_markup(pair: paired_runs.Pair, text: str) -> None:
    assert let_in(run_with(pair.runs[0], text), run_with(pair.runs[0], "word")) == []
    assert let_in(both_with(pair, text), both_with(pair, "word")) == []


@pytest.mark.parametrize("text", PAYLOADS)
def test_each_of_the_known_payloads_stays_text(court: tuple[Court, list[Tried]], text: str) -> None:
    tried_payloads.add(text)
    found = study_with(court, text)
    assert let_in(found, study_with(court, "word"), OURS, NAMED) == []


def test_what_is_let_in_would_be_seen(court: tuple[Court, list[Tried]], monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that takes LaTeX for markup, as it once did, is found out by most of the payloads."""
    harmless = study_with(court, "word")
    monkeypatch.setattr(study, "mathml", lambda text, display=False: Markup(f"<math>{text}</math>"))
    open_to = [text for text in PAYLOADS if let_in(study_with(court, text), harmless, OURS, NAMED)]
    assert len(open_to) > len(PAYLOADS) / 2


# ---- the browser has the last word -----------------------------------------------------------------------------

ASKED = "window.let_in === undefined"


def gallery(court: tuple[Court, list[Tried]]) -> str:
    """One page on which each payload stands in every field of a line of its own."""
    book, tried = court
    lines = []
    for number, text in enumerate(PAYLOADS):
        each = poisoned(tried[number % len(tried)], text)
        lines.append(each._replace(line=each.line._replace(id=f"P{number}", depends=())))
    return study.page(Court(book.ledger._replace(title=PAYLOADS[0], source=PAYLOADS[5])), lines)


@pytest.mark.turns(1)
@needs_chromium
def test_in_a_browser_no_payload_runs_or_fetches_or_opens_anything(
    court: tuple[Court, list[Tried]], pair: paired_runs.Pair, tmp_path: Path
) -> None:
    file = tmp_path / "page.html"
    pages = [gallery(court), run_with(pair.runs[0], "".join(PAYLOADS)), both_with(pair, "".join(PAYLOADS))]
    for html in pages:
        file.write_text(html, "utf-8")
        with opened(file) as here:
            dialogs: list[Any] = []
            here.page.on("dialog", lambda dialog, seen=dialogs: (seen.append(dialog.message), dialog.dismiss()))
            here.page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
            here.page.mouse.move(300, 300)
            here.page.wait_for_timeout(200)
            assert here.page.evaluate(ASKED)
            assert (here.errors, here.requests, dialogs) == ([], [], [])
            assert here.page.url.startswith("file:")


@pytest.mark.turns(1)
@needs_chromium
def test_what_stands_in_a_page_as_a_script_does_not_run_unless_it_is_ours(
    court: tuple[Court, list[Tried]], pair: paired_runs.Pair, tmp_path: Path
) -> None:
    """Were markup let in all the same, the page's policy stops it; without the policy it would run."""
    planted = "<script>window.let_in = 1</script><img src=data:, onerror='window.let_in = 1'></main>"
    file = tmp_path / "page.html"
    for html, ours in ((study_with(court, "word"), 1), (run_with(pair.runs[0], "word"), 0)):
        assert len(re.findall(r"<script>", html)) == ours
        file.write_text(html.replace("</main>", planted), "utf-8")
        with opened(file) as here:
            here.page.wait_for_timeout(100)
            assert here.page.evaluate(ASKED)
            assert len(here.errors) == 2, "the browser says what it refused"
            assert here.page.evaluate("document.documentElement.classList.contains('on-js')") == bool(ours)
        file.write_text(re.sub(r"<meta http-equiv[^>]*>", "", html).replace("</main>", planted), "utf-8")
        with opened(file) as here:
            here.page.wait_for_timeout(100)
            assert not here.page.evaluate(ASKED)


def test_a_page_names_its_script_by_its_hash_and_allows_none_where_there_is_none() -> None:
    policy = re.compile(r"script-src ('[^']*')")
    with_script = page.rendered("study.html", script="study.js", **_empty())
    assert policy.search(with_script)[1].startswith("'sha256-")
    assert "unsafe-inline'; script" not in with_script
    assert "script-src 'unsafe-inline'" not in with_script
    without = page.rendered("study.html", **_empty())
    assert "<script" not in without
    assert "script-src" not in without
    assert "default-src 'none'" in without


def _empty() -> dict[str, Any]:
    return {
        **dict.fromkeys(("title", "source"), "word"), **dict.fromkeys(("counts", "sections", "conventions"), ()),
        "graph": {"nodes": [], "edges": [], "bands": [], "width": 1, "height": 1}, "network": None, "digits": None,
        "stages": (), "unsettled": (), "rejected": 0, "mutants": {"tried": 0},
    }  # fmt: skip
