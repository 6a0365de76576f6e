"""The submissions of a class: one row each, the mistakes counted, as text, CSV, JUnit XML and annotations."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from xml.etree import ElementTree

from gradproof.judge import wording
from gradproof.judge.lines.names import NAMES
from gradproof.text import visible

WORST = (70, 4, 1, 2, 3, 5)  # exit codes, the worst first; all others are better
COLUMNS = ("file", "verdict", "line", "first fault", "mistakes", "points", "page", "exit code")
UNJUDGED = "not judged"
NAMELESS = "wrong, but no known mistake"
SAME = {  # mistakes of the notes' network, by the name that they have in a statement of any other program
    "σ′ is missing (BP2)": NAMES["slope"],
    "the derivative is that of tanh (BP1)": NAMES["wrong slope"],
    "the derivative is that of tanh (BP2)": NAMES["wrong slope"],
    "the sign of the error is wrong (BP1)": NAMES["sign"],
    "the sign is wrong (BP2)": NAMES["sign"],
    "the sign is wrong (BP3)": NAMES["sign"],
    "the sign is wrong (BP4)": NAMES["sign"],
    "the mini-batch is summed, not averaged (BP3)": NAMES["division"],
    "the mini-batch is summed, not averaged (BP4)": NAMES["division"],
    "divided by m twice (BP3)": NAMES["multiple"],
    "divided by m twice (BP4)": NAMES["multiple"],
}
FORMULAS = ("=", "+", "-", "@")  # how a cell begins that a spreadsheet would compute


class Fault(NamedTuple):
    line: int  # of the file, 0 if unknown
    said: str
    mistake: str  # its name, without details of this submission
    should_be: str = ""  # the statement that makes it right, if one is known


class Row(NamedTuple):
    """The verdict on one submission."""

    file: str
    code: int  # the exit code of gradproof check FILE
    verdict: str
    said: str  # the first fault, or else the reason for the verdict
    faults: Sequence[Fault] = ()
    points: str = ""
    document: Mapping[str, Any] = {}  # of gradproof check FILE --json
    junit: str = ""
    page: str = ""

    @property
    def mistakes(self) -> list[str]:
        """The names of the mistakes, each once."""
        return list(dict.fromkeys(fault.mistake for fault in self.faults))

    @property
    def line(self) -> int:
        return self.faults[0].line if self.faults else 0

    def __str__(self) -> str:
        """One line in the format of a compiler's messages."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        points = f" ({self.points})" if self.points else ""
        return visible(f"{place}: {self.verdict}{points}: {self.said}")


def row(file: str, code: int, document: Mapping[str, Any], error: str, junit: str, page: str) -> Row:
    """Build the row of a submission from the document of gradproof check FILE --json, or from its line on stderr."""
    verdict = document.get("verdict")
    if verdict is None:
        said = (document.get("error") or error or "it gave no verdict").removeprefix(file).lstrip(": ")
        return Row(file, code, UNJUDGED, said, document=document, junit=junit, page=page)
    whole = "parameters" in document
    given = document.get("faults", ())
    faults = [_of_program(fault) for fault in wording.together(given)] if whole else _of_network(document)
    points = ""
    if "faults" not in document:  # of --grade
        points = f"{sum(document['points'].values()):g} of {sum(document['of'].values()):g}"
    said = faults[0].said if faults else _without_fault(document)
    return Row(file, code, verdict, said, faults, points, document, junit, page)


def _of_network(document: Mapping[str, Any]) -> list[Fault]:
    """Put the faults of the notes' network into words, one for the layers in which an equation is wrong alike."""
    layers: dict[Any, list[int]] = {}
    for fault in document.get("faults", ()):
        key = fault["equation"], tuple(fault["names"]), fault.get("said"), fault.get("line", 0)
        layers.setdefault(key, []).append(fault["layer"])
    found = []
    for (equation, names, said, line), wrong in layers.items():
        name, layered = " or ".join(names), any(wrong)
        at = f" at layer{'s' * (len(wrong) > 1)} {', '.join(map(str, wrong))}" if layered else ""
        mistake = f"{name} ({equation})" if names else equation + " is wrong" * layered
        found.append(Fault(line, equation + at + (f": {said or name}" if said or name else " is wrong"), mistake))
    mended = [
        words.removeprefix("should be: ") for words in document.get("where", ()) if words.startswith("should be: ")
    ]
    return [one._replace(should_be="; ".join(mended)) for one in found[:1]] + found[1:]


def _of_program(fault: Mapping[str, Any]) -> Fault:
    """Put a fault of a whole program into words."""
    names = fault["names"]
    cell = f"{fault['place']}: " if fault["place"].startswith("cell") else ""
    code = f"`{fault['code']}` – " if fault["code"] else ""
    what = fault["what"].partition(";")[0]
    name = f"; {names[0]}" if names else ""
    said = f"{cell}{code}{fault['parameter']}: {what}{name}"
    mistake = names[0] if names else what if what != "wrong" else NAMELESS
    return Fault(0 if cell else fault["line"], said, mistake, fault["should_be"] if fault["mended"] else "")


