"""How far the arrays of a step move relative to each other: rates, means over the examples, weight decay."""

import ast
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from gradproof.exact.numbers import Number, source
from gradproof.exact.run import Place, Reading, line_of
from gradproof.exact.sweeps import differentiate, operands_of
from gradproof.judge.find.calls import parameters_of
from gradproof.judge.find.dependence import LINEAR
from gradproof.judge.find.gradients import last
from gradproof.judge.find.observation import Observation
from gradproof.judge.find.program import assigned, statements
from gradproof.judge.find.roles import named_as_parameter
from gradproof.judge.find.scene import Scene
from gradproof.judge.trial.adaptive import FIRST_OF_ADAM, in_balls, lengths, rising_line
from gradproof.judge.trial.arguments import numbers_of
from gradproof.judge.trial.comparison import Compared
from gradproof.judge.trial.costs import NamedCost
from gradproof.judge.trial.descent import rate_of
from gradproof.judge.trial.penalties import OTHER_DECAY
from gradproof.judge.trial.points import Tried
from gradproof.judge.trial.scaled import BY_ONE_FACTOR, lengths_are_constant
from gradproof.judge.trial.stepping import all_numbers

_RATE = re.compile(r"(?i)(?:lr|eta|alpha|rate|learning_?rate|step_?size)(?:_\w+|\d*)|\w+_(?:lr|rate|eta)")
SCALED = "wrong, by a factor that differs from point to point"
MEAN = "the gradients of its parameters are divided by the number of examples, but not its input's"


def keep_steady(
    what: Observation, cost: Number, compared: list[Compared], rates: dict[Reading, Any], reading: Reading
) -> list[Compared]:
    """Require the same rate at all points, since a step with a single output follows any cost, at its own rate.

    If the cost has several outputs, another rate means that all gradients are scaled together, as by their norm.
    """
    if not all(array.state == "right" and array.convention != FIRST_OF_ADAM for array in compared):
        return compared
    rate, alone = rate_beside(what, cost), _is_of_one_number(what, cost)
    scaled = [array._replace(convention=array.convention or BY_ONE_FACTOR) for array in compared]
    parts = [numbers_of(move) for move in what.moved.values()]
    if alone and lengths_are_constant(parts, all_numbers(list(what.given.values())), 0)[0]:
        return scaled  # clipped by their norm
    if reading in rates and not rates[reading].overlaps(rate):
        return [array._replace(state=SCALED) for array in compared] if alone else scaled
    rates.setdefault(reading, rate)
    return compared


def _is_of_one_number(what: Observation, cost: Number) -> bool:
    """Whether the cost is a nonlinear function of one number, such as the only output.

    The gradients of all such costs are parallel.
    """
    own = {x.index for array in what.given.values() for x in array.flat}
    open_now, bent = {cost.index: cost}, False
    while open_now:
        x = open_now.pop(max(open_now))
        if x.index in own:
            return False
        if bent and not open_now:
            return True
        operands = [y for y in operands_of(x) if y.varies] if x.rule is not None else []
        if x.rule is not None and x.rule.name not in LINEAR:
            scaled = len(operands) == 1 and (
                x.rule.name == "multiply" or (x.rule.name == "divide" and x.operands[0].varies)
            )
            bent = bent or not scaled
        open_now |= {y.index: y for y in operands}
    return False


def rate_beside(what: Observation, cost: Number) -> Any:
    """Return η of a step that moves by −η ∂C/∂θ."""
    return rate_of(what.moved, list(what.given.values()), differentiate(cost))


def unusual_rates(what: Observation, cost: Number) -> dict[str, float]:
    """Return how many times as far as most others an adaptive step moves an array, by array, where it is not once."""
    steps, slopes, _ = in_balls(what.moved, list(what.given.values()), differentiate(cost))
    lines = ((path, rising_line(lengths(*pair))) for path, *pair in zip(what.moved, steps, slopes, strict=True))
    rises = {path: line[1] for path, line in lines if line}
    alike = {path: sum(one.overlaps(other) for other in rises.values()) for path, one in rises.items()}
    usual = rises[max(alike, key=lambda path: alike[path])] if rises else None
    return {path: float((usual / one).mid()) for path, one in rises.items() if not one.overlaps(usual)}


def allow_means(scene: Scene, what: Observation, compared: list[Compared]) -> list[Compared]:
    """Accept a layer that divides its parameters' gradients, but not its input's, by the number of examples."""
    inputs = {path for path in what.given if path in scene.given and not named_as_parameter(path)}
    if all(array.state == "right" for array in compared):
        return compared
    ends = {size for path in inputs for size in what.given[path].shape[:: max(1, what.given[path].ndim - 1)]}
    widths = {size for path in what.given.keys() - inputs for size in what.given[path].shape}
    for m in ends - widths - {1}:
        for those, factor in ((inputs, f"{m}"), (what.given.keys() - inputs, f"1/{m}")):
            said = f"moved {factor} times as far as the others"
            if all(array.state == (said if array.name in those else "right") for array in compared):
                return [
                    array._replace(
                        state="right", digits=np.inf if array.name in those else array.digits, convention=MEAN
                    )
                    for array in compared
                ]
    return compared


