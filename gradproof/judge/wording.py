"""The judgement on a whole program in words, and as documents for programs."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gradproof.judge.junit import Case, suite
from gradproof.text import some, typed, visible

WIDE, MOST, FEW = 96, 5, 16  # of small numbers: characters per line, lines, and elements of an array
SHORT = 120  # characters of a finding in float64 that is printed beside a fault
ADJECTIVES = ("quadratic", "Huber", "log-cosh", "Poisson", "hinge")  # names of costs that need the noun
PILED, AMISS = "gradient accumulates", "wrong from the second step on"  # states that the first step does not show


def lines(document: Mapping[str, Any], path: str) -> list[str]:
    """Return the verdict, then what is wrong and where, conventions, and what could not be decided."""
    return [visible(line) for line in _lines(document, path)]


def _lines(d: Mapping[str, Any], path: str) -> list[str]:
    subject, network = d["subject"], d["network"]
    does = "gives" if d["gradients"] else "follows"
    cost = network["cost"]
    said: list[str] = []
    if d["verdict"] == "verified":
        shape = _shape(network)
        said.append(f"verified: {path} {does} the gradient of {cost_in_words(cost)}{shape}, to {d['digits']} digits")
        said.append(f"  judged: {subject['name']}, at {d['points']} random points")
    elif d["verdict"] == "refuted":
        faults = d["faults"]
        names = some(list(dict.fromkeys(fault["parameter"] for fault in faults))) or "it"
        against = f" of {cost_in_words(cost)}" if cost else ""
        whose = f"{names} {_does_not(d, len(faults))} the gradient{against}"
        states = {parameter["state"] for parameter in d["parameters"]} - {"right"}
        if states and states <= {PILED, AMISS}:
            whose = f"the first step follows the gradient{against}; later steps of {names} do not"
        said.append(f"refuted: {path}: {whose if faults else 'not everything it returns is right'}")
        said.append(f"  judged: {subject['name']}{' ' + d['where'] if d['where'] else ''}")
        for fault in together(faults):
            said.append("  " + _fault(fault))
            if fault["mended"]:
                said.append(f"    should be: `{fault['should_be']}` – {fault['names'][0]}")
            if fault["others"]:
                said.append(f"    possibly {' or '.join(other['place'] for other in fault['others'])} instead")
            if fault["quotient"]:
                said.append(f"    a difference quotient of its own cost: {fault['quotient']}")
        said += by_hand(d["counterexample"]) if d["counterexample"] else []
        right = [p["name"] for p in d["parameters"] if p["state"] == "right"]
        if right:
            said.append(f"  right: {some(right, 12)}")
        if d["other"]:
            said.append(f"  it is the gradient of another cost: {d['other'][0]}")
    else:
        said.append(f"undecided: {path}: {d['undecided'][0] if d['undecided'] else 'it cannot be decided'}")
        said.append(f"  judged: {subject['name']}")
        said += [f"  {words}" for words in d["undecided"][1:]]
    if len(d["subjects"]) > 1:
        said += [f"  {one['name']}: {one['verdict']}" for one in d["subjects"]]
    if d["verdict"] == "verified" and may_be_a_slip(d):
        said.append("  if the quadratic cost is meant, σ′ is missing at the output (BP1): say so with --cost quadratic")
    said += [f"  convention: {words}" for words in d["conventions"]]
    said += _in_float64(d)
    said += [f"  {words}" for words in d["notes"]]
    if d["verdict"] == "undecided" and d["step"]:
        said.append(
            f"  say which cost you mean with --cost, or name the line that takes a step: {hint(path, d['step'])}"
        )
    return said


def _in_float64(d: Mapping[str, Any]) -> list[str]:
    """Return where float64 fails; of what is not verified only a single short line: faults are to be mended first."""
    told = [f"  in float64: {one['what']}" for one in d["float"]]
    return told if d["verdict"] == "verified" or (len(told) == 1 and len(told[0]) <= SHORT) else []


def by_hand(shown: Mapping[str, Any]) -> list[str]:
    """Return a few lines with the small numbers that show the fault: parameters, data, and what is wrong there.

    Return [] if an array is large: the page shows it.
    """
    if not all(_is_small(one) for one in (*shown["parameters"], *shown["data"])):
        return []
    packed = [""]
    for one in (*shown["parameters"], *shown["data"]):
        text = f"{one['name']} = {short(one['value'])}"
        if packed[-1] and len(f"{packed[-1]}, {text}") > WIDE:
            packed.append("")
        packed[-1] += f", {text}" if packed[-1] else text
    if len(packed) > MOST:
        packed = [*packed[: MOST - 1], f"{packed[MOST - 1]}, …"]
    return ["  small numbers that show it:", *(f"    {line}" for line in packed), f"    {shown['said']}"]


def _is_small(one: Mapping[str, Any]) -> bool:
    return one["value"] is not None and math.prod(one["shape"]) <= FEW


def short(value: Any, digits: int = 6) -> str:
    """Format numbers in nested lists, each with this many digits."""

    def of(part: Any) -> Any:
        return [of(each) for each in part] if isinstance(part, list) else float(f"{part:.{digits}g}")

    return str(of(value))


def sized(shape: Sequence[int]) -> str:
    """Return a shape in words."""
    return " × ".join(map(str, shape)) or "a number"


def may_be_a_slip(d: Mapping[str, Any]) -> bool:
    """Whether a − y follows a sigmoid and the code computes no cost: the cross-entropy, or a forgotten σ′."""
    network = d["network"]
    output = network["activations"][-1:] == ["sigmoid"]
    return output and "cross-entropy" in network["cost"] and "its own" not in network["cost"]


def cost_in_words(cost: str) -> str:
    """Return the cost of a document, which may be "quadratic, Σ(a − y)²" or "loss of line 3", for use in a sentence."""
    if not cost:
        return "a cost that it does not compute"
    if cost.startswith(("Σ", "a ")):
        return cost
    if found := re.fullmatch(r"(.+) of ((?:cell \d+, )?line \d+)", cost):
        return f"the program's own cost, `{found[1]}` in {found[2]}"
    if "(" in cost.split(",")[0]:
        return f"the program's own cost, `{cost}`"
    name, comma, rest = cost.removesuffix(", its own").partition(",")
    own = "program's own " * cost.endswith(", its own")
    return f"the {own}{name}{' cost' * (name in ADJECTIVES)}{comma}{rest}"


def _shape(network: Mapping[str, Any]) -> str:
    parts = [", ".join(network["activations"]), "–".join(map(str, network["sizes"]))]
    told = "; ".join(part for part in parts if part)
    return f" ({told})" if told else ""


def _does_not(d: Mapping[str, Any], count: int) -> str:
    if d["gradients"]:
        return "does not get" if count == 1 else "do not get"
    return "does not follow" if count == 1 else "do not follow"


def together(faults: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Merge the faults of several arrays that share a line, or have none, and a correction or explanation."""
    found: dict[Any, dict[str, Any]] = {}
    for fault in faults:
        said = fault["should_be" if fault["mended"] else "what"]
        key = (fault["line"], said, "" if fault["line"] else fault["numbers"])
        if key in found:
            found[key]["parameters"].append(fault["parameter"])
            found[key]["parameter"] = some(found[key]["parameters"])
        else:
            found[key] = dict(fault) | {"parameters": [fault["parameter"]]}
    return list(found.values())


