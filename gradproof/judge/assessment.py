"""Judges a program as it was written, and describes the verdict as a document of plain values."""

import ast
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from gradproof.errors import DataError
from gradproof.exact import dispatch
from gradproof.exact.run import BITS, Reading, UndecidedError, line_of
from gradproof.judge.conventions import judge_leniently
from gradproof.judge.find.calls import not_made, parameters_of
from gradproof.judge.find.examples import LATE, OWN, Subject
from gradproof.judge.find.exploration import Explored
from gradproof.judge.find.forward import with_fixed_passes, with_forward_passes
from gradproof.judge.find.gradient_functions import gives_gradients
from gradproof.judge.find.gradients import last
from gradproof.judge.find.observation import Observation, observe
from gradproof.judge.find.own_cost import OF_A_TWIN, is_metric
from gradproof.judge.find.program import Program, long_texts, names_in, read_program
from gradproof.judge.find.roles import named_as_parameter
from gradproof.judge.find.scene import DRIVEN
from gradproof.judge.find.scenes import BACKWARD, CHECKING, example_step
from gradproof.judge.find.search import Search, search
from gradproof.judge.find.stand_ins import foreign_imports
from gradproof.judge.find.substeps import substeps
from gradproof.judge.lines.annotation import shown
from gradproof.judge.lines.counterexample import counterexample
from gradproof.judge.lines.digits import float_findings
from gradproof.judge.lines.exceptions import mend_example, raised_by
from gradproof.judge.lines.faults import faults, read_lines
from gradproof.judge.outcome import SECONDS, Outcome, of_all_targets
from gradproof.judge.trial.activations import EITHER, activations, hidden_layers
from gradproof.judge.trial.costs import outputs_and_labels
from gradproof.judge.trial.execution import ExactRun, SubjectError, guarded
from gradproof.judge.trial.penalties import DECAY, OTHER_DECAY, OTHER_TERM
from gradproof.judge.trial.points import READINGS
from gradproof.judge.troubles import out_of_memory
from gradproof.judge.whole_program import judge
from gradproof.judge.wording import AMISS, PILED, may_be_a_slip
from gradproof.numerics.verdict import Verdict
from gradproof.text import some

__all__ = ["assess", "dispatch"]
ORDER = (Verdict.REFUTED, Verdict.UNDECIDED, Verdict.VERIFIED)
_MATRIX = re.compile(r"\b(?:np|numpy)\.(?:as)?mat(?:rix)?\b")
_TURN = re.compile(r"^for (?:_gradproof_turn in range\(\d+\)|x, y in _turns|pairs in _turns):\n", re.MULTILINE)


@dataclass
class Assessed:
    """One subject, its outcome, and the network that it computes."""

    subject: Subject
    outcome: Outcome
    network: dict[str, Any] = field(default_factory=dict)


def assess(
    path: str,
    name: str = "",
    step: str = "",
    cost: str = "",
    tell: Callable[[dict[str, Any]], None] = lambda refuted: None,
) -> dict[str, Any]:
    """Return the verdict on a file as a document of plain values; DataError if it cannot be read.

    `name` restricts the search to one function or class. `step` is a line that takes a step. `cost` is a key of
    gradproof.judge.trial.costs.DECLARED. `tell` gets the verdict and the network of what is refuted before the lines
    are read, which can take most of the time.
    """
    program = read_program(path)
    found, judged = _search_and_judge(program, name, step, cost)
    if not judged:
        if "raises MemoryError" in _trouble(found):
            raised = raised_by(program)
            raise DataError(f"{path} {out_of_memory(program.place(raised.line) if raised else '')}")
        mended = _mended(program)
        looked = {"looked": _looked(program, found) + mended, "mended": mended}
        return {"verdict": "none", "subjects": [], "step": _example(program)} | looked
    for one in judged:
        one.network = _network(one)
    worst = min(judged, key=lambda one: ORDER.index(one.outcome.verdict))
    if worst.outcome.verdict is Verdict.VERIFIED and (doubt := _doubt(program, worst.subject, found)):
        worst.outcome.verdict, worst.outcome.trouble = Verdict.UNDECIDED, doubt
    network = _told_network(program, worst)
    if worst.outcome.verdict is Verdict.REFUTED:
        tell({"verdict": "refuted", "network": network})
    hint = _example(program)
    if worst.outcome.verdict is Verdict.VERIFIED and (doubt := _wrong_engine(program, found)):
        worst.outcome.verdict, worst.outcome.trouble, hint = Verdict.UNDECIDED, doubt, ""
    verified = worst.outcome.verdict is Verdict.VERIFIED
    if not cost and verified and may_be_a_slip({"network": network}) and _names_the_quadratic(program):
        return assess(path, name, step, "quadratic", tell)
    return _document(program, worst, judged, found) | {"step": hint}


