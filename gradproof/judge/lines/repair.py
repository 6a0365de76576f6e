"""Find the line that is wrong by mending it: the one small edit of a statement that makes the whole program right.

The edits of lines that the wrong arrays follow from are run exactly. The correction makes right what was wrong, changes
nothing that was right, and leaves the cost what it was. It does so at a second point as well.
"""

import ast
import itertools
import re
import time
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from gradproof.exact.numbers import count_numbers
from gradproof.exact.run import BITS, UndecidedError
from gradproof.exact.sweeps import computed_from
from gradproof.judge.find.dependence import family
from gradproof.judge.find.observation import observe
from gradproof.judge.find.program import statements
from gradproof.judge.lines.costs import outputs_of, over_the_step
from gradproof.judge.lines.edits import Edit, Place, applied, as_slip, enclosing, name_of, places_of
from gradproof.judge.lines.proposals import proposals, words_at
from gradproof.judge.lines.suspects import Suspects, suspected
from gradproof.judge.lines.trials import LONGEST, SEEDS, Seen, Trial, cost_of, in_all_shapes, seen_in
from gradproof.judge.trial.execution import ExactRun, SubjectError, guarded
from gradproof.limits import Clock

RUNS, NUMBERS = 300, 1_000_000  # to spend on one fault: about three seconds
MORE, OTHERS = 40, 2  # runs after the first correction, for one of all faults or on other lines; how many of those
FEW = 100  # runs if a line is known that explains everything
SECONDS = 15.0  # of processor time for everything, however slow the machine is
MOST = 3  # faults to look for, one after the other
_SEVERAL = ast.Tuple, ast.List, ast.Dict


class Repair(NamedTuple):
    """A statement, and what makes it right."""

    line: int
    name: str  # of the slip
    new: str
    mends: Sequence[str]  # paths of the arrays that it makes right
    others: Sequence[int] = ()  # lines on which another edit mends the same


def find_repairs(
    trial: Trial, wrong: Sequence[str], first: Sequence[int], is_explained: bool, seconds: float = SECONDS
) -> list[Repair]:
    """Return the corrections, one for each fault, in the order in which they are found.

    `first` has the likeliest lines, and `is_explained` says that one line is known to explain everything. A correction
    that leaves a row wrong which depends on its line is dropped: it may be right for other rows by chance. The search
    takes at most so many seconds of processor time.
    """
    end = time.process_time() + seconds
    step = trial.step._replace(parameters=[*trial.step.parameters, *trial.step.still], still=())
    trial = trial._replace(step=step, calls=[call for call in trial.calls if call == trial.cost])
    points: list[tuple[int, Seen]] = []  # if possible two at which all that is wrong shows
    for seed in SEEDS:
        if (at := seen_in(trial, seed)) is not None and at.wrong - at.flat:
            points.append((seed, at))
        if sum(at.wrong >= {*wrong} for _, at in points) == 2:
            break
    points = sorted(points, key=lambda point: not point[1].wrong >= {*wrong})[:2]
    if len(points) < 2:
        return []
    trial, before = trial._replace(seeds=[seed for seed, _ in points]), [at for _, at in points]
    suspects, tree = _suspects(trial, wrong, first), trial.scene.program.tree
    found, partial = list[Repair](), list[Edit]()
    with ExitStack() as lasting:
        while before[0].wrong and len(found) < MOST:
            places = places_of(tree)
            best: tuple[Edit, list[Seen]] | None = None
            whole: list[tuple[Edit, list[Seen]]] = []  # edits of different lines, each of which mends everything
            runs, limit, most = 0, FEW if is_explained else RUNS, count_numbers() + NUMBERS
            known = [edit for edit in partial if edit.old in places]  # what mended another part may help now
            for edit in itertools.chain(known, proposals(trial, suspects, places, {repair.line for repair in found})):
                if best is not None and edit is None:
                    limit = min(limit, runs + MORE)
                lines = {one.statement.lineno for one, _ in whole}
                if edit is None or edit.old not in places or edit.statement.lineno in lines:
                    continue  # or it belongs to another file, or is the module itself
                runs += 1
                if runs > limit or len(whole) > OTHERS or count_numbers() > most or time.process_time() > end:
                    break
                with applied(edit, places):
                    now = _improved(trial, before)
                if now is not None:
                    partial.append(edit)
                    if best is None or len(now[0].wrong) < len(best[1][0].wrong):
                        best = edit, now
                    if not now[0].wrong:
                        whole.append((edit, now))
                        limit = min(limit, runs + MORE)
            if best is None:
                break
            whole.sort(key=lambda one: _likeness(tree, one[0], places), reverse=True)
            edit, now = whole[0] if whole else best
            edit = as_slip(edit, words_at(tree, enclosing(tree, edit.statement.lineno)), places)
            lasting.enter_context(applied(edit, places))
            mended = sorted(before[0].wrong - now[0].wrong)
            others = [one.statement.lineno for one, _ in whole[1:]]
            found.append(Repair(edit.statement.lineno, name_of(edit), edit.correction(), mended, others))
            before = now
    kept = [repair for repair in found if not _leaves_sisters(repair, before[0].wrong, suspects)]
    by_line = dict[int, Repair]()
    for repair in kept:  # the later correction of a line contains the earlier one
        earlier = by_line[repair.line].mends if repair.line in by_line else ()
        by_line[repair.line] = repair._replace(mends=[*earlier, *repair.mends])
    return list(by_line.values())


