"""Renders a verdict as HTML for notebooks: no script, light and dark mode, and foreign text escaped."""

import linecache
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from gradproof.text import visible

AROUND = 2  # context lines on either side of a wrong line
LONGEST = 400  # characters of a line that are shown
LIGHT = "--ink: #1b1f24; --paper: #fff; --good: #116329; --bad: #a40e26; --middle: #7a4d00;"
DARK = "--ink: #e6edf3; --paper: #0d1117; --good: #56d364; --bad: #ff8f87; --middle: #e3b341;"
STYLE = """<style>
.gradproof { LIGHT }
@media (prefers-color-scheme: dark) { .gradproof { DARK } }
[data-jp-theme-light=true] .gradproof, .vscode-light .gradproof { LIGHT }
[data-jp-theme-light=false] .gradproof, .vscode-dark .gradproof { DARK }
.gradproof { background: var(--paper); color: var(--ink); max-width: 60rem; padding: .5em .75em; line-height: 1.45; }
.gradproof div { white-space: pre-wrap; overflow-wrap: anywhere; }
.gradproof .verified { color: var(--good); } .gradproof .refuted { color: var(--bad); }
.gradproof .undecided { color: var(--middle); }
.gradproof ol { list-style: none; margin: .5em 0; padding: .3em 0; border: 1px solid #8884; }
.gradproof li { display: grid; grid-template-columns: 2.5em minmax(0, 1.4fr) minmax(0, 1fr); column-gap: 1em; }
.gradproof li { align-items: baseline; padding: 0 .6em 0 0; border-left: .25em solid transparent; }
.gradproof li.wrong { border-color: var(--bad); } .gradproof li.wrong code { font-weight: bold; }
.gradproof li span { text-align: right; opacity: .75; }
.gradproof li code { white-space: pre-wrap; overflow-wrap: anywhere; background: none; color: inherit; padding: 0; }
.gradproof em { grid-column: 3; font-style: normal; font-size: .9em; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  .gradproof li { grid-template-columns: 2em minmax(0, 1fr); column-gap: .6em; } .gradproof em { grid-column: 2; }
}
.gradproof li .wrong { color: var(--bad); } .gradproof li .right { color: var(--good); }
.gradproof li .follows { color: var(--middle); }
</style>"""
STYLE = Markup(STYLE.replace("LIGHT", LIGHT).replace("DARK", DARK))


class SourceLine(NamedTuple):
    """A line of the subject, with notes: pairs of "right", "wrong" or "follows" and a text."""

    place: str
    text: str
    state: str = ""
    notes: Sequence[tuple[str, str]] = ()


def fragment(verdict: str, said: Sequence[str], source: Iterable[SourceLine] = ()) -> str:
    """Return the HTML of a verdict: its text, and the source lines that it is about."""
    first, *rest = map(visible, said)
    lines = Markup("").join(map(_line, source))
    told = Markup("<ol>{}</ol>").format(lines) if lines else ""
    page = Markup('{}<div class="gradproof"><div><b class="{}">{}</b></div>{}<div>{}</div></div>')
    return str(page.format(STYLE, verdict, first, told, "\n".join(rest)))


def _line(line: SourceLine) -> Markup:
    notes = Markup("").join(Markup('<em class="{}">{}</em>').format(state, visible(text)) for state, text in line.notes)
    shown = visible(line.text, "\t")[:LONGEST]
    return Markup('<li class="{}"><span>{}</span><code>{}</code>{}</li>').format(line.state, line.place, shown, notes)


def excerpts(notes: Mapping[tuple[str, int], Sequence[tuple[str, str]]]) -> Iterator[SourceLine]:
    """Yield the lines with notes by (file, line), and those around wrong ones, if Python can still read the source."""
    for file in dict.fromkeys(file for file, _ in notes):
        source = linecache.getlines(file) if file != "<string>" else []  # what any exec is called
        own = {line: some for (name, line), some in notes.items() if name == file}
        wrong = [line for line, some in own.items() if some[0][0] == "wrong"]
        for number in sorted({*own, *(line + off for line in wrong for off in range(-AROUND, AROUND + 1))}):
            if 0 < number <= len(source):
                state = "wrong" if number in wrong else ""
                yield SourceLine(str(number), source[number - 1].rstrip(), state, own.get(number, ()))
