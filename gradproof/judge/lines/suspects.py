"""The lines that may be wrong, likeliest first: those behind the wrong arrays, except the forward pass."""

import ast
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import NamedTuple

from gradproof.exact.numbers import Number
from gradproof.exact.run import line_of
from gradproof.exact.sweeps import computed_from, operands_of
from gradproof.judge.find.observation import Observation
from gradproof.judge.find.scene import DRIVEN
from gradproof.judge.lines.edits import enclosing
from gradproof.judge.lines.words import is_elementary


class Suspects(NamedTuple):
    """The suspect lines, likeliest first."""

    groups: Sequence[Sequence[int]]  # those behind all wrong arrays, then the rest; in each, the located lines first
    late: frozenset[int]  # on which something is computed from an array that has already moved
    above: Mapping[str, Container[int]] = {}  # the lines on which each wrong array depends
    data: frozenset[int] = frozenset()  # on which only numbers that no parameter affects are assigned
    stays: bool = False  # whether one of the wrong arrays does not move at all


def suspected(
    tree: ast.Module, what: Observation, forward: set[int], wrong: Sequence[str], first: Sequence[int]
) -> Suspects:
    """Return the suspect lines.

    `forward` has the indices of the numbers of the forward pass, `first` the lines that were located by other means.
    """
    ends = {path: move.ravel().tolist() for path, move in what.moved.items()}
    still = [path for path in wrong if path in ends and _stays(what, path)]
    ends |= {path: after.ravel().tolist() for path, (_, after) in what.reshaped.items()}
    lines = {path: _lines(ends[path], forward) for path in ends}
    nodes = computed_from(x for path in wrong if path in ends for x in ends[path])
    known = {x.index for x in nodes if x.varies or x.rule is not None} - forward
    shared = {line_of(x.place) for x in nodes if x.index in forward and x.varies}
    shared -= {line for path in what.reshaped for line in lines[path]}  # except those that give an array another shape
    above = {path: _above(what, ends[path], forward) for path in wrong if path in ends and path not in still}
    called = [e.line for e in what.events if any(x.index in known for x in e.numbers)]
    moved = {x.index for array in what.after.values() for x in array.flat}
    moved -= {x.index for array in what.given.values() for x in array.flat}
    late = {line_of(x.place) for x in nodes if moved & {y.index for y in operands_of(x)}}
    bad = [line for path in wrong for line in lines.get(path, ())]
    good = {line for path in lines if path not in wrong for line in lines[path]}
    bad, called = ([x for x in some if x not in shared] for some in (bad, called))  # the forward pass is not at fault
    alone = [line for line in bad if line not in good]
    others = [e.line for e in what.events if e.line not in shared]
    slopes = [x for x in called + bad if is_in_a_slope(tree, x)]
    if still:  # it should move where the others do
        first = [*(e.line for e in reversed(what.events) if all(x.index in moved for x in e.numbers)), *first]
    first = [line for line in first if line not in shared]
    groups = [first, alone, called + bad, slopes, others]
    common = set.intersection(*(above[path] for path in wrong if path in above)) if above else set()
    groups = [[line for line in dict.fromkeys(group) if 0 < line < DRIVEN] for group in groups]
    groups = [[x for x in group if x in common] for group in groups] + [
        [x for x in group if x not in common] for group in groups
    ]
    groups = [list(_with_called(tree, group, shared)) for group in groups]
    groups.append([line for line in _reachable(tree, [x for group in groups for x in group]) if line not in shared])
    assigned = [event for event in what.events if event.kind == "assigned"]
    data = {e.line for e in assigned} - {e.line for e in assigned if any(x.varies for x in e.numbers)}
    return Suspects(groups, frozenset(line for line in late if line), above, frozenset(data), bool(still))


def _stays(what: Observation, path: str) -> bool:
    return all(a is b for a, b in zip(what.given[path].flat, what.after[path].flat, strict=True))


def _with_called(tree: ast.Module, lines: Sequence[int], shared: Container[int | None]) -> Iterator[int]:
    """Yield each line, and those of the short functions that it calls, such as slopes.

    What such a function returns may have been computed earlier.
    """
    for line in lines:
        yield line
        for function in _called(tree, enclosing(tree, line)[-1:]):
            if is_elementary(function):
                yield from (part.lineno for part in function.body if part.lineno not in shared)


def _reachable(tree: ast.Module, lines: Sequence[int]) -> Iterator[int]:
    """Yield the lines of the functions around these lines, of the functions called there, and so on."""
    around = [node for line in lines for node in enclosing(tree, line) if isinstance(node, ast.FunctionDef)]
    waiting, seen = list(dict.fromkeys(around)), set[ast.AST]()
    while waiting:
        function = waiting.pop(0)
        if function not in seen:
            seen.add(function)
            waiting += _called(tree, function.body)
            yield from (part.lineno for part in ast.walk(function) if isinstance(part, ast.stmt))


def _called(tree: ast.Module, statements: Sequence[ast.stmt]) -> list[ast.FunctionDef]:
    """Return the program's functions and methods that these statements call, by name."""
    own = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    calls = [node.func for part in statements for node in ast.walk(part) if isinstance(node, ast.Call)]
    names = dict.fromkeys(getattr(call, "attr", getattr(call, "id", "")) for call in calls)
    return [own[name] for name in names if name in own]


def _above(what: Observation, moves: Sequence[Number], forward: set[int]) -> set[int]:
    """Return the lines that the move of an array follows from, except for the forward pass."""
    nodes = [x for x in computed_from(moves) if x.index not in forward and (x.varies or x.rule is not None)]
    indices = {x.index for x in nodes}
    lines = {line for x in nodes if (line := line_of(x.place))}
    return lines | {e.line for e in what.events if any(x.index in indices for x in e.numbers)}


def is_in_a_slope(tree: ast.Module, line: int) -> bool:
    """Whether a line is in a function of one argument that all layers share, such as an activation's derivative."""
    functions = [node for node in enclosing(tree, line) if isinstance(node, ast.FunctionDef)]
    return bool(functions) and is_elementary(functions[-1])


def _lines(moves: Sequence[Number], forward: set[int]) -> list[int]:
    """Return the lines that computed these moves, in the order of computation, except for the forward pass."""
    nodes = [x for x in computed_from(moves) if x.rule is not None and x.index not in forward]
    return list(dict.fromkeys(line for x in nodes if (line := line_of(x.place))))