def _search_and_judge(program: Program, name: str, step: str, cost: str) -> tuple[Search, list[Assessed]]:
    """Find what to judge, and judge it.

    A forward pass that is carried from turn to turn depends on the parameters. If the step is not right then, it may
    be right with what is carried held fixed, as with the targets of a copy that is renewed after each step.
    """
    whole = with_forward_passes(program)
    found = search(whole, name, step)
    judged = _settled([_judged(subject, cost) for subject in found.subjects], found, cost)
    if whole is not program and any(one.outcome.verdict is not Verdict.VERIFIED for one in judged):
        explored, names = with_fixed_passes(program)
        fixed = _judged(judged[0].subject._replace(explored=explored), cost) if explored else judged[0]
        if fixed.outcome.verdict is Verdict.VERIFIED and fixed.outcome.kind != "listed":
            fixed.outcome.notes.append(f"{names}: held fixed, as computed at the end of the turn before")
            return found, [fixed]
    return found, judged


def _names_the_quadratic(program: Program) -> bool:
    """Whether the program defines a class for the quadratic cost and none for another."""
    names = [kind.name for kind in program.classes]
    quadratic, other = (
        any(re.search(words, name) for name in names)
        for words in (r"(?i)quadratic|mse|mean_?squared?|squared?_?error", r"(?i)entropy|bce|log_?loss|nll")
    )
    return quadratic and not other


def _settled(judged: list[Assessed], found: Search, cost: str) -> list[Assessed]:
    """Return the verdicts, falling back to the other candidates, then to the engines, if the first is undecided.

    The program's own cost, where it can be computed with the examples of the step, decides what usual costs do not
    verify. A subject that is refuted on made-up data but verified another way counts as undecided, because the made-up
    data may not suit it.
    """
    if not judged:
        return []
    first = judged[0].outcome
    if len(judged) == 1 and not cost and first.verdict is Verdict.VERIFIED:
        return [_by_its_own_cost(judged[0], found)] if first.uncompared else judged
    made_up = first.verdict is Verdict.REFUTED and judged[0].subject.explored.made_up
    if len(judged) == 1 and not cost and (first.verdict is Verdict.UNDECIDED or first.kind == "listed"):
        for other in (_judged(subject, "") for subject in found.costed):
            if other.outcome.verdict is not Verdict.UNDECIDED and other.outcome.kind != "listed":
                return [other if _counts(other, first) else judged[0]]
    if len(judged) > 1:
        return _without_strays(judged)
    if not (made_up or first.verdict is Verdict.UNDECIDED):
        return judged
    for other in (_judged(subject, cost) for subject in found.others):
        if not made_up and other.outcome.verdict is not Verdict.UNDECIDED:
            return [other]
        if made_up and other.outcome.verdict is Verdict.VERIFIED:
            first.verdict = Verdict.UNDECIDED
            first.trouble = "it is wrong with made-up data and right with other data: give it its own data"
    if first.verdict is Verdict.UNDECIDED and (parts := substeps(judged[0].subject.explored)):
        own = judged[0].subject
        return [_judged(own._replace(explored=part, larger=None), cost) for part in parts]
    engines = (_judged(subject, "") for subject in found.engines) if first.verdict is Verdict.UNDECIDED else ()
    return next(([one] for one in engines if one.outcome.verdict is Verdict.REFUTED), judged)


