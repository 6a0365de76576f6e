"""A script that shows a fault of a program and needs only NumPy and the program's own file."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gradproof.exact.arrays import ExactArray
from gradproof.exact.numbers import Number
from gradproof.judge.find.monitor import Step
from gradproof.judge.find.observation import Observation
from gradproof.judge.find.program import Program, definitions, is_main, parsed
from gradproof.judge.find.scene import DRIVEN, Scene
from gradproof.judge.find.stated_costs import words_for
from gradproof.judge.lines.script_template import TEMPLATE
from gradproof.judge.lines.values import Point
from gradproof.judge.loading import decoded

DRIVER = "<step>"  # file name of the lines that take the step, if the program takes none itself
_LINE = re.compile(r"(.+?)(\(\))? of line (\d+)$")


class CannotBeWrittenError(Exception):
    """There is no script; the message says why."""


class Place(NamedTuple):
    """Where a step is: a file or DRIVER, a function, and its first and last lines."""

    file: str
    function: str
    first: int
    last: int


def script(scene: Scene, step: Step, seed: int, point: Point, is_made_up: bool) -> str:
    """Return the script; raise CannotBeWrittenError if its step would not be the program's own, as on made-up data."""
    program, what = scene.program, point.what
    _require_plain(scene, is_made_up)
    place = _place(scene, step)
    if place.function != "<module>" and any(not x.shape and path.isidentifier() for path, x in what.given.items()):
        raise CannotBeWrittenError("a parameter is a single number local to a function")
    names = {path: step.gradients.get(path, path) for path in what.given}
    pieces = {
        "FILE": repr(program.path),
        "FOLDER": repr(str(Path(program.path).parent)),
        "GIVEN": _numbers({path: _floats(array) for path, array in what.given.items()}),
        "SHOWN": repr(dict(_elements(point))),
        "DATA": "".join(f"{line}\n" for line in _data(scene, seed, what)),
        "LINES": "" if scene.whole else f"STEP = {_text(scene.driver.replace('_gradproof_turn', 'turn'))}\n",
        "WHAT": "What is returned" if step.gradients else "How far each array moves",
        "FILES": f"({', '.join(dict.fromkeys(_named(file, program) for file in (program.path, place.file, DRIVER)))})",
        "WHERE": _named(place.file, program),
        "FUNCTION": repr(place.function),
        "FIRST": str(place.first),
        "LAST": str(place.last + 1),
        "AFTER": repr(names),
        "MOVED": "after[name]" if step.gradients else "after[name] - before[name]",
        "WHERETO": "the gradient of each" if step.gradients else "where each is after the step",
        "VERB": "is" if step.gradients else "moves by",
        "NAME": repr("__main__" if scene.whole else Path(program.path).stem),
        "KEPT": _kept(scene),
        "DRIVEN": _driven(scene),
    }
    pieces |= _cost(scene, point)
    return re.sub(r"@([A-Z]+)@", lambda found: pieces[found[1]], TEMPLATE)


def _place(scene: Scene, step: Step) -> Place:
    """Return where the statements of a step are."""
    if step.turn > 0:
        raise CannotBeWrittenError("its step is not the first iteration of a loop")
    line, path = scene.code()[1][step.where] if step.kind == "turn" else (step.where, scene.program.path)
    driven = line >= DRIVEN
    tree = ast.parse(scene.driver) if driven else _original(path)
    line -= DRIVEN * driven
    file = DRIVER if driven else path
    if step.kind == "span":
        return Place(file, "<module>", line, 10**9)
    kinds = (ast.For, ast.While) if step.kind == "turn" else (ast.stmt,)
    nodes = [node for node in ast.walk(tree) if isinstance(node, kinds) and node.lineno == line]
    if not nodes:
        raise CannotBeWrittenError("its step is an iteration of a comprehension")
    node = nodes[0]
    first = node.body[0] if step.kind == "turn" else node  # type: ignore[attr-defined]
    final = node.body[-1] if step.kind == "turn" else node  # type: ignore[attr-defined]
    if step.kind == "turn" and first.lineno == node.lineno:
        raise CannotBeWrittenError(f"its loop is written in one line, {line}")
    around = [
        outer
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef) and outer.lineno < line <= (outer.end_lineno or 0)
    ]
    function = max(around, key=lambda outer: outer.lineno).name if around else "<module>"
    return Place(file, function, first.lineno, final.end_lineno or final.lineno)


def _require_plain(scene: Scene, is_made_up: bool) -> None:
    """Raise CannotBeWrittenError if Python would not run what was judged."""
    program = scene.program
    if not program.path.endswith(".py"):
        raise CannotBeWrittenError("Python cannot run a notebook as a file")
    if _written(program.path) != program.text:
        raise CannotBeWrittenError("the file is not written for Python 3")
    if is_made_up:
        raise CannotBeWrittenError("the data that the file reads are missing")
    if scene.driven:
        raise CannotBeWrittenError("the line that takes a step is not in the file")
    if program.tolerant:
        raise CannotBeWrittenError("statements of the file that raise exceptions were skipped")
    whole = scene.whole
    bodies = [tree.body if whole else definitions(tree) for tree in (program.tree, parsed(program.text, program.path))]
    if len({tuple(map(ast.dump, body)) for body in bodies}) > 1:
        raise CannotBeWrittenError("large whole numbers of the file were replaced by small ones")


