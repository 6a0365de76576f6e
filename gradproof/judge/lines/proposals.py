"""The edits of suspect lines to try, likeliest first."""

import ast
import itertools
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

import numpy as np

from gradproof.exact.run import BITS, UndecidedError
from gradproof.judge.find.observation import observe
from gradproof.judge.find.program import WATCH
from gradproof.judge.find.scene import forget
from gradproof.judge.lines.costs import over_the_step
from gradproof.judge.lines.edits import Edit, applied, as_elsewhere, as_missing, as_sums, edits, enclosing, moves
from gradproof.judge.lines.estimates import Estimates, Known, Places, arrays_in, is_multiple
from gradproof.judge.lines.labels import derivatives, shares
from gradproof.judge.lines.suspects import Suspects, is_in_a_slope
from gradproof.judge.lines.trials import LONGEST, Trial, cost_of, fresh
from gradproof.judge.lines.words import Words, words_of
from gradproof.judge.trial.execution import ExactRun, SubjectError, guarded
from gradproof.limits import Clock

FIRST, FIRST_OF_A_SLOPE = 6, 40  # edits of a statement, or of the likeliest, to try before the next statement
MOST_OF_A_SLOPE = 150  # edits of a statement in an activation's derivative
MOST_OF_A_TARGET = 12  # edits of the indices of a target
MOST_UNKNOWN = 8  # edits of a statement if no cost is known
TURNS = 3  # iterations of a loop in which a statement is examined


def proposals(trial: Trial, suspects: Suspects, places: Places, mended: set[int]) -> Iterator[Edit | None]:
    """Yield the edits of statements on suspect lines, likeliest first, a few of each statement in turn.

    Edits that make a statement's value a derivative come before others. A None marks where less likely edits begin, so
    that one that corrects part of the faults can be taken first.
    """
    tree = trial.scene.program.tree
    made: dict[int, list[Edit]] = {}  # by the statement

    def edits_of(around: Sequence[Any]) -> list[Edit]:
        statement = around[-1]
        if id(statement) not in made:
            made[id(statement)] = edits(statement, words_at(tree, around))
        return made[id(statement)]

    rest: dict[int, list[Edit]] = {}
    later: list[Edit] = []
    tried: set[int] = set()
    for line in dict.fromkeys(itertools.chain(*suspects.groups)):
        if line not in mended and (around := enclosing(tree, line)) and (unused := words_at(tree, around).unused):
            own = [edit for edit in edits_of(around) if uses(edit, unused)]
            own.sort(key=lambda edit: edit.kind not in ("operand", "factor"))
            yield from _promising(trial, around[-1], own, places)
    for around in (enclosing(tree, line) for line in dict.fromkeys(itertools.chain(*suspects.groups))):
        if suspects.stays and around:
            yield from as_missing(around[-1], root_of(tree, around), tree)
    for around in (enclosing(tree, line) for line in dict.fromkeys(itertools.chain(*suspects.groups))):
        kinds = [node for node in around if isinstance(node, ast.ClassDef)]
        if sums := [edit for kind in kinds[-1:] for edit in as_sums(around[-1], kind)]:
            yield from sums
            break
    for kind in ("axis", "missing sum") if trial.step.reshaped else ():  # most often a sum over the wrong axis
        for around in (enclosing(tree, line) for line in dict.fromkeys(itertools.chain(*suspects.groups))):
            yield from (edit for edit in edits_of(around) if edit.kind == kind)
    for group, lines in enumerate(suspects.groups):
        for line in lines:
            around = enclosing(tree, line)
            if not around or id(around[-1]) in tried or around[-1].lineno in mended:
                continue
            *outer, statement = around
            tried.add(id(statement))
            own = edits_of(around) if group % 5 < 4 else edits(statement, words_at(tree, around), factors=False)
            if line in suspects.data and isinstance(statement, ast.Assign):  # no gradient of another array, or element
                own = [Edit("extra statement", statement, ast.Pass(), statement)] * isinstance(
                    statement.targets[0], ast.Subscript
                )
            root = root_of(tree, outer)
            others = as_elsewhere(statement, root)
            in_slope = is_in_a_slope(tree, line)
            likeliest = group == 0 and line == suspects.groups[0][0]
            whole = in_slope or (likeliest and _is_compound(statement))
            turned = list(moves(outer[-1] if outer else tree, statement))
            early = [edit for edit in own if edit.old is statement and edit.tier == 0]
            early += own[:MOST_OF_A_SLOPE] if whole else _promising(trial, statement, [*others, *own], places)
            early.sort(key=_kind_first)
            early += _of_the_target(statement, own) if not whole else []
            early += turned if line in suspects.late else []
            if _is_overwritten(outer, statement):
                yield from (edit for edit in own if edit.kind == "overwrites")
            first = FIRST_OF_A_SLOPE if whole or likeliest else FIRST
            if added := as_missing(statement, root, tree):
                yield from added
                yield None
            if suspects.stays:
                yield from (edit for edit in own if edit.kind == "key")
                for loop in (node for node in reversed(outer) if isinstance(node, ast.For)):
                    yield from (e for e in edits(loop, words_at(tree, outer), factors=False) if e.tier == 0)
                yield None
            yield from early[:first]
            later += early[first:]
            known = set(map(id, early))
            for edit in (*others, *own, *turned):
                if id(edit) not in known:
                    rest.setdefault(group + edit.tier, []).append(edit)
    yield from later
    yield None
    for tier in sorted(rest):
        for _, several in itertools.groupby(rest[tier], key=lambda edit: id(edit.statement)):
            yield from several
            yield None