def _without_strays(judged: list[Assessed]) -> list[Assessed]:
    """Leave out what was taken for parameters of a layer and has no effect, such as its gradients, if it is right.

    So are other functions that cannot be decided.
    """
    judged = [one for one in judged if not (one.subject.beside and one.outcome.verdict is Verdict.UNDECIDED)]
    right = {_class_of(one) for one in judged if one.outcome.verdict is Verdict.VERIFIED}
    strays = [
        one
        for one in judged
        if one.outcome.verdict is Verdict.UNDECIDED and _class_of(one) in right - {""} and one.outcome.explored.step
        if {*one.outcome.explored.step.parameters} <= {*one.outcome.dead}
    ]
    return [one for one in judged if one not in strays]


def _class_of(one: Assessed) -> str:
    """Return the class whose object a subject makes first, or ""."""
    made = re.match(r"net = (\w+)\(", one.subject.explored.scene.driver)
    return made[1] if made else ""


def _by_its_own_cost(first: Assessed, found: Search) -> Assessed:
    """Return a candidate that the program's own cost refutes, or `first` if there is none.

    `first` follows a usual cost, and its step does not compute the program's own. The candidate must be called with the
    examples that this cost takes. `first` becomes undecided if it does not follow its own cost, which decides less.
    """
    for subject in chain(found.costed, found.others):
        other = _judged(subject, "") if subject.calls and not subject.explored.made_up else None
        if other is None or other.outcome.verdict is not Verdict.REFUTED or other.outcome.tried is None:
            continue
        if _counts(other, first.outcome):
            return other
        if not _is_by_a_metric(other) and not _differs_in_penalty(other.outcome):
            first.outcome.verdict = Verdict.UNDECIDED
            first.outcome.trouble = (
                f"it follows the gradient of the {first.outcome.named[0].name}, but not that of {_cost_words(other)}, "
                "which it computes elsewhere: say which cost you mean with --cost"
            )
            break
    return first


def _differs_in_penalty(outcome: Outcome) -> bool:
    """Whether a step differs from its own cost in its weight decay, or in another term of each weight alone, only."""
    arrays = outcome.tried.arrays if outcome.tried else ()
    penalties = DECAY, OTHER_DECAY, OTHER_TERM
    return all(array.state == "right" or array.state.startswith(penalties) for array in arrays)


def _counts(other: Assessed, first: Outcome) -> bool:
    """Whether the program's own cost, which its step does not compute, decides about a step.

    It may be a metric, have no dropout or no penalty, or be only a part of what is minimised. So it refutes only what
    it is in some arrays the cost of, or what follows no usual cost and has the same arguments as that cost. Another
    rate of weight decay does not count: the cost may divide it by another number of examples.
    """
    outcome = other.outcome
    if outcome.verdict is not Verdict.REFUTED or outcome.tried is None:
        return True
    if _is_by_a_metric(other):
        return False
    arrays = outcome.tried.arrays
    follow = sum(outcome.sizes.get(array.name, 0) for array in arrays if array.state == "right" and array.alive)
    if _differs_in_penalty(outcome):
        return False
    if first.verdict is Verdict.UNDECIDED and OF_A_TWIN in other.subject.explored.scene.program.added:
        return True
    return follow > 1 and all(array.alive for array in arrays)


