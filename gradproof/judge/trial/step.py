"""check_step: does one training step go down the gradient?"""

import inspect
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from flint import arb

from gradproof.errors import UsageError
from gradproof.exact.arrays import ExactArray, exact
from gradproof.exact.numbers import Number
from gradproof.exact.run import BITS, Reading, UndecidedError
from gradproof.exact.sweeps import differentiate, push_forward
from gradproof.judge.trial.arguments import copied, drawn, exact_variables, leaves, numbers_of, rebuilt
from gradproof.judge.trial.comparison import Compared, common_factor
from gradproof.judge.trial.gradient import judged, prepared, scalar
from gradproof.judge.trial.judgement import Judgement
from gradproof.judge.trial.owner import arrays_of, is_state, moving_state, put
from gradproof.judge.trial.running import ExactRun, InexactError, SubjectError, named, require_callable

Balls = Any  # an object array of arb
ADAPTIVE = "moved by the sign of its gradient alone, as Adam's first step is"
FIRST_OF_ADAM = "adaptive steps, as Adam's or RMSprop's, of which the first is judged"
DECAY = "with weight decay"


def check_step(
    step: Callable[..., Any],
    parameters: Any,
    *data: Any,
    cost: Callable[..., Any] | None = None,
    draw: bool = True,
    seed: int = 0,
) -> Judgement:
    """Does `step` move the parameters along −∂C/∂θ, by one factor for all of them?

    `parameters` holds example arrays in any nesting, or is the object whose arrays they are (then `step` and `cost`
    are its methods). `step(parameters, *data)`, or `step(*parameters, *data)` where it takes so many, changes them in
    place or returns new ones; `cost` is called in the same way. Plain descent, weight decay, momentum's first step
    and Adam's first step are told apart. Without `cost` the question is whether the step follows the gradient of any
    cost: its derivatives must be symmetric (Schwarz). Otherwise as `check_gradient`.
    """
    require_callable(step, "step")
    if cost is not None:
        require_callable(cost, "cost")
    owner = parameters  # the object whose arrays they are, if it is one
    held = hasattr(owner, "__dict__") and not any(True for _ in leaves(owner, ""))
    example = prepared([_parameters_of(owner, cost, data, seed) if held else parameters, *data], seed)
    if not any(isinstance(leaf, np.ndarray) for _, leaf in leaves(example[0], "")):
        raise UsageError("parameters holds no array of floats")

    state = moving_state(owner if held else getattr(step, "__self__", None), example[0] if held else ())

    def _unless_warm(compared: list[Compared]) -> list[Compared]:
        if state and any(array.state != "right" for array in compared):
            raise InexactError(f"the optimizer has taken steps before ({state} is not 0): give a fresh one")
        return compared

    def claim(run: ExactRun, numbers: Any) -> Sequence[Compared]:
        given = exact_variables(numbers[0])
        rest = copied(_constants(numbers[1:]))
        after = _stepped(run, step, owner if held else None, parameters, given, rest)
        moved = _moves(given, after, named(step))
        if cost is None:
            return _unless_warm(_symmetric(moved, given, seed))
        with run.given():
            result = scalar(_called(run, cost, owner if held else None, parameters, copied(given), rest), named(cost))
        kept = run.takeover.copies.get(id(owner if held else getattr(step, "__self__", None)))
        return _unless_warm(_along(moved, given, differentiate(result), kept))

    target = f"a step along the gradient of {named(cost) if cost else 'a cost'}"
    again = f"gradproof.check_step({named(step)}, …, seed={seed})"
    return judged(claim, example, draw, seed, named(step), target, again)


def _constants(data: Any) -> Any:
    """Data as exact numbers that nothing is differentiated by."""
    return rebuilt(data, lambda x: exact(x) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x)


