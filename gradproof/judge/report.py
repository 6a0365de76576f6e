"""The judgement, and how it is told: in words, as JSON, as JUnit XML, as a script that runs without gradproof."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np

from gradproof.judge.certificate import Certified
from gradproof.judge.counterexample import Shown
from gradproof.judge.mistakes import RIGHT, Mistake
from gradproof.judge.troubles import AFTER, Trouble
from gradproof.numerics.verdict import Verdict
from gradproof.proof.summary import Fault, Summary, record

SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
EQUATIONS = ("BP1", "BP2", "BP3", "BP4")
VALUES = {"BP1": "δ", "BP2": "δ", "BP3": "∂C/∂b", "BP4": "∂C/∂w", "z": "z", "a": "a"}


class Named(NamedTuple):
    """A fault and the mistakes that explain it, if any."""

    fault: Fault
    names: list[Mistake]


class Judgement(NamedTuple):
    verdict: Verdict
    conventions: list[str]
    faults: list[Named]  # the root first
    troubles: list[Trouble]
    networks: int
    summary: Summary | None
    counterexample: Shown | None
    certified: Sequence[Certified] = ()  # a sample for a certificate, where one was asked for

    def __str__(self) -> str:
        return "\n".join(lines(self, "this backprop"))

    @property
    def points(self) -> dict[str, int]:
        """1 for each equation without a fault; what else is wrong stands there with 0."""
        wrong = {named.fault.equation for named in self.faults}
        unusable = any(trouble.kind not in AFTER for trouble in self.troubles)
        points = {name: int(name not in wrong and not unusable) for name in EQUATIONS}
        others = [kind for kind in AFTER if kind in wrong | {trouble.kind for trouble in self.troubles}]
        return points | dict.fromkeys(others, 0)


def lines(judgement: Judgement, subject: str, graded: bool = False) -> list[str]:
    """The judgement, the root fault first; with `graded` only which equations are right, and no answer."""
    counts = f"{judgement.networks} random networks"
    said = {
        "verified": f"verified: {subject} = autodiff on {counts}",
        "refuted": f"refuted: {subject} is wrong",
        "undecided": f"undecided: nothing is wrong with {subject} on {counts}, but too much cannot be told",
    }
    result = [said[judgement.verdict]]
    if judgement.summary and judgement.verdict == "verified":
        share = np.floor(1e4 * judgement.summary.discriminating) / 100
        result.append(f"{judgement.summary.elements:,} elements; {share:g} % have a bound below 1/1000 of themselves")
    result += [f"convention: {words}" for words in judgement.conventions]
    if graded:
        points = judgement.points
        return [
            *result,
            *(f"{name}: {points[name]} of 1" for name in points),
            f"{sum(points.values())} of {len(points)}",
        ]
    for trouble in judgement.troubles:
        where = f" (on {trouble.networks} networks)" if trouble.networks > 1 else ""
        result += ["", f"{trouble.kind}: {trouble.said}{where}"]
    for number, group in enumerate(_alike(judgement.faults)):
        result += ["", *_told(group, root=number == 0)]
    if judgement.counterexample is not None:
        result += ["", *_by_hand(judgement.counterexample)]
    return result


def _alike(faults: list[Named]) -> list[list[Named]]:
    """Faults of one equation with one explanation together, in the order of their first."""
    groups: dict[Any, list[Named]] = {}
    for named in faults:
        groups.setdefault((named.fault.equation, tuple(m.name for m in named.names)), []).append(named)
    return list(groups.values())


def _told(group: list[Named], root: bool) -> list[str]:
    named = group[0]
    fault, worst = named.fault, named.fault.worst
    layer = str(fault.layer).translate(SUPERSCRIPTS)
    numbers = ", ".join(str(other.fault.layer) for other in group)
    most = max(other.fault.networks for other in group)
    where = f"{fault.equation} at layer{'s' * (len(group) > 1)} {numbers} is wrong"
    count = sum(other.fault.elements for other in group)
    where += f": {count} element{'s' * (count != 1)}, on {most} network{'s' * (most != 1)}"
    if not root:
        return [f"also: {where}" + (f": {named.names[0].name}" if len(named.names) == 1 else "")]
    result = [where, *_explanation(named)]
    if worst.trouble:
        return [*result, f"  it {worst.trouble}"]
    low, high = worst.expected - worst.bound, worst.expected + worst.bound
    element = "[" + ",".join(map(str, worst.element)) + "]"
    result.append(f"  {VALUES[fault.equation]}{layer}{element} is {worst.got:.17g}, off by {worst.ratio:.3g} bounds")
    result.append(f"  allowed is {low:.17g} to {high:.17g}")
    return result


def _explanation(named: Named) -> list[str]:
    """The mistake, if one formula explains all; the class, if several do; the right line."""
    fault, names = named.fault, named.names
    right = [f"  it should be {RIGHT[fault.equation]}"] if fault.equation in RIGHT else []
    if len(names) == 1:
        (mistake,) = names
        seen = f" (seen in {mistake.seen})" if mistake.seen else ""
        return [f"  yours equals {mistake.formula} everywhere: {mistake.name}{seen}", *right]
    if names:
        return [f"  these cannot be told apart here: {'; '.join(m.name for m in names)}", *right]
    return right


def _by_hand(shown: Shown) -> list[str]:
    problem = shown.problem
    m = problem.x.shape[1]
    result = [f"smallest network that shows it: {problem.sizes}, {m} example" + "s" * (m > 1)]
    for layer, (w, b) in enumerate(zip(problem.weights, problem.biases, strict=True), start=1):
        number = str(layer).translate(SUPERSCRIPTS)
        result.append(f"  w{number} = {_numbers(w)}, b{number} = {_numbers(b)}")
    result.append(f"  x = {_numbers(problem.x)}, y = {_numbers(problem.y)}")
    result.append(f"  {_value(shown)} is {_numbers(shown.got)}, should be {_numbers(shown.expected)}")
    return result


def _value(shown: Shown) -> str:
    return VALUES[shown.equation] + str(shown.layer).translate(SUPERSCRIPTS)


def _numbers(array: Any) -> str:
    return str([[float(f"{v:.6g}") for v in row] for row in np.asarray(array)])


def script(shown: Shown, path: str, name: str, is_class: bool) -> str:
    """A few lines that show the fault with NumPy and the code alone, in the code's own conventions."""
    dtype = "" if shown.given.x.dtype == np.float64 else f", np.{shown.given.x.dtype}"

    def array(value: Any) -> str:
        return f"np.array({np.asarray(value).tolist()}{dtype})"

    weights, biases = (f"[{', '.join(map(array, part))}]" for part in shown.given[:2])
    if path.endswith(".py"):
        load = f'import runpy\n\nimport numpy as np\n\n{name} = runpy.run_path({path!r}, {{"xrange": range}})["{name}"]'
    else:
        load = f"import numpy as np\nfrom {path} import {name}\n"
    call = f"{name}(weights, biases, x, y)"
    if is_class:
        load += f"\nnetwork = {name}({shown.problem.sizes})"
        call = "network.backprop(x, y)"
    place = "network.weights, network.biases = weights, biases\n" if is_class else ""
    return (
        f"{load}\nweights = {weights}\nbiases = {biases}\nx, y = {array(shown.given.x)}, {array(shown.given.y)}\n"
        f"{place}print({call})\n"
        f'print("{_value(shown)} is {_numbers(shown.got)}, should be {_numbers(shown.expected)}")\n'
    )


