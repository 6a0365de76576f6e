"""How the cost that a program computes may differ from the one that its step descends, though the step is right."""

from typing import Any

import numpy as np
from flint import arb

from gradproof.exact.arrays import ExactArray, array_of
from gradproof.exact.numbers import Number
from gradproof.exact.run import BITS, Reading, UndecidedError
from gradproof.exact.sweeps import computed_from, differentiate
from gradproof.judge.find.observation import Observation
from gradproof.judge.trial.costs import NamedCost, name_costs, name_costs_of_steps, outputs_and_labels
from gradproof.judge.trial.running import ExactRun, SubjectError

MOST_CROSSED = 60  # outputs for which a comparison with all labels is tried


def difference(seen: Any, seed: int, chosen: tuple[str, str], usual: set[str]) -> str:
    """Say how a cost compares outputs with labels, unlike the step; "" if that is not known.

    `seen` observes a run. `chosen` is where the cost is found: the attribute of an Observation, and its name. `usual`
    are the names of the usual costs that the step follows.
    """
    for reading in Reading:
        if said := _of_other_outputs(seen, seed, chosen, reading) or _of_smooth_labels(
            seen, seed, chosen, usual, reading
        ):
            return said
    return ""


def _of_other_outputs(seen: Any, seed: int, chosen: tuple[str, str], reading: Reading) -> str:
    """Say how a cost compares other outputs with the labels than the step does; "" if it does not.

    It may compare each output with the labels of all examples, as (m, 1) and (m,) broadcast, or compare the outputs of
    another forward pass, such as one without the noise that the step adds to its inputs.
    """
    with ExactRun(reading, BITS, seed) as run:
        try:
            what = seen(run, [np.array([0.61 + seed])])
        except (SubjectError, UndecidedError):
            return ""
        cost = getattr(what, chosen[0])[chosen[1]]
        gradients = _gradients(what, cost)
        usual = {one.name for one in name_costs_of_steps(what.moved, list(what.given.values()))}
        for outputs, labels in outputs_and_labels(x for move in what.moved.values() for x in move.ravel().tolist()):
            m = outputs.size
            later = computed_from([cost], {x.index for x in outputs.flat})  # of m² differences, if all are compared
            if (
                1 < m <= MOST_CROSSED
                and len(later) >= m**2
                and not name_costs(outputs, labels, gradients)
                and name_costs(np.repeat(outputs, m), np.tile(labels, m), gradients)
            ):
                return f"each of {m} outputs is compared with every label, as ({m}, 1) and ({m},) broadcast"
            first = outputs.flat[0]
            others = [x for x in computed_from([cost]) if x.rule is first.rule and x.place == first.place]
            if len(others) != m or all(x.value.overlaps(y.value) for x, y in zip(others, outputs.flat, strict=True)):
                continue
            if any({first.index, others[0].index} <= {x.index for x in event.numbers} for event in what.events):
                continue  # they are of one array, so that the cost picks other outputs of the same pass
            if usual & {one.name for one in name_costs(array_of(others, outputs.shape), labels, gradients)}:
                return "the outputs come from another forward pass"
    return ""


def _of_smooth_labels(seen: Any, seed: int, chosen: tuple[str, str], usual: set[str], reading: Reading) -> str:
    """Say that a cost has the labels 0 and 1 where the step has 0.1 and 0.9; "" if it does not.

    `usual` are the names of the costs that the step follows. The own cost must be one of them at two points, with one
    factor, since the gradients of all costs of one output are parallel.
    """
    found = set[NamedCost]()
    for point in (1, 2):
        with ExactRun(reading, BITS, seed) as run:
            try:
                what = seen(run, [np.array([0.61 * point + seed])])
            except (SubjectError, UndecidedError):
                return ""
            gradients, here = _gradients(what, getattr(what, chosen[0])[chosen[1]]), set[NamedCost]()
            for outputs, labels in outputs_and_labels(x for move in what.moved.values() for x in move.flat):
                hard = np.array([round(float(y.value.mid())) for y in labels.flat])
                smooth = not all(y.value.contains(int(k)) for y, k in zip(labels.flat, hard, strict=True))
                if smooth and {*hard.tolist()} <= {0, 1}:
                    here |= {one for one in name_costs(outputs, hard, gradients) if one.name in usual}
            found = here if point == 1 else found & here
    return "the labels are not smoothed" if found else ""


def _gradients(what: Observation, cost: Number) -> list[tuple[ExactArray, ExactArray]]:
    """Return each parameter with the gradient of a cost."""
    slopes = differentiate(cost)
    return [
        (array, array_of([Number(slopes.get(x.index, arb(0))) for x in array.flat], array.shape))
        for array in what.given.values()
    ]
