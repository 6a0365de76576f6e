"""Find what to judge in a program: its own example, or the first scene that takes a step."""

import ast
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from gradproof.judge.find import backprop_functions
from gradproof.judge.find.calls import SIZES
from gradproof.judge.find.examples import LARGE, OWN, Subject, run_whole, used
from gradproof.judge.find.exploration import Explored, explore
from gradproof.judge.find.forms import forms
from gradproof.judge.find.gradient_functions import (
    gives_gradients,
    of_dicts,
    of_documented,
    of_fitting,
    of_gradients,
    of_made,
)
from gradproof.judge.find.layers import of_engines, of_layer_classes, of_layer_functions, takes_inputs
from gradproof.judge.find.monitor import Step
from gradproof.judge.find.own_cost import with_own_cost
from gradproof.judge.find.program import Program, names_in
from gradproof.judge.find.scene import Scene
from gradproof.judge.find.scenes import TURNS, Attempt, attempts
from gradproof.judge.find.stated_costs import cost_calls
from gradproof.judge.find.theta import of_descents, of_theta
from gradproof.text import some

SECONDS = 6.0  # for a series of tries
_TOO_MANY = "could not broadcast input array"  # NumPy's message when an in-place update has too many rows


class Search(NamedTuple):
    """The subjects found, and the errors of the tries that failed."""

    subjects: Sequence[Subject]
    troubles: Sequence[str]
    others: Iterator[Subject] = iter(())  # which may decide what the first do not
    are_parts: bool = False  # whether they are layers and engines, each by itself
    misfits: Sequence[str] = ()  # layers whose backward pass runs, but whose results do not fit their inputs
    costed: Iterator[Subject] = iter(())  # the example with the program's own cost, which its step does not compute
    engines: Iterator[Subject] = iter(())  # that its example uses: if one is wrong, so is the example


def search(program: Program, name: str = "", step: str = "") -> Search:
    """Find the subjects of a program, of its function or class `name` only, or of the caller's line `step`."""
    troubles: list[str] = []
    if step:
        return _of_the_line(program, step, troubles)
    if name:
        program = program.about(name)
    if backprops := list(_of_backprops(program, troubles, name)):
        return Search(backprops, troubles)
    own: Subject | None = None
    if not name:
        own, slow = run_whole(OWN, program, troubles)
        if own is not None and not slow:
            engines = _parts(program, [], [of_engines])
            return Search([own], [], _tried(program, []), engines=engines, costed=_with_own_cost(program))
    found = next(_tried(program, troubles), None)
    misfits: list[str] = []
    if found is not None:  # gradients that a function gives say nothing of layers beside it
        beside = (
            list(_parts(program, misfits, [of_layer_classes])) if found.explored.scene.gradients and not own else []
        )
        if not own and not name:
            beside += _siblings(program, found)
        if beside:
            return Search([found, *beside], troubles, are_parts=True, misfits=misfits)
        return Search([found], troubles, iter([own] if own else ()))
    if own is not None:
        return Search([own], troubles)
    if parts := list(_parts(program, misfits)):
        return Search(parts, troubles, are_parts=True, misfits=misfits)
    if fitted := next(_fitted(program, troubles), None):
        beside = _siblings(program, fitted) if not name else []
        return Search([fitted, *beside], troubles, are_parts=bool(beside))
    user = used(program, troubles) if not name else None
    return Search([user] if user else [], troubles, misfits=misfits)


def _with_own_cost(program: Program) -> Iterator[Subject]:
    """Yield the program's own example with the cost that its gradient function belongs to, if it has such a pair."""
    if (other := with_own_cost(program)) is not program and (found := run_whole(OWN, other, [])[0]):
        yield found


def _tried(program: Program, troubles: list[str]) -> Iterator[Subject]:
    """Yield at most one subject, found by calling the program's functions and classes as their names suggest."""
    if program.widths.features > LARGE:
        program = program.made_small()
    found = _first(
        chain(
            *(of(program) for of in (attempts, of_gradients, of_dicts, of_theta, of_descents, of_documented, of_made))
        ),
        troubles,
    )
    if found is not None and found.explored.is_slow and not program.small:
        found = _first(attempts(program.made_small()), []) or found
    if found is not None:
        yield found


def _siblings(program: Program, found: Subject) -> list[Subject]:
    """Return other functions that give gradients and are not called by what is found, such as a vectorized version."""
    calls = {node.name: names_in(node) for node in program.functions}
    waiting, reached = [names_in(ast.parse(found.explored.scene.driver))], set[str]()
    while waiting:
        for name in (waiting.pop() & calls.keys()) - reached:
            reached.add(name)
            waiting.append(calls[name])
    end, siblings = time.process_time() + SECONDS, list[Subject]()
    for node in program.functions:
        if node.name in reached or not gives_gradients(node) or time.process_time() > end:
            continue
        alone = program.about(node.name)
        tries = chain(*(of(alone) for of in (of_gradients, of_dicts, of_theta, of_documented, of_made)))
        if one := _first((one for one in tries if f"{node.name}(" in one.scene.driver), []) or next(
            _fitted(alone, []), None
        ):
            siblings.append(one._replace(beside=True))
    return siblings


