"""What somebody wrote is text wherever it is shown: on a terminal, in a shell, in JSON, in JUnit's XML."""

import json
import os
import subprocess
import unicodedata
from pathlib import Path
from xml.etree import ElementTree

from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from gradproof.commands import study as command
from gradproof.commands.terminal import captured
from gradproof.judge import documents, report
from gradproof.judge.report import Judgement
from gradproof.judge.troubles import Trouble
from gradproof.numerics.verdict import Verdict
from gradproof.study import reader
from gradproof.study.trial import Court
from gradproof.text import json_of, shortened, typed, visible
from tests.pages.hostile import PAYLOADS, poisoned, texts

ANY = texts | st.text() | st.text(alphabet=[chr(c) for c in (*range(32), *range(127, 160), 0x200E, 0x202E, 0x2066)])


def acts(text: str) -> list[str]:
    """The characters that a terminal, or who reads it, does not see as themselves."""
    return [ascii(c) for c in text if not c.isprintable() and unicodedata.category(c) != "Zs" and c != "\n"]


@given(ANY)
def test_what_is_visible_acts_on_no_terminal_and_keeps_what_is_printable(text: str) -> None:
    shown = visible(text)
    assert acts(shown) == []
    assert "\n" not in shown
    assert visible(shown) == shown
    assert [c for c in text if c.isprintable()] == [c for c in text if c.isprintable() and c in shown]


@given(ANY)
def test_lines_for_the_terminal_are_as_many_as_were_written_and_act_on_nothing(text: str) -> None:
    shown = captured([Text("first", "bold"), Text.assemble(("mark", "red"), text), Text(text, "dim"), Text("last")])
    assert acts(shown) == []
    assert shown.count("\n") == 4


def test_a_line_keeps_its_colours_around_what_is_escaped() -> None:
    from gradproof.commands import terminal

    tame = terminal._tame(Text.assemble(("✗ A1", "bold red"), ("a\x1bb", "dim"), " c"))
    assert tame.plain == "✗ A1a\\x1bb c"
    styles = [[str(s.style) for s in tame.spans if s.start <= i < s.end] for i in range(len(tame))]
    assert styles == [["bold red"]] * 4 + [["dim"]] * 6 + [[]] * 2


@given(st.recursive(ANY | st.floats(), lambda inner: st.lists(inner) | st.dictionaries(ANY, inner), max_leaves=5))
def test_json_says_the_same_and_acts_on_nothing(document: object) -> None:
    written = json_of(document)
    assert acts(written) == []

    def refuse(number: str) -> None:
        raise ValueError(number)

    assert json_of(json.loads(written, parse_constant=refuse)) == written


@given(st.lists(ANY.filter(lambda text: "\0" not in text), min_size=1, max_size=5))
def test_a_name_that_is_typed_is_that_name_to_a_shell(names: list[str]) -> None:
    assert not acts(" ".join(map(typed, names)))
    names = [name.encode("utf-8", "replace").decode() for name in [*names, "\ud800"]] + [os.fsdecode(b"\xff\x1b'")]
    line = " ".join(map(typed, names))
    assert line.isprintable() or not acts(line)
    told = subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True, timeout=20).stdout
    assert told.decode("utf-8", "surrogateescape").split("\0")[:-1] == names


def judged(text: str) -> Judgement:
    return Judgement(Verdict.REFUTED, [], [], [Trouble("raises", f"raises ValueError: {text}", 2)], 3, None, None)


@given(ANY)
def test_junit_is_xml_and_a_report_one_line_for_a_line_whatever_the_code_raises(text: str) -> None:
    for xml in (documents.junit(judged(text), text), documents.junit_error(text, text)):
        root = ElementTree.fromstring(xml.encode().removeprefix(b"<?xml version='1.0' encoding='UTF-8'?>\n"))
        assert root.tag == "testsuite"
        assert not [part for part in root.itertext() if acts(part)]
        assert visible(text) in root.get("name", "")
    lines = report.lines(judged(text), text)
    assert len(lines) == len(report.lines(judged("word"), "word"))
    assert not [line for line in lines if acts(line) or "\n" in line]


LEDGER = r"""
title = "one"
letters = ["z"]
[definitions]
"σ(t)" = "1 / (1 + exp(-t))"
[[line]]
id = "A1"
section = "One"
written = 'x'
rule = "fact"
why = "why"
tests = ["a test"]
[[line.claim]]
says = "says"
claim = "σ(z) == 2 * σ(z)"
correction = "σ(z) == 1 / (1 + exp(-z))"
corrected = 'x'
[[line.fact]]
measure = "loops"
says = "a text"
"""


def test_no_text_of_a_ledger_acts_on_the_terminal() -> None:
    court = Court(reader.read(LEDGER, "mine.toml"))
    (tried,) = court.trials()
    for text in PAYLOADS:
        book, bad = court.ledger._replace(title=text), [poisoned(tried, text)]
        shown = captured(command.listed(book, bad, Path(text), Path(text)) + command.explained(bad[0]))
        assert acts(shown) == []
        assert acts(json_of(command.document(Court(book), bad))) == []


def test_a_title_with_escapes_and_lines_of_its_own_is_one_line_of_text(tmp_path: Path) -> None:
    from gradproof.__main__ import gradproof_command

    file = tmp_path / "mine.toml"
    file.write_text(LEDGER.replace('title = "one"', r'title = "\u001b[2J\nall is right\u202e"'), "utf-8")
    done = CliRunner().invoke(gradproof_command, ["study", "--notes", str(file)], standalone_mode=False)
    assert "\\x1b[2J\\nall is right\\u202e\n" in done.output
    assert acts(done.output) == []


@given(st.lists(st.sampled_from("abc"), max_size=30))
def test_a_repr_has_ten_lines_at_most_and_says_how_many_are_left_out(lines: list[str]) -> None:
    shown = shortened(lines).split("\n") if lines else []
    if len(lines) <= 10:
        assert shown == lines
    else:
        assert shown[:-1] == lines[:9]
        assert shown[-1] == f"… {len(lines) - 9} more lines: print it"