def document(judgement: Judgement, seed: int, graded: bool = False) -> dict[str, Any]:
    """The --json document; the same seed gives the same bytes."""
    result = judgement.summary
    points = judgement.points
    shared: dict[str, Any] = {
        "verdict": str(judgement.verdict),
        "architectures": judgement.networks,
        "seed": seed,
        "conventions": judgement.conventions,
        "points": points,
    }
    if graded:
        return shared
    shown = judgement.counterexample
    problem = shown and shown.problem
    return shared | {
        "elements": result.elements if result else 0,
        "discriminating": result.discriminating if result else 0.0,
        "worst": record(result.worst[1]) if result and result.worst else None,
        "faults": [
            {
                "equation": trouble.kind,
                "layer": 0,
                "names": [trouble.name] if trouble.name else [],
                "said": trouble.said,
                "networks": trouble.networks,
                "elements": 0,
            }
            for trouble in judgement.troubles
        ]
        + [
            {
                "equation": named.fault.equation,
                "layer": named.fault.layer,
                "names": [mistake.name for mistake in named.names],
                "formulas": [mistake.formula for mistake in named.names],
                "networks": named.fault.networks,
                "elements": named.fault.elements,
            }
            for named in judgement.faults
        ],
        "counterexample": None
        if problem is None
        else {
            "sizes": problem.sizes,
            "weights": [w.tolist() for w in problem.weights],
            "biases": [b.tolist() for b in problem.biases],
            "x": problem.x.tolist(),
            "y": problem.y.tolist(),
        },
    }


def junit(judgement: Judgement, subject: str, graded: bool = False) -> str:
    """One test case for each equation."""
    points = judgement.points
    suite = ElementTree.Element(
        "testsuite", name=f"gradproof {subject}", tests=str(len(points)), failures=str(list(points.values()).count(0))
    )
    for equation, point in points.items():
        case = ElementTree.SubElement(suite, "testcase", classname=subject, name=equation)
        if not point:
            own = [named for named in judgement.faults if named.fault.equation == equation]
            lines = [line for named in own for line in _told([named], root=True)]
            lines += [f"{trouble.kind}: {trouble.said}" for trouble in judgement.troubles]
            failure = ElementTree.SubElement(case, "failure", message=f"{equation} is wrong")
            failure.text = None if graded else "\n".join(lines)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
