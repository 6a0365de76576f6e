"""The code witness: on random networks, the function that implements a line must give what the line says.

The function and all its mutants run on numbers that carry their rounding (numerics.near). The line must hold for the
function and for none of its mutants, except those that are the same function.
"""

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from gradproof.numerics import program
from gradproof.numerics.running_error import Near
from gradproof.study import mutants
from gradproof.study.ledger import Code
from gradproof.study.tree import Node, layered
from gradproof.study.values import Env, Value
from gradproof.study.witnesses.autodiff import NET
from gradproof.study.world import World


class Anchored(NamedTuple):
    """Where the anchor of the code is now."""

    path: str  # such as handcrafted/equations.py
    line: int  # 0 if the anchor has moved
    text: str  # the source line there


class Run(NamedTuple):
    trouble: str  # what the function does instead; empty if it gives what the line says
    networks: int
    killed: int
    tried: int
    same: tuple[str, ...]  # mutants equal to the function, and why
    survivors: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.trouble


def anchored(code: Code) -> Anchored:
    """Find the anchor in the function or in a private function that it calls; line 0 if it has moved."""
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


def run_with_mutants(
    code: Code, worlds: list[World], layers: Callable[[World], list[int]], known: "dict[Any, Called] | None" = None
) -> Run:
    """Run the function and its mutants on every network; `known` holds the calls made for other lines."""
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
                continue  # it changes only what other lines are about, such as b if this one is about w
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
    """A function's results on networks; called once per network if its arguments are the same in every layer."""

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
    """Whether the two results differ in any number."""
    if isinstance(one, Near):
        return not np.array_equal(one.value, other.value)
    return any(_differ(*pair) for pair in zip(one, other, strict=True))


def _trouble(code: Code, called: Called, places: list[tuple[World, int]]) -> str:
    """Say how and on which network the function first departs from the line; empty if it never does."""
    if not places:
        return "there is no layer on which it could be called"
    for world, layer in places:
        where = f"on a network {'–'.join(map(str, world.sizes))}, layer {layer}"
        try:
            if not _agrees(code, called, world, layer):
                return f"it gives something else {where}"
        except Exception as error:  # the function may raise anything, and the line may mean nothing here
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
    """Return a matrix, or the list of all weights or biases; a weight matrix has a row for each receiving neuron."""
    if node == "weights":
        return [_matrices(world.primitives["edge", layer], world).mT for layer in range(1, world.depth + 1)]
    if node == "biases":
        return [_matrices(world.primitives["b", layer], world) for layer in range(1, world.depth + 1)]
    return _matrices(world.value(node, env), world)


def _by_hand(function: Any, arguments: list[Any]) -> Any:
    return function(*arguments)


def _by_autodiff(function: Any, arguments: list[Any]) -> Any:
    """Run the program of a function of reference/, which takes one network, mapped over all networks."""
    import jax

    flat, tree = jax.tree.flatten(arguments, is_leaf=lambda each: isinstance(each, Near))
    networks = jax.vmap(function)
    shapes = [jax.ShapeDtypeStruct(near.shape, np.float64) for near in flat]
    result = jax.tree.structure(jax.eval_shape(networks, *jax.tree.unflatten(tree, shapes)))
    found = program.run(lambda *arrays: networks(*jax.tree.unflatten(tree, arrays)), *flat)
    return jax.tree.unflatten(result, found)


def _matrices(value: Value, world: World) -> Near:
    """Return the value as both backends take it: a stack of matrices, one for each network, with samples as columns.

    Without samples a vector is one column, and a number a 1 × 1 matrix. A number for each sample stays one-dimensional.
    """
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
