"""check_gradient: is this function the gradient of that cost?"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from flint import arb

from gradproof.errors import UsageError
from gradproof.exact.arrays import ExactArray, exact
from gradproof.exact.numbers import Number
from gradproof.exact.run import UndecidedError, current, line_of
from gradproof.exact.sweeps import differentiate
from gradproof.judge.trial.arguments import (
    argument_names,
    copied,
    exact_variables,
    is_symmetric,
    leaves,
    numbers_of,
    prepared,
)
from gradproof.judge.trial.comparison import Compared, compare
from gradproof.judge.trial.confirmation import confirmed
from gradproof.judge.trial.example import example_lines
from gradproof.judge.trial.execution import (
    ExactRun,
    InexactError,
    NotFiniteError,
    Result,
    SubjectError,
    guarded,
    named,
    require_callable,
)
from gradproof.judge.trial.floats import float_findings
from gradproof.judge.trial.judgement import Judgement
from gradproof.judge.trial.points import READINGS, Tried, try_points
from gradproof.judge.trial.restoration import untouched
from gradproof.numerics.verdict import Verdict

if TYPE_CHECKING:
    from gradproof.judge.trial.repair import Correction
    from gradproof.judge.trial.trace import Trace

Leaf = tuple[str, Any]
SYMMETRIC = "right where the matrices that are symmetric in the example stay so"


def check_gradient(
    cost: Callable[..., Any], gradient: Callable[..., Any], *arguments: Any, draw: bool = True, seed: int = 0
) -> Judgement:
    """Is `gradient(*arguments)` the gradient of `cost(*arguments)`, exactly, without an epsilon or a tolerance?

    `cost` returns a number; `gradient` one array for each of the first arguments, of the same shapes, in any nesting
    of lists, tuples and dicts. The arguments are examples: only their shapes and kinds matter, and their numbers are
    replaced by random ones (`draw=False` keeps them); integer arrays, such as labels, stay. The functions run unchanged
    on balls that enclose the real numbers, and the derivative comes from what the cost computed. If they do not agree,
    the lines are named on which it goes wrong, and the small edit that makes everything right, if there is one.
    UsageError if the arguments cannot be used at all.
    """
    require_callable(cost, "cost", len(arguments))
    require_callable(gradient, "gradient", len(arguments))
    example = prepared(arguments, seed)
    names = argument_names(cost, len(arguments))
    floats = covers_floats(gradient, example, names)

    def claim(run: ExactRun, drawn: Any) -> Sequence[Compared]:
        given = exact_variables(drawn, floats)
        mine = copied(given)
        with run.given():
            found = run.call(cost, *copied(given))
        answer = run.call(gradient, *mine)
        with run.given(unless=any(not x.value.is_zero() for x in _numbers_in(answer))):  # 0 is a constant's gradient
            result = scalar(found, named(cost))
        changed_in_place(given, mine, named(gradient), names)
        truth = differentiate(result)
        pairs = matched(answer, given, names, named(gradient))
        run.result = Result(result, {name: x for name, _, x in pairs}, {name: got for name, got, _ in pairs})
        compared = [compare_leaf(name, got, wanted, truth) for name, got, wanted in pairs]
        if isinstance(answer, dict) and any(array.state != "right" for array in compared):
            require_names(answer, [name for name, *_ in pairs], named(gradient))
        return compared

    call = f"check_gradient({named(cost)}, {named(gradient)}, …"
    result = judged(claim, example, draw, seed, named(gradient), f"the gradient of {named(cost)}", call)
    answers = [lambda run, given: run.call(cost, *given), lambda run, given: run.call(gradient, *given)]
    result = confirmed(result, claim, answers, [cost, gradient], example, seed, draw, floats)
    if result.verdict is Verdict.REFUTED and result.arrays:
        return replace(result, example=example_lines(claim, example, names, cost, seed, draw))
    found = float_findings(answers, [cost, gradient], example, seed, floats) if result else []
    shorter = [str(x.dtype) for _, x in leaves(list(arguments), "") if np.asarray(x).dtype in (np.float32, np.float16)]
    said = [f"its arguments of {kind} are taken as real numbers" for kind in dict.fromkeys(shorter) if result]
    return replace(result, float64=found, conventions=[*result.conventions, *said])


def judged(claim: Any, example: Any, draw: bool, seed: int, subject: str, what: str, call: str) -> Judgement:
    """Try a claim at points and return the judgement on it. `call` is how that of the caller begins."""
    assumed = []
    if not isinstance(draw, bool):
        raise UsageError(f"draw is {draw!r}, should be True or False")
    again = f"gradproof.{call}, seed={seed}{'' if draw else ', draw=False'})"
    try:
        tried = try_points(claim, example, seed, draw)
        if draw and tried.verdict is Verdict.REFUTED and any(is_symmetric(x) for _, x in leaves(example, "")):
            alike = try_points(claim, example, seed, draw, keeps_symmetry=True)
            if alike.verdict is Verdict.VERIFIED:
                tried, assumed = alike, [SYMMETRIC]
    except SubjectError as error:
        kind = Verdict.UNDECIDED if isinstance(error, InexactError) else Verdict.REFUTED
        return Judgement(verdict=kind, subject=subject, claim=what, trouble=str(error), again=again)

    def search() -> "tuple[Trace | None, Correction | None]":
        if tried.verdict is not Verdict.REFUTED:
            return None, None
        from gradproof.judge.trial import repair, trace  # only here: they need much that right code does not

        traced = trace.trace(claim, tried, seed)
        return traced, repair.correction(claim, tried, example, seed, traced) if traced else None

    return Judgement(
        verdict=tried.verdict,
        subject=subject,
        claim=what,
        search=search,
        digits=tried.digits if tried.verdict is Verdict.VERIFIED else 0,
        points=tried.points,
        drawn=draw,
        arrays=tried.arrays,
        conventions=[*assumed, *_conventions(tried)],
        undecided=tried.why,
        again=again,
        notes=tried.notes,
    )


def _conventions(tried: Tried) -> list[str]:
    """Return the reading under which the code is right, and notes on what is not exact in it."""
    if tried.verdict is not Verdict.VERIFIED:
        return []
    notes = [note.said + (f" in line {line}" if (line := line_of(note.place)) else "") for note in tried.notes]
    own = [array.convention for array in tried.arrays]
    return [words for words in dict.fromkeys((READINGS[tried.reading], *notes, *own)) if words]


def scalar(result: Any, what: str) -> Number:
    """Return the cost as one number; SubjectError for anything else."""
    if isinstance(result, ExactArray) and result.size == 1:
        result = result.ravel()[0]
    if isinstance(result, tuple) and result and isinstance(result[0], Number | ExactArray):
        return scalar(result[0], what)  # the cost and a cache
    if isinstance(result, Number):
        if not result.value.is_finite():
            raise NotFiniteError(f"{what} returns {result!r}, which is not finite")
        if result.varies:
            return result
    if isinstance(result, Number | int | float | np.number):
        said = f"{what} does not depend on its arguments: it returns {result!r}"
        for note in current().notes.values():
            if note.kind in ("rounded", "clipped"):  # which may be all that keeps it from depending
                raise InexactError(f"{said}; but {note.said} (line {line_of(note.place)})")
        raise SubjectError(said)
    shape = f"an array of shape {result.shape}" if isinstance(result, np.ndarray) else type(result).__name__
    raise SubjectError(f"{what} returns {shape}, should return one number")


def changed_in_place(given: Any, after: Any, what: str, names: Sequence[str]) -> None:
    """Raise SubjectError if the subject has written into its arguments."""
    for name, before, now in zip(names, given, after, strict=True):
        for (path, a), (_, b) in zip(leaves(before, name), leaves(now, name), strict=False):
            if isinstance(a, ExactArray) and any(x is not y for x, y in zip(numbers_of(a), numbers_of(b), strict=True)):
                raise SubjectError(f"{what} changes its argument {path} in place: copy it first")


def covers_floats(gradient: Callable[..., Any], example: Any, names: Sequence[str]) -> bool:
    """Whether the answer covers a float among the arguments, such as a bias, according to a trial run."""
    wanted = [leaf for name, value in zip(names, example, strict=True) for _, leaf in leaves(value, name)]
    if not any(isinstance(leaf, float) for leaf in wanted):
        return False
    try:
        with untouched(gradient), guarded(named(gradient)):
            answer = gradient(*copied(example))
    except (SubjectError, UndecidedError):
        return False
    if isinstance(answer, dict):
        paths = [_keys(path) for path, _ in leaves(answer, "")]
        floats = [name for root, value in zip(names, example, strict=True) for name, leaf in leaves(value, root)
                  if isinstance(leaf, float)]  # fmt: skip
        return any(_names(path, _keys(name)) for path in paths for name in floats)
    got = [np.shape(leaf) for _, leaf in leaves(answer, "")]
    return got == [np.shape(leaf) for leaf in wanted[: len(got)]] and any(
        isinstance(x, float) for x in wanted[: len(got)]
    )


def matched(answer: Any, given: Any, names: Sequence[str], what: str) -> list[tuple[str, Any, Any]]:
    """Return (name, array of the answer, parameter) for each array of the answer; SubjectError if they do not fit."""
    if answer is None:
        raise SubjectError(f"{what} returns nothing")
    if isinstance(answer, np.ndarray | Number | int | float | np.number):
        answer = [answer]
    got = [(name, leaf) for name, leaf in leaves(floats_of(answer), "") if isinstance(leaf, ExactArray | Number)]
    wanted = [pair for name, value in zip(names, given, strict=True) for pair in leaves(value, name)]
    wanted = [(name, leaf) for name, leaf in wanted if isinstance(leaf, ExactArray | Number)]
    if isinstance(answer, list | tuple) and all(np.ndim(leaf) == 0 for _, leaf in got) and len(got) > 1:
        with suppress(TypeError, ValueError):  # of lists that are no array
            whole = exact(floats_of(answer))
            got = [("", whole)] if len(wanted) == 1 or whole.shape == np.shape(wanted[0][1]) else got
    if by_key := _by_key(got, wanted, what):
        return by_key
    if not got or len(got) > len(wanted):
        raise SubjectError(f"{what} returns {len(got)} arrays for {len(wanted)} arguments to differentiate by")
    missing = [
        name for name, _ in wanted[len(got) :] if name.partition("[")[0] == wanted[len(got) - 1][0].partition("[")[0]
    ]
    if missing:  # of a list or a dict that it covers in part
        raise SubjectError(f"{what} returns no gradient for {', '.join(missing)}")
    return [(name, leaf, parameter) for (_, leaf), (name, parameter) in zip(got, wanted, strict=False)]


def _numbers_in(answer: Any) -> list[Number]:
    return [
        x
        for _, leaf in leaves(floats_of(answer), "")
        if isinstance(leaf, ExactArray | Number)
        for x in numbers_of(leaf)
    ]


def floats_of(answer: Any) -> Any:
    """Make plain arrays and numbers of the answer exact; SubjectError for a complex array."""
    if isinstance(answer, dict):
        return {key: floats_of(item) for key, item in answer.items()}
    if isinstance(answer, list | tuple):
        return [floats_of(item) for item in answer]
    if isinstance(answer, np.ndarray):
        if answer.dtype.kind == "c":
            raise SubjectError("a gradient is complex")
        return exact(answer) if answer.dtype.kind in "biufO" else answer
    return exact(answer) if isinstance(answer, int | float | np.number) else answer


def require_names(answer: dict[Any, Any], names: Sequence[str], what: str) -> None:
    """Raise InexactError if the keys of several gradients name none of these parameters: their order may be any."""
    known = {key.lower() for name in names for key in _keys(name)[-1:]}
    got = {key.lower() for path, _ in leaves(answer, "") for key in _keys(path)}
    if len(answer) > 1 and not any(key.endswith(name) for key in got for name in known):
        keys = ", ".join(map(str, answer))
        raise InexactError(
            f"{what} returns {keys}, which do not name {', '.join(names)}: use the names of the arguments"
        )


def _keys(name: str) -> tuple[str, ...]:
    """Return the keys in a name such as `params['W1'][0]`, or the name if it has none."""
    return tuple(re.findall(r"\['?(.*?)'?\]", name)) or (name,)


def _names(got: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether the keys of a gradient are those of a parameter, or end in them: W1, dW1, d_W1, grad_W1, W1_grad."""
    few = min(len(got), len(wanted))
    return all(
        theirs in (mine, mine.removeprefix("d"), *(mine.removeprefix(f"{word}_") for word in ("d", "grad")),
                   mine.removesuffix("_grad"))
        for mine, theirs in zip(got[-few:], wanted[-few:], strict=True)
    )  # fmt: skip


