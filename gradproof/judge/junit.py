"""JUnit XML: a suite with a case for each array or equation."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.etree import ElementTree

from gradproof.text import visible


class Case(NamedTuple):
    """One test case, which passes unless one of its three messages is set."""

    name: str
    failure: str = ""
    skipped: str = ""
    error: str = ""
    text: str = ""  # of the failure
    points: Mapping[str, float] = {}  # "points" and "of", in a grade


def suite(subject: str, cases: Sequence[Case]) -> str:
    """Return the document of one suite; points are properties of their case."""
    counts = {kind: str(sum(bool(getattr(case, kind)) for case in cases)) for kind in ("failure", "error", "skipped")}
    top = ElementTree.Element(
        "testsuite",
        name=visible(f"gradproof {subject}"),
        tests=str(len(cases)),
        failures=counts["failure"],
        errors=counts["error"],
        skipped=counts["skipped"],
    )
    for case in cases:
        one = ElementTree.SubElement(top, "testcase", classname=visible(subject), name=visible(case.name))
        if case.points:
            properties = ElementTree.SubElement(one, "properties")
            for name, number in case.points.items():
                ElementTree.SubElement(properties, "property", name=name, value=f"{number:g}")
        for kind in ("failure", "error", "skipped"):
            if message := getattr(case, kind):
                told = ElementTree.SubElement(one, kind, message=visible(message))
                told.text = case.text or None
    return ElementTree.tostring(top, encoding="unicode", xml_declaration=True) + "\n"
