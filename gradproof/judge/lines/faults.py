"""The faults of a program: the line of each, what is right before it, what it should be, and a name for it."""

import ast
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from gradproof.exact.numbers import Number
from gradproof.exact.run import BITS, Reading, UndecidedError, line_of
from gradproof.judge.find.examples import Subject
from gradproof.judge.find.gradients import last
from gradproof.judge.find.observation import Observation, observe
from gradproof.judge.find.program import Program
from gradproof.judge.find.scene import DRIVEN
from gradproof.judge.lines.annotation import annotate, forward_pass, shown
from gradproof.judge.lines.causes import Cause, Explanation, explain, place, place_of_shape
from gradproof.judge.lines.costs import is_of_the_step, likeliest_cost, only_cost, over_the_step, usual_costs
from gradproof.judge.lines.edits import enclosing
from gradproof.judge.lines.exceptions import Raised, mend_example, raised_by
from gradproof.judge.lines.gaps import beside_gradients, beside_updates, gap_of
from gradproof.judge.lines.labels import Labels, Located, label_events, locate
from gradproof.judge.lines.proposals import root_of
from gradproof.judge.lines.quotients import difference_quotient
from gradproof.judge.lines.repair import Repair, find_repairs
from gradproof.judge.lines.second_point import holding
from gradproof.judge.lines.segments import in_segments, of_vectors
from gradproof.judge.lines.stores import at_store
from gradproof.judge.lines.trials import Trial
from gradproof.judge.outcome import SECONDS, Outcome, against
from gradproof.judge.trial.comparison import Compared
from gradproof.judge.trial.costs import DECLARED
from gradproof.judge.trial.execution import ExactRun, SubjectError, guarded
from gradproof.judge.trial.symmetry import OF_ANOTHER
from gradproof.numerics.verdict import Verdict

OTHER_DECAY = "the decay belongs to another mean"
OF_ALL_COSTS = 15.0  # seconds of processor time, if several costs may be meant
SEEDS = range(2, 10)  # the first at which everything wrong shows is taken


class Read(NamedTuple):
    """What one run tells about a program's lines."""

    located: dict[str, Located]  # where each wrong array goes wrong
    lines: list[dict[str, Any]]
    layers: list[dict[str, Any]]
    repairs: Sequence[Repair] = ()
    raised: str = ""  # what the example raises, if something else was judged in its place
    follows: Collection[str] = ()  # paths of arrays that only seem wrong beside the faulty ones
    cost: str = ""  # the name of the cost that the right arrays follow
    costs: Sequence[str] = ()  # the names of costs that may be meant, if no array follows any
    inherited: Mapping[str, bool] = {}  # by path: whether only a later layer makes the array wrong