def _fitted(program: Program, troubles: list[str]) -> Iterator[Subject]:
    """Yield functions with shapes with which they run: right with any of them is right, since nothing tells which."""
    for name, tries, untold in of_fitting(program):
        runs = [(explore(attempt.scene, seconds=3.0), attempt) for attempt in tries]
        troubles += [explored.trouble for explored, _ in runs if explored.trouble]
        if found := [(explored, attempt) for explored, attempt in runs if explored.step]:
            (first, attempt), *others = found
            unsure = f"it is not right with made-up values of {some(untold)}: show it a call with values of your own"
            yield Subject(
                name, first, attempt.calls, others=[other for other, _ in others], unsure=unsure if untold else ""
            )


def _of_the_line(program: Program, step: str, troubles: list[str]) -> Search:
    """Find the step that the caller's line takes after the program's own example, or after its definitions."""
    for gradients in (False, True):
        for whole in (True, False):
            for form in [form for ends in _widths_in(step) for form in list(forms(*ends))[:8]][: 1 if whole else None]:
                head, last = _made_first(step)
                turns = "for _gradproof_turn in range(3):\n    " if whole else TURNS
                driver = f"{head}{turns}{'_answer = ' * gradients}{last}"
                given = {} if whole else form.given
                scene = Scene(program, driver, whole=whole, given=given, gradients=gradients, driven=True)
                names = _names_made(head) if gradients else []
                for k in range(len(names), 0, -1) if names else (0,):  # parameters come first, and then data
                    explored = explore(replace(scene, data=(*scene.data, *names[k:])), seconds=6.0)
                    if explored.step:
                        return Search([Subject(step, explored, cost_calls(program))], troubles)
                    if explored.trouble:
                        troubles.append(f"running `{step}` {explored.trouble}")
                        break
    return Search([], troubles)


def _made_first(step: str) -> tuple[str, str]:
    """Split the caller's line into setup and step: `net = Net(2); net.train(x, y)`, or `Net(2).train(x, y)`."""
    *head, last = ast.parse(step).body
    before = "".join(f"{ast.unparse(statement)}\n" for statement in head)
    call = last.value if isinstance(last, ast.Expr) else None
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Call):
        before += f"net = {ast.unparse(call.func.value)}\n"
        call.func.value = ast.Name("net", ast.Load())
    return before, ast.unparse(last)


def _names_made(head: str) -> list[str]:
    """Return the names that the setup of a caller's line assigns, in their order."""
    targets = [target for node in ast.parse(head).body if isinstance(node, ast.Assign) for target in node.targets]
    named = [part for target in targets for part in (target.elts if isinstance(target, ast.Tuple) else [target])]
    return [part.id for part in named if isinstance(part, ast.Name)]


def _widths_in(step: str) -> list[tuple[int, int]]:
    """Return widths of x and y to try: the first and (second to) last whole number of a line, or the usual ones."""
    told = [int(n) for n in re.findall(r"(?<![\w.])\d+(?![\w.])", step)]
    return [(told[0], told[-1]), (told[0], told[-2])] if len(told) > 1 else [SIZES[::2], (SIZES[0], 1)]


def _of_backprops(program: Program, troubles: list[str], wanted: str = "") -> Iterator[Subject]:
    """Yield the subjects of functions like backprop(weights, biases, x, y), in any argument order."""
    for name, made in backprop_functions.scenes(program, wanted):
        for numbers in backprop_functions.USUAL:
            if set(numbers.sizes) == {1} and not all("convert" in said or "length-1" in said for said in troubles):
                continue  # if all widths are 1, order and transposition are invisible
            explored = explore(made(numbers), seconds=3.0)
            if explored.step:
                others = [replace(explored, step=step) for step in _other_orders(explored, numbers)]
                yield Subject(name, explored, (), [made(other) for other in backprop_functions.harder(numbers)], others)
                for deep in backprop_functions.DEEPER:  # some slips show only in deeper networks
                    deeper = explore(made(deep._replace(rows=numbers.rows)), seconds=3.0)
                    if deeper.step and len(numbers.sizes) == 3:
                        yield Subject(f"{name}, for three layers", deeper, ())
                        break
                break
            batch = numbers.rows or backprop_functions.means_batches(program, name)
            if not explored.trouble and numbers.examples > 1 and batch:
                break  # it runs, but its results do not fit the parameters
            if explored.trouble:
                troubles.append(explored.trouble)


