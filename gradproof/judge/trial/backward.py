"""check_backward: does this backward pass give the derivatives of that layer's forward pass?"""

from collections.abc import Callable, Collection, Iterable, Sequence
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
    passes, functions = _Passes(forward, backward, seed), [forward, backward]
    example = passes.prepare(inputs)
    call = f"check_backward({named(forward)}, {named(backward)}, …"
    result = judged(passes.claim, example, draw, seed, named(backward), f"the derivative of {named(forward)}", call)
    result = confirmed(result, passes.claim, [passes.answer], functions, example, seed, draw, passes.floats)
    if result.verdict is Verdict.REFUTED and result.arrays:
        return replace(result, example=example_lines(passes.claim, example, passes.names, None, seed, draw))
    if not result:
        return result
    said = [f"{path} was not compared: no gradient of it was found" for path in passes.missing]
    if any(passes.missing.values()):
        return replace(result, verdict=Verdict.UNDECIDED, undecided=said)
    found = float_findings([passes.answer], functions, example, seed, passes.floats)
    return replace(result, float64=found, conventions=[*result.conventions, *said])


class _Passes:
    """The forward and the backward pass of a layer, and where the layer keeps the gradients of its arrays."""

    def __init__(self, forward: Callable[..., Any], backward: Callable[..., Any], seed: int) -> None:
        self.forward, self.backward, self.seed = forward, backward, seed
        self.layer = getattr(backward, "__self__", None)
        self.arrays = {path: x for path, x in within(self.layer).items() if _is_float(x)}
        self.aliases = {path: [other for other, y in self.arrays.items() if y is x] for path, x in self.arrays.items()}
        self.names: list[str] = []  # of the inputs
        self.held: Collection[str] = ()  # the paths of the arrays that out depends on
        self.floats = False  # whether backward gives the derivatives by plain numbers, too
        self.gradients: dict[str, str] = {}  # by the path of an array, that of its gradient
        self.missing: dict[str, bool] = {}  # by the path of an array without one, whether something has its shape

    def prepare(self, inputs: Sequence[Any]) -> Any:
        """Return the inputs, and by their paths the arrays of the layer that out depends on, as an example."""
        held = {path: self.arrays[path] for path, (first, *_) in self.aliases.items() if path == first}
        example = prepared([*inputs, held], self.seed)
        example[-1] = self.held = _used(self.forward, self.layer, example, self.seed)
        self.names = argument_names(self.forward, len(inputs))
        self.floats = covers_floats(partial(_in_float64, self.forward, self.backward), example[:-1], self.names)
        return example

    def claim(self, run: ExactRun, numbers: Any) -> Sequence[Compared]:
        """Compare what backward gives with the derivatives of Σ dout ⊙ out."""
        *given, held = numbers = exact_variables(numbers, self.floats)
        with run.given():
            taken, out, cache = self._forwarded(run, numbers)
            if not isinstance(out, ExactArray | Number):
                said = f"returns {type(out).__name__}, should return an array or (array, cache)"
                raise SubjectError(f"{named(self.forward)} {said}")
        require_callable(self.backward, "backward", 1 + len(cache), hint=_hint(named(self.forward), len(cache)))
        out = exact(out)
        dout = exact_variables(_upstream(out.shape, self.seed))
        result = total([a * b for a, b in zip(numbers_of(out), numbers_of(dout), strict=True)])
        before = set[int]().union(*map(_indices, within(taken).values()))
        answer = run.call(self.backward, dout if out.ndim else dout.item(), *cache)
        left, truth = within(taken), differentiate(result)
        pairs = self._paired(answer, left, given, held)
        found, others = {name for name, *_ in pairs}, left.keys() - self.gradients.values()
        made = {np.shape(left[path]) for path in others if not before.issuperset(_indices(left[path]))}
        self.missing.update((path, array.shape in made) for path, array in held.items() if path not in found)
        run.result = Result(result, {name: x for name, _, x in pairs}, {name: got for name, got, _ in pairs})
        return [compare_leaf(name, got, wanted, truth) for name, got, wanted in pairs]

    def answer(self, run: ExactRun | FloatRun, numbers: Any) -> Any:
        """Return what backward returns and what it leaves in the layer, exactly or in float64."""
        taken, out, cache = self._forwarded(run, numbers)
        dout = _upstream(np.shape(out), self.seed)
        returned = run.call(self.backward, exact(dout) if isinstance(out, ExactArray | Number) else dout, *cache)
        left = within(taken)
        return [returned, *(left[other] for other in self.gradients.values() if other in left)]

    def _forwarded(self, run: ExactRun | FloatRun, numbers: Any) -> tuple[Any, Any, Sequence[Any]]:
        """Return the layer with these arrays in it, out, and a list of the cache, empty if there is none."""
        *given, held = numbers
        taken = run.takeover.take(self.layer)
        buffers = {other for path in held for other in self._named_as_gradient(path, self.arrays)}
        fill(taken, held | {other: 0 * self.arrays[other] for other in buffers})
        returned = run.call(self.forward, *copied(given))
        out, *cache = returned if isinstance(returned, tuple) else (returned,)
        return taken, out, cache

    def _named_as_gradient(self, path: str, paths: Iterable[str]) -> list[str]:
        others = set(paths).difference(*(self.aliases[path] for path in self.held))
        return [other for alias in self.aliases[path] for other in gradient_of(alias, others)]

    def _paired(self, answer: Any, left: Any, given: Any, held: Any) -> list[tuple[str, Any, Any]]:
        """Return (name, gradient, array) of what backward returns and of what it leaves in the layer."""
        for path, array in held.items():
            likely = self._named_as_gradient(path, left)
            fits = [other for other in likely if np.shape(left[other]) == array.shape]
            self.gradients[path] = next(iter([*fits, *likely]), "")
        own = list[str]()  # in the order in which gradients are returned after those of the inputs, by their shapes
        count = sum(isinstance(leaf, ExactArray | Number) for _, leaf in leaves(given, ""))
        for one in answer[count:] if isinstance(answer, tuple | list) else ():
            own += [path for path in held if path not in own and held[path].shape == np.shape(one)][:1]
        own += [path for path in held if path not in own]
        pairs = []
        if answer is not None or not held:
            pairs = matched(answer, [*given, *map(held.get, own)], [*self.names, *own], named(self.backward))
        found = {name for name, *_ in pairs}
        kept = {path: other for path, other in self.gradients.items() if other and path not in found}
        return pairs + [(path, floats_of(left[other]), held[path]) for path, other in kept.items()]


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