def read_lines(program: Program, subject: Subject, outcome: Outcome) -> Read:
    """Return what the program's lines compute, and their repairs.

    The lines are read against the cost that the program was compared with, or the one that it follows.
    """
    step, tried = subject.explored.step, outcome.tried
    assert step is not None
    bad = {a.name: a.state for a in tried.arrays if a.state not in ("right", "undecided")} if tried else {}
    raised = raised_by(program, subject.explored) if bad and outcome.verdict is Verdict.REFUTED else None
    if raised is not None and (repair := mend_example(program, raised, len({*step.parameters, *bad}))) is not None:
        return Read({}, [], [], [repair._replace(mends=list(bad))], raised.said)
    reading = tried.reading if tried else Reading.EXACT
    try:
        for seed in (*SEEDS, None):
            with ExactRun(reading, BITS, seed or SEEDS[0]):
                with guarded("the program", SECONDS):
                    what = observe(subject.explored.scene, step, subject.calls, seed or SEEDS[0], constants=True)
                if seed is None or _shows(what, outcome, bad):
                    read, name, causes = _read(program.tree, what, outcome, bad, raised)
                    break
    except (SubjectError, UndecidedError):
        return Read({}, [], [])
    if name is not None:
        read = read._replace(lines=holding(read.lines, name, subject, outcome))
    if outcome.verdict is not Verdict.REFUTED or outcome.where or not bad or (raised is not None and raised.is_a_name):
        return read
    stores = {path: at_store(program.tree, at) for path, at in read.located.items() if at.file in ("", program.path)}
    read = read._replace(located=read.located | stores)
    wrong = [path for path in bad if path not in read.follows]
    if name is None:
        return read._replace(repairs=_mended_for_one_of(read.costs, subject, reading, wrong))
    own, keeps = "" if name else outcome.cost, bool(outcome.declared)
    trial = Trial(subject.explored.scene, step, subject.calls, own, name, reading, keeps_outputs=keeps)
    first = [line for cause in causes for line in (cause.line, *cause.others) if cause.file == trial.scene.program.path]
    first += [place.line for place in read.located.values()]
    explained = {path for cause in causes for path in cause.mends}
    known = len(causes) == 1 and explained >= {*wrong} and not causes[0].is_step  # a step would explain all before it
    repairs = find_repairs(trial, wrong, list(dict.fromkeys(first)), known and not keeps)
    if known and len(repairs) > 1 and causes[0].line not in {repair.line for repair in repairs}:
        repairs = []  # one line explains it all, so several edits are unlikely
    mended = {path for repair in repairs for path in repair.mends}
    return read._replace(repairs=repairs if mended >= explained else [])


def _shows(what: Observation, outcome: Outcome, bad: Mapping[str, str]) -> bool:
    """Whether all that is wrong is wrong at this point, as far as a cost of the program's own can tell."""
    own = what.costs.get(outcome.cost) or what.scalars.get(outcome.cost)
    wrong = {path for path, state in bad.items() if state != "not moved" and path in what.given}
    return own is None or wrong <= {array.name for array in against(what, own) if array.state != "right"}


def _read(
    tree: ast.Module, what: Observation, outcome: Outcome, bad: Mapping[str, str], raised: Raised | None
) -> tuple[Read, str | None, Sequence[Cause]]:
    """Read the lines of one step, and find the causes of what is wrong.

    The name is that of the cost that shows what is wrong: "" for the program's own, None if there is none.
    """
    own = what.costs.get(outcome.cost) or what.scalars.get(outcome.cost)
    reshaped = what.reshaped
    what, vectors = in_segments(what)
    wrong = {part: bad[whole] for part, whole in vectors.items() if whole in bad} | dict(bad)
    moved = {path: state for path, state in wrong.items() if path in what.given and state != "not moved"}
    if outcome.declared:  # it follows no such cost
        name, cost, (causes, right, inherited) = _explained_by(
            usual_costs(what, DECLARED[outcome.declared]), what, moved
        )
    else:
        name, cost, (causes, right, inherited) = _explained(what, own, moved, [one.name for one in outcome.named])
    if cost is None:
        return Read({}, [], [], costs=list(dict.fromkeys(other for other, _ in usual_costs(what)))), None, []
    follows = [path for path in right if name and moved.get(path, "").startswith(OF_ANOTHER)]
    moved = {
        path: state for path, state in moved.items() if path not in follows and not (path in vectors and path in right)
    }
    labelled = label_events(what, cost)
    located = locate(what, labelled, moved)
    located |= {path: place(cause, labelled) for cause in causes for path in cause.mends & moved.keys()}
    located |= {path: found for path in reshaped if (found := place_of_shape(what, labelled, path)) is not None}
    located = of_vectors(located, vectors)
    if raised is not None and (place_of_raising := _where_it_raises(tree, labelled, raised)) is not None:
        located = dict.fromkeys(bad, place_of_raising) | located
    still = [path for path, state in bad.items() if state.startswith("not moved") and path not in located]
    if still and not what.gradients and (place_of_others := beside_updates(what, labelled)) is not None:
        located |= dict.fromkeys(still, place_of_others)
    for path in moved.keys() - located.keys():
        if (place_of_another := beside_gradients(what, cost, labelled, path)) is not None:
            located[path] = place_of_another
    causes = [cause._replace(mends=frozenset(vectors.get(path, path) for path in cause.mends)) for cause in causes]
    shared = name if len(bad) - len(follows) < len(what.given) else ""
    read = Read(located, annotate(what, labelled, located), forward_pass(what, labelled), follows=follows, cost=shared)
    known = {*what.given, *vectors.values()}
    since = {path: False for path, state in bad.items() if path not in known or state.startswith("not moved")}
    since |= {path: path in inherited for cause in causes for path in cause.mends}
    return read._replace(inherited=since), name, causes


