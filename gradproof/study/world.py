"""What a claim says of one network: its tree evaluated, in whatever kind of number a witness brings.

A value is an array whose first axes have names, an index of a component or `s`, the sample, and whose last ones are
those of a vector (one) or a matrix (two). Sizes are never stretched: what does not fit is a MisfitError, and says so.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from gradproof.study.language import Head, Node, Place


class MisfitError(ValueError):
    """The claim means nothing on this network: shapes that do not fit, an index that runs out."""


class SilentError(ValueError):
    """The witness has nothing to say about this: it lacks the function, or the claim is out of its reach."""


class Value(NamedTuple):
    """Named axes first, then those of a vector or matrix; `array` has shape, transpose, reshape, [ ] and arithmetic."""

    axes: tuple[str, ...]
    array: Any

    @property
    def rank(self) -> int:
        return len(self.array.shape) - len(self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape[len(self.axes) :])

    def size(self, axis: str) -> int:
        return int(self.array.shape[self.axes.index(axis)])


class Numbers(Protocol):
    """The kind of number that a witness brings."""

    def number(self, value: Any) -> Any:
        """A constant, an array without axes."""

    def function(self, name: str, array: Any) -> Any:
        """exp, log or abs of every element."""

    def total(self, array: Any, axis: int) -> Any:
        """The sum along an axis."""

    def join(self, arrays: list[Any]) -> Any:
        """One array after the other along the last axis."""

    def diagonal(self, array: Any, first: int, second: int) -> Any:
        """The diagonal of two axes, as the last axis."""

    def derivative(self, world: "World", env: "Env", body: Node, name: "Key", at: Value) -> Value:
        """The derivative of the body as a function of a variable, where that has the value `at`."""

    def slope(self, world: "World", head: Head, body: Node, at: Value) -> Value:
        """f′ of every element."""


Key = tuple[str, int | None]


class Env(NamedTuple):
    """Where a tree is evaluated: the layer l, the samples in play, and the variables that have other values."""

    layer: int | None = None
    samples: tuple[int, int] = (1, 1)
    bound: tuple[tuple[Key, Value], ...] = ()


class World(NamedTuple):
    """One network, or many of one shape side by side, with a ledger's definitions.

    The primitives are edge[l] (n_{l−1}, n_l), the weight of the edge from neuron k to neuron j; b[l] (n_l); x and y,
    a vector for each sample, numbered from 0 to m, of which 1 … m are the data; η; and the letters of a claim.
    """

    numbers: Numbers
    sizes: tuple[int, ...]
    m: int
    primitives: Mapping[Key, Value]
    definitions: Mapping[Head, Node]
    memo: dict[Any, Value]
    opaque: bool = False  # functions and C_x are any functions at all

    @property
    def depth(self) -> int:
        return len(self.sizes) - 1

    def sides(self, claim: Node, layer: int | None) -> tuple[Value, Value]:
        """Both sides of a claim in layer l, on equal axes."""
        env = Env(layer, (1, self.m))
        left, right = (self.value(side, env) for side in claim.args)
        return aligned(left, right, self.numbers)

    def value(self, node: Node, env: Env) -> Value:
        """The value of a tree; what is not under an `at` or a `d` is computed once."""
        if env.bound:
            return RULES[node.op](self, node, env)
        known = self.memo.get((node, env))
        if known is None:
            known = self.memo[node, env] = RULES[node.op](self, node, env)
        return known

    def place(self, place: Place, env: Env) -> int:
        """The whole number that l+1, L, m or 2 is here."""
        letters = {"": 0, "L": self.depth, "m": self.m, "l": env.layer}
        base = letters.get(place.letter)
        if base is None:
            raise MisfitError(f"{place.letter} is no number here")
        return base + place.more

    def variable(self, node: Node, env: Env) -> Key:
        return (node.args[0], self.place(node.args[1], env) if node.op == "layer" else None)

    def look_up(self, name: str, layer: int | None, env: Env) -> Value:
        """A primitive, or what the ledger defines, or the value that an `at` or a `d` gives it."""
        for key, value in reversed(env.bound):
            if key == (name, layer):
                return value
            if key == ("θ", None) and (name, layer) in self.parameters():
                return self._part_of_theta(value, (name, layer))
        if (name, layer) in self.primitives:
            value = self.primitives[name, layer]
            if "s" in value.axes:
                return _sliced(value, "s", *env.samples, first=0)
            return value
        for left, body in self.definitions.items():
            if left.name != name or left.parameter:
                continue
            if layer is None and left.layer is None:
                return self._defined(left, body, env._replace(layer=None))
            if left.layer is not None and layer is not None:
                if not left.layer.letter and left.layer.more == layer:
                    return self._defined(left, body, env._replace(layer=layer))
                if left.layer.letter and 1 <= layer <= self.depth:
                    return self._defined(left, body, env._replace(layer=layer))
        if name == "θ" and layer is None:
            return self.theta()
        if layer is not None and any(key[0] == name for key in [*self.primitives, *self._heads()]):
            raise MisfitError(f"there is no {name} in layer {layer}")
        raise MisfitError(f"{name} is defined nowhere")

    def parameters(self) -> list[Key]:
        return [(name, layer) for layer in range(1, self.depth + 1) for name in ("edge", "b")]

    def theta(self) -> Value:
        """All weights and biases, in one vector."""
        values = [self.primitives[key] for key in self.parameters()]
        rows = [v.array.reshape((*v.array.shape[: len(v.axes)], -1)) for v in values]
        return Value(values[0].axes, self.numbers.join(rows))

    def _part_of_theta(self, theta: Value, wanted: Key) -> Value:
        start = 0
        for key in self.parameters():
            value = self.primitives[key]
            count = 1
            for n in value.shape:
                count *= n
            if key == wanted:
                part = theta.array[..., start : start + count]
                return Value(theta.axes, part.reshape((*part.shape[:-1], *value.shape)))
            start += count
        raise MisfitError(f"θ has no part {wanted}")

    def _heads(self) -> list[tuple[str, None]]:
        return [(head.name, None) for head in self.definitions if head.layer is not None]

    def _defined(self, left: Head, body: Node, env: Env) -> Value:
        if self.opaque and left.layer is None and "s" in (inner := self.value(body, env)).axes and inner.rank == 0:
            return self._any_function(left, body, env)
        value = self.value(body, env)
        if not left.indices:
            return value
        missing = [index for index in left.indices if index not in value.axes]
        if missing or value.rank:
            raise MisfitError(f"the definition of {left.name} has no index {', '.join(missing) or 'alone'}")
        rest = [axis for axis in value.axes if axis not in left.indices]
        order = [value.axes.index(axis) for axis in [*rest, *left.indices]]
        return Value(tuple(rest), value.array.transpose(order))

    def _any_function(self, left: Head, body: Node, env: Env) -> Value:
        """C_x as some function of what its definition is made of, a[L] and y."""
        from gradproof.study.language import walk

        used = {n for n in walk(body) if n.op in ("name", "layer") and "s" in self.value(n, env).axes}
        parts = [self.value(n, env) for n in sorted(used, key=str)]
        return self.numbers.any_function(left.name, parts)  # type: ignore[attr-defined]


# ---- axes ------------------------------------------------------------------------------------------------------


def aligned(left: Value, right: Value, numbers: Numbers) -> tuple[Value, Value]:
    """Both with the same axes in the same order, a number beside a vector as a vector of one rank; sizes must agree."""
    axes = left.axes + tuple(axis for axis in right.axes if axis not in left.axes)
    for axis in axes:
        if axis in left.axes and axis in right.axes and left.size(axis) != right.size(axis):
            raise MisfitError(f"{axis} runs to {left.size(axis)} on one side and to {right.size(axis)} on the other")
    rank = max(left.rank, right.rank)
    if left.rank and right.rank and left.shape != right.shape:
        raise MisfitError(f"{_said(left)} meets {_said(right)}")
    return _spread(left, axes, rank), _spread(right, axes, rank)


def _said(value: Value) -> str:
    if value.rank == 1:
        return f"a vector of {value.shape[0]}"
    return f"a {' × '.join(map(str, value.shape))} matrix" if value.rank else "a number"


def _spread(value: Value, axes: tuple[str, ...], rank: int) -> Value:
    """With axes of size 1 for the indices that it does not have."""
    if value.axes == axes and value.rank == rank:
        return value
    own = [value.axes.index(axis) for axis in axes if axis in value.axes]
    own += list(range(len(value.axes), len(value.array.shape)))
    array = value.array.transpose(own) if own else value.array
    named = [value.size(axis) if axis in value.axes else 1 for axis in axes]
    return Value(axes, array.reshape((*named, *(value.shape or (1,) * rank))))


def _sliced(value: Value, axis: str, low: int, high: int, first: int = 1) -> Value:
    """The part low … high of an axis whose elements are numbered from `first`."""
    position, size = value.axes.index(axis), value.size(axis)
    if low < first or high > first + size - 1 or high < low:
        raise MisfitError(f"{axis} = {low} … {high}, but there are {first} … {first + size - 1}")
    where = (slice(None),) * position + (slice(low - first, high - first + 1),)
    return Value(value.axes, value.array[where])


# ---- one rule for each operation -------------------------------------------------------------------------------


def _number(world: World, node: Node, env: Env) -> Value:
    return Value((), world.numbers.number(node.args[0]))


def _name(world: World, node: Node, env: Env) -> Value:
    name = node.args[0]
    if name in ("m", "L", "l") and (name, None) not in world.primitives:
        return Value((), world.numbers.number(world.place(Place(name, 0), env)))
    return world.look_up(name, None, env)


def _layer(world: World, node: Node, env: Env) -> Value:
    return world.look_up(node.args[0], world.place(node.args[1], env), env)


def _pick(world: World, node: Node, env: Env) -> Value:
    body, indices = node.args
    value = world.value(body, env)
    if value.rank != len(indices):
        raise MisfitError(
            f"{body} is {_said(value)}, [{','.join(map(str, indices))}] has {len(indices)} of its indices"
        )
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
                count = len(array.shape) - 1  # the diagonal stands last: it moves to where the index was
                order = [*range(own), count, *range(own, count)]
                value = Value(value.axes, array.transpose(order))
            else:
                value = Value((*value.axes, index), value.array)
            continue
        number = world.place(Place(index, 0), env) if isinstance(index, str) else index
        if not 1 <= number <= value.shape[0]:
            raise MisfitError(f"there is no component {number} in {body}, which is {_said(value)}")
        value = Value(value.axes, value.array[(*(slice(None),) * position, number - 1, ...)])
    return value


def _call(world: World, node: Node, env: Env) -> Value:
    name, order, argument = node.args
    value = world.value(argument, env)
    if order == 0 and name == "T":
        if value.rank != 2:
            raise MisfitError(f"{argument} is {_said(value)} and has no transpose")
        n = len(value.axes)
        return Value(value.axes, value.array.transpose((*range(n), n + 1, n)))
    if order == 0 and name == "norm2":
        if value.rank != 1:
            raise MisfitError(f"norm2 is of vectors, {argument} is {_said(value)}")
        return Value(value.axes, world.numbers.total(value.array * value.array, len(value.axes)))
    if order == 0 and name in ("exp", "log", "abs"):
        return Value(value.axes, world.numbers.function(name, value.array))
    for head, body in world.definitions.items():
        if head.name == name and head.parameter:
            if world.opaque:
                return world.numbers.any_slope(name, order, value)  # type: ignore[attr-defined]
            if order:
                return world.numbers.slope(world, head, body, value)
            return world.value(body, Env(bound=(((head.parameter, None), value),)))
    raise MisfitError(f"there is no function {name}")


def _sum(world: World, node: Node, env: Env) -> Value:
    index, low, high, body = node.args
    limits = (world.place(low, env), world.place(high, env)) if low is not None else None
    if index == "s":
        inner = env._replace(samples=limits or env.samples)
        value = world.value(body, inner)
        count = inner.samples[1] - inner.samples[0] + 1
        if "s" not in value.axes:
            if count < 1:
                raise MisfitError(f"s = {inner.samples[0]} … {inner.samples[1]} is no range")
            return value if node.op == "mean" else Value(value.axes, value.array * world.numbers.number(count))
    else:
        value = world.value(body, env)
        if index not in value.axes:
            raise MisfitError(f"nothing in {body} has the index {index}")
        if limits:
            value = _sliced(value, index, *limits)
    position, count = value.axes.index(index), value.size(index)
    array = world.numbers.total(value.array, position)
    if node.op == "mean":
        array = array / world.numbers.number(count)
    return Value(tuple(axis for axis in value.axes if axis != index), array)


def _d(world: World, node: Node, env: Env) -> Value:
    body, variable = node.args
    if variable.op == "pick":
        return _pick(world, Node("pick", (Node("d", (body, variable.args[0])), variable.args[1])), env)
    if variable.op == "call":
        return _call(world, Node("call", ("T", 0, Node("d", (body, variable.args[2])))), env)
    name = world.variable(variable, env)
    return world.numbers.derivative(world, env, body, name, world.value(variable, env))


def _at(world: World, node: Node, env: Env) -> Value:
    body, variable, value = node.args
    if variable.op in ("pick", "call"):
        raise MisfitError(f"at( … , {variable} = … ): give a whole variable")
    bound = (*env.bound, (world.variable(variable, env), world.value(value, env)))
    return world.value(body, env._replace(bound=bound))


def _neg(world: World, node: Node, env: Env) -> Value:
    value = world.value(node.args[0], env)
    return Value(value.axes, -value.array)


def _power(world: World, node: Node, env: Env) -> Value:
    value = world.value(node.args[0], env)
    array = value.array
    for _ in range(node.args[1] - 1):
        array = array * value.array
    return Value(value.axes, array)


def _product(world: World, node: Node, env: Env) -> Value:
    """Matrix times vector, matrix times matrix, or vector · vector."""
    left, right = (world.value(arg, env) for arg in node.args)
    if not left.rank or not right.rank or left.shape[-1] != right.shape[0]:
        raise MisfitError(f"{node.args[0]} is {_said(left)}, {node.args[1]} is {_said(right)}: they have no product")
    axes = left.axes + tuple(axis for axis in right.axes if axis not in left.axes)
    rows, columns = left.shape[:-1], right.shape[1:]
    one, other = _spread(left, axes, left.rank).array, _spread(right, axes, right.rank).array
    named = len(axes)
    one = one.reshape((*one.shape[:named], *rows, left.shape[-1], *(1 for _ in columns)))
    other = other.reshape((*other.shape[:named], *(1 for _ in rows), right.shape[0], *columns))
    return Value(axes, world.numbers.total(one * other, named + len(rows)))


def _arithmetic(apply: Callable[[Any, Any], Any]) -> Callable[[World, Node, Env], Value]:
    def rule(world: World, node: Node, env: Env) -> Value:
        left, right = (world.value(arg, env) for arg in node.args)
        left, right = aligned(left, right, world.numbers)
        return Value(left.axes, apply(left.array, right.array))

    return rule


RULES: dict[str, Callable[[World, Node, Env], Value]] = {
    "number": _number,
    "name": _name,
    "layer": _layer,
    "pick": _pick,
    "call": _call,
    "sum": _sum,
    "mean": _sum,
    "d": _d,
    "at": _at,
    "neg": _neg,
    "^": _power,
    "@": _product,
    "+": _arithmetic(lambda a, b: a + b),
    "-": _arithmetic(lambda a, b: a - b),
    "*": _arithmetic(lambda a, b: a * b),
    "/": _arithmetic(lambda a, b: a / b),
}
