"""One step of a program, observed exactly: the parameters before and after, and the numbers that may be its cost."""

import ast
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from types import FrameType
from typing import Any

import numpy as np

from gradproof.exact import operators
from gradproof.exact.arrays import ExactArray, array_of, exact
from gradproof.exact.numbers import Number
from gradproof.exact.rewriting import HELPER, with_exact_numbers
from gradproof.exact.run import UndecidedError
from gradproof.exact.sweeps import computed_from, operands_of
from gradproof.judge.find.calls import call
from gradproof.judge.find.gradients import last
from gradproof.judge.find.namespace import Slot, variables
from gradproof.judge.find.program import Program
from gradproof.judge.find.roles import named_as_cost, role_of
from gradproof.judge.find.scene import MODULE, Scene
from gradproof.judge.find.watching import Event, Step, Watch
from gradproof.judge.trial.running import InexactError


@dataclass
class Observation:
    """What one step did with these numbers."""

    given: dict[str, ExactArray] = field(default_factory=dict)  # parameters before, drawn anew: variables
    after: dict[str, ExactArray] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    called: dict[str, Number] = field(default_factory=dict)  # what the program calls its cost, by the call
    without: list[str] = field(default_factory=list)  # regularisers that are 0, whose gradients say nothing
    answers: int = 0  # how many arrays are returned
    given_back: list[Any] = field(default_factory=list)  # the arrays themselves
    targets: Any = None  # the y of the scene, where it has one
    kept: Any = None  # the arrays that an optimizer may keep
    state: dict[str, tuple[ExactArray, ExactArray]] = field(default_factory=dict)  # what else changes: before, after

    @cached_property
    def _collected(self) -> tuple[dict[str, Number], dict[str, Number], set[str]]:
        return _collect(self)

    @property
    def costs(self) -> dict[str, Number]:
        """What is named as a cost, by the words for it."""
        return self._collected[0]

    @property
    def scalars(self) -> dict[str, Number]:
        """The other single numbers that it computes."""
        return self._collected[1]

    @property
    def doubtful(self) -> set[str]:
        """Which of the costs have other constants in their products than the step, as those of other examples have."""
        return self._collected[2]

    @property
    def moved(self) -> dict[str, Any]:
        """θ′ − θ."""
        return {path: exact(self.after[path]) - array for path, array in self.given.items()}

    @cached_property
    def aims(self) -> list[Number]:
        """What is named as a target and computed from the parameters themselves, as r + γ max Q′ is."""
        named = [event for event in self.events if _AIM.search(event.name)]
        others = {id(x) for event in self.events if event.shape and event not in named for x in event.numbers}
        return list({x.index: x for event in named for x in event.numbers if x.varies and id(x) not in others}.values())

    @contextmanager
    def held(self) -> Iterator[None]:
        """With its targets as if they were constants."""
        before = [(x.rule, x.operands) for x in self.aims]
        for x in self.aims:
            x.rule, x.operands, x.varies = None, (), False
        yield
        for x, (rule, operands) in zip(self.aims, before, strict=True):
            x.rule, x.operands, x.varies = rule, operands, True


_AIM = re.compile(r"target|(?:^|_)td(?:_|$)|advantage|returns?$|bootstrap", re.IGNORECASE)
Drawn = Callable[[Slot, np.random.Generator], np.ndarray[Any, Any]]