def _fault(fault: Mapping[str, Any]) -> str:
    where = f"{fault['place']}: " if fault["place"] else ""
    code = f"`{fault['code']}` – " if fault["code"] else ""
    numbers = f" ({fault['numbers']})" if fault["numbers"] else ""
    return f"{where}{code}{fault['parameter']}: {fault['what']}{numbers}"


def hint(path: str, step: str = "net.train(x, y)") -> str:
    """Return the command to type if nothing was found or decided."""
    return f"gradproof check {typed(path)} --step {typed(step)}"


def nothing(document: Mapping[str, Any], path: str, graded: bool = False) -> str:
    """Return the error for a file with nothing to judge; if graded, without the edit that would mend it."""
    looked = document["looked"].removesuffix(document["mended"]) if graded else document["looked"]
    return f"{path}: {visible(looked)}; name the line that takes a step: {hint(path, document['step'])}"


def document(d: Mapping[str, Any], again: str) -> dict[str, Any]:
    """Return the --json document."""
    left = ("sure", "inexact", "step", "gradients", "troubles", "where", "points", "script")
    return {name: value for name, value in d.items() if name not in left} | {
        "architectures": d["points"],
        "where": d["where"],
        "again": again,
    }


def junit(d: Mapping[str, Any], path: str) -> str:
    """Return one test case for each array of parameters."""
    parameters = d["parameters"] or [{"name": d["subject"]["name"], "state": d["verdict"]}]
    wrong = {fault["parameter"]: fault for fault in d["faults"]}
    cases = []
    for name in (parameter["name"] for parameter in parameters):
        if name in wrong:
            cases.append(Case(name, f"{name} is wrong", text=visible(_fault(wrong[name]))))
        else:
            cases.append(Case(name, skipped="undecided" if d["verdict"] == "undecided" else ""))
    return suite(path, cases)