def _parameters_of(owner: Any, cost: Any, data: Any, seed: int) -> dict[str, Any]:
    """The object's arrays that the cost depends on; without one, those that are not an optimizer's state."""
    arrays = arrays_of(owner)
    if cost is None:
        return {name: value for name, value in arrays.items() if not is_state(name, value)}
    with suppress(SubjectError, UndecidedError), ExactRun(Reading.EXACT, BITS, seed) as run:
        given = exact_variables(drawn(prepared([arrays], seed), np.random.default_rng(seed)))[0]
        put(run, owner, copied(given))
        rest = _constants(drawn(list(data), np.random.default_rng(seed)))
        truth = differentiate(scalar(run.call(cost, *rest), named(cost)))
        used = {
            name: arrays[name]
            for name, value in given.items()
            if any(
                x.index in truth
                for _, leaf in leaves(value, name)
                if isinstance(leaf, ExactArray)
                for x in numbers_of(leaf)
            )
        }
        return used or arrays
    return arrays


def _stepped(run: ExactRun, step: Any, owner: Any, parameters: Any, given: Any, data: Any) -> Any:
    """The parameters after the step, in the nesting of those before."""
    mine = copied(given)
    answer = _called(run, step, owner, parameters, mine, data)
    if owner is not None:
        taken = run.takeover.copies[id(owner)]
        return {name: getattr(taken, name) for name in given}
    unchanged = all(a is b for a, b in zip(_all_numbers(given), _all_numbers(mine), strict=True))
    if not unchanged:
        return mine
    if answer is None:
        raise SubjectError(f"{named(step)} neither changes the parameters nor returns new ones")
    return answer


def _called(run: ExactRun, function: Any, owner: Any, parameters: Any, given: Any, data: Any) -> Any:
    if owner is not None:
        put(run, owner, given)
        return run.call(function, *data)
    several = isinstance(parameters, list | tuple) and len(parameters) > 1  # a list of one is handed over as it is
    spread = several and _takes(function) == len(parameters) + len(data)
    return run.call(function, *given, *data) if spread else run.call(function, given, *data)


def _takes(function: Any) -> int:
    try:
        return len([p for p in inspect.signature(function).parameters.values() if p.default is p.empty])
    except (TypeError, ValueError):
        return 0


def _all_numbers(value: Any) -> list[Any]:
    return [x for _, leaf in leaves(value, "") if isinstance(leaf, ExactArray) for x in numbers_of(leaf)]


def _moves(given: Any, after: Any, what: str) -> dict[str, Any]:
    """θ′ − θ of each array, as exact numbers."""
    before = [(name.removeprefix("["), leaf) for name, leaf in leaves(given, "θ") if isinstance(leaf, ExactArray)]
    now = [leaf for _, leaf in leaves(after, "") if isinstance(leaf, ExactArray | Number | np.ndarray)]
    if len(now) != len(before):
        raise SubjectError(f"{what} gives {len(now)} arrays for {len(before)} parameters")
    for (name, a), b in zip(before, now, strict=True):
        if np.shape(b) != a.shape:
            raise SubjectError(f"{what} turns {name} of shape {a.shape} into one of shape {np.shape(b)}")
    return {name: exact(b) - a for (name, a), b in zip(before, now, strict=True)}


def _balls(array: Any) -> Balls:
    result = np.empty(array.shape, object)
    for place, x in zip(np.ndindex(array.shape), numbers_of(array), strict=True):
        result[place] = x.value
    return result


# ---- against a cost -------------------------------------------------------------------------------------------


def _along(moved: dict[str, Any], given: Any, truth: dict[int, Any], kept: Any) -> list[Compared]:
    """Each array's move against −∂C/∂θ: one factor for all, with decay, or as Adam begins."""
    parameters = [leaf for _, leaf in leaves(given, "") if isinstance(leaf, ExactArray)]
    slopes, values = [], []
    for parameter in parameters:
        slope = np.empty(parameter.shape, object)
        for place, x in zip(np.ndindex(parameter.shape), numbers_of(parameter), strict=True):
            slope[place] = truth.get(x.index, arb(0))
        slopes.append(slope)
        values.append(_balls(parameter))
    steps = [_balls(array) for array in moved.values()]
    eta = _factor(steps, slopes, values)
    results = []
    for name, step, slope, value, array in zip(moved, steps, slopes, values, moved.values(), strict=True):
        found = _one(name, step, slope, value, eta, array)
        if found.state == ADAPTIVE and _keeps(kept, slope):
            found = found._replace(state="right", digits=np.inf, convention=FIRST_OF_ADAM)
        results.append(found)
    decayed = [r for r in results if r.state.startswith(DECAY)]
    if decayed and {r.name for r in decayed} >= {n for n, p in zip(moved, parameters, strict=True) if min(p.shape) > 1}:
        said = f"{decayed[0].state}, which the cost does not have"
        results = [r._replace(state="right", digits=np.inf, convention=said) if r in decayed else r for r in results]
    return results


