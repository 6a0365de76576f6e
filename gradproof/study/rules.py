"""The evaluation rules, one for each operation of a claim: its value from the values of its parts."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

from gradproof.study.tree import Node, Place
from gradproof.study.values import Env, Evaluator, MisfitError, Value, aligned, kind, sliced, spread, stacked


def _number(world: Evaluator, node: Node, env: Env) -> Value:
    return Value((), world.numbers.number(node.args[0]))


def _name(world: Evaluator, node: Node, env: Env) -> Value:
    name = node.args[0]
    if name in ("m", "L", "l") and (name, None) not in world.primitives:
        return Value((), world.numbers.number(world.place(Place(name, 0), env)))
    return world.look_up(name, None, env)


def _layer(world: Evaluator, node: Node, env: Env) -> Value:
    return world.look_up(node.args[0], world.place(node.args[1], env), env)


def _pick(world: Evaluator, node: Node, env: Env) -> Value:
    body, indices = node.args
    value = world.value(body, env)
    if value.rank != len(indices):
        raise MisfitError(f"{body} is {kind(value)}, [{','.join(map(str, indices))}] has {len(indices)} of its indices")
    for index in indices:
        position = len(value.axes)
        if isinstance(index, str) and index not in ("m", "l", "L"):
            if index in value.axes:
                own = value.axes.index(index)
                if value.size(index) != value.shape[0]:
                    raise MisfitError(
                        f"{index} runs to {value.size(index)} in one place and to {value.shape[0]} in {body}"
                    )
                array = world.numbers.diagonal(value.array, own, position)
                count = len(array.shape) - 1  # the diagonal comes last: move it to where the index was
                order = [*range(own), count, *range(own, count)]
                value = Value(value.axes, array.transpose(order))
            else:
                value = Value((*value.axes, index), value.array)
            continue
        number = world.place(Place(index, 0), env) if isinstance(index, str) else index
        if not 1 <= number <= value.shape[0]:
            raise MisfitError(f"there is no component {number} in {body}, which is {kind(value)}")
        value = Value(value.axes, value.array[(*(slice(None),) * position, number - 1, ...)])
    return value


def _call(world: Evaluator, node: Node, env: Env) -> Value:
    name, order, argument = node.args
    value = world.value(argument, env)
    if order == 0 and name == "T":
        if value.rank != 2:
            raise MisfitError(f"{argument} is {kind(value)} and has no transpose")
        n = len(value.axes)
        return Value(value.axes, value.array.transpose((*range(n), n + 1, n)))
    if order == 0 and name == "norm2":
        if value.rank != 1:
            raise MisfitError(f"norm2 takes a vector, {argument} is {kind(value)}")
        return Value(value.axes, world.numbers.total(value.array * value.array, len(value.axes)))
    if order == 0 and name in ("exp", "log", "abs"):
        return Value(value.axes, world.numbers.function(name, value.array))
    for head, body in world.definitions.items():
        if head.name == name and head.parameter:
            if world.opaque:
                return world.numbers.any_slope(name, order, value)
            if order:
                return world.numbers.slope(world, head, body, value)
            return world.value(body, Env(bound=(((head.parameter, None), value),)))
    raise MisfitError(f"there is no function {name}")


def _sum(world: Evaluator, node: Node, env: Env) -> Value:
    index, low, high, body = node.args
    limits = (world.place(low, env), world.place(high, env)) if low is not None else None
    if index == "s":
        if limits and limits[1] < limits[0]:
            raise MisfitError(f"s = {limits[0]} … {limits[1]} is not a range")
        samples = tuple(range(limits[0], limits[1] + 1)) if limits else env.samples
        value, count = world.value(body, env._replace(samples=samples)), len(samples)
        if "s" not in value.axes:
            return value if node.op == "mean" else Value(value.axes, value.array * world.numbers.number(count))
    else:
        value = world.value(body, env)
        if index not in value.axes:
            raise MisfitError(f"nothing in {body} has the index {index}")
        if limits:
            value = sliced(value, index, *limits)
    position, count = value.axes.index(index), value.size(index)
    array = world.numbers.total(value.array, position)
    if node.op == "mean":
        array = array / world.numbers.number(count)
    return Value(tuple(axis for axis in value.axes if axis != index), array)


def _d(world: Evaluator, node: Node, env: Env) -> Value:
    body, variable = node.args
    if variable.op == "pick":
        return _pick(world, Node("pick", (Node("d", (body, variable.args[0])), variable.args[1])), env)
    if variable.op == "call":
        return _call(world, Node("call", ("T", 0, Node("d", (body, variable.args[2])))), env)
    name = world.variable(variable, env)
    return world.numbers.derivative(world, env, body, name, world.value(variable, env))


def _expected(world: Evaluator, node: Node, env: Env) -> Value:
    """For each k, the mean over all mini-batches of k of the samples, all equally likely."""
    size, body = node.args
    found = []
    for k in range(1, len(env.samples) + 1):
        values = [world.value(body, env._replace(samples=batch)) for batch in combinations(env.samples, k)]
        axes, total = values[0].axes, values[0].array
        if "s" in axes or size in axes:
            raise MisfitError(f"{body} is not one number, vector or matrix for each mini-batch")
        for other in values[1:]:
            total = total + other.array
        found.append(Value(axes, total / world.numbers.number(len(values))))
    return stacked(found, size, world.numbers)


def _at_each(world: Evaluator, node: Node, env: Env) -> Value:
    """The body with one component of a vector set to another value, for each component in turn."""
    body, picked, value = node.args
    variable, (index,) = picked.args
    if not isinstance(index, str) or index in ("m", "l", "L"):
        raise MisfitError(f"at( … , {picked} = … ): name the component by a letter of its own, such as j")
    numbers = world.numbers
    before, after = world.value(variable, env), world.value(value, env)
    if before.rank != 1 or after.rank or (index in after.axes and after.size(index) != before.shape[0]):
        raise MisfitError(f"{picked} cannot have the value {value}")
    found = []
    for place in range(before.shape[0]):
        new = after
        if index in after.axes:
            own = after.axes.index(index)
            array = after.array[(*(slice(None),) * own, place, ...)]
            new = Value((*after.axes[:own], *after.axes[own + 1 :]), array)
        one = numbers.join([numbers.number(int(i == place)).reshape((1,)) for i in range(before.shape[0])])
        old, new = aligned(before, new, numbers)
        moved = Value(old.axes, old.array * (numbers.number(1) - one) + new.array * one)
        found.append(world.value(body, env._replace(bound=(*env.bound, (world.variable(variable, env), moved)))))
    if index in found[0].axes:
        raise MisfitError(f"{index} is already an index of {body}")
    return stacked(found, index, numbers)


def _at(world: Evaluator, node: Node, env: Env) -> Value:
    body, variable, value = node.args
    if variable.op == "pick" and len(variable.args[1]) == 1 and variable.args[0].op in ("name", "layer"):
        return _at_each(world, node, env)
    if variable.op in ("pick", "call"):
        raise MisfitError(f"at( … , {variable} = … ): give a whole variable, or one component such as z[l][j]")
    before, after = world.value(variable, env), world.value(value, env)
    if before.shape != after.shape:
        raise MisfitError(f"{variable} is {kind(before)}, {value} is {kind(after)}: it cannot have that value")
    bound = (*env.bound, (world.variable(variable, env), after))
    return world.value(body, env._replace(bound=bound))


def _neg(world: Evaluator, node: Node, env: Env) -> Value:
    value = world.value(node.args[0], env)
    return Value(value.axes, -value.array)


def _power(world: Evaluator, node: Node, env: Env) -> Value:
    value = world.value(node.args[0], env)
    array = value.array
    for _ in range(node.args[1] - 1):
        array = array * value.array
    return Value(value.axes, array)


def _product(world: Evaluator, node: Node, env: Env) -> Value:
    """Matrix × vector, vector × matrix, matrix × matrix, or vector · vector."""
    left, right = (world.value(arg, env) for arg in node.args)
    if not left.rank or not right.rank or left.shape[-1] != right.shape[0]:
        raise MisfitError(f"{node.args[0]} is {kind(left)}, {node.args[1]} is {kind(right)}: they have no product")
    axes = left.axes + tuple(axis for axis in right.axes if axis not in left.axes)
    rows, columns = left.shape[:-1], right.shape[1:]
    one, other = spread(left, axes, left.rank).array, spread(right, axes, right.rank).array
    named = len(axes)
    one = one.reshape((*one.shape[:named], *rows, left.shape[-1], *(1 for _ in columns)))
    other = other.reshape((*other.shape[:named], *(1 for _ in rows), right.shape[0], *columns))
    return Value(axes, world.numbers.total(one * other, named + len(rows)))


def _arithmetic(apply: Callable[[Any, Any], Any]) -> Callable[[Evaluator, Node, Env], Value]:
    def rule(world: Evaluator, node: Node, env: Env) -> Value:
        left, right = (world.value(arg, env) for arg in node.args)
        left, right = aligned(left, right, world.numbers)
        return Value(left.axes, apply(left.array, right.array))

    return rule


RULES: dict[str, Callable[[Evaluator, Node, Env], Value]] = {
    "number": _number,
    "name": _name,
    "layer": _layer,
    "pick": _pick,
    "call": _call,
    "sum": _sum,
    "mean": _sum,
    "d": _d,
    "at": _at,
    "expected": _expected,
    "neg": _neg,
    "^": _power,
    "@": _product,
    "+": _arithmetic(lambda a, b: a + b),
    "-": _arithmetic(lambda a, b: a - b),
    "*": _arithmetic(lambda a, b: a * b),
    "/": _arithmetic(lambda a, b: a / b),
}