def observe(
    scene: Scene, step: Step, calls: Sequence[str], seed: int, ask: Callable[[FrameType], None] = lambda frame: None
) -> Observation:
    """Run the scene up to the end of its step, with parameters drawn anew; InexactError where it goes another way.

    `calls` are expressions that compute the program's cost: each is tried where the step begins. `ask` is called with
    the frame wherever the program asks its watch.
    """
    seen = Observation()
    rng = np.random.default_rng([seed, 3])
    names: dict[str, Any] = {}
    state: dict[str, ExactArray] = {}
    wanted = list(step.parameters)

    def begin(slots: list[Slot], frame: FrameType) -> None:
        by_path = {slot.path: slot for slot in slots}
        for path in wanted:
            if path not in by_path:
                raise InexactError(f"{path} does not exist in every run")
            slot = by_path[path]
            numbers = variables(scene.scale * drawn(slot, rng))
            slot.write(numbers)
            seen.given[path] = array_of(numbers, slot.shape)
        _evaluate(calls, frame, seen, wanted)
        watch.events.clear()
        seen.targets = frame.f_globals.get("y")
        state.update({slot.path: slot.array for slot in slots if slot.path not in wanted})

    def end(slots: list[Slot], frame: FrameType) -> None:
        by_path = {slot.path: slot for slot in slots}
        for path in wanted:
            now = by_path.get(step.gradients.get(path, path))
            if now is None or len(now.numbers) != seen.given[path].size:
                raise InexactError(f"{path} does not exist in every run, or has another shape after the step")
            array: Any = now.array.reshape(seen.given[path].shape)
            seen.after[path] = seen.given[path] - array if step.gradients else array
        if all(
            a is b
            for path in step.parameters
            for a, b in zip(seen.given[path].flat, seen.after[path].flat, strict=True)
        ):
            raise InexactError("no parameter is moved")
        rest = {f"slot{k}": slot.array for k, slot in enumerate(slots) if slot.path not in wanted}
        seen.without = [
            slot.path
            for slot in slots
            if isinstance(slot.value, Number) and slot.value.value.is_zero() and role_of(last(slot.path)) == "decay"
        ]
        seen.given_back = [slot.value for slot in slots if slot.path.startswith("_answer")]
        seen.answers = len(seen.given_back)
        seen.state = {
            path: (old, now.array)
            for path, old in state.items()
            if (now := by_path.get(path)) is not None and now.shape == old.shape
        }
        seen.kept = types.SimpleNamespace(**rest)

    watch = Watch(MODULE, names, step, begin, end, ask)
    names.update(scene.names(seed))
    scene.play(names, watch)
    if not seen.after:
        raise InexactError("the program does not take its step in every run")
    seen.events = watch.events
    return seen


def drawn(slot: Slot, rng: np.random.Generator) -> Any:
    """Numbers for a parameter: normally distributed, smaller where many are summed."""
    size = max(1, len(slot.numbers))
    widest = max(slot.shape, default=1)
    return rng.normal(size=size) / np.sqrt(max(1.0, widest / 6))


def _evaluate(calls: Sequence[str], frame: FrameType, seen: Observation, wanted: Sequence[str]) -> None:
    """What the program calls its cost, of these parameters."""
    for text in calls:
        tree = ast.Module([ast.parse(f"_gradproof_cost_ = {text}").body[0]], [])
        names = dict(frame.f_globals) | dict(frame.f_locals) | {HELPER: operators}
        if text.startswith("self.") and "self" not in names:
            method = text[5:].partition("(")[0]
            owner = next((one for one in names.values() if hasattr(type(one), method)), None)
            names |= {"self": owner} if owner is not None else {}
        with suppress(Exception):
            try:
                exec(compile(with_exact_numbers(tree), "<cost>", "exec"), names)
            except UndecidedError:
                continue
            for number in _scalar(names["_gradproof_cost_"]):
                seen.called.setdefault(text, number)


def _scalar(value: Any) -> list[Number]:
    if isinstance(value, tuple) and value:
        value = value[0]
    if isinstance(value, ExactArray) and value.size == 1:
        value = value.ravel()[0]
    return [value] if isinstance(value, Number) and value.varies else []