def _judged(subject: Subject, cost: str) -> Assessed:
    """Judge a subject; if it is not right, try its results in other orders."""
    outcome = judge_leniently(subject, cost)
    for other in subject.others if outcome.verdict is not Verdict.VERIFIED else ():
        turned = judge(other, subject.calls, subject.harder, cost=cost)
        if turned.verdict is Verdict.VERIFIED:
            outcome = turned
            break
    one = Assessed(subject, outcome)
    if not cost and outcome.cost in subject.calls and _is_by_a_metric(one):
        known = [call for call in subject.calls if not is_metric(subject.explored.scene.program, call)]
        without = judge_leniently(subject._replace(calls=known), cost)
        outcome = outcome if without.verdict is Verdict.REFUTED else without
    scene = outcome.explored.scene
    if outcome.verdict is Verdict.REFUTED and not scene.whole and _MATRIX.search(scene.program.text):
        outcome.verdict, outcome.trouble = Verdict.UNDECIDED, "its functions may take np.matrix, but got arrays"
    if outcome.verdict is Verdict.REFUTED and subject.unsure:
        outcome.verdict, outcome.trouble = Verdict.UNDECIDED, subject.unsure
    if subject.raises and outcome.verdict is Verdict.VERIFIED:
        outcome.verdict = Verdict.UNDECIDED
        outcome.trouble = f"it is right for one example, but for several it {subject.raises}"
    return Assessed(subject._replace(explored=outcome.explored, calls=outcome.calls or subject.calls), outcome)


def _is_by_a_metric(one: Assessed) -> bool:
    """Whether a subject is refuted by what the program may only report."""
    return one.outcome.verdict is Verdict.REFUTED and is_metric(one.subject.explored.scene.program, one.outcome.cost)


def _changed(explored: Explored, program: Program) -> list[str]:
    """Describe how the judged program differs from the file."""
    said = ["missing data were made up"] * explored.made_up
    if explored.scene.program.small:
        said.append("large whole numbers, such as layer widths, were replaced by small ones")
        said += ["a long text was cut to its first letters"] * bool(long_texts(program.tree))
    return said


def _left_out(program: Program, judged: Sequence[Assessed]) -> list[str]:
    """Name what seems to give gradients, a function or a class with methods, and is not mentioned by what is judged."""
    scenes = [one.subject.explored.scene for one in judged]
    known: dict[str, Any] = {node.name: node for node in program.functions} | {k.name: k for k in program.classes}
    waiting: list[ast.AST] = [ast.parse(scene.driver) for scene in scenes]
    waiting += [program.tree for scene in scenes if scene.whole]
    reached = set[str]()
    while waiting:
        for name in names_in(waiting.pop()) & known.keys() - reached:
            reached.add(name)
            waiting.append(known[name])
    methods = {kind.name: [part for part in kind.body if isinstance(part, ast.FunctionDef)] for kind in program.classes}
    gives = [node.name for node in program.functions if gives_gradients(node) or BACKWARD.search(node.name)]
    gives += [name for name, own in methods.items() if any(BACKWARD.search(part.name) for part in own)]
    gives = [name for name in gives if name not in reached and not CHECKING.search(name)]
    return [f"not judged: {some(gives)}"] if gives else []


def _example(program: Program) -> str:
    """Return a line for --step in the program's own words: of a class that trains, or of a function of gradients."""
    function = next((node for node in program.functions if gives_gradients(node)), None)
    names = [name for name, default in parameters_of(function, False) if default is None] if function else []
    if program.classes or function is None or not names:
        return example_step(program)
    return f"{', '.join(names)} = …; {function.name}({', '.join(names)})"


def _looked(program: Program, found: Search) -> str:
    """Say in one line what was looked for, what the file contains, and what the tries ran into."""
    classes = ", ".join(kind.name for kind in program.classes)
    functions = ", ".join(node.name for node in program.functions[:8])
    there = [f"classes {classes}"] * bool(classes) + [f"functions {functions}"] * bool(functions)
    said = f"found no step that changes parameters or returns gradients ({'; '.join(there) or 'no definitions'})"
    for kind in program.classes:
        if (needed := not_made(kind)) is not None:
            said += f"; {kind.name}({', '.join(needed)}) takes arguments that could not be guessed"
    if foreign := foreign_imports(program.tree):
        said += f"; it imports {some(foreign)}, which gradproof does not run: it judges NumPy and plain Python"
    tried = _trouble(found)
    misfits = [_of_misfits(found.misfits)] * bool(found.misfits)
    return "; ".join([said, *misfits, *[program.placed(tried)] * bool(tried), *program.notes])


def _trouble(found: Search) -> str:
    """Return what the program's own example ran into, or else the last try; "" if nothing raised."""
    own = next((trouble for trouble in found.troubles if trouble.startswith(OWN)), "")
    return own or (found.troubles[-1] if found.troubles else "")