def root_of(tree: ast.Module, around: Sequence[ast.AST]) -> ast.AST:
    """Return the innermost function around a statement, or the module."""
    return next((node for node in reversed(around) if isinstance(node, ast.FunctionDef)), tree)


def words_at(tree: ast.Module, around: Sequence[ast.AST]) -> Words:
    """Return what the innermost function around a statement can name."""
    functions = [node for node in around if isinstance(node, ast.FunctionDef)]
    kinds = [node for node in around if isinstance(node, ast.ClassDef)]
    return words_of(functions[-1] if functions else tree, kinds[-1] if kinds else None, tree)


def uses(edit: Edit, names: Sequence[str]) -> bool:
    """Whether an edit adds a use of one of these names."""
    old, new = (
        [ast.unparse(n) for n in ast.walk(part) if isinstance(n, ast.Name | ast.Attribute)]
        for part in (edit.old, edit.new)
    )
    return any(new.count(name) > old.count(name) for name in names)


def _of_the_target(statement: ast.stmt, own: Sequence[Edit]) -> list[Edit]:
    """Return the likeliest edits of the indices of a statement's target."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", statement)]
    inside = {id(part) for target in targets for part in ast.walk(target) if isinstance(target, ast.Subscript)}
    return [edit for edit in own if id(edit.old) in inside and edit.tier == 0][:MOST_OF_A_TARGET]


def _is_overwritten(outer: Sequence[ast.AST], statement: ast.stmt) -> bool:
    """Whether a loop assigns the same elements in each iteration, though the value depends on its counter."""
    if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Subscript):
        return False
    loops = [node for node in outer if isinstance(node, ast.For)]
    target, value = (
        {part.id for part in ast.walk(node) if isinstance(node, ast.AST) and isinstance(part, ast.Name)}
        for node in (statement.targets[0], statement.value)
    )
    counted = [{part.id for part in ast.walk(loop.target) if isinstance(part, ast.Name)} for loop in loops]
    return any(names & value and not names & target for names in counted)


def _is_compound(statement: ast.stmt) -> bool:
    """Whether a statement gives several arrays in a comprehension, whose names are not in its frame."""
    compound = ast.ListComp, ast.DictComp, ast.GeneratorExp
    return any(isinstance(part, compound) for part in ast.walk(statement))


def _kind_first(edit: Edit) -> tuple[bool, bool, bool]:
    """Return a key that sorts the likeliest edits to the front: a minus is dropped rather than a difference turned."""
    return edit.kind != "counterpart", edit.kind != "sign", not isinstance(edit.old, ast.UnaryOp)


def _promising(trial: Trial, statement: ast.stmt, own: Sequence[Edit], places: Places) -> list[Edit]:
    """Return the edits that make a statement's value roughly a derivative of the cost, or a step along one."""
    value = getattr(statement, "value", None)
    if not isinstance(statement, ast.Assign | ast.AugAssign | ast.Return) or value is None:
        return []
    inside = set(map(id, ast.walk(value)))
    tried = [edit for edit in own if id(edit.old) in inside]
    turns: list[list[Any]] = []

    def ask(frame: FrameType) -> None:
        if len(turns) < TURNS:
            estimates = Estimates(frame)
            found = [estimates.plain(value)]
            for edit in tried:
                with applied(edit, places):
                    found.append(estimates.of(edit, statement.value, places))  # type: ignore[arg-type]
            turns.append(found)

    question = ast.copy_location(ast.parse(f"{WATCH}.asked()").body[0], statement)
    asking = Edit("", statement, ast.If(ast.Constant(True), [question, statement], []), statement)
    try:
        with applied(asking, places), ExactRun(trial.reading, BITS, trial.seeds[0]):
            scene = fresh(trial.scene)
            scene.code()
        with ExactRun(trial.reading, BITS, trial.seeds[0]):
            with guarded("the program", LONGEST, Clock.COMPUTING), np.errstate(all="ignore"):
                what = observe(scene, trial.step, trial.calls, trial.seeds[0], ask, constants=True)
            cost = cost_of(trial, what)
            if cost is None:  # without it no derivative is known
                return tried[:MOST_UNKNOWN]
            cost = over_the_step(what, cost)
            before = [before for before, _ in what.reshaped.values()]
            known = Known(itertools.chain(derivatives(what, cost), shares(what, cost)), [*what.given.values(), *before])
    except (SubjectError, UndecidedError):
        return []
    finally:
        forget(scene)

    def passes(value: Any, before: Any) -> bool:
        """Whether the value, or any of several that the edit has changed, is a known one."""
        if not isinstance(value, list):
            return known.has(value)
        then = list(arrays_in(before))
        changed = [v for v in arrays_in(value) if not any(np.array_equal(v, b) for b in then)]
        return any(map(known.has, changed))  # an unchanged ∂C/∂x of the data would pass

    arrays = [before for before, *_ in turns if not isinstance(before, list)]
    single = bool(arrays) and all(np.size(before) == 1 for before in arrays)
    befores = [turn.pop(0) for turn in turns]  # one iteration is enough: the next may use what is wrong in this one

    def is_likely(edit: Edit, values: Sequence[Any]) -> bool:
        if single and not any(isinstance(value, np.ndarray) and value.size > 1 for value in values):
            return edit.tier == 0  # any single number is a multiple of any other
        return any(map(passes, values, befores))

    found = [
        (_adds(edit) and any(map(_is_parallel, values, befores)), edit)
        for edit, *values in zip(tried, *turns, strict=True)
        if is_likely(edit, values)
    ]
    return [edit for _, edit in sorted(found, key=lambda one: one[0])]  # edits that only add a factor come last


def _adds(edit: Edit) -> bool:
    return len(ast.unparse(edit.new)) > len(ast.unparse(edit.old))


def _is_parallel(value: Any, before: Any) -> bool:
    """Whether an edit has only multiplied an array by a number."""
    if not (isinstance(value, np.ndarray) and isinstance(before, np.ndarray) and value.shape == before.shape):
        return False
    return bool(before.any()) and is_multiple(value, before.ravel())