def _collect(seen: Observation) -> tuple[dict[str, Number], dict[str, Number], set[str]]:
    """The single numbers among what was assigned, returned and appended: those that are named as a cost, and others."""
    stated, others = dict(seen.called), dict[str, Number]()
    indices = {x.index for array in seen.given.values() for x in array.ravel().tolist()}
    late = {x.index for array in seen.after.values() for x in array.ravel().tolist()} - indices
    for event in seen.events:
        if len(event.numbers) != 1 or event.shape not in ((), (1,), (1, 1)):
            continue
        number = event.numbers[0]
        if not number.varies or number.index in late or number.index in indices:
            continue
        where = stated if named_as_cost(event.name) and not is_derivative(event.name) else others
        if where is stated:  # what a function without such a name returns is a cost by this one
            others = {name: known for name, known in others.items() if known is not number}
        if not any(number is known for known in (*stated.values(), *others.values())):
            before = where.setdefault(words_for(event), number)
            if before is not number and _adds_up(before, number):  # over time steps, say: its last value counts
                where[words_for(event)] = number
    moves = [x for array in seen.after.values() for x in array.ravel().tolist()]
    inputs, doubtful = _inputs(moves, indices), set[str]()
    for costs in (stated, others):
        for name, number in list(costs.items()):
            ancestors = {x.index for x in computed_from([number])}
            elsewhere = bool(inputs) and not _inputs([number], indices) <= inputs
            if ancestors & late or not ancestors & indices or (elsewhere and costs is others):
                del costs[name]  # of the parameters after the step, or of none
            elif elsewhere:
                doubtful.add(name)
    parts = _parts([*stated.values()], indices)
    for costs in (stated, others):
        for name in [name for name, number in costs.items() if number.index in parts]:
            del costs[name]
    return stated, others, doubtful


def _parts(costs: Sequence[Number], indices: set[int]) -> set[int]:
    """Indices of what one of these costs has a further term of the parameters added to, such as a regulariser; before
    or after it was divided by the number of examples."""
    found: set[int] = set()
    waiting = [(cost, False) for cost in costs]
    while waiting:
        x, part = waiting.pop()
        if part and x.index in found:
            continue
        if part:
            found.add(x.index)
        if x.rule is not None and x.rule.name == "add":
            for y, other in (x.operands, x.operands[::-1]):
                if any(z.index in indices for z in computed_from([other])):
                    waiting.append((y, True))
        elif x.rule is not None and x.rule.name in ("multiply", "divide"):
            waiting += [(y, part) for y, other in (x.operands, x.operands[::-1]) if y.varies and not other.varies]
    return found


def _adds_up(before: Number, number: Number) -> bool:
    """Whether a number is another one plus something."""
    return number.rule is not None and number.rule.name == "add" and any(x is before for x in operands_of(number))


def words_for(event: Event) -> str:
    """What to call a single number that the program computes."""
    return f"{event.name}{'()' * (event.kind == 'returned')} of line {event.line}"


def _inputs(results: Sequence[Number], parameters: set[int]) -> set[float]:
    """The constants that meet a parameter in a product: the examples."""
    found: set[float] = set()
    for x in computed_from(results):
        if x.rule is not None and x.rule.name in ("dot", "multiply"):
            left, right = x.operands if x.rule.name == "dot" else ((x.operands[0],), (x.operands[1],))
            for a, b in zip(left, right, strict=True):
                if a.index in parameters and not b.varies:
                    found.add(float(b.value.mid()))
                elif b.index in parameters and not a.varies:
                    found.add(float(a.value.mid()))
    return found


def cost_calls(program: Program, inside: bool = False) -> list[str]:
    """The expressions by which the program itself computes what is named as a cost; `inside` functions alone."""
    found: dict[str, None] = {}
    nodes = [node for node in program.tree.body if not inside or isinstance(node, ast.FunctionDef | ast.ClassDef)]
    for node in (part for statement in nodes for part in ast.walk(statement)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if named_as_cost(name) and not is_derivative(name):
                found[ast.unparse(node)] = None
    return list(found)


def is_derivative(name: str) -> bool:
    """Whether a function is named as a derivative, or as what trains."""
    plain = name.lower()
    words = "prime|der|dcost|dloss|dmse|grad|delta|backward|back_?prop|train|fit|plot|update"
    return re.search(words, plain) is not None or plain.startswith(("d_", "append"))


def cost_methods(owner: str, kind: ast.ClassDef, known: Mapping[str, str]) -> list[str]:
    """Calls of an object's methods that are named as a cost, with arguments by their roles."""
    methods = [node for node in kind.body if isinstance(node, ast.FunctionDef)]
    chosen = [node for node in methods if named_as_cost(node.name) and not is_derivative(node.name)]
    return [text for node in chosen if (text := call(node, f"{owner}.{node.name}", known, True, "pairs" in known))]
