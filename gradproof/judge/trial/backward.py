"""check_backward: does this backward pass give the derivatives of that layer's forward pass?"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gradproof.exact.arrays import ExactArray, exact
from gradproof.exact.numbers import Number, total
from gradproof.exact.sweeps import differentiate
from gradproof.judge.trial.arguments import argument_names, copied, exact_variables, leaves, numbers_of, prepared
from gradproof.judge.trial.comparison import Compared
from gradproof.judge.trial.confirmation import confirmed
from gradproof.judge.trial.example import example_lines
from gradproof.judge.trial.execution import ExactRun, Result, SubjectError, named, require_callable
from gradproof.judge.trial.floats import FloatRun, float_findings
from gradproof.judge.trial.gradient import (
    compare_leaf,
    floats_of,
    judged,
    matched,
)
from gradproof.judge.trial.judgement import Judgement
from gradproof.judge.trial.owner import arrays_of, gradient_beside, put
from gradproof.numerics.verdict import Verdict


def check_backward(
    forward: Callable[..., Any], backward: Callable[..., Any], *inputs: Any, draw: bool = True, seed: int = 0
) -> Judgement:
    """Are the arrays of `backward(dout, cache)` the derivatives of Σ dout ⊙ out, where out, cache = forward(*inputs)?

    For layer functions and for the methods of layer objects; if `forward` returns only out, `backward` takes only
    dout. The arrays of a layer object that `forward` uses are compared with the gradients that `backward` stores
    beside them (dW, grad_W, grads['W'], …). dout is random, so a missing factor shows. Otherwise like
    `check_gradient`.
    """
    require_callable(forward, "forward", len(inputs))
    require_callable(backward, "backward")
    layer = getattr(backward, "__self__", None)
    layer = layer if layer is getattr(forward, "__self__", None) and hasattr(layer, "__dict__") else None
    example = prepared([*inputs, arrays_of(layer) if layer is not None else {}], seed)
    names = argument_names(forward, len(inputs))

    def forwarded(run: ExactRun | FloatRun, numbers: Any) -> tuple[Any, Any, Sequence[Any]]:
        """Return the layer with these arrays in it, out, and a list of the cache, empty if there is none."""
        *given, held = numbers
        taken = put(run, layer, copied(held)) if layer is not None else None
        returned = run.call(forward, *copied(given))
        out, *cache = returned if isinstance(returned, tuple) else (returned,)
        return taken, out, cache

    def claim(run: ExactRun, drawn: Any) -> Sequence[Compared]:
        *given, held = numbers = exact_variables(drawn)
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
        answer = run.call(backward, dout if out.ndim else dout.item(), *cache)
        truth = differentiate(result)
        pairs = [] if answer is None and held else matched(answer, given, names, named(backward))
        pairs += _kept(taken, held, truth)
        run.result = Result(result, {name: x for name, _, x in pairs}, {name: got for name, got, _ in pairs})
        return [compare_leaf(name, got, wanted, truth) for name, got, wanted in pairs]

    def answered(run: ExactRun | FloatRun, numbers: Any) -> Any:
        """Return what backward returns and what it leaves in the layer, exactly or in float64."""
        taken, out, cache = forwarded(run, numbers)
        dout = _upstream(np.shape(out), seed)
        returned = run.call(backward, exact(dout) if isinstance(out, ExactArray | Number) else dout, *cache)
        return [returned, *(gradient_beside(taken, name) for name in numbers[-1])]

    again = f"gradproof.check_backward({named(forward)}, {named(backward)}, …, seed={seed})"
    result = judged(claim, example, draw, seed, named(backward), f"the derivative of {named(forward)}", again)
    result = confirmed(result, claim, [answered], [forward, backward], example, seed, draw)
    if result.verdict is Verdict.REFUTED and result.arrays:
        return replace(result, example=example_lines(claim, example, names, None, seed, draw))
    return replace(result, float64=float_findings([answered], [forward, backward], example, seed)) if result else result


def _hint(forward: str, cached: int) -> str:
    if not cached:
        return f"it gets dout alone, because {forward} returns no cache: let it return (out, cache)"
    return f"it gets dout and the {cached} that {forward} returns beside its output"


def _upstream(shape: Any, seed: int) -> Any:
    """Return dout, the same at every point."""
    return np.asarray(np.random.default_rng([seed, 1]).normal(size=shape))


def _kept(layer: Any, held: dict[str, Any], truth: dict[int, Any]) -> list[tuple[str, Any, Any]]:
    """Return (name, gradient, parameter) of the arrays that the output depends on, if the layer keeps gradients."""
    results = []
    for name, value in held.items():
        parameters = [(path, leaf) for path, leaf in leaves(value, name) if isinstance(leaf, ExactArray)]
        if not any(x.index in truth for _, leaf in parameters for x in numbers_of(leaf)):
            continue
        kept = [leaf for _, leaf in leaves(floats_of(gradient_beside(layer, name)), "")]
        if len(kept) == len(parameters):
            results += [(path, got, leaf) for (path, leaf), got in zip(parameters, kept, strict=True)]
    return results