def _doubt(program: Program, subject: Subject, found: Search) -> str:
    """Return why a subject that is right by itself may be wrong where it is used, or ""."""
    if found.misfits:
        return _of_misfits(found.misfits)
    late = next((trouble for trouble in found.troubles if trouble.startswith(OWN) and LATE in trouble), "")
    if late and found.are_parts:  # the speed of the machine must not decide what is verified
        return f"it is right by itself, but {late}"
    if any(trouble.startswith(f"{OWN} raises") for trouble in found.troubles):
        raised = raised_by(program, subject.explored)
        if raised is not None and raised.is_of_shapes and not raised.made_up:
            return f"it is right by itself, but its own example {raised.said} in line {raised.line}"
    return ""


def _wrong_engine(program: Program, found: Search) -> str:
    """Return a doubt about a right example if an engine that it uses is wrong by itself, else ""."""
    for engine in found.engines:
        if _judged(engine, "").outcome.verdict is Verdict.REFUTED:
            file = f"{Path(program.path).name}:{engine.name}"
            return f"its own example is right, but {engine.name} by itself is not: gradproof check {file} says where"
    return ""


def _of_misfits(names: Sequence[str]) -> str:
    return f"{', '.join(names)}: the gradients do not have the shapes of the inputs that were tried"


def _mended(program: Program) -> str:
    """Say where the program's own example raises, and which statement would make it right, if that is known."""
    if (raised := raised_by(program)) is None:
        return ""
    repair = mend_example(program, raised, 1)
    if repair is None:
        return f" in {program.place(raised.line)}"
    return f" in {program.place(raised.line)}; with `{repair.new}` in {program.place(repair.line)} it is right"


def _network(one: Assessed) -> dict[str, Any]:
    """Return activations, widths, and other properties that one run shows.

    Where no z is negative, a linear unit looks like a ReLU; other numbers tell them apart.
    """
    runs = []
    for seed in (1, 2, 3):
        runs.append(_seen(one, seed))
        if EITHER not in runs[-1]["activations"]:
            break
    return min(runs, key=lambda seen: (not seen["activations"], seen["activations"].count(EITHER)))


def _seen(one: Assessed, seed: int) -> dict[str, Any]:
    """Return what `_network` does of one run."""
    step = one.subject.explored.step
    assert step is not None
    with ExactRun(Reading.EXACT, BITS, seed) as run:
        try:
            with guarded("the program", SECONDS):
                what = observe(one.subject.explored.scene, step, one.subject.calls, seed)
        except (SubjectError, UndecidedError):
            return {"activations": [], "sizes": []}
        del run
        results = [x for move in what.moved.values() for x in move.ravel().tolist()]
        parameters = {x.index for array in what.given.values() for x in array.flat}
        compared = [a.ravel().tolist() for a, _ in outputs_and_labels(results)]
        before = [x for numbers in compared for x in numbers] or results  # so that no error counts as a layer
        hidden = [a for a in activations(hidden_layers(before, parameters), parameters) if a]
        output = ""
        if any(cost.name == "cross-entropy" for cost in one.outcome.named[:1]):
            output = "softmax"
        else:
            output = next((a for a in activations(compared, parameters) if a), "")
        return {
            "activations": [*hidden, *([output] if output else [])],
            "sizes": _sizes(what, one.subject.explored.scene.given),
            "labels": of_all_targets(what),
            "without": [f"{shown(path)} is 0 here, so the term it scales was not tested" for path in what.without],
        }


def _told_network(program: Program, one: Assessed, cost: str = "") -> dict[str, Any]:
    """Return the network as the document has it, with `cost` if no other is known."""
    told = {name: one.network.get(name, []) for name in ("activations", "sizes")}
    return told | {"cost": program.placed(_cost_words(one)) or cost}


def _is_steady(factors: Sequence[tuple[int, Sequence[float]]]) -> bool:
    """Whether one factor fits every number of examples, either as it is or divided by that number."""
    for scale in (lambda m: 1, lambda m: m):
        told = [{f"{factor * scale(m):.10g}" for factor in fits} for m, fits in factors]
        if not told or set.intersection(*told):
            return True
    return False