def _named(file: str, program: Program) -> str:
    """Return a file as the script refers to it."""
    return "FILE" if file == program.path else repr(file)


def _original(path: str) -> ast.Module:
    try:
        return ast.parse(Path(path).read_bytes())
    except SyntaxError:
        raise CannotBeWrittenError("a file beside it is not written for Python 3") from None


def _written(path: str) -> str:
    return "\n".join(decoded(Path(path).read_bytes()).splitlines()) + "\n"


def _floats(array: Any) -> Any:
    return np.array([float(x.value.mid()) for x in array.flat]).reshape(array.shape).tolist()


def _text(lines: str) -> str:
    """Return several lines as a Python string, left as they are if that is safe."""
    return repr(lines) if '"""' in lines or "\\" in lines else f'"""\\\n{lines}\n"""'


def _numbers(given: Mapping[str, Any]) -> str:
    return "{\n" + "".join(f"    {path!r}: {numbers},\n" for path, numbers in given.items()) + "}"


def _elements(point: Point) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield an element of each array: of a wrong one that which shows it, else that with the largest derivative."""
    for array in point.compared:
        slope = point.slopes[array.name]
        sizes = {place: abs(float(slope[place].mid())) for place in np.ndindex(slope.shape)}
        largest = max(sizes, key=lambda place: sizes[place])
        chosen = array.element if sizes.get(array.element) else largest
        if sizes[largest]:
            yield array.name, chosen


def _data(scene: Scene, seed: int, what: Observation) -> Iterator[str]:
    """Yield assignments of the names that the lines of the step use."""
    if scene.whole:
        return
    given = scene.names(seed)
    for name in scene.given:
        if name == "_like":
            event = next(e for e in what.events if e.line >= DRIVEN and e.name == "dout")
            value = np.array([float(x.value.mid()) for x in event.numbers]).reshape(event.shape).tolist()
            yield f"_like = lambda array: np.array({value})"
        elif name == "_first":
            yield "_first = lambda answer: answer[0] if isinstance(answer, tuple) else answer"
        elif name == "_turns":
            yield f"_turns = [{'pairs' if 'pairs' in scene.given else '(x, y)'}]"
        else:
            yield f"{name} = {_python(given[name])}"


def _python(value: Any) -> str:
    """Return exact numbers, arrays, and lists or tuples of them as Python source."""
    if isinstance(value, ExactArray):
        return f"np.array({_floats(value)})"
    if isinstance(value, Number):
        return repr(float(value.value.mid()))
    if isinstance(value, np.ndarray):
        return f"np.array({value.tolist()})"
    if isinstance(value, list):
        return f"[{', '.join(map(_python, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(_python, value))},)"
    return repr(value)


def _kept(scene: Scene) -> str:
    """Return the line that leaves out everything but definitions; "" if there is nothing else."""
    if scene.whole:
        return ""
    program: Program = scene.program
    lines = {node.lineno for node in definitions(program.tree)}
    rest = [node for node in program.tree.body if node.lineno not in lines and not is_main(node)]
    if not rest:
        return ""
    return f"    tree.body = [node for node in tree.body if node.lineno in {sorted(lines)}]  # the definitions\n"


def _driven(scene: Scene) -> str:
    """Return the lines that run the driver, if the file takes no step itself."""
    if scene.whole:
        return ""
    given = ", ".join(f"{name}={name}" for name in scene.given)
    return f'            names.update({given})\n            exec(compile(STEP, {DRIVER!r}, "exec"), names)\n'


def _cost(scene: Scene, point: Point) -> dict[str, str]:
    """Return the lines that record the cost where it is called, assigned or returned."""
    pieces = dict.fromkeys(("BEGUN", "SEEN", "ENDED"), "")
    words, what = point.words, point.what
    found = _LINE.match(words)
    if not words:
        raise CannotBeWrittenError("it computes no cost of its own to compare with")
    if not found:
        owner = next(iter(what.given)).partition(".")[0]
        text = words if owner == "self" else re.sub(r"\bself\.", f"{owner}.", words)
        pieces["BEGUN"] = f"        costs.append(number(value(frame, {text!r})))\n"
        return pieces
    name, returned, line = found[1], found[2], int(found[3])
    events = [event for event in what.events if words_for(event) == words]
    if not events or events[-1].numbers[0] is not point.own:
        raise CannotBeWrittenError("its own cost shares its name with other numbers")
    if line >= DRIVEN:
        pieces["ENDED"] = f"            costs.append(number(value(frame, {name!r})))\n"
        return pieces
    file, tree = _named(events[-1].file, scene.program), _original(events[-1].file)
    ends = [node.end_lineno or line for node in ast.walk(tree) if isinstance(node, ast.stmt) and node.lineno == line]
    lines = f"range({line}, {max(ends, default=line) + 1})"
    if returned:
        test = f'step and event == "return" and function == {name!r} and file == {file} and line in {lines}'
        pieces["SEEN"] = f"        if {test}:\n            costs.append(number(argument))\n"
    else:
        test = f'step and file == {file} and last.get(frame) in {lines} and (line not in {lines} or event == "return")'
        seen = f"        if {test}:\n            costs.append(number(value(frame, {name!r})))\n"
        pieces["SEEN"] = f"{seen}        last[frame] = line\n"
    return pieces
