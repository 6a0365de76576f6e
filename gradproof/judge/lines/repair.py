"""The line that is wrong, by mending it: the one small edit of a statement with which the whole program is right.

The edits of the lines that the wrong arrays follow from are run exactly. What makes right what was wrong, changes
nothing that was right, and leaves the cost what it was, is the correction – at a second point as well.
"""

import ast
import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from gradproof.exact.numbers import Number, count_numbers
from gradproof.exact.run import BITS, Reading, UndecidedError
from gradproof.exact.sweeps import computed_from
from gradproof.judge.find.observation import Observation, observe
from gradproof.judge.find.program import WATCH
from gradproof.judge.find.scene import Scene, forget
from gradproof.judge.find.watching import Step
from gradproof.judge.lines.edits import Edit, applied, edits, enclosing, moves, name_of, places_of
from gradproof.judge.lines.estimates import Estimates, Known, Places, arrays_in
from gradproof.judge.lines.labels import derivatives, likeliest_cost, outputs_of, shares
from gradproof.judge.lines.suspects import Suspects, is_in_a_slope, suspected
from gradproof.judge.lines.words import Words, words_of
from gradproof.judge.outcome import against
from gradproof.judge.trial.running import ExactRun, SubjectError, guarded
from gradproof.limits import Clock

RUNS, NUMBERS = 300, 1_000_000  # of the edits for one fault: about three seconds
FEW = 100  # runs where a line is known that explains everything
SECONDS = 60.0  # after which nothing more is tried, however slow the machine is
LONGEST = 10.0  # seconds that one run may compute
MOST = 3  # faults that are looked for, one after the other
MOST_OF_A_SLOPE = 150  # edits of a statement of an activation's derivative
MOST_OF_A_TARGET = 12  # edits of the indices of what a statement is given to
MOST_UNKNOWN = 30  # edits of a statement where no cost is known
TURNS = 3  # of a statement in a loop that are looked at
SEEDS = range(2, 10)  # of which the first two are taken at which something is wrong
_EDITED = itertools.count()


class Repair(NamedTuple):
    """A statement, and what makes it right."""

    line: int
    name: str  # of the slip
    new: str
    mends: Sequence[str]  # paths of the arrays that are right with it


class Trial(NamedTuple):
    """How a program is run: its scene and step, and what it is held against."""

    scene: Scene
    step: Step
    calls: Sequence[str]
    cost: str  # its own, by its words, or ""
    name: str  # of the table, where it computes none
    reading: Reading
    seeds: Sequence[int] = SEEDS


class Seen(NamedTuple):
    """What one run shows."""

    right: frozenset[str]
    wrong: frozenset[str]
    cost: Any


def find_repairs(trial: Trial, wrong: Sequence[str], first: Sequence[int], is_explained: bool) -> list[Repair]:
    """The corrections, one for each fault, in the order in which they were found; `first` are the likeliest lines."""
    end = time.monotonic() + SECONDS
    trial = trial._replace(calls=[call for call in trial.calls if call == trial.cost])
    seen = ((seed, at) for seed in SEEDS if (at := _seen(trial, seed)) is not None and at.wrong)
    points = list(itertools.islice(seen, 2))
    if len(points) < 2:
        return []
    trial, before = trial._replace(seeds=[seed for seed, _ in points]), [at for _, at in points]
    suspects = _suspects(trial, wrong, first)
    found, partial = list[Repair](), list[Edit]()
    with ExitStack() as lasting:
        while before[0].wrong and len(found) < MOST:
            places = places_of(trial.scene.program.tree)
            best: tuple[Edit, list[Seen]] | None = None
            runs, most = 0, count_numbers() + NUMBERS
            known = [edit for edit in partial if edit.old in places]  # what has mended another part may do so now
            for edit in itertools.chain(known, _edits(trial, suspects, places, {repair.line for repair in found})):
                if best is not None and (edit is None or not best[1][0].wrong):
                    break
                if edit is None or edit.old not in places:  # of another file, or the module itself
                    continue
                runs += 1
                if runs > (FEW if is_explained else RUNS) or count_numbers() > most or time.monotonic() > end:
                    break
                with applied(edit, places):
                    now = _improved(trial, before)
                if now is not None:
                    partial.append(edit)
                    if best is None or len(now[0].wrong) < len(best[1][0].wrong):
                        best = edit, now
            if best is None:
                break
            edit, now = best
            lasting.enter_context(applied(edit, places))
            mended = sorted(before[0].wrong - now[0].wrong)
            found.append(Repair(edit.statement.lineno, name_of(edit), edit.correction(), mended))
            before = now
    return found