def _sizes(what: Observation, examples: Collection[str]) -> list[int]:
    """Return the widths if the matrices among the parameters form a chain, else []; a layer's input does not count."""
    biases = re.compile(r"(?i)bias|\bb\d*\b")
    inputs = {path for path in what.given if path in examples and not named_as_parameter(path)}
    weights = (
        array for path, array in what.given.items() if path not in inputs and not biases.search(last(path) + path)
    )
    shapes = [array.shape for array in weights if array.ndim == 2 and min(array.shape) > 0]
    for first, second in ((0, 1), (1, 0)):
        chain: list[int] = []
        for shape in shapes:
            if 1 in shape and chain and shape[first] != chain[-1]:
                continue
            if not chain or shape[first] == chain[-1]:
                chain += [shape[first], shape[second]] if not chain else [shape[second]]
        if len(chain) > 2:
            return chain
    return []


def _cost_words(one: Assessed) -> str:
    name = one.outcome.cost
    if one.outcome.declared:
        return one.outcome.declared + " cost"
    if "(out * dout)" in one.subject.explored.scene.driver:  # a layer by itself
        return "Σ out · dout"
    if one.outcome.named:
        cost = one.outcome.named[0]
        step = one.subject.explored.step
        words = (
            str(cost)
            if step and step.gradients
            else f"{cost.name}, {cost.formula}{', ' * bool(cost.decay)}{cost.decay}"
        )
        return words + (", its own" if name else "")
    if called := re.match(r"_cost_(\w+) of line ", name):  # which the program calls elsewhere
        return f"{called[1]}()"
    line = re.search(r" of line (\d+)$", name)
    if line and int(line[1]) >= DRIVEN:
        return "a value that it computes" if name.startswith("_cost of") else name[: line.start()]
    return name


def _subject_words(program: Program, one: Assessed) -> tuple[str, str, int]:
    """Return what was judged in words, its form, and its line."""
    scene, step = one.subject.explored.scene, one.subject.explored.step
    assert step is not None
    if scene.driven:
        return one.subject.name, "step", 1
    if scene.whole:
        line, path = scene.code()[1][step.where] if step.kind == "turn" else (step.where, scene.program.path)
        file = f"{Path(path).name}, " if path != program.path else ""
        whose = "that the file takes when it runs" if one.subject.name == OWN else f"of {one.subject.name}"
        return f"the step {whose} ({file}{scene.program.place(line)})", "own example", line
    if "\n" not in one.subject.name:
        return (
            one.subject.name,
            "function" if not scene.driver.startswith("net") else "layer",
            _line_of(program, one.subject.name),
        )
    lines = _TURN.sub("", scene.driver).splitlines()
    made = next((line for line in lines if line.startswith("net = ")), "")
    calls = [re.sub(r"^.*? = ", "", line.strip()) for line in lines if line != made]
    calls = [call for call in calls if not call.startswith(("(out", "{"))]  # nor a dict of the parameters
    kind = made.removeprefix("net = ").partition("(")[0]
    words = " · ".join(dict.fromkeys(call.replace("net.", f"{kind}.", 1) if kind else call for call in calls))
    return words, "class" if kind else "functions", _line_of(program, kind or calls[-1].partition("(")[0])


def _together(places: Sequence[str]) -> str:
    """Join several places, as in "lines 3, 5 and 8"."""
    numbers = [place.removeprefix("line ") for place in places]
    if len(places) > 1 and all(number.isdigit() for number in numbers):
        return f"lines {', '.join(numbers[:-1])} and {numbers[-1]}"
    return ", ".join(places)