def own_rates(tree: ast.Module) -> dict[str, Fraction]:
    """Return the rate in each variable's update, by the variable's last name, as far as the program gives it."""
    rates, values = dict[str, str](), dict[str, Fraction]()
    for node in statements(tree):
        if isinstance(node, ast.AugAssign | ast.Assign):
            target = node.target if isinstance(node, ast.AugAssign) else node.targets[0]
            named = {ast.unparse(part).rpartition(".")[2] for part in ast.walk(node.value) if _is_rate(part)}
            if len(named) == 1:
                rates[last(ast.unparse(target))] = named.pop()
            elif not named and (written := _written_rate(node)):
                rates[last(ast.unparse(target))] = written
                values[written] = Fraction(written)
            for name, value in assigned(node) if isinstance(node, ast.Assign) else [(target, node.value)]:
                if (number := _number(value, values)) is not None:
                    values[last(ast.unparse(name))] = number
        elif isinstance(node, ast.FunctionDef):
            for argument, default in parameters_of(node, False):
                if default is not None and (number := _number(default, values)) is not None:
                    values[argument] = number
    return {name: values[rate] for name, rate in rates.items() if values.get(rate)}


def rates_of_groups(what: Observation) -> dict[str, Fraction]:
    """Return the rate of each parameter if every line that moves some does so at the same several rates.

    Those are the rates of groups of parameters or of layers, multiplied where the parameters are updated. A factor in
    the update of one array is none, since other lines do not have it.
    """
    rates, places = dict[str, Fraction](), defaultdict[Place | None, set[Fraction]](set)
    for path, array in what.given.items():
        for old, new in zip(array.flat, what.after[path].flat, strict=True):
            moved = source(new)
            if moved.rule is None or moved.rule.name != "subtract" or moved.operands[0] is not old:
                continue
            change = source(moved.operands[1])
            if change.rule is None or change.rule.name != "multiply" or _line(change) != _line(new):
                continue  # what is computed elsewhere may have a factor that is none of its rate
            fixed = [x for x in change.operands if not x.varies]
            if len(fixed) == 1:
                rates[path] = Fraction(repr(float(fixed[0].value.mid())))
                places[new.place].add(rates[path])
                break
    several = set(rates.values())
    alike = len(several) > 1 and min(several) > 0 and all(some == several for some in places.values())
    return rates if alike and len(rates) == len(what.given) else {}


def _line(x: Number) -> Any:
    """Return the file, function and line in which a number was computed."""
    return x.place and (x.place[0], line_of(x.place))


def _written_rate(node: ast.AugAssign | ast.Assign) -> str:
    """Return the float literal that scales an update, as in `w -= 0.01 * dw` or `w = w - 0.01 * dw`, or ""."""
    change = node.value
    if isinstance(node, ast.Assign) and isinstance(change, ast.BinOp) and isinstance(change.op, ast.Sub):
        change = change.right if ast.unparse(change.left) == ast.unparse(node.targets[0]) else change
    elif isinstance(node, ast.Assign) or not isinstance(node.op, ast.Sub):
        return ""
    while isinstance(change, ast.BinOp) and isinstance(change.op, ast.Mult | ast.MatMult | ast.Div):
        change = change.left
    return ast.unparse(change) if isinstance(change, ast.Constant) and isinstance(change.value, float) else ""


def _number(node: ast.expr, known: Mapping[str, Fraction]) -> Fraction | None:
    """Evaluate a literal, a known rate, or a product or quotient of these; None for anything else."""
    if re.fullmatch(r"[\d.]+(?:e-?\d+)?", text := ast.unparse(node)):
        return Fraction(text)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        left, right = _number(node.left, known), _number(node.right, known)
        if left is None or not right:
            return None
        return left * right if isinstance(node.op, ast.Mult) else left / right
    return known.get(last(text)) if isinstance(node, ast.Name | ast.Attribute) else None


def _is_rate(node: ast.AST) -> bool:
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return _RATE.fullmatch(name) is not None


def blame_decay(tried: Tried, other: Sequence[NamedCost]) -> Tried:
    """Blame the weight decay if exactly the decaying arrays are wrong and all follow a usual cost with that decay."""
    decayed = other[0].decayed if other else ()
    wrong = [array.state not in ("right", "undecided") for array in tried.arrays]
    if not any(wrong) or tuple(wrong) != tuple(decayed):
        return tried
    return replace(
        tried, arrays=[a._replace(state=OTHER_DECAY) if bad else a for a, bad in zip(tried.arrays, wrong, strict=True)]
    )