def _other_orders(explored: Explored, numbers: backprop_functions.Numbers) -> Iterator[Step]:
    """If all widths are 1, so that shapes tell nothing, yield the step with the answer's halves in both orders."""
    step = explored.step
    if step is None or set(numbers.sizes) != {1}:
        return
    found = [slot.path for slot in explored.slots("_answer")]
    layers = len(numbers.sizes) - 1
    paths = [f"{kind}[{place}]" for kind in ("weights", "biases") for place in range(layers)]
    for order in (found[-2 * layers :], found[-layers:] + found[-2 * layers : -layers]):
        if len(order) == len(paths):
            yield step._replace(parameters=paths, gradients=dict(zip(paths, order, strict=True)))


def _first(tries: Iterator[Attempt], troubles: list[str]) -> Subject | None:
    """Return the first form in which the code runs; one in which the program's own cost runs as well comes first.

    A form of one example is not preferred to one of several. If several do not fit code that counts them, the subject
    says so.
    """
    begun, raises = time.process_time(), ""
    found: tuple[bool, Subject] | None = None  # whether of one example
    for attempt in tries:
        scene = attempt.scene
        explored = explore(scene, seconds=3.0)
        is_one = scene.label.startswith("a ")  # a row, a vector, …
        if explored.step:
            subject = Subject(scene.driver, explored, attempt.calls, raises=raises if is_one else "")
            if _has_its_cost(attempt) and (found is None or found[0] >= is_one):
                return subject
            found = found or (is_one, subject)
        elif _TOO_MANY in explored.trouble and _counts(_around(scene.program, explored.raised)):
            raises = f"{explored.trouble} in line {explored.raised}"  # an update with one row per example
        elif not (explored.trouble or is_one) and (explored.misfit or (scene.gradients and _counts(_called(scene)))):
            raises = raises or "gives gradients that do not have the shapes of the parameters"
        if explored.trouble and explored.trouble not in troubles:
            troubles.append(explored.trouble)
        if time.process_time() - begun > SECONDS:
            break
    return found[1] if found else None


def _has_its_cost(attempt: Attempt) -> bool:
    """Whether one of the program's own costs takes the same examples as its gradient, if it has any."""
    scene = attempt.scene
    if not (attempt.calls and scene.gradients and scene.driver.startswith(TURNS)):
        return True
    with_costs = (replace(scene, driver=f"{scene.driver}\n    {called}") for called in attempt.calls)
    return any(not explore(one, seconds=3.0).trouble for one in with_costs)


def _around(program: Program, line: int) -> list[ast.FunctionDef]:
    """Return the functions around a line."""
    functions = [node for node in ast.walk(program.tree) if isinstance(node, ast.FunctionDef)]
    return [node for node in functions if node.lineno <= line <= (node.end_lineno or node.lineno)]


def _called(scene: Scene) -> list[ast.FunctionDef]:
    """Return the program's functions and methods that the driver calls."""
    names = {node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "") for node in
             (call.func for call in ast.walk(ast.parse(scene.driver)) if isinstance(call, ast.Call))}  # fmt: skip
    functions = [node for node in ast.walk(scene.program.tree) if isinstance(node, ast.FunctionDef)]
    return [node for node in functions if node.name in names]


def _counts(functions: Sequence[ast.FunctionDef]) -> bool:
    """Whether one of these functions asks how many examples there are."""
    return any(re.search(r"\.shape\[|\blen\([xXyY]", ast.unparse(node)) for node in functions)


SLOPE = "it takes what the forward pass takes, so it may be a derivative, to be multiplied by a gradient"
Parts = Callable[[Program], Iterator[tuple[str, Iterator[Scene]]]]
PARTS: list[Parts] = [of_engines, of_layer_functions, of_layer_classes]


def _parts(program: Program, misfits: list[str], kinds: Sequence[Parts] = PARTS) -> Iterator[Subject]:
    """Yield layers and engines, each by itself; add the names of those whose gradients do not fit to `misfits`."""
    end = time.process_time() + SECONDS
    for several in kinds:
        for name, scenes in several(program):
            runs = False
            for scene in scenes:
                if time.process_time() > end:
                    return
                explored = explore(scene, seconds=3.0)
                if explored.step:
                    yield Subject(name, explored, (), unsure=SLOPE if takes_inputs(scene) else "")
                    break
                runs = runs or (not explored.trouble and _gives_all(scene))
            else:
                misfits += [name] * runs


def _gives_all(scene: Scene) -> bool:
    """Whether a layer returns one gradient for each array that it takes."""
    takes = [name for name in scene.given if not name.startswith("_")]
    last = [node for node in ast.walk(ast.parse(scene.driver)) if isinstance(node, ast.Assign)][-1].targets[0]
    return scene.gradients and len(takes) == (len(last.elts) if isinstance(last, ast.Tuple) else 1)