def _leaves_sisters(repair: Repair, wrong: Collection[str], suspects: Suspects) -> bool:
    """Whether a row that depends on the line of the correction stays wrong, while another row is mended."""
    kinds = {family(path) for path in repair.mends} - {""}
    return any(family(path) in kinds and repair.line in suspects.above.get(path, ()) for path in wrong)


def _likeness(tree: ast.Module, edit: Edit, places: dict[ast.AST, Place]) -> tuple[int, bool]:
    """Return a key that is larger the likelier an edit is, compared with those of other lines that mend the same.

    First comes 1 if the edit makes a statement look like another in all but names and numbers, −1 if it no longer does,
    and otherwise 0. An example is `self.b += vb` beside `self.W += vW`. So do the entries of a tuple, a list or a dict.
    Then comes whether it is more than a minus in front.
    """
    part = edit.old
    while part in places and part is not edit.statement and not isinstance(places[part].parent, _SEVERAL):
        part = places[part].parent
    is_entry = part in places and isinstance(places[part].parent, _SEVERAL) and part is not edit.statement
    part = part if is_entry else edit.statement
    several = [node for node in ast.walk(tree) if isinstance(node, _SEVERAL)] if is_entry else []
    alike = [entry for node in several for entry in ast.iter_child_nodes(node)] or statements(tree)
    shapes = [_shape(node) for node in alike if node is not part]
    before = _shape(part) in shapes
    with applied(edit, places):
        after = _shape(edit.new if edit.old is part else part) in shapes
    return after - before, not (edit.kind == "sign" and isinstance(edit.new, ast.UnaryOp))


def _shape(node: ast.AST) -> str:
    """Return a node without its names, strings and numbers."""
    return re.sub(r"""\b(?:id|attr|value)=(?:'[^']*'|"[^"]*"|[\w.+-]+(?=[,)]))""", "", ast.dump(node))


def _improved(trial: Trial, before: Sequence[Seen]) -> list[Seen] | None:
    """Return what both points show; None unless wrong arrays are now right, no others wrong, and the cost the same."""
    result, alike = [], True
    for seed, old in zip(trial.seeds, before, strict=True):
        now = seen_in(in_all_shapes(trial), seed)
        if now is None or not now.wrong < old.wrong or not old.wrong - now.wrong - now.flat:
            return None
        alike &= all(_is_moved_alike(old, now, path) for path in old.wrong - now.wrong)
        if old.adaptive and not old.wrong - now.wrong <= now.adaptive:
            return None  # the edit removed the mean of squares, and then any step is a plain one
        if old.cost is not None and not now.cost.overlaps(old.cost):
            return None
        if not old.outputs <= now.outputs:
            return None
        if now.wrong and not (trial.cost or trial.name):  # if the cost is unknown, some arrays follow one by chance
            return None
        result.append(now)
    return None if alike else result  # the edit changed the rate of the right arrays instead


def _is_moved_alike(before: Seen, now: Seen, path: str) -> bool:
    old, new = before.moves.get(path), now.moves.get(path)
    return bool(old and new) and all(a.overlaps(b) for a, b in zip(old or (), new or (), strict=True))


def _suspects(trial: Trial, wrong: Sequence[str], first: Sequence[int]) -> Suspects:
    try:
        with ExactRun(trial.reading, BITS, trial.seeds[0]):
            with guarded("the program", LONGEST, Clock.COMPUTING):
                what = observe(trial.scene, trial.step, trial.calls, trial.seeds[0], constants=True)
            cost = cost_of(trial, what)
            forward = computed_from([over_the_step(what, cost)] if cost is not None else outputs_of(what))
            return suspected(trial.scene.program.tree, what, {x.index for x in forward}, wrong, first)
    except (SubjectError, UndecidedError, KeyError):
        return Suspects([], frozenset())