def _improved(trial: Trial, before: Sequence[Seen]) -> list[Seen] | None:
    """What is seen at both points, if a part of what was wrong is right, nothing else wrong, and the cost the same."""
    result = []
    for seed, old in zip(trial.seeds, before, strict=True):
        now = _seen(_in_all_shapes(trial), seed)
        if now is None or not now.wrong < old.wrong:
            return None
        if old.cost is not None and not now.cost.overlaps(old.cost):
            return None
        if now.wrong and not (trial.cost or trial.name):  # of an unknown cost, some arrays follow one by chance
            return None
        result.append(now)
    return result


def _seen(trial: Trial, seed: int) -> Seen | None:
    """One run; None where it raises, or moves nothing."""
    scene = _fresh(trial.scene)
    try:
        with ExactRun(trial.reading, BITS, seed):
            with guarded("the program", LONGEST, Clock.COMPUTING):
                what = observe(scene, trial.step, trial.calls, seed)
            return _judged(trial, what)
    except (SubjectError, UndecidedError):
        return None
    finally:
        forget(scene)


def _in_all_shapes(trial: Trial) -> Trial:
    """The trial in which what was left in another shape is a parameter like the others."""
    step = trial.step
    return trial._replace(step=step._replace(parameters=[*step.parameters, *step.reshaped], reshaped={}))


def _fresh(scene: Scene) -> Scene:
    """The scene, to be compiled anew since its tree has changed."""
    return replace(scene, program=replace(scene.program, text=f"{scene.program.text}# {next(_EDITED)}"))


def _suspects(trial: Trial, wrong: Sequence[str], first: Sequence[int]) -> Suspects:
    try:
        with ExactRun(trial.reading, BITS, trial.seeds[0]):
            with guarded("the program", LONGEST, Clock.COMPUTING):
                what = observe(trial.scene, trial.step, trial.calls, trial.seeds[0], constants=True)
            cost = _cost_of(trial, what)
            forward = computed_from([cost] if cost is not None else outputs_of(what))
            return suspected(trial.scene.program.tree, what, {x.index for x in forward}, wrong, first)
    except (SubjectError, UndecidedError, KeyError):
        return Suspects([], frozenset())


def _judged(trial: Trial, what: Observation) -> Seen | None:
    cost = _cost_of(trial, what)
    if cost is None:
        return None if trial.cost else Seen(frozenset(), frozenset((*what.given, *trial.step.reshaped)), None)
    right = frozenset(array.name for array in against(what, cost) if array.state == "right")
    return Seen(right, frozenset((*what.given, *trial.step.reshaped)) - right, cost.value if trial.cost else None)


def _cost_of(trial: Trial, what: Observation) -> Number | None:
    if trial.cost:
        return what.costs.get(trial.cost) or what.scalars.get(trial.cost)
    likely = likeliest_cost(what, (trial.name,) if trial.name else ())
    return likely[1] if likely else None


