"""Where a program raises when it is run as it is, and the edit with which it takes a right step instead."""

import ast
import itertools
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from gradproof.exact.run import BITS, Reading, UndecidedError
from gradproof.judge.find.exploration import Explored, explore
from gradproof.judge.find.observation import Observation, observe
from gradproof.judge.find.program import Program, statements
from gradproof.judge.find.scene import forget
from gradproof.judge.find.scenes import INITIAL, Attempt, own_example
from gradproof.judge.lines.costs import likeliest_cost
from gradproof.judge.lines.counterparts import distance
from gradproof.judge.lines.edits import (
    Edit,
    applied,
    as_elsewhere,
    as_missing,
    as_slip,
    edits,
    enclosing,
    name_of,
    places_of,
)
from gradproof.judge.lines.gaps import last_name
from gradproof.judge.lines.proposals import root_of, uses, words_at
from gradproof.judge.lines.repair import Repair
from gradproof.judge.lines.trials import LONGEST
from gradproof.judge.outcome import against
from gradproof.judge.trial.execution import ExactRun, SubjectError, guarded
from gradproof.limits import Clock

SECONDS = 1.5  # for one run of the example
_SHAPES = re.compile(r"shape|broadcast|align|dimension|axis|IndexError")  # in what a slip in one operand raises
_NAMES = re.compile(r"(?:NameError|UnboundLocalError|AttributeError): .*'(\w+)'|KeyError: '(\w+)'")
MOST, LONG = 300, 8.0  # runs of edited examples, and seconds for all of them
STATEMENTS = 40  # statements to edit
SEEDS = 2, 3


class Raised(NamedTuple):
    """What the program's own example raises."""

    line: int
    said: str
    made_up: bool = False  # with made-up data, which may not suit it

    @property
    def is_a_name(self) -> bool:
        """Whether a name is missing, which is the program's own fault on any line."""
        return "NameError" in self.said or "UnboundLocalError" in self.said

    @property
    def missing(self) -> str:
        """The name, attribute or key that nothing has assigned; "" if it raises for another reason."""
        found = _NAMES.search(self.said)
        return found[1] or found[2] if found else ""

    @property
    def is_of_shapes(self) -> bool:
        """Whether arrays do not fit each other, as after a slip in one operand."""
        return _SHAPES.search(self.said) is not None


def raised_by(program: Program, judged: Explored | None = None) -> Raised | None:
    """Return what the example raises as it is; None if it takes a step instead, or is what was judged."""
    if judged is not None and judged.scene.whole and judged.scene.program.tree is program.tree:
        return None
    explored = explore(own_example(program).scene, SECONDS)
    if explored.step is not None or not explored.raised:
        return None
    return Raised(explored.raised, explored.trouble, explored.made_up)


def mend_example(program: Program, raised: Raised, parameters: int) -> Repair | None:
    """Return the first edit that makes the example take a right step of at least `parameters` arrays, or None."""
    if not raised.missing and not raised.is_of_shapes:
        return None
    end, runs = time.process_time() + LONG, itertools.count()
    places = places_of(program.tree)
    for edit in _of_a_name(program, raised) if raised.missing else _of_shapes(program, raised):
        if edit.old not in places:
            continue
        if next(runs) == MOST or time.process_time() > end:
            return None
        with applied(edit, places):
            attempt = own_example(replace(program, text=f"{program.text}# {next(_EDITED)}"))
            is_right = _is_right(attempt, parameters)
        if is_right:
            edit = as_slip(edit, words_at(program.tree, enclosing(program.tree, edit.statement.lineno)), places)
            with applied(edit, places):
                return Repair(edit.statement.lineno, name_of(edit), edit.correction(), ())
    return None


def _of_a_name(program: Program, raised: Raised) -> Iterator[Edit]:
    """Yield the edits that assign what is missing as other layers do, then those that put another name in its place."""
    for statement in statements(program.tree):
        if isinstance(statement, ast.stmt) and distance(last_name(statement), raised.missing):
            yield from as_missing(
                statement, root_of(program.tree, enclosing(program.tree, statement.lineno)), program.tree
            )
    for statement in enclosing(program.tree, raised.line)[-1:]:
        yield from (edit for edit in _edits(program, statement, False) if edit.kind in ("operand", "key"))


