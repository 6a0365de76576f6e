"""Get a subject's answer to one problem in this project's conventions, and explain wrong shapes and dtypes."""

from typing import NamedTuple

import numpy as np

from gradproof.judge.float64 import layouts
from gradproof.judge.float64.layouts import Layout
from gradproof.judge.isolation.calls import Lists
from gradproof.judge.isolation.submission import Submission
from gradproof.judge.troubles import SubmissionError
from gradproof.problem import Array, Problem


class Got(NamedTuple):
    """One answer in this project's conventions. δ may be inferred, and z and a may be missing."""

    delta: list[Array]
    e_delta: list[Array]
    grad_b: list[Array]
    grad_w: list[Array]
    zs: list[Array] | None
    activations: list[Array] | None
    inferred: bool


def answer(submission: Submission, layout: Layout, problem: Problem) -> Got:
    """Return the answer, from one call or one call per example. If no δ is returned, ∂C/∂b of single examples is δ."""
    m = problem.x.shape[1]
    ones = [problem._replace(x=problem.x[:, [i]], y=problem.y[:, [i]]) for i in range(m)]
    if layout.examples == "batch":
        whole = _parts(submission.backprop(layout.given(problem)), layout, problem)
        if whole.delta:
            return whole
        each = [whole] if m == 1 else [_parts(submission.backprop(layout.given(one)), layout, one) for one in ones]
    else:
        each = [_parts(submission.backprop(layout.given(one)), layout, one) for one in ones]
        mean = [
            [sum(g) / m for g in zip(*part, strict=True)]
            for part in zip(*((e.grad_b, e.grad_w) for e in each), strict=True)
        ]
        whole = Got([], [], mean[0], mean[1], None, None, False)
        if each[0].delta:
            delta = [np.hstack(columns) for columns in zip(*(e.delta for e in each), strict=True)]
            return whole._replace(delta=delta, e_delta=[np.zeros_like(d) for d in delta])
    delta = [np.hstack(columns) for columns in zip(*(e.grad_b for e in each), strict=True)]
    return whole._replace(delta=delta, e_delta=[np.zeros_like(d) for d in delta], inferred=True)


def _parts(lists: Lists, layout: Layout, problem: Problem) -> Got:
    """Convert what was returned to this project's conventions; raise SubmissionError if a shape or dtype is wrong."""
    delta, grad_b, grad_w, *forward = lists if len(lists) > 2 else ([], *lists)
    rows, m = [len(b) for b in problem.biases], problem.x.shape[1]
    zs, activations = forward or ([], [])
    if forward and len(activations) == len(rows):
        activations = [layout.given(problem).x, *activations]  # a⁰ = x is often left out
    if activations and activations[0].dtype.kind in "iub":
        activations = [activations[0].astype(problem.x.dtype), *activations[1:]]  # x as given, in integers
    grad_b = [layouts.bias(g, n) for n, g in zip(rows, grad_b, strict=False)]
    grad_w = [layout.weight(g) for g in grad_w]
    delta, zs = ([layout.delta(v, n) for n, v in zip(rows, part, strict=False)] for part in (delta, zs))
    activations = [layout.delta(a, n) for n, a in zip(problem.sizes, activations, strict=False)]
    columns = [(n, m) for n in rows]
    for name, arrays, shapes in (
        ("z", zs, columns if forward else []),
        ("a", activations, [(n, m) for n in problem.sizes] if forward else []),
        ("δ", delta, columns if len(lists) > 2 else []),
        ("∂C/∂b", grad_b, [(n, 1) for n in rows]),
        ("∂C/∂w", grad_w, [w.shape for w in problem.weights]),
    ):
        if len(arrays) != len(shapes):
            said = f"returns {len(arrays)} arrays for {name}, should be {len(shapes)}: one per layer"
            raise SubmissionError("shape", said)
        for layer, (array, shape) in enumerate(zip(arrays, shapes, strict=True), start=name != "a"):
            _fits(f"{name} at layer {layer}", array, shape, problem, layer)
    return Got(delta, [np.zeros_like(d) for d in delta], grad_b, grad_w, zs or None, activations or None, False)


def _fits(name: str, array: Array, shape: tuple[int, ...], problem: Problem, layer: int) -> None:
    """Raise SubmissionError if the shape or the dtype is wrong."""
    if array.shape != shape:
        said = f"{name} has shape {array.shape}, should be {shape} where m = {problem.x.shape[1]}"
        why = _why(name, array.shape, shape, problem.weights[layer - 1].shape, problem.x.shape[1])
        raise SubmissionError("shape", said + why)
    if array.dtype != problem.x.dtype:
        whole = ": decimals are lost" if array.dtype.kind in "iub" else ""
        raise SubmissionError("dtype", f"{name} is {array.dtype}, should stay {problem.x.dtype}{whole}")


def _why(name: str, got: tuple[int, ...], shape: tuple[int, ...], weight: tuple[int, ...], m: int) -> str:
    """Return the slip that would give exactly this shape, or "" if none is known."""
    name = name.split()[0]
    if name == "∂C/∂b" and got in ((shape[0], m), (m, shape[0])):
        return ": not averaged over the mini-batch"
    if name == "∂C/∂b" and got in ((1, m), (m,)):
        return ": averaged over the neurons, not over the mini-batch; use the other axis"
    if name == "∂C/∂b" and got == weight:
        return ": the shape of ∂C/∂w; are the two returned in the wrong order?"
    if name == "∂C/∂w" and got == (weight[0], m):
        return ": δ times a element by element, not the outer product δaᵀ"
    if name == "∂C/∂w" and got == shape[::-1]:
        return ": transposed"
    return ""
