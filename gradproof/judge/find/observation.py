"""One step of a program, observed exactly: the parameters before and after, and the numbers that may be its cost."""

import ast
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from types import FrameType
from typing import Any

import numpy as np

from gradproof.exact.arrays import ExactArray, array_of, exact
from gradproof.exact.numbers import Number, literal, number
from gradproof.exact.run import current
from gradproof.judge.find.aims import targets
from gradproof.judge.find.copies import copies, drawn_along, held_at_zero, is_added, is_turned, velocities
from gradproof.judge.find.cost_calls import evaluate_calls
from gradproof.judge.find.gradients import last
from gradproof.judge.find.monitor import Event, Step, Watch
from gradproof.judge.find.namespace import Slot, variables
from gradproof.judge.find.numbers import round_numbers
from gradproof.judge.find.program import statements
from gradproof.judge.find.roles import role_of
from gradproof.judge.find.scene import MODULE, Scene
from gradproof.judge.find.stated_costs import as_costs, lines_of_costs, single_numbers, words_for
from gradproof.judge.trial.execution import InexactError

MOST_SUMMED = 4  # costs of one step


@dataclass
class Observation:
    """What one step did to its parameters, and computed on the way."""

    given: dict[str, ExactArray] = field(default_factory=dict)  # parameters before the step, drawn as variables
    after: dict[str, ExactArray] = field(default_factory=dict)
    reshaped: dict[str, tuple[ExactArray, ExactArray]] = field(default_factory=dict)  # with another shape after it
    events: list[Event] = field(default_factory=list)
    called: dict[str, Number] = field(default_factory=dict)  # values of the program's cost calls, by call
    lines: set[tuple[str, int]] = field(default_factory=set)  # (file, line) pairs that assign a cost
    without: list[str] = field(default_factory=list)  # decay rates that are 0, so that what they add is not tested
    gradients: bool = False  # whether it returns gradients, of either sign, and moves nothing
    answers: int = 0  # how many arrays it returns
    given_back: list[Any] = field(default_factory=list)  # these arrays
    targets: Any = None  # the y of the scene, if it has one
    outside: set[str] = field(default_factory=set)  # cost calls outside the loop of the step
    kept: Any = None  # all other arrays, which an optimizer may keep
    rates: Mapping[str, Fraction] = field(default_factory=dict)  # learning rate of each variable, if they differ
    zeros: list[str] = field(default_factory=list)  # parameters that start with only some elements 0
    twins: dict[str, str] = field(default_factory=dict)  # what starts as a copy of a parameter, by parameter
    stale: dict[str, str] = field(default_factory=dict)  # by parameter, a transposed copy that stays as it was
    velocities: list[str] = field(default_factory=list)  # parameters that start as 0, one for each of the others
    state: dict[str, tuple[ExactArray, ExactArray]] = field(default_factory=dict)  # other slots, before and after

    @cached_property
    def _numbers(self) -> tuple[dict[str, Number], dict[str, Number]]:
        return single_numbers(self.given, self.after, self.events, self.called, self.lines)

    @cached_property
    def _collected(self) -> tuple[dict[str, Number], dict[str, Number], set[str]]:
        return as_costs(*self._numbers, self.given, self.after, self.events)

    def single_number(self, words: str) -> Number | None:
        """Return the number with these words, for a caller that knows it is the cost."""
        stated, others = self._numbers
        return (others | stated).get(words)

    @property
    def costs(self) -> dict[str, Number]:
        """The numbers that are named as a cost, by the words for them."""
        return self._collected[0]

    @property
    def own_costs(self) -> dict[str, Number]:
        """The named costs that the step itself computes, with its own examples."""
        named, _, doubtful = self._collected
        return {words: x for words, x in named.items() if " of line " in words and words not in doubtful}

    @cached_property
    def scalars(self) -> dict[str, Number]:
        """The other single numbers that may be the cost, and sums: of several costs, or of one over several turns."""
        own, sums = self.own_costs, dict[str, Number]()
        for words in own:
            values = [e.numbers[0] for e in self.events if len(e.numbers) == 1 and words_for(e) == words]
            (first, *rest) = {x.index: x for x in values if x.varies}.values() or [own[words]]
            if rest:
                sums[f"the sum of {words}"] = sum(rest, first)
        if 2 <= len(own) <= MOST_SUMMED:
            (first, *rest), names = own.values(), [words.partition(" of line ")[0] for words in own]
            line = [words.rpartition(" ")[2] for words in own][-1]
            sums[f"{' + '.join(names)} of line {line}"] = sum(rest, first)
        return self._collected[1] | sums

    @property
    def doubtful(self) -> set[str]:
        """Names of costs that may be of other examples, by their constants or by a call outside the step's loop."""
        return self._collected[2] | self.outside

    @cached_property
    def moved(self) -> dict[str, Any]:
        """θ′ − θ, rescaled to one learning rate if the variables have their own."""
        moves = {path: exact(self.after[path]) - array for path, array in self.given.items()}
        usual = next(iter(self.rates.values()), None)
        for path, move in moves.items():
            if (rate := self.rates.get(path, self.rates.get(last(path), usual))) != usual and usual and rate:
                moves[path] = move * (literal(float(usual)) / literal(float(rate)))  # as this run reads literals
        return moves

    @cached_property
    def aims(self) -> list[Number]:
        """The targets that the step computes from the parameters."""
        return targets(self.events, [x for array in self.after.values() for x in array.flat])


