"""A correction that is refuted or missing looks so: on the page, in the list, in words; and the exit code says why."""

import json
import re

import pytest

from gradproof.commands import study as command
from gradproof.pages import study as page
from gradproof.study import reader
from gradproof.study.trial import Court
from gradproof.study.verdicts import Tried

WRONG = r"""[[line]]
id = "{}"
written = 'x'
rule = "algebra"
[[line.claim]]
claim = "σ(z) == 2 * σ(z)"
"""
FACT = """[[line]]\nid = "{}"\nwritten = 'x'\nrule = "fact"\n[[line.fact]]\nmeasure = "loops"\nsays = 31\n"""
WRITTEN = "corrected = '\\text{{what stands there instead}}'\n"
LEDGER = (
    'title = "t"\nletters = ["z"]\n[definitions]\n"σ(t)" = "1 / (1 + exp(-t))"\n'
    + WRONG.format("Good") + 'correction = "σ(z) == 1 / (1 + exp(-z))"\n' + WRITTEN.format()
    + WRONG.format("Bad") + 'correction = "σ(z) == 3 / (1 + exp(-z))"\n' + WRITTEN.format()
    + WRONG.format("Silent") + 'correction = "log(exp(z)) == z"\n' + WRITTEN.format()
    + WRONG.format("Latex") + WRITTEN.format()
    + WRONG.format("None_")
    + FACT.format("Right") + "correction = 30\n"
    + FACT.format("Neither") + "correction = 32\n"
    + FACT.format("Missing")
)  # fmt: skip
TROUBLES = {
    "Good": [],
    "Bad": ["it is wrong, and so is its correction"],
    "Latex": ["it is wrong, and no correction is given, and what is written as its correction is not claimed anywhere"],
    "None_": ["it is wrong, and no correction is given"],
    "Right": [],
    "Neither": ["loops: that is not so, and neither is its correction"],
    "Missing": ["loops: that is not so, and no correction is given"],
}


@pytest.fixture(scope="module")
def court() -> tuple[Court, list[Tried]]:
    court = Court(reader.read(LEDGER, "mine.toml"))
    return court, list(court.trials())


def test_each_line_that_is_not_settled_says_why_and_no_other(court: tuple[Court, list[Tried]]) -> None:
    for t in court[1]:
        if t.line.id in TROUBLES:
            assert list(t.troubles) == TROUBLES[t.line.id]
        assert bool(t.troubles) == (t.verdict == "refuted")
    document = json.loads(json.dumps(command.document(*court)))
    assert {line["id"] for line in document["lines"] if line["correction"]} <= {"Good", "Right", "Silent"}
    assert next(line["id"] for line in document["lines"] if line["unsettled"]) == "Bad"


def test_only_a_correction_that_holds_wears_the_green_badge(court: tuple[Court, list[Tried]]) -> None:
    html = page.page(*court)
    badge = {
        t.line.id: re.findall(r'math corrected (\w+)".*?<span class="label">([^<]*)<', part)
        for t in court[1]
        for part in [html[html.index(f'<article id="{t.line.id}"') :].partition("</article>")[0]]
    }
    assert badge["Good"] == [("verified", "corrected")]
    assert badge["Bad"] == [("refuted", "wrong as well")]
    assert badge["Latex"] == [("unproven", "not proven")]
    assert badge["None_"] == []
    assert html.count("<b>Not settled:</b>") == 1 + sum(len(t.troubles) for t in court[1])
    assert "<b>Not settled:</b>" not in page.page(court[0], court[1][:1])


def test_the_list_says_why_the_exit_code_is_1(court: tuple[Court, list[Tried]]) -> None:
    book, tried = court[0].ledger, court[1]
    said = " ".join(text.plain for text in command.listed(book, tried, None, None))
    unsettled = sum(bool(t.troubles) for t in tried)
    assert f"{unsettled} of {len(tried)} lines are not settled, hence exit code 1: a line that is wrong needs" in said
    for name, troubles in TROUBLES.items():
        assert all(trouble in re.sub(r"\s+", " ", said) for trouble in troubles)
        assert (f"{name}: it" in said) == bool(troubles and ":" not in troubles[0])
    good = " ".join(text.plain for text in command.listed(book, [tried[0]], None, None))
    assert "exit code" not in good


def test_one_line_tells_a_correction_that_does_not_hold_in_its_own_words(court: tuple[Court, list[Tried]]) -> None:
    words = {t.line.id: "\n".join(text.plain for text in command.explained(t)) for t in court[1]}
    assert "    corrected: σ(z) ==" in words["Good"]
    assert "    not a correction, as it does not hold: σ(z) ==" in words["Bad"]
    assert "    corrected:" not in words["Bad"]
    assert "not settled" in words["None_"]
    assert "not settled" not in words["Good"]