def _of_shapes(program: Program, raised: Raised) -> Iterator[Edit]:
    """Yield the likeliest edits of the statements behind arrays that do not fit each other, nearest first."""
    first, *others = itertools.islice(_feeding(program.tree, raised.line), STATEMENTS)
    if "broadcast" in raised.said:  # most often a sum over the wrong axis
        others.sort(key=lambda statement: "axis=" not in ast.unparse(statement))
    keys = _keys(first)  # of the entries that it reads
    others.sort(key=lambda statement: keys.isdisjoint(_keys(statement)))
    turns = [(first, False), *itertools.product(others, (False, True)), (first, True)]
    likely = itertools.chain.from_iterable(_likeliest(program, statement) for statement in (first, *others))
    yield from itertools.chain(likely, itertools.chain.from_iterable(_edits(program, *turn) for turn in turns))


def _keys(statement: ast.stmt) -> set[str]:
    """Return the strings in a statement, such as the key db2 in g['db2']."""
    return {n.value for n in ast.walk(statement) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def _edits(program: Program, statement: ast.stmt, missing: bool) -> list[Edit]:
    """Return the likeliest edits of a statement or, for `missing`, those that add a sum or a product."""
    found = edits(statement, words_at(program.tree, enclosing(program.tree, statement.lineno)), factors=missing)
    if missing:
        return [edit for edit in found if edit.kind in ("missing sum", "missing product")]
    found = [edit for edit in found if edit.tier == 0 and edit.kind != "extra statement"]
    return sorted(found, key=lambda edit: edit.kind not in ("order", "transpose", "axis"))


def _likeliest(program: Program, statement: ast.stmt) -> list[Edit]:
    """Return the edits that use a name which nothing uses so far, and those that do it as other layers or entries."""
    around = enclosing(program.tree, statement.lineno)
    words = words_at(program.tree, around)
    found = (
        [edit for edit in edits(statement, words, factors=False) if uses(edit, words.unused)] if words.unused else []
    )
    return found + as_elsewhere(statement, root_of(program.tree, around))


_EDITED = itertools.count()


def _is_right(attempt: Attempt, parameters: int) -> bool:
    """Whether an example takes a step down the gradient of a cost, at two points."""
    try:
        explored = explore(attempt.scene, SECONDS)
        step = explored.step
        if step is None or step.still or step.reshaped or len(step.parameters) < parameters:
            return False
        for seed in SEEDS:
            with ExactRun(Reading.EXACT, BITS, seed), guarded("the program", LONGEST, Clock.COMPUTING):
                if not _goes_down(observe(attempt.scene, step, attempt.calls, seed)):
                    return False
        return True
    except (SubjectError, UndecidedError):
        return False
    finally:
        forget(attempt.scene)


def _goes_down(what: Observation) -> bool:
    """Whether all arrays follow the gradient of a cost that the program computes, or of a usual one."""
    likely = likeliest_cost(what)
    costs = [*what.costs.values(), *([likely[1]] if likely else [])]
    return any(all(array.state == "right" for array in against(what, cost)) for cost in costs)


def _feeding(tree: ast.Module, line: int) -> Iterator[ast.stmt]:
    """Yield the statement on a line, then those that assign the names in it, nearest first.

    Statements that run before any step are left out.
    """
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    given: dict[str, list[ast.stmt]] = {}
    for statement in _in_steps(tree):
        for name in _targets(statement):
            given.setdefault(name, []).append(statement)
    waiting, seen = [*enclosing(tree, line)[-1:]], set[ast.stmt]()
    while waiting:
        statement = waiting.pop(0)
        if statement in seen:
            continue
        seen.add(statement)
        yield statement
        read = statement.iter if isinstance(statement, ast.For) else statement
        names = list(dict.fromkeys(_name(part) for part in ast.walk(read)))
        called = [functions[name] for name in names if name in functions]
        waiting += [part for function in called for part in ast.walk(function) if isinstance(part, ast.Return)]
        waiting += [part for name in names for part in reversed(given.get(name, []))]


def _in_steps(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield the assignments and for loops in functions and loops, except where an object or parameters are set up."""
    for part in ast.walk(tree):
        if isinstance(part, ast.FunctionDef) and INITIAL.search(part.name):
            continue
        if isinstance(part, ast.FunctionDef | ast.For | ast.While):
            yield from (node for node in ast.walk(part) if isinstance(node, ast.Assign | ast.AugAssign | ast.For))


def _targets(statement: ast.stmt) -> list[str]:
    """Return the names of the variables, attributes and arrays that a statement assigns."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    waiting, found = list(targets), list[str]()
    while waiting:
        target = waiting.pop()
        if isinstance(target, ast.Tuple | ast.List):
            waiting += target.elts
        elif isinstance(target, ast.Subscript):
            waiting.append(target.value)
        elif target is not None and (name := _name(target)):
            found.append(name)
    return found


def _name(node: ast.AST) -> str:
    return str(getattr(node, "id", getattr(node, "attr", "")))
