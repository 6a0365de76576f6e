"""Which verdict counts: the exact one on a whole program, or the one in float64 on a backprop of the notes' network."""

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradproof.judge.find.calls import takes_lists
from gradproof.judge.loading import KINDS


def has_backprop(path: str, name: str = "") -> bool:
    """Whether a file has something that the judge of the notes' network takes, such as backprop or Network.

    With a name, whether the function or class of this name may be one. A file that does not parse may have one.
    """
    try:
        tree = ast.parse(Path(path).read_bytes())
    except (SyntaxError, ValueError):  # Python 2, or not Python
        return True
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if name:
        return name not in functions or takes_lists(functions[name])
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    names = {node.name for node in tree.body if isinstance(node, kinds)}
    assigned = (node for node in tree.body if isinstance(node, ast.Assign))
    names |= {ast.unparse(target) for node in assigned for target in node.targets}
    return any(name not in functions or takes_lists(functions[name]) for name in names & set(KINDS))


def takes_others(judged: Any) -> bool:
    """Whether the code merely takes other arguments than backprop(weights, biases, x, y), which is not a fault."""
    return any(trouble.kind == "raises" and "positional argument" in trouble.said for trouble in judged.troubles)


def prefers_whole(d: Mapping[str, Any], judged: Any) -> bool:
    """Whether the exact judgement replaces that of the notes' network in float64, which may be of another network.

    A proof of a fault counts. A judge of another network, cost or convention must not refute right code, but faults
    that only floats show, such as state kept between two calls, remain.
    """
    verdict = d["verdict"]
    match str(judged.verdict), verdict:
        case _, "none":
            return False
        case "refuted", "undecided":  # code that raises on every problem may just take others
            return takes_others(judged) or (not judged.faults and {one.kind for one in judged.troubles} == {"raises"})
        case "verified", "refuted":
            return True
        case "undecided", "verified" | "refuted":
            return True
        case "refuted", "verified":
            kinds = {trouble.kind for trouble in judged.troubles} | {named.fault.equation for named in judged.faults}
            kept = kinds & {"mutation", "dtype", "repeat", "state"} or kinds <= {"update", "data"}
            return not d["inexact"] and not kept and (d["sure"] or d["subject"]["form"] != "function")
        case "refuted", "refuted":  # float64 says little about code that does not fit its problems
            follows = any(array["state"] == "right" for array in d.get("parameters", ()))  # so its δᴸ is right
            another = follows and _may_be_of_another_cost(d, judged)
            return not _is_sigmoid(d) or ((another or _says_little(judged)) and _is_placed(d))
    return False


def may_prefer_whole(first: Mapping[str, Any], judged: Any) -> bool:
    """Whether `prefers_whole` may hold for a program that is refuted and whose lines are not read yet."""
    if str(judged.verdict) != "refuted" or not _is_sigmoid(first):
        return True
    return _says_little(judged) or _may_be_of_another_cost(first, judged)


def _is_placed(d: Mapping[str, Any]) -> bool:
    return bool(d["faults"]) and all(fault["line"] for fault in d["faults"])


def _may_be_of_another_cost(d: Mapping[str, Any], judged: Any) -> bool:
    """Whether float64 refutes δᴸ, and the program has a cost of its own, which need not be the quadratic."""
    cost = d["network"].get("cost", "")
    own = bool(cost) and ("its own" in cost or "Σ" not in cost)
    return own and any(named.fault.equation == "BP1" for named in judged.faults)


def _is_sigmoid(d: Mapping[str, Any]) -> bool:
    return set(d["network"]["activations"]) <= {"sigmoid"}


def _says_little(judged: Any) -> bool:
    return bool({one.kind for one in judged.troubles} & {"raises", "shape"})
