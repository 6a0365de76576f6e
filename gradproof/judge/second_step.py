"""What a second step takes from the first: gradients that pile up, and velocities."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from flint import arb

from gradproof.exact.numbers import Number, source
from gradproof.exact.run import BITS, Reading, UndecidedError
from gradproof.exact.sweeps import computed_from, differentiate, operands_of
from gradproof.judge.find.dependence import GRADIENT, LINEAR, STATE
from gradproof.judge.find.exploration import Explored
from gradproof.judge.find.gradients import last
from gradproof.judge.find.layers import is_reset
from gradproof.judge.find.observation import Observation, observe
from gradproof.judge.find.roles import named_as_parameter
from gradproof.judge.lines.costs import usual_costs
from gradproof.judge.outcome import SECONDS, Amiss
from gradproof.judge.trial.execution import ExactRun, SubjectError, guarded
from gradproof.judge.velocities import feeds, share, wrong_velocities
from gradproof.limits import Clock


class SecondStep(NamedTuple):
    """What goes wrong with what the second step takes from the first."""

    piled: dict[str, str]  # by parameter, where its gradients pile up
    kept: list[str]  # what it takes from the first, such as velocities
    amiss: dict[str, Amiss]  # by parameter, what is wrong with its velocity


def judge_second_step(
    explored: Explored, calls: Sequence[str], seed: int, named: Sequence[str], twins: Mapping[str, str]
) -> SecondStep:
    """Run the second step. `named` are usual costs that the step follows, and `twins` the copies as which parameters
    begin: a parameter's difference from its twin is a velocity too.
    """
    step = explored.step._replace(turn=explored.step.turn + 1)  # type: ignore[union-attr]
    with ExactRun(Reading.EXACT, BITS, seed):
        try:
            with guarded("the program", SECONDS, Clock.COMPUTING):
                what = observe(replace(explored.scene, as_begun=False, at_rest=()), step, calls, seed, constants=True)
        except (SubjectError, UndecidedError):
            return SecondStep({}, [], {})
        used = {x.index for x in computed_from([x for array in what.after.values() for x in array.flat])}
        kept = [
            path
            for path, (old, _) in what.state.items()
            if re.split(r"[.\[]", path)[0] not in explored.scene.data  # what a driver hands on is not kept by the code
            if STATE.search(path) and any(isinstance(x, Number) and x.index in used and x.value != 0 for x in old.flat)
        ]
        return SecondStep(_piled(what, explored, named), kept, wrong_velocities(what, kept, twins))


def _piled(what: Observation, explored: Explored, named: Sequence[str]) -> dict[str, str]:
    """Return each parameter whose gradients pile up, and where.

    They do where the second step adds a multiple of the gradient to what is not 0 when it begins. A velocity, which is
    multiplied by less than 1, and AdaGrad's sum of squares do not grow like that. The gradient is that of any cost that
    the program computes, or of the usual costs in `named`.
    """
    usual = [number for name, number in usual_costs(what) if name in named] if named else []
    own = {x.index for array in what.given.values() for x in array.flat}  # a cache may hold them by another name
    layer, program = explored.scene.layer, explored.scene.program
    others = {
        path: (old, new)
        for path, (old, new) in what.state.items()
        if own.isdisjoint(x.index for x in old.flat if isinstance(x, Number))
        if not (layer and is_reset(program, layer, last(path)))  # who calls the layer may reset it in between
    }
    found: dict[str, str] = {}
    for number in (*what.costs.values(), *what.scalars.values(), *usual):
        truth = differentiate(number)
        for path, array in what.given.items():
            elements = array.ravel().tolist()
            slope, values = [truth.get(x.index, arb(0)) for x in elements], [x.value for x in elements]
            for other, (old, new) in others.items():
                alike = old.size > 1 or "grad" in other.lower() or GRADIENT.search(other)
                grows = old.size == array.size and alike and _grows(old, new, slope, values)
                if grows and feeds(old, what.after[path]):
                    found[path] = other
    return found


def shrinks(old: Any, new: Any) -> bool:
    """Whether each element is a part of its old one plus other terms, as of a velocity or a running mean."""
    return all(0 < share(x, y) < 1 for x, y in zip(old.flat, new.flat, strict=True))


def means(what: Observation) -> list[str]:
    """Return the supposed parameters that shrink as running means do.

    What is named as a weight or a bias, as `mu_b` is, counts only if another is moved by what it has become.
    """
    found = [path for path, old in what.given.items() if shrinks(old, what.after[path])]
    return [path for path in found if not named_as_parameter(path) or _moves_another(what, path)]


def _moves_another(what: Observation, path: str) -> bool:
    own = {source(x).index for x in what.after[path].flat}
    others = [x for other, array in what.after.items() if other != path for x in array.flat]
    return any(x.index in own for x in computed_from(others))


def _grows(old: Any, new: Any, slope: Sequence[Any], values: Sequence[Any]) -> bool:
    """Whether new is old plus a multiple of the slope, and maybe of the values, as by weight decay, and old is not 0.

    The sum must have been computed: with two outputs that sum to 1, any difference is a multiple of the slope.
    """
    if not all(isinstance(x, Number) for x in (*old.flat, *new.flat)):
        return False
    if not all(_is_added_to(x, y) for x, y in zip(old.flat, new.flat, strict=True)):
        return False
    if all(x.value.contains(0) for x in old.flat) or all(g.contains(0) for g in slope):
        return False
    grown = [b.value - a.value for a, b in zip(old.ravel().tolist(), new.ravel().tolist(), strict=True)]
    k = max(range(len(slope)), key=lambda i: float(abs(slope[i]).mid()))
    factor = grown[k] / slope[k]
    if not factor.contains(0) and all(d.overlaps(factor * g) for d, g in zip(grown, slope, strict=True)):
        return True
    areas = [slope[k] * w - g * values[k] for g, w in zip(slope, values, strict=True)]
    j = max(range(len(areas)), key=lambda i: float(abs(areas[i]).mid()))
    if len(slope) < 4 or areas[j].contains(0):  # two elements give both factors, the others confirm them
        return False
    factor = (grown[k] * values[j] - grown[j] * values[k]) / areas[j]
    decay = (slope[k] * grown[j] - slope[j] * grown[k]) / areas[j]
    told = zip(grown, slope, values, strict=True)
    return not factor.contains(0) and all(d.overlaps(factor * g + decay * w) for d, g, w in told)


def _is_added_to(old: Number, new: Number) -> bool:
    """Whether new is a sum that contains old."""
    waiting, seen = [new], set[int]()
    while waiting:
        x = waiting.pop()
        if x.index == old.index:
            return True
        if x.index not in seen and x.rule is not None and x.rule.name in LINEAR:
            waiting.extend(operands_of(x))
        seen.add(x.index)
    return False