def _without_fault(document: Mapping[str, Any]) -> str:
    """Describe a verdict that comes without faults."""
    if "points" in document and "faults" not in document:
        said = {name: f" ({remark})" for name, remark in document["remarks"].items()}
        return ", ".join(f"{name} {point:g}{said.get(name, '')}" for name, point in document["points"].items())
    if document["verdict"] == "undecided":
        undecided = document["undecided"]
        if "parameters" in document:
            return undecided[0] if undecided else "it cannot be decided"
        return f"too little can be decided about {', '.join(undecided)}"
    if document["verdict"] == "refuted":  # what is right at first, and wrong at a later call or for more layers
        return f"wrong {document.get('where') or 'for what it returns'}"
    if "parameters" in document:
        doubt = "; for the quadratic, σ′ is missing at the output" * wording.may_be_a_slip(document)
        return f"the gradient of {wording.cost_in_words(document['network']['cost'])}{doubt}"
    return f"autodiff's gradients on {document['architectures']} networks"


def strange(rows: Sequence[Row]) -> list[str]:
    """Return what in the rubric fits no array of any submission whose arrays are known."""
    found = [each.document["strange"] for each in rows if each.document.get("strange") is not None]
    return [name for name in found[0] if all(name in names for names in found)] if found else []


def worst(codes: Sequence[int]) -> int:
    """Return the exit code of a class: the worst of its submissions' codes."""
    return next((code for code in WORST if code in codes), max(codes, default=0))


def counted(rows: Sequence[Row]) -> list[tuple[str, list[str]]]:
    """Return each mistake with the files that have it, the most frequent first.

    What is the same in the notes' network and in another program is counted once, by the name that fits both.
    """
    found: dict[str, list[str]] = {}
    names = {mistake for each in rows for mistake in each.mistakes}
    for each in rows:
        shared = (SAME[mistake] if SAME.get(mistake) in names else mistake for mistake in each.mistakes)
        for mistake in dict.fromkeys(shared):
            found.setdefault(mistake, []).append(each.file)
    return sorted(found.items(), key=lambda pair: -len(pair[1]))


def summary(rows: Sequence[Row]) -> list[str]:
    """Return lines with the number of each verdict and of each mistake."""
    verdicts = [each.verdict for each in rows]
    order = ("refuted", "undecided", UNJUDGED, "verified")
    counts = [f"{verdicts.count(verdict)} {verdict}" for verdict in order if verdict in verdicts]
    lines = [f"{len(rows)} submission{'s' * (len(rows) != 1)}: {', '.join(counts)}"]
    return lines + [f"{len(files)} of {len(rows)}: {visible(mistake)}" for mistake, files in counted(rows)]


def as_csv(rows: Sequence[Row]) -> str:
    """Return a header and a line for each submission."""
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow(COLUMNS)
    for each in rows:
        mistakes = "; ".join(each.mistakes)
        table.writerow(
            map(
                _cell,
                (each.file, each.verdict, each.line or "", each.said, mistakes, each.points, each.page, each.code),
            )
        )
    return written.getvalue()


def _cell(value: Any) -> Any:
    """Escape text that a spreadsheet would compute as a formula."""
    if not isinstance(value, str):
        return value
    return "'" * value.startswith(FORMULAS) + visible(value)


def as_junit(rows: Sequence[Row]) -> str:
    """Return the suites of all submissions in one document."""
    suites = ElementTree.Element("testsuites", name="gradproof")
    for each in rows:
        if each.junit:
            suites.append(ElementTree.fromstring(each.junit))
            continue
        name = visible(each.file)
        suite = ElementTree.SubElement(
            suites, "testsuite", name=f"gradproof {name}", tests="1", failures="0", errors="1"
        )
        case = ElementTree.SubElement(suite, "testcase", classname=name, name="load")
        ElementTree.SubElement(case, "error", message=visible(each.said))
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def annotations(each: Row) -> list[str]:
    """Return annotations for GitHub: an error for each fault and each unjudged file, a warning if undecided."""
    if each.verdict == "verified":
        return []
    if each.verdict == "refuted":
        found = [(fault.line, _with_correction(fault)) for fault in each.faults] or [(0, each.said)]
    else:
        found = [(0, each.said)]
    kind = "warning" if each.verdict == "undecided" else "error"
    return [_annotation(kind, each.file, line, each.verdict, said) for line, said in found]


def _with_correction(fault: Fault) -> str:
    return fault.said + f"\nshould be: {fault.should_be}" * bool(fault.should_be)


def _annotation(kind: str, file: str, line: int, verdict: str, said: str) -> str:
    place = f"file={_property(visible(file))}" + f",line={line}" * bool(line)
    text = _message(visible(said, kept="\n"))
    return f"::{kind} {place},title={_property('gradproof: ' + verdict)}::{text}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
