"""Evaluates expressions of a program's cost in the middle of its run."""

import ast
import builtins
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import FrameType
from typing import Any

from gradproof.exact import operators
from gradproof.exact.arrays import ExactArray
from gradproof.exact.numbers import Number
from gradproof.exact.rewriting import HELPER, with_exact_numbers
from gradproof.exact.run import UndecidedError
from gradproof.judge.find.program import statements


def evaluate_calls(program: ast.Module, calls: Sequence[str], frame: FrameType, values: dict[str, Number]) -> None:
    """Evaluate these calls where a program is, and add their values to `values`."""
    for text in calls:
        names = dict(frame.f_globals) | dict(frame.f_locals) | {HELPER: operators}
        names = {name.swapcase(): value for name, value in names.items() if len(name) == 1} | names  # X may stand for x
        if text.startswith("self.") and "self" not in names:
            method = text[5:].partition("(")[0]
            owner = next((one for one in names.values() if hasattr(type(one), method)), None)
            names |= {"self": owner} if owner is not None else {}
        call = _Predicted(program, names).visit(ast.parse(text, mode="eval").body)
        tree = ast.fix_missing_locations(
            ast.Module([ast.Assign([ast.Name("_gradproof_cost_", ast.Store())], call)], [])
        )
        with suppress(Exception):
            try:
                exec(compile(with_exact_numbers(tree), "<cost>", "exec"), names)
            except UndecidedError:
                continue
            for number in _scalar(names["_gradproof_cost_"]):
                values.setdefault(text, number)


class _Predicted(ast.NodeTransformer):
    """Replaces a name that is bound only after the step, as a prediction may be, by the one call it is bound to."""

    def __init__(self, program: ast.Module, names: Mapping[str, Any]) -> None:
        self._names = names
        self._calls: dict[str, list[ast.Call]] = {}
        for node in statements(program):
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            if isinstance(target, ast.Name) and isinstance(node.value, ast.Call):  # type: ignore[attr-defined]
                self._calls.setdefault(target.id, []).append(node.value)  # type: ignore[attr-defined]

    def visit_Name(self, node: ast.Name) -> ast.expr:
        calls = self._calls.get(node.id, [])
        missing = node.id not in self._names and not hasattr(builtins, node.id)
        return calls[0] if missing and len({ast.unparse(call) for call in calls}) == 1 else node


def _scalar(value: Any) -> list[Number]:
    if isinstance(value, tuple) and value:
        value = value[0]
    if isinstance(value, ExactArray) and value.size == 1:
        value = value.ravel()[0]
    return [value] if isinstance(value, Number) and value.varies else []