def _edits(trial: Trial, suspects: Suspects, places: Places, mended: set[int]) -> Iterator[Edit | None]:
    """The edits of the statements on these lines: first those that make a derivative of a statement's value.

    None stands where what mends a part of the faults is taken, before less likely edits are tried.
    """
    tree = trial.scene.program.tree
    rest: dict[int, list[Edit]] = {}
    tried: set[int] = set()
    for line in dict.fromkeys(itertools.chain(*suspects.groups)):
        if line not in mended and (around := enclosing(tree, line)) and (unused := words_at(tree, around).unused):
            own = [edit for edit in edits(around[-1], words_at(tree, around)) if _uses(edit, unused)]
            yield from _promising(trial, around[-1], own, places)
    for group, lines in enumerate(suspects.groups):
        for line in lines:
            around = enclosing(tree, line)
            if not around or id(around[-1]) in tried or around[-1].lineno in mended:
                continue
            *outer, statement = around
            tried.add(id(statement))
            own = edits(statement, words_at(tree, around), factors=group % 5 < 4)
            in_slope = is_in_a_slope(tree, line)
            whole = in_slope or (group == 0 and line == suspects.groups[0][0] and _is_compound(statement))
            early = own[:MOST_OF_A_SLOPE] if whole else _promising(trial, statement, own, places)
            early += _of_the_target(statement, own) if not whole else []
            turned = list(moves(outer[-1] if outer else tree, statement))
            if line in suspects.late:
                early += turned
            yield from early
            known = set(map(id, early))
            for edit in (*own, *turned):
                if id(edit) not in known:
                    rest.setdefault(group + edit.tier, []).append(edit)
    yield None
    for tier in sorted(rest):
        for _, several in itertools.groupby(rest[tier], key=lambda edit: id(edit.statement)):
            yield from several
            yield None


def words_at(tree: ast.Module, around: Sequence[ast.AST]) -> Words:
    """What the innermost function around a statement can name."""
    functions = [node for node in around if isinstance(node, ast.FunctionDef)]
    kinds = [node for node in around if isinstance(node, ast.ClassDef)]
    return words_of(functions[-1] if functions else tree, kinds[-1] if kinds else None, tree)


def _uses(edit: Edit, names: Sequence[str]) -> bool:
    """Whether an edit puts one of these names where it was not."""
    old, new = ([n.id for n in ast.walk(part) if isinstance(n, ast.Name)] for part in (edit.old, edit.new))
    return any(new.count(name) > old.count(name) for name in names)


def _of_the_target(statement: ast.stmt, own: Sequence[Edit]) -> list[Edit]:
    """The likeliest edits of which elements a statement gives a value to."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", statement)]
    inside = {id(part) for target in targets for part in ast.walk(target) if isinstance(target, ast.Subscript)}
    return [edit for edit in own if id(edit.old) in inside and edit.tier == 0][:MOST_OF_A_TARGET]


def _is_compound(statement: ast.stmt) -> bool:
    """Whether it gives several arrays at once, so that its value is no derivative."""
    compound = ast.ListComp, ast.DictComp, ast.GeneratorExp, ast.Dict, ast.Tuple, ast.List
    return any(isinstance(part, compound) for part in ast.walk(statement))


def _promising(trial: Trial, statement: ast.stmt, own: Sequence[Edit], places: Places) -> list[Edit]:
    """The edits with which the value of the statement is about a derivative of the cost, or a step along one."""
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
            scene = _fresh(trial.scene)
            scene.code()
        with ExactRun(trial.reading, BITS, trial.seeds[0]):
            with guarded("the program", LONGEST, Clock.COMPUTING), np.errstate(all="ignore"):
                what = observe(scene, trial.step, trial.calls, trial.seeds[0], ask)
            cost = _cost_of(trial, what)
            if cost is None:  # nothing tells what a derivative is
                return tried[:MOST_UNKNOWN]
            before = [before for before, _ in what.reshaped.values()]
            known = Known(itertools.chain(derivatives(what, cost), shares(what, cost)), [*what.given.values(), *before])
    except (SubjectError, UndecidedError):
        return []
    finally:
        forget(scene)

    def passes(value: Any, before: Any) -> bool:
        """Of several values, those that the edit has changed."""
        if not isinstance(value, list):
            return known.has(value)
        then = list(arrays_in(before))
        changed = [v for v in arrays_in(value) if not any(np.array_equal(v, b) for b in then)]
        return any(map(known.has, changed))  # not ∂C/∂x of the data

    befores = [turn.pop(0) for turn in turns]  # one turn is enough: the next may follow from what is wrong in this
    return [edit for edit, *values in zip(tried, *turns, strict=True) if any(map(passes, values, befores))]