def observe(
    scene: Scene,
    step: Step,
    calls: Sequence[str],
    seed: int,
    ask: Callable[[FrameType], None] = lambda frame: None,
    constants: bool = False,
) -> Observation:
    """Run the scene to the end of its step, with newly drawn parameters; InexactError if it goes another way.

    `calls` are expressions for the program's cost, each tried where the step begins. `ask` is called with the frame
    wherever the program calls `asked` on its watch. With `constants`, constant numbers keep their operands.
    """
    observer = _Observer(scene, step, calls, seed, constants)
    names: dict[str, Any] = {}
    watch = Watch(MODULE, names, step, observer.begin, observer.end, ask)
    observer.watch = watch
    names.update(scene.names(seed))
    scene.play(names, watch)
    if not observer.seen.after:
        raise InexactError("the program does not take its step in every run")
    observer.seen.events = watch.events
    return observer.seen


class _Observer:
    """Draws the parameters where a step begins, and reads where it ends what it has made of them."""

    watch: Watch

    def __init__(self, scene: Scene, step: Step, calls: Sequence[str], seed: int, constants: bool) -> None:
        self.scene, self.step, self.calls, self.constants = scene, step, calls, constants
        self.seen = Observation(gradients=bool(step.gradients), rates=scene.rates, outside=_outside(scene, step, calls))
        self.seen.lines = {(scene.program.path, line) for line in lines_of_costs(scene.program.tree)}
        self._rng = np.random.default_rng([seed, 3])
        self._state: dict[str, ExactArray] = {}
        self._before: dict[str, ExactArray] = {}  # of parameters with another shape after the step
        self._turned: dict[str, str] = {}  # by path of a transposed copy, the parameter

    def begin(self, slots: list[Slot], frame: FrameType) -> None:
        """Draw the parameters, and evaluate the calls of the cost with them."""
        scene, seen, wanted = self.scene, self.seen, self.step.parameters
        by_path = {slot.path: slot for slot in slots}
        twins = copies(slots, wanted)
        zeros = {path: held for path in wanted if path in by_path if (held := held_at_zero(by_path[path]))}
        seen.zeros, seen.twins = list(zeros), {path: others[-1].path for path, others in twins.items()}
        seen.velocities = velocities(slots, wanted)
        for path in scene.at_rest:
            if path in by_path:
                by_path[path].write([number(0)] * len(by_path[path].numbers))
        known: dict[int, list[Any]] = {}  # by array: one that has two paths is drawn once
        for path in (*wanted, *self.step.reshaped):
            if path not in by_path:
                raise InexactError(f"{path} does not exist in every run")
            slot = by_path[path]
            is_array = isinstance(slot.value, ExactArray)
            numbers = known.get(id(slot.value)) if is_array else None
            numbers = known[id(slot.value)] = numbers or self._drawn(slot)
            if scene.as_begun:
                numbers = [number(0) if k in zeros.get(path, ()) else x for k, x in enumerate(numbers)]
                for twin in twins.get(path, ()):
                    self._turned.update({twin.path: path} if is_turned(slot, twin) else {})
                    twin.write(drawn_along(slot, twin, numbers))
            slot.write(numbers)
            (seen.given if path in wanted else self._before)[path] = array_of(numbers, slot.shape)
        current().keeps_constants = self.constants  # before the cost, which may run a forward pass like the step's
        evaluate_calls(scene.program.tree, self.calls, frame, seen.called)
        self.watch.events.clear()
        seen.targets = frame.f_globals.get("y")
        self._state.update({slot.path: slot.array for slot in slots if slot.path not in wanted})

    def _drawn(self, slot: Slot) -> list[Any]:
        """Draw the numbers of a parameter as variables; elements that stay 0 stay constants."""
        scene = self.scene
        size = max(1, len(slot.numbers))
        values = scene.scale * (round_numbers(self._rng, size) if scene.is_round else drawn(slot, self._rng))
        values = values + (scene.offset if scene.shifts(slot.path) else 0)
        if scene.nudge is not None and scene.nudge.path == slot.path:
            values.reshape(slot.shape or 1)[scene.nudge.element] += scene.nudge.by
        numbers = variables(values)
        staying = scene.held.get(slot.path, frozenset())
        if all(slot.numbers[k].value.is_zero() for k in staying):
            numbers = [number(0) if k in staying else x for k, x in enumerate(numbers)]
        return numbers

    def end(self, slots: list[Slot], frame: FrameType) -> None:
        """Read what the step has made of the parameters and of everything else."""
        seen, step = self.seen, self.step
        by_path = {slot.path: slot for slot in slots}
        for path in step.parameters:
            now = by_path.get(step.gradients.get(path, path))
            if now is None or len(now.numbers) != seen.given[path].size:
                raise InexactError(f"{path} does not exist in every run, or has another shape after the step")
            array: Any = now.array.reshape(seen.given[path].shape)
            seen.after[path] = seen.given[path] - array if step.gradients else array
        pairs = [
            pair for path in step.parameters for pair in zip(seen.given[path].flat, seen.after[path].flat, strict=True)
        ]
        if all(before is after for before, after in pairs):
            raise InexactError("no parameter moves")
        seen.velocities = [
            path
            for path in seen.velocities
            if _moves_another(seen.after, path, seen.after[path]) or _moves_another(seen.after, path, seen.given[path])
        ]
        seen.stale = {
            path: twin
            for twin, path in self._turned.items()
            if twin in by_path
            and not {x.index for x in by_path[twin].numbers} & {x.index for x in seen.after[path].flat}
        }
        seen.reshaped = {path: (old, by_path[path].array) for path, old in self._before.items() if path in by_path}
        rest = {f"slot{k}": slot.array for k, slot in enumerate(slots) if slot.path not in step.parameters}
        seen.kept = types.SimpleNamespace(**rest)
        seen.without = [
            slot.path
            for slot in slots
            if isinstance(slot.value, Number) and slot.value.value.is_zero() and role_of(last(slot.path)) == "decay"
        ]
        seen.given_back = [slot.value for slot in slots if slot.path.startswith("_answer")]
        seen.answers = len(seen.given_back)
        seen.state = {
            path: (old, now.array)
            for path, old in self._state.items()
            if (now := by_path.get(path)) is not None and now.shape == old.shape
        }


