"""Loading a program as somebody wrote it, and calling it in the ways that programs have in common."""

import ast
import itertools
import linecache
import types
from pathlib import Path
from typing import Any

import numpy as np

from gradproof import check_backward, check_gradient, check_step
from gradproof.judge.loading import in_python_3
from gradproof.judge.trial.judgement import Judgement

TESTS = Path(__file__).parents[1]
FOLDERS = TESTS / "exact/programs", TESTS / "judge/programs/open"
HOT = np.eye(3)[[0, 2, 1, 2]]
LABELS = np.array([0, 2, 1, 2])


def n(*shape: int) -> Any:
    """Example numbers of a shape, always the same."""
    return np.random.default_rng(len(shape) + sum(shape)).normal(size=shape)


def loaded(name: str) -> Any:
    """The imports, definitions and constants of a program: what stands in its file to be run at once is left out."""
    (path,) = (path for folder in FOLDERS for path in folder.glob(f"{name}*.py"))
    source, _ = in_python_3(path.read_text(), str(path))
    linecache.cache[str(path)] = (len(source), None, source.splitlines(keepends=True), str(path))
    tree = ast.parse(source)
    tree.body = [
        node
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)
        or (isinstance(node, ast.Assign) and _is_constant(node.value))
    ]
    module = types.ModuleType(path.stem)
    exec(compile(tree, str(path), "exec"), vars(module))
    return module


def _is_constant(node: ast.expr) -> bool:
    return all(isinstance(part, ast.Constant | ast.Tuple | ast.expr_context) for part in ast.walk(node))


def w(*sizes: int) -> list[Any]:
    """W1, b1, W2, b2 by columns."""
    return [x for a, b in itertools.pairwise(sizes) for x in (n(b, a), n(b, 1))]


def parameters(*sizes: int) -> dict[str, Any]:
    """The same in a dict."""
    names = [f"{kind}{k}" for k in range(1, len(sizes)) for kind in "Wb"]
    return dict(zip(names, w(*sizes), strict=True))


def layer(m: Any, name: str, *inputs: Any, backward: str = "") -> Judgement:
    """A pair of functions NAME_forward(…) and NAME_backward(dout, cache)."""
    return check_backward(getattr(m, f"{name}_forward"), getattr(m, backward or f"{name}_backward"), *inputs)


def functions(m: Any, cost: Any, *arguments: Any) -> Judgement:
    """forward_prop(W1, …, X) and backward_prop(Z1, A1, Z2, A2, W1, W2, X, Y)."""

    def gradient(W1: Any, b1: Any, W2: Any, b2: Any, X: Any, Y: Any) -> Any:  # noqa: N803
        return m.backward_prop(*m.forward_prop(W1, b1, W2, b2, X), W1, W2, X, Y)

    def loss(W1: Any, b1: Any, W2: Any, b2: Any, X: Any, Y: Any) -> Any:  # noqa: N803
        return cost(m.forward_prop(W1, b1, W2, b2, X)[-1], Y)

    return check_gradient(loss, gradient, *arguments)


def log_loss(p: Any, y: Any) -> Any:
    return -np.mean(np.log(p[y, np.arange(y.size)]))


def dicts(m: Any, forward: Any, cost: Any, backward: Any, params: Any, x: Any, y: Any) -> Judgement:
    """forward(x, params) → (a, cache), cost(a, y), backward(cache, x, y) → grads."""

    def loss(params: Any, x: Any, y: Any) -> Any:
        return cost(forward(x, params)[0], y)

    def gradient(params: Any, x: Any, y: Any) -> Any:
        return backward(forward(x, params), params, x, y)

    return check_gradient(loss, gradient, params, x, y)


def binary(a: Any, y: Any) -> Any:
    return -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a))


def half(a: Any, y: Any) -> Any:
    return 0.5 * np.sum((a - y) ** 2)


def trained(net: Any, step: Any, output: Any, cost: Any, *data: Any) -> Judgement:
    """One step of a network object's own, against a cost of its own output."""
    return check_step(step, net, *data, cost=lambda x, y, *rest: cost(output(x), y))


X, Y01 = n(4, 3), np.array([[0.0], [1.0], [1.0], [0.0]])
COLUMN, TARGET = n(3, 1), np.array([[0.2], [0.7]])