def _keeps(owner: Any, slope: Balls) -> bool:
    """Whether the object keeps a multiple of this gradient or of its square: m and v of Adam after one step."""
    arrays = [leaf for _, leaf in leaves(dict(vars(owner)) if owner is not None else {}, "")]
    squares = np.frompyfunc(lambda g: g * g, 1, 1)(slope)
    for array in arrays:
        if isinstance(array, ExactArray) and array.shape == slope.shape:
            balls = _balls(array)
            for target in (slope, squares):
                telling = [i for i in np.ndindex(slope.shape) if not target[i].contains(0)]
                if telling:
                    ratio = balls[telling[0]] / target[telling[0]]
                    if ratio > 0 and all(balls[i].overlaps(ratio * target[i]) for i in np.ndindex(slope.shape)):
                        return True
    return False


def _factor(steps: Sequence[Balls], slopes: Sequence[Balls], values: Sequence[Balls]) -> Any:
    """η, by which the most elements follow their gradient; of each array the element of the largest slope proposes."""
    pairs = [
        [(s, g) for s, g in zip(step.flat, slope.flat, strict=True) if not g.contains(0)]
        for step, slope in zip(steps, slopes, strict=True)
    ]
    largest = [max(one, key=lambda pair: float(abs(pair[1]).mid())) for one in pairs if one]
    proposed = [-s / g for s, g in largest]
    followed = [sum(len(one) for one in pairs if all(s.overlaps(-eta * g) for s, g in one)) for eta in proposed]
    if max(followed, default=0) <= 1:  # a single element follows any rate
        proposed = [
            eta for array in zip(steps, slopes, values, strict=True) for eta in _decayed_factor(*array)
        ] or proposed
        return proposed[0] if proposed else arb(0)
    return proposed[followed.index(max(followed))]


def _decayed_factor(step: Balls, slope: Balls, value: Balls) -> Sequence[Any]:
    """η of θ′ − θ = −η g − κ θ, if one η and one κ explain an array of three elements or more."""
    i, j, *others = np.argsort([-float(abs(g).mid()) for g in slope.flat]) if slope.size > 2 else (0, 0)
    s, g, v = step.ravel(), slope.ravel(), value.ravel()
    area = g[i] * v[j] - g[j] * v[i]
    if not others or area.contains(0):
        return []
    eta, kappa = (s[j] * v[i] - s[i] * v[j]) / area, (s[i] * g[j] - s[j] * g[i]) / area
    return [eta] if eta > 0 and all(s[k].overlaps(-eta * g[k] - kappa * v[k]) for k in others) else []


def _one(name: str, step: Balls, slope: Balls, value: Balls, eta: Any, array: Any) -> Compared:
    alive = any(not g.contains(0) for g in slope.flat)
    expected = np.frompyfunc(lambda g: -eta * g, 1, 1)(slope)
    pairs = list(zip(step.flat, expected.flat, strict=True))
    if not all(s.is_finite() for s in step.flat):
        return Compared(name, "undecided", 0, alive)
    if all(a.overlaps(b) for a, b in pairs) and (eta > 0 or not alive):
        off = max(float(abs(a - b).upper()) for a, b in pairs)
        scale = max(float(abs(b).upper()) for _, b in pairs)
        return Compared(name, "right", float(np.log10(scale / off)) if off and scale else np.inf, alive)
    where = max(np.ndindex(step.shape), key=lambda i: float(abs(step[i] - expected[i]).mid()))
    place = numbers_of(array)[int(np.ravel_multi_index(where, step.shape))].place if where else None
    factor = common_factor(step, expected) if eta != 0 else None
    state = "uphill" if eta < 0 and alive else _named_move(step, slope, value, eta)
    if state == "wrong" and all(s.is_zero() for s in step.flat):
        state = "not moved"
    elif state == "wrong" and factor is not None:
        state = f"moved {factor} times as far as the others"
    return Compared(name, state, 0, alive, where, float(step[where].mid()), float(expected[where].mid()), place)


