"""The points that equations and arrays are worth, as in a teacher's TOML file, and the points that a program gets."""

import math
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from gradproof import files
from gradproof.errors import DataError, UsageError
from gradproof.judge.float64.points import EQUATIONS
from gradproof.judge.junit import Case, suite
from gradproof.text import some

LARGEST = 2**20  # bytes of a file
EXAMPLE = '[points] with equations, as in BP1 = 1, or arrays, as in W1 = 2 or "weights[*]" = 1'
INHERITED = "right at its own inputs"
UNKNOWN = "no partial credit could be determined"


class Rubric(NamedTuple):
    """Points for the equations of the notes' network, and for arrays by name or by pattern."""

    equations: Mapping[str, float]
    arrays: Mapping[str, float]
    path: str = ""
    is_of_one: bool = True  # whether it is for one submission, which all names must fit

    def key_of(self, name: str) -> str | None:
        """Return the key that decides an array's points: its name, else the first pattern that fits, else None."""
        if name in self.arrays:
            return name
        return next((key for key in self.arrays if _fits(name, key)), None)

    def strange(self, names: Collection[str]) -> list[str]:
        """Return the keys that fit none of these arrays."""
        return [key for key in self.arrays if not any(name == key or _fits(name, key) for name in names)]

    def refused(self, strange: Sequence[str], names: Collection[str] = ()) -> UsageError:
        """Return the error to raise for keys that fit no array."""
        there = f"; the arrays are {some(list(names), 12)}" if names else ""
        return UsageError(f"{self.path}: {', '.join(strange)} fits no array that was judged{there}")


A_POINT = Rubric(dict.fromkeys(EQUATIONS, 1), {"*": 1})


def _fits(name: str, pattern: str) -> bool:
    """Whether a pattern with * and ? fits; brackets are literal, as in weights[0]."""
    return fnmatchcase(name, pattern.replace("[", "[[]"))


def load(path: str) -> Rubric:
    """Read the points from a file; UsageError if it says anything else.

    If the file names any equation, the other equations are worth 0.
    """
    try:
        return _worth(tomllib.loads(files.read(path, LARGEST).decode("utf8")), path)
    except (OSError, ValueError, DataError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path}: {reason}; a rubric is TOML, {EXAMPLE}") from None


def _worth(document: Mapping[str, Any], path: str) -> Rubric:
    points = document.get("points")
    if list(document) != ["points"] or not isinstance(points, dict):
        raise DataError("needs one table [points] and nothing else")
    if not points:
        raise DataError("[points] is empty")
    for name, worth in points.items():
        if re.match(r"(?i)bp\W*\d", name) and name not in EQUATIONS:
            raise DataError(f"{name} is not an equation")
        if type(worth) not in (int, float) or not 0 <= worth < math.inf:
            raise DataError(f"{name} is worth {worth}, which is not a number of points")
    arrays = {name: worth for name, worth in points.items() if name not in EQUATIONS}
    equations = {name: points.get(name, 0) for name in EQUATIONS} if len(arrays) < len(points) else {}
    return Rubric(equations, arrays, path)


class Grade(NamedTuple):
    """The points of a program for each array, the possible points, and remarks."""

    points: Mapping[str, float]
    of: Mapping[str, float]
    remarks: Mapping[str, str]
    strange: Sequence[str] | None  # keys of the rubric that fit no array, None if no arrays are known


