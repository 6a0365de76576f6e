"""check_backward: does this backward pass give the derivatives of that layer's forward pass?"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradproof.exact.arrays import ExactArray, exact
from gradproof.exact.numbers import Number, total
from gradproof.exact.run import BITS, Reading, UndecidedError
from gradproof.exact.sweeps import computed_from, differentiate
from gradproof.judge.trial.arguments import argument_names, copied, drawn, exact_variables, leaves, numbers_of, prepared
from gradproof.judge.trial.comparison import Compared
from gradproof.judge.trial.confirmation import confirmed
from gradproof.judge.trial.example import example_lines
from gradproof.judge.trial.execution import ExactRun, Result, SubjectError, named, require_callable
from gradproof.judge.trial.floats import FloatRun, float_findings
from gradproof.judge.trial.gradient import (
    compare_leaf,
    covers_floats,
    floats_of,
    judged,
    matched,
)
from gradproof.judge.trial.judgement import Judgement
from gradproof.judge.trial.owner import fill, gradient_of, within
from gradproof.judge.trial.points import POINTS
from gradproof.judge.trial.restoration import untouched
from gradproof.numerics.verdict import Verdict


def check_backward(
    forward: Callable[..., Any], backward: Callable[..., Any], *inputs: Any, draw: bool = True, seed: int = 0
) -> Judgement:
    """Are the arrays of `backward(dout, cache)` the derivatives of Σ dout ⊙ out, where out, cache = forward(*inputs)?

    For layer functions and for the methods of layer objects; if `forward` returns only out, `backward` takes only
    dout. The arrays in a layer object that out depends on are compared with the gradients that `backward` stores in it
    (dW, grad_W, grads['W'], …); those without one are named. dout is random, so a missing factor shows. Otherwise like
    `check_gradient`.
    """
    require_callable(forward, "forward", len(inputs))
    require_callable(backward, "backward")
    layer = getattr(backward, "__self__", None)
    arrays = {path: x for path, x in within(layer).items() if _is_float(x)}
    aliases = {path: [other for other in arrays if arrays[other] is array] for path, array in arrays.items()}
    example = prepared([*inputs, {path: arrays[path] for path, (first, *_) in aliases.items() if path == first}], seed)
    example[-1] = _used(forward, layer, example, seed)
    names = argument_names(forward, len(inputs))
    floats = covers_floats(partial(_in_float64, forward, backward), example[:-1], names)
    gradients = dict[str, str]()  # by the path of an array, that of its gradient
    missing = dict[str, bool]()  # by the path of an array without one, whether backward leaves something of its shape

    def named_as_gradient(path: str, paths: Iterable[str]) -> list[str]:
        others = set(paths).difference(*(aliases[path] for path in example[-1]))
        return [other for alias in aliases[path] for other in gradient_of(alias, others)]

    def forwarded(run: ExactRun | FloatRun, numbers: Any) -> tuple[Any, Any, Sequence[Any]]:
        """Return the layer with these arrays in it, out, and a list of the cache, empty if there is none."""
        *given, held = numbers
        taken = run.takeover.take(layer)
        fill(taken, held | {other: 0 * arrays[other] for path in held for other in named_as_gradient(path, arrays)})
        returned = run.call(forward, *copied(given))
        out, *cache = returned if isinstance(returned, tuple) else (returned,)
        return taken, out, cache

    def paired(answer: Any, left: Any, given: Any, held: Any) -> list[tuple[str, Any, Any]]:
        """Return (name, gradient, array) of what backward returns and of what it leaves in the layer."""
        for path, array in held.items():
            likely = named_as_gradient(path, left)
            fits = [other for other in likely if np.shape(left[other]) == array.shape]
            gradients[path] = next(iter([*fits, *likely]), "")
        own = list[str]()  # in the order in which gradients are returned after those of the inputs, by their shapes
        count = sum(isinstance(leaf, ExactArray | Number) for _, leaf in leaves(given, ""))
        for one in answer[count:] if isinstance(answer, tuple | list) else ():
            own += [path for path in held if path not in own and held[path].shape == np.shape(one)][:1]
        own += [path for path in held if path not in own]
        pairs = []
        if answer is not None or not held:
            pairs = matched(answer, [*given, *map(held.get, own)], [*names, *own], named(backward))
        kept = {path: other for path, other in gradients.items() if other and path not in {name for name, *_ in pairs}}
        return pairs + [(path, floats_of(left[other]), held[path]) for path, other in kept.items()]

    def claim(run: ExactRun, numbers: Any) -> Sequence[Compared]:
        *given, held = numbers = exact_variables(numbers, floats)
        with run.given():
            taken, out, cache = forwarded(run, numbers)
            if not isinstance(out, ExactArray | Number):
                raise SubjectError(
                    f"{named(forward)} returns {type(out).__name__}, should return an array or (array, cache)"
                )
        require_callable(backward, "backward", 1 + len(cache), hint=_hint(named(forward), len(cache)))
        out = exact(out)
        dout = exact_variables(_upstream(out.shape, seed))
        result = total([a * b for a, b in zip(numbers_of(out), numbers_of(dout), strict=True)])
        before = set[int]().union(*map(_indices, within(taken).values()))
        answer = run.call(backward, dout if out.ndim else dout.item(), *cache)
        left, truth = within(taken), differentiate(result)
        pairs = paired(answer, left, given, held)
        found = {name for name, *_ in pairs}
        made = {
            np.shape(left[path])
            for path in left.keys() - gradients.values()
            if not before.issuperset(_indices(left[path]))
        }
        missing.update((path, array.shape in made) for path, array in held.items() if path not in found)
        run.result = Result(result, {name: x for name, _, x in pairs}, {name: got for name, got, _ in pairs})
        return [compare_leaf(name, got, wanted, truth) for name, got, wanted in pairs]

    def answered(run: ExactRun | FloatRun, numbers: Any) -> Any:
        """Return what backward returns and what it leaves in the layer, exactly or in float64."""
        taken, out, cache = forwarded(run, numbers)
        dout = _upstream(np.shape(out), seed)
        returned = run.call(backward, exact(dout) if isinstance(out, ExactArray | Number) else dout, *cache)
        left = within(taken)
        return [returned, *(left[other] for other in gradients.values() if other in left)]

    call = f"check_backward({named(forward)}, {named(backward)}, …"
    result = judged(claim, example, draw, seed, named(backward), f"the derivative of {named(forward)}", call)
    result = confirmed(result, claim, [answered], [forward, backward], example, seed, draw, floats)
    if result.verdict is Verdict.REFUTED and result.arrays:
        return replace(result, example=example_lines(claim, example, names, None, seed, draw))
    if not result:
        return result
    said = [f"{path} was not compared: no gradient of it was found" for path in missing]
    if any(missing.values()):
        return replace(result, verdict=Verdict.UNDECIDED, undecided=said)
    found = float_findings([answered], [forward, backward], example, seed, floats)
    return replace(result, float64=found, conventions=[*result.conventions, *said])


def _used(forward: Any, layer: Any, example: Any, seed: int) -> dict[str, Any]:
    """Return the layer's arrays that the output depends on, by their paths; all of them if that cannot be found out."""
    used = set[str]()
    for number in range(POINTS) if example[-1] else ():
        try:
            with ExactRun(Reading.EXACT, BITS, seed) as run:
                *given, held = exact_variables(drawn(example, np.random.default_rng([seed, number])))
                fill(run.takeover.take(layer), held)
                returned = run.call(forward, *given)
                out = returned[0] if isinstance(returned, tuple) else returned
                read = {x.index for x in computed_from(numbers_of(exact(out)))}
                used |= {path for path, array in held.items() if not read.isdisjoint(_indices(array))}
        except (SubjectError, UndecidedError):
            return dict(example[-1])
    return {path: array for path, array in example[-1].items() if path in used}


def _is_float(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "f" and x.flags.writeable


def _in_float64(forward: Callable[..., Any], backward: Callable[..., Any], *given: Any) -> Any:
    """Return what backward gives for a dout of 1."""
    with untouched(forward, backward):
        returned = forward(*given)
        out, *cache = returned if isinstance(returned, tuple) else (returned,)
        return backward(np.ones(np.shape(out)), *cache)


def _indices(value: Any) -> set[int]:
    return {x.index for x in numbers_of(value)} if isinstance(value, ExactArray | Number) else set()


def _hint(forward: str, cached: int) -> str:
    if not cached:
        return f"it gets dout alone, because {forward} returns no cache: let it return (out, cache)"
    return f"it gets dout and the {cached} that {forward} returns beside its output"


def _upstream(shape: Any, seed: int) -> Any:
    """Return dout, the same at every point."""
    return np.asarray(np.random.default_rng([seed, 1]).normal(size=shape))