def _where_it_raises(tree: ast.Module, labelled: Labels, raised: Raised) -> Located | None:
    """Return where the example raises or, if nothing has assigned what it looks for, where that is missing."""
    said = f"the example {raised.said}"
    forward = {event.line for event in labelled.events if any(x.index in labelled.forward for x in event.numbers)}
    root = root_of(tree, enclosing(tree, raised.line)) if raised.is_a_name else tree
    if raised.missing and (gap := gap_of(root, raised.missing, forward)) is not None:
        return Located(gap, "", "raises", "", f"{said}: it should be assigned near this line", others=[raised.line])
    if raised.is_a_name or raised.line in {event.line for event in labelled.events}:
        return Located(raised.line, "", "raises", "", said)
    return None


def _mended_for_one_of(
    costs: Sequence[str], subject: Subject, reading: Reading, wrong: Sequence[str]
) -> Sequence[Repair]:
    """Return the one edit with which all arrays follow one of these costs, if no array follows any so far."""
    end = time.process_time() + OF_ALL_COSTS
    for name in (costs or [""]) if wrong else ():
        explored = subject.explored
        assert explored.step is not None
        trial = Trial(explored.scene, explored.step, (), "", name, reading)
        repairs = find_repairs(trial, wrong, [], True, end - time.process_time())
        if len(repairs) == 1 and set(repairs[0].mends) >= set(wrong):
            return repairs
    return []


def _explained(
    what: Observation, own: Number | None, wrong: Mapping[str, str], known: Sequence[str]
) -> tuple[str, Number | None, Explanation]:
    """Return the cost, its name, and what explains the arrays that do not follow it.

    The name is "" for the program's own cost. If the program computes none, the cost is the one that most arrays
    follow. Unless these are more than half, it is another usual cost if one line explains everything under it. `known`
    names the costs that the right arrays follow.
    """
    own = over_the_step(what, own) if own is not None else None
    if own is not None and is_of_the_step(what, own):
        return "", own, explain(what, own, label_events(what, own), wrong)
    name, cost = likeliest_cost(what, known) or ("", own or only_cost(what))
    found = explain(what, cost, label_events(what, cost), wrong) if cost is not None else Explanation([], [])
    if not wrong or found.is_whole(wrong) or 2 * len(found.right) > len(what.given):
        return name, cost, found
    end = time.process_time() + OF_ALL_COSTS
    for other, usual in usual_costs(what):
        if time.process_time() > end:
            break
        other_way = explain(what, usual, label_events(what, usual), {**dict.fromkeys(what.given, ""), **wrong})
        if other_way.is_whole(wrong):
            return other, usual, other_way
    return name, cost, found


def _explained_by(
    costs: Iterable[tuple[str, Number]], what: Observation, wrong: Mapping[str, str]
) -> tuple[str, Number | None, Explanation]:
    """Return the first of these costs under which one line explains everything, or else the first that there is."""
    found: tuple[str, Number | None, Explanation] = "", None, Explanation([], [])
    for name, cost in costs:
        tried = name, cost, explain(what, cost, label_events(what, cost), wrong)
        if tried[2].is_whole(wrong):
            return tried
        found = found if found[1] is not None else tried
    return found