def grade(d: Mapping[str, Any], rubric: Rubric) -> Grade:
    """Return the points for each array in the document of a whole program, of each subject if there are several.

    A right array gets its points, and so does one that only a fault in a later layer makes wrong. If the verdict on a
    subject is undecided, so are all its arrays: they may be right for some unknown cost.
    """
    states: dict[str, set[str]] = {}
    for subject in _subjects(d):
        for parameter in subject["parameters"]:
            state = "undecided" if subject["verdict"] == "undecided" else parameter["state"]
            states.setdefault(_named(d, subject, parameter["name"]), set()).add(state)
    causes: dict[str, set[bool | None]] = {}
    for fault in d["faults"]:
        causes.setdefault(_named(d, d["subject"], fault["parameter"]), set()).add(fault["inherited"])
    strange = rubric.strange(states) if states else None
    points, of, remarks = dict[str, float](), dict[str, float](), dict[str, str]()
    for name in [*states, *(key for key in rubric.arrays if key not in states and not re.search(r"[*?]", key))]:
        key = rubric.key_of(name)
        of[name] = rubric.arrays[key] if key is not None else 0
        remarks[name] = _remark(states.get(name), causes.get(name, set()), bool(states))
        points[name] = of[name] * (states.get(name) == {"right"} or remarks[name] == INHERITED)
    return Grade(points, of, {name: remark for name, remark in remarks.items() if remark}, strange)


def _named(d: Mapping[str, Any], subject: Mapping[str, Any], name: str) -> str:
    """Return an array's name, after that of its subject if several were judged."""
    return f"{subject['name'].removesuffix(', what it returns')}: {name}" if len(_subjects(d)) > 1 else name


def _subjects(d: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what was judged, each function once.

    A function of networks of any depth is judged on deeper ones too, by its name and ", for three layers". Of both the
    one counts that the faults are of, else the first.
    """
    names = [one["name"] for one in d["subjects"]]
    chosen: dict[str, Mapping[str, Any]] = {}
    for one in d["subjects"]:
        function = next((name for name in names if one["name"].startswith(f"{name}, for ")), one["name"])
        if function not in chosen or one["name"] == d["subject"]["name"]:
            chosen[function] = one
    return list(chosen.values())


def _remark(states: set[str] | None, causes: set[bool | None], known: bool) -> str:
    """Return the remark on an array, from its states and from whether only a later layer makes it wrong."""
    if states is None:
        return "no such array" if known else "undecided"
    if states == {"right"}:
        return ""
    if causes == {True}:
        return INHERITED
    if "undecided" in states:
        return "undecided"
    return UNKNOWN if None in causes or not causes else ""


def lines(d: Mapping[str, Any], given: Grade, path: str) -> list[str]:
    """Return the verdict and the points in lines, without any answer."""
    said = {"verified": "is right", "refuted": "is wrong", "undecided": "cannot be decided"}
    result = [f"{d['verdict']}: {path} {said[d['verdict']]}", f"  judged: {d['subject']['name']}"]
    if len(judged := _subjects(d)) > 1:
        result += [f"  {one['name']}: {one['verdict']}" for one in judged]
    for name, points in given.points.items():
        remark = f" ({given.remarks[name]})" if name in given.remarks else ""
        result.append(f"{name}: {points:g} of {given.of[name]:g}{remark}")
    return [*result, f"{sum(given.points.values()):g} of {sum(given.of.values()):g}"]


def junit(given: Grade, path: str) -> str:
    """Return a test case for each array, with its points; it fails if it lost some, and is skipped if undecided."""
    cases = []
    for name, points in given.points.items():
        undecided = "undecided" if given.remarks.get(name) == "undecided" else ""
        lost = f"{points:g} of {given.of[name]:g} points" if points < given.of[name] and not undecided else ""
        cases.append(Case(name, lost, undecided, points={"points": points, "of": given.of[name]}))
    return suite(path, cases or [Case("points", skipped="nothing that has points could be judged")])


def document(d: Mapping[str, Any], given: Grade, again: str) -> dict[str, Any]:
    """Return the --json document, without the states of the arrays, which would give the answers away."""
    shared = {"verdict": d["verdict"], "subject": {name: d["subject"][name] for name in ("name", "form")}}
    shared["subjects"] = [{"name": one["name"], "verdict": one["verdict"]} for one in _subjects(d)]
    return shared | {"architectures": d["points"], "again": again} | given._asdict()