def _by_key(got: Sequence[Leaf], wanted: Sequence[Leaf], what: str) -> list[tuple[str, Any, Any]]:
    """Match arrays by the keys of dicts: W1, dW1, grad_W1, W1_grad belong to W1. Return [] if the keys do not fit.

    SubjectError if some parameters of a dict have no gradient.
    """
    pairs = []
    for path, leaf in got:
        if not path.endswith("']"):
            return []
        fits = [(name, parameter) for name, parameter in wanted if _names(_keys(path), _keys(name))]
        if len(fits) > 1:  # of layers with the same keys, when the gradient names none
            return []
        pairs += [(name, leaf, parameter) for name, parameter in fits]
    covered = {name for name, *_ in pairs}
    dicts = {name.rpartition("[")[0] for name in covered if name.endswith("']")}
    missing = [name for name, _ in wanted if name.rpartition("[")[0] in dicts and name not in covered]
    if missing:
        raise SubjectError(f"{what} returns no gradient for {', '.join(missing)}")
    return pairs if len(covered) == len(pairs) else []


def compare_leaf(name: str, got: Any, parameter: Any, truth: dict[int, Any]) -> Compared:
    """Compare one array of the answer with the derivative by the parameter's numbers."""
    parameter, array = exact(parameter), exact(got)
    expected = np.empty(parameter.shape, object)
    for place, x in zip(np.ndindex(parameter.shape), numbers_of(parameter), strict=True):
        expected[place] = truth.get(x.index, arb(0))
    if array.size == parameter.size == 1:  # a number in place of an array of one behaves the same
        array = array.reshape(parameter.shape)
    if array.shape != parameter.shape:
        state = f"of shape {array.shape}, should be {parameter.shape}"
        return Compared(name, state, 0, True, place=array.flat[0].place if array.size else None)
    balls = np.empty(array.shape, object)
    for place, x in zip(np.ndindex(array.shape), numbers_of(array), strict=True):
        balls[place] = x.value
    return compare(
        name,
        balls,
        expected,
        lambda where: (
            numbers_of(array)[int(np.ravel_multi_index(where, array.shape))].place
            if where
            else array.reshape(-1)[0].place
        ),
    )