def faults(program: Program, subject: Subject, outcome: Outcome, read: Read) -> list[dict[str, Any]]:
    """Return a fault for each array that is not what it should be, in the order of the lines; [] unless refuted."""
    if outcome.verdict is not Verdict.REFUTED or outcome.tried is None:
        return []
    found = []
    for path, other in outcome.piled.items():
        said = f"its gradient accumulates in {shown(other)}, which is not reset before the second step"
        found.append(_fault(program, path, 0, said, ""))
    for path, amiss in outcome.amiss.items():
        fault = _fault(program, path, amiss.line, amiss.said, "")
        found.append(fault | ({"should_be": amiss.new, "names": [OTHER_DECAY], "mended": True} if amiss.new else {}))
    gradients = subject.explored.step is not None and bool(subject.explored.step.gradients)
    mended = {path: repair for repair in read.repairs for path in repair.mends}
    for array in outcome.tried.arrays:
        if array.state in ("right", "undecided") or array.name in read.follows:
            continue
        numbers = _numbers(array, gradients) if not read.raised else ""
        place, repair = read.located.get(array.name), mended.get(array.name)
        by_effect = [place.line] if place is not None else []
        if repair is not None and place is not None and place.line != repair.line:
            place = None
        line = repair.line if repair else place.line if place else line_of(array.place) or 0
        before = f"; everything before it is right: {place.before}" if place and place.before else ""
        missing = f"; {place.missing}" if place and place.missing else ""
        state = array.state if not read.raised else f"its own example {read.raised}"
        file = place.file if place and not repair else ""  # repairs are always in the program itself
        fault = _fault(program, array.name, line, f"{state}{before}{missing}", numbers, file)
        fault["inherited"] = read.inherited.get(array.name)
        if repair is not None:
            fault |= {"should_be": repair.new, "names": [repair.name], "mended": True}
        others = [*repair.others, *by_effect] if repair else place.others if place and line == place.line else []
        others = [other for other in dict.fromkeys(others) if other != line][:2]
        fault["others"] = [{"line": other, "place": program.place(other, file)} for other in others]
        found.append(fault)
    found.sort(key=lambda fault: fault["line"] or 10**9)
    _add_quotient(found, subject, outcome, gradients)
    return found


def _add_quotient(found: Sequence[dict[str, Any]], subject: Subject, outcome: Outcome, gradients: bool) -> None:
    """Add what the program's own cost says, at one point, to the first fault that has numbers."""
    for fault in found:
        if not fault["numbers"] or not outcome.cost:
            continue
        path = next(a.name for a in outcome.tried.arrays if shown(a.name) == fault["parameter"])  # type: ignore[union-attr]
        if (quotient := difference_quotient(subject, outcome, path)) is not None:
            fault["numbers"] = _numbers(quotient.array, gradients)
            fault["quotient"] = quotient.told(gradients)
        return


def _numbers(array: Compared, gradients: bool) -> str:
    """Describe the element that shows the fault best, and what it should be."""
    if not (array.element or array.got or array.expected):
        return ""
    where = f"[{', '.join(map(str, array.element))}]" if array.element else ""
    got, should = (-array.got, -array.expected) if gradients else (array.got, array.expected)
    verbs = ("is", "should be") if gradients else ("moves by", "should move by")
    return f"{shown(array.name)}{where} {verbs[0]} {got:.6g}, {verbs[1]} {should:.6g}"


def _fault(program: Program, path: str, line: int, what: str, numbers: str, file: str = "") -> dict[str, Any]:
    line = line if 0 < line < DRIVEN else 0
    return {
        "line": line,
        "place": program.place(line, file) if line else "",
        "code": program.line(line, file) if line else "",
        "file": file or program.path,
        "what": what,
        "should_be": f"∂C/∂{last(shown(path)) if not last(path).isdigit() else shown(path)}",
        "numbers": numbers,
        "names": [],
        "parameter": shown(path),
        "equation": "",
        "layer": 0,
        "quotient": "",
        "mended": False,
        "inherited": False,
        "others": [],
    }
