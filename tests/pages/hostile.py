"""What somebody may write to have a page or a terminal do more than show it, and what a page lets through of it."""

from collections.abc import Iterable
from html.parser import HTMLParser
from typing import Any, NamedTuple

from hypothesis import strategies as st

from gradproof.study.tree import Node

HTML = [
    "<script>window.let_in = 1; alert(1)</script>",
    "<svg/onload=alert(1)>",
    "<img src=x onerror=alert(1)>",
    "<img src=http://let.in.invalid/x>",
    "<iframe srcdoc='<script>parent.let_in = 1</script>'></iframe>",
    "</title><script>window.let_in = 1</script>",
    "</style><script>window.let_in = 1</script>",
    "</code></pre></main><script>window.let_in = 1</script>",
    "--><script>window.let_in = 1</script><!--",
    "]]><script>window.let_in = 1</script>",
    '"><script>window.let_in = 1</script>',
    "'><script>window.let_in = 1</script>",
    '" autofocus tabindex=1 onfocus=alert(1) x="',
    "' onmouseover=alert(1) x='",
    "<math><mtext><style><img src=x onerror=alert(1)></style></mtext></math>",
    "<math><mglyph><style><!--</style><img src=x onerror=alert(1)>--></mglyph></math>",
    "<annotation-xml encoding=text/html><script>window.let_in = 1</script></annotation-xml>",
    "<a href=javascript:alert(1)>x</a>",
    "<base href=http://let.in.invalid/>",
    "<meta http-equiv=refresh content='0;url=http://let.in.invalid/'>",
    "<link rel=stylesheet href=http://let.in.invalid/x.css>",
    "<style>@import 'http://let.in.invalid/x.css';</style>",
    "<form action=http://let.in.invalid/><button autofocus>x</button></form>",
    "<object data=http://let.in.invalid/x></object>",
    "&lt;script&gt;window.let_in = 1&lt;/script&gt;",
    "&#x3C;script&#x3E;window.let_in = 1&#x3C;/script&#x3E;",
    "{{ 7 * 7 }}{% include 'study.js' %}",
    "a_<script>_j^<script>window.let_in=1</script>^L",
    "z_{<b>}^{<script>window.let_in = 1</script>}",
    "\x1b[2J\x1b[Hverified\x9b31m\x07",
    "\u202egnorw si ti\u202c \u2066\u2069\u200f",
    "line\nverified: all is right\r\x08\x85\u2028\x00\x7f\ufeff",
    "\udcff\ud800 no Unicode",
]
LATEX = [
    r"\text{%s}",
    r"\mbox{%s}",
    r"\mathrm{%s}",
    r"\operatorname{%s}",
    r"\textbf{%s}_{%s}",
    r"x^{\text{%s}}",
    r"\frac{\text{%s}}{2}",
    r"\href{%s}{x}",
    r"\href{javascript:alert(1)}{\text{%s}}",
    r"\style{background:url(http://let.in.invalid/x);%s}{x}",
    r"\class{%s}{x}",
    r"\color{%s}{x}",
    r"\textcolor{%s}{x}",
    r"\begin{array}{%s} a & b \\ \text{%s} & d \end{array}",
    r"\rule{%s}{1em}",
    r"\hspace{%s}",
    r"\left%s x \right%s",
    r"\tag{%s} x",
    r"\require{%s}\unicode{%s}\char`%s",
    r"\newcommand{\let}{\text{%s}} \let",
    r"$\text{%s}$ in words $ %s $",
    "%s",
]
PAYLOADS = [*HTML, *(form.replace("%s", HTML[i % 25]) for i, form in enumerate(LATEX))]

_pieces = st.sampled_from(
    [*HTML, *"<>\"'&/=`{}\\$^_ \x00\x1b\x9b\u202e\u2028", "<script>", "</", "<!--", "on", "&#x3C;"]
)
_texts = st.lists(_pieces | st.text(max_size=4), min_size=1, max_size=6).map("".join)
_latex = st.builds(lambda form, text: form.replace("%s", text), st.sampled_from(LATEX), _texts)
texts = st.sampled_from(PAYLOADS) | _texts | _latex

UNTOUCHED = ("id", "depends", "function", "witness")  # no text of anybody's: the reader and the trial see to it


def poisoned(value: Any, text: str) -> Any:
    """A record in which every text is this one, however deep it stands."""
    if isinstance(value, str) and type(value) is str:
        return text
    if isinstance(value, Node):
        return Node("name", (text,))
    if isinstance(value, dict):
        return {f"{text}{number}": poisoned(inner, text) for number, inner in enumerate(value.values())}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        kept = {name: getattr(value, name) for name in value._fields if name in UNTOUCHED}
        return value._replace(**{n: kept.get(n, poisoned(getattr(value, n), text)) for n in value._fields})
    if isinstance(value, tuple | list):
        return type(value)(poisoned(inner, text) for inner in value)
    return value


class Markup(NamedTuple):
    """What a page is made of: (tag, names of its attributes), its links, and its scripts with their kind."""

    elements: set[tuple[str, tuple[str, ...]]]
    links: set[str]
    scripts: list[tuple[str, str]]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found = Markup(set(), set(), [])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.elements.add((tag, tuple(sorted(name for name, _ in attrs))))
        self.found.links.update(value or "" for name, value in attrs if name in ("href", "src", "action", "data"))
        if tag == "script":
            self.found.scripts.append((dict(attrs).get("type") or "", ""))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            kind, text = self.found.scripts[-1]
            self.found.scripts[-1] = kind, text + data


def markup(html: str) -> Markup:
    parser = _Parser()
    parser.feed(html)
    parser.close()
    return parser.found


def let_in(html: str, harmless: str, mathml: Iterable[str] = (), attributes: Iterable[str] = ()) -> list[str]:
    """What stands in a page, besides text, that does not stand in the same page of harmless words."""
    mine, right = markup(html), markup(harmless)
    mathml, attributes = set(mathml), set(attributes)
    strange = [
        f"<{tag} {' '.join(names)}>"
        for tag, names in mine.elements - right.elements
        if tag not in mathml or not attributes.issuperset(names)
    ]
    strange += [link for link in mine.links - right.links if not link.startswith("#")]
    strange += [text for _, text in mine.scripts] if mine.scripts != right.scripts else []
    hidden = {c for c in html if not (c.isprintable() or c in "\n\t\u2061\u2062\u2063\u2064\u00a0\u2009\u2006")}
    return strange + sorted(map(ascii, hidden))
