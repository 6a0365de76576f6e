"""LaTeX as pure MathML: only known elements and attributes of the converter's output are kept."""

import re
from xml.etree.ElementTree import Element, tostring

from latex2mathml.converter import convert_to_element
from markupsafe import Markup

from gradproof.text import visible

# What latex2mathml produces for mathematics. Anything else in the input, such as href, style or class, is dropped.
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
ENTITY = re.compile(r"&#x([0-9A-Fa-f]{2,5});")  # how latex2mathml writes characters that are not letters
PRIME = '<mo class="prime" lspace="0" rspace="0" stretchy="false">′</mo>'
PRIMES = (
    (re.compile(r"<msup>(<m[io][^>]*>[^<]*</m[io]>)<mi>′</mi></msup>"), rf"\1{PRIME}"),
    (re.compile(r"<msubsup>(<mi>\w</mi><mi>\w</mi>)<mi>′</mi></msubsup>"), rf"<msub>\1</msub>{PRIME}"),
)
KEPT = "\n\t\u2061\u2062\u2063\u2064"  # besides printable characters: the invisible operators of MathML
LONGEST = 10_000  # characters of an equation


def mathml(latex: str, display: bool = False) -> Markup:
    """Return an equation as MathML, or as its LaTeX text if that cannot be converted."""
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
    for raised, beside in PRIMES:  # a prime is too small to read as a superscript
        found = raised.sub(beside, found)
    return Markup(found)


def _clean(element: Element) -> None:
    """Remove all but known MathML from an element; an unknown element becomes a row of its content."""
    if element.tag not in ELEMENTS:
        element.tag = "mrow"
        element.attrib.clear()
    for name, value in list(element.items()):
        if name not in ATTRIBUTES or not VALUE.fullmatch(value):
            del element.attrib[name]
    element.text, element.tail = (part and _plain(part) for part in (element.text, element.tail))


def _plain(text: str) -> str:
    """Return the text with entities decoded, even `<`, since writing the tree escapes it again."""
    return visible(ENTITY.sub(lambda entity: chr(int(entity[1], 16)), text), KEPT)
