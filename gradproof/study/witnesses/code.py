"""The witness of the code: the function that stands for a line, run on random networks, gives what the line says.

It is run on numbers that carry their rounding (numerics.near), the function as it is and every small change of it:
what the line says must hold for the function and for none of its mutants.
"""

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from gradproof.numerics import program
from gradproof.numerics.near import Near
from gradproof.study import mutants
from gradproof.study.ledger import Code
from gradproof.study.tree import Node, layered
from gradproof.study.values import Env, Value
from gradproof.study.witnesses.autodiff import NET
from gradproof.study.world import World


class Anchored(NamedTuple):
    """Where the code stands now."""

    path: str  # such as handcrafted/equations.py
    line: int  # 0 if the anchor has moved
    text: str  # what stands there


class Run(NamedTuple):
    trouble: str  # what the function does instead; empty if it gives what the line says
    networks: int
    killed: int
    tried: int
    same: tuple[str, ...]  # mutants that are the same function, and why
    survivors: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.trouble


def anchored(code: Code) -> Anchored:
    """Where the anchor stands, in the function or in a function with a _ that it calls; line 0 if it has moved."""
    module, _, name = code.function.rpartition(".")
    path = module.replace(".", "/") + ".py"
    home = import_module(module)
    function = inspect.unwrap(getattr(home, name))
    called = [n for n in function.__code__.co_names if n.startswith("_") and inspect.isfunction(vars(home).get(n))]
    for lines, first in map(inspect.getsourcelines, (function, *(vars(home)[n] for n in called))):
        for number, text in enumerate(lines, start=first):
            if code.anchor in text:
                return Anchored(path, number, text.strip())
    return Anchored(path, 0, "")


def heard(
    code: Code, worlds: list[World], layers: Callable[[World], list[int]], known: "dict[Any, Called] | None" = None
) -> Run:
    """The function on every network, and its mutants; `known` are those that were called for another line."""
    package, _, rest = code.function.partition(".")
    module, _, name = rest.rpartition(".")
    function = getattr(import_module(f"{package}.{module}"), name)
    places = [(world, layer) for world in worlds for layer in layers(world)]
    call = _by_hand if package == "handcrafted" else _by_autodiff
    known = {} if known is None else known

    def called(function: Any, change: str) -> Called:
        return known.setdefault((code.function, code.arguments, change), Called(function, call, code))

    right = called(function, "")
    trouble = _trouble(code, right, places)
    killed, tried, same, survivors = 0, 0, [], []
    if package == "handcrafted" and not trouble:
        for mutant in mutants.mutants(module, name):
            wrong = called(mutants.made(module, name, mutant), mutant.said)
            agrees = not _trouble(code, wrong, places)
            if agrees and code.result and any(_differ(right(*place), wrong(*place)) for place in places):
                continue  # it changes what other lines are about, as that of b where this one is about w
            tried += 1
            if not agrees:
                killed += 1
            elif mutant.said in mutants.EQUIVALENT:
                same.append(f"{mutant.said}: {mutants.EQUIVALENT[mutant.said]}")
            else:
                survivors.append(mutant.said)
    count = sum(len(world.primitives["η", None].array.value) for world, _ in places)
    return Run(trouble, count, killed, tried, tuple(same), tuple(survivors))


class Called:
    """What a function returns on a network: called once where its arguments are the same in every layer."""

    def __init__(self, function: Any, call: Any, code: Code) -> None:
        self.function, self.call, self.code = function, call, code
        self.layered = any(isinstance(argument, Node) and layered(argument) for argument in code.arguments)
        self.known: dict[tuple[int, int], Any] = {}

    def __call__(self, world: World, layer: int) -> Any:
        key = id(world), layer if self.layered else 0
        if key not in self.known:
            env = _env(world, layer)
            arguments = [_argument(node, world, env) for node in self.code.arguments]
            with np.errstate(all="ignore"):
                self.known[key] = self.call(self.function, arguments)
        return self.known[key]


def _env(world: World, layer: int) -> Env:
    return Env(layer, tuple(range(1, world.m + 1)))


def _differ(one: Any, other: Any) -> bool:
    """Is any number of the two results another?"""
    if isinstance(one, Near):
        return not np.array_equal(one.value, other.value)
    return any(_differ(*pair) for pair in zip(one, other, strict=True))


def _trouble(code: Code, called: Called, places: list[tuple[World, int]]) -> str:
    """What the function does instead of what the line says, on the first network that shows it; empty if nothing."""
    if not places:
        return "there is no layer on which it could be called"
    for world, layer in places:
        where = f"on a network {'–'.join(map(str, world.sizes))}, layer {layer}"
        try:
            if not _agrees(code, called, world, layer):
                return f"it gives something else {where}"
        except Exception as error:  # whatever it raises, or what has no meaning here
            return f"{type(error).__name__} {where}: {' '.join(str(error).split())}"
    return ""


def _agrees(code: Code, called: Called, world: World, layer: int) -> bool:
    expected = _matrices(world.value(code.gives, _env(world, layer)), world)
    with np.errstate(all="ignore"):
        got = called(world, layer)
        for index in code.result:
            got = got[layer - 1 if index == "l" else layer if index == "l+1" else index]
    if got.shape != expected.shape and got.value.size == expected.value.size == len(expected.value):
        got = got.reshape(expected.shape)  # a cost may keep axes of size 1
    if got.shape != expected.shape:
        return False
    off = np.abs(got.value - expected.value)
    return bool(np.isfinite(got.radius).all() and (off <= got.radius + expected.radius).all())


def _argument(node: Any, world: World, env: Env) -> Any:
    """A matrix, or the list of all weights or biases; a row of a weight matrix is a neuron that receives."""
    if node == "weights":
        return [_matrices(world.primitives["edge", layer], world).mT for layer in range(1, world.depth + 1)]
    if node == "biases":
        return [_matrices(world.primitives["b", layer], world) for layer in range(1, world.depth + 1)]
    return _matrices(world.value(node, env), world)


def _by_hand(function: Any, arguments: list[Any]) -> Any:
    return function(*arguments)


def _by_autodiff(function: Any, arguments: list[Any]) -> Any:
    """A function of reference/ takes one network: its program, mapped over all of them."""
    import jax

    flat, tree = jax.tree.flatten(arguments, is_leaf=lambda each: isinstance(each, Near))
    networks = jax.vmap(function)
    shapes = [jax.ShapeDtypeStruct(near.shape, np.float64) for near in flat]
    result = jax.tree.structure(jax.eval_shape(networks, *jax.tree.unflatten(tree, shapes)))
    found = program.run(lambda *arrays: networks(*jax.tree.unflatten(tree, arrays)), *flat)
    return jax.tree.unflatten(result, found)


def _matrices(value: Value, world: World) -> Near:
    """As both networks take them: stacks of matrices, examples as columns; numbers as they are."""
    array: Near = value.array
    if NET not in value.axes:
        count = len(world.primitives["η", None].array.value)
        array = array.moved(lambda part: np.broadcast_to(part, (count, *part.shape)).copy())
        value = Value((NET, *value.axes), array)
    rank = value.rank
    order = [value.axes.index(NET), *range(len(value.axes), array.ndim)]
    rest = [value.axes.index(axis) for axis in value.axes if axis != NET]
    array = array.transpose((*order, *rest))
    if not rest:
        array = array.reshape((*array.shape, *(1,) * (2 - rank)))
    return array.copy()