def _moves_another(after: Mapping[str, ExactArray], velocity: str, part: ExactArray) -> bool:
    """Whether what a velocity holds at some time was added to another array of its shape."""
    return any(
        path != velocity and array.shape == part.shape and is_added(array.flat[0], part.flat[0])
        for path, array in after.items()
    )


def _outside(scene: Scene, step: Step, calls: Sequence[str]) -> set[str]:
    """Return the calls that are neither in the loop whose turn is the step, nor in a function called there."""
    if step.kind != "turn" or not calls:
        return set()
    loop = scene.loop(step.where)
    if loop is None or _is_of_epochs(loop):
        return set()
    functions = {node.name: node for node in statements(scene.program.tree) if isinstance(node, ast.FunctionDef)}
    waiting, inside, seen = [loop.body], set[str](), set[str]()
    while waiting:
        for call in (node for part in waiting.pop() for node in ast.walk(part) if isinstance(node, ast.Call)):
            inside.add(ast.unparse(call))
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if name in functions and name not in seen:
                seen.add(name)
                waiting.append(functions[name].body)
    return {text for text in calls if text not in inside}


def _is_of_epochs(loop: ast.For | ast.While) -> bool:
    """Whether each turn of a loop seems to be an epoch, with all examples, going by its header."""
    if isinstance(loop, ast.While):
        return True
    counts = loop.iter.args if isinstance(loop.iter, ast.Call) else []
    plain = isinstance(loop.target, ast.Name) and len(counts) == 1
    names = ast.unparse(counts[0]).rpartition(".")[2] if plain else ""
    return plain and (isinstance(counts[0], ast.Constant) or role_of(names) == "epochs" or names.startswith("range("))


def drawn(slot: Slot, rng: np.random.Generator) -> Any:
    """Draw normally distributed numbers for a parameter, smaller ones if many are summed."""
    size = max(1, len(slot.numbers))
    widest = max(slot.shape, default=1)
    return rng.normal(size=size) / np.sqrt(max(1.0, widest / 6))