def _named_move(step: Balls, slope: Balls, value: Balls, eta: Any) -> str:
    """Weight decay (θ′ = θ − η(g + λθ)) or Adam's first step (−η g/|g|); else wrong."""
    telling = [i for i in np.ndindex(step.shape) if not value[i].contains(0)]
    if telling and eta > 0:
        i = max(telling, key=lambda i: float(abs(value[i]).mid()))
        decay = (step[i] + eta * slope[i]) / value[i]
        if all((step[k] + eta * slope[k]).overlaps(decay * value[k]) for k in np.ndindex(step.shape)):
            return f"{DECAY} {float((-decay / eta).mid()):.6g}"
    sizes = [abs(step[k]) for k in np.ndindex(step.shape) if not slope[k].contains(0)]
    downhill = all((step[k] < 0) == (slope[k] > 0) for k in np.ndindex(step.shape) if not slope[k].contains(0))
    if sizes and downhill and all(size.overlaps(sizes[0]) for size in sizes):
        return ADAPTIVE
    return "wrong"


# ---- without a cost -------------------------------------------------------------------------------------------


def _symmetric(moved: dict[str, Any], given: Any, seed: int) -> list[Compared]:
    """Schwarz: u·(∂g_A/∂θ_B)v = v·(∂g_B/∂θ_A)u for random directions u, v, within a block and between two."""
    rng = np.random.default_rng([seed, 7])
    blocks = [leaf for _, leaf in leaves(given, "") if isinstance(leaf, ExactArray)]
    moves = list(moved.values())
    directions = [[[float(v) for v in rng.normal(size=b.size)] for b in blocks] for _ in range(2)]
    numbers = [x for move in moves for x in numbers_of(move)]
    pushed = [
        [
            push_forward(numbers, {x.index: d for x, d in zip(numbers_of(b), direction, strict=True)})
            for b, direction in zip(blocks, chosen, strict=True)
        ]
        for chosen in directions
    ]

    def form(which: int, row: int, column: int) -> Any:
        """Σ u_i (∂g_i/∂θ) v over the elements of block `row`, along a direction of block `column`."""
        tangents, weights = pushed[which][column], directions[1 - which][row]
        return sum(
            (w * tangents.get(x.index, arb(0)) for w, x in zip(weights, numbers_of(moves[row]), strict=True)), arb(0)
        )

    alone = {k for k in range(len(moves)) if not form(0, k, k).overlaps(form(1, k, k))}  # surely wrong
    results = []
    for row, name in enumerate(moved):
        broken, digits, alive = [], np.inf, False
        for column, other in enumerate(moved):
            if column in alone and column != row:
                continue  # which says nothing of this one
            a, b = form(0, row, column), form(1, column, row)
            alive = alive or not a.contains(0)
            if not a.overlaps(b):
                broken.append(other)
            elif not a.contains(0):
                digits = min(digits, float(np.log10(float(abs(a).mid()) / max(float(abs(a - b).upper()), 1e-300))))
        place = numbers_of(moves[row])[0].place
        if name in broken:
            results.append(Compared(name, "the gradient of no cost", 0, True, place=place))
        elif broken:
            results.append(Compared(name, f"of another cost than {', '.join(broken)}", 0, True, place=place))
        else:
            results.append(Compared(name, "right", digits, alive))
    return results
