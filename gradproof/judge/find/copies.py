"""How parameters start, which random draws would hide: as copies of each other, or with some elements 0."""

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gradproof.exact.numbers import Number, source
from gradproof.exact.sweeps import operands_of
from gradproof.judge.find.dependence import LINEAR, difference
from gradproof.judge.find.namespace import Slot
from gradproof.judge.find.program import statements

_LOOKS_BACK = re.compile(r"_?(?:previous|prev|old|last|before)_?")


def copies(slots: Sequence[Slot], parameters: Iterable[str]) -> Mapping[str, list[Slot]]:
    """Map each of these parameters to the slots that start as its copies, such as the weights of the previous step.

    A copy has the same numbers. Equal elements, such as zeros, prove little: there the names must differ as those of a
    certain copy do. In a later step, where the old weights are no longer the same, only the names decide.
    """
    own = set(parameters)
    others = [slot for slot in slots if slot.path not in own and len(slot.numbers) > 0]
    alike = {
        slot.path: [other for other in others if _are_same(slot, other) or is_turned(slot, other)]
        for slot in slots
        if slot.path in own
    }
    telling = {slot.path for slot in slots if len({float(x.value.mid()) for x in slot.numbers}) > 1}
    changes = {difference(path, twin.path) for path in telling & alike.keys() for twin in alike[path]}
    found = {
        path: [twin for twin in twins if path in telling or difference(path, twin.path) in changes]
        for path, twins in alike.items()
    }
    for path in own & alike.keys() if not any(found.values()) else ():
        found[path] = [other for other in others if _LOOKS_BACK.sub("", other.path) == path]
    return {path: twins for path, twins in found.items() if twins}


def stays(tree: ast.Module, path: str, loop: ast.stmt | None) -> bool:
    """Whether a variable is set once, where the loop that takes the step begins, and nothing else may change it.

    A copy of the weights that stays is only at first the weights' equal.
    """
    name = re.sub(r"(?:\[.*?\])+$", "", path).rpartition(".")[2]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    loops = [node for node in statements(tree) if isinstance(node, ast.For | ast.While)]
    stores = [node for node in statements(tree) if name in _stored(node)]
    if len(stores) != 1 or any(name in _words(node.iter) for node in loops if isinstance(node, ast.For)):
        return False
    if any(isinstance(node, ast.Expr) and name in _words(node) for node in statements(tree)):
        return False  # a call may change it in place
    if any(stores[0] in statements(node) for node in loops):
        return False
    around = [node for node in functions if stores[0] in statements(node)]
    return all(node.name == "__init__" or any(part is loop for part in statements(node)) for node in around)


def _stored(node: ast.AST) -> set[str]:
    """Return the names of what a statement assigns, or assigns an element of."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", ast.Constant(0))]
    return set[str]().union(*map(_words, targets))


def _words(node: ast.AST) -> set[str]:
    """Return the names in a node, also those of attributes."""
    return {getattr(part, "attr", getattr(part, "id", "")) for part in ast.walk(node)}


def held_at_zero(slot: Slot) -> set[int]:
    """Return the positions of the elements that are 0 if others are not, as in a pruned matrix."""
    zeros = {k for k, x in enumerate(slot.numbers) if x.value.is_zero()}
    return zeros if len(zeros) < len(slot.numbers) else set()


def velocities(slots: Sequence[Slot], parameters: Iterable[str]) -> list[str]:
    """Return the supposed parameters that start as 0 and pair off with the others, such as `v[k]` with `w[k]`.

    With Nesterov's momentum the cost is computed at `w + mu * v`, so that the velocity looks like a parameter.
    """
    own = set(parameters)
    begun = {slot.path: slot for slot in slots if slot.path in own}
    still = {path for path, slot in begun.items() if all(x.value.is_zero() for x in slot.numbers)}
    pairs = [(path, other) for path in begun for other in still if path != other]
    changes = {pair: difference(*pair) for pair in pairs if begun[pair[0]].shape == begun[pair[1]].shape}
    for change in {changes[pair] for pair in changes if pair[0] not in still}:
        found = {other for (_, other), one in changes.items() if one == change}
        if 2 * len(found) == len(begun):
            return sorted(found)
    return []


def is_added(total: Number, part: Number) -> bool:
    """Whether a number is a sum that another, or a multiple of it, is a term of, as `w + mu * v` has the term v."""
    waiting, seen = [total], set[int]()
    while waiting:
        x = waiting.pop()
        if source(x) is source(part):
            return True
        if x.rule is None or x.index in seen:
            continue
        seen.add(x.index)
        varying = [y for y in operands_of(x) if y.varies]
        if x.rule.name in LINEAR or (x.rule.name in ("multiply", "divide") and len(varying) == 1):
            waiting.extend(varying)
    return False


def is_turned(one: Slot, other: Slot) -> bool:
    """Whether a matrix is a transposed copy of another, as a layer may keep one for its backward pass."""
    if len(one.shape) != 2 or other.shape != one.shape[::-1] or _is_shared(one.value, other.value):
        return False
    turned = other.array.T.ravel().tolist()
    return all(a is b for a, b in zip(one.numbers, turned, strict=True))


def drawn_along(slot: Slot, twin: Slot, numbers: Sequence[Number]) -> list[Number]:
    """Return a copy's numbers if the original's become these, in the copy's own order."""
    new = {x.index: y for x, y in zip(slot.numbers, numbers, strict=True)}
    return [new.get(x.index, y) for x, y in zip(twin.numbers, numbers, strict=True)]


def _are_same(one: Slot, other: Slot) -> bool:
    if other.shape != one.shape or one.value is other.value or _is_shared(one.value, other.value):
        return False
    pairs = list(zip(one.numbers, other.numbers, strict=True))
    return all(a is b for a, b in pairs) or all(a.value.is_zero() and b.value.is_zero() for a, b in pairs)


def _is_shared(one: Any, other: Any) -> bool:
    """Whether two arrays share memory."""
    return isinstance(one, np.ndarray) and isinstance(other, np.ndarray) and np.shares_memory(one, other)
