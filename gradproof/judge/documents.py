"""The judgement on a backprop as JSON, as JUnit XML, and as a script that shows the fault without gradproof."""

import os
from typing import Any

import numpy as np

from gradproof.judge.float64.counterexample import Shown
from gradproof.judge.isolation.submission import Kind
from gradproof.judge.junit import Case, suite
from gradproof.judge.loading import in_python_3
from gradproof.judge.report import Judgement, Worth, describe, in_words
from gradproof.proof.summary import record
from gradproof.text import visible


def script(shown: Shown, path: str, kind: Kind) -> str:
    """Return a short script that shows the fault with only NumPy and the code, in the code's own conventions."""
    name, is_class = kind.name, kind.is_class
    dtype = "" if shown.given.x.dtype == np.float64 else f", np.{shown.given.x.dtype}"

    def array(value: Any) -> str:
        return f"np.array({np.asarray(value).tolist()}{dtype})"

    weights, biases = (f"[{', '.join(map(array, part))}]" for part in shown.given[:2])
    network, call = "", f"{name}(weights, biases, x, y)"
    if is_class:
        network, call = f"network = {name}({shown.problem.sizes})\n", "network.backprop(x, y)"
    place = "network." if is_class else ""
    return (
        f"{_loading(path, kind)}{network}{place}weights = {weights}\n{place}biases = {biases}\n"
        f"x, y = {array(shown.given.x)}, {array(shown.given.y)}\nprint({call})\n"
        f'print("{in_words(shown)}")\n'
    )


def _loading(path: str, kind: Kind) -> str:
    """Return the lines that load the code as the judge did, from any working directory."""
    file, name = path.endswith(".py"), kind.name
    path = os.path.abspath(path) if file else path
    folder = os.path.dirname(path) if file else os.getcwd()
    found = f"import numpy as np\n__builtins__.xrange = range\nsys.path.insert(0, {folder!r})\n"
    if not file:
        return f"import sys\n{found}from {path} import {name}\n"
    source, converted = in_python_3(kind.source, path)
    if not converted:
        return f'import runpy\nimport sys\n{found}{name} = runpy.run_path({path!r})["{name}"]\n'
    source = source.replace("\\", "\\\\").replace('"""', '\\"\\"\\"').rstrip("\n")
    begun = f'code = {{"__name__": "submission", "__file__": {path!r}}}\n'
    return f'import sys\n{found}{begun}exec("""{source}\n""", code)\n{name} = code["{name}"]\n'


def document(judgement: Judgement, seed: int, again: str, worth: Worth | None = None) -> dict[str, Any]:
    """Return the --json document, of which the same seed gives the same bytes; with `worth`, only the points.

    `again` is the command that gives it again.
    """
    result = judgement.summary
    points = judgement.points
    shared: dict[str, Any] = {
        "verdict": str(judgement.verdict),
        "architectures": judgement.networks,
        "digits": judgement.digits,
        "seed": seed,
        "again": again,
        "conventions": judgement.conventions,
        "points": points,
        "besides": judgement.besides,
        "undecided": sorted(judgement.undecided),
    }
    if worth is not None:
        remarks = dict.fromkeys(shared["undecided"], "undecided")
        return shared | {"points": judgement.worth(worth), "of": dict(worth), "remarks": remarks}
    shown = judgement.counterexample
    return shared | {
        "where": [words.strip() for words in judgement.said],
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
                "line": judgement.place[1],
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
                "line": judgement.place[1],
            }
            for named in judgement.faults
        ],
        "counterexample": None
        if shown is None
        else {
            "sizes": shown.problem.sizes,
            "weights": [w.tolist() for w in shown.problem.weights],
            "biases": [b.tolist() for b in shown.problem.biases],
            "x": shown.problem.x.tolist(),
            "y": shown.problem.y.tolist(),
            "checkers": [one.record() for one in shown.checkers],
        },
    }


def junit(judgement: Judgement, subject: str, worth: Worth | None = None) -> str:
    """Return one test case for each equation and for each other kind of fault.

    With `worth`, each equation has its points, fails only if it lost some, and gives no answer.
    """
    if worth is not None:
        return suite(subject, _graded(judgement, worth))
    wrong = {named.fault.equation for named in judgement.faults} | {trouble.kind for trouble in judgement.troubles}
    cases = []
    for name in (*judgement.points, *judgement.besides):
        if name in judgement.undecided and name not in wrong:
            cases.append(Case(name, skipped="undecided: too little can be decided"))
        elif judgement.points.get(name):
            cases.append(Case(name))
        else:
            own = [named for named in judgement.faults if named.fault.equation == name]
            lines = [line for named in own for line in describe(named)]
            lines += [f"{trouble.kind}: {trouble.said}" for trouble in judgement.troubles]
            cases.append(Case(name, f"{name} is wrong", text="\n".join(map(visible, lines))))
    return suite(subject, cases)


def _graded(judgement: Judgement, worth: Worth) -> list[Case]:
    """Return a case with its points for each equation, and one that is skipped for what is wrong without points."""
    cases = []
    for name, points in judgement.worth(worth).items():
        undecided = "undecided" if name in judgement.undecided else ""
        lost = f"{points:g} of {worth[name]:g} points" if points < worth[name] and not undecided else ""
        cases.append(Case(name, lost, undecided, points={"points": points, "of": worth[name]}))
    return cases + [Case(name, skipped="wrong, without points") for name in judgement.besides]


def junit_error(said: str, subject: str) -> str:
    """Return the single test case of code that could not be judged."""
    return suite(subject, [Case("load", error=said)])
