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
from gradproof.study.values import Env, Value
from gradproof.study.witnesses.autodiff import NET
from gradproof.study.world import World


class Anchored(NamedTuple):
    """Where the code stands now."""

    path: str  # such as handcrafted/equations.py
    line: int  # where the function begins; 0 if the anchor has moved
    source: str


class Run(NamedTuple):
    holds: bool
    networks: int
    killed: int
    tried: int
    same: tuple[str, ...]  # mutants that are the same function, and why
    survivors: tuple[str, ...]


def anchored(code: Code) -> Anchored:
    """The function's place and text; line 0 where its text no longer holds the anchor."""
    module, _, name = code.function.rpartition(".")
    path = module.replace(".", "/") + ".py"
    try:
        function = inspect.unwrap(getattr(import_module(module), name))
        source, line = inspect.getsourcelines(function)
    except (ImportError, AttributeError, TypeError, OSError):
        return Anchored(path, 0, "")
    text = "".join(source)
    return Anchored(path, line if code.anchor in text else 0, text)


def heard(code: Code, worlds: list[World], layers: Callable[[World], list[int]]) -> Run:
    """The function on every network, and its mutants."""
    package, _, rest = code.function.partition(".")
    module, _, name = rest.rpartition(".")
    function = getattr(import_module(f"{package}.{module}"), name)
    places = [(world, layer) for world in worlds for layer in layers(world)]
    call = _by_hand if package == "handcrafted" else _by_autodiff
    holds = bool(places) and all(_agrees(code, function, call, *place) for place in places)
    killed, tried, same, survivors = 0, 0, [], []
    if package == "handcrafted":
        for mutant in mutants.mutants(module, name):
            tried += 1
            wrong = mutants.made(module, name, mutant)
            if not all(_agrees(code, wrong, call, *place) for place in places):
                killed += 1
            elif mutant.said in mutants.EQUIVALENT:
                same.append(f"{mutant.said}: {mutants.EQUIVALENT[mutant.said]}")
            else:
                survivors.append(mutant.said)
    count = sum(len(world.primitives["η", None].array.value) for world, _ in places)
    return Run(holds, count, killed, tried, tuple(same), tuple(survivors))


def _agrees(code: Code, function: Any, call: Any, world: World, layer: int) -> bool:
    env = Env(layer, (1, world.m))
    try:
        expected = _matrices(world.value(code.gives, env), world)
        arguments = [_argument(node, world, env) for node in code.arguments]
        with np.errstate(all="ignore"):
            got = call(function, arguments)
            for index in code.result:
                got = got[layer - 1 if index == "l" else index]
        if got.shape != expected.shape and got.value.size == expected.value.size == len(expected.value):
            got = got.reshape(expected.shape)  # a cost may keep axes of size 1
        off = got.value - expected.value
        fits = got.shape == expected.shape and np.isfinite(got.radius).all()
        return bool(fits and (np.abs(off) <= got.radius + expected.radius).all())
    except Exception:  # whatever a mutant raises, or what has no meaning here: it has not agreed
        return False


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

    found = program.run(jax.vmap(function), *arguments)
    return found[0] if len(found) == 1 else found


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
