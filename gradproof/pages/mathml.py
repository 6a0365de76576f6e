"""LaTeX as MathML and nothing but MathML: of what a converter makes, known elements and attributes come through."""

import re
from xml.etree.ElementTree import Element, tostring

from latex2mathml.converter import convert_to_element
from markupsafe import Markup

from gradproof.text import visible

# What latex2mathml makes of mathematics. Its other attributes – href, style, class, what somebody wrote – fall away.
ELEMENTS = frozenset(
    """
    math menclose mfrac mi mn mo mover mpadded mphantom mroot mrow mspace msqrt mstyle
    msub msubsup msup mtable mtd mtext mtr munder munderover
    """.split()  # noqa: SIM905
)
ATTRIBUTES = frozenset(
    """
    accent columnalign columnlines columnspacing depth display displaystyle fence form height linethickness lspace
    mathbackground mathcolor mathsize mathvariant maxsize minsize movablelimits notation rowlines rowspacing rspace
    scriptlevel separator stretchy voffset width
    """.split()  # noqa: SIM905
)
VALUE = re.compile(r"[\w#%.+ -]*")  # of an attribute: words, lengths, colours
ENTITY = re.compile(r"&#x([0-9A-Fa-f]{2,5});")  # as latex2mathml writes what is no letter
PRIME = '<mo class="prime" lspace="0" rspace="0" stretchy="false">′</mo>'
PRIMES = (
    (re.compile(r"<msup>(<m[io][^>]*>[^<]*</m[io]>)<mi>′</mi></msup>"), rf"\1{PRIME}"),
    (re.compile(r"<msubsup>(<mi>\w</mi><mi>\w</mi>)<mi>′</mi></msubsup>"), rf"<msub>\1</msub>{PRIME}"),
)
KEPT = "\n\t\u2061\u2062\u2063\u2064"  # besides what can be seen: the operators of MathML that cannot
LONGEST = 10_000  # characters of an equation


def mathml(latex: str, display: bool = False) -> Markup:
    """An equation as MathML; its text where the LaTeX is not understood."""
    try:
        if len(latex) > LONGEST:
            raise ValueError
        math = convert_to_element(latex, display="block" if display else "inline")
        for element in math.iter():
            _clean(element)
        math.set("displaystyle", "true")
        found = tostring(math, encoding="unicode")
    except Exception:  # latex2mathml raises many kinds
        return Markup("<code>{}</code>").format(visible(latex, "\n\t"))
    for raised, beside in PRIMES:  # as a superscript a prime is too small to be seen
        found = raised.sub(beside, found)
    return Markup(found)


def _clean(element: Element) -> None:
    """Leave of an element what is MathML's own; another becomes a row of what is in it."""
    if element.tag not in ELEMENTS:
        element.tag = "mrow"
        element.attrib.clear()
    for name, value in list(element.items()):
        if name not in ATTRIBUTES or not VALUE.fullmatch(value):
            del element.attrib[name]
    element.text, element.tail = (part and _plain(part) for part in (element.text, element.tail))


def _plain(text: str) -> str:
    """With its entities as what they stand for: `<` too, which is escaped when the tree is written."""
    return visible(ENTITY.sub(lambda entity: chr(int(entity[1], 16)), text), KEPT)