def _line_of(program: Program, name: str) -> int:
    first = name.partition(".")[0].partition(" ")[0]
    for node in (*program.classes, *program.tree.body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == first:
            return node.lineno
    return 1


def _parameters(outcome: Outcome, follows: Collection[str]) -> list[dict[str, str]]:
    """Return the name and state of each array; those in `follows` are only wrong beside wrong ones: right."""
    told = []
    for array in outcome.tried.arrays if outcome.tried else ():
        state = "right" if array.name in follows else array.state
        state = PILED if array.name in outcome.piled else state
        state = AMISS if array.name in outcome.amiss else state
        unsure = outcome.verdict is Verdict.UNDECIDED and state != "right"
        told.append({"name": shown(array.name), "state": "undecided" if unsure else state})
    return told


def _document(program: Program, worst: Assessed, judged: Sequence[Assessed], found: Search) -> dict[str, Any]:
    outcome = worst.outcome
    read = read_lines(program, worst.subject, outcome)
    words, form, line = _subject_words(program, worst)
    tried = outcome.tried
    unsure = outcome.verdict is Verdict.UNDECIDED
    conventions = [a.convention for a in tried.arrays if a.convention] if tried else []
    if tried and outcome.verdict is Verdict.VERIFIED and READINGS[tried.reading]:
        conventions.append(READINGS[tried.reading])
    places: dict[str, list[str]] = {}
    for note in tried.notes if tried else ():
        if note.place is not None and (at := line_of(note.place)):
            places.setdefault(note.said, []).append(program.place(at, note.place[0].co_filename))
    notes = [f"{said} in {_together(list(dict.fromkeys(at)))}" for said, at in places.items()]
    clipped = [f"{program.place(line)} clips large gradients: judged where it does not" for line in outcome.clips]
    stays = [f"{shown(path)} is used in the forward pass, but the step does not update it" for path in outcome.unmoved]
    inexact = bool(tried and any(note.kind in ("cast", "rounded", "left") for note in tried.notes))
    network = worst.network
    sure = network.get("labels", False) and _is_steady(outcome.factors) and not inexact
    wrong = faults(program, worst.subject, outcome, read)
    blamed = {fault["line"] for fault in wrong}  # not lines beside a statement that is missing elsewhere
    shown_by = counterexample(program, worst.subject, outcome, read)
    return {
        "verdict": str(outcome.verdict),
        "sure": bool(sure and len(network["activations"]) >= max(1, len(network["sizes"]) - 1)),
        "inexact": inexact,
        "subject": {"name": words, "form": form, "line": line, "place": program.place(line)},
        "subjects": [
            {
                "name": _subject_words(program, one)[0],
                "verdict": str(one.outcome.verdict),
                "parameters": _parameters(one.outcome, read.follows if one is worst else ()),
            }
            for one in judged
        ],
        "network": _told_network(program, worst, f"{read.cost}, unlike the others" if read.cost else ""),
        "gradients": bool(worst.subject.explored.step and worst.subject.explored.step.gradients),
        "digits": tried.digits if tried and outcome.verdict is Verdict.VERIFIED else 0,
        "points": tried.points if tried else 0,
        "parameters": _parameters(outcome, read.follows),
        "faults": wrong,
        "lines": [
            line | {"place": program.place(line["line"], line["file"])}
            for line in read.lines
            if line["state"] == "right" or not unsure
            if line["state"] != "wrong" or line["line"] in blamed
        ],
        "script": shown_by.pop("script") if shown_by else {"text": "", "why": "no small numbers show what is wrong"},
        "counterexample": shown_by,
        "layers": [box | {"place": program.place(box["line"], box["file"])} for box in read.layers],
        "conventions": list(dict.fromkeys([*conventions, *clipped, *notes, *network.get("without", [])]))
        if outcome.verdict is Verdict.VERIFIED
        else [],
        "other": [str(cost) for cost in outcome.other],
        "where": program.placed(outcome.where),
        "float": float_findings(program, worst.subject),
        "undecided": [program.placed(text) for text in (outcome.trouble, *(tried.why if tried else ())) if text],
        "notes": [
            *program.notes,
            *outcome.notes,
            *(stays if outcome.verdict is Verdict.VERIFIED else ()),
            *_left_out(program, judged),
            *_changed(worst.subject.explored, program),
        ],
        "troubles": list(found.troubles[:3]),
    }
