"""One step of a program, observed exactly: the parameters before and after, and the numbers that may be its cost."""

import ast
import builtins
import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from types import FrameType
from typing import Any

import numpy as np

from gradproof.exact import operators
from gradproof.exact.arrays import ExactArray, array_of, exact
from gradproof.exact.numbers import Number, literal, number
from gradproof.exact.rewriting import HELPER, with_exact_numbers
from gradproof.exact.run import UndecidedError, current
from gradproof.judge.find.aims import targets
from gradproof.judge.find.copies import (
    copies,
    drawn_along,
    held_at_zero,
    is_added,
    is_turned,
    velocities,
)
from gradproof.judge.find.gradients import last
from gradproof.judge.find.namespace import Slot, variables
from gradproof.judge.find.numbers import round_numbers
from gradproof.judge.find.program import statements
from gradproof.judge.find.roles import role_of
from gradproof.judge.find.scene import MODULE, Scene
from gradproof.judge.find.stated import as_costs, lines_of_costs, single_numbers, words_for
from gradproof.judge.find.watching import Event, Step, Watch
from gradproof.judge.trial.running import InexactError

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

    @property
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
    seen = Observation(gradients=bool(step.gradients), rates=scene.rates, outside=_outside(scene, step, calls))
    seen.lines = {(scene.program.path, line) for line in lines_of_costs(scene.program.tree)}
    rng = np.random.default_rng([seed, 3])
    names: dict[str, Any] = {}
    state: dict[str, ExactArray] = {}
    before: dict[str, ExactArray] = {}  # of parameters with another shape after the step
    turned: dict[str, str] = {}  # by path of a transposed copy, the parameter
    wanted = list(step.parameters)

    def begin(slots: list[Slot], frame: FrameType) -> None:
        by_path = {slot.path: slot for slot in slots}
        twins = copies(slots, wanted)
        zeros = {path: held for path in wanted if path in by_path if (held := held_at_zero(by_path[path]))}
        seen.zeros, seen.twins = list(zeros), {path: others[-1].path for path, others in twins.items()}
        seen.velocities = velocities(slots, wanted)
        for path in scene.at_rest:
            if path in by_path:
                by_path[path].write([number(0)] * len(by_path[path].numbers))
        for path in (*wanted, *step.reshaped):
            if path not in by_path:
                raise InexactError(f"{path} does not exist in every run")
            slot = by_path[path]
            values = round_numbers(rng, max(1, len(slot.numbers))) if scene.is_round else drawn(slot, rng)
            values = scene.scale * values
            if scene.nudge is not None and scene.nudge.path == path:
                values.reshape(slot.shape or 1)[scene.nudge.element] += scene.nudge.by
            numbers = variables(values)
            staying = scene.held.get(path, frozenset())
            if all(slot.numbers[k].value.is_zero() for k in staying):
                numbers = [number(0) if k in staying else x for k, x in enumerate(numbers)]
            if scene.as_begun:
                numbers = [number(0) if k in zeros.get(path, ()) else x for k, x in enumerate(numbers)]
                for twin in twins.get(path, ()):
                    turned.update({twin.path: path} if is_turned(slot, twin) else {})
                    twin.write(drawn_along(slot, twin, numbers))
            slot.write(numbers)
            (seen.given if path in wanted else before)[path] = array_of(numbers, slot.shape)
        current().keeps_constants = constants  # before the cost, which may run a forward pass like the step's
        _evaluate(scene.program.tree, calls, frame, seen)
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
            raise InexactError("no parameter moves")
        seen.velocities = [
            path
            for path in seen.velocities
            if _moves_another(seen.after, path, seen.after[path]) or _moves_another(seen.after, path, seen.given[path])
        ]
        seen.stale = {
            path: twin
            for twin, path in turned.items()
            if twin in by_path
            and not {x.index for x in by_path[twin].numbers} & {x.index for x in seen.after[path].flat}
        }
        seen.reshaped = {path: (old, by_path[path].array) for path, old in before.items() if path in by_path}
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


def _evaluate(program: ast.Module, calls: Sequence[str], frame: FrameType, seen: Observation) -> None:
    """Evaluate the cost calls with these parameters, and record their values."""
    for text in calls:
        names = dict(frame.f_globals) | dict(frame.f_locals) | {HELPER: operators}
        names = {name.swapcase(): value for name, value in names.items() if len(name) == 1} | names  # X may stand for x
        if text.startswith("self.") and "self" not in names:
            method = text[5:].partition("(")[0]
            owner = next((one for one in names.values() if hasattr(type(one), method)), None)
            names |= {"self": owner} if owner is not None else {}
        call = _Predicted(program, names).visit(ast.parse(text, mode="eval").body)
        tree = ast.fix_missing_locations(
            ast.Module([ast.Assign([ast.Name("_gradproof_cost_", ast.Store())], call)], [])
        )
        with suppress(Exception):
            try:
                exec(compile(with_exact_numbers(tree), "<cost>", "exec"), names)
            except UndecidedError:
                continue
            for number in _scalar(names["_gradproof_cost_"]):
                seen.called.setdefault(text, number)


class _Predicted(ast.NodeTransformer):
    """Replaces a name that is bound only after the step, as a prediction may be, by the one call it is bound to."""

    def __init__(self, program: ast.Module, names: Mapping[str, Any]) -> None:
        self._names = names
        self._calls: dict[str, list[ast.Call]] = {}
        for node in statements(program):
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            if isinstance(target, ast.Name) and isinstance(node.value, ast.Call):  # type: ignore[attr-defined]
                self._calls.setdefault(target.id, []).append(node.value)  # type: ignore[attr-defined]

    def visit_Name(self, node: ast.Name) -> ast.expr:
        calls = self._calls.get(node.id, [])
        missing = node.id not in self._names and not hasattr(builtins, node.id)
        return calls[0] if missing and len({ast.unparse(call) for call in calls}) == 1 else node


def _scalar(value: Any) -> list[Number]:
    if isinstance(value, tuple) and value:
        value = value[0]
    if isinstance(value, ExactArray) and value.size == 1:
        value = value.ravel()[0]
    return [value] if isinstance(value, Number) and value.varies else []
